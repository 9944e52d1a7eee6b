# %% [markdown]
# # 04 · Differential Transformer: solutions
#
# One entry per exercise. Try first; a wrong answer's message is worth more than a right
# answer's line.

# %% tags=["setup"]
import torch

import labkit
from labkit.papers import differential_transformer as diff

lesson = labkit.open_lesson("04")

# %% [markdown]
# ## 04.1 · A share above 1

# %% tags=["nbval-check-output"]
first, second, lam = (0.6, 0.3, 0.1), (0.1, 0.5, 0.4), 0.5
used = [a - lam * b for a, b in zip(first, second)]
lesson.exercise("04.1").check((used[0] / sum(used), used[0] / sum(map(abs, used))))

# %% [markdown]
# The third word has weight −0.10. In the signed share that makes the whole smaller, and
# so the answer's part larger.
#
# ## 04.2 · Version 2, two lines missing


# %% tags=["nbval-check-output"]
def second_version(q, k, v, number):
    ahead = torch.ones(len(k), len(k)).triu(1).bool()
    scores = (q @ k.mT / q.shape[-1] ** 0.5).masked_fill(ahead, -torch.inf)
    first, second = scores.softmax(-1)
    return (first - number.sigmoid()[:, None] * second) @ v


lesson.exercise("04.2").check(second_version)

# %% [markdown]
# `[:, None]` makes λ a column, so that it multiplies rows. Without it λ would belong to
# the word that is read. In a text of one word both are the same, and no test on such a
# text tells them apart.
#
# ## 04.3 · Each map alone


# %% tags=["nbval-check-output"]
def alone(model, texts, which):
    with labkit.edit(model, diff.SetLambda(0.0 if which == 1 else -1e6)):
        return diff.find_needles(model, texts).accuracy.value


lesson.exercise("04.3").check(alone)

# %%
model, texts = labkit.load("needle/diff"), diff.Needles().draw(96, seed=43)
print([round(alone(model, texts, which), 2) for which in (1, 2)], "alone;",
      round(diff.find_needles(model, texts).accuracy.value, 2), "together")  # fmt: skip

# %% [markdown]
# Each map finds most of the needles by itself. They are two heads that share their
# values, and the sum is a vote.
#
# ## 04.4 · A released bug


# %% tags=["nbval-check-output"]
def keys_for(k, group):
    return k.unflatten(0, (-1, 2)).repeat_interleave(group, dim=0).flatten(0, 1)


lesson.exercise("04.4").check(keys_for)

# %% [markdown]
# The law that finds it: the written-out form and the fused form must agree, also with
# groups. Without groups they do, which is why the file's own example did not show it.
