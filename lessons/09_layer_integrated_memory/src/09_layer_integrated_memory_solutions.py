# %% [markdown]
# # 09 · Layer-Integrated Memory: solutions
#
# One entry per exercise. Try first; a wrong answer's message is worth more than a right
# answer's line.

# %% tags=["setup"]
import torch

import labkit

lesson = labkit.open_lesson("09")

# %% [markdown]
# ## 09.1 · Three shares by hand

# %% tags=["nbval-check-output"]
carried = {"A": 3.0 * 0.1, "B": 0.5 * 2.0, "C": 0.8 * 0.5}
rescaled = {**carried, "B": 0.05 * 20.0}
lesson.exercise("09.1").check(
    (carried["B"] / sum(carried.values()), rescaled["B"] / sum(rescaled.values()), 1.0)
)

# %% [markdown]
# By |entry| alone, A would seem to matter most. Rescaling a raw head and its entries
# changes every such picture and nothing that the model computes. For the same reason
# the paper's maps of |R| are a suggestion, and a cut is evidence.
#
# ## 09.2 · Routing, two lines short


# %% tags=["nbval-check-output"]
def routed(R, raws):
    raw = torch.cat(raws, dim=1)
    return torch.einsum("hs,bsle->bhle", R, raw)


lesson.exercise("09.2").check(routed)

# %% [markdown]
# `s` names the columns of R and the joined heads, so they must come in the same order:
# layer by layer, heads within a layer.
#
# ## 09.3 · Which single entry matters most?


# %% tags=["nbval-check-output"]
def dearest(model, loss, layer):
    router, costs = labkit.routers_of(model)[layer], {}
    for head in range(router.heads):
        for source in router.layers:
            for source_head in range(router.heads):
                with labkit.edit(
                    model, labkit.SetRoute(layer, head, source, source_head, 0.0)
                ):
                    costs[head, source, source_head] = loss(model)
    return max(costs, key=costs.get)


lesson.exercise("09.3").check(dearest)

# %% [markdown]
# On the trained model, the entry found by cutting and the largest one:

# %%
lime, rows = labkit.load("lime/routed"), labkit.unseen(100)
found = dearest(lime, lambda model: labkit.read_working(model, rows)[0].value, 3)
weight = labkit.routers_of(lime)[3].weight.detach().abs()
head, column = divmod(int(weight.argmax()), weight.shape[1])
print("costs most to lose:", found, "  largest:", (head, column // 4, column % 4))

# %% [markdown]
# ## 09.4 · Bug hunt: whose values are these?


# %% tags=["nbval-check-output"]
def is_own(values_of, model, rows, layer):
    before = values_of(model, rows)[layer]
    zeros = torch.zeros_like(labkit.routers_of(model)[layer].weight)
    with labkit.edit(model, labkit.SetRouter(layer, zeros.tolist())):
        return torch.equal(before, values_of(model, rows)[layer])


lesson.exercise("09.4").check(is_own)

# %% [markdown]
# A layer's values are made before its own router is asked. Changing the routers of
# lower layers as well would change the stream, and with it what this layer makes.
