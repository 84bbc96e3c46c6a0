"""Reading tasks made from raw text by rule: find, copy, list, compare. No label comes from a benchmark.

``make(passage, rng)`` gives an ``Item`` or ``None`` when the passage has nothing to ask about.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass

from . import phrases
from .layouts import Item

DOMAIN_NAMES = {
    "biomedical": ("biomedical", "biomedicine", "medical", "clinical research"),
    "finance": ("finance", "financial", "business", "economics"),
    "sports": ("sports", "sport"),
    "general": ("general", "news", "general knowledge"),
}
YES_NO = (("yes", "no"), ("yes", "no"), ("Yes", "No"), ("true", "false"), ("True", "False"), ("Include", "Exclude"))


@dataclass(frozen=True)
class Passage:
    """A piece of a document, with another piece of the same domain to draw distractors from."""

    source: str
    domain: str
    title: str
    text: str
    other: str
    conclusion: str = ""
    topic: str = ""
    topics: tuple[str, ...] = ()


Maker = Callable[[Passage, random.Random], Item | None]


def _item(p: Passage, kind: str, ask: str, answer: str, given: str = "", passage: str | None = None) -> Item:
    """The passage goes to ``passage`` when something is asked about it, and to ``input`` when it is the input."""
    domain = DOMAIN_NAMES[p.domain][len(p.text) % len(DOMAIN_NAMES[p.domain])]
    if given:
        return Item(kind, domain, ask, given, answer, p.text if passage is None else passage)
    return Item(kind, domain, ask, p.text if passage is None else passage, answer)


def _spans(text: str) -> list[str]:
    found = phrases.names(text) + phrases.figures(text) + phrases.abbreviations(text) + phrases.terms(text)
    return [s for s in found if 1 < len(s) < 40]


def blank(p: Passage, rng: random.Random) -> Item | None:
    """One span of one sentence is taken out; the passage still has it."""
    rows = [s for s in phrases.sentences(p.text) if _spans(s)]
    if not rows:
        return None
    row = rng.choice(rows)
    answer = rng.choice(_spans(row))
    gap = rng.choice(("____", "_____", "[blank]", "___", "[MASK]"))
    ask = rng.choice(
        (
            "Fill in the blank in the sentence with the words from the passage.",
            "Complete the sentence using the passage.",
            f"What does {gap} stand for in the sentence?",
            "Which word or words from the text are missing in the sentence?",
            "Fill the blank.",
            "Find the missing term.",
        )
    )
    return _item(p, "blank", ask, answer, row.replace(answer, gap, 1))


LISTS: dict[str, tuple[Callable[[str], list[str]], tuple[str, ...]]] = {
    "names": (phrases.names, ("names", "proper names", "named entities", "people, places and organisations")),
    "figures": (phrases.figures, ("numbers", "figures", "numeric values", "numbers and amounts")),
    "abbreviations": (phrases.abbreviations, ("abbreviations", "acronyms", "short forms in capitals")),
    "terms": (phrases.terms, ("long words", "technical terms", "specialist terms")),
}
NONE = ("none", "None", "There are none.")


def listing(p: Passage, rng: random.Random) -> Item | None:
    """All names, figures, abbreviations or terms, separated by commas (or a line each)."""
    kind = rng.choice(("names", "names", "figures", "abbreviations", "terms"))
    find, nouns = LISTS[kind]
    text = (
        " ".join(rng.sample(phrases.sentences(p.text), 1))
        if rng.random() < 0.5 and phrases.sentences(p.text)
        else p.text
    )
    found = find(text)[:10]
    if not found and rng.random() < 0.8:
        return None
    noun, mark = rng.choice(nouns), rng.choice((", ", ", ", ", ", "\n", "; "))
    how = {", ": ", separated by commas", "\n": ", one per line", "; ": ", separated by semicolons"}[mark]
    ask = rng.choice(
        (
            "List the {n} mentioned in the text",
            "Extract all {n} from the passage",
            "Which {n} does the text mention?",
            "Find the {n} in the following text",
            "Identify the {n} that appear in the passage",
        )
    )
    ask = ask.format(n=noun) + (how if not ask.endswith("?") and (mark != ", " or rng.random() < 0.6) else "")
    ask += "" if ask.endswith("?") else "."
    return _item(p, f"list_{kind}", ask, mark.join(found) or rng.choice(NONE), passage=text)


def typed(p: Passage, rng: random.Random) -> Item | None:
    """Entities with their type: ``Boston <Name>, 25 <Number>``."""
    rows = phrases.sentences(p.text)
    text = rng.choice(rows) if rows and rng.random() < 0.7 else p.text
    kinds = rng.sample(sorted(phrases.TYPED), rng.randint(1, 3))
    labels = {
        k: rng.choice((k, k, k.upper(), k.lower(), {"Name": "Entity", "Number": "Value"}.get(k, k))) for k in kinds
    }
    found = [(text.find(x), f"{x} <{labels[k]}>") for k in kinds for x in phrases.TYPED[k](text)]
    if not found:
        return None
    answer = ", ".join(x for _, x in sorted(found)[:12])
    shown = ", ".join(labels[k] for k in kinds)
    ask = rng.choice(
        (
            f"Extract the entities of the types {shown} and give each with its type, like: phrase <Type>.",
            f"Find all {shown} entities in the text. Answer in the form: entity <Type>, entity <Type>.",
            f"Tag every mention of these types: {shown}. Write each as mention <Type>.",
        )
    )
    return _item(p, "typed", ask, answer, passage=text)


def mentioned(p: Passage, rng: random.Random) -> Item | None:
    """Is a phrase in the text; as often not as yes."""
    mine, theirs = _spans(p.text), [s for s in _spans(p.other) if s.lower() not in p.text.lower()]
    if not mine or not theirs:
        return None
    right = rng.random() < 0.5
    what = rng.choice(mine if right else theirs)
    words = rng.choice(YES_NO)
    ask = rng.choice(
        (
            f'Is "{what}" mentioned in the text?',
            f"Does the passage mention {what}?",
            f"Does the text contain the phrase '{what}'?",
            f"Decide whether {what} appears in the passage.",
        )
    )
    ask += rng.choice(
        (f" Answer {words[0]} or {words[1]}.", f" {words[0]} or {words[1]}?", f" ({words[0]}/{words[1]})")
    )
    if words == YES_NO[0] and rng.random() < 0.4:
        ask = f"Does the passage mention {what}?"
    return _item(p, "mentioned", ask, words[0] if right else words[1])


def altered(p: Passage, rng: random.Random) -> Item | None:
    """A sentence as it stands, or with one number or name changed."""
    rows = [s for s in phrases.sentences(p.text) if phrases.figures(s) or phrases.names(s)]
    if not rows:
        return None
    row, right, words = rng.choice(rows), rng.random() < 0.5, rng.choice(YES_NO[:5])
    said = row if right else _swap(row, p.other, rng)
    if not said:
        return None
    ask = rng.choice(
        (
            "Is the statement true according to the passage?",
            "Does the statement agree with the text?",
            "Check the statement against the passage.",
            "Is this sentence supported by the text?",
        )
    )
    return _item(p, "altered", f"{ask} Answer {words[0]} or {words[1]}.", words[0] if right else words[1], said)


def _swap(row: str, other: str, rng: random.Random) -> str | None:
    numbers, people = phrases.figures(row), phrases.names(row)
    if numbers and (not people or rng.random() < 0.6):
        old = rng.choice(numbers)
        return row.replace(old, re.sub(r"\d", lambda m: str((int(m[0]) + rng.randint(1, 8)) % 10), old), 1)
    new = [n for n in phrases.names(other) if n not in row]
    return row.replace(rng.choice(people), rng.choice(new), 1) if people and new else None


def copied(p: Passage, rng: random.Random) -> Item | None:
    """Copy a sentence that is described: by its beginning, a word in it, or its place."""
    rows = phrases.sentences(p.text)
    if len(rows) < 2:
        return None
    row = rng.choice(rows)
    words = row.split()
    only = [w.strip(".,;:()") for w in words if len(w) > 5 and p.text.count(w.strip(".,;:()")) == 1]
    asks = [
        (f'Copy the sentence that begins with "{" ".join(words[:3])}".', row),
        (f'Complete the sentence from the text: "{" ".join(words[: max(3, len(words) // 3)])}"', row),
        ("Copy the first sentence of the passage.", rows[0]),
        ("What is the last sentence of the text?", rows[-1]),
    ]
    if only:
        word = rng.choice(only)
        asks += [(f"Which sentence mentions {word}?", row), (f"What does the passage say about {word}?", row)] * 2
    ask, answer = rng.choice(asks)
    return _item(p, "copied", ask, answer)


def next_sentence(p: Passage, rng: random.Random) -> Item | None:
    """Write the sentence that follows."""
    rows = phrases.sentences(p.text)
    if len(rows) < 3:
        return None
    ask = rng.choice(("Write the next sentence.", "Continue the text with one sentence.", "What comes next?"))
    return _item(p, "next", ask, rows[-1], passage=" ".join(rows[:-1]))


def title(p: Passage, rng: random.Random) -> Item | None:
    """The source's own title."""
    if not 10 < len(p.title) < 150 or p.source in ("earnings_calls", "state_union", "inaugural"):
        return None
    ask = rng.choice(
        (
            "Write a title for the text.",
            "Give the passage a headline.",
            "What is a good title for this text?",
            "Summarize the text in one short line.",
            "What is this text about?",
        )
    )
    return _item(p, "title", ask, p.title)


