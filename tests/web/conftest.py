"""One world and one application for all web tests; a client for each of the cast."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from sql import people
from sql.attempts import Limit
from tds_dash.factory import create_server
from tests.conftest import copied
from tests.databases import Template
from tests.web.queue import Queue
from tests.web.things import things_of
from tests.web.world import PASSWORD, World


@pytest.fixture(scope="session")
def world(world_template: tuple[Template, World], tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Give the cast and its readings, in a database for all web tests."""
    yield from world_of_its_own(world_template, tmp_path_factory.mktemp("web"))


def world_of_its_own(made: tuple[Template, World], folder: Path) -> Iterator[World]:
    """Copy the world; dropped at the end."""
    for database in copied(made[0], "plain", folder):
        yield replace(made[1], database=database)


@pytest.fixture(scope="module")
def things(world: World) -> Iterator[int]:
    """Give the account one of each thing, for a module; gives the number that all of them have."""
    with things_of(world) as number:
        yield number


@pytest.fixture(scope="session")
def queue(world: World) -> Queue:
    """Add an account whose meters do what has to be reviewed."""
    return Queue.build(world.database)


@pytest.fixture(scope="session")
def server(world: World) -> Flask:
    """Make the application; a quick machine asks its API more often than people and programs may."""
    made = create_server(world.database.settings)
    made.config["TDS_API_RATE"] = Limit(1_000_000, 60)
    return made


@pytest.fixture
def anonymous(server: Flask) -> FlaskClient:
    """Give somebody who is not signed in."""
    return server.test_client()


@pytest.fixture
def sign_in(server: Flask) -> Callable[[str], FlaskClient]:
    """Give a function that signs somebody in."""

    def signed_in(email: str) -> FlaskClient:
        client = server.test_client()
        response = client.post("/login", data={"email": email, "password": PASSWORD})
        assert response.status_code == 302, response.text
        return client

    return signed_in


@pytest.fixture
def admin(sign_in: Callable[[str], FlaskClient]) -> FlaskClient:
    """Give the account's administrator."""
    return sign_in("admin@aurora.example")


@pytest.fixture
def viewer(sign_in: Callable[[str], FlaskClient]) -> FlaskClient:
    """Give somebody of the same account who may only look."""
    return sign_in("viewer@aurora.example")


@pytest.fixture
def stranger(sign_in: Callable[[str], FlaskClient]) -> FlaskClient:
    """Give somebody of another account."""
    return sign_in("stranger@boreal.example")


@pytest.fixture
def newcomer(sign_in: Callable[[str], FlaskClient]) -> FlaskClient:
    """Give somebody whose account is empty."""
    return sign_in("new@empty.example")


@pytest.fixture
def someone(world: World) -> Iterator[str]:
    """Add a viewer for one test; gives their e-mail."""
    email = f"someone{time.monotonic_ns()}@aurora.example"
    with world.database.owner.transaction() as conn:
        people.add_user(conn, email, "Aurora", "viewer", PASSWORD)
    yield email
    with world.database.owner.transaction() as conn:
        conn.execute(text("DELETE FROM tds.app_user WHERE email = :e"), {"e": email})
