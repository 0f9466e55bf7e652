"""Joining and pushing on the running local host, as a customer's manager machine does it, and as strangers try to."""

import base64
import hashlib
import json
import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any

import azure.functions as func
import pytest

import blueprints.features  # noqa: F401  (which registers them)
from blueprints.http import endpoints
from blueprints.services import Services
from blueprints.settings import Settings
from domain.enrolment import Enrolment, Key, key_id, text_of
from domain.invitation import code_of, new_code, shown, to_prove
from domain.limits import TokenBuckets
from domain.minutes import WINDOW
from domain.signed import HEAD_BYTES, Signer
from messaging.dead_letters import NoDeadLetters
from messaging.queue import MOST_BYTES
from storage.tables import Tables
from storage.tables.enrolment import REMEMBERED
from tests.app.conftest import Local, wait_for
from tests.builders import KEY, a_message, records_of
from tests.pipeline.memory import MemoryDocuments
from tests.pipeline.test_pushing import BAD, OLD, OURS, WAITING, KeptMessages

WINDOW_START = int(time.time()) // WINDOW * WINDOW - WINDOW
OPERATOR = {"Authorization": "Bearer ann"}
SPOC, SUCCESSOR, STRANGER = (Signer(bytes([each]) * 32) for each in (11, 12, 13))
PACKAGES = "https://example.com/packages"


