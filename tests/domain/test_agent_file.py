"""An agent's file: both forms come back as they were written, and anything else is refused with its reason."""

import gzip
import json
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import wire
from domain.agent_file import AgentFile, FileHead, decode_file, encode_file
from domain.errors import BadMessage
from domain.samples import Sample
from tests.builders import TENANT, VM, a_message, a_record, a_sample

HEAD = FileHead("0123456789abcdef" * 2, "b1", 1_790_000_000, "1.0")

names = st.text(string.ascii_letters + "äß€ -/", min_size=1, max_size=20).filter(str.strip)
heads = st.builds(FileHead, st.text("0123456789abcdef", min_size=32, max_size=32), names, st.integers(0, 2**40), names)
values = st.fixed_dictionaries(
    {
        "timestamp": st.integers(0, 2**40),
        "PerfType": names,
        "PerfName": names,
        "PerfValue": st.floats(allow_nan=False, allow_infinity=False),
    }
)
dimensions = st.fixed_dictionaries(
    {name: st.none() | names for name in ("SiteName", "ResourcePoolName", "Region", "MachineSize")}
)


@given(heads, names, dimensions, st.lists(values, min_size=1, max_size=5))
def test_a_plain_file_comes_back_without_the_tenant(head: FileHead, vm: str, of: Any, given: list[Any]) -> None:
    samples = [Sample(MaskedTenantId="Contoso", MaskedVMName=vm, **of, **each) for each in given]
    expected = [Sample(MaskedTenantId="", MaskedVMName=vm, **of, **each) for each in given]
    body = encode_file(head, samples, plain=True)
    assert decode_file(body) == AgentFile(head, expected, plain=True)
    assert decode_file(gzip.compress(body)).samples == expected
    assert b"Contoso" not in body


@given(heads, dimensions, st.lists(values, max_size=5))
def test_a_masked_file_comes_back_and_is_a_message_of_the_wire(head: FileHead, of: Any, given: list[Any]) -> None:
    samples = [Sample(MaskedTenantId=TENANT, MaskedVMName=VM, **of, **each) for each in given]
    body = encode_file(head, samples, plain=False)
    assert decode_file(body) == AgentFile(head, samples, plain=False)
    assert wire.decode(body).samples == samples


def test_a_reader_of_the_wire_format_refuses_a_plain_file() -> None:
    with pytest.raises(BadMessage, match='no "metrics"'):
        wire.decode(encode_file(HEAD, [a_sample()], plain=True))


@pytest.mark.parametrize("vms", [[], ["a", "b"]])
def test_a_plain_file_is_of_one_vm(vms: list[str]) -> None:
    with pytest.raises(ValueError, match="one VM"):
        encode_file(HEAD, [a_sample(MaskedVMName=vm) for vm in vms], plain=True)


@pytest.mark.parametrize(
    "head",
    [None, 7, {}, {"machine": "x", "boot": "b", "written": 1, "version": "1"}],
)
def test_a_message_without_a_head_of_ours_is_still_read(head: Any) -> None:
    body = json.dumps({"metrics": [a_record()], "from": head}).encode()
    assert (decode_file(body).head, len(decode_file(body).samples)) == (None, 1)
    assert decode_file(a_message([a_record()])).head is None


def test_a_bad_sample_of_a_masked_file_hurts_only_itself() -> None:
    body = encode_file(HEAD, [a_sample(), a_sample()], plain=False).replace(b'"PerfValue":1', b'"PerfValue":NaN', 1)
    found = decode_file(body)
    assert (len(found.samples), [each.position for each in found.refused.kept]) == (1, [0])


PLAIN: dict[str, Any] = {
    "spot": 2,
    "from": {"machine": HEAD.machine, "boot": "b", "written": 1, "version": "1"},
    "vm": "PC-001",
    "samples": [{"timestamp": 1_790_000_010, "PerfType": "win_cpu", "PerfName": "x", "PerfValue": 1.5}],
}


def plain(**changes: Any) -> bytes:
    members = {name: value for name, value in {**PLAIN, **changes}.items() if value is not ...}
    return json.dumps(members).encode()


def test_members_that_may_be_absent_may_and_unknown_ones_are_ignored() -> None:
    (sample,) = decode_file(plain(later=[1])).samples
    assert (sample.MaskedVMName, sample.SiteName, sample.PerfValue) == ("PC-001", None, 1.5)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "empty"),
        (b"{", "malformed JSON"),
        (b"[]", "not a JSON object"),
        (b"{}", 'no "metrics"'),
        (plain(spot=3), "newer agent"),
        (plain(spot="2"), "newer agent"),
        (plain(samples=...), "samples"),
        (plain(samples={}), "samples"),
        (plain(samples=[*PLAIN["samples"], 7]), "samples"),
        (plain(samples=[{**PLAIN["samples"][0], "PerfValue": "1"}]), "PerfValue"),
        (plain().replace(b"1.5", b"1e400"), "out of range"),
        (plain().replace(b"1.5", b"NaN"), 'no "metrics"'),
        (plain(vm=...), "vm"),
        (plain(vm=" "), "vm is empty"),
        (plain(vm="a\nb"), "vm holds a control character"),
        (plain(pool="x" * 129), "pool is longer"),
        (plain(**{"from": ...}), "from"),
        (plain(**{"from": {**PLAIN["from"], "machine": "x" * 32}}), "machine is not 32 hex"),
        (plain(**{"from": {**PLAIN["from"], "version": "1" * 41}}), "version is longer"),
        (plain(**{"from": {**PLAIN["from"], "boot": ""}}), "boot is empty"),
        (plain(**{"from": {**PLAIN["from"], "written": -1}}), "before 1970"),
        (b'{"spot":2,"samples":' + b"[" * 100_000, "nested too deeply"),
        (b'{"spot":2,"later":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}", "nested too deeply"),
        (gzip.compress(bytes(30_000_000)), "unzips to more than"),
        (plain() + b" " * wire.MAX_BYTES, "at most"),
        (plain().decode().encode("utf-16"), "not UTF-8"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_any_other_file_is_refused_with_its_reason(body: bytes, reason: str) -> None:
    with pytest.raises(BadMessage) as refusal:
        decode_file(body)
    assert reason in str(refusal.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.fixed_dictionaries({}, optional={name: st.just(value) | json_values for name, value in PLAIN.items()}))
def test_any_members_give_a_file_or_a_clean_refusal(members: dict[str, Any]) -> None:
    try:
        found = decode_file(json.dumps(members).encode())
    except BadMessage as refusal:
        assert str(refusal)
    else:
        assert found.plain
        assert found.samples == [] or found.samples[0].MaskedVMName == members["vm"]
