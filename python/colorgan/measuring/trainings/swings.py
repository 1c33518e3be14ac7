"""What keeps training from swinging: the trainings of the paper's G against a D, in one table."""

from collections.abc import Iterable

from colorgan.measuring.markdown import markdown_table
from colorgan.measuring.trainings.claims import metric, psnr_swing
from colorgan.measuring.trainings.dynamics import curve, medians, oscillation, pull
from colorgan.measuring.trainings.experiments import Result

# The paper's G as we read it, the same half as wide, and that with the larger kernels which the
# text allows as well.
PAPERS_GENERATORS = (
    "prototxt/generator.prototxt",
    "prototxt/generator_small.prototxt",
    "prototxt/generator_small_kernel5.prototxt",
)

HEADINGS = (
    "",
    "PSNR",
    "kept",
    "colour",
    "D's pull, first quarter",
    "last quarter",
    "swing",
    "its average's",
)


def table(results: Iterable[Result]) -> str:
    """One Markdown table: the results, how hard D pulled, and how far validation PSNR swung.

    D's pull is the median over a quarter of the run. Where an average of G's weights was kept, the
    results are the average's, and the last column has its swing.
    """
    rows = [_row(result) for result in results if has_papers_players(result)]
    return markdown_table(HEADINGS, rows)


def has_papers_players(result: Result) -> bool:
    """Whether a training is of the paper's G, against any D."""
    return result.config["generator"] in PAPERS_GENERATORS and result.config["mode"] != "l2"


def _row(result: Result) -> list[str]:
    quarters = medians(pull(result.log).values, 4)
    average = oscillation(curve(result.log, "val_average_psnr"))
    numbers = (
        metric(result, "psnr"),
        metric(result, "psnr", "model_luminance"),
        metric(result, "colorfulness_ratio"),
        quarters[0],
        quarters[-1],
        psnr_swing(result),
        average and average.spread,
    )
    return [f"`{result.name}`", *("" if n is None else f"{n:.2f}" for n in numbers)]
