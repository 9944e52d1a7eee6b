# %% [markdown]
# # 08 · The curse of depth
#
# {{badges}}
#
# Take a large language model and leave out one layer. Do it in the deep half, and hardly anything is lost. Somebody paid
# for training those layers. Why are they so cheap to lose? Sun and colleagues (2025) answer: because of where the norm
# stands. One factor after every norm, they say, puts the deep layers to work.
#
# You will throw that switch in a model that is already trained, look at models that have learned nothing yet, and leave
# blocks out of models that were trained apart. Whether deep layers are cheap in our small models, you will see for
# yourself at the end.
#
# *60 minutes. You need [lesson 00](../00_cut_compare_restore/00_cut_compare_restore.ipynb); the primer has
# [residual and norm](../primer/primer.ipynb#Residual-and-norm-(5-min)). Afterwards you can say what a factor after the
# norm does, why it is no switch for a trained model, and tell a better way of training from a luckier seed.*
#
# *The paper:* Sun, Song, Li, Yin, Zheng and Liu (2025), *The Curse of Depth in Large Language Models*,
# [arXiv 2502.05795](https://arxiv.org/abs/2502.05795),
# [its code](https://github.com/lmsdss/LayerNorm-Scaling). *Ours:*
# [labkit/papers/curse_of_depth]({{repository}}/tree/main/labkit/papers/curse_of_depth).

# %% tags=["setup", "network", "collapsed"]
try:
    import labkit
except ImportError:  # on Colab
    # %pip install -q --no-deps "transformer-surgery @ git+{{repository}}"
    import labkit

from labkit import measurements, sweeps

lesson = labkit.open_lesson("08")
figures, holds = labkit.figures, labkit.course.holds

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
# ## 1 · One factor after the norm · 12 min
#
# A block adds to the stream: h ← h + f(norm(h)). The norm stands before the part: *Pre-LN*. (After the sum it would be
# *Post-LN*.) So the stream grows from block to block, and every norm divides by that growing size. What a late block
# adds, the paper says, is small beside what is already there, and the block might as well be missing. That is its
# *curse*. Look how the stream grows in `lab/deep`, twelve blocks trained on the islands. Its size is told by the
# *variance*: how far the numbers of one token (the *channels*) spread, averaged over tokens.

# %%
deep = labkit.load("lab/deep")
unseen = labkit.world.documents("stories", 24, seed=81, split="test")
stories = [story.text for story in unseen]
stream = measurements.residual_stats(deep, stories)
growth = [one.value for one in stream.variance[1:]]

# %% tags=["collapsed"]
figures.show(
    figures.Lines(
        title="The stream grows from block to block",
        x=range(1, 13),
        lines={"variance": growth},
        x_label="block",
        y_label="variance over channels",
        sentence=f"The stream's variance is {growth[0]:.3g} after the first block and "
        f"{growth[-1]:.3g} after the last.",
        dots=True,
    )
)

# %% [markdown]
# The remedy is one factor. **LayerNorm Scaling** multiplies what both norms of block ℓ return by 1/√ℓ, blocks counted
# from 1: h ← h + f(norm(h) / √ℓ). Deep blocks then add less, and the stream stays small. In labkit every block has a
# slot for its norm, and `LayerNormScaling` puts another module there: `after` multiplies what the norm returns, and
# `exponent` is a half.

# %%
import inspect

print(inspect.getsource(labkit.LayerNormScaling.norm))
print(inspect.getsource(labkit.LayerNormScaling.factor))

# %% [markdown]
# The paper *trains* with the factor, and reports a lower loss. But a factor is quickly switched on. `lab/deep` was trained
# without it.

# %%
guess = lesson.predict("p1")

# %% [markdown]
# The panel opens as trained. Under *Norms*, choose *scaling on*; then *scaling on, gains × ℓ^p*, which multiplies every
# gain of block ℓ by √ℓ and so makes up for the factor. Leave *p* at a half and the factor *after the norm*, as in the
# paper. *Cost to lose* is how much the loss rises when a block is left out.
#
# To answer at once the panel reads two short stories. The cell after it reads 24, so its numbers are others.

