-- What all meters of a group took together by local hour, day and month, beside the quarter-hours: so that a chart of a thousand meters reads
-- a row for a bar. From the rollups alone, by the worker; a bucket that waits, or that is not materialised, is read from the devices' own.

ALTER TABLE tds.total_group ADD COLUMN zone text;
COMMENT ON COLUMN tds.total_group.zone IS 'Whose days and months tds.total_bucket holds.';

CREATE TABLE tds.total_bucket (
    group_id  integer NOT NULL REFERENCES tds.total_group (id) ON DELETE CASCADE,
    step      text NOT NULL CHECK (step IN ('hour', 'day', 'month')),
    bucket    timestamptz NOT NULL,
    quantity  numeric,
    estimated numeric,
    covered   numeric NOT NULL,
    readings  numeric NOT NULL,
    devices   integer NOT NULL,
    rows      integer NOT NULL,
    PRIMARY KEY (group_id, step, bucket)
);
COMMENT ON TABLE tds.total_bucket IS 'What a group''s members took together in a bucket of a rollup, but for what tds.total_stale names.';
COMMENT ON COLUMN tds.total_bucket.devices IS 'Members that took anything there; covered is of those.';
COMMENT ON COLUMN tds.total_bucket.rows IS 'Members of which the rollup has a row.';

-- Without a reference to the group, as tds.total_pending.
CREATE TABLE tds.total_stale (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    group_id integer NOT NULL,
    step     text NOT NULL,
    low      timestamptz NOT NULL,
    high     timestamptz NOT NULL,
    held     boolean NOT NULL DEFAULT false
);
CREATE INDEX total_stale_group ON tds.total_stale (group_id);
COMMENT ON TABLE tds.total_stale IS 'Buckets that begin from low on and before high and are not, or no longer, what the rollup says; held: the rollup is about to change.';

ALTER TABLE tds.total_bucket ENABLE ROW LEVEL SECURITY;
ALTER TABLE tds.total_stale ENABLE ROW LEVEL SECURITY;
CREATE POLICY web_total_bucket ON tds.total_bucket TO :"web" USING (group_id = any (array(SELECT id FROM tds.total_group)));
CREATE POLICY web_total_stale ON tds.total_stale TO :"web" USING (group_id = any (array(SELECT id FROM tds.total_group)));
GRANT SELECT ON tds.total_bucket, tds.total_stale TO :"web";

-- Quarter-hours tell what a chart shows of them too; what was added up without that is added up anew.
ALTER TABLE tds.total_quarter ADD COLUMN part numeric NOT NULL DEFAULT 0, ADD COLUMN covered numeric NOT NULL DEFAULT 0,
    ADD COLUMN readings bigint NOT NULL DEFAULT 0, ADD COLUMN rows integer NOT NULL DEFAULT 0;
COMMENT ON COLUMN tds.total_quarter.part IS 'The part of all that is not measured.';
COMMENT ON COLUMN tds.total_quarter.covered IS 'Measured microseconds of the devices that took anything.';
COMMENT ON COLUMN tds.total_quarter.rows IS 'Members of which the ledger has a row.';
TRUNCATE tds.total_quarter;
INSERT INTO tds.total_pending (group_id, low, high)
SELECT m.group_id, date_bin('15 minutes', min(s.first_time), 'epoch'), date_bin('15 minutes', max(s.last_time), 'epoch') + interval '15 minutes'
  FROM tds.total_member m JOIN tds.ledger_state s ON s.device_id = m.device_id WHERE s.first_time IS NOT NULL GROUP BY 1;
