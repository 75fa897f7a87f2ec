"""Events and what people decide of them: accept, correct, ignore, undo, and a meter's replacement."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from sql import ledger
from sql.consumption import PLACES, plain
from sql.errors import NotFound, Refused
from sql.statements import statements


class Event(NamedTuple):
    """A detected event with the decision that stands, if any."""

    id: int
    device_id: int
    gateway_mac: str
    device_code: str
    device_name: str
    unit: str
    kind: str
    at: datetime
    since: datetime
    value_before: Decimal
    value_after: Decimal
    correction: Decimal
    readings: int
    lowest: Decimal | None
    highest: Decimal | None
    modulus: Decimal | None
    detected_at: datetime
    decision: str | None
    final: Decimal | None
    initial: Decimal | None
    decided_by: str | None
    decided_at: datetime | None

    @property
    def increment(self) -> Decimal:
        """Consumption that was taken for the pair."""
        return self.value_after - self.value_before + self.correction


class Wanted(NamedTuple):
    """Which events: of an account, a device, a kind, decided or not; None leaves it open."""

    account: int | None
    event: int | None = None
    device: int | None = None
    kind: str | None = None
    decided: bool | None = None


def select_events(connection: Connection, wanted: Wanted, limit: int) -> list[Event]:
    """List the newest events that are wanted, newest first; ignored readings too, as what was decided of them."""
    rows = connection.execute(statements("decisions.sql")["events"], {**wanted._asdict(), "limit": limit})
    return [Event(*row) for row in rows]


def find_event(connection: Connection, event_id: int, account_id: int | None = None) -> Event:
    """Find one event, of one account where it is given; raises NotFound."""
    row = next(iter(select_events(connection, Wanted(account_id, event_id), 1)), None)
    if row is None:
        raise NotFound(f"there is no event {event_id}: `tds event list` shows them")
    return row


def sentence(event: Event) -> str:
    """Say in one sentence what was seen and what was assumed."""
    before, after, unit = plain(event.value_before), plain(event.value_after), event.unit
    if event.kind == "glitch":
        count = f"{event.readings} reading{'s' if event.readings != 1 else ''}"
        return f"{count} between {plain(event.lowest)} and {plain(event.highest)} {unit} left out: the register returned from {before} to {after}"
    taken = f"{'+' if event.increment >= 0 else ''}{plain(event.increment)} {unit}"
    if event.decision == "correct":
        return f"register went from {before} to {after}; corrected with final {plain(event.final)} and initial {plain(event.initial)}: {taken}"
    if event.kind == "rollover":
        digits = len(plain(event.modulus)) - 1 if event.modulus is not None and plain(event.modulus).strip("0") == "1" else None
        register = f"a {digits}-digit register" if digits else f"a register that wraps at {plain(event.modulus)}"
        return f"register fell from {before} to {after}: rollover of {register}? {taken}"
    if event.kind == "reset":
        return f"register fell from {before} to {after}: reset to zero? {taken}"
    if event.kind == "replacement":
        return f"meter replaced between {before} and {after}: {taken}"
    way = "rose" if event.value_after > event.value_before else "fell"
    return f"register {way} from {before} to {after}, which no rule explains: {taken} taken, for you to correct or ignore"


def accept(connection: Connection, event_id: int, by: str) -> None:
    """Confirm an event as it was detected."""
    event = find_event(connection, event_id)
    if event.decision == "accept":
        return
    if event.decision is not None:
        raise _decided_already(event)
    connection.execute(statements("decisions.sql")["outlive"], {"device": event.device_id, "at": event.at, "by": by})
    _record(connection, event.device_id, "accept", event.at, by, event.kind)


def correct(connection: Connection, event_id: int, final: Decimal, initial: Decimal, by: str) -> None:
    """Give the final register before, and the initial register after, the pair of an event."""
    event = _undecided(connection, event_id)
    if event.kind == "glitch":
        raise Refused("a glitch has no registers to correct: accept it, or leave it as it is", "glitch_correct")
    check_registers(event.value_before, event.value_after, final, initial)
    _check_ground(connection, event.device_id, event.at)
    _record(connection, event.device_id, "correct", event.at, by, event.kind, final, initial)
    ledger.mark_dirty(connection, [event.device_id])


def ignore(connection: Connection, event_id: int, by: str) -> None:
    """Leave the reading that made the event out of the accepted ones."""
    event = _undecided(connection, event_id)
    if event.kind == "glitch":
        raise Refused("the readings of a glitch are left out already: accept it", "glitch_ignore")
    if event.kind == "replacement":
        raise Refused("a recorded replacement is not ignored: undo it", "replacement_ignore")
    _check_ground(connection, event.device_id, event.at)
    _record(connection, event.device_id, "ignore", event.at, by, event.kind)
    ledger.mark_dirty(connection, [event.device_id])


def undo(connection: Connection, event_id: int, by: str) -> None:
    """Take back the decision that stands for an event; also by the number of an event that an ignored reading had."""
    event = find_event(connection, event_id)
    rows = connection.execute(
        statements("decisions.sql")["undo"],
        {"device": event.device_id, "since": event.since, "at": event.at, "kind": event.kind, "by": by},
    ).all()
    if not rows:
        raise Refused(f"nothing was decided of the event {event_id}", "nothing_decided")
    if any(row.kind != "accept" for row in rows):
        _check_ground(connection, event.device_id, event.at)
        ledger.mark_dirty(connection, [event.device_id])


def replace(connection: Connection, device_id: int, at: datetime, final: Decimal, initial: Decimal, by: str) -> None:
    """Record that a meter was replaced: its last register, and the first one of the new meter."""
    around = connection.execute(statements("decisions.sql")["around"], {"device": device_id, "at": at}).one()
    if around.kind != "counter":
        raise Refused("only a counter has a register that a replacement changes", "not_a_counter")
    if at > datetime.now(UTC):
        raise Refused("a replacement cannot lie in the future", "future")
    if around.before_time is None or around.after_time is None:
        raise Refused("the replacement lies outside the device's readings: there must be one before and one after it", "outside")
    if around.corrected:
        raise Refused("the registers between these two readings are corrected already: undo that first", "corrected")
    check_registers(around.before, around.after, final, initial)
    _check_ground(connection, device_id, at)
    if connection.execute(statements("decisions.sql")["standing"], {"device": device_id, "at": at}).scalar():
        raise Refused("something else is decided for that instant: undo it first", "occupied")
    _record(connection, device_id, "replacement", at, by, "replacement", final, initial)
    ledger.mark_dirty(connection, [device_id])


def check_registers(before: Decimal, after: Decimal, final: Decimal, initial: Decimal) -> None:
    """Raise Refused where the registers of a change do not fit the readings before and after it."""
    if not (0 <= final < Decimal("1e15") and 0 <= initial < Decimal("1e15")):
        raise Refused("final and initial register are between 0 and 10^15", "register_range")
    if final < before:
        said = f"the final register {plain(final)} is below the reading before it, {plain(before)}"
        raise Refused(said, "final_below", final=final, before=before)
    if initial > after:
        said = f"the initial register {plain(initial)} is above the reading after it, {plain(after)}"
        raise Refused(said, "initial_above", initial=initial, after=after)


def _check_ground(connection: Connection, device_id: int, at: datetime) -> None:
    if not connection.execute(statements("decisions.sql")["open_ground"], {"device": device_id, "at": at}).scalar():
        raise Refused("the readings of that time are gone with retention: its figures are closed and stay as they are", "closed")


def _undecided(connection: Connection, event_id: int) -> Event:
    event = find_event(connection, event_id)
    if event.decision not in (None, "accept"):
        raise _decided_already(event)
    return event


def _decided_already(event: Event) -> Refused:
    return Refused(f"the event {event.id} is decided already ({event.decision}): undo that first", "decided_already")


def _record(
    connection: Connection,
    device_id: int,
    kind: str,
    at: datetime,
    by: str,
    event_kind: str,
    final: Decimal | None = None,
    initial: Decimal | None = None,
) -> None:
    values: dict[str, Any] = {"device": device_id, "kind": kind, "at": at, "by": by, "event_kind": event_kind}
    registers = {"final": final, "initial": initial}
    values |= {name: None if value is None else value.quantize(PLACES) for name, value in registers.items()}
    try:
        connection.execute(statements("decisions.sql")["record"], values)
    except IntegrityError as error:  # two people decide at once: the second of them sees what the first decided
        raise Refused("somebody else decided this at the same moment: look at it again", "raced") from error
