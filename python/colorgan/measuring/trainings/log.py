"""A training's log: log.jsonl, with a JSON record on each line."""

import json
from pathlib import Path
from typing import Any

from colorgan.errors import UserError
from colorgan.kinds import misfit

RECORD = {"iteration": int, "*": float}


def read_log(path: Path) -> list[dict[str, Any]]:
    """The records of a log.jsonl file, in order.

    A last line that a killed run left unfinished is skipped. UserError where the file is missing
    or any other line is not a record.
    """
    try:
        lines = path.read_text(errors="replace").splitlines()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    records = []
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
        except (json.JSONDecodeError, RecursionError):
            if number == len(lines):
                break
            record = None
        if misfit(record, RECORD) or record.get("images_per_second", 1) <= 0:
            raise UserError(f"{path}: line {number} is no record of an iteration; remove the line")
        records.append(record)
    return records


def last_iteration(log: list[dict[str, Any]]) -> int:
    """The iteration that a log reaches; 0 for an empty one."""
    return max((record["iteration"] for record in log), default=0)


def training_seconds(log: list[dict[str, Any]], batch_size: int) -> float:
    """Time in iterations, from the logged images a second; validation and snapshots left out."""
    total, before = 0.0, 0
    for record in log:
        if "images_per_second" in record:
            images = (record["iteration"] - before) * batch_size
            total += images / record["images_per_second"]
            before = record["iteration"]
    return total
