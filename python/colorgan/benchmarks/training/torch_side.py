"""PyTorch's side: the same nets, losses and updates, as one would write them in PyTorch.

It needs NumPy and PyTorch, but none of the project's other requirements.
"""

import ctypes
import math
from typing import Any

import numpy as np

from colorgan.benchmarks.training.job import LOSSES
from colorgan.benchmarks.training.side import Outputs, Side
from colorgan.errors import UserError

REAL, FAKE = 1.0, 0.0  # as in colorgan.training.steps, which needs Caffe
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of malloc.h


class TorchSide(Side):
    """PyTorch, with its maps in one of two memory formats."""

    def __init__(self, memory_format: str) -> None:
        # PyTorch allocates its maps anew in each iteration. Freed memory stays with this process,
        # so that it does not lose time to page faults.
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_MAX, 0)
        libc.mallopt(M_TRIM_THRESHOLD, -1)

        import torch

        self.torch = torch
        self.memory_format = getattr(torch, memory_format)

    def _begin(self) -> None:
        """On a GPU, let cuDNN benchmark its algorithms, with TF32 as the job says."""
        torch, gpu = self.torch, self.job.gpu
        self.device = torch.device("cpu")
        if gpu is None:
            return
        if gpu >= torch.cuda.device_count():
            raise UserError(f"PyTorch {torch.__version__} sees no GPU {gpu}")
        self.device = torch.device("cuda", gpu)
        torch.backends.cudnn.benchmark = True
        torch.backends.cudnn.allow_tf32 = self.job.tf32
        torch.backends.cuda.matmul.allow_tf32 = self.job.tf32
        torch.zeros(1, device=self.device)

    def _make_nets(self) -> None:
        """Make both nets, for training or for colouring, and their Adams."""
        self.iteration = 0
        self.nets, self.adams = {}, {}
        for name, solver in self.job.solvers.items():
            net = torch_net(self.job.layers[name], name, self.weights).train(not self.job.forward)
            self.nets[name] = net.to(self.device, memory_format=self.memory_format)
            rate, betas = solver["base_lr"], (solver["momentum"], solver["momentum2"])
            self.adams[name] = self.torch.optim.Adam(net.parameters(), rate, betas, fused=True)
        self.host = {name: self.torch.from_numpy(array) for name, array in self.faces.items()}
        if self.job.gpu is not None:  # as Caffe's blobs are, for faster copies
            self.host = {name: tensor.pin_memory() for name, tensor in self.host.items()}

    def _wait(self) -> None:
        if self.job.gpu is not None:
            self.torch.cuda.synchronize(self.device)

    def memory(self) -> dict[str, float]:
        """On a GPU, also the peak MiB of all tensors, and of what PyTorch reserved for them."""
        if self.job.gpu is None:
            return super().memory()
        cuda = self.torch.cuda
        held = {"tensors": cuda.max_memory_allocated(), "reserved": cuda.max_memory_reserved()}
        return super().memory() | {name: count / 2**20 for name, count in held.items()}

    def _on_device(self, name: str) -> Any:
        """An array of the faces, as a tensor on the device."""
        return self.host[name].to(self.device, non_blocking=True)

    def _images(self, tensor: Any) -> Any:
        """Images in this side's memory format; gray ones get 3 equal channels."""
        return tensor.expand(-1, 3, -1, -1).contiguous(memory_format=self.memory_format)

    def _colorize(self) -> Outputs:
        """Colour the faces, from uint8 to float32."""
        with self.torch.inference_mode():
            gray = self._on_device("levels")[:, None] / 255
            return {"fake": self.nets["generator"](self._images(gray)).cpu().numpy()}

    def _train(self) -> Outputs:
        """Run an iteration of formulas (3) and (4), as colorgan.training.steps.GanTraining."""
        torch, phase, weight = self.torch, self.times.phase, self.job.adversarial_weight
        self.iteration += 1
        with phase("copies"):
            gray = self._images(self._on_device("gray"))
            color = self._images(self._on_device("color"))
        with phase("G forward"):
            fake = self.nets["generator"](gray)

        d_real = self._judge(color, REAL)
        with phase("D backward"):
            (weight * d_real).backward()
        d_fake = self._judge(fake.detach(), FAKE)
        with phase("D backward"):
            (weight * d_fake).backward()
        self._update("discriminator")

        adversarial = self._judge(fake, REAL)
        with phase("D backward"):  # for `fake` alone, without the gradients of D's weights
            (gradient,) = torch.autograd.grad(weight * adversarial, fake)
        with phase("G forward"):
            l2 = torch.nn.functional.mse_loss(fake, color, reduction="sum") / (2 * len(fake))
        with phase("G backward"):
            torch.autograd.backward([l2, fake], [None, gradient])
        self._update("generator")
        losses = torch.stack(
            [l2, d_real, d_fake, adversarial]
        ).tolist()  # waits only once for a GPU
        return dict(zip(LOSSES, losses, strict=True))

    def _judge(self, faces: Any, label: float) -> Any:
        """D's loss, before lambda, on faces labelled real or fake."""
        with self.times.phase("D forward"):
            score = self.nets["discriminator"](faces)
            labels = self.torch.full_like(score, label)
            return self.torch.nn.functional.binary_cross_entropy_with_logits(score, labels)

    def _update(self, name: str) -> None:
        """One Adam step: Caffe adds delta to sqrt(v), PyTorch eps to sqrt(v / (1 - beta2^t))."""
        with self.times.phase(f"{name[0].upper()} update"):
            adam, solver = self.adams[name], self.job.solvers[name]
            eps = solver["delta"] / math.sqrt(1 - solver["momentum2"] ** self.iteration)
            adam.param_groups[0]["eps"] = eps
            adam.step()
            adam.zero_grad(set_to_none=True)


