"""The head without its hair: relief, skin and features."""

from collections.abc import Callable

import cv2
import numpy as np

from colorgan.faces.drawn.brush import (
    Canvas,
    Picture,
    Plane,
    Random,
    bump,
    inside,
    linear_bgr,
    mix,
    noise,
    scaled,
    strands,
)
from colorgan.faces.drawn.head import EYE_OFFSET, MOUTH_Y, Head, Window
from colorgan.faces.drawn.traits import FaceTraits


def paint_ears(canvas: Canvas, head: Head, traits: FaceTraits) -> None:
    """Paint two ears at the head's sides; hair may hide them later."""
    for side in (-1, 1):
        turned = side * (traits.cheek_width - 1.5) + 6 * np.sin(traits.yaw)
        dx = (head.view_x - np.float32(turned)) * side - 0.12 * (12 - head.y)
        dy = head.y - 8
        radius = np.sqrt((dx / 5.5) ** 2 + (dy / 13) ** 2)
        hollow = bump(dx, dy, 1.2, -1, 2.3, 6.5)
        ear = inside((1 - radius) * 7)
        canvas.paint(
            ear,
            traits.skin * np.array([0.80, 0.80, 1.0], np.float32),
            9 * np.sqrt(np.clip(1.15 - radius**2, 0, 1)) - 5 * hollow,
            traits.gloss * 0.4,
        )
        mix(canvas.albedo, traits.skin * 0.35, hollow * np.float32(0.5) * ear)


def _mouth_line(face_x: Plane, traits: FaceTraits) -> tuple[Plane, Plane, Plane]:
    """The coordinate across the mouth (-1 to 1), and the opening's upper and lower edge (y)."""
    across = face_x / np.float32(15.3 + 2.6 * max(traits.smile, 0))
    inner = np.clip(1 - across * across, 0, 1)
    line = np.float32(MOUTH_Y) - np.float32(3.2 * traits.smile) * (across * across - 0.45)
    gap = np.float32(traits.mouth_opening) * inner
    return across, line - np.float32(0.35) * gap, line + np.float32(0.65) * gap


def _face_relief(head: Head, traits: FaceTraits) -> Plane:
    """The height of the face: ovoid, nose, brows, sockets, cheeks, lips, chin, folds."""
    x, y, length = head.face_x, head.y, np.float32(traits.nose_length)
    wide = np.float32(traits.nose_width)
    distance = np.abs(x)
    taper = np.clip(head.half_width / np.float32(traits.cheek_width), 0.2, 1.1)
    relief = 46 * head.roundness * np.sqrt(taper)
    # Nose: a ridge that widens and rises towards the tip, the ball of the tip, and two wings.
    down = np.clip((y + 8) / (length + 8), 0, 1)
    ridge = np.exp(-0.5 * (x / (4.2 + 1.2 * down)) ** 2) * (0.8 + 5.2 * down)
    relief += ridge * inside(length + 1 - y, 9) * inside(y + 6, 22)
    relief += 4.5 * bump(x, y, 0, length - 1, 4.4, 4.0)
    relief += 3.2 * bump(distance, y, 0.82 * wide, length + 1.5, 2.6, 3.0)
    # Sockets below a brow ridge; eyeballs; cheekbones; mouth and chin.
    relief -= 5.0 * bump(distance, y, EYE_OFFSET - 3, -1.5, 9.5, 6.0)
    relief += 2.6 * bump(distance, y, EYE_OFFSET, 0.3, 6.8, 4.0)
    relief += (0.8 if traits.feminine else 1.6) * bump(distance, y, 15, traits.brow_y + 2, 13, 4)
    relief += (2.2 + 2.0 * max(traits.smile, 0)) * bump(distance, y, 25, 21, 9, 8)
    relief += 3.0 * bump(x, y, 0, MOUTH_Y, 15, 11)
    relief -= 1.6 * bump(x, y, 0, MOUTH_Y + 11, 9, 3.0)
    relief += 3.0 * bump(x, y, 0, traits.chin_y - 10, 10, 7)
    relief -= 0.7 * bump(x, y, 0, (length + MOUTH_Y) / 2 + 1, 1.8, 4.0)
    # The fold from the wing of the nose to the corner of the mouth deepens with smile and age.
    fold_x = wide + 2 + np.clip((y - length) / 17, 0, 1.3) * np.float32(10)
    fold = (
        np.exp(-0.5 * ((distance - fold_x) / 1.7) ** 2)
        * inside(y - length, 8)
        * inside(MOUTH_Y + 4 - y, 8)
    )
    relief -= np.float32(0.45 + 0.7 * max(traits.smile, 0) + 0.8 * traits.age) * fold
    bags = np.exp(-0.5 * ((y - 7.5 + 0.02 * (distance - 20) ** 2) / 1.3) ** 2)
    relief -= np.float32(0.3 + 0.9 * traits.age) * bags * inside(9 - np.abs(distance - 20), 8)
    if traits.age > 0.45:
        lines = np.sin(y / 1.25 + 0.004 * x * x) * bump(x, y, 0, -30, 18, 7)
        relief += np.float32(0.35 * (traits.age - 0.45)) * lines
    return cv2.GaussianBlur(relief.astype(np.float32), (0, 0), 0.9)


