"""What `tds doctor` asks of the broker."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from broker import mosquitto
from broker.crashes import recall
from broker.material import MaterialError, client_context
from broker.mosquitto import BrokerError
from broker.probe import CertificateRefused, NotReached, handshake, local_address
from settings import Settings
from sql.findings import Finding


def health(settings: Settings) -> list[Finding]:
    """Look at the program and at every broker that the settings name, without disturbing anybody's session."""
    addresses = [(settings.mqtt_host, settings.mqtt_port), *settings.more_brokers]
    return [_program(settings), *(_answer(settings, *address) for address in addresses), *_crashes(settings, datetime.now(UTC))]


def _program(settings: Settings) -> Finding:
    try:
        program = mosquitto.find_mosquitto()
        version = mosquitto.version_of(program)
    except BrokerError as error:
        elsewhere = local_address(settings.broker_bind) != settings.mqtt_host and settings.mqtt_host not in (
            "localhost",
            "127.0.0.1",
        )
        return Finding(
            "mosquitto", elsewhere, f"not needed here, the broker is {settings.mqtt_host}" if elsewhere else str(error)
        )
    return Finding("mosquitto", True, f"version {'.'.join(map(str, version))} at {program}")


def _answer(settings: Settings, host: str, port: int) -> Finding:
    try:
        expires = handshake(host, port, client_context(settings.pki_dir))
    except MaterialError as error:
        return Finding("broker", False, str(error))
    except CertificateRefused as error:
        return Finding("broker", False, f"{host}:{port} refuses the ingester's certificate: {error}")
    except NotReached as error:
        return Finding("broker", False, f"{error}: is `tds broker` running?")
    days = (expires - datetime.now(UTC)).days
    return Finding(
        "broker", days > 7, f"{host}:{port} answers over TLS and accepts the ingester; its certificate holds {days} days"
    )


def _crashes(settings: Settings, now: datetime) -> list[Finding]:
    lately = [one for one in recall(settings.state_dir / "broker") if now - one.at < timedelta(days=1)]
    if not lately:
        return []
    times, last = "once" if len(lately) == 1 else f"{len(lately)} times", lately[-1]
    said = f"Mosquitto crashed {times} within a day, last at {last.at:%Y-%m-%d %H:%M} UTC (status {last.status}), and was started again"
    return [Finding("broker crashes", False, f"{said}: the log of `tds broker` says more")]
