import itertools
from typing import get_args

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from engine.renderer import alike
from plugin_bridge.render_queue import Decision, Move, RenderQueue, Running
from scene_schema.job_states import FINAL, State, check_move
from scene_schema.origin import Variation
from scene_schema.priority import Priority
from scene_schema.rendering import RenderJob
from tests.plugin_bridge.fakes import request

_ids = itertools.count()
WORKERS = 3


def job(layer: str = "env", caption: str = "rain", scene: str = "place") -> RenderJob:
    return RenderJob(id=f"job{next(_ids)}", scene=scene, layer=layer, revision=1, request=request(caption))


def started(queue: RenderQueue, one: RenderJob, worker: int = 0) -> RenderJob:
    queue.submit(one)
    advance(queue, worker)
    queue.sent(one.id)
    return one


def advance(queue: RenderQueue, worker: int = 0) -> None:
    head = queue.head()
    assert head is not None
    queue.advance(head, worker)


def test_runs_in_order() -> None:
    queue = RenderQueue()
    first, second, third = job("a"), job("b", "wind"), job("c", "sea")
    for one in (first, second, third):
        assert queue.submit(one) == (one, Decision())
    assert queue.positions() == {first.id: 0, second.id: 1, third.id: 2}
    assert queue.head() == first
    advance(queue)
    assert queue.head() == second
    assert queue.positions() == {second.id: 1, third.id: 2}


def test_a_newer_edit_supersedes_the_waiting_job_in_its_place() -> None:
    queue = RenderQueue()
    old, other, new = job("a", "rain"), job("b", "wind"), job("a", "storm")
    queue.submit(old)
    queue.submit(other)
    assert queue.submit(new) == (new, Decision([Move(old.id, "superseded")]))
    assert queue.positions() == {new.id: 0, other.id: 1}


def test_a_newer_edit_stops_the_running_job() -> None:
    queue = RenderQueue()
    old, new = started(queue, job(caption="rain")), job(caption="storm")
    assert queue.submit(new) == (new, Decision(stop=Running(old, 0, True, "superseded")))
    assert queue.gave_up(old.id) == Decision([Move(old.id, "superseded")])
    assert queue.head() == new


def test_a_running_job_is_told_to_stop_once() -> None:
    queue = RenderQueue()
    old = started(queue, job(caption="rain"))
    assert queue.cancel(old.id) == Decision(stop=Running(old, 0, True, "cancelled"))
    assert queue.submit(job(caption="storm"))[1] == Decision()
    assert queue.gave_up(old.id) == Decision([Move(old.id, "cancelled")])


def test_a_job_that_has_not_gone_out_ends_at_once() -> None:
    queue = RenderQueue()
    loading, new = job(caption="rain"), job(caption="storm")
    queue.submit(loading)
    advance(queue)
    assert queue.submit(new)[1] == Decision([Move(loading.id, "superseded")])


def test_a_stop_that_comes_too_late_still_counts() -> None:
    queue = RenderQueue()
    old = started(queue, job())
    queue.cancel(old.id)
    assert queue.rendered(old.id) == Decision([Move(old.id, "cancelled")])


def test_delivering_is_past_the_point_of_no_return() -> None:
    queue = RenderQueue()
    old, new = started(queue, job(caption="rain")), job(caption="storm")
    assert queue.rendered(old.id) == Decision([Move(old.id, "delivering")])
    assert queue.cancel(old.id) == Decision()
    assert queue.submit(new) == (new, Decision())
    assert queue.delivered(old.id, "done") == Decision([Move(old.id, "done")])


def test_the_same_sound_is_not_asked_for_twice() -> None:
    queue = RenderQueue()
    first = job()
    queue.submit(first)
    assert queue.submit(job()) == (first, Decision())
    advance(queue)
    queue.sent(first.id)
    assert queue.submit(job()) == (first, Decision())
    queue.rendered(first.id)
    assert queue.submit(job()) == (first, Decision())


def test_back_to_the_sound_being_delivered_drops_what_came_between() -> None:
    queue = RenderQueue()
    rain = started(queue, job(caption="rain"))
    queue.rendered(rain.id)
    storm = job(caption="storm")
    queue.submit(storm)
    assert queue.submit(job(caption="rain")) == (rain, Decision([Move(storm.id, "superseded")]))


def test_back_to_a_sound_being_stopped_is_a_new_job() -> None:
    queue = RenderQueue()
    rain = started(queue, job(caption="rain"))
    queue.submit(job(caption="storm"))
    again = job(caption="rain")
    assert queue.submit(again)[0] == again
    assert queue.gave_up(rain.id) == Decision([Move(rain.id, "superseded")])


