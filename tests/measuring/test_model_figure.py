"""The nets' drawing: sizes and layers as Caffe has them."""

import numpy as np
import pytest
from google.protobuf import text_format

from colorgan.errors import UserError
from colorgan.measuring.figures.model import LOSS_NAMES, NetDrawing, model_figure, net_drawing
from colorgan.measuring.paper_figures import draw_model
from colorgan.nets.prototxt import adversarial_weight, proto, read_net
from colorgan.nets.runtime import load_caffe
from colorgan.places import WEIGHTS
from conftest import ROOT

GENERATORS = sorted(
    path for path in (ROOT / "prototxt").glob("generator*.prototxt") if "deploy" not in path.stem
)
# What those are trained on that do without L2.
TRAINED_ON = {
    "generator_larsson": (f"5 x {LOSS_NAMES['hue']}", LOSS_NAMES["chroma"]),
    "generator_pix2pix": (f"200 x {LOSS_NAMES['l1']}",),
    "generator_unet": (LOSS_NAMES["Reduction"],),
    "generator_unet128": (LOSS_NAMES["Reduction"],),
    "generator_zhang": (LOSS_NAMES["classes"],),
}


@pytest.mark.parametrize("prototxt", GENERATORS, ids=lambda path: path.stem)
def test_the_drawing_of_a_generator_has_the_sizes_that_caffe_computes(prototxt):
    net = read_net(prototxt)
    drawing = net_drawing(net)
    blobs = load_caffe().Net(str(prototxt), load_caffe().TEST).blobs
    drawn = [(block.maps, block.size) for block in drawing.blocks]
    names = ["gray", *(layer.top[0] for layer in net.layer if layer.type.endswith("onvolution"))]
    outputs = [blobs[name].data.shape for name in names]
    assert drawn == [(maps, height) for _, maps, height, _ in outputs]
    assert drawing.losses == TRAINED_ON.get(prototxt.stem, (LOSS_NAMES["EuclideanLoss"],))


def test_the_drawing_names_the_layers_of_each_block():
    def drawing(name: str) -> NetDrawing:
        return net_drawing(read_net(ROOT / f"prototxt/{name}.prototxt"))

    papers = drawing("generator").blocks
    assert papers[1].layers == ("Conv 3x3", "BatchNorm", "Scale", "ReLU")
    assert papers[-1].layers == ("Conv 3x3", "Sigmoid")
    assert drawing("generator_autoencoder").blocks[4].layers[:2] == ("Deconv 4x4", "stride 2")
    ours = drawing("generator_chroma").blocks
    assert ours[3].layers[:2] == ("Conv 3x3", "dilation 4")
    assert ours[-1].layers == ("Conv 3x3", "TanH", "Slice", "Eltwise", "Concat")
    middle = drawing("generator_unet").blocks[7:10]
    assert [block.size for block in middle] == [8, 8, 16]
    assert middle[1].layers[-1] == "Dropout"
    assert drawing("generator_unet").blocks[-1].layers[1:] == (
        "Power",
        "Slice",
        "Eltwise",
        "Concat",
    )


def test_the_drawing_of_the_discriminator_has_the_sizes_that_caffe_computes():
    prototxt = ROOT / "prototxt/discriminator.prototxt"
    net = read_net(prototxt)
    drawing = net_drawing(net)
    blobs = load_caffe().Net(str(prototxt), load_caffe().TEST).blobs
    outputs = [blobs[name].data.shape for name in ("data", "conv1", "conv2", "conv3", "conv4")]
    assert [(block.maps, block.size) for block in drawing.blocks[:-1]] == [
        (maps, height) for _, maps, height, _ in outputs
    ]
    assert (drawing.blocks[-1].maps, drawing.blocks[-1].size) == (1, 1)
    assert drawing.blocks[1].layers == ("Conv 4x4", "stride 2", "LeakyReLU 0.2")
    assert drawing.losses[0].startswith(f"{adversarial_weight(net):g} x ")


def test_noise_and_labels_are_no_part_of_the_drawing():
    papers = net_drawing(read_net(ROOT / "prototxt/discriminator.prototxt"))
    for name in ("discriminator_noisy", "critic"):
        drawing = net_drawing(read_net(ROOT / f"prototxt/{name}.prototxt"))
        assert drawing.blocks[1:] == papers.blocks[1:]
    assert drawing.losses == (f"100 x {LOSS_NAMES['signed_score']}",)


def test_the_model_figure_is_drawn_from_the_nets_it_is_given():
    discriminator = read_net(ROOT / "prototxt/discriminator.prototxt")
    pictures = [model_figure(read_net(path), discriminator, "note") for path in GENERATORS]
    assert all(picture.std() > 10 for picture in pictures)
    assert not any(np.array_equal(pictures[0], picture) for picture in pictures[1:])


def test_a_convolution_without_padding_shrinks_the_drawn_map():
    net = text_format.Parse(
        """
        layer { type: "Input" top: "x" input_param { shape { dim: 1 dim: 8 dim: 9 dim: 9 } } }
        layer {
          type: "Convolution"
          bottom: "x"
          convolution_param { num_output: 5 kernel_size: 4 stride: 2 }
        }
        """,
        proto().NetParameter(),
    )
    drawn = net_drawing(net).blocks[-1]
    assert (drawn.maps, drawn.size) == (5, (9 - 4) // 2 + 1)


def test_a_run_whose_d_lacks_a_blob_is_refused(tmp_path):
    (tmp_path / "discriminator.prototxt").write_text('name: "Discriminator"')
    with pytest.raises(UserError, match="no layer makes the blob 'data'"):
        draw_model(WEIGHTS / "paper.caffemodel", tmp_path)
