"""Films that the tests make: of a still face, a moving camera, grain; and how ffmpeg sees them."""

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

import cv2
import imageio_ffmpeg
import numpy as np

from colorgan.phases import PhaseTimes
from colorgan.photos.coloring.colorizer import Colorizer
from colorgan.photos.films.video import ColoredVideo, colorize_video

RATE = 25
FACE = np.float64([111, 65])  # the middle of the astronaut's face
SIZE = 320, 256


def camera(at: float, speed: float = 0) -> np.ndarray:
    """Takes points of the photo to a frame, after `at` frames of a pan, a zoom and a roll."""
    motion = cv2.getRotationMatrix2D(FACE.tolist(), 1.5 * np.sin(at / 7), 2 + 0.06 * np.sin(at / 9))
    motion[:, 2] += [160 - FACE[0] + 4 * np.sin(at / 6) + speed * at, 128 - FACE[1]]
    return motion


def seen(photo: np.ndarray, motion: np.ndarray, noise: float = 0, seed: int = 0) -> np.ndarray:
    frame = cv2.warpAffine(photo, motion, SIZE, borderMode=cv2.BORDER_REPLICATE)
    grain = np.random.default_rng(seed).normal(0, noise, frame.shape)
    return np.clip(np.rint(frame + grain), 0, 255).astype(np.uint8)


def clip_of(photo: np.ndarray) -> list[np.ndarray]:
    """Eight frames without grain."""
    return [seen(photo, camera(at)) for at in range(8)]


def ffmpeg(*arguments: object, **options: object) -> subprocess.CompletedProcess[bytes]:
    """Run ffmpeg; an error where it ends with one."""
    program = imageio_ffmpeg.get_ffmpeg_exe()
    words = [program, "-nostdin", "-y", "-v", "error", *map(str, arguments)]
    return subprocess.run(words, check=True, capture_output=True, **options)


def write_video(
    path: Path, frames: list[np.ndarray], rate: object = RATE, options: Iterable[object] = ()
) -> Path:
    """Gray frames as a nearly lossless H.264 video; `options` may add inputs and say more."""
    height, width = frames[0].shape
    raw = ("-f", "rawvideo", "-pix_fmt", "gray", "-s", f"{width}x{height}", "-r", rate)
    encoder = ("-c:v", "libx264", "-qp", 4, "-pix_fmt", "yuv420p")
    ffmpeg(*raw, "-i", "pipe:0", *encoder, *options, path, input=np.stack(frames).tobytes())
    return path


def probe(path: Path) -> str:
    """What ffmpeg says of a file."""
    words = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-i", str(path)]
    return subprocess.run(words, capture_output=True, text=True, check=False).stderr


def read_video(path: Path, pix_fmt: str = "bgr24") -> np.ndarray:
    """The stored frames, `(n, h, w, 3)`, or `(n, h, w)` of gray."""
    width, height = map(int, re.search(r"Video: .*?, (\d+)x(\d+)", probe(path)).groups())
    output = ("-f", "rawvideo", "-pix_fmt", pix_fmt, "-fps_mode", "passthrough", "pipe:1")
    content = ffmpeg("-noautorotate", "-i", path, *output).stdout
    shape = (-1, height, width, 3) if pix_fmt == "bgr24" else (-1, height, width)
    return np.frombuffer(content, np.uint8).reshape(shape)


def colorize(colorizer: Colorizer, source: Path, target: Path, **options: object) -> ColoredVideo:
    """Colour a small video."""
    options = {"max_pixels": 10**6, "times": PhaseTimes(), **options}
    return colorize_video(colorizer, source, target, **options)
