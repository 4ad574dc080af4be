"""A scene goes out as one file and comes back the same, elsewhere too; a changed file brings nothing."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plugin_bridge import plain_zip, scene_archive
from plugin_bridge.scene_store import kept_of
from scene_schema.envelope import Envelope
from scene_schema.messages import Exported
from tests.plugin_bridge.engine_process import scene
from tests.plugin_bridge.fakes import Room, in_room

Files = dict[str, bytes]


async def render(room: Room, jobs: list[dict[str, Any]]) -> None:
    """Every job's sound is noise of its own."""
    for _ in jobs:
        job = room.worker.renders()[-1]
        samples = np.random.default_rng(list(job.take.encode())).normal(0, 0.1, (12_000, 1))
        await room.render(job, binary=samples.astype("<f4").tobytes())


async def ask(
    room: Room, kind: str, content: dict[str, Any], *binary: bytes, **header: Any
) -> dict[str, Any]:
    (answer,) = await room.bridge.handle(Envelope(kind, content, binary=binary, **header))
    assert answer.type == f"{kind}.reply", answer.content
    return answer.content


async def lived(room: Room, scene_id: str = "rain", **fields: Any) -> None:
    """A scene with a history: edits, an undo, a stale layer."""
    await render(
        room, (await ask(room, "scene.create", {"scene": scene(scene_id, **fields), "render": True}))["jobs"]
    )
    edit: dict[str, Any] = {"scene": scene_id, "layer": "env"}
    for changes in ({"caption": "storm"}, {"seed": 7}):
        await render(room, (await ask(room, "layer.edit", {**edit, "changes": changes}))["jobs"])
    await ask(room, "scene.undo", {"scene": scene_id})
    await ask(room, "layer.edit", {**edit, "layer": "music", "changes": {"seed": 3}, "render": False})


async def export(room: Room, scene_id: str = "rain", revisions: str = "all") -> bytes:
    (answer,) = await room.bridge.handle(
        Envelope("scene.export", {"scene": scene_id, "revisions": revisions})
    )
    assert answer.type == "scene.export.reply", answer.content
    exported = Exported.model_validate(answer.content)
    (frame,) = answer.binary
    assert (exported.frame, exported.size_bytes) == (0, len(frame))
    assert exported.sha256 == hashlib.sha256(frame).hexdigest()
    return frame


def state(room: Room, scene_id: str = "rain") -> dict[str, Any]:
    """All that is kept of a scene."""
    newest = room.store.revisions()[scene_id]
    takes = {take: room.store.take(take) for take in room.store.takes}
    return {
        "revisions": [replace(kept_of(row), stale=()) for row in room.store.rows(scene_id, 1, newest)],
        "takes": takes,
        "stems": room.store.stems(scene_id),
        "audio": {
            take.audio_sha256: room.audio.read(take.audio_sha256).samples.tobytes() for take in takes.values()
        },
    }


def everything(room: Room) -> tuple[Any, ...]:
    """What must stay as it was."""
    files = {path: path.read_bytes() for path in room.audio.folder.rglob("*") if path.is_file()}
    return room.store.revisions(), set(room.store.takes), files, len(room.events)


def entries(data: bytes, folder: Path) -> Files:
    path = folder / "look.zip"
    path.write_bytes(data)
    with zipfile.ZipFile(path) as file:
        assert all(one.compress_type == zipfile.ZIP_STORED for one in file.infolist())
        return {name: file.read(name) for name in file.namelist()}


def repacked(archive: Files, **manifest: Any) -> bytes:
    """With a manifest that fits, as somebody would who wants to be believed."""
    listed = {
        name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for name, data in archive.items()
        if name != scene_archive.MANIFEST
    }
    head = {**json.loads(archive[scene_archive.MANIFEST]), "files": listed, **manifest}
    whole = {**archive, scene_archive.MANIFEST: json.dumps(head).encode()}
    return b"".join(plain_zip.pack((name, [data]) for name, data in whole.items()))


