-- Keeping the fleet in order in the pages: who may write what, two people at the same thing, deleting, importing and taking back.

CREATE FUNCTION tds.may_edit() RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = tds, pg_temp AS $$
    SELECT EXISTS (SELECT FROM tds.membership m JOIN tds.app_user u ON u.id = m.user_id
                    WHERE m.account_id = tds.current_account() AND m.user_id = tds.current_user_id() AND m.role IN ('admin', 'editor')
                      AND u.disabled_at IS NULL)
$$;
COMMENT ON FUNCTION tds.may_edit IS 'Whether the user that this transaction acts for is an editor or admin of the account that it acts for.';
REVOKE ALL ON FUNCTION tds.may_edit FROM PUBLIC;

-- Two people at the same thing: whoever saves says which version was looked at.
ALTER TABLE tds.gateway ADD COLUMN version integer NOT NULL DEFAULT 1, ADD COLUMN changed_at timestamptz, ADD COLUMN changed_by text;
ALTER TABLE tds.device ADD COLUMN version integer NOT NULL DEFAULT 1, ADD COLUMN changed_at timestamptz, ADD COLUMN changed_by text;
COMMENT ON COLUMN tds.gateway.version IS 'One more with each change; so is tds.device.version.';
COMMENT ON COLUMN tds.device.changed_by IS 'E-mail address of whoever changed it last in the pages; empty: by command.';

CREATE FUNCTION tds.count_version() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = tds, pg_temp AS $$
BEGIN
    NEW.version := OLD.version + 1;
    NEW.changed_at := clock_timestamp();
    NEW.changed_by := coalesce((SELECT email FROM tds.app_user WHERE id = tds.current_user_id()), '');
    RETURN NEW;
END
$$;
CREATE TRIGGER count_version BEFORE UPDATE ON tds.gateway FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION tds.count_version();
CREATE TRIGGER count_version BEFORE UPDATE ON tds.device FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION tds.count_version();

-- What is stored of a device, for whoever may see the device.
CREATE FUNCTION tds.has_readings(device integer) RETURNS boolean LANGUAGE sql STABLE SECURITY DEFINER SET search_path = tds, pg_temp AS $$
    SELECT EXISTS (SELECT FROM tds.reading r WHERE r.device_id = d.id)
      FROM tds.device d
     WHERE d.id = device AND (d.account_id = tds.current_account() OR pg_has_role(session_user, current_user, 'MEMBER'))
$$;
CREATE FUNCTION tds.newest_register(device integer) RETURNS numeric LANGUAGE sql STABLE SECURITY DEFINER SET search_path = tds, pg_temp AS $$
    SELECT r.value FROM tds.reading r
     WHERE r.device_id = (SELECT d.id FROM tds.device d WHERE d.id = device
                             AND (d.account_id = tds.current_account() OR pg_has_role(session_user, current_user, 'MEMBER')))
       AND NOT EXISTS (SELECT FROM tds.decision c WHERE c.device_id = r.device_id AND c.at = r.time AND c.kind = 'ignore' AND c.undone_at IS NULL)
     ORDER BY r.time DESC LIMIT 1
$$;
COMMENT ON FUNCTION tds.newest_register IS 'The newest value of a device that nobody has ignored.';
REVOKE ALL ON FUNCTION tds.has_readings, tds.newest_register FROM PUBLIC;

-- The database holds what must never be broken, whoever writes: readings keep their unit, and their meaning with it.
CREATE FUNCTION tds.keep_unit() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = tds, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM tds.reading WHERE device_id = OLD.id) THEN
        RAISE EXCEPTION 'device % has readings: its unit cannot change', OLD.id USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER keep_unit BEFORE UPDATE ON tds.device FOR EACH ROW WHEN (OLD.unit <> NEW.unit) EXECUTE FUNCTION tds.keep_unit();

-- A device that comes to another gateway, gets another code or is used again: what was refused meanwhile is tried again.
CREATE FUNCTION tds.replay_moved() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = tds, pg_temp AS $$
BEGIN
    INSERT INTO tds.replay (account_id, gateway_id, device_code, reasons, again_at)
    SELECT NEW.account_id, NEW.gateway_id, NEW.code, '{unknown_device,inactive_device}', now() + interval '90 seconds'
     WHERE EXISTS (SELECT FROM tds.rejection r WHERE r.gateway_id = NEW.gateway_id AND r.device_code = NEW.code
                      AND r.reason IN ('unknown_device', 'inactive_device'));
    RETURN NULL;
