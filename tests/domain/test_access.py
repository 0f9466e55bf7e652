"""Who a principal is, by directory, roles and enrolments: a table of cases."""

import pytest

from domain.access import MACHINE, OPERATOR, Caller, Principal
from domain.enrolment import Enrolment, Register
from domain.errors import Forbidden

LONG_DIRECTORY = "http://schemas.microsoft.com/identity/claims/tenantid"
LONG_SCOPE = "http://schemas.microsoft.com/identity/claims/scope"
OURS, FIRST, SECOND, NEW, SHARED, STRANGE = "ours", "d-1", "d-2", "d-3", "d-4", "d-9"
LISTED = {FIRST: "T1", SECOND: "T2", NEW: "T9", "empty": "", "old": "T1"}
"""What the setting says: keys are in lower case."""

REGISTER = Register.of(
    [
        Enrolment("T1", directories=("D-1", SHARED), applications=("APP-1",)),
        Enrolment("T2"),
        Enrolment("T3", directories=(NEW, SHARED)),
    ]
)

Claims = list[tuple[str, str]]


def of(directory: str, *claims: tuple[str, str], kind: str = "tid") -> Claims:
    """The claims of a session, as a directory signs somebody in."""
    return [(kind, directory), ("iss", f"https://login.microsoftonline.com/{directory}/v2.0"), *claims]


def called(claims: Claims, claim: str = LONG_DIRECTORY, ours: str | None = "OURS") -> Caller:
    principal = Principal.of(claims)
    return principal.role({"roles", "role"}, ours) or principal.of_tenant(REGISTER, claim, LISTED)


DELEGATED_V1 = (("appid", "cli"), ("scp", "user_impersonation"))
DELEGATED_V2 = (("azp", "cli"), (LONG_SCOPE, "user_impersonation"))
ALONE_V1 = (("appid", "App-1"),)
ALONE_V2 = (("azp", "app-1"), ("azpacr", "1"))
OPERATOR_ROLE, MACHINE_ROLE = ("roles", "operator"), ("roles", "machine")


@pytest.mark.parametrize("person", [(), DELEGATED_V1, DELEGATED_V2], ids=["session", "v1", "v2"])
@pytest.mark.parametrize(
    ("claims", "expected"),
    [
        (of(OURS, OPERATOR_ROLE), OPERATOR),
        (of("OURS", ("role", "operator"), kind=LONG_DIRECTORY), OPERATOR),
        (of(FIRST), Caller("tenant", "T1")),
        (of("D-1", kind=LONG_DIRECTORY), Caller("tenant", "T1")),
        (of(SECOND), Caller("tenant", "T2")),  # by the setting: the enrolment names no directory
        (of(NEW), Caller("tenant", "T3")),  # the enrolment wins
        # Another directory's administrators assign roles of the same app to whom they like.
        (of(FIRST, OPERATOR_ROLE), Caller("tenant", "T1")),
        # A guest is of the directory that lets them in, wherever they come from.
        (of(FIRST, ("idp", "https://sts.windows.net/d-3/")), Caller("tenant", "T1")),
    ],
)
def test_a_person_is_an_operator_or_of_the_tenant_of_their_directory(
    claims: Claims, expected: Caller, person: tuple[tuple[str, str], ...]
) -> None:
    assert called([*claims, *person]) == expected


@pytest.mark.parametrize(
    "claims",
    [
        of(STRANGE),
        of(STRANGE, OPERATOR_ROLE),
        of(OURS),
        of(OURS, ("roles", "Operator")),
        of(OURS, MACHINE_ROLE),  # which is for applications
        of(OURS, ("name", "operator"), ("scp", "operator"), ("groups", "operator")),
        of("empty"),
        of("T1"),  # the masked name is no directory
        of("old"),  # T1's enrolment names others
        of(SHARED),  # two tenants' enrolments name it
        of(OURS, ("idp", "https://sts.windows.net/d-1/")),  # a tenant's person who is a guest of the operator
    ],
)
def test_who_is_none_of_these_is_let_nowhere(claims: Claims) -> None:
    with pytest.raises(Forbidden):
        called(claims)


@pytest.mark.parametrize(
    "alone", [ALONE_V1, ALONE_V2, (*DELEGATED_V1, ("idtyp", "app")), (("azp", "app-1"), ("scp", ""))]
)
def test_an_application_has_no_rights_but_by_its_role_or_its_tenants_enrolment(
    alone: tuple[tuple[str, str], ...],
) -> None:
    assert called(of(OURS, MACHINE_ROLE, *alone)) == MACHINE
    for claims in (of(OURS, OPERATOR_ROLE), of(SECOND), of(NEW), of(SECOND, MACHINE_ROLE), of(STRANGE, MACHINE_ROLE)):
        with pytest.raises(Forbidden):
            called([*claims, *alone])


