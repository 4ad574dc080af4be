"""Wrong messages made of right ones: of their bytes, of their values, and of what was answered in a new way.

Black box and answer-guided: a mutant whose answer nobody had before (its code, the fields that it names, its
wording without the numbers) becomes a seed itself. Instrumenting fuzzers (atheris) run in the fuzzed process;
these messages come through the sockets of an engine that is left as it is.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

import msgpack

LEARNED: Final = 0.3  # of the mutants come from those whose answer was new
SEEDS: Final = 400  # kept for each door; then a new one takes the place of a drawn old one

Seed = TypeVar("Seed")

HUGE: Final = "x" * 70_000
DEEP: Final = 400  # msgpack writes no more than 511; `deep_bytes` goes further
ODD_TEXTS: Final = (
    "", " ", "\0", "\n", "a" * 257, "é" * 2_001, "\u202e", "\ufeff", "💥" * 50, "..", "../../etc/passwd",
    "%00", "{}", "null", "NaN", "1e999", "$.scene", "mix", "-", "A", "rain/env", "'; DROP TABLE scenes; --",
    HUGE,
)  # fmt: skip
ODD_NUMBERS: Final = (
    0, -1, 1, 2**31 - 1, 2**31, 2**32, 2**53 + 1, 2**63 - 1, -(2**63), 2**64 - 1, 0.0, -0.0, 1e-320, 1e308,
    float("nan"), float("inf"), -float("inf"), 0.1, 15.0, 1e6,
)  # fmt: skip


STUMBLES: Final = (
    b"\xff\xfe", b"\xc0\x80", b"\xed\xa0\x80", b"\0" * 8, b"\r\n\r\n", b"\xc1", b"\xdd\xff\xff\xff\xff",
)  # fmt: skip


def odd_value(draw: random.Random) -> Any:
    """Any plain value that is probably not the one that belongs there."""
    return draw.choice(
        (
            None, True, False, draw.choice(ODD_NUMBERS), draw.choice(ODD_NUMBERS), draw.choice(ODD_TEXTS),
            draw.choice(ODD_TEXTS), [], {}, [None], {"": None}, [[]] * 100, {"id": {}}, b"\xff\xfe",
            ["x"] * draw.choice((1, 33, 129, 5_000)),
        )
    )  # fmt: skip


def deep_value(draw: random.Random) -> Any:
    """Lists or maps in one another."""
    found: Any = draw.choice((None, 1, "x"))
    for _ in range(draw.choice((10, 100, DEEP))):
        found = [found] if draw.random() < 0.5 else {"a": found}
    return found


def deep_bytes(opening: bytes, draw: random.Random) -> bytes:
    """As deep as no writer of ours goes: `opening` is one level, such as `[` or msgpack's 0x91."""
    return opening * draw.choice((600, 20_000, 1_000_000))


def copied(value: Any) -> Any:
    """As `copy.deepcopy`, of lists and maps nested deeper than that goes."""
    root = [value]
    todo: list[tuple[Any, Any]] = [(root, 0)]
    while todo:
        holder, key = todo.pop()
        if isinstance(holder[key], dict | list):
            holder[key] = one = holder[key].copy()
            todo += [(one, inner) for inner in (one if isinstance(one, dict) else range(len(one)))]
    return root[0]


def mutate_value(value: Any, draw: random.Random) -> Any:
    """A copy with one to three changes at drawn places: other values and types, keys left out, odd."""
    changed = copied(value)
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        places = list(_places(changed))
        if not places:
            return odd_value(draw)
        holder, key = draw.choice(places)
        _change(holder, key, draw)
    return changed


def mutate_message(head: Any, draw: random.Random) -> Any:
    """Mostly its content: what is around that is soon refused."""
    if isinstance(head, dict) and isinstance(head.get("content"), dict) and draw.random() < 0.75:
        return {**head, "content": mutate_value(head["content"], draw)}
    return mutate_value(head, draw)


def _places(value: Any) -> Any:
    """All (container, key) inside a value."""
    todo = [value]
    while todo:
        one = todo.pop()
        keys = list(one) if isinstance(one, dict) else range(len(one)) if isinstance(one, list) else ()
        for key in keys:
            yield one, key
            todo.append(one[key])


