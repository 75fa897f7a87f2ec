-- Silence and delivery: what a gateway and a meter should have sent, and did.

-- How long is too long. An account says it for all that is its own; a device may differ from it in how long it may stand still.
ALTER TABLE tds.account
    ADD COLUMN silent_intervals smallint NOT NULL DEFAULT 3 CHECK (silent_intervals BETWEEN 1 AND 100),
    ADD COLUMN stuck_hours      smallint NOT NULL DEFAULT 24 CHECK (stuck_hours BETWEEN 1 AND 8784);
COMMENT ON COLUMN tds.account.silent_intervals IS 'A gateway is offline, and a device silent, after so many of its own reporting intervals.';
COMMENT ON COLUMN tds.account.stuck_hours IS 'A device is stuck that has shown one value for so long, while a counter of its gateway moved.';
ALTER TABLE tds.device ADD COLUMN stuck_hours smallint CHECK (stuck_hours BETWEEN 0 AND 8784);
COMMENT ON COLUMN tds.device.stuck_hours IS 'How long this device may stand still; null: as its account says; 0: as long as it likes.';

-- Kept by whoever stores readings, so that nobody has to look for it among them.
ALTER TABLE tds.device_seen ADD COLUMN moved_at timestamptz NOT NULL DEFAULT now();
UPDATE tds.device_seen SET moved_at = time;
COMMENT ON COLUMN tds.device_seen.moved_at IS 'The first reading known to show the value that the device still shows, by its own time; never earlier than that, later where readings came out of order.';

-- The one definition of how a gateway does. Its interval is the shortest of its active devices.
CREATE FUNCTION tds.gateway_state(at timestamptz)
RETURNS TABLE (gateway_id integer, devices integer, interval_seconds integer, silence interval, last_seen_at timestamptz,
               counter_moved_at timestamptz, state text)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT g.id, coalesce(d.devices, 0)::integer, t.seconds, t.silence, s.last_seen_at, d.counter_moved_at,
           CASE WHEN s.last_seen_at IS NULL THEN 'never'
                WHEN s.online AND s.last_seen_at > at - t.silence THEN 'online'
                ELSE 'offline' END
      FROM tds.gateway g
      JOIN tds.account a ON a.id = g.account_id
      LEFT JOIN tds.gateway_seen s ON s.gateway_id = g.id
      LEFT JOIN (SELECT d.gateway_id, count(*) AS devices, min(d.interval_seconds) AS shortest,
                        max(n.moved_at) FILTER (WHERE d.kind = 'counter') AS counter_moved_at
                   FROM tds.device d LEFT JOIN tds.device_seen n ON n.device_id = d.id
                  WHERE d.active AND d.retired_at IS NULL GROUP BY d.gateway_id) d ON d.gateway_id = g.id
     CROSS JOIN LATERAL (SELECT coalesce(d.shortest, 900) AS seconds,
                                a.silent_intervals * coalesce(d.shortest, 900) * interval '1 second' AS silence) t
     WHERE g.retired_at IS NULL
$$;
COMMENT ON FUNCTION tds.gateway_state IS 'Gateways in use that the caller may see: online; offline, by silence or by last will; never heard.';

-- The one definition of how a device does. What counts is when a reading was taken: what its gateway had kept does not make a meter
-- alive now. Stuck is judged by the device's own readings, so that an outage is no stillness; the counter that moved within those
-- hours is another one by itself, as the device's own last movement lies before them.
CREATE FUNCTION tds.device_state(at timestamptz)
RETURNS TABLE (device_id integer, gateway_id integer, gateway_state text, state text, since timestamptz, due_at timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT d.id, d.gateway_id, g.state, x.state,
           CASE x.state WHEN 'offline' THEN coalesce(g.last_seen_at, s.time) WHEN 'stuck' THEN s.moved_at
                        WHEN 'reporting' THEN NULL ELSE s.time END,
           coalesce(s.time, d.created_at) + t.silence
      FROM tds.device d
      JOIN tds.account a ON a.id = d.account_id
      LEFT JOIN tds.gateway_state(at) g ON g.gateway_id = d.gateway_id
      LEFT JOIN tds.device_seen s ON s.device_id = d.id
     CROSS JOIN LATERAL (SELECT a.silent_intervals * d.interval_seconds * interval '1 second' AS silence,
                                nullif(coalesce(d.stuck_hours, a.stuck_hours), 0) * interval '1 hour' AS allowed) t
     CROSS JOIN LATERAL (SELECT CASE WHEN t.allowed IS NOT NULL THEN greatest(t.allowed, t.silence) END AS stillness) u
     CROSS JOIN LATERAL (SELECT CASE WHEN g.gateway_id IS NULL THEN 'retired'
                                     WHEN NOT d.active THEN 'inactive'
                                     WHEN s.time IS NULL THEN 'never'
                                     WHEN g.state <> 'online' THEN 'offline'
                                     WHEN least(s.time, s.received_at) <= at - t.silence
                                          THEN CASE WHEN s.received_at > at - t.silence THEN 'late' ELSE 'silent' END
                                     WHEN s.time - s.moved_at >= u.stillness AND g.counter_moved_at > s.time - u.stillness THEN 'stuck'
                                     ELSE 'reporting' END AS state) x
     WHERE d.retired_at IS NULL
$$;
COMMENT ON FUNCTION tds.device_state IS 'Devices in use that the caller may see: reporting; stuck; late, where what arrives was taken long ago; silent; offline with its gateway; never heard; inactive; retired with its gateway. since: since when; due_at: when a reading is due at the latest.';

CREATE TABLE tds.delivery (
    gateway_id integer NOT NULL REFERENCES tds.gateway (id) ON DELETE CASCADE,
    slot       timestamptz NOT NULL,
    late       integer NOT NULL,
    duplicated integer NOT NULL,
    longest    interval NOT NULL,
    PRIMARY KEY (gateway_id, slot)
);
COMMENT ON TABLE tds.delivery IS 'What came late or twice, by gateway and quarter-hour of the readings; where nothing did there is no row. Written with the readings, kept for 35 days.';
COMMENT ON COLUMN tds.delivery.late IS 'Readings that arrived when their device had been silent already: later than its account''s number of intervals after they were taken.';
COMMENT ON COLUMN tds.delivery.duplicated IS 'Readings that were stored already, with the same value.';
COMMENT ON COLUMN tds.delivery.longest IS 'The longest way of a late reading: from being taken to being stored.';
CREATE INDEX delivery_slot ON tds.delivery (slot);

ALTER TABLE tds.delivery ENABLE ROW LEVEL SECURITY;
CREATE POLICY web_delivery ON tds.delivery TO :"web" USING (gateway_id IN (SELECT id FROM tds.gateway));
CREATE POLICY ingest_all ON tds.delivery TO :"ingest" USING (true);
GRANT SELECT ON tds.delivery TO :"web";
GRANT SELECT, INSERT, UPDATE ON tds.delivery TO :"ingest";
