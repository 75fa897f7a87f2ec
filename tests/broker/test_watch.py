"""What is read from Mosquitto's log, and that the log gets through."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.sessions import with_an_end
from broker.watch import Watch

AT = b"2026-11-27T08:13:04: "
ONE, TWO = b"aa:bb:cc:00:00:01", b"aa:bb:cc:00:00:02"


def came(name: bytes, protocol: int = 5) -> bytes:
    return AT + b"New client connected from 127.0.0.1:5 as %s (p%d, c1, k30, u'%s').\n" % (name, protocol, name)


class Log:
    """Somebody who writes as Mosquitto does, and the watch over it."""

    def __init__(self) -> None:
        reading, self._writing = os.pipe()
        shown, showing = os.pipe()
        self.source, self.output = os.fdopen(reading, "rb"), os.fdopen(showing, "wb")
        self.shown = os.fdopen(shown, "rb")
        self.watch = Watch(self.source, self.output, except_for="tds-ingest")

    def say(self, *lines: bytes) -> list[str]:
        """Write, in pieces that end in the middle of a line, and give who is away then."""
        text = b"".join(lines)
        for begin in range(0, len(text), 7):
            os.write(self._writing, text[begin : begin + 7])
        return self.watch.away()

    def end(self) -> bytes:
        """End the log and give all that was passed on."""
        os.close(self._writing)
        self.watch.join()
        self.output.close()
        return self.shown.read()


@pytest.fixture
def log() -> Iterator[Log]:
    made = Log()
    yield made
    made.source.close()
    made.shown.close()


@pytest.mark.parametrize(
    "left",
    [
        b"Client %s disconnected.",
        b"Client %s closed its connection.",
        b"Client %s has exceeded timeout, disconnecting.",
        b"Client %s disconnected due to protocol error.",
        b"Client %s been disconnected by administrative action.",
        b"Bad socket read/write on client %s: Unknown error",
    ],
)
def test_who_left_is_away_until_it_comes_back(log: Log, left: bytes) -> None:
    assert log.say(came(ONE), came(TWO)) == []
    assert log.say(AT + left % ONE + b"\n") == [ONE.decode()]
    assert log.say(came(ONE, 2)) == []
    assert log.say(AT + left % ONE + b"\n") == []  # 3.1.1 has no sessions that end
    assert log.end().count(b"\n") == 5


def test_one_that_is_replaced_is_not_away(log: Log) -> None:
    again = AT + b"Client %s already connected, closing old connection.\n" % ONE
    assert log.say(came(ONE), again, came(ONE)) == []


def test_the_ingester_and_who_never_came_do_not_count(log: Log) -> None:
    said = [AT + b"Client tds-ingest disconnected.\n", AT + b"Client <unknown> closed its connection.\n", b"\xff\xfe\n", b"\n"]
    assert log.say(came(b"tds-ingest")) == []
    assert log.watch.own() == (True, 0)
    assert log.say(*said) == []
    assert log.watch.own() == (False, 1)
    assert log.end().endswith(b"\xff\xfe\n\n")


@pytest.mark.parametrize(
    "content", [None, b"", b"\x00\xb5\x00mosquitto db\x00\x00\x00\x00\x00\x00\x00\x06\x00\x00\x00\x06\x00\x00\x00\x3a\x1e"]
)
def test_a_file_of_sessions_that_cannot_be_read_names_nobody(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "mosquitto.db").write_bytes(content)

    assert with_an_end(tmp_path / "mosquitto.db") == []
