"""Walking a tree of Dash components."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def walk(part: Any) -> Iterator[Any]:
    """Give a component and everything in it, texts too."""
    if isinstance(part, list | tuple):
        for one in part:
            yield from walk(one)
    elif part is not None:
        yield part
        yield from walk(getattr(part, "children", None))


def text(part: Any) -> str:
    """Give what a reader reads, non-breaking spaces as spaces."""
    return "".join(str(one) for one in walk(part) if isinstance(one, str | int | float)).replace("\u00a0", " ")


def of_class(part: Any, name: str) -> list[Any]:
    """Give all components that have a class."""
    return [one for one in walk(part) if name in str(getattr(one, "className", "")).split()]


def of_type(part: Any, name: str) -> list[Any]:
    """Give all components of a kind, such as `Graph`."""
    return [one for one in walk(part) if type(one).__name__ == name]


def ids(part: Any) -> set[str]:
    """Give all ids."""
    return {one.id for one in walk(part) if isinstance(getattr(one, "id", None), str)}
