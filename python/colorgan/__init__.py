"""Coloring gray faces with a GAN in Caffe: data, nets, training, measurement, figures, photos."""

from colorgan.colorizer import Colorizer

__all__ = ["Colorizer"]
