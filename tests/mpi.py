"""Programs and functions in several processes at once, as mpirun starts them."""

import importlib
import os
import pickle
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

OPEN_MPI = os.environ.get("OPEN_MPI")
"""Open MPI's mpirun, for tests under it and not under MPICH's, which the project installs."""
MPIRUN = [OPEN_MPI or str(Path(sys.executable).parent / "mpirun"), "-n"]
KILLED = 128 + signal.SIGKILL if OPEN_MPI else signal.SIGKILL
"""What mpirun ends with where a process of its was killed."""
# As many threads in one process as in each of several, none of which spins on another's core.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "passive",
    # Open MPI refuses root, and more processes than there are cores.
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
}


def code_after(number: int) -> int:
    """What mpirun ends with after such a signal; Open MPI's does not tell which it was."""
    return 1 if OPEN_MPI and number != signal.SIGUSR1 else 128 + number


def start(count: int, *words: object, **environment: str) -> subprocess.Popen[str]:
    """Start Python in `count` processes; what they print can be read."""
    command = [*MPIRUN, str(count), sys.executable, *map(str, words)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, env=os.environ | ENVIRONMENT | environment, text=True, **pipes)


def mpirun(count: int, *words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python in `count` processes to their end."""
    with start(count, *words, **environment) as process:
        printed, complaint = process.communicate(timeout=300)
    complaint = re.sub(
        r"(?ms)^-{60,}\n.*?^-{60,}\n", "", complaint
    )  # Open MPI's, of any code but 0
    return subprocess.CompletedProcess(process.args, process.returncode, printed, complaint)


def lines_of_ours(printed: str) -> list[str]:
    """What standard error holds, without what mpirun itself has to say of the end."""
    return [line for line in printed.splitlines() if line.startswith("colorgan")]


def in_processes(count: int, work: Callable[..., Any], *arguments: object) -> list[Any]:
    """Call a test module's function in `count` processes; what it gave in each."""
    with tempfile.TemporaryDirectory() as folder:
        job = Path(folder, "job")
        module = sys.modules[work.__module__]
        where = str(Path(module.__file__).parent)
        job.write_bytes(pickle.dumps((where, work.__module__, work.__name__, arguments)))
        done = mpirun(count, __file__, job)
        assert done.returncode == 0, done.stderr
        return [pickle.loads(Path(folder, f"{rank}").read_bytes()) for rank in range(count)]


def do(job: Path) -> None:
    """Be one of those processes."""
    from colorgan.processes import all_processes

    folder, module, name, arguments = pickle.loads(job.read_bytes())
    sys.path.insert(0, folder)
    with all_processes() as processes:
        result = getattr(importlib.import_module(module), name)(*arguments)
    job.with_name(f"{processes.rank}").write_bytes(pickle.dumps(result))


if __name__ == "__main__":
    do(Path(sys.argv[1]))
