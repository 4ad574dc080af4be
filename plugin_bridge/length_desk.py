"""How long the model itself would make a clip: asked of the worker, which answers between two steps."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable

from scene_schema.capabilities import Capabilities
from scene_schema.envelope import Envelope, envelope_for
from scene_schema.errors import Refused
from scene_schema.limits import DURATION_S
from scene_schema.messages import AskLength, ExpectedLength, Failure


class LengthDesk:
    """The questions that no worker has answered yet. To be used from the event loop's thread only.

    Args:
        send: hands a worker a message, or nobody where none has its model loaded.
        longest_wait_s: for a worker that loads its model, or is in a long step.
    """

    def __init__(self, model: Capabilities, send: Callable[[Envelope], None], longest_wait_s: float) -> None:
        self._model = model
        self._send = send
        self._longest_wait_s = longest_wait_s
        self._asked: dict[str, tuple[AskLength, asyncio.Future[float]]] = {}

    async def expected_s(self, prompt: str) -> float:
        """Seconds, within what the model renders and in whole latent frames. Raises `Refused`: `unsupported`
        where the model has no opinion, `worker_lost` where no worker says in time."""
        if not self._model.length:
            raise Refused(
                "unsupported",
                f"model '{self._model.name}' does not say how long a clip should be",
                remedy="Set the length yourself: scene.edit with duration_s.",
            )
        question = AskLength(id=uuid.uuid4().hex, prompt=prompt)
        answer: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._asked[question.id] = (question, answer)
        self._ask(question)
        try:
            return self._fitting(await asyncio.wait_for(answer, self._longest_wait_s))
        except asyncio.TimeoutError:
            raise Refused(
                "worker_lost",
                f"no worker said within {self._longest_wait_s:g} s how long the clip should be",
                remedy="Try again once `status` says that a worker is ready, or set duration_s yourself.",
            ) from None
        finally:
            del self._asked[question.id]

    def heard(self, said: ExpectedLength) -> None:
        """A worker's answer; one that nobody waits for any more is dropped."""
        _, answer = self._asked.get(said.id, (None, None))
        if answer is None or answer.done():
            return
        if said.length_s is not None:
            answer.set_result(said.length_s)
        else:
            answer.set_exception((said.failure or Failure(code="internal", message="no length")).refusal())

    def worker_ready(self) -> None:
        """Asks a new worker what the one before it never answered."""
        for question, answer in self._asked.values():
            if not answer.done():
                self._ask(question)

    def _ask(self, question: AskLength) -> None:
        self._send(envelope_for("length", question))

    def _fitting(self, length_s: float) -> float:
        rate_hz = self._model.latent_rate_hz
        whole_s = max(1, round(length_s * rate_hz)) / rate_hz
        low, high = max(self._model.shortest_s, DURATION_S.low), min(self._model.longest_s, DURATION_S.high)
        return min(max(whole_s, low), high)
