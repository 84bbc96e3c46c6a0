"""p-values, Holm's correction and the detectable effect."""

from __future__ import annotations

import numpy as np
import pytest

from selfspec.significance import detectable, holm, sign_flip


def test_sign_flip_equals_the_exact_test_on_few_items() -> None:
    gains = np.array([1.0, 2.0, 3.0, 4.0])  # all positive: 2 of 16 arrangements are as extreme
    p = sign_flip(gains, np.random.default_rng(0), draws=20_000)
    assert p == pytest.approx(2 / 16, abs=0.01)


def test_no_difference_at_all_gives_one() -> None:
    assert sign_flip(np.zeros(10), np.random.default_rng(0)) == 1.0


def test_equal_systems_are_flagged_at_most_at_the_nominal_rate() -> None:
    rng = np.random.default_rng(1)
    ps = [sign_flip(rng.integers(-1, 2, 40) * 100.0, rng, draws=500) for _ in range(400)]
    assert np.mean(np.array(ps) < 0.05) < 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)


def test_a_real_difference_is_found_about_as_often_as_the_detectable_effect_says() -> None:
    rng = np.random.default_rng(2)
    effect = detectable(rng.normal(0, 30, 100_000)[:100])
    found = [sign_flip(rng.normal(effect, 30, 100), rng, draws=500) < 0.05 for _ in range(200)]
    assert 0.65 < np.mean(found) < 0.95


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    assert holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])
