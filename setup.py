"""What pyproject.toml cannot say: a wheel carries nets, solvers and weights inside it.

In a clone they lie at the top, where the paper's Caffe set-up has them; colorgan.places finds them
in either place.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

CARRIED = ("prototxt/*.prototxt", "solvers/*.prototxt", "data/weights/*", "data/networks/*")


class BuildWithNets(build_py):
    """Builds the package, and copies what it carries into it."""

    def run(self) -> None:
        """Build from scratch: a module that was removed since the last time must not come along."""
        package = Path(self.build_lib) / "colorgan"
        if not self.editable_mode:
            shutil.rmtree(package, ignore_errors=True)
        super().run()
        if not self.editable_mode:
            self._carry(package)

    @staticmethod
    def _carry(package: Path) -> None:
        root = Path(__file__).parent
        for source in [path for pattern in CARRIED for path in root.glob(pattern)]:
            target = package / source.relative_to(root)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


setup(cmdclass={"build_py": BuildWithNets})
