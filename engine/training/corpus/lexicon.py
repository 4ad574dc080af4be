"""Words for spoken sentences, by what they can stand for in a sentence. Lists only."""

from __future__ import annotations


def _words(text: str) -> tuple[str, ...]:
    """The words of a text, each once, in order."""
    return tuple(dict.fromkeys(text.split()))


PEOPLE = _words(
    """
    man woman girl boy child teacher doctor farmer baker driver pilot captain sailor soldier singer painter
    writer dancer student neighbour stranger king queen prince princess knight wizard witch thief guard
    hunter miner nurse lawyer judge mayor president engineer scientist astronaut robot clerk cook waiter
    butcher tailor carpenter plumber uncle aunt mother father brother sister cousin grandmother grandfather
    friend guest enemy boss worker manager customer visitor traveller tourist actor musician drummer poet
    detective officer sheriff cowboy pirate monk priest giant ghost shepherd fisherman gardener librarian
    postman professor merchant servant barber dentist archer athlete author banker bishop blacksmith builder
    butler champion chemist coach commander composer conductor cyclist designer diver editor emperor
    explorer firefighter goalkeeper governor hero hermit hiker hostess inspector inventor jeweller
    journalist juggler knitter lifeguard magician mechanic minister musketeer optician orphan patient
    photographer pianist poacher porter prisoner ranger rider rival scholar sculptor secretary senator
    skater spy surgeon swimmer teenager translator twin umpire veteran villager violinist voyager watchmaker
    widow youth
    """
)

ANIMALS = _words(
    """
    dog cat horse cow pig sheep goat chicken duck goose rabbit fox wolf bear lion tiger elephant giraffe
    zebra monkey mouse rat squirrel hedgehog deer owl eagle crow sparrow pigeon swan parrot penguin whale
    dolphin shark fish salmon crab lobster octopus snake lizard turtle frog spider bee butterfly ant beetle
    donkey camel kangaroo puppy kitten alligator badger bat bison boar buffalo bull calf canary caterpillar
    cheetah chipmunk cobra cockroach coyote cricket dragonfly dove eel emu falcon ferret flamingo gazelle
    gorilla grasshopper hamster hawk heron hornet jaguar jellyfish koala ladybug lamb leopard magpie moose
    mosquito moth mule ostrich otter ox oyster panda panther peacock pelican pony porcupine raccoon ram
    raven reindeer rhino robin rooster scorpion seal skunk snail squid stork toad trout turkey vulture
    walrus wasp weasel wombat woodpecker worm yak
    """
)

THINGS = _words(
    """
    table chair lamp window door key lock clock watch phone book letter paper pencil pen box bag basket
    bottle cup glass plate bowl spoon fork knife pan pot stove kettle bed pillow blanket curtain carpet
    mirror picture camera radio television computer screen keyboard engine wheel car truck bus train ship
    boat plane bicycle bridge tower wall fence gate garden tree flower leaf grass stone rock sand river
    mountain cloud star moon sun planet rocket ladder hammer nail saw rope chain wire pipe coin ring
    necklace hat coat shirt dress shoe boot glove scarf sock belt umbrella piano guitar violin drum trumpet
    bell candle match flame torch map compass flag sword shield crown treasure puzzle toy doll ball kite
    balloon ticket newspaper magazine story song poem message secret answer question problem plan idea dream
    gift present machine package suitcase envelope bucket broom brush soap towel button switch battery
    magnet telescope microscope statue fountain carriage wagon sled tent cabin lantern whistle feather
    pebble shell diamond anchor apron arrow axe backpack badge bandage banner barrel bench blade board bolt
    bone bracelet brick cage calendar cannon cape card chalk chest chimney cloth coil column cork cradle
    crate crystal cube cushion desk dial diary dish doorbell drawer easel elevator eraser fan faucet fiddle
    file fireplace flask flute folder frame funnel fuse gem guidebook hammock handle harp helmet hinge hook
    horn hose hourglass icicle ink jar jewel jug kennel label lace lever lid loom mask mat medal medicine
    mop mug napkin necktie needle net notebook oar oven paddle painting parachute passport peg pendulum pump
    quilt raft razor ribbon robe rug ruler saddle scale scissors screw scroll shelf shovel signal skirt sofa
    sponge spring stamp staircase steel stool string sunglasses syringe tape teapot thermometer thread tile
    tool tractor tray trophy tunnel typewriter vase veil wallet wand wardrobe waterfall wheelbarrow wig
    windmill wreath zipper
    """
)

