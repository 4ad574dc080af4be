"""What a client shows an engine: its name, an operator's token, CURVE keys. Reads files, sends nothing."""

from __future__ import annotations

import getpass
from dataclasses import dataclass
from pathlib import Path

import zmq
import zmq.asyncio
import zmq.auth

from scene_schema.errors import Finding, Refused


@dataclass(frozen=True)
class Credentials:
    """All optional on the engine's own machine.

    Attributes:
        name: the client's; jobs belong to it, and who has the same name may cancel them. Empty: a new one.
        token: an operator's, from `operator.token` in the engine's data folder: may cancel anybody's jobs.
        keys: this client's `NAME.key_secret`, made by `stemscape keys`; for an engine off loopback.
        engine_key: that engine's public `engine.key`.
    """

    name: str = ""
    token: str = ""
    keys: Path | None = None
    engine_key: Path | None = None

    def lock(self, socket: zmq.asyncio.Socket) -> None:
        """Makes a socket speak CURVE, before it connects. Raises `Refused` (`invalid`) for want of a key."""
        if self.keys is None and self.engine_key is None:
            return
        socket.curve_publickey, secret = _pair("keys", self.keys)
        if secret is None:
            raise _no_key("keys", self.keys, "it holds no secret key")
        socket.curve_secretkey = secret
        socket.curve_serverkey, _ = _pair("engine_key", self.engine_key)


def command_line() -> Credentials:
    """What the command line goes by: one name for one person, so that a job can be cancelled by the next
    command, and many commands at once are one client that takes its turn."""
    try:
        return Credentials(name=f"cli-{getpass.getuser()}")
    except (KeyError, OSError, ImportError):  # a container may run as a number that has no name
        return Credentials(name="cli")


def _pair(name: str, path: Path | None) -> tuple[bytes, bytes | None]:
    if path is None:
        raise _no_key(name, path, "keys and engine_key go together")
    try:
        return zmq.auth.load_certificate(path)
    except (OSError, ValueError) as error:
        raise _no_key(name, path, str(error)) from error


def _no_key(name: str, path: Path | None, story: str) -> Refused:
    finding = Finding(field=f"$.{name}", expected="a CURVE key file", got=str(path))
    return Refused("invalid", f"the keys cannot be used: {story}", findings=[finding])
