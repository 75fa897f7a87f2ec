-- Bookkeeping of the rollups: which exist, how far they are materialised, what late writes left to refresh.

CREATE TABLE tds.rollup (
    name            text PRIMARY KEY,
    step            text NOT NULL CHECK (step IN ('hour', 'day', 'month')),
    zone            text REFERENCES tds.zone (name),
    refreshed_until timestamptz NOT NULL DEFAULT '-infinity'
);
COMMENT ON COLUMN tds.rollup.refreshed_until IS 'TimescaleDB: buckets before this instant are materialised; later ones are read live. Plain engine: infinity.';

CREATE TABLE tds.refresh_pending (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    low    timestamptz NOT NULL,
    high   timestamptz NOT NULL,
    forced boolean NOT NULL DEFAULT false
);
COMMENT ON COLUMN tds.refresh_pending.forced IS 'To be refreshed although no row was written there: the nightly check found the rollup wrong.';
COMMENT ON TABLE tds.refresh_pending IS 'Ranges of ledger middles that changed behind a rollup''s materialised part (TimescaleDB only); both ends included.';

GRANT SELECT ON tds.rollup TO :"web", :"ingest";
