"""What is no backup, or does not fit, is refused in one line, and whatever runs stays as it is."""

from __future__ import annotations

import json
import shutil
import stat
from argparse import Namespace
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

import recovery.taking
from certs.issuing import issue_bundles
from certs.setup import ensure_authority
from recovery import commands, manifest, restoring
from recovery.manifest import CERTIFICATES, MANIFEST
from settings import Settings, SettingsError
from sql import dump, health, programs
from sql.errors import TdsError
from tests.conftest import Database
from tests.databases import create_database, drop_database, new_name
from tests.faults.test_disk import Disk
from tests.ingest.cast import query, register

PASSPHRASE = "a passphrase of the tests"


class Installed:
    """A small installation, its backup, and empty databases to restore it into."""

    def __init__(self, database: Database, server: str, folder: Path) -> None:
        register(database)
        self.database, self.server, self.folder = database, server, folder
        self.settings = replace(database.settings, pki_passphrase=PASSPHRASE)
        self.settings.session_key()
        ensure_authority(self.settings)
        self.backup = folder / "backup"
        self.late: list[str] = []
        self.made: list[str] = []

    def take(self) -> None:
        """Back it up; a certificate is issued when the dump is done, and the authority's folder not copied yet."""
        whole = dump.dump

        def then_issue(settings: Settings, folder: Path) -> Any:
            found = whole(settings, folder)
            (bundle,) = issue_bundles(self.settings, ["02:00:00:00:00:05"])
            self.late.append(bundle.serial)
            return found

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(recovery.taking.dump, "dump", then_issue)
            recovery.taking.take(self.settings, self.backup, {"TDS_LOCALE": "en", "TDS_SECRET_KEY": "not to be seen"})
        self.database.close()

    def elsewhere(self, name: str = "") -> Settings:
        """Give the settings of a machine that has nothing but an empty database, and a state folder of its own."""
        self.made.append(name or new_name())
        url = create_database(self.server, self.made[-1])
        folder = self.folder / self.made[-1]
        return replace(self.settings, database_url=url, database_admin_url=self.server, state_dir=folder, pki_dir=folder / "pki")

    def copy(self, folder: Path) -> Path:
        """Give a copy of the backup, to be spoilt."""
        shutil.copytree(self.backup, folder)
        return folder


@pytest.fixture(scope="module")
def installed(shared_database: Database, embedded_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """Back up one installation for the whole module."""
    made = Installed(shared_database, embedded_server, tmp_path_factory.mktemp("installed"))
    made.take()
    yield made
    for name in made.made:
        drop_database(embedded_server, name)


def refused(settings: Settings, folder: Path, replace: bool = False) -> str:
    """Hold that a restore is refused, and give the line."""
    with pytest.raises((TdsError, SettingsError)) as caught:
        restoring.check(settings, folder, replace)
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_where_the_authority_cannot_be_put_the_database_stays_empty(installed: Installed, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    settings = replace(installed.elsewhere(), pki_dir=tmp_path / "file" / "pki")
    checked = restoring.check(settings, installed.backup, False)
    with pytest.raises(TdsError, match="cannot be"):
        restoring.restore(settings, checked)
    again = restoring.check(
        replace(settings, pki_dir=tmp_path / "pki"), installed.backup, False
    )  # which it is not where anything is
    assert again.target is not None


def spoil_manifest(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    found = json.loads((folder / MANIFEST).read_text())
    change(found)
    (folder / MANIFEST).write_text(json.dumps(found))


def test_a_backup_is_closed_to_others_and_holds_no_secret(installed: Installed) -> None:
    for path in [installed.backup, *installed.backup.rglob("*")]:
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path
    assert (installed.backup / "settings.env").read_text().splitlines()[1:] == ["TDS_LOCALE=en", "# TDS_SECRET_KEY=(secret)"]
    for path in installed.backup.rglob("*"):
        assert path.is_dir() or (PASSPHRASE.encode() not in path.read_bytes() and b"not to be seen" not in path.read_bytes())
    assert [path for path in installed.backup.parent.iterdir() if "partial" in path.name or "replaced" in path.name] == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda found: found.update(format=2), "of format 2, this program reads 1"),
        (lambda found: found["database"].update(schema="9999"), "schema is at version 9999, this program knows"),
        (lambda found: found["database"].update(server=990001), "no pg_dump of PostgreSQL 99|this server is 18"),
        (lambda found: found["database"].update(engine="timescaledb", timescaledb="2.1.0"), "TimescaleDB 2.1.0, this server"),
        (lambda found: found.update(files={"../../outside": {"bytes": 1, "sha256": ""}}), "outside of the backup"),
        (lambda found: found.pop("database"), "is damaged"),
        (lambda found: found.update(files=["database.dump"]), "is damaged"),
        (lambda found: found["files"].update({"database.dump": 7}), "is damaged"),
        (lambda found: found["files"].update({"a\0b": found["files"]["database.dump"]}), "is damaged"),
        (lambda found: found.update(certificates=4), "is damaged"),
        (lambda found: found["files"].pop("session-key"), "session-key is not of the backup, backup.json does not name it"),
        (lambda found: found["files"].update(certificates={"bytes": 1, "sha256": ""}), "certificates is damaged"),
    ],
    ids=[
        *("format", "newer schema", "newer server", "another engine", "outside", "no manifest of ours"),
        *("no list of files", "no facts of a file", "no name of a file", "no facts of the authority", "unnamed file", "a folder"),
    ],
)
def test_a_backup_of_another_version_is_refused(installed: Installed, tmp_path: Path, change: Any, said: str) -> None:
    folder = installed.copy(tmp_path / "copy")
    spoil_manifest(folder, change)
    line = refused(installed.settings, folder, replace=True)
    assert any(part in line for part in said.split("|")), line


