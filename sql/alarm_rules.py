"""Rules: what an account wants to hear of. Made, changed and deleted by its editors, each with its line in the audit."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from sqlalchemy import Connection

from sql.alarm_judging import KINDS, METERED
from sql.alarms import FILE, unit_of
from sql.audit import Actor, Entry, changed, write
from sql.device_rules import RESOURCES
from sql.errors import NotFound, Outdated, Refused
from sql.statements import statements

LARGEST, PLACES = Decimal("1e15"), 6
LEAST_PERCENT, MOST_PERCENT = 101, 1000
MOST = 100_000


class Target(NamedTuple):
    """What a rule holds for: a device, all devices of a resource in a unit, a gateway with what is behind it; none of them: everything."""

    device: int | None = None
    gateway: int | None = None
    resource: str | None = None
    unit: str | None = None


class Draft(NamedTuple):
    """A rule as somebody wants it: a limit in units (per hour, of a peak and a base load), or percent of the usual."""

    kind: str
    target: Target
    threshold: Decimal | None = None
    percent: int | None = None


class Rule(NamedTuple):
    """A rule as it is; `unit` is the device's or the one it is for, `open` its open alarms."""

    id: int
    account_id: int
    kind: str
    device_id: int | None
    code: str | None
    device_name: str | None
    gateway_id: int | None
    gateway_mac: str | None
    gateway_name: str | None
    resource: str | None
    unit: str | None
    of_resource: bool
    threshold: Decimal | None
    percent: int | None
    active: bool
    created_at: datetime
    created_by: str
    version: int
    changed_at: datetime | None
    changed_by: str | None
    open: int

    @property
    def unit_shown(self) -> str | None:
        """The unit of its limit."""
        return unit_of(self.kind, self.unit)

    @property
    def target(self) -> str:
        """Name what it holds for, for the audit."""
        if self.device_id is not None:
            return f"{self.gateway_mac}/{self.code}"
        return self.gateway_mac or " ".join(filter(None, (self.resource, self.unit if self.of_resource else ""))) or "*"

    def facts(self) -> dict[str, object]:
        """Give what it says, by the names of the audit."""
        return {"alarm": self.kind, "limit": self.threshold, "percent": self.percent, "active": self.active}

    def document(self) -> dict[str, object]:
        """Give it as programs get it."""
        hidden = ("account_id", "threshold", "code", "unit", "of_resource", "open")
        facts = {name: value for name, value in self._asdict().items() if name not in hidden}
        return {**facts, "device_code": self.code, "limit": self.threshold, "unit": self.unit_shown, "open_alarms": self.open}


def rules(connection: Connection, account_id: int | None, kind: str | None = None) -> list[Rule]:
    """List rules by kind, those of a resource before those of a device."""
    binds = {"account": account_id, "id": None, "kind": kind, "limit": MOST}
    return [Rule(*row) for row in connection.execute(statements(FILE)["rules"], binds)]


def find_rule(connection: Connection, rule_id: int, account_id: int | None = None) -> Rule:
    """Give one rule, of one account where it is given; raises NotFound."""
    binds = {"account": account_id, "id": rule_id, "kind": None, "limit": 1}
    row = connection.execute(statements(FILE)["rules"], binds).one_or_none()
    if row is None:
        raise NotFound(f"there is no rule {rule_id}: `tds alarm rule list` shows them")
    return Rule(*row)


def faults(draft: Draft) -> dict[str, Refused]:
    """Give what is wrong with a rule, by field."""
    found: dict[str, Refused] = {}
    target = draft.target
    named = [one for one in (target.device, target.gateway, target.resource) if one is not None]
    if draft.kind not in KINDS:
        return {"kind": Refused(f"the kind must be {', '.join(KINDS[:-1])} or {KINDS[-1]}", "rule_kind")}
    metered = draft.kind in METERED
    if metered and (len(named) != 1 or target.gateway is not None):
        found["target"] = Refused("such a rule holds for one device, or for all of a resource in a unit", "rule_target")
    elif len(named) > 1 or (draft.kind == "stuck" and target.gateway is not None):
        found["target"] = Refused("such a rule holds for one device, for a resource, or for all", "rule_target")
    elif target.resource is not None and (target.resource not in RESOURCES or (metered and not target.unit)):
        found["target"] = Refused("name a resource, and the unit of its devices", "rule_target")
    if metered:
        found |= _limit_faults(draft)
    elif draft.threshold is not None or draft.percent is not None:
        found["limit"] = Refused("such a rule has no limit", "rule_no_limit")
    return found


