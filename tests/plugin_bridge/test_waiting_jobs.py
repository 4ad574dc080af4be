"""Which job waits for what: quiet while somebody types, turns, room, and clients that are gone."""

import asyncio
from pathlib import Path
from typing import Any

from scene_schema.envelope import Envelope
from tests.plugin_bridge.engine_process import scene
from tests.plugin_bridge.fakes import Room, in_room

SLOW_S = 2.0
LONG_S = 30.0  # no test waits for so long: what has it waits for ever, here


def layers(count: int, word: str = "sound") -> list[dict[str, Any]]:
    return [{"id": f"l{at}", "view": "sfx", "caption": f"{word} {at}"} for at in range(count)]


async def edit(room: Room, caption: str, layer: str = "env", **more: Any) -> Envelope:
    header = {name: more.pop(name) for name in ("id",) if name in more}
    asked = {"scene": "rain", "layer": layer, "changes": {"caption": caption}, **more}
    return await room.ask("layer.edit", asked, client="ann", **header)


async def create(room: Room, name: str, count: int = 1, client: str = "ann", **more: Any) -> list[str]:
    """A scene that is rendered; returns its jobs."""
    made = await room.ask("scene.create", {"scene": scene(name, *layers(count, name))}, client=client)
    assert made.type == "scene.create.reply"
    return jobs_of(await room.ask("scene.render", {"scene": name, **more}, client=client))


def jobs_of(answer: Envelope) -> list[str]:
    return [one["job"] for one in answer.content["jobs"]]


async def learn_pace(room: Room, rendered_s: float) -> None:
    """Two renders that the engine has seen."""
    await room.ask("scene.create", {"scene": scene(), "render": True}, client="ann")
    await room.render(rendered_s=rendered_s)
    await room.render(rendered_s=rendered_s)


async def state(room: Room, job: str) -> dict[str, Any]:
    return (await room.ask("job.get", {"job": job})).content


async def order(room: Room) -> list[str]:
    """The scenes of the jobs as they run, each done as soon as it does."""
    scenes = []
    while (await room.ask("status")).content["jobs"]:
        job = room.worker.renders()[-1]
        scenes.append(job.scene)
        await room.render(job)
    return scenes


# --- quiet ----------------------------------------------------------------------------------------------


