"""The table as data: what each address says, how arguments are taken, that the documents are its own."""

from __future__ import annotations

import math
import struct
from typing import Any

import pytest

from plugin_bridge.config import OSC_PORT, OSCQUERY_PORT
from plugin_bridge.doors import osc_answers as answers
from plugin_bridge.doors import osc_door, osc_packet, osc_peers, osc_row, osc_switchboard
from plugin_bridge.doors.osc_packet import Message, Value
from plugin_bridge.doors.osc_row import call, expand
from plugin_bridge.doors.osc_table import GENERATED, ROWS, SENT, as_markdown
from scene_schema.envelope import Envelope
from scene_schema.errors import Refused
from scene_schema.messages import EVENTS, REQUESTS, Failure, read_request
from tests.plugin_bridge.engine_process import ROOT

TREE = {"rain": ["env", "music"], "rain2": ["env"], "street": ["voice"]}
LAYER = {"scene": "rain", "layer": "env"}


def only(address: str, *arguments: Value) -> tuple[str, dict[str, Any]]:
    """The one request that a message makes, as the schema reads it."""
    (match,) = expand(ROWS, address, TREE)
    made = call(match, arguments)
    if made.kind:
        read_request(made.kind, made.content)
    return made.kind, made.content


def refused(address: str, *arguments: Value) -> Refused:
    with pytest.raises(Refused) as caught:
        only(address, *arguments)
    return caught.value


def changes(**fields: Any) -> tuple[str, dict[str, Any]]:
    return "layer.edit", {**LAYER, "changes": fields}


def scene_changes(**fields: Any) -> tuple[str, dict[str, Any]]:
    return "scene.edit", {"scene": "rain", "changes": fields}


