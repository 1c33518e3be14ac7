"""Makes new photos look like old scans: faded, dark, grainy, dusty, scratched, printed, blurred.

All functions take and return gray photos, uint8 `(h, w)`. The strengths were chosen by looks
(assumed).
"""

from collections.abc import Callable

import cv2
import numpy as np

Aging = Callable[[np.ndarray, np.random.Generator], np.ndarray]
"""Ages a photo; randomness comes from the generator."""

PAPER = 140  # the gray level that photos fade to

SPARED = 0.4  # share of the photos that `aged_by_chance` leaves as they are (assumed)


def faded(gray: np.ndarray, contrast: float) -> np.ndarray:
    """Reduce the contrast to a share of it, around the gray of old paper."""
    return cv2.convertScaleAbs(gray, alpha=contrast, beta=PAPER - 128 * contrast)


def with_gamma(gray: np.ndarray, gamma: float, brightest: float = 1.0) -> np.ndarray:
    """Darken the middle tones for a gamma above 1, brighten them below; white at `brightest`."""
    levels = 255 * brightest * (np.arange(256) / 255) ** gamma
    return cv2.LUT(gray, np.rint(levels).astype(np.uint8))


def grainy(gray: np.ndarray, deviation: float, random: np.random.Generator) -> np.ndarray:
    """Add grain about two pixels wide, with a standard deviation in levels."""
    noise = cv2.GaussianBlur(random.standard_normal(gray.shape, np.float32), (0, 0), 0.8)
    return np.clip(np.rint(gray + noise * (deviation / noise.std())), 0, 255).astype(np.uint8)


def dusty(gray: np.ndarray, random: np.random.Generator, per_megapixel: int = 600) -> np.ndarray:
    """Add dark and bright specks of up to 8 pixels."""
    dusty = gray.copy()
    for _ in range(round(1e-6 * per_megapixel * gray.size)):
        place = tuple(random.integers(gray.shape[::-1]).tolist())
        level = int(random.choice([15, 245]))
        cv2.circle(dusty, place, int(random.integers(1, 5)), level, -1, cv2.LINE_AA)
    return dusty


def scratched(gray: np.ndarray, random: np.random.Generator, count: int = 25) -> np.ndarray:
    """Add `count` dark and bright scratches from top to bottom."""
    scratched, (height, width) = gray.copy(), gray.shape
    for _ in range(count):
        top, bottom = random.uniform(0, width), random.normal(0, width / 10)
        line = np.array([[top, 0], [top + bottom, height]], np.int32)
        level, thickness = int(random.choice([20, 240])), int(random.integers(1, 3))
        cv2.polylines(scratched, [line], False, level, thickness, cv2.LINE_AA)
    return scratched


def printed(gray: np.ndarray, pitch: float) -> np.ndarray:
    """Print as newspapers do: black dots on white, `pitch` pixels apart, at 45 degrees."""
    y, x = np.indices(gray.shape, np.float32) * np.float32(2 * np.pi / pitch)
    screen = (np.cos((x + y) / np.sqrt(2)) + np.cos((x - y) / np.sqrt(2))) / 4 + 0.5
    ink = np.clip((gray / 255 - screen) * 4 + 0.5, 0, 1)
    return cv2.GaussianBlur((255 * ink).astype(np.uint8), (0, 0), 0.7)


def blurred(gray: np.ndarray, deviation: float) -> np.ndarray:
    """Blur by a Gaussian with a standard deviation in pixels."""
    return cv2.GaussianBlur(gray, (0, 0), deviation)


def packed(gray: np.ndarray, quality: int) -> np.ndarray:
    """Compress once as JPEG."""
    content = cv2.imencode(".jpg", gray, (cv2.IMWRITE_JPEG_QUALITY, quality))[1]
    return cv2.imdecode(content, cv2.IMREAD_GRAYSCALE)


def found_in_a_box(gray: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Do a little of everything."""
    spoilt = scratched(dusty(blurred(gray, 1.2), random), random)
    return packed(grainy(faded(spoilt, 0.4), 6, random), 40)


AGINGS: dict[str, Aging] = {
    "as it is": lambda gray, random: gray,
    "faded to 30 % of the contrast": lambda gray, random: faded(gray, 0.3),
    "faded to 15 % of the contrast": lambda gray, random: faded(gray, 0.15),
    "dark": lambda gray, random: with_gamma(gray, 1.6, brightest=0.25),
    "dark, gamma of 2.5": lambda gray, random: with_gamma(gray, 2.5),
    "bright, gamma of 0.3": lambda gray, random: with_gamma(gray, 0.3),
    "grain of 12 levels": lambda gray, random: grainy(gray, 12, random),
    "grain of 25 levels": lambda gray, random: grainy(gray, 25, random),
    "dust": dusty,
    "scratches": scratched,
    "printed, dots 4 pixels apart": lambda gray, random: printed(gray, 4),
    "printed, dots 6 pixels apart": lambda gray, random: printed(gray, 6),
    "blurred by 2 pixels": lambda gray, random: blurred(gray, 2),
    "blurred by 4 pixels": lambda gray, random: blurred(gray, 4),
    "JPEG of quality 8": lambda gray, random: packed(gray, 8),
    "a little of everything": found_in_a_box,
}


def aged_by_chance(gray: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Age as an album may: not at all, or in a few of these ways, more or less (assumed)."""

    def happens(share: float) -> bool:
        return random.random() < share

    if happens(SPARED):
        return gray
    if happens(0.25):
        gray = blurred(gray, random.uniform(0.4, 2))
    if happens(0.2):
        gray = dusty(gray, random, per_megapixel=1200)
    if happens(0.2):
        gray = scratched(gray, random, count=int(random.integers(1, 5)))
    if happens(0.1):
        gray = printed(gray, random.uniform(2, 5))
    if happens(0.35):
        gray = grainy(gray, random.uniform(2, 25), random)
    if happens(0.6):
        gray = with_gamma(gray, 2 ** random.uniform(-1.7, 1.5))
    if happens(0.5):
        gray = faded(gray, random.uniform(0.15, 1))
    if happens(0.25):
        gray = packed(gray, int(random.integers(6, 60)))
    return gray
