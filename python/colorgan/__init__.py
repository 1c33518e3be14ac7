"""Coloring gray faces with a GAN in Caffe: data, nets, training, measurement, figures, photos."""

__all__ = ["Colorizer"]


def __getattr__(name: str) -> object:
    """Import `Colorizer` when it is asked for: most modules do without what it needs."""
    if name == "Colorizer":
        from colorgan.colorizer import Colorizer

        return Colorizer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
