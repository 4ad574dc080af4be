"""The content of every message, one small class each, and the tables that join them to type names.

Requests refuse unknown fields (a misspelt one never passes in silence); replies and events ignore
them (so that an older client reads a newer engine). Nothing here moves bytes: see `envelope`.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    model_serializer,
)

from scene_schema import limits
from scene_schema.capabilities import Capabilities
from scene_schema.edits import (
    AddLayer,
    ComposeScene,
    EditLayer,
    EditScene,
    ExtendScene,
    FitScene,
    MoveLayer,
    RemoveLayer,
)
from scene_schema.errors import Code, Finding, Refused, refused_by, shown
from scene_schema.job_states import State
from scene_schema.priority import MayRender, Priority
from scene_schema.rendering import RenderJob, StemReport, Take
from scene_schema.scene import Scene, Slug, View
from scene_schema.strict import Strict

# --- requests -------------------------------------------------------------------------------------------


class Hello(Strict):
    """Who are you? Answered by `Welcome`.

    Attributes:
        cancel_on_disconnect: the sender's jobs are to end when it is gone: when nothing came in its name for
            `Welcome.lease_s` and none of its connections is open. False: no more. Left out: as before.
    """

    cancel_on_disconnect: bool | None = None

    @model_serializer(mode="wrap")
    def _without_empty(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # an engine from before there was this field greets a client that does not ask for it
        data: dict[str, Any] = write(self)
        return {name: value for name, value in data.items() if value is not None}


class GetStatus(Strict):
    """What is the engine doing? Answered by `Status`."""


class CreateScene(MayRender):
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


class UndoScene(MayRender):
    """Takes back the last edit of a scene that was not taken back already, whatever made it.

    That is a new revision with the content of an older one; nothing is rewritten. Its takes are there, so it
    is fresh at once. Refused (`not_found`) where there is nothing to take back.
    """

    scene: Slug
    base_revision: int | None = None
    render: bool = True


class RedoScene(MayRender):
    """Does again what the last undo took back, as a new revision. An edit in between ends that."""

    scene: Slug
    base_revision: int | None = None
    render: bool = True


class RenderScene(MayRender):
    """Renders the stale stems of a scene, or of the layers named. Answered at once by `Accepted`.

    With `draft`, a quick version of a stem comes before it where nothing else waits: see `DraftReady`.
    """

    scene: Slug
    layers: list[Slug] | None = None
    draft: bool = False


class CancelJob(Strict):
    """Stops one job of the sender's own, or any job where the sender is an operator.

    Answered by `Cancelled`; the job's own event says how it ended.
    """

    job: str


class CancelJobs(Strict):
    """Ends all jobs of the sender's, or of `owner` where the sender is an operator.

    A job that somebody else asked for too goes on, for them. Answered by `JobsCancelled`.

    Attributes:
        scene: only its jobs.
    """

    owner: Annotated[str, Field(min_length=1)] | None = None
    scene: Slug | None = None


class GetJob(Strict):
    """How a job stands, for a client that missed an event."""

    job: str


class DeliverScene(Strict):
    """Stems and mix as files for a host. Answered by `Delivery`.

    `channels` is 1 or 2 for all files alike; left out, 1 unless a layer is panned. `rate_hz` left out is the
    model's own. 16-bit files are dithered; FLAC has no 32-bit floats.

    Attributes:
        layers: the stems to deliver; None: all of them.
        mix: whether the mix comes too.
        hand_off: "frames" sends the files as binary frames; "path" writes them on the engine's own machine
            and names the paths, which is quicker on the same host.
        folder: where "path" writes them, absolute and inside a project folder that the engine was started
            with; None: the engine's own store, whose files a host copies before it changes them. A file is
            written under a temporary name and renamed, and a name that is taken is never written again.
        length_bars: cut to so many bars of the scene's tempo grid, from the first downbeat on, exact to the
            sample. Needs a tempo grid and a scene that is long enough.
        loop: files that begin again without a seam: what lies behind their end is blended into their
            beginning over `loop_crossfade_s`, so they are shorter than the scene by that much, or need a
            scene that is that much longer than `length_bars`.
        position_s: where the scene's start belongs on the host's timeline. The files begin there, or with
            `length_bars` later by the time of the first downbeat, so that cut and whole stems line up.
        target_lufs: brings the mix to this integrated loudness (the stems keep their levels); the peak rule
            still holds.
        drafts: a layer whose stem is on its way is delivered as its draft, if there is one (`DraftReady`).
    """

    scene: Slug
    layers: Annotated[list[Slug], Field(min_length=1)] | None = None
    mix: bool = True
    rate_hz: int | None = None
    bit_depth: Literal[16, 24, 32] = 24
    channels: Literal[1, 2] | None = None
    format: Literal["wav", "flac"] = "wav"
    hand_off: Literal["frames", "path"] = "frames"
    folder: Annotated[str, Field(max_length=limits.PATH_CHARS)] | None = None
    length_bars: Annotated[int, Field(ge=1, le=limits.BARS)] | None = None
    loop: bool = False
    loop_crossfade_s: Annotated[float, Field(ge=limits.CROSSFADE_S.low, le=limits.CROSSFADE_S.high)] = 0.05
    position_s: Annotated[float, Field(ge=0.0, le=limits.POSITION_S)] = 0.0
    target_lufs: Annotated[float, Field(ge=limits.TARGET_LUFS.low, le=limits.TARGET_LUFS.high)] | None = None
    drafts: bool = False


class ExportScene(Strict):
    """A scene with its history, takes and audio as one file. Answered by `Exported`.

    Attributes:
        revisions: "newest" takes the scene as it is and the takes that play; "all" the whole history with all
            takes that its revisions ask for and that are there, so that an undo is fresh elsewhere too.
        hand_off: "frames" sends the file as a binary frame; "path" writes it on the engine's own machine.
        folder: where "path" writes it, as in `scene.deliver`.
    """

    scene: Slug
    revisions: Literal["newest", "all"] = "newest"
    hand_off: Literal["frames", "path"] = "frames"
    folder: Annotated[str, Field(max_length=limits.PATH_CHARS)] | None = None


class ImportScene(MayRender):
    """Keeps a scene from such a file, which comes as the one binary frame behind the message or by `path`.

    All of it is checked before anything is kept. Takes are fresh at once where the model is the same; those
    that are here already stay as they are. Answered by `Accepted` with the newest of the new revisions.

    Attributes:
        path: the file on the engine's own machine, absolute and inside a project folder.
        as_id: another id for the scene. Music on a tempo grid without chords of its own then has the chords
            that go with that id, and is stale.
        replace: where a scene with its id exists, the revisions follow that one's.
        sha256: of the file; where it is given, it is checked.
    """

    path: Annotated[str, Field(max_length=limits.PATH_CHARS)] | None = None
    as_id: Slug | None = None
    replace: bool = False
    render: bool = False
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None


class GetTransport(Strict):
    """Where the host's playhead is, as far as anybody said. Answered by `Transport`."""


