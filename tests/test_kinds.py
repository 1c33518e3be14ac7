"""What values read from JSON must be."""

import pytest

from colorgan.kinds import misfit

KIND = {"count": int, "mean": float | None, "note?": str, "rows": [{"*": float}]}
GOOD = {"count": 3, "mean": 2, "rows": [{"a": 1, "b": 0.5}], "more": "is of no concern"}


def test_values_of_their_kinds_fit() -> None:
    assert misfit(GOOD, KIND) is None
    assert misfit(GOOD | {"mean": None, "note": "x", "rows": []}, KIND) is None


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"count": 3.5}, "'count' cannot be 3.5"),
        ({"count": True}, "'count' cannot be True"),
        ({"mean": "2"}, "'mean' cannot be '2'"),
        ({"note": None}, "'note' cannot be None"),
        ({"rows": {}}, "'rows' cannot be {}"),
        ({"rows": [{"a": 1}, {"b": "x"}]}, "'rows.b' cannot be 'x'"),
    ],
)
def test_what_does_not_fit_is_told_with_its_place(changed: dict, complaint: str) -> None:
    assert misfit(GOOD | changed, KIND) == complaint


def test_what_is_missing_is_told() -> None:
    assert misfit({"a": {}}, {"a": {"b": int}}) == "has no 'a.b'"
