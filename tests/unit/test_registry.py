"""The registry: every problem of every entry at once, the generated files, and an index read without trust."""

from __future__ import annotations

import copy
import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from selfspec import DataError, PluginError
from selfspec.errors import ConfigError, ResourceError
from selfspec.registry import load, sources
from selfspec.registry.__main__ import main
from selfspec.registry.build import with_wheels
from selfspec.registry.entry import differences, entry_of
from selfspec.registry.validate import SCHEMA, validate

ROOT = Path(__file__).parents[2]
REGISTRY = ROOT / "registry"
HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
ENTRY: dict[str, Any] = {
    "name": "law",
    "package": "selfspec-domain-law",
    "version": "1.0",
    "repository": "https://example.org/ann/law",
    "summary": "Reading contracts, on two benchmarks.",
    "license": "Apache-2.0",
    "data_licenses": ["Clauses: CC BY 4.0"],
    "engine": ">=0.1,<0.2",
    "tasks": [{"name": "clause_type", "metrics": ["accuracy"]}],
    "adapters": [
        {
            "name": "nano-quick",
            "base": "nano",
            "base_sha256": HASH,
            "source": "law-nano",
            "sha256": HASH,
            "scores": {"clause_type": {"token_f1": 12.5}},
        }
    ],
    "files": [{"version": "1.0", "path": "selfspec_domain_law-1.0-py3-none-any.whl", "sha256": HASH}],
    "maintainers": [{"name": "Ann", "contact": "ann@example.org"}],
    "status": "active",
}


def entry(**changes: Any) -> dict[str, Any]:
    """A right entry with some fields changed; ``None`` removes one."""
    made = {**copy.deepcopy(ENTRY), **changes}
    return {key: value for key, value in made.items() if value is not None}


def named(name: str, /, **changes: Any) -> dict[str, Any]:
    """A right entry of another domain."""
    wheel = f"selfspec_domain_{name}-1.0-py3-none-any.whl"
    files = [{"version": "1.0", "path": wheel, "sha256": HASH}]
    return entry(**{"name": name, "package": f"selfspec-domain-{name}", "files": files, **changes})


@pytest.fixture
def registry(tmp_path: Path) -> Callable[..., Path]:
    """Write a registry of the given entries, by file name."""

    def write(**entries: Any) -> Path:
        root = tmp_path / "registry"
        (root / "domains").mkdir(parents=True)
        for name, record in entries.items():
            text = record if isinstance(record, str) else yaml.safe_dump(record, sort_keys=False)
            (root / "domains" / f"{name}.yaml").write_text(text)
        return root

    return write


def adapter(**changes: Any) -> list[dict[str, Any]]:
    return [{**ENTRY["adapters"][0], **changes}]


def file(**changes: Any) -> list[dict[str, Any]]:
    merged = {"version": "1.0", "path": "selfspec_domain_a-1.0-py3-none-any.whl", "sha256": HASH, **changes}
    return [{key: value for key, value in merged.items() if value is not None}]


