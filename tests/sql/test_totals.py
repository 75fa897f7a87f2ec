"""What many meters took together follows the ledger and the fleet, and peaks read from it are those of the ledger, on every engine."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import text

from sql import ledger, step_totals, together, totals
from sql.consumption import STEPS, _grouped, _with_totals, buckets, outward, summed
from sql.queries import peaks
from sql.queries.peak_search import Quarter
from sql.queries.peaks import Group, highest, shares
from sql.ranked import Member, added_up
from sql.rollups import all_rollups
from sql.together import One
from tests.conftest import Database
from tests.sql.plant import Meter, at, feed, meter, meter_of, put, sound

D = Decimal
ZONE = "America/Sao_Paulo"
BEGIN = at("2026-10-15T00:00", ZONE)
DAYS = 3
END = BEGIN + timedelta(days=DAYS)


@pytest.fixture
def site(bench: Database) -> Iterator[list[Meter]]:
    """Give fourteen meters of one account that count in kWh, with loads and gaps of their own, over three days."""
    chance = random.Random(5)
    first = meter(bench, ZONE)
    meters = [first, *(meter_of(bench, first.account, first.account_id, ZONE) for _ in range(13))]
    for device in meters:
        put(bench, device, readings(chance))
    ledger.drain(bench.owner)
    yield meters
    sound(bench, *meters)


def readings(chance: random.Random) -> list[tuple[datetime, Decimal]]:
    """Give three days of a register at 15 minutes, two hours of it missing."""
    size, gap, register, found = chance.choice([1, 3, 10]), chance.randrange(DAYS * 96 - 8), D(50), []
    for slot in range(DAYS * 96 + 1):
        if not gap < slot < gap + 8:
            found.append((BEGIN + slot * timedelta(minutes=15), register))
        register += D(size * chance.randrange(1, 9)) / 10
    return found


def by_hand(database: Database, group: Group, start: datetime, end: datetime, count: int) -> list[Quarter]:
    """Add up every quarter-hour of the ledger; the largest first, of equal ones the earliest."""
    factors = dict(zip(group.devices, group.factors, strict=True))
    with database.owner.transaction() as conn:
        rows = conn.execute(
            text("SELECT device_id, middle - interval '450 seconds' AS start, quantity, estimated FROM tds.ledger"
                 " WHERE device_id = any(:d) AND quantity IS NOT NULL AND middle >= :s AND middle < :e"),
            {"d": group.devices, "s": start, "e": end},
        ).all()  # fmt: skip
    found: dict[datetime, Quarter] = {}
    measured = {row.start for row in rows if not row.estimated}
    for row in rows:
        before = found.get(row.start, Quarter(row.start, D(0), D(0), 0))
        amount = row.quantity * factors[row.device_id]
        found[row.start] = (
            before._replace(estimated=before.estimated + amount, estimated_devices=before.estimated_devices + 1)
            if row.estimated
            else before._replace(quantity=before.quantity + amount)
        )
    known = [one for one in found.values() if one.start in measured]
    return sorted(known, key=lambda one: (-one.quantity, one.start))[:count]


def exact(database: Database, meters: list[Meter], kept: bool | None = True, factor: str = "1") -> None:
    """Hold that the peaks of meters are right, and whether they are read from totals."""
    noon = BEGIN + timedelta(hours=36, minutes=15)
    wanted = [((BEGIN, noon), 1), ((noon, END), 1), ((BEGIN, END + timedelta(days=1)), 10)]
    ids = [one.id for one in meters]
    for chosen in (ids, ids[1:], ids[:1]):  # all, and some, of which nothing but their packed quarter-hours tells
        group = Group(chosen, [D(factor)] * len(chosen), ZONE)
        with database.web.transaction(account_id=meters[0].account_id) as conn:
            found = highest(conn, group, wanted)
            parts = shares(conn, group, found[-1])
            told = peaks._totals(conn, group, [BEGIN, END], 1) is not None
        assert kept is None or told == (kept and chosen == ids)
        for ((start, end), count), own in zip(wanted, found, strict=True):
            right = by_hand(database, group, start, end, count)
            assert [one.quantity for one in own] == [one.quantity for one in right]
            every = {one.start: one for one in by_hand(database, group, start, end, 10_000)}
            assert [every[one.start] for one in own] == own
        for one in found[-1]:
            assert sum(part.quantity for part in parts[one.start] if part.measured) == one.quantity
            assert sum(not part.measured for part in parts[one.start]) == one.estimated_devices
    alike(database, meters, kept, factor)


def alike(database: Database, meters: list[Meter], told: bool | None = True, factor: str = "1") -> None:
    """Hold that what totals tell of many meters added up is what their own rows add up to, as one group and with some of them apart."""
    end = datetime.now(UTC)
    for step in STEPS:
        start = BEGIN - timedelta(days=1)
        until = END + timedelta(days=1) if step == "15min" else end
        for apart in (0, 3, len(meters) // 2 + 1):
            members = [Member(one.id, place if place < apart else 99, factor=D(factor)) for place, one in enumerate(meters)]
            asked = [One(one.device_id, one.group, one.factor) for one in members]
            starts = buckets(step, start, until, ZONE)
            with database.web.transaction(account_id=meters[0].account_id) as conn:
                rows = added_up(conn, members, step, start, until, ZONE)
                if told and apart <= 3:
                    assert together.plan(conn, asked, step, ZONE, starts, until) is not None, step
                direct = _grouped(conn, asked, outward(step, start, until, ZONE), step, ZONE)
                assert summed(direct, step, ZONE) == rows, step


def test_the_totals_tell_the_peaks(bench: Database, site: list[Meter]) -> None:
    exact(bench, site)
    exact(bench, site, factor="0.001")
    exact(bench, site[:5], kept=False)
    exact(bench, site[:13], kept=False)


def test_two_factors_within_one_group_are_no_total(bench: Database, site: list[Meter]) -> None:
    group = Group([one.id for one in site], [D(1)] * 13 + [D(1000)], ZONE)
    with bench.web.transaction(account_id=site[0].account_id) as conn:
        assert peaks._totals(conn, group, [BEGIN, END], 1) is None
        (found,) = highest(conn, group, [((BEGIN, END), 3)])
    assert found == by_hand(bench, group, BEGIN, END, 3)


def test_late_data_count_before_they_are_added_up_and_after(bench: Database, site: list[Meter]) -> None:
    ledger.drain(bench.owner)
    put(bench, site[3], [(BEGIN + timedelta(hours=30, minutes=1 + n), 5000 + 300 * n) for n in range(3)])
    put(bench, site[4], [(END + timedelta(minutes=15 * n), 9000 + n) for n in range(1, 4)])
    while ledger.process_one_batch(bench.owner):
        pass
    with bench.owner.transaction() as conn:
        assert conn.execute(text("SELECT count(*) FROM tds.total_pending")).scalar_one() > 0
    exact(bench, site)
    assert totals.work(bench.owner, datetime.now(UTC))
    exact(bench, site)
    with bench.owner.transaction() as conn:
        assert conn.execute(text("SELECT count(*) FROM tds.total_pending")).scalar_one() == 0


def test_what_is_not_over_yet_waits(bench: Database, site: list[Meter]) -> None:
    feed(bench, site[0], [(END + timedelta(minutes=15), 9000)])
    put(bench, site[0], [(END + timedelta(minutes=30), 9001)])
    while ledger.process_one_batch(bench.owner):
        pass
    totals.work(bench.owner, END + timedelta(minutes=45))
    with bench.owner.transaction() as conn:
        waiting = conn.execute(text("SELECT min(low) FROM tds.total_pending")).scalar_one()
    assert waiting >= END + timedelta(minutes=15)
    exact(bench, site)


@pytest.mark.parametrize("shifted", [16, 0])
def test_totals_follow_the_fleet(bench: Database, site: list[Meter], shifted: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(totals, "SHIFTED", shifted)
    monkeypatch.setattr(totals, "DEVICE_DAYS", 5)  # a third of a day at once
    one, another = site[2], site[7]
    with bench.owner.transaction() as conn:
        conn.execute(text("UPDATE tds.device SET retired_at = now() WHERE id = :d"), {"d": one.id})
    rest = [device for device in site if device != one]
    exact(bench, rest, kept=False)
    exact(bench, site, kept=None)
    ledger.drain(bench.owner)
    exact(bench, rest)
    exact(bench, site, kept=False)
    with bench.owner.transaction() as conn:
        conn.execute(text("UPDATE tds.device SET retired_at = NULL WHERE id = :d"), {"d": one.id})
        conn.execute(text("UPDATE tds.device SET resource = 'other' WHERE id = :d"), {"d": another.id})
    ledger.drain(bench.owner)
    exact(bench, [device for device in site if device != another])
    exact(bench, site, kept=False)
    newcomer = meter_of(bench, one.account, one.account_id, ZONE)
    put(bench, newcomer, readings(random.Random(9)))
    ledger.drain(bench.owner)
    exact(bench, [*(device for device in site if device != another), newcomer])


def test_a_deleted_meter_is_in_the_totals_no_more(bench: Database, site: list[Meter]) -> None:
    gone = site.pop()
    with bench.owner.transaction() as conn:
        conn.execute(text("DELETE FROM tds.ledger WHERE device_id = :d"), {"d": gone.id})
        conn.execute(text("DELETE FROM tds.device WHERE id = :d"), {"d": gone.id})
    exact(bench, site, kept=False)
    ledger.drain(bench.owner)
    exact(bench, site)


def test_what_lay_beyond_everybody_else_goes_with_the_meter(bench: Database, site: list[Meter]) -> None:
    """Readings before and after all the others' are ignored, and the meter is taken out of use, before the totals are made anew."""
    odd = [BEGIN - timedelta(hours=20 - n) for n in range(3)] + [END + timedelta(hours=9 + n) for n in range(3)]
    feed(bench, site[0], [(moment, D(n)) for n, moment in enumerate(odd)])
    with bench.owner.transaction() as conn:
        decided = "INSERT INTO tds.decision (device_id, kind, at, decided_by) SELECT :d, 'ignore', t, 'Ada' FROM unnest(CAST(:t AS timestamptz[])) t"
        conn.execute(text(decided), {"d": site[0].id, "t": odd})
        ledger.mark_dirty(conn, [site[0].id])
        conn.execute(text("UPDATE tds.device SET retired_at = now() WHERE id = :d"), {"d": site[0].id})
    ledger.drain(bench.owner)
    exact(bench, site[1:])


