"""What is written about the HTTP door is what the table says."""

from __future__ import annotations

import json
import re
from typing import Any

from plugin_bridge.doors.http_documents import MARKS, asyncapi_text, openapi_text, with_tables
from plugin_bridge.doors.http_door import by_path
from plugin_bridge.doors.http_routes import ROUTES
from scene_schema.messages import EVENTS
from tests.plugin_bridge.engine_process import ROOT

DOCS = ROOT / "docs"
MAKE = "run python -m plugin_bridge.doors.http_documents"


def references(value: Any) -> set[str]:
    return set(re.findall(r'"\$ref": "(.+?)"', json.dumps(value)))


def resolve(document: Any, reference: str) -> Any:
    for part in reference.removeprefix("#/").split("/"):
        document = document[part]
    return document


def test_the_documents_are_fresh() -> None:
    assert (DOCS / "openapi.json").read_text("utf-8") == openapi_text(), MAKE
    assert (DOCS / "asyncapi.json").read_text("utf-8") == asyncapi_text(), MAKE
    guide = (DOCS / "http.md").read_text("utf-8")
    assert all(mark in guide for mark in MARKS)
    assert with_tables(guide) == guide, MAKE


def test_every_route_is_in_openapi_and_every_reference_leads_somewhere() -> None:
    document = json.loads(openapi_text())
    assert set(document["paths"]) == {*by_path(), "/message"}
    for route in ROUTES:
        operation = document["paths"][route.path][route.method.lower()]
        names = {one["name"] for one in operation["parameters"]}
        assert {*re.findall(r"{(\w+)}", route.path), *route.query} <= names
    operations = [one["operationId"] for path in document["paths"].values() for one in path.values()]
    assert len(set(operations)) == len(operations)
    for reference in references(document):
        assert resolve(document, reference)


def test_every_event_is_in_asyncapi() -> None:
    document = json.loads(asyncapi_text())
    assert set(EVENTS) <= set(document["components"]["messages"])
    for reference in references(document):
        assert resolve(document, reference)
