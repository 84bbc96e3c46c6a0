"""The frozen dataclasses that cross the plug-in border (standard library only).

A domain author builds these; the engine reads them. Every class checks itself when it is
made, so a wrong value fails where it is written:

>>> Seed(id="law-001", task="bar_exam", instruction="", input="", output="Yes")
Traceback (most recent call last):
...
selfspec.errors.DataError: seed 'law-001': field 'instruction' is empty. Write the task in words.
"""

from __future__ import annotations

import re
import string
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, runtime_checkable

from selfspec.errors import DataError, PluginError

NAME = re.compile(r"[a-z][a-z0-9_]*")
"""What a domain, task or metric may be called: a lower-case Python identifier."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainCard:
    """Who a domain is. Reading it costs no I/O beyond the package's own files."""

    name: str
    """Equal to the entry-point name."""
    title: str
    """For tables and headings: ``Biomedicine``."""
    summary: str
    """One sentence."""
    expertise: str
    """Fills ``{domain}`` in the prompts: ``biomedical`` gives "a biomedical domain expert"."""
    data_licenses: tuple[str, ...] = ()
    """One line for each data set that the tasks read: ``BioASQ: CC BY 2.5``."""
    homepage: str = ""
    retrieval: bool = True
    """Whether responses use the corpus unless the user says otherwise."""

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise PluginError(f"card: name {self.name!r} is no lower-case identifier. Example: 'law'.")
        for name in ("title", "summary", "expertise"):
            if not getattr(self, name).strip():
                raise PluginError(f"card of {self.name!r}: {name!r} is empty. Fill it in.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """A hand-written example: the triplet (instruction, input, output)."""

    id: str
    instruction: str
    output: str
    input: str = ""
    task: str = ""
    """The benchmark task it exemplifies, or a kind of its own."""

    def __post_init__(self) -> None:
        if not self.instruction.strip():
            raise DataError(f"seed {self.id!r}: field 'instruction' is empty. Write the task in words.")
        if not self.output.strip():
            raise DataError(f"seed {self.id!r}: field 'output' is empty. Write the right response.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """A piece of the corpus that a retriever can return."""

    id: str
    text: str
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One item of a benchmark task."""

    id: str
    input: str
    references: tuple[str, ...]
    """Right answers in the asked format, the canonical one first; scores take the best."""
    meta: Mapping[str, object] = field(default_factory=lambda: MappingProxyType({}))
    """What a metric needs beyond the references, e.g. ``{"aliases": [["a", "A1"], ["b"]]}``."""

    def __post_init__(self) -> None:
        if not self.references or not all(r.strip() for r in self.references):
            raise DataError(f"example {self.id!r}: 'references' is empty. Give at least one answer.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A record that a reader saw and left out, and why; counted, printed and stored."""

    where: str
    """``file:line`` or ``file#record``."""
    reason: str
    """A short class of reasons: ``no exact answer``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFormat:
    """What an answer must look like; *in the asked format* is scored apart from *right*.

    ``kind`` is one of

    - ``text``: any non-empty text
    - ``label``: exactly one of ``labels``
    - ``labels``: one or more of ``labels``, comma-separated, or ``None``; a label may hold commas itself
    - ``list``: comma-separated items
    - ``entities``: ``mention <Type>, mention <Type>``, the types among ``labels``, or ``None``
    - ``number``: one number, with or without sign, separators, ``$`` and ``%``
    """

    kind: str = "text"
    labels: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        kinds = ("text", "label", "labels", "list", "entities", "number")
        if self.kind not in kinds:
            raise PluginError(f"answer kind {self.kind!r} is unknown. Known: {', '.join(kinds)}.")
        if self.kind in ("label", "labels", "entities") and not self.labels:
            raise PluginError(f"answer kind {self.kind!r} needs 'labels'. List them.")


Reader = Callable[[Path, str], Iterable["Example | Skipped"]]
"""Reads one split of original distribution files: ``reader(data_root, split)``.

Raises :class:`~selfspec.errors.DataError` naming file, line and what was expected; leaves a
record out only by yielding :class:`Skipped`.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class HubData:
    """Where a task's items lie on the hub, for ``--data hub``; columns go by name, parts of one after a dot."""

    path: str
    """``owner/name``, or a local folder that ``datasets`` reads."""
    revision: str
    """The commit, 40 hex digits: a branch or tag may move."""
    splits: Mapping[str, str]
    """The hub's split by ours; a slice too: ``{"dev": "train[:500]", "test": "test"}``."""
    input: str
    """The input, with columns in braces: ``Context: {context.contexts}``; a list is joined by blanks."""
    references: str
    """The column of the answer; a list holds several right ones, a class is its name."""
    id: str = ""
    """The column of the items' ids; none: split and row."""
    name: str = ""
    """The configuration, where the data set has several."""
    labels: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Right answers by what the column holds; none: it holds the answers."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[0-9a-f]{40}", self.revision):
            raise PluginError(
                f"hub data {self.path!r}: revision {self.revision!r} is no commit. Write its 40 hex digits."
            )
        if not self.splits:
            raise PluginError(f"hub data {self.path!r}: 'splits' is empty. Write {{test: test}} or alike.")

    def __str__(self) -> str:
        return f"hub {self.path}@{self.revision[:12]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One benchmark. Every task is text generation (paper, section 4)."""

    name: str
    title: str
    instruction: str
    """What the model is asked, identical for every example."""
    answer: AnswerFormat = field(default_factory=AnswerFormat)
    metrics: tuple[str, ...] = ()
    """Names of metrics beside ``token_f1`` and ``rouge_l``, which every task has."""
    samples: tuple[Example, ...] = ()
    """The small original sample that ships in the package."""
    reader: Reader | None = None
    """Reads the original files below ``--data``; ``None``: only the samples exist."""
    splits: tuple[str, ...] = ("dev", "test")
    """The splits that ``reader`` knows."""
    hub: HubData | None = None
    """What ``--data hub`` reads in the place of original files."""
    max_answer_tokens: int = 48
    version: int = 1
    """Raised whenever a score would change its meaning; written with every score."""

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise PluginError(f"task name {self.name!r} is no lower-case identifier. Example: 'bar_exam'.")
        if not self.instruction.strip():
            raise PluginError(f"task {self.name!r}: 'instruction' is empty. Write what is asked.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A scorer of one prediction against one example, averaged over a task.

    ``score(prediction, example, answer)`` is in [0, 1]. A corpus-level metric (macro-F1, pooled
    entity F1) sets ``pool`` instead: ``pool(predictions, examples, answer)`` is in [0, 1].
    """

    name: str
    score: Callable[[str, Example, AnswerFormat], float] | None = None
    pool: Callable[[Sequence[str], Sequence[Example], AnswerFormat], float] | None = None
    title: str = ""

    def __post_init__(self) -> None:
        if (self.score is None) == (self.pool is None):
            raise PluginError(f"metric {self.name!r}: set exactly one of 'score' and 'pool'.")


_PLACEHOLDERS: Mapping[str, frozenset[str]] = {
    "instructions": frozenset({"domain", "count", "demonstrations"}),
    "demonstration": frozenset({"number", "instruction", "input"}),
    "response": frozenset({"domain", "instruction"}),
    "response_input": frozenset({"domain", "instruction", "input"}),
    "passage": frozenset({"passage"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompts:
    """The prompts of generation, as ``str.format`` templates; checked when made."""

    instructions: str
    """Asks the base for ``{count}`` tasks; ``{demonstrations}`` are the first list items."""
    demonstration: str
    """One list item: ``{number}``, ``{instruction}``, ``{input}``."""
    response: str
    """Asks for the response to ``{instruction}``; ``{passage}`` where a passage may stand."""
    response_input: str
    """The same with ``{input}``."""
    passage: str
    """How a retrieved ``{passage}`` is shown; absent when there is none."""

    def __post_init__(self) -> None:
        for name, needed in _PLACEHOLDERS.items():
            try:
                found = {f for _, f, _, _ in string.Formatter().parse(getattr(self, name)) if f}
            except ValueError as problem:
                raise PluginError(f"prompt {name!r}: {problem}. Write literal braces as {{{{ and }}}}.") from None
            if missing := sorted(needed - found):
                raise PluginError(f"prompt {name!r} lacks the placeholder {{{missing[0]}}}. Add it.")
            if unknown := sorted(found - needed - {"passage"}):
                raise PluginError(
                    f"prompt {name!r} has the unknown placeholder {{{unknown[0]}}}. Known: {', '.join(sorted(needed))}."
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class DataContext:
    """The one door to the outside that a hook gets; new fields may be added."""

    package: Path
    """The folder of the domain's package."""
    cache: Path
    """The only folder a plug-in may write to."""
    corpus: tuple[Path, ...] = ()
    """What the user gave as ``--corpus``; empty: the packaged passages."""
    data: Path | None = None
    """What the user gave as ``--data``: the root of the original distribution files."""
    seed: int = 0


@runtime_checkable
class Retriever(Protocol):
    """Finds passages. ``selfspec.retrieval.BM25Retriever`` is the engine's."""

    def search(self, query: str, k: int) -> Sequence[tuple[Passage, float]]:
        """Return at most ``k`` (passage, score) pairs, best first, ties in a fixed order."""
        ...
