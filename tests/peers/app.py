"""The app as a SPOC sees it, on loopback: /v1/push and /v1/join by their contract (docs/api.md), and faults on demand.

Also the ways to it: a proxy that connects (CONNECT), and one that looks into HTTPS with an authority of its own.
"""

import base64
import contextlib
import json
import select
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.x509.oid import NameOID

from domain import wire
from domain.enrolment import key_id
from domain.heartbeat import Heartbeat, decode_heartbeat
from domain.invitation import to_prove
from domain.packing import Packed
from domain.signed import taken_apart


@dataclass
class App:
    """The app's state, and how it is to misbehave."""

    url: str = ""
    keys: dict[str, bytes] = field(default_factory=dict)
    """The confirmed keys by their ids."""
    awaiting: dict[str, bytes] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)
    """The tenants by the codes that let them join."""
    joined: dict[str, bytes] = field(default_factory=dict)
    """The keys that joined, by code."""
    queue: dict[str, bytes] = field(default_factory=dict)
    """The messages by their ids: the queue drops what it has."""
    requests: int = 0
    connections: set[tuple[str, int]] = field(default_factory=set)
    most: int = 10**9
    take_at_once: int = 10**9
    """After how many messages it is busy."""
    clock_ahead: float = 0
    statuses: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    """Answers to give instead, one a request: status and headers."""
    faults: list[str] = field(default_factory=list)
    """What happens to the next requests: ``before`` (killed before it does anything), ``after`` (done, but its answer
    is lost), or nothing."""

    def samples(self) -> list[bytes]:
        """The bodies of the messages that are no heartbeats."""
        return [body for body in self.queue.values() if self._beat(body) is None]

    def beats(self) -> list[Heartbeat]:
        return [beat for beat in map(self._beat, self.queue.values()) if beat]

    @staticmethod
    def _beat(body: bytes) -> Heartbeat | None:
        message = json.loads(wire.unpack(body))
        return decode_heartbeat(json.dumps(message["heartbeat"]).encode()) if "heartbeat" in message else None

    def confirm(self) -> None:
        self.keys |= self.awaiting
        self.awaiting.clear()

    def answer(self, path: str, body: bytes) -> tuple[int, dict[str, str], Any]:
        """Return the status, headers and JSON of an answer."""
        if self.statuses:
            return (*self.statuses.pop(0), {"title": "on purpose"})
        if path not in ("/v1/push", "/v1/join"):
            return 404, {}, {"title": "no such page"}
        status, answer = self.push(body) if path == "/v1/push" else self.join(json.loads(body))
        return status, {}, answer

    def push(self, body: bytes) -> tuple[int, Any]:
        signed = taken_apart(body) if len(body) > 88 else None
        known = {**self.awaiting, **self.keys}
        if not signed or signed.key not in known or not signed.fits(known[signed.key]):
            return 401, {"title": "not accepted"}
        if signed.key in self.awaiting:
            return 403, {"title": "awaits confirmation"}
        if len(body) > self.most:
            return 413, {"title": "too large"}
        if not self.take_at_once:
            return 429, {"title": "busy"}
        self.take_at_once -= 1
        named = Packed(body, 0, ()).message_id
        self.queue.setdefault(named, body)
        return 202, {"messageId": named}

    def join(self, asked: dict[str, str]) -> tuple[int, Any]:
        public = base64.b64decode(asked["publicKey"])
        Ed25519PublicKey.from_public_bytes(public).verify(base64.b64decode(asked["proof"]), to_prove(asked["code"]))
        if asked["code"] not in self.codes or self.joined.get(asked["code"], public) != public:
            return 403, {"title": "this code is not accepted"}
        self.joined[asked["code"]] = public
        named = key_id(public).hex()
        if named not in self.keys:
            self.awaiting[named] = public
        answer = {"tenant": self.codes[asked["code"]], "keyId": named, "confirmed": named in self.keys}
        return 200, {**answer, "packages": "https://example.com/packages"}