BAD: dict[str, tuple[dict[str, Any], str, str]] = {
    "missing field": ({"license": None}, "license", "is missing. Write one line of text, at most 200 characters."),
    "unknown field": ({"licence": "MIT"}, "licence", "no field 'licence'. Did you mean 'license'? Known: name, "),
    "wrong type": ({"version": 1.0}, "version", '1.0, must be a version in quotes, such as "1.0".'),
    "name is not the file's": ({"name": "b"}, "name", "'b', but the file is a.yaml. Make them agree."),
    "engine range": ({"engine": "=>0.1"}, "engine", "'=>0.1' is no range of versions. Example: \">=0.1,<0.2\"."),
    "version": ({"version": "one"}, "version", "'one' is no version. Example: \"1.0\"."),
    "unknown status": ({"status": "retired"}, "status", "'retired', must be one of active, deprecated, withdrawn."),
    "no reason": ({"status": "withdrawn"}, "reason", "is missing. Write one line of text, at most 200 characters."),
    "unknown metric": (
        {"tasks": [{"name": "t", "metrics": ["acuracy"]}], "adapters": []},
        "tasks.0.metrics.0",
        "no metric 'acuracy'. Did you mean 'accuracy'? Known: token_f1, ",
    ),
    "a task twice": (
        {"tasks": [{"name": "t", "metrics": []}] * 2, "adapters": []},
        "tasks.1.name",
        "'t' stands twice. Remove one.",
    ),
    "sha256": ({"files": file(sha256=HASH[:-1])}, "files.0.sha256", "must be 64 lower-case hexadecimal digits"),
    "url and path": (
        {"files": file(url="https://example.org/a-1.0-py3-none-any.whl")},
        "files.0",
        "must be a wheel: version, sha256 and exactly one of url and path.",
    ),
    "path leaves": ({"files": file(path="../a.whl")}, "files.0.path", "must be the path of a wheel (*.whl) beside"),
    "not https": (
        {"files": file(path=None, url="http://example.org/x.whl")},
        "files.0.url",
        "must be the https address of a wheel (*.whl).",
    ),
    "wheel of another": (
        {"files": file(path="selfspec_domain_b-1.0-py3-none-any.whl")},
        "files.0.path",
        "is no wheel of selfspec-domain-a 1.0. Mend it.",
    ),
    "no wheel's name": ({"files": file(path="a.whl")}, "files.0.path", "'a.whl' is no wheel's name."),
    "version without file": ({"version": "2.0"}, "version", "'2.0' has no file. Add its wheel to files"),
    "licence": ({"license": "Apache 2"}, "license", "'Apache 2' is no SPDX expression. Example: Apache-2.0."),
    "no maintainers": ({"maintainers": []}, "maintainers", "[], must be a list with at least one {name, contact}."),
    "contact": ({"maintainers": [{"name": "Ann"}]}, "maintainers.0.contact", "is missing. Write one line of text"),
    "base hash": ({"adapters": adapter(base_sha256="abc")}, "adapters.0.base_sha256", "'abc', must be the hash"),
    "score": (
        {"adapters": adapter(scores={"clause_type": {"token_f1": 120}})},
        "adapters.0.scores.clause_type.token_f1",
        "120, must be points from 0 to 100.",
    ),
    "score of no task": (
        {"adapters": adapter(scores={"clauses": {"token_f1": 12}})},
        "adapters.0.scores.clauses",
        "no task 'clauses'. Did you mean 'clause_type'? Known: clause_type.",
    ),
    "repository": ({"repository": "./domains/none"}, "repository", "'./domains/none' holds no pyproject.toml."),
    "data licences": ({"data_licenses": "MIT"}, "data_licenses", "'MIT', must be a list with one line for each"),
    "no entry": ("- law\n", "", "['law'], must be an entry: a mapping of the fields in registry/README.md."),  # type: ignore[dict-item]
    "not YAML": ("name: [law\n", "", "line 2: not YAML ("),  # type: ignore[dict-item]
    "a key twice": ("name: a\nname: b\n", "", "line 1: the key 'name' stands twice. Remove one."),  # type: ignore[dict-item]
}


def bad(changes: Any) -> Any:
    return changes if isinstance(changes, str) else named("a", **changes)


@pytest.mark.parametrize(("changes", "field", "text"), BAD.values(), ids=BAD)
def test_a_bad_entry_is_reported_with_file_field_and_mend(
    changes: Any, field: str, text: str, registry: Callable[..., Path]
) -> None:
    root = registry(a=bad(changes))
    records, problems = validate(root)
    assert records == []
    assert [(problem.file, problem.field) for problem in problems] == [(str(root / "domains" / "a.yaml"), field)]
    assert text in problems[0].text
    assert problems[0].text.endswith(".")


def test_all_bad_entries_are_reported_in_one_pass(
    registry: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """Each kind in a file of its own, and all of them stand in one output."""
    kinds = {f"k{number}": case for number, case in enumerate(BAD.values())}
    entries = {}
    for name, (changes, _, _) in kinds.items():
        text = json.dumps(bad(changes)).replace("selfspec_domain_a", f"selfspec_domain_{name}")
        made = json.loads(text)
        if isinstance(made, dict):
            made |= {"name": name} if made["name"] == "a" else {}
            made |= {"package": f"selfspec-domain-{name}"}
        entries[name] = made
    root = registry(good=named("good"), **entries)
    assert main(["validate", "--root", str(root)]) == 4
    err = capsys.readouterr().err
    lines = err.splitlines()
    for name, (_, field, _) in kinds.items():
        place = f"{root}/domains/{name}.yaml:" + (f"{field}: " if field else "")
        assert any(line.startswith(place) for line in lines), place
    assert "good.yaml" not in err
    assert lines[-1].startswith(f"error: {root}: {len(BAD)} problem(s) in {len(BAD)} file(s)")


def test_two_problems_of_one_file_and_two_of_two(registry: Callable[..., Path]) -> None:
    twin = {**named("b"), "package": "selfspec-domain-a", "files": []}
    root = registry(a=named("a", license="Apache 2", status="gone"), b=twin, c=named("b", package="selfspec-domain-c"))
    (root / "domains" / "notes.txt").write_text("mine")
    _, problems = validate(root)
    assert [(Path(p.file).name, p.field) for p in problems] == [
        ("a.yaml", "license"),
        ("a.yaml", "status"),
        ("b.yaml", "package"),
        ("c.yaml", "files.0.path"),
        ("c.yaml", "name"),
        ("c.yaml", "name"),
        ("notes.txt", ""),
    ]
    assert "'selfspec-domain-a' is also that of a.yaml." in problems[2].text
    assert "'b' is also that of b.yaml." in problems[4].text


def test_own_metrics_and_deprecation_are_right(registry: Callable[..., Path]) -> None:
    own = {"metrics": ["cited"], "tasks": [{"name": "clause_type", "metrics": ["cited"]}]}
    records, problems = validate(registry(law=entry(**own, status="deprecated", reason="Use contracts.")))
    assert problems == []
    assert [record["name"] for record in records] == ["law"]


def test_a_folder_without_registry_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "--root", str(tmp_path)]) == 2
    assert "no registry (a folder domains/ of entries)" in capsys.readouterr().err


