"""Sentences from a grammar: plain English of 4 to 14 words over more than 400 words, enough to try a recogniser."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

MIN_WORDS, MAX_WORDS = 4, 14

_LISTS = """
name: Adam, Alice, Anna, Arthur, Ben, Carla, Charles, Clara, Daniel, David, Diana, Edward, Emma, Frank, Grace, Hannah,
  Harry, Helen, Henry, Jack, James, Julia, Karen, Laura, Linda, Lucy, Maria, Martin, Mary, Michael, Nora, Oliver,
  Paul, Peter, Rachel, Robert, Rose, Ruth, Sarah, Simon, Sophie, Susan, Thomas, Victor, Walter
place: Athens, Berlin, Boston, Cairo, Canada, Chicago, Dublin, Egypt, Geneva, India, Italy, Japan, Kenya, Lisbon,
  London, Madrid, Mexico, Norway, Paris, Rome, Spain, Sydney, Texas, Tokyo, Venice, Vienna
site: airport, bakery, bank, beach, bridge, castle, church, factory, farm, garden, harbour, hospital, hotel, kitchen,
  library, market, museum, office, park, school, station, theatre, village
thing: apple, bag, basket, bicycle, blanket, book, bottle, bowl, box, bread, brush, bucket, butter, button, cake,
  camera, candle, carpet, chair, cheese, clock, coat, coffee, cup, curtain, desk, door, dress, drum, engine, envelope,
  flower, fork, glass, guitar, hammer, hat, jacket, kettle, key, knife, ladder, lamp, lemon, letter, map, mirror,
  needle, newspaper, orange, oven, paper, pen, pencil, piano, picture, pillow, plate, pot, radio, ring, rope, salad,
  scarf, shelf, shirt, shoe, soap, sofa, soup, spoon, sugar, table, teapot, ticket, towel, toy, umbrella, vase,
  violin, wallet, watch, wheel, window
things: apples, books, bottles, boxes, cards, chairs, coins, cups, eggs, flowers, keys, letters, maps, oranges, pages,
  pens, plates, potatoes, shirts, shoes, spoons, stamps, tickets, tomatoes
person: aunt, baker, brother, captain, child, cousin, daughter, dentist, doctor, driver, farmer, father, friend,
  gardener, manager, mother, neighbour, nurse, painter, pilot, sailor, sister, soldier, student, teacher, uncle,
  waiter, writer
animal: bear, bird, cat, cow, dog, duck, fox, goat, horse, lion, monkey, mouse, rabbit, sheep, tiger, wolf
adjective: ancient, beautiful, big, black, blue, bright, broken, brown, careful, cheap, clean, cold, dark, dirty, dry,
  empty, expensive, famous, fresh, gentle, golden, green, happy, heavy, huge, hungry, large, little, long, lovely,
  narrow, new, noisy, old, pale, perfect, pink, quiet, red, round, rusty, sharp, short, silver, simple, slow, small,
  smooth, soft, strange, strong, sweet, tall, thick, thin, tiny, warm, white, wide, wooden, yellow, young
past: borrowed, bought, brought, carried, chose, cleaned, dropped, found, fixed, forgot, gave, hid, kept, lost, moved,
  needed, noticed, opened, ordered, packed, painted, pulled, pushed, remembered, returned, sold, sent, stole, took,
  threw, touched, wanted, washed
base: borrow, bring, buy, carry, choose, clean, drop, find, fix, hide, keep, lose, move, open, order, pack, paint,
  sell, send, take, throw, wash
motion: drove, flew, hurried, ran, rode, sailed, travelled, walked, wandered, went
manner: again, alone, carefully, early, easily, gladly, late, loudly, often, politely, quickly, quietly, slowly,
  together
when: yesterday, today, tomorrow, tonight, this morning, last night, last winter, next summer, after lunch, before
  dinner, every week, on Monday, on Tuesday, on Wednesday, on Thursday, on Friday, on Saturday, on Sunday, in January,
  in March, in April, in June, in August, in October, in December
