-- Monthly reports by mail: who gets them, when in the month, and what became of each.

CREATE TABLE tds.report_recipient (
    id         integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id integer NOT NULL REFERENCES tds.account (id) ON DELETE CASCADE,
    address    text NOT NULL CHECK (length(address) BETWEEN 3 AND 254),
    locale     text NOT NULL CHECK (locale IN ('pt-BR', 'en')),
    day        smallint NOT NULL CHECK (day BETWEEN 1 AND 28),
    hour       smallint NOT NULL CHECK (hour BETWEEN 0 AND 23),
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL DEFAULT '' CHECK (length(created_by) <= 254),
    UNIQUE (account_id, address)
);
COMMENT ON TABLE tds.report_recipient IS 'Who gets the report of the month before by mail: on a day of each month, at an hour, local to the account.';

-- One row for each month and recipient, there before anything is sent: so a report is sent once, whoever sends.
CREATE TABLE tds.report_mail (
    id           uuid NOT NULL DEFAULT gen_random_uuid() UNIQUE,
    recipient_id integer NOT NULL REFERENCES tds.report_recipient (id) ON DELETE CASCADE,
    account_id   integer NOT NULL REFERENCES tds.account (id) ON DELETE CASCADE,
    month        date NOT NULL CHECK (extract(day FROM month) = 1),
    created_at   timestamptz NOT NULL DEFAULT now(),
    next_at      timestamptz NOT NULL DEFAULT now(),
    attempts     integer NOT NULL DEFAULT 0,
    fault        text CHECK (length(fault) <= 300),
    sent_at      timestamptz,
    given_up_at  timestamptz,
    PRIMARY KEY (recipient_id, month)
);
COMMENT ON TABLE tds.report_mail IS 'Reports on their way to recipients, each under its own id: sent once for a month, tried again where a mail server did not take it.';
COMMENT ON COLUMN tds.report_mail.next_at IS 'When to try, or to try again: put forward while somebody tries, so that a mail outlives whoever held it.';
CREATE INDEX report_mail_due ON tds.report_mail (next_at) WHERE sent_at IS NULL AND given_up_at IS NULL;
CREATE INDEX report_mail_account ON tds.report_mail (account_id);

ALTER TABLE tds.report_recipient ENABLE ROW LEVEL SECURITY;
ALTER TABLE tds.report_mail ENABLE ROW LEVEL SECURITY;

-- Where the account's figures go is its administrators' to say and to see: an address may be anybody's.
CREATE POLICY web_report_recipient_read ON tds.report_recipient FOR SELECT TO :"web" USING (account_id = tds.current_account() AND (SELECT tds.is_admin()));
CREATE POLICY web_report_recipient_add ON tds.report_recipient FOR INSERT TO :"web"
    WITH CHECK (account_id = tds.current_account() AND (SELECT tds.is_admin()));
CREATE POLICY web_report_recipient_delete ON tds.report_recipient FOR DELETE TO :"web" USING (account_id = tds.current_account() AND (SELECT tds.is_admin()));
CREATE POLICY web_report_mail_read ON tds.report_mail FOR SELECT TO :"web" USING (account_id = tds.current_account() AND (SELECT tds.is_admin()));
CREATE POLICY web_report_mail_ask ON tds.report_mail FOR INSERT TO :"web"
    WITH CHECK (account_id = tds.current_account() AND (SELECT tds.is_admin()) AND recipient_id IN (SELECT id FROM tds.report_recipient));

GRANT SELECT, DELETE, INSERT (account_id, address, locale, day, hour, created_by) ON tds.report_recipient TO :"web";
GRANT SELECT, INSERT (recipient_id, account_id, month) ON tds.report_mail TO :"web";
