"""The sound of coloured videos: copied or encoded again as players want it, track by track."""

import re
from pathlib import Path

import numpy as np
import pytest

from colorgan.photos.coloring.colorizer import Colorizer
from colorgan.photos.containers import CONTAINERS
from colorgan.photos.films.ffmpeg import contents_of
from colorgan.photos.films.frames import open_frames
from colorgan.photos.films.sound import Sound, join
from films import clip_of, colorize, ffmpeg, probe, write_video

TONE = "sine=440:r=48000:d=1,volume=enable='gt(t,0.5)':volume=0"
"""A second of sound, the second half of it silent."""


@pytest.fixture(scope="module")
def silent(photo: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A video of one second."""
    path = tmp_path_factory.mktemp("silent") / "silent.mkv"
    return write_video(path, clip_of(photo)[:4], rate=4)


def sounding(path: Path, silent: Path, *tracks: tuple[object, ...]) -> Path:
    """The video with tracks of the same tone, each encoded as its words say."""
    encoders = [word for track in tracks for word in track]
    maps = ["-map", "1"] * len(tracks)
    inputs = ["-i", silent, "-f", "lavfi", "-i", TONE]
    ffmpeg(*inputs, "-map", "0", *maps, "-c:v", "copy", *encoders, path)
    return path


def joined(silent: Path, source: Path, suffix: str) -> tuple[Path, tuple[Sound, ...]]:
    """The silent video, in a folder of its own, with the source's sound."""
    folder = source.with_name(f"joined{suffix}")
    folder.mkdir()
    codec = ["-c:v", "libvpx-vp9", "-deadline", "realtime"] if suffix == ".webm" else ["-c", "copy"]
    ffmpeg("-i", silent, *codec, folder / "part.mp4")
    parts = folder / "parts.txt"
    parts.write_text("file 'part.mp4'\n")
    container, target = CONTAINERS[suffix], source.with_suffix(suffix)
    return join(parts, source, contents_of(source).sounds, container, target)


def codecs(path: Path) -> list[str]:
    return re.findall(r"Audio: (\w+)", probe(path))


def loudness(path: Path, track: int = 0) -> np.ndarray:
    """Of tenths of a second, from 0 to 1, of the first 0.9 seconds after the picture begins."""
    mono = ("-af", "aresample=async=1:first_pts=0", "-ac", 1, "-ar", 8000)
    raw = ffmpeg("-i", path, "-map", f"0:a:{track}", *mono, "-f", "s16le", "pipe:1").stdout
    return np.frombuffer(raw, np.int16)[:7200].reshape(9, 800).astype(float).std(axis=1) / 32768


@pytest.mark.parametrize(
    ("codec", "now"),
    [
        # suffix: what becomes of the codec in .mp4, .mov, .mkv and .webm
        ("aac", "aac aac aac opus"),
        ("libmp3lame", "mp3 mp3 mp3 opus"),
        ("libopus", "opus aac opus opus"),
        ("flac", "flac aac flac opus"),
        ("pcm_s16le", "aac pcm_s16le pcm_s16le opus"),
        ("libvorbis", "aac aac vorbis vorbis"),
        ("mp2", "aac aac mp2 opus"),
        ("ac3", "aac ac3 ac3 opus"),
        ("alac", "aac alac alac opus"),
        ("wmav2", "aac aac wmav2 opus"),
    ],
)
def test_sound_is_copied_where_players_play_it_and_encoded_again_elsewhere(
    silent: Path, tmp_path: Path, codec: str, now: str
) -> None:
    source = sounding(tmp_path / "old.mkv", silent, ("-c:a", codec))
    old, before = codecs(source), loudness(source)
    assert before[:4].min() > 0.05 > 0.01 > before[6:].max()
    for suffix, new in zip((".mp4", ".mov", ".mkv", ".webm"), now.split(), strict=True):
        path, what = joined(silent, source, suffix)
        assert codecs(path) == [new]
        assert what == (Sound.COPIED if [new] == old else Sound.CONVERTED,)
        assert np.abs(loudness(path) - before).max() < 0.03, "as loud, at the same time"


@pytest.mark.parametrize("layout", ["mono", "2.1", "quad", "5.1(side)", "7.1"])
def test_sound_of_any_speakers_is_encoded(silent: Path, tmp_path: Path, layout: str) -> None:
    track = ("-c:a", "pcm_s16le", "-af", f"aformat=channel_layouts={layout}")
    source = sounding(tmp_path / "old.mkv", silent, track)
    for suffix in (".mp4", ".webm"):
        path, what = joined(silent, source, suffix)
        assert what == (Sound.CONVERTED,)
        assert re.search(r"Audio: .* Hz, (mono|stereo|5\.1), ", probe(path))


def test_each_track_is_treated_by_itself_and_keeps_its_language(
    silent: Path, tmp_path: Path
) -> None:
    languages = ["-metadata:s:a:0", "language=ger", "-metadata:s:a:2", "language=fre"]
    tracks = ("-c:a:0", "ac3"), ("-c:a:1", "flac"), ("-c:a:2", "aac", *languages)
    source = sounding(tmp_path / "old.mkv", silent, *tracks)
    path, what = joined(silent, source, ".mp4")
    assert what == (Sound.CONVERTED, Sound.COPIED, Sound.COPIED)
    assert codecs(path) == ["aac", "flac", "aac"]
    assert re.findall(r"\((\w+)\): Audio", probe(path)) == ["ger", "und", "fre"]
    damaged = source.read_bytes()
    assert damaged.count(b"A_FLAC") == 1
    source.write_bytes(damaged.replace(b"A_FLAC", b"A_LOST"))
    (tmp_path / "joined.mp4").rename(tmp_path / "before")
    path, what = joined(silent, source, ".mp4")
    assert what == (Sound.CONVERTED, Sound.DROPPED, Sound.COPIED)
    assert codecs(path) == ["aac", "aac"], "one that fails takes no other with it"
    assert loudness(path, 1)[:4].min() > 0.05


def test_sound_that_cannot_be_decoded_is_dropped(
    colorizer: Colorizer, silent: Path, tmp_path: Path
) -> None:
    source = sounding(tmp_path / "old.mkv", silent, ("-c:a", "flac"))
    source.write_bytes(source.read_bytes().replace(b"A_FLAC", b"A_LOST"))
    result = colorize(colorizer, source, tmp_path / "new.mp4")
    assert (result.frames, result.sound) == (4, (Sound.DROPPED,))
    assert codecs(tmp_path / "new.mp4") == []


@pytest.mark.parametrize("tracks", [(), (("-c:a", "aac"),)], ids=["silent", "sounding"])
def test_a_film_keeps_its_date_and_title(
    silent: Path, tmp_path: Path, tracks: tuple[tuple[object, ...], ...]
) -> None:
    plain, source = sounding(tmp_path / "plain.mkv", silent, *tracks), tmp_path / "old.mov"
    said = {
        "creation_time": "1999-07-04T12:00:00Z",
        "title": "Hochzeit \u00e4",
        "timecode": "1:00:00:00",
    }
    words = [word for key, value in said.items() for word in ("-metadata", f"{key}={value}")]
    ffmpeg("-i", plain, "-c", "copy", *words, source)
    assert "tmcd" in probe(source)
    for suffix in (".mp4", ".mkv"):
        told = probe(joined(silent, source, suffix)[0])
        assert re.search(r"(?m)^    creation_time +: 1999-07-04T12:00:00", told)
        assert re.search(r"(?m)^    title +: Hochzeit \u00e4$", told)
        assert "qt  " not in told and "tmcd" not in told and "1:00:00:00" not in told


@pytest.mark.parametrize("suffix", [".ts", ".mkv", ".vob"])
@pytest.mark.parametrize("late", ["picture", "sound"])
def test_what_begins_later_stays_later(
    silent: Path, tmp_path: Path, suffix: str, late: str
) -> None:
    """In broadcasts and on DVDs picture and sound begin at different times."""
    source = tmp_path / f"old{suffix}"
    offsets = [["-itsoffset", 0.5], []] if late == "picture" else [[], ["-itsoffset", 0.5]]
    codec = ["-c:v", "mpeg2video", "-r", 25, "-q:v", 2, "-c:a", "mp2"]
    tone = ["-f", "lavfi", "-i", "sine=r=48000:d=1"]
    ffmpeg(*offsets[0], "-i", silent, *offsets[1], *tone, *codec, source)
    with open_frames(source, contents_of(source), 10**6) as frames:
        seconds = sum(1 for _ in frames) / frames.rate
    loud = loudness(joined(silent, source, ".mp4")[0])
    if late == "picture":
        assert seconds == pytest.approx(1.5, abs=0.1)
        assert loud[:8].min() > 0.05
    else:
        assert seconds == pytest.approx(1, abs=0.05)
        assert loud[5:].min() > 0.05 > 0.01 > loud[:4].max()
