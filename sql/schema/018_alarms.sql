-- Alarms: what an account wants to hear of (rules), what broke a rule (alarms), who is told (recipients), and what waits to be told.

ALTER TABLE tds.ledger_state ADD COLUMN version bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN tds.ledger_state.version IS 'One more with each recomputation: whoever watches the ledger of a device sees by it that there is something new.';

CREATE TABLE tds.alarm_rule (
    id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id integer NOT NULL REFERENCES tds.account (id) ON DELETE CASCADE,
    kind       text NOT NULL CHECK (kind IN ('daily', 'monthly', 'peak', 'base', 'silence', 'stuck')),
    device_id  integer REFERENCES tds.device (id) ON DELETE CASCADE,
    gateway_id integer REFERENCES tds.gateway (id) ON DELETE CASCADE,
    resource   text CHECK (resource IN ('electricity', 'water', 'gas', 'temperature', 'other')),
    unit       text CHECK (length(unit) BETWEEN 1 AND 16),
    threshold  numeric CHECK (threshold > 0 AND threshold < 1e15),
    percent    smallint CHECK (percent BETWEEN 101 AND 1000),
    active     boolean NOT NULL DEFAULT true,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL DEFAULT '' CHECK (length(created_by) <= 254),
    version    integer NOT NULL DEFAULT 1,
    changed_at timestamptz,
    changed_by text,
    CHECK (num_nonnulls(device_id, gateway_id, resource) <= 1),
    CHECK (CASE WHEN kind IN ('silence', 'stuck') THEN num_nonnulls(threshold, percent, unit) = 0
                ELSE gateway_id IS NULL AND num_nonnulls(device_id, resource) = 1 AND (resource IS NULL) = (unit IS NULL)
                     AND num_nonnulls(threshold, percent) = 1 AND (percent IS NULL OR kind = 'base') END),
    CHECK (kind <> 'stuck' OR gateway_id IS NULL)
);
COMMENT ON TABLE tds.alarm_rule IS 'What an account wants to hear of: of one device, of all devices of a resource and unit, of one gateway and what is behind it, or (neither) of all.';
COMMENT ON COLUMN tds.alarm_rule.kind IS 'daily, monthly: units in a local day or month; peak: units per hour in a quarter-hour; base: the least hour of a night, units per hour; silence: a gateway or device is not heard; stuck: a device does not move.';
COMMENT ON COLUMN tds.alarm_rule.unit IS 'Of rules for a resource: devices in this unit alone. A device''s own rule counts in the device''s.';
COMMENT ON COLUMN tds.alarm_rule.percent IS 'Base alone: of the usual, which is the mean of the last four nights of the same weekday.';
CREATE INDEX alarm_rule_account ON tds.alarm_rule (account_id);
CREATE INDEX alarm_rule_device ON tds.alarm_rule (device_id, kind) WHERE device_id IS NOT NULL;
CREATE INDEX alarm_rule_gateway ON tds.alarm_rule (gateway_id) WHERE gateway_id IS NOT NULL;
CREATE TRIGGER count_version BEFORE UPDATE ON tds.alarm_rule FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION tds.count_version();

