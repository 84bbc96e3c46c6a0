"""The paired bootstrap: what it must give exactly, and how often its intervals are right."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from selfspec.compare import _student, compare
from selfspec.errors import DataError

Draw = Callable[[np.random.Generator, int], tuple[np.ndarray, np.ndarray]]


def test_equal_systems_gain_exactly_nothing() -> None:
    scores = {"a": [0.0, 1.0, 0.3], "b": [0.5] * 7}
    gain = compare(scores, scores)
    assert (gain.mean, gain.low, gain.high, gain.median, gain.better) == (0, 0, 0, 0, 0)
    assert gain.leave_one_out == (0, 0)
    assert [(t.task, t.mean, t.low, t.high, t.verdict) for t in gain.tasks] == [
        ("a", 0, 0, 0, "no change"),
        ("b", 0, 0, 0, "no change"),
    ]


def test_a_constant_shift_is_the_whole_interval() -> None:
    base = np.random.default_rng(0).uniform(0, 0.8, 50)
    gain = compare({"a": base}, {"a": base + 0.125})
    assert (gain.mean, gain.low, gain.high) == pytest.approx((12.5, 12.5, 12.5))
    assert gain.tasks[0].verdict == "improved"
    assert compare({"a": base + 0.125}, {"a": base}).tasks[0].verdict == "regressed"
    assert compare({"a": base + 0.001}, {"a": base}).tasks[0].verdict == "regressed"


def test_a_known_shift_lies_inside_the_interval_and_zero_outside() -> None:
    rng = np.random.default_rng(1)
    base = {name: rng.uniform(0, 0.5, 200) for name in "abc"}
    other = {name: np.clip(scores + rng.normal(0.2, 0.1, 200), 0, 1) for name, scores in base.items()}
    gain = compare(base, other)
    assert 0 < gain.low < 20 < gain.high
    assert gain.high - gain.low < 3
    assert all(task.low < task.mean < task.high and task.verdict == "improved" for task in gain.tasks)


def constant_gains(*gains: float) -> tuple[dict[str, list[float]], dict[str, list[float]]]:
    """Tasks whose every item gains so many points."""
    base = {f"t{i}": [0.5] * (30 + i) for i in range(len(gains))}
    return base, {f"t{i}": [0.5 + gain / 100] * (30 + i) for i, gain in enumerate(gains)}


def test_mean_median_and_leave_one_out_weigh_tasks_equally() -> None:
    gain = compare(*constant_gains(40, -10, 0, 2))
    assert gain.mean == pytest.approx(8)
    assert gain.median == pytest.approx(1)
    assert gain.leave_one_out == pytest.approx((-8 / 3, 14))
    assert gain.better == 2
    assert [task.verdict for task in gain.tasks] == ["improved", "regressed", "no change", "improved"]


def test_one_task_has_nothing_to_leave_out() -> None:
    gain = compare(*constant_gains(40))
    assert gain.leave_one_out == pytest.approx((40, 40))


def test_the_same_seed_gives_the_same_numbers_and_another_others() -> None:
    rng = np.random.default_rng(2)
    base, other = {"a": rng.random(40)}, {"a": rng.random(40)}
    assert compare(base, other, seed=3) == compare(base, other, seed=3)
    assert compare(base, other, seed=3).low != compare(base, other, seed=4).low


def test_pairing_is_used() -> None:
    """The same two sets of scores, paired well and badly: only the interval may differ."""
    base = np.random.default_rng(3).random(100)
    well, badly = compare({"a": base}, {"a": base + 0.01}), compare({"a": base}, {"a": base[::-1] + 0.01})
    assert well.mean == pytest.approx(badly.mean)
    assert well.high - well.low < 1e-9 < 5 < badly.high - badly.low


def test_the_width_is_the_normal_theorys_for_many_items() -> None:
    gains = np.random.default_rng(4).normal(0, 0.1, 5000)
    gain = compare({"a": np.zeros(5000)}, {"a": gains}, resamples=4000)
    assert gain.high - gain.low == pytest.approx(2 * 1.96 * 100 * gains.std() / math.sqrt(5000), rel=0.06)


@pytest.mark.parametrize("n", [6, 12, 30])
def test_the_width_is_students_for_few_items(n: int) -> None:
    gains = np.linspace(-0.1, 0.1, n)
    gain = compare({"a": np.zeros(n)}, {"a": gains}, resamples=20_000)
    assert gain.high - gain.low == pytest.approx(2 * _student(n - 1) * 100 * gains.std(ddof=1) / n**0.5, rel=0.025)
    assert (gain.low, gain.high) == pytest.approx((gain.tasks[0].low, gain.tasks[0].high))


def test_one_item_says_nothing_about_others() -> None:
    task = compare({"a": [0.0]}, {"a": [1.0]}).tasks[0]
    assert (task.mean, task.low, task.high, task.verdict) == (100, -100, 100, "no change")


def test_intervals_stay_within_the_scale() -> None:
    gain = compare({"a": [0.0, 0.0, 1.0]}, {"a": [1.0, 1.0, 1.0]})
    assert gain.high == gain.tasks[0].high == 100


def test_wrong_numbers_of_items_are_refused() -> None:
    with pytest.raises(DataError, match="task 'a': 2 scores against 1"):
        compare({"a": [0.0, 1.0]}, {"a": [1.0]})
    with pytest.raises(DataError, match="task 'a': 0 scores against 0"):
        compare({"a": []}, {"a": []})


@pytest.mark.parametrize(
    ("free", "quantile"), [(2, 4.3027), (3, 3.1824), (4, 2.7764), (9, 2.2622), (19, 2.0930), (99, 1.9842)]
)
def test_students_quantiles_are_the_tables(free: int, quantile: float) -> None:
    assert _student(free) == pytest.approx(quantile, rel=0.05 if free == 2 else 0.01)


def binary(chance: float) -> Draw:
    """Right or wrong: the base is right half the time, the two agreeing more often than by luck."""

    def draw(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
        shared, which = rng.random((3, n)), rng.random(n) < 0.4
        other = np.where(which, shared[0], shared[1])
        return (shared[0] < 0.5).astype(float), (other < chance).astype(float)

    return draw


def graded(alpha: float, beta: float) -> Draw:
    """Overlap scores with many low and many high ones; the base's are Beta(0.8, 1.2)."""
    return lambda rng, n: (rng.beta(0.8, 1.2, n), rng.beta(alpha, beta, n))