def test_a_worker_may_die_under_a_job_once() -> None:
    queue = RenderQueue()
    unlucky, other = started(queue, job("a")), job("b", "wind")
    queue.submit(other)
    assert queue.worker_lost(0) == Decision([Move(unlucky.id, "queued")])
    assert queue.head() == unlucky
    advance(queue)
    assert queue.worker_lost(0) == Decision([Move(unlucky.id, "failed")]), "the second never began it"
    assert queue.head() == other


def test_a_job_that_two_workers_died_of_is_told_apart() -> None:
    queue = RenderQueue()
    killer = started(queue, job("a"))
    queue.worker_lost(0)
    advance(queue, 1)
    queue.sent(killer.id)
    assert queue.worker_lost(1) == Decision([Move(killer.id, "failed")], killer=killer)


def test_a_worker_that_dies_while_stopping_a_job_has_stopped_it() -> None:
    queue = RenderQueue()
    old = started(queue, job())
    queue.cancel(old.id)
    assert queue.worker_lost(0) == Decision([Move(old.id, "cancelled")])
    assert queue.worker_lost(0) == Decision()


def test_a_lost_worker_costs_its_own_job_alone() -> None:
    queue = RenderQueue()
    first, second = started(queue, job("a"), 0), started(queue, job("b", "wind"), 1)
    assert queue.worker_lost(1) == Decision([Move(second.id, "queued")])
    assert queue.jobs() == [first, second]


def test_a_worker_that_will_not_come_back_is_not_held_against_its_job() -> None:
    queue = RenderQueue()
    one = job("a")
    queue.submit(one)
    for _ in range(3):
        advance(queue, 1)
        assert queue.worker_gone(1) == Decision([Move(one.id, "queued")])


def test_the_same_sound_is_not_made_by_two_workers() -> None:
    queue = RenderQueue()
    first = started(queue, job("a", "rain"), 0)
    same, other = job("b", "rain"), job("c", "wind")
    queue.submit(same)
    queue.submit(other)
    assert queue.head() == other, "nobody waits behind a job that waits for its sound"
    queue.rendered(first.id)
    assert queue.head() == other
    queue.delivered(first.id, "done")
    assert queue.head() == same
    assert queue.found(same.id) == Decision([Move(same.id, "done")])
    assert queue.refuse(same.id) == Decision()


def test_a_newer_edit_runs_beside_the_job_that_it_stops() -> None:
    queue = RenderQueue()
    old = started(queue, job("a", "rain"), 0)
    new = started(queue, job("a", "storm"), 1)
    newest = job("a", "hail")
    assert queue.submit(newest)[1] == Decision(stop=Running(new, 1, True, "superseded"))
    assert queue.gave_up(new.id) == Decision([Move(new.id, "superseded")])
    assert queue.gave_up(old.id) == Decision([Move(old.id, "superseded")])


def test_a_job_that_waits_for_a_model_goes_to_the_worker_that_is_ready_first() -> None:
    queue = RenderQueue()
    one = job("a")
    queue.submit(one)
    advance(queue, 0)
    queue.hand_over(0, 1)
    queue.sent(one.id)
    assert queue.running == {one.id: Running(one, 1, sent=True)}


def test_a_batch_is_of_one_scene_and_one_kind() -> None:
    queue = RenderQueue()
    first = job("a", "rain")
    others = [
        job("a", "rain", "elsewhere"),
        job("b", "rain"),  # the very sound that is made already
        job("c", "wind"),
        with_request(job("d", "hail"), steps=4),
        with_request(job("e", "sea"), origin=Variation(kind="variation", take="a" * 64, strength=0.5)),
        job("f", "snow"),
        job("g", "birds"),
    ]
    for one in (first, *others):
        queue.submit(one)
    queue.held.add(others[6].id)
    advance(queue)
    assert [one.layer for one in queue.mates(first, 5)] == ["c", "f"]
    assert [one.layer for one in queue.mates(first, 1)] == ["c"]
    assert queue.mates(first, 0) == []


def test_jobs_of_a_batch_end_each_for_itself() -> None:
    queue, first, second = batch()
    assert queue.cancel(second.id).stop == Running(second, 0, True, "cancelled")
    assert queue.rendered(first.id) == Decision([Move(first.id, "delivering")])
    assert queue.busy == {0}
    assert queue.gave_up(second.id) == Decision([Move(second.id, "cancelled")])
    assert queue.busy == set()


def test_a_batch_that_a_worker_died_of_is_tried_one_by_one() -> None:
    queue, first, second = batch()
    assert queue.worker_lost(0) == Decision([Move(second.id, "queued"), Move(first.id, "queued")])
    assert queue.jobs() == [first, second]
    advance(queue)
    assert queue.mates(first, 1) == []
    queue.sent(first.id)
    assert queue.worker_lost(0) == Decision([Move(first.id, "failed")], killer=first)
    advance(queue)
    queue.sent(second.id)
    assert queue.rendered(second.id) == Decision([Move(second.id, "delivering")])