CREATE TABLE tds.alarm (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id      integer NOT NULL REFERENCES tds.account (id) ON DELETE CASCADE,
    rule_id         integer REFERENCES tds.alarm_rule (id) ON DELETE SET NULL,
    rule_version    integer NOT NULL,
    kind            text NOT NULL,
    device_id       integer REFERENCES tds.device (id) ON DELETE CASCADE,
    gateway_id      integer REFERENCES tds.gateway (id) ON DELETE CASCADE,
    period_start    timestamptz,
    period_end      timestamptz,
    value           numeric,
    worst           numeric,
    estimated       numeric,
    projected       boolean NOT NULL DEFAULT false,
    threshold       numeric,
    usual           numeric,
    unit            text,
    since           timestamptz NOT NULL,
    opened_at       timestamptz NOT NULL,
    closed_at       timestamptz,
    outcome         text CHECK (outcome IN ('back', 'next_period', 'corrected', 'heard', 'moved', 'late', 'rule_changed', 'gone')),
    returned        integer NOT NULL DEFAULT 0,
    acknowledged_at timestamptz,
    acknowledged_by text CHECK (length(acknowledged_by) BETWEEN 1 AND 254),
    note            text CHECK (length(note) BETWEEN 1 AND 1000),
    opening_told    boolean NOT NULL DEFAULT false,
    closing_told    boolean NOT NULL DEFAULT false,
    CHECK ((closed_at IS NULL) = (outcome IS NULL)),
    CHECK ((acknowledged_at IS NULL) = (acknowledged_by IS NULL) AND (note IS NULL OR acknowledged_at IS NOT NULL)),
    CHECK (num_nonnulls(device_id, gateway_id) = 1)
);
COMMENT ON TABLE tds.alarm IS 'What broke a rule, of a device or of a gateway: open until it is over.';
COMMENT ON COLUMN tds.alarm.period_start IS 'Of what is counted: the local day or month, the quarter-hour, the night.';
COMMENT ON COLUMN tds.alarm.value IS 'As it was last counted; worst: the largest so far. projected: the period was not over, and this is how it will end at the present rate.';
COMMENT ON COLUMN tds.alarm.estimated IS 'The part of value that is not measured.';
COMMENT ON COLUMN tds.alarm.threshold IS 'The limit that was broken; of a share of the usual, what that came to.';
COMMENT ON COLUMN tds.alarm.outcome IS 'back: below again; next_period: over with the period; corrected: other readings or a decision took it away; heard, moved: a reading came, the value changed; late: seen when it was over; rule_changed; gone: the device was retired or switched off.';
COMMENT ON COLUMN tds.alarm.returned IS 'How often it came back within minutes of having closed: it is then the same alarm.';
COMMENT ON COLUMN tds.alarm.opening_told IS 'Whether its opening was put into messages; so is closing_told its closing, which waits until it has lasted.';
CREATE UNIQUE INDEX alarm_open ON tds.alarm (rule_id, device_id, gateway_id) NULLS NOT DISTINCT WHERE closed_at IS NULL;
CREATE INDEX alarm_account_open ON tds.alarm (account_id, id) WHERE closed_at IS NULL;
CREATE INDEX alarm_account ON tds.alarm (account_id, opened_at DESC, id DESC);
CREATE INDEX alarm_device ON tds.alarm (device_id, opened_at DESC);
CREATE INDEX alarm_gateway ON tds.alarm (gateway_id) WHERE gateway_id IS NOT NULL;
CREATE INDEX alarm_rule_of ON tds.alarm (rule_id);
CREATE INDEX alarm_untold ON tds.alarm (id) WHERE NOT opening_told OR closed_at IS NOT NULL AND NOT closing_told;

-- What the watch remembers of a device: how far it has seen its ledger, and two points of the running quarter-hour, from which the
-- present rate follows.
CREATE TABLE tds.alarm_watch (
    device_id      integer PRIMARY KEY REFERENCES tds.device (id) ON DELETE CASCADE,
    version        bigint NOT NULL,
    older_at       timestamptz,
    older_quantity numeric,
    newer_at       timestamptz,
    newer_quantity numeric
);
COMMENT ON TABLE tds.alarm_watch IS 'Devices that metered rules watch: the version of their ledger that was seen last.';

-- Which device a metered rule holds for: its own, else all of its resource and unit that have no rule of this kind themselves.
CREATE VIEW tds.alarm_pair AS
    SELECT r.id AS rule_id, r.version AS rule_version, coalesce(r.changed_at, r.created_at) AS rule_since, r.account_id, r.kind, r.threshold,
           r.percent, d.id AS device_id, d.unit, a.timezone
      FROM tds.alarm_rule r
      JOIN tds.account a ON a.id = r.account_id AND a.closed_at IS NULL
      JOIN tds.device d ON d.id = r.device_id AND d.kind <> 'gauge' AND d.active AND d.retired_at IS NULL
     WHERE r.active AND r.kind NOT IN ('silence', 'stuck')
    UNION ALL
    SELECT r.id, r.version, coalesce(r.changed_at, r.created_at), r.account_id, r.kind, r.threshold, r.percent, d.id, d.unit, a.timezone
      FROM tds.alarm_rule r
      JOIN tds.account a ON a.id = r.account_id AND a.closed_at IS NULL
      JOIN tds.device d ON d.account_id = r.account_id AND d.resource = r.resource AND d.unit = r.unit AND d.kind <> 'gauge' AND d.active
                       AND d.retired_at IS NULL
     WHERE r.active AND r.kind NOT IN ('silence', 'stuck') AND r.device_id IS NULL
       AND NOT EXISTS (SELECT FROM tds.alarm_rule o WHERE o.device_id = d.id AND o.kind = r.kind AND o.active);

-- A rule that is switched off or deleted ends its alarms; one that is new or changed has its devices looked at anew.
CREATE FUNCTION tds.end_alarms() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = tds, pg_temp AS $$
BEGIN
    UPDATE tds.alarm SET closed_at = clock_timestamp(), outcome = 'rule_changed', opening_told = true, closing_told = true
     WHERE rule_id = OLD.id AND closed_at IS NULL;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$;
