"""Colours gray faces with a GAN, in Caffe: the paper's reproduction, and what came of it.

The wings, from the bottom up; each imports those above it in this list and nothing below:

    nets        Caffe, and the nets that prototxt describes
    faces       from pictures to faces as CelebA's: found, cut out, packed, drawn, in batches
    photos      colours photographs and videos of any size
    measuring   metrics, figures, experiments, and what they say of the paper's claims
    training    formulas (3) and (4), and the loop around them
    benchmarks  how fast training, packing and colouring are
    commands    the command line, `colorgan COMMAND`

What several wings use lies beside them: errors, files, kinds, luminance, phases, places,
processes, sharing, streams.
"""

__version__ = "0.1.0"

__all__ = ["Colorizer", "__version__"]


def __getattr__(name: str) -> object:
    """Import `Colorizer` when it is asked for: most modules do without what it needs."""
    if name == "Colorizer":
        from colorgan.photos.coloring.colorizer import Colorizer

        return Colorizer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
