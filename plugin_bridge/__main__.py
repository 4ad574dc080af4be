"""`python -m plugin_bridge`: the engine's command line. The only reader of arguments and environment."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from engine.log_lines import FORMS
from plugin_bridge import curve_keys, heap, log_keeping
from plugin_bridge.bridge import Addresses
from plugin_bridge.config import AUTO, REQUEST_PORT, BridgeConfig, default_data_dir
from plugin_bridge.serving import serve
from scene_schema.errors import Finding, Refused, shown

CANNOT_START: Final = 2
LOG_FILE: Final = "engine.log"  # in the data folder, unless --log-file names another
SETTABLE: Final = ("quiet_s", "quiet_longest_s", "quiet_from_s", "waiting_jobs", "lease_s")

log = logging.getLogger("stemscape.log")


def main() -> None:
    """Exit status: 0 after an orderly stop, 2 where the engine cannot start."""
    heap.share_one()
    options = _parser(os.environ).parse_args()
    if sys.platform == "win32":  # ZeroMQ needs a loop that can wait for sockets
        asyncio.set_event_loop_policy(asyncio.WindowsSelectorEventLoopPolicy())
    try:
        if options.make_keys is not None:
            print(curve_keys.make_keys(options.keys or Path("keys"), options.make_keys))  # noqa: T201
            return
        log_keeping.keep_on_stderr(options.log, options.log_level == "debug")
        config = config_from(options)
        _make_folder(config.data_dir)
        log_keeping.keep_in_file(options.log_file or config.data_dir / LOG_FILE, options.log)
        asyncio.run(serve(config, lambda session, at: _say_ready(session, at, config, options.json)))
    except Refused as refused:
        if options.log == "json":
            log.critical("the engine cannot start: %s", refused)
        else:
            print(f"stemscape: {refused}", file=sys.stderr)  # noqa: T201
        sys.exit(CANNOT_START)


def config_from(options: argparse.Namespace) -> BridgeConfig:
    """The options as a config. Raises `Refused` that names the one at fault."""
    first = options.port
    # 0 is any free port for each; otherwise they stand in a row
    ports = [0] * 6 if first == 0 else [first + place for place in range(6)]
    given: dict[str, Any] = {} if options.threads is None else {"worker_threads": options.threads}
    if options.audio_budget is not None:
        given["audio_bytes"] = round(options.audio_budget * 2**30)
    if options.sounds_memory is not None:
        given["sounds_bytes"] = round(options.sounds_memory * 2**20)
    for name in SETTABLE:
        if (value := getattr(options, name)) is not None:
            given[name] = value
    if options.idle_unload is not None:
        given["idle_unload_s"] = 60.0 * options.idle_unload
    osc_port = _port(options.osc_port, ports[4], options.private)
    return BridgeConfig(
        host=options.host,
        request_port=ports[0],
        control_port=ports[1],
        event_port=ports[2],
        http_port=_port(options.http_port, ports[3], options.private),
        osc_port=osc_port,
        oscquery_port=None if osc_port is None else _port(options.oscquery_port, ports[5], options.private),
        data_dir=options.data_dir,
        model=options.model,
        token=None if options.token is None else _secret(options.token),
        keys=options.keys,
        projects=tuple(options.project),
        origins=tuple(options.origin),
        udp_anywhere=options.udp_anywhere,
        announce=options.announce and not options.private,
        private=options.private,
        devices=tuple(options.device.split(",")),
        workers=options.workers,
        warm_up=options.warm_up,
        together=options.together,
        keep_warm_s=options.keep_warm,
        **given,
    )


def _port(asked: str | None, usual: int, private: bool) -> int | None:
    """A door's port: the one asked for, else the usual one; none in a private engine."""
    if asked is None:
        return None if private else usual
    if asked == "off":
        return None
    if not asked.isdigit():
        finding = Finding(
            field="$.port", expected="a port number, 0 for any free one, or off", got=shown(asked)
        )
        raise Refused("invalid", "the bridge cannot start like this", findings=[finding])
    return int(asked)


