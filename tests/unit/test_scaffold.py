"""`selfspec new`: the exact tree, what it refuses, and that what it writes passes its own tests."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from selfspec import ConfigError, __version__, scaffold
from selfspec.cli import invoke
from selfspec.domainfiles import examples_from_file, passages_from_file, seeds_from_file, tasks_from_folder
from selfspec.plugins import load_domain
from selfspec.testing import run_checks

TREE = {
    ".github/workflows/ci.yml",
    ".gitignore",
    "LICENSE",
    "README.md",
    "pyproject.toml",
    "selfspec_law/__init__.py",
    "selfspec_law/corpus.jsonl",
    "selfspec_law/domain.yaml",
    "selfspec_law/prompts.yaml",
    "selfspec_law/samples/note_check.jsonl",
    "selfspec_law/seeds.jsonl",
    "selfspec_law/tasks.yaml",
    "tests/test_conformance.py",
}
PYTHON = {
    "selfspec_law/metrics.py",
    "selfspec_law/readers.py",
    "selfspec_law/retriever.py",
    "tests/test_readers.py",
}


def tree(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(("options", "expected"), [([], TREE), (["--python"], TREE | PYTHON)], ids=["files", "python"])
def test_the_exact_tree(
    options: list[str], expected: set[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert invoke(["new", "law", "--dir", str(tmp_path), *options]) == 0
    package = tmp_path / "selfspec-domain-law"
    assert tree(package) == expected
    assert capfd.readouterr().out == f"{package}\n"
    assert [path.name for path in tmp_path.iterdir()] == [package.name]
    for path in expected:
        assert "@" not in (package / path).read_text().replace("@v4", "").replace("@v5", "").replace(
            "@hookimpl", ""
        ).replace("@staticmethod", "")


def test_a_name_of_two_words(tmp_path: Path) -> None:
    package = scaffold.write("family_law", tmp_path)
    assert package.name == "selfspec-domain-family-law"
    project = tomllib.loads((package / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["selfspec.domains"] == {"family_law": "selfspec_family_law"}
    assert project["dependencies"] == ["selfspec>=0.1,<0.2"], __version__
    assert "title: Family law\n" in (package / "selfspec_family_law" / "domain.yaml").read_text()


def test_what_the_files_hold(tmp_path: Path) -> None:
    folder = scaffold.write("law", tmp_path) / "selfspec_law"
    seeds, (task,) = seeds_from_file(folder / "seeds.jsonl"), tasks_from_folder(folder)
    assert 10 <= len(seeds) <= 15
    assert all("example" in seed.id for seed in seeds)
    assert len(list(passages_from_file(folder / "corpus.jsonl"))) == 10
    items = list(examples_from_file(folder / "samples" / "note_check.jsonl"))
    assert len(items) == len(task.samples) == 20
    assert sum(item.references == ("yes",) for item in items) == 10


REFUSED = {
    "Law": "'Law' cannot be a domain's name: no lower-case identifier, such as family_law. Try: law.",
    "2law": "'2law' cannot be a domain's name: no lower-case identifier, such as family_law. Try: law.",
    "family-law": (
        "'family-law' cannot be a domain's name: no lower-case identifier, such as family_law. Try: family_law."
    ),
    "class": "'class' cannot be a domain's name: no lower-case identifier, such as family_law.",
    "../law": "'../law' cannot be a domain's name: no lower-case identifier, such as family_law. Try: law.",
    "nano": "a package selfspec_nano is installed already. Choose another name, or uninstall it.",
}


@pytest.mark.parametrize(("name", "message"), REFUSED.items(), ids=REFUSED)
def test_a_bad_name_is_refused_in_one_line(
    name: str, message: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert invoke(["new", name, "--dir", str(tmp_path)]) == 2
    assert capfd.readouterr().err == f"error: {message}\n"
    assert list(tmp_path.iterdir()) == []


def test_an_existing_folder_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "selfspec-domain-law"
    folder.mkdir()
    with pytest.raises(ConfigError, match="exists already") as caught:
        scaffold.write("law", tmp_path)
    assert "\n" not in str(caught.value)
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("python", [False, True], ids=["files", "python"])
def test_it_passes_the_checks(python: bool, new_domain: Callable[..., Path]) -> None:
    new_domain(python)
    assert [
        (r.name, r.problems) for r in run_checks("law", run=False) if r.status != "ok" and r.name != "check_loop"
    ] == []
    domain = load_domain("law")
    assert [metric.name for metric in domain.metrics()] == (["first_word"] if python else [])
    assert (domain.tasks()[0].reader is not None) == python
    assert type(domain.retriever()).__name__ == ("SharedWords" if python else "BM25Retriever")


@pytest.mark.slow
def test_its_own_tests_pass(new_domain: Callable[..., Path], tmp_path: Path) -> None:
    """The author's one-file test, the run on a tiny model and the reader's tests, by pytest in its folder."""
    site = new_domain(python=True).parent
    environment = {**os.environ, "PYTHONPATH": str(site), "PYTEST_ADDOPTS": "-p no:cacheprovider"}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "tests"],
        cwd=tmp_path / "selfspec-domain-law",
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert "28 passed" in done.stdout
