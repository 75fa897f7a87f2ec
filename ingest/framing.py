"""Cutting a stream of MQTT packets: messages are taken out here, whatever else comes is left to paho. Pure.

A drain is nothing but messages, and paho spends on each what storing its readings costs: properties that are not
there, a matcher that has nothing to match. MQTT 5.0, sections 2.1 and 3.3.
"""

from __future__ import annotations

from typing import NamedTuple

PUBLISH = 3
MOST_LENGTH_BYTES = 4


class Published(NamedTuple):
    """A message as the broker sent it; `packet` is 0 where nothing is to be acknowledged."""

    packet: int
    topic: str
    payload: bytes


class Cut(NamedTuple):
    """What a piece of the stream held: whole messages, other whole packets as they came, and the beginning of the next."""

    messages: list[Published]
    others: bytes
    rest: bytes


class Malformed(Exception):
    """This is no MQTT, or no PUBLISH as the broker may send it."""


def cut(data: bytes) -> Cut:
    """Cut a piece of the stream that begins with a packet; what cannot be read is left to paho, which ends the connection."""
    messages: list[Published] = []
    others: list[bytes] = []
    start, end = 0, len(data)
    try:
        while (span := _span(data, start, end)) is not None:
            body, stop = span
            if data[start] >> 4 == PUBLISH:
                messages.append(_message(data, data[start], body, stop))
            else:
                others.append(data[start:stop])
            start = stop
    except Malformed:
        return Cut(messages, b"".join([*others, data[start:]]), b"")
    return Cut(messages, b"".join(others), data[start:])


def _span(data: bytes, start: int, end: int) -> tuple[int, int] | None:
    """Give where the body of a packet begins and ends; None where it is not all there."""
    length, at = 0, start + 1
    for shift in range(0, 7 * MOST_LENGTH_BYTES, 7):
        if at >= end:
            return None
        byte = data[at]
        at += 1
        length |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (at, at + length) if at + length <= end else None
    raise Malformed


def _message(data: bytes, head: int, body: int, stop: int) -> Published:
    topic_end = body + 2 + (data[body] << 8 | data[body + 1]) if stop - body >= 2 else stop
    quality = head >> 1 & 3
    after = topic_end + 2 if quality else topic_end
    if after >= stop or quality == 3:
        raise Malformed
    packet = data[topic_end] << 8 | data[topic_end + 1] if quality else 0
    payload = after + 1
    if data[after]:  # properties: the broker passes on what a gateway set, and nothing of it is of use here
        span = _span(data, after - 1, stop)
        if span is None:
            raise Malformed
        payload = span[1]
    try:
        topic = data[body + 2 : topic_end].decode()
    except UnicodeDecodeError:
        topic = ""
    return Published(packet, topic, data[payload:stop])
