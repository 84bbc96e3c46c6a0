"""The documentation says what the code does: generated parts, headings, codes, links, messages and the tutorial."""

from __future__ import annotations

import dataclasses
import importlib
import importlib.util
import inspect
import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from itertools import dropwhile
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import pages
import pytest

from selfspec import compare, config, errors, hookspecs, report
from selfspec.cli import cli
from selfspec.domain import REQUIRED
from selfspec.plugins import HOOKS, load_domain

ROOT = Path(__file__).resolve().parents[1]
DOCS = pages.pages()
FENCE = re.compile(r"^```(\w*) ?(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
"""A fenced block: its language, the file that it is, if any, and what stands in it."""
TUTORIAL = (ROOT / "docs" / "writing-a-domain.md").read_text(encoding="utf-8")


def module(path: Path) -> ModuleType:
    """Import a file that is in no package."""
    spec = importlib.util.spec_from_file_location(f"_docs_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = found
    spec.loader.exec_module(found)
    return found


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    return module(ROOT / "tools" / "docs.py")


def read(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def test_the_generated_parts_are_up_to_date(tool: ModuleType, capfd: pytest.CaptureFixture[str]) -> None:
    code = tool.main(["--check"])
    assert (code, capfd.readouterr().err) == (0, "")


def test_a_stale_part_is_found_and_mended(tool: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "docs").mkdir()
    for name in ("cli.md", "settings.md"):
        (tmp_path / "docs" / name).write_text(read(name))
    stale = tmp_path / "docs" / "cli.md"
    stale.write_text(stale.read_text().replace("End to end", "").replace("end to end", "somehow"))
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    assert tool.main(["--check"]) == 1
    assert tool.main([]) == 0
    assert stale.read_text() == read("cli.md")


def test_every_setting_has_a_row(tool: ModuleType) -> None:
    keys = set(tool._flat(config.to_dict(config.Settings(domain="-"))))
    assert set(re.findall(r"(?m)^\| `([\w.]+)` \| ", read("settings.md"))) == keys


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_has_its_heading_with_its_arguments(hook: str) -> None:
    arguments = ", ".join(inspect.signature(getattr(hookspecs, hook)).parameters)
    section = read("hooks.md").partition(f"\n### {hook}({arguments})\n")[2].partition("\n##")[0]
    assert all(f"- **{word}** " in section for word in ("Called", "Returns", "Default"))
    assert ("it is required" in section) == (hook in REQUIRED)
    assert f"def {hook}(" in section


def test_no_heading_of_a_hook_is_left_over() -> None:
    assert re.findall(r"(?m)^### (selfspec_\w+)\(", read("hooks.md")) == list(HOOKS)


def test_every_field_of_a_type_is_in_the_reference() -> None:
    rows = dict(re.findall(r"(?m)^\| `([A-Z]\w+)` \| (.+) \|$", read("hooks.md")))
    types = vars(importlib.import_module("selfspec.types"))
    for name, text in rows.items():
        assert {f.name for f in dataclasses.fields(types[name])} <= set(re.findall(r"`(\w+)", text)), name


def test_every_exit_code_is_that_of_its_class() -> None:
    rows = re.findall(r"(?m)^\| (\d+) \| `(\w+Error)` \| .+ \|$", read("cli.md"))
    found = {
        name: kind.exit_code
        for name, kind in vars(errors).items()
        if isinstance(kind, type) and issubclass(kind, errors.SelfspecError)
    }
    assert {name: int(code) for code, name in rows} == found


def test_every_import_contract_is_described() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    text = " ".join((ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").split())
    contracts = project["tool"]["importlinter"]["contracts"]
    assert [c["name"] for c in contracts if f"**{c['name']}**" not in text] == []
    (layers,) = (c["layers"] for c in contracts if c["type"] == "layers")
    rows = [", ".join(f"`{m.removeprefix('selfspec.')}`" for m in layer.split(" | ")) for layer in layers]
    assert "; ".join(rows) in text


def slug(heading: str) -> str:
    """GitHub's anchor of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


def links(path: Path) -> Iterator[str]:
    text = FENCE.sub("", path.read_text(encoding="utf-8"))
    yield from (target for target in re.findall(r"\]\(([^)\s]+)\)", text) if not re.match(r"[a-z]+:", target))


@pytest.mark.parametrize("path", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_relative_links_resolve(path: Path) -> None:
    for link in links(path):
        file, _, anchor = link.partition("#")
        target = path.parent / file if file else path
        assert target.exists(), link
        if anchor:
            headings = re.findall(r"(?m)^#+ (.+)$", FENCE.sub("", target.read_text(encoding="utf-8")))
            assert anchor in map(slug, headings), link


def test_the_site_builds_without_a_warning(tmp_path: Path) -> None:
    """What GitHub forgives and mkdocs does not: pages outside the navigation, anchors, links to folders."""
    pytest.importorskip("material", reason="mkdocs-material is not installed (the extra `docs`): no site is built")
    call = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(tmp_path)]
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "selfspec_law/domain.yaml</span>" in (tmp_path / "docs/writing-a-domain/index.html").read_text()
    assert not re.search(r'(src|href)="https?://[^"]*\.(js|css|woff2?)"', (tmp_path / "index.html").read_text())


def shown_commands() -> list[tuple[str, str]]:
    """Every ``$ selfspec ...`` line of the documentation, with its file."""
    found = []
    for path in DOCS:
        for language, _, body in FENCE.findall(path.read_text(encoding="utf-8")):
            lines = re.findall(r"(?m)^\$ (?:\w+=\S+ )?(selfspec .+)$", body) if language in ("console", "sh") else []
            found += [(str(path.relative_to(ROOT)), line) for line in lines]
    return found


@pytest.mark.parametrize(("file", "line"), shown_commands(), ids=lambda value: value)
def test_every_command_that_is_shown_is_understood(file: str, line: str) -> None:
    """Each is parsed, not run."""
    command: click.Command | None = cli
    words = shlex.split(re.split(r"  #| >", line)[0])[1:]
    while isinstance(command, click.Group):
        name, *words = dropwhile(lambda word: word.startswith("-"), words)
        command = command.get_command(click.Context(command), name)
    assert command is not None, file
    command.make_context(name, words)


@pytest.mark.parametrize("path", DOCS, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_path_of_a_machine(path: Path) -> None:
    assert not re.search(r"/(home|root|work|tmp|Users)/", path.read_text(encoding="utf-8"))


def refusals() -> list[re.Pattern[str]]:
    """The messages of docs/hooks.md, what varies as a wildcard."""
    section = read("hooks.md").partition("\n## Refusals\n")[2]
    lines = [line for language, _, body in FENCE.findall(section) if language == "text" for line in body.splitlines()]
    return [re.compile(re.sub(r"<[a-z]+>", ".*", re.escape(line))) for line in lines]


def known_messages() -> Iterator[str]:
    """Every message that the tests of the border and of the files expect word for word."""
    border = module(ROOT / "tests" / "plugins" / "test_border.py")
    files = module(ROOT / "tests" / "unit" / "test_domainfiles.py")
    yield from border.BROKEN.values()
    yield from border.BROKEN_FILES.values()
    for name in ("JSONL", "SEEDS", "PASSAGES", "EXAMPLES", "CARDS", "PROMPT_ERRORS", "TASKS"):
        yield from (case[-1] for case in getattr(files, name).values())


def test_every_known_refusal_is_documented() -> None:
    patterns = refusals()
    place = r"(domain '\w+': )?(\S*\.\w+|FILE)?(:\d+)?(: task ('[^']*'|\d+))?(:\w+)?:? ?"
    missing = [m for m in known_messages() if not any(re.fullmatch(place + p.pattern, m) for p in patterns)]
    assert missing == []


@pytest.mark.parametrize(
    "kind", [report.Report, report.Cell, report.Comparison, compare.Gain, compare.TaskGain], ids=lambda k: k.__name__
)
def test_every_field_of_the_report_is_documented(kind: Any) -> None:
    section = read("json.md").partition(f"\n### {kind.__name__}\n")[2].partition("\n##")[0]
    assert re.findall(r"(?m)^\| `(\w+)` \| ", section) == [field.name for field in dataclasses.fields(kind)]


def test_the_examples_of_records_are_json() -> None:
    blocks = [body for language, _, body in FENCE.findall(read("json.md")) if language in ("json", "jsonl")]
    assert len(blocks) > 10
    for body in blocks:
        for text in body.splitlines() if body.count("\n{") else [body]:
            json.loads(text)


def tutorial_steps() -> list[dict[str, str]]:
    """The files of the tutorial, by section; a later section adds to and replaces the earlier."""
    steps: list[dict[str, str]] = []
    for section in TUTORIAL.split("\n## ")[1:]:
        if found := {name: body for _, name, body in FENCE.findall(section) if name}:
            steps.append({**(steps[-1] if steps else {}), **found})
    return steps


def install(site: Path, files: dict[str, str]) -> None:
    """Write the package and its metadata the way pip does."""
    for name, body in files.items():
        path = site / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(body, encoding="utf-8")
    project = tomllib.loads(files["pyproject.toml"])["project"]
    info = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    info.mkdir()
    requires = "".join(f"Requires-Dist: {line}\n" for line in project["dependencies"])
    requires += f"License-Expression: {project['license']}\n"
    head = f"Metadata-Version: 2.4\nName: {project['name']}\nVersion: {project['version']}\n"
    (info / "METADATA").write_text(head + requires)
    entries = "".join(f"{k} = {v}\n" for k, v in project["entry-points"]["selfspec.domains"].items())
    (info / "entry_points.txt").write_text(f"[selfspec.domains]\n{entries}")


@pytest.fixture
def law(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A site folder for the tutorial's package, which is forgotten afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] == "selfspec_law"]:
        del sys.modules[name]


EXPECTED = [(0, 0), (3, 0), (3, 0), (3, 2), (3, 2)]
"""Passages and tasks after each section of the tutorial."""


@pytest.mark.parametrize(("step", "expected"), enumerate(EXPECTED))
def test_every_step_of_the_tutorial_loads(step: int, expected: tuple[int, int], law: Path) -> None:
    assert len(tutorial_steps()) == len(EXPECTED)
    install(law, tutorial_steps()[step])
    domain = load_domain("law")
    assert len(domain.seeds()) == 5
    assert (len(domain.passages()), len(domain.tasks())) == expected
    assert domain.card().retrieval == bool(domain.passages())
    assert domain.prompts().passage.startswith("From a handbook") == (step >= 2)


def test_the_tutorials_package_passes_the_checks_but_for_its_few_seeds(law: Path) -> None:
    from selfspec.testing import run_checks

    install(law, tutorial_steps()[-1])
    failed = {result.name: result.problems for result in run_checks("law", run=False) if result.problems}
    assert list(failed) == ["check_seeds_count"], failed


def test_the_tutorial_begins_with_ten_lines() -> None:
    first = tutorial_steps()[0]
    assert sum(first[f"selfspec_law/{name}"].count("\n") for name in ("domain.yaml", "seeds.jsonl")) == 10


def test_the_tutorials_reader_reads_skips_and_refuses(law: Path) -> None:
    install(law, tutorial_steps()[-1])
    task = load_domain("law").tasks()[0]
    assert task.reader is not None
    with pytest.raises(errors.MissingDataError):
        list(task.reader(law, "dev"))
    (law / "clauses").mkdir()
    file = law / "clauses" / "dev.csv"
    file.write_text('id,clause,kind\n1,"Pay, now.",payment\n2,Else,\n')
    example, skipped = task.reader(law, "dev")
    assert (example.id, example.input, example.references) == ("1", "Pay, now.", ("payment",))
    assert (skipped.where, skipped.reason) == (f"{file}:3", "no kind")
    file.write_text("id,clause,kind\n1,Pay.,paymnt\n")
    with pytest.raises(errors.DataError, match=r"dev\.csv:2:kind: 'paymnt', must be one of "):
        list(task.reader(law, "dev"))
