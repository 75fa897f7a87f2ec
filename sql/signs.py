"""What the database knows of processes that run elsewhere: does it take what is written, who stores, who is heard, what is refused."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from sql import engine, orders
from sql.findings import Finding
from sql.statements import statements

FILE = "signs.sql"
# Refused within an hour: from here on somebody should look, though nothing is lost.
MANY = 100
ORDER_PATIENCE = timedelta(minutes=1)


def signs(connection: Connection, client_id: str, now: datetime) -> list[Finding]:
    """Look at all of them, in one transaction of the owner."""
    return [
        _writing(connection),
        _ingester(connection, client_id),
        _gateways(connection, now),
        _rejections(connection),
        _authority(connection, now),
    ]


def _writing(connection: Connection) -> Finding:
    """Write, and take it back: a disk that is full shows only when a file has to grow."""
    trial = connection.begin_nested()
    try:
        connection.execute(statements(FILE)["write_something"])
    except DBAPIError as error:
        return Finding("writing", False, f"the database takes nothing: {engine.reason(error)}")
    finally:
        trial.rollback()
    return Finding("writing", True, "the database takes what is written")


def _ingester(connection: Connection, client_id: str) -> Finding:
    if connection.execute(statements(FILE)["ingester_at_work"], {"client": client_id}).scalar_one():
        return Finding("ingester", True, f"one stores as {client_id}")
    return Finding("ingester", False, f"none stores as {client_id}: is `tds ingest` running, and does it reach the database?")


def _gateways(connection: Connection, now: datetime) -> Finding:
    online, offline, heard = connection.execute(statements(FILE)["gateways"]).one()
    if not online + offline:
        return Finding("gateways", True, "none was ever heard")
    said = f"{offline} of {online + offline} are offline"
    if not online:
        ago = int((now - heard).total_seconds() // 60)
        return Finding(
            "gateways", False, f"all {offline} are offline, the last was heard {ago} min ago: network, broker or ingester"
        )
    return Finding("gateways", True, said if offline else f"all {online} are online", warning=offline > 0)


def _rejections(connection: Connection) -> Finding:
    unkept = connection.execute(statements(FILE)["unkept_lately"]).one_or_none()
    if unkept is not None:
        return Finding(
            "rejections", True, f"{unkept.mac}: {unkept.unkept} refused and not even kept; mend or revoke it", warning=True
        )
    found = connection.execute(statements(FILE)["rejections_lately"]).all()
    if not found:
        return Finding("rejections", True, "none within an hour")
    first, times = found[0], sum(one.times for one in found)
    who = first.mac if first.gateways == 1 else f"{first.gateways} gateways"
    said = f"{times} within an hour, most of them {first.reason} of {who}"
    return Finding("rejections", True, f"{said}: see `tds rejection list`" if times >= MANY else said, warning=times >= MANY)


def _authority(connection: Connection, now: datetime) -> Finding:
    """Look whether somebody carries out what people order in the pages."""
    waiting, since = connection.execute(statements(FILE)["orders_waiting"]).one()
    found = orders.find_authority(connection)
    there = found is not None and found.is_there(now)
    if waiting and now - since > ORDER_PATIENCE:
        why = (
            "it does not carry them out: see its log"
            if there
            else "is `tds broker`, or `tds certs work`, running where the key is?"
        )
        return Finding("orders", False, f"{waiting} wait for the authority since {since:%Y-%m-%d %H:%M} UTC: {why}")
    return Finding(
        "orders", True, "the authority is at work" if there else "no authority is at work, and nothing waits", warning=not there
    )
