-- Who sees what. The web login and the logins of other tools read through the views of schema `web`,
-- which show one account: the one the transaction acts for, or the one a db-user login belongs to.

CREATE FUNCTION tds.current_account() RETURNS integer LANGUAGE sql STABLE SECURITY DEFINER SET search_path = tds, pg_temp AS $$
    SELECT CASE WHEN EXISTS (SELECT FROM tds.db_login WHERE login = session_user)
                THEN (SELECT account_id FROM tds.db_login WHERE login = session_user)
                ELSE nullif(current_setting('tds.account_id', true), '')::integer END
$$;
COMMENT ON FUNCTION tds.current_account IS 'The account this transaction acts for; a db-user login is bound to its own whatever it sets. Null shows nothing.';

CREATE FUNCTION tds.current_user_id() RETURNS integer LANGUAGE sql STABLE SECURITY DEFINER SET search_path = tds, pg_temp AS $$
    SELECT CASE WHEN EXISTS (SELECT FROM tds.db_login WHERE login = session_user) THEN NULL
                ELSE nullif(current_setting('tds.user_id', true), '')::integer END
$$;

CREATE FUNCTION tds.current_devices() RETURNS integer[] LANGUAGE sql STABLE SECURITY DEFINER SET search_path = tds, pg_temp AS $$
    SELECT coalesce(array_agg(id), '{}') FROM tds.device WHERE account_id = tds.current_account()
$$;

ALTER TABLE tds.account ENABLE ROW LEVEL SECURITY;
ALTER TABLE tds.app_user ENABLE ROW LEVEL SECURITY;
ALTER TABLE tds.membership ENABLE ROW LEVEL SECURITY;
ALTER TABLE tds.gateway ENABLE ROW LEVEL SECURITY;
ALTER TABLE tds.gateway_seen ENABLE ROW LEVEL SECURITY;
ALTER TABLE tds.device ENABLE ROW LEVEL SECURITY;
ALTER TABLE tds.device_seen ENABLE ROW LEVEL SECURITY;
ALTER TABLE tds.event ENABLE ROW LEVEL SECURITY;
ALTER TABLE tds.decision ENABLE ROW LEVEL SECURITY;
ALTER TABLE tds.revised ENABLE ROW LEVEL SECURITY;
ALTER TABLE tds.rejection ENABLE ROW LEVEL SECURITY;
ALTER TABLE tds.ledger_state ENABLE ROW LEVEL SECURITY;
ALTER TABLE tds.certificate ENABLE ROW LEVEL SECURITY;

CREATE POLICY web_account ON tds.account TO :"web"
    USING (id = tds.current_account() OR id IN (SELECT account_id FROM tds.membership WHERE user_id = tds.current_user_id()));
CREATE POLICY web_user ON tds.app_user TO :"web"
    USING (id = tds.current_user_id() OR id IN (SELECT user_id FROM tds.membership WHERE account_id = tds.current_account()));
CREATE POLICY web_membership ON tds.membership TO :"web"
    USING (account_id = tds.current_account() OR user_id = tds.current_user_id()) WITH CHECK (account_id = tds.current_account());
CREATE POLICY web_gateway ON tds.gateway TO :"web" USING (account_id = tds.current_account());
CREATE POLICY web_gateway_seen ON tds.gateway_seen TO :"web" USING (gateway_id IN (SELECT id FROM tds.gateway));
CREATE POLICY web_device ON tds.device TO :"web" USING (account_id = tds.current_account());
CREATE POLICY web_device_seen ON tds.device_seen TO :"web" USING (device_id IN (SELECT id FROM tds.device));
CREATE POLICY web_event ON tds.event TO :"web" USING (device_id IN (SELECT id FROM tds.device));
CREATE POLICY web_decision ON tds.decision TO :"web"
    USING (device_id IN (SELECT id FROM tds.device)) WITH CHECK (device_id IN (SELECT id FROM tds.device));
CREATE POLICY web_revised ON tds.revised TO :"web" USING (device_id IN (SELECT id FROM tds.device));
CREATE POLICY web_rejection ON tds.rejection TO :"web" USING (account_id = tds.current_account());
CREATE POLICY web_ledger_state ON tds.ledger_state TO :"web" USING (device_id IN (SELECT id FROM tds.device));
CREATE POLICY web_certificate ON tds.certificate TO :"web"
    USING (purpose = 'gateway' AND common_name IN (SELECT mac FROM tds.gateway));

CREATE POLICY ingest_all ON tds.account TO :"ingest" USING (true);
CREATE POLICY ingest_all ON tds.gateway TO :"ingest" USING (true);
CREATE POLICY ingest_all ON tds.gateway_seen TO :"ingest" USING (true);
CREATE POLICY ingest_all ON tds.device TO :"ingest" USING (true);
CREATE POLICY ingest_all ON tds.device_seen TO :"ingest" USING (true);
CREATE POLICY ingest_all ON tds.rejection TO :"ingest" USING (true);

