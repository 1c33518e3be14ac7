"""Puts a finished data set into its folder: all of it, or nothing.

Everything is built in a hidden folder inside the target and then renamed into place, so that an
interrupted build leaves the target as it was. The manifest is moved last; a folder without one is
not a finished data set.
"""

import json
import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import lmdb

from colorgan.errors import UserError
from colorgan.files import flush_to_disk
from colorgan.locks import LOCK, hold

MANIFEST = "manifest.json"
SHARING = "sharing"
"""The folder, inside the one that `building` yields, by which several processes share the work."""
_ENTRIES = ("train_lmdb", "test_lmdb", MANIFEST)
_STAGE = ".building"
_REPLACED = ".replaced"
_PACKAGES = ("lmdb", "numpy", "opencv-python-headless", "protobuf")


@contextmanager
def building(out: Path, force: bool) -> Iterator[Path]:
    """Yield an empty folder; what the block puts into it is moved to `out` at the end.

    The block makes `train_lmdb`, `test_lmdb` and, with `write_manifest`, `manifest.json`. Raises
    `UserError` for a target that exists (without `force`), is being built by another process or
    cannot be written. Its old data stay in place, untouched, until the last moment.
    """
    try:
        with _staging(out, force) as stage:
            yield stage
            _publish(stage, out)
    except (OSError, lmdb.Error) as error:
        raise UserError(f"{out}: cannot be written: {error}") from None


def write_manifest(stage: Path, manifest: dict[str, Any]) -> None:
    """Write the manifest into the folder that `building` yielded."""
    (stage / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    flush_to_disk(stage / MANIFEST)


def versions(*packages: str) -> dict[str, str]:
    """The versions of Python and the packages used to build a data set, including `packages`."""
    built_with = sorted({*_PACKAGES, *packages})
    return {
        "python": platform.python_version(),
        **{package: version(package) for package in built_with},
    }


@contextmanager
def _staging(out: Path, force: bool) -> Iterator[Path]:
    """Yield an empty folder in `out`, locked against other builds, and remove it afterwards."""
    created = not out.exists()
    stage = out / _STAGE
    stage.mkdir(parents=True, exist_ok=True)
    lock = hold(stage)
    if lock is None:
        raise UserError(f"{out}: another build is writing there; wait until that has finished")
    try:
        with lock:
            try:
                _undo_half_publish(out)
                _refuse_to_replace(out, force)
                for path in stage.iterdir():  # left by a build that was killed
                    if path.name != LOCK:
                        _remove(path)
                yield stage
            finally:
                _undo_half_publish(out)
                shutil.rmtree(stage, ignore_errors=True)
    finally:
        with suppress(OSError):  # usually it is already gone
            stage.rmdir()  # which NFS refuses as long as the lock is open
        if created and not any(out.iterdir()):
            out.rmdir()


def _refuse_to_replace(out: Path, force: bool) -> None:
    existing = [name for name in _ENTRIES if os.path.lexists(out / name)]
    if existing and not force:
        raise UserError(f"{out}: already holds {', '.join(existing)}; --force replaces them")


def _publish(stage: Path, out: Path) -> None:
    """Replace the entries of `out` by the finished ones of `stage`."""
    for name in _ENTRIES:
        flush_to_disk(stage / name if name != MANIFEST else stage)
    replaced = out / _REPLACED
    replaced.mkdir()
    for name in reversed(_ENTRIES):  # the old manifest leaves first, the new one arrives last
        if os.path.lexists(out / name):
            os.rename(out / name, replaced / name)
    for name in _ENTRIES:
        os.rename(stage / name, out / name)
    flush_to_disk(out)
    _remove(replaced)


def _undo_half_publish(out: Path) -> None:
    """Bring back the old entries if `_publish` was stopped before the new manifest was there."""
    replaced = out / _REPLACED
    if not replaced.is_dir():
        return
    if not (out / MANIFEST).exists():
        for name in _ENTRIES:
            if os.path.lexists(replaced / name):
                _remove(out / name)
                os.rename(replaced / name, out / name)
    _remove(replaced)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
