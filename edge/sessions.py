"""Sessions of people: who has one, whether it is active, and who logged on or off between two looks.

A session that is disconnected is there, and not active; connecting to it again is no log-on. The arithmetic is pure;
what is Windows' (``wtsapi32.dll``) is a thin call, tried under Wine, where there is no session; on Windows itself it is
untested here.
"""

import sys
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody's session. ``name`` tells it from all others, and from one that the same person had before."""

    name: Hashable
    active: bool


def states(sessions: Sequence[Session]) -> dict[str, float]:
    """Return how many sessions are active, and how many are disconnected."""
    active = sum(session.active for session in sessions)
    return {"win_session.active_sessions": active, "win_session.disconnected_sessions": len(sessions) - active}


def changes(before: Sequence[Session], after: Sequence[Session]) -> dict[str, float]:
    """Return how many log-ons and log-offs lie between two looks."""
    then, now = (Counter(session.name for session in sessions) for sessions in (before, after))
    return {"win_session.logons": (now - then).total(), "win_session.logoffs": (then - now).total()}


if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    _ACTIVE, _DISCONNECTED = 0, 4
    _USER_NAME = 5

    class _Info(ctypes.Structure):
        _fields_ = (("id", wintypes.DWORD), ("station", wintypes.LPWSTR), ("state", ctypes.c_int))

    _wts = ctypes.WinDLL("wtsapi32", use_last_error=True)
    _wts.WTSEnumerateSessionsW.argtypes = (
        wintypes.HANDLE, wintypes.DWORD, wintypes.DWORD, ctypes.POINTER(ctypes.POINTER(_Info)),
        ctypes.POINTER(wintypes.DWORD),
    )  # fmt: skip
    _wts.WTSQuerySessionInformationW.argtypes = (
        wintypes.HANDLE, wintypes.DWORD, ctypes.c_int, ctypes.POINTER(wintypes.LPWSTR), ctypes.POINTER(wintypes.DWORD),
    )  # fmt: skip
    _wts.WTSFreeMemory.argtypes = (ctypes.c_void_p,)

    def windows_sessions() -> list[Session]:
        """Return the sessions that have a user. Raises OSError."""
        found, count = ctypes.POINTER(_Info)(), wintypes.DWORD()
        if not _wts.WTSEnumerateSessionsW(None, 0, 1, ctypes.byref(found), ctypes.byref(count)):
            raise ctypes.WinError(ctypes.get_last_error())
        try:
            return [
                Session((each.id, user), each.state == _ACTIVE)
                for each in (found[at] for at in range(count.value))
                if each.state in (_ACTIVE, _DISCONNECTED) and (user := _user(each.id))
            ]
        finally:
            _wts.WTSFreeMemory(found)

    def _user(session: int) -> str:
        """Return the name of a session's user; empty where it has none, as the services' session."""
        text, size = wintypes.LPWSTR(), wintypes.DWORD()
        if not _wts.WTSQuerySessionInformationW(None, session, _USER_NAME, ctypes.byref(text), ctypes.byref(size)):
            return ""  # it has ended meanwhile
        try:
            return text.value or ""
        finally:
            _wts.WTSFreeMemory(text)
