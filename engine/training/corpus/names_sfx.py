"""What every effect is called, once and many times, and how its traits are said."""

from __future__ import annotations

from engine.training.corpus.naming import Hit, Trait

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
