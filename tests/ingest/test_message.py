"""What one message says, or why it cannot be used: pure, without a broker or a database."""

import json
import time
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from ingest.message import Message, decode

MAC = "aa:bb:cc:dd:ee:ff"
TOPIC = f"tds_new/devices/{MAC}/telemetry"
STATUS = f"tds_new/devices/{MAC}/status"


def item(**changes: object) -> dict[str, object]:
    """One reading as a gateway writes it."""
    return {"dispositivo_codigo": "D01", "valor": 123.45, "unidade": "kWh", **changes}


def message(*items: object, **changes: object) -> bytes:
    """A whole message as a gateway writes it."""
    return json.dumps(
        {"gateway_mac": MAC, "timestamp": "2026-02-18T14:30:00Z", "leituras": list(items) or [item()], **changes}
    ).encode()


def reason_of(payload: bytes, topic: str = TOPIC) -> str:
    """The one reason for which a whole message is refused."""
    decoded = decode(topic, payload)
    assert not decoded.readings
    (rejection,) = decoded.rejections
    assert rejection.code is None
    return rejection.reason


def value_of(text: str) -> Decimal:
    """The value of a reading whose `valor` is written so."""
    (reading,) = decode(TOPIC, message().replace(b"123.45", text.encode())).readings
    return reading.value


def bad_value(text: str) -> bool:
    """Whether a reading whose `valor` is written so, and it alone, is refused as bad_value."""
    decoded = decode(TOPIC, message(item(), item(valor="X")).replace(b'"X"', text.encode()))
    return len(decoded.readings) == 1 and [r.reason for r in decoded.rejections] == ["bad_value"]


def test_it_reads_the_example_of_the_contract() -> None:
    text = """{"gateway_mac": "aa:bb:cc:dd:ee:ff", "timestamp": "2026-02-18T14:30:00Z",
     "leituras": [{"dispositivo_codigo": "D01", "valor": 123.45, "unidade": "kWh"},
                  {"dispositivo_codigo": "D02", "valor": "67.8900", "unidade": "m³", "timestamp": "2026-02-18T14:25:00Z"}]}"""
    decoded = decode(TOPIC, text.encode())
    assert (decoded.mac, decoded.seq, decoded.online, decoded.rejections) == (MAC, None, True, [])
    assert [(r.code, r.value, r.unit, r.time) for r in decoded.readings] == [
        ("D01", Decimal("123.45"), "kWh", datetime(2026, 2, 18, 14, 30, tzinfo=UTC)),
        ("D02", Decimal("67.89"), "m³", datetime(2026, 2, 18, 14, 25, tzinfo=UTC)),
    ]


@pytest.mark.parametrize(
    "text",
    ["0.1000000000000000000000000000001", "999999999999999.999999", "-0.0000005", '"12.5"', '"+7"', '"007"', "1e3", "1E-7"],
)
def test_it_keeps_every_digit_of_a_value(text: str) -> None:
    assert value_of(text) == Decimal(text.strip('"'))


def test_it_reads_thousands_of_digits() -> None:
    assert value_of("0." + "3" * 50_000) == Decimal("0." + "3" * 50_000)


@pytest.mark.parametrize(
    "text",
    ["null", "true", "false", "[]", "{}", '""', '" 1"', '"1 "', '"1_000"', '"1,5"', '"NaN"', '"Infinity"', '"-inf"', '"0x10"', '"１２"', '"1."',
     '".5"', '"--1"', "1e15", "-1e15", "1000000000000000", "1e999", "-1e999", "1e99999999999", '"1e400000"', '"\\u0000"', '"12\\n"'],
)  # fmt: skip
def test_it_refuses_what_is_no_finite_number_below_1e15(text: str) -> None:
    assert bad_value(text)


def test_it_reads_an_escaped_decimal_string() -> None:
    assert value_of('"\\u0031.5"') == Decimal("1.5")


