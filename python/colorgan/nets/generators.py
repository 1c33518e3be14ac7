"""Trained generators to colour with, run by Caffe or, on machines without it, by OpenCV.

Both give the same colours, to less than 1e-4 of the range. OpenCV comes ready from pip.
"""

import importlib.util
import re
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np

from colorgan.errors import UserError, lacks_memory, note
from colorgan.nets.released import check_released
from colorgan.nets.use import use_of
from colorgan.places import PROTOTXT, WEIGHTS
from colorgan.processes import all_processes

BEST_WEIGHTS = WEIGHTS / "best.caffemodel"


class Generator(Protocol):
    """A trained generator G, for any size of face."""

    def colorize(self, gray: np.ndarray) -> np.ndarray:
        """Colour gray faces, uint8 (n, h, w): float32 (n, 3, h, w), channels B, G, R, in [0, 1].

        Values may leave [0, 1] by a little.
        """


def open_generator(weights: Path, device: str | None = None) -> Generator:
    """Load a generator's .caffemodel to be run by `device`.

    "caffe" is Caffe on the CPU, "gpu" or "gpu:N" Caffe on a GPU, "opencv" OpenCV on the CPU; the
    default is Caffe where it is installed, unless that is another Caffe or does not load, of which
    a note says why. UserError where the device is not available, or the weights do not fit.
    """
    has_caffe = importlib.util.find_spec("caffe") is not None
    if device is None:
        device = "caffe" if has_caffe and _caffe_loads() else "opencv"
    match = re.fullmatch(r"caffe|opencv|gpu(?::(\d{1,3}))?", device)
    if match is None:
        raise UserError(f"device {device!r}: must be caffe, opencv, gpu or gpu:N")
    if device == "opencv":
        return OpenCVGenerator(weights)
    if not has_caffe:
        raise UserError(f"device {device}: needs Caffe, bash tools/setup.sh; or take opencv")
    # Imported here because neither loads without Caffe.
    from colorgan.nets.deployed import DeployedGenerator
    from colorgan.nets.runtime import gpu_of, use_device

    gpu = int(match[1] or 0) if device.startswith("gpu") else None
    use_device(gpu_of(gpu, all_processes().local_rank))
    return DeployedGenerator(weights)


def _caffe_loads() -> bool:
    """Whether the Caffe that is installed is the project's and loads; if not, a note says why."""
    from colorgan.nets.runtime import load_caffe

    try:
        load_caffe()
    except UserError as error:
        if all_processes().is_first:
            note(f"{error}; meanwhile, OpenCV colours")
        return False
    return True


class OpenCVGenerator:
    """A trained generator, run by OpenCV's importer of Caffe nets; threads must not share one.

    The net's description is the project's deploy prototxt of the same name, since OpenCV does not
    use the layers that a .caffemodel file carries.
    """

    def __init__(self, weights: Path) -> None:
        """Load `weights`; UserError where they are damaged, or OpenCV cannot run them."""
        try:
            content = weights.read_bytes()
        except OSError as error:
            raise UserError(f"{weights}: cannot be read ({error.strerror})") from None
        check_released(weights, content)
        self._use = use_of(weights)
        deploy = _deploy_prototxt(weights, content)
        try:
            buffers = (np.frombuffer(file, np.uint8) for file in (deploy.read_bytes(), content))
            self._net = cv2.dnn.readNetFromCaffe(*buffers)
            # OpenCV's fused layers give wrong results once the size of the images has changed.
            self._net.enableFusion(False)
            fake = self.colorize(np.zeros((1, 64, 64), np.uint8))
        except cv2.error as error:
            if lacks_memory(error):
                raise
            raise UserError(f"{weights}: damaged, or not weights of {deploy.name}") from None
        if not np.isfinite(fake).all():
            raise UserError(f"{weights}: holds non-finite weights")

    def colorize(self, gray: np.ndarray) -> np.ndarray:
        """Colour gray faces, uint8 (n, h, w): float32 (n, 3, h, w), channels B, G, R, in [0, 1]."""
        return self._use.colorize(self._generate, gray)

    def _generate(self, gray: np.ndarray) -> np.ndarray:
        self._net.setInput(np.repeat(gray[:, np.newaxis], 3, axis=1) / np.float32(255))
        return self._net.forward("fake")


def _deploy_prototxt(weights: Path, content: bytes) -> Path:
    """The deploy prototxt of the net in a .caffemodel, whose content begins with the net's name."""
    name = content[2 : 2 + content[1]] if content[:1] == b"\n" and len(content) > 1 else b""
    for path in sorted(PROTOTXT.glob("*_deploy.prototxt")):
        if name and b'name: "%s"\n' % name in path.read_bytes():
            return path
    raise UserError(
        f"{weights}: not weights of a generator that OpenCV has a deploy prototxt for; "
        "others need Caffe: bash tools/setup.sh"
    )