def batch() -> tuple[RenderQueue, RenderJob, RenderJob]:
    """A queue whose worker 0 renders two jobs together."""
    queue, first, second = RenderQueue(), job("a", "rain"), job("b", "wind")
    queue.submit(first)
    queue.submit(second)
    advance(queue)
    for mate in queue.mates(first, 1):
        queue.advance(mate, 0)
    queue.sent(first.id)
    queue.sent(second.id)
    return queue, first, second


def with_request(one: RenderJob, **changes: object) -> RenderJob:
    return one.model_copy(update={"request": one.request.model_copy(update=changes)})


def test_removing_a_layer_ends_its_jobs_and_no_others() -> None:
    queue = RenderQueue()
    running, waiting, other = started(queue, job("a", "rain")), job("a", "storm"), job("b", "wind")
    queue.submit(waiting)
    queue.submit(other)
    assert queue.supersede("place", "a") == Decision([Move(waiting.id, "superseded")])
    assert queue.gave_up(running.id) == Decision([Move(running.id, "superseded")])
    assert queue.jobs() == [other]


def test_wanted_interactively_a_batch_job_becomes_so_and_not_the_other_way_round() -> None:
    queue = RenderQueue()
    slow, quick = job("a", "rain"), job("b", "wind")
    queue.submit(slow, "ann", "batch")
    queue.submit(quick, "ann")
    assert queue.jobs() == [quick, slow]
    assert queue.submit(job("a", "rain"), "bob") == (slow, Decision())
    assert queue.turns.place(slow.id) == ("bob", "interactive")
    assert queue.submit(job("a", "rain"), "ann", "batch") == (slow, Decision())
    assert queue.turns.place(slow.id) == ("bob", "interactive")


def test_a_held_job_keeps_its_place_and_lets_others_pass_but_no_batch() -> None:
    queue = RenderQueue()
    typed, other, slow = job("a", "rain"), job("b", "wind"), job("c", "sea")
    for one, client, priority in ((typed, "ann", "interactive"), (other, "bob", "interactive")):
        queue.submit(one, client, priority)  # type: ignore[arg-type]
    queue.submit(slow, "bob", "batch")
    queue.held.add(typed.id)
    assert queue.jobs() == [typed, other, slow]
    assert queue.head() == other
    advance(queue)
    queue.rendered(other.id)
    assert queue.head() is None, "batch would have the worker when the typing ends"
    queue.held.discard(typed.id)
    assert queue.head() == typed


def test_a_held_job_that_ends_is_held_no_more() -> None:
    queue = RenderQueue()
    typed = job()
    queue.submit(typed)
    queue.held.add(typed.id)
    queue.cancel(typed.id)
    assert queue.held == set()


def test_only_what_is_not_there_yet_takes_room() -> None:
    queue = RenderQueue()
    queue.submit(job("a", "rain"), "ann")
    assert not queue.adds(job("a", "rain"), "ann"), "the same sound"
    assert not queue.adds(job("a", "storm"), "ann"), "instead of the other"
    assert queue.adds(job("a", "storm"), "bob"), "it is ann's place that gets free"
    assert queue.adds(job("b", "rain"), "ann")


