-- Tariffs: what a unit costs from which day on, at which times of which days; holidays, budgets, invoices; and, for tariffs
-- whose price depends on the time of day, how much of each device's consumption fell into which band.

CREATE TABLE tds.tariff (
    id              integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id      integer NOT NULL REFERENCES tds.account (id) ON DELETE CASCADE,
    resource        text NOT NULL CHECK (resource IN ('electricity', 'water', 'gas', 'other')),
    valid_from      date NOT NULL CHECK (valid_from BETWEEN '1970-01-01' AND '2100-01-01'),
    name            text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    unit            text NOT NULL CHECK (length(unit) BETWEEN 1 AND 16),
    bands           smallint[] NOT NULL CHECK (cardinality(bands) BETWEEN 1 AND 5 AND 0 <= ALL (bands) AND 4 >= ALL (bands)),
    prices          numeric[] NOT NULL CHECK (cardinality(prices) = cardinality(bands) AND 0 <= ALL (prices)),
    schedule        smallint[] CHECK (cardinality(schedule) = 384 AND schedule <@ bands),
    demand_price    numeric NOT NULL DEFAULT 0 CHECK (demand_price >= 0 AND (demand_price = 0 OR resource = 'electricity')),
    standing_charge numeric NOT NULL DEFAULT 0 CHECK (standing_charge >= 0),
    tax_percent     numeric NOT NULL DEFAULT 0 CHECK (tax_percent BETWEEN 0 AND 100),
    created_at      timestamptz NOT NULL DEFAULT now(),
    version         integer NOT NULL DEFAULT 1,
    changed_at      timestamptz,
    changed_by      text,
    UNIQUE (account_id, resource, valid_from),
    CHECK ((schedule IS NULL) = (bands = '{0}'))
);
COMMENT ON TABLE tds.tariff IS 'What an account pays for a resource from a local day on, until the day on which the next one begins.';
COMMENT ON COLUMN tds.tariff.bands IS '0 at any time, 1 off-peak, 2 intermediate, 3 peak, 4 special; prices are per unit, in the same order, in the account''s currency.';
COMMENT ON COLUMN tds.tariff.schedule IS 'The band of each local quarter-hour, 96 of a weekday, of a Saturday, of a Sunday, of a holiday; null: one price at any time.';
COMMENT ON COLUMN tds.tariff.demand_price IS 'Per kW of the month''s largest quarter-hour, all meters together.';
COMMENT ON COLUMN tds.tariff.tax_percent IS 'On top of all other lines of the bill.';

CREATE TABLE tds.holiday (
    account_id integer NOT NULL REFERENCES tds.account (id) ON DELETE CASCADE,
    day        date NOT NULL CHECK (day BETWEEN '1970-01-01' AND '2100-12-31'),
    name       text NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    PRIMARY KEY (account_id, day)
);
COMMENT ON TABLE tds.holiday IS 'Local days that an account''s tariffs take for holidays.';

CREATE TABLE tds.budget (
    account_id integer NOT NULL REFERENCES tds.account (id) ON DELETE CASCADE,
    resource   text NOT NULL CHECK (resource IN ('electricity', 'water', 'gas', 'other')),
    month      date NOT NULL CHECK (month BETWEEN '1970-01-01' AND '2100-12-01' AND extract(day FROM month) = 1),
    measure    text NOT NULL CHECK (measure IN ('quantity', 'money')),
    unit       text NOT NULL DEFAULT '' CHECK (length(unit) <= 16),
    amount     numeric NOT NULL CHECK (amount >= 0 AND amount < 1e15),
    PRIMARY KEY (account_id, resource, month)
);
COMMENT ON TABLE tds.budget IS 'What a month of a resource should not pass, from a month on until the month of the next one; an amount of 0 ends it.';
COMMENT ON COLUMN tds.budget.unit IS 'The unit of a quantity; empty for money, which is in the account''s currency.';

CREATE TABLE tds.invoice (
    id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id integer NOT NULL REFERENCES tds.account (id) ON DELETE CASCADE,
    resource   text NOT NULL CHECK (resource IN ('electricity', 'water', 'gas', 'other')),
    first_day  date NOT NULL CHECK (first_day >= '1970-01-01'),
    last_day   date NOT NULL CHECK (last_day >= first_day AND last_day <= '2100-12-31'),
    quantity   numeric NOT NULL CHECK (quantity >= 0 AND quantity < 1e15),
    unit       text NOT NULL CHECK (length(unit) BETWEEN 1 AND 16),
    amount     numeric NOT NULL CHECK (abs(amount) < 1e15),
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL
);
COMMENT ON TABLE tds.invoice IS 'What the supplier asked for: typed by people, held against what was measured.';
CREATE INDEX invoice_account ON tds.invoice (account_id, first_day DESC);