class SetTransport(Strict):
    """A host tells everyone how it plays: fields that are left out stay. Answered by `Transport`.

    Nothing is rendered because of it; clients follow it by `event.transport`.
    """

    playing: bool | None = None
    bpm: Annotated[float, Field(ge=limits.BPM.low, le=limits.BPM.high)] | None = None
    beats_per_bar: Annotated[int, Field(ge=limits.BEATS_PER_BAR.low, le=limits.BEATS_PER_BAR.high)] | None = (
        None
    )
    position_s: Annotated[float, Field(ge=0.0, le=limits.POSITION_S)] | None = None


class StopEngine(Strict):
    """Ends the bridge and its workers, in order."""


class LoadEngine(Strict):
    """Starts workers that were unloaded, ahead of the render that would. Answered at once by `Workers`.

    Attributes:
        worker: the number of one; None: all.
    """

    worker: Annotated[int, Field(ge=0)] | None = None


class UnloadEngine(Strict):
    """Ends idle workers to free the memory of their models. Answered at once by `Workers`.

    One that has a job goes on with it and stays. The next render loads what it needs again.

    Attributes:
        worker: the number of one; None: all.
    """

    worker: Annotated[int, Field(ge=0)] | None = None


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
    http: str | None = Field(default=None, description="URL of the HTTP and WebSocket door, if it is open")
    osc: str | None = Field(default=None, description="address of the OSC door, if it is open")
    oscquery: str | None = Field(default=None, description="URL of OSCQuery, if it is open")
    lease_s: float | None = Field(
        default=None, description="the sender's jobs end when it is gone for so long; None: they do not"
    )


WorkerState = Literal["starting", "loading", "ready", "rendering", "unloaded", "lost", "failed", "stopped"]


class WorkerStatus(Open):
    """One worker. `unloaded`: it gave its memory back, and loads again with the next render."""

    state: WorkerState
    pid: int | None = None
    restarts: int = 0
    detail: str = ""
    number: int = Field(default=0, description="which of the engine's workers, from 0")
    device: str = Field(default="", description="what it renders on; empty until it was ready once")
    together: int = Field(default=1, description="layers of a scene that it renders as one batch, at most")


class Workers(Open):
    """How all workers stand."""

    workers: list[WorkerStatus]


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
    owners: list[str] = Field(default=[], description="client names that asked for it; they may cancel it")
    priority: Priority = "interactive"
    error: Failure | None = None
    worker: int | None = Field(default=None, description="number of the worker that has it, if one has")
    reduced_to_steps: int | None = Field(
        default=None,
        description="memory ran out: the take has so many steps, fewer than asked, and its stem is stale",
    )


