"""A CSV in, a ZIP out: all of it or nothing, and a run cut short goes on."""

from __future__ import annotations

import time
import zipfile
from pathlib import Path

import pytest
from cryptography import x509

from certs import batch as batch_module
from certs.authority import common_name
from certs.batch import issue_batch, read_macs
from certs.journal import Journal
from settings import Settings
from sql.errors import Refused


def macs(count: int) -> list[str]:
    return [
        f"aa:bb:{number >> 24 & 255:02x}:{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"
        for number in range(count)
    ]


def noted(settings: Settings) -> list[str]:
    return [record.common_name for record in Journal(settings.pki_dir).records().values() if record.purpose == "gateway"]


def write(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_it_reads_the_column_whatever_stands_beside_it(tmp_path: Path) -> None:
    path = write(tmp_path / "list.csv", "\ufeffname,gateway_mac,note", 'hall,AA-BB-CC-00-00-01,"a, b"', "yard,aa:bb:cc:00:00:02,")

    assert read_macs(path) == ["aa:bb:cc:00:00:01", "aa:bb:cc:00:00:02"]


def test_lines_of_separators_alone_are_none(tmp_path: Path) -> None:
    path = write(tmp_path / "list.csv", "gateway_mac;name", "aa:bb:cc:00:00:01;hall", ";", " ; ; ", "", "aa:bb:cc:00:00:02;yard")
    assert read_macs(path) == ["aa:bb:cc:00:00:01", "aa:bb:cc:00:00:02"]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["gateway_mac", "aa:bb:cc:00:00:01", "zz"], "line 3: 'zz' is not a MAC"),
        (["gateway_mac", "aa:bb:cc:00:00:01", "AA-BB-CC-00-00-01"], "line 3: aa:bb:cc:00:00:01 stands in line 2 already"),
        (["mac", "aa:bb:cc:00:00:01"], "has no column gateway_mac"),
        (["gateway_mac"], "names no gateway"),
        (["gateway_mac,x", ",1"], "line 2"),
        (["gateway_mac", *["zz"] * 9], "and 4 more"),
    ],
)
def test_a_list_with_a_fault_is_refused_whole_in_one_line(tmp_path: Path, lines: list[str], words: str) -> None:
    with pytest.raises(Refused, match=words) as caught:
        read_macs(write(tmp_path / "list.csv", *lines))
    assert "\n" not in str(caught.value)


def test_a_list_that_is_not_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_bytes(b"\xff\xfe\x00")

    for path in (tmp_path / "list.csv", tmp_path / "none.csv"):
        with pytest.raises(Refused, match="cannot be read as CSV"):
            read_macs(path)


def test_each_gateway_has_a_folder_of_its_own(settings: Settings, tmp_path: Path) -> None:
    out, steps = tmp_path / "all.zip", list[tuple[int, int]]()

    assert issue_batch(settings, macs(3), out, progress=lambda done, total: steps.append((done, total))) == 3

    with zipfile.ZipFile(out) as archive:
        assert len(archive.namelist()) == 12
        for mac in macs(3):
            folder = mac.replace(":", "-")
            assert common_name(x509.load_pem_x509_certificates(archive.read(f"{folder}/gateway.crt"))[0]) == mac
            assert archive.getinfo(f"{folder}/gateway.key").external_attr >> 16 == 0o600
    assert steps == [(3, 3)]
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["all.zip"]
    assert not (tmp_path / "all.zip.part").exists()


@pytest.mark.parametrize("stop", ["before noting", "after noting", "while packing"])
def test_a_run_cut_short_goes_on_and_issues_nothing_twice(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: str
) -> None:
    monkeypatch.setattr(batch_module, "CHUNK", 4)
    out, calls = tmp_path / "all.zip", 0
    note = Journal.issued

    def interrupted(self: Journal, records: object) -> None:
        nonlocal calls
        calls += 1
        if stop == "before noting" and calls == 2:
            raise KeyboardInterrupt
        note(self, records)  # type: ignore[arg-type]
        if stop == "after noting" and calls == 2:
            raise KeyboardInterrupt

    def no_pack(*given: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Journal, "issued", interrupted)
        if stop == "while packing":
            patch.setattr(batch_module, "_pack", no_pack)
        with pytest.raises(KeyboardInterrupt):
            issue_batch(settings, macs(10), out)
    assert not out.exists()
    made = issue_batch(settings, macs(10), out)

    assert made == {"before noting": 6, "after noting": 2, "while packing": 0}[stop]
    assert sorted(noted(settings)) == sorted(macs(10))
    with zipfile.ZipFile(out) as archive:
        assert len(archive.namelist()) == 40


def test_a_target_that_is_there_is_not_written_over(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "all.zip").write_bytes(b"x")

    with pytest.raises(Refused, match="exists already"):
        issue_batch(settings, macs(1), tmp_path / "all.zip")
    assert noted(settings) == []


@pytest.mark.long
def test_ten_thousand_gateways_take_minutes_not_hours(settings: Settings, tmp_path: Path) -> None:
    began = time.monotonic()

    assert issue_batch(settings, macs(10_000), tmp_path / "all.zip") == 10_000
    assert time.monotonic() - began < 300
