"""What join checks before it changes anything: the app's name, its certificate, the clock, and the drop.

Each check returns a sentence about what it found, and raises Unavailable with what is wrong and what to do. Knows no
code, no key and no settings.
"""

import http.client
import os
import secrets
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from domain.errors import Unavailable
from domain.heartbeat import CLOCK_OFF
from edge.app import BINARY, PUSH
from edge.blobs import BlobSource, sas_days
from edge.https import Connection, Server, connected, failure

CLOCK_LIMIT = 300
"""By how many seconds the clock may differ. Beyond that, samples count as too old or as of a time to come."""

_SET_CLOCK = "let this machine and its VMs take the time from a server (Windows: w32tm /resync; Linux: timedatectl)"


def check_name(server: Server) -> str:
    """Look up the name of the app, or of the proxy on the way."""
    if server.used_proxy:
        host = server.shown_proxy.rpartition(":")[0]
        what = f"the proxy {server.shown_proxy}, which reaches {server.host}"
    else:
        host = what = server.host
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise failure(server, error if isinstance(error, OSError) else socket.gaierror(0, str(error))) from error
    return f"{what} has the address {found[0][4][0]}"


def check_certificate(server: Server) -> str:
    """Connect, and see whose certificate it is."""
    if not server.secure:
        return "none, as the app is on this machine"
    try:
        connection = connected(server, server.trust())
    except (OSError, http.client.HTTPException) as error:
        raise failure(server, error) from error
    try:
        shown: Any = connection.sock.getpeercert() if isinstance(connection.sock, ssl.SSLSocket) else {}
    finally:
        connection.close()
    issuer = ", ".join(value for part in (shown or {}).get("issuer", ()) for _, value in part)
    return f"is trusted; it was issued by {issuer}"


def check_clock(server: Server) -> str:
    """Compare this machine's clock with the app's, and see that it is the app."""
    with Connection(server) as connection:
        answer = connection.request("POST", PUSH, b"", BINARY)
    if answer.status not in {400, 401, 403, 413, 415, 422, 429, 503}:
        raise Unavailable(f"{server.url} answers {answer.status} where the app answers 401; is that the app's URL?")
    if answer.offset is None:
        return "the app's answer has no date, so nothing is known"
    ahead = f"{abs(answer.offset):.0f} s {'ahead of' if answer.offset > 0 else 'behind'} the app's"
    if abs(answer.offset) > CLOCK_LIMIT:
        raise Unavailable(f"this machine's clock is {ahead}; more than {CLOCK_LIMIT} s is too much: {_SET_CLOCK}")
    if abs(answer.offset) > CLOCK_OFF:
        return f"NOTE: this machine's clock is {ahead}; {_SET_CLOCK}"
    return "is right to some seconds"


@contextmanager
def as_user(owner: os.stat_result | None) -> Iterator[None]:
    """Do what is in the block with the rights of a file's owner. None: with those of this process, which may be any."""
    if owner is None:
        yield
        return
    groups = os.getgroups()
    os.setgroups([owner.st_gid])
    os.setegid(owner.st_gid)
    os.seteuid(owner.st_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


def check_folder(folder: Path, service: os.stat_result | None) -> str:
    """Write a file to the drop, read it, and remove it, as the SPOC's user if that is known.

    ``service`` is of a file that belongs to this user. Only root on Linux can take its place.
    """
    with as_user(service):
        _try_folder(folder)
    who = "the SPOC's user" if service else "you; the user of the SPOC's service needs the same rights"
    return f"in {folder} a file can be written, read and removed (by {who})"


def _try_folder(folder: Path) -> None:
    probe = folder / f".spot-pc-join-{secrets.token_hex(4)}"
    doing = "written"
    try:
        if not folder.is_dir():
            raise Unavailable(
                f"the folder {folder} does not exist, or can't be seen from here; make and share it first"
            )
        probe.write_bytes(b"join")
        doing = "read"
        probe.read_bytes()
        doing = "removed"
        probe.unlink()
    except OSError as error:
        raise Unavailable(
            f"in the folder {folder} a file can't be {doing}: {error.strerror}. The SPOC's user must be allowed to "
            "list, write, read and remove files there"
        ) from error


def check_container(source: BlobSource, sas: str, now: float) -> str:
    """Write a blob to the drop, list and read it, and remove it. ``now`` is in Unix seconds."""
    source.probe()
    left = sas_days(sas, now)
    until = "" if left is None else f"; its SAS is valid for {left:.0f} days"
    return f"a blob can be written, listed, read and removed{until}"
