-- TimescaleDB Community: readings and ledger become hypertables with a columnstore; rollups are continuous aggregates.

SELECT create_hypertable('tds.reading', by_range('time', interval '7 days'), create_default_indexes => false);
SELECT create_hypertable('tds.ledger', by_range('middle', interval '7 days'), create_default_indexes => false);
ALTER TABLE tds.reading SET (timescaledb.compress, timescaledb.compress_segmentby = 'device_id', timescaledb.compress_orderby = 'time');
ALTER TABLE tds.ledger SET (timescaledb.compress, timescaledb.compress_segmentby = 'device_id', timescaledb.compress_orderby = 'middle');
SELECT add_compression_policy('tds.reading', compress_after => interval '7 days');
SELECT add_compression_policy('tds.ledger', compress_after => interval '7 days');

INSERT INTO tds.meta (key, value) VALUES ('engine', 'timescaledb');
SELECT add_retention_policy('tds.reading', drop_after => interval '730 days');
