"""The demo's gateway that nobody took yet: what it keeps, and when it begins to publish."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from certs.bootstrap import issue_bootstrap
from certs.issuing import issue_bundle
from certs.setup import ensure_authority
from settings import Settings
from simulator import arrival
from simulator.arrival import LABEL, Arrival, keep_batch
from simulator.first_boot import BatchFiles, kept_key
from simulator.gateway import Broker, Identity
from simulator.identities import keep_identities
from simulator.live import Live
from simulator.world import build_world
from tests.broker.lab import make_settings

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with an authority."""
    made = make_settings(tmp_path / "a state")
    ensure_authority(made)
    return made


def issue(settings: Settings) -> BatchFiles:
    made = issue_bootstrap(settings, f"demo-{len(list(settings.pki_dir.iterdir()))}-{datetime.now(UTC):%f}")
    return BatchFiles(made.certificate, made.key, made.authority)


def test_a_batch_is_issued_once_and_anew_for_another_authority(settings: Settings, tmp_path: Path) -> None:
    issued: list[BatchFiles] = []

    def counting(given: Settings) -> BatchFiles:
        issued.append(issue(given))
        return issued[-1]

    for _ in range(2):
        keep_batch(tmp_path / "newcomer", settings, counting)
    assert arrival._read_batch(tmp_path / "newcomer") == issued[0]
    (tmp_path / "newcomer" / "batch.json").write_text("damaged")
    keep_batch(tmp_path / "newcomer", settings, counting)
    assert len(issued) == 2
    assert (tmp_path / "newcomer" / "batch.json").stat().st_mode & 0o777 == 0o600


def test_its_key_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "key.pem"
    first = kept_key(path)
    assert kept_key(path).private_numbers() == first.private_numbers()
    assert path.stat().st_mode & 0o777 == 0o600


def test_it_publishes_once_somebody_took_it(settings: Settings, tmp_path: Path) -> None:
    live = Live(build_world(NOW, 1), int(NOW.timestamp()), tmp_path, Broker("127.0.0.1", settings.mqtt_port, settings.mqtt_root))
    waiting = Arrival(tmp_path / "newcomer", settings)
    assert not live.welcome(waiting, int(NOW.timestamp()))
    assert live.pairs == []

    bundle = issue_bundle(settings, LABEL.mac)
    identity = Identity(LABEL.mac, bundle.certificate, bundle.key or b"", bundle.authority)
    keep_identities(tmp_path / "newcomer" / "identity", [LABEL.mac], settings, lambda _, macs: [identity] if macs else [])

    assert live.welcome(Arrival(tmp_path / "newcomer", settings), int(NOW.timestamp()))
    ((feed, connection),) = live.pairs
    assert connection.mac == LABEL.mac
    messages = list(feed.due(int(NOW.timestamp()) + 60))
    assert messages
    assert b'"dispositivo_codigo":"D02"' in messages[0][1]
    live.board.close()
