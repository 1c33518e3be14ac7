"""Light on the person, and the camera that takes the picture."""

import cv2
import numpy as np

from colorgan.faces.drawn.brush import (
    GAMMA,
    HEIGHT,
    WIDTH,
    Canvas,
    Picture,
    Plane,
    Random,
    gray_picture,
)
from colorgan.faces.drawn.traits import FaceTraits


def _cast_shadows(height: Plane, light: tuple[float, float, float]) -> Plane:
    """1 in full light, down to 0 where a nearer part is between a point and the light."""
    small = cv2.resize(height, (WIDTH // 2, HEIGHT // 2), interpolation=cv2.INTER_AREA)
    sideways = max(float(np.hypot(light[0], light[1])), 1e-3)
    occlusion = np.zeros_like(small)
    for distance in (2, 4, 7, 11, 16, 23, 32):
        step = np.array(
            [
                [1, 0, -light[0] / sideways * distance / 2],
                [0, 1, -light[1] / sideways * distance / 2],
            ],
            np.float32,
        )
        nearer = cv2.warpAffine(small, step, small.shape[::-1], borderMode=cv2.BORDER_REPLICATE)
        over = nearer - small - np.float32(distance * light[2] / sideways)
        np.maximum(occlusion, np.clip(over / np.float32(2 + 0.25 * distance), 0, 1), out=occlusion)
    occlusion = cv2.GaussianBlur(occlusion, (0, 0), 1.3)
    return 1 - cv2.resize(occlusion, (WIDTH, HEIGHT), interpolation=cv2.INTER_LINEAR)


def _openness(height: Plane) -> Plane:
    """How much of the surroundings reaches a point: less in hollows and under overhangs."""
    small = cv2.resize(height, (WIDTH // 4, HEIGHT // 4), interpolation=cv2.INTER_AREA)
    around = cv2.resize(cv2.GaussianBlur(small, (0, 0), 2.2), (WIDTH, HEIGHT))
    return np.exp(np.float32(-0.05) * np.maximum(around - height, 0))


def light_person(canvas: Canvas, traits: FaceTraits) -> Picture:
    """Light the person: soft Lambert key light, ambient light, shadows, shine; in linear light."""
    lx, ly, lz = traits.light
    upright = 1 / np.sqrt(1 + canvas.slope_x**2 + canvas.slope_y**2)
    facing = (lz - lx * canvas.slope_x - ly * canvas.slope_y) * upright
    open_sky = _openness(canvas.height)
    shadow = _cast_shadows(canvas.height, traits.light)
    # Shine is strongest where the surface faces halfway between light and camera.
    hx, hy, hz = (
        float(part) for part in np.array([lx, ly, lz + 1]) / np.hypot.reduce([lx, ly, lz + 1])
    )
    toward = np.maximum((hz - hx * canvas.slope_x - hy * canvas.slope_y) * upright, 0)
    channels = []
    ambient = (
        np.float32(traits.ambient)
        * open_sky
        * (np.float32(0.8) + np.float32(0.2) * canvas.slope_y * upright)
    )
    shine = canvas.gloss * shadow * (np.float32(0.8) * toward**14 + np.float32(1.3) * toward**60)
    albedo = cv2.split(canvas.albedo)
    for part, tint, wrap in zip(albedo, traits.light_color, (0.10, 0.14, 0.26), strict=True):
        # Light travels inside skin, red light furthest, so edges of shadows are warm.
        key = np.clip((facing + np.float32(wrap)) / np.float32(1 + wrap), 0, 1)
        key *= shadow ** np.float32(1.1 - 1.4 * (wrap - 0.10))
        received = ambient + key * np.float32((1 - traits.ambient) * 1.15)
        channels.append((part * received + shine) * tint)
    return cv2.merge(channels)


def develop(picture: Picture, traits: FaceTraits, rng: Random) -> np.ndarray:
    """Convert linear light to 8 bits: exposure, tone curve, saturation, focus, grain."""
    picture = np.maximum(picture * np.float32(traits.exposure), 0)
    picture = picture / (1 + np.float32(0.42) * picture) * np.float32(1.25)  # soft highlights
    picture = cv2.pow(picture.astype(np.float32), 1 / GAMMA)
    picture = np.float32(0.45) + np.float32(traits.contrast) * (picture - np.float32(0.45))
    gray = gray_picture(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY))
    picture = gray + np.float32(traits.saturation) * (picture - gray)
    picture = cv2.GaussianBlur(picture, (0, 0), traits.softness)
    grain = rng.standard_normal((HEIGHT, WIDTH, 3), np.float32) * np.float32(traits.grain)
    picture += np.float32(0.6) * grain + gray_picture(grain[..., 0])  # most of it gray
    return np.clip(np.rint(picture * 255), 0, 255).astype(np.uint8)
