"""Windows' own performance counters through ``pdh.dll``: opening a query, adding counters, reading their values.

This is only a thin layer; edge/windows.py knows what a counter means. Counters have English names in every language of
Windows. Everything raises OSError if Windows refuses. A value that is not valid now is None.

Tested under Wine, which has a few of these counters. On Windows itself it is untested here.
"""

import sys

if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    _DOUBLE = 0x200
    _VALID = (0, 1)  # valid, and new
    _MORE_DATA = 0x800007D2

    class _Value(ctypes.Structure):
        _fields_ = (("status", wintypes.DWORD), ("value", ctypes.c_double))

    class _Item(ctypes.Structure):
        _fields_ = (("name", wintypes.LPWSTR), ("value", _Value))

    _pdh = ctypes.WinDLL("pdh")
    _HANDLE, _TO = ctypes.c_void_p, ctypes.POINTER
    for _name, _arguments in {
        "PdhOpenQueryW": (wintypes.LPCWSTR, ctypes.c_size_t, _TO(_HANDLE)),
        "PdhAddEnglishCounterW": (_HANDLE, wintypes.LPCWSTR, ctypes.c_size_t, _TO(_HANDLE)),
        "PdhCollectQueryData": (_HANDLE,),
        "PdhGetFormattedCounterValue": (_HANDLE, wintypes.DWORD, _TO(wintypes.DWORD), _TO(_Value)),
        "PdhGetFormattedCounterArrayW": (
            _HANDLE, wintypes.DWORD, _TO(wintypes.DWORD), _TO(wintypes.DWORD), ctypes.c_void_p,
        ),
    }.items():  # fmt: skip
        _function = getattr(_pdh, _name)
        _function.argtypes, _function.restype = _arguments, wintypes.DWORD

    def _check(status: int) -> None:
        if status:
            raise OSError(f"PDH returned the error 0x{status:08X}")

    class Query:
        """Counters that are read together. Rates are computed between two collections."""

        def __init__(self) -> None:
            """Open a query. Raises OSError."""
            self._handle = _HANDLE()
            _check(_pdh.PdhOpenQueryW(None, 0, ctypes.byref(self._handle)))

        def add(self, path: str) -> object:
            r"""Add a counter by its path, such as ``\LogicalDisk(*)\% Free Space``. Return its handle."""
            counter = _HANDLE()
            _check(_pdh.PdhAddEnglishCounterW(self._handle, path, 0, ctypes.byref(counter)))
            return counter

        def collect(self) -> None:
            """Read all counters."""
            _check(_pdh.PdhCollectQueryData(self._handle))

        def value(self, counter: object) -> float | None:
            """Return a counter's value at the last collection."""
            found = _Value()
            status = _pdh.PdhGetFormattedCounterValue(counter, _DOUBLE, None, ctypes.byref(found))
            return found.value if not status and found.status in _VALID else None

        def values(self, counter: object) -> dict[str, float]:
            """Return the valid values of a counter with ``*``, by instance."""
            size, count = wintypes.DWORD(0), wintypes.DWORD(0)
            room = None
            while True:  # instances may be added between the two calls
                status = _pdh.PdhGetFormattedCounterArrayW(
                    counter, _DOUBLE, ctypes.byref(size), ctypes.byref(count), room
                )
                if status != _MORE_DATA:
                    break
                room = ctypes.create_string_buffer(size.value)
            if status or room is None:
                return {}
            items = ctypes.cast(room, _TO(_Item))
            return {
                str(items[at].name): float(items[at].value.value)
                for at in range(count.value)
                if items[at].value.status in _VALID
            }
