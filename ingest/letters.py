"""Mails about alarms: what a message says, written out in the account's language."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import simplejson

from writing import clock, known, number

WORDS = Path(__file__).parent / "words"
MOST_TOLD = 40
DAY_SECONDS, HOUR_SECONDS = 86_400, 3_600

Told = Mapping[str, Any]


class Letter(NamedTuple):
    """A mail's subject and text."""

    subject: str
    text: str


def letter(body: str, locale: str, zone: str) -> Letter:
    """Write a message as a mail; `body` is its JSON."""
    facts: Told = simplejson.loads(body, use_decimal=True)
    words = catalogue(known(locale))
    page = _Page(words, known(locale), ZoneInfo(zone))
    why = words["letter"]["why"].format(account=facts["account"], zone=zone)
    if facts["type"] == "trial":
        text = words["letter"]["trial"].format(account=facts["account"])
        return Letter(
            _line(words["subject"]["trial"].format(account=facts["account"])), f"{text}\n\n{facts['link']}\n\n-- \n{why}\n"
        )
    told: Sequence[Told] = facts["alarms"]
    opened, closed = ([one for one in told if one["event"] == event] for event in ("opened", "closed"))
    parts = [page.listed("opened", opened[:MOST_TOLD]), page.listed("closed", closed[: max(0, MOST_TOLD - len(opened))])]
    rest = facts["more"] + max(0, len(told) - MOST_TOLD)
    if rest:
        parts.append(words["letter"]["more"].format(n=rest, link=facts["link"]))
    look = words["letter"]["look"].format(link=told[0]["link"] if len(told) == 1 else facts["link"])
    text = "\n\n".join([*filter(None, parts), look, f"-- \n{why}\n"])
    return Letter(_line(page.subject(opened, closed, facts)), text)


@cache
def catalogue(locale: str) -> dict[str, Any]:
    """Read a language's sentences."""
    return tomllib.loads((WORDS / f"{locale}.toml").read_text(encoding="utf-8"))


def _line(subject: str) -> str:
    """Put a subject on one line."""
    return " ".join(subject.split())


class _Page:
    """Sentences in one language and zone."""

    def __init__(self, words: dict[str, Any], locale: str, zone: ZoneInfo) -> None:
        self.words, self.locale, self.zone = words, locale, zone

    def subject(self, opened: Sequence[Told], closed: Sequence[Told], facts: Told) -> str:
        """Say in a line what it is about: the thing itself where it is one."""
        subjects, account = self.words["subject"], facts["account"]
        counts = (len(opened) + facts["more"], len(closed))
        if counts[0] and counts[1]:
            return str(subjects["mixed"].format(opened=counts[0], closed=counts[1], account=account))
        many, prefix = (opened, "") if opened else (closed, "over_")
        if len(many) == 1 and not facts["more"]:
            return str(subjects[f"{prefix}one"].format(what=self.words["short"][_kind(many[0])].format(name=many[0]["name"])))
        return str(subjects[f"{prefix}many"].format(n=max(counts), account=account))

    def listed(self, event: str, told: Sequence[Told]) -> str:
        """Give a heading and a line for each."""
        if not told:
            return ""
        say = self.opened if event == "opened" else self.closed
        return "\n".join([self.words["letter"][event], *(f"* {say(one)}" for one in told)])

    def opened(self, one: Told) -> str:
        """Say what broke a rule."""
        kind = _kind(one)
        key = f"{kind}_projected" if one["projected"] else f"{kind}_usual" if one["usual"] is not None else kind
        said = str(self.words["opened"][key].format(**self.values(one)))
        if one["estimated"]:
            said += "\n" + self.words["opened"]["estimated"].format(estimated=self.amount(one["estimated"], one))
        return said

    def closed(self, one: Told) -> str:
        """Say how it ended."""
        return str(self.words["closed"].get(one["outcome"], self.words["closed"]["next_period"]).format(**self.values(one)))

    def values(self, one: Told) -> dict[str, str]:
        """Give all that a sentence may name."""
        since = datetime.fromisoformat(one["since"])
        start = datetime.fromisoformat(one["period_start"] or one["since"]).astimezone(self.zone)
        lasted = datetime.fromisoformat(one["closed_at"]) - since if one["closed_at"] else None
        return {
            "name": one["name"],
            "gateway": one["gateway_name"],
            "value": self.amount(one["value"], one),
            "worst": self.amount(one["highest"], one),
            "limit": self.amount(one["limit"], one),
            "usual": self.amount(one["usual"], one),
            "since": f"{self.date(since)} {clock(since, self.locale, self.zone)}",
            "day": self.date(start),
            "month": f"{self.words['months'][start.month - 1]} {start.year}",
            "lasted": self.lasting(lasted.total_seconds()) if lasted else "",
        }

    def amount(self, value: Decimal | None, one: Told) -> str:
        """Write a value in the alarm's unit."""
        return number(value, self.locale, one["unit"])

    def date(self, moment: datetime) -> str:
        """Write a day: `23/11/2026`, `23 Nov 2026`."""
        day = moment.astimezone(self.zone)
        if self.locale == "pt-BR":
            return f"{day.day:02}/{day.month:02}/{day.year:04}"
        return f"{day.day} {self.words['months'][day.month - 1]} {day.year}"

    def lasting(self, seconds: float) -> str:
        """Write how long something lasted, in its largest sensible unit."""
        for name, size, least in (
            ("days", DAY_SECONDS, 2 * DAY_SECONDS),
            ("hours", HOUR_SECONDS, 2 * HOUR_SECONDS),
            ("minutes", 60, 0),
        ):
            if seconds >= least:
                return str(self.words["lasted"][name].format(n=int(seconds // size)))
        return ""


def _kind(one: Told) -> str:
    """Give the kind of sentence: a gateway that is silent is one of its own."""
    return "gateway" if one["kind"] == "silence" and one["device_id"] is None else str(one["kind"])
