"""Which engine a command talks to: the one that runs, or a private one of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from clients.python.client import DEFAULT_ADDRESS
from clients.python.credentials import command_line
from clients.python.errors import EngineLost
from clients.python.local_engine import LocalEngine
from clients.python.screen import Screen
from clients.python.sync_client import Client

DEFAULT_MODEL = "compact"


@dataclass(frozen=True)
class ChosenEngine:
    """A connected client, and whether its engine was started for it alone."""

    client: Client
    private: bool


@contextmanager
def any_engine(screen: Screen, address: str | None, model: str | None) -> Iterator[ChosenEngine]:
    """The engine at `address`; without one, the engine that runs here, else a private one, said so.

    A named `model` means a private engine. An address that was asked for must answer.
    """
    if model is None:
        try:
            client = Client(address or DEFAULT_ADDRESS, credentials=command_line())
        except EngineLost:
            if address is not None:
                raise
            screen.remark(f"no engine answers at {DEFAULT_ADDRESS}: starting a private one")
        else:
            with client:
                yield ChosenEngine(client, private=False)
            return
    with private_engine(screen, model or DEFAULT_MODEL) as client:
        yield ChosenEngine(client, private=True)


@contextmanager
def private_engine(screen: Screen, model: str) -> Iterator[Client]:
    """A client of an engine of its own on free ports, its model loaded; nothing of it stays behind."""
    with screen.busy(f"starting an engine with model '{model}'"):
        engine = LocalEngine(model)
    with engine, Client(engine.address, timeout_s=30.0) as client:
        try:
            with screen.busy(f"loading model '{model}'"):
                client.wait_ready()
        except EngineLost as lost:
            tail = engine.log_tail()
            raise EngineLost(f"{lost.message}\n{tail}" if tail else lost.message, lost.remedy) from lost
        yield client
