"""Everything that an account holds, part by part, row by row, for its export."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import Connection

from sql.statements import statements

FILE = "queries/account.sql"
TABLES = (
    "account",
    "members",
    "invitations",
    "gateways",
    "devices",
    "imports",
    "tokens",
    "events",
    "decisions",
    "rejections",
    "certificates",
    "certificate_batches",
    "certificate_orders",
    "registrations",
    "alarm_rules",
    "alarms",
    "alarm_recipients",
    "alarm_messages",
    "report_recipients",
    "report_mails",
    "tariffs",
    "holidays",
    "budgets",
    "invoices",
    "audit",
)
OF_EACH_DEVICE = ("readings", "consumption")
ROWS_AT_ONCE = 2_000


class Part(NamedTuple):
    """One file of an export: of the account, or of one of its devices."""

    what: str
    device: int | None = None
    mac: str = ""
    code: str = ""

    @property
    def name(self) -> str:
        """Give the file's name: devices by gateway, code and number, since a code may be used again after a device was retired."""
        if self.device is None:
            return f"{self.what}.csv"
        code = "".join(one if one.isascii() and (one.isalnum() or one in "-_") else "_" for one in self.code)
        return f"{self.what}/{self.mac.replace(':', '-')}_{code}_{self.device}.csv"


def parts(conn: Connection, account_id: int) -> list[Part]:
    """List the files of an account's export."""
    found = [Part(table) for table in TABLES]
    for row in conn.execute(statements(FILE)["devices"], {"account": account_id}):
        found += [Part(what, row.id, row.gateway_mac, row.code) for what in OF_EACH_DEVICE]
    return found


def rows(conn: Connection, account_id: int, part: Part) -> tuple[list[str], Iterator[list[Any]]]:
    """Give a part's columns and its rows, as they come from the database."""
    given = {"account": account_id} if part.device is None else {"device": part.device}
    result = conn.execution_options(stream_results=True, yield_per=ROWS_AT_ONCE).execute(statements(FILE)[part.what], given)
    return list(result.keys()), (list(row) for row in result)
