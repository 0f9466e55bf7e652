"""Where a caller's bytes meet an encoder: whatever they are, they are refused in words or do no harm."""

import asyncio
import base64
import csv
import io
import json
import os
import re
import signal
import socket
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blueprints.http.access import LONGEST_NAME, NAMES, PRINCIPAL, caller_behind
from blueprints.http.formats import MEDIA_TYPES, chosen_format, respond, written
from blueprints.http.reading import NoParameters, read
from blueprints.http.samples import SamplesParameters, position_of, token_of
from blueprints.settings import Settings
from blueprints.telemetry import line
from domain.access import Caller
from domain.enrolment import Enrolment, Register
from domain.errors import BadParameters, Forbidden, Invalid, Unauthenticated
from domain.minutes import WINDOW
from domain.names import decode_name, encode_name
from local.platform import HOME
from local.webhooks import OUTSIDE
from pipeline.queries.samples import Position, get_samples
from storage.schema import schema
from storage.sqlite import SqliteDocuments
from storage.tables import Tables
from storage.tables.catalogue import TENANTS, Entry
from tests.app.conftest import PATIENCE, Local
from tests.builders import KEY, NOW, VM, WINDOW_START, a_view, a_vm_window

# page tokens ---------------------------------------------------------------------------------------------------------

QUESTION = f"http://a/v1/samples?tenant=t&start={WINDOW_START}&end={NOW}&limit=1"
VMS = ["+a/=1", "\u00e4~_", VM]


def question(page: str | None = None) -> SamplesParameters:
    """What is read from a URL with this token."""
    return read(SamplesParameters, QUESTION, NOW).model_copy(update={"page": page})


FINGERPRINT = json.loads(base64.urlsafe_b64decode(token_of(Position(0), question()) + "=="))[0]


def token(content: Any) -> str:
    """A token that anybody can make up: the fingerprint is no secret."""
    text = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


CRAFTED = {
    "half a surrogate pair": [FINGERPRINT, WINDOW_START, "\ud800"],
    "a control character": [FINGERPRINT, WINDOW_START, "\0"],
    "a name that is too long": [FINGERPRINT, WINDOW_START, "x" * 129],
    "a blank name": [FINGERPRINT, WINDOW_START, " "],
    "a huge window": [FINGERPRINT, 10**300 * WINDOW, ""],
    "the first that has too many digits": [FINGERPRINT, -(-(10**10) // WINDOW) * WINDOW, ""],
    "a negative window": [FINGERPRINT, -WINDOW, ""],
    "no window's beginning": [FINGERPRINT, WINDOW_START + 1, ""],
    "a boolean": [FINGERPRINT, False, ""],
    "a fraction": [FINGERPRINT, float(WINDOW_START), ""],
    "a list for a name": [FINGERPRINT, WINDOW_START, [""]],
    "a fingerprint in a list": [[FINGERPRINT], WINDOW_START, ""],
    "an object": {FINGERPRINT: 1, "2": 2, "3": 3},
    "too few": [FINGERPRINT, WINDOW_START],
    "deep": b"[" * 1400,
    "many digits": b'["%s",%s,""]' % (FINGERPRINT.encode(), b"9" * 1400),
    "not a number": b'["%s",NaN,""]' % FINGERPRINT.encode(),
    "no UTF-8": b"\xff\xfe\x00",
    "nothing": b"",
}


@pytest.mark.parametrize("content", CRAFTED.values(), ids=list(CRAFTED))
def test_a_crafted_page_token_is_refused_by_name(content: Any) -> None:
    with pytest.raises(BadParameters) as refused:
        position_of(question(token(content)))
    assert list(refused.value.problems) == ["page"]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(codec=None)),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
WINDOWS = st.integers() | st.integers().map(lambda number: number * WINDOW) | JSON
TOKENS = st.one_of(
    st.text(st.characters(codec=None)),
    st.binary(max_size=60).map(token),
    JSON.map(token),
    st.tuples(st.just(FINGERPRINT) | JSON, WINDOWS, st.text(st.characters(codec=None), max_size=140) | JSON).map(token),
)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tables]:
    """A store with samples of a few VMs, whose encoder is the real one."""
    tables = Tables(SqliteDocuments(tmp_path_factory.mktemp("store") / "store.db", schema(30, 400), lambda: NOW))

    async def fill() -> None:
        await tables.catalogue.write_entry(TENANTS, Entry("t", NOW), None)
        for vm in VMS:
            await tables.samples.write(a_vm_window({KEY: [1.0] * 15}, tenant="t", vm=vm), None)

    asyncio.run(fill())
    yield tables
    asyncio.run(tables.documents.close())


