"""The function app as the Functions host sees it: its functions, their bindings, and what importing it needs."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from blueprints import ingest, services, settings
from domain.errors import Misconfigured

ROOT = Path(__file__).parents[2]
LIST_FUNCTIONS = """
import asyncio, json, sys
from pathlib import Path
from local.worker import Worker
worker = asyncio.run(Worker.load(Path.cwd()))
print(json.dumps({name: function.bindings for name, function in worker.functions.items()}))
"""


def http(route: str, level: str = "FUNCTION") -> dict[str, Any]:
    """An endpoint of the API: it answers wrong methods itself, so all are its."""
    return {"type": "httpTrigger", "route": route, "methods": None, "authLevel": level}


def file(route: str) -> dict[str, Any]:
    return {"type": "httpTrigger", "route": route, "methods": ["GET", "HEAD"], "authLevel": "ANONYMOUS"}


EXPECTED: dict[str, dict[str, Any]] = {
    "ingest": {
        "type": "serviceBusTrigger",
        "queueName": "%QUEUE_NAME%",
        "connection": "ServiceBusConnection",
        "cardinality": "MANY",
        "dataType": "BINARY",
    },
    "average": {"type": "timerTrigger", "schedule": "%AVERAGING_SCHEDULE%"},
    "remote_write": {"type": "timerTrigger", "schedule": "%AVERAGING_SCHEDULE%"},
    "learn": {"type": "timerTrigger", "schedule": "0 0 8,20 * * *"},
    "get_data": http("v1/get-data"),
    "get_tenant_data": http("v1/get-tenant-data"),
    "get_baseline": http("v1/get-baseline"),
    "get_forecast": http("v1/get-forecast"),
    "get_unusual": http("v1/get-unusual"),
    "get_matrix": http("v1/get-matrix"),
    "get_verdict": http("v1/get-verdict"),
    "get_capacity": http("v1/get-capacity"),
    "get_logons": http("v1/get-logons"),
    "get_ranking": http("v1/get-ranking"),
    "get_groups": http("v1/get-groups"),
    "get_changes": http("v1/get-changes"),
    "get_histogram": http("v1/get-histogram"),
    "samples": http("v1/samples"),
    "counters": http("v1/counters"),
    "tenants": http("v1/tenants"),
    "vms": http("v1/vms"),
    "status": http("v1/status"),
    "health": http("v1/health", "ANONYMOUS"),
    "metrics": http("metrics"),
    "get_openmetrics": http("v1/get-openmetrics"),
    "api_document": http("v1/openapi.json"),
    "enrolments": http("v1/admin/tenants"),
    "confirm": http("v1/admin/tenants/confirm"),
    "revoke": http("v1/admin/tenants/revoke"),
    "join": http("v1/join", "ANONYMOUS"),
    "push": http("v1/push", "ANONYMOUS"),
    "rebuild": http("v1/admin/rebuild"),
    "purge": http("v1/admin/purge"),
    "empty": http("v1/admin/empty"),
    "quarantine": http("v1/admin/quarantine"),
    "quarantined": http("v1/admin/quarantine/message"),
    "reingest": http("v1/admin/quarantine/reingest"),
    "drop": http("v1/admin/quarantine/drop"),
    "dead_letters": http("v1/admin/dead-letters"),
    "resubmit": http("v1/admin/dead-letters/resubmit"),
    "operations": http("v1/admin/operations"),
    "operation_status": http("v1/admin/operations/{instance}"),
    "stop_operation": http("v1/admin/operations/{instance}/stop"),
    "me": http("v1/me"),
    "operation": {"type": "orchestrationTrigger", "name": "context"},
    "operation_part": {"type": "orchestrationTrigger", "name": "context"},
    "plan_operation": {"type": "activityTrigger", "name": "order"},
    "do_step": {"type": "activityTrigger", "name": "asked"},
    "end_operation": {"type": "activityTrigger", "name": "asked"},
    "page": file("{empty:maxlength(0)?}"),
    "page_api": file("docs"),
    "page_assets": file("assets/{*name}"),
}


def run_alone(code: str, environment: Mapping[str, str] | None = None) -> str:
    """Run code in a process that has nothing else in its environment."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **(environment or {})}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_worker_library_indexes_exactly_these_functions_with_these_bindings() -> None:
    found = json.loads(run_alone(LIST_FUNCTIONS).splitlines()[-1])
    triggers = {
        name: {
            key: next(binding for binding in bindings if binding["type"].endswith("Trigger")).get(key)
            for key in EXPECTED.get(name, ())
        }
        for name, bindings in found.items()
    }
    assert triggers == EXPECTED


