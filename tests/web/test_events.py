"""Events: the queue, decisions by role, what they do to the figures, and why they are refused, in the reader's language."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from sql import decisions
from sql.decisions import Event
from tests.broker.lab import wait_until
from tests.sql.plant import ledger_text
from tests.web.dash import answer, call, callbacks, post
from tests.web.queue import Queue, quarters

EDITOR = "editor@cedro.example"
ASKED: dict[str, Any] = {"verb": "accept", "event": 1}


@pytest.fixture
def editor(sign_in: Callable[[str], FlaskClient], queue: Queue) -> FlaskClient:
    """Give somebody who may decide."""
    return sign_in(EDITOR)


@pytest.fixture
def looker(sign_in: Callable[[str], FlaskClient], queue: Queue) -> FlaskClient:
    """Give somebody of the same account who may only look."""
    return sign_in("viewer@cedro.example")


def listed(client: FlaskClient, **given: Any) -> dict[str, Any]:
    """Give what the page lists, by id of its parts."""
    return {name: in_words(part["children"]) for name, part in answer(call(client, "events-review.children", **given)).items()}


def press(client: FlaskClient, verb: str, event: object) -> TestResponse:
    """Press a button of an event."""
    return call(client, "events-told.children", events_asked={"verb": verb, "event": str(event), "at": 1})


def save(client: FlaskClient, event: int, final: object, initial: object) -> TestResponse:
    """Press the button of the dialog."""
    return by_input(
        client,
        "events-correct-save",
        events_correct_save=1,
        events_asked={"verb": "correct", "event": event},
        events_final=final,
        events_initial=initial,
    )


def replace(client: FlaskClient, device: int, at: object, final: object, initial: object) -> TestResponse:
    """Record a replacement from the device's page."""
    given = {"device_replace_at": at, "device_replace_final": final, "device_replace_initial": initial}
    return by_input(client, "device-replace-save", device_replace_save=1, device_id=device, **given)


def said(response: TestResponse) -> str:
    """Give all that a callback answered as text, with plain spaces."""
    return in_words(answer(response))


def in_words(answered: Any) -> str:
    """Write an answer as text, with plain spaces."""
    return json.dumps(answered, ensure_ascii=False).replace("\u00a0", " ")


def by_input(client: FlaskClient, name: str, **values: Any) -> TestResponse:
    """Call the callback that a control triggers."""
    named = {key.replace("_", "-"): value for key, value in values.items()}
    dependency = next(one for one in callbacks(client) if name in {each["id"] for each in one["inputs"]})
    given = {f"{one['id']}.{one['property']}": named.get(one["id"]) for one in [*dependency["inputs"], *dependency["state"]]}
    return post(client, dependency, given)


def test_what_is_undecided_stands_above_what_is_decided(editor: FlaskClient, queue: Queue) -> None:
    device, event = queue.reset("Boiler")
    shown = listed(editor, events_device=device)
    assert "fell from 103 to 4: reset to zero?" in shown["events-review"]
    assert "1 event to review" in shown["events-review"]
    assert "Nothing decided yet" in shown["events-decided"]
    assert press(editor, "accept", event.id).status_code == 200
    shown = listed(editor, events_device=device)
    assert "Everything is reviewed" in shown["events-review"]
    assert "reset to zero?" in shown["events-decided"]
    assert f"Accepted by {EDITOR}" in shown["events-decided"]


def test_it_filters_by_device_and_kind(editor: FlaskClient, queue: Queue) -> None:
    device, _ = queue.reset("Kiln")
    other, _ = queue.reset("Crane")
    assert "Kiln" in listed(editor)["events-review"]
    only = listed(editor, events_device=device)["events-review"]
    assert "Kiln" in only
    assert "Crane" not in only
    assert "Crane" in listed(editor, events_kind="reset")["events-review"]
    assert "No event to review" in listed(editor, events_device=other, events_kind="glitch")["events-review"]


def test_accepting_says_that_the_figures_count_it_already(editor: FlaskClient, queue: Queue) -> None:
    _, event = queue.reset()
    told = answer(press(editor, "accept", event.id))
    assert "Accepted" in in_words(told)
    assert queue.event(event.device_id).decided_by == EDITOR