def test_while_somebody_types_a_slow_render_waits_and_the_last_one_wins(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await learn_pace(room, SLOW_S)
        jobs = [jobs_of(await edit(room, caption))[0] for caption in ("s", "st", "storm")]
        assert len(room.worker.renders()) == 2, "nothing begins meanwhile"
        assert [(await state(room, job))["state"] for job in jobs] == ["superseded", "superseded", "queued"]
        while len(room.worker.renders()) == 2:
            await asyncio.sleep(0.01)
        assert room.worker.renders()[-1].id == jobs[-1]
        assert (await state(room, jobs[-1]))["state"] == "running"

    in_room(tmp_path, story, quiet_s=0.1)


def test_where_renders_are_quick_or_unknown_an_edit_renders_at_once(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await room.ask("scene.create", {"scene": scene()})
        first = jobs_of(await edit(room, "storm"))
        assert [one.id for one in room.worker.renders()] == first, "how long it takes is not known yet"
        await room.render(rendered_s=0.25)
        second = jobs_of(await edit(room, "hail"))
        assert [one.id for one in room.worker.renders()] == [*first, *second]

    in_room(tmp_path, story, quiet_s=LONG_S, quiet_longest_s=LONG_S)


def test_a_job_that_waits_for_quiet_has_its_place_and_its_time(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await learn_pace(room, SLOW_S)
        (job,) = jobs_of(await edit(room, "storm"))
        found = await state(room, job)
        assert (found["state"], found["position"]) == ("queued", 0)
        assert found["seconds_left"] == LONG_S + SLOW_S
        room.now_s += 29.0
        assert (await state(room, job))["seconds_left"] == 1.0 + SLOW_S

    in_room(tmp_path, story, quiet_s=LONG_S, quiet_longest_s=LONG_S)


def test_who_asks_for_a_render_does_not_wait_for_quiet(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await learn_pace(room, SLOW_S)
        held = jobs_of(await edit(room, "storm"))
        assert jobs_of(await room.ask("scene.render", {"scene": "rain"}, client="ann")) == held
        assert room.worker.renders()[-1].id == held[0]
        await room.render(rendered_s=SLOW_S)
        batch = jobs_of(await edit(room, "hail", priority="batch"))
        assert room.worker.renders()[-1].id == batch[0], "nobody types a batch"

    in_room(tmp_path, story, quiet_s=LONG_S, quiet_longest_s=LONG_S)


def test_a_job_that_waits_for_quiet_is_cancelled_and_superseded_like_any_other(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await learn_pace(room, SLOW_S)
        (job,) = jobs_of(await edit(room, "storm"))
        await room.ask("job.cancel", {"job": job}, client="ann")
        assert (await state(room, job))["state"] == "cancelled"
        (job,) = jobs_of(await edit(room, "hail"))
        await edit(room, "light rain", render=False)
        assert (await state(room, job))["state"] == "superseded"
        assert len(room.worker.renders()) == 2

    in_room(tmp_path, story, quiet_s=LONG_S, quiet_longest_s=LONG_S)


def test_others_work_on_while_somebody_types(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await learn_pace(room, SLOW_S)
        (held,) = jobs_of(await edit(room, "storm"))
        (other,) = await create(room, "sea", client="bob")
        assert room.worker.renders()[-1].id == other
        (slow,) = await create(room, "wood", client="bob", priority="batch")
        await room.render(rendered_s=SLOW_S)
        assert room.worker.renders()[-1].id == other, "batch does not take the worker from who types"
        await room.ask("job.cancel", {"job": held}, client="ann")
        assert room.worker.renders()[-1].id == slow

    in_room(tmp_path, story, quiet_s=LONG_S, quiet_longest_s=LONG_S)


# --- turns ----------------------------------------------------------------------------------------------


def test_interactive_before_batch_and_clients_in_turn(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await create(room, "night1", 3, client="night", priority="batch")  # its first runs already
        await create(room, "night2", 2, client="owl", priority="batch")
        await create(room, "day1", 3, client="ann")
        await create(room, "day2", 1, client="bob")
        told = [job["scene"] for job in (await room.ask("status")).content["jobs"]]
        assert told == ["night1", "day1", "day2", "day1", "day1", "night1", "night2", "night1", "night2"]
        assert await order(room) == told

    in_room(tmp_path, story)


def test_a_status_says_how_urgent_a_job_is_and_a_batch_job_wanted_now_is_urgent(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await create(room, "first", 2, client="ann")
        (job,) = await create(room, "night", priority="batch", client="owl")
        assert ((await state(room, job))["priority"], (await state(room, job))["position"]) == ("batch", 2)
        await create(room, "more", client="ann")
        places = [one.content["position"] for one in room.announced("event.job") if one.content["job"] == job]
        assert places == [2, 3], "it is told that somebody goes first"
        assert jobs_of(await room.ask("scene.render", {"scene": "night"}, client="bob")) == [job]
        found = await state(room, job)
        assert (found["priority"], found["owners"]) == ("interactive", ["owl", "bob"])

    in_room(tmp_path, story)


def test_a_draft_is_made_although_batch_waits_but_not_for_batch_then(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await create(room, "first", client="ann")
        await create(room, "night", 2, priority="batch", client="owl", draft=True)
        await create(room, "day", client="ann", draft=True)
        for scene_id, drafted in (("first", False), ("day", True), ("night", False), ("night", True)):
            job = room.worker.renders()[-1]
            assert (job.scene, job.draft_steps is not None) == (scene_id, drafted)
            await room.render(job)

    in_room(tmp_path, story)


# --- room -----------------------------------------------------------------------------------------------


def test_a_render_beyond_the_room_is_refused_and_nothing_is_queued(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await create(room, "full", 32, client="ann")  # one runs, 31 wait
        await create(room, "one", client="ann")
        refused = await room.ask("scene.create", {"scene": scene("more", *layers(2, "more"))}, client="ann")
        assert refused.type == "scene.create.reply", "that renders nothing"
        refused = await room.ask("scene.render", {"scene": "more"}, client="ann")
        assert refused.content["code"] == "too_many_jobs"
        assert refused.content["message"].startswith("32 jobs of this client wait already, 2 more")
        assert len((await room.ask("status")).content["jobs"]) == 33
        assert len(jobs_of(await room.ask("scene.render", {"scene": "more"}, client="bob"))) == 2
        assert len(jobs_of(await room.ask("scene.render", {"scene": "more"}, client="ann"))) == 2, "shared"
        (first,) = [job["job"] for job in (await room.ask("status")).content["jobs"] if job["scene"] == "one"]
        await room.ask("job.cancel", {"job": first}, client="ann")
        assert jobs_of(await room.ask("scene.render", {"scene": "one"}, client="ann"))

    in_room(tmp_path, story, waiting_jobs=32)


def test_an_edit_beyond_the_room_is_kept_and_says_that_it_does_not_render(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await room.ask("scene.create", {"scene": scene()}, client="ann")
        await create(room, "full", 32, client="ann")
        await create(room, "one", client="ann")
        kept = await edit(room, "storm", id="e1")
        assert (kept.type, kept.content["revision"], kept.content["jobs"]) == ("layer.edit.reply", 2, [])
        assert kept.content["stale"] == ["env"]
        assert kept.content["unqueued"]["code"] == "too_many_jobs"
        assert await room.ask("scene.get", {"scene": "rain"}) and room.store.get("rain").revision == 2
        again = await edit(room, "storm", id="e1")
        assert again.content == kept.content
        await room.render()
        later = await room.ask("scene.render", {"scene": "rain", "layers": ["env"]}, client="ann")
        assert len(jobs_of(later)) == 1
        assert "unqueued" not in (await edit(room, "hail")).content, "it takes the place of its older job"

    in_room(tmp_path, story, waiting_jobs=32)


def test_an_edit_beyond_the_room_ends_what_it_made_moot_and_nothing_else(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        await room.ask("scene.create", {"scene": scene("rain", *layers(3, "rain"))}, client="bob")
        running, moot, _ = jobs_of(await room.ask("scene.render", {"scene": "rain"}, client="bob"))
        await create(room, "full", 32, client="ann")
        changed = {"scene": "rain", "changes": {"duration_s": 0.75}}
        kept = await room.ask("scene.edit", changed, client="ann")
        assert kept.content["unqueued"]["code"] == "too_many_jobs"
        assert (await state(room, moot))["state"] == "superseded"
        await room.stopped(running)
        assert (await state(room, running))["state"] == "superseded"
        assert all(job["scene"] == "full" for job in (await room.ask("status")).content["jobs"])

    in_room(tmp_path, story, waiting_jobs=32)


# --- clients --------------------------------------------------------------------------------------------


def test_all_of_a_clients_jobs_end_and_nobody_elses(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        running, waiting = await create(room, "rain", 2, client="ann")
        (shared,) = await create(room, "sea", client="ann")
        assert jobs_of(await room.ask("scene.render", {"scene": "sea"}, client="bob")) == [shared]
        (other,) = await create(room, "wood", client="bob")
        answer = await room.ask("jobs.cancel", client="ann")
        stand = {job["job"]: job for job in answer.content["jobs"]}
        assert set(stand) == {running, waiting, shared}
        assert stand[waiting]["state"] == "cancelled"
        assert (stand[shared]["state"], stand[shared]["owners"]) == ("queued", ["bob"])
        assert room.worker.cancels() == [running]
        await room.stopped(running)
        assert (await state(room, running))["state"] == "cancelled"
        assert [(await state(room, job))["state"] for job in (other, shared)] == ["running", "queued"]
        assert (await room.ask("jobs.cancel", client="ann")).content["jobs"] == []

    in_room(tmp_path, story)


def test_all_of_a_clients_jobs_in_one_scene(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        (kept,) = await create(room, "rain", client="ann")
        (gone,) = await create(room, "sea", client="ann")
        answer = await room.ask("jobs.cancel", {"scene": "sea"}, client="ann")
        assert jobs_of(answer) == [gone]
        assert (await state(room, kept))["state"] == "running"

    in_room(tmp_path, story)


def test_whose_jobs_may_be_ended_by_whom(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        (job,) = await create(room, "rain", client="ann")
        nameless = await room.ask("jobs.cancel")
        assert nameless.content["code"] == "invalid"
        assert nameless.content["findings"][0]["field"] == "$.client"
        denied = await room.ask("jobs.cancel", {"owner": "ann"}, client="bob")
        assert denied.content["code"] == "denied" and room.worker.cancels() == []
        caller = room.bridge.access.caller("bob", "operator's", admitted=True, where="here")
        (answer,) = await room.bridge.handle(Envelope("jobs.cancel", {"owner": "ann"}), caller, control=True)
        assert jobs_of(answer) == [job] and room.worker.cancels() == [job]

    in_room(tmp_path, story)


def test_the_jobs_of_a_client_that_is_gone_end_if_it_asked_for_that(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        hello = await room.ask("hello", {"cancel_on_disconnect": True}, client="ann")
        assert hello.content["lease_s"] == LONG_S
        assert (await room.ask("hello", client="bob")).content["lease_s"] is None
        mine, _ = await create(room, "rain", 2, client="ann")
        (other,) = await create(room, "sea", client="bob")
        room.now_s += LONG_S - 1
        await room.ask("status", client="ann")  # whatever it says renews its lease
        room.now_s += LONG_S - 1
        await room.ask("hello", {"cancel_on_disconnect": True}, client="cid")  # leases are looked at
        assert room.worker.cancels() == []
        room.now_s += 1
        await room.ask("hello", {"cancel_on_disconnect": True}, client="cid")
        assert room.worker.cancels() == [mine]
        await room.stopped(mine)
        assert [job["job"] for job in (await room.ask("status")).content["jobs"]] == [other]

    in_room(tmp_path, story, lease_s=LONG_S)


def test_a_lease_is_given_back_and_needs_a_name(tmp_path: Path) -> None:
    async def story(room: Room) -> None:
        refused = await room.ask("hello", {"cancel_on_disconnect": True})
        assert refused.content["findings"][0]["field"] == "$.client"
        await room.ask("hello", {"cancel_on_disconnect": True}, client="ann")
        assert (await room.ask("hello", client="ann")).type == "hello.reply", "which leaves it as it is"
        await room.ask("hello", {"cancel_on_disconnect": False}, client="ann")
        await create(room, "rain", client="ann")
        room.now_s += 2 * LONG_S
        await room.ask("hello", {"cancel_on_disconnect": True}, client="cid")
        assert room.worker.cancels() == []

    in_room(tmp_path, story, lease_s=LONG_S)
