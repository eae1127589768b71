"""The end by a signal."""

import os
import signal
from collections.abc import Iterator

import pytest

from system_monitor.stopping import Stopping


@pytest.fixture
def stopping() -> Iterator[Stopping]:
    before = {name: signal.getsignal(name) for name in (signal.SIGINT, signal.SIGTERM)}
    stopping = Stopping()
    stopping.listen()
    yield stopping
    for name, handler in before.items():
        signal.signal(name, handler)


def test_a_signal_ends_it_at_once(stopping: Stopping) -> None:
    with pytest.raises(KeyboardInterrupt):
        os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_what_has_begun_is_done_first_and_what_comes_after_is_not_cut(stopping: Stopping) -> None:
    done = []

    def work() -> None:
        with stopping:
            os.kill(os.getpid(), signal.SIGTERM)
            done.append("what has begun")

    with pytest.raises(KeyboardInterrupt):
        work()
    with stopping:
        done.append("the last flush")
    assert done == ["what has begun", "the last flush"]


def test_a_second_signal_does_not_wait(stopping: Stopping) -> None:
    with stopping:
        os.kill(os.getpid(), signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
