# %% [markdown]
# # 10 · LLM-Microscope: solutions
#
# One entry per exercise. Try first; a wrong answer's message is worth more than a right answer's line.

# %% tags=["setup"]
import torch

import labkit

lesson = labkit.open_lesson("10")

# %% [markdown]
# ## 10.1 · What did this comma tell?

# %% tags=["nbval-check-output"]
lesson.exercise("10.1").check((2.4 + 1.2 + 0.3 + 0.3 - 0.6 - 0.9 - 0.3 - 0.6) / 4)

# %% [markdown]
# The comma's C is 0.6 and looks low. Most of that is the words: with nothing at all they cost 1.05.
#
# ## 10.2 · Whose step is not linear?


# %% tags=["nbval-check-output"]
def nonlinear(x, y):
    x = (x - x.mean(0)) / (x - x.mean(0)).norm()
    y = (y - y.mean(0)) / (y - y.mean(0)).norm()
    A = torch.linalg.lstsq(x, y).solution
    return (x @ A - y).norm(dim=-1)


lesson.exercise("10.2").check(nonlinear)

# %% [markdown]
# Squared and added up, the shares give one minus the score, so a heat map of them says where the score is lost.
#
# ## 10.3 · Bug hunt: which lens is lying?


# %% tags=["nbval-check-output"]
def judge(lens, model, ids):
    depth, found = len(model.trunk.blocks), lens(model, ids)
    for level in range(depth + 1):
        later = [labkit.DropBlock(layer) for layer in range(level, depth)]
        with torch.no_grad(), labkit.edit(model, *later):
            cut = model(ids[None]).logits[0]
        if not torch.allclose(found[level], cut, atol=1e-4):
            return False
    return True


lesson.exercise("10.3").check(judge)

# %% [markdown]
# The released lens is right at the last level only, where transformers has applied the norm already. Comparing the last
# level finds a norm applied twice and misses one left out; comparing inner levels finds the second and misses the first.
