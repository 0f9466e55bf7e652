"""What only the Cosmos DB adapter has to show: throttling and outages, charges, and what its containers are like."""

import asyncio
import math
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, nullcontext
from typing import Any, Self

import pytest
from azure.core.credentials import AccessToken

import storage.cosmos_client
from domain.errors import Unavailable
from storage.charges import metered
from storage.cosmos import SCAN_PAGE, CosmosDocuments
from storage.cosmos_client import LONGEST_WAIT_SECONDS, THROTTLED_RETRIES, Account
from storage.documents import AlreadyExists, Changed, Gone, TooLarge
from storage.schema import INDEXING_POLICY, SAMPLES
from tests.app.conftest import a_free_port
from tests.conftest import SDK_LEAVES_SOCKETS
from tests.peers import NO_EMULATOR, WELL_BEHAVED_COSMOS, Cosmos, needs_node, peer
from tests.storage.adapters import EMULATOR_KEY, TABLES

pytestmark = needs_node
HERE = (SAMPLES, "p", "i")


class Peer(Cosmos):
    """The peer, and stores on it that do not wait between attempts."""

    def __init__(self, port: int, scheme: str = "https", host: str = "127.0.0.1") -> None:
        super().__init__(port, scheme, host)
        self.paused: list[float] = []
        """For how many seconds its stores would have waited."""

    def store(self, database: str | None = None, key: str | None = EMULATOR_KEY) -> CosmosDocuments:
        async def sleep(seconds: float) -> None:
            self.paused.append(seconds)

        account = Account(self.endpoint, database or f"test-{uuid.uuid4().hex}", key)
        return CosmosDocuments(account, TABLES, sleep)


@pytest.fixture
def cosmos(cosmos_port: int) -> Iterator[Peer]:
    peer = Peer(cosmos_port)
    yield peer
    peer.set(**WELL_BEHAVED_COSMOS)


@pytest.fixture
async def store(cosmos: Peer) -> AsyncIterator[CosmosDocuments]:
    opened = cosmos.store()
    await opened.create_tables()
    cosmos.calls()
    yield opened
    await opened.close()


async def test_a_throttled_call_waits_as_the_service_says_and_succeeds(store: CosmosDocuments, cosmos: Peer) -> None:
    await store.upsert(*HERE, {"n": 0})
    cosmos.fail(429, 3, headers={"x-ms-retry-after-ms": "70"})
    start = time.monotonic()
    await store.upsert(*HERE, {"n": 1})
    assert time.monotonic() - start >= 3 * 0.07
    document = await store.read(*HERE)
    assert document
    assert document.body == {"n": 1}


async def test_a_call_that_stays_throttled_is_unavailable_after_bounded_tries_and_says_when_to_come_back(
    store: CosmosDocuments, cosmos: Peer
) -> None:
    await store.upsert(*HERE, {"n": 0})
    cosmos.fail(429, THROTTLED_RETRIES + 1, headers={"x-ms-retry-after-ms": "2"})
    with pytest.raises(Unavailable, match="HTTP 429") as refusal:
        await store.upsert(*HERE, {"n": 1})
    assert refusal.value.retry_after >= 1
    assert await store.read(*HERE)


