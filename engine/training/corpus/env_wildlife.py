"""Animals outdoors: birds, insects, frogs. One function a class."""

from __future__ import annotations

import numpy as np

from engine.training.corpus.noise import (
    Rng,
    Wave,
    band,
    drift,
    narrow,
    place,
    unit,
    white,
)
from engine.training.corpus.resonator import (
    chirp,
    harmonics,
    highpass,
    lowpass,
    swell,
    times,
)
from engine.training.corpus.rooms import far, reverberate
from engine.training.corpus.taps import ping
from engine.training.corpus.texture import Render, Texture, bird_song, breathing, night_air, pick, strewn
from engine.training.corpus.throat import throat


def birds(rng: Rng, rate: int, n: int) -> Texture:
    """Songbirds over faint rustling leaves."""
    many = rng.random() < 0.6
    air = band(rng, n, rate, 200, 3500, slope_db_oct=-4.0) * breathing(rng, n, rate, 2.0, 0.4)
    calls = np.zeros(n)
    for bird in range(int(rng.integers(3, 7)) if many else 1):
        base = np.exp(rng.uniform(np.log(2100), np.log(6000)))
        level = rng.uniform(0.25, 1.0) if bird else 1.0
        at = rng.uniform(0.0, 0.6) if bird == 0 else rng.uniform(0.0, 2.5)
        while at < n / rate - 0.3:
            song = bird_song(rng, rate, base)
            place(calls, song * level, int(at * rate))
            at += len(song) / rate + rng.uniform(0.25, 1.6 if many else 1.2)
    traits = ["many" if many else "one"]
    if rng.random() < 0.25:
        calls = far(calls, rng, rate, 0.5)
        traits.append("distant")
    else:
        calls = reverberate(calls, rng, rate, rng.uniform(0.5, 1.2), rng.uniform(0.1, 0.3))
    away = "distant" in traits
    out = unit(calls) + (0.3 if away else 0.12) * air
    return Texture(out, tuple(traits), (-34.0 if away else -29.0) + rng.uniform(-1.0, 2.5))


def crickets(rng: Rng, rate: int, n: int) -> Texture:
    """Crickets on a quiet night: trains of pulses on a high carrier, or a steady trill."""
    many = rng.random() < 0.6
    trill = rng.random() < 0.3
    seconds = n / rate
    t = np.arange(n) / rate
    out = np.zeros(n)
    pace = pick(rng, "slow", "fast")
    for voice in range(int(rng.integers(3, 6)) if many else 1):
        carrier = rng.uniform(3300, 5600)
        level = 1.0 if voice == 0 else rng.uniform(0.15, 0.6)
        pulse_hz = rng.uniform(35, 60) if trill else rng.uniform(18, 32)
        gate = np.clip(np.sin(2 * np.pi * pulse_hz * t + rng.uniform(0, 6)), 0.0, 1.0) ** 0.8
        if not trill:
            per_s = rng.uniform(2.2, 3.4) if pace == "fast" else rng.uniform(0.8, 1.5)
            pulses = int(rng.integers(3, 6))
            group = np.zeros(n)
            at = rng.uniform(-0.5, 0.5) / per_s
            while at < seconds:
                group += (t >= at) & (t < at + pulses / pulse_hz)
                at += (1.0 + rng.uniform(-0.06, 0.06)) / per_s
            begin = np.maximum.accumulate(np.where(np.diff(group, prepend=0.0) > 0, t, -1.0))
            gate = np.clip(np.sin(2 * np.pi * pulse_hz * (t - begin)), 0.0, 1.0) ** 0.8 * np.minimum(
                group, 1.0
            )
        tone = np.sin(2 * np.pi * carrier * t) + 0.08 * np.sin(4 * np.pi * carrier * t)
        out += level * gate * tone
    night = band(rng, n, rate, 150, 2500, slope_db_oct=-4.0)
    out = unit(reverberate(out, rng, rate, 0.6, 0.15)) + 0.1 * night
    traits = ["many" if many else "one", "steady" if trill else pace]
    level = rng.uniform(-33.0, -27.0)
    if rng.random() < 0.2:
        out = lowpass(out, rate, 3000, 1)
        level = rng.uniform(-36.0, -34.0)
        traits.append("distant")
    return Texture(out, tuple(traits), level)


