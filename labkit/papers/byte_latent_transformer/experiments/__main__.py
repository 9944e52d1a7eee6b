"""Measure noise and spelling of the longer runs whose weights are on this machine, and keep what is found."""

from __future__ import annotations

import torch

from ..training.studies import STUDIES, study_weights
from .noise import measure_noise

if __name__ == "__main__":
    torch.set_num_threads(1)
    for seed in STUDIES["long"].seeds:
        for arm in STUDIES["long"].rates:
            if study_weights("long", arm, seed).is_file():
                print(arm, seed, measure_noise(arm, seed), flush=True)