@given(page=TOKENS)
async def test_any_page_token_is_refused_by_name_or_is_a_position_that_the_query_can_use(
    tables: Tables, page: str
) -> None:
    asked = question(page)
    try:
        position = position_of(asked)
    except BadParameters as refused:
        assert list(refused.problems) == ["page"]
    else:
        assert position
        assert position_of(question(token_of(position, asked))) == position
        found = await get_samples(tables, asked.question, position, a_view())
        assert {record.MaskedVMName for record in found.data} <= set(VMS)


async def test_the_tokens_of_answers_lead_from_page_to_page_through_all_vms(tables: Tables) -> None:
    page, found = None, []
    while True:
        asked = question(page)
        answer = await get_samples(tables, asked.question, position_of(asked), a_view())
        found += [record.MaskedVMName for record in answer.data]
        if answer.position is None:
            break
        page = token_of(answer.position, asked)
    assert {name: found.count(name) for name in found} == dict.fromkeys(VMS, 15)


# cells of a table ----------------------------------------------------------------------------------------------------


@dataclass
class Row:
    name: str | float | bool | None
    last: str = "x"


@dataclass
class Table:
    data: list[Row]


def cell(value: Any) -> str:
    """A value as a reader of the CSV gets it."""
    body, _ = written(Table([Row(value)]), "csv")
    _, (read_back, last) = csv.reader(io.StringIO(body.decode(), newline=""))
    assert last == "x"
    return read_back


BEGINNINGS = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
BASE64 = re.compile(r"[A-Za-z0-9+/=]+")
CELLS = st.lists(
    st.sampled_from([*BEGINNINGS, *";\t,|\r\n \"'", "A1", "cmd", "(", "!", "abc+/=", "\u00e4"]), max_size=9
).map("".join) | st.text(max_size=20)


@given(name=CELLS)
def test_no_part_of_a_cell_begins_a_formula_wherever_a_spreadsheet_splits_it(name: str) -> None:
    found = cell(name)
    if BASE64.fullmatch(name):
        assert found == name
        return
    for part in re.split(r"[;,|\t\r\n]", found):
        assert not part.lstrip('" \t').startswith(BEGINNINGS)
    # Nothing but apostrophes was put in, so what was meant can be told.
    assert found.replace("'", "") == name.replace("'", "")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("a;=1+cmd|' /C calc'!A0", "a;'=1+cmd|' /C calc'!A0"),
        ('a;"=1"', 'a;"\'=1"'),
        ("\t=1", "\t'=1"),
        ("\r@SUM(1)", "\r'@SUM(1)"),
        ("x\t-1;y", "x\t'-1;y"),
        ("\uff1dA1 ", "'\uff1dA1 "),
        (";;=;=", ";;'=;'="),
        ("+ozhgAAg5f/w==1", "+ozhgAAg5f/w==1"),
        (VM, VM),
        ("Shared-ngXXH", "Shared-ngXXH"),
        ("a - b; c = d, e", "a - b; c = d, e"),
        ("", ""),
    ],
)
def test_a_formula_is_disarmed_and_other_names_stay_as_they_are(name: str, expected: str) -> None:
    assert cell(name) == expected


@given(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**15), 10**15))
def test_numbers_stay_numbers(value: float) -> None:
    assert float(cell(value)) == value


def test_what_is_no_text_is_written_plainly() -> None:
    assert (cell(True), cell(False), cell(None)) == ("true", "false", "")  # noqa: FBT003


# who calls, and what is said of them ---------------------------------------------------------------------------------

SIGNED_IN = Settings(sqlite_path=Path("x.db"), role_directory=HOME)


