"""The ingester's own certificate is renewed and the old one revoked while it runs, under load."""

import time
from datetime import UTC, datetime, timedelta

from certs.authority import issue_client, new_key
from certs.revocation import revoke
from certs.setup import Workshop, ensure_authority, renew_service
from certs.store import CertificateFolder
from tests.faults.cell import Cell, tended, wait_for
from tests.faults.load import Load


def serial_of(cell: Cell) -> str:
    """The serial number of the ingester's certificate in the folder."""
    certificate = CertificateFolder(cell.settings).certificate("ingester")
    assert certificate is not None
    return f"{certificate.serial_number:032x}"


def test_its_own_certificate_is_renewed_and_the_old_one_revoked_while_it_runs(plain_cell: Cell) -> None:
    ingester = plain_cell.ingester().wait_until_subscribed()
    load = Load(plain_cell).begin()
    time.sleep(0.5)
    old = serial_of(plain_cell)
    with tended(plain_cell):
        renew_service(plain_cell.settings, "ingester")
        time.sleep(0.5)
        assert ingester.metric("tds_reconnects_total") == 0, "a new file alone disturbs nobody"
        assert revoke(plain_cell.settings, old, "leaked").effect.done
    wait_for(lambda: ingester.metric("tds_reconnects_total") > 0)
    wait_for(ingester.is_subscribed, what=ingester.log.read_text)
    load.end()
    load.check()
    load.reconcile()
    assert ingester.process.poll() is None
    assert "Traceback" not in ingester.log.read_text()


def test_an_expired_certificate_is_one_clear_line_and_a_new_one_is_taken_up(plain_cell: Cell) -> None:
    """It goes on with the connection it has; when that ends it says what is wrong, until there is a good certificate."""
    ingester = plain_cell.ingester().wait_until_subscribed()
    load = Load(plain_cell).begin()
    folder = CertificateFolder(plain_cell.settings)
    with folder.writing():
        workshop = Workshop(plain_cell.settings, folder, "test")
        key, now = new_key(), datetime.now(UTC)
        folder.write_key("ingester", key)
        certificate = issue_client(key.public_key(), "ingester", "tds-ingest", folder.issuer(), now, timedelta(seconds=1))
        workshop._keep("ingester", certificate)
    time.sleep(1.5)
    assert ingester.is_subscribed()
    plain_cell.broker.stop()
    wait_for(lambda: "expired on" in ingester.ask("/readyz")[1], what=ingester.log.read_text)
    assert "renew it with `tds certs init`" in ingester.ask("/readyz")[1]
    ensure_authority(plain_cell.settings)
    plain_cell.restart_broker()
    wait_for(ingester.is_subscribed, what=ingester.log.read_text)
    load.end()
    load.check()
    assert "Traceback" not in ingester.log.read_text()
