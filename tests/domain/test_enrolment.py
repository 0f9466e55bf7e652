import base64
import hashlib
from dataclasses import replace

import pytest

from domain.enrolment import Enrolment, Invitation, Key, Register, public_of, text_of
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


CODE, OTHER_CODE = "c" * 64, "d" * 64


def invited(code: str = CODE, expires: int = 100, enrolment: Enrolment | None = None) -> Enrolment:
    return replace(enrolment or Enrolment("t"), invitation=Invitation(code, expires))


def joined(enrolment: Enrolment, code: str, public: bytes, now: int = 10) -> Enrolment:
    changed = enrolment.with_joined(code, public, now)
    assert changed is not None
    return changed


def test_a_key_that_joins_counts_only_when_it_is_confirmed() -> None:
    waiting = joined(invited(), CODE, FIRST)
    (key,) = waiting.keys
    assert (key.pending, key.valid, waiting.valid, waiting.admitted) == (True, False, False, False)
    register = Register.of([waiting])
    assert not register.enrolled | register.admitted
    confirmed = waiting.with_confirmed(key.id)
    assert (confirmed.valid, confirmed.admitted) == (True, True)
    assert confirmed.with_confirmed(key.id) == confirmed


def test_a_code_counts_once_and_for_its_own_key_for_ever() -> None:
    waiting = joined(invited(), CODE, FIRST)
    assert waiting.invitation is None
    assert waiting.with_joined(CODE, SECOND, 11) is None
    assert waiting.with_joined(CODE, FIRST, 10**9) == waiting
    revoked = waiting.without_key(Key(FIRST, 0).id, 12)
    assert (revoked.keys[0].pending, revoked.with_joined(CODE, FIRST, 13)) == (False, revoked)
    again = joined(invited(OTHER_CODE, enrolment=waiting), OTHER_CODE, FIRST)  # its next code is used by the same key
    assert again.with_joined(CODE, FIRST, 14) == again == again.with_joined(OTHER_CODE, FIRST, 14)


@pytest.mark.parametrize(("code", "now"), [(OTHER_CODE, 10), (CODE, 100), (CODE, 101)])
def test_a_code_that_is_another_or_too_old_does_not_count(code: str, now: int) -> None:
    assert invited(expires=100).with_joined(code, FIRST, now) is None
    assert joined(invited(expires=100), CODE, FIRST, 99).keys


def test_a_newer_code_takes_the_place_of_the_earlier_one() -> None:
    twice = invited(OTHER_CODE, enrolment=invited(CODE))
    assert twice.with_joined(CODE, FIRST, 10) is None
    assert joined(twice, OTHER_CODE, FIRST).keys


def test_keys_that_await_confirmation_are_not_among_the_two_that_may_be_valid() -> None:
    waiting = joined(invited(enrolment=enrolled("t", FIRST, SECOND)), CODE, THIRD)
    assert [key.valid for key in waiting.keys] == [True, True, False]
    with pytest.raises(StateConflict, match="revoke one first"):
        waiting.with_confirmed(Key(THIRD, 0).id)
    replaced = waiting.without_key(Key(FIRST, 0).id, 20).with_confirmed(Key(THIRD, 0).id)
    assert [key.valid for key in replaced.keys] == [False, True, True]


def test_an_operator_who_enters_a_key_that_joined_confirms_it() -> None:
    waiting = joined(invited(), CODE, FIRST)
    assert waiting.with_key(FIRST, 50) == waiting.with_confirmed(Key(FIRST, 0).id)


def test_a_revoked_key_neither_joins_nor_is_confirmed() -> None:
    revoked = invited(enrolment=joined(invited(OTHER_CODE), OTHER_CODE, FIRST).without_key(Key(FIRST, 0).id, 7))
    with pytest.raises(StateConflict, match="is revoked"):
        revoked.with_joined(CODE, FIRST, 8)
    with pytest.raises(StateConflict, match="is revoked"):
        revoked.with_confirmed(Key(FIRST, 0).id)
    assert revoked.admitted is False


def test_a_valid_key_that_joins_again_stays_valid() -> None:
    assert joined(invited(enrolment=enrolled("t", FIRST)), CODE, FIRST).valid


def test_a_tenant_whose_keys_are_all_revoked_stays_one_that_has_to_sign() -> None:
    gone = enrolled("t", FIRST).without_key(Key(FIRST, 0).id, 7)
    register = Register.of([gone, Enrolment("u"), Enrolment("w", corrupt=True)])
    assert not register.enrolled
    assert register.admitted == {"t", "w"}
