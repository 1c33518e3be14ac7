"""Training curves: the panels there are, and whose line is whose."""

import numpy as np

from colorgan.measuring.figures.canvas import RUN_COLORS
from colorgan.measuring.figures.curves import compared_curves, curves_figure


def gan_log() -> list[dict]:
    records = []
    for i in range(10, 101, 10):
        losses = {"l2": 60 - i / 10, "adversarial": 0.7, "d_real": 0.6, "d_fake": 0.65}
        scores = {"score_real": 0.6, "score_fake": 0.4, "grad_l2": 20.0, "grad_adversarial": 15.0}
        records.append({"iteration": i} | losses | scores | {"images_per_second": 9.0})
        if i % 50 == 0:
            records.append({"iteration": i, "val_psnr": 20 + i / 50, "val_colorfulness": 0.1})
    return records


def l2_log() -> list[dict]:
    gan_only = ("adversarial", "d_", "score", "grad_a")
    return [{k: v for k, v in r.items() if not k.startswith(gan_only)} for r in gan_log()]


def test_training_curves_leave_out_the_panels_of_a_missing_discriminator():
    gan, l2 = curves_figure(gan_log()), curves_figure(l2_log())
    assert gan.std() > 10 and l2.std() > 10
    assert gan.shape[0] > l2.shape[0]


def test_training_curves_show_the_run_with_l2_alone_beside():
    one, two = curves_figure(gan_log()), curves_figure(gan_log(), l2_log())
    assert one.shape == two.shape
    assert (one != two).any()


def test_training_curves_leave_out_gradients_that_are_all_zero():
    without = [{k: v for k, v in r.items() if k != "grad_l2"} for r in l2_log()]
    zero = [r | {"grad_l2": 0.0} if "grad_l2" in r else r for r in l2_log()]
    assert (curves_figure(zero) == curves_figure(without)).all()


def test_training_curves_of_an_empty_log_are_an_empty_picture():
    assert (curves_figure([]) == 255).all()


def run_curves(*labels: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    iterations = np.arange(100, 1100, 100)
    return {label: (iterations, 20 + i + iterations / 1000) for i, label in enumerate(labels)}


def colors_of(picture: np.ndarray, *colors: str) -> list[bool]:
    """Whether each color, #rrggbb, is in a uint8 BGR picture."""
    bgr = [[int(color[i : i + 2], 16) for i in (5, 3, 1)] for color in colors]
    return [bool((picture == color).all(axis=-1).any()) for color in bgr]


def test_compared_runs_keep_their_color_from_panel_to_panel():
    first, second, third, *_ = RUN_COLORS
    panels = {"PSNR": run_curves("a", "b"), "colour": {"b": run_curves("a", "b")["b"]}}
    picture = compared_curves(panels)
    half = len(picture) // 2
    assert colors_of(picture[:half], first, second) == [True, True]
    assert colors_of(picture[half:], first, second) == [False, True]
    assert colors_of(picture, third) == [False]


def test_a_panel_without_curves_is_left_out_of_the_comparison():
    one = compared_curves({"PSNR": run_curves("a")})
    assert (compared_curves({"none": {}, "PSNR": run_curves("a")}) == one).all()
