# %% [markdown]
# # 08 · The curse of depth
#
# {{badges}}
#
# In many large models nearly half of the layers can be left out one at a time and hardly anything is lost: the deep half.
# Somebody paid for training them. Sun and colleagues (2025) say that where the norm stands is to blame, and that one
# factor after every norm puts the deep layers to work. You will throw that switch in a model that is already trained,
# look at models that have learned nothing yet, and leave blocks out of models that were trained apart.
#
# *60 minutes. You need [lesson 00](../00_cut_compare_restore/00_cut_compare_restore.ipynb); the primer has
# [residual and norm](../primer/primer.ipynb#Residual-and-norm-(5-min)). Afterwards you can say what a factor after the
# norm does, why it is no switch for a trained model, and tell a better way of training from a luckier seed.*
#
# *The paper:* Sun, Song, Li, Yin, Zheng and Liu (2025), *The Curse of Depth in Large Language Models*, [arXiv 2502.05795](https://arxiv.org/abs/2502.05795), [its code](https://github.com/lmsdss/LayerNorm-Scaling). *Ours:*
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
# ## 1 · One factor after the norm · 14 min
#
# A block adds to the stream: h ← h + f(norm(h)). So the stream grows from block to block, and every norm divides by that
# growing size. What a late block adds, the paper says, is small beside what is already there, and the block might as well
# be missing. That is its *curse*. Look how the stream grows in `lab/deep`, twelve blocks trained on the islands.

# %%
deep = labkit.load("lab/deep")
stories = [story.text for story in labkit.world.documents("stories", 24, seed=81, split="test")]
stream = measurements.residual_stats(deep, stories)
figures.show(
    figures.Lines(
        title="The stream grows from block to block",
        x=range(1, 13),
        lines={"variance": [one.value for one in stream.variance[1:]]},
        x_label="block",
        y_label="variance over channels",
        sentence=f"The stream's variance is {stream.variance[1].value:.3g} after the first block and "
        f"{stream.variance[-1].value:.3g} after the last.",
        dots=True,
    )
)

# %% [markdown]
# The remedy is one factor. **LayerNorm Scaling** multiplies what both norms of block ℓ return by 1/√ℓ, blocks counted
# from 1: h ← h + f(norm(h) / √ℓ). Deep blocks then add less, and the stream stays small. In labkit it is a variant of the
# baseline that uses another module in one slot: `after` multiplies what the norm returns, and `exponent` is a half.

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
# Three of the panel's settings matter here: as trained; scaling on; scaling on *and* every gain of block ℓ multiplied by
# √ℓ, which makes up for it. It opens as trained, so choose *scaling on*. *Cost to lose* is what the loss rises by when a block is left out.
# To answer at once, the panel reads two short stories; the cell after it reads 24, so its numbers are others.

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

# %% tags=["nbval-check-output"]
times = losses["scaling on"] / losses["as trained"]
answer = 0 if times < 0.98 else 1 if times < 1.02 else 2 if times < 1.5 else 3
lesson.result("p1", answer=answer)
moved = max(float((a - b).abs().max()) for a, b in zip(logits["as trained"], logits["scaling on, gains × √ℓ"]))
holds(moved < 1e-3, "With gains that make up for it no logit moves: the same function, written otherwise.")

# %% [markdown]
# So the factor in itself is nothing. Any Pre-LN model *is* a model with scaling and larger gains; the two can compute
# exactly the same things. What differs is where training starts, and how far a step of the optimiser reaches in each
# block.
#
# Now look at the panel again, at *cost to lose*. The model whose loss the switch spoiled has deep blocks that cost more
# to lose than before.

# %%
deeper = [labkit.DropBlock(layer) for layer in range(6, 12)]
whole = labkit.sweep(deep, deeper, stories)
with labkit.edit(deep, labkit.SwitchLayerNormScaling()):
    spoiled = labkit.sweep(deep, deeper, stories)
costs = [sum(point.change.value for point in swept.points) / 6 for swept in (whole, spoiled)]
print(f"mean cost of a block of the deeper half: {costs[0]:.3f} as trained, {costs[1]:.3f} with the switch on")

# %%
holds(costs[1] > costs[0], "The spoiled model's deep blocks cost more to lose.")