class AnyOrder(RuleBasedStateMachine):
    """Whatever happens in whatever order: every move is legal, and every job has one place or has ended."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = RenderQueue()
        self.states: dict[str, State] = {}
        self.submitted = 0

    def follow(self, decision: Decision) -> None:
        for moved, state in decision.moves:
            check_move(self.states[moved], state)
            self.states[moved] = state
        if decision.stop is not None:
            assert self.states[decision.stop.job.id] == "running"

    @rule(
        scene=st.sampled_from("xy"),
        layer=st.sampled_from("abc"),
        caption=st.sampled_from("123"),
        client=st.sampled_from(["", "ann", "bob"]),
        priority=st.sampled_from(get_args(Priority)),
        held=st.booleans(),
    )
    def submit(
        self, scene: str, layer: str, caption: str, client: str, priority: Priority, held: bool
    ) -> None:
        self.submitted += 1
        new = job(layer, caption, scene).model_copy(update={"id": f"job{self.submitted}"})
        self.states[new.id] = "queued"
        waited, adds = self.queue.turns.count(client=client), self.queue.adds(new, client)
        kept, decision = self.queue.submit(new, client, priority)
        if kept is not new:
            assert kept.take == new.take
            del self.states[new.id]
        else:
            assert self.queue.turns.count(client=client) == waited + adds
            if held:
                self.queue.held.add(new.id)
        self.follow(decision)

    @rule(scene=st.sampled_from("xy"), layer=st.sampled_from("abc"))
    def supersede(self, scene: str, layer: str) -> None:
        self.follow(self.queue.supersede(scene, layer))

    def free(self) -> list[int]:
        return [worker for worker in range(WORKERS) if worker not in self.queue.busy]

    @precondition(lambda self: self.queue.head() is not None and self.free())
    @rule(ready=st.booleans(), data=st.data())
    def advance(self, ready: bool, data: st.DataObject) -> None:
        head = self.queue.head()
        assert head is not None
        worker = data.draw(st.sampled_from(self.free()))
        self.queue.advance(head, worker)
        batch = [head, *self.queue.mates(head, data.draw(st.integers(0, 2)))]
        for mate in batch[1:]:
            self.queue.advance(mate, worker)
        for one in batch:
            if ready:
                self.queue.sent(one.id)
            self.follow(Decision([Move(one.id, "running" if ready else "loading")]))

    def unsent(self) -> list[int]:
        return [one.worker for one in self.queue.running.values() if not one.sent]

    @precondition(lambda self: self.unsent() and self.free())
    @rule(data=st.data())
    def hand_over(self, data: st.DataObject) -> None:
        self.queue.hand_over(
            data.draw(st.sampled_from(self.unsent())), data.draw(st.sampled_from(self.free()))
        )

    @precondition(lambda self: any(one.sent for one in self.queue.running.values()))
    @rule(finished=st.booleans(), data=st.data())
    def answer(self, finished: bool, data: st.DataObject) -> None:
        sent = [one.job.id for one in self.queue.running.values() if one.sent]
        running = data.draw(st.sampled_from(sent))
        self.follow(self.queue.rendered(running) if finished else self.queue.gave_up(running))

    @precondition(lambda self: self.queue.delivering)
    @rule(kept=st.booleans())
    def deliver(self, kept: bool) -> None:
        self.follow(self.queue.delivered(next(iter(self.queue.delivering)), "done" if kept else "failed"))

    @precondition(lambda self: self.states)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        self.follow(self.queue.cancel(data.draw(st.sampled_from(list(self.states)))))

    @precondition(lambda self: self.queue.held)
    @rule()
    def let_go(self) -> None:
        self.queue.held.pop()

    @precondition(lambda self: self.states)
    @rule(data=st.data(), client=st.sampled_from(["", "ann"]), heir=st.sampled_from(["ann", "bob"]))
    def pass_on(self, data: st.DataObject, client: str, heir: str) -> None:
        self.queue.pass_on(data.draw(st.sampled_from(list(self.states))), client, heir)

    @rule(worker=st.integers(0, WORKERS - 1))
    def lose_worker(self, worker: int) -> None:
        self.follow(self.queue.worker_lost(worker))

    @rule(worker=st.integers(0, WORKERS - 1))
    def miss_worker(self, worker: int) -> None:
        self.follow(self.queue.worker_gone(worker))

    @precondition(lambda self: self.queue.waiting)
    @rule(found=st.booleans(), data=st.data())
    def leave(self, found: bool, data: st.DataObject) -> None:
        waiting = data.draw(st.sampled_from([one.id for one in self.queue.waiting.values()]))
        self.follow(self.queue.found(waiting) if found else self.queue.refuse(waiting))

    @rule()
    def give_up(self) -> None:
        self.follow(self.queue.fail_all())

    @invariant()
    def every_job_has_one_place(self) -> None:
        there = [one.id for one in self.queue.jobs()]
        assert len(there) == len(set(there))
        assert set(there) == {one for one, state in self.states.items() if state not in FINAL}

    @invariant()
    def places_agree_with_states(self) -> None:
        assert all(self.states[one.id] == "queued" for one in self.queue.waiting.values())
        assert all(self.states[one] == "delivering" for one in self.queue.delivering)
        assert all(key == (one.scene, one.layer) for key, one in self.queue.waiting.items())
        assert sorted(self.queue.turns.order()) == sorted(one.id for one in self.queue.waiting.values())
        assert self.queue.held <= set(self.queue.turns.order())
        head = self.queue.head()
        assert head is None or head.id not in self.queue.held
        for worker in self.queue.busy:
            batch = self.queue.of_worker(worker)
            assert len({(one.sent, one.job.scene) for one in batch}) == 1
            assert all(alike(batch[0].job.request, one.job.request) for one in batch[1:])
        for running in self.queue.running.values():
            assert self.states[running.job.id] == ("running" if running.sent else "loading")

    @invariant()
    def a_layer_has_one_job_that_is_not_being_stopped(self) -> None:
        making = [one.job for one in self.queue.running.values() if one.ending is None]
        waiting = list(self.queue.waiting.values())
        layers = [(one.scene, one.layer) for one in making + waiting]
        assert len(layers) == len(set(layers))
        sounds = [one.take for one in [*making, *self.queue.delivering.values()]]
        assert len(sounds) == len(set(sounds)), "no sound is made twice"


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
