"""Colours, masks, noise and the canvas: the tools to paint everything else with."""

from dataclasses import dataclass

import cv2
import numpy as np

# All are float32, also once multiplied by a Python float, which NumPy's hints do not know.
Plane = np.ndarray  # (HEIGHT, WIDTH), or a window of it
Picture = np.ndarray  # the same with 3 channels last: BGR, linear light
Color = np.ndarray  # (3,), BGR, linear light
Number = float | np.float32
Random = np.random.Generator

WIDTH, HEIGHT = 178, 218
GAMMA = 2.2
OUTSIDE = 12.0  # distance (pixels) that counts as clearly outside a shape


def linear_bgr(code: str) -> Color:
    """The linear-light BGR colour of an sRGB hex code."""
    rgb = np.array([int(code[i : i + 2], 16) for i in (4, 2, 0)], np.float32) / 255
    return rgb**GAMMA


def pick(rng: Random, colors: tuple[str, ...]) -> Color:
    """One of the hex `colors`, all equally likely, in linear light."""
    return linear_bgr(colors[rng.integers(len(colors))])


def pick_weighted(rng: Random, table: dict[str, tuple[str, float]]) -> str:
    """The name of a random entry of a table of (hex colour, share)."""
    weights = np.array([weight for _, weight in table.values()])
    return list(table)[rng.choice(len(table), p=weights / weights.sum())]


def vary(rng: Random, color: Color, lightness: float, tint: float) -> Color:
    """`color` with its lightness and its tint changed at random (standard deviations of logs)."""
    change = rng.normal(0, lightness) + rng.normal(0, tint, 3)
    return (color * np.exp(change)).astype(np.float32)


def inside(distance: Plane, soft: float = 1.2) -> Plane:
    """A mask, 1 where `distance` (pixels, inwards positive) is inside, with an edge `soft` wide."""
    return np.clip(distance / np.float32(soft) + np.float32(0.5), 0, 1)


def bump(x: Plane, y: Plane, cx: Number, cy: Number, sx: float, sy: float) -> Plane:
    """A Gaussian bump of height 1."""
    dx, dy = (x - np.float32(cx)) / np.float32(sx), (y - np.float32(cy)) / np.float32(sy)
    return np.exp(np.float32(-0.5) * (dx * dx + dy * dy))


def noise(
    rng: Random, cell: float, octaves: int = 1, shape: tuple[int, ...] = (HEIGHT, WIDTH)
) -> Plane:
    """Smooth noise, mean 0 and deviation about 1, with features `cell` pixels wide."""
    height, width = shape
    total, power = np.zeros(shape, np.float32), 0.0
    for octave in range(octaves):
        size, weight = max(cell / 2**octave, 1.0), 0.5**octave
        rows, columns = int(height / size) + 3, int(width / size) + 3
        grid = rng.standard_normal((rows, columns), np.float32)
        large = cv2.resize(
            grid, (int(columns * size) + 1, int(rows * size) + 1), interpolation=cv2.INTER_CUBIC
        )
        total += np.float32(weight) * large[:height, :width]
        power += weight * weight
    return total * np.float32(1.3 / np.sqrt(power))


def strands(rng: Random, across: Plane, along: Plane, width: float, length: float) -> Plane:
    """Noise stretched along strands: `across` and `along` are each pixel's strand coordinates."""
    grid = rng.standard_normal((32, 256), np.float32)
    columns, rows = across / np.float32(width), along / np.float32(length)
    columns -= 256 * np.floor(columns / 256)
    rows -= 32 * np.floor(rows / 32)
    return cv2.remap(grid, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)


def half_width_at(y: Plane, points: list[tuple[float, float]]) -> Plane:
    """The half-width at height `y` of an outline of (y, half-width) points, with round ends.

    Above and below the outline, it is -OUTSIDE.
    """
    ys, widths = np.array(points, np.float64).T
    dense = np.linspace(ys[0], ys[-1], 256)
    # Interpolating squares makes the outline round where it closes at half-width 0.
    squares = np.interp(dense, ys, widths**2).astype(np.float32)
    padded = np.pad(squares, 8, mode="reflect", reflect_type="odd")
    squares = cv2.GaussianBlur(padded[None], (17, 1), 4.0)[0][8:-8]
    widths = np.sqrt(np.maximum(np.interp(y, dense, squares), 0)).astype(np.float32)
    widths[(y < ys[0]) | (y > ys[-1])] = -OUTSIDE
    return widths


def gray_picture(plane: Plane) -> Picture:
    """The picture whose three channels are `plane`."""
    return cv2.merge((plane, plane, plane))


def scaled(color: Color, factor: Plane) -> Picture:
    """`color` everywhere, times `factor`."""
    factor = np.maximum(factor, 0)
    return cv2.merge([factor * part for part in color])


def mix(base: Picture, color: Color | Picture, mask: Plane) -> None:
    """Paint `color` over `base`, in place, with the opacity `mask`."""
    # In rows of WIDTH * 3 numbers, since NumPy is slow on arrays whose last axis has length 3.
    height, width = mask.shape
    rows = base.reshape(height, 3 * width)
    other = np.tile(color, width) if color.ndim == 1 else color.reshape(height, 3 * width)
    rows += gray_picture(mask).reshape(height, 3 * width) * (other - rows)


@dataclass
class Canvas:
    """What has been painted so far: its albedo, and its shape for the lighting."""

    albedo: Picture
    height: Plane  # towards the viewer, in pixels
    slope_x: Plane  # slopes of the painted part, not of the jumps between parts
    slope_y: Plane
    gloss: Plane
    figure: Plane  # 1 where the person is, 0 where the background shows

    @classmethod
    def blank(cls) -> "Canvas":
        """An empty canvas, without a person."""
        planes = [np.zeros((HEIGHT, WIDTH), np.float32) for _ in range(5)]
        planes[0] -= 45.0  # the background is far behind: no contact shadow falls on the person
        return cls(np.zeros((HEIGHT, WIDTH, 3), np.float32), *planes)

    def paint(self, mask: Plane, albedo: Color | Picture, height: Plane, gloss: float) -> None:
        """Paint one part of the person over what is there."""
        mix(self.albedo, albedo, mask)
        slope_x = cv2.Sobel(height, cv2.CV_32F, 1, 0, scale=0.125)
        slope_y = cv2.Sobel(height, cv2.CV_32F, 0, 1, scale=0.125)
        for old, new in ((self.slope_x, slope_x), (self.slope_y, slope_y), (self.height, height)):
            old += mask * (new - old)
        self.gloss += mask * (np.float32(gloss) - self.gloss)
        self.figure = np.maximum(self.figure, mask)
