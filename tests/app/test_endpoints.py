"""What every endpoint may have: any method, parameters in the path, in the query (repeated, too) and in the body."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any

import azure.durable_functions as df
import azure.functions as func
import pytest
from pydantic import Field

from blueprints import services as process
from blueprints.http.endpoints import ENDPOINTS, OPERATORS, endpoint
from blueprints.http.openapi import document
from blueprints.http.reading import NoParameters, read
from blueprints.services import Services
from domain.disclosure import ForTenants
from domain.errors import BadParameters, Invalid
from pipeline.queries.view import View

ROUTE = "v1/rules/{rule}"


class RuleParameters(NoParameters):
    """A rule."""

    rule: Annotated[str, Field(description="Its name.")]


class NewRule(RuleParameters):
    """A rule, and what it says."""

    limit: float
    tags: Annotated[list[str], Field(default_factory=list)]


class RulesParameters(NoParameters):
    """Which rules."""

    tag: Annotated[list[str], Field(default_factory=list)]
    limit: float | None = None


@dataclass(frozen=True, slots=True)
class Rule(ForTenants):
    """A rule."""

    rule: str
    limit: float | None
    tags: list[str]


async def rule(shared: Services, view: View, asked: RuleParameters) -> Rule:  # noqa: ARG001
    """What a rule says."""
    return Rule(asked.rule, None, [])


async def write_rule(shared: Services, view: View, asked: NewRule) -> Rule:  # noqa: ARG001
    """Write a rule."""
    return Rule(asked.rule, asked.limit, asked.tags)


async def delete_rule(shared: Services, view: View, asked: RuleParameters) -> Rule:  # noqa: ARG001
    """Delete a rule."""
    return Rule(asked.rule, None, ["deleted"])


@pytest.fixture
def handle(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Any]:
    """Register three endpoints on one route; return their trigger."""
    monkeypatch.setenv("SQLITE_PATH", str(tmp_path / "store.db"))
    monkeypatch.setattr(process, "_services", None)
    registered = list(ENDPOINTS)
    app = df.Blueprint()
    endpoint(app, ROUTE, OPERATORS)(rule)
    endpoint(app, ROUTE, OPERATORS, method="PUT")(write_rule)
    endpoint(app, ROUTE, OPERATORS, method="DELETE")(delete_rule)
    (trigger,) = app._function_builders

    def call(method: str, name: str, body: bytes = b"", query: str = "", **headers: str) -> tuple[int, Any]:
        request = func.HttpRequest(
            method=method,
            url=f"http://localhost/v1/rules/{name}{query}",
            headers={each.replace("_", "-"): value for each, value in headers.items()},
            route_params={"rule": name},
            body=body,
        )
        context = SimpleNamespace(invocation_id="1")
        response = asyncio.run(trigger._function.get_user_function()(request, context))
        return response.status_code, json.loads(response.get_body())

    yield call
    ENDPOINTS[:] = registered
    asyncio.run(process.close())


def test_endpoints_share_a_route_each_with_its_method(handle: Any) -> None:
    body = json.dumps({"limit": 5, "tags": ["a", "b"]}).encode()
    assert handle("GET", "r1") == (200, {"rule": "r1", "limit": None, "tags": []})
    assert handle("PUT", "r1", body, content_type="application/json") == (
        200,
        {"rule": "r1", "limit": 5.0, "tags": ["a", "b"]},
    )
    assert handle("DELETE", "r1") == (200, {"rule": "r1", "limit": None, "tags": ["deleted"]})
    status, problem = handle("POST", "r1")
    assert (status, problem["detail"]) == (405, "POST is not possible here; GET, HEAD, PUT, DELETE are")


@pytest.mark.parametrize(
    ("method", "body", "query", "headers", "status", "said"),
    [
        ("PUT", b'{"limit": 5}', "", {}, 400, "Content-Type: application/json"),
        ("PUT", b"[1]", "", {"content_type": "application/json"}, 400, "no JSON object of parameters, but a list"),
        ("PUT", b"{", "", {"content_type": "application/json"}, 400, "no JSON object"),
        ("PUT", b"{}", "?limit=5", {"content_type": "application/json"}, 400, "limit: stands in the URL"),
        ("PUT", b'{"limit": 5, "rule": "r2"}', "", {"content_type": "application/json"}, 400, "path already"),
        ("PUT", b'{"limit": "x", "other": 1}', "", {"content_type": "application/json"}, 400, "other: is unknown"),
        ("DELETE", b"{}", "", {}, 400, "a body is not read"),
        ("DELETE", b"", "?limit=1", {}, 400, "limit: is unknown"),
        ("DELETE", b"", "", {"sec_fetch_site": "cross-site"}, 403, "page of another site"),
        ("PUT", b"{}", "", {"sec_fetch_site": "cross-site"}, 403, "page of another site"),
    ],
)
def test_what_is_wrong_is_said(
    handle: Any, method: str, body: bytes, query: str, headers: dict[str, str], status: int, said: str
) -> None:
    found, problem = handle(method, "r1", body, query, **headers)
    assert found == status
    assert said in json.dumps(problem)


def test_a_parameter_of_a_list_may_be_repeated_whatever_its_name_and_no_other() -> None:
    asked = read(RulesParameters, "http://localhost/v1/rules?tag=a&tag=b&limit=3", 0)
    assert (asked.tag, asked.limit) == (["a", "b"], 3.0)
    assert read(RulesParameters, "http://localhost/v1/rules?tag=a", 0).tag == ["a"]
    with pytest.raises(BadParameters) as refused:
        read(RulesParameters, "http://localhost/v1/rules?limit=1&limit=2&tag=", 0)
    assert refused.value.problems == {"limit": "is given more than once", "tag": "is empty"}


def test_a_body_beyond_its_bound_is_not_read() -> None:
    with pytest.raises(Invalid, match="at most 65,536"):
        read(NewRule, "http://localhost/", 0, {"rule": "r1"}, b'{"limit":' + b" " * 65_536 + b"1}")


def test_an_endpoint_can_not_be_opened_by_the_one_whose_route_it_shares(handle: Any) -> None:  # noqa: ARG001
    with pytest.raises(ValueError, match="can't share"):
        endpoint(df.Blueprint(), ROUTE, (), method="POST")(write_rule)


def test_the_document_says_where_each_parameter_stands(handle: Any) -> None:  # noqa: ARG001
    of_rule = document([each for each in ENDPOINTS if each.route == ROUTE])["paths"][f"/{ROUTE}"]
    assert sorted(of_rule) == ["delete", "get", "put"]
    assert [(each["name"], each["in"], each["required"]) for each in of_rule["put"]["parameters"]] == [
        ("rule", "path", True)
    ]
    schema = of_rule["put"]["requestBody"]["content"]["application/json"]["schema"]
    assert (sorted(schema["properties"]), schema["required"]) == (["limit", "tags"], ["limit"])
    assert "requestBody" not in of_rule["delete"]
