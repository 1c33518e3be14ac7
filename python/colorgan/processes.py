"""The processes that do one job together: those that mpirun or srun started, or just this one.

MPI is only imported if there are several.
"""

import atexit
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, Self

from colorgan.errors import UserError, exit_code

if TYPE_CHECKING:  # all commands import this module, and some are done sooner than NumPy is
    import numpy as np


class Processes:
    """The processes of this process's job. All call the same methods in the same order.

    Without MPI there is only this process, and all methods work without sending anything.

    Attributes:
        size: the number of processes.
        rank: this one's number among them, from 0.
        local_rank: its number among those on the same machine, from 0.
    """

    def __init__(self, mpi: Any = None) -> None:
        """`mpi` is the module `mpi4py.MPI` if there are several processes."""
        self.size, self.rank, self.local_rank = 1, 0, 0
        self._waited_for = False  # whether others wait for this process, and end with it
        self._room = cache(self._make_room)  # new memory each time would take longer than sending
        if mpi:
            self._mpi = mpi
            self._comm = mpi.COMM_WORLD
            self.size, self.rank = self._comm.size, self._comm.rank
            self._waited_for = self.size > 1
            machine = self._comm.Split_type(mpi.COMM_TYPE_SHARED)
            self.local_rank = machine.rank
            cores = set().union(*machine.allgather(own_cores()))
            # Caffe and OpenCV read these when they load; else each process would use all cores.
            for name in ("OMP_NUM_THREADS", "OPENCV_FOR_THREADS_NUM"):
                os.environ.setdefault(name, str(max(1, len(cores) // machine.size)))

    @property
    def is_first(self) -> bool:
        """Whether this is the process that logs, prints, and writes files."""
        return self.rank == 0

    @property
    def share(self) -> slice:
        """The share of a list for this process; all shares together are the list."""
        return slice(self.rank, None, self.size)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, traceback: object) -> None:
        """If only this process ends with an error, end the others, which wait for it, as well.

        That happens at the last moment, after the error has been reported.
        """
        if error is not None and self._waited_for:
            atexit.register(self._abort, exit_code(error))

    def _abort(self, code: int) -> None:
        sys.stdout.flush()
        time.sleep(0.5)  # for the launcher to pass on what was printed; Abort would cut it off
        self._comm.Abort(code)

    def first(self, work: Callable[[], Any]) -> Any:
        """Do `work` in the first process; all get its result.

        A `UserError` or `SystemExit` there ends all processes, and only the first reports it.
        """
        if self.size == 1:
            return work()
        result = error = None
        if self.is_first:
            try:
                result = work()
            except (UserError, SystemExit) as raised:
                error = raised
        code = None if error is None else exit_code(error)
        if self._waited_for:  # `work` may have called `part`
            result, code = self._comm.bcast((result, code))
        if code is not None:
            self._waited_for = False
            raise error or SystemExit(code)
        return result

    def each(self, work: Callable[[], Any]) -> Any:
        """Do `work` in every process, in the first one before the others; each gets its own result.

        So an error that all of them would have is only reported once.
        """
        results = []  # the first process's own, since not everything can be sent
        self.first(lambda: results.append(work()))
        return results[0] if self.is_first else work()

    def part(self) -> None:
        """Stop using MPI: from here on, no process waits for another, or ends with it."""
        if self.size > 1:
            self._waited_for = False
            self._mpi.Finalize()

    def spread(self, arrays: Iterable["np.ndarray"]) -> None:
        """Copy the first process's values of these arrays to all processes."""
        if self.size > 1:
            for array in arrays:
                self._comm.Bcast(array)

    def average(self, arrays: Iterable["np.ndarray"]) -> None:
        """Replace arrays of one type by their mean over the processes, the same bits in all.

        They are sent in one buffer. Each process sums a part of it and sends the sum to all, since
        MPI's Allreduce may sum in a different order in each process, which changes the last bits.
        """
        if self.size == 1:
            return
        import numpy as np

        arrays = list(arrays)
        ends = np.cumsum([array.size for array in arrays])
        buffer, part = self._room(int(ends[-1]), arrays[0].dtype)
        places = np.split(buffer, ends)[:-1]
        for array, place in zip(arrays, places, strict=True):
            place[...] = array.ravel()
        self._comm.Reduce_scatter_block(buffer, part)
        part /= self.size
        self._comm.Allgather(part, buffer)
        for array, place in zip(arrays, places, strict=True):
            array[...] = place.reshape(array.shape)

    def _make_room(self, count: int, kind: "np.dtype") -> tuple["np.ndarray", "np.ndarray"]:
        """A buffer for `count` values, padded to equal parts, and one for a process's part."""
        import numpy as np

        part = np.zeros(-(-count // self.size), kind)
        return np.zeros(len(part) * self.size, kind), part

    def mean(self, values: Mapping[str, float]) -> dict[str, float]:
        """The mean of each value over the processes."""
        if self.size == 1:
            return dict(values)
        of_all = self._comm.allgather(list(values.values()))
        return {
            name: sum(its) / self.size
            for name, its in zip(values, zip(*of_all, strict=True), strict=True)
        }

    def largest(self, value: int) -> int:
        """The largest value in any process."""
        return value if self.size == 1 else self._comm.allreduce(value, self._mpi.MAX)


_READ_NO_MEMORY = {
    "MPIR_CVAR_CH4_CMA_ENABLE": "0",
    "OMPI_MCA_btl_vader_single_copy_mechanism": "none",
    "OMPI_MCA_smsc": "^cma",
}
"""Keeps MPICH, Open MPI 4 and Open MPI 5 from reading the memory of another process, which
containers forbid."""

_OPEN_MPI_FIRST = f"{sys.prefix}/lib/libmpi.so.40:libmpi.so.40:{sys.prefix}/lib:"
"""Where mpi4py searches for MPI; by default it would prefer the virtual environment's MPICH to the
system's Open MPI. The empty entry stands for everything that the dynamic linker knows."""


@cache
def all_processes() -> Processes:
    """The processes of this process's job.

    Raises:
        UserError: if there are several, but no MPI, or not the one that started them.
    """
    size = launched()
    if size == 1:
        return Processes()
    start = f"started as one of {size} processes, but"
    for name, value in _READ_NO_MEMORY.items():
        os.environ.setdefault(name, value)
    if "PMI_SIZE" not in os.environ:
        os.environ.setdefault("MPI4PY_LIBMPI", _OPEN_MPI_FIRST)
    try:
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"{start} cannot load MPI ({reason}); pip install mpi4py mpich, or run without mpirun"
        ) from None
    if MPI.COMM_WORLD.size == 1:
        name = " ".join(MPI.get_vendor()[0].split())
        raise UserError(
            f"{start} {name} does not know the others; set MPI4PY_LIBMPI to the libmpi.so of the "
            "MPI that started them (docs/mpi.md)"
        )
    return Processes(MPI)


def launched() -> int:
    """How many processes the launcher has started for this job, according to the environment.

    This works for the mpirun of Open MPI, MPICH and Intel, for srun --mpi=pmi2 and srun --mpi=pmix.
    Values that are not numbers are ignored.
    """
    names = ["OMPI_COMM_WORLD_SIZE", "PMI_SIZE"]
    if "PMIX_RANK" in os.environ:  # otherwise Slurm's tasks do not form one job of ours
        names.append("SLURM_STEP_NUM_TASKS")
    sizes = [os.environ.get(name, "") for name in names]
    return max([1, *(int(size) for size in sizes if size.isdecimal())])


def own_cores() -> set[int]:
    """The cores that this process may use."""
    if sys.platform == "linux":
        return os.sched_getaffinity(0)
    return set(range(os.cpu_count() or 1))  # a Mac does not bind processes to cores
