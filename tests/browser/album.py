"""The pictures of README and documents, taken anew from the demo world: light, dark, phone, both languages, a page of a report,
and for the energy manager's guide every page in either language.

    python -m tests.browser.album http://127.0.0.1:8050 demo@tds.example PASSWORD [--only NAME] [--out docs/images]

Run it against `make demo`. Pictures are WebP, a few dozen kilobytes each; the page of the report needs `pdftoppm` (Debian's
poppler-utils) and is left as it is where that is missing.
"""

from __future__ import annotations

import argparse
import io
import os
import shutil
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image, ImageOps
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.conftest import settle
from tests.browser.screens import sign_in
from tests.chromium import ARGUMENTS, PROGRAM

QUALITY = 82
LAPTOP, PHONE = (1360, 850), (390, 760)
SCALE = 1.0
GAP, GROUND = 24, (128, 138, 150)
PAPER = 70  # dots an inch of a report's page


class Shot(NamedTuple):
    """A page as somebody sees it; `{device}` in a path is a meter of electricity, `{gateway}` what it is behind."""

    path: str
    language: str
    theme: str
    size: tuple[int, int] = LAPTOP
    press: str = ""  # what is pressed before the picture is taken
    part: str = ""  # what of the page is taken; else what the window shows


# Several in one picture stand beside each other.
PICTURES: dict[str, tuple[Shot, ...]] = {
    "overview": (Shot("/", "en", "light"),),
    "overview-dark": (Shot("/", "en", "dark"),),
    "consumption": (Shot("/consumption?period=last_month&step=day&compare=previous", "en", "light"),),
    "costs": (Shot("/costs", "pt-BR", "light", (1440, 900)),),
    "device": (Shot("/device/{device}", "en", "dark"),),
    "alarms": (Shot("/alarms", "pt-BR", "dark"),),
    "phone": (
        Shot("/", "pt-BR", "light", PHONE),
        Shot("/device/{device}", "pt-BR", "dark", PHONE),
        Shot("/costs", "en", "light", PHONE),
        Shot("/gateways", "en", "dark", PHONE),
    ),
}
REPORT = "report"
# Of the guide: a picture of each page and language, in a folder of their own, a little smaller.
GUIDE_LOOK, GUIDE_WIDTH, GUIDE_QUALITY = (1280, 800), 1024, 76
GUIDE = {
    "overview": "/",
    "consumption": "/consumption?period=last_month&step=day&compare=previous",
    "books": "/device/{replaced}",
    "device": "/device/{device}",
    "readings": "/readings",
    "peaks": "/peaks",
    "costs": "/costs",
    "tariffs": "/tariffs",
    "bills": "/bills",
    "reports": "/reports",
    "alarms": "/alarms",
    "events": "/events",
    "rejections": "/rejections",
    "gateways": "/gateways",
    "gateway": "/gateway/{gateway}",
    "devices": "/devices",
    "certificates": "/certificates",
    "users": "/users",
    "tokens": "/tokens",
    "audit": "/audit",
    "account": "/account",
}
PANELS = {"books": ("#device-books-whole", "#device-books")}


def main(arguments: list[str] | None = None) -> int:
    """Take the pictures; gives 0 when all were taken."""
    parser = argparse.ArgumentParser(description="Take the pictures of README and documents.")
    parser.add_argument("address")
    parser.add_argument("email")
    parser.add_argument("password", nargs="?", default=os.environ.get("TDS_PASSWORD", ""))
    parser.add_argument("--account", default="")
    parser.add_argument("--only", default="", help="what a picture's name must contain")
    parser.add_argument("--out", type=Path, default=Path("docs/images"))
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=PROGRAM, args=ARGUMENTS)
        for name, shots in PICTURES.items():
            if given.only in name:
                keep(beside([taken(browser, given, shot) for shot in shots]), given.out / f"{name}.webp")
        (given.out / "guide").mkdir(exist_ok=True)
        for (name, path), language in product(GUIDE.items(), ("en", "pt-BR")):
            if given.only in f"guide-{name}":
                look = taken(browser, given, Shot(path, language, "light", GUIDE_LOOK, *PANELS.get(name, ())))
                look.thumbnail((GUIDE_WIDTH, GUIDE_WIDTH))
                keep(look, given.out / "guide" / f"{name}.{language}.webp", GUIDE_QUALITY)
        if given.only in REPORT:
            page = report(browser, given)
            if page is not None:
                keep(page, given.out / f"{REPORT}.webp")
        browser.close()
    return 0