def frogs(rng: Rng, rate: int, n: int) -> Texture:
    """Frogs at a pond: pulsed croaks of low and high voices over faint night air."""
    many = rng.random() < 0.6
    out = np.zeros(n)
    for voice in range(int(rng.integers(3, 6)) if many else 1):
        base = np.exp(rng.uniform(np.log(350), np.log(1900)))
        pulse = rng.uniform(22, 60)
        size = rng.uniform(0.18, 0.5)
        level = 1.0 if voice == 0 else rng.uniform(0.25, 0.8)
        at = rng.uniform(0.0, 0.8)
        while at < n / rate:
            t = times(size, rate)
            tone = chirp(base * (1.0 + 0.12 * t / size), rate) + 0.4 * chirp(
                2.02 * base * (1.0 + 0.1 * t / size), rate
            )
            gate = (0.5 + 0.5 * np.cos(2 * np.pi * pulse * t)) ** 2
            place(out, level * tone * gate * swell(t, 0.4 * size, size), int(at * rate))
            at += size + rng.uniform(0.25, 0.9)
    out = reverberate(out, rng, rate, 0.7, 0.2)
    night = band(rng, n, rate, 150, 3000, slope_db_oct=-4.0)
    return Texture(
        unit(highpass(out, rate, 120)) + 0.08 * night, ("many" if many else "one",), rng.uniform(-32.0, -26.0)
    )


def _whoop(rng: Rng, rate: int) -> Wave:
    """A jungle call: a rising whoop, a screech or a liquid whistle, perhaps several times over."""
    kind = pick(rng, "whoop", "screech", "whistle")
    notes = []
    base = {
        "whoop": rng.uniform(350, 800),
        "screech": rng.uniform(900, 1700),
        "whistle": rng.uniform(1400, 3000),
    }[kind]
    for _ in range(int(rng.integers(1, 6))):
        t = times({"whoop": 0.25, "screech": 0.3, "whistle": 0.18}[kind] * rng.uniform(0.8, 1.3), rate)
        u = t / t[-1]
        if kind == "whoop":
            note = throat(rng, rate, base * (1.0 + 0.8 * u**2), (900.0, 1800.0), tilt=1.5)
        elif kind == "screech":
            note = throat(
                rng, rate, base * (1.1 - 0.35 * u), (2400.0, 3800.0), tilt=0.5, rough=0.5, breath=0.3
            )
        else:
            note = chirp(base * (1.0 + rng.choice([-0.3, 0.4]) * u), rate)
        notes += [note * swell(t, 0.3 * t[-1], t[-1]), np.zeros(int(rng.uniform(0.05, 0.14) * rate))]
    return rng.uniform(0.4, 1.0) * np.concatenate(notes)


def _insects(rng: Rng, rate: int, n: int, voices: int, low_hz: float, high_hz: float) -> Wave:
    """A bed of insects (RMS 1): narrow high bands, each shaken at its own fast rate."""
    t = np.arange(n) / rate
    out = np.zeros(n)
    for _ in range(voices):
        shake = 0.5 + 0.5 * np.sin(2 * np.pi * rng.uniform(14, 60) * t + rng.uniform(0, 6))
        voice = narrow(rng, n, rate, rng.uniform(low_hz, high_hz), rng.uniform(60, 250))
        out += rng.uniform(0.3, 1.0) * voice * shake * breathing(rng, n, rate, 3.0, 0.5)
    return unit(out)


def jungle(rng: Rng, rate: int, n: int) -> Texture:
    """A rainforest: a thick bed of insects with whoops, screeches and birds at all distances."""
    lively = rng.random() < 0.6
    calls = strewn(rng, rate, n, 0.9 if lively else 0.35, lambda: _whoop(rng, rate), 0.3)
    base = rng.uniform(2200, 4500)
    calls += 0.5 * strewn(rng, rate, n, 0.4, lambda: bird_song(rng, rate, base * rng.uniform(0.7, 1.4)), 0.3)
    calls = reverberate(calls, rng, rate, rng.uniform(0.9, 1.6), 0.5, damping_hz=3500)
    bed = _insects(rng, rate, n, 5, 3200, 8500)
    frog = strewn(rng, rate, n, 1.0, lambda: ping(rng, rate, rng.uniform(600, 900), 0.07, (1.0,)))
    out = (
        (1.0 if lively else 0.6) * unit(calls) + 0.5 * bed + 1.5 * frog * 0.1 + 0.15 * night_air(rng, rate, n)
    )
    return Texture(
        out, ("lively" if lively else "quiet",), (-26.5 if lively else -31.0) + rng.uniform(-1.2, 1.2)
    )


def _gull(rng: Rng, rate: int, base: float) -> Wave:
    """A gull's cry: one to six nasal yelps, each up and then down."""
    notes = []
    count = int(rng.integers(1, 7))
    size = rng.uniform(0.35, 0.6) if count < 3 else rng.uniform(0.17, 0.28)
    for _ in range(count):
        t = times(size * rng.uniform(0.9, 1.1), rate)
        u = t / t[-1]
        freq = base * rng.uniform(0.95, 1.05) * (0.75 + 0.45 * np.sin(np.pi * u**0.6) - 0.1 * u)
        cry = throat(rng, rate, freq, (1700.0, 3200.0, 4600.0), tilt=0.35, rough=0.12, breath=0.05)
        notes += [cry * swell(t, 0.25 * t[-1], t[-1], 0.8), np.zeros(int(0.05 * rate))]
    return np.concatenate(notes)


