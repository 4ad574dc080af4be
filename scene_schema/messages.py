"""The content of every message, one small class each, and the tables that join them to type names.

Requests refuse unknown fields (a misspelt one never passes in silence); replies and events ignore
them (so that an older client reads a newer engine). Nothing here moves bytes: see `envelope`.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scene_schema.capabilities import Capabilities
from scene_schema.edits import AddLayer, EditLayer, EditScene, MoveLayer, RemoveLayer
from scene_schema.errors import Code, Finding, Refused, refused_by, shown
from scene_schema.job_states import State
from scene_schema.rendering import RenderJob, Take
from scene_schema.scene import Scene, Slug, Strict

# --- requests -------------------------------------------------------------------------------------------


class Hello(Strict):
    """Who are you? Answered by `Welcome`."""


class GetStatus(Strict):
    """What is the engine doing? Answered by `Status`."""


class CreateScene(Strict):
    """Keeps a new scene as revision 1, or with `replace` a new revision of one that exists."""

    scene: Scene
    replace: bool = False
    render: bool = False


class GetScene(Strict):
    """The newest revision of a scene, or the one asked for."""

    scene: Slug
    revision: Annotated[int, Field(ge=1)] | None = None


class ListScenes(Strict):
    """The ids of all scenes with their newest revision."""


class RenderScene(Strict):
    """Renders the stale stems of a scene, or of the layers named. Answered at once by `Accepted`."""

    scene: Slug
    layers: list[Slug] | None = None


class CancelJob(Strict):
    """Stops one job. Answered by `Cancelled`; the job's own event says how it ended."""

    job: str


class GetJob(Strict):
    """How a job stands, for a client that missed an event."""

    job: str


class DeliverScene(Strict):
    """Stems and mix as WAV files in binary frames. Answered by `Delivery`.

    `channels` is 1 or 2 for all files alike; left out, 1 unless a layer is panned. `rate_hz` left out is the
    model's own. 16-bit files are dithered.
    """

    scene: Slug
    rate_hz: int | None = None
    bit_depth: Literal[16, 24, 32] = 24
    channels: Literal[1, 2] | None = None


class StopEngine(Strict):
    """Ends the bridge and its workers, in order."""


# --- replies --------------------------------------------------------------------------------------------


