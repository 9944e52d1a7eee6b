# %% [markdown]
# # 00 · Cut, compare, restore: solutions
#
# One entry per exercise. Try first; a wrong answer's message is worth more than a right answer's line.

# %% tags=["setup"]
import random

import labkit
import torch

lesson = labkit.open_lesson("00")

# %% [markdown]
# ## 00.1 · From nats to a factor

# %% tags=["nbval-check-output"]
import math

lesson.exercise("00.1").check(math.exp(1.36 - 1.20))

# %% [markdown]
# A difference of losses is the logarithm of a ratio of perplexities. That is why losses are subtracted and perplexities
# divided, and why the loss before the cut does not matter.
#
# ## 00.2 · Your own operation


# %% tags=["nbval-check-output"]
def operate(model, layer, ids):
    before = labkit.fingerprint(model)

    def nothing(module, inputs, output):
        return torch.zeros_like(output)

    # The torch module after the address layers.N.mlp.
    handle = model.trunk.blocks[layer].mlp.mixer.register_forward_hook(nothing)
    try:
        cut = model(ids).logits
    finally:
        handle.remove()
    return cut, labkit.fingerprint(model) == before


lesson.exercise("00.2").check(operate)

# %% [markdown]
# A zero added to the stream leaves it as it was. Returning the input instead would add a second, normed copy of the
# stream: the residual path runs outside the part, not through it. What stands under `finally` runs whether or not the
# model raised, and lets the error through. The proof compares everything about the model, not its
# answers on one text: a hook left behind may do nothing today.
#
# ## 00.3 · Design the control


# %% tags=["nbval-check-output"]
def control_for(shape, chosen, seed):
    generator = random.Random(seed)
    while True:
        drawn = generator.randrange(shape[0]), generator.randrange(shape[1])
        if drawn != chosen:
            return drawn


lesson.exercise("00.3").check(control_for)

# %% [markdown]
# Alike in everything but the thing you chose it for. The seed makes it yours to repeat and nobody's to pick.
#
# ## 00.4 · A row in a fused matrix

# %% tags=["nbval-check-output"]
queries, keys, size = 4, 2, 8
lesson.exercise("00.4").check(queries * size + keys * size + 3)

# %% [markdown]
# The column plays no part: it is the input, and all three read the same one.
#
# ## 00.5 · How much came back


# %% tags=["nbval-check-output"]
def share(restored, broken, intact):
    return (restored - broken) / (intact - broken)


lesson.exercise("00.5").check(share)

# %% [markdown]
# Both differences start at the broken run, so the share is 0 for a patch that does nothing, whatever the scores.
#
# ## 00.6 · The rule


# %% tags=["nbval-check-output"]
def rule(low, high, null, direction, delta):
    sign = 1 if direction == "above" else -1
    near, far = sorted(sign * (end - null) for end in (low, high))
    if -delta <= near and far <= delta:
        return "absent here"
    if near > 0:
        return "direction"
    return "contradicted" if far < 0 else "unresolved"


lesson.exercise("00.6").check(rule)

# %% [markdown]
# Measured from the null and turned to the claimed side, one comparison serves for both directions.
#
# ## 00.7 · Count the sub-layers

# %% tags=["nbval-check-output"]
lesson.exercise("00.7").check(24 + sum(24 - k for k in range(1, 25)))

# %% [markdown]
# The plain loop computes 24 + 24 · 23 = 576. With more sub-layers the share comes ever closer to a half.
#
# ## 00.8 · Who leaves something behind?

# %% tags=["nbval-check-output"]
lesson.exercise("00.8").check("BCD")

# %% [markdown]
# B's hook is still there, switched off. C and D put back rounded weights; D's rounding to half precision is invisible on
# `lab/tiny`, which is shipped in half precision, and shows on any model that never was:

# %% tags=["nbval-check-output"]
new = labkit.DecoderConfig(
    vocab=23, width=16, depth=2, heads=2, ffn=24, context=16
).build(seed=1)
for name, model in (("lab/tiny", labkit.load("lab/tiny").model), ("a new model", new)):
    weight = model.trunk.blocks[-1].mlp.mixer.down.weight
    survives = torch.equal(weight.to(torch.float16).float(), weight)
    print(
        f"{name}: {'every' if survives else 'not every'} weight survives half precision"
    )

# %% [markdown]
# ## 00.9 · Two cuts at once

# %% tags=["nbval-check-output"]
import itertools

tiny = labkit.load("lab/tiny")
days = [
    document.text
    for document in labkit.world.documents("stories", 15, seed=4, split="test")
]
cuts = labkit.sweeps.every_sublayer(tiny)
alone = [point.change.value for point in labkit.sweep(tiny, cuts, days).points]
pairs = list(itertools.combinations(range(8), 2))
double = labkit.sweep(tiny, [labkit.Plan([cuts[a], cuts[b]]) for a, b in pairs], days)
times = {
    pair: point.change.value / (alone[pair[0]] + alone[pair[1]])
    for pair, point in zip(pairs, double.points)
}
best = sorted(times, key=times.get)[-3:]
lesson.exercise("00.9").check([cuts[place] for place in best[-1]])
labkit.course.holds(
    all(place % 2 == 1 and place > 1 for pair in best for place in pair),
    "The three pairs at the top are those of the MLPs of blocks 1, 2 and 3.",
)

# %% [markdown]
# Each of them is cheap to lose because the others do much of its work. That is why a list of single cuts, sorted, is not a
# plan for many cuts. Lesson 02 runs into it.
