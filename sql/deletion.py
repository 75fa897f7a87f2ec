"""Deleting a whole account, piece by piece, so that nobody else's work waits: devices with their readings, then the rest."""

from __future__ import annotations

import logging
import time
from datetime import timedelta

from sqlalchemy import Connection, Row, text
from sqlalchemy.exc import DBAPIError

from sql import audit, rollups
from sql.audit import Actor, Entry
from sql.engine import Store
from sql.statements import quote_identifier, statements

FILE = "account_orders.sql"
AT_ONCE = 10  # devices of one transaction
PIECE_SECONDS = 2.0
# Batches that an ingester had in hand when the account was closed are stored within seconds.
SETTLING = timedelta(seconds=5)
DEPENDENT_OBJECTS = "2BP01"
log = logging.getLogger(__name__)


def work(store: Store, settling: timedelta = SETTLING) -> bool:
    """Do a piece of the oldest deletion; tells whether there was any."""
    until = time.monotonic() + PIECE_SECONDS
    worked = False
    while True:
        with store.transaction() as connection:
            order = connection.execute(statements(FILE)["next_deletion"], {"settling": settling}).one_or_none()
            if order is None:
                return worked
            if not _delete_devices(connection, order):
                _delete_rest(connection, order)
                return True
        worked = True
        if time.monotonic() > until:
            return True


def _delete_devices(connection: Connection, order: Row[tuple[object, ...]]) -> bool:
    """Delete some devices with everything that was ever measured; tells whether there were any."""
    wanted = {"account": order.account_id, "after": 0, "limit": AT_ONCE}
    devices = [int(one) for one in connection.execute(statements(FILE)["devices_left"], wanted).scalars()]
    for device in devices:
        # The number stands in the statement: so the chunks of a compressed table give up whole batches, unpacked by nobody.
        for table in ("tds.reading", "tds.ledger", *rollups.tables(connection)):
            connection.execute(text(f"DELETE FROM {table} WHERE device_id = {device}"))
        connection.execute(statements(FILE)["drop_dirty"], {"device": device})
        connection.execute(statements(FILE)["drop_device"], {"device": device})
    if devices:
        connection.execute(statements(FILE)["move_deletion"], {"id": order.id, "devices": len(devices)})
    return bool(devices)


def _delete_rest(connection: Connection, order: Row[tuple[object, ...]]) -> None:
    """Delete what is left of an account once its devices are gone, and say in the operator's audit that it was."""
    account = {"account": order.account_id}
    while connection.execute(statements(FILE)["drop_rejections"], account).rowcount:
        pass
    users = list(connection.execute(statements(FILE)["members_of"], account).scalars())
    for login in connection.execute(statements(FILE)["logins"], account).scalars().all():
        drop_role(connection, login)
    connection.execute(statements(FILE)["forget_gateways"], account)
    connection.execute(statements(FILE)["drop_account"], account)
    gone = connection.execute(statements(FILE)["drop_people"], {"users": users}).rowcount
    done = connection.execute(statements(FILE)["finish_deletion"], {"id": order.id})
    log.info("an account was deleted: %d devices", done.rowcount)
    after = {"ordered_at": order.ordered_at, "people": gone}
    audit.write(
        connection, Entry(None, Actor(str(order.ordered_by)), "account.deleted", f"account {order.account_id}", after=after)
    )


def drop_role(connection: Connection, login: str) -> None:
    """Drop the login of a tool, where it is still there: with its sessions, and with whatever it made, which would keep it.

    What it made in another database of the server keeps its name, but nothing else: it can no longer sign in.
    """
    if not connection.execute(statements(FILE)["role_exists"], {"login": login}).scalar():
        return
    name = quote_identifier(login).replace("%", "%%")
    # Only who may act as it may end its sessions and drop what it owns.
    connection.exec_driver_sql(f"GRANT {name} TO CURRENT_USER")
    connection.execute(statements(FILE)["end_sessions"], {"login": login})
    connection.exec_driver_sql(f"DROP OWNED BY {name}")
    try:
        with connection.begin_nested():
            connection.exec_driver_sql(f"DROP ROLE {name}")
    except DBAPIError as error:
        if getattr(error.orig, "pgcode", None) != DEPENDENT_OBJECTS:
            raise
        connection.exec_driver_sql(f"ALTER ROLE {name} NOLOGIN")
        log.warning("the login %s owns something in another database and cannot be dropped: it was closed", login)
