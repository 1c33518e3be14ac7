"""Asks the networks for a photo's colours: finds faces, predicts their chroma, makes layers of it.

The generator knows faces of 64 x 64 pixels, placed the way CelebA's are. Only the chroma of its
output is used; the photo keeps its luminance, and so its detail, to the last bit.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from colorgan.faces.celeba.aligned import CROP_SIDE
from colorgan.faces.finding.alignment import cut_face, face_similarity, scale_of, smallest_first
from colorgan.faces.finding.detector import FaceDetector
from colorgan.faces.finding.hand_detector import HandDetector
from colorgan.faces.finding.person_segmenter import PersonSegmenter
from colorgan.files import sha256
from colorgan.luminance import chroma_of, eight_bits, stretched
from colorgan.nets.generators import BEST_WEIGHTS, open_generator
from colorgan.photos.coloring.hands import hand_layer, skin_tone
from colorgan.photos.coloring.heads import head_layer, oval_layer
from colorgan.photos.coloring.painting import LONGEST, Layer, photo_layer
from colorgan.photos.coloring.reference import Reference, check_colored

FACE_SIDE = 64  # pixels of the faces that the released weights were trained on
FACES_A_BATCH = 8  # the nets' maps take about 10 MB a face, and 16 at once are no quicker
LARGEST_FRAME = 16 * FACE_SIDE**2  # most pixels of a whole photo as G sees it


class LayerMaker:
    """Finds faces in gray photos, and makes layers of their colours. Threads must not share one."""

    def __init__(self, weights: Path | None = None, device: str | None = None) -> None:
        """Load the generator and the face detector.

        `weights` is a generator's .caffemodel, by default the best that comes with the project;
        `device` is "caffe", "opencv", "gpu" or "gpu:N", by default Caffe where it is installed.
        UserError if one of them cannot be used.
        """
        self._weights = weights or BEST_WEIGHTS
        self._generator = open_generator(self._weights, device)
        self._detector, self._hand_detector = FaceDetector(), HandDetector()
        self._people = PersonSegmenter()

    def identity(self) -> str:
        """Identifies the weights and the engine: with both the same, colours are the same bits."""
        return f"{sha256(self._weights)} {type(self._generator).__name__}"

    def is_aligned(self, gray: np.ndarray) -> bool:
        """Whether photos `(..., h, w)` are faces in the paper's format, 64 x 64."""
        return gray.shape[-2:] == (FACE_SIDE, FACE_SIDE)

    def reference_of(self, bgr: np.ndarray) -> Reference:
        """Prepare a photo as an example of colours: BGR `(h, w, 3)`, uint8 or uint16.

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
        """Cb and Cr that the generator predicts for each face: float32 `(k, 2, 64, 64)`.

        In [-0.5, 0.5], on the aligned face. `gray` is `(h, w)`, `faces` `(k, 5, 2)`. Faded and dark
        faces are shown to it at full contrast, which is what CelebA's faces have.
        """
        seen = [stretched(face) for face in eight_bits(self.cut_faces(gray, faces))]
        return self._chroma(np.array(seen, np.uint8).reshape(-1, FACE_SIDE, FACE_SIDE))

    def predict_frame(self, gray: np.ndarray, faces: np.ndarray) -> np.ndarray:
        """Cb and Cr that the generator predicts for a whole photo: float32 `(2, h, w)`, small.

        The photo is scaled so that most of `faces`, `(k, 5, 2)`, have the size that G knows.
        Without a face, the shorter side is 64 pixels, as if the photo were a portrait.
        """
        size = np.array(gray.shape[::-1])
        scales = [scale_of(face_similarity(face)) for face in faces]
        side = np.median(scales) * CROP_SIDE if scales else size.min()
        bounds = np.sqrt(LARGEST_FRAME / size.prod()), LONGEST / size.max()
        shrink = min(FACE_SIDE / side, *bounds)
        seen = np.maximum(np.rint(size * shrink), 1).astype(int)
        return self._chroma(stretched(_shrunk(eight_bits(gray), seen))[np.newaxis])[0]

    def head_layers(self, gray: np.ndarray, faces: np.ndarray, chroma: np.ndarray) -> list[Layer]:
        """Layers with the chroma of faces, as far as their heads reach.

        `chroma` is from `predict_chroma`. The smallest face comes first, since of two faces that
        overlap the larger is in front.
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
        """The same in ovals, for whole photos, and for films, as they are quick and do not flicker.

        In a photo that is coloured as a whole, the edges of heads would show, and make no error
        smaller (measured). `opacity`, `(k,)` in [0, 1], fades faces.
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
        """A layer over all of a photo, with chroma from `predict_frame` or of a similar size."""
        return photo_layer(gray, frame, CROP_SIDE / FACE_SIDE)

    def hand_layers(self, gray: np.ndarray, faces: np.ndarray, chroma: np.ndarray) -> list[Layer]:
        """Layers over those of heads: the hands that are seen, in their owner's skin tone.

        Not used over `frame_layer`, where they make no error smaller (measured).
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
        """Cb and Cr that G predicts for gray images, uint8 `(n, h, w)`: float32 `(n, 2, h, w)`."""
        chroma = np.empty((len(gray), 2, *gray.shape[1:]), np.float32)
        for at in range(0, len(gray), FACES_A_BATCH):
            batch = slice(at, at + FACES_A_BATCH)
            chroma[batch] = chroma_of(self._generator.colorize(gray[batch]))
        return chroma


def _shrunk(gray: np.ndarray, size: Sequence[int]) -> np.ndarray:
    return cv2.resize(gray, tuple(map(int, size)), interpolation=cv2.INTER_AREA)
