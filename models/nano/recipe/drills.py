"""Drills: one short text and many short questions about it, so that most tokens of a row train looking up.

Single questions give one answer for a hundred tokens, and at 11 M tokens the model still answered them by chance.
``DRILLS`` maps names to makers ``(Words, rng, room) -> Sample``, as ``copying.COPIERS`` does.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from . import phrases
from .copying import Sample, Words
from .reading import LISTS, YES_NO

ASKS = (
    "{}:", "{} ->", "{}?", "mentioned: {} =", "Is {} mentioned?", 'Is "{}" mentioned in the text?',
    "Does the passage mention {}?", "Does the text contain the phrase '{}'?", "Is {} in the passage?",
)  # fmt: skip
TEXT, ASKED, ANSWER = 0.5, 0.0, 2.0  # loss weights
Drill = Callable[[Words, random.Random, int], Sample]


def _short(words: Words, rng: random.Random, most: int) -> list[str]:
    text = words.draw(rng).split()
    start = rng.randrange(max(1, len(text) - most))
    return text[start : start + rng.randint(min(12, most), most)]


def _phrase(text: list[str], rng: random.Random) -> str:
    count = rng.choice((1, 1, 2, 3))
    start = rng.randrange(max(1, len(text) - count))
    return " ".join(text[start : start + count]).strip(".,;:()\"'")


def present(words: Words, rng: random.Random, room: int) -> Sample:
    """Which of these phrases stand in the text: yes or no, phrase by phrase."""
    text = _short(words, rng, rng.choice((16, 30, 60, 90)))
    whole, other = " ".join(text), _short(words, rng, 60)
    yes, no = rng.choice(YES_NO)
    ask = rng.choice(ASKS)
    if ask.endswith("?") and rng.random() < 0.5:
        ask += rng.choice((f" Answer {yes} or {no}.\n", f" {yes} or {no}?\n", f" ({yes}/{no})\nAnswer:"))
    sample = Sample([], []).extend(words.encode(whole + "\n\n"), TEXT)
    for _ in range(rng.randint(8, 20)):
        phrase = _phrase(text if rng.random() < 0.5 else other, rng)
        if len(phrase) < 4:
            continue
        there = phrase.lower() in whole.lower()
        sample.extend(words.encode(ask.format(phrase)), ASKED)
        sample.extend(words.encode(" " + (yes if there else no)), ANSWER).extend(words.encode("\n"), 0.2)
    return sample.end()


FRAMES = (
    ("### Instruction:\n", "\n\n### Input:\n", "\n\n### Response:\n", "\n\n"),
    ("Instruction:\n", "\n\nInput:\n", "\n\nResponse:\n", "\n\n"),
    ("Q: ", "\nText: ", "\nA: ", "\n"),
    ("", "\n", "\nAnswer: ", "\n\n"),
    ("", "\n\n", "\n", "\n\n"),
)


def asked(words: Words, rng: random.Random, room: int) -> Sample:
    """The question first, as instructions stand, then a text: is the phrase in it."""
    before, between, behind, end = rng.choice(FRAMES)
    yes, no = rng.choice(YES_NO)
    sample = Sample([], [])
    for _ in range(rng.randint(4, 14)):
        text, other = _short(words, rng, rng.choice((14, 24, 40))), _short(words, rng, 30)
        phrase = _phrase(text if rng.random() < 0.5 else other, rng)
        if len(phrase) < 4:
            continue
        ask = rng.choice(ASKS[4:]).format(phrase) + rng.choice(("", f" Answer {yes} or {no}.", f" ({yes}/{no})"))
        whole = " ".join(text)
        sample.extend(words.encode(before + ask + between), ASKED).extend(words.encode(whole + behind), TEXT)
        sample.extend(words.encode(yes if phrase.lower() in whole.lower() else no), ANSWER)
        sample.extend(words.encode(end), 0.2)
    return sample.end()


def gaps(words: Words, rng: random.Random, room: int) -> Sample:
    """A few words around a gap; what stands there in the text."""
    text = _short(words, rng, rng.choice((30, 60, 90)))
    mark, lead = rng.choice(("____", "___", "[blank]")), rng.choice(("\nAnswer: ", " -> ", "\n", "\nA: ", " "))
    alone = rng.random() < 0.4  # nothing behind the gap: the easier half of the way
    sample = Sample([], []).extend(words.encode(" ".join(text) + "\n\n"), TEXT)
    for _ in range(rng.randint(4, 12)):
        size = rng.choice((1, 1, 1, 2, 3))
        at = rng.randrange(2, max(3, len(text) - size - 1))
        before = text[max(0, at - rng.randint(2, 7)) : at]
        after = [] if alone else text[at + size : at + size + rng.randint(0, 6)]
        answer = " ".join(text[at : at + size]).strip(".,;:()\"'")
        if not answer:
            continue
        sample.extend(words.encode(" ".join([*before, mark, *after]) + lead), ASKED)
        sample.extend(words.encode(answer), ANSWER).extend(words.encode(rng.choice(("\n", "\n\n"))), ANSWER / 2)
    return sample.end()


def gathered(words: Words, rng: random.Random, room: int) -> Sample:
    """The names, figures, abbreviations or long words of one sentence after another."""
    kind = rng.choice(("names", "names", "names", "figures", "abbreviations", "terms"))
    find, nouns = LISTS[kind]
    label = rng.choice(nouns)
    label, mark = rng.choice((label, label.capitalize())), rng.choice((", ", ", ", "; "))
    sample = Sample([], [])
    for _ in range(12):
        for row in phrases.sentences(words.draw(rng))[:3]:
            found = find(row)[:10]
            if found or rng.random() < 0.15:
                sample.extend(words.encode(f"{row}\n{label}: "), TEXT)
                sample.extend(words.encode(mark.join(found) or "none"), ANSWER)
                sample.extend(words.encode("\n\n"), ANSWER / 2)
        if len(sample.ids) > room:
            break
    return sample.end()


DRILLS: dict[str, tuple[float, Drill]] = {
    "present": (1.5, present),
    "asked": (1.5, asked),
    "gaps": (2.0, gaps),
    "gathered": (1.0, gathered),
}


def drill(words: Words, rng: random.Random, room: int) -> Sample:
    """One sample of a kind drawn by weight."""
    makers = list(DRILLS.values())
    maker = rng.choices([m for _, m in makers], [w for w, _ in makers])[0]
    return maker(words, rng, room)
