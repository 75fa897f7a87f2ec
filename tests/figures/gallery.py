"""Every figure and component on one page, and its screenshots: `python -m tests.figures.gallery FOLDER`."""

from __future__ import annotations

import logging
import sys
import threading
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import flask_bootstrap  # type: ignore[import-untyped]
from dash import Dash, html
from flask import Flask, send_from_directory
from playwright.sync_api import sync_playwright
from werkzeug.serving import make_server

from tds_dash import components, figures, wording
from tds_dash.components import Change, ReadingLine
from tds_dash.figures import ChartDevice
from tds_dash.wording import card_number, t
from tests.chromium import ARGUMENTS, PROGRAM
from tests.figures.rows import NOW, SAO_PAULO, daily, hourly, meters, monthly, temperatures

ROOT = Path(__file__).resolve().parents[2]
BOOTSTRAP = Path(flask_bootstrap.__file__).parent / "static" / "bootstrap5" / "css"
STATES: tuple[components.State, ...] = ("online", "offline", "silent", "never", "retired")


def cards(locale: str) -> Any:
    """Give a row of cards as on the overview."""
    curve = [30 + 9 * ((index * 7) % 5) - (12 if index % 7 in (5, 6) else 0) for index in range(30)]
    spark = figures.sparkline([*curve[:20], None, None, *curve[22:]], "electricity")
    part = wording.days(date(2026, 10, 1), date(2026, 10, 23), locale)
    number = card_number(Decimal("12345.6"), locale)
    online = components.status_badge("online", locale)
    return components.metric_cards(
        [
            components.metric_card(t("overview.gateways", locale), "4", "/ 5", locale=locale, note=online, href="/gateways"),
            components.metric_card(
                t("overview.this_month", locale, resource=t("resource.electricity", locale)), number, "kWh", locale=locale,
                change=Change(Decimal("-0.084"), part), sparkline=spark, resource="electricity", href="/consumption",
            ),
            components.metric_card(
                t("overview.this_month", locale, resource=t("resource.water", locale)), card_number(Decimal("318.25"), locale),
                "m³", locale=locale, change=Change(Decimal("0.121"), part), sparkline=figures.sparkline(curve[::-1], "water"),
                resource="water", href="/consumption",
            ),
            components.metric_card(
                t("overview.this_month", locale, resource=t("resource.gas", locale)), card_number(Decimal("41.7"), locale), "m³",
                locale=locale, change=Change(None, reason=t("change.not_fair", locale, coverage=wording.percent(0.61, locale))),
                sparkline=figures.sparkline(curve, "gas"), resource="gas", href="/consumption",
            ),
        ]
    )  # fmt: skip


def monthly_cards(locale: str) -> Any:
    """Give two monthly charts side by side."""
    found = []
    for resource, unit, base in (("electricity", "kWh", 9000.0), ("water", "m³", 210.0)):
        devices = meters(2, resource, unit)
        rows = [row for device in devices for row in monthly(device, base)]
        figure = figures.monthly_bars(rows, devices, zone=SAO_PAULO, now=NOW, locale=locale)
        name = t(f"resource.{resource}", locale)
        title = t("overview.monthly_of", locale, resource=name, unit=unit)
        found.append(components.chart_card(f"month-{resource}", title, locale=locale, figure=figure, resource=resource))
    return html.Div(found, className="tds-columns")


def consumption_card(locale: str, n: int, step: Any) -> Any:
    """Give the consumption chart of n devices."""
    devices = meters(n)
    if step == "day":
        start, end = datetime(2026, 10, 25, 3, tzinfo=UTC), datetime(2026, 11, 24, 3, tzinfo=UTC)
        rows = [row for device in devices for row in daily(device, start, 30)]
    else:
        start, end = datetime(2026, 11, 21, 3, tzinfo=UTC), datetime(2026, 11, 24, 3, tzinfo=UTC)
        rows = [row for device in devices for row in hourly(device, start, 63)]
    figure = figures.consumption_bars(rows, devices, step=step, start=start, end=end, zone=SAO_PAULO, now=NOW, locale=locale)
    title = t("chart.titled", locale, resource=t("resource.electricity", locale), unit="kWh", step=t(f"step.per_{step}", locale))
    steps = [(name, t(f"step.{name}", locale)) for name in ("15min", "hour", "day", "month")]
    control = components.segmented(f"step-{n}-{step}", steps, step, label=t("period.step", locale))
    card = components.chart_card(f"bars-{n}-{step}", title, locale=locale, figure=figure, height="tall", controls=[control])
    table = components.consumption_table(rows[: 30 * 3], devices[:3], step=step, zone=SAO_PAULO, now=NOW, locale=locale)
    return html.Div([card, html.Div(table, className="tds-card")], className="tds-stack") if n == 3 else card


def history_card(locale: str) -> Any:
    """Give a gauge's history."""
    device = ChartDevice(9, "Câmara fria", "temperature", "°C", "gauge", 0)
    start, end = datetime(2026, 11, 17, 3, tzinfo=UTC), datetime(2026, 11, 24, 3, tzinfo=UTC)
    rows = temperatures(device, start, 158)
    figure = figures.history_lines(rows, device, step="hour", start=start, end=end, zone=SAO_PAULO, now=NOW, locale=locale)
    ranges = [(name, t(f"period.{name}", locale)) for name in ("day", "week", "month", "quarter", "year")]
    control = components.segmented("range", ranges, "week", label=t("period.presets", locale))
    title = t("chart.history_titled", locale, name=device.name, unit=device.unit)
    return components.chart_card(
        "history", title, locale=locale, figure=figure, legend=False, controls=[control], resource="temperature"
    )


