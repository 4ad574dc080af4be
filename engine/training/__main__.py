"""`python -m engine.training --run DIR`: every stage of the compact checkpoint, in order, resumable.

Stop it whenever you like; the same command goes on where it was.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import torch

from engine.checkpoint import SHIPPED
from engine.models.compact import compact_config
from engine.training.clips import Clips
from engine.training.codec import train_codec, train_texture
from engine.training.corpus.phonemes import INVENTORY, PAUSE
from engine.training.corpus.shards import render_corpus
from engine.training.corpus.words import write_words
from engine.training.export import VIEWS, export, export_ear
from engine.training.generator import train_generator, train_generators_ear
from engine.training.inherited import inherit
from engine.training.latents import encode_corpora
from engine.training.meant import train_meant
from engine.training.phrases import write_phrases
from engine.training.pronouncer import train_durations, train_pronouncer
from engine.training.text import train_text
from engine.training.vocabulary import write_vocabulary

CLIPS = {"env": 12_600, "sfx": 16_200, "music": 5000, "speech": 8000, "part": 2500}
LONG_CLIPS = {"env": 1300, "sfx": 1300, "music": 1300, "speech": 1600}
LONG_S = 10.0
WORDS = 40_000
GOING_ON = 0.5  # of the generator's learning rates, where a run begins with a finished checkpoint
STEPS = {
    "codec": 6500, "text": 3000, "texture": 1500, "ear": 1200, "meant": 1200, "generator": 15_000,
    "pronouncer": 4000, "durations": 1500,
}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m engine.training", description=__doc__)
    parser.add_argument("--run", type=Path, default=Path("training_runs/v1"), help="folder of this run")
    parser.add_argument("--stage", action="append", help="only this stage (may be repeated); default: all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=0, help="0: torch's own choice")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="of all steps and clips; 0.01 tries the chain"
    )
    parser.add_argument("--fused", action="store_true", help="compile the generator; needs a C++ compiler")
    parser.add_argument("--steps", type=int, help="of the stages that run, instead of their usual number")
    parser.add_argument(
        "--begin",
        metavar="MODEL",
        help="shipped model or folder of a checkpoint to begin with",
    )
    parser.add_argument("--out", type=Path, default=SHIPPED / "compact", help="where the checkpoint goes")
    options = parser.parse_args()
    if options.threads:
        torch.set_num_threads(options.threads)

    run, seed = options.run, options.seed
    corpus, long_corpus, words = run / "corpus", run / "corpus_long", run / "words.jsonl"
    config = compact_config(list(VIEWS), [symbol for symbol in INVENTORY if symbol != PAUSE])

    def scaled(counts: dict[str, int]) -> dict[str, int]:
        return {view: max(16, round(number * options.scale)) for view, number in counts.items()}

    def corpora() -> dict[str, Clips]:
        return {"short": Clips(corpus), "long": Clips(long_corpus)}

    steps = {stage: options.steps or max(4, round(number * options.scale)) for stage, number in STEPS.items()}

    def begin() -> None:
        if options.begin:
            inherit(options.begin, run, Clips(corpus), config)

    stages: dict[str, Callable[[], None]] = {
        "corpus": lambda: render_corpus(corpus, scaled(CLIPS), seed=seed),
        "long": lambda: render_corpus(long_corpus, scaled(LONG_CLIPS), seed=seed + 1, length_s=LONG_S),
        "words": lambda: write_words(words, max(256, round(WORDS * options.scale))),
        "begin": begin,
        "phrases": lambda: write_phrases(run, Clips(corpus), options.scale, seed),
        "vocabulary": lambda: write_vocabulary(run, Clips(corpus), config),
        "text": lambda: train_text(run, Clips(corpus), config, steps["text"], seed),
        "codec": lambda: train_codec(run, Clips(corpus), config, steps["codec"], seed),
        "latents": lambda: encode_corpora(run, corpora(), config),
        "texture": lambda: train_texture(run, Clips(corpus), config, steps["texture"], seed),
        "ear": lambda: train_generators_ear(run, corpora(), config, steps["ear"], seed),
        "meant": lambda: train_meant(run, Clips(corpus), config, steps["meant"], seed),
        "generator": lambda: train_generator(
            run,
            corpora(),
            config,
            steps["generator"],
            seed,
            fused=options.fused,
            pace=GOING_ON if options.begin else 1.0,
        ),
        "pronouncer": lambda: train_pronouncer(run, words, config, steps["pronouncer"], seed),
        "durations": lambda: train_durations(run, Clips(corpus), config, steps["durations"], seed),
        "export": lambda: export(run, Clips(corpus), config, options.out),
        "export_ear": lambda: export_ear(run, Clips(corpus), config, options.out),
    }
    unknown = set(options.stage or ()) - stages.keys()
    if unknown:
        parser.error(f"--stage: expected one of {', '.join(stages)}, got {', '.join(sorted(unknown))}")
    for name, work in stages.items():
        if not options.stage or name in options.stage:
            print(f"stage {name}", flush=True)
            work()


if __name__ == "__main__":
    main()
