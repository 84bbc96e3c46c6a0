"""The ways a task is laid out as prompt and response: the engine's own layouts and paraphrases of them.

``render(item, rng)`` gives ``(prompt, response)``; the response is followed by end-of-text in training.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

ALPACA_INPUT = (
    "Below is an instruction that describes a task, paired with an input that provides further context. "
    "Write a response that appropriately completes the request.\n\n"
    "### Instruction:\n{instruction}\n\n### Input:\n{input}\n\n### Response:\n"
)
ALPACA = (
    "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n"
    "### Instruction:\n{instruction}\n\n### Response:\n"
)
EXPERT = (
    "You are a {domain} domain expert. Answer the task as an expert would: exactly, and in the form it asks for.\n\n"
)
FRAMES = [ALPACA_INPUT, ALPACA, EXPERT + "Passage:\n\nInstruction:\n\nInput:\n\nResponse:\n"]


@dataclass(frozen=True)
class Item:
    """One task; ``passage`` is text the answer is read from, ``input`` what is asked about it."""

    kind: str
    domain: str
    instruction: str
    input: str
    response: str
    passage: str = ""

    def given(self) -> str:
        """Passage and input as one text."""
        return "\n".join(part for part in (self.passage, self.input) if part)


Layout = Callable[[Item], str]


def alpaca(item: Item) -> str:
    """The template that adapters are trained with."""
    given = item.given()
    frame = ALPACA_INPUT if given else ALPACA
    return frame.format(instruction=item.instruction, input=given)


def bare(item: Item) -> str:
    """No template: how the base is asked."""
    return "".join(f"{part}\n" for part in (item.instruction, item.given()) if part)


def expert(item: Item) -> str:
    """The prompt under which responses are generated; the passage part is left out when there is none."""
    parts = [("Passage", item.passage), ("Instruction", item.instruction), ("Input", item.input)]
    shown = "".join(f"{name}:\n{text}\n\n" for name, text in parts if text)
    return EXPERT.format(domain=item.domain) + shown + "Response:\n"


def _joined(before: str, between: str, after: str) -> Layout:
    """Text first, then the task."""

    def layout(item: Item) -> str:
        given = item.given()
        return (f"{before}{given}{between}" if given else "") + item.instruction + after

    return layout


def _asked(before: str, between: str, after: str) -> Layout:
    """Task first, then the text."""

    def layout(item: Item) -> str:
        given = item.given()
        return before + item.instruction + (f"{between}{given}" if given else "") + after

    return layout


ENGINE: tuple[Layout, ...] = (alpaca, bare, expert)
OTHERS: tuple[Layout, ...] = (
    _joined("", "\n\n", "\n"),
    _joined("Text: ", "\nQuestion: ", "\nAnswer: "),
    _joined("Passage:\n", "\n\nTask:\n", "\n\nAnswer:\n"),
    _joined("Context: ", "\n\nInstruction: ", "\nOutput: "),
    _joined("", "\n\nQ: ", "\nA: "),
    _asked("Instruction: ", "\nInput: ", "\nOutput: "),
    _asked("Question: ", "\n", "\nAnswer: "),
    _asked("Task: ", "\n\n", "\n\nResult:\n"),
    _asked("### Task\n", "\n\n### Text\n", "\n\n### Answer\n"),
    _asked("", "\n\n", "\n\n"),
    _asked("", " ", "\n"),
)
SEPARATE: tuple[Layout, ...] = (
    lambda i: f"{i.passage}\n\n{i.instruction}\n{i.input}\n",
    lambda i: f"Passage: {i.passage}\n\nInstruction: {i.instruction}\n\nInput: {i.input}\n\nResponse: ",
    lambda i: f"{i.instruction}\n\nPassage:\n{i.passage}\n\nInput:\n{i.input}\n\nResponse:\n",
)


def choose(item: Item, rng: random.Random) -> Layout:
    """Two in three are the engine's layouts, the rest paraphrases."""
    if rng.random() < 0.65:
        return rng.choice(ENGINE)
    return rng.choice(SEPARATE if item.passage and item.input and rng.random() < 0.4 else OTHERS)


def render(item: Item, rng: random.Random) -> tuple[str, str]:
    """Prompt and response in a layout drawn at random."""
    return choose(item, rng)(item), item.response
