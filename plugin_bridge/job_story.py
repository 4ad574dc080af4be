"""What becomes of each job, written into the log and counted. Hears what clients hear; decides nothing.

Every line carries the job's id and that of the message that asked for it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from engine.log_lines import ABOUT, fields
from plugin_bridge.metrics import Metrics
from scene_schema.envelope import Envelope
from scene_schema.job_states import FINAL
from scene_schema.messages import DraftReady, JobStatus

log = logging.getLogger("stemscape.job")


@dataclass
class _Course:
    """One job so far; times are the bridge's clock's."""

    request: str
    scene: str
    layer: str
    client: str
    queued_s: float
    asked_s: float  # when the message came that asked for it
    state: str = ""
    started_s: float | None = None
    stopping_s: float | None = None
    step: int = 0
    step_s: float | None = None  # when it came


class JobStory:
    """Jobs on their way; one that ended is forgotten."""

    def __init__(self, metrics: Metrics, clock: Callable[[], float]) -> None:
        self._metrics = metrics
        self._clock = clock
        self._courses: dict[str, _Course] = {}

    def about(self, job_id: object) -> dict[str, Any]:
        """What lines about this job are about; nothing where it is not on its way."""
        course = self._courses.get(job_id) if isinstance(job_id, str) else None
        if course is None:
            return {}
        return {"job": job_id, **{name: getattr(course, name) for name in ABOUT if hasattr(course, name)}}

    def asked(self, job_id: str, message_id: str, came_s: float) -> None:
        """The message that made a job came at this time."""
        course = self._courses.get(job_id)
        if course is not None and course.request == message_id:
            course.asked_s = came_s

    def stopping(self, job_id: str) -> None:
        """The worker is told to stop this job."""
        if (course := self._courses.get(job_id)) is not None:
            course.stopping_s = self._clock()

    def worker_said(self, message: Envelope) -> None:
        """A message from the worker, before it is followed: counts the time between sampling steps."""
        said = message.content
        course = self._courses.get(said.get("job", ""))
        if message.type != "render.progress" or course is None:
            return
        now_s, step = self._clock(), said["step"] if said["stage"] == "sampling" else 0
        if course.step_s is not None and step and step == course.step + 1:
            self._metrics.step.observe(now_s - course.step_s)
        course.step, course.step_s = step, now_s

    def heard(self, content: BaseModel, cause: str) -> None:
        """An event, as it goes out to clients."""
        if isinstance(content, JobStatus):
            self._job(content, cause)
        elif isinstance(content, DraftReady):
            self._metrics.drafts.add()
            log.info("a draft is there", extra=fields(**self.about(content.job)))

    def _job(self, status: JobStatus, cause: str) -> None:
        course = self._courses.get(status.job)
        now_s = self._clock()
        if course is None:
            client = status.owners[0] if status.owners else ""
            course = _Course(cause, status.scene, status.layer, client, queued_s=now_s, asked_s=now_s)
            self._courses[status.job] = course
        if status.state == course.state:  # its place or its step is news for clients alone
            return
        before, course.state = course.state, status.state
        about = self.about(status.job)
        if status.state == "queued":
            words = "job queued again: its worker was lost" if before else "job queued"
            log.info(words, extra=fields(**about, position=status.position))
        elif status.state == "running":
            course.started_s = now_s
            self._metrics.wait.observe(now_s - course.queued_s)
            log.info("job started", extra=fields(**about, waited_s=round(now_s - course.queued_s, 3)))
        elif status.state in FINAL:
            del self._courses[status.job]
            self._ended(status, course, now_s, about)
        else:
            log.debug("job %s", status.state, extra=fields(**about))

    def _ended(self, status: JobStatus, course: _Course, now_s: float, about: dict[str, Any]) -> None:
        self._metrics.jobs_ended.add(status.state)
        said = {**about, "seconds": round(now_s - course.queued_s, 3)}
        if course.stopping_s is not None:
            self._metrics.cancel.observe(now_s - course.stopping_s)
            said["stopped_s"] = round(now_s - course.stopping_s, 3)
        if status.error is not None:
            said["code"] = status.error.code
            log.warning("job %s: %s", status.state, status.error.message, extra=fields(**said))
            return
        if status.state == "done" and course.started_s is None:
            self._metrics.takes.add("kept")
            said["take_was_kept"] = True
        elif status.state == "done":
            self._metrics.takes.add("rendered")
            self._metrics.stem.observe(now_s - course.asked_s)
        log.info("job %s", status.state, extra=fields(**said, take=status.take))