def test_a_damaged_backup_is_refused(installed: Installed, tmp_path: Path) -> None:
    folder = installed.copy(tmp_path / "copy")
    whole = (folder / dump.DUMP).read_bytes()
    (folder / dump.DUMP).write_bytes(whole[:-100] + bytes(100))
    assert "database.dump is damaged" in refused(installed.settings, folder, replace=True)
    (folder / dump.DUMP).unlink()
    assert "database.dump is missing" in refused(installed.settings, folder, replace=True)
    (folder / MANIFEST).write_text("{")
    assert "backup.json is damaged" in refused(installed.settings, folder)
    (folder / MANIFEST).unlink()
    assert "there is no backup in" in refused(installed.settings, folder)


def test_a_wrong_passphrase_and_none_are_refused(installed: Installed) -> None:
    wrong = replace(installed.settings, pki_passphrase="another")
    assert "the passphrase in TDS_PKI_PASSPHRASE does not fit" in refused(wrong, installed.backup, replace=True)
    without = replace(installed.settings, pki_passphrase=None)
    assert "give its passphrase with TDS_PKI_PASSPHRASE_FILE" in refused(without, installed.backup, replace=True)


def test_an_installation_that_is_in_use_is_left_alone(installed: Installed, tmp_path: Path) -> None:
    with installed.database.owner.transaction() as connection:
        connection.execute(text("SELECT 1"))
        assert "connections to the database are open: stop" in refused(installed.settings, installed.backup)
    installed.database.close()
    assert "the database holds data" in refused(installed.settings, installed.backup)
    stranger = replace(installed.settings, pki_dir=tmp_path / "pki")
    ensure_authority(stranger)
    assert "holds another authority" in refused(stranger, installed.backup)
    assert query(installed.database, "SELECT count(*) FROM tds.gateway") == [(5,)]
    installed.database.close()