-- Sign-in happens before there is an account: one function, one row, by e-mail or by id.
CREATE FUNCTION web.user_for_sign_in(wanted text)
RETURNS TABLE (id integer, email text, password_hash text, epoch integer, locale text, disabled boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = tds, pg_temp AS $$
    SELECT id, email, password_hash, epoch, locale, disabled_at IS NOT NULL FROM tds.app_user WHERE email = lower(wanted)
$$;
REVOKE ALL ON FUNCTION web.user_for_sign_in FROM PUBLIC;

-- A decision has its device recomputed. The web login may ask for that, and sees nothing of the queue itself.
CREATE FUNCTION tds.mark_dirty(devices integer[]) RETURNS void LANGUAGE sql SECURITY DEFINER SET search_path = tds, pg_temp AS $$
    INSERT INTO tds.dirty (device_id, low, high, whole)
    SELECT d.id, 'epoch', now(), true FROM tds.device d
     WHERE d.id = any (devices) AND (d.account_id = tds.current_account() OR pg_has_role(session_user, current_user, 'MEMBER'))
$$;
COMMENT ON FUNCTION tds.mark_dirty IS 'Has the whole history of devices recomputed: those of the account this transaction acts for; for the owner, whose they may be.';
REVOKE ALL ON FUNCTION tds.mark_dirty FROM PUBLIC;

CREATE VIEW web.reading WITH (security_barrier) AS
    SELECT device_id, time, value FROM tds.reading WHERE device_id = any (array(SELECT unnest(tds.current_devices())));
CREATE VIEW web.ledger WITH (security_barrier) AS
    SELECT * FROM tds.ledger WHERE device_id = any (array(SELECT unnest(tds.current_devices())));
CREATE VIEW web.device WITH (security_barrier) AS
    SELECT d.id, d.account_id, d.gateway_id, g.mac AS gateway_mac, d.code, d.name, d.kind, d.resource, d.unit, d.interval_seconds, d.max_rate,
           d.resolution, d.jitter, d.modulus, d.active, d.created_at, d.retired_at, s.time AS last_time, s.value AS last_value
      FROM tds.device d JOIN tds.gateway g ON g.id = d.gateway_id LEFT JOIN tds.device_seen s ON s.device_id = d.id
     WHERE d.account_id = tds.current_account();
CREATE VIEW web.gateway WITH (security_barrier) AS
    SELECT g.id, g.account_id, g.mac, g.name, g.capacity, g.created_at, g.retired_at, s.last_seen_at
      FROM tds.gateway g LEFT JOIN tds.gateway_seen s ON s.gateway_id = g.id
     WHERE g.account_id = tds.current_account();
COMMENT ON VIEW web.reading IS 'Readings as received, of this account.';
COMMENT ON VIEW web.ledger IS 'Consumption by UTC quarter-hour, of this account; middle is the quarter-hour''s start plus 7 min 30 s.';
COMMENT ON VIEW web.device IS 'Meters and sensors of this account.';
COMMENT ON VIEW web.gateway IS 'Gateways of this account.';
COMMENT ON COLUMN web.reading.device_id IS 'Device, as in web.device.id';
COMMENT ON COLUMN web.reading.time IS 'Instant of the reading';
COMMENT ON COLUMN web.reading.value IS 'Value in the device''s unit, 6 decimals at most';
COMMENT ON COLUMN web.device.gateway_mac IS 'MAC of the gateway, lower case with colons';
COMMENT ON COLUMN web.device.code IS 'Code within the gateway, such as D01';
COMMENT ON COLUMN web.device.unit IS 'Unit of value and of consumption';
COMMENT ON COLUMN web.device.max_rate IS 'Largest believable consumption, units per hour';
COMMENT ON COLUMN web.gateway.last_seen_at IS 'When the newest message of the gateway was stored';

GRANT USAGE ON SCHEMA tds TO :"web", :"ingest";
GRANT USAGE ON SCHEMA web TO :"web";
GRANT SELECT ON ALL TABLES IN SCHEMA web TO :"web";
GRANT EXECUTE ON FUNCTION web.user_for_sign_in, tds.mark_dirty TO :"web";
GRANT SELECT ON tds.meta, tds.zone, tds.account, tds.membership, tds.gateway, tds.gateway_seen, tds.device, tds.device_seen, tds.event,
                tds.decision, tds.revised, tds.rejection, tds.ledger_state, tds.certificate TO :"web";
GRANT SELECT (id, email, epoch, locale, created_at, disabled_at) ON tds.app_user TO :"web";
GRANT UPDATE (locale) ON tds.app_user TO :"web";
-- What was decided, by whom and when is undone, never rewritten and never deleted.
GRANT INSERT (device_id, kind, at, event_kind, final, initial, decided_by), UPDATE (undone_at, undone_by) ON tds.decision TO :"web";

GRANT SELECT ON tds.meta, tds.zone, tds.account, tds.gateway, tds.device, tds.gateway_seen, tds.device_seen TO :"ingest";
GRANT INSERT, UPDATE ON tds.gateway_seen, tds.device_seen TO :"ingest";
GRANT SELECT, INSERT ON tds.reading, tds.rejection TO :"ingest";
GRANT INSERT ON tds.dirty TO :"ingest";
GRANT SELECT ON tds.dirty TO :"ingest";
