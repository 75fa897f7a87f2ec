"""Handing an invitation over: by mail where a server is set, else as a link for the administrator to pass on."""

from __future__ import annotations

from email.message import EmailMessage

from flask import current_app

from settings import Settings
from sql import links
from tds_dash import mail
from tds_dash.wording import t


def address(settings: Settings, secret: str) -> str:
    """Give an invitation's address."""
    return f"{settings.public_url()}/invitation/{secret}"


def hand_over(email: str, secret: str, account: str, language: str) -> str | None:
    """Send an invitation by mail; gives its address instead where there is no mail server."""
    settings: Settings = current_app.config["TDS"]
    link = address(settings, secret)
    if settings.smtp_url is None:
        return link
    made = written(settings, email, secret, account, language)
    mail.send_later(settings, lambda: made)
    return None


def written(settings: Settings, email: str, secret: str, account: str, language: str) -> EmailMessage:
    """Write the mail of an invitation."""
    words = {"account": account, "link": address(settings, secret), "days": links.INVITATION_LASTS.days}
    subject = " ".join(t("mail.invitation_subject", language, account=account).split())
    return mail.message(settings, email, subject, t("mail.invitation", language, **words))
