"""Large still parts of a page, such as tables, as one component each.

Dash 4.4's renderer tells every component of the page about every component that a callback brings: a table of 2,000
cells takes it some 10 s. What needs no callbacks goes to the browser as one attribute, and assets/still.js makes it.
"""

from __future__ import annotations

from typing import Any

import orjson
from dash import dcc, html
from dash.development.base_component import Component

NAMES = {"className": "class", "htmlFor": "for", "tabIndex": "tabindex", "colSpan": "colspan", "dateTime": "datetime"}
PLAIN = frozenset({"class", "for", "tabindex", "colspan", "datetime", "title", "scope", "role", "lang", "hidden", "open"})

Node = str | list[Any]


def still(tree: Component) -> html.Div:
    """Give a tree of html components and links as one component that shows the same."""
    content: dict[str, Any] = {"data-still": orjson.dumps(node(tree)).decode()}
    return html.Div(**content)


def node(part: Any) -> Node:
    """Give a part as text or as [tag, attributes, parts…]; ValueError for what a browser could not be trusted with."""
    if not isinstance(part, Component):
        return "" if part is None else str(part)
    tag = "a" if isinstance(part, dcc.Link) else type(part).__name__.lower()
    if tag != "a" and part._namespace != "dash_html_components":
        raise ValueError(f"{type(part).__name__} is not still")
    # What was given; to_plotly_json() asks for every property that there could be, which takes most of the time.
    properties = {name: value for name, value in vars(part).items() if not name.startswith(("_", "available_"))}
    children = properties.pop("children", None)
    parts = children if isinstance(children, list | tuple) else [] if children is None else [children]
    return [tag, attributes(tag, properties), *(node(child) for child in parts if child is not None)]


def attributes(tag: str, properties: dict[str, Any]) -> dict[str, str]:
    """Give the attributes that carry no behaviour; links lead within this site only."""
    found = {}
    for name, value in properties.items():
        name = NAMES.get(name, name)
        link = tag == "a" and name == "href" and str(value).startswith("/") and not str(value).startswith("//")
        if not (link or name in PLAIN or name.startswith(("aria-", "data-"))):
            raise ValueError(f"{tag} {name} is not still")
        if value is not None and value is not False:
            found[name] = "" if value is True else str(value)
    return found
