"""The SPOC's key, and what it signs."""

import base64
import json
import os
import stat
from pathlib import Path

import pytest

from domain import wire
from domain.enrolment import key_id, public_of
from domain.signed import HEAD_BYTES, taken_apart
from edge.destinations import FolderDestination, identity_in
from edge.pushing import push
from edge.signing import signer_of
from edge.sources import FolderSource
from edge.spoc import main
from tests.edge.test_spoc import fill, samples_of


def sent(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.iterdir())]


def test_a_key_is_made_once_and_nobody_else_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "spoc.key"
    signer, made = signer_of(path)
    assert made
    assert signer_of(path) == (signer, False)
    assert [each.name for each in path.parent.iterdir()] == ["spoc.key"]
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", [b"", b"no key", b"AAAA", b"\xff" * 40])
def test_a_file_that_holds_no_key_is_named_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "spoc.key"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"spoc\.key holds no signing key"):
        signer_of(path)
    assert path.read_bytes() == content


def test_every_message_is_signed_and_stays_within_the_limit(tmp_path: Path) -> None:
    expected = fill(tmp_path / "in", counters=20)
    signer, _ = signer_of(tmp_path / "spoc.key")
    destination = FolderDestination(tmp_path / "queue", limit=4_000)
    done = push(FolderSource(tmp_path / "in"), destination, signer=signer)
    messages = sent(tmp_path / "queue")
    assert len(messages) > 1
    assert max(map(len, messages)) <= 4_000
    assert done.bytes == sum(map(len, messages))
    for message in messages:
        signed = taken_apart(message)
        assert signed
        assert signed.key == key_id(signer.public).hex()
        assert signed.fits(signer.public)
        assert wire.decode(message) == wire.decode(message[HEAD_BYTES:])
    assert samples_of(messages) == expected


def test_the_same_files_give_the_same_signed_messages(tmp_path: Path) -> None:
    signer, _ = signer_of(tmp_path / "spoc.key")
    for name in ("one", "two"):
        fill(tmp_path / f"in-{name}")
        push(FolderSource(tmp_path / f"in-{name}"), FolderDestination(tmp_path / name), signer=signer)
    one, two = ([path.name for path in sorted((tmp_path / name).iterdir())] for name in ("one", "two"))
    assert one == two
    assert sent(tmp_path / "one") == sent(tmp_path / "two")


def test_the_program_makes_its_key_shows_the_public_half_and_signs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = ["--key-file", str(tmp_path / "spoc.key")]
    where = ["--folder", str(tmp_path / "in"), "--queue-folder", str(tmp_path / "queue")]
    fill(tmp_path / "in")
    assert main([*where, *key, "--public-key"]) == 0
    shown = capsys.readouterr()
    assert "made the key" in shown.err
    public, named = (line.split()[-1] for line in shown.out.splitlines())
    assert key_id(public_of(public)).hex() == named
    assert main([*where, *key, "--once"]) == 0
    assert "not signed" not in capsys.readouterr().err
    messages = sent(tmp_path / "queue")
    assert len(messages) == 2  # one is the heartbeat
    for message in messages:
        signed = taken_apart(message)
        assert signed
        assert signed.fits(public_of(public))
    assert main([*where, *key, "--check"]) == 0
    assert f"signs with the key {named}" in capsys.readouterr().out


def test_without_a_key_it_says_that_it_does_not_sign(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--folder", str(tmp_path / "in"), "--queue-folder", str(tmp_path / "queue")]
    fill(tmp_path / "in")
    assert main([*where, "--once"]) == 0
    assert "messages are not signed" in capsys.readouterr().err
    (message,) = sent(tmp_path / "queue")
    assert taken_apart(message) is None
    with pytest.raises(SystemExit):
        main([*where, "--public-key"])
    assert "--public-key wants --key-file" in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="rights of files, as POSIX has them")
def test_a_key_that_others_may_read_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "spoc.key"
    signer_of(path)
    path.chmod(0o644)
    assert main(["--folder", str(tmp_path), "--queue-folder", str(tmp_path), "--key-file", str(path), "--once"]) == 0
    assert "others than its owner may read the key" in capsys.readouterr().err


def test_whose_access_token_it_is_can_be_told() -> None:
    claims = {"appid": "app-1", "oid": "object-1", "tid": "directory-1"}
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    assert identity_in(f"head.{body}.tail") == "the application app-1 (object id object-1) of the directory directory-1"
    for token in ("", "head", "head.W10.tail", "head.!.tail"):
        with pytest.raises(ValueError, match="no access token"):
            identity_in(token)
