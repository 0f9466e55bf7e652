"""Small text files that people make: keys, settings, lists. Knows the encodings in which Windows' programs save them.

These are UTF-8 and UTF-16, each with or without a byte order mark: Notepad and PowerShell's ``>`` write the mark.
"""

import codecs
from pathlib import Path

MOST_BYTES = 1024 * 1024
"""More than any key, settings or list of names has. A larger file is another file, given by mistake."""


def text_of(content: bytes) -> str:
    """Return the text without its byte order mark. UTF-16 needs one. Raises UnicodeDecodeError (a ValueError)."""
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    return content.decode("utf-16" if utf16 else "utf-8-sig")


def read_text(path: Path) -> str:
    """Return a file's text. Raises OSError, and ValueError if it is no text or too large."""
    with path.open("rb") as file:
        content = file.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError(f"{path} is larger than {MOST_BYTES:,} bytes; is it another file?")
    try:
        return text_of(content)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text in UTF-8 or UTF-16: {error.reason} at byte {error.start}") from error


def read_secret(path: Path) -> bytes:
    """Return the secret in a file: its text in UTF-8 without blanks and line ends around it; or bytes that are no text.

    So a key counts as the same key however an editor saves it. Raises OSError.
    """
    content = path.read_bytes()
    try:
        return text_of(content).strip().encode()
    except UnicodeDecodeError:
        return content.strip()
