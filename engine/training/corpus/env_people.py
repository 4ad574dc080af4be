"""Places full of people: murmur of many voices and what is heard with it. One function a class."""

from __future__ import annotations

import numpy as np

from engine.training.corpus.noise import (
    Rng,
    Wave,
    band,
    drift,
    peaks,
    place,
    poisson_starts,
    scatter,
    unit,
    white,
)
from engine.training.corpus.resonator import (
    chirp,
    harmonics,
    lowpass,
    modes,
    swell,
    times,
)
from engine.training.corpus.rooms import reverberate
from engine.training.corpus.taps import ping, tap
from engine.training.corpus.texture import (
    Render,
    Texture,
    babble,
    breathing,
    drops,
    night_air,
    pick,
    repeated,
    strewn,
)
from engine.training.corpus.throat import throat


def crowd(rng: Rng, rate: int, n: int) -> Texture:
    """A murmuring crowd, from a quiet café with clinking cups to a busy room."""
    kind = pick(rng, "quiet", "busy", "cafe")
    voices = {
        "quiet": int(rng.integers(5, 9)),
        "busy": int(rng.integers(20, 40)),
        "cafe": int(rng.integers(8, 16)),
    }[kind]
    out = unit(babble(rng, rate, n, voices))
    if kind == "cafe":
        clinks = np.zeros(n)
        for start in poisson_starts(rng, n, rate, 1.4):
            t = times(0.16, rate)
            base = rng.uniform(2300, 4500)
            place(
                clinks,
                modes(t, [base, 1.52 * base, 2.3 * base], [0.12, 0.08, 0.05], [1, 0.6, 0.4], rate, rng)
                * rng.uniform(0.2, 1.0),
                int(start),
            )
        out = out + rng.uniform(0.5, 1.0) * clinks
    rt60 = rng.uniform(0.4, 0.9)
    out = reverberate(out, rng, rate, rt60, 0.5 if kind != "busy" else 0.8)
    out = unit(out) + 0.12 * band(rng, n, rate, 60, 500, slope_db_oct=-3.0)
    level = {"quiet": -33.0, "busy": -24.0, "cafe": -28.5}[kind] + rng.uniform(-1.2, 1.2)
    traits = [kind]
    if rng.random() < 0.15:
        out = lowpass(out, rate, 700, 2)
        traits.append("muffled")
        level -= 3.0
    return Texture(out, tuple(traits), level)


def station(rng: Rng, rate: int, n: int) -> Texture:
    """A large reverberant hall: blurred voices, a low rumble, footsteps far away, at times a gong."""
    kind = pick(rng, "busy", "quiet")
    voices = babble(rng, rate, n, 24 if kind == "busy" else 8)
    steps = drops(rng, n, rate, 4.0, 500, 1800, 0.03)
    dry = unit(voices) + 0.25 * unit(steps + 1e-6 * white(rng, n))
    traits = [kind]
    if rng.random() < 0.35:
        gong = np.zeros(n)
        base = rng.uniform(420, 620)
        at = rng.uniform(0.05, 0.5) * n / rate
        for step, ratio in enumerate(((1.0, 0.8), (1.0, 1.25, 1.5))[int(rng.integers(2))]):
            t = times(1.2, rate)
            place(
                gong,
                modes(t, [base * ratio, 2 * base * ratio], [1.3, 0.7], [1.0, 0.25], rate, attack_s=0.01),
                int((at + 0.45 * step) * rate),
            )
        dry = dry + 1.3 * gong
        traits.append("announcement chime")
    out = reverberate(dry, rng, rate, rng.uniform(2.2, 3.8), 1.3, damping_hz=3500, dry=0.25)
    rumble = band(rng, n, rate, 30, rng.uniform(100, 180), slope_db_oct=-3.0) * breathing(
        rng, n, rate, 2.0, 0.3
    )
    out = unit(out) + rng.uniform(0.3, 0.6) * rumble
    level = {"busy": -25.0, "quiet": -31.0}[kind] + rng.uniform(-1.0, 1.2)
    return Texture(out, tuple(traits), level)


