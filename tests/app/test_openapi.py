"""The OpenAPI document, and the API held to it by schemathesis: every check on, as the operator and as a tenant."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest

import blueprints.features  # noqa: F401  (which registers them)
from blueprints.http.endpoints import ENDPOINTS
from blueprints.http.reading import Bytes
from domain.minutes import WINDOW
from tests.app.conftest import ROOT, Local
from tests.builders import KEY, TENANT, VM, a_message, records_of

WINDOW_START = int(time.time()) // WINDOW * WINDOW - WINDOW
CALLERS: Mapping[str, Mapping[str, str]] = {"operator": {"roles": "operator"}, "tenant": {"tenant": TENANT}}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Local]:
    tenants = json.dumps({TENANT: TENANT})
    settings = {"PRINCIPALS": json.dumps(CALLERS), "TENANT_CLAIM": "tenant", "TENANT_IDS": tenants}
    operator = {"Authorization": "Bearer operator"}
    local = Local(tmp_path_factory.mktemp("api") / "data", settings=settings, operator=operator).start()
    local.put("one", a_message(records_of(TENANT, VM, KEY, [10.0] * 15, WINDOW_START)))
    local.settled()
    yield local
    local.stop()


@pytest.fixture(scope="module")
def document(host: Local) -> Any:
    status, body, headers = host.get("/v1/openapi.json", headers=host.operator)
    assert (status, headers["cache-control"]) == (200, "private, max-age=300")
    return body


def test_it_names_every_endpoint_with_its_parameters(document: Any) -> None:
    assert document["openapi"].startswith("3.1.")
    assert set(document["paths"]) == {f"/{each.route}" for each in ENDPOINTS}
    for endpoint in ENDPOINTS:
        operation = document["paths"][f"/{endpoint.route}"][endpoint.methods[0].lower()]
        if issubclass(endpoint.parameters, Bytes):
            assert operation["requestBody"]["content"].keys() == {"application/octet-stream"}
            named = {"body": operation["requestBody"]["required"]}
        elif endpoint.reads_body:
            body = operation["requestBody"]["content"]["application/json"]["schema"]
            named = {name: name in body.get("required", ()) for name in body["properties"]}
            assert all(each["description"] for each in body["properties"].values())
        else:
            named = {each["name"]: each["required"] for each in operation["parameters"]}
        assert named == {name: field.is_required() for name, field in endpoint.parameters.model_fields.items()}
        assert all(each["description"] for each in operation["parameters"])
        assert operation["summary"]


def test_it_describes_what_is_not_plain_of_answers(document: Any) -> None:
    schemas = document["components"]["schemas"]
    assert "second 30" in schemas["FleetItem"]["properties"]["timestamp"]["description"]
    assert all(schema["description"] for schema in schemas.values())


def test_every_reference_leads_somewhere(document: Any) -> None:
    def references(value: Any) -> Iterator[str]:
        if isinstance(value, dict):
            yield from (each for name, each in value.items() if name == "$ref")
            value = list(value.values())
        if isinstance(value, list):
            for each in value:
                yield from references(each)

    names = {reference.removeprefix("#/components/schemas/") for reference in references(document)}
    assert names <= set(document["components"]["schemas"])
    assert len(names) > 10


@pytest.mark.parametrize("caller", CALLERS)
def test_schemathesis_finds_nothing(host: Local, caller: str, tmp_path: Path) -> None:
    (tmp_path / "schemathesis.toml").touch()  # nobody else's
    command = [
        *(str(Path(sys.executable).parent / "schemathesis"), "run", f"http://127.0.0.1:{host.port}/v1/openapi.json"),
        *("--header", f"Authorization: Bearer {caller}"),
        *("--include-path-regex", ".", "--checks", "all", "--max-examples", "20", "--seed", "1", "--no-color"),
    ]
    known = json.dumps({"tenant": TENANT, "vm": VM, "key": [KEY]})
    environment = {
        **os.environ,
        "SCHEMATHESIS_HOOKS": "tests.app.fuzz.hooks",
        "PYTHONPATH": str(ROOT),
        "FUZZ_KNOWN": known,
    }
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert f"{len(ENDPOINTS)} selected" in done.stdout
    assert "Traceback" not in host.log


def _types(of: Any) -> Iterator[type]:
    """Yield an answer's type, and those of its fields."""
    if is_dataclass(of) and isinstance(of, type):
        yield of
        for hint in get_type_hints(of).values():
            yield from _types(hint)
    for argument in get_args(of):
        yield from _types(argument)


def test_what_is_stored_is_no_answer() -> None:
    """A table can change its records without changing the API."""
    assert {each.__module__ for endpoint in ENDPOINTS for each in _types(endpoint.answer)}.isdisjoint(
        name for name in sys.modules if name.startswith("storage")
    )
