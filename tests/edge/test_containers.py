"""Delivery into a blob container by plain HTTP: with a SAS that may only create, and with a VM's identity."""

import datetime as dt
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from azure.storage.blob import ContainerClient, ContainerSasPermissions, generate_container_sas

from domain.errors import Unavailable
from edge.drops import ContainerDrop, other_name
from edge.https import Server
from edge.vm_identity import VmIdentity
from tests.conftest import STORAGE_KEY, a_queue
from tests.peers import needs_node

NAME = "PC-001_1790000100.json"


@pytest.fixture
def container(azurite: str) -> Iterator[Any]:
    """A container that nobody else uses."""
    with ContainerClient.from_connection_string(azurite, a_queue()) as made:
        made.create_container()
        yield made


def a_sas(container: Any, *, hours: float = 1, **may: bool) -> str:
    now = dt.datetime.now(dt.UTC)  # noqa: TID251  (a SAS is of real time)
    return generate_container_sas(
        account_name=container.account_name,
        container_name=container.container_name,
        account_key=STORAGE_KEY,
        permission=ContainerSasPermissions(**may),
        expiry=now + dt.timedelta(hours=hours),
    )


def put(container: Any, sas: str, *bodies: bytes, name: str = NAME, folder: str = "") -> None:
    """Deliver files of one name."""
    with closing(ContainerDrop(Server(container.url + folder), lambda: sas)) as drop:
        for body in bodies:
            drop.put(name, body)


def blobs(container: Any) -> dict[str, bytes]:
    return {each.name: container.download_blob(each.name).readall() for each in container.list_blobs()}


@needs_node
def test_a_right_to_create_is_enough_and_a_taken_name_becomes_another(container: Any) -> None:
    put(container, a_sas(container, create=True), b"early", b"whole")
    assert blobs(container) == {NAME: b"early", other_name(NAME, b"whole"): b"whole"}


@needs_node
@pytest.mark.parametrize("may", [{"create": True}, {"create": True, "write": True}])
def test_what_is_there_already_may_be_delivered_again_since_its_answer_was_lost(container: Any, may: Any) -> None:
    put(container, a_sas(container, **may), b"early", b"whole", b"whole", b"early", b"early")
    found = blobs(container)
    assert found[NAME] == b"early"
    assert set(found.values()) == {b"early", b"whole"}
    if "write" in may:  # the service then says that a name is taken, not that it is forbidden
        assert len(found) == 3


@needs_node
def test_a_container_may_have_folders_and_names_any_characters(container: Any) -> None:
    put(container, a_sas(container, create=True), b"x", name="B~C3~9CRO#1_1.json", folder="/in/site-1")
    assert list(blobs(container)) == ["in/site-1/B~C3~9CRO#1_1.json"]


@needs_node
@pytest.mark.parametrize(
    ("sas", "said"),
    [
        ({"read": True}, "answers 403 AuthorizationPermissionMismatch: the SAS"),
        ({"create": True, "hours": -1}, "answers 403 AuthorizationFailure: the SAS"),
    ],
)
def test_a_sas_that_is_not_enough_is_said_and_not_shown(container: Any, sas: Any, said: str) -> None:
    secret = a_sas(container, **sas)
    with pytest.raises(Unavailable) as refusal:
        put(container, secret, b"x")
    assert said in str(refusal.value)
    assert "sig=" not in str(refusal.value)


def test_a_sas_that_was_copied_badly_is_said_and_not_shown() -> None:
    with pytest.raises(Unavailable) as refusal:
        ContainerDrop(Server("http://127.0.0.1:1/in"), lambda: "sv=1&sig=secret\nmore").put(NAME, b"x")
    assert "blanks or line ends" in str(refusal.value)
    assert "secret" not in str(refusal.value)


@needs_node
def test_a_container_that_does_not_exist_is_said(container: Any) -> None:
    sas = a_sas(container, create=True)
    container.delete_container()
    with pytest.raises(Unavailable, match="404"):
        put(container, sas, b"x")


class Azure(http.server.BaseHTTPRequestHandler):
    """The metadata service and a storage account, as far as a VM's identity needs them."""

    protocol_version = "HTTP/1.1"
    asked = connections = 0
    status = 200

    def setup(self) -> None:
        type(self).connections += 1
        super().setup()

    def do_GET(self) -> None:
        type(self).asked += 1
        told = self.headers.get("Metadata") == "true" and "resource=https%3A%2F%2Fstorage.azure.com%2F" in self.path
        body = json.dumps({"access_token": "the token", "expires_in": "3600"}).encode() if told else b"{}"
        self.answer(self.status, body)

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(201 if self.headers["Authorization"] == "Bearer the token" else 401, b"")

    def answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def azure() -> Iterator[str]:
    Azure.asked, Azure.connections, Azure.status = 0, 0, 200
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Azure) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()


def test_the_vms_identity_delivers_without_a_sas_by_one_token_and_one_connection(azure: str) -> None:
    with closing(ContainerDrop(Server(f"http://{azure}/in"), token=VmIdentity(azure).token)) as drop:
        for body in (b"x", b"y", b"z"):
            drop.put(NAME, body)
    assert (Azure.asked, Azure.connections) == (1, 2)  # one to the metadata service, one to the container


def test_a_vm_without_an_identity_is_told_what_to_do(azure: str) -> None:
    Azure.status = 400
    drop = ContainerDrop(Server(f"http://{azure}/in"), token=VmIdentity(azure).token)
    with pytest.raises(Unavailable, match=r"give it a managed identity .* or a SAS"):
        drop.put(NAME, b"x")
    with (
        closing(ContainerDrop(Server(f"http://{azure}/in"), token=lambda: "another")) as refused,
        pytest.raises(Unavailable, match="401 without a reason: this VM's identity is not accepted"),
    ):
        refused.put(NAME, b"x")
