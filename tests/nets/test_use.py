"""Weights are used as use.toml beside them says."""

from pathlib import Path

import numpy as np
import pytest

from colorgan.errors import UserError
from colorgan.luminance import chroma_of
from colorgan.nets.generators import BEST_WEIGHTS, open_generator
from colorgan.nets.use import Use, use_of

GRAY = np.random.default_rng(1).integers(0, 256, (2, 40, 33), np.uint8)


def plain(gray: np.ndarray) -> np.ndarray:
    """Images that know left from right, of gray's luminance but for B."""
    fake = np.repeat(gray[:, np.newaxis] / np.float32(255), 3, axis=1)
    fake[:, 0] += np.linspace(0, 1, gray.shape[-1], dtype=np.float32)
    return fake


def test_nothing_said_is_the_net_as_it_is(tmp_path: Path) -> None:
    use = use_of(tmp_path / "best.caffemodel")
    assert use == Use()
    np.testing.assert_array_equal(use.colorize(plain, GRAY), plain(GRAY))


def test_a_mirrored_face_gets_mirrored_colors() -> None:
    use = Use(mirrored=True)
    fake, turned = (use.colorize(plain, gray) for gray in (GRAY, GRAY[..., ::-1]))
    np.testing.assert_array_equal(fake, turned[..., ::-1])
    expected = (plain(GRAY) + plain(GRAY[..., ::-1])[..., ::-1]) / 2
    np.testing.assert_array_equal(fake, expected)


def test_a_gain_scales_chroma_and_keeps_luminance() -> None:
    fake, stronger = (Use(gain=gain).colorize(plain, GRAY) for gain in (1, 1.5))
    np.testing.assert_allclose(chroma_of(stronger), 1.5 * chroma_of(fake), atol=1e-6)
    weights = np.array([0.114, 0.587, 0.299]).reshape(3, 1, 1)
    np.testing.assert_allclose((weights * stronger).sum(1), (weights * fake).sum(1), atol=1e-6)


@pytest.mark.parametrize("device", ["caffe", "opencv"])
def test_generators_follow_the_file_beside_their_weights(device: str, tmp_path: Path) -> None:
    weights = tmp_path / "mine.caffemodel"
    weights.write_bytes(BEST_WEIGHTS.read_bytes())
    unused = open_generator(weights, device).colorize
    (tmp_path / "use.toml").write_text("[mine]\nmirrored = true\ngain = 1.25\n")
    used = open_generator(weights, device).colorize(GRAY)
    expected = Use(mirrored=True, gain=1.25).colorize(unused, GRAY)
    np.testing.assert_allclose(used, expected, atol=1e-5)
    assert np.abs(used - unused(GRAY)).max() > 1e-3


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[mine", "not a TOML file"),
        ("[mine]\nturned = true\n", r"\[mine\] has a field"),
        ("mine = 3\n", "'mine' cannot be 3"),
        ("[mine]\ngain = '1.2'\n", r"'mine\.gain' cannot be '1\.2'"),
        ("[mine]\nmirrored = 1\n", r"'mine\.mirrored' cannot be 1"),
    ],
)
def test_a_file_that_makes_no_sense_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "use.toml").write_text(text)
    with pytest.raises(UserError, match=complaint):
        use_of(tmp_path / "mine.caffemodel")


@pytest.mark.parametrize("gray", [GRAY[0], GRAY[:, np.newaxis], GRAY / 255, GRAY[:0], GRAY[:, :0]])
def test_what_is_no_gray_face_is_refused_before_the_net_sees_it(gray: np.ndarray) -> None:
    with pytest.raises(ValueError, match="got "):
        Use().colorize(plain, gray)