weather: cloudy, cool, foggy, hot, rainy, snowy, stormy, sunny, wet, windy
where: behind, beside, near, under, inside, above
ones: one, two, three, four, five, six, seven, eight, nine
teens: ten, eleven, twelve, thirteen, fourteen, fifteen, sixteen, seventeen, eighteen, nineteen
tens: twenty, thirty, forty, fifty, sixty, seventy, eighty, ninety
subject: I, we, they, you, he, she
"""


def _lexicon(text: str) -> dict[str, tuple[str, ...]]:
    rows = (row.split(":") for row in re.sub(r"\n +", " ", text.strip()).splitlines())
    return {kind: tuple(word.strip() for word in words.split(",")) for kind, words in rows}


LEXICON = _lexicon(_LISTS)

TEMPLATES: tuple[str, ...] = (
    "The {adjective} {thing} is {where} the {thing}.",
    "{name} {past} the {adjective} {thing} {when}.",
    "{name} and {name} {motion} to {place} {when}.",
    "My {person} {past} {number} {things} at the {site}.",
    "{subject} {motion} {manner} to the {site} with my {person}.",
    "Did {name} {base} the {adjective} {thing} {when}?",
    "Where did your {person} {base} the {thing}?",
    "Why is the {animal} {where} the {adjective} {thing}?",
    "There are {number} {things} {where} the {thing}.",
    "The {person} from {place} {past} a {adjective} {thing}.",
    "It was {weather} in {place} when {name} {motion} home.",
    "Could you {base} the {thing} and the {thing}, please?",
    "How many {things} did {name} {base} in {place}?",
    "{number} {things} cost {number} dollars at the {site}.",
    "Please {base} the {adjective} {thing} before {subject} came home.",
    "The train to {place} leaves at {number} {when}.",
    "I think the {person} never {past} that {adjective} {thing}.",
    "A {adjective} {animal} {motion} {manner} past the {site}.",
    "{name}, can you {base} my {thing} {when}?",
    "When {subject} {motion} to {place}, the weather was {weather}.",
    "Our {person} has {number} {adjective} {things} in a {thing}.",
    "The {animal} and the {animal} slept {where} the {site}.",
    "Nobody {past} the {thing} because it was too {adjective}.",
    "If it is {weather} {when}, we will visit {name}.",
    "Tell {name} that the {thing} number is {digits}.",
    "Was the {site} in {place} {adjective} or {adjective}?",
    "{name} said the {person} {motion} there {manner}.",
    "Call me at {digits} {when}, or write to {name}.",
)


@dataclass(frozen=True)
class Sentence:
    """Text with punctuation for a synthesiser, and its words without it."""

    text: str
    words: tuple[str, ...]


def vocabulary() -> frozenset[str]:
    """Every word that a sentence can hold."""
    fixed = " ".join(re.sub(r"\{\w+\}", " ", template) for template in TEMPLATES)
    entries = " ".join(" ".join(words) for words in LEXICON.values())
    return frozenset(tokens(f"{fixed} {entries} hundred"))


def tokens(text: str) -> list[str]:
    """The words of a text, punctuation removed."""
    return re.findall(r"[A-Za-z']+", text)


def _pick(rng: np.random.Generator, kind: str) -> str:
    words = LEXICON[kind]
    return words[int(rng.integers(len(words)))]


def _number(rng: np.random.Generator) -> str:
    form = int(rng.integers(4))
    if form == 0:
        return _pick(rng, "teens")
    if form == 1:
        return f"{_pick(rng, 'tens')} {_pick(rng, 'ones')}"
    if form == 2:
        return f"{LEXICON['ones'][1 + int(rng.integers(8))]} hundred"
    return LEXICON["ones"][1 + int(rng.integers(8))]


def _fill(rng: np.random.Generator, kind: str) -> str:
    if kind == "number":
        return _number(rng)
    if kind == "digits":
        return " ".join(_pick(rng, "ones") for _ in range(int(rng.integers(2, 5))))
    return _pick(rng, kind)


def sentence(rng: np.random.Generator) -> Sentence:
    """Draw one sentence of 4 to 14 words."""
    while True:
        template = TEMPLATES[int(rng.integers(len(TEMPLATES)))]
        text = re.sub(r"\{(\w+)\}", lambda match: _fill(rng, match.group(1)), template)
        text = re.sub(r"\b([Aa]) (?=[aeiou])", r"\1n ", text)
        text = text[0].upper() + text[1:]
        words = tuple(tokens(text))
        if MIN_WORDS <= len(words) <= MAX_WORDS:
            return Sentence(text, words)
