"""Packing: every message fits, nothing is lost, and the same batches make the same messages."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import wire
from domain.packing import TooLarge, pack
from domain.samples import FEW_VM_WINDOWS, Sample
from tests.builders import WINDOW_START, a_sample

LIMIT = 2000


def a_batch(vm: int, minutes: int, counters: int) -> list[Sample]:
    return [
        a_sample(
            timestamp=WINDOW_START + 60 * minute, MaskedVMName=f"vm{vm}", PerfName=f"p{counter}", PerfValue=vm + 0.5
        )
        for minute in range(minutes)
        for counter in range(counters)
    ]


batches = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 4), st.integers(0, 4)), max_size=8).map(
    lambda shapes: [a_batch(*shape) for shape in shapes]
)


def unpacked(messages: Sequence[bytes]) -> list[Sample]:
    return [sample for message in messages for sample in wire.decode(message).samples]


@given(batches, st.booleans())
@settings(deadline=None)
def test_messages_fit_the_limit_and_hold_all_samples_once(given_batches: list[list[Sample]], gzip: bool) -> None:
    messages = list(pack(given_batches, LIMIT, gzip=gzip))
    assert all(len(message.body) <= LIMIT for message in messages)
    found = unpacked([message.body for message in messages])
    wanted = [sample for batch in given_batches for sample in batch]
    key = repr
    assert sorted(found, key=key) == sorted(wanted, key=key)
    assert sum(message.samples for message in messages) == len(wanted)


@given(batches, st.booleans())
@settings(deadline=None)
def test_packing_is_deterministic_and_names_the_batches_of_each_message(
    given_batches: list[list[Sample]], gzip: bool
) -> None:
    messages = list(pack(given_batches, LIMIT, gzip=gzip))
    assert messages == list(pack(given_batches, LIMIT, gzip=gzip))
    for message in messages:
        vms = {sample.MaskedVMName for sample in wire.decode(message.body).samples}
        assert vms == {sample.MaskedVMName for index in message.batches for sample in given_batches[index]} & vms
    named = {index for message in messages for index in message.batches}
    assert named == {index for index, batch in enumerate(given_batches) if batch}


def test_many_vms_share_a_message() -> None:
    messages = list(pack([a_batch(vm, 15, 4) for vm in range(50)], 256 * 1024))
    assert [message.batches for message in messages] == [tuple(range(50))]


def test_a_vm_too_large_for_one_message_is_split_by_time() -> None:
    messages = list(pack([a_batch(1, 4, 3)], LIMIT, gzip=False))
    spans = [{sample.timestamp for sample in wire.decode(message.body).samples} for message in messages]
    assert len(messages) > 1
    assert all(max(early) < min(late) for early, late in pairwise(spans))


def test_a_sample_too_large_for_any_message_is_said_so() -> None:
    with pytest.raises(TooLarge, match="one sample"):
        list(pack([[a_sample(PerfName="x" * 200)]], 150, gzip=False))


def test_a_message_holds_no_more_than_ingest_takes_of_one() -> None:
    """Many VMs of a sample each; and samples that compress so well that a message would unzip to more than is read."""
    scattered = [[a_sample(MaskedVMName=f"v{number}")] for number in range(1000)]
    packed = list(pack(scattered, 250_000))
    assert [message.samples for message in packed] == [FEW_VM_WINDOWS] * 5
    alike = [[a_sample(SiteName="s" * 128, PerfName="p" * 255)] * 3_000 for _ in range(8)]
    bodies = [message.body for message in pack(alike, 250_000)]
    assert len(bodies) > 1
    assert sum(len(wire.decode(body).samples) for body in bodies) == 24_000
