"""Parts of a long measurement, kept as they are done: one that was stopped goes on from them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from colorgan.files import read_json, write_json


class KeptParts:
    """The parts that are done, in a JSON file."""

    def __init__(self, path: Path, settings: dict[str, Any]) -> None:
        """Take up the parts in the file `path`, if it is of the same `settings`, as JSON has them.

        UserError where it cannot be read.
        """
        self.path = path
        self._kept = {"settings": settings, "parts": {}}
        if path.exists():
            before = read_json(path, settings={}, parts={})
            if before["settings"] == settings:
                self._kept = before

    def of(self, name: str, measure: Callable[[], Any]) -> Any:
        """A part, as JSON has it: the one kept under `name`, or else what `measure` gives."""
        parts = self._kept["parts"]
        if name not in parts:
            parts[name] = measure()
            write_json(self.path, self._kept)
        return parts[name]
