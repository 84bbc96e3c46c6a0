"""Numbered task lists in the layout that instruction generation uses, each about one domain.

``header("sports", rng)`` opens a list; ``entry(1, item)`` writes one numbered item.
"""

from __future__ import annotations

import random
import re

from .layouts import Item
from .library import Library
from .questions import make
from .reading import DOMAIN_NAMES

REQUIREMENTS = (
    "Each task has an instruction and an input.",
    "The instruction should be one or two sentences.",
    "Try not to repeat the verb of an instruction.",
    "The tasks should be of many kinds: questions, classification, extraction, summaries.",
    "The input should be realistic text of the {d} domain, at most 100 words.",
    "Write <noinput> when a task needs no input.",
    "A language model should be able to do the task without pictures or sound.",
    "The tasks should need knowledge of the {d} domain.",
    "Use English only.",
    "The instructions should differ in their wording.",
    "Answers should be short and follow from the input.",
    "Do not write the answer.",
    "Cover many subjects within the {d} domain.",
    "The input should not simply repeat the instruction.",
)
LONGEST = 100  # words of an input


def header(domain: str, rng: random.Random, count: int = 20) -> str:
    """The request, its requirements and the first mark."""
    asks = rng.sample(REQUIREMENTS, rng.randint(4, 6))
    shown = "\n".join(f"{i}. {ask.format(d=domain)}" for i, ask in enumerate(asks, 1))
    return (
        f"Come up with {count} diverse task instructions for the {domain} domain.\n\n"
        f"Requirements:\n{shown}\n\nList of {count} tasks:\n###\n"
    )


def entry(number: int, instruction: str, given: str) -> str:
    """One item; the mark after it invites the next."""
    instruction = re.sub(r"\s+", " ", instruction)
    return f"{number}. Instruction: {instruction}\n{number}. Input: {given or '<noinput>'}\n###\n"


def _pair_entry(pairs: list[dict[str, str]], rng: random.Random) -> tuple[str, str]:
    for _ in range(20):
        pair = rng.choice(pairs)
        if len(pair["input"].split()) <= LONGEST and 3 <= len(pair["instruction"].split()) <= 50:
            return pair["instruction"], pair["input"].replace("###", "")
    return "Write a short text about your town.", ""


def _item_entry(library: Library, domain: str, rng: random.Random) -> tuple[str, str]:
    for _ in range(20):
        item = make(library.passage(rng, domain, 70), rng)
        if item and len(item.given().split()) <= LONGEST:
            return item.instruction, placed(item, rng)
    return "Write a short text about the subject.", ""


def placed(item: Item, rng: random.Random) -> str:
    """Passage and question in one input, sometimes under headings."""
    if not (item.passage and item.input) or rng.random() < 0.5:
        return item.given()
    one, two = rng.choice((("Passage: ", "Sentence: "), ("Text: ", "Question: "), ("", "Statement: ")))
    return f"{one}{item.passage}\n{two}{item.input}"


def task_list(library: Library, pairs: list[dict[str, str]], rng: random.Random, count: int) -> tuple[str, str]:
    """``(header, items)`` of one list; general lists hold T0 and Self-Instruct tasks, the others mostly raw text."""
    domain = rng.choices(("biomedical", "finance", "sports", "general"), (0.35, 0.25, 0.2, 0.2))[0]
    theirs = 0.7 if domain == "general" else 0.08
    name = rng.choice(DOMAIN_NAMES[domain])
    rows = []
    for number in range(1, count + 1):
        pick = _pair_entry(pairs, rng) if rng.random() < theirs else _item_entry(library, domain, rng)
        rows.append(entry(number, *pick))
    return header(name, rng, rng.choice((20, 20, 20, 10, count))), "".join(rows)
