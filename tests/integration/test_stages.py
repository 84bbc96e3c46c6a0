"""The stages on a small random model and a small domain: everything but sense is real."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

import selfspec
from selfspec import ConfigError, DataError, ModelError, YieldError, jsonl
from selfspec.ablation import VARIANTS, ablate
from selfspec.cli import invoke
from selfspec.config import build
from selfspec.pipeline import opened
from selfspec.settings import Settings

SMALL = {
    "instructions": {"count": 8, "max_new_tokens": 24, "requests_per_block": 2},
    "responses": {"max_new_tokens": 10, "items_per_block": 4, "keep_unfinished": True},
    "retrieval": {"k": 2},
    "training": {"epochs": 2, "batch_size": 4, "micro_batch_size": 2, "checkpoint_steps": 2},
    "evaluation": {"items_per_block": 5, "shots": [0, 2]},
}


def settings_for(domain: str, model: Path, **values: Any) -> Settings:
    return build("quick", {"domain": domain, "model": str(model), **SMALL, **values})


def write_instructions(out: Path, settings: Settings, count: int = 8) -> None:
    """Stand in for stage 1, which a random model cannot do."""
    with opened(settings, out) as session:
        folder = session.run.iteration(1)
    records = [
        {
            "id": f"i1-{i}",
            "instruction": f"Say what {i} and two make.",
            "input": f"{i}, 2",
            "seeds": ["s1"],
            "similarity": 0.0,
        }
        for i in range(count)
    ]
    health = {"stage": "instructions", "candidates": count, "kept": count, "parsed": count, "refused": {}}
    jsonl.write(folder / "instructions.health.jsonl", [health])
    jsonl.write(folder / "instructions.jsonl", records)


@pytest.fixture
def ready(tmp_path: Path, sums: str, tiny_folder: Path) -> tuple[Path, Settings]:
    """A run directory whose instructions are written."""
    settings = settings_for(sums, tiny_folder)
    write_instructions(tmp_path / "run", settings)
    return tmp_path / "run", settings


def records(path: Path) -> list[dict[str, Any]]:
    return [record for _, record in jsonl.read(path)]


@pytest.mark.slow
def test_a_run_goes_to_its_end_and_is_shown_again(
    ready: tuple[Path, Settings], capfd: pytest.CaptureFixture[str]
) -> None:
    out, settings = ready
    report = selfspec.run(settings=settings, out=out)
    assert {c.system for c in report.cells} == {"base", "base+alpaca", "specialised"}
    assert {c.shots for c in report.cells} == {0, 2}
    assert report.gain.tasks[0].task == "sums"
    responses = records(out / "iteration-1" / "responses.jsonl")
    assert [len(r["passages"]) for r in responses] == [2] * 8
    assert all(sum(p["posterior"] for p in r["passages"]) == pytest.approx(1, abs=1e-3) for r in responses)
    log = records(out / "iteration-1" / "training.log.jsonl")
    assert [entry["step"] for entry in log] == list(range(1, 9))
    assert log[-1]["loss"] < log[0]["loss"]
    again = selfspec.run(settings=settings, out=out)
    assert again == report
    assert invoke(["run", "--domain", "sums", "--out", str(out)]) == 2  # other settings than the run's
    assert "made with " in capfd.readouterr().err


@pytest.mark.slow
def test_stages_alone_make_the_same_bytes_as_a_run(ready: tuple[Path, Settings], tmp_path: Path) -> None:
    out, settings = ready
    write_instructions(tmp_path / "other", settings)
    selfspec.run(settings=settings, out=out)
    for stage in ("respond", "train", "eval"):
        selfspec.stage(stage, settings, tmp_path / "other")
    assert contents(tmp_path / "other") == contents(out)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file's bytes but those of the clock and the lock."""
    files = (p for p in folder.rglob("*") if p.is_file() and p.name not in ("costs.jsonl", "lock"))
    return {str(p.relative_to(folder)): p.read_bytes() for p in files}


def test_the_record_holds_settings_versions_and_hashes(ready: tuple[Path, Settings]) -> None:
    out, settings = ready
    record = yaml.safe_load((out / "run.yaml").read_text())
    assert record["settings"]["training"]["epochs"] == 2
    assert record["versions"]["torch"].startswith("2.")
    assert len(record["hashes"]["domain"]) == 64
    assert settings.seed == record["settings"]["seed"]


