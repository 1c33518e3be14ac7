"""How a command ends by what no command can go on after."""

import errno

import cv2
import numpy as np
import pytest

from colorgan.errors import UserError, enough_memory_for, run_program


def opencv_out_of_memory() -> cv2.error:
    with pytest.raises(cv2.error) as caught:
        cv2.resize(np.zeros((1, 1), np.uint8), (10**9, 10**6), interpolation=cv2.INTER_NEAREST)
    return caught.value


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.ENOSPC, "No space left"), "a file: cannot be used (No space left)"),
        (MemoryError("Unable to allocate 5 TiB"), "not enough memory (Unable to allocate 5 TiB)"),
        (opencv_out_of_memory(), "not enough memory (OpenCV"),
        (
            UnicodeEncodeError("utf-8", "runs/\udcff", 5, 6, "?"),
            "'runs/\\udcff': its name is not UTF-8; rename it",
        ),
    ],
)
def test_what_the_machine_lacks_is_one_line(
    capsys: pytest.CaptureFixture[str], error: Exception, told: str
) -> None:
    def work() -> None:
        raise error

    assert run_program("colorgan test", work) == 2
    assert capsys.readouterr().err.startswith(f"colorgan test: error: {told}")


@pytest.mark.parametrize("error", [MemoryError(), opencv_out_of_memory()])
def test_a_picture_too_large_for_the_memory_is_named(error: Exception) -> None:
    with pytest.raises(UserError, match=r"^a\.jpg: too large"), enough_memory_for("a.jpg"):
        raise error


def test_other_errors_over_a_picture_stay_as_they_are() -> None:
    for error in (ValueError("no face"), cv2.error("(-2:Unspecified error)")):
        with pytest.raises(type(error)) as caught, enough_memory_for("a.jpg"):
            raise error
        assert caught.value is error
