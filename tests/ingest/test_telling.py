"""Telling recipients with the real thing: a mail server, a web server, a worker of its own process; what fails is tried again."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from ingest.alarm_metrics import AlarmMetrics
from ingest.letters import letter
from ingest.telling import tell
from post import webhook
from settings import Settings
from sql import alarm_post, health
from sql.alarm_recipients import Wishes, add_recipient, try_out
from sql.errors import Refused
from tests import post_office
from tests.conftest import Database
from tests.faults.cell import ROOT
from tests.post_office import Post
from tests.sql.alarms import HOUR, MINUTE, SOMEBODY, Watched
from tests.sql.plant import at

INSIDE = (ip_network("127.0.0.0/8"),)


class Listener:
    """A web server that keeps what it gets and answers as it is told."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.hold = 0.0
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                listener.got.append((self.path, dict(self.headers), body))
                time.sleep(listener.hold)
                status = listener.answers.pop(0) if listener.answers else 204
                self.send_response(status)
                if status == 302:
                    self.send_header("Location", f"{listener.url}/elsewhere")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def office() -> Iterator[tuple[Post, str]]:
    yield from post_office.opened()


@pytest.fixture
def watched(shared_database: Database) -> Iterator[Watched]:
    """A meter that is about to break its daily limit, of an account that speaks English; nothing else waits to be told."""
    made = Watched.build(shared_database)
    made.execute("UPDATE tds.account SET locale = 'en' WHERE id = :a", a=made.meter.account_id)
    made.execute("UPDATE tds.device SET name = 'Press line' WHERE id = :d", d=made.meter.id)
    made.rule("daily", 100)
    yield made
    made.execute("DELETE FROM tds.alarm_recipient")


def breach(watched: Watched) -> datetime:
    """Let the limit be broken, and have it put into messages that are due."""
    now = watched.consume("2026-03-10T06:00", "512.4", HOUR)
    watched.watch(now)
    watched.execute("UPDATE tds.alarm_message SET next_at = now() WHERE sent_at IS NULL")
    return now


def run(watched: Watched, settings: Settings, metrics: AlarmMetrics | None = None) -> bool:
    return tell(watched.database.owner, settings, metrics or AlarmMetrics(CollectorRegistry()))


def hook(watched: Watched, url: str) -> str:
    """Have a webhook told; gives its secret."""
    with watched.database.owner.transaction() as connection:
        _, secret = add_recipient(connection, watched.meter.account_id, "webhook", url, Wishes(), SOMEBODY)
    assert secret is not None
    return secret


def test_a_mail_says_what_how_much_since_when_and_where_to_look(watched: Watched, office: tuple[Post, str]) -> None:
    settings = replace(watched.database.settings, smtp_url=office[1], web_url="https://tds.example.com")
    watched.recipient("energy@example.com")
    breach(watched)
    assert run(watched, settings)
    assert not run(watched, settings)
    ((to, content),) = office[0].mails
    mail = content.decode()
    alarm = watched.one()
    text = mail.replace("=\r\n", "").replace("=C2=A0", " ").replace("=3D", "=")
    assert to == ["energy@example.com"]
    assert "Subject: Alarm: Press line over its daily limit" in text
    assert "Press line: 512.4 kWh on 10 Mar 2026, limit 100 kWh. Since 10 Mar 2026 07:00." in text
    assert f"https://tds.example.com/alarms?alarm={alarm.id}" in text
    assert "America/Sao_Paulo" in text


