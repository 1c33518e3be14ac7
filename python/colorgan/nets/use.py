"""How trained weights are used on a face, as use.toml beside them says.

Each section has the name of a .caffemodel file, without its suffix, and the fields of `Use`.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from colorgan.errors import UserError
from colorgan.files import read_toml
from colorgan.kinds import misfit
from colorgan.luminance import GRAY_WEIGHTS, check_levels

USE_FILE = "use.toml"
LEAST_SIDE = 8  # pixels of the smallest image that a net sees: OpenCV cannot halve a 1-pixel map


@dataclass(frozen=True)
class Use:
    """How a generator colours a face; the defaults use it as it was trained.

    Attributes:
        mirrored: whether the result is the mean of those of the face and of its mirror image.
        gain: the factor for chroma. Training on squared errors makes colours duller than those of
            real faces, and so does taking means.
    """

    mirrored: bool = False
    gain: float = 1.0

    def colorize(self, run: Callable[[np.ndarray], np.ndarray], gray: np.ndarray) -> np.ndarray:
        """Colour gray faces, uint8 (n, h, w): float32 (n, 3, h, w), channels B, G, R, in [0, 1].

        `run` is the net, and takes and returns the same. ValueError where `gray` is anything else,
        or has no pixels.
        """
        check_levels(gray, (0, 0, 0))
        if not gray.size:
            raise ValueError(f"got no pixels, but {gray.shape}")
        height, width = gray.shape[1:]
        if min(height, width) < LEAST_SIDE:
            beyond = [(0, max(LEAST_SIDE - side, 0)) for side in (height, width)]
            grown = np.pad(gray, [(0, 0), *beyond], mode="edge")
            return self.colorize(run, grown)[:, :, :height, :width]
        if self.mirrored:
            straight, turned = np.split(run(np.concatenate([gray, gray[..., ::-1]])), 2)
            fake = (straight + turned[..., ::-1]) / 2
        else:
            fake = run(gray)
        if self.gain == 1:
            return fake
        luminance = (GRAY_WEIGHTS * fake).sum(axis=1, keepdims=True)
        return luminance + np.float32(self.gain) * (fake - luminance)


def use_of(weights: Path) -> Use:
    """How to use the weights of a .caffemodel file; UserError where use.toml makes no sense."""
    path = weights.parent / USE_FILE
    section = read_toml(path).get(weights.stem, {}) if path.exists() else {}
    wrong = misfit(section, {f"{field.name}?": field.type for field in fields(Use)}, weights.stem)
    if wrong:
        raise UserError(f"{path}: {wrong}")
    try:
        return Use(**section)
    except TypeError:
        raise UserError(f"{path}: [{weights.stem}] has a field that does not exist") from None
