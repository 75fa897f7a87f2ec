"""One of each thing that an account of the cast may have, all under one number: what a stranger forges names something of ours in whichever table."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal

from sqlalchemy import text

from sql.budgets import Budget
from tds_dash.tariff_acts import number_of
from tests.web.world import World

FROM = date(2026, 1, 1)
# Of a budget the number by which its button names it; everything else is given that one. A holiday is named by its day.
NUMBER = number_of(Budget("gas", FROM, "money", "", Decimal(1)))
HOLIDAY = date(2026, 7, 7).toordinal()
MAC, WORDS = "02:00:00:00:77:01", "Aurora's own"
FILLED = (
    "INSERT INTO tds.app_user (id, email, password_hash) OVERRIDING SYSTEM VALUE VALUES (:n, 'aurora.own@aurora.example', 'x')",
    "INSERT INTO tds.membership VALUES (:n, :account, 'viewer')",
    "INSERT INTO tds.session (id, user_id, address, agent) OVERRIDING SYSTEM VALUE VALUES (:n, :n, '', :words)",
    "INSERT INTO tds.gateway (id, account_id, mac, name) OVERRIDING SYSTEM VALUE VALUES (:n, :account, :mac, :words)",
    "INSERT INTO tds.device (id, account_id, gateway_id, code, name, kind, resource, unit, max_rate) OVERRIDING SYSTEM VALUE"
    " VALUES (:n, :account, :n, 'S1', :words, 'counter', 'gas', 'm³', 100)",
    "INSERT INTO tds.event (id, device_id, kind, at, since, value_before, value_after, correction) OVERRIDING SYSTEM VALUE"
    " VALUES (:n, :n, 'unresolved', now(), now() - interval '1 hour', 2, 1, 0)",
    "INSERT INTO tds.rejection (id, received_at, account_id, gateway_id, mac, device_code, reason, detail, topic, payload, digest) OVERRIDING SYSTEM VALUE"
    " VALUES (:n, now(), :account, :n, :mac, 'S2', 'unknown_device', :words, '', convert_to(:words, 'UTF8'), sha256('x'))",
    "INSERT INTO tds.fleet_import (id, account_id, name, gateways, devices, created_by) OVERRIDING SYSTEM VALUE VALUES (:n, :account, :words, 0, 1, :words)",
    "INSERT INTO tds.token (id, account_id, user_id, name, role, hash, hint, expires_at) OVERRIDING SYSTEM VALUE"
    " VALUES (:n, :account, :n, :words, 'viewer', sha256('own'), 'tds_own', now() + interval '1 day')",
    "INSERT INTO tds.link (id, kind, digest, email, account_id, role, created_by, expires_at) OVERRIDING SYSTEM VALUE"
    " VALUES (:n, 'invitation', sha256('own'), 'aurora.guest@x.example', :account, 'viewer', :words, now() + interval '1 day')",
    "INSERT INTO tds.certificate (serial, purpose, common_name, fingerprint, not_before, not_after, issued_by)"
    " VALUES (:serial, 'gateway', :mac, :words, now(), now() + interval '1 day', :words)",
    "INSERT INTO tds.certificate_batch (id, account_id, name, created_by) OVERRIDING SYSTEM VALUE VALUES (:n, :account, :words, :words)",
    "INSERT INTO tds.certificate_order (id, account_id, batch_id, gateway_id, line, given, kind, state, actor) OVERRIDING SYSTEM VALUE"
    " VALUES (:n, :account, :n, :n, 1, :words, 'issue', 'planned', :words)",
    "INSERT INTO tds.registration (id, mac, serial_number, model, firmware, key, request, state, account_id, gateway_id, decided_at, decided_by)"
    " OVERRIDING SYSTEM VALUE VALUES (:n, :mac, :words, '', '', repeat('7', 64), '', 'allocated', :account, :n, now(), :words)",
    "INSERT INTO tds.tariff (id, account_id, resource, valid_from, name, unit, bands, prices) OVERRIDING SYSTEM VALUE"
    " VALUES (:n, :account, 'gas', :from, :words, 'm³', '{0}', '{1}')",
    "INSERT INTO tds.budget (account_id, resource, month, measure, amount) VALUES (:account, 'gas', :from, 'money', 1)",
    "INSERT INTO tds.holiday (account_id, day, name) VALUES (:account, '2026-07-07', :words)",
    "INSERT INTO tds.invoice (id, account_id, resource, first_day, last_day, quantity, unit, amount, created_by) OVERRIDING SYSTEM VALUE"
    " VALUES (:n, :account, 'gas', '2026-10-01', '2026-10-31', 1, 'm³', 1, :words)",
    "INSERT INTO tds.alarm_rule (id, account_id, kind, device_id, threshold, created_by) OVERRIDING SYSTEM VALUE VALUES (:n, :account, 'daily', :n, 1, :words)",
    "INSERT INTO tds.alarm (id, account_id, rule_id, rule_version, kind, device_id, unit, value, since, opened_at) OVERRIDING SYSTEM VALUE"
    " VALUES (:n, :account, :n, 1, 'daily', :n, 'm³', 1, now(), now())",
    "INSERT INTO tds.alarm_recipient (id, account_id, channel, address, kinds, created_by) OVERRIDING SYSTEM VALUE"
    " VALUES (:n, :account, 'mail', 'aurora.alarms@aurora.example', '{daily}', :words)",
    "INSERT INTO tds.report_recipient (id, account_id, address, locale, day, hour, created_by) OVERRIDING SYSTEM VALUE"
    " VALUES (:n, :account, 'aurora.reports@aurora.example', 'en', 1, 0, :words)",
)
GONE = ("report_recipient", "alarm_recipient", "alarm", "alarm_rule", "invoice", "tariff", "registration", "certificate_order", "certificate_batch", "link",
        "token", "fleet_import", "rejection", "event", "device", "gateway", "app_user")  # fmt: skip


@contextmanager
def things_of(world: World) -> Iterator[int]:
    """Give the administrators' account one of each; gives their number, and takes them away again."""
    given = {"n": NUMBER, "account": world.account, "mac": MAC, "words": WORDS, "serial": str(NUMBER), "from": FROM}
    with world.database.owner.transaction() as conn:
        for statement in FILLED:
            conn.execute(text(statement), given)
    yield NUMBER
    with world.database.owner.transaction() as conn:
        for table in GONE:
            conn.execute(text(f"DELETE FROM tds.{table} WHERE id = :n"), given)
        conn.execute(text("DELETE FROM tds.certificate WHERE serial = :serial"), given)
        for table in ("budget", "holiday"):
            conn.execute(text(f"DELETE FROM tds.{table} WHERE account_id = :account"), given)
