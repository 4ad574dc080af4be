"""Which stem renders next, and what a newer edit does to what waits or runs. Pure: no clock, no sockets.

A worker has one job at a time or one batch, a layer at most one waiting, and the newest edit wins. In which
order jobs wait is for `turns` to say, which worker a job goes to for `placement`. The queue decides and says
what became of which job (`Decision`); telling clients and workers is the caller's business.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final, Literal, NamedTuple

from engine.renderer import alike
from plugin_bridge.turns import Place, Turns
from scene_schema.job_states import State
from scene_schema.priority import Priority
from scene_schema.rendering import RenderJob

Ending = Literal["cancelled", "superseded"]

HASTENED: Final = ("batch", "interactive")  # how it was wanted before, and how it is now
DEATHS: Final = 2  # workers that may die under a job before the job is taken for the cause


class Move(NamedTuple):
    """A job's new state."""

    job: str
    state: State


@dataclass(frozen=True)
class Running:
    """A job that has a worker, by the worker's number. `sent` is False while the worker still loads its
    model; `ending` is what the job becomes once the worker has stopped it."""

    job: RenderJob
    worker: int
    sent: bool = False
    ending: Ending | None = None


@dataclass
class Decision:
    """What a call changed: the moves in order, and the job that its worker must be told to stop, if any.

    `killer` is a job that ended because workers died while they rendered it: another worker would, too.
    """

    moves: list[Move] = field(default_factory=list)
    stop: Running | None = None
    killer: RenderJob | None = None


