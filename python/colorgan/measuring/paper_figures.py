"""The paper's Figures 2, 3, 4a and 4b from trained weights: which faces they show, and how."""

from pathlib import Path

import numpy as np
from tqdm import tqdm

from colorgan.faces.database import FaceDatabase
from colorgan.measuring.figures.faces import FaceGroup, choose_faces, face_figure
from colorgan.measuring.figures.model import model_figure
from colorgan.measuring.quality.evaluation import colorized
from colorgan.measuring.quality.methods import subjects, without_generator
from colorgan.measuring.quality.metrics import ciede2000
from colorgan.nets.deployed import DeployedGenerator, read_weights
from colorgan.nets.prototxt import BLOBS, DISCRIMINATOR_PROTOTXT, read_net

# The files that `colorgan figures` writes, in the report's order: name and title.
FIGURES = {
    "figure2.png": "Figure 2: the model",
    "figure3.png": "Figure 3: gray, generated and original test faces",
    "figure4a.png": "Figure 4 (a): trained with the L2 loss alone",
    "figure4b.png": "Figure 4 (b): failures",
    "comparison.png": "Models side by side",
    "curves.png": "Training curves",
}

BATCH = 32
SEED = 0
KINDS = ("best", "median", "random")  # the columns of figure 3
PAPERS_GENERATORS = ("Generator", "GeneratorSmall")  # by the names in their prototxt files
MODEL_NOTE = (
    "From the paper: G's five blocks, stride 1, counts that grow to the output, its Sigmoid, the L2"
    " loss, lambda = 100.\nAssumed, the paper's text being silent: the counts themselves, the"
    " kernels, and the layers of D."
)


def draw_model(weights: Path, run: Path | None = None) -> np.ndarray:
    """Figure 2: G from the weights file, and D as the run trained it, or else the project's.

    Returns a uint8 BGR picture `(h, w, 3)`. UserError where `weights` is not a .caffemodel file.
    """
    trained = run and run / "discriminator.prototxt"
    discriminator = trained if trained and trained.exists() else DISCRIMINATOR_PROTOTXT
    generator = read_weights(weights)
    papers = generator.name in PAPERS_GENERATORS
    note = MODEL_NOTE if papers else f"Not the paper's generator: {generator.name}."
    return model_figure(generator, read_net(discriminator, BLOBS["discriminator"]), note)


def draw_faces(
    generator: DeployedGenerator,
    l2_generator: DeployedGenerator | None,
    test: FaceDatabase,
    indices: range,
    columns: int,
) -> dict[str, np.ndarray]:
    """Draw figures 3, 4b and, with `l2_generator`, 4a for the faces that 3 picked at random.

    `generator` colours all faces of `test` at `indices`; they are ranked by CIEDE2000, and
    `columns` of each kind are shown. Returns uint8 BGR pictures `(h, w, 3)` by file name, in the
    paper's order.
    """
    batches = colorized(generator, test, indices, BATCH)
    total = -(-len(indices) // BATCH)
    progress = tqdm(batches, total=total, unit="batch", disable=None)
    errors = np.concatenate([ciede2000(batch.fake, batch.real) for batch in progress])
    chosen = {
        kind: [indices[i] for i in places]
        for kind, places in choose_faces(errors, columns, SEED).items()
    }
    k = min(columns, len(errors))
    among = f"of {len(errors):,} test faces; below each, its mean CIEDE2000 to the original."

    groups = [face_group(kind, generator, test, chosen[kind]) for kind in KINDS]
    rule = f"Best, median: the {k} with the lowest CIEDE2000 and the {k} around its median; random:"
    caption = f"{rule} {k} drawn with seed {SEED},\n{among}"
    pictures = {"figure3.png": face_figure(groups, caption)}

    if l2_generator:
        group = face_group("trained with L2 alone", l2_generator, test, chosen["random"])
        caption = f"The {k} that figure 3 draws at random, with seed {SEED},\n{among}"
        pictures["figure4a.png"] = face_figure([group], caption)

    group = face_group("worst", generator, test, chosen["worst"])
    caption = f"The {k} with the highest CIEDE2000,\n{among}"
    pictures["figure4b.png"] = face_figure([group], caption)
    return pictures


def draw_comparison(
    generators: dict[str, DeployedGenerator],
    test: FaceDatabase,
    indices: range,
    columns: int,
    train: FaceDatabase | None = None,
) -> np.ndarray:
    """Draw the same faces as several generators colour them, with a row for each.

    `columns` faces are drawn at random from those at `indices`, whatever their errors. Below each
    is the CIEDE2000 of the last generator. With `train`, strokes and the nearest face of `train`
    have a row each, too. Returns a uint8 BGR picture `(h, w, 3)`.
    """
    columns = min(columns, len(indices))
    drawn = np.random.default_rng(SEED).choice(len(indices), columns, replace=False)
    chosen = [indices[i] for i in np.sort(drawn)]
    rows: dict[str, np.ndarray] = {}
    for name, generator in generators.items():
        (faces,) = colorized(generator, test, chosen, columns)
        rows |= {"gray": faces.gray, name: faces.fake}
    if train:
        rows |= without_generator(list(subjects(test, train, chosen)))
    rows["original"] = faces.real
    group = FaceGroup("", rows, ciede2000(faces.fake, faces.real))
    caption = (
        f"{columns} drawn with seed {SEED} of {len(indices):,} test faces;\n"
        f"below each, the mean CIEDE2000 to the original of the row {name!r}."
    )
    return face_figure([group], caption)


def face_group(
    title: str, generator: DeployedGenerator, test: FaceDatabase, indices: list[int]
) -> FaceGroup:
    """Colour the faces at `indices`, as the columns of a figure."""
    (faces,) = colorized(generator, test, indices, len(indices))
    rows = {"gray": faces.gray, "generated": faces.fake, "original": faces.real}
    return FaceGroup(title, rows, ciede2000(faces.fake, faces.real))