CREATE TRIGGER end_alarms BEFORE DELETE ON tds.alarm_rule FOR EACH ROW EXECUTE FUNCTION tds.end_alarms();
CREATE TRIGGER end_alarms_off BEFORE UPDATE ON tds.alarm_rule FOR EACH ROW WHEN (OLD.active AND NOT NEW.active) EXECUTE FUNCTION tds.end_alarms();

CREATE FUNCTION tds.watch_again() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = tds, pg_temp AS $$
BEGIN
    DELETE FROM tds.alarm_watch w USING tds.device d
     WHERE w.device_id = d.id AND (d.id = NEW.device_id OR NEW.device_id IS NULL AND d.account_id = NEW.account_id AND d.resource = NEW.resource);
    RETURN NULL;
END
$$;
CREATE TRIGGER watch_again AFTER INSERT OR UPDATE ON tds.alarm_rule FOR EACH ROW EXECUTE FUNCTION tds.watch_again();

CREATE TABLE tds.alarm_recipient (
    id            integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id    integer NOT NULL REFERENCES tds.account (id) ON DELETE CASCADE,
    channel       text NOT NULL CHECK (channel IN ('mail', 'webhook')),
    address       text NOT NULL CHECK (length(address) BETWEEN 3 AND 1000),
    secret        text CHECK (length(secret) BETWEEN 16 AND 200),
    kinds         text[] NOT NULL CHECK (cardinality(kinds) > 0 AND kinds <@ ARRAY['daily', 'monthly', 'peak', 'base', 'silence', 'stuck']),
    closings      boolean NOT NULL DEFAULT true,
    quiet_from    time,
    quiet_to      time,
    active        boolean NOT NULL DEFAULT true,
    created_at    timestamptz NOT NULL DEFAULT now(),
    created_by    text NOT NULL DEFAULT '' CHECK (length(created_by) <= 254),
    version       integer NOT NULL DEFAULT 1,
    changed_at    timestamptz,
    changed_by    text,
    told_at       timestamptz,
    failing_since timestamptz,
    fault         text CHECK (length(fault) <= 300),
    UNIQUE (account_id, channel, address),
    CHECK ((channel = 'webhook') = (secret IS NOT NULL)),
    CHECK ((quiet_from IS NULL) = (quiet_to IS NULL) AND quiet_from <> quiet_to)
);
COMMENT ON TABLE tds.alarm_recipient IS 'Who is told of an account''s alarms, of which kinds, and when not.';
COMMENT ON COLUMN tds.alarm_recipient.secret IS 'Signs what a webhook gets; shown to nobody after it was made.';
COMMENT ON COLUMN tds.alarm_recipient.quiet_from IS 'From here to quiet_to, local to the account, nothing is sent: it waits, and goes out together.';
COMMENT ON COLUMN tds.alarm_recipient.told_at IS 'When something was last delivered; failing_since and fault: since when, and why, nothing can be.';
CREATE TRIGGER count_version BEFORE UPDATE OF address, kinds, closings, quiet_from, quiet_to, active ON tds.alarm_recipient
    FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION tds.count_version();

CREATE TABLE tds.alarm_message (
    id           uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    account_id   integer NOT NULL REFERENCES tds.account (id) ON DELETE CASCADE,
    recipient_id integer NOT NULL REFERENCES tds.alarm_recipient (id) ON DELETE CASCADE,
    opened       bigint[] NOT NULL DEFAULT '{}',
    closed       bigint[] NOT NULL DEFAULT '{}',
    trial        boolean NOT NULL DEFAULT false,
    created_at   timestamptz NOT NULL DEFAULT now(),
    next_at      timestamptz NOT NULL DEFAULT now(),
    body         text,
    attempts     integer NOT NULL DEFAULT 0,
    fault        text CHECK (length(fault) <= 300),
    sent_at      timestamptz,
    given_up_at  timestamptz
);
COMMENT ON TABLE tds.alarm_message IS 'Messages to recipients, delivered at least once, each under its own id. Alarms gather in one until its body is written; tried again it says the same.';
COMMENT ON COLUMN tds.alarm_message.body IS 'What is sent, as JSON, to the letter; null while alarms may still be added.';
COMMENT ON COLUMN tds.alarm_message.next_at IS 'When to try, or to try again: put forward while somebody tries, so that a message outlives whoever held it.';
CREATE UNIQUE INDEX alarm_message_gathering ON tds.alarm_message (recipient_id) WHERE body IS NULL AND NOT trial;
CREATE INDEX alarm_message_due ON tds.alarm_message (next_at) WHERE sent_at IS NULL AND given_up_at IS NULL;
CREATE INDEX alarm_message_recipient ON tds.alarm_message (recipient_id, created_at DESC);
CREATE INDEX alarm_message_account ON tds.alarm_message (account_id);

