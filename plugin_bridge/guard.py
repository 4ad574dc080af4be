"""The bridge's one broad `except`: whatever goes wrong becomes a failure to tell, and the bridge goes on."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Awaitable
from typing import TypeVar

from scene_schema.errors import Refused
from scene_schema.messages import Failure

log = logging.getLogger("stemscape.bridge")

_Result = TypeVar("_Result")


async def guarded(cause: str, work: Awaitable[_Result]) -> _Result | Failure:
    """The result of the work, or why there is none. `cause` is the id that the log and the sender share."""
    try:
        return await work
    except Refused as refused:
        return Failure.of(refused)
    except (OSError, sqlite3.Error) as error:
        log.exception("%s: the disk refused", cause)
        return Failure(
            code="internal",
            message=f"the engine could not read or write its data folder: {error}",
            remedy="Free some space on that disk or check its permissions, then send the message again.",
        )
    except Exception:
        # anything may be caught here and nowhere else in this process
        log.exception("%s: a fault of ours", cause)
        return Failure(
            code="internal",
            message="a fault of the engine; nothing was changed that has not been announced",
            remedy=f"The engine's log has the story under {cause}.",
        )
