"""The gates: each fails below its bound and passes at it, and the first in the method's order is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from selfspec import jsonl
from selfspec.health import GATES, figures, first_failure

GOOD: dict[str, dict[str, Any]] = {
    "instructions": {"stage": "instructions", "candidates": 1000, "parsed": 900, "kept": 500},
    "responses": {"stage": "responses", "responses": 1000, "usable": 800, "distinct": 700},
    "training": {"stage": "training", "adapter_norm": 1.5},
}


def stages(iteration: int = 1, **changed: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"iteration": iteration, **good, **changed.get(stage, {})} for stage, good in GOOD.items()]


BOUNDS = {
    "share of list items that parse": ("instructions", {"parsed": 200, "kept": 150}, {"parsed": 199, "kept": 150}),
    "share of candidates kept": ("instructions", {"kept": 100}, {"kept": 99}),
    "share of usable responses": ("responses", {"usable": 300}, {"usable": 299}),
    "share of distinct responses": ("responses", {"distinct": 500}, {"distinct": 499}),
    "norm of the adapter": ("training", {"adapter_norm": 0.001}, {"adapter_norm": 0.0009}),
}


def test_every_gate_has_its_bound_here() -> None:
    assert [gate.name for gate in GATES] == list(BOUNDS)
    assert [gate.stage for gate in GATES] == [stage for stage, *_ in BOUNDS.values()]


@pytest.mark.parametrize("name", BOUNDS)
def test_a_gate_passes_at_its_bound_and_fails_below(name: str) -> None:
    stage, passing, failing = BOUNDS[name]
    assert first_failure(stages(**{stage: passing})) == ""
    said = first_failure(stages(**{stage: failing}))
    assert said.startswith(f"{stage} of iteration 1: {name} is ")


def test_all_well_says_nothing() -> None:
    assert first_failure(stages(1) + stages(2)) == ""
    assert first_failure([]) == ""


def test_the_message_has_figure_bound_and_advice() -> None:
    assert first_failure(stages(2, responses={"distinct": 480})) == (
        "responses of iteration 2: share of distinct responses is 0.48, should be at least 0.5; "
        "the base answers everything alike: its labels have collapsed"
    )
    near = first_failure(stages(responses={"distinct": 499}))
    assert "is 0.499, should be at least 0.5;" in near
    assert "is 0.0009, should be at least 0.001;" in first_failure(stages(training={"adapter_norm": 0.0009}))


def test_an_adapter_that_is_no_number_fails() -> None:
    said = first_failure(stages(training={"adapter_norm": float("nan")}))
    assert said.startswith("training of iteration 1: norm of the adapter is nan")


def test_nothing_at_all_fails_instead_of_dividing_by_zero() -> None:
    nothing = {"candidates": 0, "parsed": 0, "kept": 0}
    assert first_failure(stages(instructions=nothing)).startswith("instructions of iteration 1: share of list items")


def test_the_first_failure_in_the_methods_order_is_named() -> None:
    bad = {"responses": {"usable": 0, "distinct": 0}, "training": {"adapter_norm": 0.0}}
    assert first_failure(stages(**bad)).startswith("responses of iteration 1: share of usable")
    later = stages(1, training={"adapter_norm": 0.0}) + stages(2, instructions={"kept": 0})
    assert first_failure(later).startswith("training of iteration 1")


def test_figures_come_in_the_methods_order_over_ten_iterations(tmp_path: Path) -> None:
    for number in (10, 2, 1):
        for stage in ("training", "responses", "instructions"):
            jsonl.write(tmp_path / f"iteration-{number}" / f"{stage}.health.jsonl", [GOOD[stage]])
    (tmp_path / "iteration-2" / "training.health.jsonl").unlink()
    for other in ("iteration-1.bak", "iteration-x", "predictions"):
        (tmp_path / other).mkdir()
    found = [(record["iteration"], record["stage"]) for record in figures(tmp_path)]
    wanted = [(number, stage) for number in (1, 2, 10) for stage in GOOD]
    wanted.remove((2, "training"))
    assert found == wanted


def test_a_run_without_figures_is_silent(tmp_path: Path) -> None:
    assert first_failure(figures(tmp_path)) == ""
