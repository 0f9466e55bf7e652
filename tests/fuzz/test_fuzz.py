"""The corpus that an hour of Atheris has found, and what hypothesis makes of good messages: the promises hold."""

import gzip
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.refusals import Refused
from domain.samples import collect
from tests.builders import HORIZON, NOW, WINDOW_START, a_message, a_record, a_sample
from tests.fuzz.checks import check, check_refused, check_window

CORPUS = sorted((Path(__file__).parent / "corpus").iterdir())


def test_the_corpus_that_was_found() -> None:
    assert len(CORPUS) > 20
    for path in CORPUS:
        check(path.read_bytes())


numbers = st.one_of(
    st.floats(), st.integers(), st.sampled_from([0.0, -0.0, 1e308, -1e308, 10**400, True, None, "1", WINDOW_START + 30])
)
names = st.one_of(st.text(max_size=4), st.sampled_from(["t", "v", "a.b", "\ud800", "x" * 129, " ", None, 5]))
timestamps = st.one_of(
    st.integers(WINDOW_START - 900, WINDOW_START + 1900), st.sampled_from([NOW + 9999, 0, -1]), numbers
)
fields = {
    "timestamp": timestamps,
    "PerfValue": numbers,
    **dict.fromkeys(("MaskedTenantId", "MaskedVMName", "PerfName", "PerfType", "SiteName", "Region"), names),
}
records = st.fixed_dictionaries({}, optional=fields).map(lambda changed: a_record(**changed))
elements = st.one_of(
    records, records, records, st.none(), st.lists(numbers, max_size=2), st.dictionaries(st.text(), numbers)
)


@given(st.lists(elements, max_size=6), st.booleans())
def test_messages_of_anything(metrics: list[object], zipped: bool) -> None:
    body = json.dumps({"metrics": metrics}).encode()
    check(gzip.compress(body) if zipped else body)


@given(st.data())
def test_good_messages_with_bytes_changed(data: st.DataObject) -> None:
    body = bytearray(a_message([a_record(), a_record(PerfValue=0.5, timestamp=WINDOW_START + 95)]))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(body) - 1))
        end = place + data.draw(st.integers(0, 8))
        body[place:end] = data.draw(st.binary(max_size=8))
    check(bytes(body))


@given(st.binary(max_size=200))
def test_any_bytes(body: bytes) -> None:
    check(body)


def test_the_checks_can_fail() -> None:
    with pytest.raises(AssertionError):
        check_refused(Refused(0, "a\nb", None))
    (window,) = collect([a_sample(PerfValue=float("inf"))], HORIZON).windows
    with pytest.raises(AssertionError):
        check_window(window)
