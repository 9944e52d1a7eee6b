# %% [markdown]
# # 02 · What matters in transformers?
#
# {{badges}}
#
# In 2024 He, Sun and colleagues took 40 of the 80 attentions out of Llama-2-70B, without any training. Over eight tasks
# it fell from 73.9 to 71.5 points of a hundred, wrote 1.5 times as fast, and needed half of the memory for what it had
# read. Attention is what transformers are famous for, and it could go. You will take the parts out of a model of ours,
# one by one and by the dozen, ask the paper's score which ones can go, and find that its answer is not every model's.
#
# *60 minutes. You need [lesson 00](../00_cut_compare_restore/00_cut_compare_restore.ipynb). Afterwards you can score
# the parts of a model with one pass, say what such a score cannot see, and judge a cut by more than its loss.*
#
# *The paper:* He, Sun, Shen and Li (2024), *What Matters in Transformers? Not All Attention is Needed*, [arXiv 2406.15786](https://arxiv.org/abs/2406.15786), [its code](https://github.com/CASE-Lab-UMD/LLM-Drop). *Ours:*
# [labkit/papers/what_matters]({{repository}}/tree/main/labkit/papers/what_matters).

# %% tags=["setup", "network", "collapsed"]
try:
    import labkit
except ImportError:  # on Colab
    # %pip install -q --no-deps "transformer-surgery @ git+{{repository}}"
    import labkit

import torch

from labkit.papers.what_matters import Cosine
from labkit.sweeps import LeaveOneOut, every_sublayer, score_agreement
from labkit.papers.what_matters import one_shot

lesson = labkit.open_lesson("02")
figures, holds = labkit.figures, labkit.course.holds

# %% [markdown]
# ## Before you begin · 2 min
#
# Two questions from earlier lessons, without looking back. The second is from lesson 01; guess, if you skipped it.

# %%
recall = lesson.predict("r1")

# %%
lesson.result("r1")

# %%
again = lesson.predict("r2")

# %%
lesson.result("r2")

# %% [markdown]
# ## 1 · Cut one part · 14 min
#
# `lab/deep` has twelve blocks, each with an attention and an MLP: 24 parts that write to one stream. It has read
# stories of the islands, lists to repeat, and facts about people.

# %%
deep = labkit.load("lab/deep")
stories = [story.text for story in labkit.world.documents("stories", 12, seed=21, split="test")]
print(deep, deep.model.config.depth, "blocks")
print(stories[0])

# %% [markdown]
# In the paper, four MLPs of Mistral-7B are worth 3.4 points and four attentions 0.4. Now one part at a time. The first
# block and the last are special in every model, so the question is about the ten between them.

# %%
guess = lesson.predict("p1")

# %%
swept = labkit.sweep(deep, every_sublayer(deep), stories)
truth = LeaveOneOut.of(swept, depth=12)
print(f"block 0: attention {truth.attention[0].value:.2f}, MLP {truth.mlp[0].value:.2f} nats a token")

# %% tags=["nbval-check-output"]
middle = range(1, 11)
cost = {kind: sum(truth.of(kind)[layer].value for layer in middle) / len(middle) for kind in ("attention", "mlp")}
ratio = cost["attention"] / cost["mlp"]
lesson.result("p1", answer=0 if ratio < 0.5 else 1 if ratio > 2 else 2)
holds(
    all(truth.attention[layer].value > truth.mlp[layer].value for layer in middle),
    "In each of the ten middle blocks the attention costs more than the MLP.",
)

# %%
figures.show(
    figures.Bars(
        title="What one part is worth, from the second block on",
        labels=[f"block {layer}" for layer in range(1, 12)],
        groups={
            "attention": [one.value for one in truth.attention[1:]],
            "MLP": [one.value for one in truth.mlp[1:]],
        },
        intervals={
            "attention": [(one.low, one.high) for one in truth.attention[1:]],
            "MLP": [(one.low, one.high) for one in truth.mlp[1:]],
        },
        x_label="rise of the loss without it, nats a token",
        sentence=f"A middle attention costs {cost['attention']:.3f} nats a token on average, a middle MLP "
        f"{cost['mlp']:.4f}. Block 0 is left out: without its MLP the loss rises by {truth.mlp[0].value:.1f}.",
        digits=3,
    )
)

