"""The hour of lesson 07: a count by hand, and the two lines of a reward."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from labkit.course.exercises import Exercise, NotAttempted, Outcome, is_blank, right, wrong
from labkit.course.tolerance import number

__all__ = ["CONTROL", "COUNT", "OBJECTIVES", "POLICY"]

_COUNT = "say what SVF learns, how many numbers that is, and what it cannot change"
_REWARD = "write the loss by which right-or-wrong alone teaches, and say when it teaches nothing"
CONTROL = "find the control that an expert or a mixture has to beat"
OBJECTIVES = (_COUNT, _REWARD, CONTROL)

COUNT = Exercise(
    id="07.1",
    title="How many times smaller?",
    minutes=3,
    objective=_COUNT,
    difficulty="easy",
    task=(
        "Llama-3-8B's MLPs have matrices of 14,336 × 4,096. LoRA of rank 16 learns B [14,336 × 16] and A [16 × 4,096] "
        "for each; SVF learns one number per singular value. How many times more numbers does LoRA learn for such a "
        "matrix? Work it out by hand."
    ),
    expects="a number above 1",
    check=number(
        72,
        "294,912 against 4,096. The narrower the model, the smaller the ratio: at width 96 and rank 4 it is no longer "
        "impressive, so a toy says little about this claim.",
        tol=0.05,
        mistakes=[
            (20.571, "you gave SVF a number for each of the 14,336 outputs.", "how many singular values a matrix has"),
            (16.0, "you counted only A, or only the rank.", "the shapes of both B and A"),
            (56.0, "you counted only B.", "the shapes of both B and A"),
            (1 / 72, "you have it the wrong way round.", "which of the two learns more"),
            (14336.0, "you compared with the whole matrix.", "what LoRA learns: B and A"),
            (4.5, "you left out the rank.", "B and A each have 16 columns or rows"),
        ],
    ),
    hints=(
        "A matrix has as many singular values as its shorter side is long.",
        "LoRA: 16 numbers for each output and 16 for each input.",
        "Divide the sum of both sides, times the rank, by the shorter side.",
    ),
    solution="16 · (14,336 + 4,096) = 294,912; SVF has min(14,336, 4,096) = 4,096; the ratio is 72.",
    answer=72,
    typical_wrong=(
        (16 * (14336 + 4096) / 14336, "each of the 14,336 outputs"),
        (16, "only the rank"),
        (56, "only B"),
        (1 / 72, "wrong way round"),
        (14336, "whole matrix"),
        (4.5, "left out the rank"),
    ),
)


def _gradient(loss_of: Callable[..., Any], log_p: Any, reward: Any) -> Any:
    """Return the gradient of a reader's loss by the log-probabilities [B, A]."""
    import torch

    given = log_p.clone().requires_grad_()
    loss = loss_of(given, reward.clone())
    if is_blank(loss):
        raise NotAttempted
    if not isinstance(loss, torch.Tensor) or loss.numel() != 1:
        raise TypeError(f"the loss is {type(loss).__name__}, wanted is one number as a tensor")
    if not loss.requires_grad:
        return torch.zeros_like(log_p)
    (found,) = torch.autograd.grad(loss, given, allow_unused=True)
    return torch.zeros_like(log_p) if found is None else found


def _others(reward: Any) -> Any:
    """Return for each answer the mean reward of all the others [B]."""
    return (reward.sum() - reward) / (len(reward) - 1)


def _policy_loss(log_p: Any, reward: Any) -> Any:
    advantage = reward - _others(reward)
    return -(advantage * log_p.sum(1)).mean()