def test_a_backup_is_judged_while_the_system_runs(
    installed: Installed, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    args = Namespace(folder=installed.backup, replace=False, check=True)
    commands.restore(installed.settings, args)
    assert "is whole: " in (said := capsys.readouterr().out)
    assert "Here it could not be restored now: the database holds data" in said
    args.folder = installed.copy(tmp_path / "copy")
    (args.folder / dump.LOGINS).write_text("")
    with pytest.raises(TdsError, match=r"logins.json is damaged"):
        commands.restore(installed.settings, args)
    assert capsys.readouterr().out == ""
    installed.database.close()


def test_tools_that_are_too_old_or_absent_are_named(installed: Installed, tmp_path: Path) -> None:
    line = refused(replace(installed.settings, postgres_bin=tmp_path), installed.backup, replace=True)
    assert line == f"TDS_POSTGRES_BIN holds no pg_dump and pg_restore that run: {tmp_path}"
    for name in programs.NEEDED:
        (tmp_path / name).write_text("#!/bin/sh\necho 'pg_any (PostgreSQL) 12.3'\n")
        (tmp_path / name).chmod(0o755)
    line = refused(replace(installed.settings, postgres_bin=tmp_path), installed.backup, replace=True)
    assert line == "TDS_POSTGRES_BIN is of PostgreSQL 12, the server is 18: name a newer one"


def test_a_restore_that_was_cut_short_keeps_the_program_out_and_is_begun_anew(installed: Installed, tmp_path: Path) -> None:
    settings, spoilt = installed.elsewhere(), installed.copy(tmp_path / "copy")
    with (spoilt / dump.DUMP).open("r+b") as file:
        file.truncate((spoilt / dump.DUMP).stat().st_size // 2)
    spoil_manifest(spoilt, lambda found: found["files"].update({"database.dump": manifest.content(spoilt)["database.dump"]}))
    checked = restoring.check(settings, spoilt, replace=False)
    with pytest.raises(TdsError, match=r"the database was not restored: .*; run `tds restore` again"):
        restoring.restore(settings, checked)
    findings = {finding.check: finding for finding in health.health(settings)}
    assert "is being restored" in findings["schema"].detail

    told = restoring.restore(settings, restoring.check(settings, installed.backup, replace=False))
    assert told == []
    made = Database("plain", settings, *(dump.engine.open_store(settings, role) for role in ("owner", "ingest", "web")))  # type: ignore[arg-type]
    assert query(made, "SELECT count(*) FROM tds.gateway") == [(5,)]
    # Issued while the dump ran: the authority's copy has it, and the database was told.
    assert query(made, "SELECT common_name FROM tds.certificate WHERE serial = :serial", serial=installed.late[0]) != []
    assert settings.session_key() == installed.settings.session_key()
    with made.web.transaction() as connection:
        assert health.usable(connection) is None
    made.close()
    # The same again: the authority that is there is the same, and stays.
    assert "it stays as it is" in restoring.restore(settings, restoring.check(settings, installed.backup, replace=True))[0]


def test_another_authority_is_set_aside_when_that_is_said(installed: Installed, tmp_path: Path) -> None:
    only = tmp_path / "backup"
    recovery.taking.take(installed.settings, only, {}, database=False)
    stranger = replace(installed.settings, pki_dir=tmp_path / "pki")
    ensure_authority(stranger)
    theirs = (stranger.pki_dir / "root.crt").read_bytes()
    (told,) = restoring.restore(stranger, restoring.check(stranger, only, replace=True))
    (aside,) = stranger.pki_dir.glob("replaced-*")
    assert aside.name in told
    assert (aside / "root.crt").read_bytes() == theirs
    assert (stranger.pki_dir / "root.crt").read_bytes() == (only / CERTIFICATES / "root.crt").read_bytes()


def test_a_full_disk_leaves_the_old_backup_and_nothing_else(installed: Installed, tmp_path: Path) -> None:
    disk = Disk(tmp_path, "2m")
    try:
        old = shutil.copytree(installed.backup, tmp_path / "daily")
        disk.fill()
        (tmp_path / "ballast").open("r+b").truncate((tmp_path / "ballast").stat().st_size - 100_000)
        with pytest.raises(TdsError, match=r"(?i)no space left on device"):
            recovery.taking.take(installed.settings, old, {})
        disk.free()
        assert list(tmp_path.iterdir()) == [old]
        manifest.check(old, manifest.read(old))
    finally:
        disk.close()


def test_the_authority_alone_is_backed_up_with_care(installed: Installed, tmp_path: Path) -> None:
    def take(folder: Path, settings: Settings = installed.settings, **environment: str) -> None:
        recovery.taking.take(settings, folder, environment, database=False)

    real, link = tmp_path / "real", tmp_path / "latest"
    take(real, TDS_PKI_PASSFRASE=PASSPHRASE, TDS_PKI_PASSPHRASE_FILE="/etc/passphrase", TDS_LOCALE="en")
    written = (real / "settings.env").read_text().splitlines()[1:]
    assert written == ["TDS_LOCALE=en", "# TDS_PKI_PASSFRASE=(no setting)", "TDS_PKI_PASSPHRASE_FILE=/etc/passphrase"]
    link.symlink_to(real)
    before = (real / MANIFEST).read_text()
    take(link)
    assert link.is_symlink()
    assert (real / MANIFEST).read_text() != before
    # Of a machine without an authority, or a slip in TDS_STATE_DIR.
    with pytest.raises(TdsError, match=r"there is nothing to back up: no certificate authority is in"):
        take(real, replace(installed.settings, pki_dir=tmp_path / "nowhere"))
    manifest.check(real, manifest.read(real))
    # What a backup of another name left when it was killed is taken away; what is not a backup's is not.
    for name in (".monday.partial-0123abcd", ".mine.partial-0123abcd"):
        (tmp_path / name).mkdir()
    (tmp_path / ".monday.partial-0123abcd" / recovery.taking.LOCK).touch()
    take(real)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".mine.partial-0123abcd", "latest", "real"]
    (tmp_path / "disk").mkdir()
    disk = Disk(tmp_path / "disk", "64k")
    try:
        with pytest.raises(TdsError, match=r"is a disk of its own"):
            take(tmp_path / "disk")
        disk.fill()
        with pytest.raises(TdsError, match=r"the backup was not made: No space left on device"):
            take(tmp_path / "disk" / "daily")
    finally:
        disk.close()


def test_a_folder_with_something_else_is_left_alone(installed: Installed, tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("dear")
    for folder, said in (
        (tmp_path, "holds something else"),
        (tmp_path / "letter", "is no folder"),
        (tmp_path / "a" / "b", "no folder"),
    ):
        with pytest.raises(TdsError, match=said):
            recovery.taking.take(installed.settings, folder, {})
    assert [path.name for path in tmp_path.iterdir()] == ["letter"]
