"""Requests to the provider's app over HTTPS, by the standard library alone: certificates, proxies, answers, clocks.

Certificates are those that this system trusts (on Windows, Windows' own store), and those of ``ca_file``. The proxy is
the one given, or else the system's. Proxies that are chosen by a script (PAC), and proxies that want a sign-in by NTLM
or Kerberos, are not supported. Knows no message and no endpoint. Every failure is an Unavailable that says what to do.
"""

import base64
import http.client
import ipaddress
import math
import socket
import ssl
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Self
from urllib.parse import SplitResult, unquote, urlsplit

from domain.errors import Unavailable

SECONDS = 60
"""For how long an answer is waited for."""

MOST_ANSWER = 1024 * 1024
UNSUPPORTED = "proxies chosen by a script (PAC), or with a sign-in by NTLM or Kerberos, are not supported"


class CertificateRefused(Unavailable):
    """The server's certificate is not trusted. ``issuer`` is who issued it; empty if that can't be read."""

    def __init__(self, message: str, issuer: str = "") -> None:
        """Store what is wrong, and who issued the certificate."""
        super().__init__(message)
        self.issuer = issuer


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of the server."""

    status: int
    headers: Mapping[str, str]
    """The headers by their names in lower case."""
    body: bytes
    offset: float | None
    """This machine's clock minus the server's, in seconds, to about a second. None: the answer has no date."""

    @property
    def retry_after(self) -> float | None:
        """The seconds after which the server wants to be asked again, or None if it does not say."""
        try:
            seconds = float(self.headers.get("retry-after", ""))
        except ValueError:
            return None
        return min(seconds, 3600.0) if math.isfinite(seconds) and seconds >= 0 else None


@dataclass(frozen=True, slots=True)
class Server:
    """A server by its URL, and the way to it. Raises ValueError for a URL or proxy that can't be used.

    Plain HTTP is taken for this machine only. ``proxy`` is a URL such as ``http://USER:PASSWORD@HOST:PORT``; empty: no
    proxy; None: the system's.
    """

    url: str
    proxy: str | None = None
    ca_file: Path | None = None
    clock: Callable[[], float] = field(default=time.time, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Check the addresses."""
        where = _split(self.url, "the URL of the app")
        if where.scheme != "https" and not (where.scheme == "http" and _is_this_machine(self.host)):
            raise ValueError(f"{self.url}: the URL begins with https:// (http:// only on this machine)")
        if self.proxy and _split(self.proxy, "the proxy").scheme != "http":
            raise ValueError(f"the proxy must be http://HOST:PORT; {UNSUPPORTED}")

    @property
    def host(self) -> str:
        """The server's name or address."""
        return str(urlsplit(self.url).hostname)

    @property
    def port(self) -> int:
        """The server's port."""
        where = urlsplit(self.url)
        return where.port or (443 if where.scheme == "https" else 80)

    @property
    def secure(self) -> bool:
        """Whether it is reached by HTTPS."""
        return urlsplit(self.url).scheme == "https"

    @property
    def used_proxy(self) -> str | None:
        """The proxy on the way, with its password if it has one; None: there is none."""
        if self.proxy is not None or not self.secure:
            return self.proxy if self.secure else None
        if urllib.request.proxy_bypass(self.host):
            return None
        found = urllib.request.getproxies().get("https")
        return (found if "//" in found else f"http://{found}") if found else None

    @property
    def shown_proxy(self) -> str:
        """The proxy's host and port, for people."""
        where = urlsplit(self.used_proxy or "")
        return f"{where.hostname}:{where.port or 80}"

    def trust(self) -> ssl.SSLContext:
        """Return what certificates are checked with. Raises Unavailable if ``ca_file`` holds none."""
        context = ssl.create_default_context()
        # Python 3.13 refuses what browsers take: authorities of inspecting proxies often lack a key identifier.
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        if self.ca_file:
            try:
                context.load_verify_locations(self.ca_file)
            except (OSError, ssl.SSLError) as error:
                raise Unavailable(f"--ca-file {self.ca_file} can't be used; it must be a PEM file: {error}") from error
        return context


