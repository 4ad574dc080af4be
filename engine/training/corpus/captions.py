"""Captions: what a clip's class and audible traits are called in English.

Words come from synonyms, adjectives and phrases a trait; knows nothing of how a sound is made.
A caption never claims what is not a trait of the clip, and may leave traits out.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.training.corpus.noise import Rng

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


def _pick(rng: Rng, options: Words) -> str:
    return options[int(rng.integers(len(options)))]


def article(noun: str) -> str:
    """noun with "a" or "an" before it."""
    vowel = noun[:1] in "aeiou" and not noun.startswith(("uni", "one", "use"))
    return f"{'an' if vowel else 'a'} {noun}"


def _case(rng: Rng, text: str) -> str:
    """Mostly lower case as people type it; sometimes a sentence with or without its full stop."""
    text = " ".join(text.split()).strip(" ,").replace(" ,", ",")
    text = text.replace("whispering speaking", "whispering").replace("on a door on a", "on a")
    text = text.replace("at the door on a", "on a").replace("voice of a robotic voice", "a robotic voice")
    draw = rng.random()
    if draw < 0.6:
        return text
    text = text[:1].upper() + text[1:]
    return text + "." if draw > 0.75 else text


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

ENV: dict[str, Voice] = {
    "rain": Voice(
        ("rain", "rainfall", "falling rain", "raindrops", "rain shower"),
        ("rain is falling{}", "it is raining{}", "raindrops fall{}", "rain comes down{}"),
        {
            "light": Trait(("light", "gentle", "soft", "drizzling"), ("drizzle", "barely raining")),
            "moderate": Trait(("steady", "moderate", "constant")),
            "heavy": Trait(("heavy", "pouring", "intense", "torrential"), ("pouring down", "in a downpour")),
            "roof": Trait(("",), ("on a roof", "on a tin roof", "drumming on the roof")),
            "leaves": Trait(("",), ("on leaves", "in a forest", "on foliage")),
            "window": Trait(("",), ("on a window", "against the window", "tapping on a window pane")),
        },
    ),
    "storm": Voice(
        ("storm", "thunderstorm", "rainstorm with wind", "storm with rain and thunder", "tempest"),
        (
            "a storm rages{}",
            "rain, wind and thunder{}",
            "a thunderstorm is passing{}",
            "thunder rumbles over wind and rain{}",
        ),
        {
            "heavy": Trait(("heavy", "violent", "wild", "fierce", "raging")),
            "near thunder": Trait(
                ("close",), ("with rolling thunder", "with loud thunder", "thunder overhead")
            ),
            "distant thunder": Trait(("",), ("with distant thunder", "thunder rumbling in the distance")),
        },
    ),
    "wind": Voice(
        ("wind", "blowing wind", "moving air", "wind noise", "wind outdoors"),
        ("wind is blowing{}", "the wind blows{}", "air moves past{}", "the wind is up{}"),
        {
            "gentle": Trait(("gentle", "light", "soft", "faint"), ("a light breeze", "a breeze")),
            "steady": Trait(("steady", "constant", "even")),
            "gusty": Trait(("gusty", "gusting", "blustery"), ("in gusts", "with strong gusts")),
            "howling": Trait(("howling", "whistling", "moaning", "eerie")),
            "strong": Trait(("strong", "heavy", "powerful", "stormy")),
        },
    ),
    "waves": Voice(
        ("waves", "ocean waves", "sea waves", "surf", "waves on a beach"),
        (
            "waves roll onto the shore{}",
            "the sea washes up a beach{}",
            "waves break on the shore{}",
            "the ocean{}",
        ),
        {
            "gentle": Trait(("gentle", "calm", "soft", "quiet")),
            "moderate": Trait(("rolling", "steady")),
            "rough": Trait(("rough", "crashing", "heavy", "powerful"), ("crashing hard",)),
            "slow": Trait(("slow",), ("slowly, one after another", "at a slow pace")),
            "fast": Trait(("quick", "choppy"), ("in quick succession",)),
            "distant": WHERE["distant"],
        },
    ),
    "stream": Voice(
        ("stream", "flowing water", "running water", "brook", "creek"),
        ("water is flowing{}", "a stream runs{}", "water runs over stones{}", "a brook flows by{}"),
        {
            "trickling": Trait(("trickling", "small", "gentle"), ("in a trickle", "with single gurgles")),
            "babbling": Trait(("babbling", "bubbling", "gurgling")),
            "rushing": Trait(
                ("rushing", "fast", "strong", "roaring"),
                ("like a river", "with strong current", "in a rushing river"),
            ),
        },
    ),
    "birds": Voice(
        ("birds", "birdsong", "bird calls", "chirping", "forest birds"),
        ("birds are singing{}", "birds chirp{}", "birdsong in the woods{}", "birds call{}"),
        {
            "many": Trait(
                ("many", "lively", "several"), ("a dawn chorus", "all singing at once", "in a lively forest")
            ),
            "one": Trait(("single", "lone")),
            "distant": WHERE["distant"],
        },
        ("bird", "songbird", "bird song", "bird call"),
        ("a bird is singing{}", "a bird sings{}", "a bird calls in the woods{}"),
    ),
    "crickets": Voice(
        ("crickets", "cricket sounds", "chirping crickets", "night insects", "crickets at night"),
        (
            "crickets chirp{}",
            "crickets are chirping at night{}",
            "insects sing in the dark{}",
            "a summer night with crickets{}",
        ),
        {
            "many": Trait(("many", "several"), ("a field full of crickets",)),
            "one": Trait(("single", "lone")),
            "steady": Trait(("steady", "trilling", "continuous")),
            "slow": Trait(("slow", "lazy")),
            "fast": Trait(("fast", "rapid", "busy")),
            "distant": WHERE["distant"],
        },
        ("cricket", "cricket chirp", "chirping cricket", "night insect"),
        ("a cricket chirps{}", "a cricket is chirping at night{}", "one insect sings in the dark{}"),
    ),
    "fire": Voice(
        ("fire", "campfire", "fireplace", "crackling fire", "burning wood"),
        ("a fire is burning{}", "wood burns{}", "flames crackle{}", "logs crackle{}"),
        {
            "gentle": Trait(("small", "gentle", "quiet", "dying"), ("burning low", "with a few soft pops")),
            "crackling": Trait(
                ("crackling", "popping", "lively"), ("with many crackles", "crackling and popping")
            ),
            "roaring": Trait(
                ("roaring", "big", "fierce", "large"), ("a bonfire", "with roaring flames", "blazing")
            ),
        },
    ),
    "traffic": Voice(
        ("traffic", "city traffic", "street noise", "road noise", "passing cars"),
        ("cars drive past{}", "cars pass on a street{}", "vehicles go by{}", "a city street{}"),
        {
            "light": Trait(
                ("light", "sparse", "quiet"), ("only a car or two", "with a single car now and then")
            ),
            "moderate": Trait(("steady", "moderate")),
            "heavy": Trait(("heavy", "busy", "dense", "loud"), ("at rush hour",)),
            "distant": WHERE["distant"],
            "honking": Trait(("",), ("with a car honking", "and a horn", "with honking")),
        },
    ),
    "crowd": Voice(
        ("crowd", "crowd murmur", "people talking", "chatter", "background voices"),
        (
            "people are chatting{}",
            "a crowd murmurs{}",
            "many voices talk at once{}",
            "people talk in a room{}",
        ),
        {
            "quiet": Trait(("quiet", "small", "soft"), ("a few people talking", "in low voices")),
            "busy": Trait(("busy", "large", "loud", "dense"), ("in a packed room", "at a busy party")),
            "cafe": Trait(
                ("relaxed",),
                (
                    "in a café",
                    "in a restaurant with clinking cups",
                    "in a coffee shop",
                    "with clinking glasses",
                ),
            ),
            "muffled": WHERE["muffled"],
        },
    ),
    "station": Voice(
        ("station", "train station", "station hall", "large echoing hall", "station concourse"),
        (
            "voices echo in a station{}",
            "people in a large hall{}",
            "the hall of a train station{}",
            "a murmur echoes through a concourse{}",
        ),
        {
            "busy": Trait(("busy", "crowded", "noisy")),
            "quiet": Trait(("quiet", "nearly empty", "calm")),
            "announcement chime": Trait(
                ("",), ("with an announcement chime", "with a chime", "and a platform gong")
            ),
        },
    ),
    "hum": Voice(
        ("hum", "machine hum", "engine hum", "electrical hum", "humming machine"),
        ("a machine is humming{}", "a motor runs{}", "machinery hums{}", "an appliance hums{}"),
        {
            "low": Trait(("low", "deep", "low-pitched")),
            "high": Trait(("high", "high-pitched", "whining")),
            "pulsing": Trait(("pulsing", "throbbing", "wobbling")),
            "steady": Trait(("steady", "constant", "even")),
        },
    ),
    "spaceship": Voice(
        ("spaceship", "spaceship drone", "starship interior", "sci-fi drone", "spacecraft engine"),
        (
            "a spaceship drones{}",
            "inside a spaceship{}",
            "a starship engine runs{}",
            "on the bridge of a starship{}",
        ),
        {
            "deep": Trait(("deep", "dark", "low")),
            "pulsing": Trait(("pulsing", "throbbing", "pulsating")),
            "humming": Trait(("humming", "steady")),
        },
    ),
    "cave": Voice(
        ("cave", "cave drips", "cave with dripping water", "wet cave", "cavern"),
        (
            "water drips in a cave{}",
            "drops fall and echo in a cavern{}",
            "dripping water echoes{}",
            "drips in an underground cave{}",
        ),
        {
            "slow": Trait(("slowly dripping",), ("with slow drips", "with a drip now and then", "slowly")),
            "fast": Trait(("quickly dripping",), ("with fast drips", "with many drips", "quickly")),
        },
    ),
    "underwater": Voice(
        ("underwater", "underwater ambience", "deep water", "submerged rumble", "sound under the sea"),
        ("under water{}", "beneath the surface of the sea{}", "diving deep{}", "submerged in the ocean{}"),
        {
            "bubbling": Trait(("bubbling",), ("with bubbles", "with bursts of bubbles", "bubbles rising")),
            "calm": Trait(("calm", "still", "dark"), ("without bubbles",)),
        },
    ),
    "vinyl": Voice(
        ("vinyl", "vinyl crackle", "record noise", "record crackle", "old record"),
        (
            "a record crackles{}",
            "an old vinyl record spins{}",
            "the needle runs in an empty groove{}",
            "vinyl pops and hiss{}",
        ),
        {
            "light": Trait(("light", "soft", "clean", "gentle")),
            "heavy": Trait(("heavy", "dusty", "worn", "scratchy")),
        },
    ),
    "roomtone": Voice(
        ("room tone", "quiet room", "empty room", "indoor silence", "room ambience"),
        (
            "an empty room{}",
            "almost silence in a room{}",
            "the tone of a quiet room{}",
            "nothing but the room{}",
        ),
        {
            "quiet": Trait(("very quiet", "dark", "still", "dull")),
            "airy": Trait(("airy", "ventilated"), ("with air conditioning", "with a ventilation hiss")),
        },
    ),
    "static": Voice(
        ("static", "white noise", "noise", "hissing noise", "background static"),
        ("steady hiss{}", "noise hisses{}", "nothing but static{}", "a hissing sound{}"),
        {
            "hiss": Trait(("bright", "hissing"), ("tape hiss", "like tape hiss")),
            "steady": Trait(("steady", "constant", "even")),
            "radio": Trait(
                ("radio", "crackling"), ("on the radio", "between radio stations", "a detuned radio")
            ),
        },
    ),
    "train": Voice(
        ("train", "train ride", "moving train", "railway", "train on rails"),
        (
            "a train rolls along the track{}",
            "inside a train{}",
            "wheels clack over the rails{}",
            "riding a train{}",
        ),
        {
            "slow": Trait(("slow",), ("slowly", "at low speed")),
            "fast": Trait(("fast", "speeding"), ("at high speed", "quickly")),
        },
    ),
    "airplane": Voice(
        ("airplane", "airplane cabin", "aircraft interior", "jet cabin", "cabin noise"),
        ("inside an airplane{}", "a jet in flight{}", "the cabin of an airliner{}", "flying in a plane{}"),
        {"steady": Trait(("steady", "constant", "smooth"))},
    ),
    "frogs": Voice(
        ("frogs", "croaking frogs", "frog chorus", "pond frogs", "frogs at a pond"),
        ("frogs are croaking{}", "frogs croak at a pond{}", "frogs call at night{}", "croaks from a swamp{}"),
        {
            "many": Trait(("many", "several"), ("in chorus",)),
            "one": Trait(("single", "lone")),
        },
        ("frog", "croaking frog", "frog croak", "pond frog"),
        ("a frog is croaking{}", "a frog croaks at a pond{}", "a frog calls at night{}"),
    ),
}

MATERIALS: dict[str, Trait] = {
    "wood": Trait(("wooden",), ("on wood",)),
    "metal": Trait(("metal", "metallic"), ("on metal",)),
}


@dataclass(frozen=True)
class Hit:
    """How an effect is named: singular and plural nouns in the same order, sentences for one and for many."""

    one: Words
    many: Words
    sentence_one: Words
    sentence_many: Words
    traits: dict[str, Trait] = field(default_factory=dict)


SFX: dict[str, Hit] = {
    "bell": Hit(
        ("bell", "bell toll", "bell strike", "ringing bell", "stroke of a bell"),
        ("bells", "bell tolls", "bell strikes", "bell rings", "strokes of a bell"),
        ("a bell rings once{}", "a bell tolls{}", "a bell is struck{}"),
        ("a bell rings {n} times{}", "a bell tolls {n} times{}", "a bell is struck repeatedly{}"),
        {"large": Trait(("large", "big", "church", "deep")), "small": Trait(("small", "little", "hand"))},
    ),
    "knock": Hit(
        ("knock", "door knock", "knock on a door", "rap on the door"),
        ("knocks", "door knocks", "knocks on a door", "raps on the door"),
        ("someone knocks on a door once{}", "a single knock at the door{}"),
        ("someone knocks on a door{}", "knocking on a door{}", "someone knocks {n} times{}"),
        {
            "wood": Trait(("wooden",), ("on a wooden door",)),
            "metal": Trait(("metallic", "metal"), ("on a metal door",)),
        },
    ),
    "slam": Hit(
        ("door slam", "slamming door", "slam of a door", "door slammed shut"),
        ("door slams", "slamming doors", "slams of a door", "doors slammed shut"),
        ("a door slams shut{}", "a door is slammed{}", "someone slams a door{}"),
        ("a door slams {n} times{}", "doors slam{}"),
        {"large": Trait(("heavy", "big")), "small": Trait(("light", "small"))},
    ),
    "footsteps": Hit(
        ("footstep", "step", "single footstep", "footfall"),
        ("footsteps", "steps", "walking footsteps", "footfalls"),
        ("someone takes a step{}",),
        ("someone walks by{}", "a person is walking{}", "someone takes {n} steps{}", "someone is walking{}"),
        {
            "wood": Trait(("wooden",), ("on wood", "on a wooden floor", "on floorboards")),
            "concrete": Trait(("hard",), ("on concrete", "on pavement", "on a stone floor")),
            "gravel": Trait(("crunching",), ("on gravel", "over loose stones")),
            "snow": Trait(("soft",), ("in snow", "on fresh snow")),
            "metal": Trait(("metallic",), ("on a metal grate", "on metal stairs")),
            "pace fast": Trait(("quick", "running", "hurried", "fast"), ("at a fast pace", "in a hurry")),
            "pace slow": Trait(("slow", "heavy slow"), ("slowly", "at a slow pace")),
        },
    ),
    "glass": Hit(
        ("glass break", "breaking glass", "glass shatter", "shattering glass"),
        ("glass breaks", "breaking glasses", "glass shatters", "shattering glasses"),
        ("a glass breaks{}", "glass shatters{}", "a window breaks{}"),
        ("glass breaks {n} times{}", "glasses shatter{}"),
    ),
    "clock": Hit(
        ("clock tick", "tick", "tick of a clock", "ticking sound"),
        ("clock ticks", "ticks", "ticks of a clock", "ticking sounds"),
        ("a clock ticks once{}",),
        ("a clock is ticking{}", "a clock ticks{}", "a clock ticks {n} times{}", "tick tock{}"),
        {"small": Trait(("tiny", "thin", "small")), "large": Trait(("deep", "heavy", "big"))},
    ),
    "beep": Hit(
        ("beep", "electronic beep", "bleep", "computer beep"),
        ("beeps", "electronic beeps", "bleeps", "computer beeps"),
        ("a device beeps once{}", "something beeps{}", "a computer beeps{}"),
        ("a device beeps {n} times{}", "an alarm beeps{}", "something beeps repeatedly{}"),
    ),
    "siren": Hit(
        ("siren", "police siren", "emergency siren", "ambulance siren"),
        ("sirens", "police sirens", "emergency sirens", "ambulance sirens"),
        ("a siren sounds{}", "a siren goes off{}", "an emergency vehicle with its siren on{}"),
        ("sirens sound{}",),
        {
            "wailing": Trait(("wailing", "slow wailing", "rising and falling")),
            "yelping": Trait(("yelping", "rapid", "fast yelping")),
            "two-tone": Trait(("two-tone", "hi-lo", "european two-tone")),
        },
    ),
    "horn": Hit(
        ("car horn", "horn", "honk", "vehicle horn"),
        ("car horns", "horns", "honks", "vehicle horns"),
        ("a car honks{}", "a driver honks the horn{}", "a car horn sounds{}"),
        ("a car honks {n} times{}", "a driver keeps honking{}"),
        {"large": Trait(("truck", "deep", "big")), "small": Trait(("small", "bright"))},
    ),
    "thunder": Hit(
        ("thunder", "thunder clap", "clap of thunder", "peal of thunder"),
        ("thunder claps", "thunder", "claps of thunder", "peals of thunder"),
        ("thunder strikes{}", "thunder rolls{}", "it thunders{}"),
        ("thunder rolls{}",),
        {
            "sharp": Trait(("sharp", "cracking", "crashing")),
            "rumbling": Trait(("rumbling", "rolling", "low")),
        },
    ),
    "explosion": Hit(
        ("explosion", "blast", "detonation", "boom"),
        ("explosions", "blasts", "detonations", "booms"),
        ("something explodes{}", "a bomb goes off{}", "there is an explosion{}"),
        ("{n} explosions go off{}", "bombs go off{}"),
    ),
    "gunshot": Hit(
        ("gunshot", "gun shot", "shot", "pistol shot"),
        ("gunshots", "gun shots", "shots", "pistol shots"),
        ("a gun is fired{}", "someone fires a gun{}", "a shot rings out{}"),
        ("a gun is fired {n} times{}", "someone fires {n} shots{}", "shots are fired{}"),
        {"small": Trait(("small", "light")), "large": Trait(("heavy", "big", "powerful"))},
    ),
    "laser": Hit(
        ("laser", "laser shot", "laser blast", "ray gun zap"),
        ("lasers", "laser shots", "laser blasts", "ray gun zaps"),
        ("a laser is fired{}", "a blaster fires{}", "a ray gun zaps{}"),
        ("a laser fires {n} times{}", "a blaster fires repeatedly{}", "{n} laser shots{}"),
    ),
    "whistle": Hit(
        ("whistle", "whistle blow", "whistling", "whistle sound"),
        ("whistles", "whistle blows", "whistle blasts", "whistle sounds"),
        ("someone whistles{}", "a whistle blows{}", "a whistle is blown{}"),
        ("someone whistles {n} times{}", "a whistle is blown {n} times{}"),
        {
            "referee": Trait(("referee", "trilling", "sports"), ("of a referee",)),
            "human": Trait(("human", "sliding"), ("by a person",)),
        },
    ),
    "keyboard": Hit(
        ("key click", "keyboard click", "key press", "keystroke"),
        ("key clicks", "keyboard clicks", "key presses", "keystrokes"),
        ("someone presses a key{}", "a key is pressed{}"),
        ("someone types on a keyboard{}", "typing on a computer{}", "typing{}", "{n} keys are pressed{}"),
        {"soft": Trait(("soft", "dull")), "clicky": Trait(("clicky", "mechanical", "crisp"))},
    ),
    "splash": Hit(
        ("splash", "water splash", "splash of water", "plunge into water"),
        ("splashes", "water splashes", "splashes of water", "plunges into water"),
        ("something falls into water{}", "something splashes into the water{}", "water splashes{}"),
        ("something splashes {n} times{}", "water splashes again and again{}"),
    ),
    "whoosh": Hit(
        ("whoosh", "swoosh", "swish", "rush of air"),
        ("whooshes", "swooshes", "swishes", "rushes of air"),
        ("something whooshes past{}", "something flies by{}", "something swings through the air{}"),
        ("something whooshes past {n} times{}", "things fly by{}"),
        {"fast": Trait(("fast", "quick", "short")), "slow": Trait(("slow", "long"))},
    ),
    "clap": Hit(
        ("clap", "hand clap", "clap of hands", "handclap"),
        ("claps", "hand claps", "claps of hands", "handclaps"),
        ("someone claps once{}", "a person claps their hands once{}"),
        ("someone claps {n} times{}", "someone is clapping{}", "a person claps their hands{}"),
    ),
    "bark": Hit(
        ("bark", "dog bark", "barking dog", "woof"),
        ("barks", "dog barks", "barks of a dog", "woofs"),
        ("a dog barks once{}", "a dog barks{}", "a dog gives a bark{}"),
        ("a dog barks {n} times{}", "a dog is barking{}", "a dog keeps barking{}"),
        {"small": Trait(("small", "yapping", "high")), "large": Trait(("large", "big", "deep"))},
    ),
    "chime": Hit(
        ("chime", "wind chime note", "metal chime", "tinkling chime"),
        ("chimes", "wind chimes", "metal chimes", "tinkling chimes"),
        ("a chime rings{}", "a chime sounds{}", "a metal tube is struck{}"),
        ("chimes ring{}", "wind chimes tinkle{}", "{n} chimes sound{}"),
    ),
    "telephone": Hit(
        ("telephone", "phone ring", "telephone ring", "ringing phone"),
        ("telephone rings", "phone rings", "rings of a telephone", "ringing phones"),
        ("a phone rings{}", "an old telephone rings once{}", "the telephone is ringing{}"),
        ("a phone rings {n} times{}", "an old telephone keeps ringing{}"),
    ),
    "coin": Hit(
        ("coin", "coin drop", "dropped coin", "coin falling on a table"),
        ("coins", "coin drops", "dropped coins", "coins falling on a table"),
        ("a coin is dropped{}", "a coin falls and bounces{}", "someone drops a coin{}"),
        ("{n} coins are dropped{}", "coins fall one after another{}"),
    ),
    "hammer": Hit(
        ("hammer", "hammer blow", "hammer strike", "hit of a hammer"),
        ("hammer blows", "hammer hits", "hammer strikes", "hits of a hammer"),
        ("a hammer strikes once{}", "someone hits with a hammer{}", "a hammer comes down{}"),
        ("someone hammers{}", "a hammer strikes {n} times{}", "hammering{}"),
        {
            "metal": Trait(("metallic", "ringing"), ("on an anvil", "on metal", "on iron")),
            "wood": Trait(("wooden",), ("on wood", "on a nail")),
        },
    ),
    "drum": Hit(
        ("drum", "drum hit", "drum beat", "single drum"),
        ("drums", "drum hits", "drum beats", "beats of a drum"),
        ("a drum is hit once{}", "a drum sounds{}", "someone strikes a drum{}"),
        ("a drum is hit {n} times{}", "someone beats a drum{}", "a drum is beaten{}"),
    ),
}

PACE: dict[str, Trait] = {
    "pace fast": Trait(
        ("fast", "rapid", "quick"), ("in quick succession", "rapidly", "one right after another")
    ),
    "pace slow": Trait(("slow",), ("slowly", "with long pauses", "one at a time")),
}

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


def env_caption(rng: Rng, label: str, traits: tuple[str, ...]) -> str:
    """A caption of an environment clip, e.g. "heavy rain drumming on the roof"."""
    voice = ENV[label]
    said = _say(rng, traits, voice.traits)
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


def sfx_caption(rng: Rng, label: str, traits: tuple[str, ...], hits: int) -> str:
    """A caption of an effect clip with so many hits, e.g. "three distant knocks on a door"."""
    hit = SFX[label]
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
        mass = label == "thunder" or noun.endswith("ing glass")
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
        text = f"{opener} {article(described) if hits == 1 and label != 'thunder' else described}{phrase}"
    else:
        detail = ", ".join(part for part in (said.adjectives, said.phrases) if part)
        text = f"{noun}, {detail}" if detail else noun
        if hits > 1 and rng.random() < 0.5:
            text = f"{text}, {hits} times" if rng.random() < 0.5 else f"{text}, repeated"
    return _case(rng, text)


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


PATTERNS: dict[str, Words] = {
    "chords": ("chords", "chord progression", "sustained chords"),
    "stabs": ("rhythmic chords", "chords on the beat", "comping chords"),
    "arpeggio": ("arpeggios", "broken chords", "arpeggio"),
    "melody": ("melody", "tune", "theme", "solo"),
    "line": ("line", "riff", "groove"),
    "groove": ("groove", "beat", "rhythm"),
}


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
    "telephone": Trait((), ("over the telephone", "on the phone", "through a radio", "over the intercom")),
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