-- How much of a device's consumption fell into which band, by local day and month, while a tariff has more than one; from the
-- ledger alone, by the worker. The sum over the bands is the day's consumption, to the last decimal.
CREATE TABLE tds.band_day (
    device_id integer NOT NULL REFERENCES tds.device (id) ON DELETE CASCADE,
    day       date NOT NULL,
    band      smallint NOT NULL,
    quantity  numeric NOT NULL,
    estimated numeric NOT NULL,
    PRIMARY KEY (device_id, day, band)
);
CREATE TABLE tds.band_month (
    device_id integer NOT NULL REFERENCES tds.device (id) ON DELETE CASCADE,
    month     date NOT NULL,
    band      smallint NOT NULL,
    quantity  numeric NOT NULL,
    estimated numeric NOT NULL,
    PRIMARY KEY (device_id, month, band)
);
COMMENT ON TABLE tds.band_day IS 'Consumption of a device by local day and band, in the device''s unit, on days whose tariff has bands.';
COMMENT ON TABLE tds.band_month IS 'The sums of tds.band_day by local month.';

CREATE TABLE tds.demand_day (
    account_id integer NOT NULL REFERENCES tds.account (id) ON DELETE CASCADE,
    day        date NOT NULL,
    quantity   numeric NOT NULL,
    middle     timestamptz NOT NULL,
    PRIMARY KEY (account_id, day)
);
COMMENT ON TABLE tds.demand_day IS 'The largest quarter-hour of all electricity meters of an account together, by local day, in kWh (times 4 it is kW); what is estimated does not count.';

CREATE TABLE tds.band_pending (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    device_id integer NOT NULL,
    low       date NOT NULL,
    high      date NOT NULL,
    total     integer NOT NULL DEFAULT 0
);
CREATE TABLE tds.demand_pending (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id integer NOT NULL,
    low        date NOT NULL,
    high       date NOT NULL
);
CREATE INDEX band_pending_device ON tds.band_pending (device_id);
COMMENT ON TABLE tds.band_pending IS 'Local days of devices whose bands the worker has still to make; both ends included.';
COMMENT ON COLUMN tds.band_pending.total IS 'How many devices one change of a tariff or holiday was of; 0: their ledger changed.';
COMMENT ON TABLE tds.demand_pending IS 'Local days of accounts whose largest quarter-hour the worker has still to find; both ends included.';

CREATE FUNCTION tds.is_banded(t tds.tariff) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT t.schedule IS NOT NULL OR t.demand_price > 0
$$;
COMMENT ON FUNCTION tds.is_banded IS 'Whether a tariff needs more than the day''s consumption: bands, or the largest quarter-hour.';