def test_build_writes_and_checks(registry: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    root = registry(law=entry(), old=named("old", status="withdrawn", reason="It leaks | items."))
    assert main(["build", "--root", str(root), "--check"]) == 4
    assert "stale: " in capsys.readouterr().err
    assert main(["build", "--root", str(root)]) == 0
    assert main(["build", "--root", str(root), "--check"]) == 0
    assert [e.name for e in load(str(root)).entries] == ["law", "old"]
    assert "| withdrawn: It leaks \\| items. |" in (root / "INDEX.md").read_text()
    (root / "INDEX.md").write_text("mine")
    assert main(["validate", "--root", str(root), "--check"]) == 4


def test_the_wheels_of_a_folder_become_files(tmp_path: Path) -> None:
    (tmp_path / "selfspec_domain_law-1.1-py3-none-any.whl").write_bytes(b"wheel")
    (tmp_path / "other-1.0-py3-none-any.whl").write_bytes(b"other")
    (made,) = with_wheels([entry()], tmp_path)
    new = tmp_path / "selfspec_domain_law-1.1-py3-none-any.whl"
    assert made["files"] == [*ENTRY["files"], {"version": "1.1", "path": new.name, "sha256": sources.sha256(new)}]


def test_the_generated_files_are_up_to_date() -> None:
    assert main(["build", "--root", str(REGISTRY), "--check"]) == 0
    assert (ROOT / "selfspec" / "registry" / "index.json").read_bytes() == (REGISTRY / "index.json").read_bytes()


def test_every_field_is_explained() -> None:
    schema = json.loads(SCHEMA.read_text())
    text = (REGISTRY / "README.md").read_text()
    assert all(f"`{field}`" in text for field in schema["properties"])
    assert "no endorsement" in text
    example = yaml.safe_load(text.partition("```yaml\n")[2].partition("```")[0])
    assert set(schema["required"]) == set(example)


@pytest.mark.parametrize("name", [path.name for path in sorted(ROOT.glob("domains/*")) if path.is_dir()])
def test_an_entry_says_what_its_package_says(name: str) -> None:
    written = yaml.safe_load((REGISTRY / "domains" / f"{name}.yaml").read_text())
    assert differences(written, entry_of(name)) == []
    project = tomllib.loads((ROOT / "domains" / name / "pyproject.toml").read_text())["project"]
    assert (written["package"], written["version"]) == (project["name"], project["version"])


def test_each_difference_between_entry_and_package_is_named() -> None:
    found = entry_of("sports")
    assert differences(found | {"engine": ",".join(reversed(found["engine"].split(",")))}, found) == []
    wrong = found | {"summary": "Ball games.", "tasks": found["tasks"][:1], "status": "deprecated"}
    said = differences(wrong, found)
    assert [line.partition(":")[0] for line in said] == ["summary", "tasks"]
    assert said[0] == f"summary: the entry says 'Ball games.', the package {found['summary']!r}"


def test_a_draft_is_right_when_its_gaps_are_filled_in(
    registry: Callable[..., Path], new_domain: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new_domain(python=True)
    wheel = tmp_path / "selfspec_domain_law-0.1.0-py3-none-any.whl"
    wheel.write_bytes(b"wheel")
    assert main(["entry", "law", "--wheel", str(wheel), "--url", "https://example.org/law/"]) == 0
    draft = capsys.readouterr().out
    _, problems = validate(registry(law=draft))
    assert [problem.field for problem in problems] == ["maintainers.0.contact", "maintainers.0.name", "repository"]
    record = yaml.safe_load(draft)
    assert (record["metrics"], record["license"]) == (["first_word"], "Apache-2.0")
    url = "https://example.org/law/" + wheel.name
    assert record["files"] == [{"version": "0.1.0", "url": url, "sha256": sources.sha256(wheel)}]


def test_a_draft_without_its_wheel_or_domain(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["entry", "sports", "--wheel", str(tmp_path / "x.whl")]) == 2
    assert capsys.readouterr().err.startswith(
        f"error: {tmp_path}/x.whl: no such wheel. Build it in the package's folder: "
    )
    assert main(["entry", "sprots"]) == 3
    with pytest.raises(SystemExit):
        main(["entry"])
    assert "entry needs a NAME" in capsys.readouterr().err


def index(tmp_path: Path, *records: Any, form: Any = 1) -> str:
    path = tmp_path / "index.json"
    path.write_text(json.dumps({"format": form, "domains": records}))
    return str(path)


UNTRUSTED = {
    "missing": ([entry(engine=None)], "domains.0: field 'engine' is missing. Mend the index."),
    "kind": ([entry(files={})], "domains.0.files: dict, must be a list. Mend the index."),
    "escape": ([entry(summary="\x1b[31mred")], "domains.0.summary: must be one line of text. Mend the index."),
    "name": ([entry(name="--user")], "domains.0.name: '--user' is no lower-case identifier. Mend the index."),
    "status": ([entry(status="fine")], "domains.0.status: 'fine', must be one of active, deprecated, withdrawn."),
    "engine": ([entry(engine="new")], "domains.0 (law): Invalid specifier: 'new'. Mend the index."),
    "scores": ([entry(adapters=adapter(scores={"t": 1}))], "scores: must be points by task and metric."),
    "twice": ([entry(), entry()], "two domains named 'law'. Give another --registry."),
    "object": ([[]], "domains.0: list, must be an object. Mend the index."),
}


@pytest.mark.parametrize(("records", "text"), UNTRUSTED.values(), ids=UNTRUSTED)
def test_a_damaged_index_is_refused_in_one_line(records: list[Any], text: str, tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        load(index(tmp_path, *records))
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_index_of_another_format_or_none(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"index of format 2, this engine reads 1\. Upgrade the engine"):
        load(index(tmp_path, form=2))
    (tmp_path / "index.json").write_text("<html>")
    with pytest.raises(DataError, match="not JSON"):
        load(str(tmp_path))
    (tmp_path / "index.json").write_text("[]")
    with pytest.raises(DataError, match="no index of domains"):
        load(f"file://{tmp_path}/index.json")
    with pytest.raises(DataError, match=r"nowhere: no such file\. Check the path\."):
        load("nowhere")
    with pytest.raises(ConfigError, match="of an unknown kind"):
        load("ftp://example.org/index.json")
    with pytest.raises(ResourceError, match=r"^http://127\.0\.0\.1:9/: cannot be read .*packaged index is read\.$"):
        load("http://127.0.0.1:9/")


def test_unknown_fields_of_a_newer_index_are_left_alone(tmp_path: Path) -> None:
    found = load(index(tmp_path, entry(stars=5)))
    assert found.get("law").files[0].version == "1.0"
    with pytest.raises(PluginError, match=r"no domain 'lav' in the index\. Did you mean 'law'\?"):
        found.get("lav")
    with pytest.raises(PluginError, match=r"no adapter 'nano' of domain 'law'.*Listed: nano-quick\."):
        found.get("law").adapter("nano")


def test_search_looks_into_names_summaries_and_tasks(tmp_path: Path) -> None:
    found = load(index(tmp_path, entry(), named("old", summary="Old things.", tasks=[])))
    assert [e.name for e in found.search("CLAUSE")] == ["law"]
    assert [e.name for e in found.search("things")] == ["old"]
    assert len(found.search()) == 2


@pytest.mark.parametrize("name", ["/etc/x.whl", "../x.whl", "a/../../x.whl", "file:///etc/x.whl", "", "..\\x.whl"])
def test_an_index_names_no_file_outside_its_folder(name: str) -> None:
    for where in ("/srv/index.json", "https://example.org/index.json"):
        with pytest.raises(DataError, match="nor a path beside the index"):
            sources.resolve(where, name)


def test_where_a_name_in_an_index_lies() -> None:
    assert sources.resolve("/srv/index.json", "w/x.whl") == "/srv/w/x.whl"
    assert sources.resolve("file:///srv/index.json", "x.whl") == "/srv/x.whl"
    assert sources.resolve("https://example.org/d/index.json", "x.whl") == "https://example.org/d/x.whl"
    assert sources.resolve("/srv/index.json", "https://example.org/x.whl") == "https://example.org/x.whl"
