"""What people do on the alarms page: the door first, then the role, then the change with its line in the audit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

from flask import current_app

from post import webhook
from settings import Settings
from sql import alarm_recipients, alarm_rules, alarms
from sql.alarm_judging import KINDS, METERED
from sql.alarm_preview import Preview, preview
from sql.alarm_recipients import Recipient, Wishes, kinds_of
from sql.alarm_rules import Draft, Rule, Target
from sql.alarms import Alarm
from sql.errors import NotFound, Refused
from sql.queries.devices import devices
from sql.queries.fleet import places
from tds_dash import auditing, doors, typed
from tds_dash.identity import account, locale
from tds_dash.rights import require_admin, require_editor
from tds_dash.wording import t

# Beside which field a refusal is said; what has none is said above the button.
PLACES = {
    "rule_kind": "kind", "rule_target": "target", "rule_nothing": "target", "rule_limit": "limit", "rule_one_limit": "limit", "not_a_number": "limit",
    "too_many_decimals": "limit", "rule_percent": "percent", "email_wrong": "address", "webhook_url": "address", "webhook_inside": "address",
    "webhook_https": "address", "recipient_exists": "address", "recipient_kinds": "kinds", "recipient_quiet": "quiet",
}  # fmt: skip


def alarm_to_note(alarm_id: object) -> Alarm:
    """Give an alarm of the account to somebody who may take note of it; NotFound for a stranger, 403 for a viewer."""
    with doors.transaction() as conn:
        found = doors.alarm_for_user(conn, alarm_id)
        require_editor()
        return found


def acknowledge(alarm_id: object, note: object) -> Alarm:
    """Take note of an alarm; raises Refused where somebody else was faster."""
    with doors.transaction() as conn:
        found = doors.alarm_for_user(conn, alarm_id)
        require_editor()
        return alarms.acknowledge(conn, found, auditing.actor(), note if isinstance(note, str) else "")


def offered(kind: str) -> list[dict[str, Any]]:
    """Offer what a rule of a kind may be for, the widest first."""
    language = locale()
    with doors.transaction() as conn:
        known = [one for one in devices(conn, datetime.now(UTC)) if one.kind != "gauge" or kind not in METERED]
        units, gateways = alarm_rules.units(conn, account().id), places(conn) if kind == "silence" else []
    found: list[tuple[str, str]] = []
    if kind in METERED:
        for resource, unit, n in units:
            words = {"resource": t(f"resource.{resource}", language).lower(), "unit": unit}
            found.append((f"r:{resource}:{unit}", t("alarms.target_resource_unit", language, n=n, **words)))
    else:
        found.append(("all", t("alarms.target_all", language)))
        for resource in sorted({one.resource for one in known}):
            found.append(
                (f"r:{resource}:", t("alarms.target_resource", language, resource=t(f"resource.{resource}", language).lower()))
            )
    found += [(f"g:{one.id}", t("alarms.target_gateway", language, name=one.name)) for one in gateways]
    found += [(f"d:{one.id}", t("alarms.target_device", language, name=one.name, gateway=one.gateway_name)) for one in known]
    return [{"value": value, "label": label} for value, label in found]


def target_of(given: object) -> Target:
    """Read what a rule is for, every id through its door; raises Refused where nothing was chosen."""
    if not isinstance(given, str) or not given:
        raise Refused("choose what the rule is for", "rule_target")
    what, _, rest = given.partition(":")
    if what == "all":
        return Target()
    if what == "r":
        resource, _, unit = rest.partition(":")
        return Target(resource=resource[:20], unit=unit[:16] or None)
    with doors.transaction() as conn:
        if what == "g":
            return Target(gateway=doors.gateway_for_user(conn, rest).id)
        if what == "d":
            return Target(device=doors.device_for_user(conn, rest).id)
    raise NotFound("there is no such thing")


def draft_of(kind: object, target: object, limit: object, percent: object) -> tuple[Draft | None, dict[str, Refused]]:
    """Read a rule as it was typed, with what is wrong beside each field."""
    found: dict[str, Refused] = {}
    name = kind if isinstance(kind, str) and kind in KINDS else ""
    goal = Target()
    try:
        goal = target_of(target)
    except Refused as error:
        found["target"] = error
    limits = limits_of(name, limit, percent, found)
    draft = Draft(name, goal, *limits)
    found = {**alarm_rules.faults(draft), **found}
    return (None if found else draft), found


def limits_of(kind: str, limit: object, percent: object, found: dict[str, Refused]) -> tuple[Decimal | None, int | None]:
    """Read limit and percent; what a kind does not have is not read."""
    if kind not in METERED:
        return None, None
    share = str(percent).strip() if percent is not None else ""
    text = typed.line(limit)
    if kind == "base" and share:
        if not (share.isascii() and share.isdigit() and len(share) <= 5):
            found["percent"] = Refused("no share", "rule_percent", least=alarm_rules.LEAST_PERCENT, most=alarm_rules.MOST_PERCENT)
            return None, None
        return (typed.register(text, locale()) if text and _is_number(text, found) else None), int(share)
    if text and not _is_number(text, found):
        return None, None
    return (typed.register(text, locale()) if text else None), None


def _is_number(text: str, found: dict[str, Refused]) -> bool:
    try:
        typed.register(text, locale())
    except Refused:
        found["limit"] = Refused("a limit is a number", "rule_limit")
        return False
    return True


def look_ahead(draft: Draft, now: datetime) -> tuple[Preview, dict[int, tuple[str, str]]]:
    """Say what a rule would have done, with the names of the devices that it would have done it to."""
    with doors.transaction() as conn:
        found = preview(conn, account().id, draft, account().timezone, now)
        ids = sorted({hit.device_id for hit in found.hits[-5:]} | ({draft.target.device} if draft.target.device else set()))
        names = {one.id: (one.name, one.unit) for one in devices(conn, now, ids)} if ids else {}
    return found, names


def rule_to_edit(rule_id: object) -> Rule:
    """Give a rule of the account to somebody who may change it."""
    with doors.transaction() as conn:
        found = doors.rule_for_user(conn, rule_id)
        require_editor()
        return found


def add_rule(draft: Draft) -> Rule:
    """Make a rule; raises Refused."""
    require_editor()
    with doors.transaction() as conn:
        return alarm_rules.add_rule(conn, account().id, draft, auditing.actor())


def change_rule(rule_id: object, version: object, threshold: Decimal | None, percent: int | None) -> Rule:
    """Change a rule's limit, unless somebody else has changed it since it was looked at."""
    with doors.transaction() as conn:
        found = doors.rule_for_user(conn, rule_id)
        require_editor()
        seen = found._replace(version=version if isinstance(version, int) else 0)
        return alarm_rules.change_rule(conn, seen, auditing.actor(), threshold, percent, found.active)


