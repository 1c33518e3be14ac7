"""What is read off a training's log, on logs made by hand whose answers are known."""

import numpy as np
import pytest

from colorgan.measuring.trainings.dynamics import (
    Curve,
    across_seeds,
    adversarial_share,
    curve,
    medians,
    oscillation,
    pull,
)


def checks(values: list[float], interval: int = 100) -> Curve:
    return Curve(interval * np.arange(1, len(values) + 1), np.array(values, float))


def test_a_curve_has_the_records_that_hold_its_key():
    log = [
        {"iteration": 10, "l2": 3.0},
        {"iteration": 10, "val_psnr": 20.0},
        {"iteration": 20, "l2": 2.0},
    ]
    iterations, values = curve(log, "l2")
    assert (iterations.tolist(), values.tolist()) == ([10, 20], [3.0, 2.0])
    assert len(curve(log, "score_fake").values) == 0


def test_the_adversarial_share_is_that_of_both_norms():
    log = [
        {"iteration": 10, "grad_l2": 3.0, "grad_adversarial": 1.0},
        {"iteration": 10, "val_psnr": 20.0},
        {"iteration": 20, "grad_l2": 1.0, "grad_adversarial": 1.0},
    ]
    assert pull(log).values.tolist() == pytest.approx([1 / 3, 1.0])
    iterations, share = adversarial_share(log)
    assert (iterations.tolist(), share.tolist()) == ([10, 20], [0.25, 0.5])


def test_a_run_without_d_has_no_adversarial_share():
    log = [{"iteration": 10, "grad_l2": 3.0}]
    assert len(adversarial_share(log).values) == len(pull(log).values) == 0


def test_medians_are_taken_of_successive_parts_and_an_outlier_moves_none():
    values = np.array([1, 1, 90, 2, 2, 2, 3, 3, 3, 4, -90, 4], float)
    assert medians(values, 4) == [1, 2, 3, 4]


def test_fewer_values_than_parts_are_parts_themselves():
    assert medians(np.array([1.0, 2.0]), 4) == [1, 2]
    assert medians(np.array([]), 4) == []


def test_a_steady_rise_changes_but_has_no_spread():
    rise = oscillation(checks([20.0, 20.5, 21.0, 21.5, 22.0, 22.5, 23.0, 23.5]))
    assert (rise.largest, rise.mean) == pytest.approx((0.5, 0.5))
    assert rise.spread == pytest.approx(0, abs=1e-9)


def test_the_spread_is_that_of_the_last_half_around_its_own_line():
    line = 20 + 0.25 * np.arange(6)
    noise = np.array([0.3, -0.4, 0.1, 0.2, -0.5, 0.3])
    iterations = np.array([700, 800, 900, 1000, 1100, 1200])
    swing = oscillation(checks([3.0, 9.0, 1.0, 7.0, 15.0, 4.0, *(line + noise)]))
    slope, offset = np.polyfit(iterations, noise, 1)
    expected = np.sqrt(np.square(noise - slope * iterations - offset).sum() / 4)
    assert swing.spread == pytest.approx(expected)
    assert swing.largest == pytest.approx(20.3 - 4.0)


def test_the_line_goes_by_iterations_where_the_last_check_comes_early():
    iterations = np.array([100, 200, 300, 400, 500, 510])
    straight = oscillation(Curve(iterations, 20 + iterations / 100))
    assert straight.spread == pytest.approx(0, abs=1e-9)


def test_changes_count_downwards_as_well():
    swing = oscillation(checks([20.0, 22.0, 21.0, 21.5, 18.5]))
    assert swing.largest == pytest.approx(3.0)
    assert swing.mean == pytest.approx((2 + 1 + 0.5 + 3) / 4)


def test_of_too_few_checks_nothing_is_said():
    assert oscillation(checks([20.0, 21.0, 20.0, 21.0])) is None
    assert oscillation(checks([20.0, 21.0, 20.0, 21.0, 20.0])) is not None


def test_the_spread_over_seeds_is_the_samples():
    assert across_seeds(iter([1.0, 2.0, 6.0])) == pytest.approx((3.0, np.sqrt(7.0), 3))


def test_one_seed_has_no_spread():
    assert across_seeds([1.0]) is None
