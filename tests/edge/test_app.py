"""Pushing to the app over HTTPS: proxies, certificates, clocks, keys, faults. Nothing is lost, nothing comes twice."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from domain.errors import Unavailable
from domain.signed import Signer
from edge.app import SLOWLY, AppDestination, NotNow
from edge.destinations import STANDARD_LIMIT
from edge.https import CertificateRefused, Connection, Server
from edge.pushing import push
from edge.signing import signer_of
from edge.sources import FolderSource
from edge.spoc import main
from tests.edge.test_spoc import ROOT, a_file, fill, left, samples_of
from tests.peers.app import App, Authority, a_proxy, an_app, an_authority


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return an_authority(tmp_path_factory.mktemp("company"), "Contoso Inspection CA")


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return an_authority(tmp_path_factory.mktemp("provider"), "Provider CA")


@pytest.fixture
def signer(tmp_path: Path) -> Signer:
    return signer_of(tmp_path / "spoc.key")[0]


@pytest.fixture
def app(signer: Signer) -> Iterator[App]:
    """The app by plain HTTP, which is taken on this machine; it knows the key."""
    with an_app() as served:
        served.keys[AppDestination(Server(served.url), signer).key] = signer.public
        yield served


def to(app: App, signer: Signer, **way: object) -> AppDestination:
    return AppDestination(Server(app.url, **way), signer)  # type: ignore[arg-type]


def confirm(app: App, signer: Signer) -> None:
    app.keys[to(app, signer).key] = signer.public


def test_all_files_arrive_signed_over_one_connection(tmp_path: Path, app: App, signer: Signer) -> None:
    expected = fill(tmp_path / "in", counters=60)
    destination = AppDestination(Server(app.url), signer, limit=20_000)
    done = push(FolderSource(tmp_path / "in"), destination, signer=signer)
    assert samples_of(app.samples()) == expected
    assert (done.messages, app.requests, len(app.connections)) == (len(app.queue), len(app.queue), 1)
    assert done.messages > 1
    assert max(map(len, app.queue.values())) <= 20_000
    assert left(tmp_path / "in") == []


@pytest.mark.parametrize(
    "faults", [["before"], ["after"], ["", "before", "before"], ["", "after", "after"], ["", "", "after", "before"]]
)
def test_what_was_not_acknowledged_is_sent_again_and_arrives_once(
    tmp_path: Path, app: App, signer: Signer, faults: list[str]
) -> None:
    """The app is killed before it has done anything, or its answer is lost, at the first message or a later one."""
    expected = fill(tmp_path / "in", counters=60)
    destination = AppDestination(Server(app.url), signer, limit=20_000)
    app.faults = faults
    with pytest.raises(Unavailable):
        push(FolderSource(tmp_path / "in"), destination, signer=signer)
    assert len(left(tmp_path / "in")) == 12
    push(FolderSource(tmp_path / "in"), destination, signer=signer)
    assert samples_of(app.samples()) == expected
    assert sum(len(samples_of([body])) for body in app.samples()) == len(expected)  # each just once
    assert left(tmp_path / "in") == []


def test_a_kept_connection_that_was_closed_meanwhile_is_opened_again(app: App) -> None:
    with Connection(Server(app.url)) as connection:
        assert connection.request("POST", "/v1/push").status == 401
        app.faults = ["before"]
        assert connection.request("POST", "/v1/push").status == 401
    assert app.requests == 3


def test_a_message_beyond_what_the_queue_takes_sets_its_file_aside_and_the_rest_is_sent(
    tmp_path: Path, app: App, signer: Signer
) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "large.json").write_bytes(a_file(1, counters=200))
    (tmp_path / "in" / "small.json").write_bytes(a_file(2))
    app.most = 2_000
    destination = AppDestination(Server(app.url), signer, limit=4_000)
    done = push(FolderSource(tmp_path / "in"), destination, signer=signer)
    assert done.refused >= 1
    assert "the queue takes no message of" in (tmp_path / "in" / "refused" / "large.json.reason.txt").read_text()
    assert left(tmp_path / "in") == []
    app.most = STANDARD_LIMIT
    fill(tmp_path / "in", files=1)
    assert push(FolderSource(tmp_path / "in"), destination, signer=signer).samples == 45


def test_an_app_that_takes_a_few_messages_at_a_time_gets_each_once_in_the_end(
    tmp_path: Path, app: App, signer: Signer
) -> None:
    expected = fill(tmp_path / "in", counters=60)
    destination = AppDestination(Server(app.url), signer, limit=10_000)
    tries = 0
    while left(tmp_path / "in"):
        tries += 1
        app.take_at_once = 3
        with contextlib.suppress(NotNow):
            push(FolderSource(tmp_path / "in"), destination, signer=signer)
    assert samples_of(app.samples()) == expected
    assert (tries, app.requests) == (-(-len(app.queue) // 3), len(app.queue) + tries - 1)
    assert tries > 2


@pytest.mark.parametrize(
    ("status", "header", "seconds"),
    [(429, "17", 17), (503, "4", 4), (503, "", 5), (429, "soon", 5), (503, "1e9", 3600)],
)
def test_a_busy_app_is_left_alone_for_as_long_as_it_says(
    tmp_path: Path, app: App, signer: Signer, status: int, header: str, seconds: float
) -> None:
    fill(tmp_path / "in")
    app.statuses = [(status, {"Retry-After": header} if header else {})]
    with pytest.raises(NotNow) as busy:
        push(FolderSource(tmp_path / "in"), to(app, signer), signer=signer)
    assert busy.value.retry_after == seconds
    assert len(left(tmp_path / "in")) == 12


def test_a_key_is_unknown_then_awaits_confirmation_then_is_accepted_then_revoked(
    tmp_path: Path, app: App, signer: Signer
) -> None:
    expected = fill(tmp_path / "in")
    destination = to(app, signer)
    app.keys.clear()
    for awaiting, said in (({}, "does not know the key"), ({destination.key: signer.public}, "awaits confirmation")):
        app.awaiting = dict(awaiting)
        with pytest.raises(NotNow, match=said) as refused:
            push(FolderSource(tmp_path / "in"), destination, signer=signer)
        assert destination.key in str(refused.value)
        assert refused.value.retry_after >= SLOWLY
        assert len(left(tmp_path / "in")) == 12
    app.confirm()
    assert push(FolderSource(tmp_path / "in"), destination, signer=signer).files == 12
    assert samples_of(app.samples()) == expected
    app.keys.clear()  # revoked between two pushes
    fill(tmp_path / "in")
    with pytest.raises(NotNow, match="revoked"):
        push(FolderSource(tmp_path / "in"), destination, signer=signer)
    assert len(left(tmp_path / "in")) == 12


def spoc(tmp_path: Path, app: App, *more: str) -> int:
    where = ["--folder", str(tmp_path / "in"), "--app", app.url, "--key-file", str(tmp_path / "spoc.key")]
    return main([*where, *more])


def test_the_program_sends_and_beats_and_then_waits_a_quarter_of_an_hour_for_the_next_beat(
    tmp_path: Path, app: App, signer: Signer
) -> None:
    confirm(app, signer)
    fill(tmp_path / "in")
    assert spoc(tmp_path, app, "--once") == 0
    assert spoc(tmp_path, app, "--once") == 0
    (beat,) = app.beats()
    assert (beat.vms, beat.refused, beat.oldest_file) == (12, 0, None)
    assert beat.offset is not None
    state = tmp_path / "in" / ".spoc" / "fleet.json"
    state.write_text(json.dumps({**json.loads(state.read_text()), "beaten": 0}))
    (tmp_path / "in" / "bad.json").write_bytes(b"{")
    assert spoc(tmp_path, app, "--once") == 0
    assert [(each.vms, each.refused) for each in app.beats()] == [(12, 0), (12, 1)]


def test_the_offset_of_this_clock_is_in_the_heartbeat(tmp_path: Path, app: App, signer: Signer) -> None:
    fill(tmp_path / "in")
    app.clock_ahead = -3600
    destination = to(app, signer)
    push(FolderSource(tmp_path / "in"), destination, signer=signer)
    assert destination.offset is not None
    assert abs(destination.offset - 3600) < 30


def test_check_tells_who_this_is_and_whether_it_may_send(
    tmp_path: Path, app: App, signer: Signer, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").mkdir()
    key = to(app, signer).key
    assert spoc(tmp_path, app, "--check", "--tenant", "t-mine") == 0
    said = capsys.readouterr().out
    for expected in ("tenant: t-mine", key, app.url, "may send: yes", "0 files wait", "this machine's clock: "):
        assert expected in said
    app.awaiting, app.keys = app.keys, {}
    assert spoc(tmp_path, app, "--check") == 1
    assert "awaits confirmation" in capsys.readouterr().out


def test_the_way_through_a_proxy_that_wants_a_sign_in(tmp_path: Path, provider: Authority, signer: Signer) -> None:
    expected = fill(tmp_path / "in")
    with an_app(provider.server) as app, a_proxy(sign_in="us er:p@ss") as proxy:
        confirm(app, signer)
        with pytest.raises(Unavailable, match=r"407.*NTLM"):
            push(
                FolderSource(tmp_path / "in"),
                to(app, signer, proxy=proxy.url, ca_file=provider.root),
                signer=signer,
            )
        way = proxy.url.replace("//", "//us%20er:p%40ss@")
        destination = to(app, signer, proxy=way, ca_file=provider.root)
        push(FolderSource(tmp_path / "in"), destination, signer=signer)
        assert samples_of(app.samples()) == expected
        assert set(proxy.asked) == {urlsplit(app.url).netloc}
        assert "p@ss" not in str(destination)
        assert "p%40ss" not in str(destination)


def test_the_systems_proxy_is_used_unless_another_is_given(
    provider: Authority, signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with an_app(provider.server) as app, a_proxy() as system, a_proxy() as other:
        confirm(app, signer)
        monkeypatch.setenv("https_proxy", system.url)
        for proxy in (None, other.url, ""):
            to(app, signer, proxy=proxy, ca_file=provider.root).check()
        assert (len(system.asked), len(other.asked)) == (1, 1)


def test_an_inspecting_proxy_is_told_with_its_authority_and_trusted_when_that_is_given(
    provider: Authority, company: Authority, signer: Signer
) -> None:
    with an_app(provider.server) as app, an_app(company.server) as inspecting:
        confirm(inspecting, signer)
        with a_proxy(instead=int(inspecting.url.rpartition(":")[2])) as proxy:
            with pytest.raises(CertificateRefused, match="--ca-file") as refused:
                to(app, signer, proxy=proxy.url, ca_file=provider.root).check()
            assert refused.value.issuer == "CN=Contoso Inspection CA"
            assert inspecting.requests == 0
            assert (
                "may send: yes, the key is confirmed" in to(app, signer, proxy=proxy.url, ca_file=company.root).check()
            )


@pytest.mark.parametrize("url", ["https://127.0.0.1:9", "https://no-such-host.invalid"])
def test_what_cannot_be_reached_says_what_to_do(url: str, signer: Signer) -> None:
    with pytest.raises(Unavailable, match="--proxy"):
        AppDestination(Server(url, proxy=""), signer).check()


def test_a_proxy_that_is_none_and_an_authority_that_is_none_are_said(tmp_path: Path, signer: Signer) -> None:
    with pytest.raises(Unavailable, match="is that the proxy"):
        AppDestination(Server("https://app.invalid", proxy="http://127.0.0.1:9"), signer).check()
    (tmp_path / "ca.pem").write_text("nonsense")
    with pytest.raises(Unavailable, match="must be a PEM file"):
        AppDestination(Server("https://127.0.0.1:9", proxy="", ca_file=tmp_path / "ca.pem"), signer).check()


def test_a_server_that_is_not_the_app_is_said(app: App, signer: Signer) -> None:
    with pytest.raises(Unavailable, match=r"answers 404: no such page; is that its URL\?"):
        AppDestination(Server(app.url + "/other"), signer).check()


@pytest.mark.parametrize(
    "url", ["http://app.example.com", "ftp://app", "app.example.com", "https://", "https://app:port"]
)
def test_an_url_that_cannot_be_the_apps_is_said(url: str) -> None:
    with pytest.raises(ValueError, match="URL"):
        Server(url)


def test_no_azure_sdk_is_loaded_on_this_way(tmp_path: Path, app: App, signer: Signer) -> None:
    confirm(app, signer)
    fill(tmp_path / "in")
    program = (
        "import sys\nfrom edge.spoc import main\ncode = main(sys.argv[1:])\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('azure', 'requests', 'aiohttp', 'pydantic')])\n"
        "sys.exit(code)"
    )
    where = ["--folder", str(tmp_path / "in"), "--app", app.url, "--key-file", str(tmp_path / "spoc.key"), "--once"]
    done = subprocess.run(
        [sys.executable, "-c", program, *where], cwd=ROOT, capture_output=True, text=True, check=False, env=os.environ
    )
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "[]"), done.stderr
    assert len(app.queue) == 2


def test_where_the_sdk_is_not_installed_the_ways_that_want_it_say_so(tmp_path: Path) -> None:
    """As in the packages. ``-S`` leaves out what is installed, but for the libraries that are named."""
    for name in ("msgspec", "cryptography", "cffi"):
        (tmp_path / name).symlink_to(Path(find_spec(name).origin or "").parent)  # type: ignore[union-attr]
    where = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}
    for more, environment, said in (
        (["--folder", ".", "--namespace", "n"], {}, "or send to the app (--app)"),
        (["--container", "c", "--queue-folder", "q"], {"SPOT_STORAGE_CONNECTION": "x"}, "or give a SAS"),
    ):
        done = subprocess.run(
            [sys.executable, "-S", "-m", "edge.spoc", *more, "--once"],
            cwd=tmp_path,
            env={**where, **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, said in done.stderr) == (2, True), done.stderr
        assert "requirements/edge.txt" in done.stderr
