"""First schema: fleet, readings, ledger, engine, access. The bodies are the files of sql/schema."""

from alembic import context, op

from sql.statements import script

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Run the files in order; the engine decides which of the two third files."""
    facts = context.config.attributes
    for path in ("001_fleet.sql", "002_readings.sql", f"003_{facts['engine']}.sql", "004_access.sql", "005_rollups.sql"):
        op.get_bind().exec_driver_sql(script(f"schema/{path}", web=facts["web"], ingest=facts["ingest"]).replace("%", "%%"))
