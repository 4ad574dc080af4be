"""What the hub's library raises, as refusals that say what happened and what to do next."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from engine.model_catalogue import Repository
from scene_schema.errors import Refused


@contextmanager
def explained(repository: Repository, revision: str) -> Iterator[None]:
    """What goes wrong inside, between this machine and the hub, comes out as `Refused`."""
    import httpx2
    from huggingface_hub import constants, errors

    name, again = repository.id, "then run the same command again: it goes on where it ended."
    try:
        yield
    except Refused:
        raise
    except errors.OfflineModeIsEnabled as error:
        raise Refused(
            "model_failed",
            f"{name} is not whole on this machine, and HF_HUB_OFFLINE forbids to fetch it",
            remedy="Unset HF_HUB_OFFLINE, or copy the model here; docs/models.md shows the layout.",
        ) from error
    except errors.RevisionNotFoundError as error:
        raise Refused(
            "not_found",
            f"{name} has no revision '{revision}'",
            remedy=f"See which there are: {constants.ENDPOINT}/{name}/tree/main",
        ) from error
    except errors.RemoteEntryNotFoundError as error:
        raise Refused(
            "not_found",
            f"a file of {name} has gone from the hub: {first_line(error)}",
            remedy="Run the same command again: it lists the files anew.",
        ) from error
    except errors.GatedRepoError as error:
        raise _denied(name, constants.ENDPOINT) from error
    except errors.RepositoryNotFoundError as error:
        if error.response.status_code == 401:  # the hub's answer for gated, private and missing alike
            raise _denied(name, constants.ENDPOINT) from error
        raise Refused(
            "not_found",
            f"the hub has no repository {name}",
            remedy=f"Look for its new name: {constants.ENDPOINT}/{name}. Or use a folder: docs/models.md",
        ) from error
    except errors.HfHubHTTPError as error:
        status = error.response.status_code
        if status in (401, 403):
            raise _denied(name, constants.ENDPOINT) from error
        raise Refused(
            "model_failed",
            f"the hub answered {status} for {name}: {first_line(error)}",
            remedy=f"Wait a moment, {again}",
        ) from error
    except errors.LocalEntryNotFoundError as error:
        raise _unreachable(constants.ENDPOINT, str(error.__cause__ or error), again) from error
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.ProxyError) as error:
        raise _unreachable(constants.ENDPOINT, str(error), again) from error
    except httpx2.HTTPError as error:
        raise Refused(
            "model_failed",
            f"the connection to the hub broke while {name} was fetched: {first_line(error)}",
            remedy=f"See to the connection, {again}",
        ) from error
    except OSError as error:
        if error.errno == errno.ENOSPC:
            story, remedy = "the disk is full", f"Make room, {again}"
        else:
            story, remedy = first_line(error), f"See to that, {again}"
        raise Refused("model_failed", f"{name} could not be fetched: {story}", remedy=remedy) from error


def _unreachable(endpoint: str, story: str, again: str) -> Refused:
    return Refused(
        "model_failed",
        f"the hub at {endpoint} cannot be reached: {story.splitlines()[0] if story else 'no answer'}",
        remedy=f"See to the network, or to the proxy in HTTPS_PROXY, {again}",
    )


def _denied(name: str, endpoint: str) -> Refused:
    return Refused(
        "denied",
        f"the hub does not give out {name} without being told who asks: it is gated, private, or not there",
        remedy=f"Accept its terms at {endpoint}/{name}, log in with `hf auth login` or set HF_TOKEN, "
        "then run the same command again.",
    )


def first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__
