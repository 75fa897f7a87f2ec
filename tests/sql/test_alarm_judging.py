"""What figures do to a rule: one open alarm at most, opened above the limit, ended well below it or with its period."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from sql.alarm_judging import CLEAR, METERED, Close, Figure, Keep, Open, Standing, judge

START = datetime(2026, 3, 1, tzinfo=UTC)
STEP = timedelta(days=1)
LIMIT = Decimal(100)


def figure(day: int, value: Decimal | int, threshold: Decimal = LIMIT) -> Figure:
    start = START + day * STEP
    return Figure(start, start + STEP, Decimal(value), threshold, start)


def standing(day: int, value: Decimal | int, threshold: Decimal = LIMIT, outdated: bool = False) -> Standing:
    return Standing(1, START + day * STEP, Decimal(value), threshold, outdated)


def test_it_opens_above_the_limit_and_not_at_it() -> None:
    assert judge("daily", None, [figure(0, 100)]) == []
    assert judge("daily", None, [figure(0, Decimal("100.000001"))]) == [Open(figure(0, Decimal("100.000001")))]


def test_it_stays_open_down_to_95_percent() -> None:
    for value in (Decimal(200), Decimal(100), Decimal(95)):
        assert judge("daily", standing(0, 101), [figure(0, value)]) == [Keep(figure(0, value))]
    assert judge("daily", standing(0, 101), [figure(0, Decimal("94.999999"))]) == [Close("corrected", Decimal("94.999999"))]


def test_a_day_ends_with_the_day() -> None:
    assert judge("daily", standing(0, 120), [figure(1, 3)]) == [Close("next_period", Decimal(120))]
    assert judge("daily", standing(0, 97), [figure(1, 3)]) == [Close("corrected", Decimal(97))]
    assert judge("monthly", standing(0, 120), [figure(1, 130)]) == [Close("next_period", Decimal(120)), Open(figure(1, 130))]


def test_what_lasts_goes_on_from_one_period_into_the_next() -> None:
    for kind in ("peak", "base"):
        assert judge(kind, standing(0, 120), [figure(1, 110)]) == [Keep(figure(1, 110))]
        assert judge(kind, standing(0, 120), [figure(1, 96)]) == [Keep(figure(1, 96))]
        assert judge(kind, standing(0, 120), [figure(1, 50)]) == [Close("next_period", Decimal(120))]
    assert judge("peak", standing(0, 120), [figure(0, 90)]) == [Close("back", Decimal(90))]
    assert judge("base", standing(0, 120), [figure(0, 90)]) == [Close("corrected", Decimal(90))]


def test_a_projection_that_did_not_come_true_was_none() -> None:
    """The quarter-hour that was to break the limit is over below it: its own figure says so, whatever the next one does."""
    assert judge("peak", standing(0, 120), [figure(0, 98), figure(1, 60)]) == [Close("back", Decimal(98))]
    assert judge("peak", standing(0, 120), [figure(0, 104), figure(1, 60)]) == [Close("next_period", Decimal(104))]


def test_what_broke_the_limit_before_did_so_however_its_last_period_ends() -> None:
    lasted = standing(3, 120)._replace(lasted=True)
    assert judge("peak", lasted, [figure(3, 80)]) == [Close("next_period", Decimal(80))]
    assert judge("base", lasted, [figure(3, 80)]) == [Close("next_period", Decimal(80))]


def test_a_rule_that_was_changed_says_so() -> None:
    changed = standing(0, 120, outdated=True)
    assert judge("daily", changed, [figure(0, 120, Decimal(200))]) == [Close("rule_changed", Decimal(120))]
    assert judge("daily", changed, [figure(0, 120, Decimal(110))]) == [Keep(figure(0, 120, Decimal(110)))]


def test_nothing_measured_changes_nothing() -> None:
    assert judge("daily", standing(0, 120), []) == []
    assert judge("peak", None, []) == []


VALUES = st.decimals(min_value=0, max_value=200, places=3)


@given(kind=st.sampled_from(METERED), moves=st.lists(st.tuples(st.booleans(), VALUES), max_size=60))
def test_however_a_figure_moves_there_is_one_alarm_at_most(kind: str, moves: list[tuple[bool, Decimal]]) -> None:
    """Held by walking figures through any course: what each decision may and may not do."""
    day, stands, opened = 0, None, 0
    for number, (moves_on, value) in enumerate(moves):
        day += moves_on
        now = figure(day, value)
        before = stands
        for change in judge(kind, stands, [now]):
            if isinstance(change, Open):
                assert stands is None, "opened beside an open one"
                assert value > LIMIT
                stands = Standing(number, now.start, value, LIMIT)
                opened += 1
            elif isinstance(change, Keep):
                assert stands is not None
                assert value >= LIMIT * CLEAR
                stands = Standing(stands.id, now.start, value, LIMIT)
            else:
                assert stands is not None
                ended = stands
                assert value < LIMIT * CLEAR or (now.start != ended.start and kind in ("daily", "monthly"))
                assert (change.outcome == "next_period") == (now.start != ended.start and ended.value > LIMIT)
                stands = None
        if value > LIMIT:
            assert stands is not None, "broke the limit without an alarm"
        if before is not None and before.start == now.start and LIMIT * CLEAR <= value <= LIMIT:
            assert stands is not None, "ended while the figure hovers about the limit"
    assert opened <= sum(value > LIMIT for _, value in moves)