# What a clever student would try, and what to say to it.
_SLIPS: tuple[tuple[Callable[..., Any], str, str], ...] = (
    (
        lambda log_p, reward: -((reward - reward.mean()) * log_p.sum(1)).mean(),
        "your mean holds the answer's own reward too, as labkit's does; here it is that of the others.",
        "the sum without its own reward, over B − 1",
    ),
    (
        lambda log_p, reward: -((reward - (reward.sum() - reward) / len(reward)) * log_p.sum(1)).mean(),
        "you left one reward out of the sum and still divide by B.",
        "how many others there are",
    ),
    (
        lambda log_p, reward: -(reward * log_p.sum(1)).mean(),
        "the baseline is missing: where all rewards are equal, you still push.",
        "reward minus the mean of the others",
    ),
    (
        lambda log_p, reward: ((reward - _others(reward)) * log_p.sum(1)).mean(),
        "your optimiser goes down on this loss, and makes right answers rarer.",
        "the sign",
    ),
    (
        lambda log_p, reward: -((reward - _others(reward)) * log_p.mean(1)).mean(),
        "you took the mean over words; the probability of an answer is the product of its words'.",
        "the sum of the log-probabilities of an answer",
    ),
    (
        lambda log_p, reward: -((reward - _others(reward)) * log_p.sum(1)).sum(),
        "you summed over the batch: twice the batch would be twice the step.",
        "the mean over answers",
    ),
    (
        lambda log_p, reward: -((reward - _others(reward)) * log_p.sum(1).exp()).mean(),
        "you weigh the probability, not its logarithm; the score function of REINFORCE is the gradient of log π.",
        "equation 1: log π times r",
    ),
    (
        lambda log_p, reward: -((reward - _others(reward)) / (reward.std(unbiased=False) + 1e-6) * log_p.sum(1)).mean(),
        "you also divide by the spread of the rewards. Others do; this paper does not.",
        "the formula, which has a difference and no quotient",
    ),
)


def _check_policy(loss_of: Callable[..., Any]) -> Outcome:
    """Compare gradients: a constant more or less in the loss is as right."""
    import torch

    generator = torch.Generator().manual_seed(70)
    cases = [
        (-torch.rand(6, 4, generator=generator), torch.tensor([1.0, -1.0, -1.0, 1.0, -1.0, -1.0])),
        (-torch.rand(5, 2, generator=generator), torch.tensor([1.0, -0.1, -0.1, 1.0, 1.0])),
        (-torch.rand(3, 1, generator=generator), torch.tensor([0.0, 1.0, 0.0])),
        (-torch.rand(4, 3, generator=generator), torch.ones(4)),  # nothing to tell the answers apart by
    ]
    for log_p, reward in cases:
        found, wanted = _gradient(loss_of, log_p, reward), _gradient(_policy_loss, log_p, reward)
        if torch.allclose(found, wanted, atol=1e-6):
            continue
        for slip, thought, look_at in _SLIPS:
            if torch.allclose(found, _gradient(slip, log_p, reward), atol=1e-6):
                return wrong(thought, look_at)
        if not found.abs().max():
            return wrong("no gradient reaches the log-probabilities.", "whether log_p is in your loss, not detached")
        return wrong("this pushes the answers by other amounts.", "−(advantage of an answer) / B for each of its words")
    return right("Equal rewards push nothing: that is why a rule that is never hit by chance cannot be learned so.")


POLICY = Exercise(
    id="07.2",
    title="Two lines of reward",
    minutes=5,
    objective=_REWARD,
    task=(
        "Write `policy_loss(log_p, reward)`. `log_p` [B, A] are the log-probabilities of the words of B sampled "
        "answers, 0 after an answer's end; `reward` [B] is what each answer earned. labkit subtracts the mean reward "
        "of the whole batch, which holds the answer's own. Do better: subtract from each the mean reward of the "
        "*other* answers, B − 1 of them (the *baseline*), then return the loss whose gradient step makes the better "
        "answers likelier. The KL is left out here. Two lines are missing."
    ),
    expects="a function of two tensors that returns one number as a tensor",
    check=_check_policy,
    hints=(
        "An answer's log-probability is that of all its words together.",
        "All rewards together, without its own, shared by the others: one subtraction and one division for all rows.",
        "First how much better than the others each answer was; then minus that times the answer's log π, averaged.",
    ),
    solution=(
        "```python\n"
        "def policy_loss(log_p, reward):\n"
        "    advantage = reward - (reward.sum() - reward) / (len(reward) - 1)\n"
        "    return -(advantage * log_p.sum(1)).mean()\n"
        "```\n"
        "If all answers are wrong, or all right, the advantage is 0 everywhere, and nothing is learned."
    ),
    answer=_policy_loss,
    typical_wrong=tuple((slip, thought[:24]) for slip, thought, _ in _SLIPS),
)
