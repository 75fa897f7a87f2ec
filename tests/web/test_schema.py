"""The OpenAPI document, held to the server by a client that is generated from it: every answer as described, none a fault."""

from __future__ import annotations

import re

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import content_type_conformance, response_schema_conformance, status_code_conformance

from tests.web.test_tokens import bearing, made
from tests.web.world import World

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
FEW, MANY = 6, 150


@pytest.fixture(scope="module")
def token(server: Flask, world: World) -> str:
    """Give a token; `server` has nearly no limit."""
    return made(world)[0]


def walk(server: Flask, token: str, examples: int) -> set[str]:
    """Ask every address with made-up parameters; gives the addresses."""
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", server, headers=bearing(token))
    chosen = settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=examples == FEW,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    known = set()
    for found in schema.get_all_operations():
        operation = found.ok()
        known.add(operation.path)

        def ask(case: schemathesis.Case) -> None:
            case.validate_response(case.call(headers=bearing(token)), checks=CHECKS)

        chosen(given(case=operation.as_strategy())(ask))()
    return known


def test_a_generated_client_works_against_the_document(server: Flask, token: str) -> None:
    known = walk(server, token, FEW)
    rules = {rule.rule.removeprefix("/api/v1") for rule in server.url_map.iter_rules() if rule.rule.startswith("/api/v1")}
    # The client leaves out the address that it has the document from.
    assert known | {"/openapi.json"} == {re.sub("<[a-z]+_id>", "{id}", rule).replace("<month>", "{month}") for rule in rules}


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_nothing_that_a_client_makes_up_breaks_it(server: Flask, token: str) -> None:
    walk(server, token, MANY)
