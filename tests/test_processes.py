"""Processes that do one job together: the same bits in all, one voice, one end."""

import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from colorgan.errors import UserError
from colorgan.processes import Processes, all_processes, launched
from mpi import in_processes, lines_of_ours, mpirun

PROGRAM = """
import sys
from colorgan.errors import UserError, run_program
from colorgan.processes import all_processes

def fail(text):
    raise UserError(text)

def work():
    with all_processes() as processes:
        {}

sys.exit(run_program("colorgan", work))
"""


def values(rank: int) -> list[np.ndarray]:
    """Arrays of different sizes; float32 sums of the numbers depend on their order."""
    random = np.random.default_rng(rank)
    return [random.normal(0, 10.0**k, (k + 1, 7)).astype(np.float32) for k in range(4)]


def at_work() -> dict[str, object]:
    """What a process has after it has worked with the others."""
    processes = all_processes()
    averaged, spread = values(processes.rank), values(processes.rank)
    processes.average(averaged)
    processes.spread(spread)
    return {
        "averaged": averaged,
        "spread": spread,
        "mean": processes.mean({"rank": processes.rank, "one": 1}),
        "largest": processes.largest(processes.rank),
        "share": list(range(6))[processes.share],
        "local_rank": processes.local_rank,
    }


# Denies process_vm_readv and process_vm_writev to the process, as Docker does: a filter of four
# instructions of the kernel's (code, jumps, value), which see the number of each system call.
FORBID = """
import ctypes, os, struct
words = [(32, 0, 0, 0), (53, 0, 2, 310), (37, 1, 0, 311), (6, 0, 0, 0x50001), (6, 0, 0, 0x7fff0000)]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *word) for word in words))
program = ctypes.create_string_buffer(struct.pack("HxxxxxxQ", len(words), ctypes.addressof(code)))
c = ctypes.CDLL(None, use_errno=True)
assert c.prctl(38, 1, 0, 0, 0) == 0 and c.prctl(22, 2, program, 0, 0) == 0
assert c.process_vm_readv(os.getpid(), None, 0, None, 0, 0) == -1
"""


@pytest.fixture(scope="module")
def three() -> list[dict[str, object]]:
    return in_processes(3, at_work)


@pytest.mark.parametrize("told, size", [("4", 4), ("1", 1), ("", 1), ("four", 1), ("-3", 1)])
def test_a_launcher_that_gives_no_number_has_started_one(
    monkeypatch: pytest.MonkeyPatch, told: str, size: int
) -> None:
    monkeypatch.delenv("OMPI_COMM_WORLD_SIZE", raising=False)
    monkeypatch.setenv("PMI_SIZE", told)
    assert launched() == size


def test_a_mean_has_the_same_bits_in_all_processes(three: list[dict[str, object]]) -> None:
    for index, shape in enumerate(array.shape for array in values(0)):
        means = [process["averaged"][index] for process in three]
        assert means[0].tobytes() == means[1].tobytes() == means[2].tobytes()
        expected = np.mean([values(rank)[index] for rank in range(3)], axis=0, dtype=np.float64)
        np.testing.assert_allclose(means[0], expected, rtol=1e-4, atol=1e-3)
        assert means[0].shape == shape


def test_what_the_first_has_is_given_to_all(three: list[dict[str, object]]) -> None:
    for process in three:
        assert all(map(np.array_equal, process["spread"], values(0)))


def test_numbers_are_agreed_on_and_lists_shared_out(three: list[dict[str, object]]) -> None:
    assert [process["mean"] for process in three] == [{"rank": 1, "one": 1}] * 3
    assert [process["largest"] for process in three] == [2, 2, 2]
    assert [process["share"] for process in three] == [[0, 3], [1, 4], [2, 5]]
    assert sorted(process["local_rank"] for process in three) == [0, 1, 2]


@pytest.mark.skipif(platform.machine() != "x86_64", reason="system calls by number")
def test_processes_work_where_they_may_not_read_each_others_memory() -> None:
    work = "a = numpy.full(10**6, processes.rank); processes.spread([a]); print(a.max())"
    done = mpirun(2, "-c", f"{FORBID}\nimport numpy\n{PROGRAM.format(work)}")
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["0", "0"], "")


