"""`mpirun -n N colorgan train` as a user runs it: one log, one set of snapshots, one end."""

import os
import signal
import subprocess
from pathlib import Path

import pytest

from colorgan.measuring.trainings.log import read_log
from colorgan.nets.prototxt import BLOBS, batch_size_of, read_net, write_prototxt
from conftest import ROOT
from mpi import ENVIRONMENT, KILLED, OPEN_MPI, code_after, lines_of_ours, mpirun, start
from programs import alive, below, run_program, run_python, wait_until

PROGRAM = ("-m", "colorgan", "train")
QUICK = (
    *("--batch-size", 4, "--log-every", 1, "--validate-every", 10),
    *("--snapshot-every", 5, "--validation-faces", 6),
)


def losses(run: Path) -> list[dict]:
    return [record for record in read_log(run / "log.jsonl") if "l2" in record]


def snapshots(run: Path) -> list[str]:
    return sorted(path.name for path in (run / "snapshots").glob("iter_*"))


@pytest.fixture(scope="module")
def generator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small G without BatchNorm, so that shares of a batch give what the whole batch gives."""
    net = read_net(ROOT / "prototxt/generator_small.prototxt", BLOBS["generator"])
    kept = [layer for layer in net.layer if layer.type not in ("BatchNorm", "Scale")]
    del net.layer[:]
    net.layer.extend(kept)
    path = tmp_path_factory.mktemp("net") / "generator.prototxt"
    write_prototxt(path, net, "for a test")
    return path


@pytest.fixture(scope="module")
def discriminator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """D nearly without kinks: where rounding takes one to its other side, gradients jump."""
    net = read_net(ROOT / "prototxt/discriminator.prototxt", BLOBS["discriminator"])
    for layer in net.layer:
        if layer.type == "ReLU":
            layer.relu_param.negative_slope = 0.98
    path = tmp_path_factory.mktemp("net") / "discriminator.prototxt"
    write_prototxt(path, net, "for a test")
    return path


@pytest.fixture(scope="module")
def new(faces: Path, generator: Path, discriminator: Path) -> tuple[object, ...]:
    nets = ("--generator", generator, "--discriminator", discriminator)
    return ("--data", faces, *nets, *QUICK)


@pytest.fixture(scope="module")
def alone(new: tuple[object, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten iterations of one process."""
    out = tmp_path_factory.mktemp("runs") / "alone"
    environment = os.environ | ENVIRONMENT
    done = run_python(*PROGRAM, *new, "--out", out, "--iterations", 10, env=environment)
    assert done.returncode == 0, done.stderr
    return out


def assert_same_losses(run: Path, other: Path) -> None:
    """Those of a log, within what float32 makes of another order of sums."""
    assert len(losses(run)) == len(losses(other)) == 10
    for one, two in zip(losses(run), losses(other), strict=True):
        assert one.keys() == two.keys()
        for name in one.keys() - {"images_per_second"}:
            assert one[name] == pytest.approx(two[name], rel=1e-4), name


