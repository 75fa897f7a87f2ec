"""Layouts are skeletons; every id that a callback names exists; every graph keeps to one configuration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dash
import pytest
from dash import dcc
from flask import Flask
from flask.testing import FlaskClient

from tds_dash.shell import layout as shell_layout
from tests.web.dash import call, ids
from tests.web.world import World


def page_layouts(server: Flask, client: FlaskClient, world: World) -> Iterator[tuple[str, Any]]:
    """Build every page as the pages router does, for somebody signed in."""
    from flask_login import login_user

    from sql.queries.session import signed_in
    from tds_dash.identity import Person, store

    with server.test_request_context("/", base_url="http://localhost"):
        with store().transaction(user_id=1) as conn:
            row = signed_in(conn, 1, world.account)
        assert row is not None
        login_user(Person(row))
        yield "shell", shell_layout()
        for name, page in dash.page_registry.items():
            given = {"device_id": str(world.devices["D01"]), "gateway_id": str(world.gateways["main"])}
            arguments = {name: value for name, value in given.items() if f"<{name}>" in str(page["path_template"])}
            yield name, page["layout"](**arguments)


def test_every_id_of_a_callback_exists(server: Flask, admin: FlaskClient, world: World) -> None:
    known = set()
    for _, layout in page_layouts(server, admin, world):
        known |= set(ids(layout.to_plotly_json())) | {part.id for part in layout._traverse() if getattr(part, "id", None)}
    own = {"_pages_location", "_pages_content", "_pages_store", "_pages_dummy"}
    for dependency in admin.get("/_dash-dependencies").json:
        outputs = [name.rpartition(".")[0] for name in dependency["output"].strip(".").split("...")]
        named = {one["id"] for one in [*dependency["inputs"], *dependency["state"]]} | set(outputs)
        assert named <= known | own, named - known - own


def test_layouts_hold_nothing_of_an_account(server: Flask, admin: FlaskClient, world: World) -> None:
    for name, layout in page_layouts(server, admin, world):
        shown = str(layout.to_plotly_json()) + "".join(str(part) for part in layout._traverse())
        for word in ("Aurora", "Press line", "Lighting", "Main building", "admin@", "02:00:00"):
            assert word not in shown, (name, word)


def test_every_graph_keeps_to_the_one_configuration(server: Flask, admin: FlaskClient, world: World) -> None:
    found = 0
    for name, layout in page_layouts(server, admin, world):
        for part in layout._traverse():
            if isinstance(part, dcc.Graph):
                found += 1
                assert part.config["showSendToCloud"] is False, name
                assert part.config["displaylogo"] is False, name
    assert found >= 6


def test_every_graph_of_a_page_that_gives_files_leaves_as_a_picture_too(server: Flask, admin: FlaskClient, world: World) -> None:
    found = 0
    for name, layout in page_layouts(server, admin, world):
        parts = [layout, *layout._traverse()]
        if any(hasattr(part, "data-file") for part in parts):
            graphs = {part.id for part in parts if isinstance(part, dcc.Graph)}
            found += len(graphs)
            assert {getattr(part, "data-picture") for part in parts if hasattr(part, "data-picture")} == graphs, name
    assert found >= 9


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/consumption",
        "/peaks",
        "/costs",
        "/tariffs",
        "/bills",
        "/alarms",
        "/readings",
        "/gateways",
        "/devices",
        "/events",
        "/nowhere",
        "/404",
    ],
)
def test_no_query_breaks_a_page(admin: FlaskClient, path: str) -> None:
    for search in (
        "?utm=1",
        "?device_id=5&layout=x",
        "?period=&step=%00",
        "?from=2026-02-30&to=x",
        "?device=" + ",".join(map(str, range(9999))),
        "?a=1&a=2&resource=x",
    ):
        response = call(admin, "_pages_content.children", **{"_pages_location": None})
        response = router(admin, path, search)
        assert response.status_code == 200, (path, search, response.text)


def router(client: FlaskClient, path: str, search: str) -> Any:
    """Call the pages router as the browser does when the address changes."""
    from tests.web.dash import callbacks, post

    dependency = next(one for one in callbacks(client) if "_pages_content.children" in one["output"])
    return post(client, dependency, {"_pages_location.pathname": path, "_pages_location.search": search})


def test_the_gateway_of_the_path_is_not_the_one_of_the_query(admin: FlaskClient, world: World) -> None:
    response = router(admin, f"/gateway/{world.gateways['main']}", f"?gateway_id={world.strangers_gateway}")
    assert response.status_code == 200
    assert "gateway-delivery" not in response.text


def test_the_device_of_the_path_is_not_the_one_of_the_query(admin: FlaskClient, world: World) -> None:
    response = router(admin, f"/device/{world.devices['D01']}", f"?device_id={world.strangers_device}")
    assert response.status_code == 200
    assert "device-history" not in response.text