def _secret(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        finding = Finding(field="$.token", expected="a text file that holds the token", got=str(path))
        raise Refused("invalid", f"the token cannot be read: {error}", findings=[finding]) from error


def _parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m plugin_bridge", description="Keeps scenes, renders their layers, answers clients."
    )
    parser.add_argument("--model", default="compact", help="name of a shipped model, or its folder")
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=Path(environment.get("STEMSCAPE_DATA_DIR", "") or default_data_dir()),
        help="where scenes and takes are kept; also STEMSCAPE_DATA_DIR (default: %(default)s)",
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on; off loopback --keys and --token are needed"
    )
    parser.add_argument(
        "--port",
        type=int,
        default=REQUEST_PORT,
        help="of requests; control, events, HTTP, OSC and OSCQuery take the next five; 0: any free ports "
        "(default: %(default)s)",
    )
    for door, what in (("http", "HTTP and WebSocket"), ("osc", "OSC, UDP and TCP"), ("oscquery", "OSCQuery")):
        parser.add_argument(f"--{door}-port", metavar="PORT", help=f"of {what}; 0: any free one; or off")
    parser.add_argument("--token", type=Path, metavar="FILE", help="holds the token of HTTP and OSC over TCP")
    parser.add_argument("--keys", type=Path, metavar="FOLDER", help="CURVE keys, made by `stemscape keys`")
    parser.add_argument("--make-keys", metavar="CLIENT", help="make keys in --keys for a client, and end")
    parser.add_argument(
        "--project",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="deliveries may be written below it; may be repeated",
    )
    parser.add_argument(
        "--origin", action="append", default=[], help="a web page's origin that may ask; may be repeated"
    )
    parser.add_argument(
        "--udp-anywhere", action="store_true", help="OSC over UDP off loopback, with no token"
    )
    parser.add_argument(
        "--announce",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="tell by mDNS where the doors are",
    )
    parser.add_argument(
        "--device",
        default=AUTO,
        metavar="DEVICE,…",
        help="cpu, cuda or cuda:N, one for each worker (default: the one that suits the model)",
    )
    parser.add_argument("--workers", type=int, help="that render at the same time (default: one a device)")
    parser.add_argument("--threads", type=int, help="that all workers share on a CPU (default: one a core)")
    parser.add_argument(
        "--warm-up",
        action=argparse.BooleanOptionalAction,
        help="workers render something short before they are ready (default: on a GPU)",
    )
    parser.add_argument(
        "--together", type=int, metavar="NUMBER", help="layers of a scene as one batch (default: 8 on a GPU)"
    )
    parser.add_argument(
        "--keep-warm", type=float, metavar="SECONDS", help="keep an idle GPU's clock up by a nudge so often"
    )
    parser.add_argument(
        "--idle-unload", type=float, metavar="MINUTES", help="free the memory of workers idle for so long"
    )
    parser.add_argument(
        "--audio-budget", type=float, metavar="GIB", help="of disk for takes and deliveries (default: 20)"
    )
    parser.add_argument(
        "--sounds-memory", type=float, metavar="MIB", help="that the newest sounds may take (default: 64)"
    )
    for option, what, usual in (
        ("quiet", "a render waits until its layer was not edited for so long; 0: none waits", 0.25),
        ("quiet-longest", "but no longer than this, from the first edit on", 3.0),
        ("quiet-from", "renders that take less do not wait", 1.5),
        ("lease", "silence after which a client that asked for that is gone, and its jobs end", 15.0),
    ):
        help_text = f"{what} (default: {usual:g})"
        parser.add_argument(f"--{option}-s", type=float, metavar="SECONDS", help=help_text)
    parser.add_argument(
        "--waiting-jobs", type=int, metavar="NUMBER", help="of one client at a time (default: 256)"
    )
    parser.add_argument(
        "--log", choices=FORMS, default="text", help="lines of the log: for people, or JSON objects"
    )
    parser.add_argument(
        "--log-file", type=Path, metavar="FILE", help=f"instead of {LOG_FILE} in the data folder; kept short"
    )
    parser.add_argument(
        "--log-level", choices=("info", "debug"), default="info", help="debug: every request and client too"
    )
    parser.add_argument("--private", action="store_true", help="end when standard input closes")
    parser.add_argument("--json", action="store_true", help="say where the engine is as one line of JSON")
    return parser


def _say_ready(session: str, at: Addresses, config: BridgeConfig, as_json: bool) -> None:
    if as_json:
        line = json.dumps(
            {
                "session": session,
                "request": at.request,
                "control": at.control,
                "events": at.events,
                "http": at.http,
                "osc": at.osc,
                "oscquery": at.oscquery,
                "pid": os.getpid(),
                "model": config.model,
            }
        )
    else:
        doors = ", ".join(door for door in (at.request, at.http, at.osc) if door)
        line = f"Stemscape is listening at {doors} (model {config.model}, data in {config.data_dir})"
    print(line, flush=True)  # noqa: T201


def _make_folder(data_dir: Path) -> None:
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Refused(
            "internal", f"the data folder cannot be used: {error}", remedy="Choose another with --data-dir."
        ) from error


if __name__ == "__main__":
    main()
