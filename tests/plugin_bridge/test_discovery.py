"""mDNS with zeroconf's own browser; no network is needed but the loopback interface."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import Callable

import pytest
import zeroconf
from zeroconf import IPVersion, ServiceBrowser, ServiceInfo, ServiceStateChange, Zeroconf
from zeroconf.asyncio import AsyncZeroconf

from plugin_bridge import discovery
from plugin_bridge.bridge import Addresses
from plugin_bridge.discovery import ENGINE, OSC, OSCQUERY, Announcement, announce, services

ADDRESSES = Addresses(
    request="tcp://127.0.0.1:47710",
    control="tcp://127.0.0.1:47711",
    events="tcp://127.0.0.1:47712",
    http="http://127.0.0.1:47713",
    osc="osc.udp://127.0.0.1:47714",
)
QUERY = "http://127.0.0.1:47715"


def test_services_are_the_doors_that_are_open() -> None:
    found = {one.kind: one for one in services(ADDRESSES, QUERY, "s1", "0.1.0")}
    assert {kind: one.port for kind, one in found.items()} == {ENGINE: 47710, OSC: 47714, OSCQUERY: 47715}
    assert found[ENGINE].text == {"version": "0.1.0", "session": "s1", "http": "http://127.0.0.1:47713"}
    alone = Addresses(
        request="tcp://192.168.1.5:1", control="tcp://192.168.1.5:2", events="tcp://192.168.1.5:3"
    )
    (engine,) = services(alone, None, "s1", "0.1.0")
    assert (engine.host, engine.port, engine.text) == (
        "192.168.1.5",
        1,
        {"version": "0.1.0", "session": "s1"},
    )


class Browser:
    """What zeroconf's own browser sees, from a thread of its own."""

    def __init__(self) -> None:
        self._zeroconf = Zeroconf(interfaces=["127.0.0.1"], ip_version=IPVersion.V4Only)
        self._lock = threading.Lock()
        self.seen: dict[str, str] = {}  # name → kind
        self._browser = ServiceBrowser(self._zeroconf, [ENGINE, OSC, OSCQUERY], handlers=[self._changed])

    def _changed(
        self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange
    ) -> None:
        with self._lock:
            if state_change is ServiceStateChange.Removed:
                self.seen.pop(name, None)
            else:
                self.seen[name] = service_type

    def info(self, kind: str, name: str) -> ServiceInfo | None:
        return self._zeroconf.get_service_info(kind, f"{name}.{kind}", 3000)

    def close(self) -> None:
        self._browser.cancel()
        self._zeroconf.close()


async def until(what: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + 20
    while not what():
        assert time.monotonic() < deadline_s, "waited in vain"
        await asyncio.sleep(0.05)


def test_a_browser_finds_an_engine_and_sees_it_go() -> None:
    session = uuid.uuid4().hex

    async def story() -> None:
        try:
            browser = await asyncio.to_thread(Browser)
        except OSError as error:
            pytest.skip(f"no multicast here: {error}")
        announcement = announce(ADDRESSES, QUERY, session, "0.1.0")
        try:
            name = f"Stemscape {session[:8]}"
            mine = {f"{name}.{kind}": kind for kind in (ENGINE, OSC, OSCQUERY)}
            assert await announcement.told()
            await until(lambda: mine.items() <= browser.seen.items())
            info = await asyncio.to_thread(browser.info, ENGINE, name)
            assert info is not None
            assert (info.parsed_addresses(), info.port) == (["127.0.0.1"], 47710)
            assert info.decoded_properties["session"] == session
            assert info.decoded_properties["http"] == "http://127.0.0.1:47713"
            osc = await asyncio.to_thread(browser.info, OSC, name)
            assert osc is not None and osc.port == 47714
            await announcement.close()
            await until(lambda: not mine.keys() & browser.seen.keys())
        finally:
            await announcement.close()
            await asyncio.to_thread(browser.close)

    asyncio.run(story())


def test_without_a_network_the_engine_goes_on(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def unreachable(*_: object, **__: object) -> AsyncZeroconf:
        raise OSError(101, "Network is unreachable")

    monkeypatch.setattr(discovery, "AsyncZeroconf", unreachable)

    async def story() -> None:
        announcement = announce(ADDRESSES, QUERY, "s1", "0.1.0")
        assert not await announcement.told()
        await announcement.close()

    asyncio.run(story())
    assert "Network is unreachable" in caplog.text


def test_a_service_that_is_refused_is_no_harm(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise zeroconf.NonUniqueNameException

    monkeypatch.setattr(AsyncZeroconf, "async_register_service", refuse)

    async def story() -> None:
        announcement = Announcement(services(ADDRESSES, None, "s1", "0.1.0"), "Stemscape s1")
        assert not await announcement.told()
        await announcement.close()

    asyncio.run(story())
    assert "not announced" in caplog.text


def test_closing_at_once_is_no_harm() -> None:
    async def story() -> None:
        for pause_s in (0.0, 0.05):
            announcement = announce(ADDRESSES, QUERY, uuid.uuid4().hex, "0.1.0")
            await asyncio.sleep(pause_s)
            await announcement.close()
            await announcement.close()

    asyncio.run(story())
