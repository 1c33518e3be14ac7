"""Files, folders, patterns and standard input become jobs; the rest of a command line errors."""

import os
from pathlib import Path

import pytest

from colorgan.errors import UserError
from colorgan.photos.jobs import Job, plan_jobs


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """A folder of empty files: what is in them does not matter here."""
    for name in (
        "old.jpg",
        "old_colorized.png",
        "1920/SCAN.TIF",
        "1920/notes.txt",
        "1920/.hidden.jpg",
        "1931/trip/boat.webp",
        "1931/film.MP4",
    ):
        path = tmp_path / "album" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "album"


def planned(*inputs: object, out: Path | None = None, suffix: str = ".png") -> dict[str, str]:
    plan = plan_jobs([str(text) for text in inputs], out, suffix)
    assert not plan.errors
    return {str(job.source): str(job.target) for job in plan.jobs}


def jobs_and_errors(*inputs: object, out: Path | None = None) -> tuple[list[Job], list[UserError]]:
    plan = plan_jobs([str(text) for text in inputs], out, ".png")
    return plan.jobs, plan.errors


def test_a_files_result_lies_beside_it(album: Path) -> None:
    assert planned(album / "old.jpg") == {
        str(album / "old.jpg"): str(album / "old_colorized.png"),
    }
    assert planned(album / "old.jpg", suffix=".tif") == {
        str(album / "old.jpg"): str(album / "old_colorized.tif"),
    }


