"""The demo's gateways, live: a process of its own that publishes what the meters show now, over mutual TLS.

Every meter is read at each quarter-hour, as in its history, and once a minute besides, so that a visitor sees it
move. Pulse meters give only quarter-hours: their value belongs to the time since the one before.
"""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import settings as settings_module
from simulator import world as worlds
from simulator.arrival import LABEL, Arrival
from simulator.gateway import Broker, Gateway, Shown, encode
from simulator.identities import read_identities
from simulator.meters import SLOT, reading
from simulator.ports import is_subscribed
from simulator.switchboard import Switchboard

PERIOD = 60
STEP_SECONDS = 0.25
RESEND_SECONDS = 3600  # a lost connection has its kept messages sent again at once; this is for what a broker dropped
READY = "the gateways are heard"
READY_WITHIN = 20


@dataclass
class Feed:
    """What one gateway sends next; `since` is the last quarter-hour (epoch seconds) that history holds."""

    gateway: worlds.Gateway
    phase: int
    since: int
    seq: int
    tick: int = -1

    def due(self, now: int) -> Iterator[tuple[int, bytes]]:
        """Give the messages to be sent by now (epoch seconds), numbered: quarter-hours that have passed, and this minute's."""
        while self.since + SLOT <= now:
            self.since += SLOT
            yield self._message(self.since, self.gateway.devices)
        tick = (now - self.phase) // PERIOD
        if tick != self.tick:
            self.tick = tick
            if now != self.since:
                yield self._message(now, [device for device in self.gateway.devices if device.kind != "interval"])

    def _message(self, instant: int, devices: Sequence[worlds.Device]) -> tuple[int, bytes]:
        self.seq += 1
        shown = [Shown(device.code, str(reading(device.meter, instant)), device.part.unit) for device in devices]
        return self.seq, encode(self.gateway.mac, instant * 1_000_000, shown, self.seq)


class Live:
    """The feeds, each with its connection, on one switchboard."""

    def __init__(self, world: worlds.World, since: int, identities: Path, broker: Broker) -> None:
        self.board = Switchboard()
        self.heard: set[str] = set()
        self.pairs: list[tuple[Feed, Gateway]] = []
        self.world, self.broker = world, broker
        known = {identity.mac: identity for identity in read_identities(identities)}
        number = time.time_ns() // 1_000_000  # beyond every number of an earlier run
        gateways = [gateway for gateway in world.gateways if gateway.mac in known]
        for place, gateway in enumerate(gateways):
            connection = Gateway(known[gateway.mac], broker)
            connection.when_stored = partial(self._hear, gateway.mac)
            self.board.add(connection)
            self.pairs.append((Feed(gateway, PERIOD * place // len(gateways), since, number), connection))

    def welcome(self, arrival: Arrival, now: int) -> bool:
        """Have the newcomer publish from now on, once somebody took it; tells whether it does."""
        if arrival.identity is None:
            return False
        gateway = worlds.build_newcomer(LABEL.mac, self.world.anchor, self.world.months, arrival.settings.timezone)
        connection = Gateway(arrival.identity, self.broker)
        connection.when_stored = partial(self._hear, LABEL.mac)
        self.board.add(connection)
        self.pairs.append((Feed(gateway, PERIOD // 2, now // SLOT * SLOT, time.time_ns() // 1_000_000), connection))
        return True

    def step(self, now: int) -> None:
        """Send what is due and deal with the traffic of a moment."""
        for feed, connection in self.pairs:
            for seq, payload in feed.due(now):
                connection.send(seq, payload)
            self.board.flush(connection)
        self.board.step(STEP_SECONDS)

    def _hear(self, mac: str, _: int) -> None:
        self.heard.add(mac)

    def resend(self) -> None:
        """Send again whatever was not confirmed, wherever there is a connection."""
        for _, connection in self.pairs:
            if connection.connected:
                connection.resend()


def main(arguments: Sequence[str]) -> int:
    """Publish until told to stop; prints one line once every gateway, or after a while one of them, is heard."""
    parser = argparse.ArgumentParser(prog="simulator.live")
    parser.add_argument("--anchor", required=True)
    parser.add_argument("--months", type=int, required=True)
    parser.add_argument("--since", type=int, required=True)
    parser.add_argument("--identities", type=Path, required=True)
    parser.add_argument("--ingester", required=True, metavar="HOST", help="where the ingester tells of its health")
    parser.add_argument("--newcomer", type=Path, help="the folder of a gateway at its first boot")
    args = parser.parse_args(arguments)
    settings = settings_module.load()
    stopping: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _: stopping.append(received))
    world = worlds.build_world(datetime.fromisoformat(args.anchor).astimezone(UTC), args.months)
    live = Live(world, args.since, args.identities, Broker(settings.mqtt_host, settings.mqtt_port, settings.mqtt_root))
    # The ingester's session must stand before anybody publishes: what nobody subscribes to, a broker throws away.
    while not stopping and not is_subscribed(args.ingester, settings.ingest_port):
        time.sleep(0.1)
    arrival = Arrival(args.newcomer, settings) if args.newcomer else None
    if arrival:
        arrival.start()
    _publish(live, stopping, arrival)
    if arrival:
        arrival.stop()
    live.board.close()
    return 0


def _publish(live: Live, stopping: Sequence[int], arrival: Arrival | None) -> None:
    began = resent = time.monotonic()
    said, fault = False, ""
    while not stopping:
        live.step(int(time.time()))
        if arrival and live.welcome(arrival, int(time.time())):
            arrival = None
        now = time.monotonic()
        if now - resent > RESEND_SECONDS:
            resent = now
            live.resend()
        if not said and len(live.heard) >= (1 if now - began > READY_WITHIN else len(live.pairs)):
            said = True
            print(READY, flush=True)
        if live.board.fault != fault:
            fault = live.board.fault
            print(f"the broker refuses: {fault}" if fault else "the broker answers again", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
