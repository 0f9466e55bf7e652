"""The sample fleet sent anywhere: to a folder, a queue and a running app, of the present and the past, and removed."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from domain import wire
from domain.minutes import DAY, HOUR, MINUTE
from domain.packing import Packed
from domain.signed import HEAD_BYTES, Signer, taken_apart
from edge.app import NotNow
from edge.spoc_options import CONNECTION
from local import sample
from local.operator_api import OPERATOR_KEY, OPERATOR_TOKEN
from local.sample import NAMES, Sender, fleet, main, messages, past
from tests.app.conftest import Local
from tests.builders import KEY, a_message, records_of
from tests.page.conftest import NEWEST
from tests.peers import Broker, needs_node

VMS = 12
OPENS = "the operator's"


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sample, "KNOWN_SECONDS", 0)
    for name in (CONNECTION, OPERATOR_KEY, OPERATOR_TOKEN):
        monkeypatch.delenv(name, raising=False)


def tenants_of(local: Local) -> set[str]:
    return {each["tenant"] for each in local.get("/v1/tenants", headers=local.operator)[1]["data"]}


def test_its_tenants_and_vms_say_that_they_are_samples_and_their_messages_repeat() -> None:
    vms = fleet(VMS)
    assert vms.keys() == NAMES.keys()
    assert all(each.identity.vm.startswith("sample-") for some in vms.values() for each in some)
    some = vms["sample-contoso"]
    first, again = (list(messages(some, NEWEST, NEWEST + HOUR, 9000, None)) for _ in range(2))
    assert first == again
    assert len(first) > 1
    assert max(len(each.body) for each in first) <= 9000 - HEAD_BYTES
    samples = [each for message in first for each in wire.decode(message.body).samples]
    assert {each.timestamp for each in samples} == set(range(NEWEST + 30, NEWEST + HOUR, MINUTE))
    assert sum(message.samples for message in first) == len(samples)


def test_a_folder_gets_the_past_and_the_local_host_shows_it(local: Local) -> None:
    local.start()
    assert main(["--folder", str(local.data / "queue"), "--vms", str(VMS), "--past", "3h"]) == 0
    local.settled()
    assert tenants_of(local) == set(NAMES)
    answer = local.get(f"/v1/get-data?key={KEY}&minutes=170")[1]
    assert {item["count"] for item in answer["data"]} == {VMS}
    assert len(answer["data"]) == 170


def test_a_running_app_that_wants_enrolment_and_a_key_gets_it_and_only_samples_are_removed(
    local: Local, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    local.settings |= {"ENROLMENT": "open", "KEYS": OPENS}
    local.operator = {"x-functions-key": OPENS}
    local.start()
    for name in ("mine", "sample-mine"):
        local.put(name, a_message(records_of(name, "vm", KEY, [1.0] * 15, NEWEST)))
    local.settled()
    local.stop()
    local.settings["ENROLMENT"] = "required"
    local.start()
    assert main(["--app", local.address, "--vms", "6"]) == 1
    assert "SPOT_OPERATOR_KEY" in capsys.readouterr().err
    monkeypatch.setenv(OPERATOR_KEY, OPENS)
    assert main(["--app", local.address, "--vms", "6"]) == 0
    local.settled()
    assert tenants_of(local) == {"mine", "sample-mine", *NAMES}
    assert local.get("/v1/status", headers=local.operator)[1]["quarantinedToday"] == 0
    for _ in range(2):
        assert main(["--app", local.address, "--remove"]) == 0
        local.settled()
        assert tenants_of(local) == {"mine", "sample-mine"}
    enrolled = local.get("/v1/admin/tenants", headers=local.operator)[1]["data"]
    assert {each["tenant"] for each in enrolled if each["enrolled"]} == set()
    assert main(["--app", local.address, "--vms", "6", "--past", "1h"]) == 0, "with new keys it starts again"
    local.settled()
    assert tenants_of(local) == {"mine", "sample-mine", *NAMES}


def test_an_operator_may_prove_it_by_a_token(local: Local, monkeypatch: pytest.MonkeyPatch) -> None:
    local.settings |= {"ENROLMENT": "required", "PRINCIPALS": '{"ann": {"roles": "operator"}, "bob": {}}'}
    local.operator = {"Authorization": "Bearer ann"}
    local.start()
    for token, ended in (("bob", 1), ("ann", 0)):
        monkeypatch.setenv(OPERATOR_TOKEN, token)
        assert main(["--app", local.address, "--vms", "6", "--past", "1h"]) == ended
    local.settled()
    assert tenants_of(local) == set(NAMES)


def test_live_it_sends_each_minute_once_and_misses_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a clock of its own: each pause ends when it should, and the third one late."""
    clock = [float(NEWEST + 5)]
    pauses = iter([0.0, 0.0, 130.0])

    def sleep(seconds: float) -> None:
        late = next(pauses, None)
        if late is None:
            raise KeyboardInterrupt
        clock[0] += seconds + late

    monkeypatch.setattr(sample, "_time", lambda: clock[0])
    monkeypatch.setattr(sample, "_sleep", sleep)
    assert main(["--folder", "queue", "--vms", "6", "--past", "1h", "--live"]) == 0
    bodies = [path.read_bytes() for path in (tmp_path / "queue").iterdir()]
    samples = [each for body in bodies for each in wire.decode(body).samples if each.PerfName == "processes"]
    assert sorted({each.timestamp for each in samples}) == list(range(NEWEST - HOUR + 30, NEWEST + 330, MINUTE))
    assert len(samples) == 6 * len({each.timestamp for each in samples})