def test_a_stage_without_the_one_before_says_which(tmp_path: Path, sums: str, tiny_folder: Path) -> None:
    settings = settings_for(sums, tiny_folder)
    with pytest.raises(DataError, match=r"no instructions\.jsonl\. Run `selfspec generate` first"):
        selfspec.stage("respond", settings, tmp_path / "run")
    with pytest.raises(DataError, match=r"no responses\.jsonl\. Run `selfspec respond` first"):
        selfspec.stage("train", settings, tmp_path / "run")


def test_a_base_that_writes_no_list_stops_with_the_reasons(tmp_path: Path, sums: str, tiny_folder: Path) -> None:
    settings = settings_for(sums, tiny_folder)
    with pytest.raises(YieldError, match=r"instructions: 0 kept of 80 tasks asked for in 4 requests; refused: \{"):
        selfspec.stage("generate", settings, tmp_path / "run")
    assert (tmp_path / "run" / "iteration-1" / "requests.jsonl.part").exists()  # nothing is lost


def test_a_prompt_that_cannot_fit_the_context_says_what_to_lower(tmp_path: Path, sums: str, tiny_folder: Path) -> None:
    values = {**SMALL, "instructions": {"max_new_tokens": 2000}}
    settings = build("quick", {"domain": sums, "model": str(tiny_folder), **values})
    with pytest.raises(
        ModelError, match=r"the instruction prompt with 3 seeds does not fit: the context of .* is 2048"
    ):
        selfspec.stage("generate", settings, tmp_path / "run")


def test_a_loss_that_is_no_number_stops_training(ready: tuple[Path, Settings], monkeypatch: pytest.MonkeyPatch) -> None:
    out, _ = ready
    folder = out / "iteration-1"
    jsonl.write(
        folder / "responses.jsonl",
        [{"id": f"r{i}", "instruction": "Add.", "input": "1", "response": "2", "fault": ""} for i in range(8)],
    )
    (out / "run.yaml").write_text(
        (out / "run.yaml").read_text().replace("learning_rate: 0.001", "learning_rate: 1.0e+30")
    )
    with pytest.raises(ModelError, match=r"training: the loss is nan at step \d+. Lower training.learning_rate"):
        selfspec.stage("train", _settings(out), out)


def _settings(out: Path) -> Settings:
    from selfspec.rundir import settings_of

    return settings_of(out)


