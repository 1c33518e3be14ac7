"""Parts of a long measurement: what is done stays done."""

from pathlib import Path

import pytest

from colorgan.errors import UserError
from colorgan.measuring.detection.kept import KeptParts

SETTINGS = {"faces": 3, "weights": "abc"}


def test_a_stopped_measurement_goes_on_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "out.parts.json"
    asked = []

    def measure(value: int) -> dict:
        asked.append(value)
        return {"value": value}

    KeptParts(path, SETTINGS).of("one", lambda: measure(1))
    again = KeptParts(path, SETTINGS)
    assert again.of("one", lambda: measure(8)) == {"value": 1}
    assert again.of("two", lambda: measure(2)) == {"value": 2}
    assert asked == [1, 2]


def test_parts_of_other_settings_do_not_count(tmp_path: Path) -> None:
    path = tmp_path / "out.parts.json"
    KeptParts(path, SETTINGS).of("one", lambda: 1)
    assert KeptParts(path, SETTINGS | {"weights": "other"}).of("one", lambda: 2) == 2


@pytest.mark.parametrize("text", ["{", '{"settings": {}, "parts": 3}'])
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "out.parts.json"
    path.write_text(text)
    with pytest.raises(UserError, match=r"out\.parts\.json"):
        KeptParts(path, SETTINGS)
