"""Render jobs from request to take: joins queue, workers, audio store and events. No sockets.

The queue decides; this carries the decisions out and keeps what clients see of each job (`JobStatus`).
"""

from __future__ import annotations

import asyncio
import heapq
import logging
import uuid
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Sequence
from itertools import islice
from typing import Any, Final, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from engine.audio import peak_db, rms_db
from engine.log_lines import about, fields
from engine.loudness import measure
from plugin_bridge import planner
from plugin_bridge.access import Caller
from plugin_bridge.audio_store import Audio, AudioStore
from plugin_bridge.config import BridgeConfig
from plugin_bridge.drafts import Draft, Drafts
from plugin_bridge.guard import guarded
from plugin_bridge.origin_takes import job_with_old
from plugin_bridge.placement import Placement
from plugin_bridge.planner import Standing
from plugin_bridge.poison import Poison
from plugin_bridge.quiet_time import QuietTime
from plugin_bridge.render_pace import RenderPace
from plugin_bridge.render_queue import Decision, RenderQueue
from plugin_bridge.scene_store import SceneStore
from scene_schema.capabilities import Capabilities
from scene_schema.envelope import Envelope, envelope_for
from scene_schema.errors import Refused, shown
from scene_schema.identity import identity
from scene_schema.job_states import FINAL, State, check_move
from scene_schema.messages import (
    FROM_WORKER,
    CancelJob,
    DraftReady,
    Failure,
    JobStatus,
    RenderDone,
    RenderDraft,
    RenderFailed,
    RenderProgress,
    RenderStopped,
    TakeReady,
    WorkerBroken,
    WorkerStatus,
)
from scene_schema.origin import take_of
from scene_schema.priority import Priority
from scene_schema.rendering import RenderJob, RenderRequest, Take

log = logging.getLogger("stemscape.bridge")

FINISHED_KEPT: Final = 1000  # for clients that missed a job's last event; hours of work at any pace
LOADED: Final = ("ready", "rendering")  # states of a worker that has its model
POSITIONS_TOLD: Final = 32  # a full scene's worth; jobs further behind are told when they come nearer

Announce = Callable[[str, str, BaseModel, str], None]
"""Tells everyone: topic, event type, content, id of the message that caused it."""


class _Hold(NamedTuple):
    """A job that waits until its layer is quiet, and the timer that ends that."""

    due_s: float
    timer: asyncio.TimerHandle


class Pool(Protocol):
    """What the desk needs of the workers' processes, which it names by number."""

    @property
    def statuses(self) -> Sequence[WorkerStatus]: ...

    def send(self, worker: int, message: Envelope) -> None: ...

    def kill(self, worker: int) -> None: ...

    def load(self, worker: int) -> None: ...

    def unload(self, worker: int) -> None: ...