CALLS: dict[str, Callable[[CosmosDocuments, str], Any]] = {
    "read": lambda store, _: store.read(*HERE),
    "create": lambda store, _: store.create(SAMPLES, "p", "new", {"n": 1}),
    "upsert": lambda store, _: store.upsert(*HERE, {"n": 1}),
    "replace": lambda store, etag: store.replace(*HERE, {"n": 1}, etag),
    "delete": lambda store, etag: store.delete(*HERE, etag),
    "scan": lambda store, _: anext(store.scan(SAMPLES, "p")),
}
EVERY_CALL = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
NO_ANSWER = ({"drop": "before"}, {"drop": "middle"}, {"hang": True})
PASSING = (*({"status": status} for status in (408, 410, 449, 500, 502, 503, 504)), *NO_ANSWER)
FINAL = (400, 403, 413)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a peer gives no answer, less time passes."""
    monkeypatch.setattr(storage.cosmos, "ANSWER_SECONDS", 1)


async def an_etag(store: CosmosDocuments) -> str:
    """Write a document HERE; give its etag."""
    await store.upsert(*HERE, {"n": 0})
    document = await store.read(*HERE)
    assert document
    return document.etag


def left_sockets(test: Any) -> Any:
    for mark in SDK_LEAVES_SOCKETS:
        test = mark(test)
    return pytest.mark.usefixtures("collected")(test)


@left_sockets
@pytest.mark.usefixtures("impatient")
@EVERY_CALL
@pytest.mark.parametrize("fault", PASSING, ids=str)
async def test_what_fails_once_and_for_a_passing_reason_is_done_all_the_same(
    store: CosmosDocuments, cosmos: Peer, call: Callable[..., Any], fault: dict[str, Any]
) -> None:
    etag = await an_etag(store)
    cosmos.calls()
    cosmos.fail(**fault)
    await call(store, etag)
    assert len(cosmos.calls()) == 2
    # aiohttp itself asks again at once where an old connection was cut, if HTTP says that asking twice is the same
    by_aiohttp = fault == {"drop": "before"} and call in (CALLS["read"], CALLS["replace"], CALLS["delete"])
    assert [0 < pause < 1 for pause in cosmos.paused] == ([] if by_aiohttp else [True])


@EVERY_CALL
@pytest.mark.parametrize("status", FINAL)
async def test_what_is_certain_to_fail_again_is_not_tried_again(
    store: CosmosDocuments, cosmos: Peer, call: Callable[..., Any], status: int
) -> None:
    etag = await an_etag(store)
    cosmos.fail(status)
    with pytest.raises((Unavailable, TooLarge)):
        await call(store, etag)
    assert cosmos.paused == []


@EVERY_CALL
async def test_an_outage_is_unavailable_in_bounded_time_and_passes(
    store: CosmosDocuments, cosmos: Peer, call: Callable[..., Any]
) -> None:
    etag = await an_etag(store)
    cosmos.fail(503, 1000)
    with pytest.raises(Unavailable, match="HTTP 503"):
        await call(store, etag)
    assert LONGEST_WAIT_SECONDS / 3 < sum(cosmos.paused) < LONGEST_WAIT_SECONDS
    cosmos.set(**WELL_BEHAVED_COSMOS)
    await call(store, etag)


WRITES = pytest.mark.parametrize("call", [CALLS[name] for name in ("create", "upsert", "replace")])


@WRITES
@pytest.mark.parametrize(
    ("status", "headers"), [(413, {}), (403, {"x-ms-substatus": "1014"}), (400, {}), (400, {"x-ms-substatus": "0"})]
)
async def test_a_document_that_the_service_will_never_take_is_told_from_an_outage(
    store: CosmosDocuments, cosmos: Peer, call: Callable[..., Any], status: int, headers: dict[str, str]
) -> None:
    etag = await an_etag(store)
    cosmos.fail(status, headers=headers)
    with pytest.raises(TooLarge):
        await call(store, etag)
    assert cosmos.paused == []
    await call(store, etag)


@WRITES
@pytest.mark.parametrize(
    ("status", "sub_status"), [(400, "1001"), (400, "1024"), (403, "0"), (403, "1005"), (403, "5301")]
)
async def test_what_concerns_all_documents_of_a_table_is_no_documents_fault(
    store: CosmosDocuments, cosmos: Peer, call: Callable[..., Any], status: int, sub_status: str
) -> None:
    etag = await an_etag(store)
    cosmos.fail(status, 100, headers={"x-ms-substatus": sub_status})
    with pytest.raises(Unavailable):
        await call(store, etag)


async def test_a_store_that_takes_no_document_at_all_is_unavailable(store: CosmosDocuments, cosmos: Peer) -> None:
    cosmos.fail(400, 1000)
    for _ in range(2):
        with pytest.raises(Unavailable):
            await store.create(*HERE, {})


@pytest.mark.parametrize("call", [CALLS[name] for name in ("read", "delete", "scan")])
async def test_what_writes_no_document_has_none_to_refuse(
    store: CosmosDocuments, cosmos: Peer, call: Callable[..., Any]
) -> None:
    etag = await an_etag(store)
    cosmos.fail(400)
    with pytest.raises(Unavailable):
        await call(store, etag)


@left_sockets
@EVERY_CALL
async def test_a_call_ends_in_bounded_time_whatever_the_service_does(
    store: CosmosDocuments, cosmos: Peer, call: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    etag = await an_etag(store)
    monkeypatch.setattr(storage.cosmos, "LONGEST_WAIT_SECONDS", 0.3)
    cosmos.fail(count=1000, hang=True)
    start = time.monotonic()
    with pytest.raises(Unavailable, match=r"not done in 0\.3 s"):
        await call(store, etag)
    assert time.monotonic() - start < storage.cosmos.ANSWER_SECONDS


async def test_pauses_grow_and_no_two_calls_pause_alike(store: CosmosDocuments, cosmos: Peer) -> None:
    cosmos.fail(503, 1000)
    for _ in range(2):
        with pytest.raises(Unavailable):
            await store.read(*HERE)
        store._given_up = -math.inf
    half = len(cosmos.paused) // 2
    first, second = cosmos.paused[:half], cosmos.paused[half:]
    assert first != second
    assert first[0] <= 0.05
    assert max(first) > 2


async def test_a_call_waits_as_long_as_the_service_says(store: CosmosDocuments, cosmos: Peer) -> None:
    cosmos.fail(503, 2, headers={"x-ms-retry-after-ms": "3000"})
    assert await store.read(*HERE) is None
    assert cosmos.paused == [3, 3]


async def test_a_call_that_is_to_wait_for_too_long_says_when_to_come_back(store: CosmosDocuments, cosmos: Peer) -> None:
    cosmos.fail(503, headers={"x-ms-retry-after-ms": "60000"})
    with pytest.raises(Unavailable) as refusal:
        await store.read(*HERE)
    assert refusal.value.retry_after == 60
    assert cosmos.paused == []


async def test_hundreds_of_calls_do_not_take_turns_at_waiting_for_a_store_that_is_down(
    store: CosmosDocuments, cosmos: Peer
) -> None:
    cosmos.fail(503, 100_000)
    results = await asyncio.gather(*(store.read(SAMPLES, "p", str(n)) for n in range(300)), return_exceptions=True)
    assert {type(result) for result in results} == {Unavailable}
    assert sum(cosmos.paused) < 33 * LONGEST_WAIT_SECONDS
    cosmos.set(**WELL_BEHAVED_COSMOS)
    await store.read(*HERE)
    cosmos.paused.clear()
    cosmos.fail(503)
    await store.read(*HERE)
    assert len(cosmos.paused) == 1


@pytest.mark.parametrize(
    ("call", "refusal", "after"),
    [
        ("create", AlreadyExists, {"n": 1}),
        ("replace", Changed, {"n": 1}),
        ("delete", Gone, None),
        ("upsert", None, {"n": 1}),
    ],
)
@left_sockets
async def test_a_write_whose_answer_was_lost_is_asked_for_again_and_refused_as_if_another_had_made_it(
    store: CosmosDocuments, cosmos: Peer, call: str, refusal: type[Exception] | None, after: Any
) -> None:
    etag = await an_etag(store)
    cosmos.fail(drop="before", after=True)
    with pytest.raises(refusal) if refusal else nullcontext():
        await CALLS[call](store, etag)
    document = await store.read(SAMPLES, "p", "new" if call == "create" else "i")
    assert (document.body if document else None) == after


@left_sockets
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("fault", [{"status": 503}, *NO_ANSWER], ids=str)
async def test_a_scan_that_fails_in_its_middle_goes_on_and_gives_no_document_twice(
    store: CosmosDocuments, cosmos: Peer, fault: dict[str, Any]
) -> None:
    ids = [f"{n:04}" for n in range(2 * SCAN_PAGE + 50)]
    ids.insert(SCAN_PAGE, ids[SCAN_PAGE - 1] + "-")  # the least id that may follow the last of the first page
    await asyncio.gather(*(store.upsert(SAMPLES, "p", each, {}) for each in ids))
    for skip in range(3):
        cosmos.fail(**fault, skip=skip, match="POST .*/docs")
        assert [document.id async for document in store.scan(SAMPLES, "p")] == ids
        assert len(cosmos.paused) > skip


@pytest.mark.parametrize("sub_status", [1002, 1013])
async def test_what_is_not_found_yet_is_not_taken_for_missing(
    store: CosmosDocuments, cosmos: Peer, sub_status: int
) -> None:
    await store.upsert(*HERE, {"n": 0})
    cosmos.fail(404, 5, headers={"x-ms-substatus": str(sub_status)})
    assert await store.read(*HERE)


@left_sockets
async def test_a_server_that_cannot_be_reached_is_unavailable_before_a_triggers_patience_ends() -> None:
    nobody = Peer(a_free_port())
    store = nobody.store()
    start = time.monotonic()
    with pytest.raises(Unavailable, match="not available"):
        await store.read(*HERE)
    assert time.monotonic() - start + sum(nobody.paused) < LONGEST_WAIT_SECONDS + 1
    await store.close()


@left_sockets
async def test_a_call_waits_for_a_server_that_starts_again() -> None:
    """Connections are refused until it listens."""
    port = a_free_port()
    with ExitStack() as started:

        async def sleep(_: float) -> None:
            started.enter_context(peer("cosmos.js", str(port)))

        account = Account(Peer(port).endpoint, "nothing", EMULATOR_KEY)
        store = CosmosDocuments(account, TABLES, sleep)
        with pytest.raises(Unavailable, match="does not exist"):  # it answers
            await store.read(*HERE)
        await store.close()


async def test_a_missing_database_is_said_so_and_is_no_missing_document(cosmos: Peer) -> None:
    store = cosmos.store("never-made")
    with pytest.raises(Unavailable):
        await store.read(*HERE)
    with pytest.raises(Unavailable):
        await anext(store.scan(SAMPLES, "p"))
    await store.close()


@pytest.mark.parametrize("key", ["no base64!", "a"])
async def test_a_key_that_is_none_is_unavailable_not_a_crash(key: str) -> None:
    store = Peer(1).store(key=key)
    with pytest.raises(Unavailable):
        await store.read(*HERE)
    await store.close()


async def test_calls_that_come_together_wait_for_one_set_up(cosmos: Peer) -> None:
    asked = []
    for calls in (1, 50):
        cosmos.calls("")
        store = cosmos.store("nothing")
        results = await asyncio.gather(*(store.read(*HERE) for _ in range(calls)), return_exceptions=True)
        assert {type(result) for result in results} == {Unavailable}
        await store.close()
        asked.append(len([call for call in cosmos.calls("GET /") if call["path"] == "/"]))
    assert all(2 <= each <= 3 for each in asked)  # the SDK asks for the account as well, and once in the background


@pytest.mark.parametrize("status", [503, 401])
async def test_a_set_up_that_fails_once_is_made_again(store: CosmosDocuments, cosmos: Peer, status: int) -> None:
    await store.upsert(*HERE, {})
    other = cosmos.store(store._account.database)
    cosmos.fail(status, 5, match="GET /$")  # the SDK itself asks four times
    assert await other.read(*HERE)
    await other.close()


@pytest.mark.parametrize("consistency", ["Session", "Strong"])
async def test_no_session_token_is_sent_and_no_level_below_the_accounts(
    store: CosmosDocuments, cosmos: Peer, consistency: str
) -> None:
    cosmos.set(consistency=consistency)
    store = cosmos.store(store._account.database)
    for table in TABLES:  # whose tokens the SDK would mix up
        await store.upsert(table, "p", "i", {})
        await store.read(table, "p", "i")
        assert [document.id async for document in store.scan(table, "p")] == ["i"]
    await store.close()
    headers = [call["headers"] for call in cosmos.calls()]
    assert all("x-ms-session-token" not in each for each in headers)
    assert {each.get("x-ms-consistency-level") for each in headers} <= {None, consistency}


@pytest.fixture
def account() -> Iterator[Peer]:
    """A peer that is taken for an account in Azure: without TLS, and called as no emulator is."""
    with peer("cosmos.js", "0", "http") as (port,):
        yield Peer(port, "http", NO_EMULATOR)


@pytest.mark.parametrize("level", ["Strong", "BoundedStaleness", "Session", "ConsistentPrefix", "Eventual", None])
async def test_an_account_that_is_too_weak_for_averaging_is_told_of_once(
    account: Peer, caplog: pytest.LogCaptureFixture, level: str | None
) -> None:
    weak = level in ("Session", "ConsistentPrefix", "Eventual")
    account.set(consistency=level)
    store = account.store()
    await store.create_tables()
    await store.upsert(*HERE, {})
    account.fail(401)  # a new connection
    assert await store.read(*HERE)
    said = [record.getMessage() for record in caplog.records if record.name == "storage.cosmos_client"]
    assert len(said) == int(weak)
    if weak:
        assert f"consistency {level}: averages can miss samples" in said[0]
        assert "set the account's default consistency to Strong" in said[0]
    words, suffices = await store.consistency()
    assert suffices is not weak
    assert (level or "does not tell") in words
    assert {call["headers"].get("x-ms-consistency-level") for call in account.calls()} <= {None, level}
    await store.close()


async def test_an_emulators_consistency_suffices(store: CosmosDocuments, caplog: pytest.LogCaptureFixture) -> None:
    assert await store.consistency() == ("consistency Session, and an emulator has one replica", True)
    assert not [record for record in caplog.records if record.name == "storage.cosmos_client"]


class Token:
    """A credential whose token never changes."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.closed = False

    async def get_token(self, *_: str, **__: Any) -> AccessToken:
        return AccessToken(self.name, int(time.time()) + 3600)

    async def close(self) -> None:
        self.closed = True

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


