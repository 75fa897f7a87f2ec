-- What of a demand is contracted: charged for even where less was taken, and drawn as a line across the peaks.

ALTER TABLE tds.tariff ADD COLUMN contracted_demand numeric NOT NULL DEFAULT 0
    CHECK (contracted_demand >= 0 AND (contracted_demand = 0 OR resource = 'electricity'));
COMMENT ON COLUMN tds.tariff.contracted_demand IS 'In kW; a month is charged for that much at least. 0: none is contracted.';
GRANT INSERT (contracted_demand), UPDATE (contracted_demand) ON tds.tariff TO :"web";
