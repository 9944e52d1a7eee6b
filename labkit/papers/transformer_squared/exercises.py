"""The exercises of lesson 07: a count by hand, the reward's two lines, a strength found on the model, a bug hunt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from labkit.course.exercises import Exercise, NotAttempted, Outcome, is_blank, right, wrong
from labkit.course.numbers import number

__all__ = ["EXERCISES", "OBJECTIVES"]

_COUNT = "say what SVF learns, how many numbers that is, and what it cannot change"
_REWARD = "write the loss by which right-or-wrong alone teaches, and say when it teaches nothing"
_CONTROL = "find the control that an expert or a mixture has to beat"
OBJECTIVES = (_COUNT, _REWARD, _CONTROL)

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


def _policy_loss(log_p: Any, reward: Any) -> Any:
    advantage = reward - reward.mean()
    return -(advantage * log_p.sum(1)).mean()


# What a clever student would try, and what to say to it.
_SLIPS: tuple[tuple[Callable[..., Any], str, str], ...] = (
    (
        lambda log_p, reward: -(reward * log_p.sum(1)).mean(),
        "the baseline is missing: where all rewards are equal, you still push.",
        "reward minus its mean over the batch",
    ),
    (
        lambda log_p, reward: ((reward - reward.mean()) * log_p.sum(1)).mean(),
        "your optimiser goes down on this loss, and makes right answers rarer.",
        "the sign",
    ),
    (
        lambda log_p, reward: -((reward - reward.mean()) * log_p.mean(1)).mean(),
        "you took the mean over words; the probability of an answer is the product of its words'.",
        "the sum of the log-probabilities of an answer",
    ),
    (
        lambda log_p, reward: -((reward - reward.mean()) * log_p.sum(1)).sum(),
        "you summed over the batch: twice the batch would be twice the step.",
        "the mean over answers",
    ),
    (
        lambda log_p, reward: -((reward - reward.mean()) * log_p.sum(1).exp()).mean(),
        "you weigh the probability, not its logarithm; the score function of REINFORCE is the gradient of log π.",
        "equation 1: log π times r",
    ),
    (
        lambda log_p, reward: -((reward - reward.mean()) / (reward.std(unbiased=False) + 1e-6) * log_p.sum(1)).mean(),
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
        "answers, 0 after an answer's end; `reward` [B] is what each answer earned. Subtract the batch's mean reward "
        "from each (the *baseline*), then return the loss whose gradient step makes the better answers likelier. The "
        "KL is left out here. Two lines are missing."
    ),
    expects="a function of two tensors that returns one number as a tensor",
    check=_check_policy,
    hints=(
        "An answer's log-probability is that of all its words together.",
        "The optimiser makes the loss smaller: what should grow stands in it with a minus.",
        "First how much better than the mean each answer was; then that, times the answer's log π, averaged.",
    ),
    solution=(
        "```python\n"
        "def policy_loss(log_p, reward):\n"
        "    advantage = reward - reward.mean()\n"
        "    return -(advantage * log_p.sum(1)).mean()\n"
        "```\n"
        "If all answers are wrong, or all right, the advantage is 0 everywhere, and nothing is learned."
    ),
    answer=_policy_loss,
    typical_wrong=tuple((slip, thought[:24]) for slip, thought, _ in _SLIPS),
)


# The bug hunt: mixers of experts in the code's form. Each takes σ [R], p of each expert [K, R] and shares [K].


def _multipliers(sigma: Any, p: Any) -> Any:
    import torch

    m = torch.sigmoid(p)
    return m * sigma.sum() / (m * sigma).sum()


def _faithful_mixer(sigma: Any, p: Any, alpha: Any) -> Any:
    return sum(a * _multipliers(sigma, one) for a, one in zip(alpha, p))


def _raw(sigma: Any, p: Any, alpha: Any) -> Any:
    mixed = sum(a * one for a, one in zip(alpha, p))
    return mixed * sigma.sum() / (mixed * sigma).sum()


def _inside(sigma: Any, p: Any, alpha: Any) -> Any:
    return _multipliers(sigma, sum(a * one for a, one in zip(alpha, p)))


def _not_renormalised(sigma: Any, p: Any, alpha: Any) -> Any:
    import torch

    return sum(a * torch.sigmoid(one) for a, one in zip(alpha, p))


def _normalised_shares(sigma: Any, p: Any, alpha: Any) -> Any:
    return _faithful_mixer(sigma, p, alpha / alpha.sum())


def _backwards(sigma: Any, p: Any, alpha: Any) -> Any:
    return _faithful_mixer(sigma, p, alpha.flip(0))


def _stacked_mixer(sigma: Any, p: Any, alpha: Any) -> Any:
    import torch

    z = torch.sigmoid(p) * (sigma.sum() / (torch.sigmoid(p) * sigma).sum(1, keepdim=True))
    return alpha @ z


_MIXERS: tuple[tuple[Callable[..., Any], bool, str, str], ...] = (
    (_faithful_mixer, True, "it rejects a mixer that does what the formula says.", "your tolerance, and the shape you expect"),
    (_stacked_mixer, True, "it rejects a right mixer written with one product.", "your tolerance: two sums differ by rounding"),
    (_raw, False, "it lets the released bug through: raw p as multipliers.", "what one expert alone, share 1, should give"),
    (
        _inside, False,
        "it lets a mixer through that averages p and takes the sigmoid afterwards. Whole shares cannot tell the two apart.",
        "shares such as ½ and ½",
    ),
    (_not_renormalised, False, "it lets a mixer through that forgets the factor.", "Σσ / Σ(m σ) of each expert"),
    (
        _normalised_shares, False, "it lets a mixer through that makes the shares add up to 1.",
        "shares that do not, such as 1 and 1",
    ),
    (_backwards, False, "it lets a mixer through that gives each share to the wrong expert.", "unequal shares"),
)  # fmt: skip


def _check_hunt(faithful: Callable[[Callable[..., Any]], bool]) -> Outcome:
    for mixer, truth, thought, look_at in _MIXERS:
        said = faithful(mixer)
        if is_blank(said):
            raise NotAttempted
        if not isinstance(said, bool) and type(said).__name__ not in ("bool_", "bool"):
            return wrong(f"your test returned {type(said).__name__}.", "True or False")
        if bool(said) != truth:
            return wrong(thought, look_at)
    return right(
        "In the released code the few-shot search mixes raw p: for p = 0.1 ± 0.1 the multipliers vary by 100 percent "
        "where the experts were trained with 5. One expert alone at share 1 would have shown it."
    )


def _faithful(mixer: Callable[..., Any]) -> bool:
    import torch

    generator = torch.Generator().manual_seed(1)
    sigma = torch.rand(8, generator=generator).sort(descending=True).values + 0.1
    p = torch.randn(2, 8, generator=generator)
    for alpha in ([1.0, 0.0], [0.5, 0.5], [1.0, 1.0], [0.2, 0.9]):
        wanted = sum(a * _multipliers(sigma, one) for a, one in zip(alpha, p))
        if not torch.allclose(mixer(sigma, p, torch.tensor(alpha)), wanted, atol=1e-5):
            return False
    return True


def _testing(*alphas: Sequence[float], close: float = 1e-5) -> Callable[[Callable[..., Any]], bool]:
    """Return a reader's test that tries these shares."""

    def test(mixer: Callable[..., Any]) -> bool:
        import torch

        generator = torch.Generator().manual_seed(1)
        sigma, p = torch.rand(8, generator=generator) + 0.1, torch.randn(2, 8, generator=generator)
        wanted = [sum(a * _multipliers(sigma, one) for a, one in zip(alpha, p)) for alpha in alphas]
        found = [mixer(sigma, p, torch.tensor(alpha)) for alpha in alphas]
        return all(bool(((a - b).abs() <= close).all()) for a, b in zip(found, wanted))

    return test


