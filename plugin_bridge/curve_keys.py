"""CURVE keys for ZeroMQ off loopback: made, found, and who may come in. Files by pyzmq's own certificates.

    FOLDER/engine.key, engine.key_secret      the engine's pair; clients need the public one
    FOLDER/clients/NAME.key, NAME.key_secret  one pair a client; the engine needs the public one

CurveZMQ: rfc.zeromq.org/spec/26; admission is a ZAP handler (rfc.zeromq.org/spec/27) that logs every refusal.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Final

import zmq
import zmq.asyncio
import zmq.auth
from zmq.auth.asyncio import AsyncioAuthenticator

from scene_schema.errors import Finding, Refused

log = logging.getLogger("stemscape.access")

ENGINE: Final = "engine"
CLIENTS: Final = "clients"


class ClientKeys:
    """Who may come in, as pyzmq's authenticator asks for it: by public key, in its printable form."""

    def __init__(self, clients: Path) -> None:
        self._clients = clients

    def callback(self, domain: str, key: bytes) -> bool:  # noqa: ARG002 - pyzmq's signature
        """Whether this key's file is there. Looked up at every connection: a new client needs no restart."""
        known = any(zmq.auth.load_certificate(path)[0] == key for path in self._clients.glob("*.key"))
        if not known:
            log.warning("a ZeroMQ client with the unknown key %s was turned away", key.decode())
        return known


def make_keys(folder: Path, client: str) -> Path:
    """Makes the engine's pair, if it is not there yet, and one for a client; returns the client's secret.

    Raises `Refused` (`exists`) where the client has keys already, `invalid` where its name is no file name.
    """
    if not client.replace("-", "").replace("_", "").isalnum():
        finding = Finding(field="$.client", expected="letters, digits, - and _", got=client)
        raise Refused("invalid", "a client's name is a file's name", findings=[finding])
    clients = folder / CLIENTS
    clients.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not (folder / f"{ENGINE}.key_secret").exists():
        _private(zmq.auth.create_certificates(folder, ENGINE)[1])
    if (clients / f"{client}.key").exists():
        raise Refused(
            "exists",
            f"client '{client}' has keys in {clients} already",
            remedy="Use them, or remove them first; the client then needs the new ones.",
        )
    secret = zmq.auth.create_certificates(clients, client)[1]
    _private(secret)
    return Path(secret)


def server_keys(folder: Path) -> tuple[bytes, bytes]:
    """The engine's public and secret key. Raises `Refused` (`invalid`) where they are not there."""
    return load_pair(folder / f"{ENGINE}.key_secret")


def load_pair(secret: Path) -> tuple[bytes, bytes]:
    """Public and secret key of a `.key_secret` file. Raises `Refused` (`invalid`)."""
    try:
        public_key, secret_key = zmq.auth.load_certificate(secret)
    except (OSError, ValueError) as error:
        raise _no_keys(secret, str(error)) from error
    if secret_key is None:
        raise _no_keys(secret, "it holds no secret key")
    return public_key, secret_key


def gate(context: zmq.asyncio.Context, folder: Path) -> AsyncioAuthenticator:
    """Lets in the clients whose public keys lie in the folder; `start` it inside the event loop.

    Raises `Refused` (`invalid`) where there are none.
    """
    clients = folder / CLIENTS
    if not any(clients.glob("*.key")):
        raise _no_keys(clients, "there is no client's public key in it")
    found = AsyncioAuthenticator(context)
    found.configure_curve_callback(domain="*", credentials_provider=ClientKeys(clients))
    return found


def _private(path: str | Path) -> None:
    Path(path).chmod(0o600)


def _no_keys(path: Path, story: str) -> Refused:
    finding = Finding(field="$.keys", expected="a folder of CURVE keys", got=str(path))
    remedy = "Make them with `stemscape keys FOLDER`."
    return Refused("invalid", f"the keys cannot be used: {story}", findings=[finding], remedy=remedy)
