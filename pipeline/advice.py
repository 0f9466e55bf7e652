"""What to do about refused input, by the reason of its refusal. Knows the reasons, but not what was refused.

A reason without advice here gets the advice that fits all. So a new reason needs no line here.
"""

from domain.samples import IN_FUTURE, IN_MILLISECONDS, TOO_OLD
from pipeline import trust

ENROL = "enrol the tenant's key (docs/api.md, Enrolment), then re-ingest the quarantine"
SIGN = "let the tenant's SPOC sign its messages (docs/edge.md, The SPOC's key)"
FOR_ANY = "look at it (GET /v1/admin/quarantine), correct what sends it, and re-ingest (docs/runbook.md, Quarantine)"

ADVICE = {
    TOO_OLD: "send samples of the present time: timestamp is Unix time in seconds, and SAMPLES_RETENTION_DAYS says "
    "how old it may be",
    IN_FUTURE: "correct the clock of the machine that made the samples, or of the machine that runs the app",
    IN_MILLISECONDS: "send timestamp in seconds: divide it by 1000",
    trust.UNSIGNED: SIGN,
    trust.UNKNOWN_KEY: ENROL,
    trust.UNCONFIRMED: "compare the fingerprint and confirm the key (docs/runbook.md, A customer joins); re-ingest",
    trust.REVOKED: "give the tenant's SPOC its new key (docs/edge.md, The SPOC's key)",
    trust.FORGED: "look for what changes messages on their way, or signs them with another key than they name",
    trust.NOT_THE_SIGNERS: "let each tenant's SPOC send the samples of its own tenant alone",
    trust.NOT_SIGNED_BY_IT: SIGN,
}


def advice(reason: str) -> str:
    """Return what an operator can do about a reason."""
    return ADVICE.get(reason, FOR_ANY)
