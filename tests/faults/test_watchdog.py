"""An ingester that hangs ends itself, so that whoever started it starts it anew; nothing acknowledged is lost by that."""

from datetime import UTC, datetime

from tests.faults.cell import Cell, wait_for
from tests.faults.load import Load
from tests.ingest.cast import MAC, payload, query


def test_a_store_loop_that_hangs_ends_the_process_and_the_next_one_goes_on(plain_cell: Cell) -> None:
    ingester = plain_cell.ingester("tests.faults.hanging").wait_until_subscribed()
    load = Load(plain_cell).begin()
    wait_for(lambda: ingester.metric("tds_readings_total") > 50)
    publisher = load.publishers[0]
    publisher.publish(payload([("D02", 1, "m³")], datetime.now(UTC), MAC, note="HANG"), -1)
    wait_for(lambda: ingester.ask("/readyz")[0] == 503)
    assert "no answer for" in ingester.ask("/readyz")[1]
    wait_for(lambda: ingester.process.poll() is not None, what=ingester.log.read_text)
    assert ingester.process.returncode == 1
    assert "the store loop hangs: ending, to be started anew" in ingester.log.read_text()
    plain_cell.ingester().wait_until_subscribed()
    load.end()
    found = "SELECT count(*) FROM tds.reading r JOIN tds.device d ON d.id = r.device_id WHERE d.code = 'D02'"
    wait_for(lambda: query(plain_cell.database, found) == [(1,)])
    with plain_cell.database.owner.transaction() as connection:
        connection.exec_driver_sql("DELETE FROM tds.reading r USING tds.device d WHERE d.id = r.device_id AND d.code = 'D02'")
    load.check()
