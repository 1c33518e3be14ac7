"""The photos that people paint on: a few, for a while, each under a name that nobody can guess."""

import asyncio
import secrets
from dataclasses import dataclass

from colorgan.photos.coloring.reference import Reference
from colorgan.photos.coloring.sitting import Sitting
from colorgan.photos.pictures.reading import Picture

KEPT = 4  # photos at a time
KEPT_SECONDS = 600  # for which a photo is kept after it was last asked for


@dataclass
class KeptPhoto:
    """A photo, with what was found out about it."""

    picture: Picture
    sitting: Sitting
    reference: Reference | None = None
    """Whose colours it gets outside of faces."""


class KeptPhotos:
    """Keeps photos in memory alone; to be used within one event loop."""

    def __init__(self, max_pixels: int) -> None:
        """Keep as many photos as have `max_pixels` together, but at least one."""
        self._max_pixels = max_pixels
        self._photos: dict[str, KeptPhoto] = {}  # the one that was last asked for comes last
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def __len__(self) -> int:
        return len(self._photos)

    def add(self, photo: KeptPhoto) -> str:
        """Keep a photo, in place of those that were not asked for longest; returns its name."""
        name = secrets.token_urlsafe(24)
        self._photos[name] = photo
        self._keep_on(name)
        while len(self._photos) > 1 and self._is_too_much():
            self.remove(next(iter(self._photos)))
        return name

    def get(self, name: str) -> KeptPhoto | None:
        """The photo of a name, which is kept on; None where it is kept no longer."""
        photo = self._photos.pop(name, None)
        if photo is not None:
            self._photos[name] = photo
            self._keep_on(name)
        return photo

    def remove(self, name: str) -> None:
        """Let go of a photo, unless that was done before."""
        if self._photos.pop(name, None) is not None:
            self._timers.pop(name).cancel()

    def _keep_on(self, name: str) -> None:
        """Begin anew to wait for the end of a photo's time."""
        if name in self._timers:
            self._timers[name].cancel()
        later = asyncio.get_running_loop().call_later
        self._timers[name] = later(KEPT_SECONDS, self.remove, name)

    def _is_too_much(self) -> bool:
        pixels = sum(photo.picture.gray.size for photo in self._photos.values())
        return len(self._photos) > KEPT or pixels > self._max_pixels
