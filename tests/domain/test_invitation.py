"""The code with which a SPOC joins: drawn, shown to people, typed by them."""

import re

import pytest

from domain.invitation import ALPHABET, code_of, digest_of, new_code, shown, to_prove

CODE = "ABCDE01234FGHJK56789MNPQRS"


def test_codes_are_random_and_read_back_from_what_is_shown() -> None:
    codes = {new_code() for _ in range(200)}
    assert len(codes) == 200
    assert set("".join(codes)) == set(ALPHABET)
    for code in codes:
        assert re.fullmatch(r"(\w{5}-){4}\w{6}", shown(code))
        assert code_of(shown(code)) == code


@pytest.mark.parametrize(
    "typed",
    [
        "ABCDE-01234-FGHJK-56789-MNPQRS",
        "abcde-01234-fghjk-56789-mnpqrs",
        " ABCDE O1234\tFGHJK 56789 MNPQRS\n",
        "ABCDE\u2013OI234\u2013FGHJK\u201356789\u2013MNPQRS",
        "ABCDE0l234FGHJK56789MNPQRS",
    ],
)
def test_a_code_as_people_type_it(typed: str) -> None:
    assert code_of(typed) == CODE


@pytest.mark.parametrize("typed", ["", CODE[:-1], CODE + "0", CODE[:-1] + "U", CODE[:-1] + "é", CODE[:-1] + "\u0661"])
def test_what_is_no_code(typed: str) -> None:
    with pytest.raises(ValueError, match="must be the code"):
        code_of(typed)


def test_what_is_stored_and_signed() -> None:
    assert digest_of(CODE) != digest_of(CODE[:-1] + "0")
    assert CODE not in digest_of(CODE)
    assert to_prove(CODE) == b"SPOTJOIN" + CODE.encode()
