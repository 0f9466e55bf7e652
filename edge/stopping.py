"""How a program is told to stop: Ctrl-C, SIGTERM, and on Windows Ctrl-Break, which service wrappers send."""

import signal
import threading
import time

SLICE = 0.5
"""Seconds after which a wait looks up: on Windows, no signal interrupts one."""


def stop_event() -> threading.Event:
    """Return an event that is set when the program is told to stop."""
    stop = threading.Event()
    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        if number := getattr(signal, name, None):
            signal.signal(number, lambda *_: stop.set())
    return stop


def wait(stop: threading.Event, seconds: float) -> bool:
    """Wait so many seconds, or until told to stop; tell whether that is so."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0 and not stop.is_set():
        stop.wait(min(left, SLICE))
    return stop.is_set()