# %%
labkit.ScalingPanel(deep, gate=guess)

# %%
states = {
    "as trained": [],
    "scaling on": [labkit.SwitchLayerNormScaling()],
    "scaling on, gains × √ℓ": [labkit.SwitchLayerNormScaling(compensate=True)],
}
losses, logits = {}, {}
for name, edits in states.items():
    with labkit.edit(deep, *edits):
        losses[name] = measurements.loss(deep, stories).value
        logits[name] = measurements.logits(deep, stories[:4])
    print(f"{losses[name]:.3f} nats a token, {name}")

# %% tags=["nbval-check-output", "collapsed"]
times = losses["scaling on"] / losses["as trained"]
lesson.result("p1", found=times, because=f"It is {times:.1f} times as large.")

# %%
two = zip(logits["as trained"], logits["scaling on, gains × √ℓ"])
apart = max(float((a - b).abs().max()) for a, b in two)
print(f"{apart:.1g} is the most that a logit moves, gains × √ℓ")
holds(apart < 1e-3, "With such gains it is the same function, written another way.")

# %% [markdown]
# So the factor in itself is nothing. Any Pre-LN model *is* a model with scaling and larger gains; the two can compute
# exactly the same things. What differs is where training starts, and how far a step of the optimiser reaches in each
# block.
#
# Now look at the panel again, at *cost to lose*, with *scaling on*.

# %%
deeper = [labkit.DropBlock(layer) for layer in range(6, 12)]
whole = labkit.sweep(deep, deeper, stories)
with labkit.edit(deep, labkit.SwitchLayerNormScaling()):
    spoiled = labkit.sweep(deep, deeper, stories)
costs = [
    sum(cut.change.value for cut in swept.points) / 6 for swept in (whole, spoiled)
]
print(f"{costs[0]:.3f} nats, mean cost of a block of the deeper half, as trained")
print(f"{costs[1]:.3f} nats, with the switch on")
holds(costs[1] > costs[0], "The spoiled model's deep blocks cost more to lose.")

# %% [markdown]
# Keep that in mind for the last experiment. “Every block is needed” is not the same as “the model is good”.
#
# **What this does not show.** Anything about training with scaling. Nobody claims that the switch helps a trained model;
# people have thrown it all the same, when they fine-tuned a checkpoint with the new code.
#
# ## Now you: by hand, and on the model · 8 min

# %%
score = lesson.exercise("08.1")

# %%
score.check(...)

# %%
twelve = lesson.exercise("08.2")

# %%
rises = ...
together = ...
twelve.check(...)

# %% [markdown]
# ## 2 · Before and after training · 11 min
#
# The paper's picture of the cure: with scaling, deep layers turn the stream more. Where does a model start from? Here are
# two fresh ones, 24 blocks each, random weights, not one step of training. A block that does nothing leaves the direction
# of the stream as it is: a turn of 0. A right angle is 0.5.

# %%
fresh = lesson.predict("p2")

# %%
labkit.InitialisationPanel(gate=fresh)

# %%
untrained = labkit.InitialisationPanel()
untrained.set(placement="LayerNorm Scaling", depth=24, first_values="plain")
nearer = untrained.data.chosen.turns[-1] / untrained.data.baseline.turns[-1]
lesson.result("p2", found=nearer, because=f"Its turn is {nearer:.2f} of the other's.")
holds(
    nearer < 1,
    "Before training, the scaled model's last block is nearer to doing nothing.",
)

# %% [markdown]
# Its factor is about a fifth. The stream it adds to is smaller too, so the turn shrinks by less than that. (The panel's
# third plot, the gradient, is for the deeper notebook.)
#
# This is the opposite of the cure. So if deep blocks turn the stream more in a *trained* model with scaling, training
# has done it.
# Two models come with the course: `depth/pre` and `depth/lns`, sixteen blocks, the same first weights, the same texts in
# the same order. Each was trained at the learning rate that was best for its kind.

# %%
pair = {
    "Pre-LN": labkit.load("depth/pre"),
    "LayerNorm Scaling": labkit.load("depth/lns"),
}
trained = {
    name: labkit.angular_distances(model, stories) for name, model in pair.items()
}
shown = {name: [one.value for one in found.adjacent] for name, found in trained.items()}
late = {name: sum(line[8:]) / 8 for name, line in shown.items()}

