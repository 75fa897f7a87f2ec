"""SQL kept in files: whole scripts, and statements found by the `-- name:` line above each."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from sqlalchemy import TextClause, text

HERE = Path(__file__).resolve().parent
_NAME = re.compile(r"^-- name: (\w+)[^\n]*\n", re.MULTILINE)
_VARIABLE = re.compile(r":'(\w+)'|:\"(\w+)\"")


def script(path: str, **values: str) -> str:
    """Give a whole file with psql's :'literal' and :"identifier" variables filled in."""

    def fill(match: re.Match[str]) -> str:
        literal, identifier = match.groups()
        return quote_literal(values[literal]) if literal else quote_identifier(values[identifier])

    return _VARIABLE.sub(fill, (HERE / path).read_text(encoding="utf-8"))


@cache
def statements(path: str) -> Mapping[str, TextClause]:
    """Give the named statements of a file, ready for `connection.execute` with `:named` binds."""
    return {name: text(body) for name, body in raw_statements(path).items()}


@cache
def raw_statements(path: str) -> Mapping[str, str]:
    """Give the named statements of a file as text."""
    parts = _NAME.split((HERE / path).read_text(encoding="utf-8"))
    return {name: body.strip().rstrip(";") for name, body in zip(parts[1::2], parts[2::2], strict=True)}


def quote_literal(value: str) -> str:
    """Quote a value for SQL text; for names and zones in definitions, where no bind is possible."""
    if "\\" in value or "\0" in value:
        raise ValueError("a backslash or a zero byte has no place in a definition")
    return "'" + value.replace("'", "''") + "'"


def quote_identifier(name: str) -> str:
    """Quote an identifier for SQL text."""
    return '"' + name.replace('"', '""') + '"'
