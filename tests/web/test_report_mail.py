"""Reports by mail with the real thing: a mail server on this machine, the command in a process of its own, the worker that starts it."""

from __future__ import annotations

import email
import io
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader
from sqlalchemy import text

from ingest.report_worker import ReportWorker
from settings import ROOT, Settings
from sql import health
from sql.audit import Actor
from sql.report_recipients import add_recipient
from tds_dash.report.sending import mail_reports, send_one
from tests import post_office
from tests.post_office import Post
from tests.web.conftest import world_of_its_own
from tests.web.world import SECRET, World


@pytest.fixture
def office() -> Iterator[tuple[Post, str]]:
    yield from post_office.opened()


@pytest.fixture(scope="module")
def own(world_template: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    yield from world_of_its_own(world_template, tmp_path_factory.mktemp("reports"))


@pytest.fixture
def due(own: World) -> Iterator[World]:
    """Two accounts with a recipient each, and an account with nothing to report, whose reports are due."""
    with own.database.owner.transaction() as conn:
        names = {"Aurora": "energy@aurora.example", "Boreal": "energy@boreal.example", "Empty": "energy@empty.example"}
        for name, address in names.items():
            number = conn.execute(text("SELECT id FROM tds.account WHERE name = :n"), {"n": name}).scalar_one()
            add_recipient(conn, number, address, "pt-BR" if name == "Boreal" else "en", 1, 0, Actor("admin@aurora.example"))
        conn.execute(text("UPDATE tds.report_recipient SET created_at = '2020-01-01'"))
    yield own
    with own.database.owner.transaction() as conn:
        conn.execute(text("DELETE FROM tds.report_recipient"))


def with_mail(world: World, url: str) -> Settings:
    return replace(world.database.settings, smtp_url=url, web_url="https://tds.example.com")


def opened(content: bytes) -> tuple[EmailMessage, str, str]:
    """Give a mail, its text, and the words of the page that is attached to it."""
    mail = email.message_from_bytes(content, policy=default)
    body = mail.get_body(("plain",))
    assert body
    pages = [PdfReader(io.BytesIO(part.get_content())).pages[0].extract_text() for part in mail.iter_attachments()]
    return mail, body.get_content(), "".join(pages)


def test_each_recipient_gets_the_own_accounts_report_once(due: World, office: tuple[Post, str]) -> None:
    settings = with_mail(due, office[1])
    assert mail_reports(settings, None) == 0  # type: ignore[arg-type]
    assert mail_reports(settings, None) == 0  # type: ignore[arg-type]
    mails = {to[0]: opened(content) for to, content in office[0].mails}
    assert len(office[0].mails) == len(mails) == 3
    mail, said, page = mails["energy@aurora.example"]
    assert "Aurora: report of" in mail["Subject"]
    assert "Press line" in page
    assert SECRET not in page
    assert "https://tds.example.com/consumption" in page
    assert "admin@aurora.example had you named" in said
    assert "To get no more, ask any administrator of Aurora to remove you: https://tds.example.com/reports" in said
    [attached] = list(mail.iter_attachments())
    assert attached.get_content_type() == "application/pdf"
    mail, said, page = mails["energy@boreal.example"]
    assert "Boreal: relatório de" in mail["Subject"]
    assert SECRET in page
    assert "Press line" not in page
    mail, said, page = mails["energy@empty.example"]
    assert not page
    assert "needs a meter with readings" in said


def test_what_a_server_does_not_take_is_tried_again_and_the_doctor_says_so(due: World, office: tuple[Post, str]) -> None:
    settings = with_mail(due, office[1])
    office[0].refuses = True
    assert mail_reports(settings, None) == 1  # type: ignore[arg-type]
    finding = next(one for one in health.health(settings) if one.check == "reports")
    assert not finding.ok
    assert "not sent to 3 recipients since" in finding.detail
    assert "451" in finding.detail
    office[0].refuses = False
    assert mail_reports(settings, None) == 0, "not before their time"  # type: ignore[arg-type]
    assert not office[0].mails
    with due.database.owner.transaction() as conn:
        conn.execute(text("UPDATE tds.report_mail SET next_at = now()"))
    assert mail_reports(settings, None) == 0  # type: ignore[arg-type]
    assert len(office[0].mails) == 3
    assert next(one for one in health.health(settings) if one.check == "reports").ok


def test_without_a_mail_server_nothing_is_sent_and_nothing_is_lost(due: World, office: tuple[Post, str], capsys: Any) -> None:
    import cli

    settings = replace(due.database.settings, smtp_url=None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("settings.load", lambda: settings)
        assert cli.main(["mail-reports"]) == 1
    assert "no mail server is set" in capsys.readouterr().err
    finding = next(one for one in health.health(settings) if one.check == "reports")
    assert (finding.ok, finding.warning) == (True, True)
    assert mail_reports(with_mail(due, office[1]), None) == 0  # type: ignore[arg-type]
    assert len(office[0].mails) == 3


def test_a_database_that_cannot_be_read_is_a_try_that_failed(due: World, office: tuple[Post, str]) -> None:
    """Whichever of the three is taken: none can be written while nobody may read a device, however quick the machine."""
    settings = with_mail(due, office[1])
    assert ReportWorker(settings).is_due(datetime.now(UTC))
    owner, web = due.database.owner, due.database.web
    web.engine.dispose()  # so that the connection with the limit is the only one
    with web.engine.begin() as conn:
        conn.exec_driver_sql("SET SESSION lock_timeout = '10ms'")
    try:
        with owner.engine.begin() as conn:
            conn.exec_driver_sql("LOCK TABLE tds.device IN ACCESS EXCLUSIVE MODE")
            assert [send_one(owner, web, settings) for _ in range(4)] == [False, False, False, None]
    finally:
        web.engine.dispose()
    assert not office[0].mails


def test_the_worker_has_it_sent_by_the_command(due: World, office: tuple[Post, str], tmp_path: Path, monkeypatch: Any) -> None:
    settings = with_mail(due, office[1])
    for name, value in {
        "TDS_DATABASE_URL": due.database.owner.url,
        "TDS_WEB_DATABASE_URL": due.database.web.url,
        "TDS_SMTP_URL": office[1],
        "TDS_STATE_DIR": str(tmp_path),
    }.items():
        monkeypatch.setenv(name, value)
    worker = ReportWorker(settings)
    assert worker.is_due(datetime.now(UTC))
    worker.send()
    assert len(office[0].mails) == 3
    assert not worker.is_due(datetime.now(UTC))
    worker.stop()


def test_a_worker_that_is_stopped_ends_what_it_started(due: World, office: tuple[Post, str]) -> None:
    worker = ReportWorker(with_mail(due, office[1]), [sys.executable, "-c", "import time; time.sleep(600)"], every=0.01)
    worker.start()
    worker.stop()
    assert not worker._thread.is_alive()
    idle = ReportWorker(replace(due.database.settings, smtp_url=None), every=0.01)
    idle.start()
    assert not idle._thread.is_alive(), "nothing can be sent"
    idle.stop()


def test_ingest_does_not_know_the_pages() -> None:
    """What the worker starts is a command: importing it must not bring the pages in."""
    done = subprocess.run(
        [sys.executable, "-c", "import sys, ingest.report_worker; print('tds_dash' in sys.modules, 'fpdf' in sys.modules)"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["False", "False"]