def test_where_the_keys_were_lost_the_tenants_get_new_ones(local: Local) -> None:
    local.settings["ENROLMENT"] = "required"
    local.start()
    for folder in ("one", "two", "three"):
        asked = ["--folder", str(local.data / "queue"), "--admin", local.address, "--vms", "6", "--past", "1h"]
        assert main([*asked, "--keys", folder]) == 0
        local.settled()
    assert local.get("/v1/status")[1]["quarantinedToday"] == 0
    keys = [each["keys"] for each in local.get("/v1/admin/tenants")[1]["data"]]
    assert [[key["revoked"] is None for key in some] for some in keys] == [[False, False, True]] * 6


@needs_node
def test_a_queue_gets_it_by_its_connection(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CONNECTION, broker.connection)
    assert main(["--queue", "of-samples", "--vms", "6", "--past", "1h"]) == 0
    samples = [each for body in broker.bodies("of-samples") for each in wire.decode(body).samples]
    assert {each.MaskedTenantId for each in samples} == set(NAMES)
    assert len({each.timestamp for each in samples}) == 60


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "give one of --folder, --queue, --settings and --app"),
        (["--folder", "x", "--app", "http://127.0.0.1:1"], "give one of"),
        (["--queue", "samples"], "--namespace or the environment variable"),
        (["--settings", "nowhere.json"], "nowhere.json"),
        (["--settings", "empty.json"], "names no queue"),
        (["--remove"], "--remove wants --app or --admin"),
        (["--app", "http://example.com"], "https://"),
        (["--app", "http://127.0.0.1:1", "--past", "1h"], "127.0.0.1"),
    ],
)
def test_what_can_not_work_is_said(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("empty.json").write_text("{}")
    assert main(arguments) == 1
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--past", "5"], ["--past", "2m"], ["--vms", "0"], ["--vms", "ten"]])
def test_options_are_checked(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    assert "is no" in capsys.readouterr().err


def test_how_much_of_the_past_is_said_in_hours_days_or_weeks() -> None:
    assert [past(text) for text in ("2h", "3d", "4w")] == [2 * HOUR, 3 * DAY, 28 * DAY]


@dataclass
class BusyApp:
    """A destination that is busy so many times before it takes a message."""

    busy: int
    limit: int = 250_000
    sent: list[bytes] = field(default_factory=list)

    @contextmanager
    def open(self) -> Iterator["BusyApp"]:
        yield self

    def send(self, given: Iterable[Packed]) -> Sequence[Packed]:
        if self.busy:
            self.busy -= 1
            raise NotNow("busy", 2)
        self.sent += [each.body for each in given]
        return ()

    def check(self) -> list[str]:
        return []


def test_a_busy_app_is_asked_again_and_not_for_ever() -> None:
    waited: list[float] = []
    app = BusyApp(3)
    vms = {"sample-contoso": fleet(6)["sample-contoso"]}
    sender = Sender(vms, lambda _: app, {"sample-contoso": Signer(bytes(32))}, waited.append)
    assert sender.send(NEWEST, NEWEST + MINUTE) > 10
    assert (len(app.sent), waited) == (1, [2, 2, 2])
    assert taken_apart(app.sent[0])
    app.busy = 10**6
    with pytest.raises(NotNow):
        sender.send(NEWEST, NEWEST + MINUTE)
