-- What demand beyond the contracted one costs on top of its price, as Brazil's *ultrapassagem*: where the largest quarter-hour is more
-- than so many percent above what is contracted, every kW beyond it, those within the tolerance too, costs a multiple of the price once more.

ALTER TABLE tds.tariff
    ADD COLUMN excess_tolerance numeric NOT NULL DEFAULT 0 CHECK (excess_tolerance BETWEEN 0 AND 100),
    ADD COLUMN excess_multiple numeric NOT NULL DEFAULT 0
        CHECK (excess_multiple BETWEEN 0 AND 100 AND (excess_multiple = 0 OR contracted_demand > 0));
COMMENT ON COLUMN tds.tariff.excess_tolerance IS 'In percent of the contracted demand: what a month may be above it without a surcharge.';
COMMENT ON COLUMN tds.tariff.excess_multiple IS 'How many times the price of demand a kW beyond the contracted ones costs on top. 0: no surcharge.';
GRANT INSERT (excess_tolerance, excess_multiple), UPDATE (excess_tolerance, excess_multiple) ON tds.tariff TO :"web";
