-- Safer accounts: an account may ask its members for a second factor; requests to the API are counted for all workers together;
-- what has lost its place (a token, a certificate) ends by itself; nobody is disabled who alone administers an account. And the
-- list of ten thousand devices in one pass.

ALTER TABLE tds.account ADD COLUMN second_factor boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN tds.account.second_factor IS 'Whether its members act for it only once they have set a second factor up.';

CREATE FUNCTION web.ask_second_factor(wanted boolean) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = tds, pg_temp AS $$
DECLARE
    before boolean;
BEGIN
    SELECT second_factor INTO before FROM tds.account WHERE id = tds.current_account() AND tds.is_admin() FOR NO KEY UPDATE;
    UPDATE tds.account SET second_factor = wanted WHERE id = tds.current_account() AND before IS DISTINCT FROM wanted AND before IS NOT NULL;
    RETURN before;
END
$$;
COMMENT ON FUNCTION web.ask_second_factor IS 'Has the account that this transaction acts for ask its members for a second factor, or no longer; gives what was so before, null to whoever does not administer it.';

-- Who of an account has a second factor: for its administrators, who ask for one. The secret stays its person's own.
CREATE FUNCTION web.members_secured() RETURNS SETOF integer LANGUAGE sql STABLE SECURITY DEFINER SET search_path = tds, pg_temp AS $$
    SELECT f.user_id FROM tds.second_factor f JOIN tds.membership m ON m.user_id = f.user_id
     WHERE m.account_id = tds.current_account() AND f.confirmed_at IS NOT NULL AND tds.is_admin()
$$;

