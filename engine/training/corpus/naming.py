"""How traits and classes are named: the forms that hold their words, and the words that many classes share.

Knows no class and builds no caption.
"""

from __future__ import annotations

from dataclasses import dataclass, field

Words = tuple[str, ...]


@dataclass(frozen=True)
class Trait:
    """How one trait is said: adjectives before the noun, phrases after it."""

    adjectives: Words = ()
    phrases: Words = ()


@dataclass(frozen=True)
class Voice:
    """How one class is named: noun phrases, and sentences in which {} is where a phrase may follow."""

    nouns: Words  # the first is the plain class noun
    sentences: Words = ()
    traits: dict[str, Trait] = field(default_factory=dict)
    lone_nouns: Words = ()  # instead of nouns and sentences when only one animal is heard
    lone_sentences: Words = ()


@dataclass(frozen=True)
class Hit:
    """How an effect is named: singular and plural nouns in the same order, sentences for one and for many."""

    one: Words
    many: Words
    sentence_one: Words
    sentence_many: Words
    traits: dict[str, Trait] = field(default_factory=dict)


WHERE: dict[str, Trait] = {
    "distant": Trait(
        ("distant", "faraway", "far-off"), ("in the distance", "far away", "from afar", "a long way off")
    ),
    "muffled": Trait(
        ("muffled", "dull"),
        ("behind a wall", "through a wall", "from the next room", "heard through a closed door"),
    ),
    "reverberant": Trait(
        ("echoing", "reverberant"),
        (
            "in a large hall",
            "with a long echo",
            "in a cathedral",
            "with lots of reverb",
            "echoing in a big empty space",
        ),
    ),
    "loud": Trait(("loud", "very loud", "close-up"), ("up close", "right next to you", "very loudly")),
    "quiet": Trait(("quiet", "soft", "faint"), ("quietly", "very softly")),
}


SIZES: dict[str, Trait] = {
    "small": Trait(("small", "little", "tiny")),
    "large": Trait(("large", "big", "huge")),
    "low": Trait(("low", "low-pitched", "deep")),
    "high": Trait(("high", "high-pitched", "shrill")),
    "short": Trait(("short", "brief")),
    "long": Trait(("long",)),
}


PACE: dict[str, Trait] = {
    "pace fast": Trait(
        ("fast", "rapid", "quick"), ("in quick succession", "rapidly", "one right after another")
    ),
    "pace slow": Trait(("slow",), ("slowly", "with long pauses", "one at a time")),
}


def _words(text: str) -> Words:
    return tuple(part.strip() for part in text.split("|") if part.strip())


def traits(**said: str) -> dict[str, Trait]:
    """Traits written as "adjective | adjective ; phrase | phrase"; an underscore in a name is a space."""
    out = {}
    for name, text in said.items():
        adjectives, _, phrases = text.partition(";")
        out[name.replace("_", " ")] = Trait(_words(adjectives), _words(phrases))
    return out


def voice(nouns: str, sentences: str, lone_nouns: str = "", lone_sentences: str = "", **said: str) -> Voice:
    """A Voice written as "noun | noun" and "sentence{} | sentence{}"."""
    return Voice(_words(nouns), _words(sentences), traits(**said), _words(lone_nouns), _words(lone_sentences))


def hit(one: str, many: str, sentence_one: str, sentence_many: str, **said: str) -> Hit:
    """A Hit written as "noun | noun" and "sentence{} | sentence{}"."""
    return Hit(_words(one), _words(many), _words(sentence_one), _words(sentence_many), traits(**said))
