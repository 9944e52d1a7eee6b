"""What is trained for this lesson: bases, rates on the choosing seed, experts on the others. Resumable.

    python -m labkit.papers.transformer_squared.training bases 0 1 2 3 4 5    one to two minutes each
    python -m labkit.papers.transformer_squared.training rates                arms × rates × tasks on seed 0
    python -m labkit.papers.transformer_squared.training bank 0 1 2 3 4 5     the experts of a seed, kept
    python -m labkit.papers.transformer_squared.training experts 1 2 3 4 5    every arm at its best rate
    python -m labkit.papers.transformer_squared.training side                 other ways to learn, on seed 0 alone
    python -m labkit.papers.transformer_squared.training ship                 seed 0 as lab/skills, with its bank

Seeds 6 to 10 have a base and a bank alone: they lend each other their experts. What was found goes to
runs/07/experts.jsonl, which begins with what is shipped; `ship` puts it into data/sweeps. The base and the bank of seed
0 are the shipped ones where there are any: another processor rounds otherwise, and would train another base.
A base is trained by next-token loss alone and kept in half precision, as it is shipped; experts are learned on what
comes back from the disk.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from labkit import models, zoo
from labkit.base.data import data_dir
from labkit.base.errors import NotAvailable
from labkit.base.files import write_atomically
from labkit.models import Decoder, DecoderConfig, next_token_loss
from labkit.training import Fit, Runs, fit
from labkit.training import best_rate as best_of

from .method.adapters import IA3, SVF, Adapter, LoRA, SVFCode
from .method.bank import BANK, Expert, save_bank
from .method.learning import Learning, accuracy, learn
from .task import ABSENT, DOMAINS, PRETRAINING, RULES, UNSEEN, language, pretraining_lines, questions

__all__ = [
    "ARMS",
    "BASE",
    "CHOOSING",
    "LENDING",
    "SEEDS",
    "Arm",
    "bank_path",
    "base",
    "best_rate",
    "known_run",
    "known_runs",
    "own_runs",
    "train_base",
]

CHOOSING, SEEDS = 0, (1, 2, 3, 4, 5)  # the seed on which rates were chosen; those on which claims are measured
LENDING = (6, 7, 8, 9, 10)  # those whose bases lend each other their experts: each receives from the one before it
FOLDER = Path("runs/07")
STORED = "07_experts.jsonl"  # in data/sweeps

BASE = DecoderConfig(
    vocab=language().vocab_size, width=96, depth=3, heads=4, ffn=256, context=16, tie=False, init_std=0.1
)
BASE_FIT = Fit(steps=900, lr=3e-3, warmup=100, weight_decay=0.01)

SKILLS = "lab/skills"  # the base of the choosing seed, as it is shipped
LABEL = "label"
TRAINED = tuple(DOMAINS.values())  # the three tasks on which arms are compared
OTHERS = (*RULES, *TRAINED, *UNSEEN.values(), LABEL)
TESTED, GLANCED = 1000, 100  # questions: of the tasks that arms and strategies are compared on, of every other


@dataclass(frozen=True, kw_only=True)
class Arm:
    """One way to learn an expert: the adapter, the rates to try, the tasks, and what differs in its settings.

    The rate itself is chosen by rule: `best_rate`.
    """

    adapter: Callable[[Any], Adapter]
    rates: tuple[float, ...]
    tasks: tuple[str, ...] = ("sum",)  # table 4 of the paper has one task, mathematics
    settings: Mapping[str, Any] = field(default_factory=dict)


_GOLD = {"objective": "next-token"}
ARMS: dict[str, Arm] = {
    "SVF by reward": Arm(adapter=SVF, rates=(1e-2, 2e-2, 5e-2, 1e-1), tasks=TRAINED),
    "SVF of MLPs by reward": Arm(adapter=lambda m: SVF(m, "mlp"), rates=(1e-2, 2e-2, 5e-2, 1e-1)),
    "SVF of q, v by reward": Arm(adapter=lambda m: SVF(m, "q, v"), rates=(2e-2, 5e-2, 1e-1, 2e-1)),
    "SVF of q, v by next token": Arm(adapter=lambda m: SVF(m, "q, v"), rates=(2e-2, 5e-2, 1e-1, 2e-1), settings=_GOLD),
    "LoRA by next token": Arm(adapter=LoRA, rates=(2e-3, 5e-3, 1e-2, 2e-2), tasks=TRAINED, settings=_GOLD),
    "LoRA by reward": Arm(adapter=LoRA, rates=(2e-3, 5e-3, 1e-2, 2e-2)),
}
# For a look on the choosing seed alone (`side`): no claim rests on these.
SIDE_ARMS: dict[str, Arm] = {
    "SVF by next token": Arm(adapter=SVF, rates=(2e-2, 5e-2), tasks=("sum", *ABSENT), settings=_GOLD),
    "LoRA by next token, absent rules": Arm(adapter=LoRA, rates=(5e-3,), tasks=ABSENT, settings=_GOLD),
    "LoRA by reward, larger rates": Arm(adapter=LoRA, rates=(5e-2, 1e-1)),
    "SVF by reward, absent rules": Arm(adapter=SVF, rates=(5e-2,), tasks=ABSENT),
    "SVF, code form": Arm(adapter=SVFCode, rates=(2e-3, 5e-2)),
    "IA3 by next token": Arm(adapter=IA3, rates=(2e-2,), settings=_GOLD),
    "IA3 by reward": Arm(adapter=IA3, rates=(2e-2,)),
    "SVF by greedy reward": Arm(adapter=SVF, rates=(2e-2,), settings={"temperature": 0.0, "baseline": False}),
    "SVF by reward, anchored": Arm(adapter=SVF, rates=(2e-2,), settings={"anchor": 0.5, "anchor_tasks": TRAINED}),
}
SCANNED = ("sum", "rev")  # of an arm's tasks, those on whose validation questions its rate is chosen
LIVE_LR = 2e-2  # of the shipped bank and of what the lesson learns live: fixed before any rate was compared


def best_rate(arm: str, runs: Runs) -> float:
    """Return the rate whose experts did best on validation questions of the choosing seed; of equals the lowest."""
    tried = [run for run in runs.where(arm=arm, seed=CHOOSING) if run["task"] in SCANNED]
    if len(tried) < len(ARMS[arm].rates) * len(set(ARMS[arm].tasks) & set(SCANNED)):
        raise NotAvailable(f"{arm} was not tried at every rate.", do=f"python -m {__package__}.training rates")
    return best_of(tried, "validation", highest=True)


def train_base(seed: int, steps: int | None = None) -> Decoder:
    """Return a base trained by next-token loss on the lines of its seed."""
    model = BASE.build(seed)
    _scale_first_values(model)

    def loss_at(model: torch.nn.Module, step: int) -> torch.Tensor:
        ids_BL, targets_BL = pretraining_lines(seed, step)
        return next_token_loss(model(ids_BL).logits, targets_BL)

    shorter = BASE_FIT if steps is None else Fit(steps=steps, lr=BASE_FIT.lr, warmup=min(steps, BASE_FIT.warmup))
    fitted = fit(model, loss_at, shorter)
    print(f"base {seed}: loss {fitted.last():.3f} in {fitted.seconds:.0f} s", flush=True)
    return model


@torch.no_grad()
def _scale_first_values(model: Decoder) -> None:
    """Bring the matrices to 1/√D, those that write to the stream of block ℓ to 1/√(2 D ℓ), the embedding to 0.5."""
    for number, block in enumerate(model.trunk.blocks, start=1):
        for name, parameter in block.named_parameters():
            if parameter.dim() > 1:
                writes = name.endswith(("o.weight", "down.weight"))
                parameter.mul_((BASE.width * (2 * number if writes else 1)) ** -0.5 / BASE.init_std)
    model.embed.weight.mul_(0.5 / BASE.init_std)


def base(seed: int) -> Decoder:
    """Return the base of a seed as it comes back from the disk: the shipped one, or trained first if need be."""
    if seed == CHOOSING and SKILLS in zoo.entries():
        return models.load(zoo.folder_of(SKILLS))
    folder = FOLDER / f"base-{seed}"
    if not (folder / "config.json").is_file():
        models.save(train_base(seed), folder, half=True)
    return models.load(folder)


def bank_path(seed: int) -> Path:
    """Return where the experts of a seed are kept."""
    if seed == CHOOSING and SKILLS in zoo.entries():
        return zoo.folder_of(SKILLS) / BANK
    return FOLDER / f"experts-{seed}.safetensors"


def known_runs() -> Runs:
    """Return the table of experts: the shipped one where there is one, else that of this checkout's own runs."""
    shipped = data_dir() / "sweeps" / STORED
    return Runs(shipped if shipped.is_file() else FOLDER / "experts.jsonl")


