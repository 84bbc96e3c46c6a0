"""Base and specialised answers side by side (the paper's Tables 6 to 9)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from selfspec.html.facts import Facts, inputs_of, string
from selfspec.html.text import counted, esc, fold, prose, section
from selfspec.jsonl import Record
from selfspec.metrics import token_f1

SHOWN = 4
"""Items shown of each task."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two systems' answers to one item, with their F1."""

    item: str
    references: Sequence[str]
    base: str
    other: str
    base_f1: float
    other_f1: float

    @property
    def differs(self) -> bool:
        """Whether the answers are not the same words."""
        return self.base.split() != self.other.split()


def answers(facts: Facts) -> str:
    """A few items of each task, those first whose answers differ."""
    best = facts.headline
    if best is None:
        return ""
    titles = f"{esc(best.against)} and {esc(best.system)}, {best.shots}-shot"
    note = (
        f'<p class="note">{titles}. Of each task: the item with the largest gain, the one with the largest loss, then '
        "the others in their order, those whose answers differ before those that agree.</p>"
    )
    parts = [_task(facts, task, title, i == 0) for i, (task, title) in enumerate(facts.tasks.items())]
    return section("answers", "Answers side by side", note, *parts) if any(parts) else ""


def _task(facts: Facts, task: str, title: str, is_open: bool) -> str:
    pairs = pairs_of(facts, task)
    if not pairs or facts.headline is None:
        return ""
    differ = [p for p in pairs if p.differs]
    better, worse = (sum(sign * (p.other_f1 - p.base_f1) > 1e-9 for p in pairs) for sign in (1, -1))
    summary = (
        f'<b>{esc(title)}</b> <span class="note">{len(differ)} of {counted(len(pairs), "answer")} differ; '
        f"{better} better, {worse} worse by F1</span>"
    )
    chosen = choose(pairs, SHOWN)
    inputs = inputs_of(facts, task, {p.item for p in chosen})
    names = facts.headline.against, facts.headline.system
    return fold(summary, "".join(_item(p, names, inputs.get(p.item, "")) for p in chosen), is_open)


def pairs_of(facts: Facts, task: str) -> list[Pair]:
    """The headline's two systems on a task, item by item."""
    best = facts.headline
    if best is None:
        return []
    base, other = (facts.predictions(name, task, best.shots) for name in (best.against, best.system))
    return [_pair(item, base[item], other[item]) for item in base if item in other]


def _pair(item: str, base: Record, other: Record) -> Pair:
    found = base.get("references")
    references = [str(r) for r in found] if isinstance(found, list) else []
    texts = string(base, "prediction"), string(other, "prediction")
    scores = [max((token_f1(t, r) for r in references), default=0.0) for t in texts]
    return Pair(item, references, texts[0], texts[1], scores[0], scores[1])


def choose(pairs: Sequence[Pair], most: int) -> list[Pair]:
    """The largest gain and the largest loss, then differing items, then the others, in their order."""
    ranked = sorted((p for p in pairs if p.differs), key=lambda p: p.base_f1 - p.other_f1)
    ends = [p for p in ranked[:1] if p.other_f1 > p.base_f1] + [p for p in ranked[-1:] if p.other_f1 < p.base_f1]
    rest = sorted((p for p in pairs if p not in ends), key=lambda p: not p.differs)
    return [*ends, *rest][:most]


def _item(pair: Pair, names: tuple[str, str], given: str) -> str:
    right = "\n".join(dict.fromkeys(pair.references))
    columns = (
        ("reference", prose(right, 500)),
        (f"{esc(names[0])} {_score(pair.base_f1)}", prose(pair.base, 500)),
        (f"{esc(names[1])} {_score(pair.other_f1)}", prose(pair.other, 500)),
    )
    cells = "".join(f"<div><h4>{name}</h4>{body}</div>" for name, body in columns)
    shown = prose(given, 500, "text given") if given else ""
    return (
        f'<article class="item"><p class="id">{esc(pair.item)}</p>{shown}<div class="columns">{cells}</div></article>'
    )


def _score(value: float) -> str:
    css = "right" if value >= 0.995 else "wrong" if value < 0.005 else "part"
    return f'<span class="score {css}">F1 {100 * value:.0f}</span>'