def test_a_run_goes_on_with_another_number_of_processes_and_the_same_faces(
    new: tuple[object, ...], alone: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    done = mpirun(2, *PROGRAM, *new, "--out", out, "--iterations", 5, "--average", 0.9)
    assert (done.returncode, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 2  # a validation, and where the result is
    assert batch_size_of(read_net(out / "generator.prototxt")) == 2
    done = run_program("train", "--out", out, "--resume", "--iterations", 10)
    assert done.returncode == 0, done.stderr
    assert batch_size_of(read_net(out / "generator.prototxt")) == 4
    assert_same_losses(out, alone)


def test_one_process_under_mpirun_is_one_without(
    new: tuple[object, ...], alone: Path, tmp_path: Path
) -> None:
    done = mpirun(1, *PROGRAM, *new, "--out", tmp_path / "one", "--iterations", 10)
    assert done.returncode == 0, done.stderr
    for path in (alone / "snapshots/iter_00000010").iterdir():
        if path.suffix in (".caffemodel", ".solverstate"):
            twin = tmp_path / "one/snapshots/iter_00000010" / path.name
            assert twin.read_bytes() == path.read_bytes(), path.name


def test_with_synchronized_batchnorm_two_processes_are_one(
    faces: Path, discriminator: Path, tmp_path: Path
) -> None:
    nets = ("--generator", "prototxt/generator_small.prototxt", "--discriminator", discriminator)
    words = (
        *PROGRAM,
        "--data",
        faces,
        *QUICK,
        *nets,
        "--sync-batchnorm",
        "--iterations",
        10,
        "--out",
    )
    one, two = tmp_path / "one", tmp_path / "two"
    for count, out in ((1, one), (2, two)):
        done = mpirun(count, *words, out)
        assert (done.returncode, done.stderr) == (0, "")
    assert_same_losses(two, one)


def started(run: Path, *words: object) -> tuple[subprocess.Popen[str], list[int]]:
    """Two processes that train until they are stopped, and are beyond their first snapshot."""
    launcher = start(2, *PROGRAM, *words, "--out", run, "--iterations", 100000)
    wait_until(lambda: len(snapshots(run)) > 0 or launcher.poll() is not None, 120)
    return launcher, below(launcher.pid)[-2:]  # what they are started by is before them


@pytest.mark.parametrize("killed", [0, 1])
def test_a_killed_process_ends_all_and_the_last_snapshot_is_whole(
    new: tuple[object, ...], tmp_path: Path, killed: int
) -> None:
    run = tmp_path / "run"
    launcher, processes = started(run, *new)
    os.kill(processes[killed], signal.SIGKILL)
    printed, complaint = launcher.communicate(timeout=20)
    assert (launcher.returncode, lines_of_ours(complaint)) == (KILLED, [])
    assert "Killed" in printed + complaint  # mpirun's own words
    wait_until(lambda: not any(map(alive, processes)))
    last = snapshots(run)[-1]
    done = run_program("train", "--out", run, "--resume", "--iterations", int(last[5:]) + 1)
    assert done.returncode == 0, done.stderr


# Open MPI's mpirun leaves too little time after SIGTERM.
TO_MPIRUN = (signal.SIGUSR1,) if OPEN_MPI else (signal.SIGTERM, signal.SIGINT)


@pytest.mark.parametrize(
    ("number", "to_all"), [(signal.SIGTERM, False), *((number, True) for number in TO_MPIRUN)]
)
def test_a_signal_to_mpirun_or_to_one_process_takes_one_snapshot_and_stops_all(
    new: tuple[object, ...], tmp_path: Path, number: int, to_all: bool
) -> None:
    run = tmp_path / "run"
    launcher, processes = started(run, *new, "--snapshot-every", 5000, "--validate-every", 5)
    before = snapshots(run)
    os.kill(launcher.pid if to_all else processes[1], number)
    printed, complaint = launcher.communicate(timeout=60)
    assert launcher.returncode == (code_after(number) if to_all else 128 + number), complaint
    assert lines_of_ours(complaint) == []
    after = [name for name in snapshots(run) if name > before[-1]]
    done = int(after[-1].removeprefix("iter_"))
    assert f"{run}: {done} iterations done" in printed
    assert losses(run)[-1]["iteration"] == done


def test_what_cannot_be_done_is_reported_once(new: tuple[object, ...], tmp_path: Path) -> None:
    out = ("--out", tmp_path / "new")
    cases = [
        (("train", *out), "--data is missing"),
        (("train", *new, *out, "--batch-size", 3), "cannot be shared evenly by 2 processes"),
        (("train", *new, *out, "--sync-batchnorm"), "works on the CPU engine"),
        (("train", *new, *out, "--lambda", "3e38"), "not finite"),
        (("evaluate", "--weights", "w", "--data", "d", *out), "this command is for one"),
    ]
    for words, complaint in cases:
        stock = {"CAFFE_CPU_ENGINE": "stock"} if "--sync-batchnorm" in words else {}
        done = mpirun(2, "-m", "colorgan", *words, **stock)
        (line,) = lines_of_ours(done.stderr)
        assert complaint in line
        assert done.returncode == 2, done.stderr
        assert "Traceback" not in done.stderr
