"""The authority's journal and the table tds.certificate, kept the same: what one knows, the other learns."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from certs.journal import Journal, Record
from settings import Settings, SettingsError
from sql import audit
from sql.audit import Actor, Entry
from sql.engine import Store, open_store, reason
from sql.errors import StoreUnavailable
from sql.place import has_database
from sql.statements import statements

log = logging.getLogger("tds.certs")
COLUMNS = (
    "serial",
    "purpose",
    "common_name",
    "fingerprint",
    "not_before",
    "not_after",
    "issued_at",
    "issued_by",
    "revoked_at",
    "reason",
)


def sync(settings: Settings, journal: Journal, actor: Actor | None = None) -> str | None:
    """Bring journal and database together; gives the reason in one line where the database cannot take part now.

    Certificates may be made before there is a database, and while it is down: the journal holds, the rows follow.
    Whoever calls this holds the folder. `actor`: who it is that the journal knows by name alone, for the audit.
    """
    try:
        with _store(settings) as store:
            if store is not None:
                exchange(store, journal, actor)
    except (StoreUnavailable, SettingsError) as error:
        return str(error)
    except DBAPIError as error:
        return reason(error)
    return None


def exchange(store: Store, journal: Journal, actor: Actor | None = None) -> None:
    """Write to the database what it lacks, and to the journal the revocations that it lacks."""
    sql, records = statements("certificates.sql"), journal.records()
    with store.transaction() as connection:
        known = {"serials": list(records), "revoked": [record.revoked_at is not None for record in records.values()]}
        lacking = connection.execute(sql["lacking"], known).scalars().all()
        note(connection, [records[serial] for serial in lacking], {actor.name: actor} if actor else {})
        learnt = [Record(**row._mapping, key="", revoked_by="database") for row in connection.execute(sql["revoked"])]
    _learn(journal, records, learnt)


def note(
    connection: Connection, records: Sequence[Record], actors: Mapping[str, Actor], actions: Mapping[str, str] | None = None
) -> None:
    """Write certificates and revocations to the database, each with its line of the audit; known ones change nothing.

    `actors`: by the name that the journal has; `actions`: what is said of a serial instead of `certificate.issued`.
    """
    if not records:
        return
    sql, rows = statements("certificates.sql"), json.dumps([_row(record) for record in records], default=_written)
    issued = set(connection.execute(sql["add"], {"rows": rows}).scalars())
    revoked = set(connection.execute(sql["revoke"], {"rows": rows}).scalars())
    macs = {"macs": [record.common_name for record in records if record.purpose == "gateway"]}
    owners = {row.mac: int(row.account_id) for row in connection.execute(sql["owners"], macs)}
    entries = []
    for record in records:
        owner, name = owners.get(record.common_name), f"{record.common_name} {record.serial}"
        if record.serial in issued:
            after = {"purpose": record.purpose, "until": f"{record.not_after:%Y-%m-%d}"}
            action = (actions or {}).get(record.serial, "certificate.issued")
            entries.append(Entry(owner, _actor(record.issued_by, actors), action, name, after=after))
        if record.serial in revoked:
            by = _actor(record.revoked_by or "", actors)
            entries.append(Entry(owner, by, "certificate.revoked", name, after={"reason": record.reason}))
    audit.write(connection, *entries)


def _actor(name: str, actors: Mapping[str, Actor]) -> Actor:
    if name in actors:
        return actors[name]
    return Actor(name) if "@" in name else Actor(f"{audit.COMMAND_LINE} ({name})" if name else audit.COMMAND_LINE)


def _learn(journal: Journal, records: dict[str, Record], learnt: Iterable[Record]) -> None:
    for record in learnt:
        known = records.get(record.serial)
        if known is None:
            # From a journal that was lost, or restored from an older copy: revoked is revoked.
            journal.issued([record])
        elif known.revoked_at is None and record.revoked_at is not None:
            journal.revoked(record.serial, record.revoked_at, record.reason or "", "database")


@contextmanager
def _store(settings: Settings) -> Iterator[Store | None]:
    """Open the database where there is one; an embedded one that was never made is not made for this."""
    if not has_database(settings):
        yield None
        return
    store = open_store(settings, "owner", pool_size=1)
    try:
        yield store
    finally:
        store.close()


def _row(record: Record) -> dict[str, object]:
    values = asdict(record)
    return {name: values[name] for name in COLUMNS}


def _written(value: object) -> str:
    assert isinstance(value, datetime)
    return value.isoformat()
