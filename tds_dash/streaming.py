"""Bodies that are written while they are sent: under the request that they answer, without holding its thread to it."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextvars import copy_context
from typing import TypeVar

Piece = TypeVar("Piece", str, bytes)


def for_request(body: Iterator[Piece]) -> Iterator[Piece]:
    """Write a body, whenever it is sent, as the request of this moment: its person, its account, its language.

    Each piece is written in a copy of the request's context. Flask's `stream_with_context` leaves it with the thread between
    two pieces: a body that nobody reads to its end or closes would have its person stand in for whoever asks next.
    """
    context = copy_context()

    def pieces() -> Iterator[Piece]:
        try:
            while (piece := context.run(next, body, None)) is not None:
                yield piece
        finally:
            if isinstance(body, Generator):
                context.run(body.close)

    return pieces()
