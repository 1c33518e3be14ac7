"""A run's folder: its lock, its configuration, its log and its snapshots.

Nothing in it is ever half written: files and snapshots are written elsewhere and then renamed.
"""

import json
import os
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from colorgan.errors import UserError
from colorgan.files import flush_to_disk, read_json, sha256, write_json, write_whole
from colorgan.locks import hold
from colorgan.measuring.trainings.log import read_log
from colorgan.processes import all_processes
from colorgan.training.averaging import AVERAGE_WEIGHTS

# What a snapshot takes besides weights and Adam's moments: layer definitions, state, blocks.
SNAPSHOT_MARGIN_BYTES = 1 << 20
STATE = {"iteration": int, "best_psnr?": float, "sha256": {"*": str}}  # of a snapshot


def best_weights(run: Path) -> Path | None:
    """G's weights in the best snapshot of a run folder, their average where one is kept."""
    names = (AVERAGE_WEIGHTS, "generator.caffemodel")
    weights = [run / "snapshots" / "best" / name for name in names]
    return next((path for path in weights if path.exists()), None)


def kept_snapshots(run: Path) -> list[Path]:
    """A run folder's snapshots, oldest first; copies under other names are left out."""
    found = (run / "snapshots").glob("iter_*")
    return sorted(path for path in found if re.fullmatch(r"iter_\d{8,}", path.name))


@dataclass(frozen=True)
class Snapshot:
    """A point from which training goes on: a folder with both solvers' files and state.json."""

    path: Path
    state: dict[str, Any]


class RunFolder:
    """The folder of one training run, locked against all other runs while it is open.

    Where processes train together, the first one holds the lock, and only it may write there.
    """

    def __init__(self, path: Path) -> None:
        """Open `path`, or make it; UserError where it is in use or cannot be written."""
        self.path = path
        self.log_path = path / "log.jsonl"
        self.config_path = path / "config.json"
        self.snapshots_path = path / "snapshots"
        self.samples_path = path / "samples"
        all_processes().first(self._hold)

    def _hold(self) -> None:
        try:
            for folder in (self.path, self.snapshots_path, self.samples_path):
                folder.mkdir(parents=True, exist_ok=True)
            lock = hold(self.path)
        except OSError as error:
            what = f"{error.filename}: {error.strerror}"
            raise UserError(f"{self.path}: cannot hold a run ({what})") from None
        if lock is None:
            raise UserError(f"{self.path}: another run is using this folder; choose another")
        self._lock = lock

    def close(self) -> None:
        """Release the folder."""
        self._lock.close()

    # Configuration

    def has_run(self) -> bool:
        """Whether a run was started here."""
        return self.config_path.exists()

    def write_config(self, config: dict[str, Any]) -> None:
        """Write config.json."""
        write_json(self.config_path, config)

    def read_config(self) -> dict[str, Any]:
        """config.json; UserError where there is none or it is damaged."""
        if not self.has_run():
            raise UserError(f"{self.path}: holds no run to go on with (no config.json)")
        return read_json(self.config_path)

    # Log

    def log(self, record: dict[str, Any]) -> None:
        """Append one record to log.jsonl."""
        with self.log_path.open("a") as log:
            log.write(json.dumps(record) + "\n")

    def cut_log(self, iteration: int) -> None:
        """Drop the records after `iteration`, which the resumed run will write again."""
        if self.log_path.exists():
            kept = [r for r in read_log(self.log_path) if r["iteration"] <= iteration]
            lines = "".join(json.dumps(record) + "\n" for record in kept)
            write_whole(self.log_path, lines.encode())

    # Snapshots

    @property
    def writing_path(self) -> Path:
        """Where a snapshot's files are written before it is complete."""
        return self.snapshots_path / ".writing"

    def save_snapshot(
        self,
        state: dict[str, Any],
        write: Callable[[], None],
        *,
        size: int,
        keep: int,
        is_best: bool,
    ) -> None:
        """Take a snapshot: call `write` to fill `writing_path`, add state.json, rename.

        Of the snapshots, the last `keep` and the one that `snapshots/best` points to are kept.
        Caffe ends the process when it cannot write, so we look for `size` free bytes first;
        UserError where the disk has fewer.
        """
        free = shutil.disk_usage(self.snapshots_path).free
        if free < size + SNAPSHOT_MARGIN_BYTES:
            raise UserError(
                f"{self.snapshots_path}: disk full ({free >> 20} MiB free), no snapshot of "
                f"iteration {state['iteration']} taken; the last good one is "
                f"{self.last_snapshot_name()}; make room and --resume"
            )
        shutil.rmtree(self.writing_path, ignore_errors=True)
        self.writing_path.mkdir()
        write()
        checksums = {file.name: sha256(file) for file in sorted(self.writing_path.iterdir())}
        state = {**state, "sha256": checksums}
        (self.writing_path / "state.json").write_text(json.dumps(state, indent=2) + "\n")
        for file in self.writing_path.iterdir():
            flush_to_disk(file)
        place = self.snapshots_path / f"iter_{state['iteration']:08d}"
        shutil.rmtree(place, ignore_errors=True)  # left by a run that was resumed from before it
        os.replace(self.writing_path, place)
        if is_best:
            self._mark_best(place)
        flush_to_disk(self.snapshots_path)
        self._prune(keep)

    def _mark_best(self, snapshot: Path) -> None:
        best, beside = (self.snapshots_path / name for name in ("best", ".best"))
        for path in (beside, best):
            if not path.is_symlink():  # a copy, from a file system without links
                shutil.rmtree(path, ignore_errors=True)
        beside.unlink(missing_ok=True)
        try:
            beside.symlink_to(snapshot.name)
        except OSError:  # as on exFAT and some network mounts
            shutil.copytree(snapshot, beside)
            best.unlink(missing_ok=True)  # a folder cannot take a link's place
        os.replace(beside, best)

    def last_snapshot(self) -> Snapshot | None:
        """The newest snapshot; None where there is none yet, UserError where it is damaged."""
        paths = kept_snapshots(self.path)
        if not paths:
            return None
        try:
            state = read_json(paths[-1] / "state.json", **STATE)
            for name, checksum in state["sha256"].items():
                if sha256(paths[-1] / name) != checksum:
                    raise ValueError(f"{name} has changed")
        except (UserError, ValueError) as error:
            raise UserError(
                f"{paths[-1]}: damaged snapshot ({error}); remove it to resume from the one before"
            ) from None
        return Snapshot(paths[-1], state)

    def last_snapshot_name(self) -> str:
        """The newest snapshot's path in words, for messages."""
        paths = kept_snapshots(self.path)
        return str(paths[-1]) if paths else "none"

    def _prune(self, keep: int) -> None:
        best = (self.snapshots_path / "best").resolve()
        for path in kept_snapshots(self.path)[:-keep]:
            if path.resolve() != best:
                shutil.rmtree(path)
