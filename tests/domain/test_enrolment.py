import base64
import hashlib

import pytest

from domain.enrolment import Enrolment, Key, Register, public_of, text_of
from domain.errors import NotFound, StateConflict

FIRST, SECOND, THIRD = (bytes([each]) * 32 for each in (1, 2, 3))


def enrolled(tenant: str, *keys: bytes) -> Enrolment:
    enrolment = Enrolment(tenant)
    for key in keys:
        enrolment = enrolment.with_key(key, 5)
    return enrolment


def test_a_key_is_named_by_its_digest() -> None:
    assert Key(FIRST, 0).id == hashlib.sha256(FIRST).hexdigest()[:32]


def test_two_keys_are_valid_at_a_time_and_a_third_is_refused_with_words() -> None:
    both = enrolled("t", FIRST, SECOND)
    assert [key.valid for key in both.keys] == [True, True]
    with pytest.raises(StateConflict, match=f"{Key(FIRST, 0).id} and {Key(SECOND, 0).id}: revoke one"):
        both.with_key(THIRD, 6)
    followed = both.without_key(Key(FIRST, 0).id, 7).with_key(THIRD, 8)
    assert [(key.public, key.valid) for key in followed.keys] == [(FIRST, False), (SECOND, True), (THIRD, True)]


def test_the_same_key_again_changes_nothing() -> None:
    once = enrolled("t", FIRST)
    assert once.with_key(FIRST, 99) == once


def test_a_revoked_key_stays_revoked_from_the_first_time_on() -> None:
    revoked = enrolled("t", FIRST).without_key(Key(FIRST, 0).id, 7)
    assert revoked.without_key(Key(FIRST, 0).id, 9) == revoked
    assert revoked.keys[0].revoked == 7
    with pytest.raises(StateConflict, match="is revoked, which is for good"):
        revoked.with_key(FIRST, 8)


def test_a_key_that_is_not_the_tenants_cannot_be_revoked() -> None:
    with pytest.raises(NotFound, match=f"has no key abc; it has {Key(FIRST, 0).id}"):
        enrolled("t", FIRST).without_key("abc", 7)


def test_the_register_knows_who_may_send_and_whose_a_key_is() -> None:
    first, none = enrolled("t1", FIRST), Enrolment("t2")
    gone = enrolled("t3", SECOND).without_key(Key(SECOND, 0).id, 7)
    register = Register.of([first, none, gone])
    assert register.enrolled == {"t1"}
    assert set(register.enrolments) == {"t1", "t2", "t3"}
    assert register.keys[Key(FIRST, 0).id] == (first, first.keys[0])
    assert register.keys[Key(SECOND, 0).id][1].valid is False


def test_a_public_key_is_32_bytes_in_base64() -> None:
    assert public_of(f" {text_of(FIRST)}\n") == FIRST
    for text in ("", "no base64!", base64.b64encode(b"short").decode(), text_of(FIRST + b"x"), "ä" * 44):
        with pytest.raises(ValueError, match=r"edge\.spoc --public-key"):
            public_of(text)
