"""A moving average of a generator's weights, steadier than the weights at any one time."""

from pathlib import Path

from colorgan.nets.deployed import check_weights, read_weights
from colorgan.nets.runtime import Net, load_caffe

# Beside generator.caffemodel in a snapshot.
AVERAGE_WEIGHTS = "generator_average.caffemodel"


class WeightAverage:
    """G in the TEST phase, with the exponential moving average of the weights of a G in training.

    The paper says that its model oscillates, and that slow updates help to pick a better snapshot.
    An average needs no luck in picking (Yaz et al. 2019, for GANs). BatchNorm's three blobs, the
    sums of means and of variances and their count, are averaged like the weights.
    """

    def __init__(self, training_net: Net, deploy: str, decay: float) -> None:
        """Average the parameters of `training_net` in the net of the prototxt file `deploy`.

        `decay`, in (0, 1), is how much of itself the average keeps in each iteration.
        """
        self.net = load_caffe().Net(deploy, load_caffe().TEST)
        self._training_net = training_net
        self._decay = decay

    def follow(self, iteration: int) -> None:
        """Take in the weights after `iteration` updates, counted from 1.

        The average starts as a plain mean, or the first weights would count too much for too long.
        """
        step = max(1 - self._decay, 1 / iteration)
        training = self._training_net.params
        for name, blobs in self.net.params.items():  # a loss's own blobs are not among them
            for average, current in zip(blobs, training[name], strict=True):
                average.blend(current, step)

    def snapshot(self, folder: Path) -> None:
        """Write the average into `folder` as an ordinary generator's .caffemodel."""
        self.net.save(str(folder / AVERAGE_WEIGHTS))

    def restore(self, folder: Path) -> None:
        """Load the average that `snapshot` wrote; UserError where there is none of this net."""
        weights = folder / AVERAGE_WEIGHTS
        check_weights(self.net, read_weights(weights), weights)
        self.net.copy_from(str(weights))