FOODS = _words(
    """
    bread butter cheese milk coffee tea water juice soup salad rice pasta potatoes tomatoes carrots onions
    apples oranges bananas grapes cherries lemons honey sugar salt pepper chocolate cake pie cookies
    pancakes eggs bacon chicken beef fish shrimp noodles beans corn garlic mushrooms strawberries peaches
    pears plums melon pumpkin sausages sandwiches popcorn yogurt cream jam toast cereal walnuts almonds
    """
)

PLACES = _words(
    """
    house kitchen bedroom bathroom garage attic basement office school library museum hospital church
    station airport harbour market bakery restaurant hotel theatre cinema park forest field farm village
    city town street corner square valley hill beach island desert jungle cave lake ocean river bridge
    castle palace temple prison factory workshop laboratory stadium playground zoo circus garden meadow
    swamp canyon volcano tunnel lighthouse observatory bookshop pharmacy bank courthouse barn stable
    greenhouse courtyard balcony cellar hallway lobby elevator rooftop
    """
)

ADJECTIVES = _words(
    """
    big small old young new red blue green yellow black white brown purple orange golden silver quiet loud
    happy sad angry tired hungry thirsty lazy busy brave shy clever foolish kind cruel gentle rough smooth
    soft hard heavy light dark bright warm cold hot cool wet dry clean dirty fresh rotten sweet sour bitter
    salty rich poor strong weak tall short long wide narrow deep shallow thick thin round square flat sharp
    dull broken empty full open closed strange beautiful ugly simple difficult dangerous safe famous ancient
    modern wooden plastic frozen hidden lost lonely crowded noisy peaceful lovely terrible wonderful perfect
    awful curious nervous proud jealous honest careful reckless shiny rusty dusty muddy fuzzy sticky
    slippery enormous tiny gigantic ordinary mysterious invisible magnificent delicate fragile stubborn
    cheerful gloomy stormy sunny cloudy foggy windy electric magic royal useful expensive cheap absent
    active anxious bare blind blunt bold bony brief bumpy calm charming chilly clumsy coarse common complete
    complex crisp crooked curly damp dear deaf decent dim dizzy eager early elegant equal exact faint fair
    faithful false fancy fatal final firm fierce fluffy foreign frank friendly frosty generous grand
    grateful greedy grey guilty handsome harsh healthy hollow humble icy idle innocent jolly juicy keen late
    lean legal level loose loyal lucky mad merry mild misty modest moist naked neat nice noble odd pale pink
    plain pleasant polite precious pretty private pure quick rapid rare raw ready real recent rigid ripe
    rude secret selfish serious severe shaggy silent silly similar sincere skinny sleepy slim sloppy snowy
    solid spare spicy steady steep stiff strict striped sudden superb swift tame tasty tender tense thorough
    tidy tough tricky urgent usual vague vain vast violent vivid weary weird wicked wild wise worthy wrong
    yummy
    """
)

PAST = _words(
    """
    took found lost broke fixed made bought sold stole hid carried dropped caught threw kicked pushed pulled
    opened closed painted cleaned washed burned built destroyed moved lifted held touched watched noticed
    forgot remembered wanted liked loved hated missed followed chased visited left reached saw heard smelled
    tasted cooked baked ate drank shared offered brought sent received read wrote drew described discovered
    examined measured counted collected protected repaired designed invented borrowed returned ignored
    admired wrapped polished crushed covered buried chose cut folded guarded hung joined kept lit mixed
    packed picked planted pressed raised rolled sealed shook sliced stretched swept tied trusted twisted
    """
)