def cafe(rng: Rng, rate: int, n: int) -> Texture:
    """A café: relaxed talk at tables, cups and spoons, at times the hiss of the coffee machine."""
    kind = pick(rng, "relaxed", "busy")
    talk = unit(babble(rng, rate, n, int(rng.integers(7, 12) if kind == "relaxed" else rng.integers(14, 26))))

    def clink() -> Wave:
        base = rng.uniform(2000, 4800)
        return rng.uniform(0.2, 1.0) * ping(rng, rate, base, rng.uniform(0.08, 0.25), (1.0, 1.52, 2.3, 3.1))

    clinks = strewn(rng, rate, n, 1.8 if kind == "relaxed" else 3.0, clink)
    out = talk + rng.uniform(0.9, 1.5) * clinks
    traits = [kind]
    if rng.random() < 0.35:
        t = times(rng.uniform(1.0, 2.2), rate)
        steam = band(rng, len(t), rate, 1500, 9000) * swell(t, 0.2 * t[-1], t[-1], 0.6)
        place(out, 0.9 * steam * (1.0 + 0.3 * drift(rng, len(t), rate, 20.0)), int(rng.uniform(0.0, 0.6) * n))
        traits.append("coffee machine")
    out = reverberate(out, rng, rate, rng.uniform(0.4, 0.8), 0.45)
    out = unit(out) + 0.1 * band(rng, n, rate, 60, 600, slope_db_oct=-3.0)
    return Texture(out, tuple(traits), (-30.0 if kind == "relaxed" else -25.5) + rng.uniform(-1.2, 1.2))


def _shout(rng: Rng, rate: int, base: float, seconds: float) -> Wave:
    """A wordless shout or squeal on an open vowel."""
    t = times(seconds, rate)
    u = t / t[-1]
    freq = base * (0.85 + 0.3 * np.sin(np.pi * u ** rng.uniform(0.5, 1.5)))
    call = throat(rng, rate, freq, (850.0, 1500.0, 2900.0), tilt=0.6, rough=0.1, breath=0.08)
    return np.asarray(call * swell(t, 0.25 * t[-1], t[-1], 0.8))


def playground(rng: Rng, rate: int, n: int) -> Texture:
    """Children at play outdoors: high murmur, shouts and squeals, at times a bouncing ball."""
    busy = rng.random() < 0.5
    talk = unit(babble(rng, rate, n, 14 if busy else 6, 1.6))

    def squeal() -> Wave:
        return rng.uniform(0.3, 1.0) * _shout(rng, rate, rng.uniform(450, 1100), rng.uniform(0.2, 0.7))

    out = talk + 1.4 * strewn(rng, rate, n, 2.2 if busy else 0.9, squeal, 0.3)
    traits = ["busy" if busy else "quiet"]
    if rng.random() < 0.35:
        base = rng.uniform(90, 140)
        bounce = repeated(
            rng, rate, n, rng.uniform(0.5, 0.8), lambda: ping(rng, rate, base, 0.14, (1.0, 1.6, 4.1)), 0.08
        )
        out = out + 2.0 * bounce
        traits.append("ball")
    out = reverberate(out, rng, rate, 0.7, 0.3)
    return Texture(
        unit(out) + 0.1 * night_air(rng, rate, n),
        tuple(traits),
        (-25.5 if busy else -31.0) + rng.uniform(-1.2, 1.2),
    )


def stadium(rng: Rng, rate: int, n: int) -> Texture:
    """A stadium's crowd: the roar of thousands, waiting or cheering, with whistles and claps."""
    cheering = rng.random() < 0.6
    vowel = peaks(rng, n, rate, [620.0, 1150.0, 2600.0], [180.0, 260.0, 500.0], [1.0, 0.7, 0.25])
    rise = np.exp((0.5 if cheering else 0.2) * np.clip(drift(rng, n, rate, 0.5), -1.5, 1.5))
    out = (
        vowel * rise
        + 0.5 * unit(babble(rng, rate, n, 40))
        + 0.3 * band(rng, n, rate, 80, 500, slope_db_oct=-2.0)
    )
    if cheering:
        out = out + 1.2 * strewn(
            rng,
            rate,
            n,
            5.0,
            lambda: 0.3 * _shout(rng, rate, rng.uniform(220, 600), rng.uniform(0.4, 1.2)),
            0.5,
        )
        claps = strewn(rng, rate, n, 60, lambda: rng.uniform(0.1, 0.5) * tap(rng, rate, 800, 3000, 0.03))
        out = out + 0.6 * claps

        def blow() -> Wave:
            t = times(rng.uniform(0.3, 0.9), rate)
            return (
                0.25
                * chirp(rng.uniform(1900, 2900) * (1.0 + 0.1 * np.sin(np.pi * t / t[-1])), rate)
                * swell(t, 0.1, t[-1])
            )

        out = out + strewn(rng, rate, n, 0.5, blow)
    out = reverberate(out, rng, rate, rng.uniform(1.2, 2.2), 0.6, damping_hz=3000)
    return Texture(
        out, ("cheering" if cheering else "waiting",), (-21.5 if cheering else -26.5) + rng.uniform(-1.2, 1.2)
    )


