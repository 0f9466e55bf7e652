"""Names in ids and file names, and masked names."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.masking import is_masked, mask_tenant, mask_vm
from domain.names import decode_name, encode_name, key_of, name_problem, split_key
from tests.builders import TENANT, VM

names = st.text(st.characters(exclude_categories=["Cs"]))
KEY = b"a key"


@given(names)
def test_an_encoded_name_is_safe_and_decodes_to_the_name(name: str) -> None:
    encoded = encode_name(name)
    assert re.fullmatch(r"[A-Za-z0-9.~-]*", encoded)
    assert decode_name(encoded) == name


@given(names, names)
def test_different_names_have_different_encodings(one: str, two: str) -> None:
    assert (encode_name(one) == encode_name(two)) == (one == two)


@pytest.mark.parametrize("name", [TENANT, VM, "Tenant1", "pool ü", "a" * 128])
def test_names_in_use_are_valid(name: str) -> None:
    assert name_problem(name) is None


@pytest.mark.parametrize("name", ["", " ", "a\tb", "\u202e", "\U0001f600" * 128, "a" * 129])
def test_a_name_that_would_harm_is_refused(name: str) -> None:
    assert name_problem(name)


def test_a_key_is_split_at_its_first_dot() -> None:
    assert split_key("win_disk.percent.idle") == ("win_disk", "percent.idle")
    assert key_of(*split_key("a.b.c")) == "a.b.c"


@pytest.mark.parametrize("key", ["", "a", ".a", "a.", "."])
def test_a_key_without_two_sides_is_none(key: str) -> None:
    with pytest.raises(ValueError, match=r"PerfType\.PerfName"):
        split_key(key)


@given(st.text(min_size=1).filter(str.strip).filter(lambda name: not is_masked(name)))
def test_a_masked_name_is_url_safe_stable_and_recognised(name: str) -> None:
    masked = mask_tenant(name, KEY)
    assert re.fullmatch(r"t-[A-Za-z0-9_-]{24}", masked)
    assert masked == mask_tenant(name, KEY) == mask_tenant(masked, KEY) == mask_tenant(masked, b"another")
    assert name not in masked or len(name) < 3


def test_another_key_another_name_another_kind_another_tenant_mask_differently() -> None:
    masked = [
        mask_tenant("Contoso", KEY),
        mask_tenant("Contoso", b"another"),
        mask_tenant("Fabrikam", KEY),
        mask_vm("Contoso", "Contoso", KEY),
        mask_vm("Fabrikam", "Contoso", KEY),
    ]
    assert len(set(masked)) == len(masked)


def test_case_and_blanks_make_no_difference_as_for_host_names() -> None:
    assert mask_vm("Contoso", " PC-1 ", KEY) == mask_vm(mask_tenant("contoso", KEY), "pc-1", KEY)


@pytest.mark.parametrize("name", [TENANT, VM])
def test_foreign_masked_names_stay_as_they_are(name: str) -> None:
    assert mask_tenant(name, KEY) == mask_vm("t", name, KEY) == name


@pytest.mark.parametrize(("name", "key"), [("", KEY), (" ", KEY), ("x", b"")])
def test_nothing_can_be_masked_without_a_name_and_a_key(name: str, key: bytes) -> None:
    with pytest.raises(ValueError, match="empty"):
        mask_tenant(name, key)
