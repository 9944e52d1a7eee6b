"""Which number decides which sentence: every function reads the table of runs of `training` and `experiments.seeds`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from labkit.claims import Measured

from .method.adapters import MODULES
from .method.counting import LLAMA_3_8B, count
from .task import DOMAINS, UNSEEN
from .training import best_rate, known_run, known_runs

__all__ = [
    "arm_difference",
    "counts_agree",
    "few_shot_over_prompt",
    "first_pass_share",
    "full_rank",
    "label_gain",
    "lent_difference",
    "lora_unseen",
    "more_shots",
    "search_difference",
    "spectrum_contrast",
    "strategy_gain",
    "transplant_difference",
]


def arm_difference(*, n: int, seeds: Sequence[int], first: str, second: str, tasks: Sequence[str]) -> Measured:
    """Return per seed the share of right test answers of `second` minus that of `first`, mean of `tasks`.

    Each arm at its best rate on seed 0, on the task its expert was trained on; "base" is the model without an expert.
    """

    def one(rows: Mapping[str, Any]) -> float:
        return sum(rows[second][task] - rows[first][task] for task in tasks) / len(tasks)

    return _by_seed(seeds, lambda seed: one({arm: _trained(arm, seed, tasks) for arm in (first, second)}))


def strategy_gain(*, n: int, seeds: Sequence[int], first: str, second: str) -> Measured:
    """Return per seed the share of right answers to the unseen tasks under `second` minus that under `first`."""

    def one(seed: int) -> float:
        right = known_run(experiment="strategies", seed=seed)["accuracy"]
        return _mean(right[second]) - _mean(right[first])

    return _by_seed(seeds, one)


def few_shot_over_prompt(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return per seed what strategy C has over strategy A on the unseen tasks."""
    return strategy_gain(n=n, seeds=seeds, first="A prompt", second="C few-shot")


