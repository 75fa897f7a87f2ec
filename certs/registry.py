"""The authority's journal and the table tds.certificate, kept the same: what one knows, the other learns."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime

from sqlalchemy.exc import DBAPIError

from certs.journal import Journal, Record
from settings import Settings, SettingsError
from sql.engine import Store, open_store, reason
from sql.errors import StoreUnavailable
from sql.place import find_place
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


def sync(settings: Settings, journal: Journal) -> str | None:
    """Bring journal and database together; gives the reason in one line where the database cannot take part now.

    Certificates may be made before there is a database, and while it is down: the journal holds, the rows follow.
    Whoever calls this holds the folder.
    """
    try:
        with _store(settings) as store:
            if store is not None:
                exchange(store, journal)
    except (StoreUnavailable, SettingsError) as error:
        return str(error)
    except DBAPIError as error:
        return reason(error)
    return None


def exchange(store: Store, journal: Journal) -> None:
    """Write to the database what it lacks, and to the journal the revocations that it lacks."""
    sql, records = statements("certificates.sql"), journal.records()
    with store.transaction() as connection:
        known = connection.execute(sql["counts"], {"serials": list(records)}).one()
        if (known.issued, known.revoked) != (len(records), sum(r.revoked_at is not None for r in records.values())):
            connection.execute(
                sql["record"], {"rows": json.dumps([_row(record) for record in records.values()], default=_written)}
            )
        learnt = [Record(**row._mapping, key="", revoked_by="database") for row in connection.execute(sql["revoked"])]
    _learn(journal, records, learnt)


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
    if settings.database_url is None and not (find_place(settings).data / "PG_VERSION").exists():
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