@pytest.mark.parametrize("alone", [ALONE_V1, ALONE_V2])
def test_an_application_of_an_enrolment_has_its_tenants_rights_and_only_from_its_directory(alone: Claims) -> None:
    assert called([*of(FIRST), *alone]) == Caller("tenant", "T1")
    for directory in (SECOND, NEW, STRANGE, OURS):
        with pytest.raises(Forbidden):
            called([*of(directory), *alone])


def test_who_has_no_role_directory_has_no_operators() -> None:
    with pytest.raises(Forbidden):
        called(of(OURS, OPERATOR_ROLE), ours=None)


@pytest.mark.parametrize(
    "claims",
    [
        [],
        [("tid", FIRST)],
        [("iss", f"https://sts.windows.net/{FIRST}/")],
        of(FIRST, (LONG_DIRECTORY, SECOND)),
        of(STRANGE, (LONG_DIRECTORY, FIRST)),
        of(FIRST, ("tid", SECOND)),
        of(FIRST, ("tid", "")),
        of(""),
        of(FIRST, ("iss", f"https://sts.windows.net/{SECOND}/")),
        of(FIRST, ("iss", f"https://sts.windows.net/{FIRST}/")),  # two issuers, though both are right
        [("tid", FIRST), ("iss", f"https://login.microsoftonline.com/{SECOND}/v2.0")],
        [("tid", FIRST), ("iss", f"https://login.microsoftonline.com/{FIRST}")],
        [("tid", FIRST), ("iss", f"https://login.microsoftonline.com.evil.test/{FIRST}/v2.0")],
        [("tid", FIRST), ("iss", f"http://sts.windows.net/{FIRST}/")],
        [("tid", FIRST), ("iss", "https://accounts.google.com")],
        of(FIRST, ("appid", "app-1"), ("azp", "other")),
    ],
)
def test_who_signs_in_is_of_exactly_one_directory_which_says_so(claims: Claims) -> None:
    with pytest.raises(Forbidden):
        called(claims)


@pytest.mark.parametrize(
    "issuer",
    [
        "https://login.microsoftonline.com/{}/v2.0",
        "https://sts.windows.net/{}/",
        "https://login.microsoftonline.us/{}/v2.0",
        "https://login.partner.microsoftonline.cn/{}/v2.0",
        "https://sts.chinacloudapi.cn/{}/",
    ],
)
@pytest.mark.parametrize("directory", [FIRST, "D-1"])
def test_every_clouds_issuers_are_known(issuer: str, directory: str) -> None:
    assert called([("tid", directory), ("iss", issuer.format(FIRST))]) == Caller("tenant", "T1")
    assert called([("tid", directory), (LONG_DIRECTORY, FIRST), ("iss", issuer.format("D-1"))]) == Caller(
        "tenant", "T1"
    )


def test_another_claim_may_name_the_tenant_where_no_enrolment_names_the_directory() -> None:
    assert called(of(STRANGE, ("company", "D-2")), "company") == Caller("tenant", "T2")
    assert called(of(FIRST, ("company", SECOND)), "company") == Caller("tenant", "T1")
    for claims in (of(STRANGE), of(STRANGE, ("company", SECOND), ("company", NEW)), of(SECOND)):
        with pytest.raises(Forbidden):
            called(claims, "company")


def test_where_an_enrolment_can_not_be_read_the_setting_does_not_speak_for_it() -> None:
    register = Register.of([Enrolment("T1", directories=(FIRST,)), Enrolment("T8", corrupt=True)])
    assert Principal.of(of(FIRST)).of_tenant(register, "tid", LISTED) == Caller("tenant", "T1")
    with pytest.raises(Forbidden):
        Principal.of(of(SECOND)).of_tenant(register, "tid", LISTED)


def test_with_no_list_there_are_no_tenants() -> None:
    with pytest.raises(Forbidden):
        Principal.of(of(FIRST)).of_tenant(Register(), "tid", {})


@pytest.mark.parametrize(
    ("caller", "sees", "in_full"),
    [(OPERATOR, {"T1", "T2"}, True), (MACHINE, set(), True), (Caller("tenant", "T1"), {"T1"}, False)],
)
def test_what_each_caller_sees(caller: Caller, sees: set[str], in_full: bool) -> None:
    assert ({name for name in ("T1", "T2") if caller.sees(name)}, caller.sees_fleet_in_full) == (sees, in_full)
