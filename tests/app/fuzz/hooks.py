"""For schemathesis: what a schema of single parameters can't say. Cases that are to be refused stay as they are.

A case that is to be accepted gets one range of time, out of the several that its parameters make together, no page
token, which only an answer gives, and every other time names that are known, so that not only refusals are seen.
"""

import json
import os
import time
from itertools import count
from typing import Any
from urllib.parse import urlencode

import schemathesis
from schemathesis import GenerationMode

from domain.minutes import WINDOW
from domain.standings import DIMENSIONS
from pipeline.queries.groups import OF_FLEET, OF_TENANT
from pipeline.queries.ranking import MOST_OF_FLEET

RANGE = 3 * 3_600
"""Seconds: so short that 100 counters of it are not too much for any answer."""

LONGEST = 7_000
"""Bytes of a query. Servers read a URL of some 8,000."""

KNOWN = json.loads(os.environ["FUZZ_KNOWN"])
_cases = count()


@schemathesis.hook
def filter_query(context: Any, query: Any) -> bool:  # noqa: ARG001
    """Leave out URLs that are too long for any server: those never reach the app."""
    return len(urlencode(query or {}, doseq=True)) < LONGEST


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
    _fit_time(query, defined)
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
    _fit_population(query, defined)
    _fit_filters(query, defined)
    if "pool" in query:  # of log-ons: a pool or a VM, and a plan only of a pool
        query.pop("vm", None)
    elif query.get("format") == "avd-scaling-plan":
        query.pop("format")


def _fit_time(query: dict[str, Any], defined: set[str]) -> None:
    """Give the time in one way, and none that is to come."""
    now = int(time.time())
    if "percentiles" in query or str(query.get("aggregationBy", "")).strip("\"'").lower().startswith("p"):
        query["key"] = query["key"][:1]  # percentiles are for less at a time
    ways = [way for way in ("minutes", "start", "window", "windows") if way in query]
    for way in ways[1:]:
        query.pop(way)
    if "start" in query:
        query |= {"start": now - RANGE, "end": now}
        return
    query.pop("end", None)
    if "minutes" in defined:
        query["minutes"] = min(int(query.get("minutes", 5)), 1_000)
    if "window" in query:
        query["window"] = min(int(query["window"]), now - now % WINDOW)


def _fit_population(query: dict[str, Any], defined: set[str]) -> None:
    """Ask of the fleet only what it answers, and of a tenant only what a tenant does."""
    offered = OF_TENANT if "tenant" in query else OF_FLEET
    if "groupBy" in query and query["groupBy"] not in offered:
        query["groupBy"] = offered[-1]
    if "hours" in defined:  # of a baseline: one population
        own, others = ("vm", "ResourcePoolName"), ("Region", "MachineSize")
        wrong = others if "tenant" in query else own
        both = own if "tenant" in query else others
        for name in (*wrong, *([both[1]] if both[0] in query else [])):
            query.pop(name, None)
    if {"limit", "lines"} <= defined:  # of capacity: not every counter has a limit of its own
        query.setdefault("limit", 95)
    if "order" in defined and "tenant" not in query:
        for name in ("ResourcePoolName", "SiteName"):
            query.pop(name, None)
        if "Region" in query:
            query.pop("MachineSize", None)
        if "Region" in query or "MachineSize" in query:
            query.pop("order", None)  # of a group only the worse end is kept
        query["limit"] = min(int(query.get("limit", 1)), MOST_OF_FLEET)


def _fit_filters(query: dict[str, Any], defined: set[str]) -> None:
    """Let a matrix filter only VMs."""
    if {"groupBy", "Region"} <= defined and query.get("groupBy") != "vm":
        for dimension in DIMENSIONS:
            query.pop(dimension, None)


def _fit_names(query: dict[str, Any]) -> None:
    """Let * stand alone, since it means all counters, and name no VM without its tenant."""
    if "*" in (keys := query.get("key") or []) and len(keys) > 1:
        query["key"] = ["*"]
    if "tenant" not in query:
        query.pop("vm", None)