def _handler(app: App) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            app.requests += 1
            app.connections.add(self.client_address)
            fault = app.faults.pop(0) if app.faults else ""
            status, headers, answer = (0, {}, None) if fault == "before" else app.answer(self.path, body)
            if fault:
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            text = json.dumps(answer).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(text)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text)

        def date_time_string(self, timestamp: float | None = None) -> str:
            return formatdate((timestamp or time.time()) + app.clock_ahead, usegmt=True)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """A client that does not trust the certificate ends the connection."""


@contextmanager
def an_app(certificate: Path | None = None, **state: Any) -> Iterator[App]:
    """Run the app; with a certificate (and its key in one PEM file) by HTTPS."""
    app = App(**state)
    server = _Quiet(("127.0.0.1", 0), _handler(app))
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    app.url = f"{'https' if certificate else 'http'}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield app
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(frozen=True)
class Authority:
    """A certificate authority: its own certificate, and a server's certificate with its key, as PEM files."""

    root: Path
    server: Path


def an_authority(folder: Path, name: str, hosts: tuple[str, ...] = ("127.0.0.1",)) -> Authority:
    """Make an authority, and a certificate of it for some addresses."""
    key, own = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    root = _certificate(issuer, issuer, key, key, x509.BasicConstraints(ca=True, path_length=0))
    shown = x509.SubjectAlternativeName([x509.IPAddress(ip_address(host)) for host in hosts])
    leaf = _certificate(x509.Name([]), issuer, own, key, shown)
    files = Authority(folder / f"{name}.pem", folder / f"{name}-server.pem")
    pem = serialization.Encoding.PEM
    files.root.write_bytes(root.public_bytes(pem))
    private = own.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    files.server.write_bytes(leaf.public_bytes(pem) + private)
    return files


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signed_by: ec.EllipticCurvePrivateKey,
    extension: x509.BasicConstraints | x509.SubjectAlternativeName,
) -> x509.Certificate:
    now = datetime.now(UTC)  # noqa: TID251  (certificates are checked by the real clock)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(extension, critical=True)
        .sign(signed_by, hashes.SHA256())
    )


@dataclass
class Proxy:
    """A proxy: its URL, what was asked of it, and the sign-in that it wants (``name:password``), if any."""

    url: str = ""
    sign_in: str = ""
    asked: list[str] = field(default_factory=list)
    instead: int = 0
    """The port to which it connects instead of the one asked for: of an app with another certificate."""


@contextmanager
def a_proxy(*, sign_in: str = "", instead: int = 0) -> Iterator[Proxy]:
    """Run a proxy for CONNECT.

    ``instead`` makes it look into HTTPS: clients get to a server of the proxy's at that port.
    """
    proxy = Proxy(sign_in=sign_in, instead=instead)

    class Handler(BaseHTTPRequestHandler):
        def do_CONNECT(self) -> None:
            proxy.asked.append(self.path)
            wanted = f"Basic {base64.b64encode(proxy.sign_in.encode()).decode()}"
            if proxy.sign_in and self.headers.get("Proxy-Authorization") != wanted:
                self.send_response(407)
                self.send_header("Proxy-Authenticate", "Negotiate")
                self.end_headers()
                return
            port = proxy.instead or int(self.path.rpartition(":")[2])
            with socket.create_connection(("127.0.0.1", port)) as there:
                self.send_response(200)
                self.end_headers()
                self._carry(there)
            self.close_connection = True

        def _carry(self, there: socket.socket) -> None:
            other = {self.connection: there, there: self.connection}
            with contextlib.suppress(OSError):
                while True:
                    for one in select.select(list(other), [], [], 10)[0]:
                        data = one.recv(65536)
                        if not data:
                            return
                        other[one].sendall(data)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = _Quiet(("127.0.0.1", 0), Handler)
    proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
