"""Metrics against hand-computed values, independent formulas and, where present, CelebA."""

import math
from pathlib import Path

import lmdb
import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from colorgan.faces.database import FaceDatabase
from colorgan.luminance import gray_from_bgr
from colorgan.measuring.quality import metrics
from colorgan.nets.runtime import load_caffe


def random_faces(count: int, size: int = 16, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 3, size, size), np.uint8)


def flat_face(blue: int, green: int, red: int, size: int = 16) -> np.ndarray:
    face = np.empty((1, 3, size, size), np.uint8)
    face[0] = np.reshape([blue, green, red], (3, 1, 1))
    return face


def lab(blue: float, green: float, red: float) -> tuple[float, float, float]:
    """CIE Lab of an sRGB color in [0, 255], by the standard's own numbers (D65)."""

    def linear(level: float) -> float:
        value = level / 255
        return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4

    r, g, b = linear(red), linear(green), linear(blue)
    x = (0.412453 * r + 0.357580 * g + 0.180423 * b) / 0.95047
    y = 0.212671 * r + 0.715160 * g + 0.072169 * b
    z = (0.019334 * r + 0.119193 * g + 0.950227 * b) / 1.08883
    fx, fy, fz = (
        value ** (1 / 3) if value > 0.008856 else 7.787 * value + 16 / 116 for value in (x, y, z)
    )
    return 116 * fy - 16, 500 * (fx - fy), 200 * (fy - fz)


def ciede2000(first: tuple[float, ...], second: tuple[float, ...]) -> float:
    """The formula of Sharma, Wu and Dalal 2005, step by step, for one pair of Lab colors."""
    (l1, a1, b1), (l2, a2, b2) = first, second
    mean_c = (math.hypot(a1, b1) + math.hypot(a2, b2)) / 2
    g = 0.5 * (1 - math.sqrt(mean_c**7 / (mean_c**7 + 25**7)))
    a1, a2 = (1 + g) * a1, (1 + g) * a2
    c1, c2 = math.hypot(a1, b1), math.hypot(a2, b2)
    h1, h2 = math.degrees(math.atan2(b1, a1)) % 360, math.degrees(math.atan2(b2, a2)) % 360
    turn = 0.0 if c1 * c2 == 0 else (h2 - h1 + 180) % 360 - 180
    dl, dc = l2 - l1, c2 - c1
    dh = 2 * math.sqrt(c1 * c2) * math.sin(math.radians(turn) / 2)
    ml, mc = (l1 + l2) / 2, (c1 + c2) / 2
    mh = h1 + h2 if c1 * c2 == 0 else (h1 + h2) / 2
    if c1 * c2 and abs(h1 - h2) > 180:
        mh += 180 if h1 + h2 < 360 else -180

    def cos(angle: float) -> float:
        return math.cos(math.radians(angle))

    t = 1 - 0.17 * cos(mh - 30) + 0.24 * cos(2 * mh) + 0.32 * cos(3 * mh + 6)
    t -= 0.20 * cos(4 * mh - 63)
    sl = 1 + 0.015 * (ml - 50) ** 2 / math.sqrt(20 + (ml - 50) ** 2)
    sc, sh = 1 + 0.045 * mc, 1 + 0.015 * mc * t
    rotation = 60 * math.exp(-(((mh - 275) / 25) ** 2))
    rt = -2 * math.sqrt(mc**7 / (mc**7 + 25**7)) * math.sin(math.radians(rotation))
    return math.sqrt((dl / sl) ** 2 + (dc / sc) ** 2 + (dh / sh) ** 2 + rt * dc / sc * dh / sh)


# From the table of test pairs published with Sharma, Wu and Dalal 2005.
SHARMA_PAIRS = [
    ((50.0, 2.6772, -79.7751), (50.0, 0.0, -82.7485), 2.0425),
    ((50.0, -1.3802, -84.2814), (50.0, 0.0, -82.7485), 1.0000),
    ((50.0, 2.4900, -0.0010), (50.0, -2.4900, 0.0009), 7.1792),
    ((50.0, 2.5000, 0.0000), (58.0, 24.0, 15.0), 19.4535),
    ((22.7233, 20.0904, -46.6940), (23.0331, 14.9730, -42.5619), 2.0373),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
]


@pytest.mark.parametrize(("first", "second", "published"), SHARMA_PAIRS)
def test_the_formula_that_ciede2000_is_checked_with_gives_the_published_values(
    first, second, published
):
    assert ciede2000(first, second) == pytest.approx(published, abs=5e-5)


