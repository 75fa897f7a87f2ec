"""Everything that an account holds as one ZIP, written while it is sent."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson

from sql.engine import Store
from sql.queries import account
from sql.queries.account import Part
from tds_dash.api.exports import written
from tds_dash.certificate_routes import Sink

README = """Everything that the account "{name}" held in TDS at {time}.

account.csv, members.csv, ... what people entered and did; readings/ what each device sent, as received;
consumption/ what was derived from it, by UTC hour. Times are ISO 8601; files are UTF-8, separated by commas.
payload_base64 of rejections.csv holds the bytes as they arrived.
"""
Who = tuple[int, int | None]  # account and user


def parts(store: Store, who: Who) -> list[Part]:
    """List the files of the export."""
    with store.transaction(*who) as conn:
        return account.parts(conn, who[0])


def pieces(store: Store, who: Who, wanted: Sequence[Part], name: str) -> Iterator[tuple[int | None, bytes]]:
    """Give the ZIP piece by piece, with the number of parts written whenever one is whole."""
    out = Sink()
    now = datetime.now(UTC)
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(_entry("README.txt", now), README.format(name=name, time=now.isoformat(timespec="seconds")))
        for done, part in enumerate(wanted, start=1):
            with store.transaction(*who) as conn, archive.open(_entry(part.name, now), "w", force_zip64=True) as file:
                columns, rows = account.rows(conn, who[0], part)
                for text in written(columns, ([_plain(cell) for cell in row] for row in rows), spreadsheet=False):
                    file.write(text.encode())
                    yield None, out.drained()
            yield done, out.drained()
    yield None, out.drained()


def _entry(name: str, now: datetime) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name, now.timetuple()[:6])
    made.compress_type = zipfile.ZIP_DEFLATED
    made.external_attr = 0o600 << 16
    return made


def _plain(value: Any) -> Any:
    return orjson.dumps(value).decode() if isinstance(value, dict | list) else value
