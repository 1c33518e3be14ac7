"""An average over training of a generator's weights, steadier than they are at any one time."""

from pathlib import Path

from colorgan.nets.runtime import load_caffe

# Beside generator.caffemodel in a snapshot.
AVERAGE_WEIGHTS = "generator_average.caffemodel"


class WeightAverage:
    """G in the TEST phase, with the exponential moving average of the weights of a G in training.

    The paper says that its model oscillates and that slow updates help to pick a better snapshot;
    an average needs no luck in picking (Yaz et al. 2019, for GANs). BatchNorm's three blobs, sums
    of means and of variances and the number they are of, are averaged as the weights are.
    """

    def __init__(self, training_net, deploy: str, decay: float) -> None:
        """Average the parameters of `training_net` in the net of the prototxt file `deploy`.

        `decay` in (0, 1) is the share that the average keeps of itself in an iteration.
        """
        self.net = load_caffe().Net(deploy, load_caffe().TEST)
        self._training_net = training_net
        self._decay = decay

    def follow(self, iteration: int) -> None:
        """Take in the weights as they are after `iteration` updates, from 1.

        The first weights would weigh too much for long, so the average begins as a plain mean.
        """
        step = max(1 - self._decay, 1 / iteration)
        training = self._training_net.params
        for name, blobs in self.net.params.items():  # a loss's own blobs are not among them
            for average, current in zip(blobs, training[name], strict=True):
                average.blend(current, step)

    def snapshot(self, folder: Path) -> None:
        """Write the average into `folder`, as weights that any program takes for a generator's."""
        self.net.save(str(folder / AVERAGE_WEIGHTS))

    def restore(self, folder: Path) -> None:
        """Take the average from the files of `snapshot`."""
        self.net.copy_from(str(folder / AVERAGE_WEIGHTS))
