"""Figures from a streaming replica: how old they are is said, and the primary takes over where it is gone, strange or behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text

from sql import fleet, health, ledger, people, tokens
from sql.engine import database_url
from sql.migrate import migrate
from sql.replica import Replica
from tds_dash.factory import create_server
from tests.conftest import opened
from tests.databases import PASSWORD, execute
from tests.faults.cell import wait_for
from tests.faults.doomed import servers
from tests.recovery.follower import Followed
from tests.web import dash

MAC = "02:00:00:00:00:01"


class Site:
    """A primary with an account, a meter and a person; its replica; the pages that read from it."""

    def __init__(self, followed: Followed, engine: str) -> None:
        self.followed = followed
        self.database = opened(engine, followed.url, followed.folder)
        migrate(self.database.settings)
        self.account = self.database.account("Aurora")
        with self.database.owner.transaction() as conn:
            fleet.add_gateway(conn, MAC, "Aurora")
            self.device = fleet.add_device(conn, MAC, "D01", kind="counter", resource="electricity", unit="kWh", interval=3600)
            people.add_user(conn, "admin@aurora.example", "Aurora", "admin", PASSWORD)
        self.start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - timedelta(hours=40)
        self.hours = 0
        self.read(5)
        followed_url = followed.start(followed.copy("replica", "--write-recovery-conf"))
        web = urlsplit(database_url(self.database.settings, "web"))
        port = urlsplit(followed_url).port
        self.url = web._replace(netloc=f"{web.netloc.rpartition('@')[0]}@127.0.0.1:{port}").geturl()
        self.superuser = urlsplit(followed.server.superuser_url())
        self.superuser_url = self.superuser._replace(
            netloc=f"{self.superuser.netloc.rpartition('@')[0]}@127.0.0.1:{port}"
        ).geturl()
        self.server = self.serve(f"postgresql://127.0.0.1:{port}{web.path}")

    def read(self, hours: int) -> None:
        """Store readings of so many more hours, a kWh each, and work them off."""
        with self.database.owner.transaction() as conn:
            for _ in range(hours):
                self.hours += 1
                at = self.start + timedelta(hours=self.hours)
                conn.execute(
                    text("INSERT INTO tds.reading VALUES (:d, :t, :v)"), {"d": self.device, "t": at, "v": Decimal(self.hours)}
                )
            low = self.start + timedelta(hours=self.hours - hours + 1)
            conn.execute(
                text("INSERT INTO tds.dirty (device_id, low, high) VALUES (:d, :l, :h)"), {"d": self.device, "l": low, "h": at}
            )
        ledger.drain(self.database.owner)

    def serve(self, url: str) -> Flask:
        return create_server(replace(self.database.settings, database_read_url=url))

    def follower(self, url: str) -> Replica:
        return Replica(replace(self.database.settings, database_read_url=url), self.database.web)

    def pause(self, paused: bool) -> None:
        execute(self.superuser_url, f"SELECT pg_wal_replay_{'pause' if paused else 'resume'}()")

    def caught_up(self) -> None:
        """Wait until the replica has everything, and the pages know it."""
        replica: Replica = self.server.extensions["tds_replica"]
        wait_for(lambda: replica.look().age == 0.0, what=lambda: str(replica._last))
        replica._resting_until = 0


@pytest.fixture(scope="module", params=servers())
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """One primary and one replica for the module, on each engine that this machine can start."""
    followed = Followed(request.param)
    made = None
    try:
        made = Site(followed, request.param)
        yield made
    finally:
        if made is not None:
            made.database.close()
        followed.close()


@pytest.fixture
def client(site: Site) -> Iterator[FlaskClient]:
    """Somebody signed in, with the replica up to date; it follows again at the end."""
    site.caught_up()
    client = site.server.test_client()
    assert client.post("/login", data={"email": "admin@aurora.example", "password": PASSWORD}).status_code == 302
    yield client
    if site.followed.running:
        site.pause(False)


def shown(client: FlaskClient) -> Decimal:
    """Give what the account consumed, as a program is told it."""
    answer = client.get("/api/v1/consumption?step=hour")
    assert answer.status_code == 200, answer.text
    return sum((Decimal(str(row["consumption"])) for row in answer.json if row["consumption"] is not None), Decimal(0))


def old(client: FlaskClient) -> str:
    """Give the line about the age of the figures that every page has."""
    return str(dash.answer(dash.call(client, "shell-old.children"))["shell-old"]["children"])


def test_figures_come_from_the_replica_and_say_when_they_are_old(
    site: Site, client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = shown(client)
    assert before == site.hours - 1
    assert old(client) == ""
    site.pause(True)
    site.read(1)
    assert shown(client) == before, "what the replica does not know yet is not shown: it is where figures are read"
    monkeypatch.setattr("tds_dash.replicas.OLD_SECONDS", 0.0)
    replica: Replica = site.server.extensions["tds_replica"]
    wait_for(lambda: (replica.look().age or 0) > 0.5)
    assert " s old: they come from a copy" in old(client) or " s de atraso" in old(client)
    with monkeypatch.context() as only:  # further behind than anybody would believe
        only.setattr("sql.replica.OLDEST_SECONDS", 0.2)
        assert "its data are " in str(replica.look().fault)
        assert shown(client) == before + 1
        assert old(client) == ""
    replica.look()
    metrics = site.server.test_client().get("/metrics").text
    assert "tds_replica_used 1.0" in metrics
    assert float(next(line for line in metrics.splitlines() if line.startswith("tds_replica_age_seconds ")).split()[1]) > 0
    site.pause(False)
    site.caught_up()
    assert shown(client) == before + 1


def test_whoever_changes_something_sees_it(site: Site, client: FlaskClient) -> None:
    site.pause(True)
    site.read(1)
    assert shown(client) == site.hours - 2
    invoice = {
        "resource": "electricity",
        "first_day": "2026-01-01",
        "last_day": "2026-01-31",
        "quantity": "1",
        "unit": "kWh",
        "amount": "2",
    }
    made = client.post("/api/v1/invoices", json=invoice)
    assert made.status_code == 201, made.text
    assert shown(client) == site.hours - 1, "until the replica has what was changed, the primary is read"
    other = site.server.test_client()
    assert other.post("/login", data={"email": "admin@aurora.example", "password": PASSWORD}).status_code == 302
    assert shown(other) == site.hours - 2
    # A program with a token, too, if it sends back the answer's cookie, as any client with a jar.
    with site.database.owner.transaction() as conn:
        person = conn.execute(text("SELECT id FROM tds.app_user")).scalar_one()
        token, _ = tokens.add_token(conn, site.account, person, "a program", "admin", "admin", 1)
    bearer = {"Authorization": f"Bearer {token}"}
    for kept, hours, month in ((True, site.hours - 1, "02"), (False, site.hours - 2, "03")):
        program = site.server.test_client(use_cookies=kept)
        program.environ_base.update({f"HTTP_{name.upper()}": value for name, value in bearer.items()})
        assert shown(program) == site.hours - 2
        invoice |= {"first_day": f"2026-{month}-01", "last_day": f"2026-{month}-28"}
        assert program.post("/api/v1/invoices", json=invoice).status_code == 201
        assert shown(program) == hours
    site.pause(False)
    site.caught_up()
    assert shown(client) == site.hours - 1


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (lambda site: database_url(site.database.settings, "web"), "follows nobody"),
        (lambda site: site.followed.server.superuser_url(), "another database, not to a replica of this one"),
        (lambda site: urlsplit(site.superuser_url)._replace(path="/tds").geturl(), "signs in as postgres"),
        (lambda site: "postgresql://tds_web:x@127.0.0.1:1/tds", "it does not answer"),
    ],
    ids=["the primary", "another database", "another login", "nobody"],
)  # fmt: skip
def test_what_is_no_replica_of_ours_is_left_alone(
    site: Site, url: Callable[[Site], str], said: str, caplog: pytest.LogCaptureFixture
) -> None:
    site.caught_up()
    given = url(site)
    seen = site.follower(given).look()
    assert seen.fault is not None
    assert said in seen.fault
    assert said in caplog.text
    caplog.clear()
    findings = {one.check: one for one in health.health(replace(site.database.settings, database_read_url=given))}
    assert caplog.text == "", "the doctor says it itself"
    assert not findings["replica"].ok
    assert said in findings["replica"].detail


def test_the_primary_takes_over_when_the_replica_is_gone(site: Site, client: FlaskClient) -> None:
    """Last in this file: the replica is killed."""
    assert shown(client) == site.hours - 1
    assert health.health(replace(site.database.settings, database_read_url=site.url))[-2][:2] == ("replica", True)
    site.followed.stop()
    site.read(1)
    assert shown(client) == site.hours - 1
    assert old(client) == ""
    replica: Replica = site.server.extensions["tds_replica"]
    assert "does not answer" in str(replica.look().fault)
    assert "tds_replica_used 0.0" in site.server.test_client().get("/metrics").text
