import hashlib
import io
import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from engine.loudness import measure
from plugin_bridge.journal import TakeRow
from scene_schema.messages import Delivery
from scene_schema.rendering import RenderJob
from tests.engine.riff import chunk_of
from tests.plugin_bridge.engine_process import scene
from tests.plugin_bridge.fakes import Room, in_room

GRID = {"bpm": 120.0, "bar_offset_s": 0.25}


def noise(job: RenderJob) -> bytes:
    """A sound of its own for every take."""
    rng = np.random.default_rng(int(job.take[:8], 16))
    return rng.uniform(-0.1, 0.1, round(job.request.duration_s * 24_000)).astype("<f4").tobytes()


async def rendered(room: Room, **fields: Any) -> None:
    await room.ask("scene.create", {"scene": scene(**fields), "render": True})
    for _ in range(2):
        await room.render(**({"binary": noise(room.worker.renders()[-1])} if fields else {}))


async def delivered(room: Room, **fields: Any) -> tuple[Delivery, tuple[bytes, ...]]:
    answer = await room.ask("scene.deliver", {"scene": "rain", **fields})
    assert answer.type == "scene.deliver.reply", answer.content
    return Delivery.model_validate(answer.content), answer.binary


async def refused(room: Room, **fields: Any) -> tuple[str, str, str]:
    """Code, field and remedy."""
    answer = await room.ask("scene.deliver", {"scene": "rain", **fields})
    assert answer.type == "error"
    findings = answer.content["findings"]
    return answer.content["code"], findings[0]["field"] if findings else "", answer.content["remedy"]


