"""Checks the kinds of values in JSON and TOML files, which people may have edited.

A kind is a type, or several, as in `float | None`; a list with one kind, that of all its entries;
or a dict with the kind of each entry by its key. A key that ends in "?" may be missing, and "*"
stands for every key. Where a float is expected an int will do, but a bool is no number.
"""

from typing import Any

Kind = Any


def misfit(value: Any, kind: Kind, name: str = "") -> str | None:
    """What is wrong with the value called `name`, in words; None if it is of that kind."""
    if isinstance(kind, list) and isinstance(value, list):
        return next(filter(None, (misfit(one, kind[0], name) for one in value)), None)
    if isinstance(kind, dict) and isinstance(value, dict):
        return next(filter(None, (_misfit_at(key, value, kind[key], name) for key in kind)), None)
    of_another = isinstance(kind, list | dict) or (isinstance(value, bool) and kind is not bool)
    if of_another or not isinstance(value, kind | _also(kind)):
        return f"{name!r} cannot be {value!r:.40}"
    return None


def _misfit_at(key: str, value: dict[str, Any], kind: Kind, name: str) -> str | None:
    above = f"{name}." if name else ""
    if key == "*":
        found = (misfit(one, kind, f"{above}{its}") for its, one in value.items())
        return next(filter(None, found), None)
    its = key.removesuffix("?")
    if its in value:
        return misfit(value[its], kind, f"{above}{its}")
    return None if key.endswith("?") else f"has no {above + its!r}"


def _also(kind: Kind) -> Kind:
    """What else will do for a kind."""
    return int if isinstance(0.0, kind) else kind
