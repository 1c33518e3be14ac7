"""How fast `colorgan colorize` is, and how fast the page adds strokes.

The command colours a picture of 512 x 512, one of 12 megapixels, and a folder of faces of 64 x 64,
each time in a fresh process, as when a user starts it. Caffe and OpenCV take turns. A plain loop
colours the faces as well, with nothing but OpenCV and the generator: the time that the command
takes beyond that is its own overhead.

Strokes are painted one after another on a photo that is kept in memory, as on the page. Their times
are processor time.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import skimage.data

from colorgan.errors import UserError
from colorgan.nets.deployed import to_uint8
from colorgan.nets.generators import BEST_WEIGHTS, open_generator
from colorgan.phases import timed
from colorgan.photos.coloring.colorizer import Colorizer
from colorgan.photos.coloring.hints import Hints
from colorgan.photos.coloring.painting import shrunk
from colorgan.photos.coloring.sitting import Sitting
from colorgan.photos.coloring.strokes import StrokeSpreader
from colorgan.photos.pictures.encoding import encode_picture

DEVICES = ("caffe", "opencv")
LARGE = 4000, 3000
PAINTED = {"2 megapixels": (1632, 1224), "12 megapixels": LARGE}
STROKES = 6
STROKES_PIXELS = 640 * 480  # of the picture with the strokes, as the page sends it

_STAGE = re.compile(r"^(.+?) +([\d.]+) s +[-\d.]+%$", re.MULTILINE)


@dataclass
class Call:
    """What one call of the command took."""

    seconds: float
    """From the start of its process to the end."""
    mebibytes: float
    """Peak of its resident memory."""
    stages: dict[str, float]
    """Seconds of each stage, from --profile."""

    def after_load(self) -> float:
        """Seconds of all stages after the nets were loaded."""
        return sum(t for stage, t in self.stages.items() if stage != "load the nets")


def colorize(*arguments: object) -> Call:
    """Run `colorgan colorize` with these arguments; UserError if it fails."""
    command = [sys.executable, "-m", "colorgan", "colorize", *map(str, arguments)]
    command += ["--overwrite", "--profile"]
    begun = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as child:
        said = child.stderr.read()  # type: ignore[union-attr] # it is a pipe
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - begun
    if child.returncode:
        raise UserError((said.splitlines() or [f"colorize: ended with {child.returncode}"])[-1])
    stages = {name: float(t) for name, t in _STAGE.findall(said)}
    return Call(seconds, usage.ru_maxrss / 1024, stages)


def plain_loop(faces: Path, out: Path, device: str) -> float:
    """Seconds to decode, colour, encode and write all faces of a folder, in one process."""
    generator = open_generator(BEST_WEIGHTS, device)
    begun = time.perf_counter()
    for path in faces.iterdir():
        gray = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_GRAYSCALE)
        colored = to_uint8(generator.colorize(gray[np.newaxis])[0]).transpose(1, 2, 0)
        cv2.imencode(".png", colored)[1].tofile(out / f"{path.stem}.png")
    return time.perf_counter() - begun


def measure_strokes(gray: np.ndarray) -> dict[str, float]:
    """Processor time in seconds on a gray photo, uint8 (h, w).

    "first" is the first stroke. The others are the quickest of the later strokes: "stroke" as a
    whole, "spread", the part that spreads its colour, and "encode", which encodes the photo as JPEG
    afterwards.
    """
    sitting, spreader = Sitting(Colorizer(), gray), StrokeSpreader(gray)
    sitting.prepare()
    sitting.expect_strokes()
    painted = np.zeros((*shrunk(gray, STROKES_PIXELS).shape, 4), np.uint8)
    height, width = painted.shape[:2]
    rounds = []
    for at in range(STROKES):
        start = np.array([(0.05 + 0.05 * at) * width, 0.85 * height], np.int32)
        cv2.line(painted, start, start + height // 20, (200, 80, 32, 255), height // 40)
        hints = Hints.of_picture(painted, gray.shape)
        colored, stroke = timed(sitting.colorize, False, hints)
        _, spread = timed(spreader.layer, hints.chroma, hints.mask)
        _, encode = timed(encode_picture, colored, None, ".jpg")
        rounds.append({"stroke": stroke, "spread": spread, "encode": encode})
    later = {key: min(one[key] for one in rounds[1:]) for key in rounds[0]}
    return {"first": rounds[0]["stroke"], **later}


def make_pictures(folder: Path, count: int) -> tuple[Path, Path, Path]:
    """Make a small picture, a large one, and a folder of `count` faces, all from one photo."""
    gray = cv2.cvtColor(skimage.data.astronaut(), cv2.COLOR_RGB2GRAY)
    small, large, faces = folder / "small.jpg", folder / "large.jpg", folder / "faces"
    cv2.imwrite(str(small), gray)
    enlarged = cv2.resize(gray, (LARGE[0], LARGE[0]), interpolation=cv2.INTER_CUBIC)
    cv2.imwrite(str(large), enlarged[: LARGE[1]])
    faces.mkdir()
    random = np.random.default_rng(1)
    for number in range(count):
        x, y = random.integers(-8, 9, 2)
        face = gray[50 + y : 210 + y, 142 + x : 302 + x]
        face = cv2.resize(face, (64, 64), interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(faces / f"{number:06d}.jpg"), face)
    return small, large, faces


def measure_round(folder: Path, pictures: tuple[Path, Path, Path], device: str) -> dict:
    """What a device takes for each picture and for the faces: one turn."""
    small, large, faces = pictures
    options = "--device", device, "-o", folder / "out"
    loop_out = folder / "loop"
    loop_out.mkdir(exist_ok=True)
    return {
        "first": colorize(small, *options),
        "large": colorize(large, *options),
        "faces": colorize(faces, *options),
        "plain loop": plain_loop(faces, loop_out, device),
    }


def report(rounds: dict[str, list[dict]], count: int) -> str:
    """The medians over the rounds, as text. There were `count` faces."""
    return "\n".join(
        line for device, turns in rounds.items() for line in device_lines(device, turns, count)
    )


def device_lines(device: str, turns: list[dict], count: int) -> Iterator[str]:
    """A device's medians."""

    def middle(figure: Callable[[dict], float]) -> float:
        return median(map(figure, turns))

    def stage_lines(of: str) -> Iterator[str]:
        for stage in turns[0][of].stages:
            seconds = median(turn[of].stages[stage] for turn in turns)
            yield f"    {stage:16} {seconds:.2f} s"

    first = middle(lambda turn: turn["first"].seconds)
    large = middle(lambda turn: turn["large"].after_load())
    memory = middle(lambda turn: turn["large"].mebibytes)
    faces = middle(lambda turn: turn["faces"].after_load())
    ratio = middle(lambda turn: turn["faces"].after_load() / turn["plain loop"])
    yield f"{device}:"
    yield f"  start to first picture (512 x 512)  {first:.2f} s"
    yield f"  12 megapixels, after load           {large:.2f} s, {memory:.0f} MiB"
    yield from stage_lines("large")
    yield f"  {count} faces: {count / faces:.0f}/s, {ratio:.2f} x the plain loop's time"
    yield from stage_lines("faces")