def _skin_albedo(head: Head, traits: FaceTraits, rng: Random) -> Picture:
    """Skin with its reds (cheeks, nose, chin), mottling, shadowed sockets, freckles."""
    x, y, distance = head.face_x, head.y, np.abs(head.face_x)
    picture = scaled(traits.skin, 1 + np.float32(0.025) * noise(rng, 9, 4))
    red = np.float32(traits.blush) * (
        1.2 * bump(distance, y, 25, 23, 11, 9)
        + 0.9 * bump(x, y, 0, traits.nose_length, 8, 6)
        + 0.4 * bump(x, y, 0, traits.chin_y - 8, 10, 6)
    )
    red += np.float32(0.04) * noise(rng, 16, 2)
    picture *= cv2.exp(-red)[..., None] ** np.array([1.1, 1.3, 0.25], np.float32)
    socket = bump(distance, y, EYE_OFFSET - 2, -2, 11, 7.5) * np.float32(0.34)
    picture *= (1 - socket)[..., None] ** np.array([0.9, 1.15, 1.0], np.float32)
    if traits.makeup > 0.3:
        shadow = bump(distance, y, EYE_OFFSET + 1, -4, 9, 3.2)
        picture *= (1 - np.float32(0.5 * (traits.makeup - 0.3)) * shadow)[..., None]
    if traits.freckles:
        spots = inside(noise(rng, 2.2) - 1.2, 0.8) * bump(x, y, 0, 14, 24, 11)
        mix(
            picture,
            traits.skin * np.array([0.4, 0.5, 0.72], np.float32),
            spots * np.float32(0.7 * traits.freckles),
        )
    return picture


def paint_eyes(albedo: Picture, gloss: Plane, head: Head, traits: FaceTraits, rng: Random) -> None:
    """Paint whites, irises, pupils, lids and lashes, and the light's reflection."""
    for side in (-1, 1):
        # `out` runs from the nose outwards, in both eyes.
        out = (head.face_x * side - np.float32(EYE_OFFSET)) * head.front
        y = head.y + np.float32(traits.eye_slant) * out
        across = out / np.float32(traits.eye_width)
        arch = np.sqrt(np.clip(1 - across * across, 0, 1))
        upper = -np.float32(traits.eye_opening * 1.1) * arch * (1 + 0.12 * across)
        lower = np.float32(traits.eye_opening * 0.72) * arch * (1 + 0.15 * across)
        within = inside(1 - np.abs(across), 0.3) * head.front
        opening = inside(y - upper, 1.1) * inside(lower - y, 1.1) * within
        lid_shadow = np.clip((y - upper) / 3.6, 0.15, 1)
        white = linear_bgr("c8bfba") * (0.78 + 0.22 * arch)[..., None] * lid_shadow[..., None]
        mix(albedo, white, opening)
        radius = np.sqrt((out - np.float32(traits.gaze * side)) ** 2 + (y + 0.3) ** 2)
        ring = np.float32(0.55) + np.float32(0.6) * np.clip(1 - np.abs(radius - 2.9) / 2, 0, 1)
        iris = traits.iris * (ring * np.clip(lid_shadow + 0.2, 0, 1))[..., None]
        mix(albedo, iris, opening * inside(4.7 - radius, 1.0))
        mix(albedo, linear_bgr("0c0a0a"), opening * inside(1.9 - radius, 1.0))
        lash = np.exp(-(((y - upper + 0.2) / (0.75 + 0.45 * traits.makeup)) ** 2))
        mix(albedo, linear_bgr("140f0d"), lash * within * np.float32(0.72 + 0.25 * traits.makeup))
        crease = np.exp(-(((y - upper * 1.25 + 3.2) / 0.85) ** 2)) * within
        mix(albedo, traits.skin * np.array([0.3, 0.34, 0.48], np.float32), crease * np.float32(0.5))
        rim = np.exp(-(((y - lower - 0.4) / 0.8) ** 2)) * within
        mix(
            albedo,
            traits.skin * np.array([0.35, 0.36, 0.52], np.float32),
            rim * np.float32(0.4 + 0.35 * traits.makeup),
        )
        corner = bump(out, y, -traits.eye_width + 1, 0.8, 1.5, 1.2)
        mix(albedo, traits.skin * np.array([0.5, 0.45, 0.8], np.float32), corner * np.float32(0.6))
        glint_x = side * (traits.gaze * side) + 4.0 * traits.light[0] * side
        glint = bump(out, y, glint_x, 3.2 * traits.light[1] - 0.5, 0.8, 0.8)
        mix(albedo, linear_bgr("ffffff"), opening * glint * np.float32(0.95))
        gloss *= 1 - within * inside(6 - np.abs(y), 3)


