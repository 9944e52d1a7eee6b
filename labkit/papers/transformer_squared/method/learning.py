"""How an adapter learns: by right-or-wrong reward (REINFORCE), or by the next token of gold answers.

    J(z) = E[ log π_W'(ŷ | x) · r(ŷ, y) ] − λ D_KL(π_W' ‖ π_W)        Sun et al. 2025, equation 1

r is +1 for a right answer and −1 for a wrong one. The answers ŷ are the changed model's own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from labkit.base.errors import BadInput, unknown
from labkit.models import generate
from labkit.training import Fit, fit

from ..task import Questions, language, questions
from .adapters import Adapter

__all__ = ["Learned", "Learning", "accuracy", "answers", "learn", "reinforce_loss", "would_answer"]

_END = language().eos
OBJECTIVES = ("reward", "next-token")
DIRECTIONS = ("new‖base", "base‖new")  # the paper prints the first; its code has the second


@dataclass(frozen=True, kw_only=True)
class Learning:
    """What an adapter is taught, and how.

    task: one of `task.TASKS`. objective: "reward" or "next-token". lr, steps, batch: Adam with warm-up and cosine.
    kl: λ, with its direction. temperature: of the sampled answers, 0 for greedy ones as in the released code.
    baseline: subtract the batch's mean reward, which leaves the mean gradient as it is and makes it less noisy.
    wrong: the reward of a wrong answer. standardise: rewards minus their mean, divided by their spread, as an option of
    the released code does. reward_clip: how far from 0 a reward may be, after that. anchor: weight of KL(base‖new) on
    gold answers of `anchor_tasks`, which the paper does not have. clip: norm of the whole gradient. patience: steps
    without one reward that differs from the others, after which learning stops. validate_every: steps between two looks
    at 200 questions kept apart; the numbers with the best greedy accuracy there are what remains (0: the last ones).
    """

    task: str
    objective: str = "reward"
    lr: float = 2e-2
    steps: int = 40
    batch: int = 128
    kl: float = 0.1
    direction: str = "new‖base"
    temperature: float = 1.0
    baseline: bool = True
    wrong: float = -1.0
    standardise: bool = False
    reward_clip: float = math.inf
    anchor: float = 0.0
    anchor_tasks: tuple[str, ...] = ()
    clip: float = 1.0
    warmup: int = 5
    patience: int = 15
    validate_every: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        for name, known in (("objective", OBJECTIVES), ("direction", DIRECTIONS)):
            if getattr(self, name) not in known:
                raise unknown(name, getattr(self, name), known)
        for name in ("kl", "anchor", "temperature"):
            if not 0 <= getattr(self, name) < math.inf:
                raise BadInput(f"{name} = {getattr(self, name)!r} is no weight.", expected="a finite number from 0 up")
        if self.wrong >= 1:
            raise BadInput(
                f"A wrong answer earns {self.wrong:g}, a right one 1.", expected="less than 1; the paper's is −1"
            )
        if not self.reward_clip > 0:
            raise BadInput(f"reward_clip = {self.reward_clip!r} leaves no reward.", expected="a number above 0")
        if self.anchor and not self.anchor_tasks:
            raise BadInput("The anchor has no tasks.", do='anchor_tasks=("sum", …)')


@dataclass(frozen=True)
class Learned:
    """How learning went: the share of right answers (reward) or the loss (next-token) of each step; why it stopped."""

    settings: Learning
    course: tuple[float, ...]
    seconds: float
    stopped: str = ""


@torch.no_grad()
def answers(model: torch.nn.Module, asked: Questions, temperature: float = 0.0, generator=None) -> Tensor:
    """Return a model's answers [B, A] to questions, as long as the right ones."""
    room = asked.answers_BA.shape[1]
    said = generate(model, asked.prompts_BP, room, temperature=temperature, generator=generator, stop=_END)
    said = said[:, asked.prompts_BP.shape[1] :]
    return F.pad(said, (0, room - said.shape[1]), value=_END)  # generation ends early when every row has ended


def is_right(said_BA: Tensor, asked: Questions) -> Tensor:
    """Return which rows are right [B], word for word."""
    return (said_BA == asked.answers_BA).all(1)


@torch.no_grad()
def would_answer(model: torch.nn.Module, asked: Questions) -> tuple[Tensor, Tensor]:
    """Return which questions greedy decoding answers rightly [B], and log p of each word of the right answers [B, A].

    Its answer is the right one exactly where every word of that is the likeliest after the words before it: one pass
    over the right answers says so, and nothing needs to be generated.
    """
    log_p_BAV = _at_answers(model(_line(asked, asked.answers_BA)).logits, asked)
    told_BA = log_p_BAV.gather(2, asked.answers_BA[..., None])[..., 0]
    return is_right(log_p_BAV.argmax(-1), asked), told_BA


def accuracy(model: torch.nn.Module, asked: Questions) -> float:
    """Return the share of questions answered rightly, by greedy decoding."""
    return float(would_answer(model, asked)[0].float().mean())


def rewards(right_B: Tensor, settings: Learning) -> Tensor:
    """Return what each answer earns [B]: 1 or `wrong`, standardised and clipped where the settings say so."""
    reward_B = torch.where(right_B, 1.0, settings.wrong)
    if settings.standardise:
        reward_B = (reward_B - reward_B.mean()) / reward_B.std(unbiased=False).clamp(min=1e-7)
    return reward_B.clamp(-settings.reward_clip, settings.reward_clip)


