"""Colours photographs of any size: finds the faces, colours each as CelebA's, lays it back.

The generator knows faces of 64 x 64 pixels that stand as CelebA's do. What it makes of a face is
taken as chroma alone; the detail, to the last bit of luminance, stays the photo's.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from colorgan.faces.alignment import cut_face, face_similarity, scale_of, smallest_first
from colorgan.faces.celeba import CROP_SIDE
from colorgan.faces.detector import FaceDetector
from colorgan.faces.hand_detector import HandDetector
from colorgan.faces.person_segmenter import PersonSegmenter
from colorgan.files import sha256
from colorgan.luminance import chroma_of, eight_bits, stretched, with_chroma
from colorgan.nets.generators import BEST_WEIGHTS, open_generator
from colorgan.photos.hands import hand_layer, skin_tone
from colorgan.photos.heads import head_layer, oval_layer
from colorgan.photos.hints import Hints
from colorgan.photos.painting import LONGEST, Layer, photo_layer
from colorgan.photos.reference import Reference, check_colored
from colorgan.photos.sitting import Sitting

FACE_SIDE = 64  # pixels of the faces that the released weights were trained on
FACES_A_BATCH = 8  # the nets' maps take about 10 MB a face, and 16 at once are no quicker
LARGEST_FRAME = 16 * FACE_SIDE**2  # pixels that G sees at once of a whole photo


class Colorizer:
    """Finds faces in gray photographs and colours them. Not to be shared by threads.

    >>> colored = Colorizer().colorize(cv2.imread("old.jpg", cv2.IMREAD_GRAYSCALE))
    """

    def __init__(self, weights: Path | None = None, device: str | None = None) -> None:
        """Load the generator and the face detector.

        `weights` is a generator's .caffemodel, by default the best that comes with the project;
        `device` is "caffe", "opencv", "gpu" or "gpu:N", by default Caffe where it is installed.
        UserError where one of them cannot be used.
        """
        self._weights = weights or BEST_WEIGHTS
        self._generator = open_generator(self._weights, device)
        self._detector, self._hand_detector = FaceDetector(), HandDetector()
        self._people = PersonSegmenter()

    def identity(self) -> str:
        """What tells colours that are the same to the bit from others: weights, what runs them."""
        return f"{sha256(self._weights)} {type(self._generator).__name__}"

    def colorize(
        self,
        gray: np.ndarray,
        whole: bool = False,
        hints: Hints | np.ndarray | None = None,
        reference: np.ndarray | None = None,
    ) -> np.ndarray:
        """Colour one photo `(h, w)` or several of a size `(n, h, w)`, uint8 or uint16.

        Returns BGR, as OpenCV has it, of the same type: `(h, w, 3)` or `(n, h, w, 3)`. Where no
        face is found the photo stays gray, unless `whole` asks to colour what is outside of faces,
        too, or there is a `reference`: another photo, BGR `(h, w, 3)`, uint8 or uint16, whose
        colours what is outside of faces gets. `hints` are strokes over one photo, whose colours
        spread up to edges and win over all else: `Hints`, or BGRA `(h, w, 4)`, see
        `Hints.of_picture`.

        Photos of 64 x 64 are faces in the paper's format, already aligned: each is coloured as it
        stands. Raises ValueError for anything else.
        """
        _check_gray(gray)
        said = None if hints is None else _hints_for(gray, hints)
        example = None if reference is None else self.reference_of(reference)
        if said is None and self.is_aligned(gray):
            colored = self._colorize_aligned(gray.reshape(-1, FACE_SIDE, FACE_SIDE))
            return colored.reshape(*gray.shape, 3)
        if gray.ndim == 3:
            return np.stack([Sitting(self, one).colorize(whole, None, example) for one in gray])
        return Sitting(self, gray).colorize(whole, said, example)

    def is_aligned(self, gray: np.ndarray) -> bool:
        """Whether photos `(..., h, w)` are faces in the paper's format, 64 x 64."""
        return gray.shape[-2:] == (FACE_SIDE, FACE_SIDE)

    def reference_of(self, bgr: np.ndarray) -> Reference:
        """Look at a photo whose colours others are to get: BGR `(h, w, 3)`, uint8 or uint16.

        ValueError for anything else, and for a photo without colour.
        """
        check_colored(bgr)
        faces = self.find_faces(cv2.cvtColor(bgr, cv2.COLOR_BGR2GRAY))
        return Reference(bgr, faces, self._people)

    def find_faces(self, gray: np.ndarray) -> np.ndarray:
        """The five points of each face in a photo `(h, w)`, the surest first: float32 `(k, 5, 2)`.

        In pixels of the photo, see `landmarks`.
        """
        return self._detector.detect(eight_bits(gray))

    def cut_faces(self, gray: np.ndarray, faces: np.ndarray) -> np.ndarray:
        """Cut faces out of a photo, in the paper's format: `(k, 64, 64)`, of the photo's type."""
        small = [cut_face(gray, face, FACE_SIDE) for face in faces]
        return np.array(small, gray.dtype).reshape(-1, FACE_SIDE, FACE_SIDE)

    def predict_chroma(self, gray: np.ndarray, faces: np.ndarray) -> np.ndarray:
        """Cb and Cr that the generator gives to each face: float32 `(k, 2, 64, 64)`.

        In [-0.5, 0.5], on the aligned face. `gray` is `(h, w)`, `faces` `(k, 5, 2)`. It sees faded
        and dark faces at full contrast, as those of CelebA are.
        """
        seen = [stretched(face) for face in eight_bits(self.cut_faces(gray, faces))]
        return self._chroma(np.array(seen, np.uint8).reshape(-1, FACE_SIDE, FACE_SIDE))

    def predict_frame(self, gray: np.ndarray, faces: np.ndarray) -> np.ndarray:
        """Cb and Cr that the generator gives to a whole photo: float32 `(2, h, w)`, small.

        It sees the photo at the scale at which most of `faces`, `(k, 5, 2)`, are as it knows them;
        without a face, at that which makes the shorter side 64 pixels, as if it was a portrait.
        """
        size = np.array(gray.shape[::-1])
        scales = [scale_of(face_similarity(face)) for face in faces]
        side = np.median(scales) * CROP_SIDE if scales else size.min()
        bounds = np.sqrt(LARGEST_FRAME / size.prod()), LONGEST / size.max()
        shrink = min(FACE_SIDE / side, *bounds)
        seen = np.maximum(np.rint(size * shrink), 1).astype(int)
        return self._chroma(stretched(_shrunk(eight_bits(gray), seen))[np.newaxis])[0]

    def head_layers(self, gray: np.ndarray, faces: np.ndarray, chroma: np.ndarray) -> list[Layer]:
        """What lies over a photo: the chroma of faces, as far as their heads reach.

        `chroma` is that of `predict_chroma`. The smallest face comes first: of faces that overlap
        the larger is in front.
        """
        seen = eight_bits(gray)
        similarities = [face_similarity(face) for face in faces]
        layers = []
        for at in smallest_first(similarities):
            others = similarities[:at] + similarities[at + 1 :]
            layers.append(head_layer(seen, chroma[at], similarities[at], others, self._people))
        return layers

    def oval_layers(
        self,
        gray: np.ndarray,
        faces: np.ndarray,
        chroma: np.ndarray,
        opacity: np.ndarray | None = None,
    ) -> list[Layer]:
        """The same in ovals: for films, as they are quick and do not flicker, and for whole photos.

        Over `frame_layer`, which goes on with the same colours, the edges of heads would be seen,
        and no error would be less (measured). `opacity`, `(k,)` in [0, 1], fades faces.
        """
        seen = eight_bits(gray)
        similarities = [face_similarity(face) for face in faces]
        layers = []
        for at in smallest_first(similarities):
            layer = oval_layer(seen, chroma[at], similarities[at])
            if opacity is not None:
                layer = replace(layer, opacity=layer.opacity * np.float32(opacity[at]))
            layers.append(layer)
        return layers

    def frame_layer(self, gray: np.ndarray, frame: np.ndarray) -> Layer:
        """What lies over all of a photo: the chroma of `predict_frame`, or another as small."""
        return photo_layer(gray, frame, CROP_SIDE / FACE_SIDE)

    def hand_layers(self, gray: np.ndarray, faces: np.ndarray, chroma: np.ndarray) -> list[Layer]:
        """What lies over the layers of heads: the hands that are seen, in their skin's tone.

        Not over `frame_layer`, where that makes no error less (measured).
        """
        seen = eight_bits(gray)
        similarities = [face_similarity(face) for face in faces]
        return [
            hand_layer(seen, hand.points, skin_tone(chroma[hand.face]), similarities)
            for hand in self._hand_detector.detect(seen, faces)
        ]

    def predict_aligned(self, faces: np.ndarray) -> np.ndarray:
        """Cb and Cr of faces in the paper's format, `(n, 64, 64)`: float32 `(n, 2, 64, 64)`."""
        return self._chroma(eight_bits(faces))

    def _chroma(self, gray: np.ndarray) -> np.ndarray:
        """Cb and Cr that G gives to gray images, uint8 `(n, h, w)`: float32 `(n, 2, h, w)`."""
        chroma = np.empty((len(gray), 2, *gray.shape[1:]), np.float32)
        for at in range(0, len(gray), FACES_A_BATCH):
            batch = slice(at, at + FACES_A_BATCH)
            chroma[batch] = chroma_of(self._generator.colorize(gray[batch]))
        return chroma

    def _colorize_aligned(self, faces: np.ndarray) -> np.ndarray:
        chroma = self.predict_aligned(faces)
        return np.stack([with_chroma(*pair) for pair in zip(faces, chroma, strict=True)])


