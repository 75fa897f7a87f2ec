"""Which sessions that end Mosquitto 2.0 finds in its file when it starts: their gateways are away, and its log will not have said so."""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from pathlib import Path

# The file of 2.0: a header, then chunks, each with its kind and length before it (persist.h there). It speaks its machine's tongue
# in some numbers; those read here are in network order.
HEADER = b"\x00\xb5\x00mosquitto db\x00\x00\x00\x00\x00\x00\x00\x06"
CHUNK = struct.Struct(">II")
# When the session ends, its seconds, the last message's number, lengths of the client id and of the user name around the port.
CLIENT, CLIENT_CHUNK = struct.Struct(">8xIHH2xH4x"), 6
NO_END = (0, 0xFFFFFFFF)


def with_an_end(path: Path) -> list[str]:
    """Give the client ids of the sessions in the file that are not kept for ever; none where there is no file of 2.0."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return list(_clients(content)) if content[: len(HEADER)] == HEADER else []
    except (OSError, ValueError, struct.error):  # an empty or damaged file is Mosquitto's to complain of
        return []


def _clients(content: mmap.mmap) -> Iterator[str]:
    at = len(HEADER)
    while at + CHUNK.size <= len(content):
        kind, length = CHUNK.unpack_from(content, at)
        at += CHUNK.size
        if kind == CLIENT_CHUNK:
            seconds, _, id_length, _ = CLIENT.unpack_from(content, at)
            if seconds not in NO_END:
                start = at + CLIENT.size
                yield content[start : start + id_length].decode(errors="replace")
        at += length
