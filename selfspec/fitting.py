"""The prompt of a benchmark item: demonstrations, then the item, cut to the model's context."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from selfspec.errors import ModelError
from selfspec.models import Base
from selfspec.templates import Template
from selfspec.types import Example, Seed, Task


@dataclass(frozen=True, slots=True)
class FittedPrompt:
    """A prompt that fits the context."""

    ids: tuple[int, ...]
    shots: int
    """Demonstrations that are left."""
    cut: bool
    """Whether the input lost words at its beginning."""


def fit_prompt(base: Base, form: Template, task: Task, example: Example, seeds: Sequence[Seed]) -> FittedPrompt:
    """Build the prompt; when it is too long, drop demonstrations from the far end, then words from
    the input's beginning (questions stand at its end).

    Raises :class:`ModelError` when the instruction alone does not fit.
    """
    room = base.context - task.max_answer_tokens
    words, kept = example.input.split(" "), list(seeds)
    while True:
        ids = base.encode(_shown(base, form, task, " ".join(words), kept))
        if len(ids) <= room:
            return FittedPrompt(ids, len(kept), len(words) < len(example.input.split(" ")))
        if kept:
            kept = kept[1:]
        elif len(words) > 1:
            words = words[max(1, min(len(words) // 2, (len(ids) - room) // 3)) :]
        else:
            raise ModelError(
                f"task {task.name!r}, item {example.id!r}: a prompt of {len(ids)} tokens cannot fit the context of "
                f"{base.context}, less {task.max_answer_tokens} for the answer. Use a model with a longer context."
            )


def _shown(base: Base, form: Template, task: Task, text: str, seeds: Sequence[Seed]) -> str:
    """The whole prompt: demonstrations, then the item."""
    if form.name == "chat":
        return _chat(base, form, task, text, seeds)
    shown = "".join(f"{form.prompt(s.instruction, s.input)}{s.output.strip()}\n\n" for s in seeds)
    return shown + form.prompt(task.instruction, text)


def _chat(base: Base, form: Template, task: Task, text: str, seeds: Sequence[Seed]) -> str:
    """Demonstrations as earlier turns of a conversation."""
    if not getattr(base.tokenizer, "chat_template", None):
        raise ModelError(f"model {base.name!r}: its tokenizer has no chat template. Use another --template.")
    turns = [(form.prompt(s.instruction, s.input), s.output.strip()) for s in seeds]
    messages = [m for user, answer in turns for m in (_turn("user", user), _turn("assistant", answer))]
    messages.append(_turn("user", form.prompt(task.instruction, text)))
    shown: str = base.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    return shown


def _turn(role: str, content: str) -> dict[str, str]:
    return {"role": role, "content": content}