def test_ignoring_is_undone_to_the_last_digit(editor: FlaskClient, queue: Queue) -> None:
    """The later reading leaves the accepted ones; taken back, every quarter-hour is as it was."""
    device, event = queue.reset()
    before = ledger_text(queue.database, [device])
    assert "within seconds" in said(press(editor, "ignore", event.id))
    queue.drain()
    assert ledger_text(queue.database, [device]) != before
    assert "The later reading is left out" in listed(editor, events_device=device)["events-decided"]
    assert answer(press(editor, "undo", event.id))
    queue.drain()
    assert ledger_text(queue.database, [device]) == before
    assert queue.event(device).decision is None


def test_correcting_is_undone_to_the_last_digit(editor: FlaskClient, queue: Queue) -> None:
    device, event = queue.reset()
    before = ledger_text(queue.database, [device])
    done = answer(save(editor, event.id, "110.5", "1"))
    assert done["events-correct"]["is_open"] is False
    queue.drain()
    corrected = queue.event(device)
    assert (corrected.decision, corrected.decided_by) == ("correct", EDITOR)
    assert corrected.increment == Decimal("110.5") - 103 + 4 - 1
    assert "Corrected with final 110.5 and initial 1" in listed(editor, events_device=device)["events-decided"]
    assert answer(press(editor, "undo", event.id))
    queue.drain()
    assert ledger_text(queue.database, [device]) == before


def test_the_dialog_begins_with_the_readings_and_shows_what_it_takes(editor: FlaskClient, queue: Queue) -> None:
    _, event = queue.reset()
    asked = {"verb": "correct", "event": event.id}
    opened = answer(call(editor, "events-final.value", events_asked=asked))
    assert (opened["events-correct"]["is_open"], opened["events-final"]["value"], opened["events-initial"]["value"]) == (
        True,
        "103",
        "4",
    )
    told = answer(call(editor, "events-correct-told.children", events_asked=asked, events_final="104", events_initial="2"))
    assert "+3 kWh" in in_words(told)
    told = answer(call(editor, "events-correct-told.children", events_asked=asked, events_final="90", events_initial="4"))
    assert "The final register 90 is below the reading before it, 103." in in_words(told)


@pytest.mark.parametrize(
    ("final", "initial", "said"),
    [
        ("102", "1", "The final register 102 is below the reading before it, 103."),
        ("103", "5", "The initial register 5 is above the reading after it, 4."),
        ("many", "1", "A register is a number"),
        ("", None, "A register is a number"),
        ("-1", "1", "A register is a number"),
        ("NaN", "1", "A register is a number"),
        ("1e9", "1", "A register is a number"),
        ("110.1234567", "1", "at most 6 decimals"),
        ("9" * 16, "1", "between 0 and 10"),
        ({"a": 1}, ["1"], "A register is a number"),
    ],
)
def test_registers_that_cannot_be_are_refused_in_a_sentence(
    editor: FlaskClient, queue: Queue, final: object, initial: object, said: str
) -> None:
    device, event = queue.reset()
    refused = answer(save(editor, event.id, final, initial))
    assert said in in_words(refused)
    assert "events-correct" not in refused  # the dialog stays
    assert queue.event(device).decision is None


def test_an_event_is_decided_once(editor: FlaskClient, queue: Queue) -> None:
    _, event = queue.reset()
    assert "not yet" not in said(press(editor, "ignore", event.id))
    assert "decided already: undo that first" in said(press(editor, "accept", event.id))
    assert "decided already: undo that first" in said(save(editor, event.id, "104", "1"))
    answer(press(editor, "undo", event.id))
    assert "nothing was decided of this event" in said(press(editor, "undo", event.id))


def test_glitches_are_only_accepted(editor: FlaskClient, queue: Queue) -> None:
    device = queue.device(quarters([100, 101, 0, 0, 104, 105]))
    event = queue.event(device)
    assert event.kind == "glitch"
    shown = listed(editor, events_device=device)["events-review"]
    assert "2 readings at 0 kWh left out" in shown
    assert "Ignore" not in shown
    assert "left out already" in said(press(editor, "ignore", event.id))
    assert "no registers to correct" in said(save(editor, event.id, "104", "1"))
    assert "Accepted" in said(press(editor, "accept", event.id))


