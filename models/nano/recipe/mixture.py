"""What the model sees: a row of tokens is a pure function of (seed, step, row), so a resumed run repeats nothing.

A row holds samples of one family (text, copy, drills, reading, pairs, lists) drawn by the phase's shares.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer

from . import layouts
from .copying import Sample, Words, copy_sample
from .drills import drill
from .layouts import Item
from .library import Library, read_pairs
from .lists import task_list
from .questions import MAKERS, make

QUIZ = {  # kinds asked one after the other about one passage, and their shares
    "mentioned": 5.0, "blank": 4.0, "copied": 2.0, "listing": 2.0, "how_many": 1.5, "altered": 1.5, "choice": 1.0,
    "stands_for": 1.0, "topic": 1.0, "beside": 1.0, "what_is": 0.5,
}  # fmt: skip
FORMS = (
    ("", "\n", "\n\n"),
    ("Q: ", "\nA: ", "\n"),
    ("Question: ", "\nAnswer: ", "\n\n"),
    ("### Instruction:\n", "\n\n### Response:\n", "\n\n"),
    ("Instruction:\n", "\n\nResponse:\n", "\n\n"),
)
PROMPT, ANSWER = 0.6, 4.0  # loss weights of a task's prompt and of its answer


@dataclass(frozen=True)
class Phase:
    """A stretch of training: it lasts until ``tokens`` in all; ``shares`` are those of the families."""

    tokens: int
    length: int  # tokens a row
    shares: Mapping[str, float]
    batch: int = 8192  # tokens a step, of all processes


class Mixture:
    """Rows of token ids and weights."""

    def __init__(self, library: Library, pairs: list[dict[str, Any]], tokenizer: Tokenizer, seed: int) -> None:
        self.library, self.pairs, self.seed = library, pairs, seed
        self.words = Words(tokenizer, library.text)
        self.makers: dict[str, Callable[[random.Random, int], Sample]] = {
            "text": self._text,
            "copy": lambda rng, room: copy_sample(self.words, rng, room),
            "drills": lambda rng, room: drill(self.words, rng, room),
            "reading": self._reading,
            "pairs": self._pair,
            "lists": self._list,
        }

    @classmethod
    def load(cls, out: Path, tokenizer: Tokenizer, seed: int) -> Mixture:
        """From the prepared files of an output folder."""
        return cls(Library.load(out), read_pairs(out), tokenizer, seed)

    def row(self, phase: Phase, step: int, index: int) -> tuple[list[int], list[float]]:
        """Exactly ``phase.length + 1`` ids and weights."""
        rng = random.Random(f"{self.seed}:{step}:{index}")
        family = rng.choices(list(phase.shares), list(phase.shares.values()))[0]
        row = Sample([], [])
        need = phase.length + 1
        while len(row.ids) < need:
            sample = self.makers[family](rng, need - len(row.ids))
            row.ids += sample.ids
            row.weights += sample.weights
            if need - len(row.ids) < 24:
                sample = self._text(rng, 0)
                row.extend(sample.ids, 1.0)
        return row.ids[:need], row.weights[:need]

    def batch(self, phase: Phase, step: int, part: int = 0, parts: int = 1) -> list[tuple[list[int], list[float]]]:
        """The rows of one step, or one of ``parts`` equal parts of them."""
        rows = max(1, phase.batch // phase.length // parts)
        return [self.row(phase, step, i) for i in range(part * rows, (part + 1) * rows)]

    def _text(self, rng: random.Random, room: int) -> Sample:
        doc = self.library.doc(rng)
        rows = doc.text.split("\n")
        start = rng.choice((0, rng.randrange(len(rows))))
        parts = ([doc.title] if start == 0 and doc.title else []) + rows[start : start + 12]
        if doc.conclusion:
            parts.append(doc.conclusion)
        return Sample([], []).extend(self.words.encode("\n".join(parts)[:6000]), 1.0).end()

    def _told(self, prompt: str, response: str) -> Sample:
        sample = Sample([], []).extend(self.words.encode(prompt), PROMPT)
        return sample.extend(self.words.encode(response), ANSWER)

    def _reading(self, rng: random.Random, room: int) -> Sample:
        draw = rng.random()
        if draw < 0.65:
            return self._few(rng, room) if draw < 0.15 else self._quiz(rng, room)
        longest = rng.choice((45, min(110, max(30, room // 3))))
        for _ in range(6):
            item = make(self.library.passage(rng, longest=longest), rng)
            if item is not None:
                return self._told(*layouts.render(self._padded(item, rng), rng)).extend([0], ANSWER)
        return self._text(rng, room)

    def _padded(self, item: Item, rng: random.Random) -> Item:
        """Sometimes the passage slot holds a text that does not matter: retrieval errs."""
        if item.passage or not item.input or rng.random() > 0.3:
            return item
        other = self.library.passage(rng, longest=60).text
        return Item(item.kind, item.domain, item.instruction, item.input, item.response, other)

    def _few(self, rng: random.Random, room: int) -> Sample:
        """Two to four items of one kind in one layout, a blank line between."""
        kinds = list(MAKERS)
        kind = rng.choices(kinds, [MAKERS[k][0] for k in kinds])[0]
        domain = rng.choice(("biomedical", "finance", "sports", "general"))
        shape: layouts.Layout | None = None
        sample = Sample([], [])
        for _ in range(rng.randint(2, 4)):
            item = make(self.library.passage(rng, domain, 45), rng, kind)
            if item is None:
                continue
            shape = shape or (layouts.bare if rng.random() < 0.6 else layouts.choose(item, rng))
            gap = self.words.encode("\n\n") if sample.ids else []
            told = self._told(shape(item), item.response)
            sample.extend(gap, 1.0)
            sample.ids += told.ids
            sample.weights += told.weights
        return sample.extend([0], ANSWER) if sample.ids else self._text(rng, room)

    def _quiz(self, rng: random.Random, room: int) -> Sample:
        """One passage and several questions about it: many answers for few tokens."""
        passage = self.library.passage(rng, longest=rng.choice((40, 60, 90)))
        ask, answer, gap = rng.choice(FORMS)
        sample = Sample([], []).extend(self.words.encode(passage.text + "\n\n"), 0.8)
        for _ in range(rng.randint(4, 9)):
            item = make(passage, rng, rng.choices(list(QUIZ), list(QUIZ.values()))[0])
            if item is None or passage.text not in (item.passage, item.input):
                continue
            about = f"\n{item.input}" if item.passage else ""
            sample.extend(self.words.encode(ask + item.instruction + about + answer), 0.3)
            sample.extend(self.words.encode(item.response), ANSWER).extend(self.words.encode(gap), 1.0)
        return sample.end()

    def _pair(self, rng: random.Random, room: int) -> Sample:
        for _ in range(6):
            pair = rng.choice(self.pairs)
            if len(pair["instruction"]) + len(pair["input"]) < max(200, room * 3):
                break
        instruction, given = pair["instruction"], pair["input"]
        if rng.random() < 0.3:
            instruction, given = f"{instruction}\n{given}".strip(), ""
        item = Item("pair", "general", instruction, given, pair["response"])
        return self._told(*layouts.render(item, rng)).extend([0], ANSWER)

    def _list(self, rng: random.Random, room: int) -> Sample:
        head, items = task_list(self.library, self.pairs, rng, rng.choice((20, 12, 6, 4)))
        return Sample([], []).extend(self.words.encode(head), 0.3).extend(self.words.encode(items), 1.0).end()
