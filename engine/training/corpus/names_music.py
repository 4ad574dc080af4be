"""What instruments, moods, tempos and grooves are called."""

from __future__ import annotations

from engine.training.corpus.naming import Words

MOODS: dict[str, Words] = {
    "major slow": ("calm", "peaceful", "gentle", "relaxing", "warm", "tender", "soothing"),
    "major medium": ("warm", "pleasant", "friendly", "bright", "hopeful", "easy-going"),
    "major fast": ("upbeat", "cheerful", "lively", "happy", "energetic", "joyful", "bouncy"),
    "minor slow": ("sad", "melancholic", "sombre", "mournful", "lonely", "gloomy"),
    "minor medium": ("moody", "wistful", "mysterious", "pensive", "dark"),
    "minor fast": ("tense", "urgent", "dramatic", "restless", "driving", "nervous"),
}


GROOVES: dict[str, Words] = {
    "slow": ("laid-back", "relaxed", "slow", "lazy"),
    "medium": ("steady", "groovy", "mid-tempo", "solid"),
    "fast": ("fast", "driving", "energetic", "upbeat"),
}


TEMPOS: dict[str, Words] = {
    "slow": ("slow", "unhurried", "slow-tempo"),
    "medium": ("medium-tempo", "mid-tempo", "moderate"),
    "fast": ("fast", "quick", "fast-paced", "up-tempo"),
}


INSTRUMENTS: dict[str, Words] = {
    "piano": ("piano", "grand piano", "solo piano", "piano music"),
    "guitar": ("acoustic guitar", "guitar", "nylon-string guitar", "fingerpicked guitar"),
    "strings": ("strings", "string section", "string orchestra", "orchestral strings"),
    "flute": ("flute", "solo flute", "wooden flute melody", "flute tune"),
    "bass": ("bass", "bass guitar", "bass line", "electric bass"),
    "organ": ("organ", "church organ", "pipe organ", "organ music"),
    "marimba": ("marimba", "wooden mallets", "marimba tune", "mallet percussion"),
    "vibraphone": ("vibraphone", "vibes", "jazz vibraphone", "mellow vibraphone"),
    "pad": ("synth pad", "pad", "ambient synthesizer", "warm synth pad"),
    "electric piano": ("electric piano", "rhodes", "e-piano", "rhodes piano"),
    "drums": ("drums", "drum groove", "drum kit", "drum beat"),
    "music box": ("music box", "musical box", "toy music box", "music box tune"),
    "trumpet": ("trumpet", "solo trumpet", "trumpet melody", "brass trumpet"),
    "saxophone": ("saxophone", "sax", "alto sax", "saxophone solo"),
    "harp": ("harp", "plucked harp", "harp music", "concert harp"),
    "choir": ("choir", "choir singing ah", "vocal choir", "singing voices"),
    "synth": ("synth lead", "synthesizer", "electronic synth", "synth melody"),
    "cello": ("cello", "solo cello", "bowed cello", "cello melody"),
}


PATTERNS: dict[str, Words] = {
    "chords": ("chords", "chord progression", "sustained chords"),
    "stabs": ("rhythmic chords", "chords on the beat", "comping chords"),
    "arpeggio": ("arpeggios", "broken chords", "arpeggio"),
    "melody": ("melody", "tune", "theme", "solo"),
    "line": ("line", "riff", "groove"),
    "groove": ("groove", "beat", "rhythm"),
}

# Nouns of an ensemble's style; the first is the plain one.
ENSEMBLES: dict[str, Words] = {
    "jazz trio": ("jazz trio", "jazz piano trio", "jazz", "jazz music", "small jazz combo"),
    "jazz quartet": ("jazz quartet", "jazz band", "jazz", "jazz combo", "club jazz"),
    "string quartet": ("string quartet", "chamber strings", "classical string quartet", "classical music"),
    "chamber duo": ("chamber duo", "chamber music", "classical duo", "classical music"),
    "orchestra": ("orchestra", "orchestral music", "symphony orchestra", "film score", "cinematic music"),
    "folk duo": ("folk duo", "folk music", "guitar and flute", "acoustic folk"),
    "folk band": ("folk band", "folk music", "acoustic band", "traditional folk tune"),
    "ambient": ("ambient music", "ambient", "ambient soundscape", "meditation music", "atmospheric music"),
    "electronic": ("electronic music", "techno", "electronic dance music", "house music", "club music"),
    "lo-fi": ("lo-fi", "lofi beat", "lo-fi hip hop", "chillhop", "lo-fi music"),
    "rock band": ("rock band", "rock music", "rock", "guitar rock", "rock groove"),
    "latin band": ("latin band", "latin music", "bossa nova", "latin groove", "latin jazz"),
    "waltz": ("waltz", "waltz music", "ballroom waltz", "waltz tune", "dance in three-four time"),
}