def reinforce_loss(
    log_p_BAV: Tensor, base_BAV: Tensor, said_BA: Tensor, reward_B: Tensor, settings: Learning
) -> Tensor:
    """Return −J: the rewarded log-probability of the answers and λ times the KL, each summed over an answer.

    log_p_BAV, base_BAV: log-probabilities of every word at the places of the answers, changed model and base.
    What follows an answer's end does not count.
    """
    ended_BA = (said_BA == _END).cumsum(1) - (said_BA == _END).long()
    alive_BA = (ended_BA == 0).float()
    advantage_B = reward_B - reward_B.mean() if settings.baseline else reward_B
    log_pi_B = (log_p_BAV.gather(2, said_BA[..., None])[..., 0] * alive_BA).sum(1)
    loss = -(advantage_B * log_pi_B).mean()
    if settings.kl:
        first, second = (log_p_BAV, base_BAV) if settings.direction == "new‖base" else (base_BAV, log_p_BAV)
        kl_BA = (first.exp() * (first - second)).sum(-1)
        loss = loss + settings.kl * (kl_BA * alive_BA).sum(1).mean()
    return loss


def learn(adapter: Adapter, settings: Learning, watch: Callable[[int, float], object] | None = None) -> Learned:
    """Train an adapter in place; `watch(step, share right or loss)` is called after each step.

    Learning by reward stops, and says so, when no reward differs from another for `patience` steps: there is nothing
    to tell a better answer by.
    """
    lesson, kept = _Lesson(adapter, settings), _Best(adapter, settings)

    def after(step: int, loss: float) -> bool:
        if watch is not None:
            watch(step, lesson.course[-1])
        if settings.validate_every and step % settings.validate_every == 0:
            kept.look()
        return lesson.stuck

    fitted = fit(
        adapter,
        lambda _, step: lesson.loss(step),
        Fit(
            steps=settings.steps, lr=settings.lr, warmup=min(settings.warmup, settings.steps), weight_decay=0.0,
            betas=(0.9, 0.999), clip=settings.clip,
        ),
        watch=after,
    )  # fmt: skip
    kept.put_back()
    stopped = "the loss is no number" if fitted.diverged else lesson.why if lesson.stuck else ""
    return Learned(settings, tuple(lesson.course), fitted.seconds, stopped)


class _Best:
    """The adapter's numbers that did best on validation questions so far."""

    def __init__(self, adapter: Adapter, settings: Learning):
        self.adapter, self.score, self.numbers = adapter, -1.0, None
        self.asked = questions(settings.task, 200, 3, "validation") if settings.validate_every else None

    def look(self) -> None:
        score = accuracy(self.adapter.loaded(), self.asked)
        if score > self.score:
            self.score = score
            self.numbers = {name: number.detach().clone() for name, number in self.adapter.state_dict().items()}

    def put_back(self) -> None:
        if self.numbers is not None:
            self.adapter.load_state_dict(self.numbers)


class _Lesson:
    """The loss of each step, and what was seen on the way."""

    def __init__(self, adapter: Adapter, settings: Learning):
        self.adapter, self.settings = adapter, settings
        self.course: list[float] = []
        self._alike = 0  # steps in a row without two different rewards
        self.why = ""

    @property
    def stuck(self) -> bool:
        return self._alike >= self.settings.patience

    def loss(self, step: int) -> Tensor:
        s = self.settings
        number = 1_000_003 * (s.seed + 1) + step
        asked = questions(s.task, s.batch, number)
        loss = self._gold(asked) if s.objective == "next-token" else self._reward(asked, number)
        return loss + s.anchor * self._anchor(number) if s.anchor else loss

    def _gold(self, asked: Questions) -> Tensor:
        log_p_BAV = self._log_p(asked, asked.answers_BA)
        loss = F.nll_loss(log_p_BAV.flatten(0, 1), asked.answers_BA.flatten())
        self.course.append(float(loss.detach()))
        return loss

    def _reward(self, asked: Questions, number: int) -> Tensor:
        s = self.settings
        generator = torch.Generator().manual_seed(number)
        said_BA = answers(self.adapter.loaded(), asked, s.temperature, generator)
        right_B = is_right(said_BA, asked)
        self.course.append(float(right_B.float().mean()))
        self._note(right_B)
        reward_B = rewards(right_B, s)
        return reinforce_loss(self._log_p(asked, said_BA), self._base_log_p(asked, said_BA), said_BA, reward_B, s)

    def _note(self, right_B: Tensor) -> None:
        alike = bool(right_B.all()) or not bool(right_B.any())
        # All right is success: nothing is left to learn, and nothing is wrong.
        self._alike = self._alike + 1 if alike and not bool(right_B.all()) else 0
        tried = self._alike * self.settings.batch
        self.why = f"none of the last {tried:,} answers was right: no reward tells a better one from a worse"

    def _anchor(self, number: int) -> Tensor:
        held = []
        for task in self.settings.anchor_tasks:
            asked = questions(task, 12, number)
            base, new = self._base_log_p(asked, asked.answers_BA), self._log_p(asked, asked.answers_BA)
            held.append((base.exp() * (base - new)).sum(-1).sum(1).mean())
        return torch.stack(held).mean()

    def _log_p(self, asked: Questions, said_BA: Tensor) -> Tensor:
        return _at_answers(self.adapter.logits(_line(asked, said_BA)), asked)

    @torch.no_grad()
    def _base_log_p(self, asked: Questions, said_BA: Tensor) -> Tensor:
        return _at_answers(self.adapter.base(_line(asked, said_BA)).logits, asked)


def _line(asked: Questions, said_BA: Tensor) -> Tensor:
    return torch.cat((asked.prompts_BP, said_BA[:, :-1]), 1)


def _at_answers(logits_BLV: Tensor, asked: Questions) -> Tensor:
    return logits_BLV[:, asked.prompts_BP.shape[1] - 1 :].log_softmax(-1)
