"""Message bodies, good and bad: nothing but samples, refusals with reasons, or a clean BadMessage comes out."""

import gzip
import json
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import wire
from domain.errors import BadMessage
from domain.heartbeat import Heartbeat
from tests.builders import a_message, a_record, a_sample

COUNT = 600


def the_message() -> list[dict[str, Any]]:
    return [a_record(PerfName=f"p{number}") for number in range(COUNT)]


@pytest.mark.parametrize("zipped", [False, True])
def test_a_message_gives_its_samples_in_their_order(zipped: bool) -> None:
    decoded = wire.decode(a_message(the_message(), zipped=zipped))
    assert [sample.PerfName for sample in decoded.samples] == [f"p{number}" for number in range(COUNT)]
    assert not decoded.refused.count


def test_gzip_with_several_members_is_read_whole() -> None:
    body = a_message([a_record()])
    assert len(wire.decode(gzip.compress(body[:20]) + gzip.compress(body[20:])).samples) == 1


def test_a_byte_order_mark_is_passed_over() -> None:
    assert len(wire.decode(b"\xef\xbb\xbf" + a_message([a_record()])).samples) == 1


def test_optional_fields_may_be_absent_and_unknown_ones_are_ignored() -> None:
    record = a_record(Later="field")
    for name in ("SiteName", "ResourcePoolName", "Region", "MachineSize"):
        del record[name]
    assert wire.decode(a_message([record])).samples[0].Region is None


def test_encoding_and_decoding_gives_the_samples_back() -> None:
    samples = [a_sample(PerfValue=0.1), a_sample(PerfName="ü x")]
    assert wire.decode(wire.encode_samples(samples)).samples == samples