CREATE FUNCTION tds.is_quiet(low time, high time, at time) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN low IS NULL THEN false WHEN low < high THEN at >= low AND at < high ELSE at >= low OR at < high END
$$;

ALTER TABLE tds.alarm_rule ENABLE ROW LEVEL SECURITY;
ALTER TABLE tds.alarm ENABLE ROW LEVEL SECURITY;
ALTER TABLE tds.alarm_watch ENABLE ROW LEVEL SECURITY;
ALTER TABLE tds.alarm_recipient ENABLE ROW LEVEL SECURITY;
ALTER TABLE tds.alarm_message ENABLE ROW LEVEL SECURITY;

-- Everybody of an account reads rules and alarms; editors acknowledge, once and for good, and write rules, of their own devices alone.
CREATE POLICY web_alarm_read ON tds.alarm FOR SELECT TO :"web" USING (account_id = tds.current_account());
CREATE POLICY web_alarm_acknowledge ON tds.alarm FOR UPDATE TO :"web"
    USING (account_id = tds.current_account() AND (SELECT tds.may_edit()) AND acknowledged_at IS NULL)
    WITH CHECK (account_id = tds.current_account() AND acknowledged_by = (SELECT email FROM tds.app_user WHERE id = tds.current_user_id()));
CREATE POLICY web_rule_read ON tds.alarm_rule FOR SELECT TO :"web" USING (account_id = tds.current_account());
CREATE POLICY web_rule_add ON tds.alarm_rule FOR INSERT TO :"web"
    WITH CHECK (account_id = tds.current_account() AND (SELECT tds.may_edit()) AND (device_id IS NULL OR device_id IN (SELECT id FROM tds.device))
                AND (gateway_id IS NULL OR gateway_id IN (SELECT id FROM tds.gateway)));
CREATE POLICY web_rule_change ON tds.alarm_rule FOR UPDATE TO :"web"
    USING (account_id = tds.current_account() AND (SELECT tds.may_edit())) WITH CHECK (account_id = tds.current_account());
CREATE POLICY web_rule_delete ON tds.alarm_rule FOR DELETE TO :"web" USING (account_id = tds.current_account() AND (SELECT tds.may_edit()));

-- Where messages go is an administrator's to say: an address may be anybody's, and a webhook leads out of the house.
CREATE POLICY web_recipient_read ON tds.alarm_recipient FOR SELECT TO :"web" USING (account_id = tds.current_account() AND (SELECT tds.may_edit()));
CREATE POLICY web_recipient_add ON tds.alarm_recipient FOR INSERT TO :"web"
    WITH CHECK (account_id = tds.current_account() AND (SELECT tds.is_admin()));
CREATE POLICY web_recipient_change ON tds.alarm_recipient FOR UPDATE TO :"web"
    USING (account_id = tds.current_account() AND (SELECT tds.is_admin())) WITH CHECK (account_id = tds.current_account());
CREATE POLICY web_recipient_delete ON tds.alarm_recipient FOR DELETE TO :"web" USING (account_id = tds.current_account() AND (SELECT tds.is_admin()));
CREATE POLICY web_message_read ON tds.alarm_message FOR SELECT TO :"web" USING (account_id = tds.current_account() AND (SELECT tds.may_edit()));
CREATE POLICY web_message_try ON tds.alarm_message FOR INSERT TO :"web"
    WITH CHECK (account_id = tds.current_account() AND (SELECT tds.is_admin()) AND trial AND recipient_id IN (SELECT id FROM tds.alarm_recipient));

GRANT SELECT, UPDATE (acknowledged_at, acknowledged_by, note) ON tds.alarm TO :"web";
GRANT SELECT, DELETE, INSERT (account_id, kind, device_id, gateway_id, resource, unit, threshold, percent, created_by),
      UPDATE (threshold, percent, active) ON tds.alarm_rule TO :"web";
GRANT SELECT (id, account_id, channel, address, kinds, closings, quiet_from, quiet_to, active, created_at, created_by, version, changed_at, changed_by,
              told_at, failing_since, fault),
      DELETE, INSERT (account_id, channel, address, secret, kinds, closings, quiet_from, quiet_to, created_by),
      UPDATE (kinds, closings, quiet_from, quiet_to, active) ON tds.alarm_recipient TO :"web";
GRANT SELECT (id, account_id, recipient_id, trial, created_at, attempts, fault, sent_at, given_up_at), INSERT (account_id, recipient_id, trial)
   ON tds.alarm_message TO :"web";
