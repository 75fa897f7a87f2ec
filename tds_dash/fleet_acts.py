"""Changing the fleet in the pages: the door first, then the role, then the change, with its line in the audit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dash.exceptions import PreventUpdate
from sqlalchemy import Connection

from sql import fleet_editing as editing
from sql.audit import changed
from sql.device_rules import DeviceSettings
from sql.errors import Refused
from sql.fleet_editing import DeviceState, GatewayState, Weight
from tds_dash import audit_view, auditing, doors, wording
from tds_dash.doors import device_to_edit, gateway_to_edit
from tds_dash.identity import account, locale, zone
from tds_dash.rights import require_admin, require_editor
from tds_dash.wording import t

VERBS = ("new", "edit", "move", "retire", "reinstate", "delete", "undo", "import")


def seen_of(state: DeviceState | GatewayState) -> dict[str, Any]:
    """Give what a dialog keeps of what it was opened with: enough to tell what somebody else changes meanwhile."""
    return {"id": state.id, "version": state.version, "facts": {name: plain(value) for name, value in state.facts().items()}}


def plain(value: object) -> object:
    """Give a fact as the browser keeps it."""
    return value if value is None or isinstance(value, bool | int | str) else str(value)


def version_of(seen: object) -> int:
    """Read which version was looked at; a form that does not say looked at none."""
    version = seen.get("version") if isinstance(seen, dict) else None
    return version if isinstance(version, int) and not isinstance(version, bool) else 0


def id_of(seen: object) -> Any:
    """Read which thing a dialog is about, None for a new one; no update for what no page of ours sends."""
    if not isinstance(seen, dict) or "id" not in seen:
        raise PreventUpdate
    return seen["id"]


def what_changed(state: DeviceState | GatewayState, seen: object) -> str:
    """Say who changed a thing while somebody had it open, when, and what."""
    facts: Any = seen.get("facts") if isinstance(seen, dict) else None
    before: Mapping[str, Any] = facts if isinstance(facts, dict) else {}
    old, new = changed(
        {str(name): value for name, value in before.items()}, {name: plain(v) for name, v in state.facts().items()}
    )
    said = audit_view.details(old, new, locale(), zone()) or t("fleet.elsewhere", locale())
    when = wording.clock(state.changed_at, locale(), zone()) if state.changed_at else ""
    return t("fleet.outdated", locale(), who=state.changed_by or t("audit.command_line", locale()), time=when, what=said)


def device_now(device_id: object) -> DeviceState:
    """Give a device as it is now to somebody who may change it."""
    with doors.transaction() as conn:
        found = device_to_edit(conn, device_id)
    require_editor()
    return found


def gateway_now(gateway_id: object) -> GatewayState:
    """Give a gateway as it is now to somebody who may change it."""
    with doors.transaction() as conn:
        found = gateway_to_edit(conn, gateway_id)
    require_editor()
    return found


def add_device(gateway_id: object, code: str, settings: DeviceSettings) -> DeviceState:
    """Register a device; raises Refused."""
    require_editor()
    if not gateway_id:
        raise Refused("choose a gateway", "gateway_missing")
    with doors.transaction() as conn:
        gateway = gateway_to_edit(conn, gateway_id)
        made = editing.add_device(conn, gateway.id, code, settings)
        auditing.note(conn, "device.added", made.target, after=given(made.facts()))
    return made


def change_device(seen: object, settings: DeviceSettings, active: bool) -> DeviceState:
    """Change a device as it was typed; raises Refused, Outdated where somebody else was faster."""
    with doors.transaction() as conn:
        before = held_device(conn, seen)
        after = editing.change_device(conn, before, settings, active)
        old, new = changed(before.facts(), after.facts())
        if new:
            auditing.note(conn, "device.changed", before.target, old, new)
    return after


def move_device(seen: object, gateway_id: object, code: str) -> DeviceState:
    """Put a device behind another gateway; raises Refused."""
    with doors.transaction() as conn:
        before = held_device(conn, seen)
        if not gateway_id:
            raise Refused("choose a gateway", "gateway_missing")
        target = gateway_to_edit(conn, gateway_id)
        after = editing.move_device(conn, before, target.id, code)
        old, new = ({"gateway": one.mac, "code": one.code} for one in (before, after))
        auditing.note(conn, "device.moved", after.target, *changed(old, new))
    return after


def retire_device(device_id: object, retired: bool) -> DeviceState:
    """Take a device out of use, or back into it; raises Refused."""
    with doors.transaction() as conn:
        before = device_to_edit(conn, device_id, hold=True)
        require_editor()
        if (before.retired_at is not None) != retired:
            editing.retire_device(conn, before, retired)
            auditing.note(
                conn, "device.retired" if retired else "device.reinstated", before.target, after={"name": before.settings.name}
            )
    return before


def delete_device(device_id: object) -> DeviceState:
    """Delete a device and all that is of it; what was ever measured is an administrator's to delete."""
    with doors.transaction() as conn:
        before = device_to_edit(conn, device_id, hold=True)
        require_editor()
        weight = editing.weight_of(conn, [before.id])
        if not weight.nothing:
            require_admin()
        editing.delete_device(conn, before)
        auditing.note(conn, "device.deleted", before.target, before={**given(before.facts()), **weighed(weight)})
    return before


