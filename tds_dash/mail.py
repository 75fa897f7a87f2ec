"""Mail beside a request: written and sent while the page has its answer already."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from email.message import EmailMessage

from post.mail import MailFailed as MailFailed
from post.mail import message as message
from post.mail import send as send
from post.mail import sender as sender
from settings import Settings
from sql.errors import TdsError

AT_ONCE = 4
log = logging.getLogger(__name__)
_turns = threading.BoundedSemaphore(AT_ONCE)


def send_later(settings: Settings, work: Callable[[], EmailMessage | None]) -> None:
    """Make and send a mail beside the request, so that its answer takes as long whether there is one to send or not."""

    def run() -> None:
        with _turns:
            try:
                mail = work()
                if mail is not None:
                    send(settings, mail)
            except TdsError as error:
                log.error("%s", error)
            except Exception:
                log.exception("a mail could not be made")

    threading.Thread(target=run, name="mail", daemon=True).start()
