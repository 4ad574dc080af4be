"""`python -m tests.conformance --server ADDRESS`: holds a running engine against the protocol, a line a case.

ADDRESS is tcp://HOST:PORT (ZeroMQ requests), http://HOST:PORT, or osc://HOST:PORT (OSC over UDP; osc+tcp://
for TCP). Exit status: 0 all kept, 1 some broken, 2 no engine there.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import httpx

from tests.conformance import cases, osc_cases
from tests.conformance.osc_talk import OscTalk
from tests.conformance.talk import HttpTalk, ZmqTalk


@dataclass(frozen=True)
class Verdict:
    """How one case went; `why` is empty where the rule was kept."""

    case: str
    rule: str
    why: str
    seconds: float


def connect(address: str, token: str) -> tuple[Any, list[cases.Case]]:
    """A connection and the cases for its door. Raises ValueError for an address of no door."""
    scheme, _, place = address.partition("://")
    if scheme == "tcp":
        return ZmqTalk(address), cases.CASES["any"] + cases.CASES["tcp"]
    if scheme == "http":
        return HttpTalk(address, token), cases.CASES["any"] + cases.CASES["http"]
    if scheme in ("osc", "osc+tcp"):
        return OscTalk(place, tcp=scheme == "osc+tcp", token=token), osc_cases.CASES
    raise ValueError(f"--server: expected tcp://, http://, osc:// or osc+tcp://, got {address}")


def run(address: str, token: str, only: str, tell: Callable[[Verdict], None]) -> list[Verdict]:
    """Runs all cases whose name contains `only`."""
    talk, chosen = connect(address, token)
    verdicts = []
    try:
        for one in chosen:
            if only not in one.__name__:
                continue
            started_s = time.monotonic()
            try:
                one(talk)
                why = ""
            except AssertionError as broken:
                why = str(broken) or traceback.format_exc(limit=-1)
            except Exception as error:  # noqa: BLE001 - a case that stumbles is a finding, and the next one runs
                why = f"{type(error).__name__}: {error}"
            seconds = round(time.monotonic() - started_s, 3)
            rule = " ".join((one.__doc__ or "").split())
            verdicts.append(Verdict(one.__name__.replace("_", " "), rule, why, seconds))
            tell(verdicts[-1])
    finally:
        talk.close()
    return verdicts


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    parser.add_argument("--server", required=True, help="tcp://…, http://…, osc://… or osc+tcp://…")
    parser.add_argument("--token", default="", help="where the engine asks for one")
    parser.add_argument("--only", default="", help="cases whose name contains this")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args()

    def tell(verdict: Verdict) -> None:
        if not options.json:
            mark = "ok  " if not verdict.why else "FAIL"
            print(f"{mark} {verdict.case}", flush=True)
            if verdict.why:
                print(f"     rule: {verdict.rule}\n     {verdict.why}", flush=True)

    try:
        verdicts = run(options.server, options.token, options.only.replace(" ", "_"), tell)
    except (ValueError, OSError, httpx.HTTPError, AssertionError) as error:
        print(f"{options.server} cannot be tested: {error}", file=sys.stderr)
        return 2
    broken = sum(bool(one.why) for one in verdicts)
    if options.json:
        print(
            json.dumps(
                {
                    "server": options.server,
                    "passed": len(verdicts) - broken,
                    "failed": broken,
                    "cases": [asdict(one) for one in verdicts],
                }
            )
        )
    else:
        print(f"{len(verdicts) - broken} passed, {broken} failed")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
