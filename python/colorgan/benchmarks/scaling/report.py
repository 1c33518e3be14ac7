"""What was measured beside what the model says, and what more processes are worth."""

from collections.abc import Iterable, Iterator

from colorgan.benchmarks.scaling.model import clusters, machine
from colorgan.benchmarks.scaling.turns import Measured
from colorgan.measuring.experiments import Result

BATCHES = (16, 64, 256)  # those that were trained with
SHARE = 64  # of a process, where the batch grows with their number
PAPERS_RATE = 1e-4  # where a run's configuration names none


def report(measured: Measured, trained: Iterable[Result]) -> str:
    """Three Markdown tables; `trained` are those that differ in batch and learning rate."""
    parts = against_model(measured), worth(measured), quality(trained)
    return "\n\n".join("\n".join(part) for part in parts)


def against_model(measured: Measured) -> Iterator[str]:
    """Each case: its quickest turn, and the model's beside it where processes share a batch."""
    here = machine(measured)
    yield "| processes | faces each | iteration, ms | model | off by | averaging | alone | model |"
    yield f"|{' ---: |' * 8}"
    for point in measured.points:
        found, expected = point.best.iteration, here.iteration(point.processes, point.share)
        cells = [f"{point.processes}", f"{point.share}", milliseconds(found)]
        if point.processes == 1:
            cells += [""] * 5
        else:
            averaging = point.best.averaging, point.alone(), here.averaging(point.processes)
            cells += [milliseconds(expected), f"{expected / found - 1:+.0%}"]
            cells += map(milliseconds, averaging)
        yield f"| {' | '.join(cells)} |"


def milliseconds(seconds: float) -> str:
    """As the table has them."""
    return f"{1e3 * seconds:,.0f}"


def worth(measured: Measured) -> Iterator[str]:
    """For each cluster, the most processes that have half of as many single ones' speed."""
    batches = " | ".join(f"batch {batch}" for batch in BATCHES)
    yield f"| worth it, up to | {batches} | {SHARE} faces each |"
    yield f"| --- |{' ---: |' * (len(BATCHES) + 1)}"
    for name, cluster in clusters(measured).items():
        counts = [*(cluster.worth(batch) for batch in BATCHES), cluster.worth_of_shares(SHARE)]
        yield f"| {name} | {' | '.join(map(str, counts))} |"


def quality(trained: Iterable[Result]) -> Iterator[str]:
    """What a batch and a learning rate make of as many faces."""
    yield "| batch | learning rate | updates | PSNR | CIEDE2000 | colour |"
    yield "| ---: | ---: | ---: | ---: | ---: | ---: |"
    for result in trained:
        rate = result.config.get("learning_rate") or PAPERS_RATE
        model = result.metrics["outputs"]["model"]
        yield (
            f"| {result.config['batch_size']} | {rate:g} | {result.iterations:,} "
            f"| {model['psnr']['mean']:.2f} | {model['ciede2000']['mean']:.2f} "
            f"| {model['colorfulness_ratio']:.2f} |"
        )


def best_psnr(trained: Iterable[Result]) -> dict[int, float]:
    """The best PSNR, in dB, that came out of each batch."""
    best: dict[int, float] = {}
    for result in trained:
        batch, model = result.config["batch_size"], result.metrics["outputs"]["model"]
        best[batch] = max(model["psnr"]["mean"], best.get(batch, 0.0))
    return best
