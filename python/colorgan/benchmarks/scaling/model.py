"""Predicts how long N processes take for an iteration that they share, from what one takes.

    iteration(N, share) = computing(share) + averaging(G, N) + averaging(D, N)      seconds
    averaging(n bytes, N) = n packing + 2 (N - 1) (latency + n / (N bandwidth))

`Processes.average` has MPI sum each process's part of the buffer, and then send the sums to all.
Both nets' buffers are larger than half a megabyte. For such buffers MPICH takes N - 1 steps for
each of the two, first in pairs and then in a ring, and in each step a process sends an N-th of the
buffer (Thakur, Rabenseifner and Gropp 2005). Each process has its own link, and none sends while
the nets compute.
"""

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, replace

from colorgan.benchmarks.scaling.turns import Measured

COUNTS = (1, 2, 4, 8, 16, 32, 64)  # of processes
# N processes are worth it if together they have at least this share of N single ones' speed.
WORTH = 0.5

Times = Mapping[int, float]  # seconds of an iteration of one process, by number of faces


@dataclass(frozen=True)
class Link:
    """The connection between processes.

    Attributes:
        latency: seconds that a step takes with nothing to send.
        bandwidth: bytes per second, in each direction.
        packing: seconds per byte for copying and summing, whatever the link.
    """

    latency: float
    bandwidth: float
    packing: float = 0.0


# Bandwidths are nominal: those of Ethernet (IEEE 802.3), and of an H100's NVLink 4, which has 900
# GB/s for both directions together (NVIDIA's data sheet). Latencies are assumed: TCP through the
# kernel, RDMA, and a step of NCCL's ring.
GIGABIT = Link(50e-6, 1e9 / 8)
HUNDRED_GIGABIT = Link(2e-6, 100e9 / 8)
NVLINK = Link(5e-6, 450e9)

# Measured on an H100 with the paper's nets (docs/gpu.md); 256 faces with an older version of the
# code. The nets are known by the sizes of their gradients.
H100 = {16: 16 / 2125, 64: 64 / 4272, 256: 256 / 4499}
PAPERS_BYTES = {"generator": 1_587_100, "discriminator": 2_776_964}


@dataclass(frozen=True)
class Cluster:
    """Processes of one kind, and the link between any two of them.

    Attributes:
        times: what one process alone takes.
        bytes: size of each net's gradients.
        link: the link of each process.
        cores: number of cores that all processes share; None if each has a core of its own.
        contention: factor by which computing slows down while all cores are busy.
    """

    times: Times
    bytes: Mapping[str, int]
    link: Link
    cores: int | None = None
    contention: float = 1.0

    def averaging(self, processes: int) -> float:
        """Seconds of averaging in an iteration: G's gradients once, and D's once."""
        return sum(self.averaging_of(net, processes) for net in self.bytes)

    def averaging_of(self, net: str, processes: int) -> float:
        """Seconds to average one net's gradients."""
        if processes == 1:
            return 0.0
        count, link = self.bytes[net], self.link
        step = link.latency + count / (processes * link.bandwidth)
        return count * link.packing + 2 * (processes - 1) * step

    def iteration(self, processes: int, share: int) -> float:
        """Seconds of an iteration with `share` faces in each process."""
        seconds = computing(self.times, share)
        if self.cores and processes > 1:
            seconds *= self.contention * max(1.0, processes / self.cores)
        return seconds + self.averaging(processes)

    def rate(self, processes: int, share: int) -> float:
        """Faces per second, of all processes together."""
        return processes * share / self.iteration(processes, share)

    def speedup(self, processes: int, batch_size: int) -> float:
        """How many times as fast as one process they train, with the same batch."""
        return self.rate(processes, batch_size // processes) / self.rate(1, batch_size)

    def speedup_of_shares(self, processes: int, share: int) -> float:
        """The same with `share` faces for each process, so that the batch grows with them."""
        return self.rate(processes, share) / self.rate(1, share)

    def worth(self, batch_size: int) -> int:
        """The most processes, of COUNTS, that are worth it (see WORTH) if they share a batch."""
        counts = [n for n in COUNTS if n <= batch_size]
        return max(n for n in counts if self.speedup(n, batch_size) >= WORTH * n)

    def worth_of_shares(self, share: int) -> int:
        """The same with `share` faces for each process."""
        return max(n for n in COUNTS if self.speedup_of_shares(n, share) >= WORTH * n)


def computing(times: Times, share: int) -> float:
    """Seconds of one process with `share` faces: on straight lines through what was measured."""
    shares = sorted(times)
    place = min(max(bisect_left(shares, share), 1), len(shares) - 1)
    low, high = shares[place - 1], shares[place]
    slope = (times[high] - times[low]) / (high - low)
    return times[low] + slope * (share - low)


def machine(measured: Measured) -> Cluster:
    """The machine that was measured, as a cluster whose link is its memory.

    Bandwidth and contention come from two processes that share a batch, so the model predicts only
    what more of them take. The latency is taken as 0: a few microseconds are lost in the noise.
    """
    times = {p.share: p.best.iteration for p in measured.points if p.processes == 1}
    bytes_of = measured.bytes()
    two = measured.point(2, measured.batch_size // 2)
    bandwidth = sum(bytes_of.values()) / two.alone()
    contention = (two.best.iteration - two.alone()) / times[two.share]
    return Cluster(times, bytes_of, Link(0.0, bandwidth), measured.cores, contention)


def clusters(measured: Measured) -> dict[str, Cluster]:
    """The clusters to predict, by name: of cores like those of the measured machine, and of GPUs.

    GPUs are left out unless the paper's nets were measured, as we know of no other net what it
    takes there. Packing is taken as all that averaging costs within the measured machine, which is
    too much. Over NVLink, gradients would stay on the cards; the project sends them through the
    host.
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
