"""Requests that are made up from an OpenAPI document."""

import json
from pathlib import Path

import pytest

from proxy.comparison.generated import NotGenerated, generate

DOCUMENT = {
    "openapi": "3.0.3",
    "info": {"title": "shop", "version": "1"},
    "servers": [{"url": "https://shop.test/api"}],
    "paths": {
        "/items/{id}": {
            "get": {
                "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}],
                "responses": {"200": {"description": "one"}},
            },
            "delete": {
                "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}],
                "responses": {"204": {"description": "gone"}},
            },
        }
    },
}


@pytest.fixture
def document(tmp_path: Path) -> Path:
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(DOCUMENT))
    return file


def test_every_operation_gets_requests_under_the_path_of_its_server(document):
    made = list(generate(document, each=5))
    assert {request.method for request in made} == {"GET", "DELETE"}
    assert all(request.target.startswith("/api/items/") for request in made)
    assert all(name.lower() not in ("host", "user-agent") for request in made for name, _ in request.fields)


def test_the_same_document_gets_the_same_requests(document):
    assert list(generate(document, each=5)) == list(generate(document, each=5))


def test_what_is_no_document_is_told_as_such(tmp_path):
    file = tmp_path / "openapi.yaml"
    file.write_text("- nothing")
    with pytest.raises(NotGenerated, match="not an OpenAPI document"):
        list(generate(file))
