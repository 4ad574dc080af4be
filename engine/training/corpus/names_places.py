"""What further environments are called, and how their traits are said: weather, animals, people, machines.

Written compactly; a phrase may follow where {} stands.
"""

from __future__ import annotations

from engine.training.corpus.naming import Voice, voice

FAR = "distant | faraway ; in the distance | far away | from afar"

PLACES: dict[str, Voice] = {
    "tent": voice(
        "rain on a tent | tent in the rain | drops on a tent | rain drumming on canvas | rain on canvas",
        "rain drums on a tent{} | drops fall on canvas{} | "
        "inside a tent while it rains{} | camping in the rain{}",
        light="light | gentle | soft",
        heavy="heavy | pouring | hard",
    ),
    "hail": voice(
        "hail | hailstorm | falling hail | hailstones | ice pellets",
        "hail is falling{} | hailstones rattle down{} | ice pellets hit and bounce{} | it is hailing{}",
        light="light | sparse",
        heavy="heavy | violent | dense",
        metal_roof="clattering ; on a car roof | on metal | on a tin roof",
        ground="; on the ground | on the pavement",
    ),
    "blizzard": voice(
        "blizzard | snowstorm | winter storm | snow storm | icy wind",
        "a blizzard blows{} | a snowstorm is raging{} | icy wind howls{} | snow is driven by the wind{}",
        fierce="fierce | violent | howling",
        steady="steady | constant",
    ),
    "waterfall": voice(
        "waterfall | falling water | cascade | water cascade | waterfalls",
        "a waterfall roars{} | water falls over rocks{} | "
        "a cascade plunges down{} | at the foot of a waterfall{}",
        small="small | little | gentle",
        large="large | big | roaring | thundering",
        distant=FAR,
    ),
    "rapids": voice(
        "rapids | river rapids | white water | wild river | rushing river",
        "a river churns through rapids{} | white water rushes{} | a wild river races by{} | rapids surge{}",
        strong="strong | churning | wild | powerful",
    ),
    "harbour": voice(
        "harbour | harbor | marina | boats in a harbour | quayside",
        "boats rock in a harbour{} | water laps at the boats{} | ropes creak in the marina{} | at the quay{}",
        calm="calm | quiet",
        ship_horn="; with a ship horn | with a distant foghorn | and a ship's horn",
    ),
    "shower": voice(
        "shower | running shower | bathroom shower | shower water | water from a shower",
        "a shower is running{} | someone takes a shower{} | "
        "water sprays in a bathroom{} | the shower is on{}",
        steady="steady | constant | bright",
    ),
    "jungle": voice(
        "jungle | rainforest | tropical forest | jungle ambience | tropical jungle",
        "animals call in the jungle{} | "
        "insects and birds in a rainforest{} | the jungle is alive{} | deep in the jungle{}",
        lively="lively | noisy | dense ; full of calls",
        quiet="quiet | calm | sleepy",
    ),
    "seagulls": voice(
        "seagulls | gulls | crying gulls | seagull cries | sea birds",
        "seagulls cry{} | gulls are calling{} | gulls scream over the shore{} | sea birds call{}",
        "seagull | gull | crying gull | seagull cry",
        "a seagull cries{} | a gull is calling{} | a gull screams over the shore{}",
        many="many | several ; a flock of gulls",
        one="single | lone",
    ),
    "owls": voice(
        "owls | hooting owls | night owls | owl hoots | owls at night",
        "owls hoot at night{} | owls are calling in the dark{} | "
        "hooting in a night forest{} | owls answer each other{}",
        "owl | hooting owl | night owl | owl hoot",
        "an owl hoots{} | an owl is calling at night{} | an owl hoots in the dark{}",
        two="; calling to each other | answering each other",
        one="single | lone",
    ),
    "wolves": voice(
        "wolves | howling wolves | wolf howls | wolf pack | wolves at night",
        "wolves are howling{} | wolves howl at the moon{} | "
        "a pack of wolves howls{} | howls echo in the night{}",
        "wolf | howling wolf | wolf howl | lone wolf",
        "a wolf is howling{} | a wolf howls at the moon{} | a wolf howls in the night{}",
        many="many | several ; in a pack",
        one="single | lone",
    ),
    "bees": voice(
        "bees | buzzing bees | swarm of bees | bee swarm | buzzing insects",
        "bees are buzzing{} | a swarm of bees hums{} | insects buzz around{} | beside a beehive{}",
        "bee | buzzing bee | fly | buzzing insect",
        "a bee is buzzing{} | an insect buzzes around{} | a bee flies about{}",
        many="many | swarming ; a whole swarm",
        one="single | lone",
    ),
    "cicadas": voice(
        "cicadas | cicada song | summer insects | buzzing cicadas | singing cicadas",
        "cicadas buzz{} | cicadas are singing in the heat{} | "
        "insects shrill in the trees{} | a hot summer day with cicadas{}",
        steady="steady | constant | shrill",
        pulsing="pulsing | rhythmic ; in waves",
    ),
    "farm": voice(
        "farm | farmyard | barnyard | chickens on a farm | clucking hens",
        "hens cluck in a farmyard{} | chickens are clucking{} | animals on a farm{} | in a barnyard{}",
        chickens="; with chickens | with clucking chickens",
        cows="; with a mooing cow | and a cow",
        sheep="; with bleating sheep | and a sheep",
        rooster="; with a crowing rooster | and a rooster",
    ),
    "cafe": voice(
        "café | cafe | coffee shop | coffeehouse | café with clinking cups",
        "people chat in a café{} | cups clink in a coffee shop{} | "
        "inside a café{} | guests talk over coffee{}",
        relaxed="relaxed | quiet | cosy",
        busy="busy | crowded | lively",
        coffee_machine="; with a hissing coffee machine | with an espresso machine | and steam",
    ),
    "playground": voice(
        "playground | children playing | schoolyard | kids playing | children outdoors",
        "children are playing{} | kids shout and squeal{} | "
        "children play in a schoolyard{} | at a playground{}",
        busy="busy | lively | noisy",
        quiet="quiet | calm",
        ball="; with a bouncing ball | playing ball",
    ),
    "stadium": voice(
        "stadium | stadium crowd | sports crowd | football stadium | arena crowd",
        "a crowd roars in a stadium{} | thousands of fans{} | fans fill the arena{} | the crowd at a match{}",
        cheering="cheering | roaring | excited ; cheering loudly",
        waiting="waiting | murmuring | calm",
    ),
    "church": voice(
        "church | cathedral interior | inside a church | church ambience | echoing church",
        "inside a large church{} | soft sounds echo in a cathedral{} | "
        "a quiet church{} | people sit in a church{}",
        whispers="quiet | hushed ; with whispers | with whispering voices",
        organ="; with a soft organ | while an organ plays | with organ",
    ),
    "applause": voice(
        "applause | clapping audience | clapping hands | ovation | audience applause",
        "people applaud{} | an audience claps{} | hands are clapping{} | the audience applauds{}",
        many="big | loud | roaring ; in a full hall",
        few="small | polite | sparse ; by a few people",
        cheers="; with cheers | and cheering | with shouts",
    ),
    "highway": voice(
        "highway | motorway | freeway | fast traffic | highway traffic",
        "cars rush by on a highway{} | trucks and cars speed past{} | "
        "beside a motorway{} | traffic races by{}",
        busy="busy | loud | fast",
        distant=FAR,
    ),
    "subway": voice(
        "subway | metro | underground train | subway train | tube train",
        "a subway train runs{} | a metro rattles through a tunnel{} | "
        "an underground train roars{} | riding the subway{}",
        inside="; inside the car | from inside",
        platform="; at the platform | passing through a station | in a tunnel",
    ),
    "car": voice(
        "car ride | car interior | driving car | inside a car | moving car",
        "inside a moving car{} | driving a car{} | riding in a car{} | a car rolls along the road{}",
        indicator="; with the indicator clicking | with the turn signal on",
        wipers="; with windshield wipers | with the wipers on",
    ),
    "helicopter": voice(
        "helicopter | chopper | flying helicopter | helicopter rotor | rotor blades",
        "a helicopter flies{} | a helicopter hovers{} | "
        "rotor blades beat the air{} | a chopper is in the air{}",
        distant=FAR,
        passing="passing ; flying past | passing overhead",
    ),
    "motorboat": voice(
        "motorboat | boat engine | outboard motor | speedboat | boat ride",
        "a motorboat runs{} | riding in a boat{} | "
        "a boat's engine drives it on{} | a motorboat on the water{}",
        slow="slow | chugging ; at low speed",
        fast="fast | speeding ; at high speed",
    ),
    "factory": voice(
        "factory | factory machines | industrial machinery | assembly line | factory hall",
        "machines work in a factory{} | "
        "a press pounds in a factory hall{} | machinery clanks{} | inside a factory{}",
        fast="fast | quick",
        slow="slow | heavy",
        steady="steady | rhythmic",
    ),
    "construction": voice(
        "construction site | building site | construction work | construction noise | roadworks",
        "workers build a house{} | "
        "work goes on at a construction site{} | at a building site{} | tools at work{}",
        jackhammer="; with a jackhammer | with a pneumatic drill",
        hammering="; with hammering | with hammers",
        saw="; with a power saw | with a circular saw",
        reversing="; with a reversing beeper | and a reversing truck",
    ),
    "engine room": voice(
        "engine room | ship engine | diesel engine | ship's engine room | large diesel engine",
        "a ship's engine pounds{} | a large diesel runs{} | "
        "in a ship's engine room{} | the engine beats steadily{}",
        slow="slow | heavy",
        fast="fast | busy",
    ),
    "server room": voice(
        "server room | data center | computer fans | server fans | cooling fans",
        "fans run in a server room{} | servers whir{} | in a data center{} | cooling fans blow{}",
        steady="steady | constant | whirring",
    ),
    "air conditioner": voice(
        "air conditioner | air conditioning | ventilation | fan | AC unit",
        "an air conditioner runs{} | the air conditioning is on{} | "
        "a ventilator blows{} | cool air blows from a vent{}",
        rattling="rattling | loose | old",
        smooth="smooth | steady | soft",
    ),
    "washing machine": voice(
        "washing machine | washer | laundry machine | running washing machine | laundry",
        "a washing machine runs{} | laundry turns in a washer{} | "
        "the washing machine is on{} | doing laundry{}",
        spinning="spinning ; in its spin cycle | spinning fast",
        sloshing="sloshing ; sloshing water | washing slowly",
    ),
    "steam": voice(
        "steam | steam pipes | hissing steam | steam leak | escaping steam",
        "steam hisses{} | steam escapes from a pipe{} | hot pipes hiss and knock{} | a pipe leaks steam{}",
        bursts="bursting ; in bursts | in sudden jets",
        steady="steady | constant",
    ),
    "vacuum": voice(
        "vacuum cleaner | vacuum | hoover | vacuuming | running vacuum cleaner",
        "someone vacuums{} | a vacuum cleaner runs{} | someone hoovers the carpet{} | vacuuming a room{}",
        steady="steady | whining | loud",
    ),
    "chainsaw": voice(
        "chainsaw | chain saw | running chainsaw | motor saw | chainsaw cutting wood",
        "a chainsaw is running{} | someone cuts wood with a chainsaw{} | "
        "a chainsaw revs{} | a tree is cut down{}",
        loud="loud | snarling | roaring",
    ),
    "office": voice(
        "office | office ambience | open-plan office | people typing in an office | workplace",
        "people type in an office{} | keyboards clatter in an office{} | an office at work{} | desk work{}",
        busy="busy | lively",
        quiet="quiet | calm",
        phone="; with a phone ringing | with a distant phone | and a telephone",
    ),
    "kitchen": voice(
        "kitchen | cooking | kitchen sounds | someone cooking | kitchen ambience",
        "someone is cooking{} | cooking in a kitchen{} | "
        "plates and pots in a kitchen{} | a meal is prepared{}",
        sizzling="sizzling ; with a sizzling pan | frying food",
        boiling="bubbling ; with a boiling pot | boiling water",
        chopping="; with a chopping knife | chopping vegetables",
    ),
    "clock room": voice(
        "ticking clock in a room | room with a clock | "
        "grandfather clock | wall clock ticking | ticking clock",
        "a clock ticks in a quiet room{} | a large clock ticks away{} | "
        "time passes in a silent room{} | an old clock is ticking{}",
        slow="slow ; slowly",
        fast="fast | quick ; quickly",
        steady="steady | even",
    ),
    "campfire": voice(
        "campfire at night | campfire with crickets | night by the fire | fire and crickets | camp at night",
        "a campfire crackles among crickets{} | sitting by a fire at night{} | "
        "crickets chirp around a campfire{} | a fire burns in the wilderness{}",
        night="peaceful ; under the stars | with night insects | with crickets",
    ),
    "hospital": voice(
        "hospital | hospital room | heart monitor | medical monitor | intensive care",
        "a heart monitor beeps{} | a patient is monitored{} | in a hospital room{} | medical machines run{}",
        fast="fast | quick",
        slow="slow",
        steady="steady | regular",
        ventilator="; with a ventilator | with a breathing machine",
    ),
    "arcade": voice(
        "arcade | video game arcade | game machines | amusement arcade | retro video games",
        "games bleep in an arcade{} | video games play{} | "
        "arcade machines bleep{} | people play arcade games{}",
        busy="busy | noisy | crowded",
        quiet="quiet | nearly empty",
    ),
    "computer": voice(
        "sci-fi computer | computer bleeps | futuristic computer | control room | science fiction computer",
        "a computer bleeps and chirps{} | "
        "data runs through a futuristic computer{} | in a sci-fi control room{} | a machine computes{}",
        busy="busy | active",
        calm="calm | idle | quiet",
    ),
    "radio": voice(
        "radio chatter | radio voices | walkie-talkie | two-way radio | police radio",
        "voices chatter over a radio{} | unclear voices on a walkie-talkie{} | "
        "radio messages come in{} | pilots talk over the radio{}",
        clear="clear",
        noisy="noisy | broken ; with static | full of static",
    ),
    "drone": voice(
        "dark drone | drone | ominous drone | horror ambience | suspense drone",
        "a dark drone swells{} | something ominous hums{} | "
        "a low drone builds tension{} | eerie tones drift{}",
        dark="dark | eerie | menacing | tense",
    ),
}