def test_a_webhook_gets_json_that_is_signed_and_tried_again_under_the_same_id(watched: Watched, listener: Listener) -> None:
    settings = replace(watched.database.settings, webhook_networks=INSIDE, web_url="https://tds.example.com")
    metrics = AlarmMetrics(CollectorRegistry())
    secret = hook(watched, f"{listener.url}/here?key=1")
    breach(watched)
    listener.answers = [500, 302]
    for _ in range(3):
        assert run(watched, settings, metrics)
        assert not run(watched, settings, metrics), "not again before its time"
        watched.execute("UPDATE tds.alarm_message SET next_at = now() WHERE sent_at IS NULL")
    assert [path for path, _, _ in listener.got] == ["/here?key=1"] * 3, "no redirect is followed"
    assert len({headers["X-TDS-Id"] for _, headers, _ in listener.got}) == 1
    assert len({body for _, _, body in listener.got}) == 1
    _, headers, body = listener.got[-1]
    expected = hmac.new(secret.encode(), headers["X-TDS-Timestamp"].encode() + b"." + body, hashlib.sha256).hexdigest()
    assert headers["X-TDS-Signature"] == f"sha256={expected}"
    facts = json.loads(body)
    (told,) = facts["alarms"]
    assert (facts["type"], facts["id"], facts["more"]) == ("alarms", headers["X-TDS-Id"], 0)
    assert (told["event"], told["kind"], told["state"], told["value"], told["limit"], told["unit"]) == (
        "opened",
        "daily",
        "open",
        512.4,
        100,
        "kWh",
    )
    assert told["since"].startswith("2026-03-10T07:00:00-03:00")
    assert told["link"] == f"https://tds.example.com/alarms?alarm={watched.one().id}"
    assert metrics.failures.labels("webhook")._value.get() == 2
    assert metrics.delivered.labels("webhook")._value.get() == 1
    assert watched.ask(
        "SELECT failing_since, fault FROM tds.alarm_recipient WHERE account_id = :a", a=watched.meter.account_id
    ) == [(None, None)]


def test_what_fails_is_seen_by_the_doctor_and_given_up_after_a_day(watched: Watched, listener: Listener) -> None:
    settings = replace(watched.database.settings, webhook_networks=INSIDE)
    hook(watched, f"{listener.url}/here")
    breach(watched)
    listener.answers = [500, 500]
    run(watched, settings)
    finding = next(one for one in health.health(watched.database.settings) if one.check == "alarms")
    assert (finding.ok, finding.warning) == (True, True)
    assert "webhook: 1 told nothing since" in finding.detail
    assert "127.0.0.1 answered 500" in finding.detail
    watched.execute("UPDATE tds.alarm_message SET next_at = now(), created_at = now() - interval '25 hours'")
    run(watched, settings)
    assert watched.ask("SELECT given_up_at IS NULL, attempts FROM tds.alarm_message") == [(False, 2)]


def test_a_mail_that_cannot_be_sent_is_the_operators_fault(watched: Watched, office: tuple[Post, str]) -> None:
    watched.recipient()
    breach(watched)
    office[0].refuses = True
    run(watched, replace(watched.database.settings, smtp_url=office[1]))
    finding = next(one for one in health.health(watched.database.settings) if one.check == "alarms")
    assert not finding.ok
    watched.execute("UPDATE tds.alarm_message SET next_at = now()")
    run(watched, replace(watched.database.settings, smtp_url=None))
    assert watched.ask("SELECT fault FROM tds.alarm_message") == [("no mail server is set (TDS_SMTP_URL)",)]


def test_a_message_outlives_whoever_held_it(watched: Watched, listener: Listener) -> None:
    settings = replace(watched.database.settings, webhook_networks=INSIDE)
    hook(watched, listener.url)
    breach(watched)
    with watched.database.owner.transaction() as connection:
        held = alarm_post.take(connection, datetime.now(UTC), "")
    assert held is not None
    assert not run(watched, settings), "somebody holds it"
    with watched.database.owner.transaction() as connection:
        again = alarm_post.take(connection, datetime.now(UTC) + alarm_post.LEASE + timedelta(seconds=1), "")
    assert again is not None
    assert (again.id, again.body, again.attempts) == (held.id, held.body, 2)


def test_what_comes_meanwhile_gathers_in_the_next_message(watched: Watched, listener: Listener) -> None:
    settings = replace(watched.database.settings, webhook_networks=INSIDE)
    hook(watched, listener.url)
    now = breach(watched)
    listener.answers = [500]
    run(watched, settings)
    for threshold in (101, 102):
        watched.rule("daily", threshold)
    watched.watch(now + MINUTE)
    watched.execute("UPDATE tds.alarm_message SET next_at = now() WHERE sent_at IS NULL")
    assert [run(watched, settings) for _ in range(3)] == [True, True, False]
    assert [len(json.loads(body)["alarms"]) for _, _, body in listener.got] == [1, 1, 2]