# %% [markdown]
# The parts of the first block are left out: their bars would not fit on this picture. Its MLP is the first to see what a
# word *is*; all the others read what it made of it. After that, most MLPs look idle, one at a time, though each has twice the weights of
# an attention.
#
# Now take out as many as you like. The panel reads six other stories, short ones, so its numbers are not yours; the
# intervals are wide. How many parts can go before it talks nonsense? What do all ten middle MLPs cost, and all ten
# attentions?

# %%
labkit.LayerGridPanel("lab/deep", gate=guess)

# %% [markdown]
# With a few parts gone the paper's sentence fails here. With all ten gone the two are close, and six short stories cannot
# tell which is worse; section 3 asks more. Our ledger asks it with four parts of each kind, on stories that were not used
# to choose among them. Written down first: the *null*, which is what no difference would give; how many documents; and
# the *margin*: an interval that stays within it says *absent here*, whatever its sign. *Direction* says only: the same
# sign as in the paper, beyond chance and margin. It may still be small.

# %%
claim = labkit.claims.ledger().claim("02.attention_against_mlp")
print(claim.sentence)
figures.show(labkit.claims.assess(claim))

# %% [markdown]
# (The paper counts points of a task and we count nats: the two marks share a ratio, not a unit.) One at a time the
# attentions were more expensive still. Together, though, MLPs cost more than the sum of what each costs alone: section 3 has
# the numbers.
#
# Why do attentions matter so here? An attention fetches from earlier words, an MLP works on one word at a time. Our
# stories are of four people who move about and hand things on: much to fetch, and little to know, a few hundred facts
# in all. A model of the internet must know millions. That would explain it. It is a guess: nothing here varies the
# text.
#
# **What this does not show.** That the paper is wrong about its models. It shows that *attention is what you can do
# without* is a statement about a model and what it has read, not about transformers.
#
# ## 2 · Score against truth · 13 min
#
# You left out 24 parts and read the text anew each time. In a model of 160 parts and with a million words nobody does
# that. The paper looks at one pass: how much does a part *turn* the stream?
#
# $$S = 1 - \cos(x, y), \qquad x = \text{the stream before the part}, \quad y = x + \text{what the part adds}$$
#
# averaged over all tokens. 0: the stream goes on in the same direction, the part is said to be redundant. Here it is
# for one attention, by hand.

# %%
ids = deep.encode(stories[0])
seen = labkit.record(deep, ids, ["layers.3", "layers.4.attn"])
x_BLD = seen["layers.3"]  # the stream after block 3: B texts, L tokens, D numbers each
y_BLD = x_BLD + seen["layers.4.attn"]  # and after the attention of block 4
by_hand = (1 - torch.cosine_similarity(x_BLD, y_BLD, dim=-1)).mean()
print(f"by hand {float(by_hand):.6f}")

# %% tags=["nbval-check-output"]
theirs = Cosine()(deep, [ids]).attention[4].value
holds(abs(float(by_hand) - theirs) < 1e-5, "labkit's score is the same number.")

# %%
scores = Cosine()(deep, stories)
figures.show(scores)

# %% [markdown]
# *Block* is both parts of one together. After block 0 the score falls steeply, then it stays low; the last MLPs turn
# the stream more again. The fall is no wonder: the stream is a sum, it gets longer with every block, and the same
# addition turns a long vector less.
#
# You have the truth from section 1 and the score now. Put all 24 parts in order by each.

# %%
order = lesson.predict("p2")

# %%
agreed = score_agreement(scores, truth)
figures.show(agreed)
print(*(f"inside {kind}: {one}" for kind, one in agreed.within.items()), sep="\n")

# %% tags=["nbval-check-output"]
inside = [one.value for one in agreed.within.values()]
together = agreed.correlation.value
answer = 0 if together > 0.6 else 1 if min(inside) > together + 0.1 else 2
lesson.result("p2", answer=answer)
holds(min(inside) > together, "Inside each kind the orders agree better than for both kinds together.")

# %% [markdown]
# In the picture the attentions lie above the MLPs: at one score they cost more. Inside a kind there seems to be an
# order. Twelve parts are few: read the intervals before you believe it.
#
# Take an attention and an MLP of the middle blocks that turn the stream by the same amount, within a tenth. What do
# they cost?

