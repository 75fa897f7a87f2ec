"""The documents as a site, in English and, for energy managers, in Portuguese: pages that load nothing from elsewhere.

    python tools/site.py [FOLDER]          (make docs; FOLDER is `site`)

A forge shows the same files as they lie here, so they are laid out for the site as they lie here, and every link between them holds
in both places. What a document links to that is no document (the licence, a configuration file) goes along. A page that
docs/mkdocs.yml does not name stands under "More", rather than nowhere.
"""

from __future__ import annotations

import argparse
import logging
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from mkdocs.commands.build import build
from mkdocs.config import load_config
from mkdocs.exceptions import MkDocsException

ROOT = Path(__file__).resolve().parents[1]
LANGUAGE = "pt-BR"
LINK = re.compile(r"(\]\(|(?:src|srcset|href)=\")([^)\s\"#]+)")
# The pages load these; no document links to them.
BESIDE = ("docs/site/site.css", "docs/site/iframe-worker.js", "assets/favicon.svg")


def main(arguments: list[str] | None = None) -> int:
    """Build both sites, strictly; gives 0 when they are whole."""
    parser = argparse.ArgumentParser(description="Build the documents as a site.")
    parser.add_argument("folder", nargs="?", type=Path, default=ROOT / "site")
    folder = parser.parse_args(arguments).folder.resolve()
    os.environ["NO_MKDOCS_2_WARNING"] = "1"  # until when the theme is maintained is in docs/decisions, not to be said each time
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s", stream=sys.stderr)
    with tempfile.TemporaryDirectory() as name:
        english, portuguese = Path(name, "en"), Path(name, LANGUAGE)
        lay_out(documents(), english)
        lay_out_portuguese(portuguese)
        try:
            make("docs/mkdocs.yml", english, folder)
            make(f"docs/mkdocs.{LANGUAGE}.yml", portuguese, folder / LANGUAGE)
        except MkDocsException as error:
            print(f"The site is not built: {error}", file=sys.stderr)
            return 1
    print(f"The documents are in {folder}: open {folder / 'index.html'}")
    return 0


def documents() -> list[Path]:
    """Give every document in English: those of the project, of its rooms, and the folder of documents."""
    found = [*ROOT.glob("*.md"), *ROOT.glob("[a-z]*/README.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/**/*.md")]
    return sorted({path for path in found if LANGUAGE not in path.parts})


def linked(document: Path) -> set[Path]:
    """Give the files of the project that a document links to."""
    text = re.sub(r"```.*?```", "", text_of(document), flags=re.DOTALL)
    found = {(document.parent / link).resolve() for _, link in LINK.findall(text) if ":" not in link}
    return {path for path in found if path.is_file() and path.is_relative_to(ROOT)}


def lay_out(chosen: list[Path], folder: Path) -> None:
    """Copy documents, and what they link to, into a folder, at the places that they have in the project."""
    for path in set(chosen).union(*map(linked, chosen)) | {ROOT / name for name in BESIDE}:
        place = folder / path.relative_to(ROOT)
        if LANGUAGE not in path.parts:
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, place)
        if path in chosen:
            place.write_text(adapted(path), encoding="utf-8")


def adapted(document: Path) -> str:
    """Give a document's text with what a site cannot follow: links to the other site as they are there, folders without a link."""

    def link(found: re.Match[str]) -> str:
        words, name, anchor = found[1], found[2], found[3] or ""
        target = (document.parent / name).resolve()
        if target.is_dir():
            return words
        if target.suffix != ".md" or (LANGUAGE in target.parts) == (LANGUAGE in document.parts):
            return found[0]
        page = page_of(target)
        return f'<a href="{os.path.relpath(page, page_of(document).parent).replace(os.sep, "/")}{anchor}">{words}</a>'

    return re.sub(
        r"(?<!!)\[([^\]]+)\]\(([^)\s#:]*)(#[^)\s]*)?\)", lambda found: link(found) if found[2] else found[0], text_of(document)
    )


def page_of(document: Path) -> Path:
    """Give where the page of a document lies in the site, from its top."""
    inside = document.relative_to(ROOT)
    if LANGUAGE in inside.parts:
        inside = Path(LANGUAGE, *inside.parts[inside.parts.index(LANGUAGE) + 1 :])
    return inside.with_name("index.html") if inside.stem in {"README", "index"} else inside.with_suffix(".html")


def text_of(document: Path) -> str:
    """Give the text of a document."""
    return document.read_text(encoding="utf-8")


def lay_out_portuguese(folder: Path) -> None:
    """Copy the documents in Portuguese, and their pictures into a folder beside them."""
    (folder / "images").mkdir(parents=True)
    for path in sorted((ROOT / "docs" / LANGUAGE).glob("*.md")):
        for picture in linked(path):
            if picture.suffix == ".webp":
                shutil.copy2(picture, folder / "images")
        (folder / path.name).write_text(re.sub(r"\]\(\.\./images/(?:\w+/)?", "](images/", adapted(path)), encoding="utf-8")
    for name in BESIDE:
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, place)


def make(configuration: str, source: Path, target: Path) -> None:
    """Build one site; a warning is a fault."""
    config = load_config(str(ROOT / configuration), docs_dir=str(source), site_dir=str(target), strict=True)
    named = set(pages(config.nav))
    more = sorted(str(path.relative_to(source)) for path in source.rglob("*.md"))
    more = [name for name in more if name not in named]
    if more:
        config.nav = [*config.nav, {"More": more}]
    config.plugins.on_startup(command="build", dirty=False)
    build(config)
    config.plugins.on_shutdown()


def pages(nav: Any) -> list[str]:
    """Give the documents that a navigation names."""
    if isinstance(nav, str):
        return [nav]
    return [name for part in (nav.values() if isinstance(nav, dict) else nav) for name in pages(part)]


if __name__ == "__main__":
    sys.exit(main())
