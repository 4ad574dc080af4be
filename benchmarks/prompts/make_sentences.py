# SPDX-License-Identifier: CC0-1.0
"""Writes `sentences.txt`, the everyday sentences that a recogniser is asked to tell apart.

    python benchmarks/prompts/make_sentences.py

Openings, middles and endings are written by hand; the program only joins them.
Many words are names or have twelve letters and more, which the training corpus never draws.
"""

from __future__ import annotations

from pathlib import Path

COUNT = 560

OPENINGS = """
Grandma Margaret; Uncle Theodore; My neighbor Patricia; Doctor Hamilton; Professor Whitfield; Aunt Josephine
Little Timothy; Our cousin Veronica; The grocer; The landlord; The photographer; The veterinarian
The electrician; The kindergarten teacher; The receptionist; The superintendent; The weather forecaster
Captain Rodriguez; Sergeant Murphy; The night watchman; The bus conductor; The flight attendant
The hotel manager; The ice cream vendor; The newspaper columnist; The old locksmith; The choir director
The basketball coach; Benjamin; Charlotte; Dominic; Eleanor; Frederick; Gabriella; Harrison; Isabella
Jonathan; Katherine; Lawrence; Madeleine; Nathaniel; Olivia; Penelope; Quentin; Rosalind; Sebastian
Tabitha; Vincent; Winifred; Zachary; The twins next door; The whole orchestra; A tired commuter
A lost backpacker; A curious toddler; Every volunteer; Nobody upstairs; Somebody downstairs
The youngest apprentice; The retired admiral; The museum curator; The tennis champion; The pastry chef
The mountain rescue team; The parking attendant; The new babysitter; The insurance agent; The beekeeper
The lighthouse crew; The marching band; The bridesmaids; The grandchildren; The roommates; The housekeeper
The archaeologist; The astronomer; The psychologist; The pharmacist; The translator from Portugal
The ambassador of Norway; The delegates from Brazil; The skiers from Switzerland; The couple from Vancouver
The students from Melbourne; The family from Nairobi; The tourists from Shanghai; The chess club
The film crew; The cleaning lady; The shoemaker; The florist; The undertaker; The bartender
The goldsmith; The helicopter crew; The paramedics; The auctioneer; The bookkeeper
"""