def conclusion(p: Passage, rng: random.Random) -> Item | None:
    """The conclusion of a structured abstract from the rest of it."""
    if not p.conclusion or len(p.conclusion) > 400:
        return None
    ask = rng.choice(
        (
            "What do the authors conclude?",
            "Write the conclusion of the abstract.",
            "State the conclusion that follows from these results.",
            "What can be concluded from the study?",
        )
    )
    return _item(p, "conclusion", ask, p.conclusion)


def topic(p: Passage, rng: random.Random) -> Item | None:
    """Which of these topics; options shuffled."""
    if not p.topic:
        return None
    options = [p.topic, *rng.sample([t for t in p.topics if t != p.topic], rng.randint(1, 4))]
    rng.shuffle(options)
    shown = rng.choice((", ", " or ", " / ")).join(options)
    ask = rng.choice(
        (
            "Which of these topics fits the text: {o}?",
            "Classify the text as one of: {o}.",
            "Choose the category: {o}.",
            "What is the text about? Options: {o}.",
            "Assign one label to the text. Labels: {o}.",
        )
    )
    return _item(p, "topic", ask.format(o=shown), p.topic)


BASIC: dict[str, tuple[float, Maker]] = {
    "blank": (3.0, blank),
    "listing": (3.0, listing),
    "typed": (2.0, typed),
    "mentioned": (3.0, mentioned),
    "altered": (1.5, altered),
    "copied": (2.0, copied),
    "next": (0.5, next_sentence),
    "title": (1.0, title),
    "conclusion": (1.5, conclusion),
    "topic": (1.5, topic),
}
