"""The machine-readable description: valid, complete, and true of the running service."""

import json
import re
from base64 import b64encode

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from drengr.api import build_app
from drengr.api.openapi import document
from drengr.api.service import EXTENSION
from tests.admin import event

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]

OPERATIONS = [
    (path, method, mode)
    for path, item in document()["paths"].items()
    for method in sorted(item.keys() - {"parameters"})
    for mode in GenerationMode
    # A request without parameters and body cannot be a bad one.
    if mode.is_positive or "parameters" in item or item[method].keys() & {"parameters", "requestBody"}
]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """(the application, its project)."""
    app = build_app({"DRENGR_DATABASE": str(tmp_path_factory.mktemp("openapi") / "events.db")})
    store = app.extensions[EXTENSION].store
    made = store.make_project("described")
    store.add(store.find_project("described").id, [event(), event(external_id=None), event(install_id="device_2")])
    yield app, made
    store.close()


@pytest.fixture(scope="module")
def description(served):
    return schemathesis.openapi.from_wsgi("/openapi.json", served[0])


def test_the_document_is_valid_openapi_3_1():
    OpenAPIV31SpecValidator(document()).validate()


def test_it_is_served_as_json(client):
    answer = client.get("/openapi.json")
    assert answer.mimetype == "application/json" and answer.json == json.loads(json.dumps(document()))


def test_every_route_is_described(app):
    described = {(path, method.upper()) for path, item in document()["paths"].items() for method in item}
    for rule in app.url_map.iter_rules():
        if rule.rule == "/" or rule.rule.startswith("/ui"):  # for people
            continue
        path = re.sub("<(?:[a-z]+:)?project_id>", "{projectId}", rule.rule)
        path = re.sub("<([a-z]+)>", r"{\1}", path)
        for method in rule.methods - {"HEAD", "OPTIONS"}:
            assert (path, method) in described, rule


def test_every_example_fits_its_schema():
    spec = document()
    examples = [
        (content["schema"], content["example"])
        for item in spec["paths"].values()
        for operation in item.values()
        if isinstance(operation, dict)
        for answer in operation["responses"].values()
        for content in answer.get("content", {}).values()
        if "example" in content
    ]
    examples += [
        ({"$ref": f"#/components/schemas/{name}"}, example)
        for name, one in spec["components"]["schemas"].items()
        for example in one.get("examples", [])
    ]
    assert len(examples) > 30
    for described, example in examples:
        Draft202012Validator(described | {"components": spec["components"]}).validate(example)


@pytest.mark.parametrize(("path", "method", "mode"), OPERATIONS)
def test_the_service_answers_as_described(description, served, path, method, mode):
    """Good and bad requests alike; most know the key and the project, or they would all end as 401 and 403."""
    cases = description[path][method].as_strategy(generation_mode=mode)

    @settings(
        max_examples=5,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases, is_stranger=st.integers(0, 9).map(lambda n: n == 9))
    def answers_as_described(case, is_stranger):
        if not is_stranger:
            _introduce(case, served[1])
        case.call_and_validate(checks=CHECKS)

    answers_as_described()


def _introduce(case, project) -> None:
    if case.path_parameters:
        case.path_parameters["projectId"] = project.project_id
    if case.operation.definition.raw.get("security"):
        both = f"{project.publishable_key}:{project.secret_key}".encode()
        basic = case.operation.definition.raw["security"] == [{"bothKeys": []}]
        word = f"Basic {b64encode(both).decode()}" if basic else f"Bearer {project.secret_key}"
        case.headers["Authorization"] = word
    if isinstance(case.body, dict) and "api_key" in case.body:
        case.body["api_key"] = project.publishable_key
