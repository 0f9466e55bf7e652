"""Being told to stop ends a wait, also on a system where no signal does."""

import threading
import time

import pytest

from edge import stopping
from edge.stopping import wait


class Deaf(threading.Event):
    """An event whose waits last as long as they were meant to, as on Windows."""

    def wait(self, timeout: float | None = None) -> bool:
        time.sleep(timeout or 0)
        return self.is_set()


def test_a_wait_ends_when_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "SLICE", 0.01)
    stop = Deaf()
    threading.Timer(0.05, stop.set).start()
    began = time.monotonic()
    assert wait(stop, 30)
    assert time.monotonic() - began < 10


def test_a_wait_ends_when_it_is_over() -> None:
    stop = threading.Event()
    began = time.monotonic()
    assert not wait(stop, 0.02)
    assert time.monotonic() - began >= 0.02
