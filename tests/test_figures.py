"""The pictures, to the pixel where that is what they promise."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from google.protobuf import text_format

from colorgan import figures, nets
from colorgan.caffe_runtime import load_caffe

ROOT = Path(__file__).resolve().parents[1]
GENERATORS = sorted(
    path for path in (ROOT / "prototxt").glob("generator*.prototxt") if "deploy" not in path.stem
)


def faces(count: int, size: int = 8, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 3, size, size), np.uint8)


def test_sample_grid_has_gray_generated_and_original_rows_with_white_gaps():
    gray, fake, real = faces(5)[:, 0], faces(5, seed=1), faces(5, seed=2)
    picture = figures.sample_grid(gray, fake, real)
    gap, step = figures.GRID_GAP, 8 + figures.GRID_GAP
    assert picture.shape == (3 * step + gap, 5 * step + gap, 3)
    expected = np.full_like(picture, 255)
    for column in range(5):
        left = gap + column * step
        for row, image in enumerate((np.stack([gray[column]] * 3), fake[column], real[column])):
            top = gap + row * step
            expected[top : top + 8, left : left + 8] = image.transpose(1, 2, 0)
    assert (picture == expected).all()


def test_save_png_keeps_every_pixel_and_leaves_nothing_beside(tmp_path):
    picture = figures.sample_grid(faces(2)[:, 0], faces(2, seed=1), faces(2, seed=2))
    figures.save_png(tmp_path / "a.png", picture)
    assert (cv2.imread(str(tmp_path / "a.png")) == picture).all()
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_faces_are_chosen_by_rank():
    errors = np.array([5.0, 1.0, 9.0, 3.0, 7.0, 2.0, 8.0])
    chosen = figures.choose_faces(errors, 3)
    assert errors[chosen["best"]].tolist() == [1, 2, 3]
    assert errors[chosen["median"]].tolist() == [3, 5, 7]
    assert errors[chosen["worst"]].tolist() == [9, 8, 7]


def test_random_faces_follow_the_seed_and_not_the_errors():
    errors = np.linspace(0, 1, 50)
    drawn = figures.choose_faces(errors, 6, seed=3)["random"]
    assert len(set(drawn)) == 6
    assert (drawn == figures.choose_faces(errors[::-1], 6, seed=3)["random"]).all()
    assert (drawn != figures.choose_faces(errors, 6, seed=4)["random"]).any()


def test_fewer_faces_than_columns_are_all_shown():
    chosen = figures.choose_faces(np.array([2.0, 1.0]), 4)
    assert {kind: sorted(indices) for kind, indices in chosen.items()} == dict.fromkeys(
        ("best", "median", "random", "worst"), [0, 1]
    )


def test_face_figure_shows_every_face_pixel_for_pixel():
    gray, fake, real = faces(2)[:, 0], faces(2, seed=1), faces(2, seed=2)
    rows = {"gray": gray, "generated": fake, "original": real}
    groups = [figures.FaceGroup(title, rows, np.array([1.0, 2.0])) for title in ("one", "two")]
    picture = figures.face_figure(groups, "The rule.\nIts second line.")
    pictures = [np.stack([row] * 3, -1) if row.ndim == 3 else np.moveaxis(row, 1, -1)
                for row in rows.values()]  # fmt: skip
    block = figures.tile(pictures)
    height, width, _ = block.shape
    top, left = figures.HEADER_HEIGHT, figures.LABEL_WIDTH
    for _ in groups:
        assert (picture[top : top + height, left : left + width] == block).all()
        left += width + figures.GROUP_GAP
    below = picture[top + height :]
    assert (below < 128).any(), "the rule and the values are printed below"
    assert (picture[:, :4] == 255).all() and (picture[-2:] == 255).all(), "no text is cut off"


@pytest.mark.parametrize("prototxt", GENERATORS, ids=lambda path: path.stem)
def test_the_drawing_of_a_generator_has_the_sizes_that_caffe_computes(prototxt):
    drawing = figures.net_drawing(nets.read_net(prototxt))
    blobs = load_caffe().Net(str(prototxt), load_caffe().TEST).blobs
    drawn = [(block.maps, block.size) for block in drawing.blocks]
    names = ["gray", *(name for name in blobs if name.startswith("conv") and "split" not in name)]
    outputs = [blobs[name].data.shape for name in names]
    assert drawn == [(maps, height) for _, maps, height, _ in outputs]
    assert drawing.losses == (figures.LOSS_NAMES["EuclideanLoss"],)


def test_the_drawing_names_the_layers_of_each_block():
    def drawing(name: str) -> figures.NetDrawing:
        return figures.net_drawing(nets.read_net(ROOT / f"prototxt/{name}.prototxt"))

    papers = drawing("generator").blocks
    assert papers[1].layers == ("Conv 3x3", "BatchNorm", "Scale", "ReLU")
    assert papers[-1].layers == ("Conv 3x3", "Sigmoid")
    assert drawing("generator_autoencoder").blocks[4].layers[:2] == ("Deconv 4x4", "stride 2")
    ours = drawing("generator_chroma").blocks
    assert ours[3].layers[:2] == ("Conv 3x3", "dilation 4")
    assert ours[-1].layers == ("Conv 3x3", "TanH", "Slice", "Eltwise", "Concat")


def test_the_drawing_of_the_discriminator_has_the_sizes_that_caffe_computes():
    prototxt = ROOT / "prototxt/discriminator.prototxt"
    net = nets.read_net(prototxt)
    drawing = figures.net_drawing(net)
    blobs = load_caffe().Net(str(prototxt), load_caffe().TEST).blobs
    outputs = [blobs[name].data.shape for name in ("data", "conv1", "conv2", "conv3", "conv4")]
    assert [(block.maps, block.size) for block in drawing.blocks[:-1]] == [
        (maps, height) for _, maps, height, _ in outputs
    ]
    assert (drawing.blocks[-1].maps, drawing.blocks[-1].size) == (1, 1)
    assert drawing.blocks[1].layers == ("Conv 4x4", "stride 2", "LeakyReLU 0.2")
    assert drawing.losses[0].startswith(f"{nets.adversarial_weight(net):g} x ")


def test_the_model_figure_is_drawn_from_the_nets_it_is_given():
    discriminator = nets.read_net(ROOT / "prototxt/discriminator.prototxt")
    pictures = [
        figures.model_figure(nets.read_net(path), discriminator, "note") for path in GENERATORS
    ]
    assert all(picture.std() > 10 for picture in pictures)
    assert not any(np.array_equal(pictures[0], picture) for picture in pictures[1:])


def gan_log() -> list[dict]:
    records = []
    for i in range(10, 101, 10):
        losses = {"l2": 60 - i / 10, "adversarial": 0.7, "d_real": 0.6, "d_fake": 0.65}
        scores = {"score_real": 0.6, "score_fake": 0.4, "grad_l2": 20.0, "grad_adversarial": 15.0}
        records.append({"iteration": i} | losses | scores | {"images_per_second": 9.0})
        if i % 50 == 0:
            records.append({"iteration": i, "val_psnr": 20 + i / 50, "val_colorfulness": 0.1})
    return records


def l2_log() -> list[dict]:
    gan_only = ("adversarial", "d_", "score", "grad_a")
    return [{k: v for k, v in r.items() if not k.startswith(gan_only)} for r in gan_log()]


def test_training_curves_leave_out_the_panels_of_a_missing_discriminator(tmp_path):
    figures.training_curves(gan_log(), tmp_path / "gan.png")
    figures.training_curves(l2_log(), tmp_path / "l2.png")
    gan, l2 = (cv2.imread(str(tmp_path / f"{name}.png")) for name in ("gan", "l2"))
    assert gan.std() > 10 and l2.std() > 10
    assert gan.shape[0] > l2.shape[0]


def test_training_curves_show_the_run_with_l2_alone_beside(tmp_path):
    figures.training_curves(gan_log(), tmp_path / "one.png")
    figures.training_curves(gan_log(), tmp_path / "two.png", l2_log())
    one, two = (cv2.imread(str(tmp_path / f"{name}.png")) for name in ("one", "two"))
    assert one.shape == two.shape
    assert (one != two).any()


def test_training_curves_of_an_empty_log_are_an_empty_picture(tmp_path):
    figures.training_curves([], tmp_path / "none.png")
    assert (cv2.imread(str(tmp_path / "none.png")) == 255).all()


def test_a_convolution_without_padding_shrinks_the_drawn_map():
    net = text_format.Parse(
        """
        layer { type: "Input" input_param { shape { dim: 1 dim: 8 dim: 9 dim: 9 } } }
        layer { type: "Convolution" convolution_param { num_output: 5 kernel_size: 4 stride: 2 } }
        """,
        nets.proto().NetParameter(),
    )
    drawn = figures.net_drawing(net).blocks[-1]
    assert (drawn.maps, drawn.size) == (5, (9 - 4) // 2 + 1)


def run_curves(*labels: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    iterations = np.arange(100, 1100, 100)
    return {label: (iterations, 20 + i + iterations / 1000) for i, label in enumerate(labels)}


def colors_of(picture: np.ndarray, *colors: str) -> list[bool]:
    """Whether each color, #rrggbb, is in a uint8 BGR picture."""
    bgr = [[int(color[i : i + 2], 16) for i in (5, 3, 1)] for color in colors]
    return [bool((picture == color).all(axis=-1).any()) for color in bgr]


def test_compared_runs_keep_their_color_from_panel_to_panel():
    first, second, third, *_ = figures.RUN_COLORS
    panels = {"PSNR": run_curves("a", "b"), "colour": {"b": run_curves("a", "b")["b"]}}
    picture = figures.compared_curves(panels)
    half = len(picture) // 2
    assert colors_of(picture[:half], first, second) == [True, True]
    assert colors_of(picture[half:], first, second) == [False, True]
    assert colors_of(picture, third) == [False]


def test_a_panel_without_curves_is_left_out_of_the_comparison():
    one = figures.compared_curves({"PSNR": run_curves("a")})
    assert (figures.compared_curves({"none": {}, "PSNR": run_curves("a")}) == one).all()


def test_a_pictures_png_is_the_picture():
    picture = figures.sample_grid(faces(2)[:, 0], faces(2, seed=1), faces(2, seed=2))
    content = np.frombuffer(figures.png(picture), np.uint8)
    assert (cv2.imdecode(content, cv2.IMREAD_COLOR) == picture).all()
