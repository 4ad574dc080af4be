"""What a row of the OSC table is, and how an address and its arguments become a request. Pure.

Knows no address: those are in `osc_table`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from plugin_bridge.doors.osc_packet import Value
from plugin_bridge.doors.osc_pattern import is_pattern, matches
from scene_schema import limits
from scene_schema.errors import Finding, Refused, shown

WHOLE: Final = 2**63  # a whole number is 64 bits long at most (type h)
MATCHES: Final = 1000  # addresses that one pattern may mean

Names: TypeAlias = Mapping[str, str]
"""What stands for `<scene>` and `<layer>` in an address."""

Given: TypeAlias = Mapping[str, Any]
"""Arguments by name; those left out are missing."""

Content: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Argument:
    """One argument. `kind`: "s" text, "i" whole number, "f" number, "b" yes or no, "*" any of them.

    Attributes:
        nil: N is taken too, and means "none".
        many: any number of them, as the last argument.
        bound: smallest and largest, for OSCQuery; the schema is what refuses.
        choices: all values there are, for OSCQuery.
    """

    name: str
    kind: str
    optional: bool = False
    nil: bool = False
    many: bool = False
    bound: limits.Bound | None = None
    choices: tuple[str, ...] = ()

    def __str__(self) -> str:
        kinds = {"b": "T|F|i", "*": "s|i|f"}.get(self.kind, self.kind) + ("|N" if self.nil else "")
        text = f"{kinds} {self.name}{' …' if self.many else ''}"
        return f"[{text}]" if self.optional or self.many else text


def _nothing(_: Content) -> tuple[Value, ...]:
    return ()


@dataclass(frozen=True)
class Row:
    """One address.

    Attributes:
        address: with `<scene>` and `<layer>` where a name stands; `<new>` is a layer that is not there yet.
        what: one sentence for the documents and OSCQuery.
        kind: the request's type; empty for what concerns the door alone.
        content: the request's content. Raises `Refused`.
        answer: arguments of the answer, from the reply's content.
        answered: the same for the documents; empty: as all edits are answered.
        question: answered at the address with `.reply` behind it; otherwise by `/done`.
        value: the value of a field, from a scene's reply or the transport's; such an address without
            arguments asks for it.
        sounds: changes what is heard: its answers end with the path of each layer's stem.
        spelled: no pattern means this address: it ends or removes something, or is the sender's own affair.
    """

    address: str
    what: str
    arguments: tuple[Argument, ...] = ()
    kind: str = ""
    content: Callable[[Names, Given], Content] = lambda _names, _given: {}
    answer: Callable[[Content], tuple[Value, ...]] = _nothing
    answered: str = ""
    question: bool = False
    value: Callable[[Content, Names], tuple[Value, ...]] | None = None
    sounds: bool = False
    spelled: bool = False

    @property
    def parts(self) -> list[str]:
        return self.address.split("/")[1:]


@dataclass(frozen=True)
class Match:
    """A row that an address means, with the names in it."""

    row: Row
    names: Names
    address: str


@dataclass(frozen=True)
class Call:
    """A request, ready for the bridge. `asks` for a field's value instead of changing it."""

    match: Match
    kind: str
    content: Content
    given: Given
    asks: bool = False


def expand(rows: Sequence[Row], address: str, tree: Mapping[str, Sequence[str]]) -> list[Match]:
    """All that an address or pattern means. `tree`: scene → layers, looked at for patterns only.

    Raises `Refused`: `unknown_type`, `not_found` for a pattern that means nothing, `too_large`, `malformed`.
    """
    parts = address.split("/")[1:]
    if not is_pattern(address):
        for row in rows:
            names = _names(row.parts, parts)
            if names is not None:
                return [Match(row, names, address)]
        raise Refused(
            "unknown_type",
            f"there is no address {shown(address)}",
            remedy="See docs/osc.md, or ask OSCQuery, for those that there are.",
        )
    found: list[Match] = []
    for row in rows:
        if not row.spelled and len(row.parts) == len(parts):
            for names in _meant(row.parts, parts, tree, {}):
                if len(found) == MATCHES:
                    raise Refused("too_large", f"{shown(address)} means more than {MATCHES} addresses")
                found.append(Match(row, names, "/" + "/".join(_filled(row.parts, names))))
    if not found:
        raise Refused(
            "not_found",
            f"nothing matches {shown(address)}",
            remedy="A pattern stands for what is there; see /scene/list.",
        )
    return found


