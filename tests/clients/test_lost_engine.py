"""The client against engines that fall silent, lose events or send damage. Real sockets, a fake bridge."""

from __future__ import annotations

import asyncio
import socket

import pytest

from clients.python import AsyncClient, Client, EngineLost, StillRendering
from scene_schema.envelope import Envelope
from scene_schema.errors import Refused
from scene_schema.messages import Accepted, Failure, JobStatus
from tests.clients.fake_bridge import Answer, FakeBridge

QUEUED = JobStatus(job="j1", scene="a", layer="rain", revision=1, state="queued")


def accepted() -> Accepted:
    return Accepted(scene="a", revision=1, stale=["rain"], jobs=[QUEUED])


def free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"tcp://127.0.0.1:{probe.getsockname()[1]}"


def test_nobody_there_is_said_with_the_next_command() -> None:
    with pytest.raises(EngineLost, match="stemscape serve"):
        Client(free_address(), connect_timeout_s=0.2)


@pytest.mark.parametrize("address", ["nonsense", "tcp://", "tcp://127.0.0.1:notaport"])
def test_what_is_no_address_is_said(address: str) -> None:
    with pytest.raises(EngineLost, match="is not an address"):
        Client(address)


def test_an_unanswered_edit_is_sent_again_with_the_same_id() -> None:
    def first_one_lost(request: Envelope) -> Answer:
        return None if bridge.count("layer.edit") == 1 else accepted()

    with FakeBridge(first_one_lost) as bridge, Client(bridge.address, timeout_s=0.4) as client:
        assert client.edit_layer("a", "rain", {"caption": "storm"}).revision == 1
        edits = [request for request in bridge.asked if request.type == "layer.edit"]
        assert len(edits) == 2
        assert edits[0] == edits[1]


def test_silence_ends_in_an_error_not_in_a_hang() -> None:
    with FakeBridge(lambda request: None) as bridge, Client(bridge.address, timeout_s=0.3) as client:
        with pytest.raises(EngineLost, match=r"'status' .* within 0\.3 s"):
            client.status()
        with pytest.raises(EngineLost):
            client.render("a")


def test_a_render_without_any_event_ends_by_asking() -> None:
    def script(request: Envelope) -> Answer:
        if request.type == "scene.render":
            return accepted()
        done = bridge.count("job.get") > 2
        return QUEUED.model_copy(update={"state": "done" if done else "running"})

    seen: list[str] = []
    with FakeBridge(script) as bridge, Client(bridge.address) as client:
        rendered = client.render("a", on_progress=lambda job: seen.append(job.state))
        assert [job.state for job in rendered.jobs] == ["done"]
        assert seen == ["queued", "running", "done"]


def test_an_engine_lost_in_the_middle_of_a_render_is_said() -> None:
    def script(request: Envelope) -> Answer:
        return accepted() if request.type == "scene.render" else None

    with (
        FakeBridge(script) as bridge,
        Client(bridge.address, timeout_s=0.3) as client,
        pytest.raises(EngineLost, match=r"job\.get"),
    ):
        client.render("a")


def test_a_render_that_never_ends_can_be_given_a_limit() -> None:
    def script(request: Envelope) -> Answer:
        return accepted() if request.type == "scene.render" else QUEUED

    with (
        FakeBridge(script) as bridge,
        Client(bridge.address) as client,
        pytest.raises(StillRendering, match=r"rain \(queued\)"),
    ):
        client.render("a", timeout_s=0.2)


def test_a_failed_job_is_raised_with_its_reason() -> None:
    failure = Failure(code="worker_lost", message="the worker died", remedy="Render again.")

    def script(request: Envelope) -> Answer:
        if request.type == "scene.render":
            return accepted()
        return QUEUED.model_copy(update={"state": "failed", "error": failure})

    with (
        FakeBridge(script) as bridge,
        Client(bridge.address) as client,
        pytest.raises(Refused, match="layer 'rain': the worker died") as raised,
    ):
        client.render("a")
    assert (raised.value.code, raised.value.remedy) == ("worker_lost", "Render again.")


def test_an_error_in_the_callers_own_callback_reaches_the_caller() -> None:
    def script(request: Envelope) -> Answer:
        return accepted() if request.type == "scene.render" else QUEUED

    def broken(job: JobStatus) -> None:
        raise KeyError(job.layer)

    with FakeBridge(script) as bridge, Client(bridge.address) as client, pytest.raises(KeyError):
        client.render("a", on_progress=broken)


def test_an_engine_of_another_protocol_version_is_named_at_once() -> None:
    with (
        FakeBridge(lambda request: [b"\x81\xa7version\x63"]) as bridge,
        Client(bridge.address) as client,
        pytest.raises(Refused, match="protocol version"),
    ):
        client.status()


def test_what_cannot_be_right_is_refused_without_asking() -> None:
    with FakeBridge(lambda request: None) as bridge, Client(bridge.address) as client:
        with pytest.raises(Refused, match=r"\$\.layer"):
            client.edit_layer("a", "No Such Id", {"caption": "x"})
        with pytest.raises(Refused, match=r"\$\.bit_depth"):
            client.deliver("a", "nowhere", bit_depth=23)  # type: ignore[arg-type]
        assert bridge.count("layer.edit") == 0


def test_a_closed_client_says_so() -> None:
    with FakeBridge(lambda request: None) as bridge:
        client = Client(bridge.address)
        client.close()
        client.close()
        with pytest.raises(EngineLost, match="closed"):
            client.status()


def test_closing_ends_a_reader_of_events() -> None:
    async def story(address: str) -> int:
        client = await AsyncClient.connect(address)
        stream = client.events()
        reader = asyncio.create_task(anext(stream, None))
        await asyncio.sleep(0)
        await client.close()
        return 0 if await reader is None else 1

    with FakeBridge(lambda request: None) as bridge:
        assert asyncio.run(story(bridge.address)) == 0