@pytest.fixture(scope="module", params=["people sign in", "function keys", "neither"])
def host(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    """A host where enrolment is open: to push, a confirmed key is wanted all the same."""
    settings, operator = {
        "people sign in": ({"PRINCIPALS": json.dumps({"ann": {"roles": "operator"}})}, OPERATOR),
        "function keys": ({"KEYS": "the key"}, {"x-functions-key": "the key"}),
        "neither": ({}, {}),
    }[request.param]
    settings["PACKAGES_URL"] = PACKAGES
    local = Local(tmp_path_factory.mktemp("joining") / "data", settings, operator=operator)
    yield local.start()
    local.stop()


def admin(host: Local, path: str, **asked: Any) -> tuple[int, Any]:
    headers = {**host.operator, "Content-Type": "application/json"}
    return host.get(f"/v1/admin/tenants{path}", "POST", headers, json.dumps(asked).encode())[:2]


def state_of(host: Local, tenant: str) -> str:
    listed = host.get("/v1/admin/tenants", headers=host.operator)[1]["data"]
    (state,) = [each["state"] for each in listed if each["tenant"] == tenant]
    return str(state)


def join(host: Local, code: str, signer: Signer, proof: bytes | None = None) -> tuple[int, Any, dict[str, str]]:
    """Join as a SPOC does: without any credential. It waits as long as it is told to."""
    made = signer_proof(signer, code) if proof is None else proof
    asked = {"code": code, "publicKey": text_of(signer.public), "proof": base64.b64encode(made).decode()}
    body = json.dumps(asked).encode()

    def answer() -> Any:
        got = host.get("/v1/join", "POST", {"Content-Type": "application/json"}, body)
        if got[0] == 429:
            assert got[2]["retry-after"] == "1"
        return got if got[0] != 429 else None

    found: tuple[int, Any, dict[str, str]] = wait_for(answer, "the turn of this code")
    return found


def signer_proof(signer: Signer, code: str) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415

    return Ed25519PrivateKey.from_private_bytes(signer.secret).sign(to_prove(code_of(code)))


def push(host: Local, body: bytes) -> tuple[int, Any, dict[str, str]]:
    return host.get("/v1/push", "POST", {"Content-Type": "application/octet-stream"}, body)


def test_from_a_name_for_people_to_samples_on_the_page(host: Local) -> None:
    status, entered = admin(host, "", label="Contoso", contact="Zoë, +1 555")
    assert (status, entered["packages"], entered["keys"]) == (200, PACKAGES, [])
    tenant, code = entered["tenant"], entered["code"]
    assert (entered["state"], state_of(host, tenant)) == ("code unused", "code unused")
    assert 86_000 < entered["codeExpires"] - time.time() < 87_000
    assert code not in json.dumps(host.get("/v1/admin/tenants", headers=host.operator)[1])

    body = SPOC.signed(a_message(records_of(tenant, "v", KEY, [7.0], WINDOW_START)))
    status, refused, headers = push(host, body)
    assert (status, headers["content-type"]) == (401, "application/problem+json")
    assert abs(parsedate_to_datetime(headers["date"]).timestamp() - time.time()) < 60

    status, joined, _ = join(host, code.lower().replace("-", " "), SPOC)
    named = key_id(SPOC.public).hex()
    assert (status, joined) == (200, {"tenant": tenant, "keyId": named, "confirmed": False, "packages": PACKAGES})
    assert join(host, code, SPOC)[:2] == (200, joined)  # the answer was lost
    assert join(host, code, STRANGER)[0] == 403
    assert state_of(host, tenant) == "awaits confirmation"

    status, refused, _ = push(host, body)
    assert (status, refused["detail"].startswith("awaits confirmation")) == (403, True)
    assert named in refused["detail"]
    grouped = " ".join(named[at : at + 4] for at in range(0, 32, 4))  # as join prints it
    status, item = admin(host, "/confirm", tenant=tenant, key=grouped)
    assert (status, item["state"], item["enrolled"]) == (200, "waits for first files", True)
    status, pushed, _ = push(host, body)
    assert (status, pushed) == (202, {"messageId": hashlib.sha256(body).hexdigest()[:32]})
    assert push(host, body)[0] == 202

    def value() -> Any:
        path = f"/v1/samples?tenant={tenant}&start={WINDOW_START}&end={WINDOW_START + WINDOW}"
        status, answer, _ = host.get(path, headers=host.operator)
        return status == 200 and [row["PerfValue"] for row in answer["data"]]

    wait_for(lambda: value() == [7.0], "the sample")
    beat = {"sent": int(time.time()), "version": "1", "vms": 3, "clocksOff": 2}
    assert push(host, SPOC.signed(json.dumps({"metrics": [], "heartbeat": beat}).encode()))[0] == 202
    wait_for(lambda: state_of(host, tenant) == "3 VMs sending (2 clocks off)", "the heartbeat")

    _, again = admin(host, "", tenant=tenant, code=True)  # the manager machine is replaced
    assert (join(host, again["code"], SUCCESSOR)[0], push(host, SPOC.signed(b"x"))[0]) == (200, 202)
    assert admin(host, "/confirm", tenant=tenant, key=key_id(SUCCESSOR.public).hex())[0] == 200
    assert admin(host, "/revoke", tenant=tenant, key=named)[0] == 200
    assert [push(host, each.signed(b"y"))[0] for each in (SPOC, SUCCESSOR)] == [401, 202]


def test_a_code_that_never_was_one_that_is_spent_and_a_false_proof(host: Local) -> None:
    _, entered = admin(host, "", label="Fabrikam", contact="Bob")
    code = entered["code"]
    assert join(host, code, STRANGER, signer_proof(SPOC, code))[0] == 403
    answers = [join(host, shown(new_code()), STRANGER)]
    assert join(host, code, Signer(b"k" * 32))[0] == 200
    answers.append(join(host, code, STRANGER))
    assert {(status, body["detail"]) for status, body, _ in answers} == {(403, answers[0][1]["detail"])}
    for asked in ({}, {"code": code}, {"code": "short", "publicKey": "AAAA", "proof": "x"}):
        status, refused, _ = host.get(
            "/v1/join", "POST", {"Content-Type": "application/json"}, json.dumps(asked).encode()
        )
        assert (status, "code" in refused["detail"] or "publicKey" in refused["detail"]) == (400, True)


def test_what_is_too_long_is_told_before_who_it_is_from(host: Local) -> None:
    status, refused, _ = push(host, bytes(MOST_BYTES + 1))
    assert (status, "258,048" in refused["detail"]) == (413, True)
    assert push(host, bytes(MOST_BYTES))[0] == 401


class App:
    """The app in this process, with a store that counts what it is asked for."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.memory = MemoryDocuments()
        self.queue = KeptMessages()
        self.shared = Services(
            Settings(cosmos_endpoint="https://nowhere", enrolment="open"),
            Tables(self.memory),
            NoDeadLetters(),
            self.queue,
            pushes=TokenBuckets(rate=1 / 3_600, burst=5),
        )
        self.reads = 0
        monkeypatch.setattr(endpoints, "services", lambda: self.shared)

    async def enrol(self) -> None:
        ours, new = (Key(OURS.public, 1), Key(OLD.public, 1, revoked=2)), (Key(WAITING.public, 1, confirmed=False),)
        for enrolment in (Enrolment("ours", keys=ours), Enrolment("new", keys=new)):
            await self.shared.tables.enrolments.write(enrolment, None)
        self.memory.hook = self._count

    async def _count(self, call: str, table: str, document_id: str) -> None:  # noqa: ARG002
        self.reads += call.startswith("before")

    async def post(self, route: str, body: bytes, kind: str = "application/octet-stream") -> func.HttpResponse:
        request = func.HttpRequest("POST", f"https://app/{route}", headers={"content-type": kind}, body=body)
        return await endpoints._handle(route, request, "the request")


@pytest.fixture
async def app(monkeypatch: pytest.MonkeyPatch) -> App:
    made = App(monkeypatch)
    await made.enrol()
    return made


async def test_a_refused_push_gets_the_same_bytes_whatever_is_wrong(app: App) -> None:
    answers = {
        (answer.status_code, answer.get_body(), tuple(sorted(answer.headers.items())))
        for answer in [await app.post("v1/push", body) for body in BAD.values()]
    }
    assert len(answers) == 1
    assert app.reads == 1
    assert app.queue.messages == {}


async def test_ten_thousand_bad_signatures_cost_the_store_one_read(app: App) -> None:
    began, head = time.monotonic(), OURS.signed(b"")[:HEAD_BYTES]
    for number in range(10_000):
        answer = await app.post("v1/push", head + b"%d" % number)
        assert answer.status_code == 401
    assert 1 <= app.reads <= 1 + (time.monotonic() - began) / REMEMBERED


async def test_guessed_codes_cost_the_store_a_read_a_second(app: App) -> None:
    began = time.monotonic()
    signer = Signer(b"g" * 32)
    statuses = []
    for _ in range(200):
        code = new_code()
        proof = base64.b64encode(signer_proof(signer, code)).decode()
        asked = {"code": code, "publicKey": text_of(signer.public), "proof": proof}
        answer = await app.post("v1/join", json.dumps(asked).encode(), "application/json")
        statuses.append(answer.status_code)
    assert set(statuses) <= {403, 429}
    assert 1 <= app.reads == statuses.count(403) <= 2 + time.monotonic() - began


async def test_a_queue_that_does_not_take_it_and_a_key_that_pushes_too_much(app: App) -> None:
    app.queue.down = True
    answer = await app.post("v1/push", OURS.signed(b"x"))
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "7")
    app.queue.down = False
    statuses = [(await app.post("v1/push", OURS.signed(b"%d" % number))).status_code for number in range(6)]
    assert statuses == [202] * 4 + [429] * 2  # one went with the try before
    last = await app.post("v1/push", OURS.signed(b"x"))
    assert 3_000 < int(last.headers["Retry-After"]) <= 3_600
    assert (await app.post("v1/push", WAITING.signed(b"x"))).status_code == 403
