"""Certificates in Chromium, with the real authority and a real Mosquitto: issued on the page, used, renewed, revoked on the page."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from certs.authority import new_key
from certs.requests import make_request
from certs.setup import ensure_authority
from certs.store import key_pem
from settings import Settings
from sql import fleet, people
from sql.orders import find_authority
from tests.broker.lab import Client, wait_until
from tests.browser.conftest import ROOT, visit
from tests.ports import free_port
from tests.web.world import PASSWORD, World

Open = Callable[..., Page]
ADMIN, VIEWER = "admin@fenix.example", "viewer@fenix.example"
NAMES = ("Pump house", "Roof <b>", "Cellar", "Own key", "Many 1", "Many 2", "Many 3")
MACS = {name: f"02:00:00:00:fe:{number:02x}" for number, name in enumerate(NAMES, 1)}
TOPIC = "tds_new/devices"


@dataclass
class Plant:
    """The authority and the broker as `tds broker` runs them, beside the pages."""

    settings: Settings
    log: Path

    def context(self, folder: Path) -> ssl.SSLContext:
        made = ssl.create_default_context(cafile=str(folder / "ca.crt"))
        made.load_cert_chain(folder / "gateway.crt", folder / "gateway.key")
        return made

    def connect(self, folder: Path) -> Client:
        place: Any = SimpleNamespace(broker=SimpleNamespace(port=self.settings.mqtt_port))
        return Client(place, self.context(folder))

    def publish(self, folder: Path, mac: str) -> int:
        """Publish with mosquitto_pub and the files of a bundle, as its page says; gives the exit code."""
        command = ["mosquitto_pub", "-h", "127.0.0.1", "-p", str(self.settings.mqtt_port), "--cafile", "ca.crt", "--cert", "gateway.crt",
                   "--key", "gateway.key", "-V", "mqttv5", "-q", "1", "-t", f"{TOPIC}/{mac}/telemetry", "-m", "{}"]  # fmt: skip
        return subprocess.run(command, cwd=folder, capture_output=True, timeout=20).returncode


@pytest.fixture(scope="module")
def plant(world: World, address: str) -> Iterator[Plant]:
    """Register an account with gateways, and run `tds broker`, which runs the authority."""
    database = world.database
    settings = replace(database.settings, mqtt_port=free_port())
    database.account("Fenix", locale="en")
    with database.owner.transaction() as conn:
        for email, role in ((ADMIN, "admin"), (VIEWER, "viewer")):
            people.add_user(conn, email, "Fenix", role, PASSWORD)
        for name, mac in MACS.items():
            fleet.add_gateway(conn, mac, "Fenix", name)
    ensure_authority(settings)
    given = {
        "TDS_DATABASE_URL": str(settings.database_url),
        "TDS_STATE_DIR": str(settings.state_dir),
        "TDS_MQTT_PORT": str(settings.mqtt_port),
    }
    log = settings.state_dir / "broker.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "cli", "broker"], cwd=ROOT, env={**os.environ, **given}, stdout=out, stderr=out
        )

    def at_work() -> bool:
        with database.owner.transaction() as conn:
            return find_authority(conn) is not None

    try:
        assert wait_until(at_work, 60), log.read_text(errors="replace")
        yield Plant(settings, log)
    finally:
        process.terminate()
        assert process.wait(30) == 0


def unpacked(page: Page, folder: Path, act: Callable[[], None]) -> Path:
    """Do what makes the browser save a ZIP; gives the folder it was unpacked into."""
    with page.expect_download() as coming:
        act()
    folder.mkdir(parents=True)
    coming.value.save_as(folder / "saved.zip")
    with zipfile.ZipFile(folder / "saved.zip") as archive:
        assert archive.testzip() is None
        archive.extractall(folder)
    return folder


def line(page: Page, name: str) -> Any:
    return page.locator("#certificates-table tbody tr", has_text=MACS[name])


def issued(page: Page, folder: Path, name: str, verb: str = "Issue") -> Path:
    """Issue on the page, whatever the gateway has."""
    line(page, name).get_by_role("button", name=verb).first.click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text(name)
    found = unpacked(page, folder, lambda: dialog.locator("#certificates-issue-save").click())
    expect(dialog).to_be_hidden()
    expect(page.locator("#certificates-told")).to_contain_text(MACS[name])
    return found


def test_the_whole_life_of_an_identity(open_page: Open, plant: Plant, tmp_path: Path) -> None:
    page = open_page("/certificates", who=ADMIN)
    expect(line(page, "Pump house")).to_contain_text("No certificate")
    pump, roof = issued(page, tmp_path / "pump", "Pump house"), issued(page, tmp_path / "roof", "Roof <b>")
    assert sorted(path.name for path in pump.iterdir()) == ["README.txt", "ca.crt", "gateway.crt", "gateway.key", "saved.zip"]
    assert f"port {plant.settings.mqtt_port}" in (pump / "README.txt").read_text().replace(",", "").replace("  ", " ")
    assert plant.publish(pump, MACS["Pump house"]) == 0
    expect(line(page, "Pump house")).to_contain_text("Valid")

    again = issued(page, tmp_path / "again", "Pump house", "Renew")
    assert plant.publish(pump, MACS["Pump house"]) == 0
    assert plant.publish(again, MACS["Pump house"]) == 0, "old and new work"
    expect(line(page, "Pump house")).to_have_count(2)
    old = line(page, "Pump house").filter(has_text="Renewed since")

    victim, other = plant.connect(pump), plant.connect(roof)
    assert victim.connected
    assert other.connected
    old.get_by_role("button", name="Revoke").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("goes on with its other certificate")
    expect(dialog).to_contain_text("No other gateway is disconnected")
    dialog.locator("#certificates-reason").select_option("other")
    dialog.locator("#certificates-revoke-save").click()
    expect(dialog).to_contain_text("Say why")
    dialog.locator("#certificates-reason-words").fill("stolen <i>from</i> the cellar")
    dialog.locator("#certificates-revoke-save").click()
    assert wait_until(lambda: victim.lost, 60), "the live connection is still there"
    expect(page.locator("#certificates-told")).to_contain_text("no connection of it is left")
    expect(line(page, "Pump house").filter(has_text="Revoked")).to_contain_text("stolen <i>from</i> the cellar")

    assert plant.publish(pump, MACS["Pump house"]) != 0
    assert plant.publish(again, MACS["Pump house"]) == 0, "the renewed certificate goes on working"
    assert not other.lost
    assert other.publish(f"{TOPIC}/{MACS['Roof <b>']}/telemetry")
    victim.client.loop_stop()
    other.close()


def test_a_gateways_own_request_is_signed_and_a_wrong_one_explained(open_page: Open, plant: Plant, tmp_path: Path) -> None:
    page = open_page("/certificates?search=Own", who=ADMIN, faulty=True)  # Chromium itself notes each refusal
    line(page, "Own key").get_by_role("button", name="Issue").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("On the gateway").click()
    field = dialog.locator("#certificates-request")
    for request, said in (
        ("", "not a certificate signing request"),
        (make_request(new_key(), MACS["Cellar"]).decode(), "not for"),
    ):
        field.fill(request)
        dialog.locator("#certificates-issue-save").click()
        expect(dialog.locator("#certificates-issue-problem")).to_contain_text(said)
    key = new_key()
    field.fill(make_request(key, MACS["Own key"]).decode())
    found = unpacked(page, tmp_path / "own", lambda: dialog.locator("#certificates-issue-save").click())
    assert not (found / "gateway.key").exists()
    (found / "gateway.key").write_bytes(key_pem(key))
    assert plant.publish(found, MACS["Own key"]) == 0


def test_a_batch_is_listed_downloaded_and_reported(open_page: Open, plant: Plant, tmp_path: Path) -> None:
    page = open_page("/certificates", who=ADMIN)
    file = tmp_path / "many.csv"
    rows = [MACS["Many 1"], MACS["Many 2"], "=HYPERLINK(1)", MACS["Many 1"], "02:ff:00:00:00:01", MACS["Many 3"]]
    file.write_text("gateway_mac\n" + "\n".join(rows) + "\n")
    page.locator("#certificates-batch-open").click()
    dialog = page.get_by_role("dialog")
    dialog.locator("input[type=file]").set_input_files(file)
    expect(dialog).to_contain_text("3 gateways get a certificate")
    expect(dialog).to_contain_text("3 lines cannot be used")
    expect(dialog).to_contain_text("Line 5")
    dialog.locator("#certificates-batch-save").click()
    expect(dialog).to_be_hidden()
    batch = page.locator(".tds-batch", has_text="many.csv")
    found = unpacked(page, tmp_path / "many", lambda: batch.get_by_role("button", name="Download").click())
    expect(batch).to_contain_text("All downloaded")
    for name in ("Many 1", "Many 2", "Many 3"):
        assert plant.publish(found / MACS[name].replace(":", "-"), MACS[name]) == 0
    with page.expect_download() as coming:
        batch.get_by_role("link", name="Report").click()
    report = Path(coming.value.path()).read_text()
    assert report.count("delivered") == 3
    assert "'=HYPERLINK(1)" in report
    assert "not a MAC address" in report


def test_a_viewer_sees_the_list_and_which_role_may(open_page: Open, plant: Plant) -> None:
    page = open_page("/certificates", who=VIEWER)
    expect(page.locator("#certificates-right")).to_contain_text("needs the role Administrator")
    expect(page.locator("#certificates-table")).to_contain_text(MACS["Cellar"])
    expect(page.locator("#certificates-table button")).to_have_count(0)
    expect(page.locator("#certificates-batch-open")).to_be_hidden()
    visit(page, "/audit")
    expect(page.locator("main h1")).to_contain_text("needs the role Administrator")
    expect(page.locator("#audit-table")).to_have_count(0)


def test_the_audit_shows_who_did_it_and_keeps_no_key(open_page: Open, plant: Plant, world: World, tmp_path: Path) -> None:
    issued(open_page("/certificates", who=ADMIN), tmp_path / "once", "Cellar")
    page = open_page("/audit?what=certificate", who=ADMIN)
    table = page.locator("#audit-table")
    for said in ("Certificate issued", "Certificate downloaded", ADMIN, "Chrome"):
        expect(table).to_contain_text(said)
    page.locator("#audit-who").fill(MACS["Cellar"])
    expect(table.locator("tbody tr")).to_have_count(2)
    for path in plant.settings.state_dir.rglob("*"):
        # The authority's folder and the broker's copy hold the keys of broker and ingester, and no gateway's.
        if path.is_file() and path.suffix != ".key":
            assert b"PRIVATE KEY" not in path.read_bytes(), path
    keys = {path.name for path in plant.settings.state_dir.rglob("*.key")}
    assert keys <= {"root.key", "intermediate.key", "broker.key", "ingester.key", "bootstrap.key"}
    with world.database.owner.transaction() as conn:
        tables = (
            conn.exec_driver_sql(
                "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables WHERE schemaname = 'tds'"
            )
            .scalars()
            .all()
        )
        for name in tables:
            found = conn.exec_driver_sql(f"SELECT count(*) FROM {name} t WHERE t::text LIKE '%%PRIVATE KEY%%'").scalar()
            assert found == 0, name


@pytest.mark.long
@pytest.mark.timeout(900)
def test_ten_thousand_gateways_through_the_page(open_page: Open, plant: Plant, world: World, tmp_path: Path) -> None:
    """One file with a mark of bytes, semicolons and faults; progress while it is made; closed halfway, it goes on; a report of every line."""
    many, parts = 10_000, 5
    with world.database.owner.transaction() as conn:
        conn.exec_driver_sql(
            "INSERT INTO tds.gateway (account_id, mac, name) SELECT a.id, '02:00:00:10:' || substr(h, 1, 2) || ':' || substr(h, 3, 2), 'Many ' || n"
            f" FROM tds.account a, generate_series(0, {many - 1}) n, lpad(to_hex(n), 4, '0') h WHERE a.name = 'Fenix'"
        )
    macs = [f"02-00-00-10-{number >> 8:02X}-{number & 255:02X}" for number in range(many)]
    file = tmp_path / "ten thousand.csv"
    rows = [f"{mac};Hall {number}" for number, mac in enumerate(macs)]
    file.write_text(
        "\ufeffGATEWAY_MAC;place\r\n" + "\r\n".join([*rows, "zz;x", f"{macs[0]};again", "02:ff:00:00:00:09;x"]) + "\r\n"
    )
    page = open_page("/certificates", who=ADMIN)
    page.locator("#certificates-batch-open").click()
    dialog = page.get_by_role("dialog")
    dialog.locator("input[type=file]").set_input_files(file)
    expect(dialog).to_contain_text("10,000 gateways get a certificate")
    expect(dialog).to_contain_text("3 lines cannot be used")
    dialog.locator("#certificates-batch-save").click()
    expect(dialog).to_be_hidden()

    began, found = time.monotonic(), list[Path]()

    def download(upto: int, verb: str) -> None:
        """Press the button, and keep what the browser saves until so many parts are there."""
        saved: list[Any] = []
        page.on("download", lambda one: saved.append(one))
        batch = page.locator(".tds-batch", has_text="ten thousand.csv")
        batch.get_by_role("button", name=verb).click()
        expect(batch).to_contain_text("made", timeout=60_000)
        while len(saved) < upto:
            page.wait_for_timeout(500)
        for one in saved:
            found.append(tmp_path / f"part {len(found)}.zip")
            one.save_as(found[-1])

    download(2, "Download")
    page.wait_for_timeout(500)
    page.close()  # somebody shuts the lid while the third is on its way
    page = open_page("/certificates", who=ADMIN)
    batch = page.locator(".tds-batch", has_text="ten thousand.csv")
    expect(batch).to_contain_text("4,000 of 10,000 downloaded", timeout=90_000)
    download(3, "Go on")
    expect(batch).to_contain_text("All downloaded", timeout=90_000)
    print(f"{many} gateways in {time.monotonic() - began:.0f} s, {parts} parts")
    folders: set[str] = set()
    for path in found:
        with zipfile.ZipFile(path) as archive:
            assert archive.testzip() is None
            folders |= {name.partition("/")[0] for name in archive.namelist()}
    assert folders == {mac.lower() for mac in macs}
    with page.expect_download() as coming:
        batch.get_by_role("link", name="Report").click()
    lines = Path(coming.value.path()).read_text().splitlines()
    assert (len(lines), sum(",delivered," in line for line in lines)) == (many + 4, many)
    last = found[-1].with_suffix("")
    with zipfile.ZipFile(found[-1]) as archive:
        archive.extractall(last)
    some = next(path for path in last.iterdir())
    assert plant.publish(some, some.name.replace("-", ":")) == 0
