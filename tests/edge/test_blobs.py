"""A blob container as a source, by the SDK and by a SAS, against azurite."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from domain import wire
from domain.errors import Unavailable
from domain.invitation import new_code
from domain.minutes import DAY
from edge import joining, services, spoc
from edge.blobs import BlobSource, sas_days
from edge.containers import CHUNK, Container, SdkContainer
from edge.destinations import FolderDestination
from edge.http_container import HttpContainer
from edge.https import Server
from edge.pushing import push
from tests.conftest import SDK_LEAVES_SOCKETS, STORAGE_KEY, a_queue
from tests.edge.test_pushing import CONTOSO, from_agent
from tests.edge.test_spoc import FILES, ROOT, Identity, a_file, samples_of
from tests.peers import needs_node
from tests.peers.app import an_app

pytestmark = [*SDK_LEAVES_SOCKETS, pytest.mark.usefixtures("collected")]


@pytest.fixture
def container(azurite: str) -> Iterator[Any]:
    from azure.storage.blob import ContainerClient  # noqa: PLC0415

    with ContainerClient.from_connection_string(azurite, a_queue()) as made:
        made.create_container()
        yield made


@pytest.fixture(params=["by the SDK", "by a SAS"])
def drop(request: pytest.FixtureRequest, container: Any) -> Container:
    """The container, as the SPOC sees it."""
    if request.param == "by the SDK":
        return SdkContainer(container)
    return HttpContainer(Server(container.url), lambda: a_sas(container))


def a_sas(container: Any, *, days: float = 3, **may: bool) -> str:
    from azure.storage.blob import ContainerSasPermissions, generate_container_sas  # noqa: PLC0415

    rights = {"read": True, "create": True, "write": True, "delete": True, "list": True, **may}
    return str(
        generate_container_sas(
            container.account_name,
            container.container_name,
            account_key=STORAGE_KEY,
            permission=ContainerSasPermissions(**rights),
            expiry=datetime.fromtimestamp(time.time() + DAY * days, UTC),
        )
    )


def upload(container: Any, files: int = FILES) -> dict[Identity, float]:
    expected: dict[Identity, float] = {}
    for vm in range(files):
        container.upload_blob(f"in/t_vm{vm}_0.json", a_file(vm), overwrite=True)
        expected |= samples_of([a_file(vm)])
    return expected


def blobs(container: Any) -> list[str]:
    return sorted(blob.name for blob in container.list_blobs())


def sent(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.iterdir())]


@needs_node
def test_files_of_a_blob_container_are_sent_and_forgotten(tmp_path: Path, container: Any, drop: Container) -> None:
    expected = upload(container)
    container.upload_blob("in/bad.json", b"{")
    container.upload_blob("in/other.txt", b"not ours")
    source = BlobSource(drop, tmp_path / "state", "in/")
    assert source.waiting().files == FILES + 1
    done = push(source, FolderDestination(tmp_path / "queue"))
    assert (done.files, done.refused) == (FILES + 1, 1)
    assert samples_of(sent(tmp_path / "queue")) == expected
    assert blobs(container) == ["in/other.txt", "in/refused/bad.json", "in/refused/bad.json.reason.txt"]


@needs_node
def test_sent_blobs_can_be_archived(tmp_path: Path, container: Any, drop: Container) -> None:
    upload(container, 2)
    push(BlobSource(drop, tmp_path / "state", "in/", archive=True), FolderDestination(tmp_path / "queue"))
    assert blobs(container) == ["in/archive/t_vm0_0.json", "in/archive/t_vm1_0.json"]


@needs_node
def test_a_batch_of_blobs_outlives_a_crash_before_and_after_it_was_sent(
    tmp_path: Path, container: Any, drop: Container
) -> None:
    expected = upload(container)
    first = BlobSource(drop, tmp_path / "state", "in/")
    claimed = first.claim()
    container.upload_blob("in/a-later.json", a_file(99))
    again = BlobSource(drop, tmp_path / "state", "in/")
    assert again.claim() == claimed
    again._batch_file.replace(again._sent_file)  # as finish does, and died before anything was deleted
    push(BlobSource(drop, tmp_path / "state", "in/"), FolderDestination(tmp_path / "queue"))
    assert samples_of(sent(tmp_path / "queue")) == samples_of([a_file(99)])  # the others were sent before, by finish
    assert blobs(container) == []
    assert len(expected) == FILES * 45


@needs_node
def test_a_blob_that_is_written_anew_while_it_is_sent_is_sent_again(
    tmp_path: Path, container: Any, drop: Container
) -> None:
    upload(container, 1)
    source = BlobSource(drop, tmp_path / "state", "in/")
    (name,) = source.claim()
    found = source.read(name)
    assert found
    assert found.body == a_file(0)
    container.upload_blob(name, a_file(5), overwrite=True)
    assert source.read(name) is None
    source.finish()
    assert blobs(container) == [name]
    assert push(source, FolderDestination(tmp_path / "queue")).files == 1


@needs_node
def test_a_container_that_is_missing_is_unavailable(tmp_path: Path, container: Any, drop: Container) -> None:
    container.delete_container()
    with pytest.raises(Unavailable, match=r"ContainerNotFound|not available"):
        BlobSource(drop, tmp_path / "state").claim()


@needs_node
def test_a_blob_beyond_the_limit_is_set_aside_whole_and_the_others_are_sent(
    tmp_path: Path, container: Any, drop: Container
) -> None:
    expected = upload(container, 1)
    container.upload_blob("in/huge.json", bytes(wire.MAX_BYTES + 1))
    done = push(BlobSource(drop, tmp_path / "state", "in/"), FolderDestination(tmp_path / "queue"))
    assert (done.files, done.refused) == (1, 1)
    assert samples_of(sent(tmp_path / "queue")) == expected
    assert blobs(container) == ["in/refused/huge.json", "in/refused/huge.json.reason.txt"]
    assert container.get_blob_client("in/refused/huge.json").get_blob_properties().size == wire.MAX_BYTES + 1
    assert "16,777,217 bytes" in container.download_blob("in/refused/huge.json.reason.txt").readall().decode()


@needs_node
@pytest.mark.parametrize("size", [0, 1, CHUNK - 1, CHUNK, CHUNK + 1])
def test_a_copy_is_the_same(container: Any, drop: Container, size: int) -> None:
    body = bytes(range(251)) * (size // 251 + 1)
    container.upload_blob("a", body[:size])
    (blob,) = drop.blobs("")
    drop.copy("a", blob.etag, "b/c #1")
    assert container.download_blob("b/c #1").readall() == body[:size]
    container.upload_blob("a", b"changed", overwrite=True)
    drop.copy("a", blob.etag, "d")
    assert blobs(container) == ["a", "b/c #1"]


@needs_node
def test_of_a_huge_blob_the_beginning_is_copied(container: Any, drop: Container) -> None:
    body = bytes(wire.MAX_BYTES + 2 * CHUNK)
    container.upload_blob("a", body)
    (blob,) = drop.blobs("")
    drop.copy("a", blob.etag, "b")
    assert container.get_blob_client("b").get_blob_properties().size == wire.MAX_BYTES + CHUNK


@needs_node
def test_a_sent_blob_that_is_leased_stops_nothing_is_never_sent_again_and_goes_later(
    tmp_path: Path, container: Any, drop: Container
) -> None:
    upload(container, 3)
    lease = container.get_blob_client("in/t_vm1_0.json").acquire_lease()
    source, queue = BlobSource(drop, tmp_path / "state", "in/"), FolderDestination(tmp_path / "queue")
    assert push(source, queue).files == 3
    assert (source.waiting().files, source.waiting().stuck) == (0, 1)
    container.upload_blob("in/new.json", a_file(7))
    assert push(BlobSource(drop, tmp_path / "state", "in/"), queue).files == 1
    assert blobs(container) == ["in/t_vm1_0.json"]
    lease.release()
    assert push(source, queue).files == 0
    assert blobs(container) == []


@needs_node
def test_a_container_with_many_blobs_and_odd_names_is_listed_whole(container: Any) -> None:
    names = {f"in/B~C3~9CRO#{number}&a b+c%.json" for number in range(3)} | {f"in/{n}.json" for n in range(600)}
    for name in names:
        container.upload_blob(name, b"x")
    found = list(HttpContainer(Server(container.url), lambda: a_sas(container)).blobs("in/"))
    assert {blob.name for blob in found} == names
    assert all(abs(blob.modified - time.time()) < 600 for blob in found)


@needs_node
def test_of_refused_blobs_the_newest_are_kept(
    tmp_path: Path, container: Any, drop: Container, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.blobs.MOST_REFUSED", 3)
    source = BlobSource(drop, tmp_path / "state", "in/")
    for number in range(5):
        container.upload_blob(f"in/{number}.json", b"{")
    assert push(source, FolderDestination(tmp_path / "queue")).refused == 5
    found = blobs(container)
    assert len(found) == 6
    assert all(f"{name}.reason.txt" in found for name in found if name.endswith(".json"))


@needs_node
@pytest.mark.parametrize("lacks", ["list", "read", "delete"])
def test_a_sas_that_lacks_a_right_is_said_and_loses_nothing(tmp_path: Path, container: Any, lacks: str) -> None:
    upload(container, 1)
    secret = a_sas(container, **{lacks: False})
    source = BlobSource(HttpContainer(Server(container.url), lambda: secret), tmp_path / "state", "in/")
    with pytest.raises(Unavailable) as refusal:
        push(source, FolderDestination(tmp_path / "queue"))
    assert "Read, Create, Write, Delete and List are needed" in str(refusal.value)
    assert "sig=" not in str(refusal.value)
    assert blobs(container) == ["in/t_vm0_0.json"]
    with pytest.raises(Unavailable):
        source.probe()


def test_the_days_of_a_sas_are_read_from_it() -> None:
    now = datetime(2026, 9, 21, tzinfo=UTC).timestamp()
    assert sas_days("sv=2024-01-01&se=2026-09-24T12%3A00%3A00Z&sig=x", now) == 3.5
    assert sas_days("se=2026-09-20", now) == -1
    assert sas_days("sv=2024-01-01&sig=x", now) is None
    assert sas_days("se=soon", now) is None
    assert sas_days("", now) is None


@needs_node
def test_a_machine_joins_with_a_container_and_no_azure_sdk_and_a_new_sas_counts_at_once(
    tmp_path: Path, container: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SPOT_PC_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(services, "enable_spoc", lambda: "the service runs")
    code, sas = new_code(), a_sas(container)
    with an_app(codes={code: CONTOSO}) as app:
        to = [code, "--app", app.url, "--prefix", "in/", "--container"]
        assert joining.main([*to, f"{container.url}?{a_sas(container, delete=False)}"]) == 1
        assert "drop         FAILED" in capsys.readouterr().out
        container.delete_blobs(*blobs(container))
        assert joining.main([*to, f"{container.url}?{sas}"]) == 0
        said = capsys.readouterr().out
        assert "its SAS is valid for 3 days" in said
        written = {path: path.read_text() for path in (tmp_path / "home").rglob("*") if path.is_file()}
        holding = [path.name for path, text in written.items() if "sig=" in text]
        assert (holding, "sig=" in said) == (["spoc.sas"], False)
        settings = tmp_path / "home" / "settings" / "for-vms" / "agent.toml"
        assert f'container = "{container.url}/in"' in settings.read_text()
        app.confirm()
        container.upload_blob("in/a.json", from_agent())
        program = (
            "import sys\nfrom edge.spoc import main\ncode = main(['--once'])\n"
            "print([name for name in sys.modules if name.split('.')[0] == 'azure'])\nsys.exit(code)"
        )
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False, env=os.environ
        )
        assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "[]"), done.stderr
        assert blobs(container) == []
        (beat,) = app.beats()
        assert 2.9 < (beat.sas_days or 0) <= 3
        path = tmp_path / "home" / "settings" / "spoc.sas"
        for new, worked in ((a_sas(container, days=-1), False), (f"?{a_sas(container, days=9)}", True)):
            path.write_text(f"{new}\r\n", encoding="utf-16")
            container.upload_blob("in/a.json", from_agent(since=1_790_001_900), overwrite=True)
            assert (spoc.main(["--once"]) == 0) == worked
            assert (blobs(container) == []) == worked
