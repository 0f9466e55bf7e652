"""Who a principal is, by roles and claims: a table of cases."""

import pytest

from domain.access import MACHINE, OPERATOR, Caller, caller_of
from domain.errors import Forbidden

DIRECTORIES = {"directory 1": "T1", "directory 2": "T2", "again": "T1", "empty": ""}


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ([("roles", "operator")], OPERATOR),
        ([("role", "machine")], MACHINE),
        ([("roles", "machine"), ("roles", "operator"), ("tid", "directory 1")], OPERATOR),
        ([("roles", "machine"), ("tid", "directory 1")], MACHINE),
        ([("tid", "directory 1")], Caller("tenant", "T1")),
        ([("tid", "directory 1"), ("tid", "again"), ("tid", "unknown")], Caller("tenant", "T1")),
        ([("roles", "reader"), ("tid", "directory 2")], Caller("tenant", "T2")),
    ],
)
def test_roles_come_first_and_then_the_tenant(claims: list[tuple[str, str]], expected: Caller) -> None:
    assert caller_of(claims, {"roles", "role"}, "tid", DIRECTORIES) == expected


@pytest.mark.parametrize(
    "claims",
    [
        [],
        [("name", "operator")],
        [("roles", "Operator")],
        [("scp", "operator"), ("groups", "machine")],
        [("tid", "unknown")],
        [("tid", "T1")],  # the masked name is no directory
        [("tid", "empty")],
        [("tid", "directory 1"), ("tid", "directory 2")],
    ],
)
def test_who_is_none_of_these_or_of_two_tenants_is_let_nowhere(claims: list[tuple[str, str]]) -> None:
    with pytest.raises(Forbidden):
        caller_of(claims, {"roles"}, "tid", DIRECTORIES)


def test_without_a_table_the_claim_is_the_masked_name_itself() -> None:
    assert caller_of([("tenant", "a+b==1")], {"roles"}, "tenant") == Caller("tenant", "a+b==1")
    with pytest.raises(Forbidden):
        caller_of([("tenant", "")], {"roles"}, "tenant")


def test_with_an_empty_table_there_are_no_tenants() -> None:
    with pytest.raises(Forbidden):
        caller_of([("tid", "directory 1")], {"roles"}, "tid", {})


@pytest.mark.parametrize(
    ("caller", "sees", "in_full"),
    [(OPERATOR, {"T1", "T2"}, True), (MACHINE, set(), True), (Caller("tenant", "T1"), {"T1"}, False)],
)
def test_what_each_caller_sees(caller: Caller, sees: set[str], in_full: bool) -> None:
    assert ({name for name in ("T1", "T2") if caller.sees(name)}, caller.sees_fleet_in_full) == (sees, in_full)


DIRECTORY = "http://schemas.microsoft.com/identity/claims/tenantid"


@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        ([("roles", "operator"), (DIRECTORY, "OURS")], OPERATOR),
        ([("roles", "machine"), ("tid", "ours")], MACHINE),
        # Another directory's administrators assign roles of the same app to whom they like.
        ([("roles", "operator"), ("tid", "directory 1")], Caller("tenant", "T1")),
        ([("roles", "operator"), ("tid", "stranger")], None),
        ([("roles", "operator"), (DIRECTORY, "stranger"), ("tid", "ours")], None),
        ([("roles", "operator")], None),
    ],
)
def test_roles_count_only_where_the_operators_own_directory_assigns_them(
    claims: list[tuple[str, str]], expected: Caller | None
) -> None:
    if expected:
        assert caller_of(claims, {"roles"}, "tid", DIRECTORIES, "ours") == expected
    else:
        with pytest.raises(Forbidden):
            caller_of(claims, {"roles"}, "tid", DIRECTORIES, "ours")
