"""OSC's spelling of the messages: one row an address, and all that is sent. Pure: no sockets, no bytes.

`python -m plugin_bridge.doors.osc_table` writes the tables of `docs/osc.md` from it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from plugin_bridge.doors import osc_answers as answers
from plugin_bridge.doors.osc_packet import Value
from plugin_bridge.doors.osc_row import Argument, Content, Given, Names, Row
from scene_schema import limits
from scene_schema.documents import scene_from_yaml
from scene_schema.errors import Finding, Refused, shown
from scene_schema.messages import DeliverScene
from scene_schema.scene import SOUNDING, VIEWS

# --- fields ---------------------------------------------------------------------------------------------


def _plain(value: Any) -> tuple[Value, ...]:
    if isinstance(value, bool):
        return (int(value),)  # what controllers and patches expect of a switch
    return (value,)


def _tempo(value: Any) -> tuple[Value, ...]:
    return (None,) if value is None else (value["bpm"], value["beats_per_bar"], value["bar_offset_s"])


def _chords(value: Any) -> tuple[Value, ...]:
    return tuple(value) or (None,)


def _cues(value: Any) -> tuple[Value, ...]:
    pairs = [(cue["at_s"], cue["text"]) for cue in value]
    return tuple(part for at_s, text in pairs for part in ((at_s, text) if text else (at_s,))) or (None,)


def _read_tempo(given: Given) -> Any:
    if given["bpm"] is None:
        return None
    return {name: value for name, value in given.items() if value is not None}


def _read_chords(given: Given) -> Any:
    return [] if given["chord"] == [None] else given["chord"]


def _read_cues(given: Given) -> Any:
    cues: list[dict[str, Any]] = []
    for place, one in enumerate(given["cue"]):
        if isinstance(one, str) and cues and "text" not in cues[-1]:
            cues[-1]["text"] = one
        elif isinstance(one, float | int) and not isinstance(one, bool):
            cues.append({"at_s": float(one)})
        elif given["cue"] != [None]:
            finding = Finding(
                field=f"argument {place + 1}", expected="a time, then its text if any", got=shown(one)
            )
            raise Refused("invalid", "these are no cues", findings=[finding])
    return cues


def _layer_origin(kind: str, what: str, *arguments: Argument) -> Row:
    """An edit that starts from the take that plays."""

    def content(names: Names, given: Given) -> Content:
        return {**names, "changes": {"origin": {"kind": kind, **given}}}

    address = {"variation": "vary", "region": "redo"}[kind]
    return Row(f"/scene/<scene>/layer/<layer>/{address}", what, arguments, "layer.edit", content, sounds=True)


def _loops(value: Any) -> tuple[Value, ...]:
    return _plain(bool(value))


_REVISED: Final = "`/done s command s scene i revision`"
_RENDERED: Final = "`/accepted …` or " + _REVISED + ", then the stems"


def _scene_field(
    name: str,
    what: str,
    *arguments: Argument,
    at: str = "",
    read: Callable[[Given], Any] | None = None,
    shown_as: Callable[[Any], tuple[Value, ...]] = _plain,
) -> Row:
    read = read or (lambda given: given[arguments[0].name])
    return Row(
        f"/scene/<scene>/{at or name}",
        what,
        arguments,
        "scene.edit",
        lambda names, given: {"scene": names["scene"], "changes": {name: read(given)}},
        answered=_REVISED if name == "title" else "",
        sounds=name != "title",
        value=lambda content, _: shown_as(content["scene"][name]),
    )


def _layer_field(
    name: str,
    what: str,
    *arguments: Argument,
    read: Callable[[Given], Any] | None = None,
    shown_as: Callable[[Any], tuple[Value, ...]] = _plain,
) -> Row:
    read = read or (lambda given: given[arguments[0].name])

    def value(content: Content, names: Names) -> tuple[Value, ...]:
        return shown_as(_layer(content, names).get(name))

    return Row(
        f"/scene/<scene>/layer/<layer>/{name}",
        what if name in SOUNDING else f"{what} Makes nothing stale.",
        arguments,
        "layer.edit",
        lambda names, given: {**names, "changes": {name: read(given)}},
        answered="" if name in SOUNDING else _REVISED,
        value=value,
        sounds=name in SOUNDING,
    )


def _layer(content: Content, names: Names) -> Content:
    for layer in content["scene"]["layers"]:
        if layer["id"] == names["layer"]:
            found: Content = layer
            return found
    known = ", ".join(layer["id"] for layer in content["scene"]["layers"]) or "none"
    raise Refused(
        "not_found",
        f"scene '{names['scene']}' has no layer {shown(names['layer'])}",
        remedy=f"Its layers: {known}.",
    )


def _transport_field(address: str, name: str, what: str, argument: Argument) -> Row:
    return Row(
        f"/transport/{address}",
        what,
        (argument,),
        "transport.set",
        lambda _, given: {name: given[argument.name]},
        value=lambda content, _: _plain(content[name] if content[name] is not None else None),
    )


# --- requests with more to them -------------------------------------------------------------------------


def create_content(given: Given) -> Content:
    """The content of `scene.create` from a document. Raises `Refused` that names the line or the field."""
    scene = scene_from_yaml(given["document"]).model_dump(mode="json")
    return {"scene": scene, "replace": given.get("replace", False), "render": given.get("render", False)}


def _add(names: Names, given: Given) -> Content:
    layer = {"id": names["new"], "view": given["view"], "caption": given["caption"]}
    if given.get("transcript") is not None:
        layer["transcript"] = given["transcript"]
    return {"scene": names["scene"], "layer": layer}


def _render(names: Names, given: Given) -> Content:
    return {"scene": names["scene"], "layers": given["layer"] or None}


def _deliver(names: Names, given: Given) -> Content:
    """Options by name, as scsynth takes its controls: "rate_hz" 48000 "layers" "env,music"."""
    content: Content = {"scene": names["scene"], "hand_off": "path"}
    options = given["option"]
    for name, value in zip(options[::2], options[1::2], strict=False):
        if name not in _OPTIONS:
            raise Refused(
                "invalid",
                f"there is no option {shown(name)}",
                remedy=f"Options, each followed by its value: {', '.join(_OPTIONS)}.",
            )
        kind = DeliverScene.model_fields[name].annotation
        if name == "layers" and isinstance(value, str):
            content[name] = [one.strip() for one in value.split(",")]
        elif kind is bool and value in (0, 1):
            content[name] = bool(value)
        else:  # a whole float is as good as an integer, and the schema refuses the rest
            content[name] = int(value) if isinstance(value, float) and value.is_integer() else value
    if len(options) % 2:
        raise Refused("invalid", f"the option {shown(options[-1])} has no value behind it")
    return content


def _export(names: Names, given: Given) -> Content:
    content: Content = {"scene": names["scene"], "hand_off": "path"}
    return {**content, **{name: value for name, value in given.items() if value is not None}}


def _import(_: Names, given: Given) -> Content:
    return {name: value for name, value in given.items() if value is not None}


_OPTIONS: Final = tuple(name for name in DeliverScene.model_fields if name not in ("scene", "hand_off"))


_REPLACE: Final = Argument("replace", "b", optional=True)
_AND_RENDER: Final = Argument("render", "b", optional=True)

ROWS: Final[tuple[Row, ...]] = (
    Row(
        "/notify",
        "1: events come here from now on; 0: no more. The name is the sender's, for its jobs.",
        (Argument("follow", "b"), Argument("name", "s", optional=True)),
        answered="`/done s command i follow s name s session`",
        spelled=True,
    ),
    Row(
        "/sync",
        "Answers when all that this sender asked for before has come to its end, renders included.",
        (Argument("id", "i"),),
        answered="`/synced i id`",
        spelled=True,
    ),
    Row(
        "/drafts",
        "1: the sender's edits and renders ask for a draft before the stem; 0: no more.",
        (Argument("on", "b"),),
        answered="`/done s command i on`",
        spelled=True,
    ),
    Row(
        "/batch",
        "1: the sender's edits and renders may take their time; 0: somebody waits for them.",
        (Argument("on", "b"),),
        answered="`/done s command i on`",
        spelled=True,
    ),
    Row(
        "/lease",
        "1: the sender's jobs end when it is gone, which is silent for lease_s over UDP, disconnected for so "
        "long over TCP; 0: no more.",
        (Argument("on", "b"),),
        "hello",
        lambda _, given: {"cancel_on_disconnect": given["on"]},
        answers.lease_values,
        "`/done s command f lease_s`; N: no lease",
        spelled=True,
    ),
    Row(
        "/reply/port",
        "UDP answers go to this port of the sender's host from now on; 0: to the sending port again. With "
        '"host" this holds for all senders on that host that named none.',
        (
            Argument("port", "i", bound=limits.Bound(0, 65_535)),
            Argument("scope", "s", optional=True, choices=("sender", "host")),
        ),
        answered="`/done s command i port`, at the new port",
        spelled=True,
    ),
    Row(
        "/token",
        "Shows the engine's token (needed first on TCP off loopback) or the operator's.",
        (Argument("token", "s"),),
        answered="`/done s command i operator`",
        spelled=True,
    ),
    Row(
        "/dumpOSC",
        "1: the engine's log has every OSC message, in and out; 0: no more.",
        (Argument("on", "b"),),
        answered="`/done s command i on`",
        spelled=True,
    ),
    Row(
        "/version",
        "Who is there.",
        kind="hello",
        answer=answers.version_values,
        answered="`/version.reply s version i protocol s engine s session`",
        question=True,
        spelled=True,
    ),
    Row(
        "/status",
        "What the engine is doing.",
        kind="status",
        answer=answers.status_values,
        answered="`/status.reply s worker i jobs i scenes f uptime_s s model s session`",
        question=True,
        spelled=True,
    ),
    Row(
        "/job",
        "How a job stands. -1: not known.",
        (Argument("job", "s"),),
        "job.get",
        lambda _, given: {"job": given["job"]},
        answers.job_values,
        "`/job.reply s job s scene s layer s state s stage i step i steps i position f seconds_left`",
        question=True,
        spelled=True,
    ),
    Row(
        "/cancel",
        "Stops a job of the sender's own, or any job for an operator.",
        (Argument("job", "s"),),
        "job.cancel",
        lambda _, given: {"job": given["job"]},
        answers.cancelled_values,
        "`/done s command s job s state`; its owner gets `/cancelled`",
        spelled=True,
    ),
    Row(
        "/cancel/mine",
        "Ends all jobs of the sender's own, or those of a scene.",
        (Argument("scene", "s", optional=True),),
        "jobs.cancel",
        lambda _, given: dict(given),
        answers.jobs_cancelled_values,
        "`/done s command i jobs`; each job's own command gets `/cancelled`",
    ),
    Row(
        "/load",
        "Starts the workers that were unloaded.",
        kind="engine.load",
        answered="`/done s command`",
        spelled=True,
    ),
    Row(
        "/unload",
        "Frees the memory of idle workers.",
        kind="engine.unload",
        answered="`/done s command`",
        spelled=True,
    ),
    Row("/quit", "Ends the engine.", kind="engine.stop", answered="`/done s command`", spelled=True),
    Row(
        "/transport/get",
        "How the host plays, as far as anybody said. A bpm of 0: nobody did.",
        kind="transport.get",
        answer=answers.transport_values,
        answered="`/transport/get.reply i playing f bpm i beats_per_bar f position_s s set_by`",
        question=True,
    ),
    _transport_field("play", "playing", "The host plays, or not.", Argument("playing", "b")),
    _transport_field("bpm", "bpm", "The host's tempo.", Argument("bpm", "f", bound=limits.BPM)),
    _transport_field(
        "beats_per_bar",
        "beats_per_bar",
        "The host's metre.",
        Argument("beats_per_bar", "i", bound=limits.BEATS_PER_BAR),
    ),
    _transport_field(
        "position",
        "position_s",
        "The host's playhead, in seconds.",
        Argument("position_s", "f", bound=limits.Bound(0, limits.POSITION_S)),
    ),
    Row(
        "/scene/list",
        "All scenes with their newest revision.",
        kind="scene.list",
        answer=answers.scenes_values,
        answered="`/scene/list.reply [s scene i revision …]`",
        question=True,
        spelled=True,
    ),
    Row(
        "/scene/create",
        "Keeps a scene that comes as a YAML or JSON document.",
        (Argument("document", "s"), _REPLACE, _AND_RENDER),
        "scene.create",
        lambda _, given: create_content(given),
        sounds=True,
        spelled=True,
    ),
    Row(
        "/scene/load",
        "The same from a file inside one of the engine's project folders.",
        (Argument("path", "s"), _REPLACE, _AND_RENDER),
        sounds=True,
        spelled=True,
    ),
    Row(
        "/scene/import",
        "Keeps a scene with its takes from an archive inside one of the engine's project folders.",
        (Argument("path", "s"), Argument("as_id", "s", optional=True, nil=True), _REPLACE, _AND_RENDER),
        "scene.import",
        _import,
        sounds=True,
        spelled=True,
    ),
    Row(
        "/scene/<scene>/get",
        "The scene as a JSON document, defaults left out, and how its stems stand: fresh, stale or missing.",
        kind="scene.get",
        content=lambda names, _: {"scene": names["scene"]},
        answer=answers.scene_values,
        answered="`/scene/<scene>/get.reply s document i revision [s layer s stem …]`",
        question=True,
    ),
    _scene_field("title", "The scene's title.", Argument("title", "s")),
    _scene_field("caption", "What the whole scene is.", Argument("caption", "s")),
    _scene_field(
        "duration_s", "Seconds.", Argument("duration_s", "f", bound=limits.DURATION_S), at="duration"
    ),
    _scene_field(
        "tempo",
        "The tempo grid: BPM, metre, time of the first downbeat. N: none.",
        Argument("bpm", "f", nil=True, bound=limits.BPM),
        Argument("beats_per_bar", "i", optional=True, bound=limits.BEATS_PER_BAR),
        Argument("bar_offset_s", "f", optional=True),
        read=_read_tempo,
        shown_as=_tempo,
    ),
    _scene_field(
        "chords",
        "One triad a bar: C, F#m, Bb. N: none.",
        Argument("chord", "s", many=True, nil=True),
        read=_read_chords,
        shown_as=_chords,
    ),
    Row(
        "/scene/<scene>/extend",
        "Makes the scene longer; every layer goes on with what it plays.",
        (Argument("duration_s", "f", bound=limits.DURATION_S),),
        "scene.extend",
        lambda names, given: {**names, **given},
        sounds=True,
    ),
    Row(
        "/scene/<scene>/fit",
        "Gives the scene the length that the model would choose for its words.",
        (),
        "scene.fit",
        lambda names, given: {**names, **given},
        sounds=True,
    ),
    Row(
        "/scene/<scene>/compose",
        "Renders all layers as one mix and takes it apart into stems, if the model can.",
        (Argument("seed", "i", optional=True, bound=limits.SEED),),
        "scene.compose",
        lambda names, given: {**names, **given},
        sounds=True,
    ),
    Row(
        "/scene/<scene>/undo",
        "Takes back the last edit, as a new revision.",
        kind="scene.undo",
        content=lambda names, _: dict(names),
        sounds=True,
        spelled=True,
    ),
    Row(
        "/scene/<scene>/redo",
        "Does again what the last undo took back.",
        kind="scene.redo",
        content=lambda names, _: dict(names),
        sounds=True,
        spelled=True,
    ),
    Row(
        "/scene/<scene>/render",
        "Renders what is stale or missing, in all layers or those named.",
        (Argument("layer", "s", many=True),),
        "scene.render",
        _render,
        sounds=True,
    ),
    Row(
        "/scene/<scene>/deliver",
        "Stems and mix as files on the engine's machine. Options come as name and value, such as "
        f'"rate_hz" 48000 "layers" "env,music": {", ".join(_OPTIONS)}.',
        (Argument("option", "*", many=True),),
        "scene.deliver",
        _deliver,
        answers.delivered_values,
        "`/done s command s scene i revision [s layer s path …]`, the mix as layer `mix`",
    ),
    Row(
        "/scene/<scene>/export",
        "The scene with its takes and audio as one file on the engine's machine; all: with all its history.",
        (
            Argument("revisions", "s", optional=True, choices=("newest", "all")),
            Argument("folder", "s", optional=True, nil=True),
        ),
        "scene.export",
        _export,
        answers.exported_values,
        "`/done s command s scene i revision s path`",
        spelled=True,
    ),
    Row(
        "/scene/<scene>/layer/list",
        "The layers in their order.",
        kind="scene.get",
        content=lambda names, _: {"scene": names["scene"]},
        answer=answers.layers_values,
        answered="`/scene/<scene>/layer/list.reply [s layer s view s stem …]`",
        question=True,
    ),
    _layer_field("view", "One of the views.", Argument("view", "s", choices=VIEWS)),
    _layer_field("caption", "What is heard.", Argument("caption", "s")),
    _layer_field(
        "transcript", "The words of a speech layer. N: none.", Argument("transcript", "s", nil=True)
    ),
    _layer_field("seed", "Another seed, another take.", Argument("seed", "i", bound=limits.SEED)),
    _layer_field(
        "cues",
        "Moments in seconds, each with a text behind it if it has one. N: none.",
        Argument("cue", "*", many=True, nil=True),
        read=_read_cues,
        shown_as=_cues,
    ),
    _layer_field("gain_db", "Its loudness in the mix.", Argument("gain_db", "f", bound=limits.GAIN_DB)),
    _layer_field("pan", "-1 left, 1 right.", Argument("pan", "f", bound=limits.PAN)),
    _layer_field("mute", "Out of the mix.", Argument("mute", "b")),
    _layer_field("solo", "Only soloed layers are in the mix.", Argument("solo", "b")),
    _layer_field("lock", "Its sound may not change.", Argument("lock", "b")),
    _layer_field(
        "loop",
        "The stem's end runs into its beginning.",
        Argument("loop", "b"),
        shown_as=_loops,
    ),
    _layer_origin(
        "variation",
        "The stem once more, a little or much different: 0 leaves it, 1 keeps nothing of it.",
        Argument("strength", "f", bound=limits.Bound(0, 1)),
    ),
    _layer_origin(
        "region",
        "Makes some seconds of the stem anew; the rest stays.",
        Argument("from_s", "f"),
        Argument("to_s", "f"),
    ),
    Row(
        "/scene/<scene>/layer/<new>/add",
        "Puts a new layer at the end; the address names it.",
        (
            Argument("view", "s", choices=VIEWS),
            Argument("caption", "s"),
            Argument("transcript", "s", optional=True, nil=True),
        ),
        "layer.add",
        _add,
        sounds=True,
    ),
    Row(
        "/scene/<scene>/layer/<layer>/remove",
        "Takes the layer out; its takes stay.",
        kind="layer.remove",
        content=lambda names, _: dict(names),
        spelled=True,
    ),
    Row(
        "/scene/<scene>/layer/<layer>/move",
        "Puts the layer at another place, from 0. Nothing sounds different.",
        (Argument("index", "i", bound=limits.Bound(0, limits.LAYERS - 1)),),
        "layer.move",
        lambda names, given: {**names, "index": given["index"]},
        answered=_REVISED,
    ),
)
"""Every address that the engine takes, in the order of the documents."""

SENT: Final[tuple[tuple[str, str, str], ...]] = (
    ("/done", "s command …", "it is done; an edit that renders nothing: `s scene i revision`"),
    (
        "/done",
        "s command s scene s layer s path s job",
        "a stem is there, at this path; job empty: it was there already",
    ),
    ("/accepted", "s command s scene i revision [s job …]", "the edit is on disk, these renders follow"),
    (
        "/fail",
        "s command s message s code [s job]",
        "it cannot be done, or this job failed; codes as in protocol.md",
    ),
    ("/cancelled", "s command s scene s layer s job", "somebody stopped this job"),
    ("/superseded", "s command s scene s layer s job", "a newer edit took the place of this job"),
    ("/synced", "i id", "answer to `/sync`"),
    ("<question>.reply", "as above", "answer to a question"),
    ("<field>", "its value", "answer to a field's address without arguments"),
    ("/event/scene", "s scene i revision [s layer …]", "a new revision, and the layers that it made stale"),
    (
        "/event/job",
        "s job s scene s layer s state s stage i step i steps i position f seconds_left",
        "a job is in another state or step; -1: not known",
    ),
    (
        "/event/take",
        "s scene s layer i revision s path s take",
        "a layer's new take; path empty: see the log",
    ),
    (
        "/event/draft",
        "s scene s layer i revision s path s job",
        "a draft of a stem that is on its way; path empty: the stem was quicker, or see the log",
    ),
    ("/event/worker", "s state i pid i restarts s detail i worker s device", "a worker's process"),
    ("/event/transport", "i playing f bpm i beats_per_bar f position_s s set_by", "a host said how it plays"),
    ("/event/heartbeat", "s session f uptime_s s worker", "the engine lives; every few seconds"),
)
"""Every address that the engine sends."""


# --- documents ------------------------------------------------------------------------------------------

GENERATED: Final = "<!-- From here on made by `python -m plugin_bridge.doors.osc_table`. -->"


def as_markdown() -> str:
    """Both tables, as they stand at the end of `docs/osc.md`."""
    taken = [
        f"| `{row.address}` | {_code(' '.join(map(str, row.arguments)))} | {row.what} | {_answered(row)} |"
        for row in ROWS
    ]
    sent = [f"| `{address}` | {_code(types)} | {what} |" for address, types, what in SENT]
    return "\n".join(
        [
            GENERATED,
            "",
            "## What the engine takes",
            "",
            "| address | arguments | does | answer |",
            "| --- | --- | --- | --- |",
            *taken,
            "",
            "## What the engine sends",
            "",
            "| address | arguments | when |",
            "| --- | --- | --- |",
            *sent,
            "",
        ]
    )


def _answered(row: Row) -> str:
    if row.answered:
        return row.answered.replace("|", "\\|")
    if row.kind == "transport.set":
        return "`/done s command`"
    return _RENDERED if row.sounds else _REVISED


def _code(text: str) -> str:
    return "`" + text.replace("|", "\\|") + "`" if text else ""


if __name__ == "__main__":
    path = Path(__file__).parents[2] / "docs" / "osc.md"
    written_by_hand = path.read_text(encoding="utf-8").split(GENERATED)[0]
    path.write_text(written_by_hand + as_markdown(), encoding="utf-8")
    print(f"wrote {path}")  # noqa: T201
