"""One connection to the broker, from CONNECT to its end, driven by one thread: messages go to the inbox, all else to paho.

paho's own loop is not used: acknowledgements given by another thread can overtake CONNECT, an exception in
a callback ends its thread unseen, and its select() fails above descriptor 1,023. Here everything that touches
the client happens on the calling thread, so that an acknowledgement can only go out on the connection it belongs to.
"""

from __future__ import annotations

import json
import logging
import selectors
import socket
import ssl
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple, cast

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from ingest.buffered import BufferedSocket
from ingest.framing import Published
from ingest.inbox import Inbox, Received
from sql.errors import TdsError

log = logging.getLogger(__name__)

KEEPALIVE = 30
CONNECT_SECONDS = 5
# Without a word of the broker's, whose answer comes behind the messages that wait: going over a million of them takes it a while.
SUBSCRIBE_SECONDS = 60
NEVER = 0xFFFFFFFF
MOST_CONFIRMED = 500
MOST_UNSENT = 20_000
READ_AT_ONCE = 64
LEAVE_SECONDS = 5
LINGER_SECONDS = 0.2
# What the broker threw away because a queue was full: it had acknowledged it, and tells nobody else.
DROPPED = "$SYS/broker/publish/messages/dropped"
FULL_SECONDS = 20


class InboxFull(Exception):
    """Nothing was taken out of the inbox for so long that the connection is given up until there is room."""


class Target(NamedTuple):
    """Where to connect and as whom; `window` is how many messages may be unacknowledged."""

    host: str
    port: int
    root: str
    client_id: str
    window: int


class Settlement(NamedTuple):
    """What a commit allows: packets of one connection to acknowledge, sequence numbers to confirm, by gateway."""

    epoch: int
    packets: list[int]
    confirmed: dict[str, list[int]]


@dataclass
class Control:
    """What the owner asks of the thread (`closing`, `discarding`) and what it tells in return (`beat`, monotonic).

    `confirming`: how many confirmations may be on their way; the broker may allow fewer. `dropped`: how many messages
    the broker says that it threw away since it started.
    """

    closing: bool = False
    discarding: bool = False
    confirming: int = 1000
    dropped: int = 0
    beat: float = field(default_factory=time.monotonic)


