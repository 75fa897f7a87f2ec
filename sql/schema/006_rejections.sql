-- Rejections: how many of each gateway are kept, adopting an unknown device, and trying again what was refused.

-- Room. A gateway gone mad must not fill the disk: whoever stores rejections asks here first, and notes here what was not kept.
CREATE TABLE tds.rejection_tally (
    gateway_id  integer REFERENCES tds.gateway (id) ON DELETE CASCADE,
    kept        integer NOT NULL DEFAULT 0,
    bytes       bigint NOT NULL DEFAULT 0,
    unkept      bigint NOT NULL DEFAULT 0,
    unkept_from timestamptz,
    unkept_to   timestamptz,
    UNIQUE NULLS NOT DISTINCT (gateway_id)
);
COMMENT ON TABLE tds.rejection_tally IS 'Rejections of each gateway, and in one row those of no registered gateway: how many are kept, and how many were not.';
COMMENT ON COLUMN tds.rejection_tally.bytes IS 'Bytes of the payloads that are kept.';
COMMENT ON COLUMN tds.rejection_tally.unkept IS 'Messages or readings that were refused and not kept, between unkept_from and unkept_to.';

INSERT INTO tds.rejection_tally (gateway_id, kept, bytes)
SELECT gateway_id, count(*), sum(octet_length(payload)) FROM tds.rejection GROUP BY gateway_id;

CREATE INDEX rejection_gateway ON tds.rejection (gateway_id, id);
CREATE INDEX rejection_stranger ON tds.rejection (mac, id) WHERE gateway_id IS NULL;

-- Counted by the statement that stores or removes them, whoever it is, so that the tally is true in every transaction.
CREATE FUNCTION tds.tally_kept() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = tds, pg_temp AS $$
BEGIN
    INSERT INTO tds.rejection_tally AS known (gateway_id, kept, bytes)
    SELECT gateway_id, count(*), sum(octet_length(payload)) FROM fresh GROUP BY gateway_id ORDER BY gateway_id
    ON CONFLICT (gateway_id) DO UPDATE SET kept = known.kept + excluded.kept, bytes = known.bytes + excluded.bytes;
    RETURN NULL;
END
$$;
CREATE TRIGGER tally_kept AFTER INSERT ON tds.rejection REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION tds.tally_kept();

-- An update alone: while a gateway is deleted, its row may be gone before its rejections are.
CREATE FUNCTION tds.tally_gone() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = tds, pg_temp AS $$
BEGIN
    UPDATE tds.rejection_tally t SET kept = t.kept - g.kept, bytes = t.bytes - g.bytes
      FROM (SELECT gateway_id, count(*) AS kept, sum(octet_length(payload)) AS bytes FROM gone GROUP BY gateway_id) g
     WHERE t.gateway_id = g.gateway_id OR (t.gateway_id IS NULL AND g.gateway_id IS NULL);
    RETURN NULL;
END
$$;
CREATE TRIGGER tally_gone AFTER DELETE ON tds.rejection REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION tds.tally_gone();

-- Trying again. Who registers a gateway or a device, whichever way, has what it had sent before tried again.
CREATE TABLE tds.replay (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id  integer NOT NULL,
    gateway_id  integer NOT NULL,
    device_code text,
    reasons     text[] NOT NULL,
    asked_at    timestamptz NOT NULL DEFAULT now(),
    again_at    timestamptz,
    newest      bigint,
    position    bigint NOT NULL DEFAULT 0,
    tried       integer NOT NULL DEFAULT 0,
    stored      integer NOT NULL DEFAULT 0,
    known       integer NOT NULL DEFAULT 0,
    refused     integer NOT NULL DEFAULT 0,
    finished_at timestamptz,
    FOREIGN KEY (gateway_id, account_id) REFERENCES tds.gateway (id, account_id) ON DELETE CASCADE
);
COMMENT ON TABLE tds.replay IS 'Requests to try kept rejections again; worked off by whichever ingester takes them first, batch by batch.';
COMMENT ON COLUMN tds.replay.device_code IS 'Only of this device; null: of the whole gateway.';
COMMENT ON COLUMN tds.replay.reasons IS 'Only what was rejected for one of these. unknown_gateway alone: what its MAC had sent while it was registered nowhere.';
COMMENT ON COLUMN tds.replay.again_at IS 'When to look a second time: what was on its way while a device was registered may be rejected a moment later.';
COMMENT ON COLUMN tds.replay.position IS 'The last rejection worked off; newest: the last to work off, set by whoever begins.';
COMMENT ON COLUMN tds.replay.tried IS 'Rejections worked off; stored and known: readings that were new, or there already; refused: what stays rejected of them.';
CREATE INDEX replay_account ON tds.replay (account_id, asked_at DESC);
CREATE INDEX replay_open ON tds.replay (id) WHERE finished_at IS NULL OR again_at IS NOT NULL;

