"""Words and numbers: both languages whole, and written as their readers write."""

from __future__ import annotations

import ast
import re
import string
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tds_dash import wording
from tds_dash.wording import number, percent, t, words

ROOT = Path(__file__).resolve().parents[2]
SP = ZoneInfo("America/Sao_Paulo")
NOW = datetime(2026, 11, 23, 17, 30, 5, tzinfo=UTC)


def calls(path: Path) -> Iterator[ast.Call]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            yield node


def keys_used() -> Iterator[tuple[str, str]]:
    """Give every key that the code names: whole, or as a pattern where a part is worked out."""
    for path in sorted((ROOT / "tds_dash").rglob("*.py")):
        for call in calls(path):
            name = getattr(call.func, "id", getattr(call.func, "attr", ""))
            if name not in ("t", "sentence", "template_of") or not call.args:
                continue
            key = call.args[0]
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                yield path.name, re.escape(key.value)
            elif isinstance(key, ast.JoinedStr):
                parts = [re.escape(str(part.value)) if isinstance(part, ast.Constant) else r"[\w.]+" for part in key.values]
                yield path.name, "".join(parts)
    for path in sorted((ROOT / "tds_dash" / "templates").glob("*.html")):
        for match in re.finditer(r"\bt\(\s*[\"']([\w.]+)[\"']\s*(\+?)", path.read_text(encoding="utf-8")):
            yield path.name, re.escape(match.group(1)) + (r"[\w]+" if match.group(2) else "")


def fields(word: str | dict[str, str]) -> set[str]:
    texts = [word] if isinstance(word, str) else list(word.values())
    return {name for text in texts for _, name, _, _ in string.Formatter().parse(text) if name}


def test_both_languages_have_the_same_keys() -> None:
    assert set(words("pt-BR")) == set(words("en"))


def test_both_languages_fill_in_the_same_values() -> None:
    pairs = {key: (fields(words("pt-BR")[key]), fields(words("en")[key])) for key in words("en")}  # type: ignore[arg-type]
    assert {key: pair for key, pair in pairs.items() if pair[0] != pair[1]} == {}


def test_every_key_that_the_code_names_exists() -> None:
    known = set(words("en"))
    found = {pattern: re.compile(pattern) for _, pattern in keys_used() if pattern.replace("\\.", ".") not in known}
    missing = {pattern for pattern, wanted in found.items() if not any(wanted.fullmatch(key) for key in known)}
    assert missing == set()


def test_no_sentence_is_empty_or_untranslated() -> None:
    for locale in wording.LOCALES:
        for key, word in words(locale).items():
            for text in [word] if isinstance(word, str) else word.values():
                assert text.strip() == text != "", key
    english = re.compile(r"\b(the|your|readings?|devices?|chart)\b", re.I)
    strange = [
        key for key, word in words("pt-BR").items() if isinstance(word, str) and english.search(re.sub(r"\{\w+\}", "", word))
    ]
    assert strange == []


def test_an_unknown_key_is_an_error() -> None:
    with pytest.raises(KeyError):
        t("no.such.key", "en")


def test_an_unknown_locale_reads_portuguese() -> None:
    assert t("nav.overview", "fr") == "Visão geral"


def test_counts_take_their_form() -> None:
    assert [t("gateways.devices", "pt-BR", n=n) for n in (0, 1, 1200)] == ["0 dispositivo", "1 dispositivo", "1.200 dispositivos"]
    assert [t("gateways.devices", "en", n=n) for n in (0, 1, 1200)] == ["0 devices", "1 device", "1,200 devices"]


@pytest.mark.parametrize(
    ("value", "pt", "en"),
    [
        (Decimal("1234.5"), "1.234,5 kWh", "1,234.5 kWh"),
        (Decimal("0"), "0 kWh", "0 kWh"),
        (Decimal("-0.0001"), "0 kWh", "0 kWh"),
        (Decimal("-12.25"), "−12,25 kWh", "−12.25 kWh"),
        (Decimal("1234567.891234"), "1.234.567,891 kWh", "1,234,567.891 kWh"),
        (0.1 + 0.2, "0,3 kWh", "0.3 kWh"),
        (None, "—", "—"),
    ],
)
def test_numbers_are_written_with_their_unit(value: Decimal | float | None, pt: str, en: str) -> None:
    assert number(value, "pt-BR", "kWh").replace("\u00a0", " ") == pt
    assert number(value, "en", "kWh").replace("\u00a0", " ") == en


