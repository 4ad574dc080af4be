"""Tells the local network by mDNS where the doors are, so that tools find them. Costs the engine nothing.

`_stemscape._tcp` is ZeroMQ's request port, `_osc._udp` OSC, `_oscjson._tcp` OSCQuery. Only addresses that are
really bound are told: an engine on loopback is announced as 127.0.0.1, where only this machine finds it.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from zeroconf import (  # type: ignore[attr-defined]  # it does export the last, but not for mypy
    Error,
    InterfaceChoice,
    IPVersion,
    ServiceInfo,
    get_all_addresses,
)
from zeroconf.asyncio import AsyncZeroconf

from plugin_bridge.bridge import Addresses

log = logging.getLogger("stemscape.discovery")

ENGINE: Final = "_stemscape._tcp.local."
OSC: Final = "_osc._udp.local."
OSCQUERY: Final = "_oscjson._tcp.local."
GOODBYE_S: Final = 2.0  # how long closing may take to tell the network


@dataclass(frozen=True)
class Service:
    """One door. `text` is what its TXT record says."""

    kind: str
    host: str
    port: int
    text: dict[str, str] = field(default_factory=dict)


def services(addresses: Addresses, query_url: str | None, session: str, version: str) -> list[Service]:
    """What there is to tell. Pure."""
    text = {"version": version, "session": session}
    if addresses.http is not None:
        text["http"] = addresses.http
    found = [_service(ENGINE, addresses.request, text)]
    if addresses.osc is not None:
        found.append(_service(OSC, addresses.osc, {"txtvers": "1"}))
    if query_url is not None:
        found.append(_service(OSCQUERY, query_url, {"txtvers": "1"}))
    return found


def _service(kind: str, url: str, text: dict[str, str]) -> Service:
    parts = urlsplit(url)
    assert parts.hostname is not None and parts.port is not None
    return Service(kind, parts.hostname, parts.port, text)


class Announcement:
    """Begins in the background when it is made; `close` takes it back. A network that refuses is logged."""

    def __init__(self, services: Sequence[Service], name: str) -> None:
        self._services = tuple(services)
        self._name = name
        self._zeroconf: AsyncZeroconf | None = None
        self._task = asyncio.get_running_loop().create_task(self._tell())

    async def told(self) -> bool:
        """Whether the network knows, once that is decided."""
        await asyncio.wait([self._task])
        return self._zeroconf is not None

    async def close(self) -> None:
        """Says goodbye, for a moment at most."""
        self._task.cancel()
        await asyncio.wait([self._task])
        zeroconf, self._zeroconf = self._zeroconf, None
        if zeroconf is not None:
            await _end(zeroconf)

    async def _tell(self) -> None:
        zeroconf: AsyncZeroconf | None = None
        try:
            zeroconf = AsyncZeroconf(interfaces=InterfaceChoice.All, ip_version=IPVersion.V4Only)
            await asyncio.gather(*(self._register(zeroconf, one) for one in self._services))
        except (OSError, Error, asyncio.TimeoutError) as error:
            log.warning("the doors are not announced by mDNS: %s", error or type(error).__name__)
            if zeroconf is not None:
                await _end(zeroconf)
            return
        except asyncio.CancelledError:
            if zeroconf is not None:
                await _end(zeroconf)
            raise
        self._zeroconf = zeroconf
        log.info("announced by mDNS as %s: %s", self._name, ", ".join(one.kind for one in self._services))

    async def _register(self, zeroconf: AsyncZeroconf, service: Service) -> None:
        told = await zeroconf.async_register_service(self._info(service), allow_name_change=True)
        await told

    def _info(self, service: Service) -> ServiceInfo:
        everywhere = service.host == "0.0.0.0"  # noqa: S104 - compared, not bound
        hosts = get_all_addresses() if everywhere else [service.host]
        return ServiceInfo(
            service.kind,
            f"{self._name}.{service.kind}",
            port=service.port,
            addresses=[socket.inet_aton(host) for host in hosts],
            properties=service.text,
            # a name of its own: this machine's own name keeps its real address
            server=f"{self._name.lower().replace(' ', '-')}.local.",
        )


async def _end(zeroconf: AsyncZeroconf) -> None:
    try:
        await asyncio.wait_for(zeroconf.async_close(), GOODBYE_S)
    except (OSError, Error, asyncio.TimeoutError) as error:
        log.info("mDNS was left without a goodbye: %s", error or type(error).__name__)


def announce(addresses: Addresses, query_url: str | None, session: str, version: str) -> Announcement:
    """Announces an engine under a name of its own."""
    return Announcement(services(addresses, query_url, session, version), f"Stemscape {session[:8]}")
