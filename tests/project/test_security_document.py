"""What docs/security.md leans on is there: every test that it names, every file of the product."""

from __future__ import annotations

import re

from tests.project.tree import ROOT

NAMED = re.compile(
    r"`(?:tests/)?((?:web|sql|browser|broker|certs|faults|project|ingest|post|recovery)/test_\w+\.py)(?:::(\w+))?…?`"
)
OURS = re.compile(r"`((?:tds_dash|sql|certs|broker)/[\w/]+\.(?:py|sql))(?:::\w+)?`")


def test_every_test_that_it_names_is_there() -> None:
    named = NAMED.findall((ROOT / "docs/security.md").read_text(encoding="utf-8"))
    assert len(named) > 50
    missing = []
    for file, test in named:
        path = ROOT / "tests" / file
        if not path.exists() or f"def {test}" not in path.read_text(encoding="utf-8"):
            missing.append((file, test))
    assert missing == []


def test_every_file_that_it_names_is_there() -> None:
    text = (ROOT / "docs/security.md").read_text(encoding="utf-8")
    assert [file for file in OURS.findall(text) if "/test_" not in file and not (ROOT / file).exists()] == []


def test_every_chapter_of_the_standard_is_answered() -> None:
    text = (ROOT / "docs/security.md").read_text(encoding="utf-8")
    assert [number for number in range(1, 18) if not re.search(rf"\bV{number}\b", text)] == []
