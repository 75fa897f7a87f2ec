-- First boot: gateways that nobody knows yet say who they are, and wait until somebody takes them into an account.

CREATE TABLE tds.registration (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    mac           text NOT NULL CHECK (mac ~ '^([0-9a-f]{2}:){5}[0-9a-f]{2}$'),
    serial_number text NOT NULL CHECK (length(serial_number) BETWEEN 1 AND 64),
    model         text NOT NULL CHECK (length(model) <= 64),
    firmware      text NOT NULL CHECK (length(firmware) <= 64),
    key           text NOT NULL CHECK (length(key) = 64),
    request       text NOT NULL CHECK (length(request) <= 8192),
    state         text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'allocated', 'refused')),
    first_seen_at timestamptz NOT NULL DEFAULT now(),
    last_seen_at  timestamptz NOT NULL DEFAULT now(),
    account_id    integer REFERENCES tds.account (id) ON DELETE CASCADE,
    gateway_id    integer REFERENCES tds.gateway (id) ON DELETE CASCADE,
    decided_at    timestamptz,
    decided_by    text,
    reason        text CHECK (length(reason) <= 200),
    certificate   text,
    certificate_serial text,
    fault         text,
    delivered_at  timestamptz,
    UNIQUE (mac, key),
    CHECK ((state = 'allocated') = (account_id IS NOT NULL AND gateway_id IS NOT NULL))
);
COMMENT ON TABLE tds.registration IS 'Gateways that asked for their first certificate, one row for each MAC and key. Until one is allocated it is nobody''s, and seen by the owner alone.';
COMMENT ON COLUMN tds.registration.key IS 'SHA-256 of the public key in the request: what tells the gateway from whoever copies its MAC and serial number.';
COMMENT ON COLUMN tds.registration.certificate IS 'Signed, with its chain, in PEM; null until the registrar has signed it, or where `fault` says why it cannot.';
CREATE INDEX registration_waiting ON tds.registration (last_seen_at) WHERE state = 'pending';
CREATE INDEX registration_unsigned ON tds.registration (id) WHERE state = 'allocated' AND certificate IS NULL;
CREATE INDEX registration_account ON tds.registration (account_id);

CREATE TABLE tds.registration_miss (
    account_id integer NOT NULL REFERENCES tds.account (id) ON DELETE CASCADE,
    at         timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE tds.registration_miss IS 'Claims of an account that named no waiting gateway: so many an hour, and guessing ends.';
CREATE INDEX registration_miss_account ON tds.registration_miss (account_id, at);

ALTER TABLE tds.registration ENABLE ROW LEVEL SECURITY;
ALTER TABLE tds.registration_miss ENABLE ROW LEVEL SECURITY;
CREATE POLICY web_registration ON tds.registration TO :"web" USING (account_id = tds.current_account());
GRANT SELECT ON tds.registration TO :"web";

-- What a person should know before taking a gateway: who else claims to be it, and what its MAC is already.
CREATE VIEW tds.registration_flag AS
    SELECT r.id,
           (SELECT count(*) FROM tds.registration o WHERE o.mac = r.mac AND o.id <> r.id AND o.state <> 'refused') AS others,
           g.id AS gateway_id, g.account_id AS holder_id,
           EXISTS (SELECT FROM tds.certificate c WHERE c.purpose = 'gateway' AND c.common_name = r.mac AND c.revoked_at IS NULL
                      AND c.not_after > now() AND c.serial IS DISTINCT FROM r.certificate_serial) AS certified
      FROM tds.registration r LEFT JOIN tds.gateway g ON g.mac = r.mac AND g.retired_at IS NULL;
COMMENT ON VIEW tds.registration_flag IS 'For each registration: other registrations of its MAC, the gateway in use under it and whose it is, and whether another certificate of it is valid.';

-- One way into an account, for the operator and for an account's own admin. `again`: also where the MAC has a valid certificate.
CREATE FUNCTION tds.allocate_registration(wanted bigint, account integer, called text, room integer, who text, again boolean)
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
        RETURNING id INTO gateway;
    ELSIF called IS NOT NULL OR room IS NOT NULL THEN
        UPDATE tds.gateway SET name = coalesce(called, name), capacity = coalesce(room, capacity) WHERE id = gateway;
    END IF;
    UPDATE tds.registration
       SET state = 'allocated', account_id = account, gateway_id = gateway, decided_at = now(), decided_by = who, reason = NULL,
           certificate = NULL, certificate_serial = NULL, fault = NULL, delivered_at = NULL
     WHERE id = wanted;
    RETURN 'done';
END
$$;
COMMENT ON FUNCTION tds.allocate_registration IS 'Takes a registration into an account: done, not_found, allocated (already), elsewhere (another account has the MAC in use), certified (it has a valid certificate).';
REVOKE ALL ON FUNCTION tds.allocate_registration FROM PUBLIC;

-- An admin takes a gateway by what is written on it. Nothing can be browsed, and little can be guessed.
CREATE FUNCTION web.claim_registration(wanted_mac text, wanted_serial text, called text, room integer, again boolean,
                                       OUT outcome text, OUT registration_id bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = tds, pg_temp AS $$
DECLARE
    account integer := tds.current_account();
    who text;
    found bigint[];
BEGIN
    SELECT u.email INTO who FROM tds.membership m JOIN tds.app_user u ON u.id = m.user_id
     WHERE m.account_id = account AND m.user_id = tds.current_user_id() AND m.role = 'admin' AND u.disabled_at IS NULL;
    IF who IS NULL THEN outcome := 'no_right'; RETURN; END IF;
    -- One claim of an account at a time: or many at once would each find the hour's allowance unused.
    PERFORM pg_advisory_xact_lock(7245114, account);
    DELETE FROM tds.registration_miss m WHERE m.account_id = account AND m.at < clock_timestamp() - interval '1 hour';
    IF (SELECT count(*) FROM tds.registration_miss m WHERE m.account_id = account) >= 20 THEN outcome := 'too_many'; RETURN; END IF;
    SELECT array_agg(r.id) INTO found FROM tds.registration r
     WHERE r.mac = wanted_mac AND lower(r.serial_number) = lower(wanted_serial) AND r.state = 'pending';
    outcome := CASE WHEN cardinality(found) > 1 THEN 'ambiguous'
                    WHEN found IS NULL THEN 'not_found'
                    ELSE tds.allocate_registration(found[1], account, called, room, who, again) END;
    IF outcome IN ('not_found', 'elsewhere') THEN
        INSERT INTO tds.registration_miss (account_id) VALUES (account);
    END IF;
    registration_id := CASE WHEN outcome IN ('done', 'certified') THEN found[1] END;
END
$$;
COMMENT ON FUNCTION web.claim_registration IS 'Takes the waiting gateway of this MAC and serial number into the account this transaction acts for, where its user is an admin: see tds.allocate_registration; also no_right, too_many (20 misses an hour), ambiguous (two keys).';
REVOKE ALL ON FUNCTION web.claim_registration FROM PUBLIC;
GRANT EXECUTE ON FUNCTION web.claim_registration TO :"web";