@pytest.fixture
def tokens(monkeypatch: pytest.MonkeyPatch) -> list[Token]:
    """The credentials that stores without a key make, in turn: token-0, token-1 ..."""
    made: list[Token] = []

    def identity() -> Token:
        made.append(Token(f"token-{len(made)}"))
        return made[-1]

    monkeypatch.setattr(storage.cosmos_client, "_identity", identity)
    return made


@pytest.fixture
async def identified(store: CosmosDocuments, cosmos: Peer, tokens: list[Token]) -> AsyncIterator[CosmosDocuments]:
    """A store that is reached by identity, with a document HERE and a connection that works."""
    await store.upsert(*HERE, {"n": 0})
    opened = cosmos.store(store._account.database, key=None)
    assert await opened.read(*HERE)
    assert len(tokens) == 1
    yield opened
    await opened.close()
    assert all(token.closed for token in tokens)


async def test_an_expired_token_is_not_for_ever(identified: CosmosDocuments, cosmos: Peer, tokens: list[Token]) -> None:
    cosmos.set(expired=["token-0"])
    results = await asyncio.gather(*(identified.read(*HERE) for _ in range(50)))
    assert all(results)
    assert [(token.name, token.closed) for token in tokens] == [("token-0", True), ("token-1", False)]
    assert cosmos.paused == []


