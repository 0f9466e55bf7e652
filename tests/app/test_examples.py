"""The example of every endpoint: the types that read parameters and write answers accept it."""

import json
from typing import Any
from urllib.parse import urlencode

import pytest

import blueprints.features  # noqa: F401  (which registers them)
from blueprints.http.endpoints import ENDPOINTS, Endpoint
from blueprints.http.examples import AT, GROUPS
from blueprints.http.formats import adapter, written
from blueprints.http.openapi import document
from blueprints.http.reading import Bytes, read

BY_NAME = {each.name: each for each in ENDPOINTS}


@pytest.mark.parametrize("name", BY_NAME)
def test_a_request_like_the_example_is_read(name: str) -> None:
    endpoint = BY_NAME[name]
    asked = dict(endpoint.example.asked)
    if issubclass(endpoint.parameters, Bytes):
        assert asked == {}  # bytes that are signed are no example: docs/wire.md has one
        return
    path = {each: asked.pop(each) for each in endpoint.in_path}
    url = "" if endpoint.reads_body else f"?{urlencode(asked, doseq=True)}"
    body = json.dumps(asked).encode() if endpoint.reads_body else None
    parameters = read(endpoint.parameters, url, AT, path, body)
    assert parameters.model_fields_set == endpoint.example.asked.keys()


@pytest.mark.parametrize("name", [name for name, each in BY_NAME.items() if each.changes and not each.starts])
def test_an_answer_like_the_example_is_written(name: str) -> None:
    answer = BY_NAME[name].example.answer
    assert type(answer) in BY_NAME[name].answers
    assert adapter(type(answer)).validate_json(written(answer, "json")[0]) == answer


@pytest.mark.parametrize("name", BY_NAME)
def test_programs_get_them_too(name: str) -> None:
    endpoint = BY_NAME[name]
    operation = document(ENDPOINTS)["paths"][f"/{endpoint.route}"][endpoint.method.lower()]
    assert _asked(endpoint, operation) == dict(endpoint.example.asked)
    if endpoint.changes:
        answer = operation["responses"][str(202 if endpoint.starts else endpoint.status.value)]
        example = answer["content"]["application/json"]["example"]
        adapter(endpoint.answer).validate_python(example)
        assert example


def _asked(endpoint: Endpoint, operation: Any) -> object:
    found = {each["name"]: each["example"] for each in operation["parameters"] if "example" in each}
    if endpoint.reads_body and not issubclass(endpoint.parameters, Bytes):
        found |= operation["requestBody"]["content"]["application/json"]["example"]
    return found


def test_every_endpoint_is_in_a_group_that_is_described() -> None:
    described = document(ENDPOINTS)
    assert [each["name"] for each in described["tags"]] == list(GROUPS)
    groups = {each.group for each in ENDPOINTS}
    assert groups == set(GROUPS)
    assert {each.route for each in ENDPOINTS if each.group == "The API itself"} == {
        "v1/me",
        "v1/health",
        "v1/openapi.json",
    }