def test_a_total_of_a_time_that_nobody_has_is_found(bench: Database, site: list[Meter]) -> None:
    long_ago = {"m": BEGIN - timedelta(days=100), "d": site[0].id}
    group = "(SELECT group_id FROM tds.total_member WHERE device_id = :d)"
    with bench.owner.transaction() as conn:
        conn.execute(text(f"INSERT INTO tds.total_bucket VALUES ({group}, 'day', :m, 5, 0, 0, 0, 1, 1)"), long_ago)
        quarter = "INSERT INTO tds.total_quarter (group_id, middle, quantity, devices, estimated, estimated_devices)"
        conn.execute(text(f"{quarter} VALUES ({group}, :m, 5, 1, 0, 0)"), long_ago)
    found = totals.differences(bench.owner, [site[5].id])
    assert [(rows, step_totals.CHECK in check) for check, _, rows in found] == [(1, False), (1, True)]
    with bench.owner.transaction() as conn:
        totals.mend(conn, [site[5].id], BEGIN - timedelta(days=101), END)
    assert totals.differences(bench.owner, [site[5].id]) == []


def test_few_meters_have_no_totals(bench: Database, site: list[Meter]) -> None:
    with bench.owner.transaction() as conn:
        conn.execute(text("UPDATE tds.device SET retired_at = now() WHERE id = any(:d)"), {"d": [one.id for one in site[11:]]})
    ledger.drain(bench.owner)
    exact(bench, site[:11], kept=False)
    with bench.owner.transaction() as conn:
        groups = text("SELECT count(*) FROM tds.total_group WHERE account_id = :a")
        assert conn.execute(groups, {"a": site[0].account_id}).scalar_one() == 0


