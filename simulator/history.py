"""History in bulk: every quarter-hour that a device has not sent yet, from the same meters that feed it live."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np

from simulator.meters import SLOT, Integers, decimals
from simulator.world import Device
from sql.engine import Store
from sql.statements import raw_statements


class Wanted(NamedTuple):
    """A registered device and the first instant (epoch seconds) that it may send for."""

    device: Device
    device_id: int
    since: int


def fill(store: Store, wanted: Sequence[Wanted], until: int) -> int:
    """Store what these devices showed at every quarter-hour up to an instant; gives the number of new readings.

    One transaction: a history that was cut short leaves nothing behind. What is stored already stays as it is.
    """
    statements = raw_statements("intake.sql")
    connection = store.engine.raw_connection()
    try:
        cursor: Any = connection.cursor()
        cursor.execute(statements["make_staging"].replace("ON COMMIT DELETE ROWS", "ON COMMIT DROP"))
        cursor.execute(f"{statements['many_readings']} {statements['store_readings']}")
        stored = 0
        for one in wanted:
            times = quarter_hours(one.since, until)
            if times.size == 0:
                continue
            cursor.copy_expert(statements["copy_staging"], io.StringIO("".join(lines(one.device, one.device_id, times))))
            cursor.execute("EXECUTE store_many (%s, 0)", (datetime.now(UTC),))
            stored += cursor.fetchone()[0]
            cursor.execute("TRUNCATE pg_temp.staging")
        cursor.execute("DEALLOCATE store_many")
        connection.commit()
    finally:
        connection.close()
    return stored


def quarter_hours(since: int, until: int) -> Integers:
    """Give every quarter-hour (epoch seconds) from one instant to another, both included."""
    return np.arange(-(-since // SLOT) * SLOT, until + 1, SLOT, dtype=np.int64)


def lines(device: Device, device_id: int, times: Integers) -> Iterable[str]:
    """Write the readings that arrived as lines for COPY: ordinal, device, instant, exact value."""
    times = times[~device.incidents.missing(times)]
    values = device.meter.values(times)
    values[device.incidents.zeroed(times)] = 0
    instants = np.datetime_as_string(times.astype("datetime64[s]")).tolist()
    places = decimals(device.meter.step)
    for ordinal, (instant, steps) in enumerate(zip(instants, (values // device.meter.step).tolist(), strict=True)):
        yield f"{ordinal}\t{device_id}\t{instant}Z\t{Decimal(steps).scaleb(-places)}\n"
