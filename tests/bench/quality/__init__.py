"""The project's own quality data and how a scanner is scored on it.

Everything here is written from the documented formats of keys, tokens and numbers (prefix, length, alphabet, check
digit), never from the scanner's rules: a second opinion that shares an author with its subject is none. Values are
drawn from a seeded generator, so that one seed is one set of rows to the byte; none was ever issued by anybody.

    draw -> digits, encode -> tokens, credentials, personal -> carriers -> generate -> score
"""
