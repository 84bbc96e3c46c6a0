"""BM25 retrieval, and p_ret, the weights of the passages in Eq. 2.

One formula (:mod:`.formula`) and three indexes that look for its best passages, chosen by the size of the corpus:
rank-bm25 (:mod:`.small`), bm25s (:mod:`.medium`) and tantivy (:mod:`.large`). An index proposes passages; their scores
are computed from their texts by the formula itself, so they are the same whichever index is used.

>>> indexed([Passage(id="a", text="red fox"), Passage(id="b", text="cow")]).search("Fox!", 5)
[(Passage(id='a', text='red fox', title=''), 0.27...)]
"""

from __future__ import annotations

from selfspec.retrieval.choice import bm25_retriever, indexed, opened
from selfspec.retrieval.formula import K1, PRUNE, B, Formula, tokenize
from selfspec.retrieval.large import TantivyIndex
from selfspec.retrieval.retriever import BM25Retriever
from selfspec.retrieval.weights import Weighting, effective_number, weigh

__all__ = [
    "K1",
    "PRUNE",
    "B",
    "BM25Retriever",
    "Formula",
    "TantivyIndex",
    "Weighting",
    "bm25_retriever",
    "effective_number",
    "indexed",
    "opened",
    "tokenize",
    "weigh",
]