# %% tags=["collapsed"]
figures.show(
    figures.Lines(
        title="How far each block turns the stream, after training",
        x=range(2, 17),
        lines={name: line[1:] for name, line in shown.items()},
        x_label="block",
        y_label="angle over π",
        sentence="Mean turn by a block of the deeper half: "
        + ", ".join(f"{turn:.3f} in {name}" for name, turn in late.items())
        + ". One model of each kind, without block 1, which makes the stream.",
        dots=True,
    )
)

# %% [markdown]
# One of each kind is an anecdote. So the ledger of this course holds a test that was written down before the models were
# trained: five more seeds of each.
#
# This is how to read its picture. The dot is what we measured, with its interval. The dotted line is the *null*: what
# would come out if there were nothing. The grey band around it is the *margin*: smaller than that counts as nothing.
# Null and margin were fixed before. (In this first picture the paper's mark lies far off, so the interval is hidden by
# the dot; the words below give it.)
#
# *Reproduced*: on the paper's side of the null, and at least half as far. *Direction*: on that side, with no more to
# say. *Contradicted*: on the wrong side. *Unresolved*: the interval contains the null and is too wide to say that
# there is nothing. *Observation*: measured, and not a test of the paper's sentence.

# %%
turned = labkit.claims.ledger().claim("08.deep_turn_more")
print(turned.sentence)
figures.show(labkit.claims.assess(turned))

# %% [markdown]
# With scaling the deep blocks turn the stream *less*, by little more than the margin. Here each kind was trained at its
# own best rate. Is it the rate? No: on seed 0, both kinds at the same rate, six times, it is less every time.

# %%
runs = labkit.BlockRuns.load()
kinds = {"depth/pre": "Pre-LN", "depth/lns": "LayerNorm Scaling"}
turn, variance, loss = {}, {}, {}
for recipe, name in kinds.items():
    seed_0 = runs.of(recipe, seeds=[0])
    turn[name] = {run.lr: sum(run.turns[8:]) / 8 for run in seed_0}
    variance[name] = {run.lr: run.variance[-1] for run in seed_0}
    loss[name] = {run.lr: run.loss for run in seed_0}
tried = sorted(loss["Pre-LN"])
less = {lr: turn["LayerNorm Scaling"][lr] - turn["Pre-LN"][lr] for lr in tried}
print(", ".join(f"{change:+.3f} at {lr:g}" for lr, change in less.items()))
holds(
    max(less.values()) < 0,
    "At six equal rates the scaled model's deep blocks turn less.",
)

# %% [markdown]
# A map in the paper shows angles of 0.6 and more in deep layers. No block after the first comes near that here; the
# [deeper notebook](08_curse_of_depth_deeper.ipynb) asks whether one could.
#
# And the size of the stream?

# %%
for name, model in pair.items():
    size = measurements.residual_stats(model, stories).variance[-1].value
    print(f"{size:5,.0f} after the last block, {name}, trained at {model.card['lr']:g}")

# %% [markdown]
# The scaled model's stream is the *larger* one. But it was trained at twice the rate. Here are models of both kinds at
# each rate we tried, seed 0 (recorded on other stories, so the same model's number differs a little).

# %%
print("learning rate", *(f"{name:>18}" for name in variance))
for lr in tried:
    print(f"{lr:13g}", *(f"{at[lr]:18,.1f}" for at in variance.values()))
smaller = [variance["LayerNorm Scaling"][lr] < variance["Pre-LN"][lr] for lr in tried]
holds(all(smaller), "At each equal rate the scaled model has the smaller stream.")

# %% [markdown]
# At equal rates the factor does what it promises. But the learning rate does far more: read down a column. The ledger's
# test is at one rate, 0.008, with five fresh seeds and a very short training, 80 steps:

# %%
controlled = labkit.claims.ledger().claim("08.variance_controlled")
figures.show(labkit.claims.assess(controlled))