def test_a_folder_is_searched_through_and_its_structure_kept(album: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert planned(album, out=out) == {
        str(album / "old.jpg"): str(out / "old_colorized.png"),
        str(album / "1920/SCAN.TIF"): str(out / "1920/SCAN_colorized.png"),
        str(album / "1931/trip/boat.webp"): str(out / "1931/trip/boat_colorized.png"),
        str(album / "1931/film.MP4"): str(out / "1931/film_colorized.mp4"),
    }


def test_a_folder_without_out_gets_results_beside_its_files(album: Path) -> None:
    assert set(planned(album / "1931").values()) == {
        str(album / "1931/trip/boat_colorized.png"),
        str(album / "1931/film_colorized.mp4"),
    }


def test_folders_and_patterns_pass_by_earlier_results_but_a_named_one_is_done(album: Path) -> None:
    assert str(album / "old_colorized.png") not in planned(album)
    assert list(planned(album / "old*")) == [str(album / "old.jpg")]
    assert list(planned(album / "old_colorized.png")) == [str(album / "old_colorized.png")]


def test_a_result_named_among_photos_as_by_a_shells_pattern_is_skipped(album: Path) -> None:
    plan = plan_jobs([str(album / "old.jpg"), str(album / "old_colorized.png")], None, ".png")
    assert [job.source.name for job in plan.jobs] == ["old.jpg"]
    assert plan.skipped == {"_colorized": 1}


def test_a_pattern_finds_what_a_shell_would(album: Path) -> None:
    assert list(planned(album / "**/*.[wT]*")) == [
        str(album / "1920/SCAN.TIF"),
        str(album / "1931/trip/boat.webp"),
    ]


def test_a_file_named_like_a_pattern_is_that_file(tmp_path: Path) -> None:
    odd = tmp_path / "old[1].jpg"
    odd.touch()
    assert list(planned(odd)) == [str(odd)]


def test_nothing_is_done_twice(album: Path) -> None:
    assert len(planned(album / "old.jpg", album, album / "*.jpg")) == 4


def test_a_photo_named_by_several_paths_is_done_once(
    album: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From where one is and from the root, through another folder, and through a link to it."""
    monkeypatch.chdir(album)
    (tmp_path / "link").symlink_to(album)
    others = (album / "old.jpg", "1920/../old.jpg", tmp_path / "link/old.jpg", tmp_path / "link")
    assert len(planned("old.jpg", *others)) == 4
    assert list(planned("old.jpg", *others))[0] == "old.jpg"
    (album / "copy.jpg").symlink_to("old.jpg")  # another name, which wants a result of its own
    assert len(planned("old.jpg", "copy.jpg")) == 2


def test_a_single_input_may_name_its_result(album: Path, tmp_path: Path) -> None:
    out = tmp_path / "new.webp"
    assert planned(album / "old.jpg", out=out) == {str(album / "old.jpg"): str(out)}
    with pytest.raises(UserError, match="one file for 2 inputs"):
        plan_jobs([str(album / "old.jpg"), str(album / "1920/SCAN.TIF")], out, ".png")


def test_standard_input_goes_to_standard_output_unless_out_says_where(tmp_path: Path) -> None:
    assert jobs_and_errors("-") == ([Job(None, None)], [])
    assert jobs_and_errors("-", out=tmp_path / "a.png") == ([Job(None, tmp_path / "a.png")], [])
    (job,), _ = jobs_and_errors("-", out=tmp_path)
    assert job.target.parent == tmp_path


def test_each_source_has_a_result_of_its_own(album: Path, tmp_path: Path) -> None:
    (album / "old.tif").touch()
    assert list(planned(album / "old.jpg", album / "old.tif").values()) == [
        str(album / "old_colorized.png"),
        str(album / "old_tif_colorized.png"),
    ]
    for name in ("1/a.png", "2/a.png", "3/2/a.png"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).touch()
    sources = [tmp_path / name for name in ("1/a.png", "2/a.png", "3/2/a.png")]
    assert [Path(t).name for t in planned(*sources, out=tmp_path / "out").values()] == [
        "a_colorized.png",
        "a_png_colorized.png",
        "2_a_colorized.png",
    ]


@pytest.mark.parametrize(("one", "other"), [("ASTA", "asta"), ("J\u00f6rg", "Jo\u0308rg")])
def test_results_have_names_that_no_file_system_takes_for_one(
    tmp_path: Path, one: str, other: str
) -> None:
    for name in (f"{one}.jpg", f"{other}.tif"):
        (tmp_path / name).touch()
    assert [Path(target).name for target in planned(tmp_path).values()] in (
        [f"{one}_colorized.png", f"{other}_tif_colorized.png"],
        [f"{other}_colorized.png", f"{one}_jpg_colorized.png"],
    )


def test_a_name_of_any_length_has_a_result(tmp_path: Path) -> None:
    names = ("n" * 251 + ".jpg", "n" * 250 + "m.jpg", "\u00e4" * 125 + ".jpg")
    for name in names:
        (tmp_path / name).touch()
    targets = planned(tmp_path).values()
    assert len(set(targets)) == len(names)
    for target in targets:
        Path(target).touch()  # which the file system takes
        assert target.endswith("_colorized.png")


def test_links_are_followed_once_and_hidden_folders_skipped(tmp_path: Path) -> None:
    album = tmp_path / "album"
    of_programs = ("@eaDir", ".thumbnails", "__MACOSX", "$RECYCLE.BIN/S-1-5-21")
    for name in ("a.jpg", *(f"{folder}/a.jpg" for folder in of_programs)):
        (album / name).parent.mkdir(parents=True, exist_ok=True)
        (album / name).touch()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/b.jpg").touch()
    (album / "linked").symlink_to(tmp_path / "elsewhere")
    (album / "up").symlink_to(album)
    assert list(planned(album)) == [str(album / "a.jpg"), str(album / "linked/b.jpg")]
    (album / "up").unlink()
    assert list(planned(album / "**/*")) == [str(album / "a.jpg"), str(album / "linked/b.jpg")]


def test_a_link_to_nowhere_is_reported(album: Path) -> None:
    (album / "gone.jpg").symlink_to(album / "nowhere.jpg")
    for text in (album, album / "*.jpg"):
        jobs, errors = jobs_and_errors(text)
        assert "old.jpg" in [job.source.name for job in jobs]
        assert [str(error) for error in errors] == [
            f"{album}/gone.jpg: cannot be read (No such file or directory)"
        ]


def test_a_pattern_below_a_folder_with_brackets_finds_what_is_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "scans [1920]"
    folder.mkdir()
    (folder / "a.jpg").touch()
    assert list(planned(folder / "*.jpg")) == [str(folder / "a.jpg")]


def test_a_format_that_is_not_written_is_no_name_of_a_folder(album: Path, tmp_path: Path) -> None:
    for name in ("new.bmp", "new.gif", "new.avi"):
        with pytest.raises(UserError, match=f"{name}: .* is not written; use .*png"):
            plan_jobs([str(album / "old.jpg")], tmp_path / name, ".png")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may enter every folder")
@pytest.mark.parametrize("rights", [0o000, 0o400])
def test_a_folder_that_cannot_be_entered_is_reported_and_the_rest_is_done(
    album: Path, rights: int
) -> None:
    (album / "1920").chmod(rights)
    try:
        jobs, errors = jobs_and_errors(album, album / "1920/SCAN.TIF")
    finally:
        (album / "1920").chmod(0o700)
    assert [job.source.name for job in jobs] == ["old.jpg", "film.MP4", "boat.webp"]
    assert len(errors) >= 2 and all("cannot be read" in str(error) for error in errors)


def test_what_is_not_there_is_an_error_and_the_rest_a_job(album: Path) -> None:
    jobs, errors = jobs_and_errors(album / "none.jpg", album / "*.bmp", album / "old.jpg")
    assert [job.source.name for job in jobs] == ["old.jpg"]
    assert ["none.jpg" in str(errors[0]), "*.bmp" in str(errors[1])] == [True, True]


def test_a_folder_without_pictures_is_an_error(tmp_path: Path) -> None:
    jobs, errors = jobs_and_errors(tmp_path)
    assert not jobs and "no picture or video" in str(errors[0])


def test_what_is_no_picture_is_counted_by_its_ending(album: Path) -> None:
    for name in (
        *("1.CR2", "2.cr2", "letter.docx", "LICENSE", "old.xmp", "1920/3.cr2", "1931/4.cr2"),
        *(".DS_Store", "Thumbs.db", "film_colorized.mp4", "old_face1_colorized.tif"),
    ):
        (album / name).touch()
    (album / "linked").symlink_to(album / "1931")
    os.mkfifo(album / "pipe.cr2")
    plan = plan_jobs([str(album), str(album / "*"), str(album / "old.xmp")], None, ".png")
    counts = {".cr2": 4, ".docx": 1, ".txt": 1, ".xmp": 1, "without an ending": 1}
    assert plan.skipped == counts
    assert [job.source.name for job in plan.jobs][-1] == "old.xmp"  # which was named itself
    assert plan_jobs([str(album / "old.xmp")], None, ".png").skipped == {}


def test_what_is_named_like_a_picture_and_is_no_file_is_reported(album: Path) -> None:
    os.mkfifo(album / "pipe.png")
    for text in (album, album / "*.png"):
        error, *_ = plan_jobs([str(text)], None, ".png").errors
        assert str(error) == f"{album / 'pipe.png'}: not a regular file"


def test_no_result_is_its_own_source(album: Path) -> None:
    for source, target in planned(album, album / "old_colorized.png").items():
        assert source != target
    with pytest.raises(UserError, match="is the source itself"):
        plan_jobs([str(album / "old.jpg")], album / "1931/../old.jpg", ".png")


def test_a_named_video_is_known_by_its_content_where_its_name_does_not_tell(tmp_path: Path) -> None:
    for name in ("film", "film.dat", "film.jpg"):
        (tmp_path / name).write_bytes(b"\x1a\x45\xdf\xa3 and so on")
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8\xff")
    names = ["film", "film.dat", "film.jpg", "photo.jpg"]
    plan = plan_jobs([str(tmp_path / name) for name in names], None, ".png")
    assert not plan.errors
    assert [job.is_video for job in plan.jobs] == [True, True, True, False]
    targets = ["film", "film_dat", "film_jpg"]
    assert [job.target.name for job in plan.jobs] == [
        *(f"{stem}_colorized.mp4" for stem in targets),
        "photo_colorized.png",
    ]