@pytest.mark.parametrize(
    "payload",
    [b"", b" ", b"hello", b"{", b'{"a":}', b"\xff\xfe", b"\x00", b"[" * 60_000, b'{"a":' * 10_000, message() + b"x", message()[:-1],
     b"\xef\xbb\xbf" + message(), message().decode().encode("utf-16"), message(note="\udcff").replace(b"\\udcff", b"\xff"),
     message().replace(b"123.45", b"NaN"), message().replace(b"123.45", b"-Infinity"), message().replace(b"123.45", b"01"),
     message(note="N").replace(b'"N"', b"[" * 20_000 + b"]" * 20_000), message(item(dispositivo_codigo="\ud800")),
     message(item(valor="\ud800"))],
)  # fmt: skip
def test_it_refuses_what_is_not_json(payload: bytes) -> None:
    assert reason_of(payload) == "not_json"


@pytest.mark.parametrize(
    "payload",
    [b"[]", b"null", b"1", b'"text"', b"{}", message(gateway_mac=None), message(gateway_mac=7), message(timestamp=None),
     message(timestamp=1771424000), message(leituras=[]), message(leituras={}), message(leituras="D01"), message(leituras=None),
     message(seq="7"), message(seq=7.0), message(seq=True), message(seq=2**63), message(seq=10**400), message(seq=[1])],
)  # fmt: skip
def test_it_refuses_what_breaks_the_schema(payload: bytes) -> None:
    assert reason_of(payload) == "schema"


@pytest.mark.parametrize("field", ["gateway_mac", "timestamp", "leituras"])
def test_it_refuses_a_message_without_a_field(field: str) -> None:
    fields = json.loads(message())
    del fields[field]
    assert reason_of(json.dumps(fields).encode()) == "schema"


@pytest.mark.parametrize(
    "broken",
    [
        7,
        None,
        [],
        "D02",
        {},
        item(dispositivo_codigo=None),
        item(dispositivo_codigo=2),
        item(unidade=None),
        item(unidade=5),
        item(timestamp=7),
    ],
)
def test_one_reading_that_breaks_the_schema_does_not_take_the_others_with_it(broken: object) -> None:
    decoded = decode(TOPIC, message(item(dispositivo_codigo="D00"), broken, item(dispositivo_codigo="D02")))
    assert [(r.code, r.index) for r in decoded.readings] == [("D00", 0), ("D02", 2)]
    assert [r.reason for r in decoded.rejections] == ["schema"]


@pytest.mark.parametrize("field", ["dispositivo_codigo", "valor", "unidade"])
def test_one_reading_without_a_field_does_not_take_the_others_with_it(field: str) -> None:
    broken = item(dispositivo_codigo="D09")
    del broken[field]
    decoded = decode(TOPIC, message(item(), broken))
    assert len(decoded.readings) == 1
    (rejection,) = decoded.rejections
    assert (rejection.reason, rejection.code) == ("schema", None if field == "dispositivo_codigo" else "D09")


def test_a_rejected_part_is_a_message_of_its_own_around_its_very_bytes() -> None:
    raw = b'{"dispositivo_codigo" :"D09",  "valor":  1.50e400, "unidade":"kWh", "extra": [1, 2]}'
    decoded = decode(TOPIC, message(item(), "X", seq=5).replace(b'"X"', raw))
    (rejection,) = decoded.rejections
    assert (rejection.code, rejection.topic) == ("D09", TOPIC)
    assert raw in rejection.payload
    assert json.loads(rejection.payload)["timestamp"] == "2026-02-18T14:30:00Z"
    again = decode(TOPIC, rejection.payload)
    assert (again.seq, [(r.reason, r.code, r.payload) for r in again.rejections]) == (
        None,
        [("bad_value", "D09", rejection.payload)],
    )


def test_a_message_of_64_kib_is_read_and_one_byte_more_is_too_large() -> None:
    largest = message() + b" " * (64 * 1024 - len(message()))
    assert len(decode(TOPIC, largest).readings) == 1
    decoded = decode(TOPIC, largest + b" ")
    assert decoded.rejections[0].reason == "too_large"
    assert decoded.rejections[0].payload == largest[:4096]


