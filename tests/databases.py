"""Databases for tests: copies of one that was migrated, on each server once a run."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg2

import settings as settings_module
from sql.engine import derived_url
from sql.migrate import migrate

PASSWORD = "correct horse battery"


@dataclass(frozen=True)
class Template:
    """A migrated database of a server, to be copied: that takes a quarter of the time of migrating another."""

    server: str
    name: str
    roles: str
    strategy: str

    @classmethod
    def make(cls, server: str, folder: Path, strategy: str = "WAL_LOG") -> Template:
        """Migrate a database of its own."""
        name = new_name()
        migrate(settings_module.load({"TDS_STATE_DIR": str(folder), "TDS_DATABASE_URL": create_database(server, name)}))
        return cls(server, name, name, strategy).of(name)

    def of(self, name: str) -> Template:
        """Give a copy of this one as a template of its own; from now on nobody can connect to it."""
        # Whoever is still connected, such as a background worker of TimescaleDB, would be in the way of every copy.
        ended = f"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = '{name}'"
        execute(self.server, f"ALTER DATABASE {name} ALLOW_CONNECTIONS false", ended)
        return replace(self, name=name)

    def copy(self) -> tuple[str, str]:
        """Copy it; gives name and URL. All copies have the template's owner, and logins of their own, named as migrating names them."""
        name = new_name()
        url = owner_url(self.server, self.roles, name)
        logins = [urlsplit(derived_url(url, role)) for role in ("ingest", "web")]
        execute(
            self.server,
            f"CREATE DATABASE {name} TEMPLATE {self.name} OWNER {self.roles}_owner STRATEGY {self.strategy}",
            f"SET ROLE {self.roles}_owner",
            *(
                f"CREATE ROLE {unquote(login.username or '')} LOGIN PASSWORD '{login.password}' IN ROLE {self.roles}_{role};"
                f"GRANT CONNECT, TEMPORARY ON DATABASE {name} TO {unquote(login.username or '')}"
                for role, login in zip(("ingest", "web"), logins, strict=True)
            ),
        )
        return name, url

    def drop(self) -> None:
        """Drop the database and its logins, when all copies are gone."""
        drop_database(self.server, self.name)


def new_name() -> str:
    """Give a name that no other database has."""
    return f"t{uuid.uuid4().hex[:10]}"


def create_database(server: str, name: str) -> str:
    """Create a database with an owner of its own who is no superuser; gives the owner's URL."""
    execute(
        server, f"CREATE ROLE {name}_owner LOGIN CREATEROLE PASSWORD '{PASSWORD}'", f"CREATE DATABASE {name} OWNER {name}_owner"
    )
    return owner_url(server, name, name)


def owner_url(server: str, roles: str, name: str) -> str:
    """Give the URL of a database's owner."""
    host = urlsplit(server).netloc.rpartition("@")[2]
    return f"postgresql://{roles}_owner:{PASSWORD.replace(' ', '%20')}@{host}/{name}"


def drop_database(server: str, name: str) -> None:
    """Drop a test's database and logins, whoever is still connected."""
    execute(
        server,
        f"DROP DATABASE IF EXISTS {name} WITH (FORCE)",
        *(f"DROP ROLE IF EXISTS {name}_{role}" for role in ("ingest", "web", "owner")),
    )


def execute(server: str, *commands: str) -> None:
    """Run commands as the superuser, each in a transaction of its own."""
    connection = psycopg2.connect(server)
    connection.autocommit = True
    with connection.cursor() as cursor:
        for command in commands:
            cursor.execute(command)
    connection.close()
