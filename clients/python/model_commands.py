"""`stemscape models`: the published models on this machine. The engine's side does it; this shows it.

What runs is `python -m engine.model_shelf`, which says in lines of JSON how far it is and how it ended.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from clients.python.screen import Screen
from scene_schema.errors import Finding, Refused

models = typer.Typer(help="Fetch, inspect and remove models.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object, errors included.")]
Name = Annotated[str, typer.Argument(help="A name that `stemscape models list` shows.")]

STATE: Final = {"ready": "ready", "partly": "partly fetched", "absent": "not fetched"}
INTERRUPTED: Final = 130


@models.command("list")
def list_(as_json: Json = False) -> None:
    """The models that have a name, and what of them is on this machine."""
    screen = Screen(as_json)
    with screen.errors():
        found = _ask_shelf("list")
        screen.result(found)
        rows = [
            [one["name"], one["title"], STATE[one["state"]], _size(one["size_bytes"]), one["source"]]
            for one in found["models"]
        ]
        screen.table("", ["model", "what", "state", "on disk", "from"], rows)
        unfetched = [one["name"] for one in found["models"] if one["state"] != "ready"]
        screen.next(
            f"stemscape models pull {unfetched[0]}" if unfetched else "stemscape serve --model dasheng"
        )


@models.command()
def pull(
    name: Name,
    revision: Annotated[
        list[str] | None,
        typer.Option(metavar="REPOSITORY=REVISION", help="Another than main; repeat for more."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Fetch a model, and check it. Interrupted, the same command goes on where it ended."""
    screen = Screen(as_json)
    options = [word for one in revision or () for word in ("--revision", one)]
    with screen.errors():
        with screen.transfer() as show:
            pulled = _ask_shelf("pull", name, *options, show=show)
        screen.result(pulled)
        if pulled["offline"]:
            screen.remark("HF_HUB_OFFLINE is set: the hub was not asked whether there is anything newer")
        screen.say(f"{name} is here and whole: {_size(pulled['size_bytes'])}, in {pulled['folder']}")
        screen.next(f"stemscape serve --model {name}")


@models.command()
def info(
    name: Annotated[str, typer.Argument(help="A model's name, or the path of its folder.")],
    as_json: Json = False,
) -> None:
    """What a model is, where it lies, what memory it needs. Asks no network."""
    screen = Screen(as_json)
    with screen.errors():
        with screen.busy("reading"):
            found = _ask_shelf("info", name)
        screen.result(found)
        screen.say(f"{found['name']}: {found['title']}, {STATE[found['state']]}")
        if "folder" in found:
            screen.say(f"folder  {found['folder']}", f"sha256  {found['weights_sha256']}")
        rows = [
            [
                one["piece"].replace("_", " "),
                one["repository"],
                one["licence"],
                one["commit"][:12] if one["commit"] else "not fetched",
                _size(one["size_bytes"]),
            ]
            for one in found["pieces"]
        ]
        if rows:
            screen.table("", ["piece", "repository", "licence", "commit", "on disk"], rows)
        if "memory" in found:
            _say_memory(found["memory"], screen)
        ready = found["state"] == "ready"
        screen.next(f"stemscape serve --model {name}" if ready else f"stemscape models pull {name}")


@models.command()
def remove(
    name: Name,
    everything: Annotated[
        bool, typer.Option("--all", help="Its text encoder too, which other programs may use.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Take a model off this machine. Scenes and takes made with it stay."""
    screen = Screen(as_json)
    with screen.errors():
        done = _ask_shelf("remove", name, *(["--all"] if everything else []))
        screen.result(done)
        for one in done["removed"]:
            screen.say(f"removed  {one['id']}, {_size(one['size_bytes'])}")
        for one in done["kept"]:
            screen.say(f"kept     {one['id']}, {_size(one['size_bytes'])}: {one['why']}")
        screen.next("stemscape models list")


def _ask_shelf(*words: str, show: Callable[[dict[str, Any]], None] | None = None) -> dict[str, Any]:
    """The engine's answer. Raises its `Refused`, or `KeyboardInterrupt` where it was interrupted."""
    command = [sys.executable, "-m", "engine.model_shelf", *words]
    said: dict[str, Any] = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8") as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                said = json.loads(line)
                if "progress" in said and show is not None:
                    show(said["progress"])
        except BaseException:
            process.terminate()  # Ctrl-C has reached it too; a program's SIGTERM has not
            raise
    if "result" in said:
        result: dict[str, Any] = said["result"]
        return result
    if "error" in said:
        error = said["error"]
        findings = [Finding.model_validate(finding) for finding in error["findings"]]
        raise Refused(error["code"], error["message"], findings=findings, remedy=error["remedy"])
    if process.returncode == INTERRUPTED:
        raise KeyboardInterrupt
    raise Refused(
        "internal",
        f"the command ended with status {process.returncode} and said nothing",
        remedy=f"See what it says by itself: {Path(sys.executable).name} {' '.join(command[1:])}",
    )


def _say_memory(memory: dict[str, Any], screen: Screen) -> None:
    rest = memory["codec_bytes"] + memory["text_encoder_bytes"]
    wide, narrow = (memory[f"generator_{kind}_bytes"] + rest for kind in ("float32", "bfloat16"))
    screen.say(
        f"memory  {_size(narrow)} for the weights with a generator in bfloat16, {_size(wide)} in float32"
    )
    if memory["available_bytes"] is not None:
        screen.say(f"free    {_size(memory['available_bytes'])} of main memory here, now")


def _size(count: int) -> str:
    if count == 0:
        return "none"
    return f"{count / 1e9:.2f} GB" if count >= 1e8 else f"{count / 1e6:.1f} MB"