def test_two_people_at_once_do_not_both_decide(editor: FlaskClient, queue: Queue) -> None:
    _, event = queue.reset()
    answers: list[TestResponse] = []
    later = threading.Thread(target=lambda: answers.append(press(editor, "ignore", event.id)))
    with queue.database.owner.transaction() as connection:
        decisions.correct(connection, event.id, Decimal(104), Decimal(1), "somebody@cedro.example")
        later.start()
        waiting = text("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)")  # for the row that is not committed yet
        assert wait_until(lambda: bool(connection.execute(waiting).scalar()), 20)
    later.join(20)
    assert "at the same moment" in said(answers[0])
    assert queue.event(event.device_id).decided_by == "somebody@cedro.example"


def test_a_viewer_sees_why_not(looker: FlaskClient, editor: FlaskClient, queue: Queue) -> None:
    device, _ = queue.reset()
    shown = listed(looker, events_device=device)
    assert "needs the role Editor or Administrator; yours is Viewer" in shown["events-right"]
    assert "reset to zero?" in shown["events-review"]
    assert "data-verb" not in shown["events-review"]
    shown = listed(editor, events_device=device)
    assert shown["events-right"] == "null"
    assert "data-verb" in shown["events-review"]


@pytest.mark.parametrize("verb", ["accept", "ignore", "undo", "correct", "save", "replace"])
def test_a_viewers_forged_decision_is_refused(looker: FlaskClient, queue: Queue, verb: str) -> None:
    device, event = queue.reset()
    response = forged(looker, verb, event)
    assert response.status_code == 403
    assert response.json["error"]["code"] == "forbidden"
    assert queue.event(device).decision is None


@pytest.mark.parametrize("verb", ["accept", "ignore", "undo", "correct", "save", "replace"])
def test_a_strangers_event_is_not_found(stranger: FlaskClient, queue: Queue, verb: str) -> None:
    device, event = queue.reset()
    assert forged(stranger, verb, event).status_code == 404
    assert queue.event(device).decision is None


def forged(client: FlaskClient, verb: str, event: Event) -> TestResponse:
    """Ask for what no page offers to whoever asks."""
    if verb == "save":
        return save(client, event.id, "110", "1")
    if verb == "replace":
        return replace(client, event.device_id, "2026-03-02T00:20", "101", "0")
    if verb == "correct":
        return call(client, "events-final.value", events_asked={"verb": "correct", "event": event.id})
    return press(client, verb, event.id)


@pytest.mark.parametrize("event", [0, -1, 10**12, 2**63, "x", "", "1; DROP", None, {"a": 1}, [1], True, "٣"])
def test_an_id_that_is_none_is_not_found(editor: FlaskClient, event: object) -> None:
    asked = {"verb": "accept", "event": event}
    assert call(editor, "events-told.children", events_asked=asked).status_code == 404


@pytest.mark.parametrize(
    "asked", [None, {}, [], "accept", {"verb": "drop", "event": 1}, {"verb": ["accept"], "event": 1}, {"verb": "accept"}]
)
def test_what_no_page_sends_does_nothing(editor: FlaskClient, asked: object) -> None:
    assert call(editor, "events-told.children", events_asked=asked).status_code == 204


def test_it_hides_other_accounts(stranger: FlaskClient, editor: FlaskClient, queue: Queue, world: Any) -> None:
    device, _ = queue.reset("Secret smelter")
    assert "smelter" not in str(listed(stranger))
    assert call(stranger, "events-review.children", events_device=device).status_code == 404
    offered = answer(call(stranger, "events-device.options", events_wanted_device=[device]))
    assert "smelter" not in in_words(offered)
    assert offered["events-device"]["value"] is None
    assert "smelter" in said(call(editor, "events-device.options", events_wanted_device=[device]))


def test_the_menu_counts_what_waits(editor: FlaskClient, newcomer: FlaskClient, queue: Queue) -> None:
    _, event = queue.reset()

    def waiting() -> int:
        badge = answer(call(editor, "nav-events-count.children"))["nav-events-count"]["children"]
        return int(badge["props"]["children"][0]["props"]["children"]) if badge else 0

    before = waiting()
    assert before > 0
    press(editor, "accept", event.id)
    assert waiting() == before - 1
    assert answer(call(newcomer, "nav-events-count.children"))["nav-events-count"]["children"] is None


