"""The commands `tds demo` and `tds simulate`.

The one place of this room that calls the certificate authority, a room of the same floor: simulated gateways need
certificates as real ones do, and somebody has to ask for them. It is imported only when a command runs, and handed
on as a function; nothing else here knows it.
"""

from __future__ import annotations

import argparse
import json
import secrets
import sys
from collections.abc import Sequence
from typing import Any

from settings import Settings
from simulator.first_boot import BatchFiles
from simulator.gateway import Broker, Identity
from simulator.identities import Certificates, keep_identities, read_identities
from sql.errors import Refused


def demo(settings: Settings, args: argparse.Namespace) -> int:
    """Start everything, print the address and a login, and run until told to stop."""
    from simulator.demo import Demo

    certificates = Certificates(ensure=_ensure_authority, issue=_issue, batch=_batch)
    return Demo(settings, args.port or settings.web_port, args.months, certificates).run()


def simulate(settings: Settings, args: argparse.Namespace) -> int:
    """Drive many gateways against the running broker and reckon up what reached the database."""
    from broker.machine import raise_descriptor_limit
    from simulator.load import Plan, Run
    from simulator.load_fleet import register_stations
    from simulator.ports import listens
    from sql.engine import check, open_store

    if raise_descriptor_limit() < args.gateways + 100:
        raise Refused(f"this machine lets a process open too few connections for {args.gateways} gateways: raise `ulimit -n`")
    broker = Broker(settings.mqtt_host, settings.mqtt_port, settings.mqtt_root)
    if not listens(broker.host, broker.port):
        raise Refused(
            f"nothing listens at {broker.host}:{broker.port}: start `tds broker`, or set TDS_MQTT_HOST and TDS_MQTT_PORT"
        )
    store = open_store(settings, "owner")
    try:
        check(store)
        zone, locale = settings.timezone, settings.locale
        stations = register_stations(store, args.gateways, args.devices, args.rate, zone, locale, _say)
        folder = settings.state_dir / "simulation"
        keep_identities(folder, [station.mac for station in stations], settings, _issue)
        identities = {identity.mac: identity for identity in read_identities(folder)}
        run = Run(store, Plan(args.rate, args.duration))
        run.connect(stations, [identities[station.mac] for station in stations], broker)
        run.publish()
        run.settle()
        result = run.result()
    finally:
        store.close()
    print(json.dumps(result, indent=2) if args.json else _report(result))
    if result["lost"] or result["duplicated"] or result["stored"] < result["published"]:
        print("tds: not everything that was published was stored once: does `tds ingest` run?", file=sys.stderr)
        return 1
    return 0


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _report(result: dict[str, Any]) -> str:
    latency = ", ".join(f"{name} {value} ms" for name, value in result["latency_ms"].items())
    return (
        f"{result['published']} messages published, {result['acknowledged']} acknowledged, {result['stored']} stored,"
        f" {result['lost']} lost, {result['duplicated']} readings too many\n"
        f"{result['messages_per_s']} messages/s, {result['readings_per_s']} readings/s; from publishing to the row: {latency}"
    )


def _ensure_authority(settings: Settings) -> None:
    """Have an authority with all that broker and ingester need, unless there is one."""
    from certs.setup import ensure_authority

    ensure_authority(settings, [])


def _batch(settings: Settings) -> BatchFiles:
    """Ask the authority for the certificate of a production batch."""
    from certs.bootstrap import issue_bootstrap

    made = issue_bootstrap(settings, f"demo-{secrets.token_hex(3)}", by="simulator")
    return BatchFiles(made.certificate, made.key, made.authority)


def _issue(settings: Settings, macs: Sequence[str]) -> list[Identity]:
    """Ask the authority for certificates of gateways."""
    from certs.issuing import issue_bundles

    bundles = issue_bundles(settings, macs, by="simulator") if macs else []
    return [Identity(bundle.mac, bundle.certificate, bundle.key or b"", bundle.authority) for bundle in bundles]