def test_what_starts_orchestrations_or_asks_how_they_are_has_a_durable_client_and_nothing_else_has() -> None:
    found = json.loads(run_alone(LIST_FUNCTIONS).splitlines()[-1])
    clients = {name for name, bindings in found.items() if any(each["type"] == "durableClient" for each in bindings)}
    of_operations = {"operations", "operation_status", "stop_operation"}
    assert clients == {"average", "learn", "rebuild", "purge", "empty", "reingest", "drop", "resubmit"} | of_operations


def test_where_people_sign_in_the_host_asks_for_no_key_and_each_endpoint_refuses_for_itself() -> None:
    for environment, keys in (
        ({}, True),
        ({"PLATFORM_AUTHENTICATION": "false", "WEBSITE_AUTH_ENABLED": "true"}, True),
        ({"PLATFORM_AUTHENTICATION": "true", "WEBSITE_AUTH_ENABLED": "true"}, False),
        ({"PLATFORM_AUTHENTICATION": "true"}, False),  # when everybody is refused
    ):
        found = json.loads(run_alone(LIST_FUNCTIONS, environment).splitlines()[-1])
        triggers = [bindings[0] for bindings in found.values() if bindings[0]["type"] == "httpTrigger"]
        levels = {each["route"]: each["authLevel"] for each in triggers}
        assert set(levels.values()) == ({"FUNCTION", "ANONYMOUS"} if keys else {"ANONYMOUS"})
        assert (levels["v1/status"] == "FUNCTION") is keys


def test_importing_the_app_reads_of_the_environment_whether_people_sign_in_and_loads_no_sdk_of_a_service() -> None:
    code = """
import os, sys
class Watched(dict):
    def __getitem__(self, name): raise SystemExit(f"read {name}")
import azure.functions
os_environ, os.environ = os.environ, Watched()
import function_app
os.environ = os_environ
unwanted = ("azure.cosmos", "azure.servicebus", "azure.identity", "cryptography", "sqlite3")
print([name for name in unwanted if name in sys.modules])
"""
    assert run_alone(code).strip() == "[]"


def test_requirements_of_the_app_hold_nothing_of_local_test_or_benchmark_use() -> None:
    names = {
        line.split(">")[0].split("=")[0].strip()
        for line in (ROOT / "requirements/app.txt").read_text().splitlines()
        if line and not line.startswith("#")
    }
    assert names == {
        "aiohttp",
        "azure-cosmos",
        "azure-functions",
        "azure-functions-durable",
        "azure-identity",
        "azure-monitor-opentelemetry-exporter",
        "azure-servicebus",
        "cryptography",
        "msgspec",
        "numpy",
        "opentelemetry-sdk",
        "pydantic",
        "pydantic-settings",
        "tzdata",
        "werkzeug",
    }


def referred_settings() -> set[str]:
    """The settings that triggers name."""
    return {name.strip("%") for trigger in EXPECTED.values() for name in trigger.values() if "%" in str(name)}


def setting_names() -> set[str]:
    """The environment's names of all settings."""
    fields = settings.Settings.model_fields.items()
    return {str(field.validation_alias or name.upper()) for name, field in fields} | {settings.PLATFORM_AUTHENTICATION}


