"""Carrying out what was asked for on the certificates page: the door first, then the role, then the order to the authority."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import Any

from dash.development.base_component import Component
from dash.exceptions import PreventUpdate

from sql import orders
from sql.queries.certificates import of_gateway
from tds_dash import auditing, batches, doors, identities, wording
from tds_dash.certificate_dialogs import OTHER
from tds_dash.certificate_words import REASONS, consequence, effect
from tds_dash.certificates_view import first_day
from tds_dash.components import sentence
from tds_dash.components.dialogs import notice
from tds_dash.identity import account, locale, zone
from tds_dash.rights import require_admin
from tds_dash.wording import t

# Ten seconds is what a revocation may take; the authority itself waits for the broker for nine.
REVOKING_SECONDS = 15.0
LARGEST_PAGE = 10_000
LONGEST_REQUEST = 8_192


def asked_for(asked: object, verbs: tuple[str, ...], name: str) -> Any:
    """Give what a pressed button names; PreventUpdate where another was pressed, or what no page of ours sends."""
    if not isinstance(asked, dict) or asked.get("verb") not in verbs or name not in asked:
        raise PreventUpdate
    return asked[name]


def before_issue(gateway_id: object) -> tuple[Component, str]:
    """Say what a gateway gets, and give its MAC."""
    with doors.transaction() as conn:
        gateway = doors.gateway_for_user(conn, gateway_id)
        require_admin()
        usable = [one for one in of_gateway(conn, gateway.id, datetime.now(UTC)) if one.usable and one.not_after]
    if not usable:
        return sentence("certificates.issue_first", locale(), gateway=gateway.name, mac=gateway.mac), gateway.mac
    until = wording.date(max(one.not_after for one in usable if one.not_after), locale(), zone())
    return sentence("certificates.issue_again", locale(), gateway=gateway.name, until=until), gateway.mac


def before_revoking(serial: object) -> tuple[Component, str]:
    """Say what is revoked and what then happens to its gateway."""
    now = datetime.now(UTC)
    with doors.transaction() as conn:
        one = doors.certificate_for_user(conn, serial)
        require_admin()
        others = [other for other in of_gateway(conn, one.gateway_id, now) if other.usable and other.serial != one.serial]
    until = wording.date(one.not_after, locale(), zone()) if one.not_after else ""
    what = sentence("certificates.revoke_what", locale(), serial=one.serial, gateway=one.gateway, until=until)
    return what, consequence(one, others, zone(), locale())


def revoke(serial: object, reason: object, words: object) -> Component:
    """Have a certificate revoked, and say what the broker made of it; raises Refused."""
    with doors.transaction() as conn:
        one = doors.certificate_for_user(conn, serial)
        require_admin()
        identities.authority_at_work(conn)
        given = words if reason == OTHER else str(reason).replace("_", " ") if reason in REASONS else ""
        order = orders.order_revocation(
            conn, account().id, one.gateway_id, one.serial or "", given if isinstance(given, str) else "", auditing.actor()
        )
    answer = identities.wait_for([order], REVOKING_SECONDS).get(order)
    if answer is None:
        return notice(t("certificates.revoke_waits", locale()), ok=False)
    if answer.state == "refused":
        raise orders.as_refused(answer.outcome)
    found = answer.outcome or {}
    return notice(effect(dict(found), locale()), ok=found.get("effect") != "not_yet")


def preview(contents: object, again: object) -> tuple[Component, int]:
    """Say what a file would do, and for how many gateways; raises Refused where it is no such file."""
    lines = batches.read_upload(contents)
    require_admin()
    with doors.transaction() as conn:
        made = batches.plan(conn, lines, again is True)
    return batches.preview(made), made.good


def keep_file(contents: object, name: object, again: object) -> None:
    """Keep a file as a batch; raises Refused."""
    lines = batches.read_upload(contents)
    require_admin()
    with doors.transaction() as conn:
        batches.keep(conn, name if isinstance(name, str) else "", batches.plan(conn, lines, again is True))


def keep_month(given: object) -> None:
    """Keep the renewals of a month as a batch; raises Refused where there are none."""
    month = first_day(given)
    if month is None:
        raise PreventUpdate
    require_admin()
    with doors.transaction() as conn:
        batches.keep(conn, batches.month_name(month), batches.of_month(conn, month))


def request_text(contents: object) -> str:
    """Read a chosen signing request as text; nothing where it is none."""
    try:
        content = base64.b64decode(str(contents or "").partition(",")[2], validate=True)
    except (ValueError, binascii.Error):
        return ""
    return content[:LONGEST_REQUEST].decode("utf-8", errors="replace").replace("\0", "")


def done(given: object) -> Component:
    """Say what was handed out, as the browser tells it."""
    what = given.get("what") if isinstance(given, dict) else None
    if what not in ("issued", "signed", "received", "broken", "refused") or not isinstance(given, dict):
        raise PreventUpdate
    if what == "refused":
        return notice(str(given.get("message") or "")[:400], ok=False)
    if what in ("received", "broken"):
        return notice(t(f"certificates.{what}", locale()), ok=what == "received")
    return notice(t(f"certificates.{what}_done", locale(), mac=str(given.get("mac") or "")[:17]), ok=True)


def page_number(given: object) -> int:
    """Read which page is asked for; the first for whatever is none."""
    text = str(given) if isinstance(given, int | str) and not isinstance(given, bool) else ""
    return min(max(int(text), 1), LARGEST_PAGE) if text.isascii() and text.isdigit() and len(text) < 8 else 1


def one_of(offered: tuple[str, ...], given: object) -> str:
    """Give what is chosen, the first where that is not on offer."""
    return given if isinstance(given, str) and given in offered else offered[0]
