"""Colours a gray photo like a coloured one: each pixel takes the colours of similar pixels there.

After Welsh, Ashikhmin and Mueller 2002, "Transferring Color to Greyscale Images". Each pixel is
compared with samples of the reference by luminance, less the picture's mean and in units of its
standard deviation, and by how much luminance varies nearby. Heads are a swatch of their own: they
are compared with the reference's faces alone, and by the place in the face as well. The rest is
compared with the rest.

Hertzmann et al. 2001, "Image Analogies", compare whole neighbourhoods, and prefer those that lie
next to each other in the reference, too. That was tried: it took 15 times the work, and its colours
were no closer to the truth, on faces or elsewhere (see docs/results.md).
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import scipy  # its modules load when they are used

from colorgan.faces.celeba.aligned import CROP_SIDE
from colorgan.faces.finding.alignment import (
    bounds,
    cut_face,
    face_similarity,
    scale_of,
    smallest_first,
    spread,
)
from colorgan.faces.finding.person_segmenter import PersonSegmenter
from colorgan.luminance import chroma_of, eight_bits, in_unit_range
from colorgan.photos.coloring.heads import head_layer, oval_opacity
from colorgan.photos.coloring.painting import Layer, guided_filter, shrunk

_PIXELS = 2**17  # most pixels at which a photo is compared
_FRAME_PIXELS = 2**14  # most pixels at which a film's frame is compared, which takes 30 ms
_FACE_SIDE = 64  # pixels a side at which a face is compared
_SAMPLES = 2**13  # most samples of the reference; fewer give colours within a few per cent
_NEAREST = 4  # samples that are averaged for a pixel
_WINDOW = 5  # side, in pixels, of the neighbourhood whose standard deviation is compared
_SURROUNDINGS = 4.0  # standard deviation, in pixels, of the Gaussian over the surroundings
_PLACE = 1.0  # weight of the place in a face: the face's width in standard deviations
_COARSEST = 0.5  # photo pixels to one of the crop; below this, heads are ovals
_SEED = 2002
_FAINTEST = 0.01  # if all chroma is below this the photo is gray; JPEG and scanners cause as much

COLORLESS = "has no colour; take a coloured photo"
"""The message for a gray reference."""


class Reference:
    """A coloured photo that serves as the example for gray ones.

    >>> reference = Reference(cv2.imread("cousin.jpg"), faces_of_the_cousin)
    >>> chroma = reference.chroma_for(gray, faces)
    """

    def __init__(
        self, bgr: np.ndarray, faces: np.ndarray, people: PersonSegmenter | None = None
    ) -> None:
        """Take samples of a photo, BGR `(h, w, 3)` uint8 or uint16, with `faces` `(k, 5, 2)`.

        `faces` are their five points in pixels of the photo, as `FaceDetector` finds them, and
        `people` finds how far their heads reach. The same photo gives the same samples. ValueError,
        of one line, for anything else and for a photo without colour.
        """
        check_colored(bgr)
        small = shrunk(bgr, _PIXELS)
        photo = _View.of(small)
        if photo.is_colorless:
            raise ValueError(f"the reference {COLORLESS}")
        self._people = people
        heads = self._heads(cv2.cvtColor(small, cv2.COLOR_BGR2GRAY), bgr.shape, faces)
        outside = _outside(heads, photo.luminance.shape)
        self._whole = _Swatch([photo])
        self._rest = self._whole if outside is None else _Swatch([photo], outside)
        crops = [_View.of(cut_face(bgr, face, _FACE_SIDE)) for face in faces]
        self._faces = _Swatch(crops, _in_face(), placed=True) if crops else None

    def identity(self) -> str:
        """A digest of the samples; with the same one, a film gets the same colours."""
        return self._rest.identity()

    def chroma_for_frame(self, gray: np.ndarray) -> np.ndarray:
        """Cb and Cr for a frame of a film, gray `(h, w)`, like `chroma_for` but smaller.

        The whole frame is compared with what is outside of the reference's heads, so that faces
        that come and go do not change the rest.
        """
        return self._rest.chroma_for(in_unit_range(shrunk(gray, _FRAME_PIXELS)))

    def chroma_for(
        self, gray: np.ndarray, faces: np.ndarray, layers: Sequence[Layer] = ()
    ) -> np.ndarray:
        """Cb and Cr for a photo, gray `(h, w)` uint8 or uint16, with `faces` `(k, 5, 2)`.

        `layers` are those that colour the faces, if there are any, the smallest first; they say
        where the heads are. Returns float32 `(2, H, W)` in [-0.5, 0.5], the photo scaled down. If
        either photo has no face, all of one is compared with all of the other.
        """
        small = shrunk(gray, _PIXELS)
        luminance = in_unit_range(small)
        if self._faces is None or not len(faces):
            return self._whole.chroma_for(luminance)
        heads = self._heads(small, gray.shape, faces, layers)
        chroma = self._rest.chroma_for(luminance, _outside(heads, luminance.shape))
        for head in heads:
            crop = in_unit_range(cut_face(gray, head.face, _FACE_SIDE))
            head.lay(self._faces.chroma_for(crop, _in_face()), chroma)
        return chroma

    def _heads(
        self,
        small: np.ndarray,
        shape: tuple[int, ...],
        faces: np.ndarray,
        layers: Sequence[Layer] = (),
    ) -> "list[_Head]":
        """The heads of `faces` in a photo of `shape`, the largest last, placed by their `layers`.

        `small` is the photo, scaled down, `(h, w)`; without layers, heads are searched for in it.
        """
        to_small = np.divide(small.shape, shape[:2])[::-1, np.newaxis]
        similarities = [face_similarity(face) for face in faces]
        order = smallest_first(similarities)
        crops = [to_small * similarities[at] for at in order]
        placed = [(layer.opacity, to_small * layer.similarity) for layer in layers]
        found = placed or [self._found(small, crops, at) for at in range(len(crops))]
        return [_Head(faces[number], crops[at], *found[at]) for at, number in enumerate(order)]

    def _found(
        self, small: np.ndarray, crops: list[np.ndarray], at: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """The opacity of one head, and the similarity that maps it to the small photo."""
        if scale_of(crops[at]) <= _COARSEST:
            return oval_opacity(), crops[at]
        nothing = np.zeros((2, _FACE_SIDE, _FACE_SIDE), np.float32)
        others = crops[:at] + crops[at + 1 :]
        layer = head_layer(eight_bits(small), nothing, crops[at], others, self._people)
        return layer.opacity, layer.similarity


@dataclass(frozen=True)
class _View:
    """A coloured picture for comparison: luminance `(h, w)` in [0, 1], chroma `(2, h, w)`."""

    luminance: np.ndarray
    chroma: np.ndarray

    @classmethod
    def of(cls, bgr: np.ndarray) -> "_View":
        planes = in_unit_range(bgr).transpose(2, 0, 1)[np.newaxis]
        gray = cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY)
        return cls(in_unit_range(gray), chroma_of(planes)[0])

    @property
    def is_colorless(self) -> bool:
        """Whether it is gray, or its colours are too faint to count."""
        return bool(np.abs(self.chroma).max() < _FAINTEST)


class _Swatch:
    """Samples of pictures, or of the part of each where `mask` `(h, w)` is true."""

    def __init__(
        self, views: Iterable[_View], mask: np.ndarray | None = None, placed: bool = False
    ) -> None:
        """Sample all `views`; with `placed`, a pixel's place in its picture is compared, too."""
        self._placed = placed
        features, chroma = [], []
        for view in views:
            rows, columns = _jittered(view.luminance.shape, mask)
            found = _features(view.luminance, mask, placed)
            features.append(found[rows, columns])
            chroma.append(view.chroma[:, rows, columns].T)
        self._chroma = np.concatenate(chroma)
        self._tree = scipy.spatial.cKDTree(np.concatenate(features))

    def identity(self) -> str:
        """The samples' digest."""
        return hashlib.sha256(self._tree.data.tobytes() + self._chroma.tobytes()).hexdigest()

    def chroma_for(self, luminance: np.ndarray, mask: np.ndarray | None = None) -> np.ndarray:
        """Cb and Cr, float32 `(2, h, w)`, for a picture; the part under `mask` sets its scale."""
        features = _features(luminance, mask, self._placed)
        count = min(_NEAREST, len(self._chroma))
        _, nearest = self._tree.query(features, k=range(1, count + 1), eps=0.5)
        taken = self._chroma[nearest].mean(axis=2)
        slope, offset = guided_filter(luminance[..., np.newaxis], taken)
        return (slope * luminance[..., np.newaxis] + offset).transpose(2, 0, 1)


