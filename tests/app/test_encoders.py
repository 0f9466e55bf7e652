"""Where a caller's bytes meet an encoder: whatever they are, they are refused in words or do no harm."""

import asyncio
import base64
import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blueprints.formats import written
from blueprints.paging import position_of, token_of
from blueprints.parameters import SamplesParameters, read
from domain.errors import BadParameters
from domain.minutes import WINDOW
from pipeline.queries import Position, get_samples
from storage.schema import schema
from storage.sqlite import SqliteDocuments
from storage.tables import TENANTS, Entry, Tables
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
        await tables.write_entry(TENANTS, Entry("t", NOW), None)
        for vm in VMS:
            await tables.write_vm_window(a_vm_window({KEY: [1.0] * 15}, tenant="t", vm=vm), None)

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
NAMES = st.lists(
    st.sampled_from([*BEGINNINGS, *";\t,|\r\n \"'", "A1", "cmd", "(", "!", "abc+/=", "\u00e4"]), max_size=9
).map("".join) | st.text(max_size=20)


@given(name=NAMES)
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
