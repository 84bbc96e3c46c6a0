"""Verbs, objects and keywords of the generated instructions: counting, with small stated rules.

>>> verb_and_object("List the main side effects of the drug.")
('list', 'side')
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
SENTENCE = re.compile(r"[.?!:;\n](?:\s|$)")
FUNCTION = frozenset(
    WORD.findall("""
a about above according after against all along also although am among an and another any are as at back based
be because been before being below between both but by can cannot could did do does doing down during each
either else etc even ever every few for from further had has have having he her here hers him his how however i
if in into is it its itself just least less let like made make many may me might more most much must my near
neither no nor not now of off on once one only onto or other others our out over own per please s same shall she
should since so some such t than that the their them then there these they this those through thus to too two
under until up upon us very via was we were what when where whether which while who whom whose why will with
within without would yes yet you your
""")
)
"""Words that carry no subject."""
DESCRIBING = frozenset(
    WORD.findall("""
above additional appropriate available best better brief briefly certain clear common complete correct current
detailed different direct entire final first five following free four full general given good high important
individual key large last latest long low main major modern new next numerical original overall particular
possible potential provided real recent relevant right second short significant similar simple single small
specific suitable ten third three top total true typical unique useful various whole wrong
""")
)
"""Describing words that stand before an object more often than for one."""
NO_OBJECT = FUNCTION | DESCRIBING


@dataclass(frozen=True, slots=True)
class Verb:
    """A first word, how many instructions begin with it, and their most common objects."""

    word: str
    count: int
    objects: Sequence[tuple[str, int]]


@dataclass(frozen=True, slots=True)
class Keyword:
    """A word, the inputs that hold it and its weight."""

    word: str
    inputs: int
    weight: float


def verb_and_object(instruction: str) -> tuple[str, str]:
    """The first word (a question word counts as itself) and the first noun-like word after it.

    Noun-like: in the same sentence, three letters or more, no function or describing word and no adverb in -ly.
    Either is empty when there is none.
    """
    sentences = (WORD.findall(sentence) for sentence in SENTENCE.split(instruction))
    words = [w.lower() for w in next(filter(None, sentences), [])]
    verb = words[0] if words else ""
    nouns = (w for w in words[1:] if len(w) > 2 and w not in NO_OBJECT and not w.endswith("ly"))
    return verb, next(nouns, "")


def common_verbs(instructions: Iterable[str], verbs: int = 20, objects: int = 5) -> list[Verb]:
    """The most common first words with their most common objects, most common first."""
    pairs = Counter(verb_and_object(i) for i in instructions)
    counts: Counter[str] = Counter()
    for (verb, _), n in pairs.items():
        counts[verb] += n if verb else 0
    ranked = sorted(((v, n) for v, n in counts.items() if n), key=lambda pair: (-pair[1], pair[0]))[:verbs]
    return [
        Verb(verb, n, _top({o: m for (v, o), m in pairs.items() if v == verb and o}, objects)) for verb, n in ranked
    ]


def _top(counts: dict[str, int], most: int) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:most]


def keywords(inputs: Sequence[str], seeds: Sequence[str] = (), most: int = 20) -> list[Keyword]:
    """The most distinctive words of the inputs: share of inputs times log of that share over the seeds'.

    Shares are of texts that hold the word; the seeds' share is smoothed. Without seeds the plain share counts.
    Words of one input alone are left out unless there are no others.
    """
    mine, theirs = _document_counts(inputs), _document_counts(seeds)
    least = 2 if any(n > 1 for n in mine.values()) else 1
    found = []
    for word, count in mine.items():
        share = count / len(inputs)
        usual = (theirs[word] + 0.5) / (len(seeds) + 1)
        weight = share * math.log(share / usual) if seeds else share
        if count >= least and weight > 0:
            found.append(Keyword(word, count, weight))
    return sorted(found, key=lambda k: (-k.weight, k.word))[:most]


def _document_counts(texts: Iterable[str]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for text in texts:
        words = (w.lower() for w in WORD.findall(text))
        counts.update({w for w in words if len(w) > 2 and w not in NO_OBJECT})
    return counts
