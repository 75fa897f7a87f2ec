"""Mail: one short text to one person, by the server that TDS_SMTP_URL names."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from urllib.parse import parse_qs, unquote, urlsplit

from settings import Settings
from sql.errors import TdsError

TIMEOUT_SECONDS = 15


class MailFailed(TdsError):
    """The mail server did not take a mail."""


def message(settings: Settings, to: str, subject: str, text: str, number: str | None = None) -> EmailMessage:
    """Write a mail; its sender is the URL's `?from=`, else the user who signs in at the server. Under a `number` it is the same mail again."""
    made = EmailMessage()
    made["From"] = sender(settings)
    made["To"] = to
    made["Subject"] = subject
    made["Date"] = formatdate(localtime=False)
    domain = sender(settings).rpartition("@")[2]
    made["Message-ID"] = f"<{number}@{domain}>" if number else make_msgid(domain=domain)
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(text)
    return made


def sender(settings: Settings) -> str:
    """Give the address that mails come from."""
    parts = urlsplit(settings.smtp_url or "")
    named = parse_qs(parts.query).get("from", [""])[0]
    user = unquote(parts.username or "")
    return named or (user if "@" in user else f"tds@{parts.hostname}")


def send(settings: Settings, mail: EmailMessage) -> None:
    """Hand a mail to the server; raises MailFailed with one line.

    Who signs in at the server does so encrypted only; `smtp://` without a user takes encryption where it is offered.
    """
    parts = urlsplit(settings.smtp_url or "")
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    context = ssl.create_default_context()
    try:
        with _connected(parts.hostname or "", parts.port, parts.scheme, context) as server:
            server.ehlo()
            if parts.scheme == "smtp" and (server.has_extn("starttls") or user):
                server.starttls(context=context)
                server.ehlo()
            if user:
                server.login(user, password)
            server.send_message(mail)
    except (OSError, smtplib.SMTPException) as error:
        raise MailFailed(
            f"the mail server at {parts.hostname} did not take a mail: {' '.join(str(error).split())[:200]}"
        ) from error


def _connected(host: str, port: int | None, scheme: str, context: ssl.SSLContext) -> smtplib.SMTP:
    if scheme == "smtps":
        return smtplib.SMTP_SSL(host, port or 465, timeout=TIMEOUT_SECONDS, context=context)
    return smtplib.SMTP(host, port or 25, timeout=TIMEOUT_SECONDS)
