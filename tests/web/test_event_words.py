"""Events in words, in both languages: sentences, reasons of refusals, and numbers as people type them."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sql import decisions
from sql.decisions import Event
from sql.errors import Refused
from tds_dash import event_words, typed
from tests.web.queue import START


def test_every_refusal_has_its_sentence_in_both_languages() -> None:
    keys = {"final": Decimal("1.5"), "before": Decimal(2), "initial": Decimal(3), "after": Decimal(1)}
    source = Path(decisions.__file__).read_text() + Path(typed.__file__).read_text()
    named = set(re.findall(r'Refused\([^)]*?"(\w+)"[,)]', source)) - {"final", "before"}
    assert {"final_below", "outside", "raced", "no_time"} <= named
    for key in named:
        for locale in ("en", "pt-BR"):
            assert event_words.refusal(Refused("unsaid", key, **keys), locale) != "unsaid"


@pytest.mark.parametrize(
    ("kind", "more", "english", "portuguese"),
    [
        ("rollover", {"value_before": "9998", "value_after": "3", "correction": "10000", "modulus": "10000"},
         "The register fell from 9,998 to 3: rollover of a 4-digit register? +5\u00a0kWh",
         "O registrador caiu de 9.998 para 3: virada de um registrador de 4 dígitos? +5\u00a0kWh"),
        ("rollover", {"value_before": "59", "value_after": "1.5", "correction": "60", "modulus": "60"},
         "The register fell from 59 to 1.5: rollover of a register that wraps at 60? +2.5\u00a0kWh",
         "O registrador caiu de 59 para 1,5: virada de um registrador que volta a zero em 60? +2,5\u00a0kWh"),
        ("unresolved", {"value_before": "10", "value_after": "9010", "correction": "-9000"},
         "The register rose from 10 to 9,010, more than this meter can: 0\u00a0kWh taken, for you to correct or ignore.",
         "O registrador subiu de 10 para 9.010, mais do que este medidor consegue: 0\u00a0kWh considerado, para você corrigir ou ignorar."),
        ("glitch", {"value_before": "10", "value_after": "12", "readings": 1, "lowest": "0", "highest": "0"},
         "1 reading at 0\u00a0kWh left out: the register returned from 10 to 12.",
         "1 leitura em 0\u00a0kWh deixada de fora: o registrador voltou de 10 para 12."),
    ],
)  # fmt: skip
def test_sentences_in_both_languages(kind: str, more: dict[str, Any], english: str, portuguese: str) -> None:
    facts = {name: Decimal(value) if isinstance(value, str) else value for name, value in more.items()}
    empty = dict.fromkeys(Event._fields)
    event = Event(
        **{**empty, "id": 1, "unit": "kWh", "kind": kind, "correction": Decimal(0), "at": START, "since": START, **facts}
    )
    assert event_words.plainly(event, "en") == english
    assert event_words.plainly(event, "pt-BR") == portuguese


@pytest.mark.parametrize(
    ("given", "locale", "read"),
    [
        ("9998.5", "en", "9998.5"),
        ("9,998.5", "en", "9998.5"),
        ("9,998", "en", "9998"),
        ("9998,5", "pt-BR", "9998.5"),
        ("9.998,5", "pt-BR", "9998.5"),
        ("9.998", "pt-BR", "9998"),
        ("9998.5", "pt-BR", "9998.5"),
        (" 1 234,5 ", "pt-BR", "1234.5"),
        ("0", "en", "0"),
        ("9998,5", "en", None),
        ("9,99", "en", None),
        ("1.2.3", "en", None),
        ("٣", "en", None),
        ("+5", "en", None),
    ],
)
def test_a_register_is_read_as_its_language_writes_it(given: str, locale: str, read: str | None) -> None:
    if read is None:
        with pytest.raises(Refused):
            typed.register(given, locale)
    else:
        assert typed.register(given, locale) == Decimal(read)
