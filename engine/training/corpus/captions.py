"""Captions: sentences built of a class's names and its audible traits.

Knows nothing of how a sound is made. A caption never claims what is not a trait of the clip, and may leave
traits out.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.training.corpus.names_actions import ACTIONS
from engine.training.corpus.names_env import ENV
from engine.training.corpus.names_music import ENSEMBLES, GROOVES, INSTRUMENTS, MOODS, PATTERNS, TEMPOS
from engine.training.corpus.names_places import PLACES
from engine.training.corpus.names_sfx import SFX
from engine.training.corpus.naming import PACE, SIZES, WHERE, Hit, Trait, Voice, Words
from engine.training.corpus.noise import Rng


def _pick(rng: Rng, options: Words) -> str:
    return options[int(rng.integers(len(options)))]


def article(noun: str) -> str:
    """noun with "a" or "an" before it."""
    vowel = noun[:1] in "aeiou" and not noun.startswith(("uni", "one", "use"))
    return f"{'an' if vowel else 'a'} {noun}"


def _case(rng: Rng, text: str) -> str:
    """Mostly lower case as people type it; sometimes a sentence with or without its full stop."""
    text = " ".join(text.split()).strip(" ,").replace(" ,", ",").replace(",,", ",")
    text = text.replace("whispering speaking", "whispering").replace("on a door on a", "on a")
    text = text.replace("at the door on a", "on a").replace("voice of a robotic voice", "a robotic voice")
    draw = rng.random()
    if draw < 0.6:
        return text
    text = text[:1].upper() + text[1:]
    return text + "." if draw > 0.75 else text


COUNTS: dict[int, Words] = {
    1: ("a single", "one", "one single"),
    2: ("two", "a pair of", "2"),
    3: ("three", "three", "3"),
    4: ("four", "four", "4"),
    5: ("five", "five", "5"),
    6: ("six", "six", "6"),
}


@dataclass(frozen=True)
class Said:
    """Up to two traits chosen to be said: adjectives joined, phrases joined."""

    adjectives: str
    phrases: str


def _say(rng: Rng, traits: tuple[str, ...], words: dict[str, Trait], *, most: int = 3) -> Said:
    """Choose some of the traits and one way to say each."""
    adjectives: list[str] = []
    phrases: list[str] = []
    order = [t for t in traits if t in words]
    keep = [t for t in order if rng.random() < 0.8][:most]
    for trait in keep:
        options = words[trait]
        adjs = tuple(a for a in options.adjectives if a)
        if options.phrases and (not adjs or rng.random() < 0.5):
            phrases.append(_pick(rng, options.phrases))
        elif adjs:
            adjectives.append(_pick(rng, adjs))
    joint = ", " if len(adjectives) > 1 and rng.random() < 0.4 else " "
    return Said(joint.join(adjectives), "".join(map(_after, phrases[:2])).lstrip(" ,"))


_APPOSITIONS = (
    "a ",
    "just ",
    "drizzle",
    "barely",
    "tape hiss",
    "all singing",
    "bubbles ",
    "thunder ",
    "waltz",
)


def _after(phrase: str) -> str:
    """The phrase as it follows a noun: " on a roof", but ", a light breeze"."""
    if not phrase:
        return ""
    return f", {phrase}" if phrase.startswith(_APPOSITIONS) else f" {phrase}"


_OPENERS = (
    "the sound of",
    "sound of",
    "sounds of",
    "we hear",
    "a recording of",
    "ambience:",
    "background of",
    "atmosphere with",
)


def environment(label: str) -> Voice:
    """What an environment is called."""
    return PLACES[label] if label in PLACES else ENV[label]


def effect(label: str) -> Hit:
    """What an effect is called."""
    return ACTIONS[label] if label in ACTIONS else SFX[label]


def plain_name(name: str) -> str:
    """What a class ("env/rain") is called most plainly; empty where the view is another."""
    view, _, label = name.partition("/")
    if view == "env":
        return environment(label).nouns[0]
    return effect(label).one[0] if view == "sfx" else ""


def env_caption(rng: Rng, label: str, traits: tuple[str, ...]) -> str:
    """A caption of an environment clip, e.g. "heavy rain drumming on the roof"."""
    voice = environment(label)
    said = _say(rng, traits, {**WHERE, **voice.traits})
    lone = "one" in traits and bool(voice.lone_nouns)
    nouns = voice.lone_nouns if lone else voice.nouns
    sentences = voice.lone_sentences if lone else voice.sentences
    noun = _pick(rng, nouns)
    phrase = _after(said.phrases)
    draw = rng.random()
    if draw < 0.06:
        text = nouns[0]
    elif draw < 0.12:
        text = noun
    elif draw < 0.40:
        text = f"{said.adjectives} {noun}{phrase}"
    elif draw < 0.52:
        text = f"{_pick(rng, _OPENERS)} {said.adjectives} {noun}{phrase}"
    elif draw < 0.60:
        text = f"{noun}, {said.adjectives}{phrase}" if said.adjectives else f"{noun},{phrase}"
    elif draw < 0.82:
        text = _pick(rng, sentences).replace("{}", phrase)
        if said.adjectives:
            text = f"{text}, {said.adjectives}"
    elif draw < 0.90 and said.phrases:
        text = f"{said.phrases}, {said.adjectives} {noun}"
    else:
        ending = _pick(rng, ("", " in the background", " all around", " continuously"))
        text = f"{said.adjectives} {noun}{phrase}{ending}"
    return _case(rng, text)


# Nouns that take neither an article nor a number.
MASS = frozenset(
    (
        "thunder",
        "laughter",
        "laughing voice",
        "ha ha ha",
        "ha",
        "achoo",
        "coughing",
        "sneezing",
        "paper",
        "paper handling",
        "fairy dust",
        "fairy dust showers",
        "cracking wood",
        "splintering wood",
        "dripping water",
        "pouring water",
        "pouring waters",
        "horse gallop",
        "galloping horse",
        "beating heart",
        "clashing swords",
        "fireworks",
        "screeching tires",
        "squealing brakes",
        "snapping fingers",
        "rising power",
        "rising powers",
        "lighting a match",
    )
)


def sfx_caption(rng: Rng, label: str, traits: tuple[str, ...], hits: int) -> str:
    """A caption of an effect clip with so many hits, e.g. "three distant knocks on a door"."""
    hit = effect(label)
    words = {**SIZES, **WHERE, **PACE, **hit.traits}
    said = _say(rng, traits, words)
    phrase = _after(said.phrases)
    number = int(rng.integers(min(len(hit.one), len(hit.many))))
    noun = hit.one[number] if hits == 1 else hit.many[number]
    described = f"{said.adjectives} {noun}".strip()
    draw = rng.random()
    if draw < 0.06:
        text = hit.one[0] if hits == 1 else hit.many[0]
    elif draw < 0.12:
        text = noun
    elif draw < 0.28:
        text = f"{described}{phrase}"
    elif draw < 0.58:
        mass = noun in MASS or noun.endswith("ing glass")
        count = _pick(rng, COUNTS[hits])
        if mass:
            text = f"{described}{phrase}"
        elif hits == 1 and rng.random() < 0.5:
            text = f"{article(described)}{phrase}"
        else:
            text = f"{count} {described}{phrase}"
    elif draw < 0.82:
        text = _pick(rng, hit.sentence_one if hits == 1 else hit.sentence_many)
        text = text.replace("{n}", _pick(rng, tuple(c for c in COUNTS[hits] if " " not in c))).replace(
            "{}", phrase
        )
        text = text.replace("2 times", "twice").replace("two times", "twice")
        if said.adjectives and rng.random() < 0.7:
            text = f"{text}, {said.adjectives}"
    elif draw < 0.90:
        opener = _pick(rng, ("the sound of", "sound of", "we hear"))
        text = f"{opener} {article(described) if hits == 1 and noun not in MASS else described}{phrase}"
    else:
        detail = ", ".join(part for part in (said.adjectives, said.phrases) if part)
        text = f"{noun}, {detail}" if detail else noun
        if hits > 1 and rng.random() < 0.5:
            text = f"{text}, {hits} times" if rng.random() < 0.5 else f"{text}, repeated"
    return _case(rng, text)


@dataclass(frozen=True)
class Tune:
    """What a music caption may say."""

    label: str
    mood: str  # key into MOODS, or into GROOVES for drums
    speed: str  # slow | medium | fast
    minor: bool
    pattern: str  # "chords", "arpeggio", "melody", "line", "groove"
    style: str  # a drum style, else ""
    bpm: float
    beats_per_bar: int
    reverberant: bool


def music_caption(rng: Rng, tune: Tune) -> str:
    """A caption of a music clip, e.g. "sad slow piano arpeggios in a minor key"."""
    noun = _pick(rng, INSTRUMENTS[tune.label])
    plain = INSTRUMENTS[tune.label][0]
    mood = _pick(rng, GROOVES[tune.speed] if tune.label == "drums" else MOODS[tune.mood])
    tempo = _pick(rng, TEMPOS[tune.speed])
    pattern = _pick(rng, PATTERNS[tune.pattern])
    key = (
        ""
        if tune.label == "drums"
        else ("in a minor key", "minor key")[int(rng.integers(2))]
        if tune.minor
        else "in a major key"
    )
    extras = [
        f"at {round(tune.bpm)} bpm",
        f"{round(tune.bpm)} bpm",
        key,
        f"{tune.speed} tempo",
    ]
    if tune.beats_per_bar == 3:
        extras += ["in three-four time", "waltz", "in 3/4"]
    if tune.reverberant:
        extras += ["in a large hall", "with reverb", "with lots of echo"]
    extra = _pick(rng, tuple(e for e in extras if e))
    style = f"{tune.style} " if tune.style else ""
    draw = rng.random()
    if draw < 0.05:
        text = plain
    elif draw < 0.10:
        text = noun
    elif draw < 0.30:
        text = f"{mood} {style}{noun}"
    elif draw < 0.42:
        text = f"{mood} {plain} {pattern}" if pattern not in plain else f"{mood} {plain}"
    elif draw < 0.54:
        text = f"{tempo} {style}{noun}, {mood}"
    elif draw < 0.66:
        text = (
            f"{mood} {style}{noun} {extra}"
            if extra.startswith(("in ", "at ", "with "))
            else f"{mood} {style}{noun}, {extra}"
        )
    elif draw < 0.76:
        opener = _pick(rng, ("someone plays", "music:", "background music:"))
        text = f"{opener} {tempo} {plain} {pattern}"
    elif draw < 0.88:
        text = f"{article(mood)} {pattern} played on {plain}, {extra}"
        if pattern.endswith(("chords", "arpeggios", "beat")) and pattern != "beat":
            text = f"{mood} {pattern} played on {plain}, {extra}"
    else:
        text = f"{style}{noun}, {mood}, {extra}"
    return _case(rng, text)


def _listed(names: tuple[str, ...]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def ensemble_caption(rng: Rng, tune: Tune, played: tuple[str, ...]) -> str:
    """A caption of an ensemble's clip, e.g. "wistful jazz trio with piano, bass and drums"."""
    noun = _pick(rng, ENSEMBLES[tune.label])
    plain = ENSEMBLES[tune.label][0]
    mood = _pick(rng, MOODS[tune.mood])
    tempo = _pick(rng, TEMPOS[tune.speed])
    parts = _listed(played) if played else "several instruments"
    key = "in a minor key" if tune.minor else "in a major key"
    extras = [f"at {round(tune.bpm)} bpm", key, f"at a {tune.speed} tempo"]
    if tune.reverberant:
        extras += ["in a large hall", "with reverb"]
    extra = _pick(rng, tuple(extras))
    opener = _pick(rng, ("music:", "background music:", "the sound of", "we hear"))
    texts = (
        plain,
        noun,
        f"{mood} {noun}",
        f"{tempo} {noun}, {mood}",
        f"{mood} {noun} {extra}",
        f"{noun} with {parts}",
        f"{mood} {noun} with {parts}",
        f"{parts} playing {tempo} {plain}",
        f"{opener} {mood} {noun}",
        f"{noun}, {tempo}, {mood}",
        f"{noun} {extra}, {mood}",
    )
    shares = np.array([1.0, 1.0, 3.0, 2.0, 3.0, 1.5, 2.0, 0.5, 1.5, 2.0, 2.0])
    return _case(rng, texts[int(rng.choice(len(texts), p=shares / shares.sum()))])