END
$$;
CREATE TRIGGER replay_moved AFTER UPDATE ON tds.device FOR EACH ROW
    WHEN (NEW.retired_at IS NULL AND NEW.active
          AND (OLD.gateway_id, OLD.code) IS DISTINCT FROM (NEW.gateway_id, NEW.code) OR NEW.retired_at IS NULL AND OLD.retired_at IS NOT NULL)
    EXECUTE FUNCTION tds.replay_moved();

-- Deleting. Readings are facts: nobody but the owner removes them, and only with the device that they are of.
-- Locks first what a ledger worker holds and what the ingester writes, so that nothing is written behind the device's back.
CREATE FUNCTION tds.erase_devices(wanted integer[]) RETURNS void LANGUAGE plpgsql SET search_path = tds, pg_temp AS $$
DECLARE
    one integer;
    rollup text;
    hypertables boolean := (SELECT value = 'timescaledb' FROM tds.meta WHERE key = 'engine');
BEGIN
    IF hypertables THEN
        PERFORM set_config('timescaledb.max_tuples_decompressed_per_dml_transaction', '0', true);
    END IF;
    PERFORM FROM tds.ledger_state WHERE device_id = any (wanted) ORDER BY device_id FOR UPDATE;
    PERFORM FROM tds.device WHERE id = any (wanted) ORDER BY id FOR UPDATE;
    PERFORM FROM tds.device_seen WHERE device_id = any (wanted) ORDER BY device_id FOR UPDATE;
    FOREACH one IN ARRAY wanted LOOP
        -- Literals, so that the planner of TimescaleDB leaves out what holds nothing of the device; a compressed segment goes whole.
        EXECUTE format('DELETE FROM tds.reading WHERE device_id = %s', one);
        EXECUTE format('DELETE FROM tds.ledger WHERE device_id = %s', one);
        -- Of an aggregate its materialised part: to refresh it would make every other device's buckets anew as well.
        FOR rollup IN EXECUTE CASE WHEN hypertables
            THEN 'SELECT format(''%I.%I'', materialization_hypertable_schema, materialization_hypertable_name)'
                 ' FROM timescaledb_information.continuous_aggregates WHERE view_schema = ''tds'''
            ELSE 'SELECT format(''tds.%I'', name) FROM tds.rollup' END
        LOOP
            EXECUTE format('DELETE FROM %s WHERE device_id = %s', rollup, one);
        END LOOP;
    END LOOP;
    DELETE FROM tds.dirty WHERE device_id = any (wanted);
    DELETE FROM tds.device WHERE id = any (wanted);
END
$$;
COMMENT ON FUNCTION tds.erase_devices IS 'Deletes devices with their readings, ledger, rollups, events and decisions.';
REVOKE ALL ON FUNCTION tds.erase_devices FROM PUBLIC;

-- Editors delete what never sent anything; what did, administrators. Gives how many were deleted.
CREATE FUNCTION web.delete_devices(wanted integer[]) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = tds, pg_temp AS $$
DECLARE
    own integer[] := (SELECT coalesce(array_agg(id), '{}') FROM tds.device WHERE id = any (wanted) AND account_id = tds.current_account());
    used boolean;
BEGIN
    used := EXISTS (SELECT FROM unnest(own) o (id) WHERE EXISTS (SELECT FROM tds.reading r WHERE r.device_id = o.id)
                       OR EXISTS (SELECT FROM tds.ledger l WHERE l.device_id = o.id));
    IF NOT (CASE WHEN used THEN tds.is_admin() ELSE tds.may_edit() END) THEN
        RAISE EXCEPTION 'deleting these devices needs another role' USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM tds.erase_devices(own);
    RETURN cardinality(own);
END
$$;
COMMENT ON FUNCTION web.delete_devices IS 'Deletes devices of the account this transaction acts for, with all that is of them.';

CREATE FUNCTION web.delete_gateway(wanted integer) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = tds, pg_temp AS $$
DECLARE
    own integer := (SELECT id FROM tds.gateway WHERE id = wanted AND account_id = tds.current_account() FOR UPDATE);
BEGIN
    IF own IS NULL THEN RETURN 0; END IF;
    IF NOT (CASE WHEN EXISTS (SELECT FROM tds.gateway_seen WHERE gateway_id = own) THEN tds.is_admin() ELSE tds.may_edit() END) THEN
        RAISE EXCEPTION 'deleting this gateway needs another role' USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM web.delete_devices((SELECT array_agg(id) FROM tds.device WHERE gateway_id = own));
    DELETE FROM tds.gateway WHERE id = own;
    RETURN 1;
