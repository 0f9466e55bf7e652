"""Rows of numbers in documents: what is read is what was written, and no document is too large."""

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from domain.digests import Series, Whose, rounded
from domain.named_series import NamedSeries
from storage.tables.rows import PART_BYTES, parts_of, rows_of

NAMES = st.builds(Whose, st.sampled_from(["vm", "pool", "tenant"]), st.none() | st.text("ab/ü", max_size=3))
SERIES = st.lists(st.builds(Series, NAMES, st.sampled_from(["a.b", "c.d"])), min_size=1, unique=True)


@given(SERIES, st.data())
def test_what_is_read_is_what_was_written(series: list[Series], data: st.DataObject) -> None:
    numbers = rounded(data.draw(arrays(np.float64, (len(series), 3), elements=st.floats())))
    read, found = rows_of([part.body(numbers) for part in parts_of(series, 3)])
    assert list(read) == series
    assert np.array_equal(np.isnan(found), np.isnan(numbers))
    assert np.nan_to_num(found).tobytes() == np.nan_to_num(numbers).tobytes()  # -0 is not 0


@pytest.mark.parametrize("value", [1e300, -1.7e308, 3.5e38, 1e-40, 1e-310, np.inf])
def test_a_value_that_floats_of_four_bytes_do_not_hold_is_kept(value: float) -> None:
    series = [Series(Whose("vm", name), "a.b") for name in "ab"]
    numbers = rounded(np.array([[1.5, np.nan], [value, 0.1]]))
    (part,) = parts_of(series, 2)
    body = part.body(numbers)
    assert np.array_equal(rows_of([body])[1], numbers, equal_nan=True)
    assert (body["float"] == "<f8") == (value != np.inf)


@pytest.mark.parametrize(("vms", "keys", "width", "most"), [(20_000, 2, 10, 5), (1_000, 12, 10, 1), (2_000, 12, 24, 4)])
def test_documents_of_large_tenants_are_few_and_not_too_large(vms: int, keys: int, width: int, most: int) -> None:
    series = [Series(Whose("vm", f"{vm:030}"), f"key.{key}") for key in range(keys) for vm in range(vms)]
    chance = np.random.default_rng()
    numbers = rounded(
        chance.uniform(0, 1, (len(series), width)) * 10.0 ** chance.integers(-300, 300, (len(series), width))
    )
    bodies = [part.body(numbers) for part in parts_of(series, width)]
    assert len(bodies) <= most
    assert max(len(msgspec.json.encode(body)) for body in bodies) < PART_BYTES
    read, found = rows_of(bodies)
    assert list(read) == series
    assert np.array_equal(found, numbers)


def test_long_names_are_counted() -> None:
    series = [Series(Whose("vm", "ü" * 122 + f"{vm:06}"), "a.b") for vm in range(10_000)]
    bodies = [part.body(np.zeros((len(series), 1))) for part in parts_of(series, 1)]
    assert max(len(msgspec.json.encode(body)) for body in bodies) < PART_BYTES
    assert list(rows_of(bodies)[0]) == series


@pytest.mark.parametrize(
    "wrong",
    [
        {"whose": []},
        {"keys": []},
        {"numbers": "AAAA"},
        {"numbers": "ü"},
        {"of": ""},
        {"width": 3},
        {"float": "<f2"},
        {"whose": [["planet", None]]},
        {"width": "many"},
    ],
)
def test_other_bodies_are_refused(wrong: dict[str, object]) -> None:
    (part,) = parts_of([Series(Whose("tenant"), "a.b")], 2)
    body = part.body(np.zeros((1, 2)))
    with pytest.raises(ValueError):  # noqa: PT011  (numpy, zlib and msgspec say it each in its own words)
        rows_of([{**body, **wrong}])


@given(SERIES, st.lists(NAMES), st.sampled_from(["a.b", "c.d", "e.f"]), st.integers(0, 10))
def test_rows_are_found_by_whose_and_key(series: list[Series], asked: list[Whose], key: str, cut: int) -> None:
    found = NamedSeries.joined([NamedSeries.from_series(some) for some in (series[:cut], series[cut:])])
    assert list(found) == series
    expected = [series.index(Series(whose, key)) if Series(whose, key) in series else -1 for whose in asked]
    assert found.rows(asked, key).tolist() == expected
    assert [Series(whose, key) in found for whose in asked] == [row >= 0 for row in expected]
    assert [found.index(each) for each in series] == list(range(len(series)))
    with pytest.raises(ValueError, match="no row"):
        found.index(Series(Whose("fleet"), key))
