"""What the OSC door must do, one function a case; its docstring is the rule. See docs/osc.md."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Final

import soundfile
from pythonosc.osc_bundle_builder import IMMEDIATELY

from tests.conformance.cases import DURATION_S, scene
from tests.conformance.osc_talk import OscTalk

CASES: Final[list[Callable[[OscTalk], None]]] = []


def case(one: Callable[[OscTalk], None]) -> Callable[[OscTalk], None]:
    """Enters a case."""
    CASES.append(one)
    return one


def created(talk: OscTalk) -> str:
    """The address of a new scene, nothing of it rendered."""
    document = scene()
    talk.send("/scene/create", json.dumps(document))
    assert talk.wait("/done", "/scene/create").arguments[1:3] == [document["id"], 1]
    return f"/scene/{document['id']}"


def synced(talk: OscTalk) -> None:
    """Waits until all that was asked before is over."""
    number = uuid.uuid4().int % 2**31
    talk.send("/sync", number)
    talk.wait("/synced", number)


@case
def version_says_who_is_there(talk: OscTalk) -> None:
    """`/version` is answered with version, protocol 1, name and session."""
    talk.send("/version")
    version, protocol, engine, session = talk.wait("/version.reply").arguments
    assert version and session and (protocol, engine) == (1, "stemscape")


@case
def status_says_what_the_engine_does(talk: OscTalk) -> None:
    """`/status` is answered with the worker's state, jobs, scenes, seconds and model."""
    talk.send("/status")
    worker, jobs, scenes, *_ = talk.wait("/status.reply").arguments
    assert worker in ("starting", "loading", "ready", "rendering", "lost") and jobs >= 0 and scenes >= 0


@case
def sync_comes_after_all_before_it(talk: OscTalk) -> None:
    """`/synced` comes when all that was asked before has come to its end, renders included."""
    place = created(talk)
    talk.send(f"{place}/render")
    synced(talk)
    done = [talk.wait("/done", f"{place}/render", within_s=0.5) for _ in range(2)]
    assert {one.arguments[2] for one in done} == {"rain", "piano"}


@case
def a_caption_becomes_a_stem_with_a_path(talk: OscTalk) -> None:
    """A caption is accepted with its revision, then `/done` brings the path of the stem, which is audio."""
    place = created(talk)
    address = f"{place}/layer/rain/caption"
    talk.send(address, "storm")
    assert talk.wait("/accepted", address).arguments[2] == 2
    _, _, layer, path, *_ = talk.wait("/done", address).arguments
    sound, rate_hz = soundfile.read(path)
    assert layer == "rain" and len(sound) == round(DURATION_S * rate_hz)


@case
def a_gain_is_done_at_once(talk: OscTalk) -> None:
    """An edit that renders nothing is `/done` with scene and revision; whole numbers do for floats."""
    place = created(talk)
    talk.send(f"{place}/layer/rain/gain_db", -6)
    assert talk.wait("/done", f"{place}/layer/rain/gain_db").arguments[2] == 2
    talk.send(f"{place}/layer/rain/mute", True)
    assert talk.wait("/done", f"{place}/layer/rain/mute").arguments[2] == 3


@case
def a_question_is_answered_with_the_value(talk: OscTalk) -> None:
    """A field's address without arguments asks for its value."""
    place = created(talk)
    talk.send(f"{place}/layer/piano/gain_db")
    assert talk.wait(f"{place}/layer/piano/gain_db").arguments == [-6.0]


@case
def what_is_wrong_fails_with_a_code(talk: OscTalk) -> None:
    """Unknown addresses, wrong values and types are `/fail` with the command, a message and a code."""
    place = created(talk)
    for address, arguments, code in (
        ("/no/such/address", (), "unknown_type"),
        (f"{place}/layer/rain/gain_db", (60.0,), "invalid"),
        (f"{place}/layer/rain/gain_db", ("loud",), "invalid"),
        (f"{place}/layer/rain/seed", (1.5,), "invalid"),
        (f"{place}/layer/cello/gain_db", (0.0,), "not_found"),
        ("/scene/no-such-scene/title", ("x",), "not_found"),
    ):
        talk.send(address, *arguments)
        _, message, found, *_ = talk.wait("/fail", address).arguments
        assert (found, bool(message)) == (code, True), f"{address} {arguments} failed with {found}"


@case
def a_broken_packet_harms_nobody(talk: OscTalk) -> None:
    """Bytes that are no packet are dropped or failed; the door goes on."""
    for packet in (b"x", b"/a", b"/a\0\0\0", b"#bundle\0", b"/a\0\0,zzz", b"\xff" * 64):
        talk.send_packet(packet)
    talk.send("/version")
    talk.wait("/version.reply")


