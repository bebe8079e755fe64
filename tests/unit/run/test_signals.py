"""Stopping on request: the first signal asks, the second is as before."""

from __future__ import annotations

import signal
from threading import Thread

import pytest

from sonde.run.signals import StopRequest


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_asks_once_and_then_ends_as_before(number: signal.Signals) -> None:
    before = {each: signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)}
    with StopRequest() as request:
        assert not request.asked
        signal.raise_signal(number)
        assert request.asked
        assert request.reason == number.name
        assert {each: signal.getsignal(each) for each in before} == before
    assert {each: signal.getsignal(each) for each in before} == before


def test_handlers_are_given_back_where_the_run_fails() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(ZeroDivisionError), StopRequest():
        assert signal.getsignal(signal.SIGTERM) != before
        raise ZeroDivisionError
    assert signal.getsignal(signal.SIGTERM) == before


def test_in_another_thread_it_leaves_signals_alone() -> None:
    """Python lets only the main thread handle signals."""
    before, seen = signal.getsignal(signal.SIGTERM), []

    def work() -> None:
        with StopRequest() as request:
            seen.append((request.asked, signal.getsignal(signal.SIGTERM)))

    thread = Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [(False, before)]