def test_a_total_that_is_wrong_is_found_and_mended(bench: Database, site: list[Meter]) -> None:
    with bench.owner.transaction() as conn:
        wrong = "UPDATE tds.total_quarter SET quantity = quantity + 1 WHERE middle = :m AND group_id IN (SELECT group_id FROM tds.total_member WHERE device_id = :d)"
        conn.execute(text(wrong), {"m": BEGIN + timedelta(hours=5, minutes=7, seconds=30), "d": site[0].id})
    found = totals.differences(bench.owner, [site[5].id])
    assert [(check, rows) for check, _, rows in found] == [(totals.CHECK, 2)]
    with bench.owner.transaction() as conn:
        totals.mend(conn, [site[5].id], BEGIN, END)
    assert totals.differences(bench.owner, [site[5].id]) == []


def test_a_bucket_that_is_about_to_change_is_read_from_its_devices(bench: Database, site: list[Meter]) -> None:
    """Between the refresh of a rollup and the adding up after it, the totals are not those of the rollup."""
    asked = [One(one.id, 1, 1) for one in site]
    starts = buckets("day", BEGIN, END, ZONE)
    group = text("SELECT group_id FROM tds.total_member WHERE device_id = :d")
    for added in ("quantity = quantity + 1", "quantity = quantity - 1"):
        with bench.owner.transaction() as conn:
            day = next(one for one in all_rollups(conn) if one.step == "day" and one.zone == ZONE)
            step_totals.hold(conn, day, starts[1], starts[2])
            number = conn.execute(group, {"d": site[0].id}).scalar_one()
            wrong = f"UPDATE tds.total_bucket SET {added} WHERE group_id = :g AND step = 'day' AND bucket = :b"
            conn.execute(text(wrong), {"g": number, "b": starts[1]})
        with bench.owner.transaction() as conn:
            found = together.plan(conn, asked, "day", ZONE, starts, END)
        assert found is not None
        assert found.untold == [(starts[1], starts[2])]
        exact(bench, site)
    with bench.owner.transaction() as conn:
        step_totals.release(conn)
    assert totals.work(bench.owner, datetime.now(UTC))
    with bench.owner.transaction() as conn:
        found = together.plan(conn, asked, "day", ZONE, starts, END)
    assert found is not None
    assert found.untold == []
    exact(bench, site)


