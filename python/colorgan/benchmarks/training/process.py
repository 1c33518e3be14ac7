"""A side's process: python -m colorgan.benchmarks.training.process NAME.

It calls a method of its side for each line of standard input, [METHOD, ARGUMENT, ...] in JSON, and
prints a line, {"value": ...}, or {"error": ...} where that is for the user to put right. It imports
what its side needs and no more: PyTorch's may have another Python, without Caffe.
"""

import ctypes
import json
import os
import signal
import sys

from colorgan.benchmarks.training.side import Side
from colorgan.errors import UserError

YARDSTICK = "yardstick"
MEMORY_FORMATS = {
    "pytorch-nchw": "contiguous_format",
    "pytorch-channels-last": "channels_last",
}
PR_SET_PDEATHSIG = 1  # of linux/prctl.h


def make_side(name: str) -> Side:
    """The side of that name."""
    if name == YARDSTICK:
        from colorgan.benchmarks.training.yardstick import Yardstick

        return Yardstick()
    if name in MEMORY_FORMATS:
        from colorgan.benchmarks.training.torch_side import TorchSide

        return TorchSide(MEMORY_FORMATS[name])
    from colorgan.benchmarks.training.caffe_side import CaffeSide

    return CaffeSide()


def main(name: str) -> None:
    """Answer until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent takes Ctrl-C, and ends its children
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # nor do they outlive a killed one
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    side = make_side(name)
    for line in sys.stdin:
        method, *arguments = json.loads(line)
        try:
            answer = {"value": getattr(side, method)(*arguments)}
        except (UserError, RuntimeError, MemoryError) as error:  # PyTorch's are RuntimeErrors
            answer = {"error": (str(error).splitlines() or [type(error).__name__])[0]}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
