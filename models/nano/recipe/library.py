"""The prepared text in memory, and how a passage is drawn from it.

``Library.load(out, held_out=False)``; ``library.passage(rng)`` draws by domain and source weight.
"""

from __future__ import annotations

import random
from collections import defaultdict
from pathlib import Path
from typing import Any

from .reading import Passage
from .sources import Doc
from .store import read_lines

DOMAINS = {"biomedical": 0.28, "finance": 0.20, "sports": 0.17, "general": 0.35}
SOURCES = {  # share within the domain
    "pubmed_abstracts": 3.0, "pubmed_articles": 2.5, "ohsumed": 4.0, "scientific_claims": 1.0,
    "earnings_calls": 2.5, "report_text": 0.4, "reuters": 4.5, "bbc_business": 1.5,
    "bbc_sport": 3.0, "nba_sentences": 3.0,
    "bbc_politics": 1.0, "bbc_tech": 1.0, "bbc_entertainment": 0.8, "brown": 3.0, "abc": 2.5, "webtext": 1.2,
    "state_union": 0.8, "inaugural": 0.3, "shakespeare": 0.6, "movie_reviews": 1.0, "wikitext": 1.5,
}  # fmt: skip
TOPICS = {
    "ohsumed": ("medicine", "health", "biomedical research"),
    "pubmed_abstracts": ("medicine", "clinical trial", "health"),
    "scientific_claims": ("biology", "science", "biomedical research"),
    "reuters": ("finance", "business", "economy", "markets"),
    "earnings_calls": ("company results", "business", "finance"),
    "report_text": ("accounting", "finance"),
    "bbc_business": ("business", "economy"),
    "bbc_sport": ("sport", "sports"),
    "nba_sentences": ("basketball", "sports"),
    "bbc_politics": ("politics", "government"),
    "bbc_tech": ("technology", "computing"),
    "bbc_entertainment": ("entertainment", "film and music"),
    "movie_reviews": ("film", "cinema"),
    "state_union": ("politics", "government"),
    "shakespeare": ("drama", "literature"),
}
DISTRACTORS = (
    "travel", "food", "weather", "law", "education", "religion", "history", "astronomy", "farming", "cars", "fashion",
    "physics", "art", "gardening", "crime", "mathematics", "military", "housing",
)  # fmt: skip


class Library:
    """Documents grouped by domain and source."""

    def __init__(self, docs: list[Doc]) -> None:
        self.by_source: dict[str, list[Doc]] = defaultdict(list)
        self.domain_of: dict[str, str] = {}
        for doc in docs:
            self.by_source[doc.source].append(doc)
            self.domain_of[doc.source] = doc.domain
        self.sources: dict[str, list[str]] = defaultdict(list)
        for source in sorted(self.by_source):
            self.sources[self.domain_of[source]].append(source)

    @classmethod
    def load(cls, out: Path, held_out: bool = False) -> Library:
        """The training or the held-out documents of an output folder."""
        name = "heldout.jsonl" if held_out else "train.jsonl"
        return cls([Doc(**record) for record in read_lines(out / name, "prepare")])

    def doc(self, rng: random.Random, domain: str = "") -> Doc:
        """One document, by domain weight and then by source weight."""
        names = sorted(self.sources)
        domain = domain or rng.choices(names, [DOMAINS.get(n, 0.1) for n in names])[0]
        sources = self.sources[domain]
        source = rng.choices(sources, [SOURCES.get(s, 1.0) for s in sources])[0]
        return rng.choice(self.by_source[source])

    def passage(self, rng: random.Random, domain: str = "", longest: int = 110) -> Passage:
        """A piece of a document and a piece of another of the same domain."""
        doc = self.doc(rng, domain)
        text, start = excerpt(doc.text, rng, longest)
        other = excerpt(self.doc(rng, doc.domain).text, rng, 60)[0]
        label, labels = _labels(doc.source, rng)
        end = doc.conclusion if doc.conclusion else ""
        if end and rng.random() < 0.5:
            words = doc.text.split()
            text = " ".join(words[-200:])
        return Passage(doc.source, doc.domain, doc.title if start == 0 else "", text, other, end, label, labels)

    def text(self, rng: random.Random) -> str:
        """A short piece of running text."""
        return excerpt(self.doc(rng).text, rng, 120)[0]


def excerpt(text: str, rng: random.Random, longest: int) -> tuple[str, int]:
    """20 to ``longest`` words that begin at a paragraph or a sentence, and where they begin."""
    rows = text.split("\n")
    start = rng.choice((0, rng.randrange(len(rows))))
    words = " ".join(rows[start : start + 6]).split()
    at = 0
    if start == 0 and len(words) > longest and rng.random() < 0.5:
        ends = [i + 1 for i, w in enumerate(words[:-15]) if w.endswith(".")]
        at = rng.choice(ends) if ends else 0
    return " ".join(_whole(words[at : at + rng.randint(20, longest)])), start + at


def _whole(words: list[str]) -> list[str]:
    """Cut back to the last full sentence when that leaves most of the text."""
    ends = [i + 1 for i, w in enumerate(words) if w.endswith((".", "!", "?"))]
    return words[: ends[-1]] if ends and ends[-1] >= len(words) * 0.5 else words


def _labels(source: str, rng: random.Random) -> tuple[str, tuple[str, ...]]:
    if source not in TOPICS:
        return "", ()
    right = rng.choice(TOPICS[source])
    near = set(TOPICS[source])
    far = [rng.choice(t) for s, t in sorted(TOPICS.items()) if not near & set(t)]
    pool = sorted({*rng.sample(DISTRACTORS, 3), *far} - {right})
    if rng.random() < 0.3:
        right, pool = right.capitalize(), [p.capitalize() for p in pool]
    return right, tuple(pool)


def read_pairs(out: Path, held_out: bool = False) -> list[dict[str, Any]]:
    """T0 and Self-Instruct pairs of an output folder."""
    return [p for p in read_lines(out / "pairs.jsonl", "prepare") if p["held_out"] == held_out]
