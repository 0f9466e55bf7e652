"""Keys and settings, however Windows' programs save them."""

import base64
from pathlib import Path

import pytest

from edge.signing import signer_of
from edge.spoc import main
from edge.texts import MOST_BYTES, read_secret, read_text

SAVED = ["utf-8", "utf-8-sig", "utf-16"]


@pytest.mark.parametrize("encoding", SAVED)
def test_a_key_is_the_same_key_however_it_was_saved(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "masking.key"
    path.write_bytes("my key, größer \r\n".encode(encoding))
    assert read_secret(path) == "my key, größer".encode()


def test_a_key_that_is_no_text_is_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "masking.key").write_bytes(b"\xff\x01key\n")
    assert read_secret(tmp_path / "masking.key") == b"\xff\x01key"


@pytest.mark.parametrize("encoding", SAVED)
def test_a_signing_key_may_have_been_saved_anew(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "spoc.key"
    path.write_bytes((base64.b64encode(bytes(32)).decode() + "\r\n").encode(encoding))
    signer, made = signer_of(path)
    assert (signer.secret, made) == (bytes(32), False)


@pytest.mark.parametrize("encoding", SAVED)
def test_settings_may_be_saved_by_any_editor(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "Büro").mkdir()
    (tmp_path / "queue").mkdir()
    config = tmp_path / "spoc.toml"
    lines = [f"folder = '{tmp_path / 'Büro'}'", f"queue-folder = '{tmp_path / 'queue'}'", "once = true"]
    config.write_bytes("\r\n".join(lines).encode(encoding))
    assert main(["--config", str(config)]) == 0


@pytest.mark.parametrize(
    ("content", "said"), [(b"\xff\x00", "no text in UTF-8"), (bytes(MOST_BYTES + 1), "is larger than")]
)
def test_what_is_no_text_is_said(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "f").write_bytes(content)
    with pytest.raises(ValueError, match=said):
        read_text(tmp_path / "f")
