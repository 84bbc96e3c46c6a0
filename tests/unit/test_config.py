"""Settings: what each source may say, what is refused and how, and the paper's numbers."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from selfspec.config import build, from_dict, recipes, to_dict
from selfspec.errors import ConfigError
from selfspec.settings import Settings

DOMAIN = {"domain": "biomed"}


def value(key: str, *sets: str, recipe: str = "quick") -> Any:
    """The setting ``key`` after ``--set`` of ``sets``."""
    found: Any = build(recipe, DOMAIN, sets)
    for part in key.split("."):
        found = getattr(found, part)
    return found


def refused(*sets: str, recipe: str = "quick", **values: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        build(recipe, {**DOMAIN, **values}, sets)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def recipe_file(folder: Path, content: str | bytes) -> str:
    path = folder / "mine.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


PAPER = {
    "quantize": "nf4",
    "iterations": 2,
    "instructions.count": 5000,
    "instructions.per_request": 20,
    "instructions.demonstrations": 3,
    "instructions.top_p": 0.98,
    "instructions.temperature": 1.0,
    "instructions.max_similarity": 0.7,
    "retrieval.k": 5,
    "training.r": 8,
    "training.alpha": 16,
    "training.batch_size": 32,
    "training.learning_rate": 3e-4,
    "training.epochs": 3,
    "training.template": "alpaca",
    "contrast.form": "paper",
    "contrast.new_instructions": True,
    "evaluation.shots": (0, 1, 5),
}


@pytest.mark.parametrize(("key", "number"), PAPER.items(), ids=PAPER)
def test_the_paper_recipe_has_the_papers_number(key: str, number: object) -> None:
    found = value(key, recipe="paper")
    assert (found, type(found)) == (number, type(number))


def test_the_defaults_are_the_papers_but_for_what_makes_a_run_long() -> None:
    long = ("quantize", "iterations", "evaluation.shots")
    record = to_dict(Settings(domain="biomed"))
    for key, number in PAPER.items():
        group, _, name = key.rpartition(".")
        assert key in long or record[group][name] == number


def test_the_papers_base_is_also_shown_without_a_template() -> None:
    assert "none" in value("evaluation.base_templates", recipe="paper")


def test_there_is_a_quick_and_a_paper_recipe_and_both_are_complete_settings() -> None:
    assert {"quick", "paper"} <= set(recipes())
    for name in recipes():
        assert build(name, DOMAIN).recipe == name


def test_an_unknown_recipe_gets_a_suggestion() -> None:
    message = refused(recipe="papr")
    assert message == "no recipe 'papr'. Did you mean 'paper'? Known: nano, paper, quick, or a .yaml file."


def test_sets_win_over_values_and_values_over_the_recipe() -> None:
    values = {**DOMAIN, "training": {"epochs": 7, "r": 4}, "seed": 5}
    settings = build("paper", values, ["training.epochs=9", "seed=6", "seed=7"])
    assert (settings.training.epochs, settings.training.r, settings.training.alpha, settings.seed) == (9, 4, 16, 7)


def test_building_leaves_the_callers_values_alone() -> None:
    values = {**DOMAIN, "training": {"epochs": 7}, "decoding": {"rows": 7}}
    build("quick", values, ["training.epochs=9", "decoding.rows=9"])
    assert values == {**DOMAIN, "training": {"epochs": 7}, "decoding": {"rows": 7}}


def test_a_list_that_is_null_is_empty() -> None:
    assert build("quick", {**DOMAIN, "corpus": None}).corpus == ()


def test_a_yaml_file_is_a_recipe(tmp_path: Path) -> None:
    path = recipe_file(tmp_path, "domain: law\ntraining:\n  learning_rate: 3e-4\ncorpus: [a.txt, b.txt]\n")
    settings = build(path, {})
    assert (settings.domain, settings.recipe, settings.corpus) == ("law", path, ("a.txt", "b.txt"))
    assert settings.training.learning_rate == 3e-4


def test_an_empty_yaml_file_is_the_defaults(tmp_path: Path) -> None:
    path = recipe_file(tmp_path, "# nothing yet\n")
    assert build(path, DOMAIN) == dataclasses.replace(Settings(domain="biomed"), recipe=path)


BROKEN_FILES = {
    "no mapping": ("- training\n", "must be a mapping of settings. Write 'training:' and so on."),
    "no YAML": ("training: [\n", "not YAML (while parsing a flow node). Mend it."),
    "no date": ("data: 2026-13-45\n", "not YAML (month must be in 1..12). Mend it."),
    "too deep": ("[" * 1200, "not YAML (maximum recursion depth exceeded"),
    "no UTF-8": (b"data: \xff\n", "not UTF-8. Save the file as UTF-8."),
}


@pytest.mark.parametrize(("content", "message"), BROKEN_FILES.values(), ids=BROKEN_FILES)
def test_a_broken_recipe_file_is_named(content: str | bytes, message: str, tmp_path: Path) -> None:
    path = recipe_file(tmp_path, content)
    assert refused(recipe=path).startswith(f"recipe {path}: {message}")


def test_a_missing_recipe_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.yaml").mkdir()
    for name in ("absent.yaml", "folder.yaml"):
        assert refused(recipe=str(tmp_path / name)).startswith(f"no recipe {str(tmp_path / name)!r}.")


@pytest.mark.parametrize("content", ["5: 6\n", "5: {6: 7}\n", "trainng: {5: 6}\n"])
def test_keys_that_are_no_text_are_unknown_settings(content: str, tmp_path: Path) -> None:
    assert refused(recipe=recipe_file(tmp_path, content)).startswith("unknown setting ")


def test_unknown_keys_get_a_suggestion_of_the_whole_key() -> None:
    end = "See docs/settings.md for all of them."
    wrong = "unknown setting 'trainng.epochs'. Did you mean 'training.epochs'?"
    assert refused("trainng.epochs=2") == f"{wrong} {end}"
    wrong = "unknown setting 'training.epoch'. Did you mean 'training.epochs'?"
    assert refused("training.epoch=2") == f"{wrong} {end}"
    assert refused("qqqq=2") == f"unknown setting 'qqqq'. {end}"


WRONG = {
    "training.epochs=two": "setting 'training.epochs' is 'two', must be int. Mend the value.",
    "training.epochs=2.5": "setting 'training.epochs' is 2.5, must be int. Mend the value.",
    "training.epochs=yes": "setting 'training.epochs' is True, must be int. Mend the value.",
    "training.epochs=-1": "setting 'training.epochs' is -1, must be above 0. Mend the value.",
    "training.epochs=0": "setting 'training.epochs' is 0, must be above 0. Mend the value.",
    "retrieval.k=-1": "setting 'retrieval.k' is -1, must be 0 or more. Mend the value.",
    "training.learning_rate=fast": "setting 'training.learning_rate' is 'fast', must be float. Mend the value.",
    "training.learning_rate=.nan": "setting 'training.learning_rate' is nan, must be above 0. Mend the value.",
    "training.learning_rate=inf": "setting 'training.learning_rate' is inf, must be above 0. Mend the value.",
    "training.include_seeds=1": "setting 'training.include_seeds' is 1, must be bool. Mend the value.",
    "model=[a]": "setting 'model' is ['a'], must be str. Mend the value.",
    "model=true": "setting 'model' is True, must be str. Mend the value.",
    "retrieval.mode=maybe": "setting 'retrieval.mode' is 'maybe'. Choose one of: auto, on, off.",
    "quantize=[nf4]": "setting 'quantize' is ['nf4']. Choose one of: none, nf4.",
    "evaluation.shots=0,one": "setting 'evaluation.shots' is 'one', must be int. Mend the value.",
    "evaluation.shots=²": "setting 'evaluation.shots' is '²', must be int. Mend the value.",
    "contrast=5": "setting 'contrast' is a group. Set one of its keys, e.g. contrast.form.",
    "training.epochs.x=5": "setting 'training.epochs' is {'x': 5}, must be int. Mend the value.",
    "training.epochs": "--set 'training.epochs': must be key=value. Example: --set training.epochs=2.",
    "=2": "--set '=2': must be key=value. Example: --set training.epochs=2.",
    "domain=": "no domain. Say which: --domain biomed; `selfspec domains list` shows the installed ones.",
}


@pytest.mark.parametrize(("text", "message"), WRONG.items(), ids=WRONG)
def test_a_wrong_value_is_refused_in_one_line(text: str, message: str) -> None:
    assert refused(text) == message


RIGHT = {
    "training.learning_rate=3e-4": ("training.learning_rate", 3e-4),
    "training.learning_rate=1": ("training.learning_rate", 1.0),
    "retrieval.mode=on": ("retrieval.mode", "on"),
    "retrieval.mode=off": ("retrieval.mode", "off"),
    "retrieval.mode=auto": ("retrieval.mode", "auto"),
    "retrieval.k=0": ("retrieval.k", 0),
    "training.include_seeds=off": ("training.include_seeds", False),
    "evaluation.shots=0,1,5": ("evaluation.shots", (0, 1, 5)),
    "evaluation.shots=0, 1": ("evaluation.shots", (0, 1)),
    "evaluation.shots=[0, 5]": ("evaluation.shots", (0, 5)),
    "evaluation.shots=5": ("evaluation.shots", (5,)),
    "evaluation.tasks=ddi, hoc": ("evaluation.tasks", ("ddi", "hoc")),
    "evaluation.tasks=": ("evaluation.tasks", ()),
    "evaluation.tasks=null": ("evaluation.tasks", ()),
    "corpus=*.txt": ("corpus", ("*.txt",)),
    "model=7": ("model", "7"),
    "model=a=b": ("model", "a=b"),
    "model=2026-01-02": ("model", "2026-01-02"),
    "model=2026-13-45": ("model", "2026-13-45"),
    "data=": ("data", ""),
}


@pytest.mark.parametrize(("text", "key", "wanted"), [(t, *w) for t, w in RIGHT.items()], ids=RIGHT)
def test_a_right_value_is_read_with_its_type(text: str, key: str, wanted: object) -> None:
    found = value(key, text)
    assert (found, type(found)) == (wanted, type(wanted))


@pytest.mark.parametrize(("text", "mode"), [("on", "on"), ("off", "off"), ("'off'", "off")])
def test_yamls_truth_values_are_choices_where_choices_are_meant(text: str, mode: str, tmp_path: Path) -> None:
    path = recipe_file(tmp_path, f"retrieval:\n  mode: {text}\n")
    assert value("retrieval.mode", recipe=path) == mode


@pytest.mark.parametrize("recipe", ["quick", "nano", "paper"])
def test_settings_go_through_a_record_unchanged(recipe: str) -> None:
    settings = build(recipe, {**DOMAIN, "corpus": ["a", "b"], "evaluation": {"tasks": "x,y", "shots": [0, 5]}})
    record = to_dict(settings)
    assert from_dict(record) == settings
    assert record["evaluation"]["shots"] == [0, 5]
    assert record["corpus"] == ["a", "b"]


def test_a_record_goes_through_yaml_unchanged() -> None:
    import yaml

    settings = build("paper", DOMAIN, ["training.learning_rate=1e-7"])
    assert from_dict(yaml.safe_load(yaml.safe_dump(to_dict(settings)))) == settings


def test_every_setting_can_be_set_by_its_own_key_and_value() -> None:
    settings = build("paper", DOMAIN)
    record = to_dict(settings)
    for key, default in record.items():
        inner = default if isinstance(default, dict) else {"": default}
        for name, setting in inner.items():
            text = ",".join(map(str, setting)) if isinstance(setting, list) else str(setting)
            assert build("paper", DOMAIN, [f"{key}.{name}".rstrip(".") + f"={text}"]) == settings
