"""Reading parameters: whatever stands in a URL is read or refused by name, and nothing else happens."""

import time
from urllib.parse import quote, urlencode

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import blueprints.admin  # noqa: F401  (which registers them)
from blueprints.endpoints import ENDPOINTS, Endpoint
from blueprints.paging import position_of, token_of
from blueprints.parameters import MOST_MINUTES, MOST_ROWS, ChartParameters, SamplesParameters, read
from domain.errors import BadParameters
from domain.minutes import WINDOW
from pipeline.queries import Position
from tests.app.conftest import Local
from tests.builders import KEY, TENANT, VM

NOW = int(time.time())
NAMES = sorted({name for endpoint in ENDPOINTS for name in endpoint.parameters.model_fields})
VALUES = st.one_of(
    st.sampled_from(
        [KEY, TENANT, VM, "5", "avg", "csv", str(NOW), str(NOW - 3600), "2026-11-25T00:00:00+05:30", "true"]
    ),
    st.text(max_size=300),
    st.integers().map(str),
    st.floats().map(str),
    st.datetimes().map(str),
)
PAIRS = st.lists(st.tuples(st.one_of(st.sampled_from(NAMES), st.text(max_size=20)), VALUES), max_size=8)
ANY_ENDPOINT = st.sampled_from(ENDPOINTS)


@given(ANY_ENDPOINT, PAIRS)
@settings(max_examples=500)
@example(ENDPOINTS[0], [("start", "9" * 400), ("end", "-1")])
@example(ENDPOINTS[0], [("start", "0001-01-01T00:00:00+14:00"), ("key", "\ud7ff.a")])
def test_parameters_are_read_or_refused_by_name(endpoint: Endpoint, pairs: list[tuple[str, str]]) -> None:
    try:
        asked = read(endpoint.parameters, f"http://host/?{urlencode(pairs)}", NOW)
    except BadParameters as error:
        given_names = {name for name, _ in pairs}
        assert error.problems
        assert set(error.problems) <= given_names | set(endpoint.parameters.model_fields)
        assert all(error.problems.values())
    else:
        assert {name for name, _ in pairs} <= {*endpoint.parameters.model_fields, "code", "clientId"}
        if isinstance(asked, ChartParameters):
            start, end = asked.start or 0, NOW if asked.end is None else asked.end
            minutes = asked.minutes or max(0, end - start) // 60
            assert minutes <= min(MOST_MINUTES, MOST_ROWS // len(asked.question.keys))


@given(
    st.integers(0, 10**10 // WINDOW - 1).map(lambda number: number * WINDOW),
    st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=20),
    st.sampled_from([None, VM]),
)
def test_a_page_token_says_where_and_belongs_to_its_question(window: int, vm: str, asked_vm: str | None) -> None:
    asked = {"tenant": TENANT, "start": str(NOW), **({"vm": asked_vm} if asked_vm else {})}
    url = f"http://host/?{urlencode(asked)}"
    token = token_of(Position(window, vm), read(SamplesParameters, url, NOW))
    assert position_of(read(SamplesParameters, f"{url}&page={token}", NOW)) == Position(window, vm)
    with pytest.raises(BadParameters, match="page"):
        position_of(read(SamplesParameters, f"{url}&key=a.b&page={token}", NOW))


@given(
    ANY_ENDPOINT, st.one_of(PAIRS.map(urlencode), st.text(max_size=60).map(lambda text: quote(text, safe="=&%+;?/")))
)
@settings(max_examples=150, deadline=None)
def test_no_query_makes_the_app_fail(shared_local: Local, endpoint: Endpoint, query: str) -> None:
    status, body, headers = shared_local.get(f"/{endpoint.route}?{query}", endpoint.methods[0])
    assert status in (202 if endpoint.starts else 200, 400, 404)
    if status >= 400:
        assert (headers["content-type"], body["status"]) == ("application/problem+json", status)
    assert "Traceback" not in shared_local.log