-- Has the days of an account's resource made anew. The lock is shared by whoever queues what the ledger touched
-- (sql/bands.py): a batch that did not see this tariff yet has ended, so nothing of it is missed.
CREATE FUNCTION tds.reprice(account integer, of_resource text, first date, last date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = tds, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(7245121);
    INSERT INTO tds.band_pending (device_id, low, high, total)
    SELECT d.id, greatest(first, (s.first_time AT TIME ZONE a.timezone)::date), least(last, (s.last_time AT TIME ZONE a.timezone)::date), count(*) OVER ()
      FROM tds.device d JOIN tds.account a ON a.id = d.account_id JOIN tds.ledger_state s ON s.device_id = d.id
     WHERE d.account_id = account AND d.resource = of_resource AND d.kind <> 'gauge'
       AND first <= (s.last_time AT TIME ZONE a.timezone)::date AND last >= (s.first_time AT TIME ZONE a.timezone)::date;
    INSERT INTO tds.demand_pending (account_id, low, high)
    SELECT account, greatest(first, min((s.first_time AT TIME ZONE a.timezone)::date)), least(last, max((s.last_time AT TIME ZONE a.timezone)::date))
      FROM tds.device d JOIN tds.account a ON a.id = d.account_id JOIN tds.ledger_state s ON s.device_id = d.id
     WHERE d.account_id = account AND d.resource = of_resource AND of_resource = 'electricity' AND d.kind <> 'gauge'
    HAVING first <= max((s.last_time AT TIME ZONE a.timezone)::date) AND last >= min((s.first_time AT TIME ZONE a.timezone)::date);
END
$$;
REVOKE ALL ON FUNCTION tds.reprice FROM PUBLIC;

-- A tariff's own days, and no others: until the next one begins.
CREATE FUNCTION tds.reprice_tariff() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = tds, pg_temp AS $$
DECLARE
    t tds.tariff := CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
    last date;
BEGIN
    IF TG_OP = 'UPDATE' AND (OLD.bands, OLD.schedule, OLD.demand_price > 0) IS NOT DISTINCT FROM (NEW.bands, NEW.schedule, NEW.demand_price > 0) THEN
        RETURN NULL;
    END IF;
    IF NOT (tds.is_banded(t) OR TG_OP = 'UPDATE' AND tds.is_banded(OLD)
            OR EXISTS (SELECT FROM tds.tariff o WHERE o.account_id = t.account_id AND o.resource = t.resource AND o.id <> t.id AND tds.is_banded(o))) THEN
        RETURN NULL;
    END IF;
    SELECT coalesce(min(o.valid_from) - 1, '2100-12-31') INTO last FROM tds.tariff o
     WHERE o.account_id = t.account_id AND o.resource = t.resource AND o.valid_from > t.valid_from;
    PERFORM tds.reprice(t.account_id, t.resource, t.valid_from, last);
    RETURN NULL;
END
$$;
CREATE TRIGGER reprice AFTER INSERT OR UPDATE OR DELETE ON tds.tariff FOR EACH ROW EXECUTE FUNCTION tds.reprice_tariff();
CREATE TRIGGER count_version BEFORE UPDATE ON tds.tariff FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION tds.count_version();

CREATE FUNCTION tds.reprice_holiday() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = tds, pg_temp AS $$
DECLARE
    h tds.holiday := CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
BEGIN
    PERFORM tds.reprice(h.account_id, t.resource, h.day, h.day)
       FROM tds.tariff t WHERE t.account_id = h.account_id AND t.schedule IS NOT NULL
        AND t.valid_from = (SELECT max(o.valid_from) FROM tds.tariff o
                             WHERE o.account_id = t.account_id AND o.resource = t.resource AND o.valid_from <= h.day);
    RETURN NULL;
END
$$;
CREATE TRIGGER reprice AFTER INSERT OR DELETE ON tds.holiday FOR EACH ROW EXECUTE FUNCTION tds.reprice_holiday();

-- A meter of another resource falls under another tariff; one that is deleted leaves what the others measured together.
CREATE FUNCTION tds.reprice_device() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = tds, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM tds.tariff t WHERE t.account_id = OLD.account_id AND tds.is_banded(t)) THEN
        PERFORM pg_advisory_xact_lock_shared(7245121);
        IF TG_OP = 'UPDATE' THEN
            INSERT INTO tds.band_pending (device_id, low, high)
            SELECT OLD.id, (s.first_time AT TIME ZONE a.timezone)::date, (s.last_time AT TIME ZONE a.timezone)::date
              FROM tds.ledger_state s JOIN tds.account a ON a.id = OLD.account_id WHERE s.device_id = OLD.id AND s.first_time IS NOT NULL;
        END IF;
        INSERT INTO tds.demand_pending (account_id, low, high)
        SELECT OLD.account_id, (s.first_time AT TIME ZONE a.timezone)::date, (s.last_time AT TIME ZONE a.timezone)::date
          FROM tds.ledger_state s JOIN tds.account a ON a.id = OLD.account_id WHERE s.device_id = OLD.id AND s.first_time IS NOT NULL;
    END IF;
    RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$;
CREATE TRIGGER reprice_moved BEFORE UPDATE ON tds.device FOR EACH ROW WHEN (OLD.resource <> NEW.resource) EXECUTE FUNCTION tds.reprice_device();
CREATE TRIGGER reprice_deleted BEFORE DELETE ON tds.device FOR EACH ROW EXECUTE FUNCTION tds.reprice_device();

