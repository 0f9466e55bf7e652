"""Users' sessions: whether they are active, and how many log-ons and log-offs lie between two readings.

A disconnected session exists but is not active. Connecting to it again is not a log-on. The arithmetic is pure. The
call of Windows (``wtsapi32.dll``) was tested under Wine, which has no sessions; on Windows itself it is untested here.
"""

import sys
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Session:
    """A user's session. ``name`` distinguishes it from all others, also from an earlier one of the same user."""

    name: Hashable
    active: bool


def states(sessions: Sequence[Session]) -> dict[str, float]:
    """Return the numbers of active and of disconnected sessions."""
    active = sum(session.active for session in sessions)
    return {"win_session.active_sessions": active, "win_session.disconnected_sessions": len(sessions) - active}


def changes(before: Sequence[Session], after: Sequence[Session]) -> dict[str, float]:
    """Return the numbers of log-ons and log-offs between two readings."""
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
        """Return the name of a session's user. Empty if it has none, such as the services' session."""
        text, size = wintypes.LPWSTR(), wintypes.DWORD()
        if not _wts.WTSQuerySessionInformationW(None, session, _USER_NAME, ctypes.byref(text), ctypes.byref(size)):
            return ""  # it has ended in the meantime
        try:
            return text.value or ""
        finally:
            _wts.WTSFreeMemory(text)