class JobDesk:
    """All jobs of a bridge. To be used from the event loop's thread only.

    Attributes:
        drafts: of the jobs on their way.
        when_stopping: told the id of a job that the worker is asked to stop.
    """

    def __init__(
        self,
        config: BridgeConfig,
        model: Capabilities,
        store: SceneStore,
        audio: AudioStore,
        workers: Pool,
        announce: Announce,
        clock: Callable[[], float],
        when_kept: Callable[[], None] = lambda: None,
    ) -> None:
        self._when_kept = when_kept  # told after every new take
        self.when_stopping: Callable[[str], None] = lambda _: None
        self._config = config
        self._model = model
        self._store = store
        self._audio = audio
        self._workers = workers
        self._announce = announce
        self._clock = clock
        self._queue = RenderQueue()
        self.drafts = Drafts()
        self._pace = RenderPace()
        self._quiet = QuietTime(
            quiet_s=config.quiet_s, longest_s=config.quiet_longest_s, from_s=config.quiet_from_s
        )
        self._holds: dict[str, _Hold] = {}  # jobs whose layers are still being edited
        self._statuses: dict[str, JobStatus] = {}  # jobs on their way
        self._finished: OrderedDict[str, str] = OrderedDict()  # as JSON: they are many, and seldom asked for
        self._causes: dict[str, str] = {}
        self._positions: dict[str, int] = {}
        self._steps_told_s: dict[str, float] = {}
        self._placement = Placement()
        self._poison = Poison()
        self._failures: dict[int, Failure] = {}  # of workers that will not come back
        self._broken: Failure | None = None  # why there will be no worker
        self._tasks: set[asyncio.Task[None]] = set()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._fetching: set[str] = set()  # jobs whose old take is being read

    # --- what clients ask -------------------------------------------------------------------------------

    def submit(
        self,
        scene: str,
        revision: int,
        wanted: Sequence[Standing],
        cause: str,
        owner: str,
        *,
        draft: bool = False,
        priority: Priority = "interactive",
        typed: bool = False,
    ) -> list[JobStatus]:
        """Jobs that will make these layers fresh; ones on their way already are returned, not doubled, and
        get `owner` for one more. With `draft` a draft comes first, where there is time for one. `typed`: an
        edit that others may follow at once, so that its render may have to wait for quiet.

        Raises `Refused` (`too_many_jobs`), and has done nothing, where more of the owner's would wait than
        may.
        """
        jobs = [
            RenderJob(
                id=uuid.uuid4().hex,
                scene=scene,
                layer=one.layer.id,
                revision=revision,
                request=one.request,
                cause=cause,
            )
            for one in wanted
        ]
        self._check_room(jobs, owner)
        typed = typed and priority == "interactive"
        taken = [
            self._submit(self._with_draft(job) if draft else job, cause, owner, priority, typed)
            for job in jobs
        ]
        outlook, positions = self._outlook(), self._queue.positions()
        statuses = [self._seen(self._known(job_id), outlook, positions) for job_id in taken]
        new = {job.id for job in jobs}
        for status in statuses:
            if status.job in new:
                if status.position is not None:
                    self._positions[status.job] = status.position
                self._announce(f"scene.{scene}", "event.job", status, cause)
        if self._refuse_poisoned(jobs):
            statuses = [self.get(job_id) for job_id in taken]
        self._pump()
        return statuses

    def is_coming(self, scene: str, one: Standing) -> bool:
        """Whether the very sound that this layer wants is on its way."""
        return self._queue.same(scene, one.layer.id, one.wanted) is not None

    def supersede(self, scene: str, layers: Sequence[str]) -> None:
        """Whatever is on its way for these layers is wanted no more."""
        for layer in layers:
            self._carry_out(self._queue.supersede(scene, layer))
        self._pump()

    def cancel(self, job_id: str, caller: Caller) -> JobStatus:
        """Asks a job to stop, and returns how it stands now. Raises `Refused` (`not_found`, `denied`)."""
        status = self.get(job_id)
        if not caller.may_cancel(status.owners):
            log.warning("%s may not cancel job %s of %s", shown(caller.name), job_id, status.owners)
            raise Refused(
                "denied",
                f"job {shown(job_id)} belongs to {', '.join(status.owners)}",
                remedy="Only they cancel it, and operators: send the operator's token as well.",
            )
        self._carry_out(self._queue.cancel(job_id))
        self._pump()
        return self.get(job_id)

    def leave(self, owner: str, scene: str | None = None) -> list[JobStatus]:
        """This client wants its jobs no more (with `scene`: those of it); returns how they stand now.

        What others asked for too goes on, for them.
        """
        left: list[str] = []
        for job in self._queue.jobs():
            status = self._statuses[job.id]
            if owner not in status.owners or scene not in (None, job.scene):
                continue
            left.append(job.id)
            others = [one for one in status.owners if one != owner]
            if others:
                self._statuses[job.id] = status.model_copy(update={"owners": others})
                self._queue.pass_on(job.id, owner, others[0])
                self._tell(job.id)
            else:
                self._carry_out(self._queue.cancel(job.id))
        self._pump()
        return [self.get(job_id) for job_id in left]

    def get(self, job_id: str) -> JobStatus:
        """How a job stands. Raises `Refused` (`not_found`)."""
        status = self._known(job_id)
        if status.state in FINAL:
            return status
        return self._seen(status, self._outlook(), self._queue.positions())

    def job_of(self, scene: str, layer: str) -> str | None:
        """The job on its way for a layer."""
        job = self._queue.job_of(scene, layer)
        return None if job is None else job.id

    def active(self) -> list[JobStatus]:
        """Every job on its way, in order."""
        outlook, positions = self._outlook(), self._queue.positions()
        return [self._seen(self._statuses[job.id], outlook, positions) for job in self._queue.jobs()]

    def takes(self) -> set[str]:
        """The takes that jobs on their way make, wait for or start from."""
        jobs = self._queue.jobs()
        return {job.take for job in jobs} | {take for job in jobs if (take := take_of(job.request.origin))}

    async def close(self) -> None:
        """Ends every job; takes that are being written are still kept."""
        failure = Failure(
            code="shutting_down", message="the engine was stopped", remedy="Start it and render again."
        )
        self._broken = failure
        self._carry_out(self._queue.fail_all(), error=failure)
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- letting jobs in --------------------------------------------------------------------------------

    def _submit(self, job: RenderJob, cause: str, owner: str, priority: Priority, typed: bool) -> str:
        kept, decision = self._queue.submit(job, owner, priority)
        self._carry_out(decision)
        if kept is job:
            self._statuses[job.id] = JobStatus(
                job=job.id,
                scene=job.scene,
                layer=job.layer,
                revision=job.revision,
                state="queued",
                owners=[owner],
                priority=priority,
            )
            self._causes[job.id] = cause
        else:
            self._share(kept.id, owner, priority)
        self._wait_for_quiet(job, kept, typed)
        return kept.id

    def _refuse_poisoned(self, jobs: Sequence[RenderJob]) -> bool:
        """Fails those of the jobs that wait for a sound that is set aside; whether there were any."""
        refused = [(job, failure) for job in jobs if (failure := self._poison.failure(job.take))]
        for job, failure in refused:
            self._carry_out(self._queue.refuse(job.id), error=failure)
        return bool(refused)

    def _share(self, job_id: str, owner: str, priority: Priority) -> None:
        """Somebody asked for a sound that is on its way already."""
        known = self._statuses[job_id]
        fields: dict[str, Any] = {}
        if owner not in known.owners:
            fields["owners"] = [*known.owners, owner]
        if priority == "interactive" != known.priority:
            fields["priority"] = priority
        if fields:
            self._statuses[job_id] = known.model_copy(update=fields)

    def _check_room(self, jobs: Sequence[RenderJob], owner: str) -> None:
        waiting, most = self._queue.turns.count(client=owner), self._config.waiting_jobs
        more = sum(self._queue.adds(job, owner) for job in jobs)
        if more and waiting + more > most:
            raise Refused(
                "too_many_jobs",
                f"{waiting} jobs of this client wait already, {more} more were to; at most {most} may",
                remedy="Ask again when some are done, render fewer layers, or end those that wait with "
                "jobs.cancel. The engine takes more with --waiting-jobs.",
            )

    def _with_draft(self, job: RenderJob) -> RenderJob:
        if (self._model.draft_steps or job.request.steps) < job.request.steps:
            return job.model_copy(update={"draft_steps": self._model.draft_steps})
        return job

    def _wait_for_quiet(self, asked: RenderJob, kept: RenderJob, typed: bool) -> None:
        """Holds the job while its layer is typed in; whoever did not type lets it go at once."""
        due_s = None
        if typed:
            own_s = self._pace.seconds_for(asked.request.duration_s)
            due_s = self._quiet.edited((asked.scene, asked.layer), self._clock(), own_s)
        free = kept is not asked and kept.id not in self._queue.held  # nobody typed when it was asked for
        self._let_go(kept.id)
        if due_s is None or free or not self._queue.is_waiting(kept.id):
            return
        wait_s = max(0.0, due_s - self._clock())
        timer = asyncio.get_running_loop().call_later(wait_s, self._is_quiet, kept.id)
        self._holds[kept.id] = _Hold(due_s, timer)
        self._queue.held.add(kept.id)

    def _is_quiet(self, job_id: str) -> None:
        self._let_go(job_id)
        self._pump()

    def _let_go(self, job_id: str) -> None:
        self._queue.held.discard(job_id)
        if hold := self._holds.pop(job_id, None):
            hold.timer.cancel()

    # --- the workers --------------------------------------------------------------------------------------

    def load(self, worker: int | None) -> None:
        """Starts a worker that was unloaded, or all that were. Raises `Refused` (`not_found`)."""
        for number in self._chosen(worker):
            self._workers.load(number)

    def unload(self, worker: int | None) -> None:
        """Frees the memory of a worker, or of all, but for those that have a job. Raises `Refused`
        (`not_found`)."""
        for number in self._chosen(worker):
            if number not in self._queue.busy:
                self._workers.unload(number)

    def _chosen(self, worker: int | None) -> Sequence[int]:
        numbers = range(len(self._workers.statuses))
        if worker is None:
            return numbers
        if worker not in numbers:
            raise Refused(
                "not_found",
                f"there is no worker {worker}",
                remedy=f"Workers are numbered from 0; this engine has {len(numbers)}. Leave it out for all.",
            )
        return [worker]

    # --- what the workers say -----------------------------------------------------------------------------

    def worker_changed(self, status: WorkerStatus) -> None:
        """A worker's process started, got ready, died, was unloaded or stopped."""
        self._announce("engine", "event.worker", status, "")
        if status.state in ("lost", "unloaded", "failed", "stopped"):
            self._placement.forget(status.number)
        if status.state == "lost":
            self._lose(status)
        elif status.state in ("failed", "stopped"):
            self._carry_out(self._queue.worker_gone(status.number))
        self._pump()

    def _lose(self, status: WorkerStatus) -> None:
        decision = self._queue.worker_lost(status.number)
        remedy = "Render again; a shorter scene or fewer programs beside it may fit into memory."
        if (killer := decision.killer) is not None:
            log.error("job %s killed two workers: take %s is set aside", killer.id, killer.take)
            self._poison.add(killer.take, status.detail)
            remedy = (
                "The very same sound is not tried again until the engine starts anew; another seed or "
                "caption, or a shorter scene, is. The engine's log may say more."
            )
        lost = Failure(
            code="worker_lost",
            message=f"the engine worker died twice under this job ({status.detail})",
            remedy=remedy,
        )
        self._carry_out(decision, error=lost)
        if decision.killer is not None:
            self._refuse_poisoned(list(self._queue.waiting.values()))

    def heard(self, worker: int, message: Envelope) -> None:
        """One message of a worker's. What it says of a job that is over is dropped."""
        content = FROM_WORKER[message.type].model_validate(message.content)
        if isinstance(content, RenderProgress):
            self._progress(content)
        elif isinstance(content, RenderDraft):
            self._drafted(content, message.binary)
        elif isinstance(content, RenderDone):
            self._rendered(content, message.binary)
        elif isinstance(content, RenderFailed):
            self._carry_out(self._queue.gave_up(content.job), error=content.failure)
        elif isinstance(content, RenderStopped):
            unasked = Failure(code="internal", message="the worker stopped this job of its own accord")
            self._carry_out(self._queue.gave_up(content.job), error=unasked)
        elif isinstance(content, WorkerBroken):
            self._failures[worker] = content.failure
            if len(self._failures) == len(self._workers.statuses):
                self._broken = content.failure
        self._pump()

    def _progress(self, progress: RenderProgress) -> None:
        running = self._queue.running.get(progress.job)
        if running is None or running.ending is not None:
            return
        known = self._statuses[progress.job]
        self._statuses[progress.job] = known.model_copy(
            update={"stage": progress.stage, "step": progress.step, "steps": progress.steps}
        )
        now_s = self._clock()
        told_s = self._steps_told_s.get(progress.job, float("-inf"))
        soon = now_s - told_s < self._config.step_interval_s
        if not soon or progress.step == progress.steps or known.stage != progress.stage:
            self._steps_told_s[progress.job] = now_s
            self._tell(progress.job)

    def _drafted(self, done: RenderDraft, binary: tuple[bytes, ...]) -> None:
        if (job := self._on_its_way(done.job)) is not None:
            self._begin(self._keep_draft(job, done, binary))

    async def _keep_draft(self, job: RenderJob, done: RenderDraft, binary: tuple[bytes, ...]) -> None:
        said = await guarded(
            job.cause,
            asyncio.to_thread(_take_of, self._model, job.draft_request, done, binary),
        )
        if isinstance(said, Failure):  # the stem is still on its way
            log.error("the draft of a job cannot be used: %s", said.message, extra=fields(job=job.id))
            return
        if self._on_its_way(job.id) is None:  # it was stopped or had its stem meanwhile
            return
        take, audio, _ = said
        self.drafts.put(Draft(job, take, audio))
        ready = DraftReady(scene=job.scene, layer=job.layer, revision=job.revision, job=job.id, draft=take)
        self._announce(f"scene.{job.scene}", "event.draft", ready, job.cause)

    def _on_its_way(self, job_id: str) -> RenderJob | None:
        """The job, if it renders or delivers and nobody stopped it."""
        running = self._queue.running.get(job_id)
        if running is not None and running.ending is None:
            return running.job
        return self._queue.delivering.get(job_id)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _rendered(self, done: RenderDone, binary: tuple[bytes, ...]) -> None:
        self._carry_out(self._queue.rendered(done.job))
        job = self._queue.delivering.get(done.job)
        if job is not None:  # otherwise it was being stopped, and stays so
            self._pace.add(done.rendered_s, job.request.duration_s)
            self._begin(self._deliver(job, done, binary))

    async def _deliver(self, job: RenderJob, done: RenderDone, binary: tuple[bytes, ...]) -> None:
        take = await guarded(job.cause, self._keep(job, done, binary))
        if isinstance(take, Failure):
            self._carry_out(self._queue.delivered(job.id, "failed"), error=take)
        else:
            self._announce_take(job, take)
            if done.reduced_to_steps is not None:
                known = self._statuses[job.id]
                self._statuses[job.id] = known.model_copy(update={"reduced_to_steps": done.reduced_to_steps})
            self._carry_out(self._queue.delivered(job.id, "done"), take=take.id)
        self._pump()

    async def _keep(self, job: RenderJob, done: RenderDone, binary: tuple[bytes, ...]) -> Take:
        take = await asyncio.to_thread(_write, self._audio, self._model, job, done, binary)
        try:
            self._store.add_take(take, job.scene, self._stems_made(job, take))
        finally:
            self._audio.release(take.audio_sha256)
        self._when_kept()
        return take

    def _stems_made(self, job: RenderJob, take: Take) -> dict[str, str]:
        """The layer plays the new take, unless it is gone, or fresh by another take while this one came."""
        kept = self._store.get(job.scene)
        stems = self._store.stems(job.scene)
        for one in planner.standing(kept.scene, self._model, self._store.takes, stems):
            if one.layer.id == job.layer and (one.wanted == take.id or one.stem != "fresh"):
                return {job.layer: take.id}
        return {}

    # --- carrying out -----------------------------------------------------------------------------------

    def _pump(self) -> None:
        """Gives every worker that can take one its next job."""
        if self._broken is not None:
            self._carry_out(self._queue.fail_all(), error=self._broken)
        self._hand_over()
        while (job := self._queue.head()) is not None:
            worker = self._placement.choose(job.scene, job.layer, self._idle())
            if worker is None:
                break
            if job.take in self._store.takes:
                self._store.set_stem(job.scene, job.layer, job.take)
                self._announce_take(job, self._store.take(job.take))
                self._carry_out(self._queue.found(job.id), take=job.take)
            else:
                self._queue.advance(job, worker)
                for mate in self._queue.mates(job, self._workers.statuses[worker].together - 1):
                    if mate.take not in self._store.takes:
                        self._queue.advance(mate, worker)
        for worker in sorted(self._queue.busy):
            self._start(worker)
        self._tell_positions()

    def _idle(self) -> list[int]:
        """The workers that may get a job: those that render at once, else those that are about to, else those
        that have to load their model first."""
        states = {
            one.number: one.state for one in self._workers.statuses if one.number not in self._queue.busy
        }
        for wanted in (("ready",), ("rendering",), ("starting", "loading", "unloaded", "lost")):
            if found := [number for number, state in states.items() if state in wanted]:
                return found
        return []

    def _hand_over(self) -> None:
        """What waits for a worker's model goes to one that got ready, or free, before."""
        states = {one.number: one.state for one in self._workers.statuses}
        for number in sorted(self._queue.busy):
            first, *_ = self._queue.of_worker(number)
            if first.sent or states[number] in LOADED:
                continue
            loaded = [one for one in self._idle() if states[one] in LOADED]
            other = self._placement.choose(first.job.scene, first.job.layer, loaded)
            if other is None:
                return
            self._queue.hand_over(number, other)

    def _start(self, worker: int) -> None:
        """Sends a worker what it has and what has not gone out yet: one job, or a batch."""
        jobs = [one.job for one in self._queue.of_worker(worker) if not one.sent]
        if not jobs or jobs[0].id in self._fetching:
            return
        state = self._state(worker)
        if state == "unloaded":
            self._workers.load(worker)
        if state == "ready" and (take := take_of(jobs[0].request.origin)):
            self._fetching.add(jobs[0].id)
            self._begin(self._send_with_old(jobs[0], take))
        elif state == "ready":
            for job in jobs:
                self._send(job.model_copy(update={"together": len(jobs)}), worker)
        elif state != "rendering":
            for job in jobs:
                if self._statuses[job.id].state == "queued":
                    self._move(job.id, "loading")

    def _state(self, worker: int) -> str:
        return self._workers.statuses[worker].state

    def _send(self, job: RenderJob, worker: int, frames: tuple[bytes, ...] = ()) -> None:
        if self._costs_others(job):
            job = job.model_copy(update={"draft_steps": None})
        self._workers.send(worker, envelope_for("render", job, binary=frames))
        self._queue.sent(job.id)
        self._placement.note(worker, job.scene, job.layer)
        self._move(job.id, "running", worker=worker)

    def _costs_others(self, job: RenderJob) -> bool:
        """Whether those that wait behind a job, and are no less urgent, would pay for its draft."""
        count = self._queue.turns.count
        return bool(count() if self._statuses[job.id].priority == "batch" else count(priority="interactive"))

    async def _send_with_old(self, job: RenderJob, take: str) -> None:
        """Brings a worker the job and the take that it starts from; reading that holds nobody up."""
        with about(request=job.cause, client=None, job=job.id, scene=job.scene, layer=job.layer):
            found = await guarded(job.cause, self._fetch(job, take))
        self._fetching.discard(job.id)
        running = self._queue.running.get(job.id)
        if running is not None and not running.sent:  # it may have ended meanwhile
            if isinstance(found, Failure):
                self._carry_out(self._queue.gave_up(job.id), error=found)
            elif self._state(running.worker) == "ready":
                whole, frames = found
                self._send(whole, running.worker, frames)
        self._pump()

    async def _fetch(self, job: RenderJob, take: str) -> tuple[RenderJob, tuple[bytes, ...]]:
        return await asyncio.to_thread(job_with_old, job, self._store.take(take), self._audio, self._model)

    def _carry_out(
        self, decision: Decision, *, error: Failure | None = None, take: str | None = None
    ) -> None:
        for move in decision.moves:
            fields: dict[str, Any] = {"take": take} if move.state == "done" else {}
            if move.state == "failed":
                fields = {"error": error}
            elif move.state == "queued":
                fields = {"stage": "", "step": 0, "steps": 0, "worker": None}
            self._move(move.job, move.state, **fields)
        if decision.stop is not None:
            job_id, worker = decision.stop.job.id, decision.stop.worker
            self.drafts.drop(job_id)
            self.when_stopping(job_id)
            self._workers.send(worker, envelope_for("cancel", CancelJob(job=job_id)))
            self._timers[job_id] = asyncio.get_running_loop().call_later(
                self._config.cancel_s, self._worker_hangs, job_id, worker
            )

    def _worker_hangs(self, job_id: str, worker: int) -> None:
        whose = fields(job=job_id, request=self._causes.get(job_id))
        log.error("a job did not stop within %g s: killing its worker", self._config.cancel_s, extra=whose)
        self._workers.kill(worker)

    def _move(self, job_id: str, state: State, **fields: Any) -> None:
        status = self._statuses[job_id]
        check_move(status.state, state)
        self._statuses[job_id] = status.model_copy(update={"state": state, **fields})
        if state in FINAL or state == "queued":
            self.drafts.drop(job_id)
        self._tell(job_id)
        if state in FINAL:
            self._finished[job_id] = self._statuses.pop(job_id).model_dump_json()
            self._causes.pop(job_id)
            self._let_go(job_id)
            self._steps_told_s.pop(job_id, None)
            if timer := self._timers.pop(job_id, None):
                timer.cancel()
            while len(self._finished) > FINISHED_KEPT:
                self._finished.popitem(last=False)

    # --- telling ----------------------------------------------------------------------------------------

    def _tell(self, job_id: str) -> None:
        status = self._statuses[job_id]
        if status.state not in FINAL:
            status = self._seen(status, self._outlook(), self._queue.positions())
        self._announce(f"scene.{status.scene}", "event.job", status, self._causes[job_id])

    def _tell_positions(self) -> None:
        everywhere = self._queue.positions()
        positions = dict(islice(everywhere.items(), POSITIONS_TOLD))
        moved = [job_id for job_id, place in positions.items() if self._positions.get(job_id) != place]
        outlook = self._outlook() if moved else {}
        for job_id in moved:
            status = self._seen(self._statuses[job_id], outlook, everywhere)
            self._announce(f"scene.{status.scene}", "event.job", status, self._causes[job_id])
        self._positions = positions

    def _announce_take(self, job: RenderJob, take: Take) -> None:
        ready = TakeReady(scene=job.scene, layer=job.layer, revision=job.revision, take=take)
        self._announce(f"scene.{job.scene}", "event.take", ready, job.cause)

    def _outlook(self) -> dict[str, float | None]:
        """Job → seconds until it is done, everything before it included."""
        outlook: dict[str, float | None] = {}
        free_s = [0.0]  # when each worker that there is will be free
        free_s *= sum(one.state not in ("failed", "stopped") for one in self._workers.statuses) or 1
        for job in self._queue.jobs():
            own_s = self._seconds_left(job)
            if own_s is None:  # nothing has been rendered yet, so nothing is known of those behind it either
                return outlook
            if job.id in self._queue.delivering:
                outlook[job.id] = own_s
                continue
            hold = self._holds.get(job.id)
            quiet_s = 0.0 if hold is None else max(0.0, hold.due_s - self._clock())
            done_s = max(heapq.heapreplace(free_s, free_s[0] + own_s), quiet_s) + own_s
            outlook[job.id] = round(done_s, 3)
        return outlook

    def _seconds_left(self, job: RenderJob) -> float | None:
        status = self._statuses.get(job.id)
        if status is not None and status.state == "delivering":
            return 0.0
        whole_s = self._pace.seconds_for(job.request.duration_s)
        if whole_s is None or status is None or not status.steps or status.stage == "text":
            return whole_s
        return whole_s * (1.0 - status.step / status.steps) if status.stage == "sampling" else 0.0

    def _known(self, job_id: str) -> JobStatus:
        """The status as it was last changed. Raises `Refused` (`not_found`)."""
        if status := self._statuses.get(job_id):
            return status
        finished = self._finished.get(job_id)
        if finished is None:
            raise Refused(
                "not_found",
                f"there is no job {shown(job_id)}",
                remedy=f"Jobs end with the engine that made them; it keeps the last {FINISHED_KEPT}.",
            )
        return JobStatus.model_validate_json(finished)

    def _seen(
        self, status: JobStatus, outlook: dict[str, float | None], positions: dict[str, int]
    ) -> JobStatus:
        """The status with what is true only now: place in the queue, and time left."""
        if status.state in FINAL:
            return status
        return status.model_copy(
            update={"position": positions.get(status.job), "seconds_left": outlook.get(status.job)}
        )