def caller(content: Any, tenant: str = "a tenant") -> Caller:
    """Who calls, by what the header holds; text in it may have half surrogate pairs. Who has no role is of a tenant."""
    text = content if isinstance(content, bytes) else json.dumps(content).encode()

    async def register() -> Register:
        return Register.of([Enrolment(tenant, directories=(HOME,))])

    return asyncio.run(caller_behind({PRINCIPAL: base64.b64encode(text).decode()}, SIGNED_IN, register))


def claims(**values: str) -> dict[str, Any]:
    """What the platform says of somebody with some claims."""
    values = {"tid": HOME, "iss": f"https://sts.windows.net/{HOME}/", **values}
    return {"auth_typ": "aad", "claims": [{"typ": kind, "val": value} for kind, value in values.items()]}


@pytest.mark.parametrize("name", ["a\0b", "a\nb", " ", "x" * 129, "\U0001f600" * 100, "\u202eb"])
def test_a_tenant_whose_name_is_none_is_not_let_in(name: str) -> None:
    assert caller(claims()).tenant == "a tenant"
    with pytest.raises(Forbidden, match="no name"):
        caller(claims(), name)


@pytest.mark.parametrize(
    "content",
    [
        claims(roles="operator", name="\ud800"),
        {"auth_typ": "aad", "claims": [], "role_typ": "\ud800"},
        b"[" * 5000,
        b"\xff",
        b"",
        [],
        {"auth_typ": "aad", "claims": [{"typ": 1, "val": None}]},
        {"claims": claims()["claims"]},
    ],
)
def test_a_principal_that_can_not_be_read_is_nobody(content: Any) -> None:
    with pytest.raises(Unauthenticated):
        caller(content)


ANY_TEXT = st.text(st.characters(codec=None), max_size=300)


@given(
    st.dictionaries(st.sampled_from(["tid", "roles", *NAMES]) | ANY_TEXT, st.just("operator") | ANY_TEXT).map(
        lambda given: claims(**given)
    )
    | JSON
)
def test_whoever_is_let_in_has_names_that_every_encoder_takes(content: Any) -> None:
    try:
        found = caller(content)
    except (Unauthenticated, Forbidden):
        return
    assert 0 < len(found.name) <= LONGEST_NAME
    assert found.name.isprintable()
    assert found.tenant is None or decode_name(encode_name(found.tenant)) == found.tenant


@given(ANY_TEXT, st.lists(ANY_TEXT))
def test_no_value_ends_a_log_line_or_turns_a_terminal_over(value: str, values: list[str]) -> None:
    said = line("did it", by=value, names=values)
    assert said.isprintable()
    assert said.splitlines() == [said]


def test_a_name_can_not_forge_what_a_line_says() -> None:
    forged = caller(claims(roles="operator", name='ann\n2026-01-01 operation ended by="bob"\x1b[2J')).name
    assert line("operation planned", by=forged, steps=1) == (
        'operation planned by="ann\\ufffd2026-01-01 operation ended by=\\"bob\\"\\ufffd[2J" steps=1'
    )


# addresses and headers -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["[", "a]b", "[::1", "\u2100", "\udcff"])
def test_an_address_that_is_none_is_refused(host: str) -> None:
    with pytest.raises(Invalid, match="Host"):
        read(NoParameters, f"http://{host}/v1/health", NOW)


@given(query=ANY_TEXT, host=ANY_TEXT)
def test_any_address_is_read_or_refused(query: str, host: str) -> None:
    try:
        given = read(SamplesParameters, f"http://{host}/v1/samples?{query}", NOW)
    except Invalid as refused:
        assert str(refused)
    else:
        assert isinstance(given, SamplesParameters)


@given(st.text(st.characters(max_codepoint=255)) | ANY_TEXT)
def test_any_header_is_understood_or_as_good_as_none(value: str) -> None:
    assert chosen_format(None, value) in MEDIA_TYPES
    headers = {"if-none-match": value, "accept-encoding": value}
    assert respond(headers, b"x" * 2000, "text/plain", {}).status_code in (200, 304)


# the real host, over HTTP --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    """A host where one signs in."""
    settings = {"PRINCIPALS": json.dumps({"ann": {"roles": "operator"}})}
    running = Local(tmp_path_factory.mktemp("encoders") / "data", settings, operator=OPERATOR).start()
    yield running
    running.stop(signal.SIGKILL)


OPERATOR = {"Authorization": "Bearer ann"}