CASES: list[tuple[str, tuple[Value, ...], tuple[str, dict[str, Any]]]] = [
    ("/version", (), ("hello", {})),
    ("/status", (), ("status", {})),
    ("/load", (), ("engine.load", {})),
    ("/unload", (), ("engine.unload", {})),
    ("/quit", (), ("engine.stop", {})),
    ("/job", ("j1",), ("job.get", {"job": "j1"})),
    ("/cancel", ("j1",), ("job.cancel", {"job": "j1"})),
    ("/cancel/mine", (), ("jobs.cancel", {})),
    ("/cancel/mine", ("rain",), ("jobs.cancel", {"scene": "rain"})),
    ("/lease", (1,), ("hello", {"cancel_on_disconnect": True})),
    ("/transport/get", (), ("transport.get", {})),
    ("/transport/play", (1,), ("transport.set", {"playing": True})),
    ("/transport/bpm", (120,), ("transport.set", {"bpm": 120.0})),
    ("/transport/beats_per_bar", (3.0,), ("transport.set", {"beats_per_bar": 3})),
    ("/transport/position", (1.5,), ("transport.set", {"position_s": 1.5})),
    ("/scene/list", (), ("scene.list", {})),
    ("/scene/rain/get", (), ("scene.get", {"scene": "rain"})),
    ("/scene/rain/title", ("Rain",), scene_changes(title="Rain")),
    ("/scene/rain/caption", ("a wet street",), scene_changes(caption="a wet street")),
    ("/scene/rain/duration", (4,), scene_changes(duration_s=4.0)),
    ("/scene/rain/tempo", (92.3,), scene_changes(tempo={"bpm": 92.3})),
    (
        "/scene/rain/tempo",
        (90, 3, 0.5),
        scene_changes(tempo={"bpm": 90.0, "beats_per_bar": 3, "bar_offset_s": 0.5}),
    ),
    ("/scene/rain/tempo", (None,), scene_changes(tempo=None)),
    ("/scene/rain/chords", ("Am", "F"), scene_changes(chords=["Am", "F"])),
    ("/scene/rain/chords", (None,), scene_changes(chords=[])),
    ("/scene/rain/render", (), ("scene.render", {"scene": "rain", "layers": None})),
    ("/scene/rain/render", ("env", "music"), ("scene.render", {"scene": "rain", "layers": ["env", "music"]})),
    ("/scene/rain/deliver", (), ("scene.deliver", {"scene": "rain", "hand_off": "path"})),
    (
        "/scene/rain/deliver",
        ("layers", "env, music", "mix", 0, "rate_hz", 48_000.0, "position_s", 2.0, "folder", "/projects/a"),
        (
            "scene.deliver",
            {
                "scene": "rain",
                "hand_off": "path",
                "layers": ["env", "music"],
                "mix": False,
                "rate_hz": 48_000,
                "position_s": 2,
                "folder": "/projects/a",
            },
        ),
    ),
    ("/scene/rain/extend", (20.0,), ("scene.extend", {"scene": "rain", "duration_s": 20.0})),
    ("/scene/rain/fit", (), ("scene.fit", {"scene": "rain"})),
    ("/scene/rain/compose", (), ("scene.compose", {"scene": "rain"})),
    ("/scene/rain/compose", (7,), ("scene.compose", {"scene": "rain", "seed": 7})),
    ("/scene/rain/layer/env/vary", (0.5,), changes(origin={"kind": "variation", "strength": 0.5})),
    (
        "/scene/rain/layer/env/redo",
        (1.0, 2.5),
        changes(origin={"kind": "region", "from_s": 1.0, "to_s": 2.5}),
    ),
    ("/scene/rain/layer/env/loop", (True,), changes(loop=True)),
    ("/scene/rain/undo", (), ("scene.undo", {"scene": "rain"})),
    ("/scene/rain/redo", (), ("scene.redo", {"scene": "rain"})),
    ("/scene/rain/export", (), ("scene.export", {"scene": "rain", "hand_off": "path"})),
    (
        "/scene/rain/export",
        ("all", "/projects/a"),
        (
            "scene.export",
            {"scene": "rain", "hand_off": "path", "revisions": "all", "folder": "/projects/a"},
        ),
    ),
    ("/scene/import", ("/p/a.stemscape",), ("scene.import", {"path": "/p/a.stemscape"})),
    (
        "/scene/import",
        ("/p/a.stemscape", None, 1),
        ("scene.import", {"path": "/p/a.stemscape", "replace": True}),
    ),
    ("/scene/rain/layer/list", (), ("scene.get", {"scene": "rain"})),
    ("/scene/rain/layer/env/view", ("sfx",), changes(view="sfx")),
    ("/scene/rain/layer/env/caption", ("storm",), changes(caption="storm")),
    ("/scene/rain/layer/env/transcript", ("hello",), changes(transcript="hello")),
    ("/scene/rain/layer/env/transcript", (None,), changes(transcript=None)),
    ("/scene/rain/layer/env/seed", (2**32 - 1,), changes(seed=2**32 - 1)),
    ("/scene/rain/layer/env/gain_db", (-6.099999904632568,), changes(gain_db=-6.1)),
    ("/scene/rain/layer/env/pan", (-1,), changes(pan=-1.0)),
    ("/scene/rain/layer/env/mute", (True,), changes(mute=True)),
    ("/scene/rain/layer/env/mute", (0.0,), changes(mute=False)),
    ("/scene/rain/layer/env/solo", (1,), changes(solo=True)),
    ("/scene/rain/layer/env/lock", (1.0,), changes(lock=True)),
    (
        "/scene/rain/layer/env/cues",
        (0.1, "drip", 0.2, 0),
        changes(cues=[{"at_s": 0.1, "text": "drip"}, {"at_s": 0.2}, {"at_s": 0.0}]),
    ),
    ("/scene/rain/layer/env/cues", (None,), changes(cues=[])),
    (
        "/scene/rain/layer/thunder/add",
        ("sfx", "thunder"),
        ("layer.add", {"scene": "rain", "layer": {"id": "thunder", "view": "sfx", "caption": "thunder"}}),
    ),
    (
        "/scene/rain/layer/voice/add",
        ("speech", "", "hello"),
        (
            "layer.add",
            {
                "scene": "rain",
                "layer": {"id": "voice", "view": "speech", "caption": "", "transcript": "hello"},
            },
        ),
    ),
    ("/scene/rain/layer/env/remove", (), ("layer.remove", LAYER)),
    ("/scene/rain/layer/env/move", (1,), ("layer.move", {**LAYER, "index": 1})),
]


@pytest.mark.parametrize("address, arguments, request_made", CASES)
def test_each_address_is_a_request(
    address: str, arguments: tuple[Value, ...], request_made: tuple[str, dict[str, Any]]
) -> None:
    assert only(address, *arguments) == request_made


def test_a_scene_comes_as_a_document() -> None:
    kind, content = only("/scene/create", "{id: a, layers: [{id: env, view: env, caption: rain}]}", 1)
    assert (kind, content["scene"]["id"], content["replace"], content["render"]) == (
        "scene.create",
        "a",
        True,
        False,
    )
    assert refused("/scene/create", "id: [").code == "malformed"
    assert refused("/scene/create", "{id: a, tempo: {bpm: 5}}").findings[0].field == "$.tempo.bpm"


