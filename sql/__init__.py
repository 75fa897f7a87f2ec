"""The store: schema, migrations, rollups, the ledger, named queries, engines, the embedded server."""
