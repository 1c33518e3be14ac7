"""One photo being worked on: results about it are kept, so that a new stroke shows at once."""

from functools import cached_property

import numpy as np

from colorgan.faces.finding.alignment import face_similarity
from colorgan.photos.coloring.heads import faces_in
from colorgan.photos.coloring.hints import Hints
from colorgan.photos.coloring.layers import LayerMaker
from colorgan.photos.coloring.painting import Layer, even_layer, paint, photo_layer, trimmed
from colorgan.photos.coloring.reference import Reference
from colorgan.photos.coloring.strokes import StrokeSpreader


class Sitting:
    """Colours one gray photo, again and again as a person changes strokes and settings.

    The lowest layer is the chroma of a reference or, with `whole`, of the net. Above it are the
    faces and their hands, and above those the strokes, as far as they reach.
    """

    def __init__(self, maker: LayerMaker, gray: np.ndarray) -> None:
        """Find the faces in a photo `(h, w)`, uint8 or uint16.

        A photo of 64 x 64 is a face in the paper's format, which is coloured as it stands.
        """
        self.gray = gray
        self.is_aligned = maker.is_aligned(gray)
        """Whether it is a face in the paper's format."""
        self.faces = np.empty((0, 5, 2)) if self.is_aligned else maker.find_faces(gray)
        """The five points of each face that was found, `(k, 5, 2)`, the surest first."""
        self._maker = maker
        self._below: tuple[bool, Reference | None] | None = None
        self._layers: list[Layer] = []
        self._painted: np.ndarray | None = None

    @property
    def has_faces(self) -> bool:
        """Whether the photo shows a face, or is one in the paper's format."""
        return self.is_aligned or len(self.faces) > 0

    def prepare(self, whole: bool = False, reference: Reference | None = None) -> None:
        """Work out the layers below the strokes, unless that has been done."""
        if self._below == (whole, reference):
            return
        if self.is_aligned:
            self._layers = [even_layer(self._chroma[0])]
        elif reference is not None:
            chroma = reference.chroma_for(self.gray, self.faces, self._head_layers)
            below = photo_layer(self.gray, chroma, finer=1)
            self._layers = [below, *self._head_layers, *self._hand_layers]
        elif whole:
            frame = self._maker.predict_frame(self.gray, self.faces)
            ovals = self._maker.oval_layers(self.gray, self.faces, self._chroma)
            self._layers = [self._maker.frame_layer(self.gray, frame), *ovals]
        else:
            self._layers = [*self._head_layers, *self._hand_layers]
        self._below = (whole, reference)
        self._painted = None

    def expect_strokes(self) -> None:
        """Work out what any stroke over `prepare`d layers needs, unless that has been done.

        The next stroke then takes half as long. What is kept is as large as the coloured photo.
        """
        self._seen_faces  # noqa: B018
        if self._painted is None:
            self._painted = paint(self.gray, self._layers)

    def colorize(
        self, whole: bool = False, hints: Hints | None = None, reference: Reference | None = None
    ) -> np.ndarray:
        """Colour the photo: BGR `(h, w, 3)` with its luminance and type.

        ValueError if the hints' proportions are not the photo's.
        """
        self.prepare(whole, reference)
        if hints is None:
            return paint(self.gray, self._layers)
        if not hints.fit(self.gray.shape):
            shape = hints.mask.shape
            raise ValueError(f"got hints {shape}, not in the photo's proportions {self.gray.shape}")
        strokes = self._spreader.layer(hints.chroma, hints.mask, self._seen_faces)
        return paint(self.gray, [*self._layers, trimmed(strokes)], self._painted)

    @cached_property
    def _head_layers(self) -> list[Layer]:
        return self._maker.head_layers(self.gray, self.faces, self._chroma)

    @cached_property
    def _hand_layers(self) -> list[Layer]:
        return self._maker.hand_layers(self.gray, self.faces, self._chroma)

    @cached_property
    def _chroma(self) -> np.ndarray:
        """Chroma of each face, or of the photo if it is one: `(k, 2, 64, 64)`."""
        if self.is_aligned:
            return self._maker.predict_aligned(self.gray[np.newaxis])
        return self._maker.predict_chroma(self.gray, self.faces)

    @cached_property
    def _seen_faces(self) -> np.ndarray:
        """Where faces are, at the resolution of strokes: see `StrokeSpreader.layer`."""
        similarities = [face_similarity(face) for face in self.faces]
        return faces_in(similarities, self._spreader.guide.shape, self.gray.shape)

    @cached_property
    def _spreader(self) -> StrokeSpreader:
        return StrokeSpreader(self.gray)
