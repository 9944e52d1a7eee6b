# %% [markdown]
# # 01 · The super weight: solutions
#
# One entry per exercise. Try first; a wrong answer's message is worth more than a right answer's line.

# %% tags=["setup"]
import labkit
import torch

lesson = labkit.open_lesson("01")

# %% [markdown]
# ## 01.1 · How much of the spike is one weight?

# %% tags=["nbval-check-output"]
lesson.exercise("01.1").check(-560.5 * -1.9268 / 1313)

# %% [markdown]
# The remaining fifth, 233, comes from 11,007 other weights. It is what stays when the one weight is zeroed. The paper's
# figure shows about 244 then: it is drawn after the block, where the stream brings a little of its own.
#
# ## 01.2 · Your own detector


# %% tags=["nbval-check-output"]
def find(x_LF, w_DF):
    most_DF = x_LF.abs().amax(0) * w_DF.abs()
    return divmod(int(most_DF.argmax()), w_DF.shape[1])


lesson.exercise("01.2").check(find)

# %% [markdown]
# Neither factor alone will do: the largest weight may read nothing, and the largest input may meet small weights. The
# paper reads the two places off two separate spikes, the input's and the output's; where two weights share a row, that
# picks the wrong one.
#
# ## 01.3 · Make an ordinary weight the largest


# %% tags=["nbval-check-output"]
def disguise(model, layer, neuron, factor):
    mlp = model.trunk.blocks[layer].mlp.mixer
    mlp.up.weight[neuron] /= factor
    mlp.down.weight[:, neuron] *= factor


lesson.exercise("01.3").check(disguise)

# %% [markdown]
# The two factors cancel in every product, so nothing that a weight *writes* has changed. Ranking weights by size ranks a
# choice of units.
#
# ## 01.4 · Bug hunt: whose blocks are blocks?


# %% tags=["nbval-check-output"]
def judge(quantise):
    for outlier in (3, 90):  # in the first block, and in the last whole one
        values = torch.randn(100)
        values[outlier] = 50.0
        rounded = quantise(values.clone(), 4, 16)
        for part, kept in zip(values.split(16), rounded.split(16)):
            step = (part.max() - part.min()) / 15
            if (part - kept).abs().max() > 0.5001 * step + 1e-6:
                return False
    return True


lesson.exercise("01.4").check(judge)

# %% [markdown]
# No number may move by more than half a step of its own block. The outlier makes a range that is shared with strangers
# visible, and the odd length reaches the branch that nobody looked at.
#
# ## 01.5 · Ten zeroings

# %% tags=["nbval-check-output"]
encoder = labkit.load("minilm")
norms = [f"layers.{layer}.attn_norm" for layer in range(6)]
largest = [
    f"{norm}[{int(labkit.view(encoder, norm).read().abs().argmax())}]" for norm in norms
]
lesson.exercise("01.5").check(largest)

# %% [markdown]
# The largest gain of each norm after an attention: most of the six are one channel. Nobody finds the small gains of the
# same channel by size, and they do as much harm.
#
# ## 01.6 · Four sealed models

# %%
from labkit.papers import super_weight as super_weights

stories = [
    story.text for story in labkit.world.documents("stories", 8, seed=11, split="test")
]
for letter in "ABCD":
    model = super_weights.sealed(letter)
    suspects = super_weights.find_super_weights(model, stories[0]).addresses[:2]
    print(
        letter,
        super_weights.ablate(model, suspects, stories, nulls=1, neurons=False).table(),
        "\n",
    )

# %% tags=["nbval-check-output"]
lesson.exercise("01.6").check("AD")

# %% [markdown]
# A: the weight is small and reads a huge input. B: two suspects on one channel; each alone can go, both together cannot. C:
# the detector names many, and none is missed. D: another weight is larger and does nothing.
