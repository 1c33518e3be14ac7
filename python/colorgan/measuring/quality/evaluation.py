"""Run a generator and the baselines over the test faces, and write down what was measured."""

import csv
import io
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from colorgan.errors import UserError
from colorgan.faces.database import FaceDatabase
from colorgan.files import make_folder, read_json, sha256, write_json, write_whole
from colorgan.kinds import misfit
from colorgan.luminance import gray_from_bgr, with_luminance
from colorgan.measuring.quality.metrics import (
    MEAN,
    METRICS,
    SSIM_WINDOW,
    Results,
    learn_baselines,
    measure,
    measure_truth,
)
from colorgan.nets.deployed import DeployedGenerator, to_uint8

METRICS_FILE = "metrics.json"
PER_IMAGE_FILE = "per_image.csv"
PACKAGES = ("caffe", "numpy", "opencv-python-headless", "scikit-image", "scipy", "protobuf", "lmdb")

# What metrics.json holds, apart from the metrics that it lists.
OUTPUT = {"name": str, "psnr": MEAN, "colorfulness_ratio": float}
MEASURED = {
    **dict.fromkeys(("weights", "weights_sha256", "manifest_sha256"), str),
    **dict.fromkeys(("parameters", "skipped_faces", "baselines_learned_from"), int),
    **dict.fromkeys(("faces", "first_image", "last_image"), int),
    "versions": {"*": str},
    "outputs": dict.fromkeys(("model", "model_luminance", "gray", "average_face", "*"), OUTPUT),
    "truth": {"name": str},
    "metrics": {},
}


@dataclass(frozen=True)
class Faces:
    """A batch of test faces: uint8 gray `(n, h, w)`, and BGR `(n, 3, h, w)` generated and real."""

    numbers: list[int]
    gray: np.ndarray
    fake: np.ndarray
    real: np.ndarray


def measured_indices(faces: FaceDatabase, skip: int, count: int | None) -> range:
    """The test faces to measure: all after the first `skip`, or only the next `count`.

    Training chose its best snapshot on the first ones.
    """
    end = len(faces) if count is None else min(len(faces), skip + count)
    if skip >= end:
        raise UserError(f"no test faces left: there are {len(faces)}, and {skip} are skipped")
    return range(skip, end)


def colorized(
    generator: DeployedGenerator, faces: FaceDatabase, indices: Sequence[int], batch_size: int
) -> Iterator[Faces]:
    """Colour the test faces at `indices`, a batch at a time."""
    for start in range(0, len(indices), batch_size):
        batch = indices[start : start + batch_size]
        real = faces.faces(batch)
        gray = gray_from_bgr(real)
        yield Faces(faces.numbers(batch), gray, to_uint8(generator.colorize(gray)), real)


@dataclass(frozen=True)
class Evaluation:
    """What was measured: arrays with one value for each face.

    `outputs` maps "model", "model_luminance" (the same with its input's luminance) and the
    baselines' keys to results, and `names` maps them to names for people. `truth` has the true
    faces' own values of those metrics that are best where they equal the truth's.
    """

    numbers: list[int]
    outputs: dict[str, Results]
    names: dict[str, str]
    truth: Results
    baseline_faces: int


def evaluate(batches: Iterator[Faces], train: FaceDatabase) -> Evaluation:
    """Measure the generated faces of all batches, and the baselines learned from `train`.

    UserError where the faces are too small.
    """
    if train.size < SSIM_WINDOW:
        raise UserError(f"{train.path}: faces of {train.size} pixels, but SSIM needs {SSIM_WINDOW}")
    baselines, baseline_faces = learn_baselines(train)
    names = {"model": "Model", "model_luminance": "Model, input's luminance kept"}
    names |= {baseline.key: baseline.name for baseline in baselines}
    parts: dict[str, list[Results]] = {key: [] for key in names}
    numbers: list[int] = []
    truth: list[Results] = []
    for batch in batches:
        numbers += batch.numbers
        truth.append(measure_truth(batch.real))
        answers = {"model": batch.fake, "model_luminance": with_luminance(batch.fake, batch.gray)}
        answers |= {baseline.key: baseline.colorize(batch.gray) for baseline in baselines}
        for key, answer in answers.items():
            parts[key].append(measure(answer, batch.real))
    outputs = {key: _joined(results) for key, results in parts.items()}
    return Evaluation(numbers, outputs, names, _joined(truth), baseline_faces)


