"""The plug-in border with packages that pip really installed: good ones, and one for each way of being wrong.

Every folder beside this file is such a package. They are all installed together, so each test
also shows that broken siblings do not matter.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

from selfspec import AnswerFormat, DataError, Passage, PluginError, Seed, __version__
from selfspec.installed import Installed, discover, find, model_path
from selfspec.plugins import HOOKS, load_domain

PACKAGES = sorted(file.parent.name for file in Path(__file__).parent.glob("*/pyproject.toml"))
KNOWN = ", ".join(HOOKS)


def use(name: str) -> None:
    """What the pipeline does first with a domain."""
    domain = load_domain(name)
    domain.seeds()
    domain.prompts()
    domain.tasks()
    domain.metrics()


BROKEN = {
    "misspelt_hook": (
        "domain 'misspelt_hook' (selfspec-domain-misspelt-hook 1.0): 'selfspec_seed' is no hook. "
        f"Did you mean 'selfspec_seeds'? Known: {KNOWN}."
    ),
    "misspelt_prefix": (
        "domain 'misspelt_prefix' (selfspec-domain-misspelt-prefix 1.0): 'selfspce_card' is no hook. "
        f"Did you mean 'selfspec_card'? Known: {KNOWN}."
    ),
    "forgotten_marker": (
        "domain 'forgotten_marker' (selfspec-domain-forgotten-marker 1.0): hook 'selfspec_card' lacks its marker "
        "and would never be called. Put @selfspec.hookimpl above it."
    ),
    "value_for_hook": (
        "domain 'value_for_hook' (selfspec-domain-value-for-hook 1.0): hook 'selfspec_tasks' is a list, "
        "must be a function. Write @selfspec.hookimpl and def selfspec_tasks(context)."
    ),
    "missing_hook": (
        "domain 'missing_hook' (selfspec-domain-missing-hook 1.0): required hook 'selfspec_seeds' is missing. "
        "Implement it or add seeds.jsonl to the package."
    ),
    "import_failure": (
        "domain 'import_failure' (selfspec-domain-import-failure 1.0): importing 'selfspec_import_failure' failed: "
        "RuntimeError: no licence file. "
        "Mend the package or reinstall it: pip install --force-reinstall selfspec-domain-import-failure."
    ),
    "missing_module": (
        "domain 'missing_module' (selfspec-domain-entry-points 1.0): importing 'selfspec_nowhere' failed: "
        "ModuleNotFoundError: No module named 'selfspec_nowhere'. "
        "Mend the package or reinstall it: pip install --force-reinstall selfspec-domain-entry-points."
    ),
    "missing_attribute": (
        "domain 'missing_attribute' (selfspec-domain-entry-points 1.0): importing 'selfspec_entry_points:hoks' failed: "
        "AttributeError: module 'selfspec_entry_points' has no attribute 'hoks'. "
        "Mend the package or reinstall it: pip install --force-reinstall selfspec-domain-entry-points."
    ),
    "function": (
        "domain 'function' (selfspec-domain-entry-points 1.0): entry point 'selfspec_entry_points:hooks' "
        'is a function, must be a module. Write function = "selfspec_entry_points" in its pyproject.toml.'
    ),
    "no_init": (
        "domain 'no_init' (selfspec-domain-no-init 1.0): package 'selfspec_no_init' has no __init__.py. "
        "Add an empty one."
    ),
    "wrong_type": (
        "domain 'wrong_type' (selfspec-domain-wrong-type 1.0): hook 'selfspec_card' returned a dict. "
        "Return a selfspec DomainCard."
    ),
    "wrong_item": (
        "domain 'wrong_item' (selfspec-domain-wrong-item 1.0): hook 'selfspec_seeds' returned a dict as item 2. "
        "Return a list of selfspec Seed."
    ),
    "engine_range": (
        f"domain 'engine_range' (selfspec-domain-engine-range 1.0) asks for selfspec >=9, this is {__version__}. "
        "Install a matching one: pip install --upgrade selfspec selfspec-domain-engine-range."
    ),
    "card_name": (
        "domain 'card_name' (selfspec-domain-card-name 1.0): its card says name 'other_name'. "
        "Make the entry point and the card agree."
    ),
    "unknown_argument": (
        "domain 'unknown_argument' (selfspec-domain-unknown-argument 1.0): hook 'selfspec_card' takes "
        "the unknown argument 'config'. Known: context."
    ),
    "raising_hook": (
        "domain 'raising_hook' (selfspec-domain-raising-hook 1.0): hook 'selfspec_card' raised KeyError: 'name'. "
        "Mend the hook (--verbose shows the traceback)."
    ),
    "raising_generator": (
        "domain 'raising_generator' (selfspec-domain-raising-generator 1.0): hook 'selfspec_seeds' raised "
        "TypeError: no second seed. Mend the hook (--verbose shows the traceback)."
    ),
    "twin": (
        "domain 'twin' is given by 2 packages: selfspec-domain-twin-a 1.0 and selfspec-domain-twin-b 1.0. "
        "Uninstall one: pip uninstall selfspec-domain-twin-b."
    ),
}
BROKEN_FILES = {
    "broken_yaml": (
        "domain 'broken_yaml': {package}/domain.yaml:2: not YAML (mapping values are not allowed here). Mend the line."
    ),
    "seed_field": "domain 'seed_field': {package}/seeds.jsonl:2: field 'output' is missing. Add it.",
}
GOOD = ("tiny", "tiny_python")


@pytest.mark.usefixtures("border")
@pytest.mark.parametrize(("name", "message"), BROKEN.items(), ids=BROKEN)
def test_broken_package_is_refused_in_one_line(name: str, message: str) -> None:
    with pytest.raises(PluginError) as caught:
        use(name)
    assert str(caught.value) == message
    assert "\n" not in message
    assert caught.value.exit_code == 3


@pytest.mark.usefixtures("border")
@pytest.mark.parametrize(("name", "message"), BROKEN_FILES.items(), ids=BROKEN_FILES)
def test_broken_file_is_refused_in_one_line(name: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        use(name)
    spec = importlib.util.find_spec(f"selfspec_{name}")
    assert spec is not None
    assert str(caught.value) == message.format(package=Path(str(spec.origin)).parent)
    assert caught.value.exit_code == 4


@pytest.mark.usefixtures("border")
def test_discover_lists_all_and_imports_none() -> None:
    before = set(sys.modules)
    found = [
        entry for entry in discover() if entry.package.removeprefix("selfspec-domain-").replace("-", "_") in PACKAGES
    ]
    assert {entry.name for entry in found} == {*GOOD, *BROKEN, *BROKEN_FILES}
    assert len(found) == len({*GOOD, *BROKEN, *BROKEN_FILES}) + 1  # twin stands there twice
    assert [entry.name for entry in found] == sorted(entry.name for entry in found)
    imported = {name for name in set(sys.modules) - before if name.startswith("selfspec_")}
    assert not imported


@pytest.mark.usefixtures("border")
def test_every_package_here_is_tested() -> None:
    packages = {entry.package for entry in discover() if entry.name in {*GOOD, *BROKEN, *BROKEN_FILES}}
    assert packages == {f"selfspec-domain-{name.replace('_', '-')}" for name in PACKAGES}


@pytest.mark.usefixtures("border")
def test_find_reads_the_metadata() -> None:
    value = "selfspec_engine_range"
    wanted = Installed(
        name="tiny", package="selfspec-domain-good", version="1.0", engine=">=0.1", value="selfspec_good"
    )
    assert find("tiny") == wanted
    assert next(entry.engine for entry in discover() if entry.value == value) == ">=9"


@pytest.mark.usefixtures("border")
def test_a_domain_imports_no_sibling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "selfspec_good", raising=False)  # another test may have imported it
    before = set(sys.modules)
    use("tiny")
    assert {name for name in set(sys.modules) - before if name.startswith("selfspec_")} == {"selfspec_good"}


@pytest.mark.usefixtures("border")
def test_domain_without_python() -> None:
    domain = load_domain("tiny")
    card, (task,) = domain.card(), domain.tasks()
    assert (card.name, card.title, card.data_licenses, card.retrieval) == ("tiny", "Arithmetic", ("sums: CC0",), True)
    assert [seed.id for seed in domain.seeds()] == ["s1", "s2"]
    assert domain.seeds()[1] == Seed(
        id="s2", task="sums", instruction="Say what a sum is.", output="The result of an addition."
    )
    assert domain.prompts().passage == "Text: {passage}\n"
    assert "{instruction}" in domain.prompts().response  # left out in the file: the engine's
    assert domain.passages() == [
        Passage(id="p1", title="Two", text="Two is one and one."),
        Passage(id="p2", text="Three is two and one."),
    ]
    assert (task.name, task.answer, task.metrics) == (
        "sums",
        AnswerFormat(kind="label", labels=("2", "3")),
        ("accuracy",),
    )
    assert [(example.id, example.references, dict(example.meta)) for example in task.samples] == [
        ("e1", ("2",), {}),
        ("e2", ("3",), {"hard": True}),
    ]
    assert (task.splits, task.max_answer_tokens, task.version) == (("train", "test"), 4, 1)
    assert domain.metrics() == []


@pytest.mark.usefixtures("border")
@pytest.mark.parametrize("name", ["test.jsonl", "test.jsonl.gz"])
def test_domain_without_python_reads_original_files(tmp_path: Path, name: str) -> None:
    import gzip

    (tmp_path / "sums").mkdir()
    line = b'{"id": "t1", "input": "0, 2", "references": ["2"]}\n'
    (tmp_path / "sums" / name).write_bytes(gzip.compress(line) if name.endswith(".gz") else line)
    reader = load_domain("tiny").tasks()[0].reader
    assert reader is not None
    (example,) = reader(tmp_path, "test")
    assert (example.id, example.input) == ("t1", "0, 2")


@pytest.mark.usefixtures("border")
def test_user_corpus_takes_the_place_of_the_packaged_one(tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_text("mine " * 30)
    (passage,) = load_domain("tiny", corpus=[tmp_path / "own.txt"]).passages()
    assert passage.text.startswith("mine")


@pytest.mark.usefixtures("border")
def test_domain_in_python() -> None:
    domain = load_domain("tiny_python", seed=7)
    (metric,), (task,), retriever = domain.metrics(), domain.tasks(), domain.retriever()
    assert domain.card().expertise == "lexical"
    assert [seed.id for seed in domain.seeds()] == ["s7"]
    assert (metric.name, task.metrics) == ("same_length", ("same_length",))
    assert retriever is not None
    assert [(passage.id, score) for passage, score in retriever.search("two", 1)] == [("p1", 1.0)]
    assert domain.prompts().passage == "Passage:\n{passage}\n\n"


@pytest.mark.usefixtures("border")
def test_default_retriever_indexes_the_packaged_corpus(tmp_path: Path) -> None:
    retriever = load_domain("tiny", cache=tmp_path).retriever()
    assert retriever is not None
    assert retriever.search("three", 1)[0][0].id == "p2"


@pytest.mark.usefixtures("border")
def test_unknown_name_offers_the_nearest() -> None:
    names = sorted({entry.name for entry in discover()})
    with pytest.raises(PluginError) as caught:
        load_domain("tinny")
    assert str(caught.value) == f"no installed domain 'tinny'. Did you mean 'tiny'? Installed: {', '.join(names)}."
    with pytest.raises(PluginError) as caught:
        load_domain("astronomy")
    assert str(caught.value) == f"no installed domain 'astronomy'. Installed: {', '.join(names)}."


def test_nothing_installed_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("selfspec.installed.entry_points", lambda group: [])
    with pytest.raises(PluginError) as caught:
        find("law")
    assert str(caught.value) == "no installed domain 'law'. None is installed: pip install selfspec-domain-law."
    with pytest.raises(PluginError) as caught:
        model_path("nano")
    assert str(caught.value) == "no installed model 'nano'. None is installed: pip install selfspec-model-nano."


def test_half_removed_sibling_does_not_matter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pip, interrupted, leaves a dist-info without METADATA."""
    for number in (1, 2):
        folder = tmp_path / f"left{number}-1.0.dist-info"
        folder.mkdir()
        (folder / "entry_points.txt").write_text("[selfspec.domains]\nleft = left\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert "left" in {entry.name for entry in discover()}