def report_strokes(rounds: list[dict[str, dict[str, float]]]) -> str:
    """The quickest of all rounds, as text."""
    lines = []
    for size in PAINTED:
        best = {part: min(one[size][part] for one in rounds) for part in rounds[0][size]}
        lines.append(
            f"strokes, {size}: the first {best['first']:.2f} s, the next {best['stroke']:.2f} s "
            f"(of that to spread it {best['spread']:.2f} s); as JPEG {best['encode']:.2f} s more"
        )
    return "\n".join(lines)


def paint_strokes(rounds: int) -> list[dict[str, dict[str, float]]]:
    """What `measure_strokes` finds in each round, by the photo's size."""
    gray = cv2.cvtColor(skimage.data.astronaut(), cv2.COLOR_RGB2GRAY)
    photos = {
        name: cv2.resize(gray, (width, width), interpolation=cv2.INTER_CUBIC)[:height]
        for name, (width, height) in PAINTED.items()
    }
    return [{name: measure_strokes(photo) for name, photo in photos.items()} for _ in range(rounds)]


def take_turns(count: int, rounds: int) -> dict[str, list[dict]]:
    """What `measure_round` finds in each round, by device; there are `count` faces."""
    figures: dict[str, list[dict]] = {device: [] for device in DEVICES}
    with tempfile.TemporaryDirectory() as name:
        pictures = make_pictures(Path(name), count)
        for _ in range(rounds):
            for device in DEVICES:
                figures[device].append(measure_round(Path(name), pictures, device))
    return figures
