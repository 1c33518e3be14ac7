"""Backgrounds, each with its own texture, in linear light."""

from collections.abc import Callable

import cv2
import numpy as np

from colorgan.faces.drawn.brush import (
    HEIGHT,
    WIDTH,
    Picture,
    Plane,
    Random,
    bump,
    gray_picture,
    inside,
    linear_bgr,
    mix,
    noise,
    pick,
    scaled,
    vary,
)
from colorgan.faces.drawn.traits import CLOTHES, FaceTraits

# Walls and press walls have colours of the same gray, which cannot be guessed from it.
WALLS = (
    "d9d2c6",
    "e6e4e2",
    "b8b4ae",
    "8a8f96",
    "c2a582",
    "6d4c38",
    "5d8390",
    "34506e",
    "7f2d28",
    "38383c",
    "a9b8a0",
    "cfa68e",
)
BACKDROPS = ("f2f2f2", "f2f2f2", "16254a", "8e1f28", "0f0f12", "2c7fb8", "c8c8cc", "d8a83a")
LAMPS = ("ffb45a", "ffd9a0", "ff6a48", "7fb2ff", "ffffff", "d070ff", "ffe070")


def _rows() -> Plane:
    return np.repeat(np.linspace(0, 1, HEIGHT, dtype=np.float32)[:, None], WIDTH, 1)


def _columns() -> Plane:
    return np.repeat(np.linspace(0, 1, WIDTH, dtype=np.float32)[None], HEIGHT, 0)


def _sky(rng: Random) -> Picture:
    """Blue, paler towards the ground, with white clouds: smooth and bright."""
    picture = scaled(vary(rng, linear_bgr("4a86c8"), 0.15, 0.05), np.ones_like(_rows()))
    mix(picture, linear_bgr("c4dcf0"), _rows() * np.float32(0.75))
    clouds = np.clip(noise(rng, 70, 4) * np.float32(0.5) - np.float32(rng.uniform(0, 0.6)), 0, 1)
    mix(picture, linear_bgr("f2f4f6"), clouds)
    return picture


def _foliage(rng: Random) -> Picture:
    """Leaves: high contrast at every scale, yellower where lighter."""
    texture = noise(rng, 26, 4)
    light = np.clip(np.float32(0.45) + np.float32(0.28) * texture, 0, 1)
    picture = scaled(vary(rng, linear_bgr("24381a"), 0.2, 0.06), np.ones_like(light))
    mix(picture, vary(rng, linear_bgr("93b04e"), 0.1, 0.08), light * light)
    mix(picture, linear_bgr("e8f2dc"), np.clip(texture - np.float32(1.9), 0, 1))
    return picture


def _wall(rng: Random) -> Picture:
    """An even wall, unevenly lit, whose colour is anyone's guess."""
    angle = rng.uniform(0, 2 * np.pi)
    slope = np.float32(np.cos(angle)) * (_columns() - 0.5) + np.float32(np.sin(angle)) * (
        _rows() - 0.5
    )
    uneven = 1 + np.float32(rng.uniform(0.1, 0.6)) * slope + np.float32(0.04) * noise(rng, 40, 3)
    return scaled(vary(rng, pick(rng, WALLS), 0.2, 0.08), uneven)


