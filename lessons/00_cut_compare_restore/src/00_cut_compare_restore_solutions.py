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
# ## 00.2 · Your own scalpel


# %% tags=["nbval-check-output"]
def drop_mlp(model, layer):
    mlp = model.trunk.blocks[layer].mlp.mixer

    def nothing(module, inputs, output):
        return torch.zeros_like(output)

    return mlp.register_forward_hook(nothing)


lesson.exercise("00.2").check(drop_mlp)

# %% [markdown]
# A zero added to the stream leaves it as it was. Returning the input instead would add a second, normed copy of the
# stream: the residual path runs outside the part, not through it.
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