# %% [markdown]
# **What this does not show.** That a small stream is good, or a large turn useful. Both are descriptions. What the factor
# is *for* is the loss, and blocks that are worth their price.
#
# ## 3 · Trained apart · 8 min
#
# Is the scaled model better? The paper trained one of each kind, both at the same learning rate, and found 26.73 against
# 25.76 in perplexity: 0.037 nats. Here is that experiment at six learning rates, one seed.

# %%
rate = lesson.predict("p3")

# %% tags=["collapsed"]
words = {
    name: ", ".join(f"{at[lr]:.3f} at {lr:g}" for lr in tried)
    for name, at in loss.items()
}
figures.show(
    figures.Lines(
        title="Loss on unseen stories, one seed",
        x=[1000 * lr for lr in tried],
        lines={name: [at[lr] for lr in tried] for name, at in loss.items()},
        x_label="learning rate, in thousandths",
        y_label="nats a token",
        sentence="; ".join(f"{name}: {said}" for name, said in words.items()) + ".",
        dots=True,
    )
)

# %% tags=["collapsed"]
ahead = [lr for lr in tried if loss["LayerNorm Scaling"][lr] < loss["Pre-LN"][lr]]
rates = {recipe: runs.best_lr(recipe, seeds=[0]) for recipe in kinds}
where = ", ".join(f"{lr:g}" for lr in ahead)
lesson.result("p3", found=len(ahead), because=f"At {where}.")
holds(set(tried[-2:]) <= set(ahead), "At the two highest rates it is ahead.")
for recipe, name in kinds.items():
    print(f"{rates[recipe]:g} is the best rate of {name}")

# %% [markdown]
# At high rates Pre-LN suffers sooner, by far. At lower rates the order changes from rate to rate, as it would from seed to
# seed. So whoever takes one rate for both has a hand in who wins. The fair thing is to give each kind its best. (Five
# rates were planned. The scaled kind was best at the highest of them, so a sixth was tried with both.)
#
# And one seed is not enough. So we trained five fresh seeds of each, at the two rates just found. The two runs of a seed
# read the same texts in the same order, so they are compared pair by pair.

# %%
better = lesson.predict("p4")

# %%
from dataclasses import replace

curves = labkit.training.Curves.load(labkit.curves_path())
five, best = [1, 2, 3, 4, 5], tuple(rates.values())
gap = measurements.compare_curves(curves, *rates, lrs=best, seeds=five)
figures.show(replace(gap, first="Pre-LN", second="LayerNorm Scaling"))

