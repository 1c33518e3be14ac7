"""Joins the parts of a coloured video, and gives it the sound, date and title of its source.

A track is copied if players of the new format play its codec; otherwise it is encoded again, as AAC
or Opus. A track for which both fail is left out.
"""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from colorgan.photos.containers import Container
from colorgan.photos.films.ffmpeg import in_step, input_of, output_of, run_ffmpeg, unwritable

# Both encoders write these in a way that any player reads. Of other layouts, libopus accepts few,
# and AAC writes some in a way that browsers do not read.
_LAYOUTS = "aformat=channel_layouts=mono|stereo|5.1"
# Metadata that are only true of the old file; in .mp4, a time code would be one more track.
_OF_THE_FILE = ("major_brand", "minor_version", "compatible_brands", "timecode")


class Sound(StrEnum):
    """What became of a track of sound."""

    COPIED = "copied"
    CONVERTED = "encoded again"
    DROPPED = "dropped"


def join(
    parts: Path, source: Path, tracks: Mapping[int, str], container: Container, target: Path
) -> tuple[Path, tuple[Sound, ...]]:
    """Join the parts of a video and the source's sound; returns the file, and each track's outcome.

    `parts` is ffmpeg's list of them, and the file is written next to it; `tracks` has the codecs by
    the streams' numbers. UserError, which names the target, if the parts cannot be joined.
    """
    joined = parts.with_name("joined")

    def works(wanted: Mapping[int, Sound]) -> bool:
        return _join(parts, source, wanted, container, joined)[0]

    wanted = {
        number: Sound.COPIED if container.plays(codec) else Sound.CONVERTED
        for number, codec in tracks.items()
    }
    if not works(wanted):
        for number, sound in wanted.items():  # one bad track makes all of them fail
            choices = dict.fromkeys((sound, Sound.CONVERTED))
            fit = (choice for choice in choices if works({number: choice}))
            wanted[number] = next(fit, Sound.DROPPED)
        done, log = _join(parts, source, wanted, container, joined)
        if not done:
            raise unwritable(target, log)
    return joined, tuple(wanted.values())


def _join(
    parts: Path, source: Path, wanted: Mapping[int, Sound], container: Container, joined: Path
) -> tuple[bool, str]:
    """Write a video with tracks of sound; returns whether that worked, and ffmpeg's log."""
    tracks = []
    kept = [(number, sound) for number, sound in wanted.items() if sound is not Sound.DROPPED]
    for at, (number, sound) in enumerate(kept):
        tracks += ["-map", f"1:{number}"]
        if sound is Sound.COPIED:
            tracks += [f"-c:a:{at}", "copy"]
        else:
            tracks += [f"-c:a:{at}", container.sound, f"-filter:a:{at}", _LAYOUTS]
    inputs = ("-f", "concat", "-i", f"file:{parts}", *input_of(source))
    metadata = ["-map_metadata", "1"]  # of the file as a whole; a track's goes with the track
    for name in _OF_THE_FILE:
        metadata += ["-metadata", f"{name}="]
    beside = in_step("1:V:0") if kept else ()
    output = (*tracks, *metadata, *output_of(container, joined), *beside)
    return run_ffmpeg("-v", "error", "-y", *inputs, "-map", "0:v", "-c:v", "copy", *output)
