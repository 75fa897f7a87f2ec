"""What `tds doctor` asks of the pages that are served on this machine, if any are."""

from __future__ import annotations

from broker import Check
from broker.probe import NotReached, ask
from settings import Settings


def health(settings: Settings) -> list[Check]:
    """Ask whether they can be used."""
    try:
        answer = ask(settings.web_host, settings.web_port, "/readyz")
    except NotReached as error:
        return [Check("pages", False, str(error))]
    if answer is None:
        return [Check("pages", True, "none are served on this machine")]
    status, text = answer
    return [Check("pages", status == 200, "they can be used" if status == 200 else text)]
