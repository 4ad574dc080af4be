"""Every message type has a class, an answer and a place in the published schema."""

import math
from pathlib import Path

import pytest

from scene_schema import json_schema
from scene_schema.edits import EditLayer
from scene_schema.envelope import decode, encode, envelope_for
from scene_schema.errors import Refused
from scene_schema.messages import REPLIES, REQUESTS, Failure, Hello, JobStatus, read_request

DOCS = Path(__file__).parent.parent.parent / "docs"


def test_every_request_has_a_reply() -> None:
    assert REQUESTS.keys() == REPLIES.keys()


def test_the_published_schema_is_fresh() -> None:
    assert (DOCS / "schema.json").read_text("utf-8") == json_schema.text(), (
        "run python -m scene_schema.json_schema"
    )


def test_requests_refuse_what_they_do_not_know_and_replies_ignore_it() -> None:
    assert read_request("hello", {}) == Hello()
    with pytest.raises(Refused, match=r"\$.mood"):
        read_request("hello", {"mood": "good"})
    status = {"job": "j", "scene": "s", "layer": "l", "revision": 1, "state": "queued", "mood": "good"}
    assert JobStatus.model_validate(status).state == "queued"


def test_an_unknown_type_is_answered_with_those_that_exist() -> None:
    with pytest.raises(Refused, match=r"scene\.render") as caught:
        read_request("scene.explode", {})
    assert caught.value.code == "unknown_type"


def test_a_refusal_survives_the_wire() -> None:
    with pytest.raises(Refused) as caught:
        read_request("scene.render", {"scene": "Not A Slug"})
    back = Failure.model_validate(Failure.of(caught.value).model_dump(mode="json")).refusal()
    assert (back.code, back.findings) == (caught.value.code, caught.value.findings)
    assert back.findings[0].field == "$.scene"


def test_a_number_that_is_none_reaches_the_engine_as_it_was_given() -> None:
    edit = EditLayer(scene="s", layer="l", changes={"gain_db": float("nan")})
    sent = decode(encode(envelope_for("layer.edit", edit)))
    assert math.isnan(sent.content["changes"]["gain_db"])