CREATE FUNCTION tds.announce_replay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NOTIFY tds_replay;
    RETURN NULL;
END
$$;
CREATE TRIGGER announce AFTER INSERT ON tds.replay FOR EACH STATEMENT EXECUTE FUNCTION tds.announce_replay();

CREATE FUNCTION tds.replay_devices() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = tds, pg_temp AS $$
BEGIN
    INSERT INTO tds.replay (account_id, gateway_id, device_code, reasons, again_at)
    SELECT d.account_id, d.gateway_id, d.code, '{unknown_device}', now() + interval '90 seconds'
      FROM fresh d
     WHERE EXISTS (SELECT FROM tds.rejection r WHERE r.gateway_id = d.gateway_id AND r.device_code = d.code AND r.reason = 'unknown_device');
    RETURN NULL;
END
$$;
CREATE TRIGGER replay AFTER INSERT ON tds.device REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION tds.replay_devices();

-- Not where another account has had a gateway of this MAC: what it sent after it was retired there may still be theirs.
CREATE FUNCTION tds.replay_gateways() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = tds, pg_temp AS $$
BEGIN
    INSERT INTO tds.replay (account_id, gateway_id, reasons, again_at)
    SELECT g.account_id, g.id, '{unknown_gateway}', now() + interval '90 seconds'
      FROM fresh g
     WHERE EXISTS (SELECT FROM tds.rejection r WHERE r.gateway_id IS NULL AND r.account_id IS NULL AND r.mac = g.mac)
       AND NOT EXISTS (SELECT FROM tds.gateway o WHERE o.mac = g.mac AND o.account_id <> g.account_id);
    RETURN NULL;
END
$$;
CREATE TRIGGER replay AFTER INSERT ON tds.gateway REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION tds.replay_gateways();

ALTER TABLE tds.rejection_tally ENABLE ROW LEVEL SECURITY;
ALTER TABLE tds.replay ENABLE ROW LEVEL SECURITY;
CREATE POLICY web_rejection_tally ON tds.rejection_tally TO :"web" USING (gateway_id IN (SELECT id FROM tds.gateway));
-- What no account's gateway had sent is for the operator to give, not for an account to take.
CREATE POLICY web_replay ON tds.replay TO :"web"
    USING (account_id = tds.current_account())
    WITH CHECK (account_id = tds.current_account() AND NOT 'unknown_gateway' = any (reasons));
CREATE POLICY ingest_all ON tds.rejection_tally TO :"ingest" USING (true);
CREATE POLICY ingest_all ON tds.replay TO :"ingest" USING (true);

GRANT SELECT ON tds.rejection_tally, tds.replay TO :"web";
GRANT INSERT (account_id, gateway_id, device_code, reasons) ON tds.replay TO :"web";
-- Adopting a device registers it. The gateway's row is locked meanwhile, so that two people cannot both take its last place; to lock
-- a row one must be allowed to change something of it.
GRANT INSERT ON tds.device TO :"web";
GRANT UPDATE (name) ON tds.gateway TO :"web";

GRANT SELECT, INSERT, UPDATE ON tds.rejection_tally TO :"ingest";
GRANT DELETE ON tds.rejection TO :"ingest";
GRANT SELECT ON tds.replay TO :"ingest";
GRANT UPDATE (again_at, newest, position, tried, stored, known, refused, finished_at) ON tds.replay TO :"ingest";
