"""How a command ends by what no command can go on after."""

import errno

import pytest

from colorgan.errors import run_program


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.ENOSPC, "No space left"), "a file: cannot be used (No space left)"),
        (MemoryError("Unable to allocate 5 TiB"), "not enough memory (Unable to allocate 5 TiB)"),
        (UnicodeEncodeError("utf-8", "runs/\udcff", 5, 6, "?"), "'runs/\\udcff': rename it"),
    ],
)
def test_what_the_machine_lacks_is_one_line(
    capsys: pytest.CaptureFixture[str], error: Exception, told: str
) -> None:
    def work() -> None:
        raise error

    assert run_program("colorgan test", work) == 2
    assert capsys.readouterr().err.startswith(f"colorgan test: error: {told}")
