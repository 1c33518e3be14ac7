"""The gray that is coloured is what a player shows: its levels, its fields, its light."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from colorgan.photos.films.ffmpeg import contents_of
from colorgan.photos.films.frames import open_frames
from films import ffmpeg

BLOCK = 16
LEVELS = np.arange(0, 256, 5)
LOSSLESS = ("-c:v", "libx264", "-qp", 0)
X265 = ("-c:v", "libx265", "-x265-params", "log-level=0:qp=1")


def decoded(path: Path) -> list[np.ndarray]:
    with open_frames(path, contents_of(path), 10**6) as frames:
        return list(frames)


def write_bars(path: Path, luma: np.ndarray, pix_fmt: str, *options: object) -> Path:
    """Two frames of upright bars, of these levels as they are stored, without colour."""
    bits = 10 if "10" in pix_fmt else 8
    row = np.rint(luma).astype(np.uint8 if bits == 8 else np.uint16).repeat(BLOCK)
    planes = [np.tile(row, (BLOCK, 1))]
    if pix_fmt == "bgr24":
        planes = [cv2.merge(planes * 3)]
    elif pix_fmt != "gray":
        planes += [np.full_like(planes[0], 1 << bits - 1)] * 2
    raw = ("-f", "rawvideo", "-pix_fmt", pix_fmt, "-s", f"{len(row)}x{BLOCK}", "-i", "pipe:0")
    content = b"".join(plane.tobytes() for plane in planes) * 2
    ffmpeg(*raw, *options, "-pix_fmt", pix_fmt, path, input=content)
    return path


def bars_of(gray: np.ndarray) -> np.ndarray:
    return gray[4:12].reshape(8, -1, BLOCK)[:, :, 4:12].mean(axis=(0, 2))


@pytest.mark.parametrize("matrix", ["bt709", "smpte170m", "bt2020nc", "unknown"])
@pytest.mark.parametrize(("bits", "span"), [(8, (16, 235)), (10, (64, 940)), (8, (0, 255))])
def test_gray_is_the_luma_that_a_player_shows(
    tmp_path: Path, matrix: str, bits: int, span: tuple[int, int]
) -> None:
    stored = np.rint(span[0] + LEVELS / 255 * (span[1] - span[0]))
    pix_fmt = "yuv444p" if bits == 8 else "yuv444p10le"
    drawn = "pc" if span == (0, 255) else "tv"
    told = f"setparams=range={drawn}:colorspace={matrix}"
    film = write_bars(tmp_path / "film.mkv", stored, pix_fmt, "-vf", told, *LOSSLESS)
    shown = (stored - span[0]) / (span[1] - span[0]) * 255
    for gray in decoded(film):
        assert np.abs(bars_of(gray) - shown).max() < 0.6, "rounded to a level"


@pytest.mark.parametrize("pix_fmt", ["gray", "bgr24"])
def test_levels_without_a_matrix_stay(tmp_path: Path, pix_fmt: str) -> None:
    film = write_bars(tmp_path / "film.mov", LEVELS, pix_fmt, "-c:v", "png")
    for gray in decoded(film):
        np.testing.assert_array_equal(bars_of(gray), LEVELS)


NITS = np.array([0, 1, 5, 10, 26, 50, 100, 203, 400, 600, 1000])


def pq(nits: np.ndarray) -> np.ndarray:
    """The signal that SMPTE ST 2084 gives to light, in [0, 1]."""
    power = (nits / 10_000) ** (2610 / 16384)
    return ((3424 + 2413 * 32 * power) / (4096 + 2392 * 32 * power)) ** (2523 / 32)


def hlg(nits: np.ndarray) -> np.ndarray:
    """The signal that ITU-R BT.2100 gives to what a screen of 1,000 cd/m2 shows, in [0, 1]."""
    scene = (nits / 1000) ** (1 / 1.2)
    high = 0.17883277 * np.log(np.maximum(12 * scene, 1) - 0.28466892) + 0.55991073
    return np.where(scene <= 1 / 12, np.sqrt(3 * scene), high)


@pytest.mark.parametrize("told", ["colorspace=bt2020nc:color_primaries=bt2020:", ""])
@pytest.mark.parametrize(("curve", "signal"), [("smpte2084", pq), ("arib-std-b67", hlg)])
def test_hdr_is_as_dark_and_as_light_as_on_its_own_screen(
    tmp_path: Path, curve: str, signal, told: str
) -> None:
    parameters = f"setparams={told}color_trc={curve}:range=tv"
    film = write_bars(
        tmp_path / "film.mkv", 64 + 876 * signal(NITS), "yuv444p10le", "-vf", parameters, *X265
    )
    shown = bars_of(decoded(film)[0])
    as_it_is = 255 * (NITS / 203) ** (1 / 2.4)
    dark = NITS <= 50
    assert np.abs(shown - as_it_is)[dark].max() < 3
    assert (np.diff(shown) > 3).all(), "no two lights become one"
    assert 200 < shown[NITS == 203] < 230, "white, with room above"
    assert shown[-1] > 250


def woven(count: int, *encoder: object, path: Path) -> Path:
    """A bar that moves by 6 pixels from field to field, two fields in a frame."""
    fields = []
    for at in range(2 * count):
        field = np.full((128, 160), 40, np.uint8)
        field[:, 10 + 6 * at : 34 + 6 * at] = 200
        fields.append(field)
    frames = np.stack(fields).reshape(count, 2, 128, 160)
    mixed = frames[:, 0].copy()
    mixed[:, 1::2] = frames[:, 1, 1::2]
    raw = ("-f", "rawvideo", "-pix_fmt", "gray", "-s", "160x128", "-r", 25, "-i", "pipe:0")
    ffmpeg(*raw, *encoder, "-pix_fmt", "yuv420p", path, input=mixed.tobytes())
    return path


def combing(gray: np.ndarray) -> float:
    """How far lines are from the mean of those around them, in levels."""
    lines = gray.astype(float)
    return float(np.abs(lines[1:-1] - (lines[:-2] + lines[2:]) / 2).mean())


INTERLACED = ("-vf", "setfield=tff", "-flags", "+ilme+ildct")


@pytest.mark.parametrize(
    ("suffix", "encoder"),
    [
        (".mpg", ("-c:v", "mpeg2video", "-q:v", 2, *INTERLACED)),
        (".mp4", ("-c:v", "libx264", "-qp", 4, "-x264-params", "tff=1", *INTERLACED)),
    ],
)
def test_frames_of_two_fields_are_not_combed_and_keep_their_rate(
    tmp_path: Path, suffix: str, encoder: tuple[object, ...]
) -> None:
    film = woven(8, *encoder, path=tmp_path / f"film{suffix}")
    with open_frames(film, contents_of(film), 10**6) as frames:
        grays = list(frames)
        assert frames.rate == 25
    assert len(grays) == 8
    assert max(combing(gray) for gray in grays[1:-1]) < 2
    bar = grays[3][64] > 120
    assert np.flatnonzero(bar)[0] == pytest.approx(10 + 6 * 6, abs=3), "where the first field is"


def test_frames_not_marked_as_interlaced_stay_as_they_are(tmp_path: Path) -> None:
    film = woven(4, "-c:v", "ffv1", path=tmp_path / "film.mkv")
    assert min(combing(gray) for gray in decoded(film)) > 8
