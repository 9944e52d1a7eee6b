# %% [markdown]
# # 07 · Transformer²: solutions
#
# One entry per exercise. Try first; a wrong answer's message is worth more than a right
# answer's line.

# %% tags=["setup"]
import torch

import labkit
from labkit.papers import transformer_squared as t2

lesson = labkit.open_lesson("07")

# %% [markdown]
# ## 07.1 · How many times smaller?

# %% tags=["nbval-check-output"]
lesson.exercise("07.1").check(16 * (14336 + 4096) / min(14336, 4096))

# %% [markdown]
# In `lab/skills` the same ratio at rank 4 on a matrix of 256 × 96 is 4 · 352 / 96,
# under 15.
#
# ## 07.2 · Two lines of reward


# %% tags=["nbval-check-output"]
def policy_loss(log_p, reward):
    advantage = reward - (reward.sum() - reward) / (len(reward) - 1)
    return -(advantage * log_p.sum(1)).mean()


lesson.exercise("07.2").check(policy_loss)

# %% [markdown]
# What the others earned does not depend on an answer, so the mean gradient stays as it
# is: the score function has mean zero. Only noise is taken away, and a batch of equal
# rewards moves nothing. With its own reward in the mean, as in labkit, every step is
# (B − 1)/B as long, and otherwise the same.
#
# ## 07.3 · The control a mixture has to beat

# %%
model, bank = labkit.load("lab/skills"), t2.shipped_bank()
at = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5)
strengths = t2.strengths(model, bank["text"], ("rev", "rev5"), at=at, n=300)
print(strengths)

# %% tags=["nbval-check-output"]
best = max(strengths.grades, key=lambda strength: strengths.grades[strength]["rev5"])
lesson.exercise("07.3").check((float(best), strengths.grades[best]["rev5"]))

# %% [markdown]
# Four letters are answered at any strength from 0.5 on; five letters only in between.
# An expert learned until its own task is perfect has gone further than is best for the
# neighbouring task.
#
# ## 07.4 · Bug hunt: which mixer mixes experts?


# %% tags=["nbval-check-output"]
def faithful(mixer):
    sigma, p = torch.linspace(2.0, 0.2, 8), torch.linspace(-1.0, 1.0, 16).reshape(2, 8)
    m = torch.sigmoid(p)
    z = m * sigma.sum() / (m * sigma).sum(1, keepdim=True)
    for alpha in ([1.0, 0.0], [0.5, 0.5], [1.0, 1.0], [0.2, 0.9]):
        alpha = torch.tensor(alpha)
        if not torch.allclose(mixer(sigma, p, alpha), alpha @ z, atol=1e-5):
            return False
    return True


lesson.exercise("07.4").check(faithful)

# %% [markdown]
# One expert alone finds the released bug. Halves find the sigmoid of a mean; shares of
# 1 and 1 find a hidden normalisation.
