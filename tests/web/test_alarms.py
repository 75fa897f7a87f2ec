"""The alarms page, the API and the commands: by role and account, in both languages; two people at once; what is wrong beside its field."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from sql import people
from sql.alarm_watch import watch
from tests.sql.alarms import HOUR, Watched
from tests.sql.plant import json_of, put, refused, tds
from tests.web.dash import answer, call, callbacks, post
from tests.web.world import PASSWORD, World

FORM = {"kind": "daily", "limit": "", "percent": ""}


def zone_of_noon(now: datetime) -> str:
    """Name a time zone where the day is half over: what a test calls today and yesterday stays so while it runs."""
    return f"Etc/GMT{now.hour - 12:+d}"


@pytest.fixture(scope="session")
def plant(world: World) -> Watched:
    """An account whose meter is over its daily limit, and was the day before; people of each role."""
    now = datetime.now(UTC).replace(microsecond=0)
    watched = Watched.build(world.database, zone_of_noon(now), max_rate=Decimal(100_000))
    with world.database.owner.transaction() as conn:
        conn.execute(text("UPDATE tds.account SET locale = 'en' WHERE id = :a"), {"a": watched.meter.account_id})
        conn.execute(text("UPDATE tds.device SET name = 'Pump <1>' WHERE id = :d"), {"d": watched.meter.id})
        for role in ("admin", "editor", "viewer"):
            people.add_user(conn, f"{role}@alba.example", watched.meter.account, role, PASSWORD)
    watched.rule("daily", "100.5")
    start = now.astimezone(ZoneInfo(watched.meter.zone)).replace(hour=0, minute=0, second=0)
    readings = [(start - timedelta(days=1) + 6 * HOUR, 0), (start - timedelta(days=1) + 8 * HOUR, 200), (start, 200), (now, 712)]
    put(world.database, watched.meter, readings)
    watched.drain()
    watch(world.database.owner, now, range(60), silences=False)
    return watched


@pytest.fixture(autouse=True)
def _unacknowledged(plant: Watched) -> Iterator[None]:
    """Leave the alarms to each test as nobody has seen them."""
    yield
    plant.execute(
        "UPDATE tds.alarm SET acknowledged_at = NULL, acknowledged_by = NULL, note = NULL WHERE account_id = :a",
        a=plant.meter.account_id,
    )


@pytest.fixture
def editor(sign_in: Callable[[str], FlaskClient], plant: Watched) -> FlaskClient:
    return sign_in("editor@alba.example")


@pytest.fixture
def boss(sign_in: Callable[[str], FlaskClient], plant: Watched) -> FlaskClient:
    return sign_in("admin@alba.example")


@pytest.fixture
def looker(sign_in: Callable[[str], FlaskClient], plant: Watched) -> FlaskClient:
    return sign_in("viewer@alba.example")


def said(response: TestResponse) -> str:
    """Give all that a callback answered as text, with plain spaces and without the quoting of what is still."""
    return json.dumps(answer(response), ensure_ascii=False).replace("\u00a0", " ").replace('\\"', '"')


def shown(client: FlaskClient, view: str = "open", **given: Any) -> str:
    return said(call(client, "alarms-list.children", alarms_view=view, **given))


def by_input(client: FlaskClient, name: str, output: str, **values: Any) -> TestResponse:
    """Call the callback that a control triggers and that fills an output."""
    named = {key.replace("_", "-"): value for key, value in values.items()}
    dependency = next(
        one for one in callbacks(client) if name in {each["id"] for each in one["inputs"]} and output in one["output"]
    )
    given = {f"{one['id']}.{one['property']}": named.get(one["id"]) for one in [*dependency["inputs"], *dependency["state"]]}
    return post(client, dependency, given)


def press(client: FlaskClient, verb: str, output: str, number: Any = None) -> TestResponse:
    store = "alarms_who_asked" if verb in ("recipient", "wishes", "try") else "alarms_asked"
    return by_input(client, store.replace("_", "-"), output, **{store: {"verb": verb, "id": number, "at": 1}})


def save_rule(client: FlaskClient, target: str, seen: Any = None, **changed: Any) -> TestResponse:
    facts = {f"alarms_rule_{name}": value for name, value in (FORM | changed).items()}
    return by_input(
        client,
        "alarms-rule-save",
        "alarms-rule-told",
        alarms_rule_save=1,
        alarms_rule_seen=seen or {"id": None},
        alarms_rule_target=target,
        **facts,
    )


def save_recipient(client: FlaskClient, **changed: Any) -> TestResponse:
    facts = {
        "channel": "mail",
        "address": "x@example.com",
        "kinds": ["daily"],
        "closings": True,
        "quiet_from": "",
        "quiet_to": "",
    } | changed
    named = {f"alarms_who_{name}": value for name, value in facts.items()}
    return by_input(client, "alarms-who-save", "alarms-who-told", alarms_who_save=1, alarms_who_seen={"id": None}, **named)


def open_alarm(plant: Watched) -> int:
    return next(alarm.id for alarm in plant.alarms() if alarm.closed_at is None)


def test_it_says_what_is_open_how_much_and_since_when(looker: FlaskClient, plant: Watched) -> None:
    page = shown(looker)
    assert "1 open alarm" in page
    assert "Pump <1>" in page
    assert "Daily limit" in page
    assert "512 kWh" in page
    assert "limit 100.5 kWh" in page
    assert "since" in page
    assert "Acknowledge" not in shown(looker).partition("alarms-right")[0]
    assert "Acknowledging and rules need the role" in page


def test_the_history_says_how_it_ended(looker: FlaskClient, plant: Watched) -> None:
    page = shown(looker, "history")
    assert "200 kWh" in page
    assert "seen when it was over" in page
    assert "512 kWh" not in page
    assert "Nothing with these filters" in shown(looker, "history", alarms_kind="peak")


def test_an_account_without_rules_is_told_what_to_do(newcomer: FlaskClient) -> None:
    assert "No rule yet" in shown(newcomer)
    assert "The first one takes a minute" in shown(newcomer, "rules")
    assert "Nobody is told yet" in shown(newcomer, "told")


def test_the_badge_counts_what_nobody_has_acknowledged(looker: FlaskClient, viewer: FlaskClient) -> None:
    assert "1 alarm to acknowledge" in said(call(looker, "nav-alarms-count.children"))
    assert answer(call(viewer, "nav-alarms-count.children"))["nav-alarms-count"]["children"] is None


def test_the_overview_has_a_line(looker: FlaskClient, plant: Watched) -> None:
    line = said(call(looker, "overview-attention.children"))
    assert "daily limit" in line
    assert f"/alarms?alarm={open_alarm(plant)}" in line


def test_it_speaks_portuguese(sign_in: Callable[[str], FlaskClient], plant: Watched) -> None:
    client = sign_in("viewer@alba.example")
    client.post("/language", data={"locale": "pt-BR"})
    try:
        page = shown(client)
        assert "Limite diário" in page
        assert "limite 100,5 kWh" in page
    finally:
        client.post("/language", data={"locale": "en"})


def test_an_alarm_is_acknowledged_with_a_note_and_the_second_is_told_who_was_first(
    editor: FlaskClient, boss: FlaskClient, plant: Watched
) -> None:
    number = open_alarm(plant)
    opened = answer(press(editor, "acknowledge", "alarms-note.is_open", number))
    assert opened["alarms-note"]["is_open"] is True
    values = {"alarms_note_save": 1, "alarms_asked": {"verb": "acknowledge", "id": number}, "alarms_note_text": "oven <b>on</b>"}
    assert "Acknowledged." in said(by_input(editor, "alarms-note-save", "alarms-note-told", **values))
    second = said(by_input(boss, "alarms-note-save", "alarms-note-told", **values))
    assert "editor@alba.example has acknowledged it already" in second
    page = shown(boss)
    assert "Acknowledged by editor@alba.example" in page
    assert "“oven <b>on</b>”" in page
    assert answer(call(boss, "nav-alarms-count.children"))["nav-alarms-count"]["children"] is None


def test_a_rule_is_made_changed_switched_off_and_deleted(editor: FlaskClient, plant: Watched) -> None:
    target = f"d:{plant.meter.id}"
    assert "The rule is made" in said(save_rule(editor, target, kind="peak", limit="1,250.5"))
    page = shown(editor, "rules")
    assert "1,250.5 kW" in page
    number = plant.ask("SELECT max(id) FROM tds.alarm_rule")[0][0]
    form = answer(press(editor, "edit", "alarms-rule.is_open", number))
    assert (form["alarms-rule-limit"]["value"], form["alarms-rule-what"]["hidden"]) == ("1250.5", True)
    seen = form["alarms-rule-seen"]["data"]
    assert "is changed" in said(save_rule(editor, target, seen, kind="peak", limit="90"))
    assert "omebody else" in said(save_rule(editor, target, seen, kind="peak", limit="91"))
    press(editor, "pause", "alarms-told.children", number)
    assert "Off" in shown(editor, "rules")
    assert "Peak limit: Pump <1>" in said(press(editor, "delete", "alarms-drop.is_open", number))
    dropped = by_input(
        editor, "alarms-drop-save", "alarms-drop.is_open", alarms_drop_save=1, alarms_asked={"verb": "delete", "id": number}
    )
    assert "stay in the history" in said(dropped)
    assert plant.ask("SELECT count(*) FROM tds.alarm_rule WHERE id = :id", id=number) == [(0,)]


@pytest.mark.parametrize(
    ("target", "given", "field", "words"),
    [
        ("", {"limit": "5"}, "target", "Choose what the rule is for"),
        ("d", {"limit": ""}, "limit", "above 0"),
        ("d", {"limit": "0"}, "limit", "above 0"),
        ("d", {"limit": "many"}, "limit", "above 0"),
        ("d", {"kind": "base", "percent": "90"}, "percent", "Between 101 and 1,000"),
        ("d", {"kind": "base", "percent": "x"}, "percent", "Between 101 and 1,000"),
        ("d", {"kind": "base", "percent": "130", "limit": "5"}, "limit", "not both"),
        ("d", {"kind": "what"}, "kind", "Choose what breaks the rule"),
        ("all", {"limit": "5"}, "target", "Choose what the rule is for"),
        ("r:steam:t", {"limit": "5"}, "target", "Choose what the rule is for"),
        ("r:water:m³", {"limit": "5"}, "target", "Nothing there is metered"),
    ],
)
def test_what_is_wrong_with_a_rule_is_said_beside_its_field(
    editor: FlaskClient, plant: Watched, target: str, given: dict[str, str], field: str, words: str
) -> None:
    found = answer(save_rule(editor, f"d:{plant.meter.id}" if target == "d" else target, **given))
    assert words in str(found[f"alarms-rule-{field}-fault"]["children"]).replace("\u00a0", " ")


def test_a_preview_says_what_a_rule_would_have_done(editor: FlaskClient, plant: Watched) -> None:
    def preview(**given: Any) -> str:
        values = {f"alarms_rule_{name}": value for name, value in (FORM | {"target": f"d:{plant.meter.id}"} | given).items()}
        return said(by_input(editor, "alarms-rule", "alarms-rule-preview", alarms_rule=True, **values))

    assert "2 times" in preview(limit="150")
    assert "Pump <1> on" in preview(limit="150")
    assert "Would not have fired in the last 30 days" in preview(limit="9000")
    assert "Right now it would hold for" in preview(kind="silence", target="all")
    assert "Would" not in preview(limit="")


def test_targets_are_offered_by_kind(editor: FlaskClient, plant: Watched) -> None:
    metered = said(by_input(editor, "alarms-rule-kind", "alarms-rule-target", alarms_rule_kind="daily"))
    assert "All electricity, kWh (1 meter)" in metered
    silent = said(by_input(editor, "alarms-rule-kind", "alarms-rule-target", alarms_rule_kind="silence"))
    assert "Everything" in silent
    assert "and what is behind it" in silent


def test_recipients_are_named_by_administrators_and_a_secret_is_shown_once(
    boss: FlaskClient, editor: FlaskClient, plant: Watched
) -> None:
    assert save_recipient(editor).status_code == 403
    assert "x@example.com is told" in said(save_recipient(boss))
    assert "such a recipient already" in said(save_recipient(boss))
    told = said(save_recipient(boss, channel="webhook", address="https://hooks.example.com/a?key=very-secret"))
    assert "tdsw_" in told
    page = shown(boss, "told")
    assert "hooks.example.com/a" in page
    assert "very-secret" not in page
    assert "tdsw_" not in page
    assert "Send a trial" in page
    assert "x@example.com" in shown(editor, "told")
    assert "Send a trial" not in shown(editor, "told")
    number = plant.ask("SELECT id FROM tds.alarm_recipient WHERE address = 'x@example.com'")[0][0]
    assert "on its way" in said(press(boss, "try", "alarms-told.children", number))
    form = answer(press(boss, "wishes", "alarms-who.is_open", number))
    assert form["alarms-who-kinds"]["value"] == ["daily"]
    plant.execute("DELETE FROM tds.alarm_recipient")


@pytest.mark.parametrize(
    ("given", "field", "words"),
    [
        ({"address": "nobody"}, "address", "e-mail"),
        ({"channel": "webhook", "address": "http://example.com"}, "address", "https"),
        ({"channel": "webhook", "address": "https://127.0.0.1/x"}, "address", "not a public address"),
        ({"kinds": []}, "kinds", "at least one kind"),
        ({"quiet_from": "22:00"}, "quiet", "another end"),
        ({"quiet_from": "25:99", "quiet_to": "06:00"}, "quiet", "another end"),
    ],
)
def test_what_is_wrong_with_a_recipient_is_said_beside_its_field(
    boss: FlaskClient, given: dict[str, Any], field: str, words: str
) -> None:
    assert words in str(answer(save_recipient(boss, **given))[f"alarms-who-{field}-fault"]["children"])


def test_a_viewer_looks_and_no_more(looker: FlaskClient, plant: Watched) -> None:
    for verb, output in (
        ("acknowledge", "alarms-note.is_open"),
        ("rule", "alarms-rule.is_open"),
        ("pause", "alarms-told.children"),
        ("recipient", "alarms-who.is_open"),
    ):
        assert press(looker, verb, output, 1).status_code == 403, verb
    assert "for people with the role" in shown(looker, "told")
    page = shown(looker, "rules")
    assert "Daily limit" in page
    assert "data-fleet" not in page


def test_what_an_editor_presses_asks_for_nothing_that_is_an_administrators(editor: FlaskClient, plant: Watched) -> None:
    """The browser calls whatever waits for a press: one that is refused would show an error for a press that was right."""
    for dependency in callbacks(editor):
        if [one["id"] for one in dependency["inputs"]] == ["alarms-asked"]:
            given = {"alarms-asked.data": {"verb": "acknowledge", "id": open_alarm(plant), "at": 1}}
            assert post(editor, dependency, given).status_code in (200, 204), dependency["output"]


def test_a_stranger_sees_nothing_and_does_nothing(stranger: FlaskClient, plant: Watched) -> None:
    number, rule = (
        open_alarm(plant),
        plant.ask("SELECT id FROM tds.alarm_rule WHERE account_id = :a", a=plant.meter.account_id)[0][0],
    )
    for view in ("open", "history", "rules", "told"):
        page = shown(stranger, view, alarms_wanted=[number])
        assert "Pump" not in page, view
    assert press(stranger, "acknowledge", "alarms-note.is_open", number).status_code == 404
    assert press(stranger, "edit", "alarms-rule.is_open", rule).status_code == 404
    assert save_rule(stranger, f"d:{plant.meter.id}", limit="5").status_code == 404
    assert stranger.get(f"/api/v1/alarms/{number}").status_code == 404
    assert stranger.post(f"/api/v1/alarms/{number}/acknowledge").status_code == 404
    assert stranger.get("/api/v1/alarms?state=all").json == {"alarms": [], "next": None}


def test_the_api_lists_pages_and_acknowledges(editor: FlaskClient, looker: FlaskClient, plant: Watched) -> None:
    both = looker.get("/api/v1/alarms?state=all").json
    assert [one["state"] for one in both["alarms"]].count("open") == 1
    first = looker.get("/api/v1/alarms?state=all&limit=1").json
    second = looker.get(f"/api/v1/alarms?state=all&limit=1&after={first['next']}").json
    assert first["alarms"][0]["id"] > second["alarms"][0]["id"]
    late = next(one for one in both["alarms"] if one["state"] == "closed")
    assert (late["value"], late["limit"], late["unit"], late["outcome"], late["device_code"]) == (
        200,
        100.5,
        "kWh",
        "late",
        "D01",
    )
    assert looker.get("/api/v1/alarms?kind=peak").json["alarms"] == []
    assert looker.get("/api/v1/alarms?state=what").status_code == 400
    assert looker.get("/api/v1/alarms?kind=what").status_code == 400
    assert looker.post(f"/api/v1/alarms/{late['id']}/acknowledge").status_code == 403
    assert editor.post(f"/api/v1/alarms/{late['id']}/acknowledge", json={"note": 5}).status_code == 400
    done = editor.post(f"/api/v1/alarms/{late['id']}/acknowledge", json={"note": "known"})
    assert (done.status_code, done.json["acknowledged_by"], done.json["note"]) == (200, "editor@alba.example", "known")
    again = editor.post(f"/api/v1/alarms/{late['id']}/acknowledge")
    assert (again.status_code, "already" in again.json["error"]["message"]) == (400, True)


def test_the_commands(plant: Watched) -> None:
    database, account = plant.database, plant.meter.account
    listed = json_of(tds(database, "alarm", "list", "--account", account, "--all", "--json"))
    assert {one["kind"] for one in listed} == {"daily"}
    made = tds(
        database,
        "alarm",
        "rule",
        "add",
        "--account",
        account,
        "--kind",
        "monthly",
        "--device",
        plant.meter.name,
        "--limit",
        "5000",
    )
    assert made.code == 0, made
    assert "monthly" in made.out
    rules = json_of(tds(database, "alarm", "rule", "list", "--account", account, "--json"))
    rule = next(one for one in rules if one["kind"] == "monthly")
    assert (rule["kind"], rule["limit"], rule["unit"]) == ("monthly", 5000, "kWh")
    assert tds(database, "alarm", "rule", "set", str(rule["id"]), "--limit", "6000", "--off").code == 0
    assert "above 0" in refused(tds(database, "alarm", "rule", "set", str(rule["id"]), "--limit", "-1"))
    assert "at least one option" in refused(tds(database, "alarm", "rule", "set", str(rule["id"])))
    assert tds(database, "alarm", "rule", "delete", str(rule["id"])).code == 0
    assert "no rule" in refused(tds(database, "alarm", "rule", "delete", str(rule["id"])))
    assert "no alarm" in refused(tds(database, "alarm", "acknowledge", "99999999"))
    assert tds(database, "alarm", "rule", "add", "--account", account, "--kind", "hourly").code == 2
    assert "no gateway" in refused(
        tds(database, "alarm", "rule", "add", "--account", account, "--kind", "silence", "--gateway", "02:ff:ff:ff:ff:ff")
    )
    secret = tds(
        database,
        "alarm",
        "recipient",
        "add",
        "--account",
        account,
        "--webhook",
        "https://hooks.example.com/x",
        "--quiet",
        "22:00-06:00",
    )
    assert secret.out.startswith("tdsw_")
    assert "may not lead" in refused(
        tds(database, "alarm", "recipient", "add", "--account", account, "--webhook", "https://10.0.0.1/")
    )
    assert "quiet hours" in refused(
        tds(database, "alarm", "recipient", "add", "--account", account, "--mail", "a@b.example", "--quiet", "late")
    )
    one = json_of(tds(database, "alarm", "recipient", "list", "--account", account, "--json"))[0]
    assert (one["channel"], one["quiet_from"], one["quiet_to"]) == ("webhook", "22:00", "06:00")
    assert tds(database, "alarm", "recipient", "try", str(one["id"])).code == 0
    assert tds(database, "alarm", "recipient", "delete", str(one["id"])).code == 0
