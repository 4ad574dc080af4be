"""The `stemscape` command. Each command asks an engine through the SDK and ends with one next step.

Exit status: 0 done · 1 a promise was broken · 2 refused or wrong input · 3 no engine · 130 interrupted.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any, Final, Literal, cast

import typer
import typer.core

from clients.python.client import DEFAULT_ADDRESS
from clients.python.deliver_files import Delivered, write_whole
from clients.python.engine_choice import ChosenEngine, any_engine
from clients.python.errors import EngineLost
from clients.python.screen import BROKEN_PROMISE, Screen, described
from clients.python.sync_client import Client
from scene_schema.documents import scene_from_yaml, scene_to_yaml
from scene_schema.edits import EditLayer, apply
from scene_schema.errors import Finding, Refused
from scene_schema.limits import RATE_HZ
from scene_schema.messages import Accepted
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

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, errors included.")]
Address = Annotated[
    str | None, typer.Option(help=f"The engine to ask; left out, the one at {DEFAULT_ADDRESS}.")
]
PrivateModel = Annotated[
    str | None, typer.Option("--model", help="Start a private engine with this model for this command.")
]
SceneFile = Annotated[Path, typer.Argument(metavar="SCENE.yaml", help="A scene document.")]
Out = Annotated[Path | None, typer.Option("--out", help="Folder for the WAV files; left out, <scene>_out.")]
RateHz = Annotated[int, typer.Option("--rate-hz", help=f"One of {', '.join(map(str, RATE_HZ))}.")]
BitDepth = Annotated[int, typer.Option("--bit-depth", help="16 (dithered), 24, or 32 (float).")]


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
    model: Annotated[str, typer.Option(help="The model to load.")] = "compact",
    data_dir: Annotated[Path | None, typer.Option(help="Where scenes and takes are kept.")] = None,
    port: Annotated[int | None, typer.Option(help="First of three ports; 0 takes free ones.")] = None,
    as_json: Json = False,
) -> None:
    """Run the engine here, until Ctrl-C."""
    command = [sys.executable, "-m", "plugin_bridge", "--model", model]
    command += [] if data_dir is None else ["--data-dir", str(data_dir)]
    command += [] if port is None else ["--port", str(port)]
    command += ["--json"] if as_json else []
    if os.name == "posix":
        sys.stdout.flush()
        os.execv(sys.executable, command)  # noqa: S606 - this process becomes the engine
    with suppress(KeyboardInterrupt):
        raise typer.Exit(subprocess.call(command))


@app.command()
def status(address: Address = None, as_json: Json = False) -> None:
    """What the running engine is doing."""
    screen = Screen(as_json)
    with screen.errors(), Client(address or DEFAULT_ADDRESS) as client:
        now = client.status()
        screen.result(now.model_dump(mode="json"))
        worker = now.worker.state + (f" ({now.worker.detail})" if now.worker.detail else "")
        screen.table(
            "",
            ["engine", "model", "worker", "scenes", "up"],
            [[now.version, now.model.title, worker, str(now.scenes), f"{now.uptime_s:.0f} s"]],
        )
        running = [[job.scene, job.layer, described(job)] for job in now.jobs]
        if running:
            screen.table("jobs", ["scene", "layer", "state"], running)
        screen.next("stemscape render SCENE.yaml --out DIR")


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
    address: Address = None,
    model: PrivateModel = None,
    as_json: Json = False,
) -> None:
    """Render a scene document to one WAV for each layer, their mix and a manifest."""
    screen = Screen(as_json)
    with screen.errors(), _ending_in_order():
        _check_format(rate_hz, bit_depth)
        read = read_scene(scene)
        folder = out or Path(f"{read.id}_out")
        _check_folder(folder)
        with any_engine(screen, address, model) as chosen:
            chosen.client.create_scene(read, replace=True)
            _render(chosen.client, chosen.client.start_render(read.id), screen)
            delivered = _deliver(chosen.client, read.id, folder, rate_hz, bit_depth, screen)
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
    cue: Annotated[
        list[str] | None,
        typer.Option(help='A moment, "2.5" or "2.5:door slam"; repeat for more. They replace all cues.'),
    ] = None,
    out: Out = None,
    rate_hz: RateHz = 48_000,
    bit_depth: BitDepth = 24,
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
    }
    with screen.errors(), _ending_in_order():
        changes = {name: value for name, value in given.items() if value is not None}
        if cue:
            changes["cues"] = [_cue(one) for one in cue]
        if not changes:
            finding = Finding(field="$.changes", expected="at least one field, such as --caption", got="none")
            raise Refused("invalid", "this edit changes nothing", findings=[finding])
        _check_format(rate_hz, bit_depth)
        document = _document(scene)
        read = None if document is None else read_scene(document)
        scene_id = scene if read is None else read.id
        if read is not None:  # refused here, before an engine is started for it
            apply(read, EditLayer(scene=read.id, layer=layer, changes=changes))
        folder = out or Path(f"{scene_id}_out")
        _check_folder(folder)
        with _engine_for(screen, read, address, model) as chosen:
            client = chosen.client
            if read is not None:
                client.create_scene(read, replace=True)
            accepted = client.edit_layer(scene_id, layer, changes, render=False)
            if document is not None:
                edited = client.get_scene(scene_id, accepted.revision).scene
                write_whole(document, scene_to_yaml(edited).encode())
            _render(client, client.start_render(scene_id), screen)
            delivered = _deliver(client, scene_id, folder, rate_hz, bit_depth, screen)
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
        client = Client(address or DEFAULT_ADDRESS)  # a private engine would not know the scene
    except EngineLost as lost:
        remedy = (
            "Start an engine (stemscape serve), or name the scene's document: stemscape edit SCENE.yaml …"
        )
        raise EngineLost(lost.message, remedy) from lost
    with client:
        yield ChosenEngine(client, private=False)


def _render(client: Client, accepted: Accepted, screen: Screen) -> None:
    """Waits for the jobs; Ctrl-C stops them in the engine too."""
    try:
        with screen.progress() as show:
            rendered = client.wait(accepted, show)
    except (KeyboardInterrupt, SystemExit):
        for job in accepted.jobs:
            with suppress(Refused, EngineLost):
                client.cancel(job.job)
        raise
    stopped = [job for job in rendered.jobs if job.state in ("cancelled", "superseded")]
    for job in stopped:
        screen.remark(f"layer '{job.layer}' was {job.state} by another client: its newest good stem is used")


def _deliver(
    client: Client, scene: str, folder: Path, rate_hz: int, bit_depth: int, screen: Screen
) -> Delivered:
    with screen.busy("writing the stems"):
        depth = cast(Literal[16, 24, 32], bit_depth)  # another number is refused by name, not by a cast
        return client.deliver(scene, folder, rate_hz=rate_hz, bit_depth=depth)


def _delivered(delivered: Delivered, chosen: ChosenEngine) -> dict[str, Any]:
    return {
        "scene": delivered.delivery.scene,
        "revision": delivered.delivery.revision,
        "engine": "private" if chosen.private else "running",
        "folder": str(delivered.folder),
        "stems": {layer: str(path) for layer, path in delivered.stems.items()},
        "mix": str(delivered.mix),
        "manifest": str(delivered.manifest),
        "rate_hz": delivered.delivery.rate_hz,
        "channels": delivered.delivery.channels,
        "length_samples": delivered.delivery.length_samples,
        "master_gain_db": delivered.delivery.master_gain_db,
        "sum_error_db": delivered.delivery.sum_error_db,
    }


def _say_delivered(delivered: Delivered, screen: Screen) -> None:
    names = ", ".join(path.name for path in delivered.stems.values())
    screen.say(f"in {delivered.folder}: {names}, {delivered.mix.name}, {delivered.manifest.name}")


def _check_format(rate_hz: int, bit_depth: int) -> None:
    """Before minutes of rendering: the files can be what was asked for."""
    findings = []
    if rate_hz not in RATE_HZ:
        expected = f"one of {', '.join(map(str, RATE_HZ))}"
        findings.append(Finding(field="--rate-hz", expected=expected, got=str(rate_hz)))
    if bit_depth not in (16, 24, 32):
        findings.append(Finding(field="--bit-depth", expected="16, 24 or 32", got=str(bit_depth)))
    if findings:
        raise Refused("invalid", "these WAV files cannot be made", findings=findings)


def _check_folder(folder: Path) -> None:
    """Before minutes of rendering: the place for the files can be made."""
    folder.mkdir(parents=True, exist_ok=True)


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
