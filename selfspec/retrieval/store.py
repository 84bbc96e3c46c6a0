"""Passages in a file, for corpora that need not fit into memory.

``passages.jsonl`` has one a line, ``ends`` the byte where each line ends and ``words`` the number of words up to each
passage, as 64-bit integers. All three only grow, so that readers go on while passages are added::

    {"id": "abstracts.tar/17.txt:0", "title": "", "text": "Aspirin is .."}
"""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import overload

import numpy as np
from numpy.typing import NDArray

from selfspec import jsonl
from selfspec.retrieval.formula import words_of
from selfspec.types import Passage

BLOCK = 10_000
"""Passages that are written, or read to be indexed, at once."""


class Store(Sequence[Passage]):
    """The first ``size`` passages of a folder, by number."""

    def __init__(self, folder: Path, size: int | None = None) -> None:
        """Open a folder that :func:`write` has filled; ``size``: all of it."""
        self.folder = folder
        self.ends = _mapped(folder / "ends")
        self.size = len(self.ends) if size is None else size
        self._file = (folder / "passages.jsonl").open("rb")

    def __len__(self) -> int:
        return self.size

    @overload
    def __getitem__(self, number: int) -> Passage: ...
    @overload
    def __getitem__(self, number: slice) -> list[Passage]: ...
    def __getitem__(self, number: int | slice) -> Passage | list[Passage]:
        if isinstance(number, slice):
            return [self[n] for n in range(*number.indices(self.size))]
        if not 0 <= number < self.size:
            raise IndexError(number)
        start = int(self.ends[number - 1]) if number else 0
        return _passage(os.pread(self._file.fileno(), int(self.ends[number]) - start, start))

    def __iter__(self) -> Iterator[Passage]:
        return self.since(0)

    def since(self, first: int) -> Iterator[Passage]:
        """Read the passages from number ``first`` on, in order."""
        with (self.folder / "passages.jsonl").open("rb") as file:
            file.seek(int(self.ends[first - 1]) if first else 0)
            yield from map(_passage, itertools.islice(file, self.size - first))

    def words(self) -> int:
        """The words of all passages together, once :func:`count` has gone through them."""
        return int(_mapped(self.folder / "words")[self.size - 1]) if self.size else 0


def write(folder: Path, passages: Iterable[Passage], first: int = 0) -> int:
    """Append passages from number ``first`` on, over whatever a killed write has left there; return their number."""
    _cut(folder, first)
    end = (folder / "passages.jsonl").stat().st_size
    total = first
    passages = iter(passages)
    with (folder / "passages.jsonl").open("ab") as file, (folder / "ends").open("ab") as index:
        while block := list(itertools.islice(passages, BLOCK)):
            lines = [jsonl.dumps({"id": p.id, "title": p.title, "text": p.text}).encode() for p in block]
            ends = end + np.cumsum([len(line) for line in lines], dtype=np.int64)
            file.writelines(lines)
            index.write(ends.tobytes())
            end, total = int(ends[-1]), total + len(block)
    return total


def count(store: Store, first: int = 0) -> Iterator[list[str]]:
    """Yield the words of each passage from number ``first`` on, and note how many they are."""
    total = Store(store.folder, first).words()
    with (store.folder / "words").open("ab") as file:
        file.truncate(first * 8)
        for passage in store.since(first):
            words = words_of(passage)
            total += len(words)
            file.write(total.to_bytes(8, "little", signed=True))
            yield words


def _mapped(file: Path) -> NDArray[np.int64]:
    """A file's numbers, mapped into memory; a plain array, as slicing a memmap costs microseconds."""
    return np.asarray(np.memmap(file, np.int64, "r")) if file.stat().st_size else np.zeros(0, np.int64)


def _cut(folder: Path, size: int) -> None:
    """Leave the first ``size`` passages, in files that are there."""
    for name in ("passages.jsonl", "ends", "words"):
        (folder / name).touch()
    end = int(np.fromfile(folder / "ends", np.int64, 1, offset=8 * (size - 1))[0]) if size else 0
    for name, length in (("passages.jsonl", end), ("ends", 8 * size), ("words", 8 * size)):
        os.truncate(folder / name, length)


def _passage(line: bytes) -> Passage:
    return Passage(**json.loads(line))
