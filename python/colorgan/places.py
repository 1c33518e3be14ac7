"""Where the project's own files lie: in a clone, or in the package that pip installed.

A clone has prototxt/, solvers/ and data/ at its top. A wheel carries nets, solvers, released
weights and the networks of others inside the package, under the same names (see setup.py).
"""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_CLONE = _PACKAGE.parents[1]

IN_CLONE = (_CLONE / "prototxt").is_dir()
"""Whether this is a clone, with its scripts, notebooks and kept results."""

ROOT = _CLONE if IN_CLONE else _PACKAGE
PROTOTXT, SOLVERS = ROOT / "prototxt", ROOT / "solvers"
WEIGHTS = ROOT / "data" / "weights"
"""The released weights."""
NETWORKS = ROOT / "data" / "networks"
"""Those of others, which find hands and people."""


def project_path(path: Path) -> str:
    """A path inside the project as seen from its root, any other in full: what a run records."""
    path = path.resolve()
    return str(path.relative_to(ROOT) if path.is_relative_to(ROOT) else path)