ALTER TABLE tds.tariff ENABLE ROW LEVEL SECURITY;
ALTER TABLE tds.holiday ENABLE ROW LEVEL SECURITY;
ALTER TABLE tds.budget ENABLE ROW LEVEL SECURITY;
ALTER TABLE tds.invoice ENABLE ROW LEVEL SECURITY;
ALTER TABLE tds.band_day ENABLE ROW LEVEL SECURITY;
ALTER TABLE tds.band_month ENABLE ROW LEVEL SECURITY;
ALTER TABLE tds.demand_day ENABLE ROW LEVEL SECURITY;
ALTER TABLE tds.band_pending ENABLE ROW LEVEL SECURITY;
ALTER TABLE tds.demand_pending ENABLE ROW LEVEL SECURITY;

-- Everybody of an account looks; its editors and admins write, and only into their account.
CREATE POLICY web_tariff ON tds.tariff FOR SELECT TO :"web" USING (account_id = tds.current_account());
CREATE POLICY web_tariff_add ON tds.tariff FOR INSERT TO :"web" WITH CHECK (account_id = tds.current_account() AND (SELECT tds.may_edit()));
CREATE POLICY web_tariff_change ON tds.tariff FOR UPDATE TO :"web"
    USING (account_id = tds.current_account() AND (SELECT tds.may_edit())) WITH CHECK (account_id = tds.current_account());
CREATE POLICY web_tariff_remove ON tds.tariff FOR DELETE TO :"web" USING (account_id = tds.current_account() AND (SELECT tds.may_edit()));
CREATE POLICY web_holiday ON tds.holiday FOR SELECT TO :"web" USING (account_id = tds.current_account());
CREATE POLICY web_holiday_add ON tds.holiday FOR INSERT TO :"web" WITH CHECK (account_id = tds.current_account() AND (SELECT tds.may_edit()));
CREATE POLICY web_holiday_remove ON tds.holiday FOR DELETE TO :"web" USING (account_id = tds.current_account() AND (SELECT tds.may_edit()));
CREATE POLICY web_budget ON tds.budget FOR SELECT TO :"web" USING (account_id = tds.current_account());
CREATE POLICY web_budget_add ON tds.budget FOR INSERT TO :"web" WITH CHECK (account_id = tds.current_account() AND (SELECT tds.may_edit()));
CREATE POLICY web_budget_change ON tds.budget FOR UPDATE TO :"web"
    USING (account_id = tds.current_account() AND (SELECT tds.may_edit())) WITH CHECK (account_id = tds.current_account());
CREATE POLICY web_budget_remove ON tds.budget FOR DELETE TO :"web" USING (account_id = tds.current_account() AND (SELECT tds.may_edit()));
CREATE POLICY web_invoice ON tds.invoice FOR SELECT TO :"web" USING (account_id = tds.current_account());
CREATE POLICY web_invoice_add ON tds.invoice FOR INSERT TO :"web"
    WITH CHECK (account_id = tds.current_account() AND (SELECT tds.may_edit())
                AND created_by = (SELECT email FROM tds.app_user WHERE id = tds.current_user_id()));
CREATE POLICY web_invoice_remove ON tds.invoice FOR DELETE TO :"web" USING (account_id = tds.current_account() AND (SELECT tds.may_edit()));
CREATE POLICY web_band_day ON tds.band_day TO :"web" USING (device_id IN (SELECT id FROM tds.device));
CREATE POLICY web_band_month ON tds.band_month TO :"web" USING (device_id IN (SELECT id FROM tds.device));
CREATE POLICY web_demand_day ON tds.demand_day TO :"web" USING (account_id = tds.current_account());
CREATE POLICY web_band_pending ON tds.band_pending TO :"web" USING (device_id IN (SELECT id FROM tds.device));
CREATE POLICY web_demand_pending ON tds.demand_pending TO :"web" USING (account_id = tds.current_account());

GRANT SELECT, DELETE ON tds.tariff, tds.holiday, tds.budget, tds.invoice TO :"web";
GRANT INSERT (account_id, resource, valid_from, name, unit, bands, prices, schedule, demand_price, standing_charge, tax_percent),
      UPDATE (name, unit, bands, prices, schedule, demand_price, standing_charge, tax_percent) ON tds.tariff TO :"web";
GRANT INSERT (account_id, day, name) ON tds.holiday TO :"web";
GRANT INSERT (account_id, resource, month, measure, unit, amount), UPDATE (measure, unit, amount) ON tds.budget TO :"web";
GRANT INSERT (account_id, resource, first_day, last_day, quantity, unit, amount, created_by) ON tds.invoice TO :"web";
GRANT SELECT ON tds.band_day, tds.band_month, tds.demand_day, tds.band_pending, tds.demand_pending TO :"web";