def test_psnr_of_a_constant_error_follows_the_definition():
    real = np.full((2, 3, 8, 8), 100, np.uint8)
    fake = real.copy()
    fake[0] += 5
    fake[1] -= 20
    expected = [20 * math.log10(255 / 5), 20 * math.log10(255 / 20)]
    assert metrics.psnr(fake, real) == pytest.approx(expected)


def test_psnr_does_not_wrap_around_at_eight_bits():
    black, white = flat_face(0, 0, 0), flat_face(255, 255, 255)
    assert metrics.psnr(black, white) == pytest.approx([0.0])


def test_psnr_of_equal_images_is_that_of_one_value_off_by_one():
    faces = random_faces(1)
    almost = faces.copy()
    almost[0, 1, 2, 3] ^= 1
    assert metrics.psnr(faces, faces) == pytest.approx(metrics.psnr(almost, faces))
    assert metrics.psnr(faces, faces) == pytest.approx([10 * math.log10(255**2 * faces.size)])


def test_ssim_is_the_published_formula_with_a_gaussian_window():
    fake, real = random_faces(1, 24, seed=1), random_faces(1, 24, seed=2)
    fake = (0.7 * real + 0.3 * fake).astype(np.uint8)

    def blurred(plane: np.ndarray) -> np.ndarray:
        return gaussian_filter(plane, 1.5, truncate=3.5)

    values = []
    for x, y in zip(fake[0].astype(float), real[0].astype(float), strict=True):
        mx, my = blurred(x), blurred(y)
        vx, vy = blurred(x * x) - mx * mx, blurred(y * y) - my * my
        covariance = blurred(x * y) - mx * my
        c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
        similar = (2 * mx * my + c1) * (2 * covariance + c2)
        similar /= (mx**2 + my**2 + c1) * (vx + vy + c2)
        values.append(similar[5:-5, 5:-5].mean())
    assert metrics.ssim(fake, real) == pytest.approx([np.mean(values)], abs=1e-9)
    assert metrics.ssim(real, real) == pytest.approx([1.0])


def test_ciede2000_is_the_mean_over_an_images_own_pixels():
    fake, real = random_faces(3, 4, seed=3), random_faces(3, 4, seed=4)
    expected = [
        np.mean(
            [
                ciede2000(lab(*a), lab(*b))
                for a, b in zip(one.reshape(3, -1).T, two.reshape(3, -1).T, strict=True)
            ]
        )
        for one, two in zip(real, fake, strict=True)
    ]
    assert metrics.ciede2000(fake, real) == pytest.approx(expected, rel=1e-3)


def test_ab_error_ignores_lightness_and_measures_the_ab_plane():
    red, blue = flat_face(0, 0, 255), flat_face(255, 0, 0)
    (_, a1, b1), (_, a2, b2) = lab(0, 0, 255), lab(255, 0, 0)
    expected = math.hypot(a1 - a2, b1 - b2)
    assert metrics.ab_error(red, blue) == pytest.approx([expected], rel=1e-3)
    dark, light = flat_face(40, 40, 40), flat_face(220, 220, 220)
    assert metrics.ab_error(dark, light) == pytest.approx([0.0], abs=0.01)


def test_more_images_than_a_chunk_are_measured_in_order():
    real = random_faces(metrics._CHUNK + 3, 4)
    fake = random_faces(metrics._CHUNK + 3, 4, seed=9)
    together = metrics.ciede2000(fake, real)
    assert together == pytest.approx(
        [metrics.ciede2000(f[None], r[None])[0] for f, r in zip(fake, real, strict=True)]
    )


def test_colorfulness_of_gray_is_zero():
    gray = np.repeat(random_faces(2)[:, :1], 3, axis=1)
    assert metrics.colorfulness(gray) == pytest.approx([0, 0])


@pytest.mark.parametrize(("bgr", "expected"), [
    # Half the pixels black. Red: rg is 0 or 1, yb 0 or 1/2. Blue: rg is 0, yb 0 or -1.
    ((0, 0, 255), 1.3 * math.sqrt(0.5**2 + 0.25**2)),
    ((255, 0, 0), 1.3 * 0.5),
])  # fmt: skip
def test_colorfulness_of_half_black_images_is_as_computed_by_hand(bgr, expected):
    image = flat_face(*bgr)
    image[..., :8] = 0
    assert metrics.colorfulness(image) == pytest.approx([expected])