def clear(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in setting_names():
        monkeypatch.delenv(name, raising=False)


def test_settings_have_defaults_for_all_but_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    clear(monkeypatch)
    monkeypatch.setenv("SQLITE_PATH", "x.db")
    loaded = settings.load()
    assert (loaded.samples_retention_days, loaded.report_retention_days, loaded.allowed_lateness_minutes) == (
        30,
        400,
        20,
    )


def test_every_missing_or_malformed_setting_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    clear(monkeypatch)
    monkeypatch.setenv("ALLOWED_LATENESS_MINUTES", "soon")
    monkeypatch.setenv("SAMPLES_RETENTION_DAYS", "0")
    monkeypatch.setenv("REDUCTIONS", '{"a.b": "median"}')
    with pytest.raises(Misconfigured) as error:
        settings.load()
    for name in ("SQLITE_PATH", "COSMOS_ENDPOINT", "ALLOWED_LATENESS_MINUTES", "SAMPLES_RETENTION_DAYS", "REDUCTIONS"):
        assert name in str(error.value)


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"SQLITE_PATH": "x.db", "COSMOS_ENDPOINT": "https://a"}, "SQLITE_PATH"),
        ({"COSMOS_ENDPOINT": "somewhere"}, "COSMOS_ENDPOINT"),
        ({"SQLITE_PATH": "x.db", "REDUCTIONS": "{"}, "REDUCTIONS"),
        ({"SQLITE_PATH": "x.db", "COUNTERS": "win_cpu.*,win_mem"}, "COUNTERS: 'win_mem' matches no counter"),
        ({"SQLITE_PATH": "x.db", "ALLOWED_ORIGINS": "https://a.example, *"}, "ALLOWED_ORIGINS: '\\*' is no origin"),
        ({"SQLITE_PATH": "x.db", "ALLOWED_ORIGINS": "http://a.example"}, "ALLOWED_ORIGINS: 'http://a.example'"),
        ({"SQLITE_PATH": "x.db", "ALLOWED_ORIGINS": "https://a.example/path"}, "ALLOWED_ORIGINS"),
        ({"SQLITE_PATH": "x.db", "REMOTE_WRITE_URL": "prometheus:9090"}, "REMOTE_WRITE_URL"),
        ({"SQLITE_PATH": "x.db", "REMOTE_WRITE_TOKEN": "two words"}, "REMOTE_WRITE_TOKEN: must be printable"),
        ({"SQLITE_PATH": "x.db", "TENANT_IDS": '{"A-1": "t", "a-1": "u"}'}, "TENANT_IDS: names a value twice"),
    ],
    ids=[
        "two stores",
        "no address",
        "no JSON",
        "no counter",
        "any origin",
        "an origin without TLS",
        "a path",
        "no URL",
        "no token",
        "one directory, two tenants",
    ],
)
def test_settings_that_make_no_sense_are_named(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], named: str
) -> None:
    clear(monkeypatch)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(Misconfigured, match=named):
        settings.load()


async def test_an_ingest_that_waits_for_a_setting_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clear(monkeypatch)
    monkeypatch.setattr(services, "_services", None)
    with pytest.raises(Misconfigured):
        await ingest._ingest([], 0)
    assert "ingest waits" in caplog.text
    assert "SQLITE_PATH" in caplog.text


def test_the_key_is_not_shown_where_settings_are_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    clear(monkeypatch)
    monkeypatch.setenv("COSMOS_ENDPOINT", "https://a")
    monkeypatch.setenv("COSMOS_KEY", "the key")
    monkeypatch.setenv("REMOTE_WRITE_TOKEN", "the-token")
    assert "the key" not in repr(settings.load())
    assert "the-token" not in repr(settings.load())


SAMPLE = json.loads((ROOT / "local.settings.sample.json").read_text())["Values"]
SET_UPS = [
    json.loads(block) for block in re.findall(r"```json\n(.*?)```", (ROOT / "docs/azure.md").read_text(), re.DOTALL)
]


@pytest.mark.parametrize("values", [SAMPLE, *SET_UPS], ids=["sample", "identity", "embedded"])
def test_each_set_up_in_the_docs_loads_through_the_settings_object(
    monkeypatch: pytest.MonkeyPatch, values: dict[str, str]
) -> None:
    clear(monkeypatch)
    for name, value in {**SAMPLE, **values}.items():
        if value:
            monkeypatch.setenv(name, value)
        else:
            monkeypatch.delenv(name, raising=False)
    settings.load()
    known = setting_names() | referred_settings()
    assert set(SAMPLE) >= known - {"SQLITE_PATH", "QUEUE_FOLDER", "ServiceBusConnection__fullyQualifiedNamespace"} - {
        name for name in known if name.startswith("APPLICATIONINSIGHTS")
    }
