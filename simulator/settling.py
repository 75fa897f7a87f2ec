"""The demo world in the database: registered once, found again at every later start."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import Connection, text

from simulator import costs
from simulator.history import Wanted
from simulator.world import Device, Gateway, World, build_world, history_start
from sql import fleet, people
from sql.engine import Store

RECORDED_BY = "demo@tds.example"  # who belongs to every account of the demo


class Settled(NamedTuple):
    """The demo as the database knows it: the world, where each device's readings end, whether it was made just now."""

    world: World
    wanted: list[Wanted]
    fresh: bool


def settle(store: Store, months: int, password: str, now: datetime) -> Settled:
    """Register the demo world in one transaction, or find the one registered before, with the length it had then."""
    with store.transaction() as connection:
        connection.execute(text("LOCK TABLE tds.meta IN SHARE ROW EXCLUSIVE MODE"))
        known = connection.execute(text("SELECT value FROM tds.meta WHERE key = 'demo'")).scalar()
        if known is None:
            world = build_world(now, months)
            _register(connection, world, password)
            costs.price(connection, world)
            facts = json.dumps({"anchor": now.isoformat(), "months": months})
            connection.execute(text("INSERT INTO tds.meta (key, value) VALUES ('demo', :facts)"), {"facts": facts})
        else:
            facts = json.loads(known)
            world = build_world(datetime.fromisoformat(facts["anchor"]).astimezone(UTC), facts["months"])
            _renew_passwords(connection, world, password)
        return Settled(world, _wanted(connection, world), known is None)


def _register(connection: Connection, world: World, password: str) -> None:
    for account in world.accounts:
        part = account.part
        fleet.add_account(connection, part.name, timezone=part.timezone, locale=part.locale, currency=part.currency)
        for gateway in account.gateways:
            fleet.add_gateway(connection, gateway.mac, part.name, name=gateway.name)
            for device in gateway.devices:
                _add_device(connection, gateway, device)
    for person in world.people:
        for name, role in person.roles:
            people.add_user(connection, person.email, name, role, password)


def _add_device(connection: Connection, gateway: Gateway, device: Device) -> None:
    part = device.part
    device_id = fleet.add_device(
        connection,
        gateway.mac,
        device.code,
        kind=device.kind,
        resource=part.resource,
        unit=part.unit,
        name=part.name,
        resolution=part.resolution,
        modulus=device.modulus,
    )
    change = device.replacement
    if change is not None:
        connection.execute(
            text(
                "INSERT INTO tds.decision (device_id, kind, at, final, initial, decided_by)"
                " VALUES (:device, 'replacement', :at, :final, :initial, :by)"
            ),
            {"device": device_id, "by": RECORDED_BY, **change._asdict()},
        )


def _renew_passwords(connection: Connection, world: World, password: str) -> None:
    """Have the password that is printed be the one that opens, also where the state folder is a new one."""
    if people.check_password(people.find_for_sign_in(connection, world.people[0].email), password):
        return
    connection.execute(
        text("UPDATE tds.app_user SET password_hash = :hash, disabled_at = NULL WHERE email = any(:emails)"),
        {"hash": people.hash_password(password), "emails": [person.email for person in world.people]},
    )


def _wanted(connection: Connection, world: World) -> list[Wanted]:
    """Give the devices that are still registered, each with the second after its newest reading."""
    rows = connection.execute(
        text(
            "SELECT g.mac, d.code, d.id, s.time FROM tds.device d JOIN tds.gateway g ON g.id = d.gateway_id"
            " LEFT JOIN tds.device_seen s ON s.device_id = d.id WHERE d.retired_at IS NULL AND g.retired_at IS NULL"
        )
    )
    known = {(mac, code): (device_id, seen) for mac, code, device_id, seen in rows}
    wanted = []
    for account, gateway, device in world.devices():
        if (gateway.mac, device.code) in known:
            device_id, seen = known[gateway.mac, device.code]
            start = history_start(world.anchor, world.months, account.part.timezone)
            wanted.append(Wanted(device, device_id, start if seen is None else int(seen.timestamp()) + 1))
    return wanted
