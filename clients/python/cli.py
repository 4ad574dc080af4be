"""The `stemscape` command. Each command asks an engine through the SDK and ends with one next step.

Exit status: 0 done · 1 a promise was broken · 2 refused or wrong input · 3 no engine · 130 interrupted.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any, Final, cast

import typer
import typer.core

from clients.python.client import DEFAULT_ADDRESS, OnDraft
from clients.python.credentials import command_line
from clients.python.deliver_files import Delivered, write_whole
from clients.python.draft_files import DraftFiles
from clients.python.engine_choice import ChosenEngine, any_engine
from clients.python.errors import EngineLost
from clients.python.model_commands import models
from clients.python.screen import BROKEN_PROMISE, Screen, described
from clients.python.sync_client import Client
from scene_schema.documents import scene_from_yaml, scene_to_yaml
from scene_schema.edits import EditLayer, apply
from scene_schema.errors import Finding, Refused
from scene_schema.limits import BARS, RATE_HZ, TARGET_LUFS
from scene_schema.messages import Accepted, DraftReady, Measured, Status, WorkerStatus
from scene_schema.scene import Scene

_STARTED_S: Final = time.perf_counter()  # a person's wait begins here, not after the imports
# typer brings its own click, or uses the one installed: this is the class in either
_UsageError: Final = cast(type[Exception], typer.BadParameter.__base__)


class _Commands(typer.core.TyperGroup):
    """Command lines that cannot be read are reported as JSON too, where that was asked for."""

    def main(self, *args: Any, **options: Any) -> Any:
        words = options.get("args") or (args[0] if args else None) or []
        if "--json" not in words:
            return super().main(*args, **options)
        try:
            status = super().main(*args, **{**options, "standalone_mode": False})
        except _UsageError as error:
            Screen(as_json=True).usage(str(getattr(error, "message", error)))
            status = 2
        sys.exit(status if isinstance(status, int) else 0)


app = typer.Typer(
    cls=_Commands,
    name="stemscape",
    help="Write a sound scene as caption layers, change one, get its stem back in line with the others.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.add_typer(models, name="models")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, errors included.")]
Address = Annotated[
    str | None, typer.Option(help=f"The engine to ask; left out, the one at {DEFAULT_ADDRESS}.")
]
WorkerNumber = Annotated[
    int | None, typer.Option("--worker", help="Its number, as `stemscape status` shows; left out, all.")
]
PrivateModel = Annotated[
    str | None, typer.Option("--model", help="Start a private engine with this model for this command.")
]
SceneFile = Annotated[Path, typer.Argument(metavar="SCENE.yaml", help="A scene document.")]
KnownScene = Annotated[
    str,
    typer.Argument(metavar="SCENE", help="A scene's id in the running engine, or its document."),
]
Out = Annotated[Path | None, typer.Option("--out", help="Folder for the WAV files; left out, <scene>_out.")]
RateHz = Annotated[int, typer.Option("--rate-hz", help=f"One of {', '.join(map(str, RATE_HZ))}.")]
BitDepth = Annotated[int, typer.Option("--bit-depth", help="16 (dithered), 24, or 32 (float).")]
Flac = Annotated[bool, typer.Option("--flac", help="FLAC files; 16 or 24 bit.")]
Bars = Annotated[int | None, typer.Option("--bars", help="Cut to so many bars, from the first downbeat on.")]
Loop = Annotated[bool, typer.Option("--loop", help="Files that begin again without a seam.")]
Lufs = Annotated[float | None, typer.Option("--lufs", help="Integrated loudness of the mix.")]


def main() -> None:
    """The console script."""
    app(args=sys.argv[1:])


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"stemscape {version()}")
        raise typer.Exit


def version() -> str:
    """The installed version."""
    try:
        return metadata.version("stemscape")
    except metadata.PackageNotFoundError:
        return "(not installed: run from its folder)"


@app.callback()
def _root(
    _version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    pass


@app.command()
def serve(
    model: Annotated[
        str, typer.Option(help="A name that `stemscape models list` shows, or a model's folder.")
    ] = "compact",
    data_dir: Annotated[Path | None, typer.Option(help="Where scenes and takes are kept.")] = None,
    port: Annotated[int | None, typer.Option(help="First of six ports; 0 takes free ones.")] = None,
    http_port: Annotated[str | None, typer.Option(help="Of HTTP and WebSocket; 0: any; or off.")] = None,
    osc_port: Annotated[str | None, typer.Option(help="Of OSC, UDP and TCP; 0: any; or off.")] = None,
    oscquery_port: Annotated[str | None, typer.Option(help="Of OSCQuery; 0: any; or off.")] = None,
    project: Annotated[
        list[Path] | None, typer.Option(help="Deliveries may be written below it; repeat for more.")
    ] = None,
    origin: Annotated[
        list[str] | None, typer.Option(help="A web page's origin that may ask; repeat for more.")
    ] = None,
    host: Annotated[str | None, typer.Option(help="Off loopback --keys and --token are needed.")] = None,
    keys: Annotated[Path | None, typer.Option(help="CURVE keys, made by `stemscape keys`.")] = None,
    token: Annotated[Path | None, typer.Option(help="File with the token of HTTP and OSC over TCP.")] = None,
    audio_budget: Annotated[
        float | None, typer.Option(help="GiB of disk for takes and deliveries; left out, 20.")
    ] = None,
    sounds_memory: Annotated[
        float | None, typer.Option(help="MiB of memory for the newest sounds; left out, 64.")
    ] = None,
    quiet_s: Annotated[
        float | None,
        typer.Option(help="A slow render waits until its layer was not edited for so long; left out, 0.25."),
    ] = None,
    quiet_longest_s: Annotated[
        float | None, typer.Option(help="But no longer than this from the first edit on; left out, 3.")
    ] = None,
    quiet_from_s: Annotated[
        float | None, typer.Option(help="Renders that take less do not wait; left out, 1.5.")
    ] = None,
    waiting_jobs: Annotated[
        int | None, typer.Option(help="That one client may have at a time; left out, 256.")
    ] = None,
    lease_s: Annotated[
        float | None,
        typer.Option(help="Silence after which jobs of clients that asked for that end; left out, 15."),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(help="cpu, cuda or cuda:N, one for each worker, such as cuda:0,cuda:1."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="That render at the same time; left out, one a device.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(help="That all workers share on a CPU; left out, one a core.")
    ] = None,
    warm_up: Annotated[
        bool | None,
        typer.Option(
            "--warm-up/--no-warm-up",
            help="Workers render something short before they are ready; left out, on a GPU.",
        ),
    ] = None,
    together: Annotated[
        int | None,
        typer.Option(
            help="Layers of a scene that a worker renders as one batch; left out, 8 on a GPU, else 1."
        ),
    ] = None,
    keep_warm: Annotated[
        float | None, typer.Option(help="Keep an idle GPU's clock up by a nudge every so many seconds.")
    ] = None,
    idle_unload: Annotated[
        float | None, typer.Option(help="Free the memory of workers that were idle for so many minutes.")
    ] = None,
    udp_anywhere: Annotated[bool, typer.Option("--udp-anywhere", help="OSC over UDP off loopback.")] = False,
    announce: Annotated[bool, typer.Option(help="Tell by mDNS where the doors are.")] = True,
    log: Annotated[str | None, typer.Option(help="Lines of the log: text, or json for programs.")] = None,
    log_file: Annotated[
        Path | None, typer.Option(help="Of the log, instead of engine.log in the data folder.")
    ] = None,
    log_level: Annotated[str | None, typer.Option(help="info; debug: every request and client too.")] = None,
    as_json: Json = False,
) -> None:
    """Run the engine here, until Ctrl-C."""
    command = [sys.executable, "-m", "plugin_bridge", "--model", model]
    given: dict[str, object] = {
        "--data-dir": data_dir,
        "--port": port,
        "--http-port": http_port,
        "--osc-port": osc_port,
        "--oscquery-port": oscquery_port,
        "--host": host,
        "--keys": keys,
        "--token": token,
        "--audio-budget": audio_budget,
        "--sounds-memory": sounds_memory,
        "--quiet-s": quiet_s,
        "--quiet-longest-s": quiet_longest_s,
        "--quiet-from-s": quiet_from_s,
        "--waiting-jobs": waiting_jobs,
        "--lease-s": lease_s,
        "--log": log,
        "--log-file": log_file,
        "--log-level": log_level,
        "--device": device,
        "--workers": workers,
        "--threads": threads,
        "--together": together,
        "--keep-warm": keep_warm,
        "--idle-unload": idle_unload,
    }
    for option, value in given.items():
        command += [] if value is None else [option, str(value)]
    for option, values in {"--project": project, "--origin": origin}.items():
        for one in values or ():
            command += [option, str(one)]
    if warm_up is not None:
        command += ["--warm-up" if warm_up else "--no-warm-up"]
    command += ["--udp-anywhere"] if udp_anywhere else []
    command += [] if announce else ["--no-announce"]
    command += ["--json"] if as_json else []
    if os.name == "posix":
        sys.stdout.flush()
        os.execv(sys.executable, command)  # noqa: S606 - this process becomes the engine
    with suppress(KeyboardInterrupt):
        raise typer.Exit(subprocess.call(command))


@app.command()
def keys(
    folder: Annotated[Path, typer.Argument(help="Where the engine's and its clients' keys are kept.")],
    client: Annotated[str, typer.Option(help="The client's name.")] = "client",
) -> None:
    """Make CURVE keys, so that ZeroMQ clients on other machines may come in."""
    command = [sys.executable, "-m", "plugin_bridge", "--keys", str(folder), "--make-keys", client]
    status = subprocess.call(command)
    if status == 0:
        Screen(as_json=False).next(f"stemscape serve --host ADDRESS --keys {folder} --token FILE")
    raise typer.Exit(status)


@app.command()
def doctor(
    data_dir: Annotated[Path | None, typer.Option(help="Where scenes and takes are kept.")] = None,
    model: Annotated[str, typer.Option(help="The model to check.")] = "compact",
    port: Annotated[int | None, typer.Option(help="First of six ports.")] = None,
    as_json: Json = False,
) -> None:
    """Look for what would keep an engine from running here."""
    command = [sys.executable, "-m", "plugin_bridge.doctor", "--model", model]
    command += [] if data_dir is None else ["--data-dir", str(data_dir)]
    command += [] if port is None else ["--port", str(port)]
    command += ["--json"] if as_json else []
    status = subprocess.call(command)
    if status == 0:
        Screen(as_json).next("stemscape serve")
    raise typer.Exit(status)


@app.command()
def status(address: Address = None, as_json: Json = False) -> None:
    """What the running engine is doing."""
    screen = Screen(as_json)
    with screen.errors(), _client(address) as client:
        now = client.status()
        screen.result(now.model_dump(mode="json"))
        screen.table(
            "",
            ["engine", "model", "worker", "scenes", "up"],
            [[now.version, now.model.title, _said(now.worker), str(now.scenes), f"{now.uptime_s:.0f} s"]],
        )
        if len(now.workers) > 1:
            _show_workers(now.workers, screen)
        if now.measured is not None:
            screen.table("measured", ["what", "half", "99 of 100", "longest", "of"], _timings(now.measured))
            screen.say(*_counts(now))
        running = [[job.scene, job.layer, described(job)] for job in now.jobs]
        if running:
            screen.table("jobs", ["scene", "layer", "state"], running)
        screen.next("stemscape render SCENE.yaml --out DIR")


def _timings(measured: Measured) -> list[list[str]]:
    named = {
        "edit → acknowledged": measured.edit_ack,
        "edit → stem rendered": measured.edit_stem,
        "cancel → worker free": measured.cancel_free,
        "sampling step": measured.step,
    }
    return [
        [what, _seconds(one.p50_s), _seconds(one.p99_s), _seconds(one.longest_s), str(one.of)]
        for what, one in named.items()
        if one is not None
    ]


def _seconds(seconds: float) -> str:
    return f"{1000 * seconds:.3g} ms" if seconds < 1.0 else f"{seconds:.3g} s"


def _counts(now: Status) -> list[str]:
    """What was counted, where there is something to say."""
    measured = now.measured or Measured()
    jobs = ", ".join(f"{count} {state}" for state, count in measured.jobs_ended.items())
    takes = ", ".join(f"{count} {found}" for found, count in measured.takes.items())
    memory = {"bridge": measured.bridge_bytes, "worker": measured.worker_bytes}
    held = ", ".join(f"{who} {size / 2**20:.0f} MiB" for who, size in memory.items() if size)
    store = now.store
    kept = "" if store is None else f"{store.audio_bytes / 2**20:.0f} MiB in {store.takes} takes"
    lines = {
        "jobs": jobs,
        "stems": takes,
        "drafts": str(measured.drafts or ""),
        "memory": held,
        "audio": kept,
    }
    return [f"{name}: {line}" for name, line in lines.items() if line]


@app.command()
def load(worker: WorkerNumber = None, address: Address = None, as_json: Json = False) -> None:
    """Start workers that were unloaded, ahead of the render that would."""
    screen = Screen(as_json)
    with screen.errors(), Client(address or DEFAULT_ADDRESS) as client:
        workers = client.load(worker)
        screen.result({"workers": [one.model_dump(mode="json") for one in workers]})
        _show_workers(workers, screen)
        screen.next("stemscape status")


@app.command()
def unload(worker: WorkerNumber = None, address: Address = None, as_json: Json = False) -> None:
    """Free the memory of idle workers; the next render loads what it needs."""
    screen = Screen(as_json)
    with screen.errors(), Client(address or DEFAULT_ADDRESS) as client:
        workers = client.unload(worker)
        screen.result({"workers": [one.model_dump(mode="json") for one in workers]})
        _show_workers(workers, screen)
        screen.next("stemscape load" if worker is None else f"stemscape load --worker {worker}")


def _said(worker: WorkerStatus) -> str:
    return worker.state + (f" ({worker.detail})" if worker.detail else "")


def _show_workers(workers: Sequence[WorkerStatus], screen: Screen) -> None:
    rows = [[str(one.number), one.device, _said(one), str(one.restarts)] for one in workers]
    screen.table("workers", ["worker", "device", "state", "restarts"], rows)


@app.command()
def validate(scene: SceneFile, as_json: Json = False) -> None:
    """Check a scene document, without an engine."""
    screen = Screen(as_json)
    with screen.errors():
        read = read_scene(scene)
        screen.result({"valid": True, "scene": read.model_dump(mode="json")})
        layers = ", ".join(f"{layer.id} ({layer.view})" for layer in read.layers) or "none"
        screen.say(f"{scene} is a valid scene: '{read.id}', {read.duration_s:g} s, layers: {layers}")
        screen.next(f"stemscape render {scene}")


@app.command()
def render(
    scene: SceneFile,
    out: Out = None,
    rate_hz: RateHz = 48_000,
    bit_depth: BitDepth = 24,
    flac: Flac = False,
    bars: Bars = None,
    loop: Loop = False,
    lufs: Lufs = None,
    batch: Annotated[
        bool, typer.Option("--batch", help="It may take its time: what others wait for goes first.")
    ] = False,
    address: Address = None,
    model: PrivateModel = None,
    as_json: Json = False,
) -> None:
    """Render a scene document to one WAV for each layer, their mix and a manifest."""
    screen = Screen(as_json)
    with screen.errors(), _ending_in_order():
        asked = _asked(rate_hz, bit_depth, flac, bars, loop, lufs)
        read = read_scene(scene)
        folder = out or Path(f"{read.id}_out")
        _check_folder(folder)
        with any_engine(screen, address, model) as chosen:
            chosen.client.create_scene(read, replace=True)
            if "duration_s" not in read.model_fields_set and chosen.client.welcome.model.length:
                with screen.busy("asking the model for the scene's length"):
                    chosen.client.fit_scene(read.id, render=False)
            started = chosen.client.start_render(read.id, priority="batch" if batch else "interactive")
            _render(chosen.client, started, screen)
            delivered = _deliver(chosen.client, read.id, folder, asked, screen)
            screen.result(_delivered(delivered, chosen))
        _say_delivered(delivered, screen)
        first = read.layers[0].id if read.layers else "LAYER"
        screen.next(f'stemscape edit {scene} {first} --caption "…" --out {folder}')


@app.command()
def edit(
    scene: Annotated[
        str,
        typer.Argument(
            metavar="SCENE",
            help="A scene's id in the running engine, or a scene document; the document is rewritten.",
        ),
    ],
    layer: Annotated[str, typer.Argument(help="The layer's id.")],
    caption: Annotated[str | None, typer.Option(help="What is heard.")] = None,
    transcript: Annotated[str | None, typer.Option(help="The words of a speech layer.")] = None,
    seed: Annotated[int | None, typer.Option(help="Another seed gives another take.")] = None,
    gain_db: Annotated[float | None, typer.Option(help="−60 to +12 dB.")] = None,
    pan: Annotated[float | None, typer.Option(help="−1 left, 0 centre, +1 right.")] = None,
    mute: Annotated[bool | None, typer.Option("--mute/--no-mute")] = None,
    solo: Annotated[bool | None, typer.Option("--solo/--no-solo")] = None,
    lock: Annotated[
        bool | None, typer.Option("--lock/--no-lock", help="A locked layer keeps its sound.")
    ] = None,
    vary: Annotated[
        float | None, typer.Option(help="Start from the stem: 0 leaves it, 1 keeps nothing of it.")
    ] = None,
    again: Annotated[
        str | None, typer.Option("--redo", metavar="FROM-TO", help="Make these seconds anew, such as 2-4.5.")
    ] = None,
    extend: Annotated[
        float | None, typer.Option(help="Make the scene so many seconds long; every layer goes on.")
    ] = None,
    looping: Annotated[
        bool | None, typer.Option("--looping/--no-looping", help="The stem's end runs into its beginning.")
    ] = None,
    cue: Annotated[
        list[str] | None,
        typer.Option(help='A moment, "2.5" or "2.5:door slam"; repeat for more. They replace all cues.'),
    ] = None,
    out: Out = None,
    rate_hz: RateHz = 48_000,
    bit_depth: BitDepth = 24,
    flac: Flac = False,
    bars: Bars = None,
    loop: Loop = False,
    lufs: Lufs = None,
    address: Address = None,
    model: PrivateModel = None,
    as_json: Json = False,
) -> None:
    """Change one layer, render what that made stale, and deliver the scene again."""
    screen = Screen(as_json)
    given: dict[str, Any] = {
        "caption": caption,
        "transcript": transcript,
        "seed": seed,
        "gain_db": gain_db,
        "pan": pan,
        "mute": mute,
        "solo": solo,
        "lock": lock,
        "loop": looping,
    }
    with screen.errors(), _ending_in_order():
        changes = {name: value for name, value in given.items() if value is not None}
        if cue:
            changes["cues"] = [_cue(one) for one in cue]
        origin = _origin(vary, again)
        if origin is not None:
            changes["origin"] = origin
        if not changes and extend is None:
            finding = Finding(field="$.changes", expected="at least one field, such as --caption", got="none")
            raise Refused("invalid", "this edit changes nothing", findings=[finding])
        asked = _asked(rate_hz, bit_depth, flac, bars, loop, lufs)
        document = _document(scene)
        read = None if document is None else read_scene(document)
        scene_id = scene if read is None else read.id
        if read is not None and changes:  # refused here, before an engine is started for it
            apply(read, EditLayer(scene=read.id, layer=layer, changes=changes), {layer: "0" * 64})
        folder = out or Path(f"{scene_id}_out")
        _check_folder(folder)
        with _engine_for(screen, read, address, model) as chosen:
            client = chosen.client
            if read is not None:
                client.create_scene(read, replace=True)
                if origin is not None or extend is not None:  # what they start from
                    _render(client, client.start_render(scene_id), screen)
            if extend is not None:
                accepted = client.extend_scene(scene_id, extend, render=False)
            if changes:
                accepted = client.edit_layer(scene_id, layer, changes, render=False)
            if document is not None:
                edited = client.get_scene(scene_id, accepted.revision).scene
                write_whole(document, scene_to_yaml(edited).encode())
            with DraftFiles(client, scene_id, folder, asked, partial(_say_draft, screen)) as drafts:
                started = client.start_render(scene_id, draft=not as_json)
                _render(client, started, screen, drafts.take)
                delivered = _deliver(client, scene_id, folder, asked, screen)
            screen.result(
                {
                    "layer": layer,
                    "changes": changes,
                    "stale": accepted.stale,
                    **_delivered(delivered, chosen),
                }
            )
        stale = ", ".join(accepted.stale) or "none: only the mix was made again"
        screen.say(f"revision {accepted.revision}; stems that the edit made stale: {stale}")
        _say_delivered(delivered, screen)
        screen.next(f"stemscape edit {scene} {layer} --seed 1 --out {folder}")


@app.command()
def compose(
    scene: KnownScene,
    seed: Annotated[int, typer.Option(help="Another seed gives another mix.")] = 0,
    address: Address = None,
    as_json: Json = False,
) -> None:
    """Render all layers as one mix and take it apart into stems, if the model can."""
    screen = Screen(as_json)
    with screen.errors(), _ending_in_order(), _client(address) as client:
        accepted = client.compose(_id_of(scene), seed)
        _render(client, accepted, screen)
        screen.result(accepted.model_dump(mode="json"))
        screen.say(f"revision {accepted.revision}; one mix of {len(accepted.stale)} stems")


@app.command()
def fit(scene: KnownScene, address: Address = None, as_json: Json = False) -> None:
    """Give a scene the length that the model would choose for its words, and render it."""
    screen = Screen(as_json)
    with screen.errors(), _ending_in_order(), _client(address) as client:
        scene_id = _id_of(scene)
        with screen.busy("asking the model"):
            accepted = client.fit_scene(scene_id, render=False)
        _render(client, client.start_render(scene_id), screen)
        duration_s = client.get_scene(scene_id).scene.duration_s
        screen.result({**accepted.model_dump(mode="json"), "duration_s": duration_s})
        screen.say(f"revision {accepted.revision}; {duration_s:g} s, as the model would have it")


@app.command()
def cancel(
    job: Annotated[str | None, typer.Argument(help="A job's id, as --json prints it.")] = None,
    mine: Annotated[bool, typer.Option("--mine", help="All that your commands asked for.")] = False,
    scene: Annotated[
        str | None, typer.Option(help="With --mine: those of this scene, by its id or document.")
    ] = None,
    address: Address = None,
    as_json: Json = False,
) -> None:
    """Stop one job, or all that your commands asked for; what others asked for too goes on."""
    screen = Screen(as_json)
    with screen.errors():
        if (job is None) != mine or (scene is not None and not mine):
            got = "both" if job is not None and mine else "neither" if job is None else "--scene with a job"
            finding = Finding(field="JOB", expected="a job's id, or --mine", got=got)
            raise Refused("invalid", "this does not say what to stop", findings=[finding])
        with _client(address) as client:
            if job is not None:
                stopped = [client.cancel(job)]
            else:
                stopped = client.cancel_all(None if scene is None else _id_of(scene))
            screen.result({"jobs": [one.model_dump(mode="json") for one in stopped]})
            rows = [[one.scene, one.layer, described(one)] for one in stopped]
            if rows:
                screen.table("stopped", ["scene", "layer", "state"], rows)
            else:
                screen.say("nothing that your commands asked for is on its way")
            screen.next("stemscape status")


@app.command()
def undo(scene: KnownScene, address: Address = None, as_json: Json = False) -> None:
    """Take back the last edit of a scene; several in a row walk back."""
    _step(scene, address, as_json, back=True)


@app.command()
def redo(scene: KnownScene, address: Address = None, as_json: Json = False) -> None:
    """Do again what the last undo took back."""
    _step(scene, address, as_json, back=False)


@app.command()
def export(
    scene: KnownScene,
    file: Annotated[Path, typer.Argument(help="The archive to write, such as rain.stemscape.")],
    history: Annotated[
        bool, typer.Option("--all", help="With the whole history, so that undo works elsewhere.")
    ] = False,
    address: Address = None,
    as_json: Json = False,
) -> None:
    """Write a scene with its takes and audio as one file."""
    screen = Screen(as_json)
    with screen.errors(), _client(address) as client:
        with screen.busy("gathering the audio"):
            exported = client.export_scene(_id_of(scene), file, revisions="all" if history else "newest")
        screen.result({**exported.model_dump(mode="json", exclude={"frame", "path"}), "file": str(file)})
        what = f"{exported.revisions} revisions" if history else f"revision {exported.revision}"
        screen.say(f"{file}: {what}, {exported.takes} takes, {exported.size_bytes / 2**20:.1f} MiB")
        screen.next(f"stemscape import {file}")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="An archive that `stemscape export` wrote.")],
    as_id: Annotated[str | None, typer.Option(help="Another id for the scene.")] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Let it follow the revisions of the scene that is there.")
    ] = False,
    address: Address = None,
    as_json: Json = False,
) -> None:
    """Keep a scene, with its takes, from such a file."""
    screen = Screen(as_json)
    with screen.errors(), _client(address) as client:
        with screen.busy("checking the archive"):
            accepted = client.import_scene(file, as_id=as_id, replace=replace)
        screen.result(accepted.model_dump(mode="json", exclude={"jobs"}))
        stale = ", ".join(accepted.stale) or "none"
        screen.say(f"scene '{accepted.scene}', revision {accepted.revision}; stems to render: {stale}")
        screen.next(f"stemscape undo {accepted.scene}" if not accepted.stale else "stemscape status")


@app.command()
def demo(
    out: Annotated[Path, typer.Option("--out", help="Folder for what the demo leaves.")] = Path("demo_out"),
    model: Annotated[str, typer.Option("--model", hidden=True)] = "compact",
    as_json: Json = False,
) -> None:
    """Render a scene, edit one layer, check that nothing else changed. Ends by itself."""
    screen = Screen(as_json)
    with screen.errors(), _ending_in_order():
        from clients.python.demo import run_demo  # only here: it brings numpy and soundfile

        done = run_demo(out, model, screen, _STARTED_S)
        report = done.report
        screen.result({"out": str(out), **report})
        edited = report["edited"]
        screen.say(f"edited layer '{edited['layer']}': “{edited['before']}” → “{edited['after']}”")
        rows = [[one.what, "kept" if one.kept else "broken", one.measured] for one in done.promises]
        screen.table("promises", ["promise", "", "measured"], rows)
        rows = [[what, f"{report[name]:.2f} s"] for name, what in report["measured"].items()]
        screen.table("times", ["", "measured here, now"], rows)
        screen.say(f"in {out}: before/, after/, scene.png, report.json")
        if not all(one.kept for one in done.promises):
            raise typer.Exit(BROKEN_PROMISE)
        screen.say(f"listen: {out / 'before' / 'mix.wav'}, then {out / 'after' / 'mix.wav'}")
        screen.next("stemscape serve")


def read_scene(path: Path) -> Scene:
    """The scene in a YAML or JSON document. Raises `Refused` or `OSError`."""
    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError as error:
        raise Refused(
            "malformed", f"{path} is not text in UTF-8", remedy="Save it as UTF-8, and try again."
        ) from error
    return scene_from_yaml(text)


def _client(address: str | None) -> Client:
    return Client(address or DEFAULT_ADDRESS, credentials=command_line())


def _step(scene: str, address: str | None, as_json: bool, *, back: bool) -> None:
    screen = Screen(as_json)
    with screen.errors(), _ending_in_order(), _client(address) as client:
        scene_id = _id_of(scene)
        accepted = client.undo(scene_id) if back else client.redo(scene_id)
        _render(client, accepted, screen)
        document = _document(scene)
        if document is not None:
            now = client.get_scene(scene_id, accepted.revision).scene
            write_whole(document, scene_to_yaml(now).encode())
        screen.result(accepted.model_dump(mode="json", exclude={"jobs"}))
        stale = ", ".join(accepted.stale) or "none"
        screen.say(
            f"revision {accepted.revision} has the content of revision {accepted.content_of}; "
            f"stems rendered again: {stale}"
        )
        screen.next(f"stemscape {'redo' if back else 'undo'} {scene}")


def _id_of(scene: str) -> str:
    """The id in `SCENE`, or in the document that it names."""
    document = _document(scene)
    return scene if document is None else read_scene(document).id


def _document(scene: str) -> Path | None:
    """The path in `SCENE`, None where it is the id of a scene."""
    path = Path(scene)
    is_path = path.suffix in (".yaml", ".yml", ".json") or len(path.parts) > 1 or path.is_file()
    return path if is_path else None


@contextmanager
def _engine_for(
    screen: Screen, read: Scene | None, address: str | None, model: str | None
) -> Iterator[ChosenEngine]:
    if read is not None:
        with any_engine(screen, address, model) as chosen:
            yield chosen
        return
    try:
        client = _client(address)  # a private engine would not know the scene
    except EngineLost as lost:
        remedy = (
            "Start an engine (stemscape serve), or name the scene's document: stemscape edit SCENE.yaml …"
        )
        raise EngineLost(lost.message, remedy) from lost
    with client:
        yield ChosenEngine(client, private=False)


def _render(client: Client, accepted: Accepted, screen: Screen, on_draft: OnDraft | None = None) -> None:
    """Waits for the jobs; Ctrl-C stops them in the engine too."""
    try:
        with screen.progress() as show:
            rendered = client.wait(accepted, show, on_draft=on_draft)
    except (KeyboardInterrupt, SystemExit):
        for job in accepted.jobs:
            with suppress(Refused, EngineLost):
                client.cancel(job.job)
        raise
    stopped = [job for job in rendered.jobs if job.state in ("cancelled", "superseded")]
    for job in stopped:
        screen.remark(f"layer '{job.layer}' was {job.state} by another client: its newest good stem is used")


def _deliver(client: Client, scene: str, folder: Path, asked: dict[str, Any], screen: Screen) -> Delivered:
    with screen.busy("writing the stems"):
        return client.deliver(scene, folder, **asked)


def _delivered(delivered: Delivered, chosen: ChosenEngine) -> dict[str, Any]:
    return {
        "scene": delivered.delivery.scene,
        "revision": delivered.delivery.revision,
        "engine": "private" if chosen.private else "running",
        "folder": str(delivered.folder),
        "stems": {layer: str(path) for layer, path in delivered.stems.items()},
        "mix": None if delivered.mix is None else str(delivered.mix),
        "manifest": str(delivered.manifest),
        "rate_hz": delivered.delivery.rate_hz,
        "channels": delivered.delivery.channels,
        "length_samples": delivered.delivery.length_samples,
        "master_gain_db": delivered.delivery.master_gain_db,
        "sum_error_db": delivered.delivery.sum_error_db,
        "loudness_lufs": delivered.delivery.files[-1].loudness_lufs,
        "true_peak_db": delivered.delivery.files[-1].true_peak_db,
    }


def _say_delivered(delivered: Delivered, screen: Screen) -> None:
    sounds = [*delivered.stems.values(), *([] if delivered.mix is None else [delivered.mix])]
    names = ", ".join(path.name for path in sounds)
    screen.say(f"in {delivered.folder}: {names}, {delivered.manifest.name}")


def _say_draft(screen: Screen, delivered: Delivered, ready: DraftReady) -> None:
    waited_s = time.perf_counter() - _STARTED_S
    heard = delivered.stems[ready.layer] if delivered.mix is None else delivered.mix
    screen.remark(f"a draft of '{ready.layer}' after {waited_s:.2f} s, until the stem is there: {heard}")


def _asked(
    rate_hz: int, bit_depth: int, flac: bool, bars: int | None, loop: bool, lufs: float | None
) -> dict[str, Any]:
    """Fields of a delivery; what cannot be made is refused here, before minutes of rendering."""
    findings = []
    if rate_hz not in RATE_HZ:
        expected = f"one of {', '.join(map(str, RATE_HZ))}"
        findings.append(Finding(field="--rate-hz", expected=expected, got=str(rate_hz)))
    if bit_depth not in (16, 24, 32):
        findings.append(Finding(field="--bit-depth", expected="16, 24 or 32", got=str(bit_depth)))
    elif flac and bit_depth == 32:
        findings.append(Finding(field="--bit-depth", expected="16 or 24 with --flac", got="32"))
    if bars is not None and not 1 <= bars <= BARS:
        findings.append(Finding(field="--bars", expected=f"1 to {BARS}", got=str(bars)))
    if lufs is not None and not TARGET_LUFS.low <= lufs <= TARGET_LUFS.high:
        expected = f"{TARGET_LUFS.low:g} to {TARGET_LUFS.high:g}"
        findings.append(Finding(field="--lufs", expected=expected, got=f"{lufs:g}"))
    if findings:
        raise Refused("invalid", "these files cannot be made", findings=findings)
    return {
        "rate_hz": rate_hz,
        "bit_depth": bit_depth,
        "format": "flac" if flac else "wav",
        "length_bars": bars,
        "loop": loop,
        "target_lufs": lufs,
    }


def _check_folder(folder: Path) -> None:
    """Before minutes of rendering: the place for the files can be made."""
    folder.mkdir(parents=True, exist_ok=True)


def _origin(vary: float | None, again: str | None) -> dict[str, Any] | None:
    """What the options say that the stem starts from: the take that plays."""
    if vary is not None and again is not None:
        finding = Finding(field="--redo", expected="either this or --vary", got="both")
        raise Refused("invalid", "a stem starts from one thing", findings=[finding])
    if vary is not None:
        return {"kind": "variation", "strength": vary}
    if again is None:
        return None
    try:
        from_s, to_s = map(float, again.split("-"))
    except ValueError as error:
        finding = Finding(field="--redo", expected="seconds from and to, such as 2-4.5", got=again)
        raise Refused("invalid", "this is no part of a clip", findings=[finding]) from error
    return {"kind": "region", "from_s": from_s, "to_s": to_s}


def _cue(text: str) -> dict[str, Any]:
    at_s, _, words = text.partition(":")
    try:
        return {"at_s": float(at_s), "text": words.strip()}
    except ValueError:
        finding = Finding(field="--cue", expected='seconds, as in "2.5" or "2.5:door slam"', got=repr(text))
        raise Refused("invalid", "this cue has no time", findings=[finding]) from None


@contextmanager
def _ending_in_order() -> Iterator[None]:
    """Lets a SIGTERM end a command as Ctrl-C does: its private engine goes with it."""

    def stop(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    try:
        previous = signal.signal(signal.SIGTERM, stop)
    except ValueError:  # not the main thread: whoever runs us has the signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


if __name__ == "__main__":
    main()
