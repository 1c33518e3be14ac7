"""What is measured on generated faces, and baselines that need no training.

Every function here takes uint8 BGR images, planar `(n, 3, h, w)`: the 8-bit pictures a user would
save, not the net's floats. Results are float64, one for each image, of shape `(n,)`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import skimage  # its modules load when they are used

from colorgan.faces.database import FaceDatabase
from colorgan.luminance import check_levels, gray_from_bgr

Results = dict[str, np.ndarray]

_CHUNK = 64  # images turned into float64 Lab at a time: 19 MB at 64x64


@dataclass(frozen=True)
class Metric:
    """One column of every table: files use `key`, people read `name`, `unit` and `note`."""

    key: str
    name: str
    unit: str
    better: Literal["higher", "lower", "truth"]
    digits: int
    note: str

    def format(self, value: float) -> str:
        """The value as tables print it, without its unit."""
        return f"{value:.{self.digits}f}"

    def distance_from_best(self, value: float, truth: float = math.nan) -> float:
        """A number to rank by: the best value has the smallest.

        `truth` is the true images' own value, which only counts where it is the best one.
        """
        if self.better == "truth":
            return abs(value - truth)
        return -value if self.better == "higher" else value


METRICS = (
    Metric("psnr", "PSNR", "dB", "higher", 2, "over the three channels, 8-bit"),
    Metric("ssim", "SSIM", "", "higher", 4, "Gaussian window, sigma 1.5, mean of the channels"),
    Metric("ciede2000", "CIEDE2000", "", "lower", 2, "colour difference, mean over the pixels"),
    Metric(
        "ab_error", "Lab ab error", "", "lower", 2, "distance in the ab plane, mean over pixels"
    ),
    Metric("colorfulness", "Colourfulness", "", "truth", 3, "Hasler and Süsstrunk, scale [0, 1]"),
    Metric(
        "luminance_psnr",
        "Luminance kept",
        "dB",
        "higher",
        2,
        "PSNR of its gray to the input, 84 dB if exact",
    ),
    Metric(
        "edge_sharpness",
        "Edge sharpness",
        "",
        "truth",
        3,
        "gradients of its gray against the input's, 1 if kept, less if blurred",
    ),
)


MEAN = {"mean": float}  # the kind of a metric in metrics.json


def psnr(fake: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio in dB: `10 log10(255^2 / MSE)`.

    Takes uint8 arrays `(n, ...)` of equal shape and returns `(n,)`: the error is the mean over all
    channels and pixels of an image. Equal images count as one value being off by one level (89 dB
    in 64x64 colour, 84 dB in gray): with infinities among them, images have no mean.
    """
    _check_pair(fake, real, real.shape)
    error = (fake.astype(np.int32) - real).reshape(len(fake), -1)
    mean_square = np.maximum(np.square(error).sum(axis=1), 1) / error.shape[1]
    return 10 * np.log10(255.0**2 / mean_square)


COLOR = (0, 3, 0, 0)  # the shape of colour images, as `check_levels` takes it
SSIM_WINDOW = 11  # pixels, the least side of an image


