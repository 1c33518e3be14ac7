"""One image of aligned CelebA: what its file is called, and how it becomes a face.

An aligned CelebA image is 178 pixels wide and 218 high. A face is its central 178 x 178 part,
averaged down to a small square (assumed; the paper only says "64 x 64").

simplejpeg 1.9.0 was tried instead of OpenCV. It gives the same pixels in the same 0.2 ms, and its
exceptions find the same 222 of 500 damaged JPEGs. We keep OpenCV, because there are PNGs as well,
for which standard error would have to be read anyway.
"""

import os
import re
from typing import Self

import cv2
import numpy as np

from colorgan.errors import UserError, lacks_memory

IMAGE_WIDTH, IMAGE_HEIGHT = 178, 218
CROP_SIDE = 178
CROP_LEFT, CROP_TOP = (IMAGE_WIDTH - CROP_SIDE) // 2, (IMAGE_HEIGHT - CROP_SIDE) // 2

_IMAGE_NAME = re.compile(r"(\d{1,9})\.(?:jpe?g|png)", re.IGNORECASE)
_JPEG_START, _JPEG_END = b"\xff\xd8", b"\xff\xd9"


class UnusableImageError(Exception):
    """An image cannot be used as a face; `kind` is for counting, the text for the manifest."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind


def image_number(name: str) -> int | None:
    """Return the image number in a file name, or None for other files."""
    match = _IMAGE_NAME.fullmatch(name)
    return int(match[1]) if match else None


def aligned_image(data: bytes, name: str) -> np.ndarray:
    """Decode an image of aligned CelebA: uint8 BGR `(218, 178, 3)`.

    UserError, which calls it `name`, for anything else.
    """
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if image is None or image.shape[:2] != (IMAGE_HEIGHT, IMAGE_WIDTH):
        raise UserError(f"{name} is not an image of aligned CelebA")
    return image


class FaceDecoder:
    """Turns the bytes of an image file into a face; a context manager.

    libjpeg reports a damaged picture only by a line on standard error, and OpenCV returns the
    picture anyway. So while the decoder is open, file descriptor 2 of the process leads to a file
    in memory, and an image that makes this file grow counts as corrupt.
    """

    def __init__(self, size: int) -> None:
        """Decode to `size` x `size` pixels."""
        self._size = size
        self._messages = os.memfd_create("decoder messages")
        self._messages_seen = 0
        self._stderr = os.dup(2)

    def __enter__(self) -> Self:
        os.dup2(self._messages, 2)
        return self

    def __exit__(self, *_: object) -> None:
        os.dup2(self._stderr, 2)
        os.close(self._stderr)
        os.close(self._messages)

    def decode(self, data: bytes, face: np.ndarray) -> None:
        """Put the face in an image file's bytes into `face`: uint8 `(3, size, size)`, BGR.

        Raises `UnusableImageError` for a file that is empty, not an image, truncated, damaged, not
        178 x 218, or without colour (one channel, or three equal ones).
        """
        image = self._decode_image(data)
        if image.shape[:2] != (IMAGE_HEIGHT, IMAGE_WIDTH):
            raise UnusableImageError(
                "wrong size",
                f"{image.shape[1]}x{image.shape[0]} pixels, not {IMAGE_WIDTH}x{IMAGE_HEIGHT}",
            )
        if image.ndim == 2:
            raise UnusableImageError("grayscale", "one channel")
        crop = image[CROP_TOP : CROP_TOP + CROP_SIDE, CROP_LEFT : CROP_LEFT + CROP_SIDE]
        small = cv2.resize(crop, (self._size, self._size), interpolation=cv2.INTER_AREA)
        cv2.split(small, list(face))
        blue, green, red = (plane.tobytes() for plane in face)  # bytes are the fastest to compare
        if blue == green == red:
            raise UnusableImageError("grayscale", "three equal channels")

    def _decode_image(self, data: bytes) -> np.ndarray:
        if not data:
            raise UnusableImageError("empty", "zero bytes")
        if data.startswith(_JPEG_START) and not data.endswith(_JPEG_END):
            raise UnusableImageError("truncated", "no end-of-image marker at the end of the JPEG")
        try:
            image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_ANYCOLOR)
        except cv2.error as error:
            if lacks_memory(error):
                raise
            raise UnusableImageError("corrupt", f"OpenCV: {error.err}") from None
        messages = self._new_messages()
        if image is None:
            raise UnusableImageError("not an image", "OpenCV finds no image in it")
        if messages:
            raise UnusableImageError("corrupt", messages)
        return image

    def _new_messages(self) -> str:
        """Return what the decoding libraries have printed since the last call, in one line."""
        size = os.fstat(self._messages).st_size
        if size == self._messages_seen:
            return ""
        text = os.pread(self._messages, size - self._messages_seen, self._messages_seen)
        self._messages_seen = size
        return " ".join(text.decode(errors="replace").split())
