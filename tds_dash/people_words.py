"""Why something about people is refused, in the reader's language."""

from __future__ import annotations

from sql.errors import Refused
from tds_dash import wording
from tds_dash.wording import t


def refusal(error: Refused, locale: str) -> str:
    """Say the reason; one that has no words of its own as it was raised."""
    key = f"refused.{error.key}"
    return t(key, locale, **error.values) if key in wording.words(wording.known(locale)) else str(error)
