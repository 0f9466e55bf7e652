"""The connectivity check, as its users start it: on each store and queue, with and without what it needs."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from storage.cosmos import CosmosDocuments
from storage.cosmos_client import Account
from storage.schema import schema
from tests.app.conftest import ROOT
from tests.conftest import SDK_LEAVES_SOCKETS, a_queue
from tests.peers import NO_EMULATOR, WELL_BEHAVED_COSMOS, Broker, Cosmos, needs_node, peer
from tests.storage.adapters import EMULATOR_KEY

OWN = ("SQLITE_PATH", "COSMOS_", "ServiceBus", "QUEUE_NAME", "ALLOWED_LATENESS")


def check(*arguments: str, **settings: str) -> tuple[int, str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(OWN)}
    done = subprocess.run(
        [sys.executable, "-m", "local.check", *arguments],
        cwd=ROOT,
        env={**environment, **settings},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout


def test_a_store_that_works_is_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    code, said = check(SQLITE_PATH=str(path))
    assert code == 0
    assert "ok      settings: complete" in said
    assert f"ok      store {path}: 8 tables written, read and cleaned" in said
    assert "queue: not checked" in said
    with sqlite3.connect(path) as store:
        assert store.execute("SELECT count(*) FROM documents").fetchone() == (0,)
    store.close()


def test_missing_settings_are_named() -> None:
    code, said = check(ALLOWED_LATENESS_MINUTES="soon")
    assert code == 1
    assert all(name in said for name in ("ALLOWED_LATENESS_MINUTES", "COSMOS_ENDPOINT", "docs/settings.md"))


@pytest.mark.parametrize("content", ["{", "[]", '{"Values": 3}', None])
def test_a_settings_file_that_can_not_be_read_is_named(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "local.settings.json"
    if content is not None:
        path.write_text(content)
    code, said = check("--settings", str(path))
    assert (code, str(path) in said) == (1, True)


def test_settings_are_taken_from_a_file_where_the_environment_does_not_say_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "local.settings.json"
    values = {"SQLITE_PATH": str(tmp_path / "file.db"), "COSMOS_KEY": "", "ALLOWED_LATENESS_MINUTES": "soon"}
    path.write_text(json.dumps({"Values": values}))
    code, said = check("--settings", str(path), ALLOWED_LATENESS_MINUTES="5")
    assert (code, "file.db" in said) == (0, True)


def test_a_store_that_can_not_be_opened_is_said_so_and_the_queue_is_looked_at_all_the_same(tmp_path: Path) -> None:
    code, said = check(SQLITE_PATH=str(tmp_path), QUEUE_NAME="q")
    assert code == 1
    assert f"FAILED  store {tmp_path}" in said
    assert "look at: the folder of SQLITE_PATH" in said
    assert "queue: not checked" in said


@needs_node
class TestPeers:
    """Against peers on loopback."""

    pytestmark = list(SDK_LEAVES_SOCKETS)  # noqa: RUF012  (pytest's name and kind)

    @pytest.fixture
    async def account(self, cosmos_port: int) -> Account:
        account = Account(f"https://127.0.0.1:{cosmos_port}", "check", EMULATOR_KEY)
        maker = CosmosDocuments(account, schema(30, 400))
        await maker.create_tables()
        await maker.close()
        return account

    @pytest.fixture
    def queue(self, broker: Broker) -> dict[str, str]:
        return {"ServiceBusConnection": broker.connection, "QUEUE_NAME": a_queue()}

    async def test_a_database_that_works(self, account: Account) -> None:
        settings = {"COSMOS_ENDPOINT": account.endpoint, "COSMOS_DATABASE": "check", "COSMOS_KEY": EMULATOR_KEY}
        code, said = check(**settings)
        assert code == 0, said
        assert f"ok      store {account.endpoint}: 8 tables" in said
        assert "consistency Session, and an emulator has one replica" in said

    @pytest.mark.parametrize(("level", "enough"), [("Strong", True), ("Session", False)])
    async def test_an_account_whose_readers_may_miss_what_was_written(self, level: str, enough: bool) -> None:
        with peer("cosmos.js", "0", "http") as (port,):
            cosmos = Cosmos(port, "http", NO_EMULATOR)
            cosmos.set(consistency=level)
            maker = CosmosDocuments(Account(cosmos.endpoint, "check", EMULATOR_KEY), schema(30, 400))
            await maker.create_tables()
            await maker.close()
            settings = {"COSMOS_ENDPOINT": cosmos.endpoint, "COSMOS_DATABASE": "check", "COSMOS_KEY": EMULATOR_KEY}
            code, said = check(**settings)
        assert (code == 0) is enough, said
        assert f"consistency {level}: " in said
        assert ("set the account's default consistency to Strong" in said) is not enough

    @pytest.mark.parametrize("method", ["POST", "DELETE"])
    async def test_a_lost_answer_is_no_failure(self, account: Account, cosmos_port: int, method: str) -> None:
        cosmos = Cosmos(cosmos_port)
        cosmos.fail(drop="before", after=True, match=f"{method} .*/docs")
        settings = {"COSMOS_ENDPOINT": account.endpoint, "COSMOS_DATABASE": "check", "COSMOS_KEY": EMULATOR_KEY}
        code, said = check(**settings)
        cosmos.set(**WELL_BEHAVED_COSMOS)
        assert code == 0, said

    async def test_a_database_that_is_not_there(self, account: Account) -> None:
        settings = {"COSMOS_ENDPOINT": account.endpoint, "COSMOS_DATABASE": "nowhere", "COSMOS_KEY": EMULATOR_KEY}
        code, said = check(**settings)
        assert code == 1, said
        assert "the table samples can't be written and read" in said
        assert "Cosmos DB Built-in Data Contributor" in said

    def test_a_queue_that_may_be_received_from(self, tmp_path: Path, broker: Broker, queue: dict[str, str]) -> None:
        code, said = check(SQLITE_PATH=str(tmp_path / "s.db"), **queue)
        assert code == 0, said
        assert (
            f"ok      queue {queue['QUEUE_NAME']} of the namespace of the connection string: can receive messages"
            in said
        )
        assert broker.bodies(queue["QUEUE_NAME"]) == []

    def test_a_queue_without_the_right(self, tmp_path: Path, broker: Broker, queue: dict[str, str]) -> None:
        broker.set(deny=["listen"])
        code, said = check(SQLITE_PATH=str(tmp_path / "s.db"), **queue)
        assert code == 1, said
        assert "can't receive messages" in said
        assert "Azure Service Bus Data Receiver" in said

    def test_a_queue_without_a_name(self, tmp_path: Path, broker: Broker) -> None:
        code, said = check(SQLITE_PATH=str(tmp_path / "s.db"), ServiceBusConnection=broker.connection)
        assert (code, "QUEUE_NAME is not set" in said) == (1, True)

    def test_a_namespace_that_is_none(self, tmp_path: Path) -> None:
        code, said = check(SQLITE_PATH=str(tmp_path / "s.db"), ServiceBusConnection="nonsense", QUEUE_NAME="q")
        assert (code, "FAILED  queue q" in said) == (1, True)