def known_run(**settings: Any) -> dict[str, Any]:
    """Return one row of the table of experts; raise `NotAvailable` with the jobs that make it when it has none."""
    found = known_runs().find(**settings)
    if found is None:
        seed, arm, home = settings["seed"], settings.get("arm"), __package__
        side = "side" if arm in SIDE_ARMS else "rates" if seed == CHOOSING and arm in ARMS else "experts"
        jobs = [f"training {side} {seed}"]
        if "experiment" in settings:
            jobs = [f"training bank {seed}", f"experiments.seeds {seed}"]
        raise NotAvailable(
            f"The run {settings} was not made.",
            do="; then ".join(f"python -m {home}.{job}" for job in (*jobs, "training ship")),
        )
    return found


def own_runs() -> Runs:
    """Return the table that the jobs of this checkout add to; it begins with what is shipped."""
    own, shipped = Runs(FOLDER / "experts.jsonl"), data_dir() / "sweeps" / STORED
    if not own.path.is_file() and shipped.is_file():
        own.path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(own.path, shipped.read_bytes())
    return own


def run_expert(
    model: Decoder, arm: str, task: str, lr: float, seed: int, glance: bool = True
) -> tuple[dict[str, Any], Adapter]:
    """Learn one expert; return what it can do, by task, and the adapter; without `glance`, its validation alone."""
    made = (ARMS | SIDE_ARMS)[arm]
    adapter = made.adapter(model)
    settings = Learning(task=task, lr=lr, seed=seed, validate_every=10, **made.settings)
    learned = learn(adapter, settings)
    twin = adapter.loaded()
    told = (task, *TRAINED, *UNSEEN.values())
    counts = {name: TESTED if name in told else GLANCED for name in dict.fromkeys((task, *OTHERS)) if glance}
    found = {
        "validation": accuracy(twin, questions(task, 500, 7, "validation")),
        "accuracy": {name: accuracy(twin, questions(name, n, 11, "test")) for name, n in counts.items()},
        "course": [round(value, 4) for value in learned.course],
        "numbers": adapter.count,
        "seconds": round(learned.seconds, 1),
        "stopped": learned.stopped,
    }
    print(f"{arm}, {task}, lr {lr:g}, seed {seed}: {found['validation']:.3f} in {learned.seconds:.0f} s", flush=True)
    return found, adapter