NESTED = b'{"metrics":' + b"[" * 100_000


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty"),
        (b"{", "malformed JSON"),
        (b"[]", "not a JSON object but a list"),
        (b"7", "not a JSON object but a number"),
        (b"{}", 'no "metrics"'),
        (b'{"metrics": null}', '"metrics" is not a list but null'),
        (b'{"metrics": {}}', '"metrics" is not a list but an object'),
        (b'{"metrics": "x"}', '"metrics" is not a list but a string'),
        (b'{"metrics": ["\xff\xfe"]}', "not UTF-8"),
        (NESTED, "nested too deeply"),
        (gzip.compress(b"{}")[:-6], "cut off"),
        (b"\x1f\x8bnonsense", "can't be unzipped"),
        (gzip.compress(bytes(30_000_000)), "unzips to more than"),
        (b" " * (wire.MAX_BYTES + 1), "at most"),
        (a_message([a_record()]).decode().encode("utf-16"), "not UTF-8"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_unreadable_message_is_refused_whole_with_its_reason(body: bytes, reason: str) -> None:
    with pytest.raises(BadMessage) as refusal:
        wire.decode(body)
    assert reason in str(refusal.value)


def test_a_gzip_bomb_of_gigabytes_is_refused_without_unpacking_it() -> None:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    # After a full flush nothing refers to what was before, so the second megabyte's bytes can stand for all others.
    first, second = (packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    bomb = first + 2047 * second + packer.flush()
    assert len(zlib.decompressobj(31).decompress(bomb, 64 << 20)) == 64 << 20
    with pytest.raises(BadMessage, match="unzips to more than"):
        wire.decode(bomb)


@pytest.mark.parametrize(
    ("literal", "reason"),
    [
        ('"1"', "PerfValue"),
        ("true", "PerfValue"),
        ("null", "PerfValue"),
        ("[1]", "PerfValue"),
        ("NaN", "not a finite number"),
        ("Infinity", "not a finite number"),
        ("-Infinity", "not a finite number"),
        ("1e400", "not a finite number"),
        ("1" + "0" * 400, "not a finite number"),
        ("1" + "0" * 5000, "not a finite number"),
    ],
)
def test_one_bad_value_among_600_samples_hurts_only_itself(literal: str, reason: str) -> None:
    records = the_message()
    records[17]["PerfValue"] = "THE BAD ONE"
    body = a_message(records).replace(b'"THE BAD ONE"', literal.encode())
    decoded = wire.decode(body)
    assert len(decoded.samples) == COUNT - 1
    assert [refused.position for refused in decoded.refused.kept] == [17]
    assert reason in decoded.refused.kept[0].reason
    assert [decoded.positions[index] for index in (16, 17)] == [16, 18]


@pytest.mark.parametrize(
    "element", [None, 5, "x", [], {}, {"timestamp": "1"}, a_record(MaskedVMName=3), a_record(timestamp=1.5)]
)
def test_an_element_that_is_no_sample_hurts_only_itself(element: Any) -> None:
    decoded = wire.decode(a_message([a_record(), element]))
    assert (len(decoded.samples), [refused.position for refused in decoded.refused.kept]) == (1, [1])


def test_half_a_surrogate_pair_hurts_only_its_sample_and_is_kept_as_it_came() -> None:
    decoded = wire.decode(a_message([a_record(), a_record(MaskedVMName="\ud800")]))
    assert len(decoded.samples) == 1
    assert "surrogate" in decoded.refused.kept[0].reason
    assert json.loads(wire.as_text(decoded.refused.kept[0].value))["MaskedVMName"] == "\ud800"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
field_values = json_values | st.sampled_from(list(a_record().values()))
near_records = st.fixed_dictionaries({}, optional=dict.fromkeys(a_record(), field_values))


@given(st.binary(max_size=200) | st.binary(max_size=200).map(gzip.compress))
def test_any_bytes_give_samples_or_a_clean_refusal(body: bytes) -> None:
    try:
        decoded = wire.decode(body)
    except BadMessage as refusal:
        assert str(refusal)
    else:
        assert all(refused.reason for refused in decoded.refused.kept)


@given(st.lists(near_records | json_values, max_size=6))
def test_any_elements_are_samples_or_refused_each_by_itself(elements: list[Any]) -> None:
    decoded = wire.decode(a_message(elements))
    assert sorted([*decoded.positions, *[refused.position for refused in decoded.refused.kept]]) == list(
        range(len(elements))
    )
    for refused in decoded.refused.kept:
        assert refused.reason
        assert wire.as_text(refused.value).isascii()


def test_zeros_after_a_gzip_file_are_passed_over_as_gzip_does() -> None:
    body = gzip.compress(a_message([a_record()]))
    assert len(wire.decode(body + bytes(512)).samples) == 1
    with pytest.raises(BadMessage, match="can't be unzipped"):
        wire.decode(body + bytes(3) + b"rest")


METRICS = a_message([a_record()])[1:-1]


@pytest.mark.parametrize(
    "body",
    [
        b"{" + METRICS + b',"metrics":[]}',
        b'{"metrics":[],' + METRICS + b"}",
        b'{"metrics":[],"m\\u0065trics":[]}',
        b'{"metrics":null,' + METRICS + b"}",
        b"{" + METRICS + b',"other":[1],"metrics":[7]}',
    ],
)
def test_a_message_with_two_lists_of_samples_is_refused_and_not_half_read(body: bytes) -> None:
    with pytest.raises(BadMessage, match='"metrics" more than once'):
        wire.decode(body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"first":[1,{"metrics":2}],' + METRICS + b"}",
        b"{" + METRICS + b',"last":{"metrics":[]}}',
        a_message([a_record(PerfName='a]b"metrics"\u00fc')]),
        b' { "metrics" :\n[ ' + a_message([a_record()])[13:-2] + b" ] } ",
    ],
)
def test_what_else_stands_in_a_message_does_not_matter(body: bytes) -> None:
    assert len(wire.decode(body).samples) == 1


def test_a_message_that_can_not_be_one_of_samples_is_refused_before_it_is_read() -> None:
    with pytest.raises(BadMessage, match="more commas"):
        wire.decode(b'{"metrics":[' + b"0," * 400_000 + b"0]}")


BEAT = {"sent": 5, "version": "1", "vms": 3}


def with_beat(beat: object, *records: dict[str, Any], first: bool = False) -> bytes:
    parts = {"heartbeat": beat, "metrics": records} if first else {"metrics": records, "heartbeat": beat}
    return json.dumps(parts).encode()


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("records", [0, 3])
@pytest.mark.parametrize("bad_sample", [False, True])
def test_a_heartbeat_stands_beside_the_samples(records: int, first: bool, bad_sample: bool) -> None:
    samples = [a_record()] * records + [{"no": "sample"}] * bad_sample
    decoded = wire.decode(with_beat({**BEAT, "clocks": []}, *samples, first=first))
    assert decoded.heartbeat == Heartbeat(sent=5, version="1", vms=3)
    assert (len(decoded.samples), decoded.refused.count) == (records, bad_sample)


@pytest.mark.parametrize(
    ("beat", "reason"),
    [
        ({**BEAT, "x": "y" * 4096}, "longer than 4,096 bytes"),
        ({**BEAT, "vms": -1}, "malformed"),
        ({**BEAT, "twice": ["PC-001"]}, "not masked"),
        ([], "malformed"),
        ("", "malformed"),
        (None, "malformed"),
        ({**BEAT, "sent": float("nan")}, "malformed"),
        ({**BEAT, "sent": 10**400}, "malformed"),
        ({**BEAT, "version": "\ud800"}, "malformed"),
    ],
)
def test_a_bad_heartbeat_costs_the_samples_nothing(beat: object, reason: str) -> None:
    decoded = wire.decode(with_beat(beat, a_record()))
    assert isinstance(decoded.heartbeat, str)
    assert reason in decoded.heartbeat
    assert (len(decoded.samples), decoded.refused.count) == (1, 0)


def test_a_heartbeat_that_names_metrics_again_is_no_way_around_the_rule_of_one() -> None:
    text = a_message([a_record()])
    for tail in (b', "heartbeat": {}, "metrics": []}', b', "heartbeat": {}, "m\\u0065trics": []}'):
        with pytest.raises(BadMessage, match="more than once"):
            wire.decode(text[:-1] + tail)
