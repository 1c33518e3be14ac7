"""Decides about a face before it is drawn: build, colours, hair, clothes, light."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from colorgan.faces.drawn.brush import Color, Random, linear_bgr, pick, pick_weighted, vary

# Colour tables: sRGB hex codes in even light, with the share of faces that have the colour.

# From pale to deep. Pale skin is pinker, the middle more golden, deep skin redder again: the
# undertone follows lightness, so it can be learned.
SKIN_TONES = ("f2d0bf", "e9bfa6", "dcab8c", "c69274", "a47659", "7d5642", "583b2e")
# Gray level and colour go together, except gray hair against blond and auburn against brown.
HAIR_COLORS = {
    "black": ("17130f", 0.22),
    "dark brown": ("2e211b", 0.25),
    "brown": ("523a2c", 0.19),
    "auburn": ("6a3524", 0.05),
    "light brown": ("866142", 0.10),
    "blond": ("c0a070", 0.14),
    "gray": ("8d8a87", 0.05),
}
EYE_COLORS = {
    "dark": ("2e1a10", 0.45),
    "brown": ("55341c", 0.25),
    "hazel": ("6a5a30", 0.10),
    "green": ("5f7a58", 0.07),
    "blue": ("5c86ad", 0.13),
}
# Lipstick: red and berry are darker than natural lips, so part of it shows in gray.
LIPSTICKS = ("b3202c", "c24a55", "8e2440", "d06a78", "a8443a")
CLOTHES = (
    "16161a",
    "1a2036",
    "e8e6e2",
    "ebe9e8",
    "7c1f24",
    "b32a30",
    "2d5a8c",
    "3f7f78",
    "6a6a70",
    "8a5a36",
    "d9b8c4",
    "4a2f5c",
    "c9a94a",
    "39583a",
    "d8703c",
    "2a2a2e",
)
SUITS = ("121216", "1a1f30", "3a3b42", "2b2320")

BACKGROUNDS = {
    "wall": 0.26,
    "room": 0.22,
    "backdrop": 0.16,
    "foliage": 0.12,
    "night": 0.10,
    "sky": 0.06,
    "curtain": 0.04,
    "brick": 0.04,
}


@dataclass(frozen=True)
class FaceTraits:
    """Everything about a portrait except its textures. Lengths in pixels, angles in radians."""

    # pose
    shift: tuple[float, float]
    scale: float
    roll: float
    yaw: float
    # build
    feminine: bool
    age: float  # 0 young, 1 old
    cheek_width: float
    jaw_width: float
    chin_y: float
    nose_width: float
    nose_length: float
    brow_y: float
    brow_thickness: float
    eye_width: float
    eye_opening: float
    eye_slant: float
    gaze: float
    lip_fullness: float
    smile: float  # 0 straight, 1 wide
    mouth_opening: float  # 0 closed; then teeth show
    # colours
    skin: Color
    hair: Color
    iris: Color
    lips: Color
    makeup: float
    blush: float
    beard: float  # 0 shaved, 0.5 stubble, 1 full
    freckles: float
    # hair
    hair_style: str  # "short", "bald", "up", "medium", "long"
    hairline_y: float
    hair_part: float
    hair_sweep: float
    hair_volume: float
    hair_end_y: float
    hair_width: float
    hair_wave: float
    hair_curl: float
    bangs: bool
    # the rest
    glasses: str  # "", "clear", "sun"
    clothes: str  # "suit", "crew", "v", "bare"
    cloth: Color
    pattern: str  # "plain", "stripes", "plaid", "dots", "flowers"
    background: str  # of BACKGROUNDS
    background_gain: float
    depth_blur: float
    smear_y: int  # rows above it repeat it, as CelebA's alignment does outside a photograph
    # light and camera
    light: tuple[float, float, float]  # unit vector towards the light
    light_color: Color
    ambient: float
    gloss: float
    exposure: float
    contrast: float
    saturation: float
    softness: float
    grain: float


def _skin_color(rng: Random, tone: float) -> Color:
    """Skin at `tone` in [0, 1], pale to deep, with a slight undertone of its own."""
    table = np.stack([linear_bgr(code) for code in SKIN_TONES])
    place = np.linspace(0, 1, len(SKIN_TONES))
    color = np.array([np.interp(tone, place, table[:, c]) for c in range(3)], np.float32)
    pink = rng.normal(0, 0.035)
    return (color * np.exp([pink * 0.6, -pink, 0.0])).astype(np.float32)


def _sample_hair_style(rng: Random, feminine: bool) -> dict[str, Any]:
    if feminine:
        style = str(rng.choice(["long", "medium", "up", "short"], p=[0.58, 0.22, 0.15, 0.05]))
    else:
        style = str(rng.choice(["short", "medium", "bald"], p=[0.85, 0.08, 0.07]))
    ends = {"short": -2, "bald": -2, "up": 4, "medium": 62, "long": 125}
    widths = {"short": 45, "bald": 43, "up": 45, "medium": 64, "long": 69}
    loose = style in ("medium", "long")
    return {
        "hair_style": style,
        "hairline_y": rng.normal(-47 if feminine else -44, 3.5) - 8 * (style == "bald"),
        "hair_part": rng.choice([0, -14, 14]) + rng.normal(0, 3),
        "hair_sweep": float(np.clip(rng.normal(0, 0.25), -0.45, 0.45)),
        "hair_volume": max(3.0, rng.normal(14 if style != "bald" else 3, 3.5)),
        "hair_end_y": ends[style] + rng.normal(0, 12 if loose else 3),
        "hair_width": widths[style] + rng.normal(0, 5 if loose else 1.5),
        "hair_wave": abs(rng.normal(0, 2.2)) if loose else 0.4,
        "hair_curl": float(np.clip(rng.normal(0.1, 0.4), 0, 1)),
        "bangs": bool(feminine and rng.random() < 0.2),
    }


def _sample_build(rng: Random, feminine: bool) -> dict[str, Any]:
    smile = float(np.clip(rng.normal(0.5, 0.4), -0.15, 1))
    age = float(rng.beta(1.6, 2.6))
    return {
        "shift": (rng.normal(0, 1.2), rng.normal(0, 1.2)),
        "scale": float(np.exp(rng.normal(0, 0.035))),
        "roll": rng.normal(0, 0.035),
        "yaw": float(np.clip(rng.normal(0, 0.24), -0.6, 0.6)),
        "age": age,
        "cheek_width": rng.normal(41 if feminine else 42, 1.4),
        "jaw_width": rng.normal(0.93 if feminine else 1.03, 0.05),
        "chin_y": rng.normal(70 if feminine else 74, 2.2),
        "nose_width": rng.normal(7.6 if feminine else 8.8, 0.8),
        "nose_length": rng.normal(24.0, 1.3),
        "brow_y": rng.normal(-14.5 if feminine else -12.5, 1.3),
        "brow_thickness": max(1.2, rng.normal(2.1 if feminine else 2.7, 0.4)),
        "eye_width": rng.normal(9.4, 0.5),
        "eye_opening": rng.normal(3.7 if feminine else 3.2, 0.45) - 0.6 * max(smile, 0),
        "eye_slant": rng.normal(0.05, 0.06),
        "gaze": rng.normal(0, 1.0),
        "lip_fullness": float(np.exp(rng.normal(0.08 if feminine else -0.2, 0.2))),
        "smile": smile,
        "mouth_opening": max(0.0, rng.normal(4.5, 1.5))
        if smile > 0.4
        else max(0.0, rng.normal(-1.0, 1.6)),
    }


def _sample_colors(rng: Random, feminine: bool, age: float) -> dict[str, Any]:
    tone = float(rng.beta(1.3, 2.6))
    skin = _skin_color(rng, tone)
    name = pick_weighted(rng, HAIR_COLORS)
    if age > 0.62 and rng.random() < 0.35:
        name = "gray"
    elif tone > 0.5 and name not in ("black", "gray") and rng.random() < 0.85:
        name = "black"  # so skin says something about hair
    iris = "dark" if tone > 0.45 else pick_weighted(rng, EYE_COLORS)
    makeup = float(rng.random() ** 1.5) if feminine else 0.0
    natural = skin * np.array([0.45, 0.33, 0.78], np.float32)
    lipstick = vary(rng, pick(rng, LIPSTICKS), 0.1, 0.08) * (0.5 + 0.5 * skin.mean() / 0.45)
    beard = 0.0 if feminine else float(rng.choice([0.06, 0.35, 0.8], p=[0.5, 0.3, 0.2]))
    return {
        "skin": skin,
        "hair": vary(rng, linear_bgr(HAIR_COLORS[name][0]), 0.2, 0.03),
        "iris": vary(rng, linear_bgr(EYE_COLORS[iris][0]), 0.15, 0.08),
        "lips": (natural + makeup * 0.8 * (lipstick - natural)).astype(np.float32),
        "makeup": makeup,
        "blush": abs(rng.normal(0.07, 0.06)) + 0.08 * makeup,
        "beard": beard,
        "freckles": float(rng.random() < 0.12) * (tone < 0.3) * rng.random(),
    }


def _sample_light(rng: Random) -> dict[str, Any]:
    flash = rng.random() < 0.45  # press photographs: light from the camera
    side, up = (rng.normal(0, 0.15), 0.25) if flash else (rng.normal(0, 0.6), rng.normal(0.6, 0.2))
    light = np.array([side, -up, 1.0]) / np.linalg.norm([side, up, 1.0])
    warmth = rng.normal(0.07, 0.055)
    return {
        "light": tuple(float(part) for part in light),
        "light_color": np.exp([-warmth, 0.0, warmth * 0.7]).astype(np.float32),
        "ambient": float(rng.uniform(0.25, 0.5)),
        "gloss": float(rng.uniform(0.03, 0.14)),
        "exposure": float(np.exp(rng.normal(0.0, 0.18))),
        "contrast": float(rng.uniform(1.05, 1.45)),
        "saturation": float(np.clip(rng.normal(0.92, 0.14), 0.4, 1.3)),
        "softness": float(rng.uniform(0.3, 0.8)),
        "grain": float(rng.gamma(2.0, 0.004)),
    }


def sample_traits(rng: Random) -> FaceTraits:
    """Draw the traits of one face from `rng`."""
    feminine = bool(rng.random() < 0.58)  # CelebA's share
    build = _sample_build(rng, feminine)
    colors = _sample_colors(rng, feminine, build["age"])
    glasses = str(rng.choice(["", "clear", "sun"], p=[0.93, 0.05, 0.02]))
    if feminine:
        clothes = str(rng.choice(["crew", "v", "bare", "suit"], p=[0.25, 0.4, 0.28, 0.07]))
    else:
        clothes = str(rng.choice(["crew", "v", "suit"], p=[0.4, 0.15, 0.45]))
    cloth = pick(rng, SUITS if clothes == "suit" else CLOTHES)
    return FaceTraits(
        feminine=feminine,
        **build,
        **colors,
        **_sample_hair_style(rng, feminine),
        glasses=glasses,
        clothes=clothes,
        cloth=vary(rng, cloth, 0.2, 0.1),
        pattern=str(
            rng.choice(
                ["plain", "stripes", "plaid", "dots", "flowers"], p=[0.66, 0.1, 0.08, 0.06, 0.1]
            )
        ),
        background=str(rng.choice(list(BACKGROUNDS), p=list(BACKGROUNDS.values()))),
        background_gain=float(np.exp(rng.normal(-0.35, 0.5))),
        depth_blur=float(rng.uniform(0.5, 3.5)),
        smear_y=int(max(0.0, rng.normal(8, 14))),
        **_sample_light(rng),
    )
