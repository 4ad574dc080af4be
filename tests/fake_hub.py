"""A hub for tests: serves repositories from memory over real HTTP, as far as pulling a model asks for it.

Speaks the hub's API of model listings, pull requests and files (HEAD and GET with ranges), and can be told to
cut connections, damage content and refuse.
"""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

LARGE_BYTES = 20_000  # from here on a file is stored as the hub stores large ones, by its SHA-256
CHUNK_BYTES = 16_384


@dataclass
class FakeRepository:
    """Files by revision; a revision may have the bot's pull request as its name."""

    revisions: dict[str, dict[str, bytes]]
    refuses: int = 0
    """An HTTP status for everything asked of it."""
    gated: bool = False
    """Lists its files to everybody, and gives out none."""
    converted_in: int | None = None
    """Number of the converter's pull request."""

    def commit(self, revision: str) -> str | None:
        """The commit a revision means; commits are revisions too."""
        for name, files in self.revisions.items():
            digest = hashlib.sha1()
            for file, content in sorted(files.items()):
                digest.update(file.encode() + content)
            if revision in (name, digest.hexdigest()):
                return digest.hexdigest()
        return None

    def files(self, revision: str) -> dict[str, bytes] | None:
        commit = self.commit(revision)
        return next((files for name, files in self.revisions.items() if self.commit(name) == commit), None)


@dataclass
class FakeHub:
    """Runs in a thread from `start` to `stop`. What was asked is in `asked`."""

    repositories: dict[str, FakeRepository] = field(default_factory=dict)
    damaged: set[str] = field(default_factory=set)
    """Names of files that arrive with one bit changed."""
    cut_after: dict[str, int] = field(default_factory=dict)
    """Names of files, and bytes after which each connection for it breaks."""
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    """Method, path and range of every request."""
    authorised: list[str | None] = field(default_factory=list)
    url: str = ""

    def start(self) -> FakeHub:
        app = Starlette(
            routes=[
                Route("/api/models/{owner}/{name}/discussions", self._discussions),
                Route("/api/models/{owner}/{name}/commits/{revision:path}", self._commits),
                Route("/api/models/{owner}/{name}/revision/{revision:path}", self._info),
                Route("/{owner}/{name}/resolve/{rest:path}", self._file, methods=["GET", "HEAD"]),
            ]
        )
        config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="critical", lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive(), "the fake hub did not start"
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        return self

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()

    def ranges(self, name: str) -> list[str]:
        """The ranges asked of a file, "" for all of it."""
        return [at for method, path, at in self.asked if method == "GET" and path.endswith(f"/{name}")]

    def _repository(self, request: Request) -> FakeRepository | Response:
        self.asked.append((request.method, request.url.path, request.headers.get("range", "")))
        self.authorised.append(request.headers.get("authorization"))
        found = self.repositories.get(f"{request.path_params['owner']}/{request.path_params['name']}")
        if found is None:
            return Response(status_code=404, headers={"X-Error-Code": "RepoNotFound"})
        return Response(status_code=found.refuses) if found.refuses else found

    async def _info(self, request: Request) -> Response:
        repository = self._repository(request)
        if isinstance(repository, Response):
            return repository
        revision = request.path_params["revision"]
        files = repository.files(revision)
        if files is None:
            return Response(status_code=404, headers={"X-Error-Code": "RevisionNotFound"})
        siblings = []
        for name, content in files.items():
            sibling: dict[str, Any] = {"rfilename": name, "size": len(content), "blobId": git_digest(content)}
            if len(content) >= LARGE_BYTES:
                sibling["lfs"] = {"sha256": sha256(content), "size": len(content), "pointerSize": 130}
            siblings.append(sibling)
        repo = f"{request.path_params['owner']}/{request.path_params['name']}"
        return JSONResponse({"id": repo, "sha": repository.commit(revision), "siblings": siblings})

    async def _discussions(self, request: Request) -> Response:
        repository = self._repository(request)
        if isinstance(repository, Response):
            return repository
        discussions = []
        if repository.converted_in is not None and request.query_params.get("p", "0") == "0":
            for number, author in (
                (repository.converted_in + 1, "somebody"),
                (repository.converted_in, "SFconvertbot"),
            ):
                discussions.append(
                    {
                        "num": number,
                        "title": "Adding `safetensors` variant of this model",
                        "isPullRequest": True,
                        "status": "open",
                        "createdAt": "2024-01-01T00:00:00.000Z",
                        "author": {"name": author},
                        "repo": {"name": "x/y", "type": "model"},
                    }
                )
        return JSONResponse({"discussions": discussions, "count": len(discussions), "start": 0})

    async def _commits(self, request: Request) -> Response:
        repository = self._repository(request)
        if isinstance(repository, Response):
            return repository
        ids = {repository.commit(request.path_params["revision"]), repository.commit("main")}
        if request.query_params.get("p", "0") != "0":
            ids = set()
        commits = [
            {"id": one, "title": "", "message": "", "date": "2024-01-01T00:00:00.000Z", "authors": []}
            for one in sorted(filter(None, ids))
        ]
        return JSONResponse(commits)

    async def _file(self, request: Request) -> Response:
        repository = self._repository(request)
        if isinstance(repository, Response):
            return repository
        revision, _, name = request.path_params["rest"].rpartition("/")
        files, commit = repository.files(revision), repository.commit(revision)
        if files is None or commit is None:
            return Response(status_code=404, headers={"X-Error-Code": "RevisionNotFound"})
        if name not in files:
            return Response(
                status_code=404, headers={"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit}
            )
        if repository.gated and not request.headers.get("authorization"):
            return Response(status_code=401, headers={"X-Error-Code": "GatedRepo"})
        content = files[name]
        large = len(content) >= LARGE_BYTES
        start = int(request.headers.get("range", "bytes=0-").removeprefix("bytes=").partition("-")[0])
        headers = {
            "ETag": f'"{sha256(content) if large else git_digest(content)}"',
            "X-Repo-Commit": commit,
            "Accept-Ranges": "bytes",
            "Content-Length": str(len(content) - start),
        }
        if request.method == "HEAD":
            return Response(headers=headers)
        if start:
            headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
        body = bytearray(content)
        if name in self.damaged:
            body[len(body) // 2] ^= 1
        return StreamingResponse(
            self._sent(name, bytes(body[start:])), status_code=206 if start else 200, headers=headers
        )

    async def _sent(self, name: str, body: bytes) -> AsyncIterator[bytes]:
        limit = self.cut_after.get(name)
        for at in range(0, len(body), CHUNK_BYTES):
            if limit is not None and at >= limit:
                await asyncio.sleep(0.05)  # what was sent goes out first
                raise ConnectionResetError
            yield body[at : at + CHUNK_BYTES]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def git_digest(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
