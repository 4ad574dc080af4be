"""The procedural corpus: what a clip promises about its sound, its times and its words."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("scipy", reason="the corpus needs scipy (pip install -e '.[train]')")

from engine.training.corpus import captions, espeak, flite, music, render_clip
from engine.training.corpus.clip import Clip, generator, render_pair
from engine.training.corpus.env import ENV_CLASSES
from engine.training.corpus.env import render_class as render_env
from engine.training.corpus.lexicon import SLOTS, TEMPLATES
from engine.training.corpus.naming import WHERE
from engine.training.corpus.phonemes import INVENTORY, VOWELS, canonical
from engine.training.corpus.sfx import SFX_CLASSES
from engine.training.corpus.sfx import render_class as render_sfx
from engine.training.corpus.shards import parse_counts, render_corpus
from engine.training.corpus.speech import ENGINES, VOICES, phonemise, pronounce, vocabulary
from engine.training.corpus.speech import render_class as render_speech

RATE_HZ = 24000
SAMPLES = 5 * RATE_HZ

needs_soundfont = pytest.mark.skipif(
    not music.available(), reason="tinysoundfont or fluid-soundfont-gm is not installed"
)
needs_espeak = pytest.mark.skipif(not espeak.available(), reason="libespeak-ng is not installed")
needs_flite = pytest.mark.skipif(not flite.available(), reason="flite is not installed")
needs_speech = pytest.mark.skipif(
    not (espeak.available() and flite.available()), reason="libespeak-ng or flite is not installed"
)
VIEW_PARAMS = [
    "env",
    "sfx",
    pytest.param("music", marks=needs_soundfont),
    pytest.param("speech", marks=needs_speech),
]


def level_dbfs(clip: Clip) -> float:
    return float(20 * np.log10(np.sqrt(np.mean(clip.audio.astype(np.float64) ** 2)) + 1e-12))


def check_caption(text: str) -> None:
    assert text.strip() == text
    assert text
    assert not re.search(r"[{}]|  | ,|,,", text), text


def onset_error_s(audio: np.ndarray, cue_s: float) -> float | None:
    """Time from a cue to where the 1-ms level has risen by a tenth; None if an older sound hides it."""
    first = max(0, round((cue_s - 0.03) * RATE_HZ))
    piece = audio[first : round((cue_s + 0.15) * RATE_HZ)].astype(np.float64) ** 2
    level = np.sqrt(np.convolve(piece, np.ones(24) / 24)[: len(piece)])
    before = level[: max(0, round(cue_s * RATE_HZ) - first - 24)].max(initial=0.0)
    top = level.max()
    if before > 0.3 * top:
        return None
    return float(np.argmax(level > 1.4 * before + 0.1 * (top - before)) + first) / RATE_HZ - cue_s


@pytest.mark.parametrize("view", VIEW_PARAMS)
def test_same_seed_and_index_give_the_same_clip_whatever_came_before(view: str) -> None:
    first = render_clip(3, 7, view)
    render_clip(4, 1, view)
    again = render_clip(3, 7, view)
    assert np.array_equal(first.audio, again.audio)
    assert (first.caption, first.label, first.cues_s) == (again.caption, again.label, again.cues_s)
    assert first.phonemes == again.phonemes
    assert render_clip(3, 8, view).audio.tobytes() != first.audio.tobytes()


@pytest.mark.parametrize("view", VIEW_PARAMS)
def test_rate_and_length_are_parameters(view: str) -> None:
    clip = render_clip(0, 2, view, rate_hz=32000, length_s=3.0)
    assert clip.audio.shape == (96000,)
    assert clip.audio.dtype == np.float32
    assert np.isfinite(clip.audio).all()
    assert 0.0 < np.max(np.abs(clip.audio)) <= 0.9


def test_unknown_view_is_named() -> None:
    with pytest.raises(ValueError, match="view"):
        render_clip(0, 0, "smell")


@pytest.mark.parametrize("label", ENV_CLASSES)
def test_environment_levels_and_captions(label: str) -> None:
    for number in range(2):
        clip = render_env(label, generator(1, number, "env"), RATE_HZ, SAMPLES)
        assert np.max(np.abs(clip.audio)) <= 0.9
        assert -41.0 < level_dbfs(clip) < -19.0
        assert abs(float(np.mean(clip.audio))) < 1e-4
        assert not clip.cues_s
        check_caption(clip.caption)


def test_light_rain_is_quieter_than_heavy_rain() -> None:
    levels: dict[str, list[float]] = {"light": [], "heavy": []}
    for number in range(12):
        clip = render_env("rain", generator(2, number, "env"), RATE_HZ, SAMPLES)
        for strength, found in levels.items():
            if strength in clip.traits and "distant" not in clip.traits:
                found.append(level_dbfs(clip))
    assert max(levels["light"]) < min(levels["heavy"]) - 5.0


@pytest.mark.parametrize("label", SFX_CLASSES)
def test_every_hit_of_an_effect_is_a_cue_at_its_attack(label: str) -> None:
    kind = SFX_CLASSES[label]
    for number in range(4):
        clip = render_sfx(label, generator(5, number, "sfx"), RATE_HZ, SAMPLES)
        peak_dbfs = 20 * np.log10(np.max(np.abs(clip.audio)))
        assert -25.0 < peak_dbfs < -2.0
        assert kind.least <= len(clip.cues_s) <= 6 or len(clip.cues_s) == 1
        assert np.max(np.abs(clip.audio[: round(clip.cues_s[0] * RATE_HZ)]), initial=0.0) == 0.0
        check_caption(clip.caption)
        if kind.impulsive:
            errors = [onset_error_s(clip.audio, cue) for cue in clip.cues_s]
            assert all(-0.001 < error < 0.005 for error in errors if error is not None), errors


@pytest.mark.parametrize("label", SFX_CLASSES)
def test_a_strike_ends_in_silence_and_stands_around_zero(label: str) -> None:
    for number in range(2):
        strike = SFX_CLASSES[label].source(generator(8, number, "sfx"), RATE_HZ).strike()
        size = np.abs(strike)
        assert len(strike) <= 5 * RATE_HZ
        assert size[-max(8, len(strike) // 400) :].max() < 0.1 * size.max()
        clip = render_sfx(label, generator(8, number, "sfx"), RATE_HZ, SAMPLES)
        assert abs(float(np.mean(clip.audio))) < 2e-3 * np.max(np.abs(clip.audio))


def test_a_gallop_and_a_heart_come_in_full_cycles() -> None:
    for number in range(6):
        hooves = render_sfx("gallop", generator(8, number, "sfx"), RATE_HZ, SAMPLES).cues_s
        assert len(hooves) % 3 == 0
        beats = render_sfx("heartbeat", generator(8, number, "sfx"), RATE_HZ, SAMPLES).cues_s
        gaps = np.diff(beats)
        assert len(beats) % 2 == 0
        assert np.all(gaps[1::2] > 1.5 * gaps[::2][: len(gaps[1::2])])


@pytest.mark.parametrize("label", ENV_CLASSES)
def test_environment_names_are_many_and_lead_with_the_plain_noun(label: str) -> None:
    voice = captions.environment(label)
    assert len(set(voice.nouns)) >= 4
    assert len(set(voice.sentences)) >= 4
    assert all("{}" in text for text in (*voice.sentences, *voice.lone_sentences))
    rng = np.random.default_rng(1)
    said = {captions.env_caption(rng, label, tuple(voice.traits)[:1]) for _ in range(200)}
    assert len(said) >= 40
    assert any(text.lower().rstrip(".") == voice.nouns[0].lower() for text in said)
    for text in said:
        check_caption(text)


@pytest.mark.parametrize("label", SFX_CLASSES)
def test_effect_names_are_many_and_lead_with_the_plain_noun(label: str) -> None:
    hit = captions.effect(label)
    assert len(set(hit.one)) >= 4
    assert len(set(hit.many)) >= 4
    assert hit.sentence_one
    assert hit.sentence_many
    rng = np.random.default_rng(1)
    said = {captions.sfx_caption(rng, label, tuple(hit.traits)[:1], 1) for _ in range(200)}
    assert len(said) >= 20
    assert any(text.lower().rstrip(".") == hit.one[0].lower() for text in said)
    for text in said:
        check_caption(text)


def test_every_audible_trait_can_be_said() -> None:
    for label in ENV_CLASSES:
        known = captions.environment(label).traits
        for number in range(3):
            clip = render_env(label, generator(12, number, "env"), 8000, 8000)
            assert set(clip.traits) <= known.keys() | WHERE.keys(), (label, clip.traits)


def test_effects_die_away_instead_of_stopping() -> None:
    clip = next(
        clip
        for number in range(99)
        if (clip := render_sfx("gunshot", generator(6, number, "sfx"), RATE_HZ, SAMPLES)).cues_s[-1] < 3.0
    )
    after = np.abs(clip.audio[round((clip.cues_s[-1] + 0.1) * RATE_HZ) :])
    blocks = after[: len(after) // 1200 * 1200].reshape(-1, 1200).max(axis=1)
    loud = blocks[blocks > 10 ** (-66 / 20)]
    assert np.all(loud[1:] < 1.6 * loud[:-1])
    assert np.abs(np.diff(after)).max() < 0.5 * np.max(np.abs(clip.audio))


def test_effect_captions_say_only_what_is_heard() -> None:
    words = {"two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "twice": 2, "single": 1, "pair": 2}
    said = 0
    for index in range(150):
        clip = render_clip(9, index, "sfx", rate_hz=8000)
        text = clip.caption.lower().replace("two-tone", "")
        for word in re.findall(r"[a-z]+", text):
            if word in words:
                assert words[word] == len(clip.cues_s), clip.caption
                said += 1
        assert ("distant" in clip.traits) or not re.search(r"distan|far away|afar", text), text
        assert ("muffled" in clip.traits) or "muffled" not in text, text
    assert said > 20


@needs_soundfont
@pytest.mark.parametrize("label", ["piano", "drums", "marimba", "trumpet", "pad"])
def test_music_clips_stand_on_their_grid(label: str) -> None:
    errors = []
    for number in range(3):
        clip = music.render_class(label, generator(3, number, "music"), RATE_HZ, SAMPLES)
        assert clip.bpm is not None
        assert 60.0 <= clip.bpm <= 180.0
        assert 0.0 <= clip.beat_offset_s < clip.beats_per_bar * 60.0 / clip.bpm
        assert -27.0 < level_dbfs(clip) < -15.0
        check_caption(clip.caption)
        sixteenth_s = 15.0 / clip.bpm
        level = np.log(1e-4 + np.sqrt(np.mean(clip.audio.reshape(-1, 48).astype(np.float64) ** 2, axis=1)))
        rise = level[4:] - level[:-4]
        for frame in np.argsort(-rise)[:6]:
            where = ((frame + 2) * 0.002 - clip.beat_offset_s) / sixteenth_s
            errors.append(abs(where - round(where)) * sixteenth_s)
    if label in ("drums", "marimba", "trumpet"):
        assert np.median(errors) < 0.012


@needs_soundfont
@pytest.mark.parametrize("label", music.STYLES)
def test_ensembles_share_one_grid_and_one_harmony(label: str) -> None:
    clip = music.render_class(label, generator(3, 0, "music"), RATE_HZ, SAMPLES)
    assert clip.label == label
    assert clip.bpm is not None
    low, high = music.STYLES[label].bpm
    assert low - 0.1 <= clip.bpm <= high + 0.1
    assert 2 <= len(music.STYLES[label].parts) <= 4
    assert -27.0 < level_dbfs(clip) < -15.0
    assert clip.chords[0].start_s == 0.0
    assert clip.chords[-1].end_s == pytest.approx(5.0)
    check_caption(clip.caption)


@needs_soundfont
@pytest.mark.parametrize("label", ["piano", "drums", "marimba", "saxophone"])
def test_a_part_and_the_rest_are_one_ensemble(label: str) -> None:
    clip, rest = music.render_part(label, generator(3, 0, "part"), RATE_HZ, SAMPLES)
    again, same = music.render_part(label, generator(3, 0, "part"), RATE_HZ, SAMPLES)
    assert np.array_equal(clip.audio, again.audio)
    assert np.array_equal(rest, same)
    assert (clip.view, clip.label) == ("music", label)
    assert rest.shape == clip.audio.shape == (SAMPLES,)
    mix = clip.audio.astype(np.float64) + rest
    assert np.max(np.abs(mix)) <= 0.9
    assert -30.0 < 20 * np.log10(np.sqrt(np.mean(mix**2))) < -16.0
    assert np.sqrt(np.mean(rest**2)) > 1e-3
    assert -45.0 < level_dbfs(clip) < -16.0
    assert abs(np.corrcoef(clip.audio, rest)[0, 1]) < 0.5
    assert clip.chords[0].start_s == 0.0
    assert clip.chords[-1].end_s == pytest.approx(5.0)
    check_caption(clip.caption)


@needs_soundfont
def test_chords_cover_a_pitched_clip_bar_by_bar() -> None:
    clip = music.render_class("piano", generator(3, 0, "music"), RATE_HZ, SAMPLES)
    assert clip.chords[0].start_s == 0.0
    assert clip.chords[-1].end_s == pytest.approx(5.0)
    for left, right in zip(clip.chords, clip.chords[1:], strict=False):
        assert left.end_s == pytest.approx(right.start_s)


@needs_speech
@pytest.mark.parametrize("engine", ENGINES)
def test_speech_lies_within_its_phonemes(engine: str) -> None:
    for index in range(12):
        label = ENGINES[engine][index % len(ENGINES[engine])]
        clip = render_speech(label, generator(2, index, "speech"), RATE_HZ, SAMPLES)
        assert clip.transcript
        assert clip.label in VOICES
        check_caption(clip.caption)
        starts = [p.start_s for p in clip.phonemes]
        assert starts == sorted(starts)
        assert starts[0] >= 0.05
        assert clip.phonemes[-1].end_s < 5.0
        assert {p.symbol for p in clip.phonemes} <= set(INVENTORY)
        assert clip.word_starts[0] == 0
        assert list(clip.word_starts) == sorted(set(clip.word_starts))
        assert len(clip.words) == len(clip.word_starts)
        spoken = clip.audio[round(starts[0] * RATE_HZ) : round(clip.phonemes[-1].end_s * RATE_HZ)]
        assert -30.0 < 20 * np.log10(np.sqrt(np.mean(spoken.astype(np.float64) ** 2))) < -18.0
        lead = clip.audio[: max(1, round((starts[0] - 0.02) * RATE_HZ))]
        assert np.max(np.abs(lead)) < 0.02 * np.max(np.abs(clip.audio))


@needs_speech
def test_both_engines_speak_in_random_clips() -> None:
    labels = [render_clip(6, index, "speech", rate_hz=8000, length_s=2.0).label for index in range(20)]
    assert 3 <= sum(label in ENGINES["flite"] for label in labels) <= 14


@needs_flite
@pytest.mark.parametrize(
    ("text", "symbols"),
    [
        ("cat", "k a t"),
        ("water bottle", "w O: t# 3 b 0 t# @L"),
        ("the north fire", "D @2 n o@ T f aI3"),
        ("happy bird", "h a p i b 3: d"),
    ],
)
def test_flite_writes_phonemes_as_espeak_does(text: str, symbols: str) -> None:
    assert flite.speak(text, "slt").symbols == tuple(symbols.split())


@needs_flite
def test_flite_words_begin_where_their_tokens_stand() -> None:
    text = "Hello there, it's 23 well-known churches."
    spoken = flite.speak(text, "rms")
    assert [text[place - 1 :].split(" ")[0].strip(",.") for place in spoken.word_chars] == [
        "Hello",
        "there",
        "it's",
        "23",
        "well-known",
        "churches",
    ]
    assert spoken.symbols.count("_") == 1
    assert [spoken.symbols[at] for at in spoken.word_starts] == ["h", "D", "I", "t", "w", "tS"]


@needs_flite
@pytest.mark.parametrize("voice", flite.VOICES)
def test_flite_vowels_are_loud_and_its_stops_are_not(voice: str) -> None:
    spoken = flite.speak("Nobody took the big boat to the gate, because it seemed to be sticky.", voice)
    level: dict[str, list[float]] = {"vowel": [], "stop": [], "pause": []}
    for symbol, start, stop in zip(spoken.symbols, spoken.starts, spoken.stops, strict=True):
        kind = "vowel" if symbol in VOWELS else "stop" if symbol in "ptkbdg" else symbol
        quarter = (stop - start) // 4
        piece = spoken.audio[start + quarter : stop - quarter]
        level.setdefault("pause" if kind == "_" else kind, []).append(float(np.sqrt(np.mean(piece**2))))
    assert np.median(level["vowel"]) > 5.0 * np.median(level["stop"])
    assert np.median(level["vowel"]) > 20.0 * np.median(level["pause"])
    assert spoken.stops[-1] <= len(spoken.audio)


@needs_flite
def test_flite_says_the_same_whatever_it_said_before() -> None:
    first = flite.speak("One sentence.", "slt", words_per_min=200, pitch=80)
    flite.speak("Another.", "slt", words_per_min=120, pitch=20, pitch_range=5)
    again = flite.speak("One sentence.", "slt", words_per_min=200, pitch=80)
    assert np.array_equal(first.audio, again.audio)
    slow = flite.speak("One sentence.", "slt", words_per_min=100)
    assert slow.stops[-1] == pytest.approx(2.0 * first.stops[-1], rel=0.1)
    assert not flite.speak("?!", "slt").symbols
    with pytest.raises(ValueError, match="voice"):
        flite.speak("One.", "nobody")


@needs_espeak
def test_words_are_phonemised_into_the_inventory() -> None:
    assert phonemise("cat") == ["k", "a", "t"]
    spoken = pronounce("hello world")
    assert len(spoken.symbols) == len(spoken.durations_s)
    assert all(0.0 < d < 1.0 for d in spoken.durations_s)


def test_unknown_phonemes_come_back_to_the_inventory() -> None:
    assert len(INVENTORY) == len(set(INVENTORY))
    for symbol in ("x", "e", "t##", "zz", "qq", "aI9"):
        assert canonical(symbol) in INVENTORY


def test_sentences_have_many_words_and_every_slot_is_known() -> None:
    assert len(vocabulary()) >= 1500
    slots = set(re.findall(r"\{(\w+)\}", " ".join(TEMPLATES)))
    assert slots <= SLOTS.keys()


def test_there_are_enough_classes() -> None:
    assert len(ENV_CLASSES) >= 42
    assert len(SFX_CLASSES) >= 62
    assert len(music.INSTRUMENTS) >= 10
    assert len(music.STYLES) >= 10
    assert len(VOICES) >= 6


def test_shards_resume_and_match_render_clip(tmp_path: Path) -> None:
    counts = parse_counts("env=2,sfx=3")
    render_corpus(tmp_path, counts, seed=4, length_s=1.5, jobs=1)
    audio = np.load(tmp_path / "sfx.npy", mmap_mode="r")
    about = [json.loads(line) for line in (tmp_path / "sfx.jsonl").read_text().splitlines()]
    clip = render_clip(4, 2, "sfx", length_s=1.5)
    assert audio.shape == (3, 36000)
    assert np.max(np.abs(audio[2] / 32767.0 - clip.audio)) < 1e-4
    assert about[2]["caption"] == clip.caption
    assert about[2]["cues_s"] == pytest.approx(clip.cues_s, abs=1e-4)
    before = (tmp_path / "parts" / "sfx-0000000.jsonl").stat().st_mtime_ns
    render_corpus(tmp_path, counts, seed=4, length_s=1.5, jobs=1)
    assert (tmp_path / "parts" / "sfx-0000000.jsonl").stat().st_mtime_ns == before
    with pytest.raises(ValueError, match="other settings"):
        render_corpus(tmp_path, counts, seed=5, length_s=1.5, jobs=1)


@needs_soundfont
def test_shards_keep_a_part_beside_the_rest(tmp_path: Path) -> None:
    render_corpus(tmp_path, parse_counts("part=2,sfx=1"), seed=4, length_s=1.5, jobs=1)
    clip, rest = render_pair(4, 1, length_s=1.5)
    about = [json.loads(line) for line in (tmp_path / "part.jsonl").read_text().splitlines()]
    assert about[1]["caption"] == clip.caption
    assert about[1]["bpm"] == clip.bpm
    for name, sound in (("part", clip.audio), ("part_context", rest)):
        stored = np.load(tmp_path / f"{name}.npy", mmap_mode="r")
        assert stored.shape == (2, 36000)
        assert np.max(np.abs(stored[1] / 32767.0 - sound)) < 1e-4
    assert not (tmp_path / "sfx_context.npy").exists()


def test_counts_are_checked() -> None:
    with pytest.raises(ValueError, match="clips-per-view"):
        parse_counts("smell=3")
