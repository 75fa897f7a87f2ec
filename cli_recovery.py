"""The part of the command line that is about keeping everything, and getting it back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from arguments import Add


def recovery(commands: Any, add: Add) -> None:
    """Add backup and restore."""
    backup = add(commands, "backup", "recovery.commands:backup", "back up database, certificates and settings while all runs")
    backup.add_argument("folder", type=Path, metavar="DIR", help="a new folder, or the backup to be replaced by this one")
    backup.add_argument("--without-database", action="store_true", help="where the database is kept another way")
    restore = add(commands, "restore", "recovery.commands:restore", "restore a backup into an empty installation")
    restore.add_argument("folder", type=Path, metavar="DIR")
    restore.add_argument("--replace", action="store_true", help="drop what the database holds; set another authority aside")
    restore.add_argument("--check", action="store_true", help="only say whether it is whole, and could be restored here")
