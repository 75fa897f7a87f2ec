"""Certificates in words: how long they last, what happens when one is revoked, and why something is refused."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

from sql.errors import Refused
from sql.queries.certificates import Certificate
from tds_dash import wording
from tds_dash.wording import t

# Reasons that other programs read from the list too (certs/README.md); any other words will do as well.
REASONS = ("key_compromise", "superseded", "cessation_of_operation", "affiliation_changed", "privilege_withdrawn")


def refusal(error: Refused, locale: str) -> str:
    """Say why something was refused, in the reader's language; the authority's own faults are for whoever runs it."""
    key = f"certificates.refused.{error.key}"
    if key not in wording.words(wording.known(locale)):
        key = "certificates.refused.authority"
    return t(key, locale, **error.values)


def left(until: datetime, now: datetime, locale: str) -> str:
    """Say how long a certificate lasts: years, months, days."""
    days = (until - now) // timedelta(days=1)
    if until <= now:
        return t("certificates.over", locale)
    if days >= 730:
        return t("certificates.left_years", locale, n=days // 365)
    if days >= 90:
        return t("certificates.left_months", locale, n=days // 30)
    return t("certificates.left_days", locale, n=days) if days else t("certificates.left_hours", locale)


def consequence(revoked: Certificate, others: list[Certificate], zone: tzinfo, locale: str) -> str:
    """Say what happens to a gateway when one of its certificates is revoked."""
    if not others:
        return t("certificates.revoke_last", locale, gateway=revoked.gateway)
    latest = max(others, key=lambda one: one.not_after or datetime.min)
    until = wording.date(latest.not_after, locale, zone) if latest.not_after else ""
    return t("certificates.revoke_other", locale, gateway=revoked.gateway, until=until)


def effect(outcome: dict[str, object] | None, locale: str) -> str:
    """Say what the broker made of a revocation."""
    found = str((outcome or {}).get("effect", "not_yet"))
    return t(f"certificates.effect_{found if found in ('in_force', 'from_next_start') else 'not_yet'}", locale)
