"""Finds CelebA's lists in the forms in which people download them.

Its authors' folder has `Img/img_align_celeba.zip`, `Eval/list_eval_partition.txt` and
`Anno/list_landmarks_align_celeba.txt`; torchvision's `celeba` has all of them side by side.
Kaggle's `archive.zip`, packed or unpacked, has `img_align_celeba/img_align_celeba/000001.jpg`, and
lists that end in `.csv`. For a part of CelebA, images and lists may have the same addition to their
names: `img_align_celeba_more.zip`, `list_eval_partition_more.txt`.
"""

import os
import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from colorgan.errors import UserError, note
from colorgan.files import files_below, is_hidden, out_of_reach

PARTITION, LANDMARKS = "list_eval_partition", "list_landmarks_align_celeba"

_IMAGES = "img_align_celeba"
_SUFFIXES = (".txt", ".csv")
_FOLDERS = ("", "Eval", "Anno")


class NoListError(UserError):
    """No list was found; the text says which list, and where it was searched for."""


def partition_lists(images: Sequence[Path], named: Sequence[Path]) -> tuple[Path, ...]:
    """The partition lists that are `named`, or else those found near the images, if any.

    If none are named, a note says which lists were found, or that there is none. `UserError` if a
    named place has none, and for a damaged zip.
    """
    if named:
        return find_lists(PARTITION, named)
    if not all(map(_may_hold_lists, images)):
        return ()  # opening them will report what is wrong
    try:
        found = find_lists(PARTITION, images)
    except NoListError as error:
        note(f"{error}; the lowest image numbers will train, and the next ones test")
        return ()
    note(f"partition list: {', '.join(map(str, found))}")
    return found


def landmark_list(named: Path) -> Path:
    """The list of landmarks that is named, or found there; `UserError` unless there is just one."""
    found = find_lists(LANDMARKS, [named])
    if len(found) > 1:
        raise UserError(f"{named}: holds both {' and '.join(map(str, found))}; name one of them")
    return found[0]


def find_lists(name: str, places: Sequence[Path]) -> tuple[Path, ...]:
    """The lists `name` in folders and zips, or next to them; any other file is itself a list.

    `NoListError` if there is none, `UserError` for a damaged zip.
    """
    found: dict[Path, None] = {}
    looked_in: dict[Path, None] = {}
    for place in places:
        if not _may_hold_lists(place):
            found[place] = None
            continue
        looked_in[place] = None
        lists = _lists_in(name, place)
        if not lists:
            for folder in _folders_beside(place):
                looked_in[folder] = None
                lists = lists or _lists_beside(name, folder, place)
        found |= dict.fromkeys(lists)
    if not found:
        looked = ", ".join(map(str, looked_in))
        raise NoListError(f"no {name}{' or '.join(_SUFFIXES)} in {looked}")
    return tuple(found)


def _may_hold_lists(place: Path) -> bool:
    return place.is_dir() or zipfile.is_zipfile(place)


def _lists_in(name: str, place: Path) -> list[Path]:
    """The lists in a zip or anywhere in a folder; if the folder has none, those in its zips."""
    pattern = re.compile(rf"{name}.*\.(?:txt|csv)", re.IGNORECASE)
    if not place.is_dir():
        try:
            with zipfile.ZipFile(place) as archive:
                return sorted(place / m for m in archive.namelist() if _is_member(m, pattern))
        except (OSError, zipfile.BadZipFile) as error:
            raise UserError(f"{place}: cannot be read: {error}") from None
    lists = list(_files_in(place, lambda file: pattern.fullmatch(file.name) is not None))
    if lists:
        return lists
    zips = _files_in(place, lambda file: file.name.lower().endswith(".zip"))
    return [found for file in zips if zipfile.is_zipfile(file) for found in _lists_in(name, file)]


def _is_member(path: str, pattern: re.Pattern) -> bool:
    *folders, name = path.split("/")
    visible = not any(map(is_hidden, [*folders, name]))
    return visible and pattern.fullmatch(name) is not None


def _files_in(folder: Path, wanted: Callable[[os.DirEntry], bool]) -> Iterator[Path]:
    refused: list[OSError] = []
    yield from (Path(entry.path) for entry in files_below(folder, wanted, refused.append))
    if refused:
        note(f"{out_of_reach(refused)}: not searched for lists")


def _folders_beside(place: Path) -> list[Path]:
    """The folders that may hold a list for a folder or zip of images, the nearest first."""
    paths = dict.fromkeys([place.absolute(), place.resolve()])
    above = dict.fromkeys(parent for path in paths for parent in path.parents[:2])
    return [parent / name for parent in above for name in _FOLDERS if (parent / name).is_dir()]


def _lists_beside(name: str, folder: Path, place: Path) -> list[Path]:
    """The lists of one name in a folder; those with the addition of `place`'s name come first."""
    stem = place.name if place.is_dir() else place.stem
    tail = stem.removeprefix(_IMAGES) if stem.startswith(_IMAGES) else ""
    for full in dict.fromkeys((name + tail, name)):
        lists = [folder / (full + suffix) for suffix in _SUFFIXES]
        if any(path.is_file() for path in lists):
            return [path for path in lists if path.is_file()]
    return []
