-- What all meters of an account that count one resource in one unit took together, quarter-hour by quarter-hour: so that their largest
-- are found without reading every meter's. From the ledger alone, by the worker.

CREATE TABLE tds.total_group (
    id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id integer NOT NULL REFERENCES tds.account (id) ON DELETE CASCADE,
    resource   text NOT NULL,
    unit       text NOT NULL,
    UNIQUE (account_id, resource, unit)
);
COMMENT ON TABLE tds.total_group IS 'Meters in use of an account that count one resource in one unit, where they are many.';

-- Without a reference to the device: one that was deleted is in the totals until they are made without it.
CREATE TABLE tds.total_member (
    device_id integer PRIMARY KEY,
    group_id  integer NOT NULL REFERENCES tds.total_group (id) ON DELETE CASCADE
);
CREATE INDEX total_member_group ON tds.total_member (group_id);
COMMENT ON TABLE tds.total_member IS 'Whose quarter-hours are added up in tds.total_quarter; whoever reads that sees by this whether it is what they ask for.';

CREATE TABLE tds.total_quarter (
    group_id          integer NOT NULL REFERENCES tds.total_group (id) ON DELETE CASCADE,
    middle            timestamptz NOT NULL,
    quantity          numeric NOT NULL,
    devices           integer NOT NULL,
    estimated         numeric NOT NULL,
    estimated_devices integer NOT NULL,
    PRIMARY KEY (group_id, middle)
);
COMMENT ON TABLE tds.total_quarter IS 'What a group''s members took together in a quarter-hour of the ledger, but for what waits in tds.total_pending.';
COMMENT ON COLUMN tds.total_quarter.quantity IS 'Of the devices whose quarter-hour is measured, in the group''s unit.';
COMMENT ON COLUMN tds.total_quarter.estimated IS 'Of the devices whose quarter-hour is estimated, in whole or in part.';

-- Without a reference to the group: a batch of the ledger must not wait for, or fail by, an account that is being deleted.
CREATE TABLE tds.total_pending (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    group_id integer NOT NULL,
    low      timestamptz NOT NULL,
    high     timestamptz NOT NULL
);
CREATE INDEX total_pending_group ON tds.total_pending (group_id);
COMMENT ON TABLE tds.total_pending IS 'Ledger middles from low on and before high that the worker has still to add up; until then they are read from the ledger.';

ALTER TABLE tds.total_group ENABLE ROW LEVEL SECURITY;
ALTER TABLE tds.total_member ENABLE ROW LEVEL SECURITY;
ALTER TABLE tds.total_quarter ENABLE ROW LEVEL SECURITY;
ALTER TABLE tds.total_pending ENABLE ROW LEVEL SECURITY;
CREATE POLICY web_total_group ON tds.total_group TO :"web" USING (account_id = tds.current_account());
CREATE POLICY web_total_member ON tds.total_member TO :"web" USING (group_id = any (array(SELECT id FROM tds.total_group)));
CREATE POLICY web_total_quarter ON tds.total_quarter TO :"web" USING (group_id = any (array(SELECT id FROM tds.total_group)));
CREATE POLICY web_total_pending ON tds.total_pending TO :"web" USING (group_id = any (array(SELECT id FROM tds.total_group)));
GRANT SELECT ON tds.total_group, tds.total_member, tds.total_quarter, tds.total_pending TO :"web";