@dataclass(frozen=True)
class Speaking:
    """What a speech caption may say."""

    who: Words  # e.g. ("woman", "female voice")
    pace: str  # "", "fast", "slow"
    traits: tuple[str, ...]  # keys into MANNERS and WHERE


MANNERS: dict[str, Trait] = {
    "fast": Trait((), ("quickly", "fast", "in a hurry", "at a fast pace")),
    "slow": Trait((), ("slowly", "at a slow pace", "unhurriedly")),
    "high": Trait(("high-pitched",), ("in a high voice", "in a high pitch")),
    "low": Trait(("low-pitched",), ("in a low voice", "in a deep tone")),
    "monotone": Trait(("monotone",), ("in a monotone", "in a flat voice")),
    "lively": Trait(("lively",), ("in a lively voice", "with lots of expression")),
    "question": Trait((), ("asking a question",)),
    "telephone": Trait((), ("over the telephone", "on the phone", "over a phone line", "on a phone call")),
    "radio": Trait(
        (),
        (
            "over a walkie-talkie",
            "over the radio",
            "through a radio",
            "on a crackling radio",
            "on a two-way radio",
        ),
    ),
    "announcement": Trait(
        (),
        (
            "over the loudspeakers",
            "over a PA system",
            "over the intercom",
            "through a megaphone",
            "over a loudspeaker",
        ),
    ),
    "reverberant": Trait((), ("in a large hall", "in an echoing room", "with a long echo")),
    "quiet": Trait(("quiet", "soft-spoken"), ("quietly", "softly")),
    "loud": Trait(("loud",), ("loudly", "in a loud voice")),
}


def speech_caption(rng: Rng, speaking: Speaking) -> str:
    """A caption of a speech clip; it says who speaks and how, never the words."""
    who = _pick(rng, speaking.who)
    said = _say(rng, speaking.traits, MANNERS)
    phrase = _after(said.phrases)
    person = f"{said.adjectives} {who}".strip()
    verb = _pick(rng, ("speaks", "is speaking", "talks", "says something", "is talking"))
    opener = _pick(rng, ("speech by", "spoken by", "voice of", "narration by", "words from"))
    draw = rng.random()
    if draw < 0.08:
        text = speaking.who[0]
    elif draw < 0.14:
        text = _pick(rng, ("speech", "someone speaking", "a voice", "talking", "spoken words"))
    elif draw < 0.36:
        text = f"{article(person)} {verb}{phrase}"
    elif draw < 0.50:
        text = f"{article(person)} speaking{phrase}"
    elif draw < 0.62:
        text = f"{person} speaking{phrase}"
    elif draw < 0.74:
        text = f"{opener} {article(person)}{phrase}"
    elif draw < 0.88:
        text = f"{person},{phrase}" if phrase else person
    else:
        text = f"{article(person)} says a sentence{phrase}"
    return _case(rng, text)
