"""Gives a coloured video the sound of its source.

Each track is copied where the new file's players play its codec, and encoded again otherwise, as
AAC or Opus. Where one cannot be, it alone is left out.
"""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from colorgan.photos.containers import Container
from colorgan.photos.ffmpeg import in_step, input_of, output_of, run_ffmpeg

# Both encoders have these for any player; of the others libopus takes few, and AAC writes some in
# a way that browsers do not read.
_LAYOUTS = "aformat=channel_layouts=mono|stereo|5.1"


class Sound(StrEnum):
    """What became of a track of sound."""

    COPIED = "copied"
    CONVERTED = "encoded again"
    DROPPED = "dropped"


def with_sound(
    silent: Path, source: Path, tracks: Mapping[int, str], container: Container
) -> tuple[Path, tuple[Sound, ...]]:
    """Add the source's sound to a video: the file to take, and what became of each track.

    `tracks` has their codecs by the streams' numbers. The file is the silent one itself where there
    is no sound to add, or else lies beside it.
    """
    wanted = {
        number: Sound.COPIED if container.plays(codec) else Sound.CONVERTED
        for number, codec in tracks.items()
    }
    both = silent.with_name("both")
    if wanted and not _join(silent, source, wanted, container, both):
        wanted = {
            number: _first_that_works(silent, source, number, sound, container)
            for number, sound in wanted.items()
        }
        if not _join(silent, source, wanted, container, both):
            wanted = dict.fromkeys(wanted, Sound.DROPPED)
    kept = set(wanted.values()) - {Sound.DROPPED}
    return both if kept else silent, tuple(wanted.values())


def _first_that_works(
    silent: Path, source: Path, number: int, wanted: Sound, container: Container
) -> Sound:
    """What can be done with a track that may be the one that keeps the others out."""
    for sound in dict.fromkeys((wanted, Sound.CONVERTED)):
        if _join(silent, source, {number: sound}, container, silent.with_name("one")):
            return sound
    return Sound.DROPPED


def _join(
    silent: Path, source: Path, wanted: Mapping[int, Sound], container: Container, target: Path
) -> bool:
    """Write a video with tracks of sound, and say whether that was possible."""
    tracks = []
    kept = [(number, sound) for number, sound in wanted.items() if sound is not Sound.DROPPED]
    for at, (number, sound) in enumerate(kept):
        tracks += ["-map", f"1:{number}"]
        if sound is Sound.COPIED:
            tracks += [f"-c:a:{at}", "copy"]
        else:
            tracks += [f"-c:a:{at}", container.sound, f"-filter:a:{at}", _LAYOUTS]
    inputs = ("-i", f"file:{silent}", *input_of(source))
    written = ("-map", "0:v", "-c:v", "copy", *tracks, *output_of(container, target))
    done, _ = run_ffmpeg("-v", "error", "-y", *inputs, *written, *in_step("1:V:0"))
    return done
