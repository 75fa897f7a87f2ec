"""The documents as a site: whole, in every page of it, and without a request to anywhere else."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

import pytest
from playwright.sync_api import Browser

from tests.chromium import PROGRAM
from tests.project.test_documents import documents, in_code
from tests.project.tree import ROOT, commands, settings_names

LOADED = {("script", "src"), ("img", "src"), ("img", "srcset"), ("source", "srcset"), ("source", "src"), ("iframe", "src")}
# <link> is loaded but for what only names an address.
NAMED = {"canonical", "prev", "next", "alternate"}


class Place(NamedTuple):
    """An address that an element of a page has, and whether a browser loads it by itself."""

    address: str
    is_loaded: bool


class Page(HTMLParser):
    """What a page of the site links to, its anchors and its words."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.file, self.places, self.anchors, self.words = file, list[Place](), set[str](), ""
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        for name in {"src", "srcset", "href"} & set(given):
            named_only = tag == "a" or (tag == "link" and given.get("rel") in NAMED)
            assert named_only or tag == "link" or (tag, name) in LOADED, f"{self.file}: <{tag} {name}>"
            self.places.append(Place(given[name], not named_only))

    def handle_data(self, data: str) -> None:
        self.words += data


def built(folder: Path, root: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(root / "tools" / "site.py"), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site once."""
    folder = tmp_path_factory.mktemp("site")
    done = built(folder)
    assert (done.returncode, done.stderr) == (0, "")
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    """Give its pages, but the one for an address that nothing is at, which a server shows anywhere."""
    return {path: Page(path) for path in site.rglob("*.html") if path.name != "404.html"}


def test_nothing_is_loaded_from_elsewhere(site: Path, pages: dict[Path, Page]) -> None:
    loaded = {place.address for page in pages.values() for place in page.places if place.is_loaded}
    styles = {found for path in site.rglob("*.css") for found in re.findall(r"url\(([^)]+)\)", path.read_text(encoding="utf-8"))}
    assert len(loaded) > 5
    assert [name for name in loaded | styles if re.match(r"['\"]?(\w+:)?//", name)] == []


def test_every_link_within_leads_somewhere(site: Path, pages: dict[Path, Page]) -> None:
    dead = []
    for path, page in pages.items():
        for address in {place.address for place in page.places}:
            if re.match(r"\w+:", address):
                continue
            name, _, anchor = unquote(address).partition("#")
            target = (path.parent / name).resolve() if name else path
            if target.is_dir():
                target /= "index.html"
            if not target.is_relative_to(site) or not target.is_file():
                dead.append(f"{path.relative_to(site)}: {address}")
            elif anchor and target in pages and anchor not in pages[target].anchors:
                dead.append(f"{path.relative_to(site)}: {address}: no such heading")
    assert dead == []


def test_every_setting_command_metric_and_address_is_in_it(pages: dict[Path, Page]) -> None:
    words = " ".join(page.words for page in pages.values())
    wanted = settings_names("settings.py") | {f"tds {command.name}" for command in commands()}
    wanted |= in_code(r"(?:Counter|Gauge|Histogram)\(\s*\"(tds_[a-z_]+)\"", "ingest", "tds_dash")
    wanted |= product_pages()
    assert len(wanted) > 100
    assert sorted(name for name in wanted if not re.search(re.escape(name) + r"(?![a-z])", words)) == []


def product_pages() -> set[str]:
    return in_code(r"register_page\(__name__,.*path(?:_template)?=\"([^\"]+)\"", "tds_dash") - {"/404"}


def test_every_document_is_a_page_of_it(site: Path) -> None:
    missing = []
    for path in documents():
        name = path.relative_to(ROOT)
        if "fixtures" in name.parts:
            continue
        page = name.with_name("index.html") if name.name in {"README.md", "index.md"} else name.with_suffix(".html")
        home = site / "pt-BR" / page.name if "pt-BR" in name.parts else site / page
        if not home.is_file():
            missing.append(str(name))
    assert missing == []


def test_a_dead_link_and_a_page_that_is_not_there_are_said(tmp_path: Path) -> None:
    for name in ("tools/site.py", "docs/mkdocs.yml", "docs/mkdocs.pt-BR.yml", "docs/site", "assets/favicon.svg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (ROOT / name).is_dir() else shutil.copy)(ROOT / name, tmp_path / name)
    (tmp_path / "README.md").write_text("# TDS\n\n[gone](docs/gone.md)\n", encoding="utf-8")
    done = built(tmp_path / "out", tmp_path)
    assert done.returncode == 1
    assert "link 'docs/gone.md'" in done.stderr
    assert "'docs/settings.md' is included in the 'nav'" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("The site is not built: ")


@pytest.mark.browser
@pytest.mark.skipif(PROGRAM is None, reason="Chromium is not installed: apt-get install chromium")
def test_it_is_read_and_searched_from_a_disk(site: Path, browser: Browser) -> None:
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto((site / "index.html").as_uri())
    page.click("[data-md-component=search-query]")
    page.keyboard.type("rollover")
    page.locator(".md-search-result__item").first.wait_for()
    page.close()
    assert len(asked) > 5
    assert [url for url in asked if not url.startswith(site.as_uri())] == []
