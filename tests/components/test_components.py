"""Components: what they say, which ids they offer, and that no state is told by colour alone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import get_args

import plotly.utils
import pytest

from tds_dash import components, figures, theme
from tds_dash.components import Change, ReadingLine, State
from tests.components.tree import ids, of_class, of_type, text
from tests.figures.rows import NOW, SAO_PAULO, level, meters, row

FIRST = datetime(2026, 11, 22, 3, tzinfo=UTC)
DAY = timedelta(days=1)


def test_a_card_says_number_unit_and_change_and_is_one_link() -> None:
    change = Change(Decimal("-0.084"), "1–23 Oct")
    card = components.metric_card(
        "Electricity", "1,235", "kWh", locale="en", change=change, href="/consumption", resource="electricity"
    )
    assert text(card) == "Electricity1,235 kWh −8 % against 1–23 Oct"
    assert [link.href for link in of_type(card, "Link")] == ["/consumption"]
    assert of_class(card, "tds-edge-electricity")


def test_an_unfair_comparison_is_grey_and_says_why() -> None:
    card = components.metric_card("Água", "3", "m³", locale="pt-BR", change=Change(None, reason="Sem comparação"))
    assert text(of_class(card, "tds-change-none")) == "Sem comparação"


@pytest.mark.parametrize("share", ["0.004", "-0.004", "0"])
def test_a_change_too_small_to_say_is_the_same(share: str) -> None:
    card = components.metric_card("Água", "3", locale="en", change=Change(Decimal(share), "1–23 Oct"))
    assert "same as 1–23 Oct" in text(card)


def test_a_sparkline_is_still() -> None:
    card = components.metric_card("Água", "3", locale="en", sparkline=figures.sparkline([1, 2], "water"))
    assert [graph.config for graph in of_type(card, "Graph")] == [theme.STILL]


def test_a_chart_card_has_its_places_and_its_words() -> None:
    card = components.chart_card("month", "Electricity, kWh per month", locale="en", height="small")
    assert ids(card) == {f"month{part}" for part in ("", "-title", "-note", "-figure", "-summary", "-open", "-table", "-empty")}
    graph = of_type(card, "Graph")[0]
    assert graph.config == theme.graph_config("en")
    assert of_class(card, "tds-figure-small")
    figure = of_type(card, "Figure")[0]
    assert figure.to_plotly_json()["props"]["aria-label"] == "Electricity, kWh per month"
    assert text(of_type(card, "Summary")) == "View as table"
    assert [text(mark) for mark in of_type(card, "Li")] == ["Measured", "Estimated", "Still running"]


def test_the_table_of_a_chart_has_a_row_per_bucket_newest_first() -> None:
    rows = [row(1, FIRST, "10.5", "2.1", 0.8), row(2, FIRST, 4), row(1, FIRST + DAY, None)]
    table = components.consumption_table(rows, meters(2), step="day", zone=SAO_PAULO, now=NOW, locale="pt-BR", title="Consumo")
    lines = [[text(cell) for cell in line.children] for line in of_type(table, "Tr")]
    assert lines[0] == ["Período", "Entrada geral", "Bomba 1", "Total (kWh)", "Estimado", "Cobertura"]
    assert lines[1] == ["seg. 23/11/2026", "—", "—", "—", "—", "—"]
    assert lines[2] == ["dom. 22/11/2026", "10,500", "4,000", "14,500", "14 %", "90 %"]
    assert text(of_type(table, "Caption")) == "Consumo"


def test_the_table_of_a_gauge_has_its_extremes() -> None:
    rows = [level(1, FIRST, 20), level(1, FIRST + DAY, None)]
    table = components.history_table(rows, unit="°C", step="day", zone=SAO_PAULO, locale="en")
    lines = [[text(cell) for cell in line.children] for line in of_type(table, "Tr")]
    assert lines == [
        ["Period", "Mean (°C)", "Minimum (°C)", "Maximum (°C)"],
        ["Sun 22 Nov 2026", "20.000", "18.500", "21.500"],
    ]


def test_a_long_table_says_what_it_leaves_out() -> None:
    rows = [row(1, FIRST + timedelta(minutes=15 * index), 1) for index in range(500)]
    table = components.consumption_table(rows, meters(1), step="15min", zone=SAO_PAULO, now=NOW, locale="en")
    assert len(of_type(table, "Tr")) == 401
    assert "The table shows the first 400 periods" in text(table)


def test_readings_link_to_their_devices() -> None:
    line = ReadingLine(NOW, "Subestação", "Bomba 2", 7, "electricity", Decimal("1234567.891"), "kWh")
    table = components.readings_table([line], zone=SAO_PAULO, now=NOW, locale="pt-BR")
    assert [link.href for link in of_type(table, "Link")] == ["/device/7"]
    cells = [text(cell) for cell in of_type(table, "Td")]
    assert cells == ["23/11/2026 14h42", "Bomba 2", "Subestação", "1.234.567,891 kWh"]


@pytest.mark.parametrize("state", get_args(State))
def test_every_state_has_a_word_and_a_shape(state: State) -> None:
    for locale in ("pt-BR", "en"):
        badge = components.status_badge(state, locale)
        assert len(text(badge)) > 3
        assert of_class(badge, "tds-dot")


def test_a_note_turns_amber_after_twice_the_interval() -> None:
    def note(ago: timedelta) -> tuple[str, bool]:
        found = components.stale_note(NOW - ago, timedelta(minutes=15), now=NOW, zone=SAO_PAULO, locale="en")
        return text(found), bool(of_class(found, "tds-stale-late"))

    assert note(timedelta(minutes=30)) == ("Last reading 30 min ago", False)
    assert note(timedelta(minutes=31)) == ("No readings since 14:11", True)
    assert note(timedelta(days=2)) == ("No readings since 21 Nov 2026 14:42", True)
    never = components.stale_note(None, timedelta(minutes=15), now=NOW, zone=SAO_PAULO, locale="en")
    assert text(never) == "Never seen"


def test_an_empty_place_says_what_will_be_there_and_how() -> None:
    state = components.empty_state("No gateway", "Register one.", action="Register", href="/gateways")
    assert text(state) == "No gatewayRegister one.Register"
    assert of_type(state, "Link")[0].href == "/gateways"


def test_a_failure_says_what_since_when_and_which() -> None:
    state = components.error_state("readings", error_id="7f3a9c", since=NOW, zone=SAO_PAULO, locale="en", retry_id="again")
    assert "Could not load readings" in text(state)
    assert "Since 14:42 · code 7f3a9c" in text(state)
    assert ids(state) == {"again"}
    assert getattr(state, "role", None) == "alert"


def test_no_right_names_the_role() -> None:
    state = components.no_right_state("admin", "Aurora", "pt-BR")
    assert "Administrador" in text(state)
    assert "Aurora" in text(state)


def test_a_sentence_stresses_its_name_whatever_the_name_holds() -> None:
    said = components.sentence("attention.device_silent", "en", name="*Pump* {2}", time="14:05")
    assert [text(strong) for strong in of_type(said, "Strong")] == ["*Pump* {2}"]
    assert text(said).startswith("No readings from *Pump* {2} since 14:05.")


def test_the_period_has_two_native_dates_with_labels() -> None:
    picker = components.period_picker("when", locale="pt-BR", start=date(2026, 11, 1), latest=date(2026, 11, 23))
    fields = of_type(picker, "Input")
    assert [(field.id, field.type) for field in fields] == [("when-from", "date"), ("when-to", "date")]
    assert fields[0].value == "2026-11-01"
    assert {label.htmlFor for label in of_type(picker, "Label")} == {"when-from", "when-to"}


def test_a_choice_has_a_name_for_screen_readers() -> None:
    choice = components.segmented("step", [("day", "Dia"), ("month", "Mês")], "day", label="Passo")
    assert text(of_type(choice, "Legend")) == "Passo"
    assert of_type(choice, "RadioItems")[0].value == "day"


def test_everything_can_be_sent_to_a_browser() -> None:
    parts = [
        components.page_header("Overview", id="title", lead="Times in America/Sao_Paulo"),
        components.metric_cards(components.card_skeletons(), id="cards"),
        components.facts_list([("Code", "D01")]),
        components.chart_card("x", "y", locale="en"),
        components.skeleton("table"),
    ]
    for part in parts:
        assert plotly.utils.PlotlyJSONEncoder().encode(part)
