"""A heartbeat's text: what is read, and what is refused with which words."""

import msgspec
import pytest

from domain.heartbeat import MOST_BYTES, Heartbeat, VmClock, decode_heartbeat, encode_heartbeat

VM = "v-" + "a" * 24
FULL = Heartbeat(
    sent=1_764_000_000,
    version="1.2",
    vms=3,
    offset=-1.5,
    clocks_off=1,
    clocks=(VmClock(VM, 95.0),),
    refused=2,
    oldest_file=60.0,
    twice=(VM,),
    twice_count=1,
    sas_days=12.0,
)
LEAST = {"sent": 5, "version": "1", "vms": 0}


def test_what_is_written_is_read_again() -> None:
    text = encode_heartbeat(FULL)
    assert decode_heartbeat(text) == FULL
    assert set(msgspec.json.decode(text)) == {
        *("sent", "version", "vms", "offset", "clocksOff", "clocks", "refused", "oldestFile", "twice", "twiceCount"),
        "sasDays",
    }


def test_the_fields_that_may_be_missing_and_unknown_ones() -> None:
    assert decode_heartbeat(msgspec.json.encode({**LEAST, "later": 1})) == Heartbeat(sent=5, version="1", vms=0)


def test_the_largest_heartbeat_fits() -> None:
    name = "x" * 20 + "AAAAAAAAAAAAAAAAAAAAAA==" + "1" * 18
    most = msgspec.structs.replace(FULL, clocks=(VmClock(name, -123_456.789),) * 10, twice=(name,) * 10)
    assert len(encode_heartbeat(most)) <= MOST_BYTES


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"sent": -1}, "sent"),
        ({"sent": 10_000_000_000}, "sent"),
        ({"vms": "3"}, "vms"),
        ({"version": "x" * 41}, "version"),
        ({"version": "a\u0007"}, "can't be printed"),
        ({"clocks": [{"vm": VM, "offset": 31}] * 11}, "clocks"),
        ({"clocks": [{"vm": "PC-001", "offset": 31}]}, "not masked"),
        ({"twice": ["PC-001"]}, "not masked"),
        ({"offset": 1e300}, "offset"),
        ({"x": "y" * MOST_BYTES}, "longer than 4,096"),
    ],
)
def test_what_is_refused(changed: dict[str, object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        decode_heartbeat(msgspec.json.encode({**LEAST, **changed}))


@pytest.mark.parametrize("text", [b"", b"[]", b"null", b"{}", b'{"sent": NaN}', b"[" * 4000])
def test_what_is_no_heartbeat(text: bytes) -> None:
    with pytest.raises(ValueError, match="malformed"):
        decode_heartbeat(text)