def test_a_process_on_its_own_needs_no_mpi() -> None:
    code = PROGRAM.format("print(processes.size, 'mpi4py' in sys.modules)")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "1 False\n"


def test_what_is_done_alone_is_done_at_once() -> None:
    alone = Processes()
    arrays = values(0)
    alone.average(iter(arrays))
    assert all(map(np.array_equal, arrays, values(0)))
    assert alone.first(lambda: 3) == alone.each(lambda: 3) == alone.largest(3) == 3
    assert alone.mean({"a": 0.1}) == {"a": 0.1}
    assert [0, 1, 2][alone.share] == [0, 1, 2]
    with pytest.raises(UserError, match="wrong"), alone:
        alone.first(lambda: (_ for _ in ()).throw(UserError("wrong")))


@pytest.mark.parametrize("how", ["first", "each"])
def test_what_is_wrong_for_all_is_reported_once(how: str) -> None:
    done = mpirun(2, "-c", PROGRAM.format(f'processes.{how}(lambda: fail("wrong"))'))
    assert (done.returncode, lines_of_ours(done.stderr)) == (2, ["colorgan: error: wrong"])


def test_an_error_of_one_process_is_reported_and_ends_those_that_wait_for_it() -> None:
    lone = 'open("/gone/file") if processes.rank == 1 else processes.largest(0)'
    done = mpirun(2, "-c", PROGRAM.format(lone))
    told = "colorgan: error: /gone/file: cannot be used (No such file or directory)"
    assert (done.returncode, lines_of_ours(done.stderr)) == (2, [told])


def test_a_bug_in_one_process_keeps_its_traceback_and_ends_all() -> None:
    done = mpirun(2, "-c", PROGRAM.format("1 / (1 - processes.rank) or processes.largest(0)"))
    assert done.returncode == 1
    assert done.stderr.count("ZeroDivisionError") == 1


@pytest.mark.parametrize("missing", ["mpi4py", "libmpi"])
def test_several_processes_without_mpi_say_what_to_install(missing: str) -> None:
    hide = "import sys; sys.modules['mpi4py'] = None; " if missing == "mpi4py" else ""
    done = subprocess.run(
        [sys.executable, "-c", hide + PROGRAM.format("pass").lstrip()],
        env=os.environ | {"OMPI_COMM_WORLD_SIZE": "2", "MPI4PY_LIBMPI": "/no/libmpi.so"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    (line,) = done.stderr.splitlines()
    assert done.returncode == 2
    assert line.startswith("colorgan: error: started as one of 2 processes, but cannot load MPI")
    assert line.endswith("pip install mpi4py mpich, or run without mpirun")


def test_an_mpi_that_does_not_know_the_others_is_named() -> None:
    """As where mpi4py finds another MPI than the launcher's."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format("pass")],
        env=os.environ | {"PMI_SIZE": "2"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    (line,) = lines_of_ours(done.stderr)
    assert "but MPICH does not know the others" in line and "set MPI4PY_LIBMPI" in line


@pytest.fixture
def open_mpi(tmp_path: Path) -> Path:
    """A folder with an Open MPI that has no more than what tells it from MPICH."""
    if shutil.which("gcc") is None:
        pytest.skip("no C compiler here")
    command = ["gcc", "-shared", "-fPIC", "-x", "c", "-", "-o", tmp_path / "libmpi.so.40"]
    code = "int MPI_Get_version, ompi_mpi_comm_self;"
    subprocess.run(command, input=code, text=True, check=True)
    return tmp_path


@pytest.mark.parametrize(
    ("launcher", "chosen"),
    [
        ({"OMPI_COMM_WORLD_SIZE": "2"}, "MPI.openmpi"),
        ({"PMIX_RANK": "0", "SLURM_STEP_NUM_TASKS": "2"}, "MPI.openmpi"),
        ({"PMI_SIZE": "2"}, "MPICH does not know the others"),
    ],
    ids=["mpirun", "srun --mpi=pmix", "srun --mpi=pmi2"],
)
def test_the_mpi_is_that_of_the_launcher(
    launcher: dict[str, str], chosen: str, open_mpi: Path
) -> None:
    """Of Open MPI of the system and MPICH of the virtual environment."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format("pass")],
        env=os.environ | launcher | {"LD_LIBRARY_PATH": str(open_mpi)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    (line,) = lines_of_ours(done.stderr)
    assert chosen in line