# %% [markdown]
# Keep that in mind for the third experiment. “Every block is needed” is not the same as “the model is good”.
#
# **What this does not show.** Anything about training with scaling. Nobody claims that the switch helps a trained model;
# people have thrown it all the same, when they fine-tuned a checkpoint with the new code.
#
# ## 2 · Before and after training · 12 min
#
# The paper's picture of the cure: with scaling, deep layers turn the stream more. Where does a model start from? Here are
# two fresh ones, 24 blocks each, random weights, not one step of training. A block that does nothing leaves the direction
# of the stream as it is: a turn of 0. A right angle is 0.5. (The panel's third plot, the gradient, is for the deeper
# notebook.)

# %%
fresh = lesson.predict("p2")

# %%
labkit.InitialisationPanel(gate=fresh)

# %%
untrained = labkit.InitialisationPanel()
untrained.set(placement="LayerNorm Scaling", depth=24, first_values="plain")
nearer = untrained.data.chosen.turns[-1] / untrained.data.baseline.turns[-1]
answer = 0 if nearer > 1.05 else 1 if nearer < 0.95 else 2
lesson.result("p2", answer=answer, because=f"Its turn is {nearer:.2f} of the other's.")
holds(answer == 1, "Before training the scaled model's last block is the one that is nearer to doing nothing.")

# %% [markdown]
# Its factor is about a fifth. The stream it adds to is smaller too, so the turn shrinks by less than that.
#
# This is the opposite of the cure. So if deep blocks turn the stream more in a *trained* model with scaling, training has done it.
# Two models come with the course: `depth/pre` and `depth/lns`, sixteen blocks, the same first weights, the same texts in
# the same order. Each was trained at the learning rate that was best for its kind.

# %%
pair = {"Pre-LN": labkit.load("depth/pre"), "LayerNorm Scaling": labkit.load("depth/lns")}
trained = {name: labkit.angular_distances(model, stories) for name, model in pair.items()}
shown = {name: [one.value for one in found.adjacent] for name, found in trained.items()}
late = {name: sum(line[8:]) / 8 for name, line in shown.items()}
figures.show(
    figures.Lines(
        title="How far each block turns the stream, after training",
        x=range(2, 17),
        lines={name: line[1:] for name, line in shown.items()},
        x_label="block",
        y_label="angle over π",
        sentence="Mean turn by a block of the deeper half: "
        + ", ".join(f"{turn:.3f} in {name}" for name, turn in late.items())
        + ". One model of each kind; block 1, which makes the stream, is left out.",
        dots=True,
    )
)

# %% [markdown]
# One of each kind is an anecdote. So the ledger of this course holds a test that was written down before the models were
# trained: five more seeds of each.
#
# This is how to read its picture. The dot is what we measured, with its interval. The dotted line is the *null*: what
# would come out if there were nothing. The grey band around it is the *margin*: smaller than that counts as nothing. Null
# and margin were fixed before. *Contradicted*: the interval lies on the wrong side of the null. *Unresolved*: it holds the
# null and is too wide to say that there is nothing.

# %%
turned = labkit.claims.ledger().claim("08.deep_turn_more")
print(turned.sentence)
figures.show(labkit.claims.assess(turned))

# %% [markdown]
# With scaling the deep blocks turn the stream *less*, by little more than the margin. The paper's map shows 0.6 and more,
# which no block after the first comes near; the [deeper notebook](08_curse_of_depth_deeper.ipynb) asks whether one could.
#
# And the size of the stream?

# %%
sizes = {name: measurements.residual_stats(model, stories).variance[-1].value for name, model in pair.items()}
for name, size in sizes.items():
    print(f"{name}, trained at {pair[name].card['lr']:g}: variance {size:,.0f} after the last block")

# %% [markdown]
# The two were trained at different rates. Here are models of both kinds at each rate we tried.

# %%
runs = labkit.BlockRuns.load()
kinds = {"depth/pre": "Pre-LN", "depth/lns": "LayerNorm Scaling"}
seed_0 = {name: {run.lr: run for run in runs.of(recipe, seeds=[0])} for recipe, name in kinds.items()}
tried = sorted(seed_0["Pre-LN"])
print("learning rate", *(f"{name:>18}" for name in seed_0))
for lr in tried:
    print(f"{lr:13g}", *(f"{at_rate[lr].variance[-1]:18,.1f}" for at_rate in seed_0.values()))
smaller = [seed_0["LayerNorm Scaling"][lr].variance[-1] < seed_0["Pre-LN"][lr].variance[-1] for lr in tried]
holds(all(smaller), "At each rate the scaled model has the smaller stream.")

