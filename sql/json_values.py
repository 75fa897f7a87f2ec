"""Values as JSON shows them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sql.consumption import plain


def json_value(value: Any) -> Any:
    """Give a value as JSON shows it: a decimal without trailing zeros, an instant as ISO 8601."""
    return Decimal(plain(value)) if isinstance(value, Decimal) else value.isoformat() if isinstance(value, datetime) else value
