"""Packs the built pycaffe, laid out beside this file as `caffe/`, as a wheel for this machine."""

import json
from pathlib import Path

from setuptools import Distribution, setup


class BinaryDistribution(Distribution):
    """A distribution that holds built libraries: its wheel is for this Python and platform."""

    def has_ext_modules(self) -> bool:
        """Say that there are extension modules, though this setup does not compile them."""
        return True


build = json.loads(Path("caffe/build.json").read_text())

setup(
    name="caffe",
    version=build["version"],
    description="BVLC Caffe and its Python interface, built from the Debian source package",
    license="BSD-2-Clause",
    packages=["caffe", "caffe.proto", "caffe.test"],
    package_data={"caffe": ["*.so*", "build.json"]},
    include_package_data=False,
    python_requires="==" + build["python"].rpartition(".")[0] + ".*",
    install_requires=["numpy>=2", "protobuf", "scikit-image", "scipy", "six"],
    distclass=BinaryDistribution,
    zip_safe=False,
)
