"""Attributes of faces, errors by their bins, and python/analyze_errors.py as a user runs it."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from scipy.stats import spearmanr

from colorgan.errors import UserError
from colorgan.faces.celeba.landmarks import POINTS, yaw
from colorgan.faces.database import FaceDatabase
from colorgan.faces.finding.detector import FaceDetector
from colorgan.luminance import gray_from_bgr
from colorgan.measuring.quality import analysis
from colorgan.measuring.quality.metrics import ciede2000, learn_baselines

PROGRAM = "analyze-errors"
SIZE = 64


def encoded(linear: np.ndarray) -> np.ndarray:
    """Linear luminance in [0, 1] as sRGB's 8 bits."""
    curve = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.rint(255 * curve).astype(np.uint8)


def lit(left: float, right: float) -> np.ndarray:
    """A gray image whose halves have these linear luminances."""
    return encoded(np.repeat([[left, right]], SIZE, axis=0).repeat(SIZE // 2, axis=1))


# Attributes.


def test_unevenness_is_the_difference_of_the_halves_over_their_sum():
    images = np.stack([lit(0.3, 0.3), lit(0.2, 0.6), lit(0.6, 0.2), lit(0, 0.5), lit(0, 0)])
    found = analysis.light_unevenness(images)
    assert found == pytest.approx([0, 0.5, 0.5, 1, 0], abs=0.01)


def test_neither_exposure_nor_what_is_beside_the_face_counts_as_uneven_light():
    face = lit(0.2, 0.6)
    half_exposed = lit(0.1, 0.3)
    framed = face.copy()
    framed[:20], framed[:, :22], framed[:, 42:] = 255, 0, 200
    found = analysis.light_unevenness(np.stack([face, half_exposed, framed]))
    assert found == pytest.approx(found[0], abs=0.01)


def test_contrast_is_the_spread_of_luminance_over_its_mean_from_whatever_side():
    beside, above = lit(0.2, 0.6), encoded(np.full((SIZE, SIZE), 0.2))
    above[40:] = encoded(np.array(0.6))
    found = analysis.contrast(np.stack([beside, above, lit(0.3, 0.3), lit(0, 0)]))
    assert found == pytest.approx([0.5, 0.5, 0, 0], abs=0.01)


def test_a_face_without_points_has_all_attributes_but_its_turn():
    bgr = np.random.default_rng(0).integers(0, 256, (2, 3, SIZE, SIZE), np.uint8)
    points = np.array([(20, 30), (40, 30), (24, 40), (22, 50), (38, 50)], float)
    found = analysis.measure_attributes(bgr, [None, points])
    assert list(found) == [attribute.key for attribute in analysis.ATTRIBUTES]
    assert np.isnan(found["yaw"]).tolist() == [True, False]
    assert found["yaw"][1] == -yaw(points) > 0, "to which side does not count"
    assert all(np.isfinite(found[key]).all() for key in found if key != "yaw")


# Bins.


def test_bins_are_equal_counts_in_order_with_each_metrics_mean_and_standard_error():
    generator = np.random.default_rng(0)
    attribute = generator.normal(size=103)
    metrics = {"ciede2000": generator.normal(size=103), "any": generator.normal(size=103)}
    attribute[[5, 50, 99]] = np.nan
    found = analysis.against(attribute, metrics)
    assert found["faces"] == 100
    assert [one["faces"] for one in found["bins"]] == [20] * 5
    edges = [(one["from"], one["median"], one["to"]) for one in found["bins"]]
    assert edges == sorted(edges) and edges[0][0] == np.nanmin(attribute)
    second = (attribute >= edges[1][0]) & (attribute <= edges[1][2])
    assert second.sum() == 20
    for key, values in metrics.items():
        measured = found["bins"][1]["metrics"][key]
        assert measured["mean"] == pytest.approx(values[second].mean())
        error = values[second].std(ddof=1) / 20**0.5
        assert measured["standard_error"] == pytest.approx(error)


def test_the_rank_correlation_is_that_with_ciede2000():
    attribute = np.arange(40.0)
    noise = np.random.default_rng(1).normal(size=40)
    metrics = {"psnr": -attribute, "ciede2000": np.exp(attribute / 9) + 3 * noise}
    expected = spearmanr(attribute, metrics["ciede2000"])
    found = analysis.against(attribute, metrics)["spearman"]
    assert (found["rho"], found["p"]) == pytest.approx((expected.statistic, expected.pvalue))
    assert 0.5 < found["rho"] < 1


def test_what_has_no_order_or_too_few_faces_has_no_correlation_and_no_bins():
    nothing = {"rho": None, "p": None}
    constant = analysis.against(np.zeros(20), {"ciede2000": np.arange(20.0)})
    assert constant["spearman"] == nothing
    unknown = analysis.against(np.full(20, np.nan), {"ciede2000": np.arange(20.0)})
    assert unknown == {"faces": 0, "spearman": nothing, "bins": []}
    assert analysis.against(np.arange(9.0), {"ciede2000": np.arange(9.0)})["bins"] == []


# The table of an evaluation.


def test_every_column_of_an_evaluation_is_read(tmp_path):
    (tmp_path / "per_image.csv").write_text("image,psnr,ciede2000,new\n7,20,9.5,1e-3\n3,21,8,2\n")
    numbers, metrics = analysis.read_per_image(tmp_path)
    assert numbers == [7, 3]
    assert {key: values.tolist() for key, values in metrics.items()} == {
        "psnr": [20, 21],
        "ciede2000": [9.5, 8],
        "new": [0.001, 2],
    }


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (None, "colorgan evaluate"),
        ("", "columns"),
        ("image,psnr\n1,20\n", "ciede2000"),
        ("ciede2000,image\n1,20\n", "columns"),
        ("image,ciede2000,ciede2000\n1,20,20\n", "columns"),
        ("image,ciede2000\n", "no faces"),
        ("image,ciede2000\n1,20\n2\n", "line 3"),
        ("image,ciede2000\none,20\n", "line 2"),
        ("image,ciede2000\n1,high\n", "high"),
        ("image,ciede2000\n1,nan\n", "finite"),
        ("image,ciede2000\n1,20\n1,21\n", "twice"),
    ],
)
def test_a_table_that_is_none_is_reported_with_its_file(tmp_path, text, what):
    path = tmp_path / "per_image.csv"
    if text is not None:
        path.write_text(text)
    with pytest.raises(UserError, match=what) as caught:
        analysis.read_per_image(tmp_path)
    assert str(path) in str(caught.value)


