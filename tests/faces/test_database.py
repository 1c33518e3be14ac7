"""The database of faces: what is written is what our reader, and Caffe's, find."""

import os
from pathlib import Path

import lmdb
import numpy as np
import pytest

from colorgan.errors import UserError
from colorgan.faces.database import Face, FaceDatabase, FaceWriter, open_splits
from colorgan.nets.runtime import load_caffe


def some_faces(count: int, size: int = 16) -> list[Face]:
    pixels = np.random.default_rng(1).integers(0, 256, (count, 3, size, size), np.uint8)
    return [Face(7 * at + 3, f"{7 * at + 3:06d}.jpg", face) for at, face in enumerate(pixels)]


def write(path: Path, faces: list[Face], **options: int) -> Path:
    with FaceWriter(path, **options) as writer:
        for face in faces:
            writer.add(face)
    return path


def test_faces_come_back_by_index_in_the_order_asked(tmp_path: Path) -> None:
    faces = some_faces(150)
    with FaceDatabase(write(tmp_path / "lmdb", faces)) as database:
        assert len(database) == 150
        assert database.size == 16
        order = [149, 0, 64, 64, 3]
        read = database.faces(order)
        assert read.dtype == np.uint8
        assert np.array_equal(read, np.stack([faces[at].pixels for at in order]))
        assert database.numbers(order) == [faces[at].number for at in order]
        assert database.faces(np.array([5])).shape == (1, 3, 16, 16)


def test_keys_are_those_of_convert_imageset(tmp_path: Path) -> None:
    path = write(tmp_path / "lmdb", some_faces(3))
    with lmdb.open(str(path), readonly=True, lock=False) as database, database.begin() as view:
        keys = list(view.cursor().iternext(values=False))
    assert keys == [b"00000000_000003.jpg", b"00000001_000010.jpg", b"00000002_000017.jpg"]


def test_a_name_too_long_for_a_key_is_cut(tmp_path: Path) -> None:
    (face,) = some_faces(1)
    path = write(tmp_path / "lmdb", [face._replace(name="\ufffd" * 200 + ".jpg")])
    with FaceDatabase(path) as database:
        np.testing.assert_array_equal(database.faces([0])[0], face.pixels)


def test_the_map_grows_by_itself(tmp_path: Path) -> None:
    faces = some_faces(300)
    small = write(tmp_path / "small", faces, map_size=1 << 16)
    with FaceDatabase(small) as database:
        read = database.faces(range(300))
    assert np.array_equal(read, np.stack([face.pixels for face in faces]))


def test_the_same_faces_give_the_same_file(tmp_path: Path) -> None:
    faces = some_faces(200)
    first, second = (write(tmp_path / name, faces) / "data.mdb" for name in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()


def test_an_absent_database_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="absent: no such LMDB; build it with colorgan build-lmdb"):
        FaceDatabase(tmp_path / "absent")


def test_an_empty_database_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no faces"):
        FaceDatabase(write(tmp_path / "lmdb", []))


def test_a_file_that_is_no_lmdb_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data.mdb").write_bytes(b"not an LMDB" * 2000)
    with pytest.raises(UserError, match="not a readable LMDB"):
        FaceDatabase(tmp_path)


def test_a_database_that_is_open_already_is_not_called_damaged(tmp_path: Path) -> None:
    path = write(tmp_path / "lmdb", some_faces(2))
    with FaceDatabase(path), pytest.raises(UserError, match="already open in this process"):
        FaceDatabase(path)
    FaceDatabase(path).close()


def test_a_file_that_is_cut_short_is_refused(tmp_path: Path) -> None:
    file = write(tmp_path / "lmdb", some_faces(150)) / "data.mdb"
    os.truncate(file, file.stat().st_size - 4096)
    with pytest.raises(UserError, match="truncated"):
        FaceDatabase(file.parent)


def test_training_and_test_faces_must_be_there_and_of_one_size(tmp_path: Path) -> None:
    write(tmp_path / "train_lmdb", some_faces(1, size=16))
    with pytest.raises(UserError, match="test_lmdb: no such LMDB") as absent:
        open_splits(tmp_path)
    write(tmp_path / "test_lmdb", some_faces(1, size=8))
    with pytest.raises(UserError, match="faces have 16 pixels a side, but test faces 8") as unlike:
        open_splits(tmp_path)
    assert absent.tb and unlike.tb  # while these are kept, nothing is left to the collector
    for split in ("train", "test"):
        FaceDatabase(tmp_path / f"{split}_lmdb").close()


def test_a_later_record_that_is_no_face_of_the_size_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "lmdb", [*some_faces(2), *some_faces(1, size=8)])
    with lmdb.open(str(path), lock=False) as database, database.begin(write=True) as transaction:
        transaction.put(b"00000001_000010.jpg", b"\xff")
    with FaceDatabase(path) as database:
        for index, name in ((1, "00000001_000010.jpg"), (2, "00000002_000003.jpg")):
            complaint = f"record '{name}' is not a square 3-channel face of 16 pixels"
            with pytest.raises(UserError, match=complaint):
                database.faces([0, index])


@pytest.mark.parametrize("record", ["text", "gray", "oblong"])
def test_a_foreign_lmdb_is_refused(tmp_path: Path, record: str) -> None:
    datum = load_caffe().proto.caffe_pb2.Datum
    values = {
        "text": b"some text",
        "gray": datum(channels=1, height=4, width=4, data=bytes(16)).SerializeToString(),
        "oblong": datum(channels=3, height=4, width=5, data=bytes(60)).SerializeToString(),
    }
    with lmdb.open(str(tmp_path)) as database, database.begin(write=True) as transaction:
        transaction.put(b"00000000", values[record])
    with pytest.raises(UserError, match="is not a square 3-channel face"):
        FaceDatabase(tmp_path)


DATA_NET = """
layer {{
  name: "data" type: "Data" top: "data" top: "label"
  data_param {{ source: "{source}" backend: LMDB batch_size: {count} }}
}}
"""


@pytest.mark.parametrize("split", ["train", "test"])
def test_caffes_data_layer_reads_the_same_records(faces: Path, tmp_path: Path, split: str) -> None:
    source = faces / f"{split}_lmdb"
    with FaceDatabase(source) as database:
        everything = range(len(database))
        ours, numbers = database.faces(everything), database.numbers(everything)
    prototxt = tmp_path / "data.prototxt"
    prototxt.write_text(DATA_NET.format(source=source, count=len(numbers)))
    caffe = load_caffe()
    net = caffe.Net(str(prototxt), caffe.TEST)
    net.forward()
    assert np.array_equal(net.blobs["data"].data, ours)
    assert net.blobs["label"].data.astype(int).tolist() == numbers
