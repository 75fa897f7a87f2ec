"""What the explorer answers: its chart, its totals, where to go from here, or why there is nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from dash import html, no_update
from dash.development.base_component import Component

from tds_dash import addresses, explorer_words, grouping, periods, totals_view
from tds_dash.components import empty_state
from tds_dash.exploring import METERED, Asked, Look, counts
from tds_dash.figures import Panel, Scene, explorer_bars
from tds_dash.grouping import RESOURCE
from tds_dash.still import still
from tds_dash.totals import Part, parts
from tds_dash.totals_view import Extra
from tds_dash.view import MOST_IDS, NO_DAYS, is_too_many
from tds_dash.wording import date as day_in_words
from tds_dash.wording import t

Answer = dict[str, Any]
MOST_PANELS = 6


def answer(look: Look, given: Mapping[str, object], extra: Sequence[Extra] = ()) -> Answer:
    """Give everything that a change of the controls changes."""
    words = addresses.controls(look.asked, given)
    return around(look, words) | (nothing(look, words) if look.empty else filled(look, words, extra))


def filled(look: Look, words: Mapping[str, str], extra: Sequence[Extra]) -> Answer:
    """Give the chart and its totals."""
    found = [part for part in parts(look) if part.whole.side.quantity is not None][:MOST_PANELS]
    single = len(found) == 1
    return {
        "figure": figure(look, found),
        "size": f"tds-figure tds-figure-{'tall' if single else f'rows-{len(found)}'}",
        "title": explorer_words.title(look, found[0].chart) if single else explorer_words.headline(look),
        "note": explorer_words.sums(look, found[0].whole, found[0].chart.unit) if single else "",
        "summary": explorer_words.spoken(look, found),
        "totals": still(totals_view.tables(look, found, words, extra)),
        "card": False,
        "empty": None,
        "no_empty": True,
    }


def figure(look: Look, found: Sequence[Part]) -> dict[str, Any]:
    """Draw what was found."""
    name = explorer_words.other_name(look) if look.other else ""
    device = look.other.device if look.other else None
    colour = grouping.colour_of(device, look.known) if device else ""
    ends = look.span.start, look.span.end
    scene = Scene(look.step, *ends, look.zone, look.now, look.locale, look.beside, name, colour)
    return explorer_bars([panel(look, part) for part in found], scene, view_of(look))


def panel(look: Look, part: Part) -> Panel:
    """Give one unit's row of the figure."""
    chart = part.chart
    late = look.revised.get(chart.number, {})
    return Panel(explorer_words.title(look, chart), chart.unit, chart.resource, part.series, part.beside, late)


def nothing(look: Look, words: Mapping[str, str]) -> Answer:
    """Give the sentence that says why there is nothing, in place of the card."""
    kept = dict.fromkeys(("figure", "size", "title", "summary"), no_update)
    return {**kept, "note": "", "totals": None, "card": True, "empty": why_empty(look, words), "no_empty": False}


def why_empty(look: Look, words: Mapping[str, str]) -> Component:
    """Say what is missing and where to go."""
    locale, icon = look.locale, "bar-chart-line"
    if look.charts:
        dates = [day_in_words(day, locale) for day in explorer_words.ends(look.span.start, look.span.end, look.zone)]
        text = t("consumption.empty_text", locale, from_date=dates[0], to_date=dates[1])
        href = addresses.at_period(words, {"period": periods.TWELVE_MONTHS, "step": "auto"})
        action = t("consumption.see_year", locale) if look.asked.period.kind != periods.TWELVE_MONTHS else ""
        return empty_state(t("consumption.empty", locale), text, action=action, href=href, icon=icon)
    metered = [resource for resource in METERED if any(counts(one) and one.resource == resource for one in look.known)]
    if metered:
        names = {name: t(f"resource.{name}", locale) for name in (look.asked.resource, metered[0])}
        return empty_state(
            t("consumption.empty_resource", locale, resource=names[look.asked.resource].lower()),
            t("consumption.empty_account_text", locale),
            action=t("consumption.see_resource", locale, resource=names[metered[0]].lower()),
            href=addresses.address(words, resource=metered[0], devices=""),
            icon=icon,
        )
    return empty_state(
        t("consumption.empty_account", locale),
        t("consumption.empty_account_text", locale),
        action=t("overview.empty_action", locale),
        href="/gateways",
        icon=icon,
    )


def around(look: Look, words: Mapping[str, str]) -> Answer:
    """Give what stands around the chart: remarks, the way here, the periods beside, and what is drawn."""
    today = look.now.astimezone(look.zone).date()
    back, on = periods.previous(look.asked.period), periods.following(look.asked.period, today)
    return {
        "remark": " ".join(explorer_words.remarks(look)),
        "crumbs": crumbs(look, words),
        "dates": explorer_words.run(*explorer_words.ends(look.span.start, look.span.end, look.zone), look.locale),
        "back": addresses.at_period(words, back) if back else None,
        "on": addresses.at_period(words, on) if on else None,
        "drawn": drawn(look),
    }


def crumbs(look: Look, words: Mapping[str, str]) -> list[Component]:
    """Give the way from the year to what is shown."""
    today = look.now.astimezone(look.zone).date()
    found: list[Component] = []
    for one in periods.crumbs(look.asked.period, today):
        text = explorer_words.crumb(one, look.locale)
        if one.words is None:
            here: dict[str, Any] = {"aria-current": "page"}
            found.append(html.Li(html.Span(text, **here)))
        else:
            inside: dict[str, Any] = {"data-view": "consumption"}
            found.append(html.Li(html.A(text, href=addresses.at_period(words, one.words), **inside)))
    return found


def drawn(look: Look) -> dict[str, str]:
    """Say what is drawn, for what a click on it opens."""
    return {"step": look.step, "from": look.span.start.isoformat(), "to": look.span.end.isoformat()}


def view_of(look: Look) -> str:
    """Name the view: while it stays, so does the reader's zoom."""
    devices = addresses.ranges(one.id for chart in look.charts for one in chart.devices) if look.chosen else "all"
    asked = look.asked
    kind = f"{asked.resource if asked.group != RESOURCE else ''} {asked.group} {asked.bars} {asked.compare}"
    return f"{kind} {devices} {look.step} {look.span.start:%Y%m%d%H} {look.span.end:%Y%m%d%H}"


def faults(asked: Asked, given: Mapping[str, object]) -> dict[str, object]:
    """Say what of an address could not be taken as it is, and cannot be seen in the controls any more."""
    return {
        "many": is_too_many(given.get("devices")),
        "dates": asked.period.span.remark if asked.period.span.remark in NO_DAYS else "",
    }


def about_address(named: Mapping[str, object], strangers: Collection[int], locale: str) -> str:
    """Say what an address names that is not shown: too many devices, those of others, days that do not exist or lie too far away."""
    said = [t("consumption.too_many_devices", locale, n=MOST_IDS)] if named.get("many") else []
    said += [t(str(named["dates"]), locale)] if named.get("dates") in NO_DAYS else []
    said += [t("consumption.forged", locale)] if strangers else []
    return " ".join(said)
