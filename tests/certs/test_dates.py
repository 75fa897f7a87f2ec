"""A revocation list that grows old is renewed by the running system, and seen by whoever watches where that fails."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broker.material import crl_age, crl_expires, crl_fault
from broker.process import Broker
from certs import health, lists
from certs.bootstrap import issue_bootstrap
from certs.issuing import issue_bundle
from certs.journal import Journal
from certs.lists import write_bootstrap_crl, write_crl
from certs.store import CertificateFolder
from ingest.metrics import Metrics
from settings import Settings
from tests.broker.lab import Lab, make_settings, wait_until


def age(settings: Settings, monkeypatch: pytest.MonkeyPatch, lifetime: timedelta, days: float = 0) -> None:
    """Put lists in place that were written days ago, for so long."""
    folder = CertificateFolder(settings)
    with monkeypatch.context() as patch, folder.writing():
        patch.setattr(lists, "LIFETIME", lifetime + timedelta(days=days))
        # The check before a list is put in place would refuse one that is over.
        patch.setattr(lists.material, "check_crl", lambda *given: None)
        then = datetime.now(UTC) - timedelta(days=days)
        (settings.pki_dir / "crl.pem").unlink()
        write_crl(folder, Journal(folder.path).records().values(), then)
        write_bootstrap_crl(folder, Journal(folder.path).records().values(), then)


@pytest.mark.parametrize(
    ("left", "doctor", "ready"), [(29, True, True), (14, False, True), (6, False, False), (-1, False, False)]
)
def test_a_list_near_its_end_is_seen_everywhere(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, left: int, doctor: bool, ready: bool
) -> None:
    issue_bootstrap(settings, "b")
    age(settings, monkeypatch, timedelta(days=left), days=2)

    found = {found.check: found for found in health(settings)}
    assert found["crl"].ok is doctor
    assert found["first boot"].ok is doctor
    assert (crl_fault(settings.pki_dir, datetime.now(UTC)) is None) is ready
    metrics = Metrics()
    metrics.watch_crl(lambda: crl_expires(settings.pki_dir))
    line = next(line for line in metrics.text().decode().splitlines() if line.startswith("tds_crl_expires_seconds "))
    assert float(line.split()[1]) == pytest.approx(left * 86_400, abs=60)


def test_a_sentence_says_what_to_do(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    age(settings, monkeypatch, timedelta(days=-1), days=2)
    fault = crl_fault(settings.pki_dir, datetime.now(UTC))
    assert fault is not None
    assert "has expired" in fault
    assert "`tds broker`" in fault


def test_the_running_broker_renews_a_list_that_is_a_day_old_and_disconnects_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the command that it runs in earnest, long before the list's date."""
    monkeypatch.setattr("broker.upkeep.CHECK_SECONDS", 0.5)
    monkeypatch.setattr(
        "broker.process.ENOUGH_AHEAD", timedelta(days=60)
    )  # Mosquitto 2.0 is given a list that is only newer later
    lab = Lab(make_settings(tmp_path))
    lab.close()
    lab.broker = Broker(lab.settings, output=lab.log_path.open("ab"))
    lab.broker.start()
    try:
        gateway = lab.gateway(issue_bundle(lab.settings, "aa:bb:cc:00:00:01"))
        assert gateway.connected
        age(lab.settings, monkeypatch, timedelta(days=28), days=2)

        def renewed() -> bool:
            lab.broker.step()
            time.sleep(0.1)
            content = (lab.settings.pki_dir / "crl.pem").read_bytes()
            return crl_age(content, datetime.now(UTC)) < timedelta(hours=2)

        assert wait_until(renewed)
        assert wait_until(
            lambda: (
                lab.broker.step()
                or (tmp_path / "broker" / "crl.pem").read_bytes() == (lab.settings.pki_dir / "crl.pem").read_bytes()
            )
        )
        assert gateway.connected
        gateway.close()
    finally:
        lab.broker.stop()