def _brick(rng: Random) -> Picture:
    """Bricks with pale joints, always reddish brown."""
    course, length = rng.uniform(9, 16), rng.uniform(24, 40)
    y = _rows() * np.float32(HEIGHT) + np.float32(rng.uniform(0, 20))
    row = np.floor(y / course)
    x = _columns() * np.float32(WIDTH) + (row % 2) * np.float32(length / 2)
    joint = np.maximum(inside(1.2 - np.abs(y % course - 1)), inside(1.2 - np.abs(x % length - 1)))
    shade = rng.uniform(0.6, 1.3, (64, 64)).astype(np.float32)
    tone = shade[row.astype(int) % 64, (x // length).astype(int) % 64]
    color = vary(rng, linear_bgr("8a4632"), 0.15, 0.06)
    picture = scaled(color, tone * (1 + np.float32(0.15) * noise(rng, 4)))
    mix(picture, linear_bgr("b8aa9c"), joint * np.float32(0.8))
    return picture


def _curtain(rng: Random) -> Picture:
    """Hanging folds, mostly in the red of theatres, or else brown or blue."""
    color = linear_bgr(str(rng.choice(["6e1418", "6e1418", "5a3a26", "2a3c66"])))
    x = _columns() * np.float32(WIDTH) + np.float32(5) * noise(rng, 60)
    folds = np.sin(x / np.float32(rng.uniform(3, 7))) + np.float32(0.6) * np.sin(x / np.float32(11))
    return scaled(vary(rng, color, 0.2, 0.06), np.float32(0.85) + np.float32(0.42) * folds)


def _backdrop(rng: Random) -> Picture:
    """A press wall: even, with small marks in rows."""
    base = vary(rng, pick(rng, BACKDROPS), 0.1, 0.05)
    picture = scaled(base, 1 - np.float32(0.2) * _rows())
    contrast = linear_bgr("f4f4f4") if base.mean() < 0.4 else pick(rng, CLOTHES)
    step_x, step_y = int(rng.integers(38, 70)), int(rng.integers(26, 48))
    marks = np.zeros((HEIGHT, WIDTH), np.float32)
    left, top = int(rng.integers(step_x)), int(rng.integers(step_y))
    for number, y in enumerate(range(-top, HEIGHT, step_y)):
        for x in range(-left + (number % 2) * step_x // 2, WIDTH, step_x):
            if rng.random() < 0.5:
                cv2.ellipse(marks, (x, y), (step_x // 5, step_y // 5), 0, 0, 360, 1.0, -1)
            else:
                for stroke in range(5):
                    height = int(rng.integers(4, 10))
                    cv2.rectangle(
                        marks, (x + 5 * stroke, y), (x + 5 * stroke + 2, y + height), 1.0, -1
                    )
    mix(picture, contrast, marks * np.float32(0.85))
    return picture


def _room(rng: Random) -> Picture:
    """Indoors, out of focus: boxes of brown, gold and gray, with a lamp."""
    picture = scaled(vary(rng, linear_bgr("7a5c42"), 0.4, 0.15), 1 - np.float32(0.4) * _rows())
    for _ in range(int(rng.integers(5, 12))):
        corner = rng.integers(-40, 200, 2)
        size = rng.integers(15, 90, 2)
        color = vary(rng, pick(rng, WALLS), 0.4, 0.12)
        cv2.rectangle(
            picture,
            tuple(map(int, corner)),
            tuple(map(int, corner + size)),
            tuple(map(float, color)),
            -1,
        )
    lamp = bump(_columns(), _rows(), rng.random(), rng.uniform(0, 0.4), 0.15, 0.12)
    picture += lamp[..., None] * linear_bgr("ffe0a8") * np.float32(rng.uniform(0, 1.0))
    return cv2.GaussianBlur(picture, (0, 0), 2.5)


def _night(rng: Random) -> Picture:
    """Dark, with coloured lights out of focus."""
    dark = vary(rng, linear_bgr("1c1a22"), 0.4, 0.25)
    picture = scaled(dark, 1 + np.float32(0.3) * noise(rng, 50))
    for _ in range(int(rng.integers(3, 16))):
        center = (int(rng.integers(WIDTH)), int(rng.integers(HEIGHT)))
        disc = np.zeros((HEIGHT, WIDTH), np.float32)
        cv2.circle(disc, center, int(rng.integers(3, 14)), 1.0, -1, cv2.LINE_AA)
        color = vary(rng, pick(rng, LAMPS), 0.2, 0.1)
        picture += disc[..., None] * color * np.float32(rng.uniform(0.15, 0.8))
    return cv2.GaussianBlur(picture, (0, 0), 1.5)


PAINTERS: dict[str, Callable[[Random], Picture]] = {
    "wall": _wall,
    "room": _room,
    "backdrop": _backdrop,
    "foliage": _foliage,
    "night": _night,
    "sky": _sky,
    "curtain": _curtain,
    "brick": _brick,
}


def draw_background(traits: FaceTraits, rng: Random) -> Picture:
    """The background with depth blur, its top rows smeared the way CelebA's alignment does."""
    picture = PAINTERS[traits.background](rng)
    picture = cv2.GaussianBlur(picture, (0, 0), traits.depth_blur)
    picture[: traits.smear_y] = picture[traits.smear_y]
    gray = gray_picture(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY))
    # Things that are far away or out of focus are less colourful than paint.
    picture = gray + np.float32(0.85) * (picture - gray)
    return picture * np.float32(traits.background_gain)
