"""The matrix's parts without a model: what is asked for, the control set, clean figures, the page."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from selfspec import jsonl, metrics, overlap
from selfspec.config import build
from selfspec.errors import ConfigError, DataError
from selfspec.evaluation import System
from selfspec.html.matrix import page
from selfspec.installed import discover
from selfspec.matrix.control import KINDS, control_tasks
from selfspec.matrix.places import control, parse_data, places
from selfspec.matrix.request import Blend, blends, experts, learnt, members, router_of
from selfspec.matrix.result import Entry, Judge, Matrix, routes
from selfspec.plugins import load_domain

SETTINGS = build("quick", {"domain": "-"})


@pytest.mark.parametrize(
    ("text", "parts", "method"),
    [
        ("a+b", (("a", 0.5), ("b", 0.5)), "cat"),
        ("0.6*a+0.4*b", (("a", 0.6), ("b", 0.4)), "cat"),
        ("a+-1*b@ties", (("a", 0.5), ("b", -1.0)), "ties"),
        ("b", (("b", 1.0),), "cat"),
    ],
)
def test_a_mix_is_read(text: str, parts: tuple[tuple[str, float], ...], method: str) -> None:
    blend = Blend.read(text, ["a", "b"])
    assert (blend.parts, blend.method) == (parts, method)
    assert "*" not in blend.system


@pytest.mark.parametrize("text", ["", "a+", "a+c", "nan*a", "x*a", "a++b"])
def test_a_mix_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--mix"):
        Blend.read(text, ["a", "b"])


def test_the_control_set_can_be_answered_and_belongs_to_no_domain() -> None:
    tasks = control_tasks()
    assert [task.name for task in tasks] == list(KINDS)
    assert sum(len(task.samples) for task in tasks) >= 30
    for task in tasks:
        assert len({example.id for example in task.samples}) == len(task.samples) > 5
        for example in task.samples:
            assert metrics.in_format(example.references[0], task.answer), example.id
            assert len(example.references[0].split()) <= task.max_answer_tokens / 2
    feelings = [example.references[0] for example in tasks[-1].samples]
    assert feelings.count("positive") == feelings.count("negative")
    items = [(t.name, e.id, f"{e.input} {e.references[0]}") for t in tasks for e in t.samples]
    for name in {entry.name for entry in discover()} & {"biomed", "finance", "sports"}:
        seeds = [(name, s.id, f"{s.input} {s.output}") for s in load_domain(name).seeds()]
        assert overlap.find(items, seeds) == []


def test_where_it_is_measured_is_checked() -> None:
    assert parse_data(["a=x=y", "b=z"]) == {"a": "x=y", "b": "z"}
    with pytest.raises(ConfigError, match="no domain to measure on"):
        places([], SETTINGS, {})
    with pytest.raises(ConfigError, match="'a' stands there twice"):
        places(["a", "a"], SETTINGS, {})
    with pytest.raises(DataError, match=r"no such folder of benchmark files\. Check --data a="):
        places(["a"], SETTINGS, {"a": "/nowhere"})
    assert control().shots_of([0, 1, 5]) == [0]


@pytest.fixture
def runs(tmp_path: Path, write_run: Callable[..., None], save_adapter: Callable[..., Path], tiny_folder: Path) -> Path:
    """Folders of adapters: one of a run, whose settings name domain, template and held-out tasks."""
    for number, (name, domain) in enumerate((("a", "sums"), ("b", "sums"), ("c", "sums+words"))):
        folder = tmp_path / name / "iteration-1"
        save_adapter(tiny_folder, folder / "adapter", number)
        form = "{settings: {domain: '%s', held_out: [sums]}, versions: {}, hashes: {}}\n"
        (tmp_path / name / "run.yaml").write_text(form % domain)
        rows = [{"id": f"{name}1", "instruction": "Say", "input": "it", "output": name}]
        jsonl.write(folder / "training.jsonl", rows)
    return tmp_path


def test_adapters_know_what_they_were_trained_on(runs: Path, sums: str, save_adapter: Callable[..., Path]) -> None:
    found = members([f"{name}={runs / name}" for name in "abc"])
    assert [m.domains for m in found] == [("sums",), ("sums",), ("sums", "words")]
    assert {domain: member.name for domain, member in experts(found).items()} == {"sums": "a"}
    assert blends([], found) == []  # one expert is no mix
    assert [b.label for b in blends(["a+c", "a+c"], found)] == ["a+c"]
    assert learnt(found) == {n: [(f"{n}1", f"Say it {n}")] for n in "abc"}
    plain = members([f"sums={runs / 'a' / 'iteration-1' / 'adapter'}"])
    assert plain[0].domains == ("sums",)
    with pytest.raises(DataError, match="no text to route by"):
        router_of(found)  # every seed is of a held-out task, and nothing was generated


def test_adapters_of_different_templates_are_refused(runs: Path) -> None:
    other = runs / "b" / "run.yaml"
    other.write_text(other.read_text().replace("held_out", "training: {template: chat}, held_out"))
    with pytest.raises(ConfigError, match="adapter 'b' was trained on template 'chat', 'a' on 'alpaca'"):
        members([f"{name}={runs / name}" for name in "ab"])


def answered(out: Path) -> Judge:
    """The control set answered by a base that says nothing and an adapter that knows everything but sums."""
    place = control()
    for item in place.items:
        for name in ("base", "knows"):
            right = name == "knows" and item.task.name != "sums"
            rows = [
                {"id": e.id, "prediction": e.references[0] if right else "?", "adapter": None} for e in item.examples
            ]
            jsonl.write(out / "general" / "predictions" / name / f"{item.task.name}.0shot.jsonl", rows)
    entries = [
        Entry(system="base", kind="base", domains=(), template="none"),
        Entry(system="knows", kind="adapter", domains=("law",), template="alpaca"),
    ]
    return Judge(out, SETTINGS, [place], entries, {}, {})


def test_scores_gains_and_clean_gains(tmp_path: Path) -> None:
    judge = answered(tmp_path)
    judge.flagged = {"general": {"copying": {e.id for e in judge.places[0].items[2].examples}}}
    base, knows = judge.cells()
    assert (base.f1, knows.f1, base.items) == (0, 75, 31)
    assert knows.tasks == {"everyday": 100, "sums": 0, "copying": 100, "feeling": 100}
    (versus,) = knows.versus
    assert versus.gain.mean == 75
    assert versus.clean
    assert versus.clean.mean == pytest.approx(200 / 3)  # copying is flagged as a whole
    (summary,) = judge.summaries()
    assert summary.own is None
    assert summary.interference
    assert summary.interference.mean == 75


def test_the_page_is_inert_and_complete(tmp_path: Path) -> None:
    judge = answered(tmp_path)
    entries = tuple(dataclasses.replace(e, system=e.system.replace("knows", "<b>knows")) for e in judge.entries)
    cells = tuple(dataclasses.replace(c, system="<b>knows") if c.system == "knows" else c for c in judge.cells())
    matrix = Matrix(
        model="<script>",
        domains={"general": "General"},
        sources={"general": {"sums": "packaged samples"}},
        systems=entries,
        cells=cells,
        summaries=(),
        routes={"general": {"base": 31}},
        overlap={"general": 1},
    )
    text = page(matrix)
    assert "<script>" not in text
    assert "&lt;b&gt;knows" in text
    assert "<b>knows" not in text
    assert "<b>75.0</b>" in text
    assert "1 item of general overlap" in text
    assert text.count("<svg") == 1


def test_routes_are_counted(tmp_path: Path) -> None:
    judge = answered(tmp_path)
    path = tmp_path / "general" / "predictions" / "knows" / "sums.0shot.jsonl"
    jsonl.write(path, [{**r, "adapter": "law"} for _, r in jsonl.read(path)])
    assert routes(tmp_path, judge.places, System("knows", ""), 0) == {"general": {"base": 23, "law": 8}}
