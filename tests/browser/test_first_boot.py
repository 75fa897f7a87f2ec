"""A gateway at its first boot, in Chromium with everything real: from its registration over MQTT to its first reading on its page."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from certs.bootstrap import issue_bootstrap
from certs.setup import ensure_authority
from settings import Settings
from simulator.first_boot import Batch, Label, Newcomer
from simulator.gateway import Identity, Shown, encode, tls_context
from simulator.ports import is_subscribed
from sql import people, registrations
from tests.broker.lab import Client, wait_until
from tests.browser.conftest import ROOT, settle, visit
from tests.ports import free_port
from tests.web.world import PASSWORD, World

Open = Callable[..., Page]
ADMIN = "admin@salvia.example"
LABEL = Label("02:00:00:00:fc:01", "SN-77 <b>", "G8 <script>alert(1)</script>", "2.0 & up")
MARGIN = 1.0


@pytest.fixture(scope="module")
def settings(world: World, address: str) -> Iterator[Settings]:
    """Run both brokers, the authority and the ingester as they are run in earnest, beside the pages."""
    database = world.database
    ports = {"mqtt_port": free_port(), "bootstrap_port": free_port(), "ingest_port": free_port()}
    made = replace(database.settings, mqtt_host="127.0.0.1", **ports)
    database.account("Salvia", locale="en")
    with database.owner.transaction() as conn:
        people.add_user(conn, ADMIN, "Salvia", "admin", PASSWORD)
    ensure_authority(made)
    issue_bootstrap(made, "2026-b").zip_bytes()
    with ExitStack() as running:
        for name, command in (("broker", ["broker"]), ("bootstrap", ["broker", "--bootstrap"]), ("ingest", ["ingest"])):
            running.enter_context(process(made, name, command))
        log = made.state_dir / "first-boot-broker.log"
        assert wait_until(lambda: is_subscribed("127.0.0.1", made.ingest_port), 60)
        assert wait_until(lambda: "at first boot are heard" in log.read_text(errors="replace"), 60), log.read_text(
            errors="replace"
        )
        yield made


@contextmanager
def process(settings: Settings, name: str, command: list[str]) -> Iterator[None]:
    """Run a command of tds with these settings."""
    given = {f"TDS_{field.upper()}": str(getattr(settings, field)) for field in (
        "database_url", "ingest_database_url", "state_dir", "mqtt_host", "mqtt_port", "bootstrap_port", "ingest_port")
        if getattr(settings, field) is not None}  # fmt: skip
    with (settings.state_dir / f"first-boot-{name}.log").open("wb") as out:
        started = subprocess.Popen(
            [sys.executable, "-m", "cli", *command], cwd=ROOT, env={**os.environ, **given}, stdout=out, stderr=out
        )
    try:
        yield
    finally:
        started.terminate()
        assert started.wait(30) == 0


class Asking(threading.Thread):
    """The gateway, switched on: asks until it has its certificate."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(daemon=True)
        batch = issue_bootstrap(settings, f"2026-{datetime.now(UTC):%f}")
        where = (settings.mqtt_host, settings.bootstrap_port, settings.bootstrap_root())
        self.newcomer = Newcomer(LABEL, Batch(batch.certificate, batch.key, batch.authority, *where))
        self.identity: Identity | None = None
        self.ended = False
        self.start()

    def run(self) -> None:
        self.identity = self.newcomer.ask(lambda: self.ended, 120)


def publish(settings: Settings, identity: Identity, value: str) -> None:
    """Publish a reading as the gateway, with the certificate it was given."""
    place: Any = SimpleNamespace(broker=SimpleNamespace(port=settings.mqtt_port))
    client = Client(place, tls_context(identity))
    now = int(datetime.now(UTC).timestamp() * 1_000_000)
    assert client.publish(f"{settings.mqtt_root}/{LABEL.mac}/telemetry", encode(LABEL.mac, now, [Shown("D01", value, "kWh")], 1))
    client.close()


def no_wider_than_its_window(page: Page) -> bool:
    return bool(page.evaluate(f"document.documentElement.scrollWidth <= innerWidth + {MARGIN}"))


@pytest.mark.timeout(240)
def test_from_its_registration_to_its_first_reading(open_page: Open, settings: Settings, world: World) -> None:
    page = open_page("/certificates", who=ADMIN, width=390)
    card = page.locator("#first-boot-card")
    asking = Asking(settings)
    assert wait_until(lambda: asking.newcomer.answer.get("state") == "pending", 60)
    expect(card).not_to_contain_text(LABEL.mac)  # nobody's gateways are not browsed

    # By the keyboard alone: the button, the label, a wrong serial number first.
    card.get_by_role("button", name="Take a gateway").focus()
    page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    expect(dialog.locator("#first-boot-mac")).to_be_focused()
    page.keyboard.type("02-00-00-00-FC-01")
    page.keyboard.press("Tab")
    page.keyboard.type("SN-78")
    page.keyboard.press("Enter")
    expect(dialog).to_contain_text("No gateway with this MAC address")
    expect(dialog.locator("#first-boot-serial")).to_be_focused()
    page.keyboard.press("Control+A")
    page.keyboard.type("sn-77 <B>")
    page.keyboard.press("Enter")
    expect(dialog).to_contain_text("It waits")
    expect(dialog).to_contain_text(LABEL.model)  # as text
    expect(dialog.locator("#first-boot-name")).to_be_focused()
    assert no_wider_than_its_window(page)
    page.keyboard.type("Pump house")
    page.keyboard.press("Enter")
    expect(dialog).to_be_hidden()
    expect(page.locator("#first-boot-told")).to_contain_text("Pump house is taken")

    assert wait_until(lambda: asking.identity is not None, 60), "the gateway got its certificate over MQTT"
    assert asking.identity is not None
    expect(card.locator(".tds-step-done")).to_have_count(3)
    expect(card).to_contain_text("Its first message is expected")
    expect(page.locator("#certificates-table")).to_contain_text("Valid")
    publish(settings, asking.identity, "1000")
    expect(card.locator(".tds-step-done")).to_have_count(4)
    assert no_wider_than_its_window(page)

    # Its meter is registered from what it sent, and what it sent is stored.
    card.get_by_role("link", name="Rejections of Pump house").click()
    settle(page)
    page.get_by_role("button", name="Register").first.click()
    page.locator("#rejections-adopt-save").click()
    expect(page.locator("#rejections-told")).to_contain_text("D01")

    def stored() -> int:
        with world.database.owner.transaction() as conn:
            return int(conn.exec_driver_sql(
                "SELECT count(*) FROM tds.reading r JOIN tds.device d ON d.id = r.device_id JOIN tds.gateway g ON g.id = d.gateway_id"
                f" WHERE g.mac = '{LABEL.mac}' AND r.value = 1000").scalar_one())  # fmt: skip

    assert wait_until(lambda: stored() == 1, 60)
    visit(page, "/certificates")
    expect(card).to_contain_text("1 device")
    visit(page, "/readings")
    expect(page.locator("table")).to_contain_text("1,000")
    with world.database.owner.transaction() as conn:
        assert [one.account for one in registrations.list_registrations(conn) if one.mac == LABEL.mac] == ["Salvia"]
