"""What every environment is called, and how its traits are said."""

from __future__ import annotations

from engine.training.corpus.naming import WHERE, Trait, Voice

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
