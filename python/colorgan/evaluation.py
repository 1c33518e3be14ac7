"""Run a generator and the baselines over the test faces, and write down what was measured."""

import csv
import io
import json
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from colorgan.database import FaceDatabase, gray_from_bgr
from colorgan.errors import UserError
from colorgan.files import make_folder, sha256, write_whole
from colorgan.metrics import METRICS, Results, colorfulness, learn_baselines, measure
from colorgan.nets import DeployedGenerator, to_uint8

METRICS_FILE = "metrics.json"
PER_IMAGE_FILE = "per_image.csv"
PACKAGES = ("caffe", "numpy", "opencv-python-headless", "scikit-image", "protobuf", "lmdb")


@dataclass(frozen=True)
class Faces:
    """A batch of test faces: uint8 gray `(n, h, w)`, and BGR `(n, 3, h, w)` generated and real."""

    numbers: list[int]
    gray: np.ndarray
    fake: np.ndarray
    real: np.ndarray


def measured_indices(faces: FaceDatabase, skip: int, count: int | None) -> range:
    """The test faces to measure: all but the first `skip`, or the `count` that follow those.

    The first are those that training looked at to choose its best snapshot.
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
    """What was measured, an array of one value a face each.

    `outputs` maps "model" and the baselines' keys to results, `names` to what people read.
    """

    numbers: list[int]
    outputs: dict[str, Results]
    names: dict[str, str]
    true_colorfulness: np.ndarray
    baseline_faces: int


def evaluate(batches: Iterator[Faces], train: FaceDatabase) -> Evaluation:
    """Measure the generated faces of all batches, and the baselines learned from `train`."""
    baselines, baseline_faces = learn_baselines(train)
    names = {"model": "Model"} | {baseline.key: baseline.name for baseline in baselines}
    parts: dict[str, list[Results]] = {key: [] for key in names}
    numbers: list[int] = []
    truth: list[np.ndarray] = []
    for batch in batches:
        numbers += batch.numbers
        truth.append(colorfulness(batch.real))
        parts["model"].append(measure(batch.fake, batch.real))
        for baseline in baselines:
            parts[baseline.key].append(measure(baseline.colorize(batch.gray), batch.real))
    outputs = {
        key: {m.key: np.concatenate([part[m.key] for part in results]) for m in METRICS}
        for key, results in parts.items()
    }
    return Evaluation(numbers, outputs, names, np.concatenate(truth), baseline_faces)


def summary(evaluation: Evaluation) -> dict:
    """The means and their standard errors, as `metrics.json` holds them."""
    truth = _mean(evaluation.true_colorfulness)
    model = evaluation.outputs["model"]["colorfulness"].mean()
    return {
        "faces": len(evaluation.numbers),
        "first_image": evaluation.numbers[0],
        "last_image": evaluation.numbers[-1],
        "baselines_learned_from": evaluation.baseline_faces,
        "outputs": {
            key: {
                "name": evaluation.names[key],
                **{metric.key: _mean(results[metric.key]) for metric in METRICS},
            }
            for key, results in evaluation.outputs.items()
        },
        "truth": {"name": "Original", "colorfulness": truth},
        "colorfulness_ratio": float(model / truth["mean"]),
        "metrics": {
            m.key: {"name": m.name, "unit": m.unit, "better": m.better, "note": m.note}
            for m in METRICS
        },
    }


def write_evaluation(folder: Path, evaluation: Evaluation, provenance: dict) -> None:
    """Write `metrics.json` (`provenance` first) and `per_image.csv` into a folder."""
    make_folder(folder)
    rows = io.StringIO()
    writer = csv.writer(rows, lineterminator="\n")
    model = evaluation.outputs["model"]
    writer.writerow(["image", *(metric.key for metric in METRICS), "true_colorfulness"])
    columns = [model[metric.key] for metric in METRICS] + [evaluation.true_colorfulness]
    for number, *values in zip(evaluation.numbers, *columns, strict=True):
        writer.writerow([number, *(f"{value:.6g}" for value in values)])
    write_whole(folder / PER_IMAGE_FILE, rows.getvalue().encode())
    text = json.dumps(provenance | summary(evaluation), indent=2, allow_nan=False)
    write_whole(folder / METRICS_FILE, f"{text}\n".encode())


def provenance(weights: Path, data: Path, skip: int) -> dict:
    """What the figures came from: checksums of the weights and the data's manifest, versions."""
    resolved = weights.resolve()  # snapshots/best is a link: its target names the iteration
    return {
        "weights": f"{resolved.parent.name}/{resolved.name}",
        "weights_sha256": sha256(weights),
        "data": str(data),
        "manifest_sha256": sha256(data / "manifest.json"),
        "skipped_faces": skip,
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that results depend on."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed as a package"
    return found


def _mean(values: np.ndarray) -> dict[str, float]:
    """Mean and its standard error (0 where a single image gives none)."""
    spread = values.std(ddof=1) if len(values) > 1 else 0.0
    return {"mean": float(values.mean()), "standard_error": float(spread / len(values) ** 0.5)}
