"""Files, folders, patterns and standard input become jobs; the rest of a command line errors."""

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
    jobs, errors = plan_jobs([str(text) for text in inputs], out, suffix)
    assert not errors
    return {str(job.source): str(job.target) for job in jobs}


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


def test_a_single_input_may_name_its_result(album: Path, tmp_path: Path) -> None:
    out = tmp_path / "new.webp"
    assert planned(album / "old.jpg", out=out) == {str(album / "old.jpg"): str(out)}
    with pytest.raises(UserError, match="one file for 2 inputs"):
        plan_jobs([str(album / "old.jpg"), str(album / "1920/SCAN.TIF")], out, ".png")


def test_standard_input_goes_to_standard_output_unless_out_says_where(tmp_path: Path) -> None:
    assert plan_jobs(["-"], None, ".png") == ([Job(None, None)], [])
    assert plan_jobs(["-"], tmp_path / "a.png", ".png") == ([Job(None, tmp_path / "a.png")], [])
    (job,), _ = plan_jobs(["-"], tmp_path, ".png")
    assert job.target.parent == tmp_path


def test_two_sources_of_one_result_are_an_error_for_the_second(album: Path) -> None:
    (album / "old.tif").touch()
    jobs, errors = plan_jobs([str(album / "old.jpg"), str(album / "old.tif")], None, ".png")
    assert [job.source.name for job in jobs] == ["old.jpg"]
    assert "old.tif" in str(errors[0]) and "old.jpg" in str(errors[0])


def test_what_is_not_there_is_an_error_and_the_rest_a_job(album: Path) -> None:
    jobs, errors = plan_jobs(
        [str(album / "none.jpg"), str(album / "*.bmp"), str(album / "old.jpg")], None, ".png"
    )
    assert [job.source.name for job in jobs] == ["old.jpg"]
    assert ["none.jpg" in str(errors[0]), "*.bmp" in str(errors[1])] == [True, True]


def test_a_folder_without_pictures_is_an_error(tmp_path: Path) -> None:
    jobs, errors = plan_jobs([str(tmp_path)], None, ".png")
    assert not jobs and "no picture or video" in str(errors[0])


def test_no_result_is_its_own_source(album: Path) -> None:
    for source, target in planned(album, album / "old_colorized.png").items():
        assert source != target