def _write(
    store: AudioStore, model: Capabilities, job: RenderJob, done: RenderDone, binary: tuple[bytes, ...]
) -> Take:
    """Checks a render and writes its audio. Runs in a thread. Raises `Refused` (`internal`)."""
    request = job.request
    if done.reduced_to_steps is not None:  # it is a take of its own, and says so by its name
        request = request.model_copy(update={"steps": done.reduced_to_steps})
    take, audio, latent = _take_of(model, request, done, binary)
    store.write(audio)
    if latent is None:
        return take
    try:
        return take.model_copy(update={"latent_sha256": store.write_latent(take.audio_sha256, latent)})
    except BaseException:
        store.release(take.audio_sha256)
        raise


def _take_of(
    model: Capabilities, request: RenderRequest, done: RenderDone, binary: tuple[bytes, ...]
) -> tuple[Take, Audio, NDArray[np.float16] | None]:
    """What a render is, once it is checked. Runs in a thread. Raises `Refused` (`internal`)."""
    expected = (round(request.duration_s * model.rate_hz), model.channels, model.rate_hz)
    came = (done.length_samples, done.channels, done.rate_hz)
    size_bytes = len(binary[0]) if binary else 0
    if came != expected or size_bytes != 4 * done.length_samples * done.channels:
        raise _not_sane(f"expected samples, channels, Hz of {expected}, got {came} in {size_bytes} bytes")
    samples = np.frombuffer(binary[0], dtype="<f4").reshape(done.length_samples, done.channels)
    if not np.isfinite(samples).all():
        raise _not_sane("there are samples that are not numbers")
    latent = None
    if done.latent_channels is not None:
        if len(binary) < 2 or done.latent_channels < 1 or len(binary[1]) % (2 * done.latent_channels):
            raise _not_sane(f"a latent of {done.latent_channels} channels came in other bytes")
        latent = np.frombuffer(binary[1], dtype="<f2").reshape(done.latent_channels, -1)
        if not np.isfinite(latent).all():
            raise _not_sane("its latent has numbers that are none")
    samples = samples.astype(np.float32, copy=False)
    loudness = measure(samples, done.rate_hz)  # here once, so that no delivery of the whole take waits for it
    audio = Audio(samples, done.rate_hz)
    take = Take(
        id=identity(request),
        request=request,
        audio_sha256=audio.sha256,
        rate_hz=done.rate_hz,
        channels=done.channels,
        length_samples=done.length_samples,
        peak_db=peak_db(samples),
        rms_db=rms_db(samples),
        rendered_s=done.rendered_s,
        loudness_lufs=loudness.integrated_lufs,
        true_peak_db=loudness.true_peak_db,
        report=done.report,
    )
    return take, audio, latent


def _not_sane(what: str) -> Refused:
    return Refused(
        "internal",
        f"the render is not what was asked for: {what}",
        remedy="Change the layer's seed and render again; please report it with the caption.",
    )
