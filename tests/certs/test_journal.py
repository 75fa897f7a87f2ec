"""The journal: whole lines or none, and no damage passed over."""

from __future__ import annotations

import os
from datetime import UTC, datetime

import pytest

from certs.issuing import issue_bundle
from certs.journal import Journal
from settings import Settings
from sql.errors import TdsError

MAC = "aa:bb:cc:00:00:01"


def test_a_line_cut_short_by_a_crash_is_dropped_and_the_next_stands(settings: Settings) -> None:
    issue_bundle(settings, MAC)
    journal = Journal(settings.pki_dir)
    with journal.path.open("ab") as file:
        file.write(b'{"event": "issued", "serial": "12')

    assert len(journal.records()) == 5
    issue_bundle(settings, MAC)
    assert len(journal.records()) == 6


@pytest.mark.parametrize(
    "line",
    [
        b"nonsense\n",
        b'{"event": "issued"}\n',
        b'{"event": "revoked", "serial": "0"}\n',
        b'{"event": "what"}\n',
        b"[]\n",
        b"\xff\n",
    ],
)
def test_damage_is_said_with_its_line_and_nothing_is_issued(settings: Settings, line: bytes) -> None:
    journal = Journal(settings.pki_dir)
    with journal.path.open("ab") as file:
        file.write(line)
    before = journal.path.read_bytes()

    with pytest.raises(TdsError, match="restore it from its backup"):
        issue_bundle(settings, MAC)
    assert journal.path.read_bytes() == before


def test_a_full_disk_leaves_whole_lines(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(settings.pki_dir)
    before = journal.path.read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TdsError, match="No space left on device"):
        issue_bundle(settings, MAC)
    assert journal.path.read_bytes() == before


def test_what_others_wrote_meanwhile_is_read_and_a_file_put_in_its_place_is_another(settings: Settings) -> None:
    journal = Journal(settings.pki_dir)
    before = journal.path.read_bytes()
    assert len(journal.records()) == 4
    bundle = issue_bundle(settings, MAC)
    Journal(settings.pki_dir).revoked(bundle.serial, datetime.now(UTC), "lost", "ana")

    assert journal.records() == Journal(settings.pki_dir).records()
    assert journal.records()[bundle.serial].reason == "lost"
    with journal.path.open("ab") as file:
        file.write(b'{"event": "issued"}\n')
    for _ in range(2):
        with pytest.raises(TdsError, match="damaged in line 7"):
            journal.records()

    (settings.pki_dir / "copy").write_bytes(before)
    (settings.pki_dir / "copy").rename(journal.path)
    assert len(journal.records()) == 4


def test_reasons_with_odd_characters_stay_on_one_line(settings: Settings) -> None:
    bundle = issue_bundle(settings, MAC)
    journal = Journal(settings.pki_dir)

    journal.revoked(bundle.serial, datetime.now(UTC), "perdida\u2028na água", "ana")

    assert journal.records()[bundle.serial].reason == "perdida\u2028na água"
    assert len(journal.path.read_bytes().splitlines()) == 6