def _limit_faults(draft: Draft) -> dict[str, Refused]:
    if draft.percent is not None and draft.kind == "base":
        if draft.threshold is not None:
            return {"limit": Refused("give a limit or a share of the usual, not both", "rule_one_limit")}
        if not LEAST_PERCENT <= draft.percent <= MOST_PERCENT:
            said = f"the share of the usual lies between {LEAST_PERCENT} and {MOST_PERCENT} %"
            return {"percent": Refused(said, "rule_percent", least=LEAST_PERCENT, most=MOST_PERCENT)}
        return {}
    if draft.percent is not None:
        return {"percent": Refused("only a base load has a share of the usual", "rule_no_percent")}
    exact = draft.threshold is not None and draft.threshold == round(draft.threshold, PLACES)
    if draft.threshold is None or not 0 < draft.threshold < LARGEST or not exact:
        return {"limit": Refused("a limit is above 0 and has at most 6 decimals", "rule_limit")}
    return {}


def add_rule(connection: Connection, account_id: int, draft: Draft, actor: Actor) -> Rule:
    """Make a rule; raises Refused with the first thing that is wrong with it."""
    for fault in faults(draft).values():
        raise fault
    if draft.kind in METERED and not metered(connection, account_id, draft.target):
        raise Refused("nothing there is metered in units: a temperature has no consumption", "rule_nothing")
    _refuse_twice(connection, account_id, draft)
    target = draft.target._replace(unit=draft.target.unit if draft.kind in METERED and draft.target.resource else None)
    binds = {"account": account_id, "kind": draft.kind, **target._asdict(), "by": actor.name}
    found = connection.execute(
        statements(FILE)["add_rule"], {**binds, "threshold": draft.threshold, "percent": draft.percent}
    ).scalar_one()
    made = find_rule(connection, int(found), account_id)
    after = {name: value for name, value in made.facts().items() if value is not None}
    write(connection, Entry(account_id, actor, "alarm.rule_added", made.target, after=after))
    return made


def change_rule(
    connection: Connection, rule: Rule, actor: Actor, threshold: Decimal | None, percent: int | None, active: bool
) -> Rule:
    """Change a rule's limit, or switch it off or on; raises Outdated where somebody else has changed it since it was looked at."""
    if connection.execute(statements(FILE)["hold"], {"id": rule.id, "version": rule.version}).scalar() is None:
        find_rule(connection, rule.id, rule.account_id)
        raise Outdated
    target = Target(rule.device_id, rule.gateway_id if rule.device_id is None else None, rule.resource if rule.of_resource else None,
                    rule.unit if rule.of_resource else None)  # fmt: skip
    draft = Draft(rule.kind, target, threshold, percent)
    for fault in faults(draft).values():
        raise fault
    if (threshold, percent) != (rule.threshold, rule.percent):
        _refuse_twice(connection, rule.account_id, draft, rule.id)
    binds = {"id": rule.id, "threshold": threshold, "percent": percent, "active": active}
    connection.execute(statements(FILE)["change_rule"], binds)
    after = find_rule(connection, rule.id, rule.account_id)
    old, new = changed(rule.facts(), after.facts())
    if new:
        write(connection, Entry(rule.account_id, actor, "alarm.rule_changed", rule.target, old, {"alarm": rule.kind, **new}))
    return after


def delete_rule(connection: Connection, rule: Rule, actor: Actor) -> None:
    """Delete a rule, which ends its alarms; they stay in the history."""
    connection.execute(statements(FILE)["drop_rule"], {"id": rule.id})
    before = {name: value for name, value in rule.facts().items() if value is not None}
    write(connection, Entry(rule.account_id, actor, "alarm.rule_deleted", rule.target, before=before))


def metered(connection: Connection, account_id: int, target: Target) -> list[int]:
    """Give the devices that a metered rule would hold for."""
    binds = {"account": account_id, "device": target.device, "resource": target.resource, "unit": target.unit}
    return list(connection.execute(statements(FILE)["metered"], binds).scalars())


def units(connection: Connection, account_id: int) -> list[tuple[str, str, int]]:
    """List what an account meters: resource, unit, and in how many devices."""
    return [(row[0], row[1], int(row[2])) for row in connection.execute(statements(FILE)["units"], {"account": account_id})]


def _refuse_twice(connection: Connection, account_id: int, draft: Draft, but: int = 0) -> None:
    unit = draft.target.unit if draft.kind in METERED and draft.target.resource else None
    target = draft.target._replace(unit=unit)._asdict()
    binds = {"account": account_id, "kind": draft.kind, **target, "threshold": draft.threshold, "percent": draft.percent}
    if connection.execute(statements(FILE)["same"], {**binds, "but": but}).scalar() is not None:
        raise Refused("there is such a rule already", "rule_exists")
