"""Concept neurons: the same search for kinds of subjects instead of relations, and what the two have in common."""

from __future__ import annotations

from dataclasses import dataclass

from ..method import neurons_at
from ..task import RELATIONS, concept_prompts
from .study import RelationStudy

__all__ = ["ConceptOverlap", "concept_overlap"]


@dataclass(frozen=True)
class ConceptOverlap:
    """shared[relation][kind]: how many of a relation's top k are in the kind's; alone: how many are in no kind's."""

    k: int
    expected: float
    shared: dict[str, dict[str, int]]
    alone: dict[str, int]

    def own(self, relation: str) -> float:
        """Return the share of a relation's neurons that are also neurons of the kind of its subjects."""
        return self.shared[relation][RELATIONS[relation].subjects] / self.k

    def table(self) -> str:
        """Return one line a relation."""
        kinds = list(next(iter(self.shared.values())))
        lines = [" " * 14 + "".join(f"{kind:>10}" for kind in [*kinds, "no kind"])]
        for name, row in self.shared.items():
            lines.append(f"{name:14}" + "".join(f"{row[kind]:10}" for kind in kinds) + f"{self.alone[name]:10}")
        return "\n".join(lines)


def concept_overlap(study: RelationStudy, share: float = 0.05) -> ConceptOverlap:
    """Return the overlap of relation neurons with the neurons of kinds of subjects ("… can", "… has a")."""
    subjects, _ = study.register.split(study.split)
    labelled = concept_prompts(study.register, subjects)
    prompts = [study.model.encode(prompt) for _, prompt in labelled]
    concepts = neurons_at(study.model, prompts, [kind for kind, _ in labelled], pool=study.pool)
    k = study.layout.count(share)
    tops = {kind: set(found.top(k).tolist()) for kind, found in concepts.found.items()}
    mine = {name: set(study.search.of(name).top(k).tolist()) for name in study.relations}
    shared = {name: {kind: len(top & own) for kind, top in tops.items()} for name, own in mine.items()}
    alone = {name: len(own - set().union(*tops.values())) for name, own in mine.items()}
    return ConceptOverlap(k, k * k / len(study.layout), shared, alone)
