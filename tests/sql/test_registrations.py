"""Gateways at their first boot, in the store: who may see one, who may take one, and how much of it is kept."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from sql import audit, claims, fleet, registrations
from sql.audit import Actor
from sql.errors import NotFound, Refused
from tests.sql.newcomers import Scene, new_mac, refusal


def test_an_admin_takes_a_waiting_gateway_by_its_mac_and_serial_number(scene: Scene) -> None:
    mac = new_mac()
    scene.hear(mac, serial_number="TDS-000123")

    scene.claim(mac.upper().replace(":", "-"), " tds-000123 ", name="Casa de bombas", capacity=16)

    with scene.bench.web.transaction(scene.mine, scene.admin) as connection:
        (found,) = claims.claims(connection)
    assert (found.mac, found.serial_number, found.model, found.gateway) == (mac, "TDS-000123", "G8", "Casa de bombas")
    assert (found.decided_by, found.certificate_serial, found.fault) == ("ana@example.com", None, None)
    with scene.bench.owner.transaction() as connection:
        (waiting,) = registrations.unsigned(connection)
        (gateway,) = fleet.list_gateways(connection)
    assert (waiting.mac, waiting.request, waiting.decided_by) == (mac, "PEM", "ana@example.com")
    assert (gateway.account, gateway.capacity) == ("Aurora", 16)


def test_who_took_it_stands_in_the_accounts_audit(scene: Scene) -> None:
    one, two = new_mac(), new_mac()
    scene.hear(one)
    other = scene.hear(two)
    assert other
    scene.claim(one)
    with scene.bench.owner.transaction() as connection:
        registrations.allocate(connection, other.id, "Aurora", "root")
    with scene.bench.web.transaction(scene.mine, scene.admin) as connection:
        lines = audit.read(connection, audit.Wanted(scene.mine, "gateway.claimed"), 2)
    assert [(line.actor, line.object, line.after) for line in lines] == [
        (audit.COMMAND_LINE, two, {"serial_number": "TDS-1", "by": "root"}),
        ("ana@example.com", one, {"serial_number": "TDS-1"}),
    ]


def test_a_gateway_registered_before_its_first_boot_keeps_its_name(scene: Scene) -> None:
    mac = new_mac()
    scene.run("INSERT INTO tds.gateway (account_id, mac, name) VALUES (:a, :m, 'Known')", a=scene.mine, m=mac)
    scene.hear(mac)

    scene.claim(mac)

    with scene.bench.owner.transaction() as connection:
        assert [gateway.name for gateway in fleet.list_gateways(connection)] == ["Known"]


def test_a_pending_gateway_is_seen_by_no_account(scene: Scene) -> None:
    scene.hear(new_mac())
    with scene.bench.web.transaction(scene.mine, scene.admin) as connection:
        assert connection.execute(text("SELECT count(*) FROM tds.registration")).scalar() == 0


def test_it_hides_other_accounts(scene: Scene) -> None:
    mac = new_mac()
    scene.hear(mac)
    scene.claim(mac)
    with scene.bench.web.transaction(scene.theirs, scene.stranger) as connection:
        assert claims.claims(connection) == []
        assert claims.claims(connection) == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE tds.registration SET account_id = 1",
        "DELETE FROM tds.registration",
        "INSERT INTO tds.registration (mac, serial_number, model, firmware, key, request) VALUES ('', '', '', '', '', '')",
        "SELECT * FROM tds.registration_miss",
        "SELECT * FROM tds.registration_flag",
        "SELECT tds.allocate_registration(1, 1, 'x', 8, 'me', true)",
        "SELECT * FROM tds.registration_by_label('m', 's')",
    ],
)
def test_the_web_login_takes_nothing_by_itself(scene: Scene, statement: str) -> None:
    with (
        pytest.raises(ProgrammingError, match="permission denied"),
        scene.bench.web.transaction(scene.mine, scene.admin) as connection,
    ):
        connection.execute(text(statement))


def test_the_ingester_sees_no_registration(scene: Scene) -> None:
    with pytest.raises(ProgrammingError, match="permission denied"), scene.bench.ingest.transaction() as connection:
        connection.execute(text("SELECT * FROM tds.registration"))
    with pytest.raises(ProgrammingError, match="permission denied"), scene.bench.ingest.transaction() as connection:
        connection.execute(text("SELECT * FROM web.claim_registration('m', 's', NULL, NULL, false)"))
    for call in (
        "look_at_registration('m', 's')",
        "refuse_registration('m', 's', '')",
        "expected_registrations()",
        "demonstration_label()",
    ):
        with pytest.raises(ProgrammingError, match="permission denied"), scene.bench.ingest.transaction() as connection:
            connection.execute(text(f"SELECT * FROM web.{call}"))


@pytest.mark.parametrize("who", ["viewer", "stranger"])
def test_only_an_admin_of_the_account_takes_a_gateway(scene: Scene, who: str) -> None:
    mac = new_mac()
    scene.hear(mac)
    with pytest.raises(Refused) as refused:
        claims.claim(scene.bench.web, scene.mine, Actor(who, getattr(scene, who)), mac, "TDS-1")
    assert refused.value.key == "no_right"


@pytest.mark.parametrize(
    "given", [("02:00:00:00:ff:ff", "TDS-1"), ("MINE", "TDS-2"), ("MINE", ""), ("MINE", "%"), ("MINE", "x" * 9999)]
)
def test_what_is_not_on_the_label_takes_nothing(scene: Scene, given: tuple[str, str]) -> None:
    mac = new_mac()
    scene.hear(mac)
    assert refusal(scene, given[0].replace("MINE", mac), given[1]) == "not_found"


def test_guessing_ends_after_twenty_misses_an_hour_for_this_account_alone(scene: Scene) -> None:
    mac = new_mac()
    scene.hear(mac)
    assert {refusal(scene, mac, f"guess {number}") for number in range(20)} == {"not_found"}
    assert refusal(scene, mac, "TDS-1") == "too_many"

    claims.claim(scene.bench.web, scene.theirs, Actor("olga@example.com", scene.stranger), mac, "TDS-1")

    scene.run("UPDATE tds.registration_miss SET at = at - interval '61 minutes'")
    assert refusal(scene, mac, "TDS-1") == "not_found"


def test_two_keys_that_say_the_same_are_for_the_operator_to_tell_apart(scene: Scene) -> None:
    mac = new_mac()
    scene.hear(mac, "a" * 64)
    scene.hear(mac, "b" * 64)
    assert refusal(scene, mac) == "ambiguous"

    with scene.bench.owner.transaction() as connection:
        one, two = registrations.list_registrations(connection, "pending")
        assert (one.others, two.others) == (1, 1)
        registrations.refuse(connection, two.id, "operator", "an impostor")
    scene.claim(mac)

    with scene.bench.owner.transaction() as connection:
        assert [(r.key[0], r.state) for r in registrations.list_registrations(connection)] == [
            ("a", "allocated"),
            ("b", "refused"),
        ]


def test_who_does_not_know_the_serial_number_is_not_in_the_way(scene: Scene) -> None:
    mac = new_mac()
    scene.hear(mac, "b" * 64, serial_number="guessed")
    scene.hear(mac, "a" * 64)
    scene.claim(mac)
    with scene.bench.owner.transaction() as connection:
        assert [r.state for r in registrations.list_registrations(connection) if r.key[0] == "a"] == ["allocated"]


def test_another_accounts_gateway_is_not_taken(scene: Scene) -> None:
    mac = new_mac()
    scene.run("INSERT INTO tds.gateway (account_id, mac, name) VALUES (:a, :m, 'Theirs')", a=scene.theirs, m=mac)
    known = scene.hear(mac)
    assert known is not None
    assert refusal(scene, mac, again=True) == "elsewhere"
    with pytest.raises(Refused, match="retired there first"), scene.bench.owner.transaction() as connection:
        registrations.allocate(connection, known.id, "Aurora", "operator")

    scene.run("UPDATE tds.gateway SET retired_at = now()")
    scene.claim(mac)


def test_a_valid_certificate_is_not_overridden_unasked(scene: Scene) -> None:
    mac = new_mac()
    scene.certify(mac, "c1")
    known = scene.hear(mac)
    assert known is not None
    with scene.bench.owner.transaction() as connection:
        assert registrations.find_registration(connection, known.id).certified
    assert refusal(scene, mac) == "certified"
    assert scene.claim(mac, again=True) == known.id


@pytest.mark.parametrize("end", ["revoked", "expired"])
def test_a_certificate_that_is_over_is_in_nobodys_way(scene: Scene, end: str) -> None:
    mac = new_mac()
    scene.certify(mac, "c2", "1 year" if end == "revoked" else "-1 day")
    if end == "revoked":
        scene.run("UPDATE tds.certificate SET revoked_at = now()")
    scene.hear(mac)
    scene.claim(mac)


def test_a_gateway_is_taken_once(scene: Scene) -> None:
    mac = new_mac()
    known = scene.hear(mac)
    assert known is not None
    scene.claim(mac)
    assert refusal(scene, mac) == "not_found"
    with pytest.raises(Refused, match="taken already"), scene.bench.owner.transaction() as connection:
        registrations.allocate(connection, known.id, "Boreal", "operator")
    with pytest.raises(Refused, match="revoke its certificate"), scene.bench.owner.transaction() as connection:
        registrations.refuse(connection, known.id, "operator")


def test_the_operator_takes_and_refuses_by_number(scene: Scene) -> None:
    first, second = scene.hear(new_mac()), scene.hear(new_mac())
    assert first
    assert second
    with scene.bench.owner.transaction() as connection:
        assert registrations.allocate(connection, first.id, "Boreal", "operator", "Named").account == "Boreal"
        assert registrations.refuse(connection, second.id, "operator", " not  ours ").reason == "not ours"
        assert registrations.allocate(connection, second.id, "Aurora", "operator").state == "allocated"
        with pytest.raises(NotFound, match="no registration 0"):
            registrations.refuse(connection, 0, "operator")
        with pytest.raises(NotFound, match="no account named"):
            registrations.allocate(connection, first.id, "Nobody", "operator")
        for bad in ({"name": "\x07"}, {"capacity": 33}):
            with pytest.raises(Refused):
                registrations.allocate(connection, first.id, "Aurora", "operator", **bad)  # type: ignore[arg-type]


def test_the_same_key_again_is_the_same_registration(scene: Scene) -> None:
    mac = new_mac()
    first, again = scene.hear(mac), scene.hear(mac, firmware="1.1")
    assert first
    assert again == first._replace(new=False)
    with scene.bench.owner.transaction() as connection:
        (found,) = registrations.list_registrations(connection)
    assert (found.firmware, found.others) == ("1.1", 0)


def test_a_signed_registration_gives_its_certificate_again(scene: Scene) -> None:
    mac = new_mac()
    known = scene.hear(mac)
    assert known is not None
    scene.claim(mac)
    scene.certify(mac, "c3")
    with scene.bench.owner.transaction() as connection:
        registrations.sign(connection, known.id, "CERTIFICATE", "c3")
        assert registrations.unsigned(connection) == []
    again = scene.hear(mac)
    assert again is not None
    assert (again.state, again.certificate, again.revoked) == ("allocated", "CERTIFICATE", False)
    with scene.bench.owner.transaction() as connection:
        assert not registrations.find_registration(connection, known.id).certified, "its own certificate is no other"

    scene.run("UPDATE tds.certificate SET revoked_at = now()")
    assert scene.hear(mac).revoked  # type: ignore[union-attr]


@pytest.mark.parametrize("end", ["UPDATE tds.gateway SET retired_at = now()", "UPDATE tds.certificate SET not_after = now()"])
def test_it_waits_anew_when_its_gateway_was_retired_or_its_certificate_is_over(scene: Scene, end: str) -> None:
    mac = new_mac()
    known = scene.hear(mac)
    assert known is not None
    scene.claim(mac)
    scene.certify(mac, "c4")
    with scene.bench.owner.transaction() as connection:
        registrations.sign(connection, known.id, "CERTIFICATE", "c4")
    scene.run(end)
    again = scene.hear(mac)
    assert again is not None
    assert (again.state, again.certificate) == ("pending", None)


def test_few_keys_of_one_mac_are_kept(scene: Scene) -> None:
    mac = new_mac()
    heard = [scene.hear(mac, f"{number:064x}") for number in range(registrations.MOST_OF_ONE_MAC + 1)]
    assert [one is None for one in heard] == [False] * registrations.MOST_OF_ONE_MAC + [True]


def test_a_mac_that_others_asked_for_makes_room_where_one_of_them_fell_silent(scene: Scene) -> None:
    """Whoever used up its keys once must not keep a gateway out for a month; nor must a gateway that lost its own key now and then."""
    mac, elsewhere = new_mac(), new_mac()
    keys = [f"{number:064x}" for number in range(registrations.MOST_OF_ONE_MAC)]
    for key in keys:
        scene.hear(mac, key)
    scene.hear(elsewhere)
    long_ago = "UPDATE tds.registration SET last_seen_at = now() - interval '11 minutes' WHERE mac = :m AND key LIKE :k"
    scene.run(long_ago, m=elsewhere, k="%")
    assert scene.hear(mac, "f" * 64) is None

    scene.run(long_ago, m=mac, k=keys[1])

    assert scene.hear(mac, "f" * 64) is not None
    with scene.bench.owner.transaction() as connection:
        found = registrations.list_registrations(connection)
    assert {r.key for r in found if r.mac == mac} == {keys[0], *keys[2:], "f" * 64}
    assert [r.mac for r in found if r.mac == elsewhere] == [elsewhere]


def test_a_full_list_makes_room_only_where_somebody_fell_silent(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registrations, "MOST_WAITING", 2)
    silent, present, late = new_mac(), new_mac(), new_mac()
    scene.hear(silent)
    scene.hear(present)
    assert scene.hear(late) is None

    scene.run("UPDATE tds.registration SET last_seen_at = now() - interval '11 minutes' WHERE mac = :m", m=silent)

    assert scene.hear(late) is not None
    with scene.bench.owner.transaction() as connection:
        assert {r.mac for r in registrations.list_registrations(connection)} == {present, late}
        assert registrations.waiting(connection) == 2


def test_what_nobody_waits_for_is_forgotten(scene: Scene) -> None:
    old, kept, refused = scene.hear(new_mac()), scene.hear(new_mac()), scene.hear(new_mac())
    assert old
    assert kept
    assert refused
    with scene.bench.owner.transaction() as connection:
        registrations.refuse(connection, refused.id, "operator")
    scene.run("UPDATE tds.registration SET last_seen_at = now() - interval '31 days' WHERE id <> :k", k=kept.id)
    with scene.bench.owner.transaction() as connection:
        assert registrations.forget(connection) == 1
        assert {r.id for r in registrations.list_registrations(connection)} == {kept.id, refused.id}


def test_a_fault_is_kept_for_the_account_to_read(scene: Scene) -> None:
    mac = new_mac()
    known = scene.hear(mac)
    assert known is not None
    scene.claim(mac)
    with scene.bench.owner.transaction() as connection:
        registrations.fail(connection, known.id, "the request's key is revoked")
        assert registrations.unsigned(connection) == []
    with scene.bench.web.transaction(scene.mine, scene.admin) as connection:
        assert [one.fault for one in claims.claims(connection)] == ["the request's key is revoked"]
