"""Passwords of the shapes that people and programs make."""

WORDS = (
    "Sommer Winter Berlin Kaffee Tiger Marble Lantern Copper Violet Anchor Falcon Pepper Harbor Meadow Rocket Walnut "
    "Biscuit Thunder Orchid Granite Velvet Pickle Saturn Bamboo Cobalt Dragon Ember Forest Glacier Hazel"
).split()


def human(draw):
    """A word with what a policy asks for."""
    return (
        draw.choice(WORDS)
        + draw.choice("!#_-.+?")
        + str(draw.choice([draw.randint(10, 99), draw.randint(1970, 2027)]))
        + draw.choice(["", "!", "x", "Q"])
    )


def phrase(draw):
    return draw.choice("-_.").join(word.lower() for word in draw.sample(WORDS, 3)) + "-" + str(draw.randint(10, 99))


def swapped(draw):
    return (
        draw.choice(WORDS).replace("a", "4").replace("e", "3").replace("o", "0")
        + draw.choice("!#+")
        + str(draw.randint(100, 9999))
    )


def machine(draw):
    return draw.chars("a", draw.randint(14, 32))


def punctuated(draw):
    return draw.chars("a", 6) + draw.choice("!#^*_~") + draw.chars("a", 5) + draw.choice("+-=?") + draw.chars("a", 4)


def password(draw):
    return draw.choice([human, phrase, swapped, machine, machine, punctuated])(draw)


def plain(draw):
    """Without characters that a URL, a shell or a string of source code would want escaped."""
    while True:
        text = password(draw)
        if not set(text) & set("!#?*^~+='\"&;@:/%$"):
            return text
