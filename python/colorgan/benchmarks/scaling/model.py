"""How long an iteration takes that N processes share, from what it takes one of them.

    iteration(N, share) = computing(share) + averaging(G, N) + averaging(D, N)      seconds
    averaging(n bytes, N) = n packing + 2 (N - 1) (latency + n / (N bandwidth))

`Processes.average` has MPI add up each process's part of the buffer, and then hand the parts round.
Where a buffer is larger than half a megabyte, as both nets' are, MPICH takes N - 1 steps for each,
in which a process sends an N-th of it: in pairs, then in a ring (Thakur, Rabenseifner and Gropp
2005). Each process has a link of its own, and none sends while the nets compute.
"""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, replace

from colorgan.benchmarks.scaling.turns import Measured

COUNTS = (1, 2, 4, 8, 16, 32, 64)  # of processes
WORTH = 0.5  # of as many single ones' speed: with less, processes are better used otherwise

Times = Mapping[int, float]  # seconds of an iteration of one process, by its faces


@dataclass(frozen=True)
class Link:
    """What lies between processes.

    Attributes:
        latency: seconds from the begin of a step to its end, were there nothing to send.
        bandwidth: bytes a second, in each direction.
        packing: seconds a byte of copying and adding up, whatever the link.
    """

    latency: float
    bandwidth: float
    packing: float = 0.0


# Bandwidths are nominal: of Ethernet (IEEE 802.3), and of an H100's NVLink 4, 900 GB/s in both
# directions together (NVIDIA's data sheet). Latencies are assumed: of TCP through the kernel, of
# RDMA, and of a step of NCCL's ring.
GIGABIT = Link(50e-6, 1e9 / 8)
HUNDRED_GIGABIT = Link(2e-6, 100e9 / 8)
NVLINK = Link(5e-6, 450e9)

# Of an H100, measured (docs/gpu.md); that of 256 faces with an earlier state of the code.
H100 = {16: 16 / 2125, 64: 64 / 4272, 256: 256 / 4499}


@dataclass(frozen=True)
class Cluster:
    """Processes of one kind, and the link between any two of them.

    Attributes:
        times: what one process takes.
        bytes: of each net's gradients.
        link: of each process.
        cores: that all share, with a thread each; None for as many as it takes.
        contention: how many times as long computing takes while all cores are at it.
    """

    times: Times
    bytes: Mapping[str, int]
    link: Link
    cores: int | None = None
    contention: float = 1.0

    def averaging(self, processes: int) -> float:
        """Seconds of an iteration that go into averaging: G's gradients once, and D's once."""
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
        """Faces a second of all processes."""
        return processes * share / self.iteration(processes, share)

    def speedup(self, processes: int, batch_size: int) -> float:
        """How many times the speed of one process they have at the same batch."""
        return self.rate(processes, batch_size // processes) / self.rate(1, batch_size)

    def speedup_of_shares(self, processes: int, share: int) -> float:
        """The same where each has so many faces, and the batch grows with their number."""
        return self.rate(processes, share) / self.rate(1, share)

    def worth(self, batch_size: int) -> int:
        """The most processes of COUNTS that have at least WORTH of as many single ones' speed."""
        counts = [n for n in COUNTS if n <= batch_size]
        return max(n for n in counts if self.speedup(n, batch_size) >= WORTH * n)

    def worth_of_shares(self, share: int) -> int:
        """The same where each has so many faces."""
        return max(n for n in COUNTS if self.speedup_of_shares(n, share) >= WORTH * n)


def computing(times: Times, share: int) -> float:
    """Seconds that one process takes: straight lines through what was measured, and beyond it."""
    shares = sorted(times)
    place = min(max(bisect_left(shares, share), 1), len(shares) - 1)
    low, high = shares[place - 1], shares[place]
    slope = (times[high] - times[low]) / (high - low)
    return times[low] + slope * (share - low)


def machine(measured: Measured) -> Cluster:
    """The machine that was measured, whose link is its memory.

    Its bandwidth and its contention are those of two processes that share a batch: what more of
    them take is the model's to say. Its latency, some microseconds, would be lost in the noise.
    """
    times = {p.share: p.best.iteration for p in measured.points if p.processes == 1}
    bytes_of = measured.bytes()
    two = measured.point(2, measured.batch_size // 2)
    bandwidth = sum(bytes_of.values()) / two.alone()
    contention = (two.best.iteration - two.alone()) / times[two.share]
    return Cluster(times, bytes_of, Link(0.0, bandwidth), measured.cores, contention)


def clusters(measured: Measured) -> dict[str, Cluster]:
    """The clusters that are worth a look, by name: of cores like those measured, and of GPUs.

    Packing is what averaging takes within the measured machine, which is more than it does of it.
    Over NVLink gradients would stay on the cards; the project sends them by the host.
    """
    here = machine(measured)
    packing = 1 / here.link.bandwidth
    slow, fast = (replace(link, packing=packing) for link in (GIGABIT, HUNDRED_GIGABIT))
    kinds = {
        "a core, 1 Gbit/s": (here.times, slow),
        "a core, 100 Gbit/s": (here.times, fast),
        "H100, 1 Gbit/s": (H100, slow),
        "H100, 100 Gbit/s": (H100, fast),
        "H100, NVLink": (H100, NVLINK),
    }
    return {name: Cluster(times, here.bytes, link) for name, (times, link) in kinds.items()}
