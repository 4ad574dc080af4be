"""The Python SDK: `Client` blocks, `AsyncClient` awaits, `LocalEngine` is an engine of one's own."""

from clients.python.client import AsyncClient, Rendered
from clients.python.credentials import Credentials
from clients.python.deliver_files import Delivered
from clients.python.errors import EngineDidNotStart, EngineLost, StillRendering
from clients.python.event_stream import EventStream
from clients.python.local_engine import LocalEngine
from clients.python.session import Event
from clients.python.sync_client import Client

__all__ = [
    "Client",
    "AsyncClient",
    "LocalEngine",
    "Credentials",
    "Rendered",
    "Delivered",
    "Event",
    "EventStream",
    "EngineLost",
    "EngineDidNotStart",
    "StillRendering",
]