def test_a_number_and_its_unit_stay_together() -> None:
    assert number(1, "en", "m³") == "1\u00a0m³"


def test_columns_may_have_all_their_decimals() -> None:
    assert number(Decimal("312"), "pt-BR", fixed=True) == "312,000"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("12345.6", "12.350"),
        ("1234.56", "1.235"),
        ("123.456", "123,5"),
        ("0.0123456", "0,01235"),
        ("999.96", "1.000"),
        ("0", "0"),
        ("-84.26", "−84,26"),
    ],
)
def test_cards_have_four_significant_digits(value: str, shown: str) -> None:
    assert wording.card_number(Decimal(value), "pt-BR") == shown


def test_percent_has_a_real_minus() -> None:
    assert percent(Decimal("-0.084"), "en", sign=True) == "\u22128\u00a0%"
    assert percent(0.121, "pt-BR", sign=True) == "+12\u00a0%"
    assert percent(0.9999, "en") == "100\u00a0%"
    assert percent(None, "en") == "—"


@pytest.mark.parametrize(
    ("share", "shown"),
    [
        ("0", "0 %"),
        ("0.0003", "< 0.1 %"),
        ("0.0047", "0.5 %"),
        ("0.047", "5 %"),
        ("0.998", "99.8 %"),
        ("0.99998", "100 %"),
        ("1", "100 %"),
    ],
)
def test_a_portion_is_not_rounded_to_nothing_nor_to_all(share: str, shown: str) -> None:
    assert wording.portion(Decimal(share), "en").replace("\u00a0", " ") == shown


def test_days_and_times_are_local() -> None:
    late = datetime(2026, 11, 24, 1, 30, 5, tzinfo=UTC)
    assert (wording.date(late, "pt-BR", SP), wording.clock(late, "pt-BR", SP)) == ("23/11/2026", "22h30")
    assert (wording.date(late, "en", SP), wording.clock(late, "en", SP)) == ("23 Nov 2026", "22:30")
    assert wording.clock(late, "pt-BR", SP, seconds=True) == "22h30min05"
    assert wording.date_clock(late, "en", SP) == "23 Nov 2026 22:30"
    assert wording.date(date(2026, 3, 5), "pt-BR") == "05/03/2026"


def test_months_and_runs_of_days() -> None:
    assert (wording.month(date(2026, 11, 1), "pt-BR"), wording.month(date(2026, 11, 1), "en")) == ("nov. 2026", "Nov 2026")
    assert wording.days(date(2026, 10, 1), date(2026, 10, 23), "en") == "1–23 Oct"
    assert wording.days(date(2026, 10, 1), date(2026, 10, 1), "pt-BR") == "1 out."
    assert wording.days(date(2026, 10, 28), date(2026, 11, 3), "pt-BR") == "28 out.–3 nov."


@pytest.mark.parametrize(
    ("ago", "pt", "en"),
    [
        (timedelta(seconds=-3), "agora mesmo", "just now"),
        (timedelta(seconds=59), "agora mesmo", "just now"),
        (timedelta(minutes=5), "há 5 min", "5 min ago"),
        (timedelta(hours=47), "há 47 h", "47 h ago"),
        (timedelta(days=2), "há 2 dias", "2 days ago"),
        (timedelta(days=400), "há 13 meses", "13 months ago"),
    ],
)
def test_how_long_ago(ago: timedelta, pt: str, en: str) -> None:
    assert wording.since(NOW - ago, NOW, "pt-BR") == pt
    assert wording.since(NOW - ago, NOW, "en") == en


def test_never_and_durations() -> None:
    assert wording.since(None, NOW, "pt-BR") == "nunca"
    assert [wording.lasting(seconds, "pt-BR") for seconds in (45, 900, 10800, 172800)] == ["45 s", "15 min", "3 h", "2 dias"]


def test_plotly_speaks_the_language() -> None:
    table = wording.plotly_locale("pt-BR")
    assert table["dictionary"]["Download plot as a PNG"] == "Baixar como PNG"
    assert (table["format"]["shortMonths"][10], table["format"]["shortDays"][0]) == ("nov.", "dom.")
    assert (table["format"]["decimal"], table["format"]["thousands"]) == (",", ".")
