"""Speaking to Dash's callbacks as the browser does, and as somebody who forges what the browser sends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

URL = "/_dash-update-component"


def callbacks(client: FlaskClient) -> list[dict[str, Any]]:
    """List the callbacks that the server answers, as the browser is told them."""
    return [one for one in client.get("/_dash-dependencies").json if not one["clientside_function"]]


def post(client: FlaskClient, dependency: Mapping[str, Any], values: Mapping[str, Any]) -> TestResponse:
    """Call a callback; `values` are by `id.property`, what is not named is null."""
    outputs = [target(name) for name in dependency["output"].strip(".").split("...")]
    return client.post(
        URL,
        json={
            "output": dependency["output"],
            "outputs": outputs if dependency["output"].startswith("..") else outputs[0],
            "inputs": [filled(one, values) for one in dependency["inputs"]],
            "state": [filled(one, values) for one in dependency["state"]],
            "changedPropIds": [],
        },
    )


def call(client: FlaskClient, output: str, **values: Any) -> TestResponse:
    """Call the callback that fills an output, such as `consumption-chart.figure`; values are by id, with _ for -."""
    named = {name.replace("_", "-"): value for name, value in values.items()}
    for dependency in callbacks(client):
        if output in dependency["output"].strip(".").split("..."):
            given = {
                f"{one['id']}.{one['property']}": named.get(one["id"]) for one in [*dependency["inputs"], *dependency["state"]]
            }
            return post(client, dependency, given)
    raise AssertionError(f"no callback fills {output}")


def answer(response: TestResponse) -> dict[str, Any]:
    """Give what a callback filled, by id and property."""
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json["response"]
    return found


def target(name: str) -> dict[str, str]:
    """Split `id.property`."""
    component, _, prop = name.rpartition(".")
    return {"id": component, "property": prop}


def filled(one: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Give an input with its value."""
    return {**one, "value": values.get(f"{one['id']}.{one['property']}")}


def ids(layout: Any) -> Iterator[str]:
    """Give every id of a layout as the browser gets it."""
    if isinstance(layout, list):
        for part in layout:
            yield from ids(part)
    elif isinstance(layout, dict):
        props = layout.get("props", layout)
        if isinstance(props.get("id"), str):
            yield props["id"]
        for value in props.values():
            yield from ids(value)