# %% tags=["collapsed"]
decided = labkit.claims.assess(labkit.claims.ledger().claim("08.lower_loss"))
between = f"{decided.low:+.3f} to {decided.high:+.3f}"
lesson.result("p4", found=decided, because=f"{decided.value:+.3f} nats, {between}.")
figures.show(decided)
holds(decided.low > -0.037, f"{between} leaves out the paper's -0.037.")
quarter = gap.difference[len(gap.difference) // 4]
print(f"{quarter.value:+.3f} nats of training loss after a quarter of the way")
holds(quarter.high < 0, "Early on, the scaled kind is ahead.")

# %% [markdown]
# (The curve is of the training loss; the ledger's test asks for unseen stories.) So five pairs do not say who is
# better. But they do say that the paper's difference is not there, each kind at its best rate. (The paper had one rate
# for both.) And an early lead says little about the end.
#
# Is the early lead the factor's, or that of a rate twice as high? Five fresh pairs, both at 0.008, 80 steps:

# %% tags=["collapsed"]
early = labkit.claims.assess(labkit.claims.ledger().claim("08.behind_at_first"))
print(
    f"{early.value:+.2f} nats of training loss, {early.low:+.2f} to {early.high:+.2f}"
)
holds(early.high < 0, "At one rate for both, the scaled kind is ahead early as well.")

# %% [markdown]
# The paper has it the other way round: in its largest run scaling is behind for a third of the way, then ahead. Ours is
# ahead at first, by a lot, and then no longer.
#
# A test is worth only as much as you know of what was tried before it. These five seeds were trained twice with
# scaling: first at 0.002, beside Pre-LN at 0.008; then, when more rates had been tried on seed 0, at 0.016. What would
# the test have said with the first?

# %%
plain = runs.of("depth/pre", lr=0.008, seeds=five)
scaled = runs.of("depth/lns", lr=0.002, seeds=five)
gaps = [b.loss - a.loss for a, b in zip(plain, scaled)]
at_first = measurements.mean_over(gaps, "seeds", method="t")
print(f"{at_first.value:+.4f} nats, {at_first.low:+.4f} to {at_first.high:+.4f}")
holds(at_first.low > 0, "With these runs the same test would have read: contradicted.")

# %% [markdown]
# ## Now you: more than the seed? · 6 min

# %%
seeds = lesson.exercise("08.3")


# %%
def judge(first, second):
    gaps = ...
    half = ...
    return ...


seeds.check(judge)

# %% [markdown]
# ## 4 · Is it the factor, or the beginning? · 4 min
#
# Before training the factor does one thing: deep blocks write less. There is an older way to have that.
# GPT-2 starts every matrix that writes to the stream with values √(2N) times as small, N the number of blocks, and leaves
# the norms alone. Does the beginning do it all? The paper has this too (its Table 6): 26.73 plain, 26.04 with smaller
# first values, 25.76 with scaling.
#
# So here are three arms at **one** rate, 0.008, as in the paper one rate served for all: five fresh seeds, written down
# before they were trained, 80 steps each. That is the beginning of a training and no more.

# %%
lesson.predict("p6")

# %% tags=["collapsed"]
short = labkit.BlockRuns.load(labkit.one_rate_blocks_path())
begun = {
    "plain Pre-LN": "depth/pre",
    "smaller first values": "depth/pre-scaled",
    "LayerNorm Scaling": "depth/lns",
}
fresh = [11, 12, 13, 14, 15]
ends, means = {}, {}
for name, arm in begun.items():
    ends[name] = [run.loss for run in short.of(arm, seeds=fresh)]
    means[name] = measurements.mean_over(ends[name], "seeds", method="t")
figures.show(
    figures.Bars(
        title="Three ways to begin, one rate, 80 steps",
        labels=list(means),
        groups={"loss": [one.value for one in means.values()]},
        intervals={"loss": [(one.low, one.high) for one in means.values()]},
        x_label="nats a token on unseen stories, mean of five models",
        sentence="Loss on unseen stories: "
        + "; ".join(f"{name} {one.value:.3f}" for name, one in means.items())
        + ". Intervals over seeds, not yet pair by pair.",
        digits=3,
    )
)

# %% tags=["collapsed"]
lesson.result("p6", found=ends)
for name in list(begun)[1:]:
    gaps = [b - a for a, b in zip(ends["plain Pre-LN"], ends[name])]
    one = measurements.mean_over(gaps, "seeds", method="t")
    print(
        f"{one.value:+.3f} nats, {one.low:+.3f} to {one.high:+.3f}, {name} minus plain"
    )
against = labkit.claims.ledger().claim("08.lower_than_scaled_init")
figures.show(labkit.claims.assess(against))

holds(
    labkit.claims.assess(against).high < 0,
    "After 80 steps scaling is ahead of smaller first values, too.",
)
base, small, scaling = (means[name].value for name in begun)
holds(
    0.3 < (base - small) / (base - scaling) < 0.7,
    "Smaller first values alone have about half of its lead.",
)

# %% [markdown]
# So the beginning does some of this early lead, and not all of it. And after a whole training of 1,500 steps? There
# are five pairs of those, each kind at the best of the rates tried for it. Guess before you run: who is ahead?

# %% tags=["collapsed"]
trained = labkit.claims.assess(
    labkit.claims.ledger().claim("08.lower_than_scaled_init_trained")
)
figures.show(trained)
holds(trained.low > 0, "After 1,500 steps scaling is behind smaller first values.")

# %% [markdown]
# The lead of the beginning is gone, and has turned. Two things changed: the length, and the rate at which each kind is
# best. At this size the older way is at least as good.
#
# **What this does not show.** Larger models, longer training, a full search of rates for smaller first values (two
# were tried).

# %% [markdown]
# ## 5 · Are the deep blocks idle? · 6 min
#
# If deep blocks are idle in Pre-LN and at work with scaling, you will see it when you leave one out. Call a block *idle*
# when losing it costs at most 0.01 nats a token.

# %%
idle = lesson.predict("p5")

# %% [markdown]
# Each small dot is one trained model, the line is the mean over five; both kinds stand at their own best rate. What costs
# next to nothing, or less than nothing, lies at the lower end of the axis.

# %%
panel = labkit.PairPanel(gate=idle, lrs=rates, seeds=five)
panel


# %% tags=["collapsed"]
mean_idle = {}
for recipe, name in kinds.items():
    found = runs.of(recipe, lr=rates[recipe], seeds=five)
    counts = [run.idle for run in found]
    mean_idle[name] = sum(counts) / len(counts)
told = ", ".join(f"{count:g} of sixteen in {name}" for name, count in mean_idle.items())
lesson.result("p5", found=mean_idle["Pre-LN"], because=f"On average {told}.")
figures.show(labkit.claims.assess(labkit.claims.ledger().claim("08.deep_at_work")))
holds(
    mean_idle["Pre-LN"] < 8, "Most blocks of our Pre-LN models cost something to lose."
)

# %% [markdown]
# With sixteen blocks there was no curse to lift. The ledger's test asks for the deep half alone, and five pairs leave it
# open. (The deeper notebook shows that the learning rate decides more: at low rates it is the scaled models whose blocks
# are idle.)
#
# And deeper models? Five more pairs were trained with 8 blocks and five with 32, for 200 steps at one rate. Nothing of
# them was known when the ledger's rows on them were written.

# %%
by_depth = labkit.idle_by_depth()
figures.show(by_depth)

# %%
figures.show(labkit.claims.assess("08.idle_share_grows"))
few, many = (one.value for one in by_depth.shares["Pre-LN"])
holds(few == 0 and many > 0.7, "Pre-LN: of 8 blocks none is idle, of 32 most are.")
for blocks in by_depth.depths:
    pairs = zip(short.of(f"depth/pre-{blocks}"), short.of(f"depth/lns-{blocks}"))
    gaps = [scaled.loss - plain.loss for plain, scaled in pairs]
    lead = measurements.mean_over(gaps, "seeds", method="t")
    print(
        f"{lead.value:+.3f} nats, {lead.low:+.3f} to {lead.high:+.3f}, "
        f"scaled minus plain, {blocks} blocks"
    )
    holds(lead.high < 0, f"With {blocks} blocks the loss is lower with scaling.")
holds(
    all(pre.value < lns.value for pre, lns in zip(*by_depth.shares.values())),
    "With scaling it is more of them, at either depth.",
)

# %% [markdown]
# So the paper's picture is there: the deeper a Pre-LN model, the larger the share of blocks it can do without. But the
# factor does not wake them. With it *more* blocks can go, and the loss is lower all the same, at this one rate and
# after 200 steps: idle blocks are not what it mends here. Whether its gain grows with depth five pairs leave open; the
# deeper notebook ends with all rows.
#
# **What this does not show.** What happens at the paper's size. Its smallest model is over a hundred times as large and
# read a thousand times as much. Two hundred steps are few: blocks that are idle then may have work later, as in the
# models of sixteen blocks above. And that they are idle *together*: the same work, shared among four times as many,
# costs less a block. Leave out several at once to tell. Every arm stands at the rate that was best for Pre-LN with
# sixteen.

# %%
lesson.progress()

# %% [markdown]
# ## Your sentence · 3 min
#
# Before you go on, write one: when would you call a layer *wasted*, and what would show that you are wrong?
#
# *[Deeper](08_curse_of_depth_deeper.ipynb): six places for the factor, the theory beside measurement, angles with an
# axis, other norms, blocks that change places, what pairs are worth, two small models trained before your eyes, an
# encoder that norms the other way, a bug hunt. Next:
# [10 · LLM-Microscope](../10_llm_microscope/10_llm_microscope.ipynb). What does each layer do to a comma?*

# %% [markdown]
# The paper, to cite:

# %% tags=["nbval-check-output"]
print(labkit.cite("08"))
