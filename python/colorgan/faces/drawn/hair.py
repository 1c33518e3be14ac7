"""Hair: an outline around the head, filled with strands."""

from dataclasses import dataclass

import cv2
import numpy as np

from colorgan.faces.drawn.brush import (
    Canvas,
    Picture,
    Plane,
    Random,
    bump,
    half_width_at,
    inside,
    noise,
    scaled,
    strands,
)
from colorgan.faces.drawn.head import Head
from colorgan.faces.drawn.traits import FaceTraits


def _hair_outline(traits: FaceTraits) -> list[tuple[float, float]]:
    """Half-widths of the hair's outer edge."""
    volume, cheek, wide = traits.hair_volume, traits.cheek_width, traits.hair_width
    top, end = -72 - volume * 0.75, traits.hair_end_y
    points = [
        (top, 0),
        (top + 6, 22 + 0.4 * volume),
        (-58, 36 + 0.6 * volume),
        (-42, cheek + 0.55 * volume),
        (-25, cheek + 0.5 * volume),
    ]
    if traits.hair_style in ("long", "medium"):
        return [
            *points,
            (10, 0.5 * (cheek + 8 + wide)),
            (45, wide),
            (0.8 * end + 8, wide * 1.03),
            (end + 8, wide * 0.85),
            (end + 18, wide * 0.5),
            (end + 25, 0),
        ]
    return [*points, (-12, cheek + 2.5), (end, cheek + 1.5), (end + 10, 0)]


def _face_opening(head: Head, traits: FaceTraits) -> Plane:
    """Distance (pixels, inwards positive) into the part of the face that hair leaves free."""
    x, y, style = head.face_x, head.y, traits.hair_style
    cheek, line = traits.cheek_width, traits.hairline_y
    loose = style in ("long", "medium")
    side = cheek - (5.5 if loose else 3.5)
    low = 34 if loose else 90
    if traits.bangs:
        line = traits.brow_y - 5
    points = [
        (line, 0),
        (line + 4, 0.52 * side),
        (line + 11, 0.78 * side),
        (line + 24, 0.95 * side),
        (-2, side),
        (20, side if loose else cheek + 30),
        (60, low),
        (130, low + 6),
    ]
    tilted = y - np.float32(traits.hair_sweep) * x * inside(-12 - y, 40)
    # Below the jaw, the opening is in the picture's plane, not on the face's surface.
    blend = inside(y - 30, 40)
    across = x + blend * (head.x - 0.7 * head.middle_x - x)
    return half_width_at(tilted, points) - np.abs(across)


def _strand_coordinates(head: Head, traits: FaceTraits, rng: Random) -> tuple[Plane, Plane]:
    """Coordinates across and along the strands, which run from the parting outwards, then down."""
    x, y = head.view_x - np.float32(traits.hair_part * 0.7), head.y
    if traits.hair_style in ("long", "medium"):
        fall = 1 - np.exp(-np.maximum(y + 82 + traits.hair_volume, 1.5) / 34)
        across = x / fall
        across = across + np.float32(traits.hair_wave) * np.sin(y / 7.5 + across / 16)
        along = y + 0.5 * np.abs(x)
    else:
        # Hair combed back and aside from the hairline runs away from the face's middle.
        angle = np.arctan2(x, -(y + 5 - 30 * (traits.hair_style == "up")))
        along = np.sqrt(x * x + (y + 5) ** 2)
        across = angle * 55 + np.float32(traits.hair_sweep * 60) * along / 60
    curl = np.float32(3.5 * traits.hair_curl)
    return across + curl * noise(rng, 10), along + curl * noise(rng, 10)


@dataclass
class Hair:
    """Hair on the head, before the face is cut free."""

    mask: Plane
    albedo: Picture
    height: Plane
    ragged: Plane  # how far (pixels) single strands and locks stand out of an edge
    along: Plane


def grow_hair(head: Head, traits: FaceTraits, rng: Random) -> Hair:
    """Grow strands, locks and their shine, inside a ragged outline."""
    half_width = half_width_at(head.y, _hair_outline(traits))
    across, along = _strand_coordinates(head, traits, rng)
    fine = strands(rng, across, along, 0.9, 26)
    locks = strands(rng, across, along, 4.5, 40)
    coarse = strands(rng, across, along, 13, 70)
    # Loose hair stands out most, and a cropped fringe hardly at all.
    wild = {"long": 1.0, "medium": 1.0, "up": 0.5, "short": 0.6, "bald": 0.2}[traits.hair_style]
    ragged = 0.9 * locks + fine + 1.4 * coarse + 2.6 * noise(rng, 24, 2)
    edge = half_width - np.abs(head.view_x) + wild * ragged
    side = np.clip(head.view_x / np.maximum(half_width, 1), -1, 1)
    height = 50 * np.sqrt(1.02 - side * side) * np.sqrt(np.clip(half_width / 50, 0.1, 1.1))
    height = cv2.GaussianBlur(height + 1.4 * coarse + 0.8 * locks, (0, 0), 1.2)
    albedo = scaled(traits.hair, np.exp(0.34 * fine + 0.34 * locks + 0.25 * coarse))
    # Bands of shine where the strands bend towards the light, in a paler tint of the hair.
    band = bump(side, head.y, 0.5 * traits.light[0], -52, 0.75, 9) + 0.45 * bump(
        np.abs(side), head.y, 0.62, 22, 0.2, 26
    )
    shine = band * np.clip(0.55 + 0.5 * locks + 0.4 * fine, 0, 2) * np.float32(0.07)
    tint = np.float32(0.35) + 1.6 * traits.hair / max(float(traits.hair.max()), 0.02)
    albedo += scaled(tint, shine)
    return Hair(inside(edge, 2.5), albedo, height, max(wild, 0.5) * ragged, along)


def paint_back_hair(canvas: Canvas, hair: Hair) -> None:
    """Paint long hair behind the neck, in shadow."""
    canvas.paint(hair.mask, hair.albedo * np.float32(0.5), hair.height - 42, 0.0)


def paint_front_hair(canvas: Canvas, head: Head, hair: Hair, traits: FaceTraits) -> None:
    """Paint hair over the head, leaving the face free, down to where the hair ends."""
    mask = hair.mask * inside(hair.ragged - _face_opening(head, traits), 4)
    if traits.hair_style == "bald":
        mask = mask * inside(head.y + 22 + 0.2 * hair.along, 10)
    if traits.hair_style in ("short", "bald", "up"):
        mask = mask * inside(traits.hair_end_y + 4 - head.y + hair.ragged, 6)
    canvas.paint(mask, hair.albedo, hair.height + 3, 0.0)