def seagulls(rng: Rng, rate: int, n: int) -> Texture:
    """Gulls crying over a distant surf."""
    many = rng.random() < 0.6
    cries = np.zeros(n)
    for bird in range(int(rng.integers(3, 6)) if many else 1):
        base, level = rng.uniform(750, 1250), 1.0 if bird == 0 else rng.uniform(0.2, 0.8)
        at = rng.uniform(0.0, 0.6 if bird == 0 else 2.0)
        while at < n / rate - 0.2:
            cry = _gull(rng, rate, base)
            place(cries, level * cry, int(at * rate))
            at += len(cry) / rate + rng.uniform(0.3, 1.5)
    surf = band(rng, n, rate, 120, 2500, slope_db_oct=-3.0) * breathing(rng, n, rate, 3.0, 0.3)
    cries = reverberate(cries, rng, rate, 0.8, 0.2)
    out = unit(cries) + rng.uniform(0.15, 0.35) * surf
    return Texture(out, ("many" if many else "one",), rng.uniform(-30.0, -25.0))


def owls(rng: Rng, rate: int, n: int) -> Texture:
    """An owl hooting in a quiet night, another at times answering from afar."""
    two = rng.random() < 0.35
    out = np.zeros(n)
    for bird in range(2 if two else 1):
        base = rng.uniform(300, 520)
        pattern = ((0.0, 0.55), (0.0, 0.28, 0.5, 1.0), (0.0, 0.9), (0.0, 0.35, 0.62))[int(rng.integers(4))]
        at = rng.uniform(0.1, 0.6) + 1.1 * bird
        while at < n / rate - 0.4:
            for start in pattern:
                t = times(0.42 if start == pattern[-1] else 0.2, rate)
                freq = base * (1.0 + 0.05 * np.sin(np.pi * t / t[-1]) + 0.008 * np.sin(2 * np.pi * 7 * t))
                hoot = chirp(freq, rate) + 0.12 * chirp(2 * freq, rate) + 0.004 * white(rng, len(t))
                place(
                    out,
                    (0.4 if bird else 1.0) * hoot * swell(t, 0.35 * t[-1], t[-1]),
                    int((at + start) * rate),
                )
            at += pattern[-1] + rng.uniform(1.0, 2.2)
    out = reverberate(out, rng, rate, rng.uniform(1.0, 2.0), 0.45, damping_hz=2500)
    insects = _insects(rng, rate, n, 2, 3800, 5200)
    out = unit(out) + 0.06 * insects + 0.1 * night_air(rng, rate, n)
    return Texture(out, ("two" if two else "one",), rng.uniform(-32.0, -27.0))


def wolves(rng: Rng, rate: int, n: int) -> Texture:
    """Wolves howling at night: long glides, one after another or together."""
    many = rng.random() < 0.6
    out = np.zeros(n)
    for wolf in range(int(rng.integers(3, 6)) if many else 1):
        base = rng.uniform(300, 520)
        at = rng.uniform(0.0, 0.5) if wolf == 0 else rng.uniform(0.3, 3.5)
        while at < n / rate - 0.8:
            t = times(rng.uniform(1.5, 3.2), rate)
            u = t / t[-1]
            rise = np.clip(u / rng.uniform(0.15, 0.35), 0.0, 1.0)
            freq = base * (0.65 + 0.35 * rise**0.7 - 0.22 * np.clip((u - 0.7) / 0.3, 0.0, 1.0) ** 2)
            freq = freq * (1.0 + 0.006 * np.sin(2 * np.pi * 5.0 * t) + 0.004 * drift(rng, len(t), rate, 6.0))
            howl = throat(rng, rate, freq, (520.0, 950.0), tilt=1.6, breath=0.03)
            place(out, rng.uniform(0.3, 1.0) * howl * swell(t, 0.3 * t[-1], t[-1], 0.7), int(at * rate))
            at += t[-1] + rng.uniform(0.4, 1.5)
    out = reverberate(out, rng, rate, rng.uniform(1.5, 2.8), 0.6, damping_hz=2500)
    return Texture(
        unit(out) + 0.1 * night_air(rng, rate, n), ("many" if many else "one",), rng.uniform(-30.0, -25.0)
    )


