"""The nightly round of the elected worker: retention, the check of the books against each other, and mending what differs."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from sql import bands, ledger, rollups, sessions, totals
from sql.engine import Store
from sql.statements import statements

RETENTION = timedelta(days=730)
CHECKED = timedelta(days=62)
DELIVERY_KEPT = timedelta(days=35)
log = logging.getLogger(__name__)


def nightly(store: Store, now: datetime) -> bool:
    """Do tonight's round, unless it was done; tells whether it did."""
    with store.transaction() as connection:
        if connection.execute(statements("upkeep.sql")["take_turn"], {"day": now.date().isoformat()}).scalar() is None:
            return False
    expire(store, now)
    found = check_share(store, now)
    with store.transaction() as connection:
        connection.execute(statements("upkeep.sql")["note_difference"], {"rows": sum(difference.rows for difference in found)})
    return True


def expire(store: Store, now: datetime) -> None:
    """Take out what has been kept long enough; TimescaleDB drops readings by its own policy."""
    with store.transaction() as connection:
        plain = rollups.engine_of(connection) == "plain"
        connection.execute(statements("upkeep.sql")["drop_revised"])
        connection.execute(statements("upkeep.sql")["drop_replays"])
        connection.execute(statements("upkeep.sql")["drop_delivery"], {"oldest": now - DELIVERY_KEPT})
        connection.execute(statements("upkeep.sql")["drop_alarm_messages"], {"oldest": now - DELIVERY_KEPT})
        connection.execute(statements("upkeep.sql")["drop_alarms"])
        sessions.forget(connection)
    expire_rejections(store)
    while plain:
        with store.transaction() as connection:
            if not connection.execute(statements("upkeep.sql")["drop_readings"], {"oldest": now - RETENTION}).rowcount:
                break


def expire_rejections(store: Store) -> None:
    """Take out rejections of more than 90 days ago, in blocks: intake waits for no more than one."""
    gone = True
    while gone:
        with store.transaction() as connection:
            connection.execute(statements("upkeep.sql")["lock_tallies"])
            connection.execute(statements("upkeep.sql")["forget_unkept"])
            gone = bool(connection.execute(statements("upkeep.sql")["drop_rejections"]).rowcount)


def check_share(store: Store, now: datetime) -> list[ledger.Difference]:
    """Compare a thirtieth of the devices' ledger with their readings, and two months of every rollup with the ledger; mend what differs."""
    with store.transaction() as connection:
        devices = connection.execute(statements("upkeep.sql")["nightly_devices"], {"turn": now.toordinal() % 30}).scalars().all()
    found = ledger.verify_ledger(store, devices) + ledger.verify_rollups(store, since=now - CHECKED)
    unlike = ledger.verify_bands(store, since=now - CHECKED)
    apart = ledger.verify_totals(store, since=now - CHECKED)
    found += unlike + apart
    if found:
        log.error("the nightly check found %d differences and mends them: %s", sum(f.rows for f in found), found[:5])
        with store.transaction() as connection:
            ledger.mark_dirty(connection, sorted({f.device_id for f in found if f.check == ledger.LEDGER_CHECK}))
            rollups.mend(connection, sorted({f.device_id for f in found}), now - CHECKED, now)
            bands.mend(connection, sorted({f.device_id for f in unlike}), (now - CHECKED).date(), now.date())
            totals.mend(connection, sorted({f.device_id for f in apart}), now - CHECKED, now)
    return found


def last_difference(connection: Connection) -> int:
    """Give the number of differing rows that the last nightly check found: it must be 0."""
    return int(connection.execute(text("SELECT value FROM tds.meta WHERE key = 'ledger_difference'")).scalar() or 0)