async def test_a_token_that_is_refused_for_a_while_is_unavailable_for_as_long(
    identified: CosmosDocuments, cosmos: Peer, tokens: list[Token]
) -> None:
    cosmos.set(expired=["token-0", "token-1", "token-2"])
    with pytest.raises(Unavailable, match="HTTP 403"):
        await identified.read(*HERE)
    assert len(tokens) == 2
    assert await identified.read(*HERE)
    assert cosmos.paused == []


@pytest.mark.parametrize(("status", "sub_status"), [(401, "0"), (403, "5300")])
@EVERY_CALL
async def test_access_that_is_denied_once_is_asked_for_anew(
    identified: CosmosDocuments,
    cosmos: Peer,
    tokens: list[Token],
    call: Callable[..., Any],
    status: int,
    sub_status: str,
) -> None:
    document = await identified.read(*HERE)
    assert document
    cosmos.fail(status, headers={"x-ms-substatus": sub_status})
    await call(identified, document.etag)
    assert len(tokens) == 2


async def test_a_token_that_expires_while_calls_and_scans_are_under_way_disturbs_none_of_them(
    identified: CosmosDocuments, cosmos: Peer, tokens: list[Token]
) -> None:
    ids = [f"{n:04}" for n in range(SCAN_PAGE + 50)]
    await asyncio.gather(*(identified.upsert(SAMPLES, "many", each, {}) for each in ids))
    scan = identified.scan(SAMPLES, "many")
    found = [(await anext(scan)).id]

    async def read(number: int) -> None:
        for turn in range(20):
            if (number, turn) == (0, 5):
                cosmos.set(expired=["token-0"])
            assert await identified.read(*HERE)

    await asyncio.gather(*(read(number) for number in range(20)))
    assert len(tokens) == 2
    found += [document.id async for document in scan]
    assert found == ids


async def test_containers_have_their_partition_key_time_to_live_and_indexing_policy(store: CosmosDocuments) -> None:
    for table in TABLES.values():
        async with store.client.using() as connection:
            found = await connection.containers[table.name].read()
        assert found["partitionKey"]["paths"] == ["/pk"]
        assert found.get("defaultTtl") == table.time_to_live
        assert {name: found["indexingPolicy"][name] for name in INDEXING_POLICY} == INDEXING_POLICY


async def test_charges_are_added_up_by_operation_also_those_of_refused_calls(store: CosmosDocuments) -> None:
    with metered() as outer:
        with metered() as meter:
            await store.create(*HERE, {})
            with pytest.raises(AlreadyExists):
                await store.create(*HERE, {})
            await store.read(*HERE)
        await store.read(*HERE)
    # This server charges 1 for every answer.
    assert {name: (tally.calls, tally.units) for name, tally in meter.requests.items()} == {
        "create samples": (2, 2.0),
        "read samples": (1, 1.0),
    }
    assert (meter.units, outer.units) == (3, 4)
    assert str(meter) == "3.0 RU (create samples 2/2.0, read samples 1/1.0)"
