"""The signals that stop a program: Ctrl-C, SIGTERM, and on Windows Ctrl-Break, which service wrappers send."""

import signal
import threading
import time

SLICE = 0.5
"""The seconds between two checks during a wait. On Windows, signals don't interrupt a wait."""


def stop_event() -> threading.Event:
    """Return an event that is set when the program is told to stop."""
    stop = threading.Event()
    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        if number := getattr(signal, name, None):
            signal.signal(number, lambda *_: stop.set())
    return stop


def wait(stop: threading.Event, seconds: float) -> bool:
    """Wait so many seconds, or until the program is told to stop. Tell whether it is."""
    end = time.monotonic() + seconds
    while (left := end - time.monotonic()) > 0 and not stop.is_set():
        stop.wait(min(left, SLICE))
    return stop.is_set()
