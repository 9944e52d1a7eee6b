"""Lesson 00: cut a part, compare what the model says, restore it bit for bit. What all papers here rest on."""

from labkit.base.papers import Paper

PAPER = Paper(
    number="00",
    slug="cut_compare_restore",
    lesson="00_cut_compare_restore",
    title="Cut, compare, restore",
    drawings={"figures.cut": ("CutData",)},
    panels={"panels.cut": ("CutPanel",), "panels.address_map": ("AddressMap",)},
    sweeps={"cut-panel": "experiments.cut_replay.sweep_cuts"},
    budgets={"cut_compare_restore": "panels.timed.trials"},
    measures={"labkit.claims.lesson00": "claims"},
)
__all__, __getattr__, __dir__ = PAPER.lazily()