def rates(draw: Draw, true: float, n: int, tasks: int = 1, trials: int = 200) -> tuple[float, float, float]:
    """Shares of trials whose overall interval, and tasks whose interval, hold the truth; and of verdicts."""
    rng, whole, single, verdicts = np.random.default_rng(n), 0, 0, 0
    for trial in range(trials):
        pairs = {f"t{i}": draw(rng, n) for i in range(tasks)}
        base, other = ({name: pair[side] for name, pair in pairs.items()} for side in (0, 1))
        gain = compare(base, other, resamples=500, seed=trial)
        whole += gain.low <= true <= gain.high
        single += sum(task.low <= true <= task.high for task in gain.tasks)
        verdicts += sum(task.verdict != "no change" for task in gain.tasks)
    return whole / trials, single / trials / tasks, verdicts / trials / tasks


SIMULATIONS = {
    "binary": (binary(0.6), 10.0),
    "graded": (graded(1.2, 0.8), 20.0),
}


@pytest.mark.parametrize("n", [20, 60])
@pytest.mark.parametrize(("draw", "true"), SIMULATIONS.values(), ids=SIMULATIONS)
def test_intervals_hold_the_true_gain_about_95_times_in_100(draw: Draw, true: float, n: int) -> None:
    whole, single, _ = rates(draw, true, n, tasks=3)
    assert 0.90 <= whole <= 0.99
    assert 0.90 <= single <= 0.99


NULLS = {"binary": binary(0.5), "graded": graded(0.8, 1.2)}


@pytest.mark.parametrize("n", [10, 20, 60])
@pytest.mark.parametrize("draw", NULLS.values(), ids=NULLS)
def test_equal_systems_are_called_different_at_most_5_times_in_100(draw: Draw, n: int) -> None:
    """Holm holds the rate for all three tasks together at 5%, so that of a single task is lower."""
    _, _, verdicts = rates(draw, 0.0, n, tasks=3)
    assert verdicts <= 0.05


def test_tasks_of_one_item_have_no_interval() -> None:
    gain = compare({"a": [0.1], "b": [0.3]}, {"a": [0.2467], "b": [0.3511]})
    assert (gain.low, gain.high) == (-100, 100)
