from alembic.script import ScriptDirectory
from sqlalchemy import text

from sql.migrate import MIGRATIONS, migrate, newest_version
from tests.conftest import Database


def test_it_can_be_run_twice(database: Database) -> None:
    assert migrate(database.settings) == newest_version()
    with database.owner.transaction() as connection:
        assert connection.execute(text("SELECT value FROM tds.meta WHERE key = 'engine'")).scalar() == database.engine


def test_the_newest_version_is_the_head_of_one_line() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [newest_version()]