def visitor(browser: Browser, given: argparse.Namespace, shot: Shot) -> Page:
    """Open a page as somebody who is signed in."""
    width, height = shot.size
    context = browser.new_context(
        base_url=given.address, viewport={"width": width, "height": height}, locale=shot.language, device_scale_factor=SCALE
    )
    cookies = {"tds-theme": shot.theme, "tds-locale": shot.language}
    context.add_cookies([{"name": name, "value": value, "url": given.address} for name, value in cookies.items()])
    page = context.new_page()
    page.set_default_timeout(60_000)
    page.goto("/login")
    sign_in(page, given, shot.language)
    return page


def taken(browser: Browser, given: argparse.Namespace, shot: Shot) -> Image.Image:
    """Take one look at a page."""
    page = visitor(browser, given, shot)
    path = shot.path
    if "{" in path:
        device: Any = page.context.request.get("/api/v1/devices?resource=electricity").json()[0]
        path = path.format(device=device["id"], gateway=device["gateway_id"], replaced=replaced(page))
    page.goto(path)
    settle(page)
    if shot.press:
        page.locator(shot.press).first.press("Enter")
        settle(page)
    page.wait_for_timeout(900)  # charts fade in
    picture = page.locator(shot.part).screenshot() if shot.part else page.screenshot()
    page.context.close()
    return Image.open(io.BytesIO(picture)).convert("RGB")


def replaced(page: Page) -> str:
    """Give a meter that was replaced and the days around that, as the end of its page's address."""
    device: Any = page.context.request.get("/api/v1/devices?resource=water").json()[0]
    today = datetime.now(UTC).date()
    named = f"{device['gateway_mac']}/{device['code']}"
    books: Any = page.context.request.get(f"/api/v1/books?device={named}&from={today - timedelta(days=390)}&to={today}").json()
    day = datetime.fromisoformat(books["corrections"][0]["at"]).date() if books["corrections"] else today
    return f"{device['id']}?period=custom&from={day - timedelta(days=2)}&to={day + timedelta(days=2)}"


def report(browser: Browser, given: argparse.Namespace) -> Image.Image | None:
    """Give the page of last month's report; None where nothing here draws a PDF."""
    program = shutil.which("pdftoppm")
    if program is None:
        print("the report's picture is left as it is: pdftoppm is missing", file=sys.stderr)
        return None
    page = visitor(browser, given, Shot("/", "en", "light"))
    today = datetime.now(UTC).date()
    year, month = (today.year, today.month - 1) if today.month > 1 else (today.year - 1, 12)
    content = page.context.request.get(f"/report/{year}-{month:02}.pdf?locale=en").body()
    page.context.close()
    drawn = subprocess.run([program, "-r", str(PAPER), "-png", "-singlefile"], input=content, capture_output=True, check=True)
    # Its edge is to be seen on a page that is white itself.
    return ImageOps.expand(Image.open(io.BytesIO(drawn.stdout)).convert("RGB"), border=1, fill=GROUND)


def beside(pictures: list[Image.Image]) -> Image.Image:
    """Put pictures beside each other, with a gap between them."""
    if len(pictures) == 1:
        return pictures[0]
    width = sum(one.width for one in pictures) + GAP * (len(pictures) - 1)
    found = Image.new("RGB", (width, max(one.height for one in pictures)), GROUND)
    x = 0
    for one in pictures:
        found.paste(one, (x, 0))
        x += one.width + GAP
    return found


def keep(picture: Image.Image, file: Path, quality: int = QUALITY) -> None:
    """Write a picture as small as it stays readable."""
    picture.save(file, "WEBP", quality=quality, method=6)
    print(f"{file}: {picture.width} × {picture.height}, {file.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    sys.exit(main())