def _shrunk(gray: np.ndarray, size: Sequence[int]) -> np.ndarray:
    return cv2.resize(gray, tuple(map(int, size)), interpolation=cv2.INTER_AREA)


def _check_gray(gray: object) -> None:
    """ValueError, which names shape and type, unless this is a gray photo or several of them."""
    if not isinstance(gray, np.ndarray):
        raise ValueError(f"got {type(gray).__name__}, not a NumPy array of gray levels")
    found = f"got {gray.dtype} {gray.shape}, not uint8 or uint16 (h, w) or (n, h, w)"
    if gray.ndim == 3 and gray.shape[-1] <= 4:  # channels: no photo is that narrow
        raise ValueError(f"{found}; take its gray image, as by cv2.cvtColor")
    if gray.dtype not in (np.uint8, np.uint16) or gray.ndim not in (2, 3) or not gray.size:
        raise ValueError(found)


def _hints_for(gray: np.ndarray, hints: object) -> Hints:
    """Hints for one photo; ValueError, which names shape and type, for anything else."""
    if gray.ndim == 3:
        raise ValueError(f"got hints for {gray.dtype} {gray.shape}, not for one photo (h, w)")
    if isinstance(hints, Hints):
        return hints
    if not isinstance(hints, np.ndarray):
        raise ValueError(f"got {type(hints).__name__} as hints, not Hints or a NumPy array, BGRA")
    return Hints.of_picture(hints, gray.shape)