class Connection:
    """One client on one connection; messages go to the inbox under this connection's epoch."""

    def __init__(self, target: Target, context: ssl.SSLContext, epoch: int, inbox: Inbox, control: Control) -> None:
        self.target, self.epoch, self.inbox, self.control = target, epoch, inbox, control
        self.subscribed = self.was_subscribed = False
        self._confirmed = False
        self._fault = ""
        self._client = self._make_client(context)

    def serve(self, wake: socket.socket, settlements: Callable[[], Iterable[Settlement]]) -> None:
        """Connect and work until the connection ends or `closing`; raises TdsError or OSError where it was not us who ended it."""
        client, target = self._client, self.target
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = NEVER  # the session is the backlog
        properties.ReceiveMaximum = target.window  # without it the broker sends 20 and waits
        selector = selectors.DefaultSelector()
        try:
            client.connect(target.host, target.port, KEEPALIVE, clean_start=False, properties=properties)
            selector.register(wake, selectors.EVENT_READ)
            sock = _open_socket(client)
            selector.register(sock, selectors.EVENT_READ)
            self._work(sock, selector, settlements)
            if self.control.closing:
                self._leave(sock, settlements)
        finally:
            self.subscribed = False
            selector.close()
            if (left := client.socket()) is not None:
                left.close()

    def _work(
        self, sock: BufferedSocket, selector: selectors.BaseSelector, settlements: Callable[[], Iterable[Settlement]]
    ) -> None:
        client, control = self._client, self.control
        deadline = time.monotonic() + SUBSCRIBE_SECONDS
        room_at, mask = time.monotonic(), selectors.EVENT_READ
        while not control.closing:
            if client.socket() is None:
                raise TdsError(self._fault or "the connection to the broker was lost")
            # Mosquitto 2.0.11 keeps to our window only until the first acknowledgement: so we stop reading as well.
            full = self._has_no_room
            wanted = (0 if full else selectors.EVENT_READ) | (selectors.EVENT_WRITE if client.want_write() or sock.unsent else 0)
            if wanted != mask:
                _watch(selector, sock, mask, wanted)
                mask = wanted
            # What TLS has decrypted already, no selector sees.
            for key, _ in selector.select(0.01 if full else 0 if sock.pending() else 0.2):
                if key.fileobj is not sock:
                    key.fileobj.recv(4096)  # type: ignore[union-attr]
            if self.subscribed:
                self._settle(settlements())
            arrived = self._read(sock)
            self._write(sock)
            client.loop_misc()
            control.beat = time.monotonic()
            if arrived or full:
                deadline = control.beat + SUBSCRIBE_SECONDS
                self._show_life(control.beat)
            if self._fault or (not self._confirmed and control.beat > deadline):
                raise TdsError(self._fault or f"the broker did not confirm the subscription within {SUBSCRIBE_SECONDS} s")
            if not full:
                room_at = control.beat
            elif control.beat - room_at > FULL_SECONDS:  # before the broker's answers to our pings are missed
                raise InboxFull

    @property
    def _has_no_room(self) -> bool:
        """Whether to stop reading; not before the broker's first answers are read."""
        return self.subscribed and self.inbox.is_full

    def _read(self, sock: BufferedSocket) -> int:
        """Read record by record while they come; gives the number of messages. What is no message paho gets to read, and first."""
        arrived = 0
        for _ in range(READ_AT_ONCE):
            messages = None if self._has_no_room else sock.fill()
            while sock.is_due and self._client.socket() is not None:
                self._client.loop_read()
            if messages is None or self._fault:  # on a connection that is given up nothing is taken: all comes again
                break
            arrived += len(messages)
            if not self.control.discarding:
                self._put(messages)
        return arrived

    def _show_life(self, now: float) -> None:
        """Tell paho, which sees no messages, that the broker is there: its answer to a ping may come behind thousands of them."""
        with self._client._msgtime_mutex:
            self._client._last_bytes_received = now

    def _put(self, messages: Iterable[Published]) -> None:
        for packet, topic, payload in messages:
            if topic == DROPPED:
                self._note_dropped(payload)
            else:
                self.inbox.put(Received(self.epoch, packet, topic, payload))

    def _write(self, sock: BufferedSocket) -> bool:
        """Write what is due; tells whether all of it is out."""
        self._client.loop_write()
        return self._client.socket() is None or (sock.flush() and not self._client.want_write())

    def _settle(self, settlements: Iterable[Settlement]) -> None:
        for epoch, packets, confirmed in settlements:
            # Confirmations first: where they get lost with the connection, so do the acknowledgements, and all comes again.
            for mac, numbers in confirmed.items():
                for start in range(0, len(numbers), MOST_CONFIRMED):
                    text = json.dumps({"seq": numbers[start : start + MOST_CONFIRMED]})
                    with suppress(ValueError):  # a topic that cannot be published to is nobody's who waits for it
                        self._client.publish(f"{self.target.root}/{mac}/commands/stored", text, qos=1)
            if epoch == self.epoch:  # a packet id of an older connection may mean another message by now
                for packet in packets:
                    self._client.ack(packet, 1)

    def _leave(self, sock: BufferedSocket, settlements: Callable[[], Iterable[Settlement]]) -> None:
        """Send what is owed, give the broker time to read it, and say goodbye; the session stays."""
        client, until = self._client, time.monotonic() + LEAVE_SECONDS
        self.control.discarding = True
        if self.subscribed:
            self._settle(settlements())
        # What still arrives is read and left unacknowledged: closing on it would reset the connection under our last words.
        flushed_at = time.monotonic()
        while client.socket() is not None and time.monotonic() < min(until, flushed_at + LINGER_SECONDS):
            if not self._write(sock):
                flushed_at = time.monotonic()
            if not self._read(sock):
                time.sleep(0.005)
        client.disconnect()
        while client.socket() is not None and time.monotonic() < until:
            self._write(sock)

    def _make_client(self, context: ssl.SSLContext) -> Client:
        client = Client(CallbackAPIVersion.VERSION2, self.target.client_id, protocol=MQTTProtocolVersion.MQTTv5, manual_ack=True)
        context.sslsocket_class = BufferedSocket
        client.tls_set_context(context)
        client.connect_timeout = CONNECT_SECONDS
        client.max_inflight_messages_set(self.control.confirming)
        client.max_queued_messages_set(MOST_UNSENT)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        # Registered, so that paho leaves writing to this loop instead of writing in the middle of other work.
        client.on_socket_register_write = client.on_socket_unregister_write = _leave_it_to_the_loop
        client.enable_logger(logging.getLogger("paho"))
        return client

    def _on_connect(self, client: Client, _: Any, flags: ConnectFlags, code: ReasonCode, properties: Properties | None) -> None:
        if code.is_failure:
            self._fault = f"the broker refuses {self.target.client_id}: {code}"
            return
        if flags.session_present:  # subscribed from before: what waited comes now, ahead of the answer to the subscription below
            self.inbox.forget_before(self.epoch)
            self._receive()
        else:
            log.warning("the broker has no session of %s: its first start, or what waited there is gone", self.target.client_id)
        taken = int(getattr(properties, "ReceiveMaximum", self.control.confirming))
        if taken < self.control.confirming:  # paho can change this only before it connects
            self.control.confirming = taken
            self._fault = f"the broker takes only {taken} confirmations at a time: connecting again"
            return
        # Retained messages only with a new subscription: later they would be news of yesterday.
        options = SubscribeOptions(qos=1, retainHandling=SubscribeOptions.RETAIN_SEND_IF_NEW_SUB)
        client.subscribe([(f"{self.target.root}/+/{sort}", options) for sort in ("telemetry", "status")])

    def _on_subscribe(self, client: Client, __: Any, ___: int, codes: list[ReasonCode], ____: Properties | None) -> None:
        if self._confirmed:  # it was the broker's own figures: who has none, or gives none, is a broker all the same
            return
        if refused := [str(code) for code in codes if code.is_failure]:
            self._fault = f"the broker refuses the subscription of {self.target.client_id}: {refused[0]}"
            return
        self._confirmed = True
        if not self.subscribed:
            self._receive()
        client.subscribe(DROPPED)

    def _receive(self) -> None:
        self.subscribed = self.was_subscribed = True
        log.info("receiving %s/+ from %s:%d", self.target.root, self.target.host, self.target.port)

    def _note_dropped(self, payload: bytes) -> None:
        with suppress(ValueError):
            dropped = int(payload)
            if dropped > self.control.dropped:
                log.error("the broker has thrown away %d messages since it started: a queue was full", dropped)
            self.control.dropped = dropped

    def _on_disconnect(self, _: Client, __: Any, flags: DisconnectFlags, code: ReasonCode, ___: Properties | None) -> None:
        if flags.is_disconnect_packet_from_server:
            self._fault = f"the broker ended the connection: {code}"


def _open_socket(client: Client) -> BufferedSocket:
    sock = client.socket()
    if sock is None:
        raise TdsError("the broker closed the connection at once")
    return cast(BufferedSocket, sock)


def _watch(selector: selectors.BaseSelector, sock: BufferedSocket, before: int, wanted: int) -> None:
    if not wanted:
        selector.unregister(sock)
    elif not before:
        selector.register(sock, wanted)
    else:
        selector.modify(sock, wanted)


def _leave_it_to_the_loop(*_: object) -> None:
    return None
