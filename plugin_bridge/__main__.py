"""`python -m plugin_bridge`: the engine's command line. The only reader of arguments and environment."""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import sys
from collections.abc import Mapping
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, Final

from plugin_bridge.bridge import Addresses
from plugin_bridge.config import REQUEST_PORT, BridgeConfig, default_data_dir
from plugin_bridge.serving import serve
from scene_schema.errors import Refused

CANNOT_START: Final = 2
LOG_BYTES: Final = 4 * 2**20


def main() -> None:
    """Exit status: 0 after an orderly stop, 2 where the engine cannot start."""
    options = _parser(os.environ).parse_args()
    if sys.platform == "win32":  # ZeroMQ needs a loop that can wait for sockets
        asyncio.set_event_loop_policy(asyncio.WindowsSelectorEventLoopPolicy())
    try:
        config = config_from(options)
        _keep_log(config.data_dir)
        asyncio.run(serve(config, lambda session, at: _say_ready(session, at, config, options.json)))
    except Refused as refused:
        print(f"stemscape: {refused}", file=sys.stderr)  # noqa: T201
        sys.exit(CANNOT_START)


def config_from(options: argparse.Namespace) -> BridgeConfig:
    """The options as a config. Raises `Refused` that names the one at fault."""
    first = options.port
    # 0 is any free port for each; otherwise three in a row
    ports = (0, 0, 0) if first == 0 else (first, first + 1, first + 2)
    given: dict[str, Any] = {} if options.threads is None else {"worker_threads": options.threads}
    return BridgeConfig(
        host=options.host,
        request_port=ports[0],
        control_port=ports[1],
        event_port=ports[2],
        data_dir=options.data_dir,
        model=options.model,
        private=options.private,
        **given,
    )


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
    parser.add_argument("--host", default="127.0.0.1", help="loopback address to listen on")
    parser.add_argument(
        "--port",
        type=int,
        default=REQUEST_PORT,
        help="of requests; control and events take the next two; 0: any free ports (default: %(default)s)",
    )
    parser.add_argument("--threads", type=int, help="that the worker may use (default: one a core)")
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
                "pid": os.getpid(),
                "model": config.model,
            }
        )
    else:
        line = f"Stemscape is listening at {at.request} (model {config.model}, data in {config.data_dir})"
    print(line, flush=True)  # noqa: T201


def _keep_log(data_dir: Path) -> None:
    """On standard error, and in a file beside the data for engines that nobody watches."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        file = RotatingFileHandler(
            data_dir / "engine.log", maxBytes=LOG_BYTES, backupCount=1, encoding="utf-8"
        )
    except OSError as error:
        raise Refused(
            "internal", f"the data folder cannot be used: {error}", remedy="Choose another with --data-dir."
        ) from error
    logging.basicConfig(
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        handlers=[logging.StreamHandler(), file],
    )


if __name__ == "__main__":
    main()
