"""Find things in a passage by rule: sentences, names, figures, abbreviations, definitions.

``names("Boston beat New York .")`` gives ``["Boston", "New York"]``. Rules err, but the same way for all texts.
"""

from __future__ import annotations

import re

STOP = frozenset(
    """the a an of in on at to for and or but with by from as is are was were be been it its this that these those he
    she they we i you his her their our there here which who what when where while if so not no than then also however
    after before during into over under between more most such other some all both each one two may can will would
    could should has have had do does did mr mrs ms dr inc corp ltd co us said says""".split()  # noqa: SIM905
)
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip


def sentences(text: str) -> list[str]:
    """Sentences of 4 to 60 words."""
    parts = re.split(r"(?<=[.!?])\s+(?=[A-Z0-9\"'(])|\n+", text)
    return [p.strip() for p in parts if 4 <= len(p.split()) <= 60]


def unique(found: list[str]) -> list[str]:
    """In order of first mention."""
    return list(dict.fromkeys(found))


def names(text: str) -> list[str]:
    """Runs of capitalised words that do not merely open a sentence."""
    found = re.findall(
        r"(?<![.!?\"'(]\s)(?<!^)(?<!\n)\b((?:[A-Z][a-z]{2,}[-A-Za-z]*)(?:\s[A-Z][a-z]+[-A-Za-z]*){0,3})", text
    )
    return unique([f for f in found if f.lower() not in STOP and f not in MONTHS])


def figures(text: str) -> list[str]:
    """Numbers as they stand, with their sign for money or percent."""
    return unique(re.findall(r"(?<![\w.])[$£]?\d[\d,]*(?:\.\d+)?%?(?![\w])", text))


def abbreviations(text: str) -> list[str]:
    """Words of two to six capitals or digits."""
    return unique(re.findall(r"\b[A-Z][A-Z0-9]{1,5}\b", text))


def terms(text: str) -> list[str]:
    """Long lower-case words: the technical terms of a passage."""
    return unique(re.findall(r"\b[a-z][a-z-]{8,}\b", text))


def units(text: str) -> list[tuple[str, str]]:
    """``(number, noun)`` pairs: 12 patients."""
    return re.findall(r"(?<![\w.,])(\d[\d,.]*\d|\d) ([a-z]{4,})\b", text)


def definitions(text: str) -> list[tuple[str, str]]:
    """``(abbreviation, long form)`` where initials agree: randomised controlled trial (RCT)."""
    found = []
    for match in re.finditer(r"((?:[\w-]+ ){1,5}[\w-]+) \(([A-Z]{2,5})\)", text):
        words, short = match[1].split(), match[2]
        tail = words[-len(short) :]
        if len(tail) == len(short) and all(w[0].lower() == s.lower() for w, s in zip(tail, short, strict=True)):
            found.append((short, " ".join(tail)))
    return found


def statements(text: str) -> list[tuple[str, str]]:
    """``(subject, rest)`` of sentences that say what something is."""
    found = re.findall(
        r"(?:^|[.!?]\s)((?:[A-Z][\w-]*)(?: [\w-]+){0,3}) (?:is|was|are|were) ((?:an?|the) [^.;]{10,90})", text
    )
    return [(s, r.strip()) for s, r in found if s.lower() not in STOP and s.split()[0].lower() not in STOP]


TYPED = {"Name": names, "Number": figures, "Abbreviation": abbreviations, "Term": terms}
