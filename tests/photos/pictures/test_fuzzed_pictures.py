"""Thousands of damaged pictures: each is read, or refused in one line."""

import re

import numpy as np
import pytest

import mutants
from colorgan.errors import UserError
from colorgan.photos.pictures.reading import read_picture
from mutants import MAX_PIXELS, MUTANTS, seeds
from programs import run_python


def test_damaged_files_are_read_or_refused_in_one_line() -> None:
    child = run_python(mutants.__file__, 0, MUTANTS)
    lines = child.stdout.splitlines()
    assert child.returncode == 0, f"crashed at mutant {lines[-1]}: {child.stderr}"
    assert child.stderr == ""  # no C library spoke up
    assert len(lines) == MUTANTS + 1
    assert [line for line in lines[:-1] if not line.strip().isdecimal()] == []
    assert int(lines[-1].removesuffix(" MB")) < 100


@pytest.fixture(scope="module", params=seeds().items(), ids=lambda item: item[0])
def seed(request: pytest.FixtureRequest) -> bytes:
    return request.param[1]


def test_valid_files_are_read(seed: bytes) -> None:
    assert read_picture(seed, "seed", MAX_PIXELS).gray.size > 1


def test_a_limit_is_kept(seed: bytes) -> None:
    with pytest.raises(UserError, match="more than 5e-06 megapixels"):
        read_picture(seed, "seed", 5)


@pytest.mark.parametrize("part", [0.01, 0.2, 0.5, 0.8, 0.95])
def test_truncated_files_are_refused_unless_their_first_frame_is_whole(
    seed: bytes, part: float
) -> None:
    whole = read_picture(seed, "whole.jpg", MAX_PIXELS)
    try:
        picture = read_picture(seed[: int(part * len(seed))], "part.jpg", MAX_PIXELS)
    except UserError as error:
        assert re.match("part.jpg: .*(truncated|empty|not a picture)", str(error))
        assert len(str(error).splitlines()) == 1
    else:
        assert part >= 0.5
        np.testing.assert_array_equal(picture.gray, whole.gray)