@pytest.fixture(scope="module")
def archive() -> bytes:
    made: list[bytes] = []

    async def story(room: Room) -> None:
        await lived(room)
        made.append(await export(room))

    with tempfile.TemporaryDirectory() as folder:
        in_room(Path(folder), story)
    return made[0]


def test_it_comes_back_the_same_elsewhere_and_goes_out_as_the_same_bytes(tmp_path: Path) -> None:
    there: dict[str, Any] = {}

    async def story(room: Room) -> None:
        await lived(room)
        there["all"], there["state"] = await export(room), state(room)
        assert await export(room) == there["all"]
        there["newest"] = await export(room, revisions="newest")

    async def elsewhere(room: Room) -> None:
        accepted = await ask(room, "scene.import", {}, there["all"], id="i")
        assert (accepted["revision"], accepted["stale"], accepted["jobs"]) == (5, ["music"], [])
        assert state(room) == there["state"]
        assert await export(room) == there["all"]
        (revised,) = room.announced("event.scene")
        assert (revised.content["revision"], revised.parent) == (5, "i")
        assert await ask(room, "scene.import", {}, there["all"], id="i") == accepted
        # undo works over the history that came, and renders nothing
        undone = [await ask(room, "scene.undo", {"scene": "rain"}) for _ in range(2)]
        assert [(one["content_of"], one["stale"]) for one in undone] == [(2, []), (1, [])]
        assert room.worker.renders() == []

    async def sequel(room: Room) -> None:
        again = await ask(room, "scene.import", {}, there["all"], id="i")
        assert (again["revision"], again["jobs"]) == (5, [])

    async def newest_alone(room: Room) -> None:
        accepted = await ask(room, "scene.import", {}, there["newest"])
        assert (accepted["revision"], accepted["stale"]) == (1, ["music"])
        got = await ask(room, "scene.get", {"scene": "rain"})
        assert [one["stem"] for one in got["layers"]] == ["fresh", "stale"]
        delivered = await room.ask("scene.deliver", {"scene": "rain"})
        assert delivered.type == "scene.deliver.reply"
        assert len(room.store.takes) == 2

    in_room(tmp_path / "one", story)
    in_room(tmp_path / "two", elsewhere)
    in_room(tmp_path / "two", sequel)
    in_room(tmp_path / "three", newest_alone)


