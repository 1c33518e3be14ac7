"""The experiments: what each is meant to answer, how it is trained, and what came out."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

from colorgan.errors import UserError
from colorgan.files import read_json, read_toml
from colorgan.kinds import Kind, misfit
from colorgan.measuring.markdown import markdown_table
from colorgan.measuring.quality.evaluation import METRICS_FILE, read_evaluation
from colorgan.measuring.quality.metrics import MEAN
from colorgan.measuring.trainings.log import last_iteration, read_log, training_seconds
from colorgan.places import ROOT

EXPERIMENTS_FILE = Path(__file__).with_name("experiments.toml")
RESULTS = ROOT / "data" / "results" / "experiments"

# What is kept of an experiment in its folder of results, besides metrics.json.
CONFIG_FILE = "config.json"
LOG_FILE = "log.jsonl"
COST_FILE = "cost.json"

# What is read of the configuration.
CONFIG_KINDS = {
    **{"batch_size": int, "mode": str, "generator": str},
    **{"learning_rate?": float | None, "discriminator?": str | None},
}

# Beside the folder of results: what `colorgan bench-methods` and `compare-methods` wrote.
TURNS_FILE = Path("speed/methods.json")
HINTS_FILE = "methods.json"

# The experiments that differ from `small` only in batch size and learning rate.
OF_BATCH_AND_RATE = re.compile(r"small(-batch\d+)?(-rate\d+)?")

# How many of a run's last records D's score is averaged over: single batches differ too much.
LAST_RECORDS = 10


@dataclass(frozen=True)
class Experiment:
    """One training: its name, the question it should answer, and options of `colorgan train`."""

    name: str
    question: str
    options: dict[str, Any]

    def training_words(self) -> list[str]:
        """The options as arguments of its command line."""
        words = []
        for option, value in self.options.items():
            if value is not False:
                words += [f"--{option}"] if value is True else [f"--{option}", str(value)]
        return words

    def from_anywhere(self) -> "Experiment":
        """The same with the project's own nets and solvers named in full."""
        own = {k: ROOT / v for k, v in self.options.items() if isinstance(v, str) and "/" in v}
        found = {k: path for k, path in own.items() if path.exists()}
        return replace(self, options=self.options | found)


def read_experiments(path: Path = EXPERIMENTS_FILE) -> dict[str, Experiment]:
    """The experiments of a TOML file, by name; UserError where it cannot be read or makes no sense.

    A section takes over the options of the section that it `inherits` from, which stands above it.
    """
    experiments: dict[str, Experiment] = {}
    for name, section in read_toml(path).items():
        if not isinstance(section, dict) or not isinstance(section.get("question"), str):
            raise UserError(f"{path}: [{name}] has no question")
        options = {k: v for k, v in section.items() if k not in ("question", "inherits")}
        parent = section.get("inherits")
        if parent is not None:
            if not isinstance(parent, str) or parent not in experiments:
                raise UserError(f"{path}: [{name}] inherits {parent!r}, which is not above it")
            options = {**experiments[parent].options, **options}
        wrong = misfit(options, {"validation-faces?": int}, name)
        if wrong:
            raise UserError(f"{path}: {wrong}")
        experiments[name] = Experiment(name, section["question"], options)
    return experiments


def chosen(experiments: dict[str, Experiment], names: Iterable[str]) -> list[Experiment]:
    """The experiments with those names; UserError for a name that none has."""
    for name in names:
        if name not in experiments:
            raise UserError(f"{name}: no such experiment; there are {', '.join(experiments)}")
    return [experiments[name] for name in names]


@dataclass(frozen=True)
class Result:
    """What is kept of an experiment that was run."""

    name: str
    config: dict[str, Any]
    log: list[dict[str, Any]]
    metrics: dict[str, Any]
    peak_mib: float | None  # of the process, in the host's memory; None where not measured
    times: Mapping[str, float] | None = None  # of `times_first`: "training" and "coloring"

    @property
    def iterations(self) -> int:
        """Updates of G."""
        return last_iteration(self.log)

    @property
    def images_seen(self) -> int:
        """Faces that G was updated on, repeats counted."""
        return self.iterations * self.config["batch_size"]

    @property
    def seconds(self) -> float:
        """Time in iterations, validation and snapshots left out."""
        return training_seconds(self.log, self.config["batch_size"])

    def last_mean(self, key: str) -> float | None:
        """The mean of a logged value over the run's last records; None where it is not logged."""
        values = [record[key] for record in self.log if key in record][-LAST_RECORDS:]
        return sum(values) / len(values) if values else None


def times_first(turns: Mapping[str, Sequence[Mapping[str, float]]]) -> dict[str, dict[str, float]]:
    """Each cost as a multiple of the first method's: the median over rounds, by name and kind.

    `turns` are those of `colorgan bench-methods`, equally many for each name.
    """
    first = next(iter(turns.values()))
    return {
        name: {
            kind: median(turn[kind] / base[kind] for turn, base in zip(own, first, strict=True))
            for kind in TIMES
        }
        for name, own in turns.items()
    }


