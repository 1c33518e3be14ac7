"""`colorgan train` as a user runs it: on real Caffe, real LMDBs, in processes of its own."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from colorgan.faces.database import FaceDatabase
from colorgan.luminance import gray_from_bgr
from colorgan.measuring.quality import metrics
from colorgan.measuring.trainings.log import read_log
from colorgan.nets.deployed import DeployedGenerator, read_weights, to_uint8
from colorgan.nets.prototxt import (
    DISCRIMINATOR_PROTOTXT,
    GENERATOR_PROTOTXT,
    PAPERS_SOLVERS,
    proto,
    read_solver,
)
from conftest import ROOT
from programs import run_program, run_python

SMALL = ROOT / "prototxt" / "generator_small.prototxt"
SCORES = ROOT / "prototxt" / "generator_zhang.prototxt"
PAPERS = GENERATOR_PROTOTXT.relative_to(ROOT)
QUICK = (
    *("--generator", SMALL, "--batch-size", 2, "--log-every", 2, "--validate-every", 10),
    *("--snapshot-every", 5, "--validation-faces", 6),
)
SNAPSHOT_FILES = {
    "generator.caffemodel",
    "generator.solverstate",
    "discriminator.caffemodel",
    "discriminator.solverstate",
    "state.json",
}


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "colorgan", "train", *map(str, words)]


def train(*words: object) -> subprocess.CompletedProcess[str]:
    return run_program("train", *words)


def assert_refused(result: subprocess.CompletedProcess[str], complaint: str) -> None:
    assert result.returncode == 2, result.stderr
    lines = result.stderr.strip().splitlines()
    assert complaint in lines[-1]
    assert "Traceback" not in result.stderr
    assert "Check failed" not in "".join(lines[:-1])


def weights(run: Path, iteration: int) -> list[bytes]:
    folder = run / "snapshots" / f"iter_{iteration:08d}"
    return [(folder / name).read_bytes() for name in sorted(SNAPSHOT_FILES - {"state.json"})]


def losses(run: Path) -> list[dict]:
    records = [record for record in read_log(run / "log.jsonl") if "l2" in record]
    return [{k: v for k, v in r.items() if k != "images_per_second"} for r in records]


def contents(run: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def paper_run(tmp_path_factory: pytest.TempPathFactory, faces: Path) -> Path:
    """Twenty iterations in one go."""
    out = tmp_path_factory.mktemp("runs") / "paper"
    done = train("--data", faces, "--out", out, "--iterations", 20, *QUICK, "--profile")
    assert done.returncode == 0, done.stderr
    (out / "stdout.txt").write_text(done.stdout)
    (out / "stderr.txt").write_text(done.stderr)
    return out


def test_a_run_leaves_log_samples_snapshots_configuration_and_curves(paper_run: Path) -> None:
    config = json.loads((paper_run / "config.json").read_text())
    assert (config["mode"], config["adversarial_weight"], config["iterations"]) == ("gan", 100, 20)
    training = losses(paper_run)
    assert [record["iteration"] for record in training] == list(range(2, 21, 2))
    assert set(training[0]) == {
        *("iteration", "l2", "adversarial", "d_real", "d_fake", "score_real", "score_fake"),
        *("grad_l2", "grad_adversarial"),
    }
    validated = [r["iteration"] for r in read_log(paper_run / "log.jsonl") if "val_psnr" in r]
    assert validated == [10, 20]
    assert [p.name for p in sorted((paper_run / "samples").iterdir())] == [
        "iter_00000010.png",
        "iter_00000020.png",
    ]
    last = paper_run / "snapshots" / "iter_00000020"
    assert {path.name for path in last.iterdir()} == SNAPSHOT_FILES
    assert (paper_run / "curves.png").stat().st_size > 1000


def test_g_and_d_do_not_share_their_first_random_numbers(paper_run: Path) -> None:
    solvers = [read_solver(paper_run / f"{name}_solver.prototxt") for name in PAPERS_SOLVERS]
    assert solvers[0].random_seed != solvers[1].random_seed


def test_a_run_is_quiet_about_everything_but_its_validations(paper_run: Path) -> None:
    assert (paper_run / "stderr.txt").read_text() == ""
    lines = (paper_run / "stdout.txt").read_text().splitlines()
    assert [line.startswith("iteration") for line in lines[:3]] == [True, True, False]
    assert "best weights" in lines[-1]


def test_profile_prints_the_share_of_each_phase(paper_run: Path) -> None:
    printed = (paper_run / "stdout.txt").read_text()
    for phase in ("G forward", "G backward", "G update", "D forward", "D update", "copies"):
        assert phase in printed
    assert "outside Caffe's own work" in printed


def test_validation_values_are_those_of_the_snapshots_weights(paper_run: Path, faces: Path) -> None:
    best = DeployedGenerator(paper_run / "snapshots" / "best" / "generator.caffemodel")
    with FaceDatabase(faces / "test_lmdb") as database:
        real = database.faces(range(6))
    fake = to_uint8(best.colorize(gray_from_bgr(real)))
    logged = [r["val_psnr"] for r in read_log(paper_run / "log.jsonl") if "val_psnr" in r]
    assert max(logged) == pytest.approx(float(np.mean(metrics.psnr(fake, real))), abs=1e-3)


def test_two_runs_of_one_seed_are_equal_and_of_two_seeds_are_not(
    paper_run: Path, faces: Path, tmp_path: Path
) -> None:
    for name, seed in (("same", 1), ("other", 2)):
        out = tmp_path / name
        train("--data", faces, "--out", out, "--iterations", 5, "--seed", seed, *QUICK)
    first = losses(paper_run)[:2]
    assert losses(tmp_path / "same") == first
    assert losses(tmp_path / "other") != first


def test_ten_and_ten_more_are_twenty_bit_for_bit(
    paper_run: Path, faces: Path, tmp_path: Path
) -> None:
    out = tmp_path / "halves"
    train("--data", faces, "--out", out, "--iterations", 10, *QUICK)
    shutil.move(out, tmp_path / "moved")  # a run may be carried elsewhere
    done = train("--out", tmp_path / "moved", "--resume", "--iterations", 20)
    assert done.returncode == 0, done.stderr
    assert weights(tmp_path / "moved", 20) == weights(paper_run, 20)
    assert losses(tmp_path / "moved") == losses(paper_run)


def wait_for(path: Path, process: subprocess.Popen, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not path.exists():
        assert process.poll() is None, "the run ended early"
        assert time.monotonic() < deadline, f"no {path}"
        time.sleep(0.02)


def test_a_killed_run_goes_on_bit_for_bit(paper_run: Path, faces: Path, tmp_path: Path) -> None:
    out = tmp_path / "killed"
    words = ("--data", faces, "--out", out, "--iterations", 20, *QUICK)
    process = subprocess.Popen(command(*words), stdout=subprocess.DEVNULL)
    wait_for(out / "snapshots" / "iter_00000005", process)
    time.sleep(0.3)  # some iterations beyond the snapshot, which have to be made again
    process.kill()
    process.wait()
    done = train("--out", out, "--resume")
    assert done.returncode == 0, done.stderr
    assert weights(out, 20) == weights(paper_run, 20)
    assert losses(out) == losses(paper_run)


def test_a_run_killed_before_its_first_snapshot_begins_again(
    paper_run: Path, faces: Path, tmp_path: Path
) -> None:
    out = tmp_path / "early"
    words = ("--data", faces, "--out", out, "--iterations", 5, *QUICK)
    process = subprocess.Popen(command(*words), stdout=subprocess.DEVNULL)
    wait_for(out / "log.jsonl", process)
    process.kill()
    process.wait()
    assert not list((out / "snapshots").glob("iter_*"))
    done = train("--out", out, "--resume")
    assert done.returncode == 0, done.stderr
    assert losses(out) == losses(paper_run)[:2]


def test_a_run_stopped_at_once_has_its_snapshot(faces: Path, tmp_path: Path) -> None:
    out = tmp_path / "brief"
    seldom = ("--log-every", 1000, "--snapshot-every", 1000)
    words = ("--data", faces, "--out", out, *QUICK, *seldom)
    process = subprocess.Popen(command(*words), stderr=subprocess.PIPE, text=True)
    wait_for(out / "config.json", process)
    time.sleep(0.2)  # until the handler stands: it does before the first iteration is over
    process.terminate()
    _, complaint = process.communicate(timeout=60)
    assert (process.returncode, complaint) == (143, "")
    assert len(list((out / "snapshots").glob("iter_*"))) == 1


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129), (signal.SIGUSR1, 138)],
)
def test_a_signal_takes_a_snapshot_and_stops(
    faces: Path, tmp_path: Path, number: int, code: int
) -> None:
    out = tmp_path / "stopped"
    words = ("--data", faces, "--out", out, "--iterations", 100000, *QUICK)
    process = subprocess.Popen(command(*words), stdout=subprocess.PIPE, text=True)
    wait_for(out / "log.jsonl", process)
    process.send_signal(number)
    printed, _ = process.communicate(timeout=60)
    assert process.returncode == code
    newest = max(path.name for path in (out / "snapshots").glob("iter_*"))
    done = int(newest.removeprefix("iter_"))
    assert f"{done} iterations done" in printed
    assert (out / "curves.png").exists()


def test_the_l2_mode_trains_without_a_discriminator(faces: Path, tmp_path: Path) -> None:
    out = tmp_path / "l2"
    done = train("--data", faces, "--out", out, "--mode", "l2", "--iterations", 4, *QUICK)
    assert done.returncode == 0, done.stderr
    assert {key for record in losses(out) for key in record} == {"iteration", "l2", "grad_l2"}
    assert not list(out.rglob("discriminator*"))


def test_the_wgan_mode_clips_its_critic_and_goes_on_bit_for_bit(
    faces: Path, tmp_path: Path
) -> None:
    words = ("--data", faces, "--mode", "wgan", "--n-critic", 2, *QUICK)
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    for out, iterations in ((whole, 6), (halves, 3)):
        done = train(*words, "--out", out, "--iterations", iterations)
        assert done.returncode == 0, done.stderr
    done = train("--out", halves, "--resume", "--iterations", 6)
    assert done.returncode == 0, done.stderr
    assert weights(halves, 6) == weights(whole, 6)
    solvers = [read_solver(whole / f"{name}_solver.prototxt") for name in PAPERS_SOLVERS]
    assert [solver.type for solver in solvers] == ["RMSProp", "RMSProp"]
    critic = read_weights(whole / "snapshots/iter_00000006/discriminator.caffemodel")
    largest = max(
        abs(value) for layer in critic.layer for blob in layer.blobs for value in blob.data
    )
    assert largest == pytest.approx(0.01)
    assert (whole / "curves.png").exists()


def test_an_average_of_the_weights_is_kept_judged_and_taken_up_again(
    faces: Path, tmp_path: Path
) -> None:
    words = ("--data", faces, "--average", "0.9", *QUICK)
    whole, halves = tmp_path / "whole", tmp_path / "halves"
    for out, iterations in ((whole, 10), (halves, 5)):
        done = train(*words, "--out", out, "--iterations", iterations)
        assert done.returncode == 0, done.stderr
    done = train("--out", halves, "--resume", "--iterations", 10)
    assert done.returncode == 0, done.stderr
    last = Path("snapshots/iter_00000010/generator_average.caffemodel")
    assert (halves / last).read_bytes() == (whole / last).read_bytes()
    assert (whole / last).read_bytes() != (
        whole / last.with_name("generator.caffemodel")
    ).read_bytes()
    (record,) = [r for r in read_log(whole / "log.jsonl") if "val_psnr" in r]
    with FaceDatabase(faces / "test_lmdb") as database:
        real = database.faces(range(6))
    fake = to_uint8(DeployedGenerator(whole / last).colorize(gray_from_bgr(real)))
    psnr = float(np.mean(metrics.psnr(fake, real)))
    assert record["val_average_psnr"] == pytest.approx(psnr, abs=1e-3)
    assert record["val_psnr"] != record["val_average_psnr"]


def test_the_best_snapshot_reaches_the_colorfulness_asked_for(faces: Path, tmp_path: Path) -> None:
    words = ("--data", faces, "--iterations", 9, *QUICK, "--validate-every", 1, "--seed", 4)
    free, bound = tmp_path / "free", tmp_path / "bound"
    done = train(*words, "--out", free, "--keep", 9)
    assert done.returncode == 0, done.stderr
    checks = [r for r in read_log(free / "log.jsonl") if "val_psnr" in r]
    by_psnr = max(checks, key=lambda record: record["val_psnr"])
    with FaceDatabase(faces / "test_lmdb") as database:
        truth = float(np.mean(metrics.colorfulness(database.faces(range(6)))))
    # A share that the best by PSNR misses and some check reaches.
    colors = sorted(record["val_colorfulness"] / truth for record in checks)
    share = min(c for c in colors if c > by_psnr["val_colorfulness"] / truth) - 1e-6
    done = train(*words, "--out", bound, "--keep", 9, "--least-colorfulness", share)
    assert done.returncode == 0, done.stderr
    colored = [r for r in checks if r["val_colorfulness"] / truth >= share]
    expected = max(colored, key=lambda record: record["val_psnr"])["iteration"]
    best = json.loads((bound / "snapshots/best/state.json").read_text())["iteration"]
    assert best == expected != by_psnr["iteration"]


def test_gs_solver_may_be_another(faces: Path, tmp_path: Path) -> None:
    solver = ROOT / "solvers/generator_chroma_solver.prototxt"
    words = ("--data", faces, "--out", tmp_path / "run", "--generator-solver", solver, *QUICK)
    done = train(*words, "--iterations", 2)
    assert done.returncode == 0, done.stderr
    assert read_solver(tmp_path / "run/generator_solver.prototxt").lr_policy == "poly"
    config = json.loads((tmp_path / "run/config.json").read_text())
    assert config["generator_solver"] == "solvers/generator_chroma_solver.prototxt"
    assert config["generator"] == "prototxt/generator_small.prototxt"
    refused = train("--out", tmp_path / "run", "--resume", "--generator-solver", SMALL)
    assert_refused(refused, "has generator_solver solvers/generator_chroma_solver.prototxt")


def test_a_run_may_have_another_learning_rate_and_keeps_it(faces: Path, tmp_path: Path) -> None:
    words = ("--data", faces, "--out", tmp_path / "run", "--learning-rate", "4e-4", *QUICK)
    done = train(*words, "--iterations", 2)
    assert done.returncode == 0, done.stderr
    for name in ("generator", "discriminator"):
        solver = read_solver(tmp_path / f"run/{name}_solver.prototxt")
        assert solver.base_lr == pytest.approx(4e-4)
    refused = train("--out", tmp_path / "run", "--resume", "--learning-rate", "1e-4")
    assert_refused(refused, "has learning_rate 0.0004, not 0.0001")


def test_a_run_begins_with_the_weights_given_and_a_resumed_one_with_its_own(
    paper_run: Path, faces: Path, tmp_path: Path
) -> None:
    trained, out = paper_run / "snapshots/best/generator.caffemodel", tmp_path / "run"
    words = ("--mode", "l2", "--init-weights", trained, "--learning-rate", 1e-12, *QUICK)
    done = train("--data", faces, "--out", out, "--iterations", 1, *words)
    assert done.returncode == 0, done.stderr
    wrong = ("--resume", "--init-weights", ROOT / "data/weights/best.caffemodel")
    assert_refused(train("--out", out, *wrong), "has init_weights")
    done = train("--out", out, "--resume", "--iterations", 2, *words)
    assert done.returncode == 0, done.stderr
    begun = {layer.name: layer for layer in read_weights(trained).layer}
    for iteration in (1, 2):
        snapshot = out / f"snapshots/iter_{iteration:08d}/generator.caffemodel"
        for layer in read_weights(snapshot).layer:
            if layer.type == "Convolution":
                expected = begun[layer.name].blobs[0].data
                np.testing.assert_allclose(layer.blobs[0].data, expected, atol=1e-6)


def test_d_may_be_another_and_a_resumed_run_keeps_it(faces: Path, tmp_path: Path) -> None:
    conditional = ROOT / "prototxt/discriminator_conditional.prototxt"
    solver = ROOT / "solvers/discriminator_patch_solver.prototxt"
    out = tmp_path / "run"
    words = ("--discriminator", conditional, "--discriminator-solver", solver, *QUICK)
    done = train("--data", faces, "--out", out, *words, "--iterations", 2)
    assert done.returncode == 0, done.stderr
    config = json.loads((out / "config.json").read_text())
    assert config["discriminator"] == "prototxt/discriminator_conditional.prototxt"
    assert read_solver(out / "discriminator_solver.prototxt").base_lr == pytest.approx(2e-4)
    papers = ("--discriminator", ROOT / "prototxt/discriminator.prototxt")
    assert_refused(train("--out", out, "--resume", *papers), "has another discriminator")
    done = train("--out", out, "--resume", *words, "--iterations", 4)
    assert done.returncode == 0, done.stderr
    assert [record["iteration"] for record in losses(out)] == [2, 4]


def test_ds_gradient_reaches_g_whatever_the_nets_leave_out(faces: Path, tmp_path: Path) -> None:
    """D without force_backward, and G without a loss of its own, with which Caffe would not."""
    discriminator, generator = tmp_path / "d.prototxt", tmp_path / "g.prototxt"
    papers = DISCRIMINATOR_PROTOTXT.read_text()
    discriminator.write_text(papers.replace("force_backward: true", ""))
    weightless = ('top: "l2"\n', 'top: "l2"\n  loss_weight: 0\n')
    generator.write_text(SMALL.read_text().replace(*weightless))
    words = ("--discriminator", discriminator, *QUICK, "--generator", generator, "--log-every", 1)
    out = tmp_path / "run"
    done = train("--data", faces, "--out", out, *words, "--iterations", 1)
    assert done.returncode == 0, done.stderr
    assert losses(out)[0]["grad_adversarial"] > 0
    state = proto().SolverState()
    state.ParseFromString((out / "snapshots/iter_00000001/generator.solverstate").read_bytes())
    assert any(state.history[0].data)  # of conv1, the farthest from D
    done = train("--out", out, "--resume", *words[:2], "--generator", generator)
    assert done.returncode == 0, done.stderr


def test_a_net_that_learns_from_scores_is_trained_averaged_and_resumed(
    faces: Path, tmp_path: Path
) -> None:
    """Its loss has a blob of its own, which the net that colours has not."""
    zhang = ROOT / "prototxt/generator_zhang.prototxt"
    words = ("--mode", "l2", "--generator", zhang, "--average", 0.9, *QUICK[2:])
    for out, steps in ((tmp_path / "whole", [10]), (tmp_path / "halves", [5, 10])):
        for iterations in steps:
            resume = ["--resume"] if out.exists() else []
            done = train("--data", faces, "--out", out, *words, "--iterations", iterations, *resume)
            assert done.returncode == 0, done.stderr
    records = losses(tmp_path / "whole")
    assert records[-1]["classes"] < records[0]["classes"]
    names = ("generator.caffemodel", "generator_average.caffemodel")
    whole, halves = (
        [(tmp_path / run / "snapshots/iter_00000010" / name).read_bytes() for name in names]
        for run in ("whole", "halves")
    )
    assert whole == halves


def test_a_folder_in_use_is_refused(faces: Path, tmp_path: Path) -> None:
    out = tmp_path / "busy"
    words = ("--data", faces, "--out", out, "--iterations", 100000, *QUICK)
    process = subprocess.Popen(command(*words), stdout=subprocess.DEVNULL)
    wait_for(out / "config.json", process)
    assert_refused(train("--out", out, "--resume"), "another run is using this folder")
    process.kill()
    process.wait()


def test_a_run_goes_on_where_folders_cannot_be_held(
    faces: Path, tmp_path: Path, without_locks: Callable[[int], dict[str, str]]
) -> None:
    new = ("--data", faces, "--out", tmp_path, "--iterations", 5, *QUICK)
    for words in (new, ("--out", tmp_path, "--resume")):
        done = run_python("-m", "colorgan", "train", *words, env=without_locks(errno.ENOSYS))
        assert done.returncode == 0, done.stderr
        assert f"{tmp_path}: its file system has no locks" in done.stderr
    assert (tmp_path / "snapshots/iter_00000005/generator.caffemodel").exists()


def test_losses_that_are_not_finite_stop_the_run_and_name_the_last_good_snapshot(
    faces: Path, tmp_path: Path
) -> None:
    out = tmp_path / "infinite"
    words = ("--data", faces, "--out", out, "--lambda", "3e38", *QUICK)
    result = train(*words, "--snapshot-every", 1)
    assert_refused(result, "not finite")
    assert "iteration" in result.stderr
    snapshots = sorted((out / "snapshots").glob("iter_*"))
    assert (str(snapshots[-1]) if snapshots else "snapshot is none") in result.stderr
    for snapshot in snapshots:
        DeployedGenerator(snapshot / "generator.caffemodel")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MiB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("cannot mount a small disk here (needs root)")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_full_disk_at_a_snapshot_is_one_line_and_the_last_snapshot_stays(
    faces: Path, small_disk: Path
) -> None:
    out = small_disk / "run"
    words = ("--data", faces, "--out", out, "--iterations", 20, *QUICK)
    result = train(*words, "--snapshot-every", 1, "--keep", 9)
    assert_refused(result, "disk full")
    snapshots = sorted((out / "snapshots").glob("iter_*"))
    assert snapshots
    assert str(snapshots[-1]) in result.stderr
    DeployedGenerator(snapshots[-1] / "generator.caffemodel")


def test_a_damaged_snapshot_is_refused_and_the_one_before_serves(
    paper_run: Path, tmp_path: Path
) -> None:
    out = tmp_path / "damaged"
    shutil.copytree(paper_run, out, symlinks=True)
    newest = out / "snapshots" / "iter_00000020"
    os.truncate(newest / "generator.solverstate", 1000)
    assert_refused(train("--out", out, "--resume"), "damaged snapshot")
    shutil.rmtree(newest)
    done = train("--out", out, "--resume")
    assert done.returncode == 0, done.stderr
    assert weights(out, 20) == weights(paper_run, 20)


def test_what_cannot_be_trained_is_refused_in_one_line(
    paper_run: Path, faces: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.prototxt"
    broken.write_text("layer { name: 3")
    other = shutil.copytree(paper_run, tmp_path / "other")
    net = other / "generator.prototxt"
    net.write_text(net.read_text().replace("fake_l2", "for_l2"))
    new = ("--out", tmp_path / "new")
    foreign, mixed, sgd, bare = (
        shutil.copytree(paper_run, tmp_path / name, symlinks=True)
        for name in ("foreign", "mixed", "sgd", "bare")
    )
    (bare / "generator.prototxt").write_text('name: "Generator"')
    (foreign / "config.json").write_text('{"model_type": "bert"}')
    shutil.copyfile(GENERATOR_PROTOTXT, mixed / "generator.prototxt")
    solver = sgd / "generator_solver.prototxt"
    solver.write_text(solver.read_text().replace('"Adam"', '"SGD"'))
    cases = [
        (("--data", tmp_path / "nowhere", *new), "nowhere: no packed faces"),
        ((*new,), "--data is missing"),
        (("--out", tmp_path / "empty", "--resume"), "no run to go on with"),
        (("--data", faces, "--out", paper_run), "--resume continues it"),
        (("--out", paper_run, "--resume", "--seed", 9), "has seed 1, not 9"),
        (("--out", paper_run, "--resume", "--iterations", 19), "has done 20 iterations already"),
        (("--out", paper_run, "--resume", "--generator", PAPERS), "has another generator"),
        (("--out", paper_run, "--resume", "--generator", SCORES), "the blob 'fake_adversarial'"),
        (("--out", other, "--resume", "--iterations", 30), "no layer makes the blob 'fake_l2'"),
        (("--out", bare, "--resume", "--iterations", 30), "no layer makes the blob 'gray'"),
        (("--data", faces, *new, "--generator", broken), "not a Caffe prototxt"),
        (("--data", faces, *new, "--lambda", "-1"), "not a positive number"),
        (("--data", faces, *new, "--batch-size", "0"), "not 1 or more"),
        (("--data", faces, *new, "--gpu", "0"), "GPU"),
        (("--data", faces, *new, "--mode", "l2", "--lambda", "9"), "--mode l2 has no D"),
        (("--data", faces, *new, "--mode", "l2", "--discriminator", broken), "--mode l2 has no D"),
        (("--data", faces, *new, "--discriminator", SMALL), "no layer makes the blob 'data'"),
        (("--data", faces, *new, "--n-critic", "3"), "--mode wgan"),
        (("--data", faces, *new, "--mode", "wgan", "--n-critic", 101), "not from 1 to 100"),
        (("--data", faces, *new, "--weight-clip", "0"), "not a positive number"),
        (("--data", faces, *new, "--average", "1"), "not between 0 and 1"),
        (("--data", faces, *new, "--generator-solver", SMALL), "not a Caffe prototxt"),
        (("--data", faces, *new, "--init-weights", broken), "broken.prototxt: not a .caffemodel"),
        (("--data", faces, *new, "--seed", 2**63), "seed cannot be 9223372036854775808"),
        (("--data", faces, *new, "--iterations", 2**31), "iterations cannot be"),
        (("--data", faces, "--out", f"{tmp_path}/\udcff", *QUICK), "its name is not UTF-8"),
        (("--out", foreign, "--resume"), "config.json: not the settings of a run"),
        (("--out", mixed, "--resume", "--iterations", 30), "layer conv1 has [(16, 3, 3, 3)], not"),
        (("--out", sgd, "--resume", "--iterations", 30), "not of the SGDSolver"),
    ]
    before = contents(paper_run)
    for words, complaint in cases:
        assert_refused(train(*words), complaint)
    assert contents(paper_run) == before