def test_other_programs_read_what_is_in_it(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await lived(room)
        files = entries(await export(room), tmp_path)
        sounds = [name for name in files if name.startswith("audio/")]
        assert len(sounds) == len(room.store.takes) == 4
        for name in sounds:
            (tmp_path / "a.wav").write_bytes(files[name])
            samples, rate_hz = soundfile.read(tmp_path / "a.wav", dtype="float32", always_2d=True)
            kept = room.audio.read(Path(name).stem)
            assert rate_hz == kept.rate_hz and np.array_equal(samples, kept.samples)
        manifest = json.loads(files["manifest.json"])
        assert manifest["notice"] == "generated by AI"
        assert len(files["revisions.jsonl"].splitlines()) == 5

    in_room(tmp_path / "data", story)


def test_another_id_a_scene_that_is_there_and_one_that_follows_it(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await lived(room)
        data = await export(room)
        before = everything(room)
        (refused,) = await room.bridge.handle(Envelope("scene.import", {}, binary=(data,)))
        assert refused.content["code"] == "exists"
        assert everything(room) == before
        assert room.journal._db.execute("SELECT count(*) FROM past").fetchone() == (0,)
        copied = await ask(room, "scene.import", {"as_id": "copy"}, data)
        assert (copied["scene"], copied["revision"], copied["stale"]) == ("copy", 5, ["music"])
        assert [one.scene.id for one in state(room, "copy")["revisions"]] == ["copy"] * 5
        followed = await ask(room, "scene.import", {"replace": True}, data)
        assert followed["revision"] == 10
        for number, content in ((11, 7), (12, 6), (13, 5)):
            undone = await ask(room, "scene.undo", {"scene": "rain", "render": False})
            assert (undone["revision"], undone["content_of"], undone["jobs"]) == (number, content, [])
        assert everything(room)[1] == before[1], "its takes were here"

    in_room(tmp_path, story)


def test_takes_that_are_here_stay_as_they_are(tmp_path: Path) -> None:
    archive: list[bytes] = []

    async def story(room: Room) -> None:
        await lived(room)
        archive.append(await export(room))

    async def elsewhere(room: Room) -> None:
        created = await ask(room, "scene.create", {"scene": scene("other"), "render": True})
        for _ in created["jobs"]:
            await room.render()  # the same requests sound otherwise here
        mine = {take: room.store.take(take) for take in room.store.takes}
        await ask(room, "scene.import", {}, archive[0])
        assert {take: room.store.take(take) for take in mine} == mine
        named = {room.store.take(take).audio_sha256 for take in room.store.takes}
        assert {path.stem for path in room.audio.folder.rglob("*.wav")} == named

    in_room(tmp_path / "one", story)
    in_room(tmp_path / "two", elsewhere)


def test_by_path_and_only_from_a_project_folder(tmp_path: Path) -> None:
    project, outside = tmp_path / "project", tmp_path / "outside"
    project.mkdir()
    outside.mkdir()

    async def story(room: Room) -> None:
        await lived(room)
        own = await ask(room, "scene.export", {"scene": "rain", "hand_off": "path"})
        assert Path(own["path"]) == tmp_path / "data" / "deliveries" / "rain" / "rain-r5.stemscape"
        where = {"scene": "rain", "hand_off": "path", "folder": str(project), "revisions": "all"}
        placed = await ask(room, "scene.export", where)
        assert Path(placed["path"]) == project / "rain-r5.stemscape"
        accepted = await ask(room, "scene.import", {"path": placed["path"], "as_id": "copy"})
        assert accepted["revision"] == 5
        before = everything(room)
        (outside / "a.stemscape").write_bytes((project / "rain-r5.stemscape").read_bytes())
        (project / "link.stemscape").symlink_to(outside / "a.stemscape")
        for path, code in [
            (outside / "a.stemscape", "denied"),
            (project / "link.stemscape", "denied"),
            (project / ".." / "outside" / "a.stemscape", "denied"),
            (Path("rain-r5.stemscape"), "denied"),
            (project / "none.stemscape", "not_found"),
            (project, "not_found"),
        ]:
            answer = await room.ask("scene.import", {"path": str(path), "as_id": "x"})
            assert (answer.content["code"], answer.content["findings"][0]["field"]) == (code, "$.path"), path
        wrong = await room.ask("scene.import", {"path": placed["path"], "as_id": "x", "sha256": "0" * 64})
        assert wrong.content["code"] == "malformed"
        assert everything(room) == before

    in_room(tmp_path / "data", story, projects=(project,))


Mutation = Callable[[Files], bytes]


def _line(name: str, number: int, **fields: Any) -> Mutation:
    """Other values in one line of an entry."""

    def mutate(files: Files) -> bytes:
        lines = files[name].splitlines()
        lines[number] = json.dumps({**json.loads(lines[number]), **fields}).encode()
        return repacked({**files, name: b"\n".join(lines) + b"\n"})

    return mutate


def _audio(change: Callable[[bytes], bytes]) -> Mutation:
    def mutate(files: Files) -> bytes:
        name = next(one for one in files if one.startswith("audio/"))
        return repacked({**files, name: change(files[name])})

    return mutate


def _entry(name: str, data: bytes) -> Mutation:
    return lambda files: repacked({**files, name: data})


MUTATIONS: dict[str, Mutation] = {
    "nothing": lambda files: b"",
    "no archive": lambda files: b"x" * 1000,
    "another version": lambda files: repacked(files, version=2),
    "another format": lambda files: repacked(files, format="zip"),
    "another scene": lambda files: repacked(files, scene="sea"),
    "a wrong hash": lambda files: repacked(files, files={}),
    "a file more": _entry("readme.txt", b"hello"),
    "a path": _entry("audio/../../../etc/passwd", b"root"),
    "a sound that no take names": _entry(f"audio/{'f' * 64}.wav", b"RIFF"),
    "a sound less": lambda files: repacked(dict(list(files.items())[:-1])),
    "no revisions": _entry("revisions.jsonl", b""),
    "half a line": lambda files: _entry("revisions.jsonl", files["revisions.jsonl"][:-20])(files),
    "no JSON": _entry("takes.jsonl", b"takes\n"),
    "a list": _entry("takes.jsonl", b"[]\n"),
    "depth": _entry("takes.jsonl", b'{"stems":' + b"[" * 100_000 + b"\n"),
    "a bad scene": _line("revisions.jsonl", 0, scene={"id": "../x"}),
    "an unknown field": _line("revisions.jsonl", 0, more=1),
    "another number": _line("revisions.jsonl", 1, revision=7),
    "a revision twice": _line("revisions.jsonl", 1, revision=1),
    "content of the future": _line("revisions.jsonl", 1, content_of=3),
    "content of another": _line("revisions.jsonl", 3, content_of=1),
    "content of nothing": _line("revisions.jsonl", 3, content_of=0),
    "redo to nowhere": _line("revisions.jsonl", 3, redo=99),
    "redo from an edit": _line("revisions.jsonl", 2, redo=1),
    "stems that are none": _line("takes.jsonl", 0, stems=[1]),
    "a take of another name": _line("takes.jsonl", 1, id="0" * 64),
    "a take of another length": _line("takes.jsonl", 1, length_samples=11_999),
    "a huge take": _line("takes.jsonl", 1, length_samples=2**40),
    "a take at another rate": _line("takes.jsonl", 1, rate_hz=48_000),
    "a take of many channels": _line("takes.jsonl", 1, channels=64),
    "a level of NaN": _line("takes.jsonl", 1, peak_db=float("nan")),
    "a level without end": _line("takes.jsonl", 1, loudness_lufs=float("inf")),
    "a take whose audio is a path": _line("takes.jsonl", 1, audio_sha256="../../x"),
    "other samples": _audio(lambda data: data[:-1] + bytes([data[-1] ^ 1])),
    "samples of NaN": _audio(lambda data: data[:-4] + b"\x00\x00\xc0\x7f"),
    "fewer samples": _audio(lambda data: data[:-4]),
    "another head": _audio(lambda data: data[:20] + b"\x01" + data[21:]),
}


@pytest.mark.parametrize("mutation", MUTATIONS.values(), ids=MUTATIONS)
def test_an_archive_that_was_changed_with_care_is_refused(
    tmp_path: Path, archive: bytes, mutation: Mutation
) -> None:
    data = mutation(entries(archive, tmp_path))

    async def story(room: Room) -> None:
        await ask(room, "scene.create", {"scene": scene()})
        before = everything(room)
        for content in ({"as_id": "copy"}, {"replace": True}):
            (answer,) = await room.bridge.handle(Envelope("scene.import", content, binary=(data,)))
            assert answer.content.get("code") in ("malformed", "version", "too_large"), answer.content
            assert answer.content["message"] and answer.content["remedy"]
            assert everything(room) == before

    in_room(tmp_path / "data", story)


def test_an_archive_that_was_damaged_anywhere_is_refused(tmp_path: Path, archive: bytes) -> None:
    chance = random.Random(7)
    places = [*range(200), *(chance.randrange(len(archive)) for _ in range(300))]
    places += range(len(archive) - 200, len(archive))

    async def story(room: Room) -> None:
        before = everything(room)
        for place in places:
            bad = bytearray(archive)
            bad[place] ^= 1 << chance.randrange(8)
            (answer,) = await room.bridge.handle(Envelope("scene.import", {}, binary=(bytes(bad),)))
            assert answer.type == "error" and answer.content["code"] in ("malformed", "too_large"), place
        for end in (0, 21, 22, 100, len(archive) // 2, len(archive) - 1):
            (answer,) = await room.bridge.handle(Envelope("scene.import", {}, binary=(archive[:end],)))
            assert answer.content["code"] == "malformed"
        assert everything(room) == before
        await ask(room, "scene.import", {}, archive)

    in_room(tmp_path, story)


CAPTIONS = st.sampled_from(["rain", "Straße", "波", "a " * 200])
EDITS = st.lists(
    st.one_of(
        st.sampled_from(["undo", "redo", "remove", "add"]),
        st.fixed_dictionaries({"caption": CAPTIONS, "gain_db": st.floats(-60, 12), "pan": st.floats(-1, 1)}),
    ),
    max_size=8,
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(edits=EDITS, renders=st.integers(0, 6))
def test_whatever_was_done_to_a_scene_it_comes_back_the_same(edits: list[Any], renders: int) -> None:
    kept: dict[str, Any] = {}

    async def story(room: Room) -> None:
        await ask(room, "scene.create", {"scene": scene(), "render": True})
        for edit in edits:
            kind, content = "layer.edit", {"scene": "rain", "layer": "env", "changes": edit}
            if edit in ("undo", "redo"):
                kind, content = f"scene.{edit}", {"scene": "rain"}
            elif edit == "remove":
                kind, content = "layer.remove", {"scene": "rain", "layer": "env"}
            elif edit == "add":
                kind, content = "layer.add", {"scene": "rain", "layer": scene()["layers"][0]}
            await room.ask(kind, content)  # some are refused, which is as well
        for _ in range(renders):
            job = room.worker.renders()[-1]
            if room.worker.status.state == "rendering":
                if job.id in room.worker.cancels():
                    await room.stopped(job.id)
                else:
                    await render(room, [{}])
        kept["archive"], kept["state"] = await export(room), state(room)

    async def elsewhere(room: Room) -> None:
        await ask(room, "scene.import", {}, kept["archive"])
        here = state(room)
        asked = {name: here[name] for name in ("revisions", "stems")}
        assert asked == {name: kept["state"][name] for name in asked}
        for name in ("takes", "audio"):  # those that nothing asks for stayed behind
            assert here[name].items() <= kept["state"][name].items()
        assert await export(room) == kept["archive"]

    with tempfile.TemporaryDirectory() as folder:
        in_room(Path(folder) / "one", story)
        in_room(Path(folder) / "two", elsewhere)


def test_a_disk_that_is_full_keeps_nothing_of_an_import(
    tmp_path: Path, archive: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(room: Room) -> None:
        before = everything(room)
        written: list[str] = []
        write = room.audio.write

        def full(audio: Any) -> str:
            if len(written) == 2:
                raise OSError("no space left on device")
            written.append(write(audio))
            return written[-1]

        with monkeypatch.context() as patch:
            patch.setattr(room.audio, "write", full)
            (answer,) = await room.bridge.handle(Envelope("scene.import", {}, binary=(archive,)))
        assert (answer.content["code"], len(written)) == ("internal", 2)
        assert everything(room) == before
        assert room.journal._db.execute("SELECT count(*) FROM past").fetchone() == (0,)
        await ask(room, "scene.import", {}, archive)

    in_room(tmp_path, story)


def test_edits_go_on_while_an_archive_is_read(tmp_path: Path, archive: bytes) -> None:
    async def story(room: Room) -> None:
        await ask(room, "scene.create", {"scene": scene()})
        importing = asyncio.create_task(ask(room, "scene.import", {"replace": True}, archive))
        await asyncio.sleep(0)
        edit = {"scene": "rain", "layer": "env", "changes": {"gain_db": -1.0}}
        revision = (await ask(room, "layer.edit", edit))["revision"]
        assert (revision, (await importing)["revision"]) == (2, 7)
        assert [one.revision for one in state(room)["revisions"]] == list(range(1, 8))

    in_room(tmp_path, story)


def test_frames_and_path_are_one_or_the_other(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        for content, frames in (({}, ()), ({}, (b"a", b"b")), ({"path": "/x"}, (b"a",))):
            (answer,) = await room.bridge.handle(Envelope("scene.import", content, binary=frames))
            assert answer.content["code"] == "invalid"
        await ask(room, "scene.create", {"scene": scene()})
        refused = await room.ask("scene.export", {"scene": "rain", "folder": "/x"})
        assert refused.content["code"] in ("invalid", "denied")

    in_room(tmp_path, story)
