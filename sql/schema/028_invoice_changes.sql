-- An invoice that was typed wrong is corrected, not removed and typed anew; two people at the same one: whoever saves says which version was looked at.

ALTER TABLE tds.invoice ADD COLUMN version integer NOT NULL DEFAULT 1, ADD COLUMN changed_at timestamptz, ADD COLUMN changed_by text;
COMMENT ON COLUMN tds.invoice.version IS 'One more with each change.';
COMMENT ON COLUMN tds.invoice.changed_by IS 'E-mail address of whoever corrected it last.';
CREATE TRIGGER count_version BEFORE UPDATE ON tds.invoice FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION tds.count_version();

CREATE POLICY web_invoice_change ON tds.invoice FOR UPDATE TO :"web"
    USING (account_id = tds.current_account() AND (SELECT tds.may_edit())) WITH CHECK (account_id = tds.current_account());
GRANT UPDATE (resource, first_day, last_day, quantity, unit, amount) ON tds.invoice TO :"web";