def torch_net(layers: list[dict[str, Any]], name: str, weights: dict[str, np.ndarray]) -> Any:
    """A chain of Caffe layers as a torch.nn.Sequential with these weights, without its losses.

    UserError for a layer that is not among those below.
    """
    import torch
    from torch import nn

    modules: list[nn.Module] = []
    for layer in layers:
        prefix = f"{name}/{layer['name']}/"
        blobs = [torch.from_numpy(weights[key]) for key in weights if key.startswith(prefix)]
        match layer["type"]:
            case "Input" | "Split" | "EuclideanLoss" | "SigmoidCrossEntropyLoss":
                continue
            case "Convolution":
                given = layer["convolution_param"]
                stride, pad = given.get("stride", [1])[0], given.get("pad", [0])[0]
                maps, inputs, *kernel = blobs[0].shape
                modules.append(nn.Conv2d(inputs, maps, kernel, stride, pad, bias=len(blobs) > 1))
            case "InnerProduct":
                outputs, inputs = blobs[0].shape
                modules += [nn.Flatten(), nn.Linear(inputs, outputs, bias=len(blobs) > 1)]
            case "BatchNorm":
                given, (mean, variance, count) = layer.get("batch_norm_param", {}), blobs
                momentum = 1 - given.get("moving_average_fraction", 0.999)
                norm = nn.BatchNorm2d(len(mean), given.get("eps", 1e-5), momentum)
                norm.running_mean.copy_(mean / count)
                norm.running_var.copy_(variance / count)
                modules.append(norm)
                continue
            case "Scale":
                pass  # its weights go to the BatchNorm2d before it
            case "ReLU":
                slope = layer.get("relu_param", {}).get("negative_slope", 0)
                modules.append(nn.LeakyReLU(slope, True) if slope else nn.ReLU(True))  # in place
            case "Sigmoid":
                modules.append(nn.Sigmoid())
            case unknown:
                raise UserError(f"{name}: layer {layer['name']}: PyTorch's side has no {unknown}")
        for parameter, blob in zip(modules[-1].parameters(), blobs, strict=True):
            parameter.data.copy_(blob)
    return nn.Sequential(*modules)
