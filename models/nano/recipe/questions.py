"""More reading tasks: short questions by template, multiple choice, two texts compared, tasks without a text.

Same contract as ``reading``: ``maker(passage, rng) -> Item | None``; ``MAKERS`` has all of them with weights.
"""

from __future__ import annotations

import random
import re

from . import phrases
from .layouts import Item
from .reading import BASIC, YES_NO, Maker, Passage, _item, _spans


def how_many(p: Passage, rng: random.Random) -> Item | None:
    """A number by the noun that follows it."""
    found = [(n, noun) for n, noun in phrases.units(p.text) if len(re.findall(rf"\d {noun}\b", p.text)) == 1]
    if not found:
        return None
    number, noun = rng.choice(found)
    ask = rng.choice((f"How many {noun} are mentioned?", f"How many {noun}?", f"What number is given for {noun}?"))
    return _item(p, "how_many", ask, number)


def stands_for(p: Passage, rng: random.Random) -> Item | None:
    """What an abbreviation stands for, or the abbreviation of a long form."""
    found = phrases.definitions(p.text)
    if not found:
        return None
    short, long = rng.choice(found)
    if rng.random() < 0.7:
        return _item(
            p, "stands_for", rng.choice((f"What does {short} stand for?", f"Give the long form of {short}.")), long
        )
    return _item(p, "stands_for", f"What is the abbreviation of {long}?", short)


def what_is(p: Passage, rng: random.Random) -> Item | None:
    """From a sentence that says what something is."""
    found = phrases.statements(p.text)
    if not found:
        return None
    subject, rest = rng.choice(found)
    return _item(p, "what_is", rng.choice((f"What is {subject}?", f"How does the text describe {subject}?")), rest)


def who_said(p: Passage, rng: random.Random) -> Item | None:
    """Who said something."""
    found = re.findall(r"([^.\n\"]{20,120})\"? ?,? (?:said|says) ((?:[A-Z][\w.]+ ?){1,3})", p.text)
    if not found:
        return None
    said, who = rng.choice(found)
    return _item(p, "who_said", f'Who said "{said.strip()}"?', who.strip())


def beside(p: Passage, rng: random.Random) -> Item | None:
    """Which word follows or precedes another that stands once in the text."""
    words = p.text.split()
    places = [i for i in range(1, len(words) - 1) if len(words[i]) > 4 and words.count(words[i]) == 1]
    if not places:
        return None
    here = rng.choice(places)
    word = words[here].strip(".,;:()\"'")
    after = rng.random() < 0.6
    answer = words[here + (1 if after else -1)].strip(".,;:()\"'")
    ask = f'Which word comes right {"after" if after else "before"} "{word}" in the text?'
    return _item(p, "beside", ask, answer) if word and answer else None


def choice(p: Passage, rng: random.Random) -> Item | None:
    """Four lettered options for a blank; the letter or the words are asked for."""
    rows = [s for s in phrases.sentences(p.text) if _spans(s)]
    wrong = [s for s in phrases.unique(_spans(p.other)) if s not in p.text]
    if not rows or len(wrong) < 3:
        return None
    row = rng.choice(rows)
    answer = rng.choice(_spans(row))
    options = [answer, *rng.sample(wrong, 3)]
    rng.shuffle(options)
    mark = rng.choice(("{})", "{}.", "({})"))
    shown = "\n".join(f"{mark.format(letter)} {option}" for letter, option in zip("ABCD", options, strict=True))
    letter = rng.random() < 0.6
    ask = (
        "Which option fills the blank? Answer with the letter." if letter else "Choose the option that fills the blank."
    )
    given = f"{row.replace(answer, '____', 1)}\n{shown}"
    return _item(p, "choice", ask, "ABCD"[options.index(answer)] if letter else answer, given)


def same_text(p: Passage, rng: random.Random) -> Item | None:
    """Do two sentences come from one text."""
    mine, theirs = phrases.sentences(p.text), phrases.sentences(p.other)
    if len(mine) < 2 or not theirs:
        return None
    one, two = rng.sample(mine, 2)
    same, words = rng.random() < 0.5, rng.choice(YES_NO[:3])
    ask = rng.choice(("Do the two sentences come from the same text?", "Are the two sentences about the same subject?"))
    given = f"Sentence 1: {one}\nSentence 2: {two if same else rng.choice(theirs)}"
    return _item(
        p, "same_text", f"{ask} Answer {words[0]} or {words[1]}.", words[0] if same else words[1], passage=given
    )


def which_passage(p: Passage, rng: random.Random) -> Item | None:
    """Which of two texts mentions a phrase."""
    mine = [s for s in _spans(p.text) if s not in p.other]
    if not mine:
        return None
    first = rng.random() < 0.5
    one, two = (p.text, p.other) if first else (p.other, p.text)
    given = f"Text 1: {one}\nText 2: {two}"
    return _item(
        p, "which_text", f"Which text mentions {rng.choice(mine)}, 1 or 2?", "1" if first else "2", passage=given
    )


def about(p: Passage, rng: random.Random) -> Item | None:
    """No text given: write a sentence about a subject."""
    rows = [s for s in phrases.sentences(p.text) if phrases.names(s) or phrases.terms(s)]
    if not rows:
        return None
    row = rng.choice(rows)
    what = rng.choice(phrases.names(row) + phrases.terms(row))
    ask = rng.choice(
        ("Write a sentence about {w}.", "Say something about {w}.", "Write one sentence that mentions {w}.")
    )
    item = _item(p, "about", ask.format(w=what), row)
    return Item(item.kind, item.domain, item.instruction, "", item.response)


MAKERS: dict[str, tuple[float, Maker]] = {
    **BASIC,
    "how_many": (1.0, how_many),
    "stands_for": (0.8, stands_for),
    "what_is": (0.8, what_is),
    "who_said": (0.5, who_said),
    "beside": (1.0, beside),
    "choice": (1.5, choice),
    "same_text": (0.7, same_text),
    "which_text": (0.4, which_passage),
    "about": (0.4, about),
}


def make(p: Passage, rng: random.Random, kind: str = "") -> Item | None:
    """One item of the kind, or of a kind drawn by weight; ``None`` when the passage does not yield it."""
    names = list(MAKERS)
    name = kind or rng.choices(names, [MAKERS[n][0] for n in names])[0]
    item = MAKERS[name][1](p, rng)
    return item if item and item.response.strip() else None