class RenderQueue:
    """Waiting, running and delivering jobs. A job that ended is forgotten.

    Attributes:
        held: waiting jobs that may not run yet, because somebody still types. They keep their places; other
            interactive jobs pass them, batch does not.
    """

    def __init__(self) -> None:
        self.waiting: dict[tuple[str, str], RenderJob] = {}
        self.turns = Turns()  # the same jobs, in the order they will run
        self.held: set[str] = set()
        self.running: dict[str, Running] = {}  # by the job
        self.delivering: dict[str, RenderJob] = {}  # rendered, not yet on disk: nothing stops these
        self._deaths: dict[str, int] = {}
        self._killed: dict[str, int] = {}  # those of them that had begun to render the job
        self._places: dict[str, Place] = {}  # of jobs that had their turn, should it come to nothing
        self.alone: set[str] = set()  # jobs under which a worker died: in no batch any more

    def submit(
        self, job: RenderJob, client: str = "", priority: Priority = "interactive"
    ) -> tuple[RenderJob, Decision]:
        """Takes a job in, and returns the job that will make the stem.

        That is an older one where the same sound is already on its way for this layer; if that waits as
        batch and is wanted interactively now, it becomes so, in `client`'s turn. A waiting job for another
        sound is superseded, and its place in the queue is inherited within a class; a running one is stopped.
        """
        there = self.same(job.scene, job.layer, job.take)
        if there is not None:
            decision = Decision()
            if there.id in self.delivering:  # the layer is back where it was: what came between is moot
                decision = self.supersede(job.scene, job.layer)
            elif self.is_waiting(there.id) and (self.turns.place(there.id).priority, priority) == HASTENED:
                self.turns.move(there.id, client, priority)
            return there, decision
        decision = Decision()
        key = (job.scene, job.layer)
        older = self.waiting.get(key)
        if older is not None:
            self.turns.replace(older.id, job.id, client, priority)
            decision.moves.append(self._end(older, "superseded"))
        else:
            self.turns.join(job.id, client, priority)
        self._stop_running(key, "superseded", decision)
        self.waiting[key] = job
        return job, decision

    def adds(self, job: RenderJob, client: str) -> bool:
        """Whether this client would have one more job waiting, if the job were submitted."""
        if self.same(job.scene, job.layer, job.take) is not None:
            return False
        older = self.waiting.get((job.scene, job.layer))
        return older is None or self.turns.place(older.id).client != client

    def same(self, scene: str, layer: str, take: str) -> RenderJob | None:
        """The job on its way that makes this very sound for this layer."""
        for there in self._of_layer(scene, layer):
            if there.take == take and not self._is_ending(there):
                return there
        return None

    def pass_on(self, job_id: str, client: str, heir: str) -> None:
        """A waiting job is no longer this client's: if it waits for its turn, it does for the heir's from now
        on, behind the others of that one."""
        if self.is_waiting(job_id) and self.turns.place(job_id).client == client:
            self.turns.move(job_id, heir, self.turns.place(job_id).priority)

    def is_waiting(self, job_id: str) -> bool:
        """Whether the job waits for its turn, held or not."""
        return any(job.id == job_id for job in self.waiting.values())

    def supersede(self, scene: str, layer: str) -> Decision:
        """Nothing that is on its way for this layer is wanted any more."""
        decision = Decision()
        older = self.waiting.get((scene, layer))
        if older is not None:
            self._remove(older)
            decision.moves.append(self._end(older, "superseded"))
        self._stop_running((scene, layer), "superseded", decision)
        return decision

    def cancel(self, job_id: str) -> Decision:
        """Somebody asked for this job to stop. Nothing happens to one that is delivering or ended."""
        decision = Decision()
        for job in self.waiting.values():
            if job.id == job_id:
                self._remove(job)
                decision.moves.append(self._end(job, "cancelled"))
                return decision
        if (running := self.running.get(job_id)) is not None:
            self._stop(running, "cancelled", decision)
        return decision

    def head(self) -> RenderJob | None:
        """The waiting job that an idle worker gets next: the first that may run and whose sound is not being
        made already."""
        if not self.waiting:
            return None
        coming = self._coming()
        return next((job for job in self._runnable() if job.take not in coming), None)

    def advance(self, job: RenderJob, worker: int) -> None:
        """Gives a waiting job to a worker that has none, or none that went out."""
        assert not any(one.sent for one in self.of_worker(worker))
        self._take_turn(job)
        self.running[job.id] = Running(job, worker)

    def mates(self, job: RenderJob, most: int) -> list[RenderJob]:
        """Waiting jobs of the same scene, no more than `most`, that can be rendered as one batch with this
        one, which has just got its worker. They pass others, whom that costs little: a batch takes less than
        its jobs one by one."""
        if most < 1 or job.id in self.alone:
            return []
        coming = self._coming()
        found: list[RenderJob] = []
        for one in self._runnable():
            fits = one.scene == job.scene and one.id not in self.alone and alike(one.request, job.request)
            if fits and one.take not in coming and len(found) < most:
                coming.add(one.take)
                found.append(one)
        return found

    def hand_over(self, worker: int, other: int) -> None:
        """What has not gone out yet goes to another worker, which was ready first."""
        assert not self.of_worker(other)
        for one in self.of_worker(worker):
            assert not one.sent
            self.running[one.job.id] = replace(one, worker=other)

    def sent(self, job_id: str) -> None:
        """The job has gone out to its worker: from here it has to be stopped there."""
        self.running[job_id] = replace(self.running[job_id], sent=True)

    def of_worker(self, worker: int) -> list[Running]:
        """What a worker has."""
        return [one for one in self.running.values() if one.worker == worker]

    @property
    def busy(self) -> set[int]:
        """The workers that have a job."""
        return {one.worker for one in self.running.values()}

    def rendered(self, job_id: str) -> Decision:
        """The worker is done with the running job: it delivers, or ends as it was already bound to."""
        running = self.running.pop(job_id, None)
        if running is None:
            return Decision()
        if running.ending is not None:
            return Decision([self._end(running.job, running.ending)])
        self.delivering[job_id] = running.job
        return Decision([Move(job_id, "delivering")])

    def gave_up(self, job_id: str) -> Decision:
        """The worker stopped the running job or failed at it: `failed`, unless it was being stopped."""
        running = self.running.pop(job_id, None)
        return (
            Decision() if running is None else Decision([self._end(running.job, running.ending or "failed")])
        )

    def found(self, job_id: str) -> Decision:
        """The sound of a waiting job is there already, made for another layer: done without a render."""
        return self._leave(job_id, "done")

    def refuse(self, job_id: str) -> Decision:
        """A waiting job is not to be tried: `failed`."""
        return self._leave(job_id, "failed")

    def _leave(self, job_id: str, state: State) -> Decision:
        job = next((one for one in self.waiting.values() if one.id == job_id), None)
        if job is None:
            return Decision()
        self._remove(job)
        return Decision([self._end(job, state)])

    def delivered(self, job_id: str, state: Literal["done", "failed"]) -> Decision:
        """A delivering job has its take on disk, or could not be kept."""
        job = self.delivering.pop(job_id, None)
        return Decision() if job is None else Decision([self._end(job, state)])

    def worker_lost(self, worker: int) -> Decision:
        """A worker died. Its job goes first in the queue again, once; the second death is its last.

        They are rendered one by one from then on, so that the second death tells which was the cause.
        """
        decision = Decision()
        lost = self.of_worker(worker)
        for running in reversed(lost):  # each goes before those put back so far
            job = self.running.pop(running.job.id).job
            self._deaths[job.id] = self._deaths.get(job.id, 0) + 1
            self._killed[job.id] = self._killed.get(job.id, 0) + running.sent
            self.alone.add(job.id)
            if running.ending is None and self._deaths[job.id] >= DEATHS:
                decision.killer = job if self._killed[job.id] >= DEATHS else None
                decision.moves.append(self._end(job, "failed"))
            else:
                decision.moves.append(self._again(running))
        return decision

    def worker_gone(self, worker: int) -> Decision:
        """A worker will not come back: its jobs, which are not to blame, are for the others."""
        gone = self.of_worker(worker)
        return Decision([self._again(self.running.pop(one.job.id)) for one in reversed(gone)])

    def _again(self, running: Running) -> Move:
        if running.ending is not None:
            return self._end(running.job, running.ending)
        self._put_back(running.job)  # nothing waits for its layer: it would have stopped this one
        return Move(running.job.id, "queued")

    def fail_all(self) -> Decision:
        """There will be no worker: whatever waits or runs fails."""
        moves = [self._end(job, "failed") for job in self._in_order()]
        self.waiting.clear()
        self.turns = Turns()
        moves += [self._end(one.job, one.ending or "failed") for one in self.running.values()]
        self.running.clear()
        return Decision(moves)

    def positions(self) -> dict[str, int]:
        """How many jobs are ahead of each waiting one."""
        ahead = len(self.running)
        return {job_id: ahead + place for place, job_id in enumerate(self.turns.order())}

    def job_of(self, scene: str, layer: str) -> RenderJob | None:
        """The newest job on its way for this layer."""
        jobs = self._of_layer(scene, layer)
        return jobs[0] if jobs else None

    def jobs(self) -> list[RenderJob]:
        """Every job on its way: delivering, running, then waiting in order."""
        running = [one.job for one in self.running.values()]
        return [*self.delivering.values(), *running, *self._in_order()]

    def _in_order(self) -> list[RenderJob]:
        waiting = {job.id: job for job in self.waiting.values()}
        return [waiting[job_id] for job_id in self.turns.order()]

    def _runnable(self) -> list[RenderJob]:
        """What waits and may run, in order."""
        runnable: list[RenderJob] = []
        typing = False
        for job in self._in_order():
            batch = self.turns.place(job.id).priority == "batch"
            if job.id in self.held:
                typing = True
            elif batch and typing:
                break  # who types waits for a moment; what got the worker now would keep it for longer
            else:
                runnable.append(job)
        return runnable

    def _coming(self) -> set[str]:
        """The takes that are being made."""
        running = {one.job.take for one in self.running.values() if one.ending is None}
        return running | {job.take for job in self.delivering.values()}

    def _take_turn(self, job: RenderJob) -> None:
        del self.waiting[job.scene, job.layer]
        self._places[job.id] = self.turns.take(job.id)

    def _put_back(self, job: RenderJob) -> None:
        self.waiting[job.scene, job.layer] = job
        self.turns.put_back(job.id, self._places.pop(job.id))

    def _remove(self, job: RenderJob) -> None:
        del self.waiting[job.scene, job.layer]
        self.turns.leave(job.id)

    def _of_layer(self, scene: str, layer: str) -> list[RenderJob]:
        """Newest first."""
        return [job for job in reversed(self.jobs()) if (job.scene, job.layer) == (scene, layer)]

    def _is_ending(self, job: RenderJob) -> bool:
        running = self.running.get(job.id)
        return running is not None and running.ending is not None

    def _stop_running(self, key: tuple[str, str], ending: Ending, decision: Decision) -> None:
        # a layer has one running job at most that is not being stopped already
        for running in list(self.running.values()):
            if (running.job.scene, running.job.layer) == key:
                self._stop(running, ending, decision)

    def _stop(self, running: Running, ending: Ending, decision: Decision) -> None:
        if running.ending is not None:
            return
        if running.sent:
            decision.stop = self.running[running.job.id] = replace(running, ending=ending)
        else:
            del self.running[running.job.id]
            decision.moves.append(self._end(running.job, ending))

    def _end(self, job: RenderJob, state: State) -> Move:
        self._deaths.pop(job.id, None)
        self._places.pop(job.id, None)
        self.held.discard(job.id)
        self.alone.discard(job.id)
        self._killed.pop(job.id, None)
        return Move(job.id, state)