# %% [markdown]
# At equal rates the factor does what it promises. But the learning rate does far more: read down a column.
#
# **What this does not show.** That a small stream is good, or a large turn useful. Both are descriptions. What the factor
# is *for* is the loss, and blocks that are worth their price.
#
# ## 3 · Trained apart · 14 min
#
# Is the scaled model better? The paper trained one of each kind, both at the same learning rate, and found 26.73 against
# 25.76 in perplexity: 0.037 nats. Here is that experiment at six learning rates, one seed.

# %%
rate = lesson.predict("p3")

# %%
by_rate = {name: {lr: at_rate[lr].loss for lr in tried} for name, at_rate in seed_0.items()}
figures.show(
    figures.Lines(
        title="Loss on unseen stories, one seed",
        x=[1000 * lr for lr in tried],
        lines={name: [losses[lr] for lr in tried] for name, losses in by_rate.items()},
        x_label="learning rate, in thousandths",
        y_label="nats a token",
        sentence="; ".join(
            f"{name}: " + ", ".join(f"{losses[lr]:.3f} at {lr:g}" for lr in tried) for name, losses in by_rate.items()
        )
        + ".",
        dots=True,
    )
)

# %%
ahead = [lr for lr in tried if by_rate["LayerNorm Scaling"][lr] < by_rate["Pre-LN"][lr]]
rates = {recipe: runs.best_lr(recipe, seeds=[0]) for recipe in kinds}
answer = [3, 3, 2, 2, 1, 1, 0][len(ahead)]
lesson.result("p3", answer=answer, because=f"At {' and '.join(f'{lr:g}' for lr in ahead) or 'none'}.")
holds(set(tried[-2:]) <= set(ahead), "At the two highest rates it is ahead.")
print(*(f"{name} is best at {rates[recipe]:g}" for recipe, name in kinds.items()), sep="\n")

# %% [markdown]
# At high rates Pre-LN suffers sooner, by far. At lower rates the order changes from rate to rate, as it would from seed to
# seed. So whoever takes one rate for both has a hand in who wins. The fair thing is to give each kind its best. (The test asks for
# five rates. The best of the scaled kind was the highest of them, so a sixth was tried with both.)
#
# And one seed is not enough. So we trained five fresh seeds of each, at the two rates just found. The two runs of a seed
# read the same texts in the same order, so they are compared pair by pair.

# %%
better = lesson.predict("p4")

# %%
curves = labkit.training.Curves.load(labkit.curves_path())
gap = measurements.compare_curves(curves, *rates, lrs=tuple(rates.values()), seeds=[1, 2, 3, 4, 5])
figures.show(gap)

