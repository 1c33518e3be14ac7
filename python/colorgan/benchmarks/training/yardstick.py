"""The yardstick: the most that the machine's cores, or its GPU, can do."""

import importlib.util
import time
from collections.abc import Callable
from functools import partial

import numpy as np

from colorgan.benchmarks.training.job import SEED
from colorgan.benchmarks.training.side import Side

MATRIX_SIDE = 3072  # large enough for BLAS to reach its peak
GPU_MATRIX_SIDE = 8192
COPIED_BYTES = 2**28  # beyond any GPU's cache
GPU_REPETITIONS = 5

Work = tuple[Callable[[], object], float]  # a function, and the operations or bytes of one call


class Yardstick(Side):
    """Products of two large float32 matrices, in NumPy and PyTorch; on a GPU only in PyTorch.

    On a GPU, also copies within its memory.
    """

    def prepare(self) -> None:
        """Make the matrices, and warm up."""
        self.works = self._for_cpu() if self.job.gpu is None else self._for_gpu()
        self.rates()

    def rates(self) -> dict[str, float]:
        """Operations per second of each product; of "copy", bytes read and written per second."""
        repetitions = 1 if self.job.gpu is None else GPU_REPETITIONS
        rates = {}
        for name, (call, work) in self.works.items():
            begun = time.perf_counter()
            for _ in range(repetitions):
                call()
            self._wait()
            rates[name] = repetitions * work / (time.perf_counter() - begun)
        return rates

    def _wait(self) -> None:
        if self.job.gpu is not None:
            import torch

            torch.cuda.synchronize(self.job.gpu)

    def _for_cpu(self) -> dict[str, Work]:
        left, right = np.random.default_rng(SEED).random((2, MATRIX_SIDE, MATRIX_SIDE), np.float32)
        calls = {"NumPy": partial(np.matmul, left, right)}
        if importlib.util.find_spec("torch"):
            import torch

            tensors = torch.from_numpy(left), torch.from_numpy(right)
            calls["PyTorch"] = partial(torch.matmul, *tensors)
        return {name: (call, 2.0 * MATRIX_SIDE**3) for name, call in calls.items()}

    def _for_gpu(self) -> dict[str, Work]:
        import torch

        torch.backends.cuda.matmul.allow_tf32 = self.job.tf32
        device = torch.device("cuda", self.job.gpu)
        left, right = torch.rand(2, GPU_MATRIX_SIDE, GPU_MATRIX_SIDE, device=device)
        product = torch.empty_like(left)
        source, target = torch.rand(2, COPIED_BYTES // 4, device=device)
        return {
            "product": (partial(torch.matmul, left, right, out=product), 2.0 * GPU_MATRIX_SIDE**3),
            "copy": (partial(target.copy_, source), 2.0 * COPIED_BYTES),
        }
