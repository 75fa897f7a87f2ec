"""Events that signals set, whatever the main thread is doing at that moment."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from broker.signals import STOP, event_of
from tests.broker.lab import wait_until


@pytest.fixture(autouse=True)
def _handlers_as_before() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_each_sets_the_event(number: signal.Signals) -> None:
    event = event_of(*STOP)
    assert not event.is_set()

    signal.raise_signal(number)

    assert event.wait(5)


@pytest.mark.timeout(10)
def test_a_signal_in_the_moment_before_a_wait_blocks_nobody() -> None:
    """A process told to stop as it began to wait hung for ever: the handler waited for the lock that the wait held."""
    event = event_of(*STOP)

    with event._cond:  # type: ignore[attr-defined]  # as `wait` holds it
        signal.raise_signal(signal.SIGTERM)

    assert wait_until(event.is_set)


def test_what_this_system_does_not_have_is_left_out() -> None:
    assert not event_of("SIGNOTHING").is_set()