-- How often somebody asks: this span and the one before are enough to tell, to within a hundredth, how often in the last one.
-- Worth nothing after a crash, so not logged.
CREATE UNLOGGED TABLE tds.asking (
    asker  text PRIMARY KEY CHECK (length(asker) <= 64),
    began  timestamptz NOT NULL,
    before integer NOT NULL,
    times  integer NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE tds.asking IS 'How often programs ask the API, by who asks, hashed: in the span that began, and in the one before it.';

-- One statement of one row for whoever may go on. What is refused does not count: who waits is let in again.
CREATE FUNCTION web.count_asking(who text, most integer, within integer, OUT remaining integer, OUT wait integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = tds, pg_temp AS $$
DECLARE
    now_ double precision := extract(epoch FROM clock_timestamp());
    start timestamptz := to_timestamp(floor(now_ / within) * within);
    earlier timestamptz := start - make_interval(secs => within);
    left_ double precision := 1 - (now_ / within - floor(now_ / within));  -- of this span: so much of the one before still counts
    was tds.asking;
BEGIN
    wait := 0;
    INSERT INTO tds.asking AS a (asker, began, before, times) VALUES (who, start, 0, 1)
        ON CONFLICT (asker) DO UPDATE
       SET began = start, times = CASE a.began WHEN start THEN a.times ELSE 0 END + 1,
           before = CASE a.began WHEN start THEN a.before WHEN earlier THEN a.times ELSE 0 END
     WHERE CASE a.began WHEN start THEN a.before WHEN earlier THEN a.times ELSE 0 END * left_
           + CASE a.began WHEN start THEN a.times ELSE 0 END + 1 <= most
    RETURNING * INTO was;
    IF FOUND THEN
        remaining := floor(most - was.before * left_ - was.times);
        RETURN;
    END IF;
    remaining := 0;
    SELECT * INTO was FROM tds.asking WHERE asker = who;
    IF was.began = earlier THEN
        was := (who, start, was.times, 0);
    END IF;
    -- When enough of the span before will have gone; where this one is full by itself, within the next.
    wait := greatest(1, ceil(within * CASE
        WHEN was.times + 1 <= most THEN left_ - (most - 1 - was.times)::double precision / greatest(was.before, 1)
        ELSE left_ + 1 - (most - 1)::double precision / greatest(was.times, 1) END));
END
$$;
COMMENT ON FUNCTION web.count_asking IS 'Counts a request: how many are left within so many seconds, and how many seconds to wait, 0 where it may go on.';

-- Who is taken out of an account takes nothing along: invited again, they make tokens anew.
CREATE FUNCTION tds.end_tokens() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = tds, pg_temp AS $$
BEGIN
    UPDATE tds.token SET revoked_at = now() WHERE user_id = OLD.user_id AND account_id = OLD.account_id AND revoked_at IS NULL;
    RETURN NULL;
END
$$;
CREATE TRIGGER end_tokens AFTER DELETE ON tds.membership FOR EACH ROW EXECUTE FUNCTION tds.end_tokens();

-- As with removal and demotion: of two admins disabled at once one is refused.
CREATE FUNCTION tds.keep_an_able_admin() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = tds, pg_temp AS $$
BEGIN
    PERFORM FROM tds.account a JOIN tds.membership m ON m.account_id = a.id
      WHERE m.user_id = NEW.id AND m.role = 'admin' AND a.closed_at IS NULL ORDER BY a.id FOR NO KEY UPDATE OF a;
    IF EXISTS (SELECT FROM tds.membership m JOIN tds.account a ON a.id = m.account_id
                WHERE m.user_id = NEW.id AND m.role = 'admin' AND a.closed_at IS NULL
                  AND NOT EXISTS (SELECT FROM tds.membership o JOIN tds.app_user u ON u.id = o.user_id
                                   WHERE o.account_id = a.id AND o.role = 'admin' AND u.disabled_at IS NULL)) THEN
        RAISE EXCEPTION 'an account keeps at least one admin' USING ERRCODE = 'TD001';
    END IF;
    RETURN NULL;
END
$$;
CREATE CONSTRAINT TRIGGER keep_an_able_admin AFTER UPDATE OF disabled_at ON tds.app_user
    FOR EACH ROW WHEN (OLD.disabled_at IS NULL AND NEW.disabled_at IS NOT NULL) EXECUTE FUNCTION tds.keep_an_able_admin();

-- The certificate of a gateway that is nobody's any more still opens a broker's door. The authority, where the key is, revokes it when
-- its time has come: a week after the gateway was retired, unless it, or its name, is used again; at once with a deleted account.
ALTER TABLE tds.certificate ADD COLUMN ends_at timestamptz;
COMMENT ON COLUMN tds.certificate.ends_at IS 'When the authority revokes it by itself: its gateway is out of use.';
CREATE INDEX certificate_ends ON tds.certificate (ends_at) WHERE ends_at IS NOT NULL AND revoked_at IS NULL;

CREATE FUNCTION tds.end_certificates() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = tds, pg_temp AS $$
DECLARE
    called text := CASE TG_OP WHEN 'DELETE' THEN OLD.mac ELSE NEW.mac END;
    due timestamptz;
BEGIN
    IF EXISTS (SELECT FROM tds.gateway WHERE mac = called AND retired_at IS NULL) THEN
        due := NULL;
    ELSIF TG_OP = 'DELETE' OR (SELECT closed_at IS NOT NULL FROM tds.account WHERE id = NEW.account_id) THEN
        due := now();
    ELSE
        due := NEW.retired_at + interval '7 days';
    END IF;
    -- What was issued after it had been retired is for whoever takes it next.
    UPDATE tds.certificate SET ends_at = due
     WHERE common_name = called AND purpose = 'gateway' AND revoked_at IS NULL AND ends_at IS DISTINCT FROM due
       AND (due IS NULL OR (coalesce(ends_at, due) >= due AND issued_at <= coalesce(CASE TG_OP WHEN 'DELETE' THEN OLD.retired_at END, now())));
    RETURN NULL;
END
$$;
CREATE TRIGGER end_certificates AFTER INSERT OR DELETE OR UPDATE OF retired_at ON tds.gateway FOR EACH ROW EXECUTE FUNCTION tds.end_certificates();

-- How a gateway and a device do, as 007_silence.sql judges it, now said once for whoever has the facts at hand.
CREATE FUNCTION tds.judged_gateway(last_seen_at timestamptz, online boolean, silence interval, at timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN last_seen_at IS NULL THEN 'never' WHEN online AND last_seen_at > at - silence THEN 'online' ELSE 'offline' END
$$;
CREATE FUNCTION tds.judged_device(gateway_state text, active boolean, taken timestamptz, received_at timestamptz, moved_at timestamptz,
                                  counter_moved_at timestamptz, silence interval, stillness interval, at timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN gateway_state IS NULL THEN 'retired'
                WHEN NOT active THEN 'inactive'
                WHEN taken IS NULL THEN 'never'
                WHEN gateway_state <> 'online' THEN 'offline'
                WHEN least(taken, received_at) <= at - silence THEN CASE WHEN received_at > at - silence THEN 'late' ELSE 'silent' END
                WHEN taken - moved_at >= stillness AND counter_moved_at > taken - stillness THEN 'stuck'
                ELSE 'reporting' END
$$;
CREATE FUNCTION tds.judged_since(state text, last_seen_at timestamptz, taken timestamptz, moved_at timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE state WHEN 'offline' THEN coalesce(last_seen_at, taken) WHEN 'stuck' THEN moved_at WHEN 'reporting' THEN NULL ELSE taken END
$$;
COMMENT ON FUNCTION tds.judged_gateway IS 'The one definition of how a gateway does: online; offline, by silence or by last will; never heard.';
COMMENT ON FUNCTION tds.judged_device IS 'The one definition of how a device does. What counts is when a reading was taken. Stuck is judged by the device''s own readings, so that an outage is no stillness; the counter that moved within those hours is another one by itself, as the device''s own last movement lies before them. gateway_state is null where the gateway is retired.';

CREATE OR REPLACE FUNCTION tds.gateway_state(at timestamptz)
RETURNS TABLE (gateway_id integer, devices integer, interval_seconds integer, silence interval, last_seen_at timestamptz,
               counter_moved_at timestamptz, state text)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT g.id, coalesce(d.devices, 0)::integer, t.seconds, t.silence, s.last_seen_at, d.counter_moved_at,
           tds.judged_gateway(s.last_seen_at, s.online, t.silence, at)
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

CREATE OR REPLACE FUNCTION tds.device_state(at timestamptz)
RETURNS TABLE (device_id integer, gateway_id integer, gateway_state text, state text, since timestamptz, due_at timestamptz)
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT d.id, d.gateway_id, g.state, x.state, tds.judged_since(x.state, g.last_seen_at, s.time, s.moved_at),
           coalesce(s.time, d.created_at) + t.silence
      FROM tds.device d
      JOIN tds.account a ON a.id = d.account_id
      LEFT JOIN tds.gateway_state(at) g ON g.gateway_id = d.gateway_id
      LEFT JOIN tds.device_seen s ON s.device_id = d.id
     CROSS JOIN LATERAL (SELECT a.silent_intervals * d.interval_seconds * interval '1 second' AS silence,
                                nullif(coalesce(d.stuck_hours, a.stuck_hours), 0) * interval '1 hour' AS allowed) t
     CROSS JOIN LATERAL (SELECT CASE WHEN t.allowed IS NOT NULL THEN greatest(t.allowed, t.silence) END AS stillness) u
     CROSS JOIN LATERAL (SELECT tds.judged_device(g.state, d.active, s.time, s.received_at, s.moved_at, g.counter_moved_at,
                                                  t.silence, u.stillness, at) AS state) x
     WHERE d.retired_at IS NULL
$$;

-- A whole fleet with what each device is judged by, in one pass over its devices: for lists, where the functions above would go over
-- them three times. Of the account that the transaction acts for, with the owner's eyes, so that no policy is asked row by row.
CREATE VIEW tds.fleet_device WITH (security_barrier) AS
    SELECT d.id, d.gateway_id, g.mac AS gateway_mac, g.name AS gateway_name, g.retired_at IS NOT NULL AS gateway_retired,
           d.code, d.name, d.kind, d.resource, d.unit, d.active, d.retired_at IS NOT NULL AS retired, s.time, s.value, s.received_at, s.moved_at,
           e.last_seen_at, e.online, a.silent_intervals * d.interval_seconds * interval '1 second' AS silence,
           nullif(coalesce(d.stuck_hours, a.stuck_hours), 0) * interval '1 hour' AS allowed,
           a.silent_intervals * coalesce(min(d.interval_seconds) FILTER (WHERE d.active AND d.retired_at IS NULL) OVER of_gateway, 900)
             * interval '1 second' AS gateway_silence,
           max(s.moved_at) FILTER (WHERE d.kind = 'counter' AND d.active AND d.retired_at IS NULL) OVER of_gateway AS counter_moved_at
      FROM tds.device d
      JOIN tds.account a ON a.id = d.account_id
      JOIN tds.gateway g ON g.id = d.gateway_id
      LEFT JOIN tds.gateway_seen e ON e.gateway_id = d.gateway_id
      LEFT JOIN tds.device_seen s ON s.device_id = d.id
     WHERE d.account_id = tds.current_account()
    WINDOW of_gateway AS (PARTITION BY d.gateway_id);

REVOKE ALL ON FUNCTION web.ask_second_factor, web.members_secured, web.count_asking, tds.end_tokens, tds.keep_an_able_admin,
    tds.end_certificates FROM PUBLIC;
GRANT EXECUTE ON FUNCTION web.ask_second_factor, web.members_secured, web.count_asking TO :"web";
GRANT SELECT ON tds.fleet_device TO :"web";