def _features(luminance: np.ndarray, mask: np.ndarray | None, placed: bool) -> np.ndarray:
    """The features by which pixels are compared: float32 `(h, w, 4)` if placed, else `(h, w, 3)`.

    Luminance and its standard deviation nearby, in standard deviations of the part under `mask`;
    then the place, or the luminance of the surroundings.
    """
    part = luminance if mask is None else luminance[mask]
    # At least one level, since a plain picture has no deviation to divide by.
    even = (luminance - part.mean()) / np.float32(max(part.std(), 1 / 255))
    mean, square = (cv2.blur(image, (_WINDOW, _WINDOW)) for image in (even, even * even))
    deviation = np.sqrt(np.maximum(square - mean * mean, 0))
    if not placed:
        return np.stack([even, deviation, cv2.GaussianBlur(even, (0, 0), _SURROUNDINGS)], axis=2)
    height, width = luminance.shape
    y, x = np.mgrid[:height, :width].astype(np.float32) * np.float32(_PLACE / width)
    return np.stack([even, deviation, x, y], axis=2)


def _jittered(shape: tuple[int, int], mask: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of samples: one at random in each cell of a grid, if it is under `mask`.

    If none is, all pixels under `mask`.
    """
    step = max(1, int(np.ceil(np.sqrt(shape[0] * shape[1] / _SAMPLES))))
    corners = np.mgrid[: shape[0] : step, : shape[1] : step]
    moved = corners + np.random.default_rng(_SEED).integers(step, size=corners.shape)
    rows, columns = (
        np.minimum(at, side - 1).ravel() for at, side in zip(moved, shape, strict=True)
    )
    if mask is None:
        return rows, columns
    kept = mask[rows, columns]
    if kept.any():
        return rows[kept], columns[kept]
    rows, columns = np.nonzero(mask)
    return rows, columns


def _in_face() -> np.ndarray:
    """Where a face's crop shows the head, bool `(64, 64)`."""
    size = (_FACE_SIDE, _FACE_SIDE)
    return cv2.resize(oval_opacity(), size, interpolation=cv2.INTER_AREA) >= 0.5


@dataclass(frozen=True)
class _Head:
    """A head in a photo that is scaled down, with its opacity, see `heads`.

    `crop` and `similarity` map points of the face's crop and of `opacity` to the small photo.
    """

    face: np.ndarray
    crop: np.ndarray
    opacity: np.ndarray
    similarity: np.ndarray

    def lay(self, of_face: np.ndarray, maps: np.ndarray) -> None:
        """Lay maps of the face's crop, `(c, 64, 64)`, over maps of the small photo `(c, h, w)`."""
        first, last = bounds(self.similarity, self.opacity.shape, maps.shape[1:])
        opacity = spread(self.opacity, self.similarity, first, last)
        to_crop = CROP_SIDE / _FACE_SIDE
        for plane, small in zip(maps, of_face, strict=True):
            below = plane[first[1] : last[1], first[0] : last[0]]
            laid = spread(small, self.crop * np.array([to_crop, to_crop, 1]), first, last)
            below += opacity * (laid - below)


def _outside(heads: list[_Head], shape: tuple[int, int]) -> np.ndarray | None:
    """Where there is no head, bool of `shape`; None if that is everywhere, or nowhere."""
    covered = np.zeros((1, *shape), np.float32)
    for head in heads:
        head.lay(np.ones((1, _FACE_SIDE, _FACE_SIDE), np.float32), covered)
    outside = covered[0] < 0.5
    return outside if heads and outside.any() else None


def is_colorless(bgr: np.ndarray) -> bool:
    """Whether a photo, BGR `(h, w, 3)`, is gray, or its colours are too faint to count."""
    return _View.of(shrunk(bgr, _PIXELS)).is_colorless


def check_colored(bgr: object) -> None:
    """ValueError with the shape and type, unless this is a photo in colour."""
    if not isinstance(bgr, np.ndarray):
        raise ValueError(f"the reference: got {type(bgr).__name__}, not a NumPy array of a photo")
    found = f"the reference: got {bgr.dtype} {bgr.shape}, not uint8 or uint16 (h, w, 3), BGR"
    if bgr.ndim == 2:
        raise ValueError(f"{found}; a gray photo has no colour to give")
    colored = bgr.ndim == 3 and bgr.shape[2] == 3
    if bgr.dtype not in (np.uint8, np.uint16) or not colored or not bgr.size:
        raise ValueError(found)
