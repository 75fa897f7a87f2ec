"""Gateways at their first boot in a store: two accounts, who may take what, and gateways that say who they are."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import text

from sql import claims, people, registrations
from sql.audit import Actor
from sql.errors import Refused
from sql.registrations import Known
from tests.conftest import PASSWORD, Database

numbers = itertools.count(1)


@dataclass
class Scene:
    """Two accounts, each with an admin, and a viewer in the first."""

    bench: Database
    mine: int
    theirs: int
    admin: int
    viewer: int
    stranger: int

    def hear(self, mac: str, key: str = "a" * 64, **more: str) -> Known | None:
        told = {"serial_number": "TDS-1", "model": "G8", "firmware": "1.0", "request": "PEM"} | more
        with self.bench.owner.transaction() as connection:
            return registrations.hear(connection, mac=mac, key=key, **told)

    def claim(self, mac: str, serial_number: str = "TDS-1", **more: Any) -> int:
        return claims.claim(self.bench.web, self.mine, Actor("ana@example.com", self.admin), mac, serial_number, **more)

    def run(self, statement: str, **given: Any) -> None:
        with self.bench.owner.transaction() as connection:
            connection.execute(text(statement), given)

    def certify(self, mac: str, serial: str, until: str = "1 year") -> None:
        self.run(
            "INSERT INTO tds.certificate (serial, purpose, common_name, fingerprint, not_before, not_after)"
            " VALUES (:s, 'gateway', :m, 'f', now(), now() + CAST(:u AS interval))",
            s=serial,
            m=mac,
            u=until,
        )


@pytest.fixture(scope="module")
def cast(bench: Database) -> Scene:
    mine, theirs = bench.account("Aurora"), bench.account("Boreal")
    with bench.owner.transaction() as connection:
        admin, viewer, stranger = (
            people.add_user(connection, f"{name}@example.com", account, role, PASSWORD)
            for name, account, role in (("ana", "Aurora", "admin"), ("vera", "Aurora", "viewer"), ("olga", "Boreal", "admin"))
        )
    return Scene(bench, mine, theirs, admin, viewer, stranger)


@pytest.fixture
def scene(cast: Scene) -> Scene:
    """Begin with nobody waiting and nothing missed."""
    cast.run("DELETE FROM tds.registration")
    cast.run("DELETE FROM tds.registration_miss")
    cast.run("DELETE FROM tds.gateway")
    cast.run("DELETE FROM tds.certificate")
    return cast


def new_mac() -> str:
    number = next(numbers)
    return f"02:00:00:00:{number >> 8:02x}:{number & 255:02x}"


def refusal(scene: Scene, *given: Any, **more: Any) -> str:
    with pytest.raises(Refused) as refused:
        scene.claim(*given, **more)
    return refused.value.key