class Open(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Welcome(Open):
    engine: Literal["stemscape"] = "stemscape"
    version: str
    protocol: int
    session: str
    model: Capabilities
    events: str = Field(description="address of the event socket")
    control: str = Field(description="address of the control socket")


class WorkerStatus(Open):
    state: Literal["starting", "loading", "ready", "rendering", "lost", "failed", "stopped"]
    pid: int | None = None
    restarts: int = 0
    detail: str = ""


class JobStatus(Open):
    """Where a job stands. `step` of `steps` while running; `seconds_left` is measured, not guessed."""

    job: str
    scene: str
    layer: str
    revision: int
    state: State
    stage: str = ""
    step: int = 0
    steps: int = 0
    position: int | None = None
    seconds_left: float | None = None
    take: str | None = None
    error: Failure | None = None


class Status(Open):
    session: str
    version: str
    model: Capabilities
    worker: WorkerStatus
    jobs: list[JobStatus]
    scenes: int
    uptime_s: float


class LayerStatus(Open):
    """`fresh`: the stem is what the scene says; `stale`: an older take still plays; `missing`: none yet."""

    layer: str
    stem: Literal["fresh", "stale", "missing"]
    take: str | None = None
    job: str | None = None


class SceneReply(Open):
    scene: Scene
    revision: int
    layers: list[LayerStatus]


class SceneList(Open):
    scenes: dict[str, int]


class Accepted(Open):
    """A durable revision, what it made stale, and the jobs that make it fresh again."""

    scene: str
    revision: int
    stale: list[str]
    jobs: list[JobStatus]


class Cancelled(Open):
    job: JobStatus


class DeliveredFile(Open):
    """One WAV file: which binary frame it is, and what it holds."""

    name: str
    frame: int
    layer: str | None = None
    take: str | None = None
    stale: bool = False
    gain_db: float = 0.0
    pan: float = 0.0
    audible: bool = True
    peak_db: float
    sha256: str


class Delivery(Open):
    """All files: same start, same length in samples, same rate and channels; the mix comes last.

    mix = 10^(master_gain_db/20) · Σ over audible stems of 10^(gain_db/20) · balance(pan) · stem.
    """

    scene: str
    revision: int
    rate_hz: int
    channels: int
    length_samples: int
    bit_depth: int
    master_gain_db: float
    sum_error_db: float = Field(description="largest difference between mix and weighted stems, dBFS")
    generated_by: str
    files: list[DeliveredFile]


class Failure(Open):
    """The content of every `error` reply, and of a failed job."""

    code: Code
    message: str
    findings: list[Finding] = []
    remedy: str = ""
    newest: SceneReply | None = None

    @classmethod
    def of(cls, refused: Refused, newest: SceneReply | None = None) -> Failure:
        return cls(
            code=refused.code,
            message=refused.message,
            findings=list(refused.findings),
            remedy=refused.remedy,
            newest=newest,
        )

    def refusal(self) -> Refused:
        """The same as an exception, for a client to raise."""
        return Refused(self.code, self.message, findings=self.findings, remedy=self.remedy)


class Done(Open):
    """Answer to a request that has nothing else to say."""


# --- events ---------------------------------------------------------------------------------------------


class SceneRevised(Open):
    scene: str
    revision: int
    stale: list[str]
    caused_by: str


class TakeReady(Open):
    scene: str
    layer: str
    revision: int
    take: Take


# --- bridge and worker ----------------------------------------------------------------------------------


class WorkerReady(Open):
    pid: int
    model: Capabilities
    load_s: float
    device: str


class WorkerBroken(Open):
    """The model cannot be loaded; the worker ends after saying so."""

    failure: Failure


class RenderProgress(Open):
    job: str
    stage: Literal["text", "sampling", "decoding"]
    step: int
    steps: int


class RenderDone(Open):
    """Followed by one binary frame: float32 little-endian samples, (length_samples, channels) row-major."""

    job: str
    rate_hz: int
    channels: int
    length_samples: int
    rendered_s: float


class RenderFailed(Open):
    job: str
    failure: Failure


class RenderStopped(Open):
    job: str


REQUESTS: Final[dict[str, type[Strict]]] = {
    "hello": Hello,
    "status": GetStatus,
    "scene.create": CreateScene,
    "scene.get": GetScene,
    "scene.list": ListScenes,
    "scene.edit": EditScene,
    "layer.edit": EditLayer,
    "layer.add": AddLayer,
    "layer.remove": RemoveLayer,
    "layer.move": MoveLayer,
    "scene.render": RenderScene,
    "scene.deliver": DeliverScene,
    "job.get": GetJob,
    "job.cancel": CancelJob,
    "engine.stop": StopEngine,
}

REPLIES: Final[dict[str, type[Open]]] = {
    "hello": Welcome,
    "status": Status,
    "scene.create": Accepted,
    "scene.get": SceneReply,
    "scene.list": SceneList,
    "scene.edit": Accepted,
    "layer.edit": Accepted,
    "layer.add": Accepted,
    "layer.remove": Accepted,
    "layer.move": Accepted,
    "scene.render": Accepted,
    "scene.deliver": Delivery,
    "job.get": JobStatus,
    "job.cancel": Cancelled,
    "engine.stop": Done,
}
"""What answers each request; the reply's type is the request's type with `.reply` behind it."""

EVENTS: Final[dict[str, type[Open]]] = {
    "event.scene": SceneRevised,
    "event.job": JobStatus,
    "event.take": TakeReady,
    "event.worker": WorkerStatus,
}

TO_WORKER: Final[dict[str, type[Strict]]] = {"render": RenderJob, "cancel": CancelJob, "stop": StopEngine}

FROM_WORKER: Final[dict[str, type[Open]]] = {
    "worker.ready": WorkerReady,
    "worker.broken": WorkerBroken,
    "render.progress": RenderProgress,
    "render.done": RenderDone,
    "render.failed": RenderFailed,
    "render.stopped": RenderStopped,
}

ERROR: Final = "error"


def read_request(kind: str, content: dict[str, Any]) -> Strict:
    """The request in a message. Raises `Refused`: `unknown_type`, or `invalid` with the fields at fault."""
    model = REQUESTS.get(kind)
    if model is None:
        raise Refused(
            "unknown_type",
            f"there is no request {shown(kind)}",
            remedy=f"Known requests: {', '.join(REQUESTS)}.",
        )
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise refused_by(error, kind) from error


JobStatus.model_rebuild()
