"""Values from templates: literals with drawn parts in brackets, such as `ghp_[a30]` or `[d4]-[d4]`."""

import random
import re
import string
import uuid

CLASSES = {
    "a": string.ascii_letters + string.digits,
    "w": string.ascii_letters + string.digits + "_-",
    "l": string.ascii_letters,
    "n": string.ascii_lowercase,
    "N": string.ascii_uppercase,
    "L": string.ascii_lowercase + string.digits,
    "U": string.ascii_uppercase + string.digits,
    "d": string.digits,
    "x": "0123456789abcdef",
    "X": "0123456789ABCDEF",
    "t": string.ascii_uppercase + "234567",
    "s": string.ascii_lowercase + "234567",
    "e": string.ascii_letters + string.digits + "+/",
}
PART = re.compile(r"\[([a-zA-Z])(\d*)(?:-(\d+))?\]")


class Draw(random.Random):
    """A seeded generator that knows the alphabets of keys."""

    def chars(self, name, count):
        alphabet = CLASSES[name]
        text = "".join(self.choice(alphabet) for _ in range(count))
        # A real key has letters and digits; a drawn one without either would be a word or a number.
        mixed = count >= 12 and name not in "dlnN"
        if mixed and (not any(c.isdigit() for c in text) or not any(c.isalpha() for c in text)):
            return self.chars(name, count)
        # `_` and `-` at an end would be cut off by how people copy words, so issuers' examples avoid them as well.
        if name == "w" and (text[:1] in "_-" or text[-1:] in "_-"):
            return self.chars(name, count)
        return text

    def fill(self, template):
        """The template with every `[class count]` drawn; `[u]` is a UUID, `[x8-12]` a length in a range."""

        def one(match):
            name, least, most = match.groups()
            if name == "u":
                return self.uuid()
            count = int(least or 1)
            return self.chars(name, self.randint(count, int(most)) if most else count)

        return PART.sub(one, template)

    def uuid(self):
        return str(uuid.UUID(int=self.getrandbits(128), version=4))

    def raw(self, count):
        return self.randbytes(count)