def paint_brows(albedo: Picture, gloss: Plane, head: Head, traits: FaceTraits, rng: Random) -> None:
    """Paint two arcs of short hairs, thinner towards the temples."""
    for side in (-1, 1):
        out = head.face_x * side - np.float32(EYE_OFFSET)
        arc = np.float32(traits.brow_y) + 0.012 * (out - 3) ** 2 - 0.09 * out
        along = np.clip((out + 13) / 27, 0, 1)
        thick = np.float32(traits.brow_thickness) * (1.15 - 0.75 * along**1.5)
        hairs = 0.75 + 0.25 * strands(rng, out + 0.8 * head.y, head.y, 1.1, 5)
        band = inside(thick - np.abs(head.y - arc), 2.2) * inside(13.5 - np.abs(out - 0.5), 4)
        dark = np.minimum(traits.hair * 0.6, traits.skin * 0.25)
        strength = np.float32(0.72 + 0.18 * (not traits.feminine)) * head.front
        mix(albedo, dark, np.clip(band * hairs, 0, 1) * strength)


def paint_mouth(albedo: Picture, gloss: Plane, head: Head, traits: FaceTraits, rng: Random) -> None:
    """Paint lips with a cupid's bow, and in an open mouth the teeth and the dark inside."""
    y = head.y
    across, top, bottom = _mouth_line(head.face_x, traits)
    arch = np.clip(1 - across * across, 0, 1)
    within = inside(1 - np.abs(across), 0.2) * head.front
    bow = (
        1
        - 0.28 * np.exp(-((across / 0.13) ** 2))
        + 0.15 * np.exp(-(((np.abs(across) - 0.28) / 0.2) ** 2))
    )
    thin = 1 - 0.3 * max(traits.smile, 0)
    upper_edge = top - np.float32(3.8 * traits.lip_fullness * thin) * arch**0.8 * bow
    lower_edge = bottom + np.float32(5.8 * traits.lip_fullness * thin) * arch**0.75
    lips = inside(y - upper_edge, 1.7) * inside(lower_edge - y, 2.0) * within
    rounding = np.clip((lower_edge - y) / 5.5, 0, 1)
    tone = np.where(y < (top + bottom) / 2, np.float32(0.8), 0.86 + 0.24 * rounding)
    creases = 1 + np.float32(0.05) * np.sin(head.face_x * 3.1)
    mix(albedo, traits.lips * (tone * creases)[..., None], lips * np.float32(0.9))
    gloss += lips * np.float32(0.05 + 0.12 * traits.makeup)
    gap = inside(y - top, 1.0) * inside(bottom - y, 1.0) * within
    mix(albedo, linear_bgr("2a0f0e"), gap * np.float32(min(1.0, traits.mouth_opening)))
    if traits.mouth_opening > 1.5:
        edge = top + np.minimum(0.8 * (bottom - top), 5.0)
        teeth = gap * inside(edge - y, 1.2) * np.clip(arch * 1.9, 0, 1)
        around = np.arcsin(np.clip(across, -1, 1))  # the row of teeth is an arc seen from the front
        gaps = 0.88 + 0.12 * np.clip(np.abs(np.sin(around * 11)) * 3, 0, 1)
        shaded = gaps * (0.5 + 0.5 * arch) * np.clip((y - top + 1.2) / 2.2, 0.5, 1)
        mix(albedo, linear_bgr("efe8dc") * shaded[..., None], teeth)
        gloss *= 1 - 0.8 * gap
    line = np.exp(-(((y - (top + bottom) / 2) / 0.8) ** 2)) * within
    closed = max(0.0, 1 - traits.mouth_opening)
    mix(albedo, traits.lips * 0.2, line * np.float32(0.75 * closed))
    corners = bump(np.abs(across), y - (top + bottom) / 2, 1.02, 0, 0.1, 1.8)
    mix(albedo, traits.skin * 0.25, corners * np.float32(0.55))


