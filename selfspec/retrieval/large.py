"""The index of corpora beyond memory: tantivy, whose segments take additions without a rebuild.

tantivy's BM25 is the formula's times k1 + 1, but it rounds a passage's length down to one of 256 numbers, so that its
score is never below the formula's. It proposes passages by a query's rarer words (:func:`~.formula.prune`); they are
scored with all its words, and more are asked for until none that is left out can score much above those found.

>>> TantivyIndex.add(folder, [Passage(id="new", text="..")])        # seen by whoever opens it next  # doctest: +SKIP
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selfspec.errors import ConfigError, ResourceError
from selfspec.retrieval.formula import K1, ROUNDING, B, Formula, Terms, prune
from selfspec.retrieval.store import Store, count, write
from selfspec.types import Passage

CANDIDATES = 200
"""Passages that are looked at first."""
HEAP = 256_000_000
"""Bytes of memory that the writer fills before it writes a segment."""
WORDS, NUMBER = "words", "number"
SEALED = "sealed"
"""The file that says that a folder's passages stay as they are."""


class TantivyIndex:
    """tantivy over the passages of a :class:`Store` in the same folder; :meth:`build` makes it."""

    def __init__(self, folder: Path, share: float) -> None:
        """Open what is committed; a query may leave out words that hold ``share`` of its highest possible score."""
        index = _tantivy().Index.open(str(folder / "tantivy"))
        self._schema, self._searcher, self._share = index.schema, index.searcher(), share
        self.store = Store(folder, self._searcher.num_docs)
        self.formula = Formula(len(self.store), self.store.words())

    @staticmethod
    def check(k1: float, b: float) -> None:
        """Raise :class:`ConfigError` without tantivy, or for parameters that it does not have."""
        _tantivy()
        if (k1, b) != (K1, B):
            raise ConfigError(
                f"settings 'retrieval.k1' and 'retrieval.b' are {k1} and {b}: tantivy has {K1} and {B} only. "
                "Use these, or --set retrieval.backend=bm25s."
            )

    @staticmethod
    def build(folder: Path) -> None:
        """Index the passages of the folder's store."""
        with _writer(folder) as (writer, done):
            _index(writer, Store(folder), done)

    @staticmethod
    def add(folder: Path, passages: Iterable[Passage]) -> None:
        """Append passages to a folder's store and index: all of them or, killed, none; a new folder is made.

        Raises :class:`ResourceError` while another process adds, and :class:`ConfigError` for a folder of the cache.
        """
        if (folder / SEALED).exists():
            raise ConfigError(f"{folder}: the index of one corpus, named by its content. Choose a folder of your own.")
        with _writer(folder) as (writer, done):
            write(folder, passages, done)
            _index(writer, Store(folder), done)

    def frequency(self, word: str) -> int:
        """In how many passages the word is."""
        return int(self._searcher.doc_freq(WORDS, word))

    def candidates(self, terms: Terms, k: int) -> Iterator[tuple[Sequence[int], float]]:
        """Yield more and more passages, each time with the most that a passage not among them can score."""
        kept, most = prune(terms, self._share)
        query = self._query(kept)
        limit = max(CANDIDATES, 4 * k)
        while True:
            hits = self._searcher.search(query, limit, count=False).hits
            numbers = self._searcher.fast_field_values(NUMBER, [address for _, address in hits])
            if len(hits) < limit:
                yield numbers, most or -math.inf
                return
            yield numbers, hits[-1][0] / (K1 + 1) * (1 + ROUNDING) + most
            limit *= 4

    def _query(self, terms: Terms) -> Any:
        t = _tantivy()
        clauses = []
        for word, term in terms.items():
            clause = t.Query.term_query(self._schema, WORDS, word, "freq")
            clauses.append((t.Occur.Should, t.Query.boost_query(clause, term.times) if term.times > 1 else clause))
        return t.Query.boolean_query(clauses)


@contextmanager
def _writer(folder: Path) -> Iterator[tuple[Any, int]]:
    """Hold the index's writer; yield it with the number of passages that are committed, and commit at the end."""
    t = _tantivy()
    (folder / "tantivy").mkdir(parents=True, exist_ok=True)
    form = t.SchemaBuilder()
    form.add_text_field(WORDS, tokenizer_name="whitespace", index_option="freq")
    form.add_integer_field(NUMBER, fast=True)
    index = t.Index(form.build(), str(folder / "tantivy"))
    try:
        writer = index.writer(HEAP, 1)  # one thread: passages stay in order
    except ValueError:
        raise ResourceError(f"{folder}: another process is adding passages. Wait for it to end.") from None
    yield writer, index.searcher().num_docs
    writer.commit()
    writer.wait_merging_threads()


def _index(writer: Any, store: Store, first: int) -> None:
    document = _tantivy().Document
    for number, words in enumerate(count(store, first), first):
        writer.add_document(document(**{WORDS: " ".join(words), NUMBER: number}))


def _tantivy() -> Any:
    try:
        import tantivy
    except ImportError:
        raise ConfigError("a corpus of this size needs tantivy. Install it: pip install 'selfspec[scale]'.") from None
    return tantivy
