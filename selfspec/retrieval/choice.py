"""Index passages: which library does it goes by their number, and the index is kept in the cache by its content.

| passages | index | built and kept |
|---|---|---|
| to ``SMALL_MOST`` | rank-bm25 | in memory |
| to ``MEDIUM_MOST`` | bm25s | ``CACHE/bm25/HASH/``: the passages and ``bm25s/`` |
| above | tantivy | ``CACHE/bm25/HASH/``: the passages and ``tantivy/`` |

The passages are read once. Only those of a small corpus are all in memory. An index that is to grow lies in a folder
of its own: ``TantivyIndex.add(folder, passages)`` makes it and adds to it, ``opened(folder)`` searches it.
"""

from __future__ import annotations

import hashlib
import itertools
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from selfspec.retrieval.formula import K1, PRUNE, B, words_of
from selfspec.retrieval.large import SEALED, TantivyIndex
from selfspec.retrieval.medium import BM25SIndex
from selfspec.retrieval.retriever import BM25Retriever, check_prune
from selfspec.retrieval.small import RankBM25Index
from selfspec.retrieval.store import Store, write
from selfspec.settings import RetrievalSettings
from selfspec.types import DataContext, Passage

Backend = Literal["auto", "rank-bm25", "bm25s", "tantivy"]
SMALL_MOST = 1_000
MEDIUM_MOST = 500_000
"""bm25s takes about 2.6 GB of memory to index as many, 5 GB for a million (docs/performance.md)."""
LAYOUT = 1
"""Raised whenever the files of an index change their meaning."""


def bm25_retriever(
    passages: Iterable[Passage], context: DataContext, settings: RetrievalSettings | None = None, digest: str = ""
) -> BM25Retriever | None:
    """The engine's retriever for a domain; ``None`` when there is nothing to search. See :func:`indexed`."""
    s = settings or RetrievalSettings()
    found = indexed(passages, s.k1, s.b, cache=context.cache, backend=s.backend, prune=s.prune, digest=digest)
    return found if len(found.passages) else None


def indexed(
    passages: Iterable[Passage],
    k1: float = K1,
    b: float = B,
    *,
    cache: Path | None = None,
    backend: Backend = "auto",
    prune: float = PRUNE,
    digest: str = "",
) -> BM25Retriever:
    """Index the passages, or open their index if ``cache`` has it; without a cache it goes with the retriever.

    ``digest`` stands for their content: with it a cached index is found without reading them. Raises
    :class:`~selfspec.errors.ConfigError` when the index is to be tantivy and that is not installed or has not these
    parameters.
    """
    check_prune(prune)
    if backend == "tantivy":
        TantivyIndex.check(k1, b)
    builder = _Builder(backend, k1, b)
    temporary = None if cache else tempfile.TemporaryDirectory()
    root = (cache or Path(temporary.name if temporary else "")) / "bm25"
    folder = root / builder.key(f"files {digest}") if digest else None
    if folder is None or not folder.exists():
        stream = iter(passages)
        first = list(itertools.islice(stream, SMALL_MOST + 1))
        if backend == "rank-bm25" or (backend == "auto" and len(first) <= SMALL_MOST):
            first += stream
            return BM25Retriever(first, RankBM25Index(first, k1, b) if any(map(words_of, first)) else None, prune)
        folder = builder.build(root, itertools.chain(first, stream), folder)
    return opened(folder, k1, b, prune=prune, keep=temporary)


def opened(folder: Path, k1: float = K1, b: float = B, *, prune: float = PRUNE, keep: object = None) -> BM25Retriever:
    """Search the index in a folder that :func:`indexed`, with this ``k1`` and ``b``, or ``TantivyIndex.add`` made."""
    if (folder / "tantivy").exists():
        large = TantivyIndex(folder, prune)
        return BM25Retriever(large.store, large if large.store.words() else None, prune, keep)
    store = Store(folder)
    medium = BM25SIndex(folder / "bm25s", store, k1, b) if store.words() else None
    return BM25Retriever(store, medium, prune, keep)


@dataclass(frozen=True, slots=True)
class _Builder:
    """Builds an index on disk, named by everything that can change what it answers."""

    backend: Backend
    k1: float
    b: float

    def key(self, content: str) -> str:
        """The name of the index of some content."""
        what = (LAYOUT, _version("bm25s"), _version("tantivy"), self.backend, self.k1, self.b, content)
        return hashlib.sha256(repr(what).encode()).hexdigest()[:32]

    def build(self, root: Path, passages: Iterable[Passage], folder: Path | None) -> Path:
        """Write passages and index beside their final name and rename them, so that a killed write is never read.

        Without a ``folder`` its name comes from the passages.
        """
        root.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=root, suffix=".part"))
        try:
            content = hashlib.sha256()
            size = write(temporary, self._noted(passages, content))
            folder = folder or root / self.key(f"passages {content.hexdigest()}")
            if not folder.exists():
                self._index(temporary, size)
                (temporary / SEALED).touch()
                temporary.replace(folder)
        except OSError:
            if folder is None or not folder.exists():  # else another process was faster with the same index
                raise
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
        return folder

    def _noted(self, passages: Iterable[Passage], content: hashlib._Hash) -> Iterator[Passage]:
        """Hash the passages that go by, and say at once when there are too many for what is installed."""
        for number, passage in enumerate(passages):
            if number == MEDIUM_MOST and self.backend == "auto":
                TantivyIndex.check(self.k1, self.b)
            content.update(f"{passage.id}\0{passage.title}\0{passage.text}\0".encode(errors="surrogatepass"))
            yield passage

    def _index(self, folder: Path, size: int) -> None:
        if self.backend == "tantivy" or (self.backend == "auto" and size > MEDIUM_MOST):
            TantivyIndex.build(folder)
        else:
            BM25SIndex.build(folder / "bm25s", Store(folder), self.k1, self.b)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""