def test_a_replacement_is_recorded_and_taken_back(editor: FlaskClient, queue: Queue) -> None:
    device = queue.device(quarters([100, 101, 102, 0.5, 1, 2]))
    before = ledger_text(queue.database, [device])
    recorded = answer(replace(editor, device, "2026-03-02T00:35", "102.25", "0"))
    assert recorded["device-replace"]["is_open"] is False
    assert "within seconds" in in_words(recorded)
    queue.drain()
    event = queue.event(device)
    assert (event.kind, event.increment, event.decided_by) == ("replacement", Decimal("0.75"), EDITOR)
    assert "the old one ended at 102.25, the new one began at 0" in listed(editor, events_device=device)["events-decided"]
    assert "not ignored" not in said(press(editor, "undo", event.id))
    queue.drain()
    assert ledger_text(queue.database, [device]) == before


@pytest.mark.parametrize(
    ("at", "final", "initial", "said"),
    [
        ("2026-03-02T00:35", "101", "0", "below the reading before it, 102"),
        ("2026-03-02T00:35", "102", "0.6", "above the reading after it, 0.5"),
        ("2026-03-01T12:00", "102", "0", "a reading before the replacement and one after"),
        ("2026-03-02T12:00", "102", "0", "a reading before the replacement and one after"),
        ("2199-01-01T00:00", "102", "0", "cannot lie in the future"),
        ("", "102", "0", "Say when the meter was replaced"),
        (None, "102", "0", "Say when the meter was replaced"),
        ("2026-02-30T00:00", "102", "0", "Say when the meter was replaced"),
        ("2026-03-02T00:35Z", "102", "0", "Say when the meter was replaced"),
        ("2026-03-02T00:35", "", "0", "A register is a number"),
        ({"a": 1}, "102", "0", "Say when the meter was replaced"),
    ],
)
def test_a_replacement_that_cannot_be_is_refused(
    editor: FlaskClient, queue: Queue, at: object, final: str, initial: str, said: str
) -> None:
    device = queue.device(quarters([100, 101, 102, 0.5, 1, 2]))
    refused = answer(replace(editor, device, at, final, initial))
    assert said in in_words(refused)
    assert "device-replace" not in refused


def test_only_who_may_is_offered_a_replacement_and_only_of_counters(
    editor: FlaskClient, looker: FlaskClient, queue: Queue
) -> None:
    counter = queue.device(quarters([1, 2]))
    gauge = queue.device(quarters([20, 21]), kind="gauge", resource="temperature", unit="°C")

    def hidden(client: FlaskClient, device: int) -> bool:
        return bool(answer(call(client, "device-replace-open.hidden", device_id=device))["device-replace-open"]["hidden"])

    assert [hidden(editor, counter), hidden(editor, gauge), hidden(looker, counter)] == [False, True, True]
    assert "Only a meter with a register" in said(replace(editor, gauge, "2026-03-02T00:10", "20", "20"))


def test_a_refusal_is_in_portuguese_for_who_reads_that(editor: FlaskClient, queue: Queue) -> None:
    _, event = queue.reset()
    assert editor.post("/language", data={"locale": "pt-BR", "next": "/"}).status_code == 302
    try:
        assert "O registro final 102 é menor que a leitura anterior, 103." in said(save(editor, event.id, "102", "1"))
        assert "voltou a zero?" in listed(editor, events_device=event.device_id)["events-review"]
        assert "Corrigido" in said(save(editor, event.id, "1.110,5", "1,25"))
    finally:
        editor.post("/language", data={"locale": "en", "next": "/"})
    assert queue.event(event.device_id).final == Decimal("1110.5")


def test_decisions_are_kept_when_undone(editor: FlaskClient, queue: Queue) -> None:
    device, event = queue.reset()
    press(editor, "accept", event.id)
    press(editor, "undo", event.id)
    with queue.database.owner.transaction() as connection:
        rows = connection.execute(
            text("SELECT kind, decided_by, undone_by FROM tds.decision WHERE device_id = :d"), {"d": device}
        )
        assert [tuple(row) for row in rows] == [("accept", EDITOR, EDITOR)]
