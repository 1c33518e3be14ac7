"""Neck, shoulders and clothes."""

import cv2
import numpy as np

from colorgan.faces.drawn.brush import (
    Canvas,
    Picture,
    Plane,
    Random,
    bump,
    inside,
    mix,
    noise,
    pick,
    scaled,
    vary,
)
from colorgan.faces.drawn.head import Head
from colorgan.faces.drawn.traits import CLOTHES, FaceTraits

SHIRTS = ("f0efee", "f0efee", "c4d4ea", "e6d6dc")
TIES = ("8c1c24", "1e3568", "3a3a44", "6b2b5a", "b08a2a", "2a5a44")


def paint_torso(canvas: Canvas, head: Head, traits: FaceTraits, rng: Random) -> None:
    """Paint neck and shoulders in skin, then the clothes."""
    x, y = head.x - np.float32(0.55 * head.middle_x), head.y
    neck = 25.0 if traits.feminine else 31.0
    neck_z = 14 * np.sqrt(np.clip(1 - (x / np.float32(neck + 3)) ** 2, 0, 1)) - 8
    cords = (bump(x, y, -9, 92, 3, 16) + bump(x, y, 9, 92, 3, 16)) * np.float32(1.2)
    canvas.paint(
        inside(neck - np.abs(x)) * inside(y - 25, 8),
        traits.skin * 0.95,
        cv2.GaussianBlur(neck_z + cords, (0, 0), 1.5),
        traits.gloss * 0.4,
    )
    beyond = np.maximum(np.abs(x) - neck + 2, 0)
    slope = 0.24 if traits.feminine else 0.16
    top = np.float32(74) + np.float32(slope) * beyond - 5 * np.exp(-beyond / 6)
    depth = y - top
    torso_z = 8 * (1 - np.exp(-np.maximum(depth, 0) / 9)) - (x / 40) ** 2 * 4 - 8
    collar_bones = (
        np.float32(1.3)
        * inside(2.5 - np.abs(y - 99 + 0.12 * np.abs(x)), 4)
        * inside(np.abs(x) - 6, 6)
    )
    torso = inside(depth, 1.5)
    canvas.paint(
        torso * inside(np.abs(x) - neck + 6, 10),
        traits.skin,
        torso_z + collar_bones,
        traits.gloss * 0.5,
    )
    paint_clothes(canvas, x, y, torso, torso_z, traits, rng)


def _cloth_pattern(x: Plane, y: Plane, traits: FaceTraits, rng: Random) -> Picture:
    """The albedo of the cloth, with its pattern."""
    picture = scaled(traits.cloth, 1 + np.float32(0.05) * noise(rng, 1.5))
    second = vary(rng, pick(rng, CLOTHES), 0.1, 0.1)
    period = np.float32(rng.uniform(5, 11))
    if traits.pattern == "stripes":
        mix(picture, second, inside(np.sin(2 * np.pi * y / period), 0.7))
    elif traits.pattern == "plaid":
        bars = inside(np.sin(2 * np.pi * x / period)) + inside(np.sin(2 * np.pi * y / period))
        mix(picture, second, bars * np.float32(0.45))
    elif traits.pattern == "dots":
        dots = np.cos(2 * np.pi * x / period) * np.cos(2 * np.pi * y / period)
        mix(picture, second, inside(dots - np.float32(0.45), 0.3))
    elif traits.pattern == "flowers":
        mix(picture, second, inside(noise(rng, 6) - np.float32(0.5), 0.4))
        mix(picture, pick(rng, CLOTHES), inside(noise(rng, 7) - np.float32(1.0), 0.4))
    return picture


def paint_clothes(
    canvas: Canvas,
    x: Plane,
    y: Plane,
    torso: Plane,
    torso_z: Plane,
    traits: FaceTraits,
    rng: Random,
) -> None:
    """Paint a suit with shirt and tie, a shirt with a round or V neck, or a low dress."""
    distance = np.abs(x)
    folds = torso_z + np.float32(1.0) * noise(rng, 14, 2) + 3
    if traits.clothes == "suit":
        shirt = scaled(pick(rng, SHIRTS), 1 + np.float32(0.02) * noise(rng, 3))
        opening = inside(distance - 1.1 * (81 - y), 2)
        canvas.paint(torso * inside(y - 71 + 0.12 * distance, 2) * opening, shirt, folds - 1, 0)
        if not traits.feminine and rng.random() < 0.7:
            tie = vary(rng, pick(rng, TIES), 0.2, 0.1)
            knot = inside(4.5 + 0.02 * (y - 81) - distance) * inside(y - 81, 2)
            canvas.paint(knot, tie, folds + 4 - 0.2 * distance, 0.05)
        lapels = inside(distance - np.maximum(0.55 * (118 - y), 6), 1.5)
        jacket = scaled(traits.cloth, 1 + np.float32(0.06) * noise(rng, 1.5))
        canvas.paint(torso * lapels, jacket, folds + 2, 0.02)
        return
    neckline = {"crew": 84 - 0.008 * x * x, "v": 110 - 1.1 * distance, "bare": 102 - 0.002 * x * x}[
        traits.clothes
    ]
    canvas.paint(torso * inside(y - neckline, 1.5), _cloth_pattern(x, y, traits, rng), folds, 0.02)