class StoreStatus(Open):
    """The audio that the engine keeps, and what it may use. What is in use is never removed."""

    audio_bytes: int = Field(description="of takes and of deliveries in the engine's own folder")
    budget_bytes: int
    takes: int
    pruned: int = Field(description="files removed since the start")
    detail: str = Field(default="", description="why the budget is not met, where it is not")


class Percentiles(Open):
    """Of the newest measurements: half took no longer than `p50_s`, all but one in a hundred than `p99_s`."""

    p50_s: float
    p99_s: float
    longest_s: float
    of: int = Field(description="how many these are taken from")


class Measured(Open):
    """What the engine did since its start, and how long it took. Null: nothing to measure yet."""

    jobs_ended: dict[str, int] = Field(default={}, description="by final state")
    takes: dict[str, int] = Field(
        default={}, description="stems of jobs: `kept`, their take was there; `rendered`"
    )
    drafts: int = 0
    edit_ack: Percentiles | None = Field(default=None, description="from a change to its acknowledgement")
    edit_stem: Percentiles | None = Field(default=None, description="from a message to its rendered stem")
    cancel_free: Percentiles | None = Field(
        default=None, description="from asking the worker to stop to its being free"
    )
    step: Percentiles | None = Field(default=None, description="one sampling step")
    bridge_bytes: int | None = Field(
        default=None, description="of memory; null where the system does not say"
    )
    worker_bytes: int | None = Field(default=None, description="of all workers")


