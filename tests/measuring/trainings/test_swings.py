"""The table of swings, on results made by hand whose numbers are known."""

import pytest

from colorgan.measuring.trainings import swings
from colorgan.measuring.trainings.experiments import Result


def result(generator: str = "generator_small", mode: str = "gan", average: bool = False) -> Result:
    """A result whose D pulls 2 times as hard as L2 at first and 6 times at the end, and swings."""
    pulls = [
        {"iteration": i, "grad_l2": 0.5, "grad_adversarial": 0.5 * times}
        for i, times in enumerate((2, 2, 3, 4, 4, 5, 6, 6), 1)
    ]
    checks = [{"iteration": i, "val_psnr": 20.0 + 0.5 * (-1) ** i} for i in range(1, 9)]
    if average:
        checks = [{**check, "val_average_psnr": 21.0 + check["iteration"]} for check in checks]
    means = {
        "model": {"psnr": {"mean": 23.456}, "colorfulness_ratio": 0.9},
        "model_luminance": {"psnr": {"mean": 24.0}},
    }
    config = {"generator": f"prototxt/{generator}.prototxt", "mode": mode}
    return Result("one", config, pulls + checks, {"outputs": means}, 100.0)


def rows(*results: Result) -> list[list[str]]:
    lines = swings.table(results).splitlines()
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]


def test_a_row_has_what_came_out_how_hard_d_pulled_and_the_swing():
    headings, _, row = rows(result())
    assert headings == list(swings.HEADINGS)
    assert row[:-2] == ["`one`", "23.46", "24.00", "0.90", "2.00", "6.00"]
    assert float(row[-2]) == pytest.approx(0.63, abs=0.01)  # of half a dB up and down in 4 checks
    assert row[-1] == "", "no average was kept"


def test_an_average_that_rises_steadily_has_no_swing_of_its_own():
    assert rows(result(average=True))[-1][-1] == "0.00"


def test_only_the_papers_generator_against_a_d_is_compared():
    others = (result(generator="generator_unet"), result(mode="l2"))
    assert len(rows(*others, result(mode="wgan"), result(generator="generator"))) == 2 + 2
