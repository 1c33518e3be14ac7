"""PyTorch's side: the same nets, losses and updates, as one would write them there."""

import ctypes
import math
from typing import Any

import numpy as np

from colorgan.benchmarks.training.sides import LOSSES, Outputs, Side
from colorgan.errors import UserError
from colorgan.training.steps import FAKE, REAL

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of malloc.h


class TorchSide(Side):
    """The same in PyTorch, as one would write it there."""

    def __init__(self, memory_format: str) -> None:
        # Keep what is freed: PyTorch's maps are new in each iteration, and page faults cost time.
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_MAX, 0)
        libc.mallopt(M_TRIM_THRESHOLD, -1)

        import torch

        self.torch = torch
        self.memory_format = getattr(torch, memory_format)

    def make_nets(self) -> None:
        """Both nets, in the TRAIN phase, or G in the TEST phase, and their Adams."""
        self.iteration = 0
        self.nets, self.adams = {}, {}
        for name, solver in self.job.solvers.items():
            net = torch_net(self.job.layers[name], name, self.weights).train(not self.job.forward)
            self.nets[name] = net.to(memory_format=self.memory_format)
            rate, betas = solver["base_lr"], (solver["momentum"], solver["momentum2"])
            self.adams[name] = self.torch.optim.Adam(net.parameters(), rate, betas, fused=True)

    def images(self, tensor: Any) -> Any:
        """Images in this side's layout, gray ones repeated to 3 channels."""
        return tensor.expand(-1, 3, -1, -1).contiguous(memory_format=self.memory_format)

    def colorize(self) -> Outputs:
        """From uint8 gray to float32 colour."""
        with self.torch.inference_mode():
            gray = self.torch.from_numpy(self.gray)[:, None] / 255
            return {"fake": self.nets["generator"](self.images(gray)).numpy()}

    def train(self) -> Outputs:
        """Formulas (3) and (4), as in colorgan.training.steps.GanTraining."""
        torch, phase, weight = self.torch, self.times.phase, self.job.adversarial_weight
        self.iteration += 1
        with phase("copies"):
            gray = self.images(torch.from_numpy(self.batch.gray))
            color = self.images(torch.from_numpy(self.batch.color))
        with phase("G forward"):
            fake = self.nets["generator"](gray)

        d_real = self.judge(color, REAL)
        with phase("D backward"):
            (weight * d_real).backward()
        d_fake = self.judge(fake.detach(), FAKE)
        with phase("D backward"):
            (weight * d_fake).backward()
        self.update("discriminator")

        adversarial = self.judge(fake, REAL)
        with phase("D backward"):  # of `fake` alone: D's own gradients are not computed
            (gradient,) = torch.autograd.grad(weight * adversarial, fake)
        with phase("G forward"):
            l2 = torch.nn.functional.mse_loss(fake, color, reduction="sum") / (2 * len(fake))
        with phase("G backward"):
            torch.autograd.backward([l2, fake], [None, gradient])
        self.update("generator")
        losses = (l2, d_real, d_fake, adversarial)
        return {name: loss.item() for name, loss in zip(LOSSES, losses, strict=True)}

    def judge(self, faces: Any, label: float) -> Any:
        """D's loss on faces called real or fake, before lambda."""
        with self.times.phase("D forward"):
            score = self.nets["discriminator"](faces)
            labels = self.torch.full_like(score, label)
            return self.torch.nn.functional.binary_cross_entropy_with_logits(score, labels)

    def update(self, name: str) -> None:
        """One Adam step; Caffe adds delta to sqrt(v), PyTorch eps to sqrt(v / (1 - beta2^t))."""
        with self.times.phase(f"{name[0].upper()} update"):
            adam, solver = self.adams[name], self.job.solvers[name]
            eps = solver["delta"] / math.sqrt(1 - solver["momentum2"] ** self.iteration)
            adam.param_groups[0]["eps"] = eps
            adam.step()
            adam.zero_grad(set_to_none=True)


def torch_net(layers: list[dict[str, Any]], name: str, weights: dict[str, np.ndarray]) -> Any:
    """The torch.nn.Sequential of a chain of Caffe layers, without its losses."""
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
                pass  # PyTorch's BatchNorm2d has its weights
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