def test_luminance_psnr_compares_the_outputs_gray_with_the_input():
    gray = random_faces(2)[:, 0] // 2
    unchanged = np.repeat(gray[:, None], 3, axis=1)
    exact = metrics.psnr(gray, gray)
    assert metrics.luminance_psnr(unchanged, gray) == pytest.approx(exact)
    assert metrics.luminance_psnr(unchanged + 7, gray) == pytest.approx(
        [20 * math.log10(255 / 7)] * 2
    )


def smooth_grays(count: int = 3, size: int = 64, seed: int = 0) -> np.ndarray:
    """Gray images of soft shapes with a hard edge down the middle, far from black and white."""
    noise = np.random.default_rng(seed).standard_normal((count, size, size))
    shapes = gaussian_filter(noise, (0, 2, 2))
    grays = 110 + 20 * shapes / shapes.std()
    grays[:, :, size // 2 :] += 40
    return np.clip(np.rint(grays), 0, 255).astype(np.uint8)


def as_bgr(gray: np.ndarray) -> np.ndarray:
    return np.repeat(np.clip(np.rint(gray), 0, 255).astype(np.uint8)[:, None], 3, axis=1)


def test_edges_that_are_kept_have_a_sharpness_of_one_whatever_the_color():
    gray = smooth_grays()
    assert metrics.edge_sharpness(as_bgr(gray), gray) == pytest.approx([1, 1, 1])
    coloured = as_bgr(gray) + np.uint8([20, 5, 10]).reshape(3, 1, 1)
    assert metrics.edge_sharpness(coloured, gray) == pytest.approx([1, 1, 1])


def test_edge_sharpness_of_a_flat_input_is_one():
    gray = np.full((1, 16, 16), 90, np.uint8)
    assert metrics.edge_sharpness(random_faces(1), gray) == pytest.approx([1])


def test_edge_sharpness_is_the_share_of_the_contrast_that_is_left():
    gray = np.zeros((1, 16, 16), np.uint8)
    gray[..., 8:] = 200
    assert metrics.edge_sharpness(as_bgr(gray // 2), gray) == pytest.approx([0.5])
    assert metrics.edge_sharpness(as_bgr(200 - gray), gray) == pytest.approx([-1])


def test_edge_sharpness_of_a_blurred_step_is_as_computed_by_hand():
    gray = np.zeros((1, 8, 8), np.uint8)
    gray[..., 4:] = 160
    blurred = gray.copy()
    blurred[..., 3], blurred[..., 4] = 40, 120
    # Rows of gradients: the input's 0 0 0 80 80 0 0 0, the output's 0 0 20 60 60 20 0 0.
    assert metrics.edge_sharpness(as_bgr(blurred), gray) == pytest.approx([60 / 80])


def test_edge_sharpness_falls_as_blur_grows():
    gray = smooth_grays()
    blurred = [gaussian_filter(gray.astype(float), (0, sigma, sigma)) for sigma in (0.5, 1, 2, 4)]
    values = np.array([metrics.edge_sharpness(as_bgr(one), gray) for one in blurred])
    assert (np.diff(values, axis=0) < -0.05).all()
    assert (values[1] < 0.9).all()


def test_noise_changes_edge_sharpness_little():
    gray = smooth_grays()
    noise = np.random.default_rng(7).normal(0, 10, gray.shape)
    noisy = as_bgr(gray + noise)
    assert metrics.edge_sharpness(noisy, gray) == pytest.approx([1, 1, 1], abs=0.05)
    squares = np.square(np.diff(gray.astype(float))).sum()
    assert np.square(np.diff(noisy[:, 0].astype(float))).sum() > 2 * squares


def test_the_truth_has_a_value_of_each_metric_that_is_best_where_it_equals_it():
    real = random_faces(2)
    truth = metrics.measure_truth(real)
    assert list(truth) == [metric.key for metric in metrics.METRICS if metric.better == "truth"]
    of_a_copy = metrics.measure(real, real)
    for key, values in truth.items():
        np.testing.assert_array_equal(values, of_a_copy[key])
    assert truth["edge_sharpness"] == pytest.approx([1, 1])


def test_measure_gives_every_metric_of_the_table():
    fake, real = random_faces(2), random_faces(2, seed=1)
    results = metrics.measure(fake, real)
    assert list(results) == [metric.key for metric in metrics.METRICS]
    assert all(values.shape == (2,) for values in results.values())


def test_a_metric_ranks_by_its_own_direction():
    by_key = {metric.key: metric for metric in metrics.METRICS}

    def best(key: str, values: list[float], truth: float = math.nan) -> float:
        return min(values, key=lambda value: by_key[key].distance_from_best(value, truth))

    assert best("psnr", [20.0, 25.0]) == 25.0
    assert best("ciede2000", [9.0, 12.0]) == 9.0
    assert best("colorfulness", [0.10, 0.16, 0.30], truth=0.17) == 0.16
    assert best("edge_sharpness", [0.80, 1.05, 1.30], truth=1.0) == 1.05


def write_faces(path: Path, faces: np.ndarray) -> FaceDatabase:
    datum = load_caffe().proto.caffe_pb2.Datum
    with lmdb.open(str(path)) as environment, environment.begin(write=True) as transaction:
        for number, face in enumerate(faces):
            _, height, width = face.shape
            record = datum(
                channels=3, height=height, width=width, data=face.tobytes(), label=number
            )
            transaction.put(b"%08d_%06d.jpg" % (number, number), record.SerializeToString())
    return FaceDatabase(path)


def test_baselines_are_the_gray_image_plus_the_training_faces_mean_offsets(tmp_path):
    faces = random_faces(70, 8)
    gray = gray_from_bgr(faces)
    offset = (faces.astype(float) - gray[:, None]).mean(axis=0)
    with write_faces(tmp_path / "lmdb", faces) as database:
        (plain, mean_color, average), count = metrics.learn_baselines(database)
    assert count == 70
    assert (plain.colorize(gray) == gray[:, None]).all()
    assert average.offset == pytest.approx(offset)
    assert mean_color.offset.ravel() == pytest.approx(offset.mean(axis=(1, 2)))
    expected = np.clip(gray[:, None] + offset, 0, 255)
    assert np.abs(average.colorize(gray) - expected).max() <= 0.5


def test_baselines_learn_from_faces_spread_over_the_whole_database(tmp_path):
    faces = np.concatenate([flat_face(0, 0, 200, 8)] * 50 + [flat_face(200, 0, 0, 8)] * 50)
    with write_faces(tmp_path / "lmdb", faces) as database:
        (_, mean_color, _), count = metrics.learn_baselines(database, limit=10)
        (_, all_mean_color, _), _ = metrics.learn_baselines(database)
    assert count == 10
    assert mean_color.offset == pytest.approx(all_mean_color.offset)


def test_baselines_on_celeba_are_the_published_ones(celeba, run, tmp_path):
    """RGB PSNR of the 2,044 validation faces, as measured when the project began."""
    built = run(
        "build-lmdb", "--images", celeba, "--partition", celeba,
        "--out", tmp_path / "d",
        "--train-count", 2000, "--test-count", 2044, "--test-partition", 1,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
    with (
        FaceDatabase(tmp_path / "d/train_lmdb") as train,
        FaceDatabase(tmp_path / "d/test_lmdb") as test,
    ):
        baselines, _ = metrics.learn_baselines(train)
        real = test.faces(range(len(test)))
    if len(real) < 2000:
        pytest.skip(
            f"only {len(real)} validation faces in {celeba}: the figures are those of 2,044"
        )
    gray = gray_from_bgr(real)
    means = [metrics.psnr(b.colorize(gray), real).mean() for b in baselines]
    assert means == pytest.approx([21.63, 23.81, 25.39], abs=0.06)
    assert metrics.colorfulness(real).mean() == pytest.approx(0.174, abs=0.0005)


@pytest.mark.parametrize("metric", ["psnr", "ssim", "ciede2000", "ab_error"])
def test_images_that_cannot_be_compared_are_refused(metric: str) -> None:
    measure, faces = getattr(metrics, metric), random_faces(2)
    for fake, real in ((faces / 255, faces), (faces / 255, faces / 255), (faces[:1], faces)):
        with pytest.raises(ValueError, match="got .* not uint8"):
            measure(fake, real)


def test_colors_are_of_channels_before_pixels() -> None:
    with pytest.raises(ValueError, match=r"\(2, 16, 16, 3\), not uint8 \(any, 3, any, any\)"):
        metrics.colorfulness(random_faces(2).transpose(0, 2, 3, 1))