def switch_rule(rule_id: object, active: bool) -> Rule:
    """Switch a rule off or on."""
    with doors.transaction() as conn:
        found = doors.rule_for_user(conn, rule_id)
        require_editor()
        return alarm_rules.change_rule(conn, found, auditing.actor(), found.threshold, found.percent, active)


def delete_rule(rule_id: object) -> Rule:
    """Delete a rule."""
    with doors.transaction() as conn:
        found = doors.rule_for_user(conn, rule_id)
        require_editor()
        alarm_rules.delete_rule(conn, found, auditing.actor())
        return found


def recipient_to_edit(recipient_id: object) -> Recipient:
    """Give a recipient of the account to an administrator."""
    require_admin()
    with doors.transaction() as conn:
        return doors.recipient_for_user(conn, recipient_id)


def wishes_of(kinds: object, closings: object, low: object, high: object) -> Wishes:
    """Read what a recipient wants to hear."""
    chosen = kinds_of([str(one) for one in kinds]) if isinstance(kinds, Sequence) and not isinstance(kinds, str) else ()
    wishes = Wishes(chosen, closings is True, *(_clock(one) for one in (low, high)))
    alarm_recipients.check_wishes(wishes)
    return wishes


def _clock(given: object) -> time | None:
    text = typed.line(given)
    try:
        return time.fromisoformat(text).replace(second=0, microsecond=0, tzinfo=None) if text else None
    except ValueError:
        raise Refused("that is no time of day", "recipient_quiet") from None


def add_recipient(channel: object, address: object, wishes: Wishes) -> tuple[Recipient, str | None]:
    """Name a recipient; gives a webhook's secret, this once. Raises Refused."""
    require_admin()
    where = typed.line(address)
    if channel == "webhook":
        settings: Settings = current_app.config["TDS"]
        webhook.checked_url(where, settings.webhook_networks or ())
    with doors.transaction() as conn:
        return alarm_recipients.add_recipient(conn, account().id, str(channel), where, wishes, auditing.actor())


def change_recipient(recipient_id: object, version: object, wishes: Wishes) -> Recipient:
    """Change what a recipient hears."""
    require_admin()
    with doors.transaction() as conn:
        found = doors.recipient_for_user(conn, recipient_id)
        seen = found._replace(version=version if isinstance(version, int) else 0)
        return alarm_recipients.change_recipient(conn, seen, wishes, True, auditing.actor())


def remove_recipient(recipient_id: object) -> Recipient:
    """Tell a recipient no more."""
    require_admin()
    with doors.transaction() as conn:
        found = doors.recipient_for_user(conn, recipient_id)
        alarm_recipients.delete_recipient(conn, found, auditing.actor())
        return found


def try_recipient(recipient_id: object) -> Recipient:
    """Have a trial message sent."""
    require_admin()
    with doors.transaction() as conn:
        found = doors.recipient_for_user(conn, recipient_id)
        alarm_recipients.try_out(conn, found, auditing.actor())
        return found