class Connection:
    """A connection to a server that is kept open from request to request. Close it, or use it in a ``with``."""

    def __init__(self, server: Server, most: int = MOST_ANSWER) -> None:
        """Connect at the first request. Of each answer's body, at most ``most`` bytes are read."""
        self._server = server
        self._most = most
        self._open: http.client.HTTPConnection | None = None

    def __enter__(self) -> Self:
        """Return the connection itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    def close(self) -> None:
        """Close it. The next request connects again."""
        if self._open:
            self._open.close()
        self._open = None

    def request(
        self, method: str, path: str, body: bytes = b"", kind: str = "", more: Mapping[str, str] | None = None
    ) -> Answer:
        """Send a request, and return the answer, whatever its status. ``kind`` is the body's media type.

        ``more`` are further headers.

        A kept connection may have been closed by the other side meanwhile. Then the request is sent once more, so it
        must be one that may be repeated. Raises Unavailable.
        """
        server = self._server
        kept = self._open is not None
        headers = {**({"Content-Type": kind} if kind else {}), **(more or {})}
        try:
            try:
                return self._ask(method, path, body, headers)
            except (ConnectionError, http.client.BadStatusLine, ssl.SSLEOFError, ssl.SSLZeroReturnError):
                if not kept:
                    raise
                self.close()
                return self._ask(method, path, body, headers)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise failure(server, error) from error
        except BaseException:
            self.close()
            raise

    def _ask(self, method: str, path: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        server = self._server
        if self._open is None:
            self._open = connected(server, server.trust())
        before = server.clock()
        self._open.request(method, f"{urlsplit(server.url).path.rstrip('/')}{path}", body or None, dict(headers))
        answer = self._open.getresponse()
        after = server.clock()
        found = answer.read(self._most)
        if answer.read(1):
            self.close()  # the rest is not waited for
        named = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, named, found, _offset(named.get("date", ""), (before + after) / 2))


def connected(server: Server, trust: ssl.SSLContext) -> http.client.HTTPConnection:
    """Return an open connection, through the proxy if there is one. Raises OSError and HTTPException."""
    proxy = urlsplit(server.used_proxy or "")
    host, port = (str(proxy.hostname), proxy.port or 80) if proxy.hostname else (server.host, server.port)
    connection = (
        http.client.HTTPSConnection(host, port, timeout=SECONDS, context=trust)
        if server.secure
        else http.client.HTTPConnection(host, port, timeout=SECONDS)
    )
    if proxy.hostname:
        named = f"{unquote(proxy.username or '')}:{unquote(proxy.password or '')}".encode()
        basic = {"Proxy-Authorization": f"Basic {base64.b64encode(named).decode('ascii')}"} if proxy.username else {}
        connection.set_tunnel(server.host, server.port, basic)
    try:
        connection.connect()
    except BaseException:
        connection.close()
        raise
    return connection


def failure(server: Server, error: Exception) -> Unavailable:
    """Return what a failed request means, and what to do about it."""
    way = f" by the proxy {server.shown_proxy}" if server.used_proxy else ""
    where = f"{server.host}:{server.port}{way}"
    if isinstance(error, ssl.SSLCertVerificationError):
        issuer = issuer_seen(server)
        return CertificateRefused(
            f"the certificate of {where} is not trusted ({error.verify_message.rstrip('.')})"
            + (f"; it was issued by {issuer}" if issuer else "")
            + ". If that is your company's own authority, whose proxy looks into HTTPS, give its certificate by "
            "--ca-file, a PEM file, or install it as trusted on this machine",
            issuer,
        )
    if isinstance(error, socket.gaierror):
        name = server.shown_proxy if server.used_proxy else server.host
        return Unavailable(
            f"the name {name} can't be found: {error.strerror}. Check the spelling and this machine's DNS; where only "
            f"a proxy reaches the internet, give it by --proxy http://HOST:PORT ({UNSUPPORTED})"
        )
    text = str(error) or type(error).__name__
    if "Tunnel connection failed" in text:
        return Unavailable(f"the proxy {server.shown_proxy} does not connect to {server.host}: {_of_proxy(text)}")
    if isinstance(error, ssl.SSLError):
        return Unavailable(f"{where} does not speak HTTPS as expected: {error.reason or text}")
    direct = f"open outbound TCP to it, or give --proxy http://HOST:PORT ({UNSUPPORTED})"
    advice = "is that the proxy, and does it run?" if server.used_proxy else direct
    return Unavailable(f"{where} does not answer: {text}; {advice}")


def _of_proxy(text: str) -> str:
    said = text.partition("failed: ")[2]
    if said.startswith("407"):
        return (
            f"it wants a sign-in ({said}). A name and password go into --proxy http://USER:PASSWORD@HOST:PORT; "
            f"{UNSUPPORTED}: let the proxy's administrator allow this machine without one"
        )
    return f"it answers {said}. Let the proxy's administrator allow this host"


def issuer_seen(server: Server) -> str:
    """Return who issued the certificate that the server, or a proxy in its place, shows. Empty if none can be read."""
    from cryptography import x509  # noqa: PLC0415  (loaded when needed)

    trust = ssl.create_default_context()
    trust.check_hostname = False
    trust.verify_mode = ssl.CERT_NONE  # nothing is sent on this connection; it only shows the certificate
    try:
        connection = connected(server, trust)
        try:
            shown = (
                connection.sock.getpeercert(binary_form=True) if isinstance(connection.sock, ssl.SSLSocket) else None
            )
        finally:
            connection.close()
        return x509.load_der_x509_certificate(shown).issuer.rfc4514_string() if shown else ""
    except (OSError, ValueError, http.client.HTTPException):
        return ""


def _offset(date: str, now: float) -> float | None:
    try:
        return round(now - parsedate_to_datetime(date).timestamp() - 0.5, 1)  # the date's fraction of a second is cut
    except (TypeError, ValueError):
        return None


def _split(url: str, what: str) -> SplitResult:
    try:
        where = urlsplit(url)
        _ = where.port
    except ValueError as error:
        raise ValueError(f"{what}: {error}") from error
    if not where.hostname:
        raise ValueError(f"{what} must be a URL with a host, such as https://HOST")
    return where


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
