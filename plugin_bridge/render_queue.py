"""Which stem renders next, and what a newer edit does to what waits or runs. Pure: no clock, no sockets.

A worker has one job at a time, a layer at most one waiting, and the newest edit wins. The queue decides and
says what became of which job (`Decision`); telling clients and workers is the caller's business, and so is
which worker a job goes to (`placement`).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final, Literal, NamedTuple

from scene_schema.job_states import State
from scene_schema.rendering import RenderJob

Ending = Literal["cancelled", "superseded"]

DEATHS: Final = 2  # workers that may die under a job before the job is taken for the cause


class Move(NamedTuple):
    """A job's new state."""

    job: str
    state: State


@dataclass(frozen=True)
class Running:
    """The job that has a worker, by the worker's number. `sent` is False while the worker still loads its
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
    """Waiting, running and delivering jobs. A job that ended is forgotten."""

    def __init__(self) -> None:
        self.waiting: dict[tuple[str, str], RenderJob] = {}  # in the order they will run
        self.running: dict[int, Running] = {}  # by the worker's number
        self.delivering: dict[str, RenderJob] = {}  # rendered, not yet on disk: nothing stops these
        self._deaths: dict[str, int] = {}
        self._killed: dict[str, int] = {}  # those of them that had begun to render the job

    def submit(self, job: RenderJob) -> tuple[RenderJob, Decision]:
        """Takes a job in, and returns the job that will make the stem.

        That is an older one where the same sound is already on its way for this layer. A waiting job for
        another sound is superseded, and its place in the queue is inherited; a running one is stopped.
        """
        for there in self._of_layer(job.scene, job.layer):
            if there.take == job.take and not self._is_ending(there):
                decision = Decision()
                if there.id in self.delivering:  # the layer is back where it was: what came between is moot
                    decision = self.supersede(job.scene, job.layer)
                return there, decision
        decision = Decision()
        key = (job.scene, job.layer)
        older = self.waiting.get(key)
        if older is not None:
            decision.moves.append(self._end(older, "superseded"))
        self._stop_running(key, "superseded", decision)
        self.waiting[key] = job
        return job, decision

    def supersede(self, scene: str, layer: str) -> Decision:
        """Nothing that is on its way for this layer is wanted any more."""
        decision = Decision()
        older = self.waiting.pop((scene, layer), None)
        if older is not None:
            decision.moves.append(self._end(older, "superseded"))
        self._stop_running((scene, layer), "superseded", decision)
        return decision

    def cancel(self, job_id: str) -> Decision:
        """Somebody asked for this job to stop. Nothing happens to one that is delivering or ended."""
        decision = Decision()
        for key, job in self.waiting.items():
            if job.id == job_id:
                del self.waiting[key]
                decision.moves.append(self._end(job, "cancelled"))
                return decision
        if (running := self.running_job(job_id)) is not None:
            self._stop(running, "cancelled", decision)
        return decision

    def head(self) -> RenderJob | None:
        """The waiting job that an idle worker gets next: the first whose sound is not being made already."""
        if not self.waiting:
            return None
        coming = {job.take for job in self.delivering.values()}
        coming |= {one.job.take for one in self.running.values() if one.ending is None}
        return next((job for job in self.waiting.values() if job.take not in coming), None)

    def advance(self, job: RenderJob, worker: int) -> None:
        """Gives a worker that has none a waiting job."""
        assert worker not in self.running
        del self.waiting[job.scene, job.layer]
        self.running[worker] = Running(job, worker)

    def hand_over(self, worker: int, other: int) -> None:
        """A job that has not gone out yet goes to another worker, which was ready first."""
        assert other not in self.running and not self.running[worker].sent
        self.running[other] = replace(self.running.pop(worker), worker=other)

    def sent(self, worker: int) -> None:
        """The job has gone out to its worker: from here it has to be stopped there."""
        self.running[worker] = replace(self.running[worker], sent=True)

    def running_job(self, job_id: str) -> Running | None:
        """The job, if a worker has it."""
        return next((one for one in self.running.values() if one.job.id == job_id), None)

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
        """The sound of a waiting job is there already, made for another layer: done without a render."""
        return self._leave(job_id, "done")

    def refuse(self, job_id: str) -> Decision:
        """A waiting job is not to be tried: `failed`."""
        return self._leave(job_id, "failed")

    def _leave(self, job_id: str, state: State) -> Decision:
        job = next((one for one in self.waiting.values() if one.id == job_id), None)
        if job is None:
            return Decision()
        del self.waiting[job.scene, job.layer]
        return Decision([self._end(job, state)])

    def delivered(self, job_id: str, state: Literal["done", "failed"]) -> Decision:
        """A delivering job has its take on disk, or could not be kept."""
        job = self.delivering.pop(job_id, None)
        return Decision() if job is None else Decision([self._end(job, state)])

    def worker_lost(self, worker: int) -> Decision:
        """A worker died. Its job goes first in the queue again, once; the second death is its last."""
        running = self.running.pop(worker, None)
        if running is None:
            return Decision()
        job = running.job
        if running.ending is not None:
            return Decision([self._end(job, running.ending)])
        self._deaths[job.id] = self._deaths.get(job.id, 0) + 1
        self._killed[job.id] = self._killed.get(job.id, 0) + running.sent
        if self._deaths[job.id] >= DEATHS:
            killer = job if self._killed[job.id] >= DEATHS else None
            return Decision([self._end(job, "failed")], killer=killer)
        return self._again(job)

    def worker_gone(self, worker: int) -> Decision:
        """A worker will not come back: its job, which is not to blame, is for the others."""
        running = self.running.pop(worker, None)
        if running is None:
            return Decision()
        if running.ending is not None:
            return Decision([self._end(running.job, running.ending)])
        return self._again(running.job)

    def _again(self, job: RenderJob) -> Decision:
        # nothing waits for its layer: it would have stopped this one
        self.waiting = {(job.scene, job.layer): job, **self.waiting}
        return Decision([Move(job.id, "queued")])

    def fail_all(self) -> Decision:
        """There will be no worker: whatever waits or runs fails."""
        moves = [self._end(job, "failed") for job in self.waiting.values()]
        self.waiting.clear()
        moves += [self._end(one.job, one.ending or "failed") for one in self.running.values()]
        self.running.clear()
        return Decision(moves)

    def positions(self) -> dict[str, int]:
        """How many jobs are ahead of each waiting one."""
        ahead = len(self.running)
        return {job.id: ahead + place for place, job in enumerate(self.waiting.values())}

    def job_of(self, scene: str, layer: str) -> RenderJob | None:
        """The newest job on its way for this layer."""
        jobs = self._of_layer(scene, layer)
        return jobs[0] if jobs else None

    def jobs(self) -> list[RenderJob]:
        """Every job on its way: delivering, running, then waiting in order."""
        running = [one.job for one in self.running.values()]
        return [*self.delivering.values(), *running, *self.waiting.values()]

    def _of_layer(self, scene: str, layer: str) -> list[RenderJob]:
        """Newest first."""
        return [job for job in reversed(self.jobs()) if (job.scene, job.layer) == (scene, layer)]

    def _is_ending(self, job: RenderJob) -> bool:
        running = self.running_job(job.id)
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
            decision.stop = self.running[running.worker] = replace(running, ending=ending)
        else:
            del self.running[running.worker]
            decision.moves.append(self._end(running.job, ending))

    def _take_running(self, job_id: str) -> Running | None:
        running = self.running_job(job_id)
        return None if running is None else self.running.pop(running.worker)

    def _end(self, job: RenderJob, state: State) -> Move:
        self._deaths.pop(job.id, None)
        self._killed.pop(job.id, None)
        return Move(job.id, state)