def summary(evaluation: Evaluation) -> dict:
    """The means and their standard errors, as `metrics.json` holds them."""
    true_colorfulness = evaluation.truth["colorfulness"].mean()
    return {
        "faces": len(evaluation.numbers),
        "first_image": evaluation.numbers[0],
        "last_image": evaluation.numbers[-1],
        "baselines_learned_from": evaluation.baseline_faces,
        "outputs": {
            key: {
                "name": evaluation.names[key],
                **_means(results),
                "colorfulness_ratio": float(results["colorfulness"].mean() / true_colorfulness),
            }
            for key, results in evaluation.outputs.items()
        },
        "truth": {"name": "Original", **_means(evaluation.truth)},
        "metrics": {
            m.key: {"name": m.name, "unit": m.unit, "better": m.better, "note": m.note}
            for m in METRICS
        },
    }


def write_evaluation(folder: Path, evaluation: Evaluation, provenance: dict) -> None:
    """Write `metrics.json` (`provenance` first) and `per_image.csv` into a folder.

    Each line of the CSV is a face: the model's metrics under their keys, those with the input's
    luminance under "kept_" and their keys, and the true face's colourfulness.
    """
    make_folder(folder)
    rows = io.StringIO()
    writer = csv.writer(rows, lineterminator="\n")
    columns = {
        **evaluation.outputs["model"],
        **{f"kept_{key}": v for key, v in evaluation.outputs["model_luminance"].items()},
        "true_colorfulness": evaluation.truth["colorfulness"],
    }
    writer.writerow(["image", *columns])
    for number, *values in zip(evaluation.numbers, *columns.values(), strict=True):
        writer.writerow([number, *(f"{value:.6g}" for value in values)])
    write_whole(folder / PER_IMAGE_FILE, rows.getvalue().encode())
    write_json(folder / METRICS_FILE, provenance | summary(evaluation))


def read_evaluation(folder: Path) -> dict:
    """What `write_evaluation` wrote as `metrics.json`; UserError where that is not what it is.

    Another version may have measured other metrics: those in its "metrics", all of which each
    output has.
    """
    path = folder / METRICS_FILE
    measured = read_json(path, **MEASURED)
    listed = dict.fromkeys(measured["metrics"], MEAN)
    of_truth = [m.key for m in METRICS if m.better == "truth" and m.key in listed]
    wrong = misfit(measured, {"outputs": {"*": listed}, "truth": dict.fromkeys(of_truth, MEAN)})
    if wrong:
        raise UserError(f"{path}: {wrong}; evaluate again")
    return measured


def provenance(generator: DeployedGenerator, data: Path, skip: int) -> dict:
    """Where the figures come from: the weights and the data with their checksums, and versions."""
    # snapshots/best is a link: its target names the iteration.
    weights = generator.weights.resolve()
    return {
        "weights": f"{weights.parent.name}/{weights.name}",
        "weights_sha256": sha256(weights),
        "parameters": generator.parameters,
        "data": str(data),
        "manifest_sha256": sha256(data / "manifest.json"),
        "skipped_faces": skip,
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """The versions of Python and of the packages that results depend on."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed as a package"
    return found


def _joined(batches: list[Results]) -> Results:
    return {key: np.concatenate([batch[key] for batch in batches]) for key in batches[0]}


def _means(results: Results) -> dict[str, dict[str, float]]:
    return {key: mean_and_error(values) for key, values in results.items()}


def mean_and_error(values: np.ndarray) -> dict[str, float]:
    """Mean and its standard error (0 where a single image gives none)."""
    spread = values.std(ddof=1) if len(values) > 1 else 0.0
    return {"mean": float(values.mean()), "standard_error": float(spread / len(values) ** 0.5)}
