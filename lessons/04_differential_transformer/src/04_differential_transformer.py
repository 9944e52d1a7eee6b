# %% [markdown]
# # 04 · Differential Transformer
#
# {{badges}}
#
# A softmax hands out exactly 1 of attention over all words before it: some to what matters, the rest to what does not. Ye
# and colleagues (2024) compute two such maps and take λ times the second off the first, so that the noise both share
# cancels, as in headphones against noise. We built it by their formula, trained it on texts that are mostly noise, and
# looked at λ. It was below 0: the model *adds* its second map.
#
# *Paper: [Differential Transformer](https://arxiv.org/abs/2410.05258), ICLR 2025. Official code:
# [microsoft/unilm, Diff-Transformer](https://github.com/microsoft/unilm/tree/master/Diff-Transformer); no weights were
# released, so every model here is our own.*
#
# *60 minutes. You need [lesson 00](../00_cut_compare_restore/00_cut_compare_restore.ipynb); the primer has
# [softmax](../primer/primer.ipynb#Softmax-(5-min)). Afterwards you can say what a difference of two softmaxes cancels and
# what it adds, tell a share of attention that flatters from one that does not, and name the control that explains a gain.*

# %% tags=["setup", "network", "collapsed"]
try:
    import labkit
except ImportError:  # on Colab
    # %pip install -q --no-deps "labkit @ git+{{repository}}"
    import labkit

import inspect

import torch

from labkit.papers import differential_transformer as diff

lesson = labkit.open_lesson("04")
figures, holds, claims = labkit.figures, labkit.course.holds, labkit.claims

# %% [markdown]
# ## Before you begin · 2 min
#
# Two questions from earlier lessons, without looking back.

# %%
recall = lesson.predict("r1")

# %%
lesson.result("r1")

# %%
again = lesson.predict("r2")

# %%
lesson.result("r2")

# %% [markdown]
# ## λ, before anything is explained · 3 min
#
# This is the task. A city directly before a number is a *needle*; everything else is noise, some of it lone numbers and
# lone cities. After the question mark cities are asked, and the next word must be the city's number. A question's
# attention has 50 words to choose from, and one of them matters.

# %%
print(diff.Needles().draw(1, seed=7).texts()[0])

# %% [markdown]
# A head of the DIFF Transformer reads with the weights A1 − λ A2. Both maps are softmaxes with queries and keys of their
# own; λ is one learned number for a layer and starts near 0.2. Eight models were trained on this task, each from another
# seed.

# %%
guess = lesson.predict("p2")

# %%
runs = diff.compare_arms("lambda", ["diff"])
figures.show(diff.lambda_history())

# %%
lesson.result("p2", found=runs.mean("diff").value)
holds(max(runs.values["diff"].values()) < 0, "λ ended below 0 in all eight.")

# %% [markdown]
# A1 − λ A2 with λ below 0 is a *sum*. No weight is negative, nothing is cancelled, and still the model answers nearly
# everything. So what was the second map for? That is the question of this hour.
#
# ## 1 · Two microphones · 12 min
#
# First the idea. One microphone hears a speaker and noise, another hears noise. Subtract the second from the first. What
# both hear goes; what each hears by itself *adds up*, since noise has no sign.

# %%
mix = lesson.predict("p1")

# %%
noise = {str(lam): diff.two_microphones(shared=1.0, own=0.5, lam=lam).noise for lam in (0.5, 0.8, 1, 1.2)}
for lam, left in noise.items():
    print(f"λ = {lam:3}: noise {left:.2f}")

# %%
lesson.result("p1", found=noise)
figures.show(diff.two_microphones(shared=1.0, own=0.5, lam=0.8))

# %% [markdown]
# With s for the shared noise and o for the own noise, what is left has the size √((1 − λ)² s² + (1 + λ²) o²). The first
# term falls until λ = 1, the second grows from the start. If all noise is own noise, the best λ is 0: do not subtract.
#
# Now attention. The formula is (paper, equation 1)
#
# > head = (softmax(Q₁K₁ᵀ/√d) − λ softmax(Q₂K₂ᵀ/√d)) V
#
# and here it is, for one head, written out. Two softmaxes come first, then the difference; nothing is brought back to 1.


# %%
def one_head(q, k, v, lam):
    ahead = torch.ones(q.shape[1], q.shape[1]).triu(1).bool()
    scores = (q @ k.mT / q.shape[-1] ** 0.5).masked_fill(ahead, -torch.inf)
    first, second = scores.softmax(-1)
    return first - lam * second


q, k = torch.randn(2, 2, 6, 8, generator=torch.Generator().manual_seed(1))
weights = one_head(q, k, None, lam=0.8)
print(weights[-1].numpy().round(2), "sum", round(float(weights[-1].sum()), 2))

# %%
seen = torch.ones(6, 6).tril().bool()
labkits = diff.naive(q[None], k[None], torch.zeros(1, 1, 6, 16), 0.8, seen)[2][0, 0]
holds(torch.allclose(weights, labkits, atol=1e-6), "labkit's map is the same.")
holds((weights < 0).any() and torch.allclose(weights.sum(-1), torch.tensor(0.2)), "A row adds up to 1 − λ.")

# %% [markdown]
# In labkit the difference to plain attention is these lines. The head's result is then normed (each head by itself: the
# paper's GroupNorm) and multiplied by 1 − λ_init, so that it has one size whatever λ does.

# %%
print(inspect.getsource(diff.DiffAttention.attend))

# %% [markdown]
# A DIFF head needs two queries and two keys, so there are half as many heads, with values twice as wide. Our models are
# 64 wide: 4 DIFF heads of two times 8, beside softmax with 8 heads of 8, or 4 of 16. All have the same weights to within
# a hundred.
#
# Does the picture of the microphones fit a trained model? Only noise that *both maps* share can be cancelled. Below, λ
# was kept at 0.2 throughout training, so that this model must subtract; the other is free.

# %%
texts = diff.Needles().draw(64, seed=41)
frozen, free = labkit.load("needle/diff-frozen"), labkit.load("needle/diff")
for name, model in {"λ kept at 0.2": frozen, "λ learned": free}.items():
    print(f"{name}\n{diff.shared_noise(model, texts).table()}\n")

# %% tags=["collapsed"]
kept, own = diff.shared_noise(frozen, texts), diff.shared_noise(free, texts)
NOISE_SENTENCES

# %% [markdown]
# **What this does not show.** Models with many layers and long texts. The paper's claim is that such noise exists there;
# its own evidence is that the difference works better, not what it cancels.
#
# ## 2 · Find the needle · 12 min
