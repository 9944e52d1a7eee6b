# %% [markdown]
# # 02 · What matters in transformers? Solutions
#
# One entry per exercise. Try first; a wrong answer's message is worth more than a right answer's line.

# %% tags=["setup"]
import random

import labkit
from labkit.papers.what_matters import Cosine

lesson = labkit.open_lesson("02")

# %% [markdown]
# ## 02.1 · One score by hand

# %% tags=["nbval-check-output"]
lesson.exercise("02.1").check(1 - 400 / (20 * 20.616))

# %% [markdown]
# The addition stands at right angles to the stream, so S is 1 - 1 / √(1 + r²) with r = 5 / 20. On a stream of length 5, r
# is 1 and the same addition scores 0.293. Ranking layers by S favours those that come late.
#
# ## 02.2 · Joint dropping, two lines missing


# %% tags=["nbval-check-output"]
def joint(attention, mlp, n):
    scored = [(score, "attention", layer) for layer, score in enumerate(attention)]
    scored += [(score, "mlp", layer) for layer, score in enumerate(mlp)]
    return [(kind, layer) for _, kind, layer in sorted(scored)[:n]]


lesson.exercise("02.2").check(joint)

# %% [markdown]
# One list, one sort. That the two kinds can share a list assumes that a turn by an attention is worth a turn by an MLP;
# section 2 of the hour is about just that.
#
# ## 02.3 · Break it quietly

# %% tags=["nbval-check-output"]
outcome = lesson.exercise("02.3").check(labkit.DropAttention(5))

# %% [markdown]
# In the race it is the ninth attention to go, and there the lantern is lost. A part can be the only one that does a thing
# the text seldom asks for; the mean over all words hardly sees it.
#
# ## 02.4 · Bug hunt: what does it score the second time?


# %% tags=["nbval-check-output"]
def judge(rescore, model, texts):
    for gone in ((), (1,), (0, 2)):
        plan = [labkit.DropAttention(layer) for layer in gone]
        small = labkit.shrink(model, plan) if plan else model
        wanted = Cosine()(small, texts).attention
        found = rescore(model, texts, gone)
        left = [i for i, one in enumerate(wanted) if one is not None]
        if any(abs(found[i] - wanted[i].value) > 1e-6 for i in left):
            return False
    return True


lesson.exercise("02.4").check(judge)

# %% [markdown]
# The rebuilt model never had the parts, so it cannot share the function's mistake. Drop early and compare every layer that is
# left: an error in block 1 shows in the blocks after it, and in none before. An empty list and one of two are cheap to ask.
#
# ## 02.5 · A fair opponent


# %% tags=["nbval-check-output"]
def draw(depth, n, seed):
    return random.Random(seed).sample(range(1, depth), n)


lesson.exercise("02.5").check(draw)

# %% [markdown]
# A control shares with the thing under test all that is not in question. Sparing the last layer too would be stricter.
#
# ## 02.6 · A cache by hand

# %% tags=["nbval-check-output"]
lesson.exercise("02.6").check(2 * (32 - 12) * 8 * 128 * 2 * 8192 / 2**30)

# %% [markdown]
# Both keys and values are kept, for the 8 heads that have them, in the 20 attentions that are left. The whole model needs
# exactly 1 GiB.