def test_every_row_is_tried_and_every_request_can_be_said() -> None:
    tried = {match.row.address for address, *_ in CASES for match in expand(ROWS, address, TREE)}
    own = {row.address for row in ROWS if not row.kind}
    assert own == {
        "/notify",
        "/drafts",
        "/batch",
        "/sync",
        "/reply/port",
        "/token",
        "/dumpOSC",
        "/scene/load",
    }
    assert tried | own | {"/scene/create"} == {row.address for row in ROWS}
    assert {row.kind for row in ROWS} - {""} <= set(REQUESTS)
    assert set(REQUESTS) <= {row.kind for row in ROWS}, "a request that OSC cannot spell"
    assert len({row.address for row in ROWS}) == len(ROWS)


def test_every_event_has_an_address() -> None:
    sent = {address for address, *_ in SENT}
    assert {"/" + kind.replace(".", "/") for kind in EVENTS} <= sent
    assert answers.event(Envelope("event.of_tomorrow", {})) is None


@pytest.mark.parametrize(
    "address, arguments, where",
    [
        ("/scene/rain/layer/env/seed", (1.5,), "argument 1"),
        ("/scene/rain/layer/env/seed", (True,), "argument 1"),
        ("/scene/rain/layer/env/seed", (math.nan,), "argument 1"),
        ("/scene/rain/layer/env/seed", (math.inf,), "argument 1"),
        ("/scene/rain/layer/env/caption", (5,), "argument 1"),
        ("/scene/rain/layer/env/caption", (None,), "argument 1"),
        ("/scene/rain/layer/env/caption", ("a", "b"), "argument 2"),
        ("/scene/rain/layer/env/gain_db", (True,), "argument 1"),
        ("/scene/rain/layer/env/gain_db", ("loud",), "argument 1"),
        ("/scene/rain/layer/env/gain_db", ([1.0],), "argument 1"),
        ("/scene/rain/layer/env/mute", (2,), "argument 1"),
        ("/scene/rain/layer/env/mute", ("yes",), "argument 1"),
        ("/scene/rain/layer/env/cues", ("drip", 0.1), "argument 1"),
        ("/scene/rain/layer/env/cues", (0.1, "drip", "drop"), "argument 3"),
        ("/scene/rain/chords", ("Am", 5), "argument 2"),
        ("/scene/rain/tempo", (90, 3.5), "argument 2"),
        ("/scene/rain/render", (1,), "argument 1"),
        ("/cancel", (), "argument 1"),
        ("/status", (1,), "argument 1"),
    ],
)
def test_arguments_that_do_not_fit_are_named(address: str, arguments: tuple[Any, ...], where: str) -> None:
    caught = refused(address, *arguments)
    assert (caught.code, caught.findings[0].field) == ("invalid", where)
    assert "takes" in caught.remedy or address.endswith("cues")


def test_options_of_a_delivery_that_do_not_exist() -> None:
    assert "rate_hz" in refused("/scene/rain/deliver", "rate", 48_000).remedy
    assert "no value" in refused("/scene/rain/deliver", "rate_hz").message
    assert refused("/scene/rain/deliver", "hand_off", "frames").code == "invalid"
    assert refused("/scene/rain/deliver", "rate_hz", 48_000.5).code == "invalid"


@pytest.mark.parametrize("typed", [-6.1, 92.3, 0.1, 1e-3, 123.456, 16_777_216.0, 0.0, 1 / 3, 1e300])
def test_numbers_are_what_was_typed_not_their_nearest_float(typed: float) -> None:
    (match,) = expand(ROWS, "/scene/rain/layer/env/pan", TREE)
    if abs(typed) < 1e38 and typed != 1 / 3:
        as_float = struct.unpack(">f", struct.pack(">f", typed))[0]
        assert call(match, (as_float,)).content["changes"]["pan"] == typed
    assert call(match, (typed,)).content["changes"]["pan"] == typed  # a double means all its digits


def addresses(pattern: str) -> list[str]:
    return [match.address for match in expand(ROWS, pattern, TREE)]


