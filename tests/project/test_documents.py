"""Documents that are held to the program: settings, commands, links, the two commands of the set-up."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path

import pytest

from settings import SECRETS
from sql.rejections import REASONS
from tests.browser.album import GUIDE
from tests.project.tree import ROOT, CommandLine, commands, files_of, settings_names, tracked_files

COMMANDS = list(commands())
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def documents() -> list[Path]:
    return [path for path in tracked_files() if path.suffix == ".md"]


def settings_rows() -> dict[str, str]:
    """Give the table of settings: name → the rest of its row."""
    return dict(re.findall(r"^\| `(TDS_[A-Z_]+)` \|(.*)$", read("docs/settings.md"), re.MULTILINE))


def test_every_setting_is_documented_and_no_other() -> None:
    assert set(settings_rows()) == settings_names("settings.py") | {"TDS_TEST_DATABASE_URL"}


def test_every_secret_is_said_to_be_readable_from_a_file() -> None:
    assert {name for name, row in settings_rows().items() if "`…_FILE`" in row} == SECRETS


def test_the_defaults_in_the_table_are_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = import_module("settings").load({})
    for name, row in settings_rows().items():
        default = row.split("|")[0].strip()
        value = getattr(settings, name.removeprefix("TDS_").lower(), None)
        if default.startswith("`") and name not in {"TDS_STATE_DIR", "TDS_PKI_DIR"}:
            assert default.strip("`") == str(value), name
        elif not default:
            assert value in (None, ()), name


def usages() -> dict[str, str]:
    """Give the table of commands: `tds account add` → its usage, options included."""
    found = re.findall(r"^\| `tds ([^`]+)` \|", read("docs/commands.md"), re.MULTILINE)
    names = sorted((command.name for command in COMMANDS), key=len, reverse=True)
    return {next((name for name in names if f"{usage} ".startswith(f"{name} ")), usage): usage for usage in found}


def test_every_command_is_documented_and_no_other() -> None:
    assert set(usages()) == {command.name for command in COMMANDS}


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name.replace(" ", "-"))
def test_its_options_are_documented_and_no_others(command: CommandLine) -> None:
    usage = usages()[command.name]
    assert set(re.findall(r"--[a-z-]+", usage)) == set(command.options)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name.replace(" ", "-"))
def test_its_function_is_there(command: CommandLine) -> None:
    module, _, function = command.target.partition(":")
    assert callable(getattr(import_module(module), function))


def in_code(pattern: str, *rooms: str) -> set[str]:
    """Give what a pattern finds in the Python files of rooms."""
    found: set[str] = set()
    for room in rooms:
        for path in files_of(room):
            found |= set(re.findall(pattern, path.read_text(encoding="utf-8")))
    return found


def test_every_address_is_documented() -> None:
    pages = in_code(r"register_page\(__name__,.*path(?:_template)?=\"([^\"]+)\"", "tds_dash") - {"/404"}
    route = r"@blueprint\.\w+\(\"([^\"]+)\""
    api = in_code(route, "tds_dash/api")
    plain = in_code(route, "tds_dash") - api - {"/vendor/<version>/<path:name>"}
    files = in_code(r"sheets\.serve\(blueprint, \"([^\"]+)\"", "tds_dash")
    written = set(re.findall(r"`(/[^`]*)`", read("docs/http.md")))
    assert pages | plain | files | {f"/api/v1{address}" for address in api} <= written


def test_every_check_of_the_doctor_is_documented_and_no_other() -> None:
    made = in_code(r"\bFinding\(\s*\"([a-z ]+)\"", "sql", "broker", "certs", "ingest", "tds_dash")
    made |= {"root", "intermediate", "broker cert", "ingester cert", "crl"}  # whose name is a variable: certs/checks.py
    table = read("docs/watching.md").partition("## The doctor")[2]
    rows = re.findall(r"^\| .+ \| (.*`.*) \|$", table, re.MULTILINE)
    assert set(re.findall(r"`([a-z ]+)`", " ".join(rows))) | {"engine"} == made


def test_every_metric_is_documented() -> None:
    metrics = in_code(r"(?:Counter|Gauge|Histogram)\(\s*\"(tds_[a-z_]+)\"", "ingest", "tds_dash")
    assert len(metrics) > 10
    written = {name.removesuffix("_total") for name in re.findall(r"`(tds_[a-z_]+)", read("docs/http.md"))}
    assert written == {name.removesuffix("_total") for name in metrics}


def test_the_set_up_is_two_commands() -> None:
    section = re.search(r"^## Set-up\n(.*?)^## ", read("README.md"), re.MULTILINE | re.DOTALL)
    assert section, "README.md has no section Set-up"
    lines = [
        line.partition("#")[0].strip()
        for block in re.findall(r"```\w*\n(.*?)```", section[1], re.DOTALL)
        for line in block.splitlines()
    ]
    assert [line for line in lines if line] == ["make demo", "make test"]


def test_both_commands_are_in_the_makefile() -> None:
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))
    assert {"demo", "test", "install"} <= targets


def test_the_measured_table_has_a_place() -> None:
    between = read("README.md").partition("<!-- measured:begin -->")[2].partition("<!-- measured:end -->")
    assert between[1], "README.md has no place for the measured numbers"


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_its_links_lead_somewhere(document: Path) -> None:
    for link in LINK.findall(re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)):
        if "://" in link or link.startswith("mailto:"):
            continue
        name, _, anchor = link.partition("#")
        target = (document.parent / name).resolve() if name else document
        assert target.exists(), f"{link} leads nowhere"
        if anchor:
            assert anchor in anchors(target), f"{link}: no such heading"


def anchors(document: Path) -> set[str]:
    """Give the anchors that a forge makes of a document's headings."""
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize(("guide", "language"), [("docs/manager/index.md", "en"), ("docs/pt-BR/index.md", "pt-BR")])
def test_every_page_stands_in_the_managers_guide_with_its_picture(guide: str, language: str) -> None:
    pages = in_code(r"register_page\(__name__,.*path(?:_template)?=\"([^\"]+)\"", "tds_dash") - {"/404"}
    pictured = re.findall(r"^`(/[^`]*)`\n\n!\[[^\]]+\]\(\.\./images/guide/(\w+)\.([\w-]+)\.webp\)$", read(guide), re.MULTILINE)
    assert {address for address, _, _ in pictured} == pages
    assert {spoken for _, _, spoken in pictured} == {language}
    assert {name for _, name, _ in pictured} | {"books"} == set(GUIDE)


def test_every_refusal_is_explained_to_gateway_makers() -> None:
    section = read("docs/gateway.md").partition("## What is refused")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == set(REASONS)


def test_the_gateway_of_the_guide_is_a_program() -> None:
    for program in re.findall(r"```python\n(.*?)```", read("docs/gateway.md"), re.DOTALL):
        compile(program, "gateway.py", "exec")


def test_every_decision_is_listed_by_its_name() -> None:
    listed = re.findall(r"^\| \[(\d{4})\]\((\1-[\w-]+\.md)\) \| (.+) \|$", read("docs/decisions/README.md"), re.MULTILINE)
    files = sorted(path.name for path in (ROOT / "docs" / "decisions").glob("0*.md"))
    assert [name for _, name, _ in listed] == files
    assert [f"# {number} {title}" for number, _, title in listed] == [
        read(f"docs/decisions/{name}").splitlines()[0] for name in files
    ]


@pytest.mark.parametrize("room", ["sql", "broker", "certs", "tests"])
def test_the_room_has_its_readme(room: str) -> None:
    assert len(read(f"{room}/README.md").splitlines()) > 20