def call(match: Match, arguments: Sequence[Value]) -> Call:
    """The request that a message makes. Raises `Refused` (`invalid`) that names the argument."""
    row = match.row
    if row.value is not None and not arguments:
        if row.kind == "transport.set":
            return Call(match, "transport.get", {}, {}, asks=True)
        return Call(match, "scene.get", {"scene": match.names["scene"]}, {}, asks=True)
    given = _given(match, arguments)
    return Call(match, row.kind, row.content(match.names, given), given)


def _names(row: Sequence[str], parts: Sequence[str]) -> Names | None:
    if len(row) != len(parts):
        return None
    names: dict[str, str] = {}
    for known, part in zip(row, parts, strict=True):
        if known.startswith("<") and part:
            names[known.strip("<>")] = part
        elif known != part:
            return None
    return names


def _meant(
    row: Sequence[str], parts: Sequence[str], tree: Mapping[str, Sequence[str]], names: dict[str, str]
) -> Iterator[Names]:
    """The names with which the rest of a row fits the rest of a pattern."""
    if not row:
        yield names
        return
    known, part = row[0], parts[0]
    if known == "<scene>":
        candidates = [one for one in tree if matches(part, one)]
    elif known == "<layer>":
        candidates = [one for one in tree.get(names["scene"], ()) if matches(part, one)]
    elif known == "<new>":
        candidates = [] if is_pattern(part) else [part]
    elif matches(part, known):
        yield from _meant(row[1:], parts[1:], tree, names)
        return
    else:
        return
    for one in candidates:
        yield from _meant(row[1:], parts[1:], tree, {**names, known.strip("<>"): one})


def _filled(row: Sequence[str], names: Names) -> list[str]:
    return [names[part.strip("<>")] if part.startswith("<") else part for part in row]


def _given(match: Match, arguments: Sequence[Value]) -> Given:
    row = match.row
    given: dict[str, Any] = {}
    for place, argument in enumerate(row.arguments):
        rest = arguments[place:]
        if argument.many:
            given[argument.name] = [_taken(match, argument, place + at, one) for at, one in enumerate(rest)]
            return given
        if rest:
            given[argument.name] = _taken(match, argument, place, rest[0])
        elif not argument.optional:
            raise _refused(match, place, f"{argument}", "nothing")
    if len(arguments) > len(row.arguments):
        raise _refused(match, len(row.arguments), "no further argument", shown(arguments[len(row.arguments)]))
    return given


def _taken(match: Match, argument: Argument, place: int, value: Value) -> Value:
    """The value as the kind wants it, by the rule in docs/osc.md."""
    if value is None and argument.nil:
        return None
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    # no answer could carry a longer one
    is_whole = is_number and abs(value) < WHOLE and float(value).is_integer()  # type: ignore[arg-type]
    if argument.kind == "s" and isinstance(value, str):
        return value
    if argument.kind == "f" and is_number:
        return _shortest(float(value))  # type: ignore[arg-type]
    if argument.kind == "i" and is_whole:
        return int(value)  # type: ignore[arg-type]
    if argument.kind == "b" and (isinstance(value, bool) or value in (0, 1)):
        return bool(value)
    if argument.kind == "*" and value is not None:
        return _shortest(value) if isinstance(value, float) else value
    raise _refused(match, place, f"{argument}", shown(value))


def _shortest(number: float) -> float:
    """-6.1 where a controller sent the 32-bit float nearest to it, -6.099999904…"""
    try:
        packed = struct.pack(">f", number)
    except OverflowError:  # a double far out
        return number
    if struct.unpack(">f", packed)[0] != number:
        return number  # a double that means all its digits
    for digits in range(6, 9):
        if struct.pack(">f", short := float(f"{number:.{digits}g}")) == packed:
            return short
    return number


def _refused(match: Match, place: int, expected: str, got: str) -> Refused:
    finding = Finding(field=f"argument {place + 1}", expected=expected, got=got)
    wanted = " ".join(map(str, match.row.arguments)) or "no arguments"
    return Refused(
        "invalid",
        "the arguments do not fit",
        findings=[finding],
        remedy=f"{match.row.address} takes {wanted}.",
    )
