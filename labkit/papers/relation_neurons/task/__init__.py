"""The register of the islands: its facts, how they are asked for, and its words."""

from .register import FACTS, HELD_OUT, Question, Register, ask, concept_prompts, talk, tokenizer, wordings_of
from .words import KINDS, OBJECTS, RELATIONS, WORDINGS, Relation, names_of, vocabulary

__all__ = [
    "FACTS",
    "HELD_OUT",
    "KINDS",
    "OBJECTS",
    "RELATIONS",
    "WORDINGS",
    "Question",
    "Register",
    "Relation",
    "ask",
    "concept_prompts",
    "names_of",
    "talk",
    "tokenizer",
    "vocabulary",
    "wordings_of",
]
