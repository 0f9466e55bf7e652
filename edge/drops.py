"""Where an agent delivers its files: a folder, or a container of Azure Blob Storage. The SPOC collects them from there.

A file is put there whole or not at all. Nothing that lies there is read, changed or replaced: the right to create is
enough, and two machines of one name can't replace each other's files. So a file whose name is taken gets another one,
``NAME-xxxxxxxx.json``, made of its content; where that one is taken too, the file is there already.

Blobs are created by plain HTTPS, so that a VM needs no Azure library. Does not know what files hold, and when to try
again.
"""

import hashlib
import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol
from urllib.parse import quote

from domain.errors import Unavailable
from edge.https import Answer, Connection, Server

STORAGE_VERSION = "2021-12-02"
"""The version of the service's protocol. Signing in by an identity needs 2017-11-09 or a later one."""

TAKEN = frozenset({409, 412})
"""What the service answers if a blob of this name exists: with ``If-None-Match: *`` either one."""

CREATED = 201
FORBIDDEN = 403


class Drop(Protocol):
    """A place for files."""

    where: str
    """Its name in messages. It holds no secret."""

    def put(self, name: str, body: bytes) -> None:
        """Put a file there. Raises Unavailable; then it is not there, or to be put there again without harm."""

    def close(self) -> None:
        """Close what is kept open from one file to the next."""


def other_name(name: str, body: bytes) -> str:
    """Return the name of a file whose first name is taken."""
    return f"{name.removesuffix('.json')}-{hashlib.sha256(body).hexdigest()[:8]}.json"


class FolderDrop:
    """A local or shared folder."""

    def __init__(self, folder: Path) -> None:
        """Deliver to a folder, which is made if it does not exist."""
        self._folder = folder
        self.where = str(folder)

    def put(self, name: str, body: bytes) -> None:
        """See Drop."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            # Two machines of one name must not write to one temporary file either.
            temporary = self._folder / f".{other_name(name, body)}.tmp"
            temporary.write_bytes(body)
            try:
                _place(temporary, self._folder / name)
            except FileExistsError:
                try:
                    _place(temporary, self._folder / other_name(name, body))
                except FileExistsError:  # it is there already
                    temporary.unlink()
        except OSError as error:
            raise Unavailable(f"the folder {self.where} can't be written: {error}") from error

    def close(self) -> None:
        """See Drop. Nothing is kept open."""


def _place(temporary: Path, path: Path) -> None:
    """Give a file its name. Raises FileExistsError if the name is taken, and other OSErrors."""
    if sys.platform != "win32":  # where renaming replaces a file without a word
        try:
            os.link(temporary, path)
            temporary.unlink()
        except FileExistsError:
            raise
        except OSError as error:
            if path.exists():  # a share without links; another machine may take the name just now, and then loses
                raise FileExistsError from error
        else:
            return
    temporary.rename(path)


class ContainerDrop:
    """A container of Azure Blob Storage or ADLS Gen2, or a folder in it."""

    def __init__(
        self, server: Server, sas: Callable[[], str] = lambda: "", token: Callable[[], str] | None = None
    ) -> None:
        """Deliver to a server whose URL is ``https://ACCOUNT.blob.core.windows.net/CONTAINER/FOLDER``.

        ``sas`` returns a SAS that may create blobs; it is asked each time, since a new one replaces it before it
        expires. Without one, ``token`` returns an access token of this VM's identity. Both raise Unavailable.
        """
        self.where = server.url
        self._connection = Connection(server)
        self._sas = sas
        self._token = token

    def put(self, name: str, body: bytes) -> None:
        """See Drop."""
        # A SAS that may only create is refused a name that is taken, as one that may do nothing is refused all names. A
        # name that nobody has tells the two apart; the samples that then lie there twice count once.
        names = (name, other_name(name, body), other_name(name, secrets.token_bytes(8)))
        for each in names:
            answer = self._create(each, body)
            if answer.status == CREATED or (answer.status in TAKEN and each != name):
                return
            if answer.status not in {FORBIDDEN, *TAKEN}:
                break
        code = answer.headers.get("x-ms-error-code", "without a reason")
        raise Unavailable(f"{self.where} answers {answer.status} {code}{_ADVICE.get(answer.status, '')}")

    def _create(self, name: str, body: bytes) -> Answer:
        headers = {
            "x-ms-blob-type": "BlockBlob",
            "x-ms-version": STORAGE_VERSION,
            "If-None-Match": "*",
        }
        sas = self._sas()
        if not (sas.isascii() and sas.isprintable()) or " " in sas:
            raise Unavailable(f"the SAS for {self.where} holds blanks or line ends: copy it again, as one line")
        if not sas and self._token:
            headers["Authorization"] = f"Bearer {self._token()}"
        path = f"/{quote(name)}" + (f"?{sas}" if sas else "")
        return self._connection.request("PUT", path, body, "application/json", headers)

    def close(self) -> None:
        """See Drop."""
        self._connection.close()


_ADVICE = {
    401: ": this VM's identity is not accepted; give it a role that may write blobs, or give the agent a SAS",
    403: ": the SAS is wrong, has expired or may not create blobs, or a firewall is in the way",
    404: ": is the container's name right?",
}