def test_eval_without_an_adapter_measures_the_base(
    tmp_path: Path, sums: str, tiny_folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    code = invoke(["eval", "-d", sums, "-m", str(tiny_folder), "-o", str(tmp_path / "run"), "--limit", "4", "--json"])
    assert code == 0
    report = json.loads(capfd.readouterr().out)
    assert {cell["system"] for cell in report["cells"]} == {"base", "base+alpaca"}
    assert {cell["items"] for cell in report["cells"]} == {4}
    assert report["comparisons"] == []


@pytest.mark.slow
def test_the_second_iteration_generates_with_the_first_adapter(ready: tuple[Path, Settings]) -> None:
    out, settings = ready
    import dataclasses

    two = dataclasses.replace(
        settings, iterations=2, contrast=dataclasses.replace(settings.contrast, new_instructions=False)
    )
    (out / "run.yaml").unlink()
    report = selfspec.run(settings=two, out=out)
    assert {c.system for c in report.cells} >= {"specialised-1", "specialised-2"}
    second = records(out / "iteration-2" / "responses.jsonl")
    assert [r["id"] for r in second] == [r["id"] for r in records(out / "iteration-1" / "responses.jsonl")]
    assert (out / "iteration-2" / "adapter" / "adapter_model.safetensors").exists()


@pytest.mark.slow
def test_an_iteration_that_does_not_help_is_the_last(
    ready: tuple[Path, Settings], capfd: pytest.CaptureFixture[str]
) -> None:
    out, settings = ready
    import dataclasses

    three = dataclasses.replace(
        settings,
        iterations=3,
        stop_early=True,
        contrast=dataclasses.replace(settings.contrast, new_instructions=False),
        training=dataclasses.replace(settings.training, learning_rate=1e-12),  # learns nothing, so gains nothing
    )
    (out / "run.yaml").unlink()
    report = selfspec.run(settings=three, out=out)
    assert {c.system for c in report.cells} == {"base", "base+alpaca", "specialised-1"}
    verdict = json.loads((out / "iteration-1" / "stop.json").read_text())
    assert verdict | {"helps": False, "gain": 0.0, "against": "base"} == verdict
    assert "gains +0.0 F1 on the packaged samples: no further iteration" in capfd.readouterr().err
    before = contents(out)
    assert selfspec.run(settings=three, out=out) == report
    assert contents(out) == before


@pytest.mark.slow
def test_training_on_a_4_bit_base(tmp_path: Path, sums: str, tiny_folder: Path) -> None:
    settings = settings_for(sums, tiny_folder, quantize="nf4")
    write_instructions(tmp_path / "run", settings)
    selfspec.stage("respond", settings, tmp_path / "run")
    adapter = selfspec.stage("train", settings, tmp_path / "run")
    (health,) = records(tmp_path / "run" / "iteration-1" / "training.health.jsonl")
    assert isinstance(adapter, Path)
    assert health["adapter_norm"] > 0
    assert health["reload_difference"] < 0.1


def test_eval_puts_any_number_of_systems_side_by_side(
    tmp_path: Path, sums: str, tiny_folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    model = str(tiny_folder)
    args = ["eval", "-d", sums, "-m", model, "-m", model, "--template", "none", "--template", "alpaca", "--limit", "3"]
    assert invoke([*args, "-o", str(tmp_path / "run"), "--json"]) == 0
    report = json.loads(capfd.readouterr().out)
    names = {cell["system"] for cell in report["cells"]}
    assert len(names) == 4
    assert {c["against"] for c in report["comparisons"]} == {"base", "base+alpaca"}
    by_name = {cell["system"]: cell["scores"]["token_f1"] for cell in report["cells"]}
    other = next(name for name in names if name.endswith("-alpaca"))
    assert by_name[other] == by_name["base+alpaca"]  # the same model, however it is named


def test_eval_refuses_systems_that_do_not_match_in_number(sums: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert (
        invoke(["eval", "-d", sums, "-m", "a", "-m", "b", "-m", "c", "--template", "none", "--template", "alpaca"]) == 2
    )
    assert "2 --template for 3 systems. Give one for all of them, or one each." in capfd.readouterr().err


VARIED = ("no-passages", "top-1", "iteration-2-same-instructions", "iteration-2-new-instructions-plausible")


@pytest.mark.slow
def test_variants_of_an_ablation_share_what_does_not_differ_and_a_failed_one_is_a_result(
    tmp_path: Path, sums: str, tiny_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evaluation = {"items_per_block": 5, "resamples": 50, "systems": [f"{tiny_folder}@dromedary"]}
    settings = settings_for(sums, tiny_folder, evaluation=evaluation)
    write_instructions(tmp_path / "no-passages", VARIANTS["no-passages"](settings))
    rows = ablate(settings, tmp_path, VARIED)
    assert [row.variant for row in rows] == list(VARIED)
    assert json.loads((tmp_path / "ablation.json").read_text()) == json.loads(
        json.dumps([dataclasses.asdict(row) for row in rows])
    )
    for file in ("iteration-1/instructions.jsonl", "predictions/base/sums.0shot.jsonl"):
        assert (tmp_path / "top-1" / file).read_bytes() == (tmp_path / "no-passages" / file).read_bytes()
    first, other, second, failed = rows
    assert first.over_first is None is failed.over_first
    assert other.over_first is not None is not second.over_first
    assert other.mean_f1 - first.mean_f1 == pytest.approx(other.over_first.mean)  # type: ignore[operator]
    assert (failed.mean_f1, failed.gain) == (None, None)
    assert failed.failed.startswith("instructions: 0 kept")  # a random model writes no lists
    with pytest.raises(ConfigError, match="no-passages: made with seed=0, now 1"):
        ablate(dataclasses.replace(settings, seed=1), tmp_path, ("top-1",))
    with pytest.raises(YieldError, match="instructions: 0 kept"):
        ablate(settings, tmp_path / "alone", VARIED[-1:])
    assert invoke(["ablate", "--domain", sums, "--variant", "top-9"]) == 2
    assert "no variant 'top-9'. Did you mean 'top-" in capsys.readouterr().err