class Status(Open):
    session: str
    version: str
    model: Capabilities
    worker: WorkerStatus = Field(description="of several workers, the one that is best off")
    jobs: list[JobStatus]
    scenes: int
    uptime_s: float
    store: StoreStatus | None = Field(default=None, description="None: an engine that does not say")
    measured: Measured | None = Field(default=None, description="likewise")
    workers: list[WorkerStatus] = Field(default=[], description="all of them; empty: an engine that has one")


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
    content_of: int | None = Field(
        default=None, description="of an undo or redo: the revision whose content this one has"
    )
    unqueued: Failure | None = Field(
        default=None, description="the edit is kept, but its renders could not be queued, and why"
    )

    @model_serializer(mode="wrap")
    def _without_empty(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        rare = ("content_of", "unqueued")
        data: dict[str, Any] = write(self)
        return {name: value for name, value in data.items() if name not in rare or value is not None}


class Cancelled(Open):
    job: JobStatus


class JobsCancelled(Open):
    """How the jobs stand now; those that others asked for too name the others as their `owners`."""

    jobs: list[JobStatus]


class LoopPoints(Open):
    """First and last sample of the loop, both inclusive, as a `smpl` chunk counts them."""

    start_samples: int
    end_samples: int


class DeliveredFile(Open):
    """One file: where it is, what it holds, and where it belongs in a host: the receipt of one stem.

    `frame` is the binary frame that holds it, None where `path` names it. Times are from the timeline's
    start; bars are those of the scene's tempo grid, None without one.
    """

    name: str
    frame: int | None = None
    path: str | None = None
    layer: str | None = None
    track: str = Field(default="", description="a name for the host's track")
    position_samples: int = 0
    position_bars: float | None = None
    length_samples: int | None = None
    length_bars: float | None = None
    loop: LoopPoints | None = None
    loudness_lufs: float | None = Field(default=None, description="integrated; None: too short or silent")
    true_peak_db: float | None = None
    take: str | None = None
    stale: bool = False
    draft: bool = Field(default=False, description="a draft, or a mix with one in it: `take` is no take's id")
    view: View | None = None
    caption: str = Field(default="", description="the words that made this sound; a stale layer's are newer")
    transcript: str | None = None
    seed: int | None = None
    model: str = Field(default="", description="what made this sound; empty for the mix")
    weights_sha256: str = ""
    gain_db: float = 0.0
    pan: float = 0.0
    audible: bool = True
    peak_db: float
    sha256: str


class Delivery(Open):
    """All files: same start, same length in samples, same rate and channels; the mix comes last.

    With `hand_off` "path" a sidecar manifest, `manifest`, lies beside the files: captions, seeds, model and
    the word that a machine made them.

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
    manifest: str | None = Field(default=None, description="path of the sidecar")
    files: list[DeliveredFile]


class Exported(Open):
    """An archive: `frame` is the binary frame that holds it, None where `path` names it."""

    scene: str
    revision: int
    revisions: int = Field(description="how many it holds")
    takes: int
    name: str
    frame: int | None = None
    path: str | None = None
    size_bytes: int
    sha256: str


class Transport(Open):
    """How a host plays, as it last said; `set_by` is the client that said so, empty before anyone did."""

    playing: bool = False
    bpm: float | None = None
    beats_per_bar: int = 4
    position_s: float = 0.0
    set_by: str = ""


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


class Heartbeat(Open):
    """The engine lives: sent every few seconds, so that a client notices when it stops or starts anew."""

    session: str
    uptime_s: float
    worker: str


class TakeReady(Open):
    scene: str
    layer: str
    revision: int
    take: Take


class DraftReady(Open):
    """A quick version of a stem that is on its way, to be had by `scene.deliver` with `drafts`.

    It is no take: it is kept in memory alone, until the job ends, however that is.
    """

    scene: str
    layer: str
    revision: int
    job: str
    draft: Take = Field(description="what it is, said as of a take: `request.steps` are the draft's")


# --- bridge and worker ----------------------------------------------------------------------------------


class WorkerReady(Open):
    pid: int
    model: Capabilities
    load_s: float
    device: str
    together: int = 1


class WorkerBroken(Open):
    """The model cannot be loaded; the worker ends after saying so."""

    failure: Failure


class RenderProgress(Open):
    job: str
    stage: Literal["text", "draft", "sampling", "decoding"]
    step: int
    steps: int


class RenderDone(Open):
    """Followed by one binary frame: float32 little-endian samples, (length_samples, channels) row-major; with
    `latent_channels` by a second: float16 little-endian, (latent_channels, frames) row-major."""

    job: str
    rate_hz: int
    channels: int
    length_samples: int
    rendered_s: float
    report: StemReport | None = None
    latent_channels: int | None = None
    reduced_to_steps: int | None = None
    """The full render ran out of memory; this is one in so many steps. None: it is what was asked for."""


class RenderDraft(RenderDone):
    """The same of a draft; the job goes on."""


class AskLength(Strict):
    """How long would the model make a clip of this tagged prompt? Answered between two steps of a render."""

    id: str
    prompt: str


class ExpectedLength(Open):
    """Either seconds, or why there are none."""

    id: str
    length_s: float | None = None
    failure: Failure | None = None


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
    "scene.extend": ExtendScene,
    "scene.fit": FitScene,
    "scene.compose": ComposeScene,
    "layer.edit": EditLayer,
    "layer.add": AddLayer,
    "layer.remove": RemoveLayer,
    "layer.move": MoveLayer,
    "scene.undo": UndoScene,
    "scene.redo": RedoScene,
    "scene.render": RenderScene,
    "scene.deliver": DeliverScene,
    "scene.export": ExportScene,
    "scene.import": ImportScene,
    "job.get": GetJob,
    "job.cancel": CancelJob,
    "jobs.cancel": CancelJobs,
    "transport.get": GetTransport,
    "transport.set": SetTransport,
    "engine.load": LoadEngine,
    "engine.unload": UnloadEngine,
    "engine.stop": StopEngine,
}

REPLIES: Final[dict[str, type[Open]]] = {
    "hello": Welcome,
    "status": Status,
    "scene.create": Accepted,
    "scene.get": SceneReply,
    "scene.list": SceneList,
    "scene.edit": Accepted,
    "scene.extend": Accepted,
    "scene.fit": Accepted,
    "scene.compose": Accepted,
    "layer.edit": Accepted,
    "layer.add": Accepted,
    "layer.remove": Accepted,
    "layer.move": Accepted,
    "scene.undo": Accepted,
    "scene.redo": Accepted,
    "scene.render": Accepted,
    "scene.deliver": Delivery,
    "scene.export": Exported,
    "scene.import": Accepted,
    "job.get": JobStatus,
    "job.cancel": Cancelled,
    "jobs.cancel": JobsCancelled,
    "transport.get": Transport,
    "transport.set": Transport,
    "engine.load": Workers,
    "engine.unload": Workers,
    "engine.stop": Done,
}
"""What answers each request; the reply's type is the request's type with `.reply` behind it."""

EVENTS: Final[dict[str, type[Open]]] = {
    "event.scene": SceneRevised,
    "event.job": JobStatus,
    "event.take": TakeReady,
    "event.draft": DraftReady,
    "event.worker": WorkerStatus,
    "event.transport": Transport,
    "event.heartbeat": Heartbeat,
}

TO_WORKER: Final[dict[str, type[Strict]]] = {
    "render": RenderJob,
    "cancel": CancelJob,
    "length": AskLength,
    "stop": StopEngine,
}

FROM_WORKER: Final[dict[str, type[Open]]] = {
    "worker.ready": WorkerReady,
    "worker.broken": WorkerBroken,
    "render.progress": RenderProgress,
    "render.draft": RenderDraft,
    "render.done": RenderDone,
    "render.failed": RenderFailed,
    "render.stopped": RenderStopped,
    "length": ExpectedLength,
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
Accepted.model_rebuild()