def test_in_quiet_hours_nothing_is_sent_but_a_trial(watched: Watched, listener: Listener) -> None:
    settings = replace(watched.database.settings, webhook_networks=INSIDE)
    local = datetime.now(UTC).astimezone(at("2026-03-10T00:00-03:00").tzinfo)
    low, high = ((local + timedelta(hours=hours)).astimezone(UTC) - 3 * HOUR for hours in (-1, 1))
    with watched.database.owner.transaction() as connection:
        wishes = Wishes(quiet_from=low.time().replace(microsecond=0), quiet_to=high.time().replace(microsecond=0))
        made, _ = add_recipient(connection, watched.meter.account_id, "webhook", listener.url, wishes, SOMEBODY)
        try_out(connection, made, SOMEBODY)
    breach(watched)
    assert [run(watched, settings) for _ in range(2)] == [True, False]
    assert json.loads(listener.got[0][2])["type"] == "trial"
    watched.execute("UPDATE tds.alarm_recipient SET quiet_from = NULL, quiet_to = NULL")
    assert run(watched, settings)


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("http://93.184.216.34/x", "webhook_https"),
        ("https://127.0.0.1/x", "webhook_inside"),
        ("https://10.1.2.3/x", "webhook_inside"),
        ("https://169.254.169.254/latest/meta-data", "webhook_inside"),
        ("https://100.64.0.1/", "webhook_inside"),
        ("https://0.0.0.0/", "webhook_inside"),
        ("https://224.0.0.1/", "webhook_inside"),
        ("https://[::1]/x", "webhook_inside"),
        ("https://[fe80::1]/x", "webhook_inside"),
        ("https://[::ffff:127.0.0.1]/", "webhook_inside"),
        ("https://[64:ff9b::7f00:1]/", "webhook_inside"),
        ("https://[2002:7f00:1::]/", "webhook_inside"),
        ("ftp://example.com/", "webhook_url"),
        ("https:///x", "webhook_url"),
        ("https://user:pass@example.com/", "webhook_url"),
        ("https://example.com:99999/", "webhook_url"),
        ("https://example.com/#x", "webhook_url"),
        ("https://example.com/a b", "webhook_url"),
        ("https://example.com/\r\nX: y", "webhook_url"),
        ("https://[", "webhook_url"),
        ("javascript:alert(1)", "webhook_url"),
    ],
)
def test_a_webhook_leads_only_outside(url: str, key: str) -> None:
    with pytest.raises(Refused) as refused:
        webhook.checked_url(url, ())
    assert refused.value.key == key


def test_a_name_that_leads_inside_is_refused_when_it_is_called(listener: Listener) -> None:
    port = listener.url.rpartition(":")[2]
    with pytest.raises(webhook.WebhookFailed, match="may not reach"):
        webhook.post(f"https://localhost:{port}/", b"{}", {}, ())
    with pytest.raises(webhook.WebhookFailed, match="may not lead"):
        webhook.post(listener.url, b"{}", {}, ())
    with pytest.raises(webhook.WebhookFailed, match="cannot be found"):
        webhook.post("https://no-such-host.invalid/", b"{}", {}, ())
    assert listener.got == []


def test_the_operator_may_let_webhooks_inside(listener: Listener) -> None:
    webhook.post(f"{listener.url}/ok", b"{}", {}, INSIDE)
    assert [path for path, _, _ in listener.got] == ["/ok"]
    with pytest.raises(webhook.WebhookFailed, match="was not reached"):
        webhook.post("http://127.0.0.1:9/", b"{}", {}, INSIDE)


def test_an_answer_that_does_not_come_is_not_waited_for(listener: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "ANSWER_SECONDS", 0.2)
    listener.hold = 1.0
    with pytest.raises(webhook.WebhookFailed, match="no answer in time"):
        webhook.post(listener.url, b"{}", {}, INSIDE)


