"""Where a request that came by HTTP or WebSocket meets the bridge: who asks, the answer, and its count."""

from __future__ import annotations

from typing import Any, Final

from plugin_bridge.access import Caller
from plugin_bridge.bridge import Bridge
from plugin_bridge.config import BridgeConfig
from plugin_bridge.doors.http_routes import OPERATOR_ONLY, STATUS
from plugin_bridge.metrics import Metrics
from scene_schema.envelope import Envelope
from scene_schema.errors import Refused
from scene_schema.messages import ERROR, Failure


class HttpRefused(Refused):
    """A refusal whose status is not the one that its code has in the table."""

    def __init__(self, refused: Refused, status: int) -> None:
        super().__init__(refused.code, refused.message, findings=refused.findings, remedy=refused.remedy)
        self.status = status


def status_of(refused: Refused) -> int:
    """The HTTP status of a refusal."""
    return refused.status if isinstance(refused, HttpRefused) else STATUS[refused.code]


class Reception:
    """`door` is how the metrics call this way in."""

    def __init__(self, bridge: Bridge, config: BridgeConfig, metrics: Metrics, door: str) -> None:
        self._bridge = bridge
        self._admitted = config.is_loopback and config.token is None
        self.metrics = metrics
        self.door: Final = door

    def caller(self, name: str, token: str, where: str) -> Caller:
        """Who this is. Raises `HttpRefused` (`denied`, 401) where the token is missing or wrong."""
        try:
            return self._bridge.access.caller(name, token, admitted=self._admitted, where=where)
        except Refused as refused:
            self.metrics.turned_away.add(self.door, "token")
            raise HttpRefused(refused, 401) from refused

    def connected(self, client: str) -> None:
        """See `Bridge.connected`."""
        self._bridge.connected(client)

    def disconnected(self, client: str) -> None:
        """See `Bridge.disconnected`."""
        self._bridge.disconnected(client)

    async def ask(self, message: Envelope, caller: Caller) -> Envelope:
        """The answer to one request, a refusal too; never raises."""
        (answer,) = await self.metrics.timed(self.door, message, self._answers(message, caller))
        return answer

    async def _answers(self, message: Envelope, caller: Caller) -> list[Envelope]:
        if message.type in OPERATOR_ONLY and not caller.operator:
            return [self.refuse(_operators_only(message.type), message.id)]
        return await self._bridge.handle(message, caller)

    async def content(self, message: Envelope, caller: Caller) -> dict[str, Any]:
        """The content of the reply. Raises `Refused`."""
        answer = await self.ask(message, caller)
        if answer.type == ERROR:
            raise Failure.model_validate(answer.content).refusal()
        return answer.content

    def refuse(self, refused: Refused, parent: str = "") -> Envelope:
        """The answer to what is no message."""
        return self._bridge.refuse(refused, parent)


def _operators_only(kind: str) -> Refused:
    return Refused(
        "denied",
        f"{kind} is the operator's",
        remedy="Send the operator's token, which is in the engine's data folder, as a Bearer token.",
    )