def weight_of_device(device_id: object) -> tuple[DeviceState, Weight]:
    """Say what would go with a device."""
    with doors.transaction() as conn:
        found = device_to_edit(conn, device_id)
        require_editor()
        return found, editing.weight_of(conn, [found.id])


def held_device(conn: Connection, seen: object) -> DeviceState:
    """Hold the device that a dialog is about, in the version that was looked at; for somebody who may change it."""
    device_to_edit(conn, id_of(seen))
    require_editor()
    found = device_to_edit(conn, id_of(seen), version_of(seen), hold=True)
    if found.retired_at is not None:
        raise Refused("the device is retired", "device_out_of_use")
    return found


def add_gateway(mac: str, name: str, capacity: int) -> GatewayState:
    """Register a gateway; raises Refused."""
    require_editor()
    with doors.transaction() as conn:
        made = editing.add_gateway(conn, account().id, mac, name, capacity)
        auditing.note(conn, "gateway.added", made.mac, after=made.facts())
    return made


def change_gateway(seen: object, name: str, capacity: int) -> GatewayState:
    """Change a gateway as it was typed; raises Refused, Outdated where somebody else was faster."""
    with doors.transaction() as conn:
        gateway_to_edit(conn, id_of(seen))
        require_editor()
        before = gateway_to_edit(conn, id_of(seen), version_of(seen), hold=True)
        after = editing.change_gateway(conn, before, name, capacity)
        old, new = changed(before.facts(), after.facts())
        if new:
            auditing.note(conn, "gateway.changed", before.mac, old, new)
    return after


def retire_gateway(gateway_id: object, retired: bool) -> GatewayState:
    """Take a gateway out of use, or back into it; raises Refused."""
    with doors.transaction() as conn:
        before = gateway_to_edit(conn, gateway_id, hold=True)
        require_editor()
        if (before.retired_at is not None) != retired:
            editing.retire_gateway(conn, before, retired)
            action = "gateway.retired" if retired else "gateway.reinstated"
            auditing.note(conn, action, before.mac, after={"name": before.name, "devices": before.devices})
    return before


def delete_gateway(gateway_id: object) -> GatewayState:
    """Delete a gateway with its devices; one that was ever heard is an administrator's to delete."""
    with doors.transaction() as conn:
        before = gateway_to_edit(conn, gateway_id, hold=True)
        require_editor()
        weight = editing.weight_of(conn, editing.devices_behind(conn, before.id))
        if editing.was_heard(conn, before.id) or not weight.nothing:
            require_admin()
        editing.delete_gateway(conn, before)
        auditing.note(
            conn, "gateway.deleted", before.mac, before={**before.facts(), **weighed(weight), "devices": weight.devices}
        )
    return before


def weight_of_gateway(gateway_id: object) -> tuple[GatewayState, Weight, bool]:
    """Say what would go with a gateway, and whether it was ever heard."""
    with doors.transaction() as conn:
        found = gateway_to_edit(conn, gateway_id)
        require_editor()
        weight = editing.weight_of(conn, editing.devices_behind(conn, found.id))
        return found, weight, editing.was_heard(conn, found.id)


def given(facts: Mapping[str, object]) -> dict[str, object]:
    """Leave out what was not said."""
    return {name: value for name, value in facts.items() if value is not None}


def weighed(weight: Weight) -> dict[str, object]:
    """Give what went with something, for the audit."""
    return {"readings": weight.readings, "months": weight.months, "events": weight.events, "decisions": weight.decisions}
