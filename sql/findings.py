"""What `tds doctor` says of one thing that it looked at; every room has a `health(settings)` that gives some."""

from __future__ import annotations

from typing import NamedTuple


class Finding(NamedTuple):
    """One check: its name, whether all is well, a sentence, and whether somebody should act although nothing is at fault yet."""

    check: str
    ok: bool
    detail: str
    warning: bool = False