def base_row(seed: int) -> dict[str, Any]:
    """Return what a base can do, by task."""
    model = base(seed)
    return {"accuracy": {name: accuracy(model, questions(name, TESTED, 11, "test")) for name in OTHERS}}


def experts(seed: int, arms: Mapping[str, Arm], rates: bool = False) -> None:
    """Learn every expert of some arms on a seed's base: at the best rate, or for a choice at all of them."""
    runs, model = own_runs(), base(seed)
    runs.do({"arm": "base", "seed": seed}, lambda: base_row(seed))
    for name, arm in arms.items():
        for task in arm.tasks:
            if rates and task not in SCANNED and name in ARMS:
                continue
            for lr in arm.rates if rates else (best_rate(name, runs),):
                settings = {"arm": name, "task": task, "lr": lr, "seed": seed}
                one = (model, name, task, lr, seed, not rates or name in SIDE_ARMS)
                runs.do(settings, lambda one=one: run_expert(*one)[0])


def bank(seed: int) -> None:
    """Learn and keep the bank of a seed: the experts of the three domains, the classifier, and z for the open rules."""
    if bank_path(seed).is_file():
        return
    runs, model, made = own_runs(), base(seed), []
    names = {**{task: domain for domain, task in DOMAINS.items()}, LABEL: LABEL}
    if seed == CHOOSING:
        names |= {rule: rule for rule in RULES}
    for task, name in names.items():
        arm = "SVF by reward"
        lr = LIVE_LR if seed == CHOOSING else best_rate(arm, runs)
        found, adapter = run_expert(model, arm, task, lr, seed)
        runs.do({"arm": arm, "task": task, "lr": lr, "seed": seed}, lambda found=found: found)
        made.append(Expert.from_adapter(name, adapter))
    save_bank(made, bank_path(seed))


def ship() -> None:
    """Put the base of the choosing seed among the shipped models with its bank, and the table of runs beside them."""
    runs, model = own_runs(), base(CHOOSING)
    can = runs.find(arm="base", seed=CHOOSING)["accuracy"]
    card = {
        "name": SKILLS,
        "about": "A small language of questions, each of which it learned to answer in more than one way; with experts",
        "tokenizer": "skills",
        "seed": CHOOSING,
        "lr": BASE_FIT.lr,
        "steps": BASE_FIT.steps,
        "lines": BASE_FIT.steps * sum(PRETRAINING.values()),
        "threads": 1,
        "precision": "float16 on disk, float32 when loaded",
        "right_answers": {task: round(share, 3) for task, share in can.items()},
        "defects": [
            "It answers half of its questions carelessly, as half of the lines it read do.",
            "After a ? it often answers where a label is wanted.",
        ],
    }
    zoo.ship_model(model, card, files={BANK: bank_path(CHOOSING).read_bytes()})
    write_atomically(data_dir() / "sweeps" / STORED, runs.path.read_bytes())


def main() -> None:
    """Do one of the jobs above."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("job", choices=("bases", "rates", "experts", "side", "bank", "ship"))
    parser.add_argument("seeds", nargs="*", type=int)
    parser.add_argument("--arm", action="append", help="only this arm (may be given several times)")
    asked = parser.parse_args()
    some = {name: arm for name, arm in ARMS.items() if not asked.arm or name in asked.arm}
    jobs: dict[str, Callable[[int], object]] = {
        "bases": base,
        "rates": lambda seed: experts(seed, some, rates=True),
        "side": lambda seed: experts(seed, SIDE_ARMS, rates=True),
        "experts": lambda seed: experts(seed, some),
        "bank": bank,
        "ship": lambda seed: ship(),
    }
    for seed in asked.seeds or (CHOOSING,):
        jobs[asked.job](seed)


if __name__ == "__main__":
    main()
