"""Registering an unknown device from what it sent, and trying again: the door first, then the role, then the change."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from sqlalchemy import Connection

from sql import adoption, fleet, rejections
from sql.errors import Refused
from sql.rejections import Rejection
from tds_dash import auditing, doors, typed, wording
from tds_dash.components import sentence
from tds_dash.rights import require_editor
from tds_dash.wording import t


def asked_for(asked: object) -> tuple[str, object]:
    """Read which button of which cause was pressed; ("", None) for what no page of ours sends."""
    if not isinstance(asked, dict) or not isinstance(asked.get("verb"), str):
        return "", None
    return asked["verb"], asked.get("rejection")


def filled(conn: Connection, rejection: Rejection, language: str) -> tuple[Any, ...]:
    """Give what the dialog says and holds: the sentence, name and hint, resource, kind, unit and hint, interval and hint."""
    found = adoption.guess(conn, rejection)
    code = rejection.device_code or ""
    every = found.interval or fleet.DeviceSettings._field_defaults["interval"]
    sent_unit = f"{t('adopting.unit_sent', language, unit=found.unit)}. " if found.unit else ""
    lasting = wording.lasting(every, language)
    sent_every = f"{t('adopting.interval_sent', language, interval=lasting)}. " if found.interval else ""
    return (
        sentence("adopting.lead", language, code=code, gateway=rejection.gateway_name or rejection.gateway_mac),
        code,
        t("adopting.name_hint", language),
        found.resource,
        found.kind,
        found.unit,
        f"{sent_unit}{t('adopting.unit_hint', language)}",
        str(every),
        f"{sent_every}{t('adopting.interval_hint', language)}",
    )


def rejection_to_mend(conn: Connection, rejection_id: object) -> Rejection:
    """Give a rejection of the account to somebody who may change it; NotFound for a stranger, 403 for a viewer."""
    rejection = doors.rejection_for_user(conn, rejection_id)
    require_editor()
    return rejection


def adopt(rejection_id: object, name: object, kind: object, resource: object, unit: object, interval: object) -> str:
    """Register the device as it was typed; gives its name. Raises Refused with the reason."""
    with doors.transaction() as conn:
        rejection = rejection_to_mend(conn, rejection_id)
        if kind not in fleet.KINDS or resource not in fleet.RESOURCES:
            raise Refused("choose how the values are meant and what is measured", "device_facts")
        given: dict[str, Any] = {
            "name": typed.line(name) or rejection.device_code,
            "kind": kind,
            "resource": resource,
            "unit": typed.line(unit),
            "interval": seconds(interval),
        }
        adoption.adopt(conn, rejection, **given)
        auditing.note(conn, "device.added", f"{rejection.gateway_mac}/{rejection.device_code}", after=given)
    return str(given["name"])


def try_again(rejection_id: object) -> None:
    """Ask to try again what is like a rejection; raises Refused with the reason."""
    with doors.transaction() as conn:
        rejection = rejection_to_mend(conn, rejection_id)
        rejections.try_again(conn, rejection)
        auditing.note(conn, "rejection.retried", rejection.gateway_mac, after={"reason": rejection.reason})


def seconds(given: object) -> int:
    """Read a number of seconds; raises Refused where it is none."""
    text = typed.line(given) if isinstance(given, str) else str(given)
    digits = text.replace(".", "").replace(",", "").replace("\u00a0", "").replace(" ", "")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 9):
        raise Refused("the interval is between 1 second and 366 days", "device_interval")
    return int(Decimal(digits))
