"""Opens a file so that another program can still rename or delete it.

Only Windows needs this. There Python's ``open`` forbids it, and Telegraf could not rotate a file while it is read.
"""

import sys
from pathlib import Path
from typing import BinaryIO

if sys.platform == "win32":
    import ctypes
    import msvcrt
    import os

    _GENERIC_READ = 0x80000000
    _SHARE_ALL = 0x7  # read, write, delete
    _OPEN_EXISTING = 3
    _NORMAL = 0x80
    _INVALID = ctypes.c_void_p(-1).value
    _create = ctypes.WinDLL("kernel32", use_last_error=True).CreateFileW
    _create.argtypes = [
        ctypes.c_wchar_p, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_void_p, ctypes.c_uint32, ctypes.c_uint32,
        ctypes.c_void_p,
    ]  # fmt: skip
    _create.restype = ctypes.c_void_p

    def open_shared(path: Path) -> BinaryIO:
        """Open a file for reading. Raises OSError."""
        handle = _create(str(path), _GENERIC_READ, _SHARE_ALL, None, _OPEN_EXISTING, _NORMAL, None)
        if handle in (None, _INVALID):
            error = ctypes.get_last_error()
            raise OSError(None, ctypes.FormatError(error), str(path), error)
        return os.fdopen(msvcrt.open_osfhandle(handle, os.O_RDONLY), "rb")

else:

    def open_shared(path: Path) -> BinaryIO:
        """Open a file for reading. Raises OSError."""
        return path.open("rb")
