# %% [markdown]
# # 08 · The curse of depth: solutions
#
# One entry per exercise. Try first; a wrong answer's message is worth more than a right answer's line.

# %% tags=["setup"]
import statistics

import torch

import labkit
from labkit import measurements

lesson = labkit.open_lesson("08")

# %% [markdown]
# ## 08.1 · What does a third do to a score?

# %% tags=["nbval-check-output"]
lesson.exercise("08.1").check(1 / 3 * 1 / 3)

# %% [markdown]
# Values carry the factor once. The MLP multiplies two maps of the norm's output, one of them through a curve that is nearly
# straight at zero, so near zero it carries the factor twice as well.
#
# ## 08.2 · Twelve switches, one at a time

# %% tags=["nbval-check-output"]
deep = labkit.load("lab/deep")
stories = [
    story.text for story in labkit.world.documents("stories", 24, seed=81, split="test")
]
intact = measurements.loss(deep, stories).value
rises = []
for layer in range(12):
    with labkit.edit(
        deep, labkit.ScaleWeight(f"layers.{layer}.mlp_norm", (layer + 1) ** -0.5)
    ):
        rises.append(measurements.loss(deep, stories).value - intact)
with labkit.edit(deep, labkit.SwitchLayerNormScaling(position="mlp")):
    together = measurements.loss(deep, stories).value - intact
print(
    f"{sum(rises):.3f} nats is the sum of twelve rises, {together:.2f} the rise of all "
    "at once"
)
lesson.exercise("08.2").check(together / sum(rises))

# %% [markdown]
# What one MLP no longer does, the others still do. Attention's norms are less forgiving one at a time, and all of them at
# once cost less than the MLPs'. Try it with `attn_norm` and `position="attention"`.
#
# ## 08.3 · Is it more than the seed?


# %% tags=["nbval-check-output"]
def judge(first, second):
    gaps = [b - a for a, b in zip(first, second)]
    half = 2.776 * statistics.stdev(gaps) / 5**0.5
    if statistics.mean(gaps) + half < 0:
        return "second"
    return "first" if statistics.mean(gaps) - half > 0 else "neither"


lesson.exercise("08.3").check(judge)

# %% [markdown]
# Where most of what differs between seeds is common to both runs of a pair, it goes out with the difference.
# `statistics.stdev` divides by 4, the sample's; `pstdev` divides by 5 and makes the interval too narrow.
#
# ## 08.4 · Bug hunt: a switch that was never thrown


# %% tags=["nbval-check-output"]
def judge_maker(make):
    ids = torch.arange(12)[None]
    with torch.no_grad():
        for depth in (1, 4):
            scaled, twin = make("LNS", depth), make("pre", depth)
            for layer, block in enumerate(twin.trunk.blocks):
                for branch in block.branches:
                    branch.norm.weight *= (layer + 1) ** -0.5
            if not torch.allclose(scaled(ids).logits, twin(ids).logits, atol=1e-4):
                return False
    return True


lesson.exercise("08.4").check(judge_maker)

# %% [markdown]
# The twin is exact, so any other maker differs from it somewhere. Counting parameters shows nothing: scaling has none.
#
# ## 08.5 · Can a block turn the stream by 0.6?

# %% tags=["nbval-check-output"]
lesson.exercise("08.5").check(1.0)

# %% [markdown]
# Beyond a right angle the ray leads away from the tip of h, so the nearest point on it is where it begins: at zero.
#
# ## 08.6 · Exponential?

# %% tags=["nbval-check-output"]
v = [1.0]
for _ in range(199):
    v.append(v[-1] * (1 + v[-1] ** -0.5))
lesson.exercise("08.6").check(v[199] / v[99])

# %% [markdown]
# For large v one step adds √v, so √v grows by about a half each time: v is near N²/4.
#
# ## 08.7 · The switch by hand


# %% tags=["nbval-check-output"]
def scaled(model, ids, p):
    handles = []
    for layer, block in enumerate(model.trunk.blocks):
        for branch in block.branches:

            def times(module, inputs, output, layer=layer):
                return (layer + 1) ** -p * output

            handles.append(branch.norm.register_forward_hook(times))
    logits = model(ids).logits
    for handle in handles:
        handle.remove()
    return logits


lesson.exercise("08.7").check(scaled)

# %% [markdown]
# `layer=layer` keeps the number of the moment in which the hook is made. Without it every hook would use the last block's.
# The norm before the head stays as it is.
