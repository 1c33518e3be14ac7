"""`colorgan colorize`: a first picture, 12 megapixels, and 1,000 faces of 64 x 64; and strokes.

Every figure of the command is of a fresh process, as a user starts it; with Caffe and with OpenCV,
which take turns. The picture is scikit-image's astronaut, enlarged. The faces are coloured by a
plain loop as well, in which nothing but OpenCV and the generator works: what the command takes
longer is its own overhead. Strokes are painted as on the page, one after another on a photo that is
kept; their figures are of processor time.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import cv2
import numpy as np
import skimage.data

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
STROKES_PIXELS = 640 * 480  # of the picture of strokes that the page sends

_STAGE = re.compile(r"^(.+?) +([\d.]+) s +[-\d.]+%$", re.MULTILINE)


@dataclass
class Measured:
    """One call of the command."""

    seconds: float
    """From the process's start to its end."""
    mebibytes: float
    """Peak of its resident memory."""
    stages: dict[str, float]
    """Seconds of each stage, as --profile tells them."""

    def after_load(self) -> float:
        """Seconds that the stages took once the nets were loaded."""
        return sum(t for stage, t in self.stages.items() if stage != "load the nets")


def measure(*arguments: object) -> Measured:
    """Run `colorgan colorize` on arguments, and leave what it wrote to the caller."""
    command = [sys.executable, "-m", "colorgan", "colorize", *map(str, arguments)]
    command += ["--overwrite", "--profile"]
    begun = time.perf_counter()
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as child:
        said = child.stderr.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.perf_counter() - begun
    if child.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {child.returncode}: {said}")
    stages = {name: float(t) for name, t in _STAGE.findall(said)}
    return Measured(seconds, usage.ru_maxrss / 1024, stages)


def plain_loop(faces: Path, out: Path, device: str) -> float:
    """Seconds to decode, colour, encode and write all faces of a folder, with nothing around it."""
    generator = open_generator(BEST_WEIGHTS, device)
    begun = time.perf_counter()
    for path in faces.iterdir():
        gray = cv2.imdecode(np.fromfile(path, np.uint8), cv2.IMREAD_GRAYSCALE)
        colored = to_uint8(generator.colorize(gray[np.newaxis])[0]).transpose(1, 2, 0)
        cv2.imencode(".png", colored)[1].tofile(out / f"{path.stem}.png")
    return time.perf_counter() - begun


def measure_strokes(gray: np.ndarray) -> dict[str, float]:
    """Processor time of the first of some strokes, of a later one at best, and of its parts."""
    sitting, spreader = Sitting(Colorizer(), gray), StrokeSpreader(gray)
    sitting.prepare()
    sitting.expect_strokes()
    painted = np.zeros((*shrunk(gray, STROKES_PIXELS).shape, 4), np.uint8)
    height, width = painted.shape[:2]
    rounds = []
    for at in range(STROKES):
        start = np.int32([(0.05 + 0.05 * at) * width, 0.85 * height])
        cv2.line(painted, start, start + height // 20, (200, 80, 32, 255), height // 40)
        hints = Hints.of_picture(painted, gray.shape)
        colored, stroke = timed(sitting.colorize, False, hints)
        _, spread = timed(spreader.layer, hints.chroma, hints.mask)
        _, encode = timed(encode_picture, colored, None, ".jpg")
        rounds.append({"stroke": stroke, "spread": spread, "encode": encode})
    later = {key: min(one[key] for one in rounds[1:]) for key in rounds[0]}
    return {"first": rounds[0]["stroke"], **later}


def make_pictures(folder: Path, count: int) -> tuple[Path, Path, Path]:
    """The small picture, the large one, and the folder of faces."""
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
    """All figures of one device, once."""
    small, large, faces = pictures
    options = "--device", device, "-o", folder / "out"
    loop_out = folder / "loop"
    loop_out.mkdir(exist_ok=True)
    return {
        "first": measure(small, *options),
        "large": measure(large, *options),
        "faces": measure(faces, *options),
        "plain loop": plain_loop(faces, loop_out, device),
    }


def report(rounds: dict[str, list[dict]], count: int) -> str:
    """Medians over the rounds, in lines to read."""
    lines = []
    for device, results in rounds.items():

        def middle(of: Callable[[dict], float], results: list[dict] = results) -> float:
            return median(of(result) for result in results)

        lines.append(f"{device}:")
        lines.append(
            f"  start to first picture (512 x 512)  {middle(lambda r: r['first'].seconds):.2f} s"
        )
        large = middle(lambda r: r["large"].after_load())
        memory = middle(lambda r: r["large"].mebibytes)
        lines.append(f"  12 megapixels, after load           {large:.2f} s, {memory:.0f} MiB")
        for stage in results[0]["large"].stages:
            lines.append(f"    {stage:16} {middle(lambda r, s=stage: r['large'].stages[s]):.2f} s")
        faces = middle(lambda r: r["faces"].after_load())
        ratio = middle(lambda r: r["faces"].after_load() / r["plain loop"])
        lines.append(f"  {count} faces: {count / faces:.0f}/s, {ratio:.2f} x the plain loop's time")
        for stage in results[0]["faces"].stages:
            lines.append(f"    {stage:16} {middle(lambda r, s=stage: r['faces'].stages[s]):.2f} s")
    return "\n".join(lines)


def report_strokes(rounds: list[dict[str, dict[str, float]]]) -> str:
    """The quickest of the rounds, in lines to read."""
    lines = []
    for size in PAINTED:
        best = {part: min(one[size][part] for one in rounds) for part in rounds[0][size]}
        lines.append(
            f"strokes, {size}: the first {best['first']:.2f} s, the next {best['stroke']:.2f} s "
            f"(of that to spread it {best['spread']:.2f} s); as JPEG {best['encode']:.2f} s more"
        )
    return "\n".join(lines)


def paint_strokes(rounds: int) -> list[dict[str, dict[str, float]]]:
    """Every round's figures of strokes, by the photo's size."""
    gray = cv2.cvtColor(skimage.data.astronaut(), cv2.COLOR_RGB2GRAY)
    photos = {
        name: cv2.resize(gray, (width, width), interpolation=cv2.INTER_CUBIC)[:height]
        for name, (width, height) in PAINTED.items()
    }
    return [{name: measure_strokes(photo) for name, photo in photos.items()} for _ in range(rounds)]


def take_turns(count: int, rounds: int) -> dict[str, list[dict]]:
    """Every round's figures by device, of a folder of `count` faces and the two pictures."""
    figures: dict[str, list[dict]] = {device: [] for device in DEVICES}
    with tempfile.TemporaryDirectory() as name:
        pictures = make_pictures(Path(name), count)
        for _ in range(rounds):
            for device in DEVICES:
                figures[device].append(measure_round(Path(name), pictures, device))
    return figures
