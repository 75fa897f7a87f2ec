"""First boot in the pages: looking at a waiting gateway, taking it, refusing it. The body is sql/schema/012_claims.sql."""

from alembic import context, op

from sql.statements import script

revision = "0008"
down_revision = "0005"


def upgrade() -> None:
    """Run the file."""
    facts = context.config.attributes
    body = script("schema/012_claims.sql", web=facts["web"], ingest=facts["ingest"])
    op.get_bind().exec_driver_sql(body.replace("%", "%%"))
