"""`colorgan bench-scale`: what it measures, what its model says, and what it refuses."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import pytest

from colorgan.benchmarks.scaling.model import (
    COUNTS,
    GIGABIT,
    H100,
    HUNDRED_GIGABIT,
    NVLINK,
    PAPERS_BYTES,
    Cluster,
    Link,
    clusters,
    computing,
    machine,
)
from colorgan.benchmarks.scaling.report import report
from colorgan.benchmarks.scaling.turns import Measured, Point, Turn, cases_of, read_measured
from colorgan.commands.bench_scale import KEPT, grows
from colorgan.errors import UserError
from colorgan.measuring.trainings.experiments import of_batch_and_rate, read_results
from conftest import ROOT

Run = Callable[..., subprocess.CompletedProcess[str]]

BENCH = "bench-scale"
BYTES = {"generator": 1_000_000, "discriminator": 3_000_000}
TIMES = {1: 0.1, 4: 0.3, 16: 1.1, 64: 4.3}


def test_averaging_takes_the_steps_of_a_ring_and_the_packing() -> None:
    link = Link(latency=0.001, bandwidth=1e8, packing=1e-9)
    cluster = Cluster(TIMES, {"generator": 1_000_000}, link)
    # 6 steps of 1 ms and of a quarter of 10 ms, and 1 ms of packing
    assert cluster.averaging(4) == pytest.approx(6 * (0.001 + 0.0025) + 0.001)
    assert cluster.averaging(1) == 0


def test_an_iteration_is_the_computing_and_both_averagings() -> None:
    cluster = Cluster(TIMES, BYTES, Link(0.0, 1e8))
    assert cluster.iteration(2, 4) == pytest.approx(0.3 + 0.01 + 0.03)
    assert cluster.rate(2, 4) == pytest.approx(8 / 0.34)
    assert cluster.speedup(4, 64) == pytest.approx(4.3 / (1.1 + 0.06))
    assert cluster.speedup_of_shares(2, 4) == pytest.approx(2 * 0.3 / 0.34)


def test_computing_goes_in_straight_lines_between_what_was_measured_and_beyond_it() -> None:
    times = {2: 1.0, 4: 2.0, 6: 6.0}
    assert [computing(times, n) for n in (1, 2, 3, 5, 6, 7)] == [0.5, 1, 1.5, 4, 6, 8]


def test_more_processes_than_cores_wait_for_one_another() -> None:
    two_cores = Cluster(TIMES, BYTES, Link(0.0, 1e30), cores=2, contention=1.25)
    seconds = [two_cores.iteration(n, 16) for n in (1, 2, 4)]
    assert seconds == pytest.approx([1.1, 1.1 * 1.25, 1.1 * 1.25 * 2])


@pytest.mark.parametrize("times", [TIMES, H100])
def test_each_further_process_is_worth_less_and_a_slower_link_makes_it_so_sooner(
    times: dict[int, float],
) -> None:
    worths = []
    for link in (NVLINK, HUNDRED_GIGABIT, GIGABIT):
        cluster = Cluster(times, BYTES, link)
        shares = [cluster.speedup_of_shares(n, 64) / n for n in COUNTS]
        assert shares == sorted(shares, reverse=True)
        assert shares[0] == 1
        worths.append((cluster.worth(64), cluster.worth_of_shares(64)))
    for quicker, slower in zip(worths, worths[1:], strict=False):
        assert all(one >= other for one, other in zip(quicker, slower, strict=True))


def made_up(cluster: Cluster) -> Measured:
    """What would be measured if the model were right."""
    points = []
    for count, share in cases_of(64, (1, 2, 4)):
        alone = {net: cluster.averaging_of(net, count) for net in cluster.bytes}
        turn = Turn(cluster.iteration(count, share), cluster.averaging(count), alone, cluster.bytes)
        points.append(Point(count, share, [turn, turn]))
    return Measured(2, 64, points)


def test_the_machines_link_and_contention_are_those_of_its_points() -> None:
    true = Cluster(TIMES | {32: 2.2}, BYTES, Link(0.0, 5e8), cores=2, contention=1.1)
    found = machine(made_up(true))
    assert found.link.bandwidth == pytest.approx(5e8)
    assert found.contention == pytest.approx(1.1)
    assert found.iteration(4, 16) == pytest.approx(true.iteration(4, 16))
    rows = report(made_up(true), []).splitlines()
    assert sum("+0%" in row or "-0%" in row for row in rows) == 3  # 2 x 16, 2 x 32, 4 x 16


def test_gradients_go_through_the_host_but_over_nvlink() -> None:
    true = Cluster(TIMES | {32: 2.2}, PAPERS_BYTES, Link(0.0, 5e8))
    lines = clusters(made_up(true))
    assert lines["H100, NVLink"].link == NVLINK
    assert lines["H100, 1 Gbit/s"].link == replace(GIGABIT, packing=2e-9)


def test_of_gpus_nothing_is_said_where_other_nets_than_theirs_were_measured() -> None:
    lines = clusters(made_up(Cluster(TIMES | {32: 2.2}, BYTES, Link(0.0, 5e8))))
    assert list(lines) == ["a core, 1 Gbit/s", "a core, 100 Gbit/s"]


def test_times_that_do_not_grow_with_the_faces_are_refused() -> None:
    assert grows(TIMES)
    assert not grows(TIMES | {2: 0.05})


@pytest.mark.parametrize("lost", ["points", "turns", "iteration", "batch_size"])
def test_a_kept_file_that_is_not_whole_is_refused(tmp_path: Path, lost: str) -> None:
    kept, path = json.loads(KEPT.read_text()), tmp_path / "kept.json"
    first = kept["points"][0]
    whole = {"points": kept, "turns": first, "iteration": first["turns"][0], "batch_size": kept}
    whole[lost][lost] = {"points": kept["points"][:5], "turns": []}.get(lost)
    path.write_text(json.dumps(kept))
    told = {
        "iteration": "'points.turns.iteration' cannot be",
        "batch_size": "'batch_size' cannot be",
    }
    with pytest.raises(UserError, match=told.get(lost, "is not what colorgan bench-scale keeps")):
        read_measured(path)


def test_a_batch_is_shared_and_each_share_measured_alone() -> None:
    alone = [(1, share) for share in (1, 4, 16, 32, 64)]
    assert cases_of(64, (1, 2, 4)) == [*alone, (2, 16), (2, 32), (4, 16)]


def test_processes_are_measured_kept_and_drawn(run: Run, tmp_path: Path) -> None:
    kept, figure = tmp_path / "scaling.json", tmp_path / "scaling.png"
    done = run(
        BENCH, "--processes", 2, "--batch-size", 2, "--rounds", 1, "--json", kept,
        "--generator", ROOT / "prototxt/generator_small_bottleneck.prototxt",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    measured = read_measured(kept)
    assert [(p.processes, p.share) for p in measured.points] == [(1, 1), (1, 2), (2, 1)]
    for point in measured.points:
        (turn,) = point.turns
        assert 0 < turn.averaging < turn.iteration
        assert turn.bytes["discriminator"] == 2_776_964
    two = measured.points[-1]
    assert two.alone() > 0
    again = run(BENCH, "--kept", kept, "--figure", figure)
    assert (again.returncode, again.stdout) == (0, done.stdout)
    assert cv2.imread(str(figure)).shape[2] == 3


def test_the_docs_tables_are_those_of_what_is_kept() -> None:
    told = (ROOT / "docs/mpi.md").read_text()
    trained = of_batch_and_rate(read_results())
    for part in report(read_measured(KEPT), trained).split("\n\n"):
        assert part in told


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("--processes", 1, 4), "must include 2"),
        (("--batch-size", 5), "cannot be shared evenly by 2 processes"),
        (("--kept", "{folder}/none.json"), "none.json"),
        (("--kept", "{folder}/other.json"), "other.json: has no 'batch_size'"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(
    run: Run, tmp_path: Path, words: tuple[object, ...], complaint: str
) -> None:
    (tmp_path / "other.json").write_text(json.dumps({"cores": 2}))
    done = run(BENCH, *(str(word).format(folder=tmp_path) for word in words))
    assert done.returncode == 2
    assert complaint in done.stderr
    assert len(done.stderr.splitlines()) == 1
