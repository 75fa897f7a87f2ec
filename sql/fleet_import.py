"""Devices by the file: what would happen line by line, all of it or none, and taking it back while nothing has been received."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from sql.consumption import plain
from sql.errors import NotFound, Refused
from sql.fleet import kept
from sql.fleet_lines import Line
from sql.statements import statements

FILE = "fleet_import.sql"
NAMED = 3  # devices that a sentence names


class Planned(NamedTuple):
    """One line and what would become of it: behind which gateway, a new one where there is none yet, or why not."""

    line: Line
    gateway_id: int | None
    gateway: str
    fault: Refused | None


class Plan(NamedTuple):
    """What a file would do."""

    lines: list[Planned]

    @property
    def faulty(self) -> list[Planned]:
        """Give the lines that cannot be used."""
        return [one for one in self.lines if one.fault is not None]

    @property
    def good(self) -> int:
        """Count the devices that would be registered."""
        return len(self.lines) - len(self.faulty)

    @property
    def new_gateways(self) -> list[Line]:
        """Give the first usable line of each gateway that would be registered."""
        first: dict[str, Line] = {}
        for one in self.lines:
            if one.fault is None and one.gateway_id is None:
                first.setdefault(one.line.mac, one.line)
        return list(first.values())


class Import(NamedTuple):
    """An import that was carried out; `left`: how many of its devices are still there; `edited`: how many of those were changed since."""

    id: int
    name: str
    gateways: int
    devices: int
    created_at: datetime
    created_by: str
    undone_at: datetime | None
    undone_by: str | None
    left: int
    edited: int


def plan(connection: Connection, lines: Sequence[Line], add_gateways: bool) -> Plan:
    """Say of each line what would become of it; `add_gateways`: gateways that nobody has yet are registered as well."""
    macs = sorted({line.mac for line in lines if line.fault is None})
    known = {row.mac: row for row in connection.execute(statements(FILE)["gateways"], {"macs": macs})}
    elsewhere = set(connection.execute(statements(FILE)["elsewhere"], {"macs": macs}).scalars())
    ids = [row.id for row in known.values()]
    taken = {(row.gateway_id, row.code) for row in connection.execute(statements(FILE)["codes"], {"gateways": ids})}
    held = Counter(gateway for gateway, _ in taken)
    room = {mac: row.capacity - held[row.id] for mac, row in known.items()}
    seen: dict[tuple[str, str], int] = {}
    found = []
    for line in lines:
        gateway = known.get(line.mac)
        fault = line.fault or _fault(line, gateway is not None, elsewhere, add_gateways)
        if fault is None:
            fault = _no_place(line, (gateway.id, line.code) in taken if gateway else False, seen, room)
        name = gateway.name if gateway else line.gateway_name or line.mac
        found.append(Planned(line, gateway.id if gateway else None, name, fault))
    return Plan(found)


def _fault(line: Line, known: bool, elsewhere: set[str], add_gateways: bool) -> Refused | None:
    if known:
        return None
    if line.mac in elsewhere:
        return Refused(f"the gateway {line.mac} is registered already", "mac_taken", mac=line.mac)
    return None if add_gateways else Refused(f"{line.mac} is no gateway of this account", "mac_unknown", mac=line.mac)


def _no_place(line: Line, taken: bool, seen: dict[tuple[str, str], int], room: dict[str, int]) -> Refused | None:
    """Say why a line finds no place behind its gateway; one that does takes it from those after it."""
    if taken:
        return Refused(f"the gateway has a device {line.code} already", "code_taken", code=line.code)
    before = seen.setdefault((line.mac, line.code), line.number)
    if before != line.number:
        return Refused(f"line {before} names the same device", "line_twice", line=before)
    left = room.setdefault(line.mac, line.capacity)
    if left <= 0:
        return Refused("the gateway is full", "gateway_has_no_room")
    room[line.mac] = left - 1
    return None


def carry_out(connection: Connection, account_id: int, name: str, lines: Sequence[Line], add_gateways: bool, by: str) -> Import:
    """Register all that a file names, or raise Refused and nothing of it."""
    macs = sorted({line.mac for line in lines if line.fault is None})
    connection.execute(statements(FILE)["hold"], {"macs": macs})
    made = plan(connection, lines, add_gateways)
    if made.faulty:
        raise Refused(f"{len(made.faulty)} lines cannot be used; nothing was imported", "import_faulty", n=len(made.faulty))
    fresh = made.new_gateways
    title = "".join(filter(str.isprintable, name)).strip()[:200] or "CSV"
    binds = {"account": account_id, "name": title, "gateways": len(fresh), "devices": made.good, "by": by}
    number = int(connection.execute(statements(FILE)["add_import"], binds).scalar_one())
    rows = [{"mac": one.mac, "name": one.gateway_name or one.mac, "capacity": one.capacity} for one in fresh]
    own = {"account": account_id, "import": number}
    try:
        found = connection.execute(statements(FILE)["add_gateways"], {**own, "rows": json.dumps(rows)})
        ids = {str(row.mac): int(row.id) for row in found}
    except IntegrityError:
        raise Refused("a gateway of the file was registered meanwhile", "raced_import") from None
    devices = [_row(one, ids) for one in made.lines]
    connection.execute(statements(FILE)["add_devices"], {**own, "rows": json.dumps(devices)})
    connection.execute(statements(FILE)["count_fleet"])
    return find_import(connection, number)


def _row(one: Planned, ids: dict[str, int]) -> dict[str, object]:
    assert one.line.device is not None
    row = kept(one.line.code, one.line.device)
    numbers = {
        name: plain(row[name]) if row[name] is not None else None for name in ("max_rate", "resolution", "jitter", "modulus")
    }
    return {**row, **numbers, "code": one.line.code, "gateway": one.gateway_id or ids[one.line.mac]}


def imports(connection: Connection, limit: int) -> list[Import]:
    """List the newest imports of the account that the transaction acts for."""
    return [Import(*row) for row in connection.execute(statements(FILE)["imports"], {"limit": limit})]


def find_import(connection: Connection, import_id: int) -> Import:
    """Find an import of the account that the transaction acts for; raises NotFound."""
    row = connection.execute(statements(FILE)["find"], {"id": import_id}).one_or_none()
    if row is None:
        raise NotFound("there is no such import")
    return Import(*row)


def undo(connection: Connection, import_id: int, by: str) -> Import:
    """Take back what came with an import and nothing else; raises Refused where something has been received since."""
    connection.execute(statements(FILE)["hold_import"], {"id": import_id})
    found = find_import(connection, import_id)
    if found.undone_at is not None:
        raise Refused("this import was taken back already", "undone_already")
    for reason in ("received", "heard", "occupied"):
        names = list(connection.execute(statements(FILE)[reason], {"id": import_id}).scalars())
        if names:
            said = ", ".join(names[:NAMED]) + (", …" if len(names) > NAMED else "")
            raise Refused(f"{said}: {reason} since", f"undo_{reason}", n=len(names), names=said)
    came = connection.execute(statements(FILE)["came_with"], {"id": import_id}).all()
    edit = statements("fleet_editing.sql")
    connection.execute(edit["patience"])
    connection.execute(edit["delete_devices"], {"ids": [row.id for row in came if row.what == "device"]})
    for row in came:
        if row.what == "gateway":
            connection.execute(edit["delete_gateway"], {"id": row.id})
    connection.execute(statements(FILE)["note_undone"], {"id": import_id, "by": by})
    return find_import(connection, import_id)