# %%
answer = 0 if gap.last.high < 0 else 1 if gap.last.low > 0 else 2
lesson.result("p4", answer=answer, because=f"{gap.last}.")
holds(gap.difference[len(gap.difference) // 4].high < 0, "Early on, the scaled kind is ahead.")
claim = labkit.claims.ledger().claim("08.lower_loss")
figures.show(labkit.claims.assess(claim))

# %% [markdown]
# (The curve is of the training loss; the ledger's test asks for unseen stories.) An early lead says little about the end.
# Nor do these pairs tell whether the lead comes from the factor or from the rate, which is twice as high. In the paper's
# largest run, at one rate for both, it was the other way round: scaling behind for a third of the way, then ahead.
#
# Did it help to compare pair by pair? If a pair had much in common, its difference would vary less than that of two
# unrelated runs.

# %%
import statistics

ends = {
    name: [run.last_loss for run in curves.of(recipe, rates[recipe]) if run.seed in gap.seeds]
    for recipe, name in kinds.items()
}
spread = {name: statistics.stdev(losses) for name, losses in ends.items()}
unrelated = sum(one**2 for one in spread.values()) ** 0.5
paired = statistics.stdev(b - a for a, b in zip(*ends.values()))
print("Standard deviation over seeds, nats a token:")
print(*(f"{value:.4f}  {name}" for name, value in spread.items()), sep="\n")
print(f"{unrelated:.4f}  the difference of two unrelated runs")
print(f"{paired:.4f}  the difference of a pair")

# %%
holds(paired > 0.8 * unrelated, "Here pairing removed hardly anything.")

# %% [markdown]
# Pairing costs nothing, so it is always done; how much it removes has to be looked up. A difference smaller than what the
# seed does takes many seeds to see.
#
# Now the blocks. If deep ones are idle in Pre-LN and at work with scaling, you will see it when you leave one out. Call a
# block *idle* when losing it costs at most 0.01 nats a token.

# %%
idle = lesson.predict("p5")

# %% [markdown]
# Each dot is one trained model.

# %%
panel = labkit.PairPanel(gate=idle, lrs=rates, seeds=gap.seeds)
panel


# %%
def idle_and_deep(run):
    return sum(cost <= 0.01 for cost in run.block[8:])


mean_idle = {
    name: sum(idle_and_deep(run) for run in runs.of(recipe, lr=rates[recipe], seeds=gap.seeds)) / len(gap.seeds)
    for recipe, name in kinds.items()
}
told = ", ".join(f"{count:g} of eight in {name}" for name, count in mean_idle.items())
at_work = labkit.claims.assess(labkit.claims.ledger().claim("08.deep_at_work"))
answer = 0 if at_work.low > 0 else 1 if at_work.high < 0 else 2
lesson.result("p5", answer=answer, because=f"In the mean, {told}; the interval of the difference is wide.")
figures.show(at_work)

# %% [markdown]
# How many blocks are idle depends on the rate as well. Seed 0 again, both kinds at every rate:

# %%
idle_at = {name: [idle_and_deep(at_rate[lr]) for lr in tried] for name, at_rate in seed_0.items()}
figures.show(
    figures.Lines(
        title="Idle ones among the eight deep blocks, one seed",
        x=[1000 * lr for lr in tried],
        lines=idle_at,
        x_label="learning rate, in thousandths",
        y_label="blocks",
        sentence="Idle deep blocks; "
        + "; ".join(
            f"{name}: " + ", ".join(f"{count} at {lr:g}" for lr, count in zip(tried, counts))
            for name, counts in idle_at.items()
        )
        + ".",
        dots=True,
    )
)

# %%
low = tried[: len(tried) // 2]
holds(
    all(idle_at["LayerNorm Scaling"][n] > idle_at["Pre-LN"][n] for n in range(len(low))),
    "At low rates the scaled model has more.",
)
holds(max(idle_at["LayerNorm Scaling"]) == idle_at["LayerNorm Scaling"][0], "The most at the lowest rate.")
second = tried[1]
holds(
    by_rate["LayerNorm Scaling"][second] < by_rate["Pre-LN"][second],
    f"At {second:g} the scaled model has the lower loss.",
)

# %% [markdown]
# At low rates it is the paper's picture turned round: more idle blocks with scaling. At high rates few are idle in either
# kind. And idle is not bad: at the second rate the scaled model has the lower loss, with almost all of its deep blocks
# idle. A guess: the factor makes a deep block read less and so write less, a step of the optimiser moves
# it less, and a larger rate makes up for that. It would explain why the scaled kind likes a larger one.
#
# **What this does not show.** What happens at the paper's size. Its smallest model is over a hundred times as large and
# read a thousand times as much; there deep blocks may fall idle first and be woken by the factor. We varied neither size
# nor length of training enough to say.
#
# ## Exercises · 15 min

# %%
score = lesson.exercise("08.1")

# %%
score.check(...)

# %%
switch = lesson.exercise("08.2")


# %%
def scaled(model, ids, p):
    handles = []
    for layer, block in enumerate(model.trunk.blocks):
        for branch in block.branches:

            def times(module, inputs, output, layer=layer):
                return ...

            handles.append(branch.norm.register_forward_hook(times))
    logits = model(ids).logits
    ...
    return logits


switch.check(scaled)

# %%
seeds = lesson.exercise("08.3")


# %%
def judge(first, second):
    gaps = ...
    return ...


seeds.check(judge)

# %%
lesson.progress()

# %% [markdown]
# ## Your sentence · 3 min
#
# Before you go on, write one: when would you call a layer *wasted*, and what would show that you are wrong?
#
# *[Deeper](08_curse_of_depth_deeper.ipynb): six places for the factor, the theory beside measurement, angles with an axis,
# other norms, two small models trained before your eyes, an encoder that norms the other way, a bug hunt. Next:
# [10 · LLM-Microscope](../../README.md#the-lessons). What does each layer do to a comma?*

# %% [markdown]
# The paper, to cite:

# %% tags=["nbval-check-output"]
print(labkit.cite("08"))