def test_a_message_of_1000_readings_is_read_and_one_more_is_too_large() -> None:
    small = {"dispositivo_codigo": "1", "valor": 1, "unidade": "L"}
    assert len(decode(TOPIC, message(*[small] * 1000)).readings) == 1000
    decoded = decode(TOPIC, message(*[small] * 1001, seq=4))
    assert [(r.reason, len(r.payload)) for r in decoded.rejections] == [("too_large", 4096)]
    assert decoded.seq == 4


@pytest.mark.parametrize("mac", ["aa:bb:cc:dd:ee:00", "", "\x00", "gateway", "aa:bb:cc:dd:ee:ff "])
def test_a_message_under_another_gateways_topic_is_a_mac_mismatch(mac: str) -> None:
    assert reason_of(message(gateway_mac=mac)) == "mac_mismatch"


@pytest.mark.parametrize("mac", ["AA:BB:CC:DD:EE:FF", "aa-bb-cc-dd-ee-ff"])
def test_a_mac_may_be_spelled_otherwise_within_the_message(mac: str) -> None:
    assert len(decode(TOPIC, message(gateway_mac=mac)).readings) == 1


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-02-18T14:30:00-03:00", datetime(2026, 2, 18, 17, 30, tzinfo=UTC)),
        ("2026-02-18T14:30:00.123456789Z", datetime(2026, 2, 18, 14, 30, 0, 123456, tzinfo=UTC)),
        ("2026-02-18 14:30+0000", datetime(2026, 2, 18, 14, 30, tzinfo=UTC)),
        ("20260218T143000Z", datetime(2026, 2, 18, 14, 30, tzinfo=UTC)),
        ("2026-02-18t14:30:00z", datetime(2026, 2, 18, 14, 30, tzinfo=UTC)),
        ("2026-02-18T14:30:00", datetime(2026, 2, 18, 14, 30)),
    ],
)
def test_it_reads_iso_8601_with_and_without_an_offset(text: str, instant: datetime) -> None:
    (reading,) = decode(TOPIC, message(timestamp=text)).readings
    assert reading.time == instant
    assert (reading.time.tzinfo is None) == (instant.tzinfo is None)


NO_TIMES = ["", "now", "2026-02-18", "20260218", "2026-02-30T00:00:00Z", "2026-02-18x14:30:00Z", "18/02/2026 14:30", "1771424000", "2026-02-18T25:00:00Z",
            "2026-02-18T14:30:00+99:00", "2026-02-18T23:59:60Z", "\u0662026-02-18T14:30:00Z", "2026-02-18T14:30:00\x00", "9" * 60_000]  # fmt: skip


@pytest.mark.parametrize("text", NO_TIMES)
def test_a_message_without_a_usable_time_is_refused_as_a_whole(text: str) -> None:
    assert reason_of(message(item(), item(), timestamp=text)) == "bad_timestamp"


@pytest.mark.parametrize("text", NO_TIMES)
def test_a_reading_whose_own_time_is_unusable_does_not_take_the_others_with_it(text: str) -> None:
    decoded = decode(TOPIC, message(item(), item(timestamp=text)))
    assert len(decoded.readings) == 1
    assert [r.reason for r in decoded.rejections] == ["bad_timestamp"]


def test_a_reading_with_its_own_time_survives_an_unusable_one_of_the_message() -> None:
    decoded = decode(TOPIC, message(item(), item(timestamp="2026-02-18T14:25:00Z"), timestamp="yesterday"))
    assert [r.index for r in decoded.readings] == [1]
    assert [r.reason for r in decoded.rejections] == ["bad_timestamp"]


def test_of_a_key_that_comes_twice_the_last_counts() -> None:
    decoded = decode(TOPIC, message().replace(b'"valor": 123.45', b'"valor": 1, "valor": 2'))
    assert [r.value for r in decoded.readings] == [Decimal(2)]


