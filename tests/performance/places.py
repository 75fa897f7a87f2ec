"""Databases that are measured in: a fresh one, or one that is kept in a folder with what it was filled with, to be measured again."""

from __future__ import annotations

import json
import os
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import settings as settings_module
from sql.embedded import EmbeddedServer
from sql.engine import Store, open_store
from sql.migrate import migrate
from tests.databases import create_database, drop_database, owner_url

NAME = "database.name"


@contextmanager
def database(engine: str, keep: Path | None = None) -> Iterator[Store]:
    """Give the owner's store of a fresh database on an engine; with a folder to keep it in, of the one that was left there."""
    with ExitStack() as stack:
        folder = _folder(stack, keep)
        base = settings_module.load({"TDS_STATE_DIR": str(folder)})
        if engine == "plain":
            server = EmbeddedServer(base)
            server.join()
            stack.callback(server.leave)
            admin = server.superuser_url()
        else:
            admin = os.environ["TDS_TEST_DATABASE_URL"]
        noted = folder / NAME
        if noted.exists():
            name = noted.read_text(encoding="ascii")
            url = owner_url(admin, name, name)
        else:
            name = f"perf{uuid.uuid4().hex[:8]}"
            url = create_database(admin, name)
            noted.write_text(name, encoding="ascii")
        if keep is None:
            stack.callback(drop_database, admin, name)
        given = replace(base, database_url=url)
        migrate(given)
        store = open_store(given, "owner", pool_size=4)
        stack.callback(store.close)
        yield store


def _folder(stack: ExitStack, keep: Path | None) -> Path:
    """Give a folder that the database's own user may enter."""
    folder = keep.resolve() if keep else Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tds-performance-")))
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o755)
    return folder


def filled(keep: Path | None, name: str) -> dict[str, Any] | None:
    """Give what a kept database was filled with, None where it was not."""
    path = keep / f"{name}.json" if keep else None
    found: dict[str, Any] | None = json.loads(path.read_text(encoding="utf-8")) if path and path.exists() else None
    return found


def note(keep: Path | None, name: str, facts: dict[str, Any]) -> None:
    """Write down what a kept database was filled with."""
    if keep:
        (keep / f"{name}.json").write_text(json.dumps(facts) + "\n", encoding="utf-8")
