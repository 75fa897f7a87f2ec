-- What the running day and the running month hold so far, device by device, on TimescaleDB: without it a chart by month reads every day of
-- the running month and every hour of today, twice as many rows as all its closed months. Kept by the worker, after each refresh.

ALTER TABLE tds.rollup ADD COLUMN running_from timestamptz, ADD COLUMN running_until timestamptz;
COMMENT ON COLUMN tds.rollup.running_from IS 'The bucket of which tds.consumption_running holds a part; worth nothing unless it is the first that is not materialised.';
COMMENT ON COLUMN tds.rollup.running_until IS 'Until when tds.consumption_running holds that bucket: a day up to an hour, a month up to a day.';

CREATE TABLE tds.consumption_running (
    name          text NOT NULL REFERENCES tds.rollup (name) ON DELETE CASCADE,
    until         timestamptz NOT NULL,
    device_id     integer NOT NULL REFERENCES tds.device (id) ON DELETE CASCADE,
    bucket        timestamptz NOT NULL,
    quantity      numeric,
    estimated     numeric,
    covered       numeric,
    readings      numeric,
    largest       numeric,
    value_seconds numeric,
    minimum       numeric,
    maximum       numeric,
    PRIMARY KEY (name, until, device_id)
);
CREATE INDEX consumption_running_device ON tds.consumption_running (device_id);
COMMENT ON TABLE tds.consumption_running IS 'The part before `until` of each rollup''s running bucket; the part before the last one stays, for who is about to read it.';

CREATE VIEW web.consumption_running WITH (security_barrier) AS
    SELECT * FROM tds.consumption_running WHERE device_id = any (array(SELECT unnest(tds.current_devices())));
COMMENT ON VIEW web.consumption_running IS 'The part of the running day and month that is added up already, of this account; for the application''s own use.';
COMMENT ON COLUMN web.consumption_running.name IS 'Rollup that the part is of';
COMMENT ON COLUMN web.consumption_running.until IS 'Until when the part reaches';
COMMENT ON COLUMN web.consumption_running.device_id IS 'Device, as in web.device.id';
COMMENT ON COLUMN web.consumption_running.bucket IS 'Start of the running day or month';
COMMENT ON COLUMN web.consumption_running.quantity IS 'Consumption so far, in the device''s unit; null for gauges';
COMMENT ON COLUMN web.consumption_running.estimated IS 'The part of quantity that is not measured';
COMMENT ON COLUMN web.consumption_running.covered IS 'Measured microseconds so far';
COMMENT ON COLUMN web.consumption_running.readings IS 'Accepted readings so far';
COMMENT ON COLUMN web.consumption_running.largest IS 'Largest measured quarter-hour so far';
COMMENT ON COLUMN web.consumption_running.value_seconds IS 'Gauges: integral over the measured time so far';
COMMENT ON COLUMN web.consumption_running.minimum IS 'Gauges: smallest reading so far';
COMMENT ON COLUMN web.consumption_running.maximum IS 'Gauges: largest reading so far';
GRANT SELECT ON web.consumption_running TO :"web";
