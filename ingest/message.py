"""From bytes to readings: decode one MQTT message into what it says, or into why it cannot be used. Pure."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal

import msgspec

from ingest.rejection import Rejection, Unusable

LARGEST_PAYLOAD = 64 * 1024
KEPT_OF_OVERSIZE = 4 * 1024
MOST_READINGS = 1000
LONGEST_TIME = 256  # in the message's bytes, where every character may be escaped
LIMIT = Decimal(10) ** 15
LOWEST = -LIMIT

# fromisoformat would take a date for its midnight, any separator, and what follows a zero byte for nothing.
_TIME = re.compile(r"[-0-9W]{8,10}[Tt ][-+0-9:.,Zz]{2,30}")
_DECIMAL = re.compile(r"[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,6})?")


class Reading(msgspec.Struct, frozen=True, gc=False):
    """One value as the gateway said it: exact, in the gateway's unit; a time without an offset is still naive."""

    code: str
    value: Decimal
    unit: str
    time: datetime
    index: int


class Message(msgspec.Struct):
    """A decoded message; `online` is what it says of its gateway: None where it says nothing."""

    topic: str
    payload: bytes
    mac: str
    seq: int | None = None
    online: bool | None = None
    readings: list[Reading] = []
    rejections: list[Rejection] = []
    cut: tuple[bytes, list[msgspec.Raw]] | None = None

    def part(self, index: int) -> bytes:
        """Give reading `index` as a message of its own: the envelope around the reading's very bytes."""
        if self.cut is None:
            fields = _FIELDS.decode(self.payload)
            time = bytes(fields["timestamp"])
            # No time is so long: it could not be used, and would be kept again around each of a thousand readings.
            time = time if len(time) <= LONGEST_TIME else b'""'
            head = b'{"gateway_mac":%s,"timestamp":%s,"leituras":[' % (bytes(fields["gateway_mac"]), time)
            self.cut = head, _ITEMS.decode(fields["leituras"])
        head, items = self.cut
        return head + bytes(items[index]) + b"]}"

    def reject(self, reading: Reading, reason: str, detail: str) -> Rejection:
        """Make the rejection of one reading."""
        return Rejection(reason, detail, self.topic, self.part(reading.index), reading.code)


class _Item(msgspec.Struct, gc=False):
    dispositivo_codigo: str
    valor: msgspec.Raw  # the number's own characters: a float would lose digits
    unidade: str
    timestamp: str | None = None


class _Envelope(msgspec.Struct, gc=False):
    gateway_mac: str
    timestamp: str
    leituras: list[_Item]
    seq: int | None = None


class _LooseEnvelope(msgspec.Struct, gc=False):
    gateway_mac: str
    timestamp: str
    leituras: list[msgspec.Raw]
    seq: int | None = None


class _OnlySeq(msgspec.Struct, gc=False):
    seq: int | None = None


class _OnlyCode(msgspec.Struct, gc=False):
    dispositivo_codigo: str | None = None


class _Status(msgspec.Struct, gc=False):
    status: str


_SYNTAX = msgspec.json.Decoder(msgspec.Raw)
_ENVELOPE = msgspec.json.Decoder(_Envelope)
_LOOSE = msgspec.json.Decoder(_LooseEnvelope)
_ITEM = msgspec.json.Decoder(_Item)
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_SEQ = msgspec.json.Decoder(_OnlySeq)
_CODE = msgspec.json.Decoder(_OnlyCode)
_STATUS = msgspec.json.Decoder(_Status)
_STRING = msgspec.json.Decoder(str)
_NOT_JSON = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def decode(topic: str, payload: bytes) -> Message:
    """Read a message of `{root}/{mac}/telemetry` or `…/status`; never raises: what cannot be used is a rejection in it."""
    sender, _, sort = topic.rpartition("/")
    message = Message(topic, payload, sender.rpartition("/")[2])
    try:
        if len(payload) > LARGEST_PAYLOAD:
            raise Unusable("too_large", f"{len(payload)} bytes, at most {LARGEST_PAYLOAD} are allowed")
        if sort == "status":
            message.online = _decode_status(payload)
        else:
            message.online = True
            _decode_telemetry(message)
    except Unusable as error:
        message.readings, message.seq = [], message.seq if message.seq is not None else _sequence(payload)
        kept = payload if error.reason != "too_large" else payload[:KEPT_OF_OVERSIZE]
        message.rejections = [Rejection(error.reason, error.detail, topic, kept)]
    return message


def normalized_mac(text: str) -> str:
    """Write a MAC in lower case with colons, where it is one."""
    return text.lower().replace("-", ":")


def parse_time(text: str) -> datetime:
    """Read an ISO 8601 date and time, with an offset or without (naive); raise Unusable otherwise."""
    try:
        if _TIME.fullmatch(text) is None:
            raise ValueError
        return datetime.fromisoformat(text[:-1] + "Z" if text[-1] == "z" else text)
    except ValueError:
        raise Unusable("bad_timestamp", f"timestamp is not ISO 8601: {text[:40]}") from None