def _change(holder: Any, key: Any, draw: random.Random) -> None:
    kind = draw.randrange(9)
    old = holder[key]
    if kind <= 2:
        holder[key] = odd_value(draw)
    elif kind == 3:
        del holder[key]
    elif kind == 4 and isinstance(holder, dict):
        holder[draw.choice(("", "x", "id", "scene", "layers", "__class__", str(key) + " ", HUGE[:300]))] = old
    elif kind == 4:
        holder.extend([old] * draw.choice((1, 40)))
    elif kind == 5:
        holder[key] = [old]
    elif kind == 6 and isinstance(old, str):
        holder[key] = _odd_text(old, draw)
    elif kind == 6 and isinstance(old, int | float):
        holder[key] = draw.choice((str(old), -old, old + 0.5, bool(old), old * 1e6))
    elif kind == 7:
        holder[key] = deep_value(draw)
    else:
        holder[key] = {"value": old}


def _odd_text(old: str, draw: random.Random) -> str:
    place = draw.randrange(len(old) + 1)
    return draw.choice(
        (old[:place], old + old, old.upper(), old[:place] + draw.choice(ODD_TEXTS) + old[place:], old[::-1])
    )


def mutate_bytes(data: bytes, draw: random.Random) -> bytes:
    """One to four changes of the bytes: flips, cuts, copies, runs, and what readers stumble over."""
    changed = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 4))):
        at = draw.randrange(len(changed) + 1)
        kind = draw.randrange(8)
        if kind <= 1 and changed:
            changed[at % len(changed)] ^= 1 << draw.randrange(8)
        elif kind == 2:
            del changed[at:]
        elif kind == 3:
            del changed[at : at + draw.choice((1, 2, 4, 16))]
        elif kind == 4:
            changed[at:at] = changed[at : at + draw.choice((1, 4, 64))]
        elif kind == 5:
            changed[at:at] = bytes(draw.randrange(256) for _ in range(draw.choice((1, 4, 32))))
        elif kind == 6:
            changed[at : at + 1] = draw.choice(
                (
                    b"\xff\xfe",
                    b"\xc0\x80",
                    b"\xed\xa0\x80",
                    b"\0" * 8,
                    b"\r\n\r\n",
                    b"\xc1",
                    b"\xdd\xff\xff\xff\xff",
                )
            )
        else:
            changed[at : at + 4] = draw.choice((b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0"))
    return bytes(changed)


def odd_msgpack(value: Any, draw: random.Random) -> bytes:
    """A value in spellings that JSON does not have: extension types, timestamps, keys that are no texts."""
    kind = draw.randrange(6)
    extra: Any = (
        msgpack.ExtType(draw.randrange(128), b"\xff" * draw.choice((0, 1, 300))),
        msgpack.Timestamp(2**33, 1),
        {1: 2, None: 3} if kind == 2 else {b"raw": 1},
        b"\xff" * 40,
        2**64 - 1,
        {"a": {True: None}},
    )[kind]
    changed = copied(value)
    places = list(_places(changed))
    if not places or draw.random() < 0.1:
        return bytes(msgpack.packb(extra))
    holder, key = draw.choice(places)
    if isinstance(holder, dict) and draw.random() < 0.3:
        holder[draw.choice((1, None, True, b"id", 1.5))] = extra
    else:
        holder[key] = extra
    return bytes(msgpack.packb(changed, use_bin_type=draw.random() < 0.8))


class Mutants(Generic[Seed]):
    """Draws seeds, and learns which mutants were answered in a way that nobody was before."""

    def __init__(
        self, seeds: list[Seed], mutate: Callable[[Seed, random.Random], Seed], draw: random.Random
    ) -> None:
        self._first = list(seeds)
        self._learned: list[Seed] = []
        self._mutate = mutate
        self._draw = draw
        self._seen: set[str] = set()

    def next(self) -> Seed:
        learned = self._learned and self._draw.random() < LEARNED
        return self._mutate(self._draw.choice(self._learned if learned else self._first), self._draw)

    def learn(self, mutant: Seed, answer: str) -> None:
        """`answer` in words; the numbers in it do not count."""
        skeleton = re.sub(r"[0-9a-f]{6,}|\d+|'[^']*'|\"[^\"]*\"", "#", answer[:400])
        if skeleton in self._seen:
            return
        self._seen.add(skeleton)
        if len(self._learned) < SEEDS:
            self._learned.append(mutant)
        else:
            self._learned[self._draw.randrange(SEEDS)] = mutant

    @property
    def kinds_of_answers(self) -> int:
        return len(self._seen)