# %%
pairs = [
    (a, b)
    for a in middle
    for b in middle
    if abs(scores.attention[a].value / scores.mlp[b].value - 1) < 0.1 and truth.mlp[b].value > 0
]
a, b = max(pairs, key=lambda pair: truth.attention[pair[0]].value / truth.mlp[pair[1]].value)
for kind, layer in (("attention", a), ("mlp", b)):
    print(
        f"{kind} {layer}: score {scores.of(kind)[layer].value:.4f}, cost {truth.of(kind)[layer].value:.4f} nats a token"
    )
holds(truth.attention[a].value > 10 * truth.mlp[b].value, "Of one score, and more than ten times as dear.")

# %% [markdown]
# The score knows the *size* of a turn. It does not know what for. (Other scores have been proposed; the deeper notebook
# has a panel with six.)
#
# The ledger asked the same of all 24 parts, on more stories. Its interval is over texts. Yours is over the parts, and
# much wider: with other parts than these 24 the number might be another.

# %%
claim = labkit.claims.ledger().claim("02.score_against_cost")
print(claim.sentence)
figures.show(labkit.claims.assess(claim))

# %% [markdown]
# The number is above 0, hence *direction*. But *whichever kind it is* is what the pair above breaks.
#
# And is leave-one-out the truth? It asked for one part at a time. Take the four middle MLPs that cost least alone, and
# the four with the lowest scores. Which four cost less together?

# %%
cheap = sorted(middle, key=lambda layer: truth.mlp[layer].value)[:4]
low = sorted(middle, key=lambda layer: scores.mlp[layer].value)[:4]
fours = [labkit.Plan([labkit.DropMLP(layer) for layer in sorted(four)]) for four in (cheap, low)]
together_cost = labkit.sweep(deep, fours, stories)
for name, plan in zip(("cheapest alone", "lowest scores"), fours):
    layers = ", ".join(str(edit.layer) for edit in plan)
    print(f"{name}: MLPs {layers} together cost {together_cost[plan].change}")

# %% [markdown]
# What one part costs alone does not tell what four cost: if two stand in for each other, each alone looks idle.
#
# **What this does not show.** That a score is useless. It sorts the first block from the rest, for one pass instead of
# 24.
#
# ## 3 · The race · 14 min
#
# Now many parts at once. A *plan* is a list of drops; the score makes one for each strategy. *Joint* puts both kinds in
# one list. A block counts as one drop, though two parts go with it.

# %%
for part in ("attention", "mlp", "block", "joint"):
    print(
        f"{part:10}", *(f"{edit.kind.removeprefix('drop_')} {edit.layer}," for edit in one_shot(deep, stories, 5, part))
    )

# %%
strategy = lesson.predict("p3")

# %% [markdown]
# And a second question before you look. The loss is one number. What can the model still *do*? It repeats lists, it
# says who has the lantern at the end of a day, it knows facts. To compare, let 1 be the intact model and 0 one that
# knows nothing: a quarter of the answers right, or the loss of guessing words by how frequent they are. A list copied
# in 85 of
# 100 cases, say, is at (0.85 - 0.25) / 0.75 = 0.8.

# %%
first = lesson.predict("p4")

# %%
# Go to eight parts gone; then change what is asked of the model.
panel = labkit.RacePanel("lab/deep", gate=first)
panel

# %%
race = panel.kept  # the stored race; every line has one estimate for each count of drops
cheapest = min(("attention", "mlp", "block", "joint"), key=lambda name: race.loss[name][4].value)
lesson.result("p3", answer=("attention", "mlp", "block", "joint").index(cheapest))

# %%
left = {"the loss": [1 - cost.value / (race.guess - race.base.value) for cost in race.loss["attention"]]}
for probe, name in {"copying": "copying a list", "lantern": "who has the lantern", "facts": "facts"}.items():
    whole, shares = race.intact[probe], race.probes[probe]["attention"]
    left[name] = [(share.value - whole.null) / (whole.value - whole.null) for share in shares]
figures.show(
    figures.Lines(
        title="Attentions go, the lowest score first: what is left?",
        x=race.counts,
        lines=left,
        x_label="attentions gone, of 12",
        y_label="left (1 intact, 0 knows nothing)",
        sentence="Each of four things falls at a count of its own. After eight drops "
        + ", ".join(f"{name} is at {values[8]:.2f}" for name, values in left.items())
        + ".",
        dots=True,
    )
)

