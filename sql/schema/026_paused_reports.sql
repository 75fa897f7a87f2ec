-- A recipient of reports may be paused: nothing becomes due until it goes on, and what was due meanwhile is not sent afterwards.

ALTER TABLE tds.report_recipient ADD COLUMN paused_at timestamptz, ADD COLUMN resumed_at timestamptz;
COMMENT ON COLUMN tds.report_recipient.paused_at IS 'Since when nothing is sent; NULL: reports are sent.';
COMMENT ON COLUMN tds.report_recipient.resumed_at IS 'When it went on last: what had become due before is not sent.';

CREATE POLICY web_report_recipient_pause ON tds.report_recipient FOR UPDATE TO :"web"
    USING (account_id = tds.current_account() AND (SELECT tds.is_admin())) WITH CHECK (account_id = tds.current_account() AND (SELECT tds.is_admin()));
GRANT UPDATE (paused_at, resumed_at) ON tds.report_recipient TO :"web";

-- What waits for somebody who is paused is forgotten.
CREATE POLICY web_report_mail_forget ON tds.report_mail FOR DELETE TO :"web"
    USING (account_id = tds.current_account() AND (SELECT tds.is_admin()) AND sent_at IS NULL AND given_up_at IS NULL);
GRANT DELETE ON tds.report_mail TO :"web";
