"""Who may do what: tokens, key folders and project folders. Pure but for the files that hold the secrets.

On loopback everyone on this machine is let in. From elsewhere ZeroMQ asks for CURVE keys (the door's
business), HTTP, WebSocket and OSC over TCP for the access token. A job is cancelled by who asked for it, or
by an operator: whoever shows the operator's token, which lies in the data folder for its owner to read.
"""

from __future__ import annotations

import hmac
import logging
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from scene_schema.errors import Finding, Refused, shown

log = logging.getLogger("stemscape.access")

OPERATOR_FILE: Final = "operator.token"
TOKEN_BYTES: Final = 32


@dataclass(frozen=True)
class Caller:
    """Who sent a message, as far as its door can tell. The jobs that it causes belong to `name`."""

    name: str = ""
    operator: bool = False

    def may_cancel(self, owners: Sequence[str]) -> bool:
        """Jobs of clients without a name belong to everyone."""
        return self.operator or not owners or "" in owners or self.name in owners


class Access:
    """The secrets of one engine. `token` is None where everyone who reaches a door may use it."""

    def __init__(self, *, operator_token: str, token: str | None, projects: Sequence[Path] = ()) -> None:
        self._operator_token = operator_token
        self._token = token
        self._projects = tuple(project.resolve() for project in projects)

    @property
    def needs_token(self) -> bool:
        return self._token is not None

    def caller(self, name: str, token: str, *, admitted: bool, where: str) -> Caller:
        """Who this is. Raises `Refused` (`denied`), and logs it, where the token is missing or wrong.

        `admitted`: the door itself knows that this peer may come in (loopback without a token, CURVE keys).
        `where` is the peer's address, for the log.
        """
        if token and hmac.compare_digest(token.encode(), self._operator_token.encode()):
            return Caller(name, operator=True)
        if self._token is not None and token and hmac.compare_digest(token.encode(), self._token.encode()):
            return Caller(name)
        if token or (self._token is not None and not admitted):
            what = "a wrong token" if token else "no token"
            log.warning("%s was turned away: %s", where, what)
            raise Refused(
                "denied",
                f"this engine does not know you: {what} came with the request",
                remedy="Send the token that the engine was started with (--token), or the operator's, which "
                f"is in {OPERATOR_FILE} in its data folder.",
            )
        return Caller(name)

    def folder(self, wanted: str) -> Path:
        """A folder that a client names, as it really is on disk, inside one of the project folders.

        Raises `Refused` (`denied`) for any other, and logs it: symbolic links and `..` are followed first.
        """
        return self._inside(wanted, "folder")

    def file(self, wanted: str) -> Path:
        """A file that a client names, on the same terms. Whether it is there, this does not say."""
        return self._inside(wanted, "path")

    def _inside(self, wanted: str, field: str) -> Path:
        path = Path(wanted)
        real = path.resolve() if path.is_absolute() and "\0" not in wanted else None
        if real is None or not any(real == one or one in real.parents for one in self._projects):
            log.warning("a client asked for the %s %s, outside the project folders", field, shown(wanted))
            allowed = ", ".join(map(str, self._projects)) or "none yet"
            finding = Finding(
                field=f"$.{field}",
                expected=f"an absolute path inside a project folder ({allowed})",
                got=shown(wanted),
            )
            raise Refused(
                "denied",
                f"this {field} is not open to clients",
                findings=[finding],
                remedy=f"Start the engine with --project FOLDER, or leave {field} out.",
            )
        return real


def operator_token(data_dir: Path) -> str:
    """The operator's token, made at the first start; only the data folder's owner can read the file."""
    path = data_dir / OPERATOR_FILE
    try:
        return path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        pass
    data_dir.mkdir(parents=True, exist_ok=True)
    token = secrets.token_urlsafe(TOKEN_BYTES)
    temporary = path.with_suffix(f".{os.getpid()}")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(token + "\n")
    temporary.replace(path)
    return token
