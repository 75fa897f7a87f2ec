"""Makes hostile messages in a process of its own: `python -m tests.faults.hostile ROUNDS EACH` writes them to standard output.

Hypothesis keeps what it has drawn for a while, megabytes of it: in the process whose memory is watched it would be taken for a leak.
Every message is decoded and resolved alone before it is written, and every promise about the outcome held against it.
"""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from ingest.message import LARGEST_PAYLOAD
from settings import ROOT
from tests.ingest.cast import topic
from tests.ingest.test_fuzz import GOOD, anything, check, hostile_topic, messages, mutate

LENGTHS = struct.Struct(">II")

topics = st.one_of(
    st.just(topic()),
    st.just(topic(sort="status")),
    st.randoms(use_true_random=False).map(hostile_topic),
    st.text(max_size=60),
)
small = messages.map(lambda message: json.dumps(message).encode())
encoded = st.tuples(anything, st.sampled_from(["utf-8", "utf-16", "utf-32"])).map(
    lambda pair: json.dumps(pair[0], ensure_ascii=False).encode(pair[1], "surrogatepass")
)
mutated = st.randoms(use_true_random=False).map(lambda chance: mutate(GOOD, chance))
large = st.tuples(st.binary(min_size=1, max_size=40), st.integers(1, LARGEST_PAYLOAD + 5000)).map(
    lambda pair: (pair[0] * (pair[1] // len(pair[0]) + 1))[: pair[1]]
)
deep = st.tuples(st.sampled_from([b"[", b'{"a":', b'{"leituras":[', b'[{"seq":']), st.integers(1, 9000)).map(
    lambda pair: pair[0] * (pair[1] * 6 // len(pair[0]))
)
repeated = st.tuples(small, st.sampled_from([b'"seq":1,', b'"gateway_mac":"x",', b'"leituras":[],'])).map(
    lambda pair: b"{" + pair[1] * 3 + pair[0][1:]
)
numbers = st.tuples(st.integers(1, 6000), st.sampled_from(["seq", "valor"])).map(
    lambda pair: GOOD.replace(b'"seq": 9' if pair[1] == "seq" else b"123.45", b'"seq": ' * (pair[1] == "seq") + b"9" * pair[0])
)
payloads = st.one_of(small, small, small, mutated, mutated, encoded, repeated, numbers, st.binary(max_size=3000), large, deep)


@contextmanager
def hostile_messages(rounds: int, each: int) -> Iterator[Iterator[tuple[str, bytes]]]:
    """Give topics and payloads, drawn by a child process as they are asked for; fails where that process failed."""
    command = [sys.executable, "-m", "tests.faults.hostile", str(rounds), str(each)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        try:
            yield _read(child.stdout)
            assert child.wait(60) == 0, "the process that makes the messages failed: its words are above"
        finally:
            child.kill()


def _read(stream: BinaryIO) -> Iterator[tuple[str, bytes]]:
    while head := stream.read(LENGTHS.size):
        on, payload = (stream.read(length) for length in LENGTHS.unpack(head))
        yield on.decode("utf-8", "surrogatepass"), payload


def make(number: int, count: int, stream: BinaryIO) -> None:
    """Write one round; its number is the seed."""

    @seed(number)
    @settings(max_examples=count, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(topics, payloads)
    def write(on: str, payload: bytes) -> None:
        check(on, payload)
        name = on.encode("utf-8", "surrogatepass")
        stream.write(LENGTHS.pack(len(name), len(payload)) + name + payload)

    write()


if __name__ == "__main__":
    for number in range(int(sys.argv[1])):
        make(number, int(sys.argv[2]), sys.stdout.buffer)
