"""Trees that go to the browser as one attribute."""

from __future__ import annotations

import json

import pytest
from dash import dcc, html
from dash.development.base_component import Component

from tds_dash.still import node, still


def test_it_keeps_text_attributes_and_order() -> None:
    tree = html.Table(
        [html.Caption("<b>", className="c"), None, html.Tr(html.Td(["a", 1, html.Strong("b")], colSpan=2, title=None))]
    )
    assert node(tree) == [
        "table",
        {},
        ["caption", {"class": "c"}, "<b>"],
        ["tr", {}, ["td", {"colspan": "2"}, "a", "1", ["strong", {}, "b"]]],
    ]


def test_it_makes_links_within_the_site() -> None:
    assert node(dcc.Link("x", href="/device/1")) == ["a", {"href": "/device/1"}, "x"]


@pytest.mark.parametrize(
    "part",
    [
        dcc.Link("x", href="//evil.example"),
        dcc.Link("x", href="javascript:alert(1)"),
        html.A("x", href="https://evil.example"),
        html.Div(id="x"),
        html.Div(style={"color": "red"}),
        html.Button("x", n_clicks=0),
        dcc.Graph(),
        html.Iframe(src="/x"),
    ],
)
def test_it_refuses_what_is_not_still(part: Component) -> None:
    with pytest.raises(ValueError, match="is not still"):
        still(html.Div([part]))


def test_it_is_one_component() -> None:
    holder = still(html.P("é"))
    assert json.loads(getattr(holder, "data-still")) == ["p", {}, "é"]
    assert not getattr(holder, "children", None)
