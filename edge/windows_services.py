"""Windows' service manager through ``advapi32.dll``: enable, disable, and the state of a service by its name.

This is only a thin layer under edge/services.py. Everything raises OSError with Windows' own words if it refuses.
(``sc.exe`` could do most of it; its answers depend on the language, and Wine's cannot enable a service.)
"""

import sys
import time

PATIENCE = 30.0
"""Seconds that a service may take to stop. The service host ends the program within 25."""

if sys.platform == "win32":
    import ctypes
    from collections.abc import Iterator
    from contextlib import contextmanager
    from ctypes import wintypes

    _CONNECT, _QUERY, _CHANGE, _START, _STOP = 0x1, 0x4, 0x2, 0x10, 0x20
    _UNCHANGED, _AUTO, _DISABLED = 0xFFFFFFFF, 2, 4
    _NOT_ACTIVE = 1062
    STATES = {1: "stopped", 2: "starting", 3: "stopping", 4: "running"}

    class _Status(ctypes.Structure):
        _fields_ = tuple(
            (name, wintypes.DWORD) for name in ("type", "state", "accepted", "code", "own", "point", "hint")
        )

    _dll, _HANDLE = ctypes.WinDLL("advapi32", use_last_error=True), ctypes.c_void_p
    for _name, _arguments, _result in (
        ("OpenSCManagerW", (wintypes.LPCWSTR, wintypes.LPCWSTR, wintypes.DWORD), _HANDLE),
        ("OpenServiceW", (_HANDLE, wintypes.LPCWSTR, wintypes.DWORD), _HANDLE),
        ("CloseServiceHandle", (_HANDLE,), wintypes.BOOL),
        ("ChangeServiceConfigW", (_HANDLE, *[wintypes.DWORD] * 3, *[ctypes.c_void_p] * 7), wintypes.BOOL),
        ("StartServiceW", (_HANDLE, wintypes.DWORD, ctypes.c_void_p), wintypes.BOOL),
        ("ControlService", (_HANDLE, wintypes.DWORD, ctypes.POINTER(_Status)), wintypes.BOOL),
        ("QueryServiceStatus", (_HANDLE, ctypes.POINTER(_Status)), wintypes.BOOL),
    ):
        _function = getattr(_dll, _name)
        _function.argtypes, _function.restype = _arguments, _result

    def _made(result: int | None) -> int:
        if not result:
            raise ctypes.WinError(ctypes.get_last_error())
        return result

    @contextmanager
    def _opened(name: str, rights: int) -> Iterator[int]:
        manager = _made(_dll.OpenSCManagerW(None, None, _CONNECT))
        try:
            service = _made(_dll.OpenServiceW(manager, name, rights | _QUERY))
            try:
                yield service
            finally:
                _dll.CloseServiceHandle(service)
        finally:
            _dll.CloseServiceHandle(manager)

    def _state(service: int) -> int:
        status = _Status()
        _made(_dll.QueryServiceStatus(service, ctypes.byref(status)))
        return int(status.state)

    def _stop(service: int) -> None:
        status = _Status()
        if not _dll.ControlService(service, 1, ctypes.byref(status)):
            if ctypes.get_last_error() == _NOT_ACTIVE:
                return
            raise ctypes.WinError(ctypes.get_last_error())
        end = time.monotonic() + PATIENCE
        while STATES.get(_state(service)) != "stopped":
            if time.monotonic() > end:
                raise TimeoutError(f"it has not stopped within {PATIENCE:.0f} seconds")
            time.sleep(0.1)

    def _starts(service: int, how: int) -> None:
        _made(_dll.ChangeServiceConfigW(service, _UNCHANGED, how, _UNCHANGED, *[None] * 7))

    def enable(name: str) -> None:
        """Let a service start with the machine, and start it now, anew if it runs."""
        with _opened(name, _CHANGE | _START | _STOP) as service:
            _starts(service, _AUTO)
            _stop(service)
            _made(_dll.StartServiceW(service, 0, None))

    def disable(name: str) -> None:
        """Stop a service, and let it not start with the machine."""
        with _opened(name, _CHANGE | _STOP) as service:
            _starts(service, _DISABLED)
            _stop(service)

    def state(name: str) -> str:
        """Return a service's state in a word."""
        with _opened(name, 0) as service:
            return STATES.get(_state(service), "paused")
