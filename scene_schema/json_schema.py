"""The JSON Schema of every message, for people who write their own client.

`python -m scene_schema.json_schema` writes `docs/schema.json`; a test fails if that file is stale.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from scene_schema.envelope import PROTOCOL_VERSION
from scene_schema.messages import EVENTS, REPLIES, REQUESTS, Failure
from scene_schema.scene import Scene


def schema() -> dict[str, Any]:
    """All definitions, and which message type carries which."""
    models: list[type[BaseModel]] = list(
        dict.fromkeys([Scene, *REQUESTS.values(), *REPLIES.values(), *EVENTS.values(), Failure])
    )
    refs, definitions = models_json_schema(
        [(model, "validation") for model in models], ref_template="#/$defs/{model}"
    )
    pointer = {model: refs[(model, "validation")]["$ref"] for model in models}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Stemscape protocol",
        "protocol_version": PROTOCOL_VERSION,
        "requests": {kind: {"$ref": pointer[model]} for kind, model in REQUESTS.items()},
        "replies": {f"{kind}.reply": {"$ref": pointer[model]} for kind, model in REPLIES.items()},
        "error": {"$ref": pointer[Failure]},
        "events": {kind: {"$ref": pointer[model]} for kind, model in EVENTS.items()},
        "$defs": definitions["$defs"],
    }


def text() -> str:
    """The schema as it stands in `docs/schema.json`."""
    return json.dumps(schema(), indent=1, sort_keys=False) + "\n"


if __name__ == "__main__":
    path = Path(__file__).parent.parent / "docs" / "schema.json"
    path.write_text(text(), encoding="utf-8")
    print(f"wrote {path}")  # noqa: T201