def bees(rng: Rng, rate: int, n: int) -> Texture:
    """Bees: a swarm's dense buzz, or a single one that comes near and goes."""
    many = rng.random() < 0.6
    out = np.zeros(n)
    for _ in range(int(rng.integers(7, 11)) if many else 1):
        base = rng.uniform(160, 270)
        wander = np.clip(drift(rng, n, rate, rng.uniform(1.0, 3.0)), -2, 2)
        near = np.exp(0.7 * np.clip(drift(rng, n, rate, 0.8), -2, 1.5))
        buzz = harmonics(base * (1.0 + 0.05 * wander), rate, 1.0 / np.arange(1, 26) ** 0.75)
        out += near * buzz * (1.0 + 0.2 * drift(rng, n, rate, 40.0))
    out = highpass(out, rate, 180, 1)
    air = band(rng, n, rate, 200, 4000, slope_db_oct=-3.0)
    return Texture(unit(out) + 0.1 * air, ("many" if many else "one",), rng.uniform(-31.0, -25.0))


def cicadas(rng: Rng, rate: int, n: int) -> Texture:
    """Cicadas in summer heat: a piercing band of buzz that swells and ebbs."""
    kind = pick(rng, "steady", "pulsing")
    t = np.arange(n) / rate
    out = np.zeros(n)
    for _ in range(int(rng.integers(2, 5))):
        centre = rng.uniform(4200, 7500)
        rattle = np.clip(np.sin(2 * np.pi * rng.uniform(70, 140) * t + rng.uniform(0, 6)), 0.0, 1.0) ** 2
        voice = narrow(rng, n, rate, centre, rng.uniform(200, 500)) * (0.3 + rattle)
        if kind == "pulsing":
            beat = np.sin(2 * np.pi * rng.uniform(1.2, 3.0) * t + rng.uniform(0, 6))
            voice = voice * (0.2 + np.clip(0.5 + beat, 0.0, 1.5))
        out += rng.uniform(0.3, 1.0) * voice * breathing(rng, n, rate, 3.0, 0.4)
    return Texture(unit(out) + 0.08 * night_air(rng, rate, n), (kind,), rng.uniform(-31.0, -25.0))


def _cluck(rng: Rng, rate: int, base: float) -> Wave:
    """Hen talk: a run of short clucks, the last at times drawn out and high."""
    notes = []
    count = int(rng.integers(2, 7))
    for number in range(count):
        long = number == count - 1 and rng.random() < 0.35
        t = times(rng.uniform(0.3, 0.5) if long else rng.uniform(0.05, 0.1), rate)
        u = t / t[-1]
        freq = base * (1.25 + 0.5 * np.sin(np.pi * u) if long else 1.2 - 0.4 * u)
        call = throat(rng, rate, freq, (1100.0, 2300.0, 3400.0), tilt=0.6, rough=0.3, breath=0.15)
        notes += [call * swell(t, 0.25 * t[-1], t[-1], 0.8), np.zeros(int(rng.uniform(0.06, 0.25) * rate))]
    return rng.uniform(0.4, 1.0) * np.concatenate(notes)


def farm(rng: Rng, rate: int, n: int) -> Texture:
    """A farmyard: clucking hens, with cows, sheep or a rooster farther off."""
    out = strewn(rng, rate, n, rng.uniform(0.9, 1.8), lambda: _cluck(rng, rate, rng.uniform(380, 620)), 0.6)
    guest = pick(rng, "chickens", "cows", "sheep", "rooster")
    if guest != "chickens":
        calls = np.zeros(n)
        base = {
            "cows": rng.uniform(110, 170),
            "sheep": rng.uniform(240, 380),
            "rooster": rng.uniform(550, 700),
        }[guest]
        for start in rng.uniform(0.05, 0.7, int(rng.integers(1, 3))):
            t = times({"cows": 1.4, "sheep": 0.7, "rooster": 1.2}[guest] * rng.uniform(0.8, 1.2), rate)
            u = t / t[-1]
            bend = {
                "cows": 0.85 + 0.25 * np.sin(np.pi * u),
                "sheep": 1.0 - 0.1 * u,
                "rooster": 0.8 + 0.5 * np.sin(np.pi * u**0.8),
            }
            freq = base * bend[guest]
            if guest == "sheep":
                freq = freq * (1.0 + 0.05 * np.sin(2 * np.pi * 8.5 * t))
            call = throat(rng, rate, freq, (600.0, 1100.0, 2500.0), tilt=0.7, rough=0.15, breath=0.08)
            place(calls, call * swell(t, 0.25 * t[-1], t[-1], 0.7), int(start * n))
        out = out + rng.uniform(0.5, 0.9) * reverberate(calls, rng, rate, 0.9, 0.4)
    out = unit(out) + 0.1 * night_air(rng, rate, n)
    return Texture(out, (guest,), rng.uniform(-30.0, -25.5))


CLASSES: dict[str, Render] = {
    "birds": birds,
    "crickets": crickets,
    "frogs": frogs,
    "jungle": jungle,
    "seagulls": seagulls,
    "owls": owls,
    "wolves": wolves,
    "bees": bees,
    "cicadas": cicadas,
    "farm": farm,
}
