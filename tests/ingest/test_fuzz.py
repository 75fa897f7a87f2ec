"""Whatever a gateway sends is readings or rejections: never a crash, never something a database cannot store."""

import json
import random
import resource
import time
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest.directory import Device, Directory, Gateway
from ingest.message import LARGEST_PAYLOAD, decode
from ingest.rejection import REASONS, storable
from ingest.resolve import resolve
from ingest.writer import copy_text
from tests.ingest.cast import MAC, topic

NOW = datetime(2026, 2, 18, 15, 0, tzinfo=UTC)
DIRECTORY = Directory()
DIRECTORY.gateways[MAC] = Gateway(
    7,
    70,
    ZoneInfo("Europe/Berlin"),
    {"D01": Device(1, "kWh", "counter", True), "D02": Device(2, "°F", "gauge", True), "D03": Device(3, "m³", "interval", False)},
)
GOOD = json.dumps(
    {
        "gateway_mac": MAC,
        "timestamp": "2026-02-18T14:30:00Z",
        "leituras": [
            {"dispositivo_codigo": "D01", "valor": 123.45, "unidade": "kWh"},
            {"dispositivo_codigo": "D02", "valor": "67.8900", "unidade": "°C", "timestamp": "2026-02-18T14:25:00Z"},
        ],
        "seq": 9,
    }
).encode()

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.decimals().map(str)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4), max_leaves=12
)
times = st.datetimes().map(lambda t: t.isoformat()) | st.sampled_from(
    ["2026-02-18T14:30:00Z", "2025-03-30T02:30:00", "0001-01-01T00:00:00", "9999-12-31T23:59:59Z"]
)
items = st.fixed_dictionaries(
    {
        "dispositivo_codigo": st.sampled_from(["D01", "D02", "D03", "D04"]) | anything,
        "valor": st.integers(-(10**16), 10**16) | st.floats() | st.decimals().map(str) | anything,
        "unidade": st.sampled_from(["kWh", "Wh", "°C", "°F", "m³"]) | anything,
    },
    optional={"timestamp": times | anything},
)
messages = st.fixed_dictionaries(
    {
        "gateway_mac": st.just(MAC) | anything,
        "timestamp": times | anything,
        "leituras": st.lists(items | anything, max_size=5) | anything,
    },
    optional={"seq": st.integers() | anything, "extra": anything},
)


def check(on: str, payload: bytes) -> None:
    """Decode and resolve, and hold every promise about the outcome."""
    resolved = resolve(decode(on, payload), DIRECTORY, NOW)
    assert resolved.rows or resolved.rejections or (on.endswith("/status") and resolved.message.online is not None)
    for row in resolved.rows:
        assert row.value.is_finite()
        assert abs(row.value) < 10**15
        assert row.value == round(row.value, 6)
        assert row.time.utcoffset() is not None
    assert copy_text(resolved.rows).count("\n") == len(resolved.rows)
    assert copy_text(resolved.rows).isascii()
    for rejection in resolved.rejections:
        assert rejection.reason in REASONS
        assert len(rejection.payload) <= LARGEST_PAYLOAD + 200
        assert len(rejection.digest()) == 32
        for text in (rejection.detail, rejection.topic, rejection.code or ""):
            assert len(storable(text).splitlines()) <= 1
            storable(text).encode()


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(messages)
def test_any_message_of_nearly_the_right_shape(message: Any) -> None:
    check(topic(), json.dumps(message).encode())


@settings(max_examples=200, deadline=None)
@given(anything, st.text(max_size=40), st.sampled_from(["utf-8", "utf-16", "utf-32", "latin-1"]))
def test_any_json_on_any_topic_in_any_encoding(document: Any, on: str, encoding: str) -> None:
    text = json.dumps(document, ensure_ascii=encoding == "latin-1")
    check(on, text.encode(encoding, "surrogatepass" if encoding.startswith("utf") else "strict"))


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=2000), st.booleans())
def test_any_bytes(payload: bytes, is_status: bool) -> None:
    check(topic(sort="status" if is_status else "telemetry"), payload)


@settings(max_examples=200, deadline=None)
@given(
    st.decimals(min_value=-(10**15) + 1, max_value=10**15 - 1, allow_nan=False, places=9) | st.integers(-(10**15) + 1, 10**15 - 1)
)
def test_any_number_is_read_exactly(value: Decimal | int) -> None:
    text = f'{{"gateway_mac":"{MAC}","timestamp":"2026-02-18T14:30:00Z","leituras":[{{"dispositivo_codigo":"D02","valor":{value:f},"unidade":"°F"}}]}}'
    (reading,) = decode(topic(), text.encode()).readings
    assert reading.value == value


def mutate(message: bytes, chance: random.Random) -> bytes:
    """Change, cut, repeat or insert some bytes of a message."""
    data = bytearray(message)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(6):
            case 0:
                data[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del data[at : at + chance.randint(1, 20)]
            case 2:
                data[at:at] = chance.choice(
                    [b"[", b"{", b'"', b"\\", b"e9", b"\x00", b"\xff", b"NaN", b"1e999", b"-", b",", b"\\ud800", b"\xed\xa0\x80"]
                )
            case 3:
                data[at:at] = data[at : at + chance.randint(1, 50)]
            case 4:
                data[at:at] = chance.choice([b"[", b'{"a":', b"9", b"\\u0000", b" "]) * chance.choice([10, 1000, 40_000])
            case _:
                data[at:at] = chance.randbytes(chance.randint(1, 30))
    return bytes(data)


def hostile_topic(chance: random.Random) -> str:
    """Change a topic as a broker might still let it through: any text but a wildcard and a zero byte, also none at all."""
    pieces = [
        "",
        "/",
        "//",
        "telemetry",
        "status",
        MAC,
        MAC.upper(),
        "\n",
        "\u2028",
        "\x7f",
        "é" * 300,
        "\U0001f600",
        "../..",
        "%s",
        "{}",
    ]
    return "".join(chance.choice(["/", ""]) + chance.choice(pieces) for _ in range(chance.randint(0, 8)))


def fuzz(count: int) -> None:
    """Try mutated messages, every fifth on a mutated topic, and see that memory does not grow."""
    chance = random.Random(7)
    for number in range(count):
        on = hostile_topic(chance) if number % 5 == 1 else topic(sort="status" if number % 20 == 0 else "telemetry")
        check(on, mutate(GOOD, chance))
        if number == count // 10:
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # KiB


def test_twenty_thousand_mutated_messages() -> None:
    fuzz(20_000)


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_half_a_million_mutated_messages() -> None:
    started = time.monotonic()
    fuzz(500_000)
    assert time.monotonic() - started < 1800