# The program.


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory, faces) -> Path:
    """An evaluation of 24 test faces, in which the error is the light's unevenness."""
    folder = tmp_path_factory.mktemp("evaluation")
    with FaceDatabase(faces / "test_lmdb") as test:
        indices = range(30, 6, -1)
        error = analysis.light_unevenness(gray_from_bgr(test.faces(indices)))
        rows = zip(test.numbers(indices), error, -error, strict=True)
    with (folder / "per_image.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("image", "ciede2000", "new_metric"), *rows])
    return folder


def test_the_program_finds_what_the_errors_go_with(run, faces, evaluation, tmp_path):
    out = tmp_path / "made/for/it/errors.json"
    done = run(PROGRAM, "--evaluation", evaluation, "--data", faces, "--out", out)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(out)
    assert sorted(path.name for path in out.parent.iterdir()) == ["errors.json", "errors.png"]
    assert cv2.imread(str(out.with_suffix(".png"))).std() > 5
    result = json.loads(out.read_text())
    assert result["faces"] == 24
    attributes = result["attributes"]
    assert attributes["yaw"]["faces"] == 24 - result["faces_without_landmarks"] > 12
    light = attributes["light_unevenness"]
    assert light["spearman"]["rho"] == pytest.approx(1)
    assert "Unevenness of the light: rho = +1.00" in done.stdout
    means = [one["metrics"]["new_metric"]["mean"] for one in light["bins"]]
    assert means == sorted(means, reverse=True)
    with FaceDatabase(faces / "test_lmdb") as test, FaceDatabase(faces / "train_lmdb") as train:
        real = test.faces(range(30, 6, -1))
        average_face = learn_baselines(train)[0][-1]
    expected = ciede2000(average_face.colorize(gray_from_bgr(real)), real).mean()
    errors = [one["metrics"][analysis.AVERAGE_FACE]["mean"] for one in light["bins"]]
    counts = [one["faces"] for one in light["bins"]]
    assert np.average(errors, weights=counts) == pytest.approx(expected)


def test_the_turn_is_that_of_celebas_list_where_it_is_given(run, faces, evaluation, tmp_path):
    numbers, _ = analysis.read_per_image(evaluation)
    lines = [
        f"{number:06d}.jpg 69 110 109 110 {89 + offset} 130 74 150 104 150"
        for offset, number in enumerate(numbers[:20])
    ]
    columns = [f"{point}_{axis}" for point in POINTS for axis in "xy"]
    listed = tmp_path / "list.txt"
    listed.write_text("\n".join([str(len(lines)), " ".join(columns), *lines]) + "\n")
    out = tmp_path / "errors.json"
    done = run(
        PROGRAM, "--evaluation", evaluation, "--data", faces, "--landmarks", listed, "--out", out
    )
    assert done.returncode == 0, done.stderr
    result = json.loads(out.read_text())
    assert (result["landmarks"], result["faces_without_landmarks"]) == ("list.txt", 4)
    bins = result["attributes"]["yaw"]["bins"]
    assert (bins[0]["from"], bins[-1]["to"]) == (0, pytest.approx(19 / 40))
    assert [one["faces"] for one in bins] == [4] * 5


def bad_input(kind: str, faces: Path, evaluation: Path, folder: Path) -> tuple[list, str]:
    """Options of the program with one of them wrong, and what its error is to name."""
    options = {"--evaluation": evaluation, "--data": faces, "--out": folder / "out/errors.json"}
    named = folder / kind
    if kind == "no evaluation":
        options["--evaluation"], text = named, str(named / "per_image.csv")
    elif kind == "no data":
        options["--data"], text = named, str(named / "train_lmdb")
    elif kind == "other data":
        named.mkdir()
        (named / "per_image.csv").write_text("image,ciede2000\n999999,10\n")
        options["--evaluation"], text = named, "999999"
    elif kind == "no landmarks":
        options["--landmarks"], text = named, str(named)
    else:
        named.write_text("kept")
        options["--out"], text = named / "errors.json", str(named)
    return [word for pair in options.items() for word in pair], text


@pytest.mark.parametrize(
    "kind", ["no evaluation", "no data", "other data", "no landmarks", "a file in the way"]
)
def test_bad_input_ends_with_one_clear_line(run, faces, evaluation, tmp_path, kind):
    options, text = bad_input(kind, faces, evaluation, tmp_path)
    done = run(PROGRAM, *options)
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert text in done.stderr
    assert not (tmp_path / "out/errors.json").exists()


def test_the_detector_finds_the_points_of_the_test_faces(faces):
    with FaceDatabase(faces / "test_lmdb") as test:
        gray = gray_from_bgr(test.faces(range(20)))
    points = analysis.estimated_landmarks(FaceDetector(), gray)
    found = np.array([face for face in points if face is not None])
    assert len(found) >= 19
    typical = np.median(found, axis=0)
    assert typical == pytest.approx(
        np.array([(25, 33), (39, 33), (32, 42), (26.5, 48), (37.5, 48)]), abs=2
    )