MIDDLES = """
polished the silver candlesticks; misplaced the spare keys; burned three pancakes; painted the garage yellow
repaired the leaking faucet; ordered spaghetti with mushrooms; photographed the solar eclipse
watered the tomatoes; borrowed our lawnmower; baked cinnamon muffins; forgot the umbrella again
phoned the travel agency; measured the bathroom tiles; folded the laundry; found a rusty bracelet
spilled orange juice everywhere; sharpened the kitchen scissors; knitted a purple sweater
practiced the difficult concerto; explained the assignment twice; packed sandwiches and lemonade
swept the dusty attic; planted sunflowers and lavender; returned the library books; chased a squirrel
crossed the frozen lake; unlocked the wooden cupboard; tasted the blueberry jam; signed the contract
counted forty seven pigeons; repeated a familiar melody; cancelled the dentist appointment
mailed a birthday postcard; built an enormous snowman; caught the early ferry; missed the express train
wrapped the anniversary presents; tuned the antique harpsichord; scrubbed the muddy floor
discovered a hidden staircase; rehearsed the acceptance speech; melted some dark chocolate
adopted a spotted puppy; rescued an injured hedgehog; lifted the heavy suitcase; emptied the recycling bin
carved a pumpkin; lost the championship match; won the spelling contest; cooked vegetable curry
sketched the cathedral; whispered a strange password; studied Italian grammar; parked behind the bakery
rented a tiny apartment; replaced the broken thermostat; poured coffee into paper cups
wore mismatched socks; sewed velvet curtains; visited an aquarium; climbed the spiral staircase
admired the butterfly collection; announced the engagement; fixed the squeaky bicycle
grilled salmon fillets
decorated the ballroom; interviewed the candidates; translated the instructions; downloaded the documents
purchased a comfortable armchair; predicted a thunderstorm; complained about the temperature
recommended the strawberry cheesecake; celebrated the graduation; demonstrated the washing machine
organized a neighborhood picnic; apologized for the misunderstanding; investigated the disappearance
photocopied the questionnaire; congratulated the winners; refrigerated the leftovers
transformed the living room; memorized the multiplication table; questioned the extraordinary invoice
avoided the construction site; boiled a dozen eggs; braided her daughter's hair; chopped onions and garlic
collected foreign stamps; dropped a porcelain vase; earned a generous bonus; fed the hungry geese
greeted the mayor politely; hid the cookies; imagined a tropical island; juggled seven apples
kept a detailed journal; laughed about the silly costume; mended the torn sail; noticed a peculiar smell
opened a savings account; peeled two pounds of potatoes; quoted an ancient proverb; raked crunchy leaves
solved the crossword puzzle; trimmed the hedges; unpacked the groceries; vacuumed the hallway
waved at the cameraman; yawned during the lecture; zipped up the sleeping bag; admitted the mistake
believed every rumor; carried firewood indoors; danced a slow waltz; enjoyed the puppet theater
followed the coastal footpath; guessed the correct number; heated the swimming pool; ironed a linen shirt
joined the pottery workshop; kicked the soccer ball; listened to Vivaldi; mixed cement and gravel
named the kitten Pepper; owned three accordions; pruned the cherry orchard; raised the drawbridge
sold handmade jewelry; threw confetti; used too much shampoo; voted for the library; washed the windshield
answered an anonymous letter; blamed the malfunctioning elevator; checked the tire pressure
described the burglar; exchanged the damaged headphones; filmed the erupting volcano
gathered wild mushrooms
heard bagpipes; inherited a vineyard; learned sign language; moved the grand piano; needed a nap
offered us peppermint tea; plugged in the toaster; reached the summit; served roasted chestnuts
taught the parrot a poem; upgraded the software; wanted a second opinion; stirred the lentil soup
hung colorful lanterns; drew a map of Antarctica; read the sports section; rode a tricycle
slept through the alarm; spoke fluent Japanese; swam across the reservoir; tied a complicated knot
understood the algorithm; wound the grandfather clock; wrote a chapter about Napoleon; shook the maple tree
sang the national anthem; sent a parcel to Edinburgh; shaved with cold water; stole the spotlight
drove a convertible; flew over the Himalayas; froze the raspberry sorbet; grew a ridiculous mustache
bought eleven cucumbers; brought a cheerful bouquet; broke the porch swing; bent the antenna
arranged daffodils and tulips; assembled a bookshelf; auctioned the yacht; balanced on stilts
bandaged a blister
barbecued chicken wings; bottled homemade cider; buttered whole wheat toast; camped among redwoods
challenged the referee; cleaned the chandelier; combed the poodle; commanded the submarine
composed a cheerful overture; confessed to the robbery; copied the recipe for lasagna
corrected my arithmetic
dissolved aspirin in water; doubted the horoscope; dyed wool crimson; embroidered a handkerchief
escaped from quicksand; estimated the mileage; examined the fossil; fastened the seatbelt
fertilized the asparagus; flipped the omelet; glued the broken teapot; harvested barley and rye
hired a bulldozer; hosted a televised debate; identified the fingerprint; ignored the turbulence
imported cinnamon from Ceylon; installed a dishwasher; introduced the keynote speaker
knocked over the scaffolding
labeled every cardboard folder; launched a weather balloon; lowered the mortgage payment
manufactured bicycle pedals; marinated tofu in vinegar; modified the spreadsheet; mowed a soggy meadow
negotiated with the plumbers union; nominated a treasurer; obeyed the lifeguard; operated the forklift
outlined the curriculum; overheard some nasty gossip; pasted wallpaper; persuaded the skeptical jury
pickled radishes and beets; postponed the orchestra recital; pretended to be Cleopatra
programmed a microwave
protected the rhinoceros; published an autobiography; punctured the inflatable mattress; pursued a kangaroo
microwaved frozen dumplings; reserved a window booth; restored Victorian furniture; drained the spinach
sanded the mahogany railing; scattered birdseed; scheduled physical therapy; sipped lukewarm cocoa
skipped aerobics class; sliced zucchini; smuggled licorice; sneezed into a tissue; sprayed the mosquito net
squeezed grapefruit; stacked firewood pallets; sterilized the thermometer; stitched a patchwork quilt
subscribed to an astronomy podcast; suggested Plan B; supervised the demolition
surfed enormous Hawaiian waves
swallowed a vitamin capsule; tasted authentic guacamole; thawed the turkey
tiptoed past the sleeping rottweiler
toasted marshmallows; translated Sanskrit epitaphs; captured a chameleon; hoisted the pennant
traded baseball cards; trimmed Dad's whiskers; typed the manuscript
vaccinated the bulldogs; videotaped the ceremony; welcomed the Scandinavian visitors; whistled Yankee Doodle
"""

ENDINGS = """
before breakfast; after midnight; on Thursday afternoon; in February; during the blackout; without any help
near the fountain; behind the stadium; at the crossroads; under the chestnut tree; for the first time
since last autumn; despite the drizzle; beside the fireplace; on the balcony; in the basement
across the street; around lunchtime; with great enthusiasm; as usual; once a fortnight; every single weekend
in complete silence; against my advice; while nobody watched; until sunset; because of the holiday
with both hands; in less than an hour; on the second try; at the very last minute; by pure coincidence
for nine dollars; next to the pharmacy; inside the greenhouse; along the canal; over the telephone
between two meetings; throughout the winter; in Copenhagen; near Barcelona; outside Istanbul; in Wellington
on Christmas Eve; at the international airport; like a professional; rather clumsily; surprisingly quickly
almost perfectly; with a borrowed screwdriver; from memory; in the pouring rain; just for fun
to everyone's astonishment; with trembling fingers; by candlelight; on a windy Sunday; after the rehearsal
at quarter past six; on the thirteenth floor; beyond the railway; within walking distance
instead of homework; in spite of the traffic; twice this month; on the way to Philadelphia
for a charity auction; under close supervision; with remarkable patience; in the conservatory
"""


def parts(text: str) -> list[str]:
    """The parts of a list, which semicolons and lines divide."""
    return [part.strip() for line in text.splitlines() for part in line.split(";") if part.strip()]


def sentences() -> list[str]:
    """COUNT sentences; every part is used, and no pair of neighbouring parts comes twice."""
    openings, middles, endings = parts(OPENINGS), parts(MIDDLES), parts(ENDINGS)
    made = []
    for number in range(COUNT):
        turn = number // len(middles)
        opening = openings[(number + 37 * turn) % len(openings)]
        ending = endings[(number + 29 * turn) % len(endings)]
        made.append(f"{opening} {middles[number % len(middles)]} {ending}.")
    return made


def main() -> None:
    text = "\n".join(sentences()) + "\n"
    (Path(__file__).parent / "sentences.txt").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
