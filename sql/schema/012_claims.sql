-- First boot in the pages: an account's admin looks at a gateway that waits by what is written on it, takes it or refuses it, and sees
-- what becomes of it. Nobody's gateways can still not be browsed.

ALTER TABLE tds.registration ADD COLUMN refused_for integer REFERENCES tds.account (id) ON DELETE CASCADE,
    ADD CHECK (refused_for IS NULL OR state = 'refused');
COMMENT ON COLUMN tds.registration.refused_for IS 'The account whose admin refused it; null: the operator, whose word is the last. Any account may still take what another one refused.';

DROP POLICY web_registration ON tds.registration;
CREATE POLICY web_registration ON tds.registration TO :"web" USING (account_id = tds.current_account() OR refused_for = tds.current_account());

-- Two keys of one MAC may be taken by two accounts at once: one of them has the MAC, the other is told so.
CREATE OR REPLACE FUNCTION tds.allocate_registration(wanted bigint, account integer, called text, room integer, who text, again boolean)
RETURNS text LANGUAGE plpgsql SET search_path = tds, pg_temp AS $$
DECLARE
    r tds.registration;
    f tds.registration_flag;
    gateway integer;
BEGIN
    SELECT * INTO r FROM tds.registration WHERE id = wanted FOR UPDATE;
    IF r.id IS NULL THEN RETURN 'not_found'; END IF;
    IF r.state = 'allocated' THEN RETURN 'allocated'; END IF;
    SELECT * INTO f FROM tds.registration_flag WHERE id = wanted;
    IF f.holder_id <> account THEN RETURN 'elsewhere'; END IF;
    IF f.certified AND NOT again THEN RETURN 'certified'; END IF;
    gateway := f.gateway_id;
    IF gateway IS NULL THEN
        INSERT INTO tds.gateway (account_id, mac, name, capacity) VALUES (account, r.mac, coalesce(called, r.mac), coalesce(room, 8))
            ON CONFLICT (mac) WHERE retired_at IS NULL DO NOTHING RETURNING id INTO gateway;
        IF gateway IS NULL THEN RETURN 'elsewhere'; END IF;
    ELSIF called IS NOT NULL OR room IS NOT NULL THEN
        UPDATE tds.gateway SET name = coalesce(called, name), capacity = coalesce(room, capacity) WHERE id = gateway;
    END IF;
    UPDATE tds.registration
       SET state = 'allocated', account_id = account, gateway_id = gateway, decided_at = now(), decided_by = who, reason = NULL,
           refused_for = NULL, certificate = NULL, certificate_serial = NULL, fault = NULL, delivered_at = NULL
     WHERE id = wanted;
    RETURN 'done';
END
$$;

-- The one way from a label to a registration, for this transaction's admin. What names nothing is counted, and little can be guessed.
CREATE FUNCTION tds.registration_by_label(wanted_mac text, wanted_serial text, OUT outcome text, OUT registration_id bigint, OUT who text)
LANGUAGE plpgsql SET search_path = tds, pg_temp AS $$
DECLARE
    account integer := tds.current_account();
    fitting bigint[];
BEGIN
    SELECT u.email INTO who FROM tds.membership m JOIN tds.app_user u ON u.id = m.user_id
     WHERE m.account_id = account AND m.user_id = tds.current_user_id() AND m.role = 'admin' AND u.disabled_at IS NULL;
    IF who IS NULL THEN outcome := 'no_right'; RETURN; END IF;
    -- One at a time for an account: or many at once would each find the hour's allowance unused.
    PERFORM pg_advisory_xact_lock(7245114, account);
    DELETE FROM tds.registration_miss m WHERE m.account_id = account AND m.at < clock_timestamp() - interval '1 hour';
    IF (SELECT count(*) FROM tds.registration_miss m WHERE m.account_id = account) >= 20 THEN outcome := 'too_many'; RETURN; END IF;
    SELECT array_agg(r.id) INTO fitting FROM tds.registration r
     WHERE r.mac = wanted_mac AND lower(r.serial_number) = lower(wanted_serial) AND r.state = 'pending';
    IF fitting IS NULL THEN
        SELECT array_agg(r.id) INTO fitting FROM tds.registration r
         WHERE r.mac = wanted_mac AND lower(r.serial_number) = lower(wanted_serial) AND r.state = 'refused' AND r.refused_for IS NOT NULL;
    END IF;
    outcome := CASE WHEN fitting IS NULL THEN 'not_found'
                    WHEN EXISTS (SELECT FROM tds.gateway g WHERE g.mac = wanted_mac AND g.retired_at IS NULL AND g.account_id <> account) THEN 'elsewhere'
                    WHEN cardinality(fitting) > 1 THEN 'ambiguous'
                    ELSE 'found' END;
    IF outcome IN ('not_found', 'elsewhere') THEN
        INSERT INTO tds.registration_miss (account_id) VALUES (account);
    END IF;
    registration_id := CASE WHEN outcome = 'found' THEN fitting[1] END;
END
$$;
COMMENT ON FUNCTION tds.registration_by_label IS 'Finds the gateway of this MAC and serial number that waits, or that an account refused, for an admin of the account this transaction acts for: found, or no_right, too_many (20 misses an hour), not_found, elsewhere (another account has the MAC in use), ambiguous (two keys).';
REVOKE ALL ON FUNCTION tds.registration_by_label FROM PUBLIC;