END
$$;
COMMENT ON FUNCTION web.delete_gateway IS 'Deletes a gateway of the account this transaction acts for, with its devices and all that is of them.';
REVOKE ALL ON FUNCTION web.delete_devices, web.delete_gateway FROM PUBLIC;

-- Of many MACs those that another account has in use: an import says so of a line, as registering one does.
CREATE FUNCTION web.macs_elsewhere(wanted text[]) RETURNS SETOF text LANGUAGE sql STABLE SECURITY DEFINER SET search_path = tds, pg_temp AS $$
    SELECT mac FROM tds.gateway
     WHERE tds.may_edit() AND mac = any (wanted) AND retired_at IS NULL AND account_id <> tds.current_account()
$$;
REVOKE ALL ON FUNCTION web.macs_elsewhere FROM PUBLIC;

CREATE TABLE tds.fleet_import (
    id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id integer NOT NULL REFERENCES tds.account (id) ON DELETE CASCADE,
    name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    gateways   integer NOT NULL,
    devices    integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL,
    undone_at  timestamptz,
    undone_by  text,
    UNIQUE (id, account_id)
);
COMMENT ON TABLE tds.fleet_import IS 'Files of devices that were imported; what came with each carries its number, so that it can be taken back.';
CREATE INDEX fleet_import_account ON tds.fleet_import (account_id, id DESC);
ALTER TABLE tds.gateway ADD COLUMN import_id integer REFERENCES tds.fleet_import (id) ON DELETE SET NULL;
ALTER TABLE tds.device ADD COLUMN import_id integer REFERENCES tds.fleet_import (id) ON DELETE SET NULL;
CREATE INDEX gateway_import ON tds.gateway (import_id) WHERE import_id IS NOT NULL;
CREATE INDEX device_import ON tds.device (import_id) WHERE import_id IS NOT NULL;
CREATE INDEX device_gateway ON tds.device (gateway_id);

ALTER TABLE tds.fleet_import ENABLE ROW LEVEL SECURITY;
CREATE POLICY web_import_read ON tds.fleet_import FOR SELECT TO :"web" USING (account_id = tds.current_account());
CREATE POLICY web_import_add ON tds.fleet_import FOR INSERT TO :"web"
    WITH CHECK (account_id = tds.current_account() AND (SELECT tds.may_edit()));
CREATE POLICY web_import_undo ON tds.fleet_import FOR UPDATE TO :"web"
    USING (account_id = tds.current_account() AND (SELECT tds.may_edit())) WITH CHECK (account_id = tds.current_account());

-- Everybody of an account looks; its editors and admins write, and only into their account.
DROP POLICY web_gateway ON tds.gateway;
CREATE POLICY web_gateway ON tds.gateway FOR SELECT TO :"web" USING (account_id = tds.current_account());
CREATE POLICY web_gateway_add ON tds.gateway FOR INSERT TO :"web"
    WITH CHECK (account_id = tds.current_account() AND (SELECT tds.may_edit()));
CREATE POLICY web_gateway_change ON tds.gateway FOR UPDATE TO :"web"
    USING (account_id = tds.current_account() AND (SELECT tds.may_edit())) WITH CHECK (account_id = tds.current_account());
DROP POLICY web_device ON tds.device;
CREATE POLICY web_device ON tds.device FOR SELECT TO :"web" USING (account_id = tds.current_account());
CREATE POLICY web_device_add ON tds.device FOR INSERT TO :"web"
    WITH CHECK (account_id = tds.current_account() AND (SELECT tds.may_edit()));
CREATE POLICY web_device_change ON tds.device FOR UPDATE TO :"web"
    USING (account_id = tds.current_account() AND (SELECT tds.may_edit())) WITH CHECK (account_id = tds.current_account());

REVOKE INSERT ON tds.device FROM :"web";
GRANT INSERT (account_id, gateway_id, code, name, kind, resource, unit, interval_seconds, max_rate, resolution, jitter, modulus, stuck_hours,
              active, import_id),
      UPDATE (gateway_id, code, name, kind, resource, unit, interval_seconds, max_rate, resolution, jitter, modulus, stuck_hours, active,
              retired_at) ON tds.device TO :"web";
GRANT INSERT (account_id, mac, name, capacity, import_id), UPDATE (name, capacity, retired_at) ON tds.gateway TO :"web";
GRANT SELECT, INSERT (account_id, name, gateways, devices, created_by), UPDATE (undone_at, undone_by) ON tds.fleet_import TO :"web";
GRANT EXECUTE ON FUNCTION tds.may_edit, tds.has_readings, tds.newest_register, web.delete_devices, web.delete_gateway, web.macs_elsewhere TO :"web";
