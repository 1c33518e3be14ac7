"""Coloring gray faces with a GAN in Caffe: data, nets, training, measurement, figures."""
