"""Looking up the readings around an instant, for many devices at once, opening as few chunks as can be."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from sql.statements import statements

# Look-ups of neighbours widen in these steps, so that a hypertable opens few chunks for nearly every device.
LOOK_BACK = (timedelta(days=3), timedelta(days=40), None)
OLDEST = datetime(1900, 1, 1, tzinfo=UTC)
NEWEST = datetime(2200, 1, 1, tzinfo=UTC)


def last_before(connection: Connection, instants: Mapping[int, datetime]) -> dict[int, datetime]:
    """Find each device's last reading at or before its instant; devices that have none are left out."""

    def look(missing: Mapping[int, datetime], span: timedelta | None) -> Any:
        bound = OLDEST if span is None else min(missing.values()) - span
        return run_named(connection, "neighbours_before", **_named(missing), bound=bound, newest=max(missing.values()))

    return _widening(instants, look)


def first_after(connection: Connection, instants: Mapping[int, datetime]) -> dict[int, datetime]:
    """Find each device's first reading at or after its instant; devices that have none are left out."""

    def look(missing: Mapping[int, datetime], span: timedelta | None) -> Any:
        bound = NEWEST if span is None else max(missing.values()) + span
        return run_named(connection, "neighbours_after", **_named(missing), bound=bound, oldest=min(missing.values()))

    return _widening(instants, look)


def _widening(
    instants: Mapping[int, datetime], look: Callable[[Mapping[int, datetime], timedelta | None], Any]
) -> dict[int, datetime]:
    found: dict[int, datetime] = {}
    for span in LOOK_BACK:
        missing = {device: instant for device, instant in instants.items() if device not in found}
        if missing:
            found |= {row.device_id: row.time for row in look(missing, span)}
    return found


def _named(missing: Mapping[int, datetime]) -> dict[str, Any]:
    return {"devices": list(missing), "instants": list(missing.values())}


def run_named(connection: Connection, name: str, **values: Any) -> Any:
    """Run one of the ledger's statements."""
    return connection.execute(statements("ledger.sql")[name], {k: _texts(v) for k, v in values.items()})


def _texts(value: Any) -> Any:
    """Send lists of instants as text: a list that holds an infinity has no common type otherwise."""
    if isinstance(value, list) and any(isinstance(item, datetime) for item in value):
        return [item.isoformat() if isinstance(item, datetime) else item for item in value]
    return value