def lora_unseen(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return per seed what LoRA by next token has over the base on the unseen tasks.

    As in the paper: for each unseen task the best of the three experts, which favours LoRA.
    """

    def one(seed: int) -> float:
        arm = "LoRA by next token"
        experts = [known_run(arm=arm, task=t, lr=_rate(arm), seed=seed) for t in DOMAINS.values()]
        start = known_run(arm="base", seed=seed)["accuracy"]
        return sum(max(e["accuracy"][t] for e in experts) - start[t] for t in UNSEEN.values()) / len(UNSEEN)

    return _by_seed(seeds, one)


def label_gain(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return per seed the share of right labels from the classifier expert minus that from the prompt, seen tasks."""

    def one(seed: int) -> float:
        rows = known_run(experiment="labels", seed=seed)
        right = {name: sum(rows[name][t][d] for d, t in DOMAINS.items()) / 3 for name in ("A prompt", "B classifier")}
        return right["B classifier"] - right["A prompt"]

    return _by_seed(seeds, one)


def more_shots(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return per seed the share of right answers to the unseen tasks with ten shots minus that with three."""

    def one(seed: int) -> float:
        ten = known_run(experiment="strategies", seed=seed)["accuracy"]["C few-shot"]
        return _mean(ten) - _mean(known_run(experiment="few shots", shots=3, seed=seed)["accuracy"])

    return _by_seed(seeds, one)


def search_difference(*, n: int, seeds: Sequence[int], first: str, second: str, rounds: int, draws: int) -> Measured:
    """Return per seed the share of right answers to the unseen tasks after one search minus that after another.

    Mean over draws of the shots; both tried the same number of mixtures.
    """

    def one(seed: int) -> float:
        rows = [known_run(experiment="searches", draw=draw, seed=seed)["accuracy"] for draw in range(draws)]
        return sum(_mean(row[second][str(rounds)]) - _mean(row[first][str(rounds)]) for row in rows) / draws

    return _by_seed(seeds, one)


def transplant_difference(*, n: int, seeds: Sequence[int], first: str, second: str) -> Measured:
    """Return per seed what a model has with the donor's z as in `second` minus as in `first`, unseen tasks."""

    def one(seed: int) -> float:
        found = known_run(experiment="transplant", seed=seed)["accuracy"]
        return sum(found[d][second][t] - found[d][first][t] for d, t in UNSEEN.items()) / len(UNSEEN)

    return _by_seed(seeds, one)


def lent_difference(*, n: int, seeds: Sequence[int], first: str, second: str) -> Measured:
    """Return per seed what a model has with another base's experts as in `second` minus as in `first`, unseen tasks."""

    def one(seed: int) -> float:
        found = known_run(experiment="transplant by few shots", seed=seed)["accuracy"]
        return _mean(found[second]) - _mean(found[first])

    return _by_seed(seeds, one)


def spectrum_contrast(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return per seed the variance share of the top tenth in q, k and v minus that in the other matrices."""
    rows = {seed: known_run(experiment="spectrum", seed=seed) for seed in seeds}
    return _by_seed(seeds, lambda seed: rows[seed]["queries"] - rows[seed]["rest"])


def first_pass_share(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return pairs of seconds, first and second pass of strategy A: one for each seed, all unseen tasks together."""

    def one(seed: int) -> tuple[float, float]:
        passes = known_run(experiment="strategies", seed=seed)["seconds"]["A prompt"].values()
        return sum(a for a, _ in passes), sum(b for _, b in passes)

    return _by_seed(seeds, one)


def full_rank(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return for n matrices of lab/skills how many ranks the change W' − W by the math expert falls short of full."""
    import torch

    from labkit.anatomy import anatomy_of
    from labkit.zoo import load

    from .method.bank import shipped_bank
    from .method.spectrum import rescaled, spectrum

    model, expert = load("lab/skills"), shipped_bank()["math"]
    addresses = list(expert.z)[:n]
    gaps = []
    for address in addresses:
        weight = anatomy_of(model).view(address).read().double()
        change = rescaled(spectrum(weight), expert.z[address].double()) - weight
        gaps.append(float(min(weight.shape) - int(torch.linalg.matrix_rank(change))))
    return Measured(values=tuple(gaps), units=tuple(addresses))


def counts_agree(*, n: int, seeds: Sequence[int]) -> Measured:
    """Return for the paper's counts of Llama-3-8B, in millions, our formula's minus the printed one."""
    both = MODULES["q, v"] + MODULES["mlp"]
    cases = {
        "SVF, MLP": ("svf", MODULES["mlp"], 0.39),
        "SVF, attention": ("svf", MODULES["q, v"], 0.16),
        "LoRA, attention": ("lora", MODULES["q, v"], 6.82),
        "LoRA, MLP and attention": ("lora", both, 35.13),
        "SVF, MLP and attention": ("svf", both, 0.58),
    }
    values = [count(method, LLAMA_3_8B, parts) / 1e6 - said for method, parts, said in list(cases.values())[:n]]
    return Measured(values=tuple(values), units=tuple(cases)[:n])


def _trained(arm: str, seed: int, tasks: Sequence[str]) -> dict[str, float]:
    """Return the accuracies of an arm on some trained tasks, each by its own expert."""
    if arm == "base":
        return known_run(arm="base", seed=seed)["accuracy"]
    rate = _rate(arm)
    return {t: known_run(arm=arm, task=t, lr=rate, seed=seed)["accuracy"][t] for t in tasks}


def _rate(arm: str) -> float:
    return best_rate(arm, known_runs())


def _mean(by_task: Mapping[str, float]) -> float:
    return sum(by_task.values()) / len(by_task)


def _by_seed(seeds: Sequence[int], one: Callable[[int], Any]) -> Measured:
    values = [one(seed) for seed in seeds]
    digest = hashlib.sha256(json.dumps(values).encode()).hexdigest()
    return Measured(
        values=tuple(values), units=tuple(f"seed {seed}" for seed in seeds), models={"runs of lesson 07": digest}
    )
