"""The finished parts of a long measurement, kept so that it can continue after a stop."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from colorgan.files import read_json, write_json


class KeptParts:
    """The finished parts, in a JSON file."""

    def __init__(self, path: Path, settings: dict[str, Any]) -> None:
        """Take over the parts in the file `path` if they were measured with the same `settings`.

        UserError if it cannot be read.
        """
        self.path = path
        self._kept = {"settings": settings, "parts": {}}
        if path.exists():
            before = read_json(path, settings={}, parts={})
            if before["settings"] == settings:
                self._kept = before

    def of(self, name: str, measure: Callable[[], Any]) -> Any:
        """The part kept under `name`, or else the result of `measure`, which is kept."""
        parts = self._kept["parts"]
        if name not in parts:
            parts[name] = measure()
            write_json(self.path, self._kept)
        return parts[name]