def church(rng: Rng, rate: int, n: int) -> Texture:
    """Inside a large church: whispers, a cough or step that rings on for seconds, at times a soft organ."""
    talk = unit(babble(rng, rate, n, 5))
    steps = strewn(rng, rate, n, 0.8, lambda: rng.uniform(0.5, 1.0) * tap(rng, rate, 300, 1800, 0.05))
    out = 0.5 * talk + 1.5 * steps
    traits = ["whispers"]
    if rng.random() < 0.5:
        t = np.arange(n) / rate
        root = rng.uniform(98, 165)
        chord = sum(
            harmonics(np.full(n, root * r), rate, [1.0, 0.5, 0.25, 0.2, 0.0, 0.1])
            for r in (1.0, 1.26, 1.498, 2.0)
        )
        out = out + rng.uniform(0.5, 0.9) * unit(np.asarray(chord)) * (
            1.0 + 0.05 * np.sin(2 * np.pi * 5.0 * t)
        )
        traits = ["organ"]
    out = reverberate(out, rng, rate, rng.uniform(3.5, 5.5), 1.3, damping_hz=3200, dry=0.25)
    air = band(rng, n, rate, 35, 250, slope_db_oct=-3.0)
    return Texture(unit(out) + 0.15 * air, tuple(traits), rng.uniform(-32.0, -27.0))


def applause(rng: Rng, rate: int, n: int) -> Texture:
    """Applause: a few hands or a full hall clapping, at times with cheers."""
    many = rng.random() < 0.6
    grains = []
    for _ in range(16):
        centre = rng.uniform(700, 1900)
        grains.append(tap(rng, rate, 0.6 * centre, 2.4 * centre, rng.uniform(0.02, 0.045)))
    if many:
        starts = poisson_starts(rng, n, rate, rng.uniform(250, 600))
        which = rng.integers(0, 16, len(starts))
    else:
        people = int(rng.integers(3, 8))
        runs = [np.arange(rng.uniform(0, 0.3), n / rate, rng.uniform(0.19, 0.3)) for _ in range(people)]
        times_s = np.concatenate([run + rng.normal(0.0, 0.012, len(run)) for run in runs])
        starts = np.maximum(times_s * rate, 0.0)
        which = np.concatenate([np.full(len(run), number) for number, run in enumerate(runs)])
    claps = unit(scatter(n, starts, grains, which, rng.lognormal(-0.3, 0.5, len(starts))))
    traits = ["many" if many else "few"]
    if rng.random() < 0.35:
        cheer = strewn(
            rng,
            rate,
            n,
            4.0 if many else 1.0,
            lambda: _shout(rng, rate, rng.uniform(250, 600), rng.uniform(0.4, 1.0)),
            0.4,
        )
        claps = claps + 0.7 * unit(cheer + 1e-6)
        traits.append("cheers")
    out = reverberate(claps, rng, rate, rng.uniform(0.8, 1.6), 0.5 if many else 0.3)
    return Texture(out, tuple(traits), (-22.5 if many else -29.0) + rng.uniform(-1.2, 1.2))


CLASSES: dict[str, Render] = {
    "crowd": crowd,
    "station": station,
    "cafe": cafe,
    "playground": playground,
    "stadium": stadium,
    "church": church,
    "applause": applause,
}
