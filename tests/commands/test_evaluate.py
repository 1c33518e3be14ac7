"""evaluate.py and make_figures.py, run as a user runs them, on a small set and an untrained G."""

import csv
import hashlib
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from colorgan.faces.database import FaceDatabase
from colorgan.luminance import gray_from_bgr, with_luminance
from colorgan.measuring.quality import metrics
from colorgan.nets.deployed import DeployedGenerator, to_uint8
from colorgan.nets.runtime import load_caffe
from conftest import ROOT


@pytest.fixture(scope="module")
def weights(tmp_path_factory) -> Path:
    """An untrained small generator, saved as the solver saves a trained one."""
    path = tmp_path_factory.mktemp("weights") / "generator.caffemodel"
    caffe = load_caffe()
    caffe.set_random_seed(1)
    caffe.Net(str(ROOT / "prototxt/generator_small.prototxt"), caffe.TRAIN).save(str(path))
    return path


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory, run, faces, weights) -> Path:
    """What evaluate.py writes when it skips 4 faces and measures the next 9."""
    out = tmp_path_factory.mktemp("evaluation") / "made/for/it"
    done = run(
        "evaluate", "--weights", weights, "--data", faces, "--out", out,
        "--skip", 4, "--count", 9, "--batch-size", 4,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == str(out / "metrics.json")
    return out


@pytest.fixture(scope="module")
def measured(faces, weights) -> tuple[list[int], np.ndarray, np.ndarray]:
    """The same faces, colored here in one batch: numbers, generated, real."""
    with FaceDatabase(faces / "test_lmdb") as database:
        indices = range(4, 13)
        real = database.faces(indices)
        fake = to_uint8(DeployedGenerator(weights).colorize(gray_from_bgr(real)))
        return database.numbers(indices), fake, real


def test_the_means_are_those_of_the_faces_that_were_asked_for(evaluation, measured):
    numbers, fake, real = measured
    result = json.loads((evaluation / "metrics.json").read_text())
    assert result["faces"] == 9
    assert result["skipped_faces"] == 4
    assert (result["first_image"], result["last_image"]) == (numbers[0], numbers[-1])
    for key, values in metrics.measure(fake, real).items():
        assert result["outputs"]["model"][key]["mean"] == pytest.approx(values.mean(), rel=1e-6)
        error = values.std(ddof=1) / 3
        assert result["outputs"]["model"][key]["standard_error"] == pytest.approx(error, rel=1e-4)


def test_the_truths_colorfulness_and_each_outputs_share_of_it_are_given(evaluation, measured):
    _, fake, real = measured
    result = json.loads((evaluation / "metrics.json").read_text())
    truth = metrics.colorfulness(real).mean()
    assert result["truth"]["colorfulness"]["mean"] == pytest.approx(truth)
    assert result["truth"]["edge_sharpness"]["mean"] == pytest.approx(1)
    kept = with_luminance(fake, gray_from_bgr(real))
    for key, output in {"model": fake, "model_luminance": kept}.items():
        share = metrics.colorfulness(output).mean() / truth
        assert result["outputs"][key]["colorfulness_ratio"] == pytest.approx(share)
    assert result["outputs"]["gray"]["colorfulness_ratio"] == 0


def test_the_model_with_its_inputs_luminance_has_a_row_of_its_own(evaluation, measured):
    _, fake, real = measured
    row = json.loads((evaluation / "metrics.json").read_text())["outputs"]["model_luminance"]
    assert row["name"] == "Model, input's luminance kept"
    kept = with_luminance(fake, gray_from_bgr(real))
    for key, values in metrics.measure(kept, real).items():
        assert row[key]["mean"] == pytest.approx(values.mean(), rel=1e-6)
    assert row["luminance_psnr"]["mean"] > 60
    assert row["edge_sharpness"]["mean"] == pytest.approx(1, abs=0.01)


def test_the_baselines_stand_beside_the_model(evaluation, faces, measured):
    _, _, real = measured
    gray = gray_from_bgr(real)
    result = json.loads((evaluation / "metrics.json").read_text())
    with FaceDatabase(faces / "train_lmdb") as train:
        baselines, count = metrics.learn_baselines(train)
    assert result["baselines_learned_from"] == count
    keys = [baseline.key for baseline in baselines]
    assert list(result["outputs"]) == ["model", "model_luminance", *keys]
    for baseline in baselines:
        expected = metrics.psnr(baseline.colorize(gray), real).mean()
        assert result["outputs"][baseline.key]["psnr"]["mean"] == pytest.approx(expected)


def test_a_result_names_what_it_came_from(evaluation, faces, weights):
    result = json.loads((evaluation / "metrics.json").read_text())
    for key, path in {"weights": weights, "manifest": faces / "manifest.json"}.items():
        assert result[f"{key}_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert result["versions"]["numpy"] == np.__version__


def test_the_parameters_of_g_are_counted_without_batch_norms_statistics(evaluation):
    maps = (3, 16, 32, 64, 128, 3)
    convolutions = sum(9 * ins * outs for ins, outs in zip(maps, maps[1:], strict=False))
    scales_and_biases = 2 * sum(maps[1:5])
    result = json.loads((evaluation / "metrics.json").read_text())
    assert result["parameters"] == convolutions + scales_and_biases + maps[5]


def test_per_image_values_carry_the_image_numbers(evaluation, measured):
    numbers, fake, real = measured
    with (evaluation / "per_image.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["image"]) for row in rows] == numbers
    keys = [metric.key for metric in metrics.METRICS]
    assert list(rows[0])[1:-1] == [*keys, *(f"kept_{key}" for key in keys)]
    kept = with_luminance(fake, gray_from_bgr(real))
    columns = {
        "psnr": metrics.psnr(fake, real),
        "kept_psnr": metrics.psnr(kept, real),
        "true_colorfulness": metrics.colorfulness(real),
    }
    for key, values in columns.items():
        assert [float(row[key]) for row in rows] == pytest.approx(values, rel=1e-5)


def test_nothing_but_the_results_is_left_in_the_folder(evaluation):
    assert sorted(path.name for path in evaluation.iterdir()) == ["metrics.json", "per_image.csv"]


def broken_weights(tmp_path: Path, weights: Path, kind: str) -> Path:
    path = tmp_path / f"{kind}.caffemodel"
    if kind == "cut short":
        path.write_bytes(weights.read_bytes()[:-1000])
    elif kind == "text":
        path.write_text("these are no weights\n" * 50)
    elif kind == "empty":
        path.touch()
    return path


@pytest.mark.parametrize("kind", ["absent", "cut short", "text", "empty"])
def test_unusable_weights_end_with_one_line_that_names_them(run, faces, weights, tmp_path, kind):
    path = broken_weights(tmp_path, weights, kind)
    done = run("evaluate", "--weights", path, "--data", faces, "--out", tmp_path / "out")
    assert_one_clear_line(done, str(path))
    assert not (tmp_path / "out").exists()


def test_missing_data_end_with_one_line_that_names_them(run, weights, tmp_path):
    nowhere = tmp_path / "nowhere"
    done = run("evaluate", "--weights", weights, "--data", nowhere, "--out", tmp_path)
    assert_one_clear_line(done, str(nowhere))


def test_an_out_that_cannot_be_a_folder_is_found_before_the_work(run, faces, weights, tmp_path):
    file = tmp_path / "file"
    file.write_text("kept")
    done = run("evaluate", "--weights", weights, "--data", faces, "--out", file)
    assert_one_clear_line(done, str(file))
    assert file.read_text() == "kept"


def test_skipping_all_faces_says_how_many_there_are(run, faces, weights, tmp_path):
    with FaceDatabase(faces / "test_lmdb") as database:
        total = len(database)
    done = run(
        "evaluate", "--weights", weights, "--data", faces, "--out", tmp_path,
        "--skip", total,
    )  # fmt: skip
    assert_one_clear_line(done, f"there are {total}")


def assert_one_clear_line(done, text: str) -> None:
    assert done.returncode == 2, done.stderr
    lines = done.stderr.strip().splitlines()
    assert len(lines) == 1, done.stderr
    assert text in lines[0]


def test_every_figure_is_drawn(run, faces, weights, tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    records = [{"iteration": i, "l2": 60.0 - i, "images_per_second": 9.0} for i in (1, 2, 3)]
    (folder / "log.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    out = tmp_path / "figures"
    done = run(
        "figures", "--data", faces, "--weights", weights, "--l2-weights", weights,
        "--run", folder, "--l2-run", folder, "--out", out, "--skip", 4, "--count", 9,
        "--columns", 2,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    names = ["curves.png", "figure2.png", "figure3.png", "figure4a.png", "figure4b.png"]
    assert sorted(path.name for path in out.iterdir()) == names
    assert {Path(line).name for line in done.stdout.splitlines()} == set(names)
    for name in names:
        picture = cv2.imread(str(out / name))
        assert picture is not None and picture.std() > 5


def test_the_failures_are_the_worst_of_the_measured_faces(run, faces, weights, measured, tmp_path):
    done = run(
        "figures", "--data", faces, "--weights", weights, "--out", tmp_path,
        "--skip", 4, "--count", 9, "--columns", 1,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "figure4a.png").exists()
    assert not (tmp_path / "curves.png").exists()
    _, fake, real = measured
    worst = real[metrics.ciede2000(fake, real).argmax()].transpose(1, 2, 0)
    shown = cv2.imread(str(tmp_path / "figure4b.png"))
    match = cv2.matchTemplate(shown, worst, cv2.TM_SQDIFF)
    assert match.min() == pytest.approx(0, abs=1)


def test_models_are_compared_on_faces_that_chance_chose(run, faces, weights, tmp_path):
    drawn = {}
    for name in ("one", "two"):
        out = tmp_path / name
        done = run(
            "figures", "--data", faces, "--weights", weights, "--out", out,
            "--beside", f"{name}={weights}", "--skip", 4, "--count", 9, "--columns", 1,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        drawn[name] = cv2.imread(str(out / "comparison.png"))
    with FaceDatabase(faces / "test_lmdb") as database:
        real = database.faces(range(4, 13))
    found = [
        (cv2.matchTemplate(drawn["one"], face.transpose(1, 2, 0), cv2.TM_SQDIFF).min() < 1)
        for face in real
    ]
    assert sum(found) == 3, "three originals are shown"
    assert (drawn["one"] != drawn["two"]).any(), "rows bear their models' names"
