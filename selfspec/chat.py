"""Asking a base and its adapters: the state behind ``selfspec chat``.

All adapters lie around one base; an answer of several of them is one batch. With retrieval on, a
question to an adapter is answered over its domain's passages by Eq. 2, each passage as the input of the
template, and the passages' weights after the answer are what :class:`Answer` shows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from selfspec.decoding import Group, Mixture, Row, Sampling
from selfspec.domain import Domain
from selfspec.errors import ConfigError, did_you_mean
from selfspec.matrix.request import Member, members, router_of
from selfspec.mixing.bases import BaseId, check_base, check_modules, common_base
from selfspec.models import Base, load_base, surround
from selfspec.plugins import load_domain
from selfspec.progress import say
from selfspec.retrieval import weigh
from selfspec.routing import TextRouter
from selfspec.templates import Template, template
from selfspec.types import Passage, Retriever

BASE = "base"
"""What the model without an adapter is called."""
ROOM = 256
"""Most tokens of an answer, unless the context is smaller."""
PASSAGES, TEMPERATURE = 5, 5.0
"""As in stage 2."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one adapter, or the base, said."""

    adapter: str
    text: str
    passages: tuple[tuple[str, float], ...] = ()
    """Id and weight after the answer, the greatest first."""
    scores: Mapping[str, float] = field(default_factory=dict)
    """The router's cosines, where it chose."""


@dataclass(slots=True)
class Conversation:
    """Adapters around a base, and which of them is asked; there is no memory of earlier questions."""

    base: Base
    names: Mapping[str, str]
    """Name in the model by the user's name."""
    members: Sequence[Member]
    domains: Mapping[str, Domain] = field(default_factory=dict)
    """The domain to retrieve from, by adapter; empty: no retrieval."""
    router: TextRouter | None = None
    current: str = BASE
    tokens: int = ROOM
    _retrievers: dict[str, Retriever | None] = field(default_factory=dict)

    @property
    def known(self) -> list[str]:
        """Whom one can ask."""
        return [BASE, *self.names]

    def switch(self, name: str) -> None:
        """Ask this adapter from now on; the router is off then. Raises :class:`ConfigError`."""
        if name not in self.known:
            raise ConfigError(f"no adapter {name!r}.{did_you_mean(name, self.known)} Known: {', '.join(self.known)}.")
        self.current, self.router = name, None

    def ask(self, question: str) -> Answer:
        """Let the current adapter answer, or the one that the router chooses."""
        if self.router is None:
            return self.answers(question, [self.current])[0]
        route = self.router.route(question)
        answer = self.answers(question, [route.adapter or BASE])[0]
        return Answer(answer.adapter, answer.text, answer.passages, route.scores)

    def answers(self, question: str, names: Sequence[str] = ()) -> list[Answer]:
        """Let several answer in one batch; all of them by default."""
        from selfspec.decoding import decode

        wanted = list(names or self.known)
        found = {name: self._passages(name, question) for name in wanted}
        groups = [self._group(name, question, found[name]) for name in wanted]
        room = min(self.tokens, self.base.context // 2)
        sampling = Sampling(room, stop=self._form.stop)
        done = {c.key: c for c in decode(self.base.model, self.base.tokenizer, groups, Mixture(), sampling)}
        return [Answer(name, done[name].text.strip(), _ranked(found[name], done[name].posterior)) for name in wanted]

    def _group(self, name: str, question: str, found: Sequence[tuple[Passage, float]]) -> Group:
        adapter = self.names.get(name)
        if not found:
            return Group(name, (Row(self._fit(self._form.prompt(question)), adapter),))
        shown = [self.domains[name].prompts().passage.format(passage=passage.text) for passage, _ in found]
        rows = tuple(Row(self._fit(self._form.prompt(question, text)), adapter) for text in shown)
        return Group(name, rows, weigh([score for _, score in found], "softmax", TEMPERATURE))

    @property
    def _form(self) -> Template:
        return template(self.members[0].template if self.members else "alpaca")

    def _fit(self, prompt: str) -> tuple[int, ...]:
        """The prompt's tokens; what is too long loses its beginning."""
        room = self.base.context - min(self.tokens, self.base.context // 2)
        return self.base.encode(prompt)[-room:]

    def _passages(self, name: str, question: str) -> list[tuple[Passage, float]]:
        if name not in self.domains:
            return []
        if name not in self._retrievers:
            self._retrievers[name] = self.domains[name].retriever()
        retriever = self._retrievers[name]
        return list(retriever.search(question, PASSAGES)) if retriever else []


def begin(
    adapters: Sequence[str] = (),
    *,
    route: bool = False,
    retrieval: str = "off",
    max_tokens: int = 256,
    model: str = "",
    quantize: Literal["none", "nf4"] = "none",
) -> Conversation:
    """Load the base once with every adapter around it. Raises :class:`ConfigError` and :class:`ModelError`."""
    found = members(adapters)
    if any(member.name == BASE for member in found):
        raise ConfigError(f"an adapter is named {BASE!r}. Give it another name.")
    identity = common_base([m.adapter for m in found], model) if found else BaseId(model or "nano")
    router = router_of(found) if route else None
    domains = _domains(found) if retrieval == "on" else {}
    base = load_base(model or identity.model, quantize)
    check_base(base, identity)
    check_modules([member.adapter for member in found], base)
    around, names = surround(base, {member.name: member.folder for member in found})
    return Conversation(around, names, found, domains, router, found[0].name if found else BASE, max_tokens)


def _domains(found: Sequence[Member]) -> dict[str, Domain]:
    """The corpus of each adapter that was trained on one domain."""
    known: dict[str, Domain] = {}
    for member in found:
        if len(member.domains) == 1:
            known[member.name] = load_domain(member.domains[0])
        else:
            say(f"{member.name}: no single domain, so no passages")
    return known


def _ranked(found: Sequence[tuple[Passage, float]], posterior: Sequence[float]) -> tuple[tuple[str, float], ...]:
    pairs = [(passage.id, weight) for (passage, _), weight in zip(found, posterior, strict=False)]
    return tuple(sorted(pairs, key=lambda pair: -pair[1]))