def test_unknown_fields_are_passed_over() -> None:
    assert len(decode(TOPIC, message(item(qualidade="ok"), firmware={"a": [1]})).readings) == 1


@pytest.mark.parametrize("seq", [0, 1, -5, 2**63 - 1, -(2**63)])
def test_it_reads_the_sequence_number(seq: int) -> None:
    assert decode(TOPIC, message(seq=seq)).seq == seq


@pytest.mark.parametrize(
    "seq", ["9223372036854775808", "-9223372036854775809", "1" * 400, "1" * 4300, "1" * 9000, "1.0", "[1]", '"1"', "true"]
)
def test_a_sequence_number_that_cannot_be_confirmed_refuses_its_message_and_is_not_confirmed(seq: str) -> None:
    """Five hundred of the longest would be a packet for which the broker cuts the ingester off, again and again."""
    payload = message(seq=7).replace(b'"seq": 7', f'"seq": {seq}'.encode())
    assert reason_of(payload) == "schema"
    assert decode(TOPIC, payload).seq is None


@pytest.mark.parametrize("payload", [message(leituras=[], seq=9), message(gateway_mac="x", seq=9), message(timestamp="x", seq=9),
                                     message(seq=9) + b" " * 70_000, message(item(valor="x"), seq=9)])  # fmt: skip
def test_a_refused_message_still_tells_its_sequence_number(payload: bytes) -> None:
    decoded = decode(TOPIC, payload)
    assert decoded.rejections
    assert decoded.seq == 9


@pytest.mark.parametrize("word", [b"online", b"ONLINE\n", b'"online"', b'{"status": "online", "ip": "10.0.0.7"}'])
def test_it_reads_that_a_gateway_is_online(word: bytes) -> None:
    assert decode(STATUS, word) == Message(STATUS, word, MAC, online=True)


@pytest.mark.parametrize("word", [b"offline", b" Offline ", b'{"status": "offline"}'])
def test_it_reads_a_last_will(word: bytes) -> None:
    assert decode(STATUS, word).online is False


@pytest.mark.parametrize(
    ("word", "reason"),
    [(b"", "schema"), (b"0", "schema"), (b"{", "not_json"), (b'{"status": 1}', "schema"), (b"\xff", "not_json")],
)
def test_a_status_that_says_neither_is_refused(word: bytes, reason: str) -> None:
    assert reason_of(word, STATUS) == reason


def test_a_redelivered_part_has_the_same_digest_and_another_time_another() -> None:
    broken = item(valor="x")
    one, same, later = (
        decode(TOPIC, message(broken, timestamp=t)).rejections[0].digest()
        for t in ("2026-02-18T14:30:00Z",) * 2 + ("2026-02-18T14:45:00Z",)
    )
    assert one == same != later


def test_rejected_parts_are_not_many_times_as_long_as_their_message() -> None:
    """A time that cannot be used, half the message long, would be kept around each of its readings."""
    broken = item(unidade="kWh", timestamp="2026-02-18T14:30:00Z", valor="x")
    decoded = decode(TOPIC, message(*[broken] * 300, timestamp="9" * 30_000))
    assert len(decoded.rejections) == 300
    assert sum(len(rejection.payload) for rejection in decoded.rejections) < 3 * len(decoded.payload)
    again = decode(TOPIC, decoded.rejections[0].payload)
    assert [(r.reason, r.code) for r in again.rejections] == [("bad_value", "D01")]


def test_ten_times_as_many_broken_readings_take_ten_times_as_long_to_take_apart() -> None:
    assert effort(1000) < 40 * effort(100), "and not a hundred times"


def effort(count: int) -> float:
    """The least time of the processor, of some tries, that a message of so many broken readings takes."""
    payload, found = message(*[{"dispositivo_codigo": "1", "valor": "", "unidade": "L"}] * count), []
    for _ in range(5):
        started = time.thread_time()
        decoded = decode(TOPIC, payload)
        found.append(time.thread_time() - started)
        assert len(decoded.rejections) == count
    return min(found)
