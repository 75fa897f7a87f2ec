"""One door per resource: every id that arrives, from a page, a callback or the API, passes here before it is used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from sqlalchemy import Connection

from sql.alarm_recipients import Recipient, find_recipient
from sql.alarm_rules import Rule, find_rule
from sql.alarms import Alarm, find_alarm
from sql.decisions import Event, find_event
from sql.engine import Store
from sql.errors import NotFound
from sql.fleet_editing import DeviceState, GatewayState, device_state, gateway_state
from sql.fleet_import import Import, find_import
from sql.invoices import Invoice, find_invoice
from sql.members import Member, members
from sql.queries.certificates import Batch, Certificate, batch, certificate
from sql.queries.devices import Device, devices
from sql.queries.gateways import Gateway, gateways
from sql.queries.meters import Meter, meters
from sql.rejections import Rejection, find_rejection
from sql.report_recipients import Recipient as ReportRecipient
from sql.report_recipients import find_recipient as find_report_recipient
from sql.tariffs import Tariff, find_tariff
from sql.tokens import Token, find_token
from tds_dash import replicas
from tds_dash.identity import account, person, store

LARGEST_ID = 2**31 - 1
LARGEST_EVENT_ID = 2**63 - 1


@contextmanager
def transaction() -> Iterator[Connection]:
    """Open a transaction that acts for this request's account and person."""
    with store().transaction(account_id=account().id, user_id=person().id) as conn:
        yield conn
        replicas.note(conn)


@contextmanager
def reading() -> Iterator[Connection]:
    """Open one for figures, which nothing can be changed in: at the replica where there is one."""
    with replicas.reading(store(), account().id, person().id) as conn:
        yield conn


def acting() -> tuple[Store, tuple[int, int]]:
    """Give what opens such a transaction once the request is over."""
    return store(), (account().id, person().id)


def device_for_user(conn: Connection, device_id: object) -> Device:
    """Give a device of the account; NotFound for anything else, whether it exists elsewhere or not."""
    return devices_for_user(conn, [device_id])[0]


def devices_for_user(conn: Connection, device_ids: object) -> list[Device]:
    """Give the devices of the account with these ids, a list or a single one; NotFound if any is not one."""
    wanted = {_number(device_id) for device_id in (device_ids if isinstance(device_ids, list) else [device_ids])}
    found = devices(conn, _now(), sorted(wanted))
    if {device.id for device in found} != wanted:
        raise NotFound("there is no such device")
    return found


def meters_for_user(conn: Connection, device_ids: object) -> tuple[list[Meter], set[int]]:
    """Give the account's devices as charts need them, and which of them a list of ids names; NotFound if any names none."""
    wanted = {_number(device_id) for device_id in (device_ids if isinstance(device_ids, list) else [device_ids])}
    known = meters(conn, sorted(wanted))
    if not wanted <= {meter.id for meter in known}:
        raise NotFound("there is no such device")
    return known, wanted


def gateway_for_user(conn: Connection, gateway_id: object) -> Gateway:
    """Give a gateway of the account; NotFound for anything else, whether it exists elsewhere or not."""
    found = gateways(conn, _now(), [_number(gateway_id)])
    if not found:
        raise NotFound("there is no such gateway")
    return found[0]


def device_to_edit(conn: Connection, device_id: object, version: int | None = None, *, hold: bool = False) -> DeviceState:
    """Give a device of the account as whoever edits it sees it, retired ones too; NotFound for anything else."""
    return device_state(conn, _number(device_id), version, hold=hold)


def gateway_to_edit(conn: Connection, gateway_id: object, version: int | None = None, *, hold: bool = False) -> GatewayState:
    """Give a gateway of the account as whoever edits it sees it, retired ones too; NotFound for anything else."""
    return gateway_state(conn, _number(gateway_id), version, hold=hold)


def token_for_user(conn: Connection, token_id: object) -> Token:
    """Give a token of this person, for an administrator of anybody in the account; NotFound for anything else."""
    return find_token(conn, account().id, _number(token_id))


def import_for_user(conn: Connection, import_id: object) -> Import:
    """Give an import of the account; NotFound for anything else."""
    return find_import(conn, _number(import_id))


def event_for_user(conn: Connection, event_id: object) -> Event:
    """Give an event of the account; NotFound for anything else, whether it exists elsewhere or not."""
    return find_event(conn, _number(event_id, LARGEST_EVENT_ID), account().id)


def alarm_for_user(conn: Connection, alarm_id: object) -> Alarm:
    """Give an alarm of the account; NotFound for anything else, whether it exists elsewhere or not."""
    return find_alarm(conn, _number(alarm_id, LARGEST_EVENT_ID), account().id)


def rule_for_user(conn: Connection, rule_id: object) -> Rule:
    """Give an alarm rule of the account; NotFound for anything else."""
    return find_rule(conn, _number(rule_id), account().id)


def recipient_for_user(conn: Connection, recipient_id: object) -> Recipient:
    """Give a recipient of the account's alarms, to somebody who may see it; NotFound for anything else."""
    return find_recipient(conn, _number(recipient_id), account().id)


def report_recipient_for_user(conn: Connection, recipient_id: object) -> ReportRecipient:
    """Give a recipient of the account's monthly reports, to an administrator; NotFound for anything else."""
    return find_report_recipient(conn, account().id, _number(recipient_id))


def certificate_for_user(conn: Connection, serial: object) -> Certificate:
    """Give a certificate of the account's gateways; NotFound for anything else, whether it exists elsewhere or not."""
    if not isinstance(serial, str) or not (serial.isascii() and serial.isalnum() and len(serial) <= 64):
        raise NotFound("there is no such certificate")
    return certificate(conn, serial, _now())


def batch_for_user(conn: Connection, batch_id: object) -> Batch:
    """Give a batch of certificates of the account; NotFound for anything else."""
    return batch(conn, _number(batch_id))


def member_for_user(conn: Connection, user_id: object) -> Member:
    """Give a member of the account; NotFound for anybody else, whether they exist elsewhere or not."""
    number = _number(user_id)
    found = [one for one in members(conn, account().id) if one.id == number]
    if not found:
        raise NotFound("there is no such member")
    return found[0]


def tariff_for_user(conn: Connection, tariff_id: object) -> Tariff:
    """Give a tariff of the account; NotFound for anything else."""
    return find_tariff(conn, _number(tariff_id))


def invoice_for_user(conn: Connection, invoice_id: object, version: int | None = None, *, hold: bool = False) -> Invoice:
    """Give an invoice of the account; NotFound for anything else."""
    return find_invoice(conn, _number(invoice_id), version, hold=hold)


def rejection_for_user(conn: Connection, rejection_id: object) -> Rejection:
    """Give a rejection of the account; NotFound for anything else, whether it exists elsewhere, belongs to nobody, or is gone."""
    return find_rejection(conn, _number(rejection_id, LARGEST_EVENT_ID), account().id)


def _number(value: object, largest: int = LARGEST_ID) -> int:
    """Read an id as it arrives: a whole number or its digits; whatever else it is names nothing."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= largest:
        raise NotFound("there is no such thing")
    return value


def _now() -> datetime:
    return datetime.now(UTC)