def parse_value(text: str) -> Decimal:
    """Read `valor` from its JSON text, a number or a decimal string; raise Unusable unless finite and below 10¹⁵ in size."""
    try:
        if text[0] == '"' and _DECIMAL.fullmatch(text := _STRING.decode(text)) is None:
            raise ValueError  # Decimal would take "NaN", " 1", "1_000" and the digits of any script
        value = Decimal(text)  # any other JSON than a number it refuses
    except (ValueError, ArithmeticError):
        raise Unusable("bad_value", f"valor is not a number: {text[:40]}") from None
    if not LOWEST < value < LIMIT:
        raise Unusable("bad_value", "valor is not below 10^15 in size")
    return value


def _decode_telemetry(message: Message) -> None:
    try:
        message.payload.decode()  # the parts that are skipped below are not looked at otherwise
        envelope = _ENVELOPE.decode(message.payload)
    except msgspec.ValidationError:
        _decode_loosely(message)
        return
    except _NOT_JSON as error:
        raise Unusable("not_json", _plain(error)) from None
    time = _check_envelope(message, envelope)
    readings = message.readings
    for index, item in enumerate(envelope.leituras):
        try:
            readings.append(_reading(item, time, index))
        except Unusable as error:
            _reject_part(message, index, error, item.dispositivo_codigo)


def _decode_loosely(message: Message) -> None:
    """Take the readings one by one, so that one that breaks the schema does not take the others with it."""
    try:
        _SYNTAX.decode(message.payload)
        envelope = _LOOSE.decode(message.payload)
    except msgspec.ValidationError as error:
        raise Unusable("schema", _plain(error)) from None
    except _NOT_JSON as error:
        raise Unusable("not_json", _plain(error)) from None
    time = _check_envelope(message, envelope)
    for index, raw in enumerate(envelope.leituras):
        try:
            message.readings.append(_reading(_ITEM.decode(raw), time, index))
        except Unusable as error:
            _reject_part(message, index, error, _code(raw))
        except msgspec.ValidationError as error:
            _reject_part(message, index, Unusable("schema", _plain(error)), _code(raw))


def _check_envelope(message: Message, envelope: _Envelope | _LooseEnvelope) -> datetime | Unusable:
    """Check what all readings share; give their time, or why there is none: some may carry their own."""
    if envelope.seq is not None and not _is_number_of_a_message(envelope.seq):
        raise Unusable("schema", "seq is not a 64-bit integer")
    message.seq = envelope.seq
    if envelope.gateway_mac != message.mac and normalized_mac(envelope.gateway_mac) != message.mac:
        raise Unusable("mac_mismatch", f"gateway_mac {envelope.gateway_mac[:40]} on the topic of {message.mac[:40]}")
    if not envelope.leituras:
        raise Unusable("schema", "leituras is empty")
    if len(envelope.leituras) > MOST_READINGS:
        raise Unusable("too_large", f"{len(envelope.leituras)} readings, at most {MOST_READINGS} are allowed")
    try:
        return parse_time(envelope.timestamp)
    except Unusable as error:
        if isinstance(envelope, _Envelope) and all(item.timestamp is None for item in envelope.leituras):
            raise
        return error


def _reading(item: _Item, time: datetime | Unusable, index: int) -> Reading:
    own = item.timestamp
    instant = time if own is None else parse_time(own)
    if isinstance(instant, Unusable):
        raise instant
    return Reading(item.dispositivo_codigo, parse_value(str(item.valor, "utf-8")), item.unidade, instant, index)


def _reject_part(message: Message, index: int, error: Unusable, code: str | None) -> None:
    message.rejections.append(Rejection(error.reason, error.detail, message.topic, message.part(index), code))


def _decode_status(payload: bytes) -> bool:
    """Read `online` or `offline`, bare or as `{"status": "offline"}`."""
    try:
        text = payload.decode().strip()
        word = _STATUS.decode(text).status if text.startswith("{") else text.strip('"')
    except msgspec.ValidationError as error:
        raise Unusable("schema", _plain(error)) from None
    except _NOT_JSON as error:
        raise Unusable("not_json", _plain(error)) from None
    if word.lower() not in ("online", "offline"):
        raise Unusable("schema", "status is neither online nor offline")
    return word.lower() == "online"


def _sequence(payload: bytes) -> int | None:
    """Find `seq` in a message that is refused, so that its storage as a rejection can be confirmed."""
    try:
        seq = _SEQ.decode(payload).seq
    except _NOT_JSON:
        return None
    return seq if seq is not None and _is_number_of_a_message(seq) else None


def _is_number_of_a_message(seq: int) -> bool:
    """Tell whether `seq` can be confirmed: longer ones, 500 at a time, would make a packet for which the broker cuts us off."""
    return -(2**63) <= seq < 2**63


def _code(raw: msgspec.Raw) -> str | None:
    try:
        return _CODE.decode(raw).dispositivo_codigo
    except _NOT_JSON:
        return None


def _plain(error: Exception) -> str:
    """Say in one short line what a decoder found."""
    if isinstance(error, RecursionError):
        return "nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return "not UTF-8"
    return str(error)[:200]
