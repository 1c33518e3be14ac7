"""A side's process: python -m colorgan.benchmarks.training.process NAME.

Each line of standard input is JSON, [METHOD, ARGUMENT, ...]. The process calls that method of its
side and answers with a line of JSON: {"value": ...}, or {"error": ...} for what the user can put
right. It only imports what its side needs, since another Python, without Caffe, may run PyTorch's.
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
    """Make the side of that name."""
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
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # on Ctrl-C the parent ends this process
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)  # if the parent is killed, so is this
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # or what libraries print would be taken for answers
    side = make_side(name)
    for line in sys.stdin:
        method, *arguments = json.loads(line)
        try:
            answer = {"value": getattr(side, method)(*arguments)}
        except (UserError, RuntimeError, MemoryError) as error:  # RuntimeErrors are PyTorch's
            answer = {"error": (str(error).splitlines() or [type(error).__name__])[0]}
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