HUNT = Exercise(
    id="07.4",
    title="Bug hunt: which mixer mixes experts?",
    minutes=6,
    objective=_CONTROL,
    difficulty="hard",
    task=(
        "The released code trains p with z = m · Σσ / Σ(m σ), m = sigmoid(p), and mixes experts for few-shot "
        "adaptation: z' = Σ α_k z_k. One of these two programs has a bug. Write `faithful(mixer)`: it returns True "
        "if `mixer(sigma, p, alpha)` gives z' [R] for σ [R], p [K, R] and α [K], and False if not. We hand it seven "
        "mixers, two of them right. (An extra, beyond the hour.)"
    ),
    expects="a function of a mixer that returns True or False",
    check=_check_hunt,
    hints=(
        "Find shares for which you know the answer without mixing anything.",
        "One expert alone must come out as it was learned. Which mistakes does that not show?",
        "Compare with the formula for whole shares, for halves, and for shares that do not add up to 1.",
    ),
    solution=(
        "```python\n"
        "def faithful(mixer):\n"
        "    sigma, p = torch.rand(8) + 0.1, torch.randn(2, 8)\n"
        "    for alpha in ([1.0, 0.0], [0.5, 0.5], [1.0, 1.0], [0.2, 0.9]):\n"
        "        m = torch.sigmoid(p)\n"
        "        z = m * sigma.sum() / (m * sigma).sum(1, keepdim=True)\n"
        "        if not torch.allclose(mixer(sigma, p, torch.tensor(alpha)), torch.tensor(alpha) @ z, atol=1e-5):\n"
        "            return False\n"
        "    return True\n"
        "```\n"
        "An invariant that needs no second implementation finds the released bug: α = (1, 0) must give expert 1."
    ),
    answer=_faithful,
    typical_wrong=(
        (lambda mixer: True, "released bug"),
        (lambda mixer: False, "does what the formula says"),
        (_testing((1.0, 0.0), (0.0, 1.0)), "averages p"),
        (_testing((0.5, 0.5)), "add up to 1"),
        (_testing((1.0, 0.0), (0.25, 0.75)), "add up to 1"),
        (_testing((1.0, 0.0), (0.5, 0.5), (1.0, 1.0), close=0.0), "written with one product"),
    ),
)

EXERCISES = (COUNT, POLICY, HUNT)