# %% tags=["nbval-check-output"]
falls = {name: next(gone for gone, value in enumerate(values) if value < 0.9) for name, values in left.items()}
lesson.result("p4", answer=min(falls, key=falls.get))
print(*(f"{name}: below 0.9 with {gone} attentions gone" for name, gone in falls.items()), sep="\n")

# %% [markdown]
# The skills go one after another, at places of their own, and the loss goes at yet another. Copying is half gone while
# the loss still stands at nine tenths: most words of a story need no copying. Facts break off with the same drop. The
# lantern goes another way: whole up to the eighth drop, lost with the ninth.
#
# Mind the scale, though. What the first attention costs is about a hundredth of the way to guessing, and more than a
# tenth of the *intact* loss; and every list is still repeated. “The skill goes before the loss” is true on one scale
# and false on the other. What is true on both: the loss does not tell *which* skill is gone.

# %% tags=["nbval-check-output"]
copied, lantern = falls["copying a list"], falls["who has the lantern"]
holds(copied < falls["the loss"] < lantern, "On our scale copying falls before the loss, and the lantern after it.")
holds(left["the loss"][lantern] > 0.8, "When the lantern is lost, the loss still stands above 0.8.")
half = next(gone for gone, value in enumerate(left["facts"]) if value < 0.5)
holds(
    left["copying a list"][half] < 0.5 < 0.9 < left["the loss"][half], "Facts and copying half gone, the loss at 0.9."
)
holds(0.98 < left["the loss"][1] < 0.995, "One attention gone: about a hundredth of the way to guessing.")
holds(race.loss["attention"][1].value > 0.1 * race.base.value, "One attention gone: a tenth more loss, and more.")

# %% [markdown]
# Go back to the panel and follow the other lines. The MLPs are cheapest at first; then they fall off, for they stand in
# for each other: together the first four cost more than the sum of what each costs alone. And the one list of both
# kinds wins. Random choices, the mean of a few draws, are ruin from the first drop on: the first block is among what
# may be drawn.

# %% tags=["nbval-check-output"]
others, rise = ("attention", "mlp", "block"), race.loss
turns = next(k for k in race.counts[1:] if rise["attention"][k].value < rise["mlp"][k].value)
wins = next(k for k in race.counts[1:] if all(rise["joint"][k].value < rise[one][k].value for one in others))
print(f"attentions are cheaper than MLPs from {turns} drops on, joint is cheapest from {wins} on")
holds(all(rise["joint"][12].value < rise[one][12].value for one in others), "And still is at twelve.")
holds(rise["random"][1].value > 1, "One part at random costs more than a nat a token.")
alone = sum(truth.mlp[int(name.split()[1])].value for name in race.orders["mlp"][:4])
holds(rise["mlp"][4].value > 2 * alone, "Four MLPs together cost more than twice the sum of what each costs alone.")

# %% [markdown]
# That much of the paper holds here: when much has to go, one list of both kinds is best. The ledger has it at 9 parts
# of 24, the paper's share.

# %%
claim = labkit.claims.ledger().claim("02.joint_against_attention")
print(claim.sentence)
figures.show(labkit.claims.assess(claim))

# %% [markdown]
# **What this does not show.** Half of Llama-2-70B's attentions. Twelve blocks are few. The deeper a model, the more of
# it can go: that is a pattern over the authors' models, not an experiment.
#
# ## Exercises · 15 min

# %%
score = lesson.exercise("02.1")

# %%
score.check(...)

# %%
jointly = lesson.exercise("02.2")


# %%
def joint(attention, mlp, n):
    scored = [(score, "attention", layer) for layer, score in enumerate(attention)]
    ...
    return ...


jointly.check(joint)

# %%
quiet = lesson.exercise("02.3")

# %%
quiet.check(...)

# %%
lesson.progress()

# %% [markdown]
# ## Your sentence · 2 min
#
# Before you go on, write one: a model without a third of its layers has nearly the same loss. What do you ask before
# you use it?
#
# *[Deeper](02_what_matters_deeper.ipynb): other scores, one by one and its bug, a fair opponent, time and memory,
# healing, rounding, training. Next: [08 · The curse of depth](../08_curse_of_depth/08_curse_of_depth.ipynb). In large
# models deep layers are cheap to lose, the papers say. Why, and is it so here?*

# %% [markdown]
# The paper, to cite:

# %% tags=["nbval-check-output"]
print(labkit.cite("02"))
