"""Messages are taken out of the stream wherever it is cut; whatever else comes is left as it came."""

from __future__ import annotations

from itertools import accumulate, pairwise

from hypothesis import given
from hypothesis import strategies as st

from ingest.framing import Published, cut

TOPICS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=40)
PROPERTIES = st.sampled_from([b"\0", b"\x05\x02\0\0\0\x09", b"\x07\x26\0\x01a\0\x01b"])
OTHERS = st.sampled_from([b"\xd0\0", b"\x90\x04\0\x01\0\x01", b"\x40\x02\0\x07", b"\x20\x03\0\0\0"])


def length(number: int) -> bytes:
    """Write a remaining length."""
    head, rest = number % 128, number // 128
    return bytes([head | 0x80]) + length(rest) if rest else bytes([head])


def publish(topic: bytes, payload: bytes, packet: int = 0, properties: bytes = b"\0", flags: int = 0) -> bytes:
    """Write a PUBLISH of MQTT 5, with QoS 1 where it has a packet id."""
    body = len(topic).to_bytes(2) + topic + (packet.to_bytes(2) if packet else b"") + properties + payload
    return bytes([0x30 | (2 if packet else 0) | flags]) + length(len(body)) + body


PACKETS = st.builds(
    lambda topic, payload, packet, properties, flags: (
        publish(topic.encode(), payload, packet, properties, flags),
        Published(packet, topic, payload),
    ),
    TOPICS,
    st.binary(max_size=300),
    st.integers(0, 65_535),
    PROPERTIES,
    st.sampled_from([0, 1, 8]),
)


@given(st.lists(PACKETS | OTHERS.map(lambda packet: (packet, None)), max_size=12), st.lists(st.integers(1, 400), max_size=12))
def test_wherever_the_stream_is_cut_the_same_arrives(packets: list[tuple[bytes, Published | None]], sizes: list[int]) -> None:
    stream = b"".join(packet for packet, _ in packets)
    edges = [0, *(edge for edge in accumulate(sizes) if edge < len(stream)), len(stream)]
    messages, others, begun = [], b"", b""
    for start, end in pairwise(edges):
        found, left, begun = cut(begun + stream[start:end])
        messages += found
        others += left
    assert messages == [message for _, message in packets if message is not None]
    assert others == b"".join(packet for packet, message in packets if message is None)
    assert begun == b""


def test_a_large_message_is_waited_for_to_its_end() -> None:
    packet = publish(b"a/b", bytes(200_000), 7)
    assert cut(packet[:-1]) == ([], b"", packet[:-1])
    assert cut(packet + b"\xd0") == ([Published(7, "a/b", bytes(200_000))], b"", b"\xd0")


def test_a_topic_that_is_no_text_arrives_without_one() -> None:
    assert cut(publish(b"a/\xff", b"x", 3)).messages == [Published(3, "", b"x")]


def test_what_is_malformed_is_left_to_paho_with_all_that_follows() -> None:
    good = publish(b"t", b"x", 1)
    for bad in (
        b"\x32\xff\xff\xff\xff\x01",
        b"\x32\x01\0",
        b"\x36\x06\0\x01t\0\x01\0",
        b"\x32\x05\0\x09t\0\x01",
        b"\x32\x06\0\x01t\0\x01\x7f",
    ):
        assert cut(good + bad + good) == ([Published(1, "t", b"x")], bad + good, b""), bad


@given(st.binary(max_size=200))
def test_whatever_comes_is_cut_without_losing_a_byte_that_is_no_message(noise: bytes) -> None:
    messages, others, rest = cut(noise)
    if not messages:
        assert others + rest == noise