def ssim(fake: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Structural similarity, at most 1, the mean of the three channels.

    Wang et al. 2004 as published: Gaussian window (sigma 1.5, 11x11 pixels), K1 = 0.01, K2 = 0.03,
    covariances normalised by the window's own weights. Images need at least 11x11 pixels.
    """
    _check_pair(fake, real)
    return np.array(
        [
            skimage.metrics.structural_similarity(
                one_fake,
                one_real,
                channel_axis=0,
                data_range=255,
                gaussian_weights=True,
                sigma=1.5,
                use_sample_covariance=False,
            )
            for one_fake, one_real in zip(fake, real, strict=True)
        ]
    )


def lab_from_bgr(bgr: np.ndarray) -> np.ndarray:
    """CIE Lab (sRGB, D65, 2 degrees), float64 `(n, h, w, 3)`, L in [0, 100]."""
    return skimage.color.rgb2lab(np.moveaxis(bgr[:, ::-1], 1, -1))


def ciede2000(fake: np.ndarray, real: np.ndarray) -> np.ndarray:
    """CIEDE2000 colour difference (Sharma et al. 2005), the mean over an image's pixels."""
    return _mean_in_lab(skimage.color.deltaE_ciede2000, fake, real)


def ab_error(fake: np.ndarray, real: np.ndarray) -> np.ndarray:
    """Colour error without lightness: mean over pixels of `sqrt(da^2 + db^2)` in CIE Lab."""
    return _mean_in_lab(_ab_distance, fake, real)


def colorfulness(images: np.ndarray) -> np.ndarray:
    """Colourfulness of Hasler and Süsstrunk 2003, with channels scaled to [0, 1]; 0 for gray.

    With rg = R - G and yb = (R + G) / 2 - B over an image's pixels:
    `sqrt(var(rg) + var(yb)) + 0.3 sqrt(mean(rg)^2 + mean(yb)^2)`.
    """
    check_levels(images, COLOR)
    blue, green, red = np.moveaxis(images.astype(np.float64) / 255, 1, 0).reshape(
        3, len(images), -1
    )
    red_green = red - green
    yellow_blue = (red + green) / 2 - blue
    spread = np.sqrt(red_green.var(axis=1) + yellow_blue.var(axis=1))
    offset = np.hypot(red_green.mean(axis=1), yellow_blue.mean(axis=1))
    return spread + 0.3 * offset


def luminance_psnr(fake: np.ndarray, gray: np.ndarray) -> np.ndarray:
    """PSNR in dB of the output's own gray image against the gray input `(n, h, w)`."""
    return psnr(gray_from_bgr(fake), gray)


def edge_sharpness(fake: np.ndarray, gray: np.ndarray) -> np.ndarray:
    """How steep the output's edges are, relative to the gray input `(n, h, w)`: 1 if as steep.

    With the gradients t of the input and g of the output's own gray, by central differences:
    `sum(g . t) / sum(t . t)` over an image's pixels, the slope of the line through 0 that best fits
    g to t. Blurred edges give less than 1, and artefacts unrelated to the input's edges average
    out. A flat input gives 1.
    """
    ours, inputs = _gradients(gray_from_bgr(fake)), _gradients(gray)
    along, squares = ((edges * inputs).sum(axis=(0, 2, 3)) for edges in (ours, inputs))
    return np.divide(along, squares, out=np.ones(len(gray)), where=squares > 0)


def measure(fake: np.ndarray, real: np.ndarray) -> Results:
    """Every metric of `METRICS` for outputs `fake`, made from the gray images of `real`."""
    gray = gray_from_bgr(real)
    results = {
        "psnr": psnr(fake, real),
        "ssim": ssim(fake, real),
        "ciede2000": ciede2000(fake, real),
        "ab_error": ab_error(fake, real),
        "colorfulness": colorfulness(fake),
        "luminance_psnr": luminance_psnr(fake, gray),
        "edge_sharpness": edge_sharpness(fake, gray),
    }
    return {metric.key: results[metric.key] for metric in METRICS}


def measure_truth(real: np.ndarray) -> Results:
    """The true images' own values of the metrics that are best where they equal the truth's."""
    return {
        "colorfulness": colorfulness(real),
        "edge_sharpness": edge_sharpness(real, gray_from_bgr(real)),
    }


@dataclass(frozen=True)
class Baseline:
    """A baseline without a net: the gray image plus the same colour offset for every face.

    `offset` is float64 in 8-bit levels and broadcasts to `(3, h, w)`.
    """

    key: str
    name: str
    offset: np.ndarray

    def colorize(self, gray: np.ndarray) -> np.ndarray:
        """uint8 gray `(n, h, w)` to uint8 BGR `(n, 3, h, w)`."""
        return np.rint(np.clip(gray[:, None] + self.offset, 0, 255)).astype(np.uint8)


def learn_baselines(faces: FaceDatabase, limit: int = 5000) -> tuple[tuple[Baseline, ...], int]:
    """The baselines, from at most `limit` evenly spread training faces, and how many those were.

    They are the gray input itself, the same plus each channel's mean of colour - gray, and the same
    plus that mean at each pixel, which is an average face's colour.
    """
    total = np.zeros((3, faces.size, faces.size), np.int64)
    count = min(limit, len(faces))
    indices = np.linspace(0, len(faces) - 1, count).round().astype(int)
    for chunk in np.array_split(indices, -(-count // _CHUNK)):
        bgr = faces.faces(chunk)
        total += (bgr.astype(np.int64) - gray_from_bgr(bgr)[:, None]).sum(axis=0)
    pixel_offset = total / count
    channel_offset = pixel_offset.mean(axis=(1, 2), keepdims=True)
    baselines = (
        Baseline("gray", "Gray input", np.zeros((3, 1, 1))),
        Baseline("mean_color", "Gray + mean colour", channel_offset),
        Baseline("average_face", "Gray + average face's colour", pixel_offset),
    )
    return baselines, count


def _gradients(gray: np.ndarray) -> np.ndarray:
    """Gray `(n, h, w)` to float64 `(2, n, h, w)`: change per pixel, downwards and to the right."""
    return np.array(np.gradient(gray.astype(np.float64), axis=(1, 2)))


def _ab_distance(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    difference = first[..., 1:] - second[..., 1:]
    return np.hypot(difference[..., 0], difference[..., 1])


def _check_pair(fake: np.ndarray, real: np.ndarray, like: tuple[int, ...] = COLOR) -> None:
    """ValueError unless two sets of images can be compared; floats would count as black."""
    check_levels(real, like)
    check_levels(fake, real.shape)


def _mean_in_lab(
    distance: Callable[[np.ndarray, np.ndarray], np.ndarray], fake: np.ndarray, real: np.ndarray
) -> np.ndarray:
    _check_pair(fake, real)
    means = [
        distance(
            lab_from_bgr(fake[start : start + _CHUNK]), lab_from_bgr(real[start : start + _CHUNK])
        ).mean(axis=(1, 2))
        for start in range(0, len(fake), _CHUNK)
    ]
    return np.concatenate(means) if means else np.empty(0)