CREATE OR REPLACE FUNCTION web.claim_registration(wanted_mac text, wanted_serial text, called text, room integer, again boolean,
                                                  OUT outcome text, OUT registration_id bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = tds, pg_temp AS $$
DECLARE
    label record;
BEGIN
    SELECT * INTO label FROM tds.registration_by_label(wanted_mac, wanted_serial);
    outcome := label.outcome;
    IF label.registration_id IS NOT NULL THEN
        outcome := tds.allocate_registration(label.registration_id, tds.current_account(), called, room, label.who, again);
    END IF;
    registration_id := CASE WHEN outcome IN ('done', 'certified') THEN label.registration_id END;
END
$$;
COMMENT ON FUNCTION web.claim_registration IS 'Takes the gateway of this MAC and serial number into the account this transaction acts for, where its user is an admin: done, certified, allocated or elsewhere (tds.allocate_registration), or why it is not found (tds.registration_by_label).';

CREATE FUNCTION web.look_at_registration(wanted_mac text, wanted_serial text, OUT outcome text, OUT model text, OUT firmware text, OUT key text,
                                         OUT first_seen_at timestamptz, OUT last_seen_at timestamptz, OUT others integer, OUT certified boolean,
                                         OUT refused boolean, OUT gateway text, OUT capacity integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = tds, pg_temp AS $$
DECLARE
    label record;
BEGIN
    SELECT * INTO label FROM tds.registration_by_label(wanted_mac, wanted_serial);
    SELECT r.model, r.firmware, r.key, r.first_seen_at, r.last_seen_at, f.others, f.certified, r.state = 'refused', g.name, g.capacity
      INTO model, firmware, key, first_seen_at, last_seen_at, others, certified, refused, gateway, capacity
      FROM tds.registration r JOIN tds.registration_flag f ON f.id = r.id LEFT JOIN tds.gateway g ON g.id = f.gateway_id
     WHERE r.id = label.registration_id;
    outcome := label.outcome;
END
$$;
COMMENT ON FUNCTION web.look_at_registration IS 'Shows an admin what the gateway of this MAC and serial number says of itself, before it is taken: outcome as in tds.registration_by_label.';

CREATE FUNCTION web.refuse_registration(wanted_mac text, wanted_serial text, why text) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = tds, pg_temp AS $$
DECLARE
    label record;
BEGIN
    SELECT * INTO label FROM tds.registration_by_label(wanted_mac, wanted_serial);
    IF label.registration_id IS NULL THEN RETURN label.outcome; END IF;
    UPDATE tds.registration SET state = 'refused', refused_for = tds.current_account(), decided_at = now(), decided_by = label.who, reason = why
     WHERE id = label.registration_id AND state = 'pending';
    RETURN CASE WHEN FOUND THEN 'done' ELSE 'refused_already' END;
END
$$;
COMMENT ON FUNCTION web.refuse_registration IS 'Refuses the waiting gateway of this MAC and serial number for the account this transaction acts for, where its user is an admin; outcome done, refused_already, or as in tds.registration_by_label.';

-- Whose MAC an account registered beforehand is the account's: its admins see that it asks. To take it they read its label all the same.
CREATE FUNCTION web.expected_registrations()
RETURNS TABLE (gateway_id integer, gateway text, mac text, model text, firmware text, first_seen_at timestamptz, last_seen_at timestamptz, keys integer)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = tds, pg_temp AS $$
    SELECT g.id, g.name, g.mac, (array_agg(r.model ORDER BY r.last_seen_at DESC))[1], (array_agg(r.firmware ORDER BY r.last_seen_at DESC))[1],
           min(r.first_seen_at), max(r.last_seen_at), count(*)::integer
      FROM tds.gateway g JOIN tds.registration r ON r.mac = g.mac AND r.state = 'pending'
     WHERE g.account_id = tds.current_account() AND g.retired_at IS NULL AND tds.is_admin()
     GROUP BY g.id, g.name, g.mac ORDER BY max(r.last_seen_at) DESC, g.id
$$;
COMMENT ON FUNCTION web.expected_registrations IS 'Waiting gateways whose MAC the account this transaction acts for has in use, for its admins.';

-- The demonstration's own gateway: what is written on its label, as long as it waits.
CREATE FUNCTION web.demonstration_label() RETURNS TABLE (mac text, serial_number text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = tds, pg_temp AS $$
    SELECT split_part(m.value, ' ', 1), split_part(m.value, ' ', 2) FROM tds.meta m
     WHERE m.key = 'demonstration_gateway' AND tds.is_admin()
       AND EXISTS (SELECT FROM tds.registration r WHERE m.value = r.mac || ' ' || r.serial_number AND r.state <> 'allocated')
$$;
COMMENT ON FUNCTION web.demonstration_label IS 'MAC and serial number of the gateway that `tds demo` has waiting; nothing elsewhere, for there is no such fact in tds.meta.';

REVOKE ALL ON FUNCTION web.look_at_registration, web.refuse_registration, web.expected_registrations, web.demonstration_label FROM PUBLIC;
GRANT EXECUTE ON FUNCTION web.look_at_registration, web.refuse_registration, web.expected_registrations, web.demonstration_label TO :"web";
