"""Somebody who asks `tds web` over HTTP, as the browser does, in the words in which tests ask the application itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import requests

from tests.performance import site
from tests.performance.pages import EXPLORER, asking, device_controls, device_ids, explorer

PAGES = ("overview_cards", "explorer_days", "device_month")


class Answer:
    """An answer over HTTP, read as those of the test client are."""

    def __init__(self, response: requests.Response) -> None:
        self.status_code, self.data, self.text = response.status_code, response.content, response.text
        self.json = response.json() if "json" in response.headers.get("Content-Type", "") else None


class Visitor:
    """Somebody signed in."""

    def __init__(self, address: str, known: Visitor | None = None) -> None:
        self.session = requests.Session()
        self.address = address
        if known:  # one more window of the same browser
            self.session.cookies.update(known.session.cookies)
            return
        given = {"email": site.EMAIL, "password": site.PASSWORD}
        response = self.session.post(f"{address}/login", data=given, allow_redirects=False)
        assert response.status_code == 302, response.text

    def get(self, path: str) -> Answer:
        """Ask for a page."""
        return Answer(self.session.get(self.address + path))

    def post(self, path: str, json: Any) -> Answer:
        """Call a callback."""
        return Answer(self.session.post(self.address + path, json=json))

    def asks(self) -> dict[str, Callable[[], Any]]:
        """Give what is asked for in turn: the overview's cards, a month by days of the largest devices, one device's month."""
        ids = device_ids(self)  # type: ignore[arg-type]
        month = device_controls({"period": "month"}, ids)
        asked = (
            asking(self, "overview-cards.children"),  # type: ignore[arg-type]
            explorer(self, EXPLORER["days"], ids),  # type: ignore[arg-type]
            asking(self, "device-history.figure", "device", month),  # type: ignore[arg-type]
        )
        return dict(zip(PAGES, asked, strict=True))
