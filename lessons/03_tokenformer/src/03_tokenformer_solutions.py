# %% [markdown]
# # 03 · TokenFormer: solutions
#
# One entry per exercise. Try first; a wrong answer's message is worth more than a right
# answer's line.

# %% tags=["setup"]
import torch

import labkit
from labkit.papers import tokenformer as tf

lesson = labkit.open_lesson("03")

# %% [markdown]
# ## 03.1 · What a live τ does

# %% tags=["nbval-check-output"]
lesson.exercise("03.1").check((144 / 64) ** 0.5)

# %% [markdown]
# Zero scores add nothing to ‖A‖. What changes is τ, from √64 to √144.
#
# ## 03.2 · Growth when τ cannot be held


# %% tags=["nbval-check-output"]
def grow_live(keys, values, times):
    new_keys = keys.repeat(times, 1)
    new_values = values.repeat(times, 1) / times
    return new_keys, new_values


lesson.exercise("03.2").check(grow_live)

# %% [markdown]
# Copies of all keys make ‖A‖ larger by √times, and τ = √n grows by the same factor, so
# what enters GeLU is what it was. Any split of a value among its copies is right, V and
# zeros too. Equal copies stay equal in training, since they receive equal gradients:
# `tf.duplicate(model, times, noise=...)` adds differences that cancel in the sum.
#
# ## 03.3 · Which new tokens does it need?


# %% tags=["nbval-check-output"]
def most_needed(model, ids):
    layers, losses = tf.pattention_layers(model), {}
    for name in layers:
        new = tuple(range(layers[name].tokens // 4, layers[name].tokens))
        with labkit.edit(model, tf.MaskTokens(name, new)):
            losses[name] = model(ids, labels=ids).loss.item()
    return max(losses, key=losses.get)


lesson.exercise("03.3").check(most_needed)

# %% [markdown]
# In q, k, v and o a quarter of the tokens is 36, in the MLP 144: take it from the layer
# itself.
#
# ## 03.4 · Bug hunt: growth that says it changes nothing


# %% tags=["nbval-check-output"]
def judge(grow):
    config = tf.TokenFormer(
        vocab=23, width=16, depth=2, heads=2, tokens=6, ffn=24, context=32, init_std=0.3
    )
    model = config.build(0).eval()
    ids = torch.arange(20)[None]
    with torch.no_grad():
        twice = grow(grow(model, 6), 6)
        return bool((twice(ids).logits - model(ids).logits).abs().max() < 1e-4)


lesson.exercise("03.4").check(judge)

# %% [markdown]
# One of the seven is sound at the first growth and not at the second: it fixes τ at the
# number of tokens that are there, where it should keep the number that was there in the
# beginning. Another has small random keys in a single q: no word changes and the loss
# hardly moves, only the logits show it, and not those of the first word, which has no
# other word to attend to.
