"""How long N processes take for an iteration that they share, from how long one takes.

    iteration(N, share) = computing(share) + averaging(G, N) + averaging(D, N)      seconds
    averaging(n bytes, N) = n packing + 2 (N - 1) (latency + n / (N bandwidth))

`Processes.average` lets MPI add up each process's part of the buffer, and then pass the parts on.
For buffers of more than half a megabyte, and both nets' are larger, MPICH takes N - 1 steps for
each of the two, and in each step a process sends an N-th of the buffer: first in pairs, then in a
ring (Thakur, Rabenseifner and Gropp 2005). Each process has its own link, and none sends while the
nets compute.
"""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, replace

from colorgan.benchmarks.scaling.turns import Measured

COUNTS = (1, 2, 4, 8, 16, 32, 64)  # of processes
WORTH = 0.5  # least share of N single processes' speed: below it, there are better uses for them

Times = Mapping[int, float]  # seconds of an iteration of one process, by its faces


@dataclass(frozen=True)
class Link:
    """The connection between processes.

    Attributes:
        latency: seconds that a step takes with nothing to send.
        bandwidth: bytes per second, in each direction.
        packing: seconds per byte for copying and adding up, which do not depend on the link.
    """

    latency: float
    bandwidth: float
    packing: float = 0.0


# Bandwidths are nominal: Ethernet's (IEEE 802.3), and that of an H100's NVLink 4, 900 GB/s for both
# directions together (NVIDIA's data sheet). Latencies are assumed, for TCP through the kernel, for
# RDMA, and for a step of NCCL's ring.
GIGABIT = Link(50e-6, 1e9 / 8)
HUNDRED_GIGABIT = Link(2e-6, 100e9 / 8)
NVLINK = Link(5e-6, 450e9)

# Measured on an H100 with the paper's nets (docs/gpu.md); 256 faces with an earlier state of the
# code. Their gradients' sizes tell them from others.
H100 = {16: 16 / 2125, 64: 64 / 4272, 256: 256 / 4499}
PAPERS_BYTES = {"generator": 1_587_100, "discriminator": 2_776_964}


@dataclass(frozen=True)
class Cluster:
    """Processes of one kind, and the link between any two of them.

    Attributes:
        times: what one process takes.
        bytes: the size of each net's gradients.
        link: each process's.
        cores: how many all share, with a thread each; None for one for each process.
        contention: the factor by which computing slows down while all cores are busy.
    """

    times: Times
    bytes: Mapping[str, int]
    link: Link
    cores: int | None = None
    contention: float = 1.0

    def averaging(self, processes: int) -> float:
        """Seconds per iteration spent on averaging: G's gradients once, and D's once."""
        return sum(self.averaging_of(net, processes) for net in self.bytes)

    def averaging_of(self, net: str, processes: int) -> float:
        """Seconds that it takes to average a net's gradients."""
        if processes == 1:
            return 0.0
        count, link = self.bytes[net], self.link
        step = link.latency + count / (processes * link.bandwidth)
        return count * link.packing + 2 * (processes - 1) * step

    def iteration(self, processes: int, share: int) -> float:
        """Seconds of an iteration of `share` faces in each process."""
        seconds = computing(self.times, share)
        if self.cores and processes > 1:
            seconds *= self.contention * max(1.0, processes / self.cores)
        return seconds + self.averaging(processes)

    def rate(self, processes: int, share: int) -> float:
        """Faces per second, of all processes together."""
        return processes * share / self.iteration(processes, share)

    def speedup(self, processes: int, batch_size: int) -> float:
        """How many times as fast as one process they are, with the same batch."""
        return self.rate(processes, batch_size // processes) / self.rate(1, batch_size)

    def speedup_of_shares(self, processes: int, share: int) -> float:
        """The same with `share` faces for each, so that the batch grows with their number."""
        return self.rate(processes, share) / self.rate(1, share)

    def worth(self, batch_size: int) -> int:
        """The largest of COUNTS with at least WORTH of the speed of as many single processes."""
        counts = [n for n in COUNTS if n <= batch_size]
        return max(n for n in counts if self.speedup(n, batch_size) >= WORTH * n)

    def worth_of_shares(self, share: int) -> int:
        """The same with `share` faces for each."""
        return max(n for n in COUNTS if self.speedup_of_shares(n, share) >= WORTH * n)


def computing(times: Times, share: int) -> float:
    """Seconds that one process takes: interpolated linearly between what was measured."""
    shares = sorted(times)
    place = min(max(bisect_left(shares, share), 1), len(shares) - 1)
    low, high = shares[place - 1], shares[place]
    slope = (times[high] - times[low]) / (high - low)
    return times[low] + slope * (share - low)


def machine(measured: Measured) -> Cluster:
    """The machine that was measured, whose link is its memory.

    Bandwidth and contention come from two processes that share a batch; the model predicts what
    more of them take. The latency, a few microseconds, would be lost in the noise.
    """
    times = {p.share: p.best.iteration for p in measured.points if p.processes == 1}
    bytes_of = measured.bytes()
    two = measured.point(2, measured.batch_size // 2)
    bandwidth = sum(bytes_of.values()) / two.alone()
    contention = (two.best.iteration - two.alone()) / times[two.share]
    return Cluster(times, bytes_of, Link(0.0, bandwidth), measured.cores, contention)


def clusters(measured: Measured) -> dict[str, Cluster]:
    """Clusters worth a look, by name: of cores like the measured ones, and of GPUs.

    GPUs are left out where other nets than the paper's were measured, which none of them has run.

    Packing is taken to be all that averaging costs within the measured machine, which is too much.
    Over NVLink, gradients would stay on the cards; the project sends them through the host.
    """
    here = machine(measured)
    packing = 1 / here.link.bandwidth
    slow, fast = (replace(link, packing=packing) for link in (GIGABIT, HUNDRED_GIGABIT))
    kinds = {
        "a core, 1 Gbit/s": (here.times, slow),
        "a core, 100 Gbit/s": (here.times, fast),
    }
    if here.bytes == PAPERS_BYTES:
        kinds |= {
            "H100, 1 Gbit/s": (H100, slow),
            "H100, 100 Gbit/s": (H100, fast),
            "H100, NVLink": (H100, NVLINK),
        }
    return {name: Cluster(times, here.bytes, link) for name, (times, link) in kinds.items()}