def test_totals_that_change_while_they_are_asked_for_are_not_used(bench: Database, site: list[Meter]) -> None:
    asked = [One(one.id, 1, 1) for one in site]
    starts = buckets("day", BEGIN, END, ZONE)
    with bench.owner.transaction() as conn:
        before = together.plan(conn, asked, "day", ZONE, starts, END)
        day = next(one for one in all_rollups(conn) if one.step == "day" and one.zone == ZONE)
        step_totals.hold(conn, day, starts[0], starts[1])
    assert before is not None
    with bench.web.transaction(account_id=site[0].account_id) as conn:
        assert _with_totals(conn, asked, before, "day", ZONE) is None
    with bench.owner.transaction() as conn:
        step_totals.release(conn)
        conn.execute(text("UPDATE tds.device SET retired_at = now() WHERE id = :d"), {"d": site[0].id})
    ledger.drain(bench.owner)
    with bench.web.transaction(account_id=site[0].account_id) as conn:
        assert _with_totals(conn, asked, before, "day", ZONE) is None
    exact(bench, site[1:])


def test_strangers_see_no_totals(bench: Database, site: list[Meter]) -> None:
    stranger = meter(bench)
    group = Group([one.id for one in site], [D(1)] * len(site), ZONE)
    with bench.web.transaction(account_id=stranger.account_id) as conn:
        assert peaks._totals(conn, group, [BEGIN, END], 1) is None
        assert highest(conn, group, [((BEGIN, END), 1)]) == [[]]
        for table in ("total_group", "total_member", "total_quarter", "total_pending", "total_bucket", "total_stale"):
            assert conn.execute(text(f"SELECT count(*) FROM tds.{table}")).scalar_one() == 0
