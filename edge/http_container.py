"""A container of Azure Blob Storage by plain HTTPS: with a SAS, or with this VM's own identity. It needs no Azure SDK.

Certificates and proxies are those of edge.https. Source of the requests: learn.microsoft.com, "Blob service REST API".
Tried with azurite; not with Azure.
"""

import base64
import xml.etree.ElementTree as ET
from collections.abc import Callable, Collection, Iterator, Mapping
from email.utils import parsedate_to_datetime
from urllib.parse import quote, urlencode

from domain.errors import Unavailable
from domain.wire import MAX_BYTES
from edge.containers import CHUNK, LEASED, Blob, Changed
from edge.drops import STORAGE_VERSION
from edge.https import Answer, Connection, Server
from edge.shared_files import too_large
from edge.sources import FILES_AT_ONCE, Found

OK, CREATED, ACCEPTED, PARTIAL = 200, 201, 202, 206
NOTHING_THERE = 416
"""The answer to a question for a piece behind a blob's end."""

_ADVICE = {
    401: "this VM's identity is not accepted: give it the role Storage Blob Data Contributor, or give a SAS",
    403: "the SAS has expired, or lacks a right (Read, Create, Write, Delete and List are needed), or a firewall is in "
    "the way",
    404: "is the container's name right?",
}


class HttpContainer:
    """A container whose URL is the server's.

    ``sas`` returns a SAS; it is asked for each request, since a new one replaces it before it expires. Without one,
    ``token`` returns an access token. Both raise Unavailable.
    """

    def __init__(self, server: Server, sas: Callable[[], str], token: Callable[[], str] | None = None) -> None:
        """Connect at the first request."""
        self.where = server.url
        self._sas = sas
        self._token = token
        self._connection = Connection(server, most=MAX_BYTES + 1)

    def blobs(self, prefix: str) -> Iterator[Blob]:
        """See Container."""
        marker = ""
        while True:
            asked = {"restype": "container", "comp": "list", "prefix": prefix, "maxresults": str(FILES_AT_ONCE)}
            answer = self._ask("GET", "", asked | ({"marker": marker} if marker else {}), expected={OK})
            try:
                page = ET.fromstring(answer.body)  # noqa: S314  (of the storage account's own service)
                for each in page.iter("Blob"):
                    modified = parsedate_to_datetime(each.findtext("Properties/Last-Modified", ""))
                    etag = each.findtext("Properties/Etag", "")
                    yield Blob(each.findtext("Name", ""), etag, modified.timestamp())
                marker = page.findtext("NextMarker") or ""
            except (ET.ParseError, ValueError) as error:
                raise Unavailable(f"{self.where} answers with no list of blobs: {error}") from error
            if not marker:
                return

    def read(self, name: str, etag: str) -> Found | None:
        """See Container."""
        try:
            answer = self._ask("GET", name, headers={"If-Match": etag}, expected={OK})
        except Changed:
            return None
        size = int(answer.headers.get("content-length", len(answer.body)))
        if size > MAX_BYTES:
            raise too_large(size)
        return Found(answer.body, parsedate_to_datetime(answer.headers["last-modified"]).timestamp())

    def write(self, name: str, body: bytes) -> None:
        """See Container."""
        self._ask("PUT", name, body=body, headers={"x-ms-blob-type": "BlockBlob"}, expected={CREATED})

    def copy(self, name: str, etag: str, target: str) -> None:
        """See Container."""
        blocks: list[str] = []
        while len(blocks) * CHUNK <= MAX_BYTES:
            begin = len(blocks) * CHUNK
            headers = {"If-Match": etag, "x-ms-range": f"bytes={begin}-{begin + CHUNK - 1}"}
            try:
                piece = self._ask("GET", name, headers=headers, expected={OK, PARTIAL, NOTHING_THERE})
            except Changed:
                return
            if piece.status == NOTHING_THERE:
                break
            blocks.append(base64.b64encode(f"{len(blocks):08}".encode()).decode("ascii"))
            self._ask("PUT", target, {"comp": "block", "blockid": blocks[-1]}, piece.body, expected={CREATED})
            if len(piece.body) < CHUNK:
                break
        listed = "".join(f"<Latest>{block}</Latest>" for block in blocks)
        body = f'<?xml version="1.0" encoding="utf-8"?><BlockList>{listed}</BlockList>'.encode()
        self._ask("PUT", target, {"comp": "blocklist"}, body, expected={CREATED})

    def remove(self, name: str, etag: str) -> bool:
        """See Container."""
        try:
            answer = self._ask("DELETE", name, headers={"If-Match": etag}, expected={ACCEPTED, LEASED})
        except Changed:
            return True
        return answer.status == ACCEPTED

    def _ask(
        self,
        method: str,
        name: str,
        query: Mapping[str, str] | None = None,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        expected: Collection[int],
    ) -> Answer:
        """Ask about a blob, or about the container if it has no name. Raises Changed if it has changed or gone."""
        sas = self._sas()
        if not (sas.isascii() and sas.isprintable()) or " " in sas:
            raise Unavailable(f"the SAS for {self.where} holds blanks or line ends: copy it again, as one line")
        all_headers = {"x-ms-version": STORAGE_VERSION, **(headers or {})}
        if not sas and self._token:
            all_headers["Authorization"] = f"Bearer {self._token()}"
        asked = "&".join(filter(None, (urlencode(query or {}), sas)))
        path = (f"/{quote(name)}" if name else "") + (f"?{asked}" if asked else "")
        kind = "application/octet-stream" if body else ""
        answer = self._connection.request(method, path, body, kind, all_headers)
        code = answer.headers.get("x-ms-error-code", "")
        if code in {"BlobNotFound", "ConditionNotMet"}:
            raise Changed
        if answer.status not in expected:
            advice = _ADVICE.get(answer.status, "")
            raise Unavailable(
                f"{self.where} answers {answer.status} {code}".rstrip() + (f": {advice}" if advice else "")
            )
        return answer
