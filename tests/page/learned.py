"""Made-up answers of what is learned, shaped as the API gives them, for pages of a host that has learned nothing."""

import json
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

from playwright.sync_api import Page, Route

from domain.minutes import WINDOW
from tests.page.conftest import NEWEST
from tests.page.fleet import tenant_name, vm_name
from tests.page.looking import CPU

FREE, SIZE = "win_disk.percent_free_space", "Standard_D4s_v5"
TENANT, VM = tenant_name(1), vm_name(1, 0)
POOL = "Pool 1"
PAST = {"days": 21, "logons": 21, "served": 0.95, "idleMinutes": 40.4, "fixedServed": 0.95, "fixedIdleMinutes": 60.2}
SCORES = {"firstLogonCoverage": 0.9, "lastLogoffCoverage": 0.9, "brier": 0.01, "baseBrier": 0.02, "better": True}


OF_VM = f"/?view=vm&tenant={quote(TENANT, safe='')}&vm={quote(VM, safe='')}"


def answer(page: Page, path: str, body: dict[str, Any], status: int = 200) -> list[dict[str, list[str]]]:
    """Answer an endpoint; return what it is asked."""
    asked: list[dict[str, list[str]]] = []

    def fulfil(route: Route) -> None:
        asked.append(parse_qs(urlsplit(route.request.url).query))
        route.fulfill(status=status, content_type="application/json", body=json.dumps(body))

    page.route(f"**/v1/{path}?**", fulfil)
    return asked


def compared(who: str, name: str | None, value: float, deviating: int | None, judged: int | None) -> dict[str, Any]:
    band = {"expected": 30.0, "low": 25.0, "high": 35.0}
    return {"who": who, "name": name, "value": value, **band, "judged": judged, "deviating": deviating, "rank": 82.0}


def verdict(word: str = "region", key: str | None = FREE) -> dict[str, Any]:
    """A verdict on the VM, with the populations that it is compared with."""
    rows = [("vm", VM, 58.0, None, None), ("pool", POOL, 42.0, 4, 5), ("region", "westeurope", 31.0, 9, 10)]
    counter = {"value": 1.0, "expected": 1.0, "low": 1.0, "high": 1.0, "score": 3.0}
    return {
        "window": NEWEST,
        "tenant": TENANT,
        "vm": VM,
        "verdict": word,
        "sentence": f"Disk space free 58 %. Tenant {TENANT}: 4 of 10 VMs are unusual in this way. It is its region.",
        "key": key,
        "history": 28,
        "timeZone": "Asia/Kolkata",
        "final": True,
        "reason": None,
        "compared": [compared(*row) for row in rows],
        "data": [{"key": CPU, **counter, "since": NEWEST}, {"key": "win_mem.percent_used", **counter, "since": None}],
        "always": [],
    }


def capacity(key: str = FREE, **more: Any) -> dict[str, Any]:
    """One disk that fills."""
    full = {"tenant": TENANT, "vm": VM, "value": 37.8, "perDay": -0.73, "reached": False, "history": 28}
    days = {"earliest": "2027-01-03", "latest": "2027-01-16", "timeZone": "Asia/Kolkata"}
    body = {"key": key, "limit": 5.0, "tenant": None, "of": 16, "tooYoung": 0, "reason": None, "nextPage": None}
    return {**body, "data": [{**full, **days}], **more}


def logons(vm: str | None = None) -> dict[str, Any]:
    """A day on which people come, and one on which nobody is expected."""
    whose = {"pool": None if vm else POOL, "vm": vm}

    def times(expected: str) -> dict[str, Any]:
        at = {"expected": NEWEST, "low": NEWEST, "high": NEWEST}
        return {**at, "expectedLocal": expected, "lowLocal": "08:02", "highLocal": "18:29"}

    comes = {"firstLogon": times("08:12"), "lastLogoff": times("18:14"), "startByLocal": "07:36"}
    comes |= {"giveUpLocal": "09:15", "stopAfterLocal": "18:50"}
    nobody = {"firstLogon": None, "lastLogoff": None, "startByLocal": None, "giveUpLocal": None, "stopAfterLocal": None}
    return {
        "tenant": TENANT,
        "timeZone": "Asia/Kolkata",
        "serve": 0.95,
        "bootMinutes": 10,
        "learnedUntil": "2026-11-26",
        "reason": None,
        "tenantPast": None,
        "series": [{**whose, "history": 28, "reason": None, "past": {**PAST, **SCORES}}],
        "data": [
            {
                **whose,
                "day": "2026-11-27",
                "probability": 0.966,
                **comes,
                "giveUpLocal": "09:15",
                "stopAfterLocal": "18:50",
            },
            {**whose, "day": "2026-11-28", "probability": 0.02, **nobody},
        ],
        "sessions": [],
    }


def forecast(hours: int = 48, **more: Any) -> dict[str, Any]:
    """A forecast that is highest in its fifth window."""
    windows = range(NEWEST, NEWEST + hours * 3600, WINDOW)
    data = [{"window": at, "expected": 61.0 if at == windows[4] else 50.0, "low": 40.0, "high": 70.0} for at in windows]
    told = {"history": 30, "timeZone": "UTC", "mase": 0.7, "coverage": 0.81, "reason": None, "rule": "avg"}
    return {**told, "data": data, **more}


def learn(page: Page, **verdicts: Any) -> dict[str, list[dict[str, list[str]]]]:
    """Answer what is learned of the VM; return what is asked, by endpoint."""
    answers = {"get-verdict": verdict(**verdicts), "get-logons": logons(VM), "get-capacity": capacity()}
    return {path: answer(page, path, body) for path, body in answers.items()}
