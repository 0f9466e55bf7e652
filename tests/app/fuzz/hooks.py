"""For schemathesis: what a schema of single parameters can't say. Cases that are to be refused stay as they are.

A case that is to be accepted gets one range of time, out of the several that its parameters make together, no page
token, which only an answer gives, and every other time names that are known, so that not only refusals are seen.
"""

import json
import os
import time
from itertools import count
from typing import Any

import schemathesis
from schemathesis import GenerationMode

RANGE = 3 * 3_600
"""Seconds: so short that 100 counters of it are not too much for any answer."""

KNOWN = json.loads(os.environ["FUZZ_KNOWN"])
_cases = count()


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:  # noqa: ARG001
    """Make the parameters of a case fit together."""
    if not (case.meta and case.meta.generation.mode == GenerationMode.POSITIVE):
        return
    if case.operation.path == "/v1/admin/tenants" and isinstance(case.body, dict):
        case.body["tenant"] = case.body.get("tenant") or "fuzzed"  # else it needs a label and a contact
    defined = {parameter.name for parameter in case.operation.query}
    query = case.query
    query.pop("page", None)
    if "start" in query and "minutes" not in query:
        now = int(time.time())
        query |= {"start": now - RANGE, "end": now}
    elif "minutes" in defined:
        query.pop("start", None)
        query.pop("end", None)
        query["minutes"] = min(int(query.get("minutes", 5)), 1_000)
    _fit_names(query)
    if case.operation.path == "/v1/admin/empty":  # it only counts
        query.pop("confirm", None)
        query["dryRun"] = "true"
    if "before" in defined:  # a purge forgets one thing; and here it only counts, else the rest would find nothing
        for name in ("before", "confirm"):
            query.pop(name, None)
        query |= {"tenant": KNOWN["tenant"], "dryRun": "true"}
    if next(_cases) % 2:
        query |= {name: value for name, value in KNOWN.items() if name in defined}
    if {"tenant", "message", "reason"} <= defined and "message" not in query:  # whose one message is
        query.pop("tenant", None)


def _fit_names(query: dict[str, Any]) -> None:
    """Let * stand alone, since it means all counters, and name no VM without its tenant."""
    if "*" in (keys := query.get("key") or []) and len(keys) > 1:
        query["key"] = ["*"]
    if "tenant" not in query:
        query.pop("vm", None)
