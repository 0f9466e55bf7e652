import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import wire
from domain.enrolment import key_id
from domain.errors import BadMessage
from domain.signed import HEAD_BYTES, MAGIC, Signer, taken_apart
from tests.builders import a_message, a_record

OURS, OTHERS = Signer(bytes(range(32))), Signer(bytes(32))
OURS.signed(b"")  # the library is loaded here, and not within a test's deadline


def test_the_private_key_of_the_standard_signs_as_the_standard_says() -> None:
    # RFC 8032, 7.1, test 1: the public key that belongs to this private one.
    secret = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    assert Signer(secret).public.hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"


@given(st.binary(max_size=100))
def test_what_is_signed_fits_its_key_and_no_other(body: bytes) -> None:
    message = OURS.signed(body)
    assert len(message) == len(body) + HEAD_BYTES
    assert OURS.signed(body) == message
    signed = taken_apart(message)
    assert signed
    assert signed.body == body
    assert signed.key == key_id(OURS.public).hex()
    assert signed.fits(OURS.public)
    assert not signed.fits(OTHERS.public)


@given(st.integers(len(MAGIC), HEAD_BYTES + 19), st.integers(1, 255))
def test_one_byte_that_is_changed_anywhere_behind_the_magic_is_noticed(place: int, change: int) -> None:
    message = bytearray(OURS.signed(b"twenty bytes of text"))
    message[place] ^= change
    signed = taken_apart(bytes(message))
    assert signed
    assert not signed.fits(OURS.public)


@pytest.mark.parametrize("length", [len(MAGIC), len(MAGIC) + 1, HEAD_BYTES - 1])
def test_a_head_that_is_cut_off_is_told(length: int) -> None:
    with pytest.raises(BadMessage, match="begins like a signed one but is cut off"):
        taken_apart(OURS.signed(b"text")[:length])


def test_other_messages_are_not_signed() -> None:
    for body in (b"", b"{}", MAGIC[:-1], wire.GZIP_MAGIC, b" " + OURS.signed(b"text")):
        assert taken_apart(body) is None


def test_32_bytes_that_are_no_point_of_the_curve_fit_nothing() -> None:
    signed = taken_apart(OURS.signed(b"text"))
    assert signed
    assert not signed.fits(b"\xff" * 32)


@pytest.mark.parametrize("zipped", [False, True])
def test_a_signed_message_reads_as_its_body_does(zipped: bool) -> None:
    body = a_message([a_record(), {"no": "sample"}], zipped=zipped)
    assert wire.decode(OURS.signed(body)) == wire.decode(body)
    with pytest.raises(BadMessage, match="not UTF-8"):
        wire.decode(OURS.signed(OURS.signed(body)))
    with pytest.raises(BadMessage, match="is empty"):
        wire.decode(OURS.signed(b""))