def read_times(path: Path) -> dict[str, dict[str, float]]:
    """`times_first` of a file of `bench-methods --json`; UserError if it is none."""
    turns = read_json(path, **{"*": [dict.fromkeys(TIMES, float)]})
    costs = [turn[kind] for own in turns.values() for turn in own for kind in TIMES]
    if len({len(own) for own in turns.values()}) != 1 or not costs or min(costs) <= 0:
        raise UserError(f"{path}: is not what colorgan bench-methods keeps")
    return times_first(turns)


def read_result(folder: Path, times: Mapping[str, float] | None = None) -> Result:
    """Read what is kept of an experiment; UserError where something is missing or damaged."""
    return Result(
        folder.name,
        read_json(folder / CONFIG_FILE, **CONFIG_KINDS),
        read_log(folder / LOG_FILE),
        read_evaluation(folder),
        read_json(folder / COST_FILE, peak_mib=float | None)["peak_mib"],
        times,
    )


def read_results(
    folder: Path = RESULTS, experiments: Iterable[str] | None = None
) -> dict[str, Result]:
    """The results below a folder, in the order of `experiments`, by default the file's."""
    turns = folder.parent / TURNS_FILE
    times = read_times(turns) if turns.exists() else {}
    return {
        name: read_result(folder / name, times.get(name))
        for name in experiments or read_experiments()
        if (folder / name / METRICS_FILE).exists()
    }


def read_hints(folder: Path = RESULTS) -> list[dict[str, Any]]:
    """The methods in the result of `colorgan compare-methods` beside a folder; none without one."""
    path = folder.parent / HINTS_FILE
    row: dict[str, Kind] = {f"{key}?": MEAN for key, *_ in METRIC_COLUMNS}
    row |= {"name": str, "points": int | None, "psnr": MEAN, "colorfulness_ratio": float}
    return read_json(path, methods=[row])["methods"] if path.exists() else []


def of_batch_and_rate(results: Mapping[str, Result]) -> list[Result]:
    """The ones that differ only in batch size and learning rate, smaller batches first."""
    found = [result for name, result in results.items() if OF_BATCH_AND_RATE.fullmatch(name)]
    return sorted(found, key=lambda r: (r.config["batch_size"], r.config.get("learning_rate") or 0))


# The columns of the table of metrics: key in metrics.json, heading, digits.
METRIC_COLUMNS = (
    ("psnr", "PSNR", 2),
    ("ssim", "SSIM", 3),
    ("ciede2000", "CIEDE2000", 2),
    ("ab_error", "ab error", 2),
    ("edge_sharpness", "edges", 3),
)
TIMES = ("training", "coloring")  # a face, as `times_first` has them
COST_HEADINGS = (
    "D(G(x))",
    "images seen",
    "minutes",
    "training",
    "colouring",
    "parameters",
    "MiB",
)


def table(results: Iterable[Result], hints: Iterable[dict[str, Any]] = ()) -> str:
    """One Markdown table of all results, below them the baselines, which all share, and hints.

    `hints` are as `read_hints` gives them.
    """
    results = list(results)
    headings = [heading for _, heading, _ in METRIC_COLUMNS]
    headings[1:1] = ["kept"]
    headings += ["colour", *COST_HEADINGS]
    rows = [[f"`{result.name}`", *_result_cells(result)] for result in results]
    outputs = results[0].metrics["outputs"]
    rows += [
        [row["name"].lower(), *_metric_cells(row, None), *[""] * len(COST_HEADINGS)]
        for key, row in outputs.items()
        if not key.startswith("model")
    ]
    for row in hints:
        points = row["points"]
        name = row["name"] if points is None else f"{row['name']}, points: {points}"
        # Its luminance is the input's by construction.
        cells = _metric_cells(row, row["psnr"]["mean"])
        rows.append([name, *cells, *[""] * len(COST_HEADINGS)])
    return markdown_table(["", *headings], rows)


def _result_cells(result: Result) -> list[str]:
    outputs = result.metrics["outputs"]
    score = result.last_mean("score_fake")
    return [
        *_metric_cells(outputs["model"], outputs["model_luminance"]["psnr"]["mean"]),
        "" if score is None else f"{score:.2f}",
        f"{result.images_seen:,}",
        f"{result.seconds / 60:.0f}",
        *(f"{result.times[kind]:.2f}" if result.times else "" for kind in TIMES),
        f"{result.metrics['parameters']:,}",
        "" if result.peak_mib is None else f"{result.peak_mib:,.0f}",
    ]


def _metric_cells(row: dict[str, Any], kept: float | None) -> list[str]:
    cells = [
        f"{row[key]['mean']:.{digits}f}" if key in row else "" for key, _, digits in METRIC_COLUMNS
    ]
    cells[1:1] = ["" if kept is None else f"{kept:.2f}"]
    return [*cells, f"{row['colorfulness_ratio']:.2f}"]
