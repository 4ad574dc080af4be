"""Which stem renders next, and what a newer edit does to what waits or runs. Pure: no clock, no sockets.

One job runs at a time; a layer has at most one job waiting, and the newest edit wins. In which order jobs
wait is for `turns` to say. The queue decides and says what became of which job (`Decision`); telling clients
and the worker is the caller's business.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final, Literal, NamedTuple

from plugin_bridge.turns import Place, Turns
from scene_schema.job_states import State
from scene_schema.priority import Priority
from scene_schema.rendering import RenderJob

Ending = Literal["cancelled", "superseded"]

DEATHS: Final = 2  # workers that may die under a job before the job is taken for the cause


class Move(NamedTuple):
    """A job's new state."""

    job: str
    state: State


@dataclass(frozen=True)
class Running:
    """The job that has the worker. `sent` is False while the worker still loads its model; `ending` is what
    the job becomes once the worker has stopped it."""

    job: RenderJob
    sent: bool = False
    ending: Ending | None = None


@dataclass
class Decision:
    """What a call changed: the moves in order, and the job that the worker must be told to stop, if any."""

    moves: list[Move] = field(default_factory=list)
    stop: str | None = None


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
        self.running: Running | None = None
        self.delivering: dict[str, RenderJob] = {}  # rendered, not yet on disk: nothing stops these
        self._deaths: dict[str, int] = {}
        self._places: dict[str, Place] = {}  # of jobs that had their turn, should it come to nothing

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
            elif (
                self.is_waiting(there.id) and self.turns.place(there.id).priority != priority == "interactive"
            ):
                self.turns.leave(there.id)
                self.turns.join(there.id, client, priority)
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
            priority = self.turns.place(job_id).priority
            self.turns.leave(job_id)
            self.turns.join(job_id, heir, priority)

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
        if self.running is not None and self.running.job.id == job_id:
            self._stop_running((self.running.job.scene, self.running.job.layer), "cancelled", decision)
        return decision

    def head(self) -> RenderJob | None:
        """The job to run next; None where the worker is taken or nothing that may run waits."""
        return next(iter(self._runnable()), None) if self.running is None else None

    def advance(self) -> None:
        """Gives the worker to the job at the head."""
        job = self.head()
        assert job is not None
        self._take_turn(job)
        self.running = Running(job)

    def sent(self) -> None:
        """The running job has gone out to the worker: from here it has to be stopped there."""
        assert self.running is not None
        self.running = replace(self.running, sent=True)

    def rendered(self, job_id: str) -> Decision:
        """The worker is done with the running job: it delivers, or ends as it was already bound to."""
        running = self._take_running(job_id)
        if running is None:
            return Decision()
        if running.ending is not None:
            return Decision([self._end(running.job, running.ending)])
        self.delivering[job_id] = running.job
        return Decision([Move(job_id, "delivering")])

    def gave_up(self, job_id: str) -> Decision:
        """The worker stopped the running job or failed at it: `failed`, unless it was being stopped."""
        running = self._take_running(job_id)
        return (
            Decision() if running is None else Decision([self._end(running.job, running.ending or "failed")])
        )

    def found(self, job_id: str) -> Decision:
        """The sound of the running job is there already, made for another layer: done without a render."""
        running = self._take_running(job_id)
        return Decision() if running is None else Decision([self._end(running.job, "done")])

    def delivered(self, job_id: str, state: Literal["done", "failed"]) -> Decision:
        """A delivering job has its take on disk, or could not be kept."""
        job = self.delivering.pop(job_id, None)
        return Decision() if job is None else Decision([self._end(job, state)])

    def worker_lost(self) -> Decision:
        """The worker died. Its job goes first in the queue again, once; the second death is its last."""
        running = self.running
        if running is None:
            return Decision()
        self.running = None
        job = running.job
        if running.ending is not None:
            return Decision([self._end(job, running.ending)])
        self._deaths[job.id] = self._deaths.get(job.id, 0) + 1
        if self._deaths[job.id] >= DEATHS:
            return Decision([self._end(job, "failed")])
        self._put_back(job)
        return Decision([Move(job.id, "queued")])

    def fail_all(self) -> Decision:
        """There will be no worker: whatever waits or runs fails."""
        moves = [self._end(job, "failed") for job in self._in_order()]
        self.waiting.clear()
        self.turns = Turns()
        if self.running is not None:
            moves.append(self._end(self.running.job, self.running.ending or "failed"))
            self.running = None
        return Decision(moves)

    def positions(self) -> dict[str, int]:
        """How many jobs are ahead of each waiting one."""
        ahead = 0 if self.running is None else 1
        return {job_id: ahead + place for place, job_id in enumerate(self.turns.order())}

    def job_of(self, scene: str, layer: str) -> RenderJob | None:
        """The newest job on its way for this layer."""
        jobs = self._of_layer(scene, layer)
        return jobs[0] if jobs else None

    def jobs(self) -> list[RenderJob]:
        """Every job on its way: delivering, running, then waiting in order."""
        running = [] if self.running is None else [self.running.job]
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

    def _hasten(self, job: RenderJob, client: str) -> None:
        if self.turns.place(job.id).priority == "batch":
            self.turns.leave(job.id)
            self.turns.join(job.id, client, "interactive")

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
        running = self.running
        return running is not None and running.job.id == job.id and running.ending is not None

    def _stop_running(self, key: tuple[str, str], ending: Ending, decision: Decision) -> None:
        running = self.running
        if running is None or (running.job.scene, running.job.layer) != key or running.ending is not None:
            return
        if running.sent:
            self.running = replace(running, ending=ending)
            decision.stop = running.job.id
        else:
            self.running = None
            decision.moves.append(self._end(running.job, ending))

    def _take_running(self, job_id: str) -> Running | None:
        running = self.running
        if running is None or running.job.id != job_id:
            return None
        self.running = None
        return running

    def _end(self, job: RenderJob, state: State) -> Move:
        self._deaths.pop(job.id, None)
        self._places.pop(job.id, None)
        self.held.discard(job.id)
        return Move(job.id, state)
