"""The tokens: readable on both grounds, the same in Python and in CSS, and the only place of a colour or size."""

from __future__ import annotations

import re
from pathlib import Path

import plotly.graph_objects as go
import pytest

from tds_dash import theme
from tds_dash.theme import DARK, LIGHT, RESOURCE_SHADES, RESOURCES

ROOT = Path(__file__).resolve().parents[2]
CSS = (ROOT / "assets" / "theme.css").read_text(encoding="utf-8")
COLOUR = re.compile(r"#[0-9a-fA-F]{3,8}\b|\brgba?\(|\bhsla?\(|\boklch\(")
SIZE = re.compile(r"(?<![\w-])\d*\.?\d+(px|rem|pt)\b")


def luminance(colour: str) -> float:
    def linear(part: str) -> float:
        value = int(part, 16) / 255
        return float(value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4)

    red, green, blue = (linear(colour[index : index + 2]) for index in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(first: str, second: str) -> float:
    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("ground", ["#ffffff", "#151a21"])
def test_every_shade_can_be_seen_on_both_grounds(ground: str) -> None:
    for shades in [*RESOURCE_SHADES.values(), (theme.OTHERS_COLOUR,)]:
        for shade in shades:
            assert contrast(shade, ground) >= 3, (shade, ground)


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])
def test_text_can_be_read_on_every_ground(tokens: dict[str, str]) -> None:
    for text in ("text", "muted", "accent", "accent-strong", "online-text", "offline-text", "stale-text"):
        for ground in ("ground", "surface", "raised", "sunken"):
            assert contrast(tokens[text], tokens[ground]) >= 4.5, (text, ground)
    assert contrast(tokens["accent-strong"], tokens["accent-soft"]) >= 4.5
    assert contrast(tokens["text"], tokens["stale-soft"]) >= 4.5
    for fill in ("accent", "accent-strong"):
        assert contrast(tokens["on-accent"], tokens[fill]) >= 4.5


@pytest.mark.parametrize("tokens", [LIGHT, DARK], ids=["light", "dark"])
def test_marks_and_edges_of_controls_can_be_seen(tokens: dict[str, str]) -> None:
    for mark in ("online", "offline", "stale", "line-strong", "accent"):
        assert contrast(tokens[mark], tokens["surface"]) >= 3, mark


def test_resources_have_the_colours_of_the_look() -> None:
    assert [theme.resource_colour(resource) for resource in RESOURCES] == ["#b86e00", "#1c7ed6", "#8659d0", "#d6453d", "#6c7a89"]
    assert (LIGHT["online"], DARK["online"], LIGHT["offline"], DARK["offline"]) == ("#1e8e4e", "#41b873", "#d03a34", "#f0655e")
    assert (LIGHT["text"], DARK["text"], LIGHT["muted"], DARK["muted"]) == ("#1b2430", "#e6ebf1", "#5b6776", "#9aa7b5")
    assert theme.resource_colour("steam") == theme.resource_colour("other")


def test_shades_are_distinct_and_begin_with_the_resource() -> None:
    for resource in RESOURCES:
        shades = theme.device_shades(resource, 12)
        assert shades[0] == theme.resource_colour(resource)
        assert len(set(shades)) == 12
        assert theme.device_shades(resource, 14)[12:] == shades[:2]


def css_block(selector: str) -> dict[str, str]:
    body = CSS.split(selector + " {", 1)[1].split("}", 1)[0]
    return dict(re.findall(r"--tds-([\w-]+):\s*([^;]+);", body))


def test_css_and_python_agree() -> None:
    light, dark = css_block('[data-bs-theme="light"]'), css_block('[data-bs-theme="dark"]')
    assert {name: light[name] for name in LIGHT} == LIGHT
    assert {name: dark[name] for name in DARK} == DARK
    assert {name: css_block(":root:root")[name] for name in RESOURCES} == theme.RESOURCE_COLOURS


def test_no_colour_or_size_is_written_elsewhere() -> None:
    found = []
    for path in sorted((ROOT / "tds_dash").rglob("*")):
        if path.suffix in (".py", ".html") and path.name != "theme.py":
            text = path.read_text(encoding="utf-8")
            found += [f"{path.name}: {match.group()}" for match in [*COLOUR.finditer(text), *SIZE.finditer(text)]]
    for path in sorted((ROOT / "assets").glob("*.css")):
        if path.name != "theme.css":
            text = re.sub(r"/\*.*?\*/|@media[^{]*", "", path.read_text(encoding="utf-8"), flags=re.S)
            found += [f"{path.name}: {match.group()}" for match in [*COLOUR.finditer(text), *SIZE.finditer(text)]]
    assert found == []


def test_every_variable_used_is_defined() -> None:
    styles = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "assets").glob("*.css"))
    used = set(re.findall(r"var\((--tds-[\w-]+)", styles))
    defined = set(re.findall(r"(--tds-[\w-]+):", styles))
    assert used - defined == set()
    assert defined - used == set()


@pytest.mark.parametrize("locale", ["pt-BR", "en"])
def test_a_graph_has_one_button_and_sends_nothing_away(locale: str) -> None:
    config = theme.graph_config(locale)
    assert config["modeBarButtons"] == [["toImage"]]
    assert config["displaylogo"] is False
    assert config["showSendToCloud"] is False
    assert config["locale"] == locale
    assert theme.STILL["showSendToCloud"] is False


def test_the_template_has_no_ground_and_a_horizontal_grid_only() -> None:
    layout = go.layout.Template(theme.template("pt-BR")).layout
    assert layout.paper_bgcolor == layout.plot_bgcolor == "rgba(0,0,0,0)"
    assert (layout.xaxis.showgrid, layout.yaxis.showgrid) == (False, True)
    assert layout.separators == ",."
    assert theme.template("en")["layout"]["separators"] == ".,"
    assert layout.font.family.startswith("system-ui")


def test_no_rule_has_a_whole_page_styled_anew_by_each_change_of_a_chart() -> None:
    """What any element may make true or false, as being empty, is asked of as little as knows it: chromium styles anew all that a rule reaches."""
    styles = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "assets").glob("*.css"))
    selectors = [
        one.strip()
        for head in re.findall(r"([^{}]+)\{", re.sub(r"/\*.*?\*/", "", styles, flags=re.DOTALL))
        for one in head.split(",\n")
    ]
    wide = re.compile(r"(\.tds-(page|shell|stack)|:root|body|html):has\(.*:(empty|not\()")
    assert [one for one in selectors if wide.match(one)] == []
    assert wide.match(".tds-page:has(:is(#device-links, #gateway-links):empty) > .tds-page-head ~ *")
