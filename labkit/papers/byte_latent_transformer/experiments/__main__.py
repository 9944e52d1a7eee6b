"""Measure noise and spelling of the arms of the noise lab whose weights are on this machine, and keep what is found."""

from __future__ import annotations

import torch

from ..training.arms import SEEDS, weights_of
from .noise import measure_noise

if __name__ == "__main__":
    torch.set_num_threads(1)
    for seed in SEEDS:
        for arm in ("entropy", "bpe"):
            if weights_of(arm, seed).is_file():
                print(arm, seed, measure_noise(arm, seed), flush=True)
