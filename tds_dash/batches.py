"""Certificates for many gateways at once: a file read line by line, what would happen said first, then kept as a batch."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import NamedTuple

from dash import html
from dash.development.base_component import Component
from sqlalchemy import Connection

from certs.lines import Line, read_lines
from sql import orders
from sql.errors import Refused
from sql.queries import certificates
from sql.queries.certificates import NewLine
from tds_dash import auditing, wording
from tds_dash.certificate_words import refusal
from tds_dash.components import sentence
from tds_dash.identity import account, locale
from tds_dash.wording import t

MOST_LINES = 20_000
SHOWN = 20
LONGEST_NAME = 200


class Plan(NamedTuple):
    """What a file would do: the lines that name a gateway and those that do not, each with why."""

    lines: list[NewLine]

    @property
    def good(self) -> int:
        """Count the gateways that get a certificate."""
        return sum(line.gateway_id is not None for line in self.lines)

    @property
    def faulty(self) -> list[NewLine]:
        """Give the lines that cannot be used."""
        return [line for line in self.lines if line.gateway_id is None]


def read_upload(contents: object) -> list[Line]:
    """Read an uploaded file; raises Refused where it is no CSV of gateways."""
    try:
        content = base64.b64decode(str(contents or "").partition(",")[2], validate=True)
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")  # Excel's own, where nobody chose UTF-8
    except (ValueError, binascii.Error) as error:
        raise Refused("this file cannot be read", "not_csv") from error
    lines = read_lines(text.replace("\0", ""))
    if not lines:
        raise Refused("the file names no gateway", "no_lines")
    if len(lines) > MOST_LINES:
        raise Refused(f"more than {MOST_LINES} lines", "too_many_lines", most=MOST_LINES)
    return lines


def plan(conn: Connection, lines: Sequence[Line], again: bool) -> Plan:
    """Find each line's gateway in the account; `again`: also those whose certificate works."""
    known = certificates.gateways_by_mac(conn, [line.mac for line in lines if line.mac], datetime.now(UTC))
    found = []
    for line in lines:
        gateway, fault = known.get(line.mac), line.fault
        if fault is None and gateway is None:
            fault = Refused(f"{line.mac} is no gateway of this account", "not_registered")
        if fault is None and gateway is not None and gateway.certified and not again:
            fault = Refused(f"{line.mac} has a certificate that works", "certified")
        outcome = orders.refusal(fault) if fault is not None else None
        found.append(NewLine(line.number, line.given[:100], gateway.id if gateway and not outcome else None, outcome))
    return Plan(found)


def keep(conn: Connection, name: str, made: Plan) -> int:
    """Keep a batch, to be downloaded; gives its number."""
    if not made.good:
        raise Refused("no line of the file can be used", "no_lines")
    title = "".join(filter(str.isprintable, name)).strip()[:LONGEST_NAME] or "CSV"
    batch = certificates.add_batch(conn, account().id, title, made.lines, auditing.actor())
    auditing.note(conn, "certificate.batch", title, after={"gateways": made.good, "faulty": len(made.faulty)})
    return batch


def of_month(conn: Connection, month: date) -> Plan:
    """Plan the renewals of a month."""
    found = certificates.renewals(conn, datetime.now(UTC), account().timezone, month)
    return Plan([NewLine(number, one.mac, one.gateway_id) for number, one in enumerate(found, 1)])


def month_name(month: date) -> str:
    """Name the batch of a month's renewals."""
    return t("certificates.plan_name", locale(), month=wording.month(month, locale()))


def preview(made: Plan) -> Component:
    """Say what a file would do, its faulty lines first of all."""
    language = locale()
    said: list[Component] = [html.P(t("certificates.batch_ok", language, n=made.good))] if made.good else []
    if not made.good:
        said.append(html.P(t("certificates.batch_nothing", language)))
    if made.faulty:
        items = [html.Li(fault(line)) for line in made.faulty[:SHOWN]]
        if len(made.faulty) > SHOWN:
            items.append(html.Li(t("certificates.batch_more", language, n=len(made.faulty) - SHOWN)))
        said += [html.P(t("certificates.batch_faulty", language, n=len(made.faulty))), html.Ul(items, className="tds-faults")]
    return html.Div(said)


def fault(line: NewLine) -> str:
    """Say why a line cannot be used."""
    why = refusal(orders.as_refused(line.outcome), locale())
    return t("certificates.batch_line", locale(), line=line.line, given=line.given or wording.NOTHING, why=why)


def lead() -> Component:
    """Say what file is wanted."""
    return sentence("certificates.batch_lead", locale())
