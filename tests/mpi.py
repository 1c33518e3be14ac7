"""Programs and functions in several processes at once, as mpirun starts them."""

import importlib
import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

MPIRUN = [str(Path(sys.executable).parent / "mpirun"), "-n"]
# As many threads in one process as in each of several, none of which spins on another's core.
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "passive",
}


def start(count: int, *words: object, **environment: str) -> subprocess.Popen[str]:
    """Start Python in `count` processes; what they print can be read."""
    command = [*MPIRUN, str(count), sys.executable, *map(str, words)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, env=os.environ | ENVIRONMENT | environment, text=True, **pipes)


def mpirun(count: int, *words: object, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run Python in `count` processes to their end."""
    with start(count, *words, **environment) as process:
        printed = process.communicate(timeout=300)
    return subprocess.CompletedProcess(process.args, process.returncode, *printed)


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