def readings_card(locale: str) -> Any:
    """Give the table of readings."""
    lines = [
        ReadingLine(NOW - timedelta(minutes=index * 5), "Subestação", name, index, resource, Decimal(value), unit)
        for index, (name, resource, value, unit) in enumerate(
            (
                ("Entrada geral", "electricity", "1234567.891", "kWh"),
                ("Hidrômetro 1", "water", "8812.4", "m³"),
                ("Gás cozinha", "gas", "312", "m³"),
                ("Câmara fria", "temperature", "-18.25", "°C"),
            )
        )
    ]
    table = components.readings_table(lines, zone=SAO_PAULO, now=NOW, locale=locale)
    head = html.H2(t("overview.latest", locale), className="tds-section-title")
    return html.Section([head, table], className="tds-card")


def states(locale: str) -> Any:
    """Give the designed states."""
    late = NOW - timedelta(hours=3, minutes=37)
    inner = [
        components.empty_state(
            t("overview.empty", locale),
            t("overview.empty_text", locale),
            action=t("overview.empty_action", locale),
            href="/gateways",
        ),
        components.error_state(
            t("nav.consumption", locale).lower(), error_id="7f3a9c", since=late, zone=SAO_PAULO, locale=locale, retry_id="retry"
        ),
        components.no_right_state("admin", "Hospital São Lucas", locale),
        components.skeleton("chart"),
    ]
    badges = [components.status_badge(state, locale) for state in STATES]
    notes = [
        components.stale_note(last, timedelta(minutes=15), now=NOW, zone=SAO_PAULO, locale=locale)
        for last in (NOW - timedelta(minutes=5), late, NOW - timedelta(days=3), None)
    ]
    silent = components.sentence("attention.device_silent", locale, name="Bomba 2", time=wording.clock(late, locale, SAO_PAULO))
    facts = components.facts_list(
        [(t("field.code", locale), "D01"), (t("field.kind", locale), t("kind.counter", locale)),
         (t("field.status", locale), badges[0]),
         (t("field.mac", locale), "aa:bb:cc:dd:ee:ff")]
    )  # fmt: skip
    row = html.Div(badges + notes, className="tds-actions")
    return html.Div(
        [html.Div([html.Div(state, className="tds-card") for state in inner], className="tds-columns"),
         html.Div([row, html.P(silent), facts], className="tds-card tds-stack")],
        className="tds-stack",
    )  # fmt: skip


def layout(locale: str) -> Any:
    """Give the whole gallery in one language."""
    picker = components.period_picker("period", locale=locale, start=date(2026, 10, 25), end=date(2026, 11, 23))
    header = components.page_header(
        t("overview.title", locale), lead=t("chart.zone", locale, zone="America/Sao_Paulo"),
        actions=[picker, html.Button(t("action.export_csv", locale), className="btn btn-outline-secondary")],
    )  # fmt: skip
    return html.Main(
        [
            header,
            cards(locale),
            html.Div(
                [
                    monthly_cards(locale),
                    consumption_card(locale, 3, "day"),
                    consumption_card(locale, 16, "hour"),
                    history_card(locale),
                    components.chart_card("waiting", t("overview.monthly", locale), locale=locale, height="small"),
                    readings_card(locale),
                    states(locale),
                ],
                className="tds-stack",
            ),
        ],
        className="tds-page",
    )


def gallery(locale: str) -> Any:
    """Make the gallery's web application in one language; Bootstrap comes from its installed package."""
    server: Any = Flask(__name__)
    server.add_url_rule("/vendor/<path:name>", "vendor", lambda name: send_from_directory(BOOTSTRAP, name))
    sheets = ["/vendor/bootstrap.min.css", "/vendor/font/bootstrap-icons.min.css"]
    app = Dash(
        __name__,
        server=server,
        assets_folder=str(ROOT / "assets"),
        external_stylesheets=sheets,
        suppress_callback_exceptions=True,
    )
    app.layout = layout(locale)
    return server


def photograph(folder: Path) -> None:
    """Write a screenshot per language, theme and width."""
    folder.mkdir(parents=True, exist_ok=True)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    for locale in wording.LOCALES:
        server = make_server("127.0.0.1", 0, gallery(locale), threaded=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=PROGRAM, args=ARGUMENTS)
            for width in (1440, 390):
                page = browser.new_page(viewport={"width": width, "height": 900})
                page.on("console", lambda message: print(message.type, message.text) if message.type == "error" else None)
                page.goto(f"http://127.0.0.1:{server.server_port}/")
                page.wait_for_selector("#history .trace")
                for mode in ("light", "dark"):
                    page.evaluate("mode => document.documentElement.dataset.bsTheme = mode", mode)
                    page.wait_for_timeout(700)
                    page.screenshot(path=str(folder / f"{locale}-{width}-{mode}.png"), full_page=True)
                    for index, part in enumerate(page.query_selector_all("main > *, main > .tds-stack > *")):
                        part.screenshot(path=str(folder / f"{locale}-{width}-{mode}-{index:02}.png"))
                wide = page.evaluate("document.documentElement.scrollWidth")
                print(locale, width, "overflows" if wide > width else "fits", wide)
                page.close()
            browser.close()
        server.shutdown()


if __name__ == "__main__":
    photograph(Path(sys.argv[1] if len(sys.argv) > 1 else "gallery"))
