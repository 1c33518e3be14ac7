"""Keeps the photos that people paint on: a few, for a while, under names that nobody can guess."""

import asyncio
import secrets
from dataclasses import dataclass

from colorgan.photos.coloring.reference import Reference
from colorgan.photos.coloring.sitting import Sitting
from colorgan.photos.pictures.reading import Picture

KEPT = 4  # photos at a time
KEPT_SECONDS = 600  # for which a photo is kept after its last use


@dataclass
class KeptPhoto:
    """A photo, with results about it that are worth keeping."""

    picture: Picture
    sitting: Sitting
    reference: Reference | None = None
    """The example for its colours outside of faces."""


class KeptPhotos:
    """Keeps photos in memory only; use it within one event loop."""

    def __init__(self, max_pixels: int) -> None:
        """Keep at least one photo, and more if they have at most `max_pixels` together."""
        self._max_pixels = max_pixels
        self._photos: dict[str, KeptPhoto] = {}  # the one that was last used comes last
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        return len(self._photos)

    def add(self, photo: KeptPhoto) -> str:
        """Keep a photo, dropping the least recently used ones for it; returns its name."""
        name = secrets.token_urlsafe(24)
        self._photos[name] = photo
        self._keep_on(name)
        while len(self._photos) > 1 and self._is_too_much():
            self.remove(next(iter(self._photos)))
        return name

    def get(self, name: str) -> KeptPhoto | None:
        """The photo with a name, whose time starts again; None if it is no longer kept."""
        photo = self._photos.pop(name, None)
        if photo is not None:
            self._photos[name] = photo
            self._keep_on(name)
        return photo

    def remove(self, name: str) -> None:
        """Drop a photo, if it is still kept."""
        if self._photos.pop(name, None) is not None:
            self._timers.pop(name).cancel()

    def _keep_on(self, name: str) -> None:
        """Start a photo's time again."""
        if name in self._timers:
            self._timers[name].cancel()
        later = asyncio.get_running_loop().call_later
        self._timers[name] = later(KEPT_SECONDS, self.remove, name)

    def _is_too_much(self) -> bool:
        pixels = sum(photo.picture.gray.size for photo in self._photos.values())
        return len(self._photos) > KEPT or pixels > self._max_pixels
