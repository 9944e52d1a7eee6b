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
# The remaining fifth comes from 11,007 other weights. It is what stays when the one weight is zeroed, and in the paper's
# figure the activation falls to about 244, not to nothing.
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
    for length in (96, 100):
        values = torch.randn(length, generator=torch.Generator().manual_seed(0))
        values[3] = 50.0
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
