"""People: sessions, second factors, links, operators, orders about whole accounts. The body is sql/schema/013_people.sql."""

from alembic import context, op

from sql.statements import script

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Run the file."""
    facts = context.config.attributes
    body = script("schema/013_people.sql", web=facts["web"], ingest=facts["ingest"])
    op.get_bind().exec_driver_sql(body.replace("%", "%%"))