BASE = _words(
    """
    take find lose break fix make buy sell steal hide carry drop catch throw kick push pull open close paint
    clean wash burn build destroy move lift hold touch watch notice forget remember visit leave reach see
    hear smell taste cook bake eat drink share offer bring send receive read write draw describe discover
    examine measure count collect protect repair design invent borrow return ignore wrap polish crush cover
    bury choose cut fold guard hang join keep mix pack pick plant press raise roll seal shake slice stretch
    sweep tie trust twist check start stop call help follow answer test
    """
)

GOING = _words(
    """
    walked ran jumped climbed swam flew crawled danced marched hurried wandered travelled drove rode sailed
    drifted rushed stumbled slipped floated skipped raced sneaked strolled hiked galloped
    """
)

ADVERBS = _words(
    """
    slowly quickly quietly loudly carefully suddenly gently happily sadly angrily bravely nervously proudly
    calmly eagerly finally usually always never often sometimes rarely probably certainly clearly perfectly
    badly softly smoothly politely secretly patiently silently easily barely almost again together alone
    everywhere yesterday today tonight tomorrow immediately eventually gradually briefly exactly
    """
)

NAMES = _words(
    """
    Anna Peter Mary John Sarah Tom Lucy Jack Emma Paul Alice Henry Julia Mark Laura David Sophie Daniel
    Grace Oliver Ruth Simon Clara Martin Helen George Nora Victor Irene Hugo Rosa Felix Diana Oscar Eva Leo
    Maya Adam Iris Max Zoe Ben Kate Sam Jane Fred Olga Boris Yuki Ahmed Fatima Carlos Maria Ivan Nina Raj
    Priya Chen Mei Kofi Amara
    """
)

TIMES = _words(
    """
    morning evening afternoon night noon midnight dawn dusk Monday Tuesday Wednesday Thursday Friday
    Saturday Sunday January February March April May June July August September October November December
    spring summer autumn winter
    """
)

NUMBERS = _words(
    """
    two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety
    """
)

PLURALS = _words(
    """
    days weeks months years hours minutes seconds miles metres steps people children houses trees birds
    horses ships stars books letters windows candles soldiers tickets dollars coins pieces voices questions
    reasons mistakes brothers sisters friends wolves knives boxes glasses dishes bridges engines planets
    machines mountains rivers
    """
)

PREPOSITIONS = _words(
    """
    in near behind beside above below inside outside under over through across around beyond past
    """
)

ABSTRACT = _words(
    """
    love time music silence truth fear hope peace trouble luck power danger justice freedom history science
    weather energy knowledge patience courage wisdom beauty magic nature education business politics
    language memory death success failure friendship happiness imagination technology information
    electricity
    """
)

FEELINGS = _words(
    """
    happy sad angry afraid surprised excited bored tired hungry thirsty sleepy ready worried confused lonely
    proud jealous curious calm nervous sorry lucky sure sick cold alive
    """
)

SHORT: tuple[str, ...] = (
    "yes",
    "no",
    "hello",
    "hello there",
    "good morning",
    "good night",
    "good evening",
    "thank you",
    "thank you very much",
    "please wait",
    "stop right there",
    "come here",
    "go away",
    "watch out",
    "be careful",
    "listen to me",
    "look at that",
    "how are you",
    "who is there",
    "what happened",
    "where are you",
    "I do not know",
    "help me",
    "follow me",
    "not now",
    "never mind",
    "well done",
    "welcome home",
    "see you soon",
    "all clear",
    "mission complete",
    "access denied",
    "warning",
    "ready to go",
    "here we go",
    "over and out",
    "nice to meet you",
    "happy birthday",
    "merry christmas",
    "good luck",
    "sit down",
    "stand up",
    "turn left",
    "turn right",
    "open the door",
    "close the window",
    "keep quiet",
    "wake up",
    "time is up",
    "game over",
    "system online",
    "engines ready",
    "it is late",
    "it works",
    "let us begin",
    "that is strange",
    "what a day",
    "are you sure",
    "why not",
    "of course",
    "excuse me",
    "I am sorry",
    "attention please",
    "the train is late",
    "lights on",
    "lights off",
    "run",
    "wait",
    "sure",
    "maybe",
    "okay",
    "goodbye",
)