@case
def a_pattern_means_all_that_match(talk: OscTalk) -> None:
    """Wildcards match every layer, and every match is answered."""
    place = created(talk)
    talk.send(f"{place}/layer/*/gain_db", -9.0)
    for layer in ("rain", "piano"):
        talk.wait("/done", f"{place}/layer/{layer}/gain_db")
    for pattern in ("{rain,sea}", "r?in", "[p-s]ain"):
        talk.send(f"{place}/layer/{pattern}/pan", 0.5)
        talk.wait("/done", f"{place}/layer/rain/pan")
    talk.send(f"{place}/layer/piano/gain_db")
    assert talk.wait(f"{place}/layer/piano/gain_db").arguments == [-9.0]


@case
def a_bundle_is_carried_out_in_order(talk: OscTalk) -> None:
    """All messages of a bundle with the immediate time tag are carried out, in order."""
    place = created(talk)
    address = f"{place}/layer/rain/gain_db"
    talk.send_bundle(IMMEDIATELY, (address, -3.0), (address, -4.0), (f"{place}/title", "bundled"))
    revisions = [talk.wait("/done", address).arguments[2] for _ in range(2)]
    assert revisions == [2, 3]
    talk.send(address)
    assert talk.wait(address).arguments == [-4.0]


@case
def a_bundle_for_later_waits(talk: OscTalk) -> None:
    """A bundle with a future time tag is carried out then, and holds up nothing meanwhile."""
    place = created(talk)
    address = f"{place}/layer/rain/gain_db"
    asked_s = time.monotonic()
    talk.send_bundle(time.time() + 0.6, (address, -5.0))
    talk.send("/version")
    talk.wait("/version.reply", within_s=0.4)
    talk.wait("/done", address)
    waited_s = time.monotonic() - asked_s
    assert 0.5 < waited_s < 2.0, f"it was carried out after {waited_s:.2f} s"


@case
def the_stems_are_delivered_as_paths(talk: OscTalk) -> None:
    """`/deliver` answers with the path of every stem and the mix, at the rate asked for."""
    place = created(talk)
    talk.send(f"{place}/render")
    synced(talk)
    talk.send(f"{place}/deliver", "rate_hz", 48_000, "bit_depth", 16)
    said = talk.wait("/done", f"{place}/deliver").arguments
    paths = dict(zip(said[3::2], said[4::2], strict=True))
    assert set(paths) == {"rain", "piano", "mix"}
    for path in paths.values():
        assert soundfile.info(path).frames == round(DURATION_S * 48_000)
        assert Path(path).is_absolute()


@case
def a_follower_hears_of_every_revision(talk: OscTalk) -> None:
    """After `/notify 1` every revision is told, whoever made it; after `/notify 0` none."""
    place = created(talk)
    name = place.removeprefix("/scene/")
    talk.wait("/event/scene", name, 1)
    talk.send(f"{place}/title", "told")
    talk.wait("/event/scene", name, 2)
    talk.send("/notify", 0)
    talk.wait("/done", "/notify")
    for title in ("untold", "untold too"):
        talk.send(f"{place}/title", title)
    assert talk.is_silent("/event/scene", name, 3, for_s=0.5)
    talk.send("/notify", 1, "conformance")
    talk.wait("/done", "/notify")


@case
def cancelled_is_not_failed(talk: OscTalk) -> None:
    """A job that is cancelled ends with `/cancelled`, neither `/done` nor `/fail`."""
    place = created(talk)
    address = f"{place}/layer/rain/caption"
    talk.send(address, f"slow {uuid.uuid4().hex}")
    job = talk.wait("/accepted", address).arguments[3]
    talk.send("/cancel", job)
    assert job in talk.wait("/cancelled", address).arguments
    assert talk.is_silent("/fail", address, for_s=0.2)


@case
def superseded_is_not_cancelled(talk: OscTalk) -> None:
    """A job that a newer edit replaced ends with `/superseded`; the newer one is done."""
    place = created(talk)
    address = f"{place}/layer/rain/caption"
    for _ in range(2):
        talk.send(address, f"slow {uuid.uuid4().hex}")
        talk.wait("/accepted", address)
    talk.wait("/superseded", address)
    talk.wait("/done", address)


@case
def a_host_says_how_it_plays(talk: OscTalk) -> None:
    """`/transport/...` is kept and told."""
    talk.send("/transport/bpm", 97.0)
    talk.wait("/done", "/transport/bpm")
    talk.send("/transport/play", 1)
    talk.wait("/done", "/transport/play")
    talk.send("/transport/get")
    assert talk.wait("/transport/get.reply").arguments[:2] == [1, 97.0]