def test_a_pattern_means_all_that_match() -> None:
    assert addresses("/scene/*/layer/*/mute") == [
        "/scene/rain/layer/env/mute",
        "/scene/rain/layer/music/mute",
        "/scene/rain2/layer/env/mute",
        "/scene/street/layer/voice/mute",
    ]
    assert addresses("/scene/rain*/layer/env/gain_db") == [
        "/scene/rain/layer/env/gain_db",
        "/scene/rain2/layer/env/gain_db",
    ]
    assert addresses("/scene/rain/layer/{env,music,none}/{mute,solo}") == [
        "/scene/rain/layer/env/mute",
        "/scene/rain/layer/music/mute",
        "/scene/rain/layer/env/solo",
        "/scene/rain/layer/music/solo",
    ]
    assert addresses("/transport/b*") == ["/transport/bpm", "/transport/beats_per_bar"]
    assert addresses("/scene/rain?/render") == ["/scene/rain2/render"]
    assert addresses("/scene/[!r]*/layer/thunder/add") == ["/scene/street/layer/thunder/add"]


def test_no_pattern_removes_ends_or_speaks_for_another() -> None:
    assert not [one for one in addresses("/scene/*/layer/*/*") if one.endswith("/remove")]
    for pattern in ("/quit*", "/*", "/scene/*/layer/*/remove", "/scene/lis?"):
        with pytest.raises(Refused, match="nothing matches"):
            addresses(pattern)


def test_patterns_that_mean_nothing_or_too_much() -> None:
    assert refused("/scene/snow*/layer/*/mute", 1).code == "not_found"
    assert refused("/scene/rain/layer/[env/mute", 1).code == "malformed"
    assert refused("/scene/rain/layer/env/volume", 1).code == "unknown_type"
    assert refused("/scene//layer/env/mute", 1).code == "unknown_type"
    crowd = {f"s{number}": [f"l{layer}" for layer in range(32)] for number in range(40)}
    with pytest.raises(Refused) as caught:
        expand(ROWS, "/scene/*/layer/*/mute", crowd)
    assert caught.value.code == "too_large"


def test_a_field_without_arguments_is_asked_for() -> None:
    (match,) = expand(ROWS, "/scene/rain/layer/env/cues", TREE)
    asked = call(match, ())
    assert (asked.kind, asked.content) == ("scene.get", {"scene": "rain"})
    layer = {"id": "env", "cues": [{"at_s": 0.5, "text": "drip"}, {"at_s": 0.7, "text": ""}]}
    reply = Envelope("scene.get.reply", {"scene": {"layers": [layer]}})
    assert answers.answer(asked, reply) == Message("/scene/rain/layer/env/cues", (0.5, "drip", 0.7))


def test_a_failure_says_all_in_one_line() -> None:
    finding = {"field": "$.a", "expected": "b", "got": "c"}
    failure = Failure.model_validate(
        {"code": "invalid", "message": "no", "findings": [finding], "remedy": "Do."}
    )
    assert answers.failed("/x", failure) == Message("/fail", ("/x", "no; $.a: b, got c. Do.", "invalid"))


def test_what_engines_send_is_known_as_theirs() -> None:
    for address, *_ in SENT:
        if address.startswith("/"):
            assert answers.is_ours(address), address
    assert not [row.address for row in ROWS if answers.is_ours(row.address)]


def test_the_document_knows_the_limits() -> None:
    text = (ROOT / "docs" / "osc.md").read_text(encoding="utf-8")
    assert (osc_peers.SILENT_S, osc_switchboard.HORIZON_S, osc_packet.PACKET_BYTES) == (
        600,
        3600,
        2**20,
    )
    for said in (
        f"| {osc_peers.UDP_REPLY_BYTES:,} bytes |",
        f"| {osc_packet.MESSAGES:,}, {osc_packet.NESTED}, {osc_packet.ARGUMENTS:,} |",
        f"| {osc_switchboard.SCHEDULED:,}, one hour |",
        f"renders awaited included | {osc_switchboard.COMMANDS:,} |",
        f"| {osc_peers.FOLLOWERS}, {osc_door.CONNECTIONS} |",
        f"| {osc_door.UNREAD_BYTES // 2**20} MiB | the connection is cut |",
        "ten minutes without any message",
        f"more than {osc_row.MATCHES:,} addresses",
        f"port {OSC_PORT} (",
        f"OSCQuery on {OSCQUERY_PORT}",
    ):
        assert said in text, said


def test_the_document_is_generated_from_the_table() -> None:
    """Made by `python -m plugin_bridge.doors.osc_table`."""
    text = (ROOT / "docs" / "osc.md").read_text(encoding="utf-8")
    assert text.split(GENERATED)[1] == as_markdown().removeprefix(GENERATED)
    for row in ROWS:
        assert f"| `{row.address}` |" in text
