"""Templates: the built-in ones, a file, and a tokenizer's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from selfspec import ConfigError, Example, ModelError, Seed, Task
from selfspec.fitting import fit_prompt
from selfspec.models import Base
from selfspec.templates import template


class Config:
    max_position_embeddings = 400


class Model:
    config = Config()


TASK = Task(name="sums", title="Sums", instruction="Add.", max_answer_tokens=10)
SEEDS = [Seed(id=f"s{i}", instruction="Add.", input=f"{i}+{i}", output=str(2 * i)) for i in range(3)]


def prompt(tokenizer: Any, form: str, text: str, seeds: list[Seed]) -> tuple[str, int, bool]:
    base = Base("tiny", Model(), tokenizer, "")
    fitted = fit_prompt(base, template(form), TASK, Example(id="e", input=text, references=("2",)), seeds)
    return tokenizer.decode(fitted.ids), fitted.shots, fitted.cut


def test_the_bare_template_shows_demonstrations_before_the_item(tiny_tokenizer: Any) -> None:
    assert prompt(tiny_tokenizer, "none", "1+1", SEEDS[:2]) == ("Add.\n0+0\n0\n\nAdd.\n1+1\n2\n\nAdd.\n1+1\n", 2, False)


def test_demonstrations_are_dropped_from_the_far_end(tiny_tokenizer: Any) -> None:
    text, shots, cut = prompt(tiny_tokenizer, "none", "x" * 365, SEEDS)
    assert (shots, cut) == (1, False)
    assert text.startswith("Add.\n2+2\n4\n\n")


def test_then_words_go_from_the_inputs_beginning(tiny_tokenizer: Any) -> None:
    text, shots, cut = prompt(tiny_tokenizer, "none", "word " * 100 + "the question?", SEEDS)
    assert (shots, cut) == (0, True)
    assert text.endswith("word the question?\n")


def test_an_instruction_that_cannot_fit_names_task_and_item(tiny_tokenizer: Any) -> None:
    with pytest.raises(
        ModelError, match=r"task 'sums', item 'e': a prompt of \d+ tokens cannot fit the context of 400"
    ):
        prompt(tiny_tokenizer, "none", "y" * 500, SEEDS)


def test_a_template_from_a_file(tiny_tokenizer: Any, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text('with_input: "USER: {instruction} {input} BOT: "\nwithout_input: "USER: {instruction} BOT: "\n')
    assert prompt(tiny_tokenizer, str(file), "1+1", [])[0] == "USER: Add. 1+1 BOT: "


@pytest.mark.parametrize("text", ["with_input: x\n", "- a\n", "with_input: '{wrong}'\nwithout_input: y\n"])
def test_a_wrong_file_is_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"bad\.yaml: .* Give with_input") as caught:
        template(str(tmp_path / "bad.yaml"))
    assert "\n" not in str(caught.value)


def test_an_unknown_name_is_suggested() -> None:
    with pytest.raises(ConfigError, match=r"no template .alpacca.\. Did you mean .alpaca.\?"):
        template("alpacca")


def test_chat_needs_a_tokenizer_that_has_one(tiny_tokenizer: Any) -> None:
    with pytest.raises(ModelError, match="its tokenizer has no chat template"):
        prompt(tiny_tokenizer, "chat", "1+1", [])


def test_chat_shows_demonstrations_as_turns(tiny_tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    form = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}<assistant>"
    monkeypatch.setattr(tiny_tokenizer, "chat_template", form)
    shown = prompt(tiny_tokenizer, "chat", "1+1", SEEDS[1:2])[0]
    assert shown == "<user>Add.\n\n1+1<assistant>2<user>Add.\n\n1+1<assistant>"
