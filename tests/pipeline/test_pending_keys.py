"""Keys that joined and await confirmation, on the queue: they prove nothing, and take nothing from their tenant."""

import pytest

from domain.enrolment import Enrolment, Key, Register, key_id
from domain.signed import Signer
from pipeline.quarantine import reingest
from pipeline.trust import FORGED, NOT_SIGNED_BY_IT, UNCONFIRMED, UNSIGNED, Trust
from storage.tables import Tables
from tests.builders import HORIZON
from tests.pipeline.memory import MemoryDocuments
from tests.pipeline.test_trust import OURS, REGISTER, body_of, deliver, quarantined, stored

JOINED = Signer(bytes([6]) * 32)
WITH_PENDING = Register.of(
    [
        *REGISTER.enrolments.values(),
        Enrolment("new", keys=(Key(JOINED.public, 1, confirmed=False),), label="Contoso"),
    ]
)


@pytest.mark.parametrize("required", [False, True])
async def test_a_key_that_awaits_confirmation_counts_as_an_unknown_one(required: bool) -> None:
    tables = Tables(MemoryDocuments())
    trust = Trust(WITH_PENDING, required)
    bodies = [JOINED.signed(body_of("new")), JOINED.signed(body_of("ours")), body_of("new", value=2.0)]
    await deliver(tables, trust, bodies)
    reasons = {name: set(each.reasons) for name, each in (await quarantined(tables)).items()}
    if required:
        assert reasons == {"m0": {UNCONFIRMED}, "m1": {UNCONFIRMED}, "m2": {UNSIGNED}}
        assert await stored(tables) == {}
    else:  # the tenant sends as it did before it was given a code
        assert reasons == {"m1": {NOT_SIGNED_BY_IT}}
        assert list(await stored(tables)) == ["new"]
    assert {each.tenant: each.key async for each in tables.senders.all()}["new"] in ("", key_id(JOINED.public).hex())


async def test_what_a_key_signed_before_it_was_confirmed_comes_back_from_the_quarantine() -> None:
    tables = Tables(MemoryDocuments())
    await deliver(tables, Trust(WITH_PENDING, required=True), [JOINED.signed(body_of("new"))])
    (message,) = (await quarantined(tables)).values()
    confirmed = Register.of([WITH_PENDING.enrolments["new"].with_confirmed(key_id(JOINED.public).hex())])
    assert await reingest(tables, message, HORIZON, trust=Trust(confirmed, required=True)) == (1, 0)
    assert await stored(tables) == {"new": [1.0]}


@pytest.mark.parametrize("trust", [Trust(WITH_PENDING), Trust(WITH_PENDING, required=True)], ids=["open", "required"])
async def test_a_false_signature_under_a_key_that_awaits_confirmation_is_false(trust: Trust) -> None:
    tables = Tables(MemoryDocuments())
    await deliver(tables, trust, [JOINED.signed(b"")[:24] + OURS.signed(body_of("new"))[24:]])
    assert {reason for each in (await quarantined(tables)).values() for reason in each.reasons} == {FORGED}
