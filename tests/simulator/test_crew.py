"""The demo's processes: watched, explained when they fail, stopped in the opposite order with all they started."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulator import crew as crews
from simulator.crew import Child, ChildEnded, Crew
from sql.errors import TdsError
from tests.faults.cell import wait_for
from tests.simulator.started import ended

OBEDIENT = "import signal, sys, time\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(0))\nprint('up')\ntime.sleep(60)\n"
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]).pid)
time.sleep(60)
"""


@pytest.fixture
def crew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Crew]:
    """A crew whose modules are the test's own."""
    monkeypatch.setattr(crews, "ROOT", tmp_path)
    for name, body in {
        "obedient": OBEDIENT,
        "stubborn": STUBBORN,
        "failing": "import sys\nprint('one')\nsys.exit('tds: the reason')\n",
        "silent": "",
    }.items():
        (tmp_path / f"{name}.py").write_text(body, encoding="utf-8")
    made = Crew(tmp_path / "logs with a space", os.environ)
    yield made
    made.stop()


def test_what_ends_too_early_is_named_with_its_last_words(crew: Crew) -> None:
    child = crew.start("web", "failing")
    with pytest.raises(ChildEnded) as raised:
        crew.wait_until(lambda: False, "pages", 20)
    assert str(raised.value) == "web ended with status 1: the reason"
    assert child.log.read_text(encoding="utf-8").splitlines()[0] == "one"


def test_what_should_end_may_end(crew: Crew) -> None:
    crew.finish(crew.start("ledger", "silent"))
    assert crew.children == []
    with pytest.raises(ChildEnded, match="ledger failed: the reason"):
        crew.finish(crew.start("ledger", "failing"))


def test_what_takes_too_long_is_said(crew: Crew) -> None:
    crew.start("web", "obedient")
    with pytest.raises(TdsError, match=r"^pages was not ready after 0 s: see .*logs with a space$"):
        crew.wait_until(lambda: False, "pages", 0)


def test_everything_is_stopped_in_the_opposite_order(crew: Crew, monkeypatch: pytest.MonkeyPatch) -> None:
    children = [crew.start(name, "obedient") for name in ("first", "second")]
    wait_for(lambda: all(child.log.read_text(encoding="utf-8") for child in children))
    stopped: list[str] = []
    sweep = Crew._sweep

    def note(self: Crew, child: Child) -> None:
        stopped.append(child.name)
        sweep(self, child)

    monkeypatch.setattr(Crew, "_sweep", note)
    crew.stop()
    assert stopped == ["second", "first"]
    assert [child.process.returncode for child in children] == [0, 0]


def test_what_does_not_obey_is_ended_with_all_it_started(crew: Crew, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crews, "STOP_SECONDS", 0.5)
    child = crew.start("stubborn", "stubborn")
    grandchild = int(wait_for(lambda: child.log.read_text(encoding="utf-8")))
    crew.stop()
    assert child.process.returncode == -signal.SIGKILL
    wait_for(lambda: ended(grandchild))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends children with their parent")
def test_children_end_when_we_are_killed(tmp_path: Path, crew: Crew) -> None:
    (tmp_path / "parent.py").write_text(
        "import os, sys, time\nfrom pathlib import Path\nsys.path.append(sys.argv[1])\nfrom simulator import crew\n"
        "crew.ROOT = Path(sys.argv[2])\nmade = crew.Crew(Path(sys.argv[2]) / 'more', os.environ)\n"
        "print(made.start('child', 'obedient').process.pid, flush=True)\ntime.sleep(60)\n",
        encoding="utf-8",
    )
    parent = crew.start("parent", "parent", os.getcwd(), str(tmp_path))
    child = int(wait_for(lambda: parent.log.read_text(encoding="utf-8")))
    wait_for(lambda: (tmp_path / "more" / "child.log").read_text(encoding="utf-8"))
    parent.process.kill()
    wait_for(lambda: ended(child))
