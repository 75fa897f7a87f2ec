"""A Mosquitto that ends by itself: brought back where that helps, and said."""

from __future__ import annotations

import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from broker import crashes
from broker.checks import health
from broker.crashes import Crash
from broker.mosquitto import BrokerError
from broker.process import Broker
from certs.setup import ensure_authority
from tests.broker.lab import ROOT, Lab, NoUpkeep, make_settings, wait_until

MAC = "aa:bb:cc:00:00:01"


@pytest.mark.skipif(sys.platform == "win32", reason="no signals")
def test_a_crash_is_made_good_within_seconds_and_said(fresh_folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    lab = Lab(make_settings(fresh_folder))
    ingester, gateway = lab.ingester(clean=False), lab.gateway(lab.issue(MAC))
    gateway.client.reconnect_delay_set(1, 1)
    ingester.subscribe(f"{ROOT}/+/telemetry")
    ingester.close()
    assert gateway.publish(f"{ROOT}/{MAC}/telemetry", b"kept")
    broken = lab.broker.process
    assert broken is not None
    broken.send_signal(signal.SIGUSR1)  # have it write what it knows
    written = lab.broker.place.folder / "data" / "mosquitto.db"
    assert wait_until(lambda: written.exists() and b"kept" in written.read_bytes())

    broken.send_signal(signal.SIGSEGV)

    assert wait_until(lambda: lab.broker.process is not broken and gateway.client.is_connected())
    assert "mosquitto ended with status -11" in caplog.text
    again = lab.ingester(clean=False)
    assert again.present
    assert wait_until(lambda: [message.payload for message in again.received] == [b"kept"])
    (check,) = [check for check in health(lab.settings) if not check.ok]
    assert "crashed once within a day" in check.detail
    again.close()
    gateway.client.disconnect()
    gateway.client.loop_stop()
    lab.close()


def test_one_that_crashes_all_the_time_or_ends_of_its_own_will_is_left_to_whoever_started_us(fresh_folder: Path) -> None:
    settings = make_settings(fresh_folder)
    ensure_authority(settings)
    broker = Broker(settings, NoUpkeep(settings))
    broker.start()
    now = datetime.now(UTC)
    for minutes in (59, 9, 8, 7, 6):
        assert crashes.note(broker.place, Crash(now - timedelta(minutes=minutes), -6))
    assert broker.process is not None
    broker.process.kill()
    broker.process.wait()
    broker.step()  # the fifth within ten minutes
    broker.process.kill()
    broker.process.wait()
    with pytest.raises(BrokerError, match="ended with status -9"):
        broker.step()
    assert len(crashes.recall(broker.place.folder)) == 7
    broker._start_anew()
    broker.process.terminate()
    broker.process.wait()
    with pytest.raises(BrokerError, match="ended with status 0"):
        broker.step()
    broker.stop()


def test_a_record_that_cannot_be_read_is_no_record(tmp_path: Path) -> None:
    assert crashes.recall(tmp_path) == []
    (tmp_path / crashes.FILE).write_text("yesterday, I think\n")
    assert crashes.recall(tmp_path) == []
