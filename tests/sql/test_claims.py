"""First boot as an account's admin may use it: look by the label, take, refuse, follow; and nothing of what is somebody else's."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from sqlalchemy import text

from sql import audit, claims, people, registrations
from sql.audit import Actor
from sql.claims import Claim, Waiting
from sql.errors import Refused
from tests.conftest import PASSWORD
from tests.sql.newcomers import Scene, new_mac, refusal

ANA, OLGA = "ana@example.com", "olga@example.com"


def look(scene: Scene, mac: str, serial_number: str = "TDS-1") -> Waiting:
    return claims.look(scene.bench.web, scene.mine, Actor(ANA, scene.admin), mac, serial_number)


def refuse(scene: Scene, mac: str, serial_number: str = "TDS-1", reason: str = "not ours") -> None:
    claims.refuse(scene.bench.web, scene.mine, Actor(ANA, scene.admin), mac, serial_number, reason)


def claim_as_stranger(scene: Scene, mac: str, **more: Any) -> int:
    return claims.claim(scene.bench.web, scene.theirs, Actor(OLGA, scene.stranger), mac, "TDS-1", **more)


def mine(scene: Scene) -> list[Claim]:
    with scene.bench.web.transaction(scene.mine, scene.admin) as connection:
        return claims.claims(connection)


def theirs(scene: Scene) -> list[Claim]:
    with scene.bench.web.transaction(scene.theirs, scene.stranger) as connection:
        return claims.claims(connection)


def refused_with(act: Any, *given: Any, **more: Any) -> str:
    with pytest.raises(Refused) as refused:
        act(*given, **more)
    return refused.value.key


def test_what_it_says_of_itself_is_shown_before_it_is_taken(scene: Scene) -> None:
    mac = new_mac()
    scene.hear(mac, model="G8", firmware="2.1")
    found = look(scene, mac.upper(), " tds-1 ")
    assert (found.model, found.firmware, found.key, found.others, found.certified, found.refused, found.gateway) == (
        "G8", "2.1", "a" * 64, 0, False, False, None)  # fmt: skip
    assert mine(scene) == [], "looking takes nothing"

    scene.run("INSERT INTO tds.gateway (account_id, mac, name, capacity) VALUES (:a, :m, 'Known', 12)", a=scene.mine, m=mac)
    scene.certify(mac, "l1")
    scene.hear(mac, "b" * 64, serial_number="other")
    found = look(scene, mac)
    assert (found.others, found.certified, found.gateway, found.capacity) == (1, True, "Known", 12)


@pytest.mark.parametrize("act", [look, refuse])
def test_looking_and_refusing_are_counted_like_taking(scene: Scene, act: Any) -> None:
    mac = new_mac()
    scene.hear(mac)
    assert {refused_with(act, scene, mac, f"guess {number}") for number in range(20)} == {"not_found"}
    assert refused_with(look, scene, mac) == "too_many"
    assert refused_with(refuse, scene, mac) == "too_many"
    assert refusal(scene, mac) == "too_many"


@pytest.mark.parametrize("who", ["viewer", "stranger"])
def test_only_an_admin_of_the_account_looks_or_refuses(scene: Scene, who: str) -> None:
    mac = new_mac()
    scene.hear(mac)
    by = Actor(who, getattr(scene, who))
    for act in (claims.look, claims.refuse):
        assert refused_with(act, scene.bench.web, scene.mine, by, mac, "TDS-1") == "no_right"


def test_another_accounts_gateway_is_not_looked_at(scene: Scene) -> None:
    mac = new_mac()
    scene.run("INSERT INTO tds.gateway (account_id, mac, name) VALUES (:a, :m, 'Theirs')", a=scene.theirs, m=mac)
    scene.hear(mac)
    for act in (look, refuse):
        assert refused_with(act, scene, mac) == "elsewhere"


def test_a_refused_gateway_is_told_seen_by_who_refused_it_and_may_be_taken_after_all(scene: Scene) -> None:
    mac = new_mac()
    scene.hear(mac)
    refuse(scene, mac, reason=" not\n ours ")

    heard = scene.hear(mac)
    assert heard is not None
    assert heard.state == "refused"
    (found,) = mine(scene)
    assert (found.state, found.decided_by, found.reason, found.gateway_id) == ("refused", ANA, "not ours", None)
    assert theirs(scene) == []
    assert refused_with(refuse, scene, mac) == "refused_already"
    assert look(scene, mac).refused
    with scene.bench.web.transaction(scene.mine, scene.admin) as connection:
        (line,) = audit.read(connection, audit.Wanted(scene.mine, "gateway.refused", mac), 2)
    assert (line.actor, line.object, line.after) == (ANA, mac, {"serial_number": "TDS-1", "reason": "not ours"})

    scene.claim(mac)
    assert [one.state for one in mine(scene)] == ["allocated"]


def test_what_one_account_refused_another_may_take(scene: Scene) -> None:
    mac = new_mac()
    scene.hear(mac)
    refuse(scene, mac)
    claim_as_stranger(scene, mac)
    assert [one.mac for one in theirs(scene)] == [mac]
    assert mine(scene) == []


def test_what_the_operator_refused_nobody_may_take(scene: Scene) -> None:
    mac = new_mac()
    known = scene.hear(mac)
    assert known is not None
    refuse(scene, mac)
    with scene.bench.owner.transaction() as connection:
        registrations.refuse(connection, known.id, "operator")
    assert refusal(scene, mac) == "not_found"
    assert mine(scene) == []


def test_refused_and_registered_anew_with_another_key_it_waits_again(scene: Scene) -> None:
    mac = new_mac()
    scene.hear(mac, "a" * 64)
    refuse(scene, mac)
    scene.hear(mac, "b" * 64)
    assert look(scene, mac).key == "b" * 64, "what waits goes before what was refused"
    scene.claim(mac)
    (found,) = mine(scene)
    assert (found.key, found.state) == ("b" * 64, "allocated")


@pytest.mark.parametrize("serials", [("TDS-1", "TDS-1"), ("TDS-1", "TDS-2")])
def test_of_two_accounts_that_take_one_mac_at_once_one_has_it(scene: Scene, serials: tuple[str, str]) -> None:
    """The same registration, or two of one MAC with different keys and serial numbers."""
    mac = new_mac()
    scene.hear(mac, "a" * 64, serial_number=serials[0])
    if serials[0] != serials[1]:
        scene.hear(mac, "b" * 64, serial_number=serials[1])
    outcomes: list[str] = []
    together = threading.Barrier(2)

    def take(account: int, who: Actor, serial_number: str) -> None:
        together.wait()
        try:
            claims.claim(scene.bench.web, account, who, mac, serial_number)
            outcomes.append("done")
        except Refused as error:
            outcomes.append(error.key)

    one = threading.Thread(target=take, args=(scene.mine, Actor(ANA, scene.admin), serials[0]))
    two = threading.Thread(target=take, args=(scene.theirs, Actor(OLGA, scene.stranger), serials[1]))
    for thread in (one, two):
        thread.start()
    for thread in (one, two):
        thread.join()
    assert sorted(outcomes)[0] in ("allocated", "elsewhere", "done")
    assert outcomes.count("done") == 1, outcomes
    assert len(mine(scene)) + len(theirs(scene)) == 1


def test_a_gateway_registered_beforehand_is_expected_by_its_admins_alone(scene: Scene) -> None:
    mac = new_mac()
    scene.run("INSERT INTO tds.gateway (account_id, mac, name) VALUES (:a, :m, 'Known')", a=scene.mine, m=mac)
    scene.hear(mac, model="G8")
    scene.hear(mac, "b" * 64, model="G9")
    scene.hear(new_mac())
    for account, who, known in ((scene.mine, scene.admin, [(mac, "Known", 2)]), (scene.mine, scene.viewer, []),
                                (scene.theirs, scene.stranger, []), (scene.mine, scene.stranger, [])):  # fmt: skip
        with scene.bench.web.transaction(account, who) as connection:
            assert [(one.mac, one.gateway, one.keys) for one in claims.expected(connection)] == known
            columns = connection.execute(text("SELECT * FROM web.expected_registrations()")).keys()
            assert not {"serial_number", "key", "request"} & set(columns), "to take it, its label is read"


def test_a_claim_is_followed_until_the_gateway_publishes(scene: Scene) -> None:
    mac = new_mac()
    known = scene.hear(mac)
    assert known is not None
    scene.claim(mac, name="Casa de bombas")

    def state() -> tuple[bool, bool, bool, bool]:
        (one,) = mine(scene)
        return one.certificate_serial is not None, one.delivered_at is not None, one.heard_at is not None, one.is_settled

    (one,) = mine(scene)
    seen = "INSERT INTO tds.gateway_seen (gateway_id, last_seen_at) VALUES (:g, now() + CAST(:d AS interval))"
    scene.run(seen, g=one.gateway_id, d="-1 hour")
    assert state() == (False, False, False, False), "what it said before it was taken does not count"
    with scene.bench.owner.transaction() as connection:
        registrations.sign(connection, known.id, "PEM", "f1")
    assert state() == (True, False, False, False)
    with scene.bench.owner.transaction() as connection:
        registrations.deliver(connection, known.id)
    assert state() == (True, True, False, False)
    scene.run("UPDATE tds.gateway_seen SET last_seen_at = now()")
    assert state() == (True, True, True, True)
    scene.run("UPDATE tds.gateway SET retired_at = now()")
    assert mine(scene) == []


def test_the_demonstrations_label_is_told_to_admins_while_it_waits_and_nowhere_else(scene: Scene) -> None:
    mac = new_mac()

    def told(who: int) -> claims.Label | None:
        with scene.bench.web.transaction(scene.mine, who) as connection:
            return claims.demonstration(connection)

    scene.hear(mac)
    assert told(scene.admin) is None
    with scene.bench.owner.transaction() as connection:
        claims.announce_demonstration(connection, claims.Label(mac, "TDS-1"))
    assert told(scene.admin) == (mac, "TDS-1")
    assert told(scene.viewer) is None
    scene.claim(mac)
    assert told(scene.admin) is None
    scene.run("DELETE FROM tds.meta WHERE key = 'demonstration_gateway'")


def test_a_disabled_or_demoted_admin_is_none(scene: Scene) -> None:
    mac = new_mac()
    scene.hear(mac)
    with scene.bench.owner.transaction() as connection:
        gone = people.add_user(connection, f"gone{mac[-2:]}@example.com", "Aurora", "admin", PASSWORD)
    scene.run("UPDATE tds.app_user SET disabled_at = now() WHERE id = :u", u=gone)
    assert refused_with(claims.look, scene.bench.web, scene.mine, Actor("gone", gone), mac, "TDS-1") == "no_right"