def paint_nostrils(
    albedo: Picture, gloss: Plane, head: Head, traits: FaceTraits, rng: Random
) -> None:
    """Paint the nostrils, and the soft shadow under the nose."""
    distance, y = np.abs(head.face_x), head.y - np.float32(traits.nose_length)
    holes = bump(distance, y - 0.15 * distance, 0.5 * traits.nose_width, 3.2, 1.7, 1.0)
    under = bump(head.face_x, y, 0, 4.6, 0.75 * traits.nose_width, 1.5)
    wings = np.exp(-0.5 * ((distance - traits.nose_width - 1.6) / 0.9) ** 2) * np.exp(
        -0.5 * ((y - 1.2) / 2.6) ** 2
    )
    dark = traits.skin * np.array([0.12, 0.13, 0.22], np.float32)
    mix(albedo, dark, np.clip(0.75 * holes + 0.12 * under + 0.14 * wings, 0, 1) * head.front)


def paint_beard(albedo: Picture, gloss: Plane, head: Head, traits: FaceTraits, rng: Random) -> None:
    """Paint anything from a shaved man's cool shadow to a full beard with moustache."""
    if not traits.beard:
        return
    x, y, distance = head.face_x, head.y, np.abs(head.face_x)
    cheek_line = (
        27
        + 9 * np.exp(-(((distance - 22) / 12) ** 2))
        - np.float32(0.9) * np.maximum(distance - 27, 0)
    )
    region = inside(y - cheek_line + 2 * noise(rng, 10, shape=y.shape), 9)
    region = np.maximum(
        region, inside(13 - distance + 0.1 * y, 5) * inside(y - traits.nose_length - 6, 3)
    )
    bare = bump(x, y, 0, MOUTH_Y + 0.5, 11, 3.2)  # lips, and the skin at their edge
    region = region * np.clip(1 - 1.6 * bare, 0, 1)
    hairs = 0.8 + 0.25 * strands(rng, x, y, 1.0, 3.0) + 0.1 * noise(rng, 12, shape=y.shape)
    if traits.beard < 0.2:
        mix(
            albedo, traits.skin * np.array([0.72, 0.66, 0.62], np.float32), region * np.float32(0.5)
        )
        return
    dark = np.minimum(traits.hair * 0.9, traits.skin * 0.5)
    mix(albedo, dark, region * np.clip(hairs, 0, 1) * np.float32(traits.beard))


def paint_face(canvas: Canvas, head: Head, traits: FaceTraits, rng: Random) -> None:
    """Paint the head without its hair."""
    canvas.paint(
        head.mask(), _skin_albedo(head, traits, rng), _face_relief(head, traits), traits.gloss
    )
    # Painting each feature in a window of the frame saves two thirds of the time.
    for paint, window in FEATURES:
        part = head.part(window)
        skin, albedo = canvas.albedo[window].copy(), canvas.albedo[window].copy()
        paint(albedo, canvas.gloss[window], part, traits, rng)
        mix(skin, albedo, part.mask())
        canvas.albedo[window] = skin


FEATURES: tuple[tuple[Callable[[Picture, Plane, Head, FaceTraits, Random], None], Window], ...] = (
    (paint_beard, np.s_[124:208, 18:160]),
    (paint_nostrils, np.s_[120:156, 58:120]),
    (paint_mouth, np.s_[128:190, 50:128]),
    (paint_eyes, np.s_[92:130, 38:140]),
    (paint_brows, np.s_[78:122, 38:140]),
)


def paint_glasses(canvas: Canvas, head: Head, traits: FaceTraits) -> None:
    """Paint a frame around both eyes, clear or dark lenses, a bridge and the arms."""
    distance, y = np.abs(head.face_x), head.y
    across, down = np.abs(distance - EYE_OFFSET) / 14.5, np.abs(y - 2.5) / 10.5
    radius = np.cbrt(across**3 + down**3)
    from_rim = np.abs(radius - 1) * 11
    rim = inside(1.0 - from_rim, 1.2)
    bridge = inside(1.0 - np.abs(y + 1 - 0.05 * distance**2)) * inside(6.5 - distance)
    arms = inside(1.1 - np.abs(y + 2)) * inside(distance - 33.5)
    frame = np.clip(rim + bridge + arms, 0, 1) * head.mask() * head.front
    if traits.glasses == "sun":
        lens = inside((1 - radius) * 11) * head.front
        shade = linear_bgr("1c1a1c") * (1.3 - 0.05 * y + 0.02 * head.face_x)[..., None]
        mix(canvas.albedo, np.maximum(shade, 0.002).astype(np.float32), lens * np.float32(0.92))
    mix(canvas.albedo, linear_bgr("1a1412"), frame * np.float32(0.9))