def status_of(host: Local, method: str, target: str, headers: Mapping[str, bytes], body: bytes = b"") -> int:
    """The status of a request that is sent byte by byte, as no client would."""
    given: dict[str, bytes] = {
        "Host": b"127.0.0.1",
        "Connection": b"close",
        "Content-Length": str(len(body)).encode(),
        **{name: value.encode() for name, value in OPERATOR.items()},
        **headers,
    }
    lines = [f"{method} {target} HTTP/1.1".encode(), *(name.encode() + b": " + value for name, value in given.items())]
    with socket.create_connection(("127.0.0.1", host.port), timeout=PATIENCE) as connection:
        connection.sendall(b"\r\n".join([*lines, b"", body]))
        answer = connection.makefile("rb").readline()
    return int(answer.split()[1])


RESUBMIT = "/v1/admin/dead-letters/resubmit"
CHART = f"/v1/get-data?key={KEY}&minutes=1"


@pytest.mark.parametrize(
    ("method", "target", "headers", "body", "expected"),
    [
        ("GET", "/v1/health", {"Host": b"["}, b"", 400),
        ("POST", RESUBMIT, {"Host": b"\xff"}, b"", 400),
        ("POST", RESUBMIT, {"Content-Encoding": b"gzip"}, b"\xff\xff", 400),
        ("POST", RESUBMIT, {}, b"\xff\xff", 400),
        ("POST", "/v1/admin/quarantine/drop?day=2026-11-24&reason=%ff%00%0a%ed%a0%80", {}, b"", 202),
        ("GET", "/v1/tenants?%ff%00=1", {}, b"", 400),
        ("GET", CHART, {"x-functions-key": b"\xff"}, b"", 404),
        ("GET", CHART, {"Authorization": b"Bearer \xff"}, b"", 401),
        ("GET", CHART, {"Authorization": b"", "Cookie": b"a/b=c"}, b"", 401),
        ("GET", CHART, {"Cookie": b"a,b=c"}, b"", 404),
        ("GET", CHART, {"Accept": b"\xed\xa0\x80", "Accept-Encoding": b"\xff", "If-None-Match": b'W/"\xff'}, b"", 404),
        ("GET", "/.auth/login/aad?as=ann&post_login_redirect_uri=/%0d%0aX:y", {}, b"", 302),
        ("GET", "/assets/%ff%00", {}, b"", 404),
    ],
)
def test_what_no_client_would_send_is_refused_or_harmless(
    host: Local, method: str, target: str, headers: dict[str, bytes], body: bytes, expected: int
) -> None:
    assert status_of(host, method, target, headers, body) == expected


def the_hubs_key(host: Local) -> str:
    with closing(sqlite3.connect(host.data / "durable.db")) as store:
        return str(store.execute("SELECT key FROM keys").fetchone()[0])


def test_the_hub_refuses_what_is_no_json(host: Local) -> None:
    status_path = host.start_operation(RESUBMIT)
    host.operation_ended(status_path)
    hub, key = OUTSIDE, the_hubs_key(host)
    for body in (b"{", b"\xff\xfe\x00", b"[" * 100_000, b'"\\ud800"', b'"x"'):
        assert status_of(host, "POST", f"{hub}orchestrators/operation/i?code={key}", {}, body) == 400
    assert status_of(host, "GET", f"{hub}instances?code={key}", {}) == 200
    for instance, action, expected in (
        ("%ff%00", "", 404),
        ("nobody", "/terminate", 404),
        (status_path.rpartition("/")[2], "/terminate", 410),
    ):
        method = "POST" if action else "GET"
        assert status_of(host, method, f"{hub}instances/{instance}{action}?code={key}", {}) == expected


def test_a_file_whose_name_is_no_text_is_a_message_like_others(host: Local) -> None:
    name = os.fsdecode(b"\xff\n")
    (host.data / "queue" / "dead" / name).write_bytes(b"{")
    (listed,) = host.get("/v1/admin/dead-letters", headers=OPERATOR)[1]["data"]
    assert listed["messageId"] == "?\n"
    (host.data / "queue" / "dead" / name).rename(host.data / "queue" / name)
    host.settled()
    (refused,) = host.get("/v1/admin/quarantine", headers=OPERATOR)[1]["data"]
    assert refused["messageId"] == "?\n"
