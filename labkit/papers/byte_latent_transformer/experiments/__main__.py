"""Measure noise and spelling of the arms of the noise lab whose weights are on this machine, and keep what is found."""

from __future__ import annotations

import torch

from ..training.arms import SEEDS, best_rate, weights_of
from ..training.studies import STUDIES, longer_weights, rate_of
from .noise import measure_longer, measure_noise

if __name__ == "__main__":
    torch.set_num_threads(1)
    for seed in SEEDS:
        for arm in ("entropy", "bpe"):
            if weights_of(arm, best_rate(arm), seed).is_file():
                print(arm, seed, measure_noise(arm, seed), flush=True)
    longer = STUDIES["longer"]
    for seed in longer.seeds:
        for arm in longer.rates:
            if longer_weights(arm, rate_of("longer", arm), seed).is_file():
                print(arm, seed, "longer", measure_longer(arm, seed), flush=True)
