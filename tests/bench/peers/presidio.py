"""Presidio's analyzer with all of its pattern recognisers and the tokeniser of spaCy, without a language model.

Names and places, which only a model finds, are left out: the model is no part of the package, and slower by far. Words
stand for their own lemmas, so that its context words work; results count from the score that context lifts them to.
"""

import inspect
import sys

import presidio_analyzer.predefined_recognizers as predefined
import runner
import spacy
import tldextract
from presidio_analyzer import AnalyzerEngine, PatternRecognizer, RecognizerRegistry
from presidio_analyzer.nlp_engine import SpacyNlpEngine
from spacy.language import Language

# What a weak pattern reaches by a word of context (`min_score_with_context_similarity`).
THRESHOLD = 0.4
PAYMENT = {"CREDIT_CARD", "IBAN_CODE", "CRYPTO", "US_BANK_NUMBER", "ABA_ROUTING_NUMBER"}


@Language.component("own_lemma")
def own_lemma(doc):
    for token in doc:
        token.lemma_ = token.lower_
    return doc


class Tokeniser(SpacyNlpEngine):
    """A tokeniser and nothing else, where Presidio wants a model."""

    def __init__(self):
        super().__init__(models=[{"lang_code": "en", "model_name": "en"}])
        self.nlp = {"en": spacy.blank("en")}
        self.nlp["en"].add_pipe("own_lemma")

    def load(self):
        """It is there already."""


def analyzer():
    # The list of public suffixes that comes with the package: a benchmark asks no server.
    tldextract.extract = tldextract.TLDExtract(suffix_list_urls=())
    registry = RecognizerRegistry(supported_languages=["en"])
    for _, kind in inspect.getmembers(predefined, inspect.isclass):
        if issubclass(kind, PatternRecognizer) and kind is not PatternRecognizer:
            registry.add_recognizer(kind(supported_language="en"))
    return AnalyzerEngine(registry=registry, nlp_engine=Tokeniser(), supported_languages=["en"])


ENGINE = analyzer()


def findings(text):
    found = []
    for result in ENGINE.analyze(text, language="en", score_threshold=THRESHOLD):
        start = len(text[: result.start].encode())
        size = len(text[result.start : result.end].encode())
        base = "kb3-payment" if result.entity_type in PAYMENT else "kb2-personal"
        # A link or a date is no datum about a person; in Presidio they are entities like the others.
        if result.entity_type not in ("URL", "DATE_TIME"):
            found.append(runner.finding(result.entity_type, base, start, start + size))
    return found


if __name__ == "__main__":
    sys.exit(runner.main(findings))
