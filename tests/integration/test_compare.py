"""``selfspec compare`` on a small random model: two domains, two adapters, a mix and the router."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from selfspec import jsonl, models
from selfspec.cli import invoke
from selfspec.matrix import runner

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def ready(tmp_path: Path, two_domains: Path, tiny_folder: Path, save_adapter: Callable[..., Path]) -> list[str]:
    """Two installed domains with an adapter each; returns the arguments that compare them."""
    args = ["compare", "--domains", "sums,words", "-o", str(tmp_path / "out"), "--json"]
    for number, name in enumerate(("sums", "words")):
        args += ["--adapter", f"{name}={save_adapter(tiny_folder, tmp_path / name, number)}"]
    return args


def run(args: list[str], capfd: Capture) -> dict[str, Any]:
    capfd.readouterr()
    assert invoke(args) == 0
    matrix: dict[str, Any] = json.loads(capfd.readouterr().out)
    return matrix


def predictions(out: Path, place: str, system: str, task: str = "sums") -> list[dict[str, Any]]:
    return [r for _, r in jsonl.read(out / place / "predictions" / system / f"{task}.0shot.jsonl")]


def files(out: Path) -> dict[str, bytes]:
    kept = (p for p in out.rglob("*") if p.is_file() and p.name not in ("lock", "costs.jsonl"))
    return {str(p.relative_to(out)): p.read_bytes() for p in kept}


def test_every_system_on_every_domain_and_the_same_as_eval(
    ready: list[str], tmp_path: Path, tiny_folder: Path, capfd: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    loads: list[str] = []
    original = models.load_base

    def counted(name: str, quantize: Any = "none") -> Any:
        loads.append(name)
        return original(name, quantize)

    monkeypatch.setattr(runner, "load_base", counted)
    monkeypatch.setattr("selfspec.mixing.bases.load_base", counted)
    out = tmp_path / "out"
    matrix = run([*ready, "--route"], capfd)
    assert len(loads) == 1  # mixes are made and checked on the base that is there
    names = ["base", "base+alpaca", "sums", "words", "mix-sums+words", "router"]
    assert [s["system"] for s in matrix["systems"]] == names
    assert list(matrix["domains"]) == ["sums", "words", "general"]
    assert {(c["system"], c["domain"]) for c in matrix["cells"]} == {(s, d) for s in names for d in matrix["domains"]}
    assert (out / "matrix.html").read_text().count("<svg") == 3
    # the oracle: the same adapter alone, by `selfspec eval`
    model = str(tiny_folder)
    alone = ["eval", "-d", "words", "-m", model, "--adapter", "-", "--adapter", str(tmp_path / "sums")]
    assert invoke([*alone, "--template", "alpaca", "-o", str(tmp_path / "eval"), "--json"]) == 0
    (folder,) = [p for p in (tmp_path / "eval" / "predictions").iterdir() if p.name.endswith("sums-alpaca")]
    expected = [r["prediction"] for _, r in jsonl.read(folder / "sums.0shot.jsonl")]
    assert [r["prediction"] for r in predictions(out, "words", "sums")] == expected
    assert [r["prediction"] for r in predictions(out, "words", "base+alpaca")] != expected
    # the router: each item by its own text, the same answer as that adapter gives
    for place in ("sums", "words", "general"):
        task = "everyday" if place == "general" else "sums"
        routed, by_name = predictions(out, place, "router", task), {}
        for name in ("sums", "words", None):
            by_name[name] = predictions(out, place, name or "base+alpaca", task)
        for i, record in enumerate(routed):
            assert record["prediction"] == by_name[record["adapter"]][i]["prediction"]
    assert {r["adapter"] for r in predictions(out, "words", "router")} == {"words"}
    assert matrix["routes"]["words"] == {"words": 3}
    assert sum(matrix["routes"]["general"].values()) == 31
    assert matrix["routes"]["general"]["base"] > 10


def put(out: Path, place: str, system: str, task: str, answers: list[str]) -> None:
    """Give a system other answers; a random model knows none."""
    records = predictions(out, place, system, task)
    changed = [{**r, "prediction": answers[i % len(answers)]} for i, r in enumerate(records)]
    jsonl.write(out / place / "predictions" / system / f"{task}.0shot.jsonl", changed)


def test_gain_and_interference_are_differences_of_the_scores(ready: list[str], tmp_path: Path, capfd: Capture) -> None:
    run(ready, capfd)
    out = tmp_path / "out"
    put(out, "words", "words", "sums", ["7"])
    put(out, "words", "sums", "sums", ["7", "8"])
    put(out, "words", "base+alpaca", "sums", ["8", "7", "8"])
    put(out, "general", "base", "feeling", ["positive"])
    matrix = run(ready, capfd)
    f1 = {(c["system"], c["domain"]): c["f1"] for c in matrix["cells"]}
    for cell in matrix["cells"]:
        against = [v["against"] for v in cell["versus"]]
        bases = [b for b in ("base", "base+alpaca") if b != cell["system"]]
        own = [cell["domain"]] if cell["domain"] not in ("general", cell["system"]) else []
        assert against == bases + own
        for versus in cell["versus"]:
            expected = f1[cell["system"], cell["domain"]] - f1[versus["against"], cell["domain"]]
            assert versus["gain"]["mean"] == pytest.approx(expected, abs=1e-3)
            assert versus["gain"]["low"] <= versus["gain"]["mean"] <= versus["gain"]["high"]
    (own,) = [s for s in matrix["summaries"] if (s["system"], s["against"]) == ("words", "base")]
    assert f1["words", "words"] == 100
    assert [f1["sums", "words"], f1["base+alpaca", "words"]] == pytest.approx([66.667, 33.333], abs=0.01)
    assert f1["base", "general"] == 12.5  # half of one task of four
    assert own["own"]["mean"] == 100
    assert own["interference"]["mean"] == pytest.approx(-10)  # half of one task of five
    assert [t["task"] for t in own["own"]["tasks"]] == ["words/sums"]
    elsewhere = ["sums/sums", *(f"general/{t}" for t in ("everyday", "sums", "copying", "feeling"))]
    assert [t["task"] for t in own["interference"]["tasks"]] == elsewhere
    (mixed,) = [s for s in matrix["summaries"] if (s["system"], s["against"]) == ("mix-sums+words", "base")]
    assert [t["task"] for t in mixed["own"]["tasks"]] == ["sums/sums", "words/sums"]


def test_it_goes_on_where_it_stopped_with_the_same_bytes(
    ready: list[str], tmp_path: Path, capfd: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, before = run(ready, capfd), files(tmp_path / "out")
    (tmp_path / "out" / "words" / "predictions" / "words" / "sums.0shot.jsonl").unlink()
    (tmp_path / "out" / "matrix.json").unlink()
    assert run(ready, capfd) == first
    assert files(tmp_path / "out") == before

    def refuse(*_: Any) -> None:
        raise AssertionError("the base was loaded although nothing was missing")

    monkeypatch.setattr(runner, "load_base", refuse)
    assert run(ready, capfd) == first


def refused(args: list[str], capfd: Capture) -> str:
    capfd.readouterr()
    assert invoke(args) != 0
    (line,) = [line for line in capfd.readouterr().err.splitlines() if line.startswith("error: ")]
    return line


def test_bad_requests_are_refused_in_one_line(
    ready: list[str], tmp_path: Path, tiny_folder: Path, capfd: Capture
) -> None:
    adapter = ["--adapter", f"sums={tmp_path / 'sums'}"]
    start = ["compare", "--domains", "sums", "-o", str(tmp_path / "new")]
    assert "no adapter to compare. Example: --adapter" in refused(start, capfd)
    assert "no adapter 'sms'. Did you mean 'sums'?" in refused([*start, *adapter, "--mix", "sms+sums"], capfd)
    assert "weight 'x' is no number" in refused([*start, *adapter, "--mix", "x*sums"], capfd)
    assert "'words' is not among --domains sums" in refused([*start, *adapter, "--data", "words=x"], capfd)
    assert "must be DOMAIN=DIR" in refused([*start, *adapter, "--data", "x"], capfd)
    assert "two adapters are named 'sums'" in refused([*start, *adapter, *adapter], capfd)
    assert "two systems are named 'base'" in refused([*start, "--adapter", f"base={tmp_path / 'sums'}"], capfd)
    assert "no adapter's domain is known" in refused(
        [*start, "--adapter", f"other={tmp_path / 'sums'}", "--route"], capfd
    )


def test_another_adapter_of_the_same_name_is_refused(
    ready: list[str], tmp_path: Path, tiny_folder: Path, save_adapter: Callable[..., Path], capfd: Capture
) -> None:
    run(ready, capfd)
    save_adapter(tiny_folder, tmp_path / "words", 7)
    assert "made with another adapter words" in refused(ready, capfd)


@pytest.mark.slow
def test_the_token_router_is_a_row_and_is_trained_once(ready: list[str], tmp_path: Path, capfd: Capture) -> None:
    matrix = run([*ready, "--token-route"], capfd)
    assert [s["system"] for s in matrix["systems"]][-1] == "token-router"
    gate = (tmp_path / "out" / "token-router" / "gate.safetensors").read_bytes()
    said = [r["prediction"] for r in predictions(tmp_path / "out", "words", "token-router")]
    assert said != [r["prediction"] for r in predictions(tmp_path / "out", "words", "base+alpaca")]
    (tmp_path / "out" / "words" / "predictions" / "token-router" / "sums.0shot.jsonl").unlink()
    assert run([*ready, "--token-route"], capfd) == matrix
    assert (tmp_path / "out" / "token-router" / "gate.safetensors").read_bytes() == gate
    assert [r["prediction"] for r in predictions(tmp_path / "out", "words", "token-router")] == said
