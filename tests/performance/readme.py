"""Measure what the README's table shows, and write it there: `python -m tests.performance.readme`.

Everything is measured in one run on one machine, in a state folder of its own that is removed afterwards: a demo is
started twice, visited, sent messages to; random meters are added up. Writes measured.json beside this file as well.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from settings import ROOT
from simulator.ports import next_free_port
from tests.performance.overview import measure
from tests.performance.refresh import measure_refreshes
from tests.performance.start import first_and_second
from tests.performance.sums import differences

README, RECORD = ROOT / "README.md", Path(__file__).with_name("measured.json")
BEGIN, END = "<!-- measured:begin -->", "<!-- measured:end -->"
GATEWAYS, DEVICES, RATE = 10, 8, 10


def main(arguments: list[str] | None = None) -> int:
    """Measure everything, write record and table, print the record."""
    parser = argparse.ArgumentParser(prog="python -m tests.performance.readme", description=__doc__)
    parser.add_argument("--months", type=int, default=13, help="months of the demo's history")
    parser.add_argument("--visits", type=int, default=50, help="visits to the overview")
    parser.add_argument("--seconds", type=int, default=60, help="seconds of publishing")
    parser.add_argument("--meters", type=int, default=60, help="random meters to add up")
    parser.add_argument("--dry-run", action="store_true", help="print only: change neither README.md nor measured.json")
    args = parser.parse_args(arguments)
    readme = README.read_text(encoding="utf-8")
    if not args.dry_run:
        with_table(readme, "")  # ends here, before anything is measured, where the README has no place for it
    record = measured(args)
    print(json.dumps(record, indent=2))
    if not args.dry_run:
        RECORD.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
        README.write_text(with_table(readme, table(record)), encoding="utf-8")
    return 0


def measured(args: argparse.Namespace) -> dict[str, Any]:
    """Measure, and say of what machine the numbers are."""
    load = os.getloadavg()[0]
    folder = Path(tempfile.mkdtemp(prefix="tds-measured-"))
    folder.chmod(0o755)
    environment = {
        "TDS_MQTT_PORT": str(next_free_port("127.0.0.1", 18_883)),
        "TDS_INGEST_PORT": str(next_free_port("127.0.0.1", 18_051)),
    }
    try:
        start, demo = first_and_second(folder, args.months, environment)
        try:
            address = demo.printed(r"address +(\S+)")
            overview = measure(address, *demo.login, args.visits)
            refresh = measure_refreshes(address, *demo.login)
            arrival = published(folder, environment, args.seconds)
        finally:
            demo.stop()
        sums = differences(args.meters, 70)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    machine = {"cores": os.cpu_count(), "python": platform.python_version(), "load_before": round(load, 1)}
    return {
        "date": datetime.now(UTC).date().isoformat(),
        **machine,
        "start": start,
        "overview": overview,
        "refresh": refresh,
        "arrival": arrival,
        "sums": sums,
    }


def published(folder: Path, environment: dict[str, str], seconds: int) -> dict[str, Any]:
    """Give what `tds simulate` measures at 10 messages a second against the running demo."""
    command = f"simulate --gateways {GATEWAYS} --devices {DEVICES} --rate {RATE} --duration {seconds} --json".split()
    done = subprocess.run(
        [sys.executable, "-m", "cli", *command],
        env={**os.environ, **environment, "TDS_STATE_DIR": str(folder / "a state"), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(f"tds simulate failed: {done.stderr.strip().splitlines()[-1]}")
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def table(record: dict[str, Any]) -> str:
    """Write the record as the README's table."""
    start, overview, arrival, sums = (record[name] for name in ("start", "overview", "arrival", "sums"))
    latency = arrival["latency_ms"]
    rows = [
        ("`make demo` until the pages answer, second start", f"{start['second_s']} s"),
        (f"the same from nothing, with {start['readings']:,} readings of {start['months']} months", f"{start['first_s']} s"),
        (
            f"overview on that data: time of the server for a visit ({overview['requests']} requests), p50 / p95",
            f"{overview['p50_ms']:.0f} / {overview['p95_ms']:.0f} ms",
        ),
        ("overview: requests to other hosts", str(overview["outside_requests"])),
        (
            f"open overview: from its refresh until what is new is on the page, longest of {record['refresh']['refreshes']}",
            f"{record['refresh']['longest_ms']:.0f} ms",
        ),
        (
            f"publish → row visible, {RATE} messages/s of {DEVICES} readings over mutual TLS, p50 / p99",
            f"{latency['p50']:.1f} / {latency['p99']:.1f} ms",
        ),
        (f"messages lost or doubled, of {arrival['published']:,}", f"{arrival['lost']} / {arrival['duplicated']}"),
        (
            f"sum of all local days against the register, {sums['meters']} random meters: largest difference",
            sums["days_difference"],
        ),
        ("sum of all local months against the register, the same meters: largest difference", sums["months_difference"]),
    ]
    lines = ["| | measured |", "|---|---|", *(f"| {what} | {value} |" for what, value in rows)]
    taken = f"Measured on {record['date']}: {record['cores']} cores, everything on one machine, Python {record['python']},"
    return "\n".join([*lines, "", f"{taken} load {record['load_before']} before. Again: `make performance`."])


def with_table(readme: str, written: str) -> str:
    """Put a table between the README's markers; raises SystemExit where it has none."""
    head, begin, rest = readme.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"{README} has no {BEGIN} and {END} for the table to stand between")
    return f"{head}{BEGIN}\n{written}\n{END}{tail}"


if __name__ == "__main__":
    sys.exit(main())
