"""Replies and events as OSC messages. Pure."""

from __future__ import annotations

from typing import Any

from plugin_bridge.doors.osc_packet import Message, Value
from plugin_bridge.doors.osc_row import Call
from scene_schema.envelope import Envelope
from scene_schema.messages import ERROR, Failure, SceneReply


def answer(call: Call, reply: Envelope) -> Message:
    """The reply to a request, as its sender gets it."""
    address, row, content = call.match.address, call.match.row, reply.content
    if reply.type == ERROR:
        return failed(address, Failure.model_validate(content))
    if call.asks and row.value is not None:
        return Message(address, row.value(content, call.match.names))
    if row.question:
        return Message(f"{address}.reply", row.answer(content))
    if "jobs" in content and "stale" in content:  # `Accepted`
        jobs = [job["job"] for job in content["jobs"]]
        what = (content["scene"], content["revision"])
        return Message("/accepted", (address, *what, *jobs)) if jobs else Message("/done", (address, *what))
    return done(address, *row.answer(content))


def done(address: str, *arguments: Value) -> Message:
    """What was asked for is done."""
    return Message("/done", (address, *arguments))


def failed(address: str, failure: Failure, *job: str) -> Message:
    """It cannot be done; the text says why and what to do, in one line."""
    refusal = failure.refusal()
    what = "; ".join([refusal.message, *map(str, refusal.findings)])
    text = f"{what}. {refusal.remedy}".strip() if refusal.remedy else what
    return Message("/fail", (address, text, refusal.code, *job))


def stem_there(address: str, scene: str, layer: str, stem: str, job: str = "") -> Message:
    """A layer's stem is in this file; without a job, it was there before."""
    return done(address, scene, layer, stem, job)


def ended(address: str, job: dict[str, Any]) -> Message:
    """How a render ended that left no stem: failed, cancelled, superseded."""
    if job["state"] == "failed":
        return failed(address, Failure.model_validate(job["error"]), job["job"])
    return Message(f"/{job['state']}", (address, job["scene"], job["layer"], job["job"]))


def event(message: Envelope, stem: str | None = None) -> Message | None:
    """An event for those who sent `/notify 1`; `stem` is the path of a new take's file. None: not for OSC."""
    address = "/" + message.type.replace(".", "/")
    content = message.content
    if message.type == "event.scene":
        return Message(address, (content["scene"], content["revision"], *content["stale"]))
    if message.type == "event.job":
        return Message(address, job_values(content))
    if message.type == "event.take":
        where = (content["scene"], content["layer"], content["revision"])
        return Message(address, (*where, stem or "", content["take"]["id"]))
    if message.type == "event.draft":
        where = (content["scene"], content["layer"], content["revision"])
        return Message(address, (*where, stem or "", content["job"]))
    if message.type == "event.worker":
        told = (content["state"], content["pid"] or 0, content["restarts"], content["detail"])
        return Message(address, (*told, content["number"], content["device"]))
    if message.type == "event.transport":
        return Message(address, transport_values(content))
    if message.type == "event.heartbeat":
        return Message(address, (content["session"], float(content["uptime_s"]), content["worker"]))
    return None


def is_ours(address: str) -> bool:
    """Whether only the engine sends this address. Never answered, or two engines would talk for ever."""
    sent = ("/done", "/fail", "/accepted", "/cancelled", "/superseded", "/synced")
    return address in sent or address.endswith(".reply") or address.startswith("/event/")


def job_values(content: dict[str, Any]) -> tuple[Value, ...]:
    position, left_s = content["position"], content["seconds_left"]
    return (
        content["job"],
        content["scene"],
        content["layer"],
        content["state"],
        content["stage"],
        content["step"],
        content["steps"],
        -1 if position is None else position,
        -1.0 if left_s is None else float(left_s),
    )


def transport_values(content: dict[str, Any]) -> tuple[Value, ...]:
    return (
        int(content["playing"]),
        float(content["bpm"] or 0.0),
        content["beats_per_bar"],
        float(content["position_s"]),
        content["set_by"],
    )


def status_values(content: dict[str, Any]) -> tuple[Value, ...]:
    worker, model = content["worker"]["state"], content["model"]["name"]
    return (
        worker,
        len(content["jobs"]),
        content["scenes"],
        float(content["uptime_s"]),
        model,
        content["session"],
    )


def version_values(content: dict[str, Any]) -> tuple[Value, ...]:
    return (content["version"], content["protocol"], content["engine"], content["session"])


def scenes_values(content: dict[str, Any]) -> tuple[Value, ...]:
    return tuple(value for pair in content["scenes"].items() for value in pair)


def scene_values(content: dict[str, Any]) -> tuple[Value, ...]:
    reply = SceneReply.model_validate(content)
    stems = [value for one in reply.layers for value in (one.layer, one.stem)]
    # JSON is YAML too, is what Max and SuperCollider read, and takes a tenth of the time to write
    return (reply.scene.model_dump_json(exclude_defaults=True), reply.revision, *stems)


def layers_values(content: dict[str, Any]) -> tuple[Value, ...]:
    views = {layer["id"]: layer["view"] for layer in content["scene"]["layers"]}
    return tuple(
        value for one in content["layers"] for value in (one["layer"], views[one["layer"]], one["stem"])
    )


def delivered_values(content: dict[str, Any]) -> tuple[Value, ...]:
    files = [value for file in content["files"] for value in (file["layer"] or "mix", file["path"] or "")]
    return (content["scene"], content["revision"], *files)


def exported_values(content: dict[str, Any]) -> tuple[Value, ...]:
    return (content["scene"], content["revision"], content["path"] or "")


def jobs_cancelled_values(content: dict[str, Any]) -> tuple[Value, ...]:
    return (len(content["jobs"]),)  # by name they would be too long for a datagram; each tells its end itself


def lease_values(content: dict[str, Any]) -> tuple[Value, ...]:
    return (content["lease_s"],)


def cancelled_values(content: dict[str, Any]) -> tuple[Value, ...]:
    return (content["job"]["job"], content["job"]["state"])
