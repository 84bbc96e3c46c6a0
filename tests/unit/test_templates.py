"""Templates: the built-in ones, a file, and a tokenizer's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from transformers import LlamaConfig

from selfspec import ConfigError, Example, ModelError, PluginError, Seed, Task
from selfspec.fitting import fit_prompt
from selfspec.models import Base
from selfspec.templates import names, template


class Model:
    config = LlamaConfig(max_position_embeddings=400)


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


FORM = 'with_input: "{instruction} {input}"\nwithout_input: "{instruction}"\n'


@pytest.mark.parametrize(
    "text",
    [
        *("with_input: x\n", "- a\n", "with_input: '{wrong}'\nwithout_input: y\n", "with_input: [\n"),
        *(FORM.replace(" {input}", ""), FORM + "stop: USER\n", FORM + "stop: ['']\n"),
    ],
)
def test_a_wrong_file_is_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(ConfigError, match=r"bad\.yaml: .* Give with_input") as caught:
        template(str(tmp_path / "bad.yaml"))
    assert "\n" not in str(caught.value)


def test_dromedarys_turns(tiny_tokenizer: Any) -> None:
    shown, shots, _ = prompt(tiny_tokenizer, "dromedary", "1+1", SEEDS[:1])
    turn = "### User\nAdd.\n\n{0}+{0}\n\n### Dromedary\n"
    assert (shown, shots) == (turn.format(0) + "0\n\n" + turn.format(1), 1)
    assert template("dromedary").prompt("Say hello.") == "### User\nSay hello.\n\n### Dromedary\n"
    assert template("dromedary").stop == ("\n### User",)


def shipped(root: Path, package: str, *forms: str, needs: str = "") -> None:
    """An installed package that gives templates; importing it would fail."""
    (root / package / "templates").mkdir(parents=True)
    (root / package / "__init__.py").write_text("raise RuntimeError\n")
    info = root / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n{needs}")
    (info / "entry_points.txt").write_text("[selfspec.templates]\n" + "".join(f"{f} = {package}\n" for f in forms))


def test_a_package_ships_templates_and_runs_no_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped(tmp_path, "selfspec_vicuna", "vicuna", "vicuna_lost")
    (tmp_path / "selfspec_vicuna/templates/vicuna.yaml").write_text(FORM.replace("{input}", "{input} ASSISTANT:"))
    monkeypatch.syspath_prepend(str(tmp_path))
    assert names() == ["alpaca", "chat", "dromedary", "none", "vicuna", "vicuna_lost"]
    assert template("vicuna").prompt("Add.", "1+1") == "Add. 1+1 ASSISTANT:"
    with pytest.raises(ConfigError, match=r"no template 'vicunna'\. Did you mean 'vicuna'\?"):
        template("vicunna")
    with pytest.raises(PluginError, match=r"'vicuna_lost' \(selfspec_vicuna 1.0\): 'selfspec_vicuna' has no temp"):
        template("vicuna_lost")


def test_a_template_of_two_packages_or_for_another_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped(tmp_path, "selfspec_one", "shared", "late", needs="Requires-Dist: selfspec>=99\n")
    shipped(tmp_path, "selfspec_two", "shared")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(PluginError, match=r"template 'shared' is given by 2 packages: selfspec_one 1.0 and self"):
        template("shared")
    with pytest.raises(PluginError, match=r"template 'late' .* asks for selfspec >=99"):
        template("late")


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
