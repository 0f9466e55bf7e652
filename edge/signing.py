"""The private key with which the tenant's collector (SPOC) signs. It is created once, and only the SPOC may read it.

Knows the key's file; refuses to know how a signature is made (domain.signed) and what is signed.
"""

import base64
import binascii
import os
import secrets
from pathlib import Path

from domain.signed import SECRET_BYTES, Signer
from edge.texts import read_secret

ONLY_MINE = 0o600


def signer_of(path: Path) -> tuple[Signer, bool]:
    """Return a signer with the private key in a file, and whether the file was missing and has been created.

    Raises OSError if the file can't be read or created, and ValueError if it holds no key.
    """
    made = not path.exists()
    if made:
        write_private(path, base64.b64encode(secrets.token_bytes(SECRET_BYTES)) + b"\n")
    try:
        secret = base64.b64decode(read_secret(path), validate=True)
    except binascii.Error:
        secret = b""
    if len(secret) != SECRET_BYTES:
        raise ValueError(f"{path} holds no signing key (it is {SECRET_BYTES} bytes in base64); is it another file?")
    return Signer(secret), made


def readable_by_others(path: Path) -> bool:
    """Tell whether others than the file's owner may read it. False on Windows, where the folder decides that."""
    return os.name == "posix" and bool(path.stat().st_mode & 0o077)


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read. Readers never see a part of it. Raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, ONLY_MINE), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