TEMPLATES: tuple[str, ...] = (
    "the {adj} {person} {past} the {thing}",
    "the {person} {past} a {adj} {thing}",
    "the {animal} {going} {adv} {prep} the {place}",
    "{name} {past} the {thing} {prep} the {place}",
    "{name} and {name} {past} {num} {plural}",
    "I {past} the {adj} {thing} in the {time}",
    "we {past} {num} {plural} {prep} the {place}",
    "please {base} the {thing} before {time}",
    "could you {base} the {adj} {thing}?",
    "did the {person} {base} the {thing}?",
    "where is the {adj} {thing}?",
    "why did {name} {base} the {animal}?",
    "who {past} my {thing}?",
    "there is a {adj} {animal} {prep} the {place}",
    "there are {num} {plural} {prep} the {place}",
    "do not {base} the {thing}",
    "never {base} a {adj} {animal}",
    "{name} is {feel} today",
    "I am {feel} and {feel}",
    "the {person} was {feel} because the {thing} was {adj}",
    "she {past} some {food} and {food}",
    "he {past} {food} for the {person}",
    "they {going} to the {place} {adv}",
    "my {person} {going} {prep} the {adj} {place}",
    "every {time} the {person} {going} to the {place}",
    "{abs} is more important than {abs}",
    "{abs} and {abs} are {adj}",
    "I would like some {food} with {food}",
    "we need {num} more {plural} by {time}",
    "it takes {num} {plural} to {base} a {thing}",
    "if you {base} the {thing}, you will be {feel}",
    "when the {animal} {going} away, {name} was {feel}",
    "the {thing} on the {thing} is {adj}",
    "a {adj} and {adj} {thing}",
    "{adv}, the {person} {past} the {thing}",
    "nobody {past} the {adj} {thing}",
    "everyone in the {place} was {feel}",
    "this {thing} is too {adj} for the {animal}",
    "you should {base} your {thing} every {time}",
    "let us {base} the {plural} {adv}",
    "what if the {person} cannot {base} the {thing}?",
    "have you ever seen a {adj} {animal}?",
    "the {place} is {adj} in {time}",
    "{name}, {base} the {thing}!",
    "go to the {place} and {base} the {thing}",
    "the old {thing} {prep} the {place} belongs to {name}",
    "{num} {adj} {plural} were {prep} the {place}",
    "the temperature is {num} degrees",
    "the {person} says that {abs} is {adj}",
    "all {plural} must leave the {place}",
    "{person}, {animal}, and {thing}",
    "today the {place} smells of {food}",
    "my favourite food is {food}",
    "the {animal} and the {animal} are {adj} friends",
    "I think {name} {past} it {adv}",
    "she will {base} it {adv}",
    "tell me about the {adj} {place}",
    "{adj} {thing}",
    "the {adj} {animal}",
    "{base} it {adv}",
)

SLOTS: dict[str, tuple[str, ...]] = {
    "person": PEOPLE,
    "animal": ANIMALS,
    "thing": THINGS,
    "food": FOODS,
    "place": PLACES,
    "adj": ADJECTIVES,
    "past": PAST,
    "base": BASE,
    "going": GOING,
    "adv": ADVERBS,
    "name": NAMES,
    "time": TIMES,
    "num": NUMBERS,
    "plural": PLURALS,
    "prep": PREPOSITIONS,
    "abs": ABSTRACT,
    "feel": FEELINGS,
}