def test_files_line_up_and_say_what_they_are(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await rendered(room)
        answer = await room.ask("scene.deliver", {"scene": "rain", "rate_hz": 48_000, "bit_depth": 24})
        delivery = Delivery.model_validate(answer.content)
        assert [file.layer for file in delivery.files] == ["env", "music", None]
        assert [file.frame for file in delivery.files] == [0, 1, 2]
        assert (delivery.rate_hz, delivery.channels, delivery.length_samples) == (48_000, 1, 24_000)
        for file in delivery.files:
            wav = answer.binary[file.frame]
            assert hashlib.sha256(wav).hexdigest() == file.sha256
            samples, rate_hz = soundfile.read(io.BytesIO(wav), always_2d=True)
            assert (rate_hz, samples.shape) == (48_000, (24_000, 1))
        stems = [soundfile.read(io.BytesIO(wav))[0] for wav in answer.binary]
        assert np.max(np.abs(stems[0] + stems[1] - stems[2])) < 2.0**-22
        assert "fake" in delivery.generated_by

    in_room(tmp_path, story)


def test_a_panned_layer_makes_all_files_stereo(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await rendered(room)
        await room.ask("layer.edit", {"scene": "rain", "layer": "env", "changes": {"pan": -0.5}})
        assert (await room.ask("scene.deliver", {"scene": "rain"})).content["channels"] == 2
        assert (await room.ask("scene.deliver", {"scene": "rain", "channels": 1})).content["channels"] == 1

    in_room(tmp_path, story)


def test_a_stale_layer_delivers_its_last_take_and_says_so(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await rendered(room)
        changes = {"caption": "storm", "mute": True}
        await room.ask("layer.edit", {"scene": "rain", "layer": "env", "changes": changes, "render": False})
        files = (await room.ask("scene.deliver", {"scene": "rain"})).content["files"]
        assert [(file["stale"], file["audible"]) for file in files] == [
            (True, False),
            (False, True),
            (False, True),
        ]
        assert files[0]["take"] == room.worker.renders()[0].take

    in_room(tmp_path, story)


def test_a_layer_without_a_take_is_named(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await room.ask("scene.create", {"scene": scene(), "render": True})
        await room.render()
        answer = await room.ask("scene.deliver", {"scene": "rain"})
        assert answer.content["code"] == "not_rendered"
        assert "music" in answer.content["message"]
        assert "env" not in answer.content["message"]
        assert "scene.render" in answer.content["remedy"]

    in_room(tmp_path, story)


def test_too_much_is_refused_before_it_is_made(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await rendered(room)
        answer = await room.ask("scene.deliver", {"scene": "rain", "rate_hz": 192_000})
        assert (answer.content["code"], answer.binary) == ("too_large", ())

    in_room(tmp_path, story, delivery_bytes=100_000)


def test_damaged_audio_is_told_and_can_be_made_again(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await rendered(room)
        take = room.store.take(room.worker.renders()[0].take)
        other = room.store.take(room.worker.renders()[1].take)
        assert take.audio_sha256 == other.audio_sha256, "the fake worker has one sound"
        room.audio.path(take.audio_sha256).write_bytes(b"rust")
        answer = await room.ask("scene.deliver", {"scene": "rain"})
        assert answer.content["code"] == "not_rendered"
        assert "damaged" in answer.content["message"]
        assert len((await room.ask("scene.render", {"scene": "rain"})).content["jobs"]) == 1
        await room.render()
        assert (await room.ask("scene.deliver", {"scene": "rain"})).type == "scene.deliver.reply"

    in_room(tmp_path, story)


def test_a_locked_layer_of_another_length_still_lines_up(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await rendered(room)
        await room.ask("layer.edit", {"scene": "rain", "layer": "env", "changes": {"lock": True}})
        edited = await room.ask("scene.edit", {"scene": "rain", "changes": {"duration_s": 0.75}})
        assert (edited.content["stale"], len(edited.content["jobs"])) == (["env", "music"], 1)
        await room.render()
        answer = await room.ask("scene.deliver", {"scene": "rain"})
        assert [file["stale"] for file in answer.content["files"]] == [True, False, False]
        assert {soundfile.info(io.BytesIO(wav)).frames for wav in answer.binary} == {18_000}

    in_room(tmp_path, story)


def test_some_layers_with_or_without_their_mix(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await rendered(room, duration_s=1.0)
        whole, frames = await delivered(room)
        one, (stem,) = await delivered(room, layers=["music"], mix=False)
        assert [file.layer for file in one.files] == ["music"]
        assert stem == frames[1], "the same file, whatever it comes with"
        assert (one.master_gain_db, one.files[0].frame) == (0.0, 0)
        two, (stem, mix) = await delivered(room, layers=["music"])
        assert [file.layer for file in two.files] == ["music", None]
        read = [soundfile.read(io.BytesIO(wav))[0] for wav in (stem, mix)]
        assert np.abs(read[0] - read[1]).max() < 2.0**-22
        assert (await refused(room, layers=["drums"]))[0] == "not_found"
        assert whole.files[1].sha256 == one.files[0].sha256

    in_room(tmp_path, story)


def test_one_layer_is_delivered_while_another_has_no_stem(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await room.ask("scene.create", {"scene": scene(), "render": True})
        await room.render()
        assert (await refused(room))[0] == "not_rendered"
        one, _ = await delivered(room, layers=["env"])
        assert [file.layer for file in one.files] == ["env", None]

    in_room(tmp_path, story)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"format": "flac", "bit_depth": 32}, "$.bit_depth"),
        ({"rate_hz": 8_000}, "$.rate_hz"),
        ({"folder": "/tmp"}, "$.folder"),
        ({"mix": False, "target_lufs": -23.0}, "$.target_lufs"),
        ({"length_bars": 2}, "$.length_bars"),
        ({"loop": True, "loop_crossfade_s": 0.9}, "$.loop_crossfade_s"),
        ({"bit_depth": 20}, "$.bit_depth"),
        ({"layers": []}, "$.layers"),
    ],
)
def test_what_cannot_be_is_refused_by_name(tmp_path: Path, fields: dict[str, Any], field: str) -> None:
    async def story(room: Room) -> None:
        await rendered(room, duration_s=1.0)
        assert (await refused(room, **fields))[:2] == ("invalid", field)

    in_room(tmp_path, story)


@pytest.mark.parametrize("bit_depth", [16, 24])
@pytest.mark.parametrize("rate_hz", [44_100, 96_000])
def test_flac_holds_what_the_wav_holds(tmp_path: Path, bit_depth: int, rate_hz: int) -> None:
    async def story(room: Room) -> None:
        await rendered(room, duration_s=1.0)
        wavs, flacs = [
            await delivered(room, format=kind, rate_hz=rate_hz, bit_depth=bit_depth, channels=2)
            for kind in ("wav", "flac")
        ]
        assert [file.name for file in flacs[0].files] == ["env.flac", "music.flac", "mix.flac"]
        for wav, flac in zip(wavs[1], flacs[1], strict=True):
            read = [soundfile.read(io.BytesIO(data), dtype="int32")[0] for data in (wav, flac)]
            assert np.array_equal(*read)

    in_room(tmp_path, story)


def test_bars_and_loops_to_the_sample_with_their_place_and_points(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await rendered(room, duration_s=5.0, tempo=GRID)
        ask = {"rate_hz": 48_000, "length_bars": 2, "position_s": 8.0}
        for loop in (False, True):
            delivery, frames = await delivered(room, **ask, loop=loop)
            assert delivery.length_samples == 4 * 48_000
            for file, wav in zip(delivery.files, frames, strict=True):
                assert soundfile.info(io.BytesIO(wav)).frames == 4 * 48_000
                assert (file.position_samples, file.position_bars) == (396_000, 4.125)
                assert (file.length_samples, file.length_bars) == (192_000, 2.0)
                bext = chunk_of(wav, b"bext")
                assert bext is not None
                assert struct.unpack_from("<Q", bext, 338) == (396_000,)
                assert (chunk_of(wav, b"smpl") is not None) == loop
                assert chunk_of(wav, b"acid") is not None
                points = None if file.loop is None else (file.loop.start_samples, file.loop.end_samples)
                assert points == ((0, 191_999) if loop else None)
        code, field, remedy = await refused(room, length_bars=3, loop=True)
        assert (code, field) == ("invalid", "$.length_bars")
        assert "duration_s ≥ 6.3 " in remedy
        assert "at most 2" in remedy

    in_room(tmp_path, story)


def test_markers_are_the_sounds_own_cues(tmp_path: Path) -> None:
    layer = {"id": "door", "view": "sfx", "caption": "a door", "cues": [{"at_s": 0.5, "text": "slam"}]}

    async def story(room: Room) -> None:
        await room.ask("scene.create", {"scene": scene("rain", layer, duration_s=1.0), "render": True})
        await room.render()
        later = [{"at_s": 0.75, "text": "later"}]
        await room.ask(
            "layer.edit", {"scene": "rain", "layer": "door", "changes": {"cues": later}, "render": False}
        )
        delivery, frames = await delivered(room, rate_hz=48_000)
        assert delivery.files[0].stale
        for wav in frames:
            cue = chunk_of(wav, b"cue ")
            assert cue is not None
            assert struct.unpack_from("<III", cue) == (1, 1, 24_000), "the cue of the take that plays"
            assert b"slam\0" in wav
            assert b"later" not in wav
            assert b"Generated by AI" in wav

    in_room(tmp_path, story)


def test_loudness_is_in_the_receipt_and_a_target_moves_the_mix_alone(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await rendered(room, duration_s=1.0)
        before, _ = await delivered(room)
        after, frames = await delivered(room, target_lufs=-30.0)
        for file, wav in zip(after.files, frames, strict=True):
            found = measure(soundfile.read(io.BytesIO(wav), always_2d=True)[0], 24_000)
            assert file.loudness_lufs == pytest.approx(found.integrated_lufs, abs=0.02)
            assert file.true_peak_db == pytest.approx(found.true_peak_db, abs=0.05)
        assert after.files[-1].loudness_lufs == pytest.approx(-30.0, abs=0.01)
        assert [file.sha256 for file in after.files[:2]] == [file.sha256 for file in before.files[:2]]
        take = room.store.take(before.files[0].take or "")
        assert take.loudness_lufs == before.files[0].loudness_lufs

    in_room(tmp_path, story)


def test_takes_from_before_loudness_was_kept_are_measured_then(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await rendered(room, duration_s=1.0)
        now, _ = await delivered(room)
        for job in room.worker.renders():
            take = room.store.take(job.take)
            old = json.dumps(take.model_dump(exclude={"loudness_lufs", "true_peak_db"}))
            room.store.forget_take(job.take)
            row = TakeRow(job.take, old, take.audio_sha256)
            room.journal.add_take(row, "rain", {job.layer: job.take})
            room.store.takes.add(job.take)
        assert room.store.take(job.take).true_peak_db is None
        then, _ = await delivered(room)
        assert [file.loudness_lufs for file in then.files] == pytest.approx(
            [file.loudness_lufs for file in now.files], abs=0.001
        )

    in_room(tmp_path, story)


def test_a_short_sound_has_no_loudness_and_says_null(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await rendered(room, duration_s=0.3)
        delivery, _ = await delivered(room, target_lufs=-23.0)
        assert [file.loudness_lufs for file in delivery.files] == [None] * 3
        assert delivery.master_gain_db == 0.0

    in_room(tmp_path, story)


def test_files_by_path_are_the_frames_and_lie_in_the_engines_own_store(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await rendered(room, duration_s=1.0)
        ask = {"rate_hz": 48_000, "bit_depth": 16, "channels": 2, "position_s": 1.5}
        by_frame, frames = await delivered(room, **ask)
        by_path, none = await delivered(room, **ask, hand_off="path")
        assert none == ()
        for file, other, wav in zip(by_path.files, by_frame.files, frames, strict=True):
            assert file.path is not None
            path = Path(file.path)
            assert path.parent == tmp_path / "deliveries" / "rain"
            assert (path.name, file.frame) == (file.name, None)
            assert path.read_bytes() == wav
            same = {"name", "frame", "path"}
            assert file.model_dump(exclude=same) == other.model_dump(exclude=same)
        assert by_path.files[0].name.startswith(f"rain-env-{(by_path.files[0].take or '')[:8]}-")

    in_room(tmp_path, story)


def test_a_second_delivery_reads_and_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(room: Room) -> None:
        await rendered(room, duration_s=1.0)
        first, _ = await delivered(room, hand_off="path")
        folder = tmp_path / "deliveries" / "rain"
        stamps = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
        monkeypatch.setattr(room.audio, "read", None)  # would fail
        again, _ = await delivered(room, hand_off="path")
        assert again == first
        assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == stamps
        monkeypatch.undo()
        await room.ask("layer.edit", {"scene": "rain", "layer": "env", "changes": {"gain_db": -6.0}})
        third, _ = await delivered(room, hand_off="path")
        assert [file.path for file in third.files[:2]] == [file.path for file in first.files[:2]]
        assert third.files[2].path != first.files[2].path
        assert third.files[0].gain_db == -6.0

    in_room(tmp_path, story)


def test_a_project_folder_gets_plain_names_and_a_manifest(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()

    async def story(room: Room) -> None:
        await rendered(room, duration_s=1.0, title="The quay")
        first, _ = await delivered(room, hand_off="path", folder=str(project / "audio"))
        take = first.files[0].take or ""
        assert first.files[0].path == str(project / "audio" / f"rain-env-{take[:8]}.wav")
        assert first.files[0].track == "The quay - env"
        second, _ = await delivered(room, hand_off="path", folder=str(project / "audio"), bit_depth=16)
        assert second.files[0].name == f"rain-env-{take[:8]}-2.wav"
        before = {path: path.read_bytes() for path in (project / "audio").iterdir()}
        third, _ = await delivered(room, hand_off="path", folder=str(project / "audio"))
        assert [file.path for file in third.files] == [file.path for file in first.files]
        assert {path: path.read_bytes() for path in (project / "audio").iterdir()} == before

        assert first.manifest is not None
        manifest = json.loads(Path(first.manifest).read_text("utf-8"))
        assert Path(first.manifest).parent == project / "audio"
        assert (manifest["notice"], manifest["route"]) == ("generated by AI", "stem")
        assert (manifest["scene"], manifest["revision"]) == ("rain", 1)
        assert manifest["model"]["name"] == "fake"
        env = manifest["files"][0]
        assert (env["file"], env["caption"], env["seed"]) == (first.files[0].name, "light rain", 0)
        assert env["sha256"] == hashlib.sha256(Path(first.files[0].path or "").read_bytes()).hexdigest()
        assert "path" not in env, "a project that moves keeps its manifests true"

    in_room(tmp_path, story, projects=(project,))


@pytest.mark.parametrize("where", ["/etc", "elsewhere", "project/../../elsewhere", "project/link/deep"])
def test_no_other_folder_is_written_into(tmp_path: Path, where: str) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "project" / "link").symlink_to(tmp_path / "elsewhere")

    async def story(room: Room) -> None:
        await rendered(room, duration_s=1.0)
        folder = where if where.startswith("/") else str(tmp_path / where)
        assert (await refused(room, hand_off="path", folder=folder))[:2] == ("denied", "$.folder")
        assert list((tmp_path / "elsewhere").iterdir()) == []

    in_room(tmp_path, story, projects=(tmp_path / "project",))


def test_what_a_stale_sound_was_made_from_is_in_the_receipt(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await rendered(room, duration_s=1.0)
        changes = {"caption": "storm", "seed": 9}
        await room.ask("layer.edit", {"scene": "rain", "layer": "env", "changes": changes, "render": False})
        delivery, _ = await delivered(room)
        env, music, mix = delivery.files
        assert (env.stale, env.caption, env.seed, env.model) == (True, "light rain", 0, "fake")
        assert (music.caption, music.view) == ("slow piano", "music")
        assert (mix.caption, mix.seed, mix.view) == ("", None, None)

    in_room(tmp_path, story)


def test_a_restart_finds_the_files_that_were_delivered_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[dict[str, Any]] = []
    asked = {"scene": "rain", "hand_off": "path"}

    async def story(room: Room) -> None:
        await rendered(room)
        said.append((await room.ask("scene.deliver", asked)).content)
        await room.bridge.beat()  # receipts follow some seconds behind; the rest go at the end
        assert len(room.journal.receipts()) == 3
        said.append((await room.ask("scene.deliver", {**asked, "rate_hz": 48_000})).content)

    async def sequel(room: Room) -> None:
        assert len(room.journal.receipts()) == 6

        def made(*_: object, **__: object) -> None:
            raise AssertionError("made again")

        with monkeypatch.context() as patch:
            patch.setattr("plugin_bridge.delivery._made", made)
            for more, before in zip(({}, {"rate_hz": 48_000}), said, strict=True):
                assert (await room.ask("scene.deliver", {**asked, **more})).content == before
        damaged = Path(said[0]["files"][0]["path"])
        damaged.write_bytes(b"x")
        again = (await room.ask("scene.deliver", asked)).content
        assert Path(again["files"][0]["path"]).stem == f"{damaged.stem}-2"

    in_room(tmp_path, story)
    in_room(tmp_path, sequel)