FACTS = {
    "id": 7, "kind": "daily", "device_id": 1, "device_code": "D01", "name": "Prensa", "gateway_name": "Galpão", "period_start": "2026-03-10T00:00:00-03:00",
    "value": 1512.4, "highest": 1512.4, "limit": 480, "usual": None, "unit": "kWh", "projected": False, "estimated": 12.5, "since": "2026-03-10T14:30:00-03:00",
    "closed_at": None, "outcome": None, "event": "opened", "link": "https://x/alarms?alarm=7",
}  # fmt: skip


def body(*alarms: dict[str, Any], more: int = 0) -> str:
    return json.dumps({"type": "alarms", "account": "Aurora", "alarms": alarms, "more": more, "link": "https://x/alarms"})


@pytest.mark.parametrize("locale", ["pt-BR", "en"])
def test_every_kind_has_words(locale: str) -> None:
    over = {"closed_at": "2026-03-10T16:30:00-03:00", "event": "closed"}
    for kind in ("daily", "monthly", "peak", "base", "silence", "stuck"):
        for more in (
            {},
            {"projected": kind == "peak"},
            {"usual": 3 if kind == "base" else None},
            {"device_id": None if kind == "silence" else 1},
        ):
            subject, text = letter(body({**FACTS, "kind": kind, **more}), locale, "America/Sao_Paulo")
            assert "Prensa" in subject
            assert "{" not in subject + text
    for outcome in ("back", "next_period", "corrected", "heard", "moved", "gone"):
        subject, text = letter(body({**FACTS, **over, "outcome": outcome}), locale, "America/Sao_Paulo")
        assert "{" not in subject + text


def test_a_letter_in_portuguese() -> None:
    subject, text = letter(body(FACTS), "pt-BR", "America/Sao_Paulo")
    assert subject == "Alarme: Prensa acima do limite diário"
    assert "* Prensa: 1.512,4\u00a0kWh em 10/03/2026, limite 480\u00a0kWh. Desde 10/03/2026 14h30." in text
    assert "Disso, 12,5\u00a0kWh é estimado." in text


def test_many_are_counted_and_the_first_are_told() -> None:
    subject, text = letter(body(*[{**FACTS, "id": n} for n in range(60)], more=40), "en", "UTC")
    assert subject == "100 alarms in Aurora"
    assert text.count("* Prensa") == 40
    assert "And 60 more: https://x/alarms" in text


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.1)


def test_a_worker_of_its_own_process_watches_and_tells(watched: Watched, listener: Listener, tmp_path: Path) -> None:
    """`tds ledger work`, as an operator starts it: readings are stored, and seconds later the webhook has heard."""
    hook(watched, listener.url)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TDS_")} | {
        "TDS_DATABASE_URL": watched.database.settings.database_url or "", "TDS_STATE_DIR": str(watched.database.settings.state_dir),
        "TDS_WEBHOOK_NETWORKS": "127.0.0.1",
    }  # fmt: skip
    now = datetime.now(UTC)
    start = now.astimezone(at("2026-03-10T00:00-03:00").tzinfo).replace(hour=0, minute=0, second=0, microsecond=0)
    # All of it is of this day, however young that is: so fast may the meter run.
    watched.execute("UPDATE tds.device SET max_rate = 100000000000000 WHERE id = :d", d=watched.meter.id)
    watched.execute("INSERT INTO tds.reading VALUES (:d, :low, 0), (:d, :high, 900)", d=watched.meter.id, low=start, high=now)
    watched.execute(
        "INSERT INTO tds.dirty (device_id, low, high) VALUES (:d, :low, :high)", d=watched.meter.id, low=start, high=now
    )
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen([sys.executable, "-m", "cli", "ledger", "work"], cwd=ROOT, env=environment, stderr=log)
    try:
        wait_for(lambda: listener.got)
        assert json.loads(listener.got[0][2])["alarms"][0]["name"] == "Press line"
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
