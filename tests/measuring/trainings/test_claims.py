"""Claims are judged by the numbers, by chance, and not at all where results are missing."""

import pytest

from colorgan.measuring.trainings import claims
from colorgan.measuring.trainings.claims import Claim, Measure, Side, judge
from colorgan.measuring.trainings.experiments import Result, read_experiments


def result(
    name: str, *, psnr: float = 20.0, edges: float = 1.0, mode: str = "gan", log: tuple = ()
) -> Result:
    """A result made by hand, with the numbers that these tests compare."""
    model = {
        "psnr": {"mean": psnr},
        "luminance_psnr": {"mean": 30.0},
        "edge_sharpness": {"mean": edges},
        "colorfulness_ratio": 0.9,
    }
    metrics = {"outputs": {"model": model, "gray": {"psnr": {"mean": 21.5}}}}
    return Result(name, {"mode": mode}, list(log), metrics, 100.0)


def by_name(*results: Result) -> dict[str, Result]:
    return {result.name: result for result in results}


def psnr(result: Result) -> float:
    return claims.metric(result, "psnr")


CLAIM = Claim(
    "Small is better", Measure("PSNR, dB", 1, psnr), Side("ours", "small", psnr),
    Side("theirs", "small-l2", psnr),
)  # fmt: skip


def test_a_metric_is_the_models_unless_another_output_is_named():
    one = result("paper", psnr=24.0)
    assert claims.metric(one, "psnr") == 24.0
    assert claims.metric(one, "psnr", "gray") == 21.5
    assert claims.metric(one, "colorfulness_ratio") == 0.9


def test_the_larger_number_decides():
    theirs = result("small-l2", psnr=22.0, mode="l2")
    assert judge(CLAIM, by_name(result("small", psnr=23.0), theirs)).text == "holds"
    assert judge(CLAIM, by_name(result("small", psnr=21.0), theirs)).text == "does not hold"


@pytest.mark.parametrize(("lead", "text"), [(1.9, "undecided"), (2.1, "holds")])
def test_a_difference_that_seeds_make_as_well_decides_nothing(lead, text):
    """Deviations of 0.6 and 0.8 make one of 1.0 for the difference; 2 of them count."""
    ours = zip(claims.SEEDS["gan"], (0, -0.6, 0.6), strict=True)
    theirs = zip(claims.SEEDS["l2"], (0, -0.8, 0.8), strict=True)
    seeds = [
        *(result(name, psnr=20 + lead + step) for name, step in ours),
        *(result(name, psnr=20 + step, mode="l2") for name, step in theirs),
    ]
    verdict = judge(CLAIM, by_name(*seeds))
    assert verdict.chance == pytest.approx(1.0)
    assert verdict.text == text


def test_without_other_seeds_chance_is_not_known():
    verdict = judge(CLAIM, by_name(result("small", psnr=21.0), result("small-l2", mode="l2")))
    assert verdict.chance is None


def test_missing_results_and_missing_numbers_give_no_verdict():
    assert judge(CLAIM, by_name(result("small"))) is None
    share = Measure("share", 2, claims.late_adversarial_share)
    of_share = Claim("D drives", share, Side("", "small", share.value), Side("", "small", psnr))
    assert judge(of_share, by_name(result("small", log=[{"iteration": 1, "l2": 1.0}]))) is None


def test_edges_that_are_overdone_are_as_far_from_kept_as_blurred_ones():
    assert claims.edge_change(result("a", edges=1.25)) == pytest.approx(0.25)
    assert claims.edge_change(result("a", edges=0.75)) == pytest.approx(0.25)


def test_the_late_share_leaves_the_first_half_out():
    norms = [(1.0, 0.0), (1.0, 0.0), (1.0, 3.0), (1.0, 3.0)]
    log = [
        {"iteration": i, "grad_l2": l2, "grad_adversarial": adversarial}
        for i, (l2, adversarial) in enumerate(norms, 1)
    ]
    assert claims.late_adversarial_share(result("paper", log=log)) == pytest.approx(0.75)


def test_the_swing_of_too_few_checks_is_none():
    log = [{"iteration": 1, "val_psnr": 20.0}]
    assert claims.psnr_swing(result("paper", log=log)) is None


def test_claims_are_on_experiments_that_exist():
    known = read_experiments()
    named = {side.experiment for claim in claims.CLAIMS for side in (claim.more, claim.less)}
    assert named | {name for family in claims.SEEDS.values() for name in family} <= set(known)


def test_seeds_differ_in_nothing_but_their_seed():
    experiments = read_experiments()
    for first, *others in claims.SEEDS.values():
        options = experiments[first].options
        for other in others:
            assert experiments[other].options == {
                **options,
                "seed": experiments[other].options["seed"],
            }


def test_a_row_shows_both_numbers_or_that_they_are_missing():
    rows = claims.rows({})
    assert {len(row) for row in rows} == {len(claims.HEADINGS)}
    assert {row[-1] for row in rows} == {"not run"}
    edges = claims.rows(
        by_name(result("small", edges=0.99), result("small-autoencoder", edges=0.8))
    )
    (row,) = (row for row in edges if row[0] == claims.DETAIL_GAN and "edge" in row[1])
    assert row[2:] == ["`small-autoencoder` 0.200", "`small` 0.010", "", "holds"]
