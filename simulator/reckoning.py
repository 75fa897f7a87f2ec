"""What of a load run is in the database: asked of the database itself, row by row."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import text

from simulator.load_fleet import Station, thousandths
from sql.engine import Store

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ROWS = text(
    "SELECT device_id, (extract(epoch FROM time) * 1000000)::bigint, value * 1000 FROM tds.reading"
    " WHERE device_id = any(:devices) AND time BETWEEN :low AND :high ORDER BY device_id, time"
)
_COUNT = text("SELECT count(*) FROM tds.reading WHERE device_id = any(:devices) AND time BETWEEN :low AND :high")


def instant(micros: int) -> datetime:
    """Give the instant of so many microseconds since 1970, exactly."""
    return EPOCH + timedelta(microseconds=micros)


def count_rows(store: Store, stations: Sequence[Station], low: int, high: int) -> int:
    """Count the readings of stations between two instants (epoch microseconds), both included."""
    devices = [device for station in stations for device in station.device_ids]
    with store.transaction() as connection:
        return int(connection.execute(_COUNT, {"devices": devices, "low": instant(low), "high": instant(high)}).scalar_one())


def find_messages(store: Store, station: Station, sent: Sequence[int]) -> tuple[list[bool], int]:
    """Tell for each message of a gateway, by its instant, whether every reading of it is stored with the value sent.

    Gives also how many readings there are, from the first message to the last, beyond those that were sent.
    """
    if not sent:
        return [], 0
    places = {device: place for place, device in enumerate(station.device_ids)}
    numbers = {micros: number for number, micros in enumerate(sent)}
    good, beyond, before = array("q", [0]) * len(sent), 0, (0, 0)
    with store.transaction() as connection:
        span = {"devices": list(places), "low": instant(sent[0]), "high": instant(sent[-1])}
        for device, micros, value in connection.execute(_ROWS, span):
            number = numbers.get(micros)
            if number is None or (device, micros) == before:
                beyond += 1
            elif value == thousandths(places[device], micros):
                good[number] += 1
            before = (device, micros)
    return [count == len(places) for count in good], beyond
