# %% [markdown]
# # 02 · What matters in transformers? Deeper
#
# {{badges}}
#
# Cut eight of the twelve attentions out of a small model, then train it for a minute. Most of its lost loss comes back.
# In that same minute it loses what was left of its skill at copying a list. Each section takes one sentence of the
# paper and checks what lies behind it.
#
# *In a hurry? Read section 5 first: that is the case above. Then hunt the bug of section 2, which was released with the
# paper.* Run the next two cells; after them the sections stand alone, in any order.
#
# | word | meaning |
# | --- | --- |
# | *stream* | the running sum that each part, an attention or an MLP, reads and adds to |
# | *score* | how far a part turns the stream, 1 − cosine of before and after, averaged over tokens; the lowest goes first |
# | *cost* | how much the loss rises without a part, in nats a token |
# | *cost ratio*, A ÷ B | below 1, A is the cheaper cut |
# | *null* | what no difference would give |
# | *direction*, *reproduced* | our interval lies on the paper's side; *reproduced*: at least half of its effect |
# | *contradicted*, *absent here* | it lies on the other side; or too near the null to count |
#
# `told` prints a row of our ledger of tested claims: the paper's sentence (or ours, an *observation*), our number with
# its 95 % interval, the null, the verdict, and in brackets what was measured.

# %% tags=["setup", "network", "collapsed"]
try:
    import labkit
except ImportError:  # on Colab
    # %pip install -q --no-deps "transformer-surgery @ git+{{repository}}"
    import labkit

from random import Random

from labkit import DropAttention, Plan
from labkit.papers import what_matters as redundancy
from labkit.sweeps import score_agreement
from labkit.papers.what_matters import iterative, one_shot, race

lesson = labkit.open_lesson("02")
figures, holds, report = labkit.figures, labkit.course.holds, labkit.course.report
deep = labkit.load("lab/deep")

# %%


def texts(part, n, seed):
    return [
        document.text
        for document in labkit.world.documents(part, n, seed=seed, split="test")
    ]


def told(name):
    found = labkit.claims.assess(name)
    numbers = f"{found.value:.3g} [{found.low:.3g}, {found.high:.3g}]"
    print(found.claim.sentence)
    print(f"  ours {numbers} over {found.n} {found.over}", end="; ")
    print(f"null {found.claim.null:g}: {found.verdict}\n  ({found.claim.scale})")


scored, tried = texts("stories", 4, 31), texts("stories", 8, 32)

# %% [markdown]
# ## 1 · What the score sees · 20 min
#
# **The question.** What does the score average over, and does it depend on the text?
#
# In the panel each stem is one token, and the line is the mean. The upper row is the score. The lower row leaves the
# *residual* out: it compares what a part reads with what it adds, without the stream itself. The square is the first
# token, which begins each text and is no word. In large models it carries huge values, so that any part turns it very
# little.

# %%
labkit.ScorePanel("lab/deep")

# %% [markdown]
# In the second picture, the last attention, the first token scores far below the mean. The mean hardly notices: it is
# one token of many.
#
# Does the order of the parts depend on the *kind* of text? The paper scores 256 samples of web text, tries three other
# kinds, and says that the maps look alike.

# %%
kind = lesson.predict("d1")

# %%
ranked = {
    part: redundancy.Cosine()(deep, texts(part, 8, 33))
    for part in ("stories", "copying", "facts")
}
ranked["stories, first token left out"] = redundancy.Cosine(skip=1)(
    deep, texts("stories", 8, 33)
)
lowest = {
    name: [layer for _, layer in scores.ranked("attention")[:4]]
    for name, scores in ranked.items()
}
for name, layers in lowest.items():
    print(f"{name:30} {layers}")
same = len(set(lowest["stories"]) & set(lowest["copying"]))
lesson.result("d1", found=same)

# %% [markdown]
# In the map each row is a text and each column an attention. The number is the score; the darker the cell, the lower it
# ranks in its row. Compare the four darkest cells of each row.

# %%
figures.show(
    labkit.measurements.ScoreMap(
        title="Which attentions score lowest on each kind of text?",
        part="attention",
        names=tuple(ranked),
        scores=tuple(ranked.values()),
        by_rank=True,
    )
)

# %% tags=["nbval-check-output", "collapsed"]
holds(
    lowest["stories"] == lowest["stories, first token left out"],
    "The first token changes nothing here.",
)

# %% [markdown]
# The dark cells move with the text: the attention that ranks lowest on stories is not the lowest on lists or on facts.
# Without the first token, the row of the stories stays as it was.
#
# How many texts of one kind are enough? The ledger drew samples of four stories.

# %%
told("02.few_samples")

# %% [markdown]
# Four stories name more of the four lowest than a choice that needs no text, the four deepest. Another row is about the
# residual: in the paper, leaving it out ruins the choice.

# %%
told("02.residual_in_score")

# %% [markdown]
# Here, too, the score with the residual chooses the cheaper attentions.
#
# The panel sets six scores against what each part costs, on 128 stories. A point is one part. If a score knew the cost,
# its points would lie along a rising line, and the *rank correlation* would be 1; for two unrelated orders it is 0 on
# average. The question is about four of the scores: *cosine*, the paper's; *without residual*; *relative magnitude*,
# the length of what a part adds ÷ that of the stream after it; and *reverse order*, which takes the deepest first and
# reads no text.

# %%
best = lesson.predict("d5")

# %%
panel = labkit.ScoreVsAblationPanel("lab/deep", gate=best)
panel

# %%
compared = {
    name: score_agreement(panel.kept.scores[name], panel.kept.truth)
    for name in best.options
}
for name, found in compared.items():
    inside = ", ".join(
        f"{kind} {one.value:.2f}" for kind, one in sorted(found.within.items())
    )
    one = found.correlation
    print(
        f"{name:20} all {one.value:.2f} [{one.low:.2f}, {one.high:.2f}]; inside "
        f"{inside}"
    )
lesson.result("d5", found=compared)
chance = score_agreement(
    panel.kept.scores["random order"], panel.kept.truth
).correlation
print(
    f"one random order     all {chance.value:.2f} [{chance.low:.2f}, {chance.high:.2f}]"
)

# %% tags=["nbval-check-output", "collapsed"]
plain, bare = compared["cosine"], compared["without residual"]
scores = panel.kept.scores["without residual"]
lowest_attention, highest_mlp = (
    min(one.value for one in scores.attention),
    max(one.value for one in scores.mlp),
)
holds(
    chance.low < 0 < chance.high and plain.correlation.low < 0,
    "The intervals of one random order and of the paper's score both include 0.",
)
holds(
    lowest_attention > highest_mlp,
    "Without the residual every attention scores above every MLP.",
)
holds(
    bare.correlation.low > 0,
    "Without the residual the order of all 24 is better than none.",
)
holds(
    plain.correlation.high > bare.correlation.low,
    "The two intervals over the parts overlap.",
)
holds(
    plain.within["mlp"].value > bare.within["mlp"].value,
    "Among the MLPs the score with the residual is the better.",
)

# %% [markdown]
# The second picture shows why the score without the residual is best over all 24: it puts every attention above every
# MLP, and here attentions cost more. Inside a kind it knows less.
#
# The third picture is a warning. It is one random order, and its correlation is not far below that of the paper's
# score. With 24 parts, both intervals include 0.
#
# **The answer.** The score depends on the kind of text much more than on the first token. Which score is good depends
# on what it has to choose between.
#
# **What this does not show.** Which text is the right one to score. If a model is to copy, score it on copying; the
# paper's choice of web text is a choice of what may be lost.
#
# ## 2 · One by one, and a bug that was released · 20 min
#
# **The question.** Does it help to score anew after each drop, and does the released code do that?
#
# When one attention is gone, the stream after it is another, and so are the scores. *One by one* (the paper says
# *iterative*) scores again after each drop; *at once* scores a single time. In the paper one by one does worse: 62.1
# points against 66.9 after eight drops. The code that did it has been released. First, find out what is wrong with it.

# %%
hunt = lesson.exercise("02.4")


# %%
def judge(rescore, model, texts):
    for gone in ...:
        found = rescore(model, texts, gone)
        ...
    return True


hunt.check(judge)

# %% [markdown]
# When the authors' loop meets an attention that is gone, it skips the MLP of that block as well. So every later part is
# scored on a stream that the cut model never has. To rebuild the bug, drop whole blocks while scoring; to do it right,
# drop the attentions alone. Here are both on our model.


# %%
def in_turn(part_of_block, n):
    gone = []
    while len(gone) < n:
        with labkit.edit(deep, *map(part_of_block, gone)):
            ranked = redundancy.Cosine()(deep, scored).ranked("attention")
        gone.append(next(layer for _, layer in ranked if layer not in gone))
    return gone


released = in_turn(labkit.DropBlock, 7)
print("as released", released)

# %%
right = [edit.layer for edit in iterative(deep, scored, 7)]
once = [edit.layer for edit in one_shot(deep, scored, 7)]
print("correct    ", right, "\nat once    ", once)

# %% [markdown]
# In the picture each line is one order of attentions, and lower is better. The bands are 95 % intervals over eight
# stories. Compare the released loop with the other two at four drops, and at seven.

# %%
plans = {"at once": once, "one by one": right, "one by one, as released": released}
plans = {name: Plan(map(DropAttention, layers)) for name, layers in plans.items()}
figures.show(race(deep, plans, tried, counts=range(8)))

# %% tags=["nbval-check-output", "collapsed"]
holds(
    released[:3] == right[:3] and released[3] != right[3],
    "The bug first chooses another layer at the fourth drop.",
)

# %% [markdown]
# Is the difference more than chance? Both cuts read the same stories, so we can take it story by story.


# %%
def loss_without(layers):
    with labkit.edit(deep, *map(DropAttention, layers)):
        return labkit.measurements.loss(deep, tried)


gaps = {
    gone: labkit.measurements.difference(
        loss_without(released[:gone]), loss_without(right[:gone])
    )
    for gone in (4, 7)
}
for gone, gap in gaps.items():
    report(gap, 2, f"{gone} gone, released minus correct")

# %% tags=["nbval-check-output", "collapsed"]
holds(gaps[4].high < 0, "With four gone the released loop's choice is the cheaper one.")
holds(gaps[7].low > 0, "With seven gone it is the more expensive one.")
holds(
    set(right[:6]) == set(once[:6]), "One by one and at once take the same first six."
)

# %% [markdown]
# So the buggy loop wins at four drops and loses at seven. No loop looks at costs, so the cheap fourth choice is luck.
# Such a bug is found by an invariant, something that every correct loop must satisfy, and not by who wins. Whether it
# explains the paper's 62.1 we cannot say without its models.
#
# One by one and at once take the same six attentions here. The ledger scored 32 other stories, on which they differ.

# %%
told("02.iterative_against_one_shot")

# %% [markdown]
# **The answer.** Scored correctly, one by one cannot be told from at once on these stories, and in the ledger it is
# cheaper, against the paper. The released loop does something else.
#
# **What this does not show.** Which loop is better in general. The orders here come from four scored stories, and one
# more story may change them.
#
# ## 3 · Fair opponents · 18 min
#
# **The question.** How much of the score's lead over chance is knowledge of the parts?
#
# The paper's Table 7 sets its score against random choices: after 12 of 32 attentions, 64.8 points against 39.4.

# %%
opponent = lesson.exercise("02.5")


# %%
def draw(depth, n, seed): ...


opponent.check(draw)

# %% [markdown]
# Four opponents lose four attentions each: those of lowest score, the deepest, six random fours, and six random fours
# that spare the first layer.

# %%
fair = [
    Plan(map(DropAttention, Random(seed).sample(range(1, 12), 4))) for seed in range(6)
]
anywhere = [
    one_shot(deep, None, 4, metric=redundancy.RandomOrder(seed)) for seed in range(6)
]
deepest = one_shot(deep, None, 4, metric=redundancy.ReverseOrder())
lines = {
    "lowest score": one_shot(deep, scored, 4),
    "the deepest": deepest,
    "random": anywhere,
    "random, not 0": fair,
}
met = race(deep, lines, tried, counts=[4])
for name, (one,) in met.lines.items():
    print(
        f"{name:15} {one.value:.2f} [{one.low:.2f}, {one.high:.2f}] nats a token, over "
        f"{one.n} {one.over}"
    )

# %% tags=["nbval-check-output", "collapsed"]
score, reverse, random, spared = (line[0].value for line in met.lines.values())
holds(
    spared < 0.6 * random,
    "An opponent that spares layer 0 loses far less than one that may draw it.",
)
holds(score < spared, "The score is still ahead of its mean.")
holds(
    met.lines["random, not 0"][0].low < score, "But not of its interval over six draws."
)
holds(
    reverse < score,
    "And the four deepest, chosen without any score, cost less than its choice.",
)

# %% [markdown]
# Each line is what four attentions cost together. The interval of the random fours is wide, because some of them hold
# the first layer and most do not. Most of the score's lead over random choices is won by one rule as well: spare the
# first. Against the four deepest it depends on which stories are scored. Here four were, and the score loses. For the
# ledger thirty-two others were, and it wins. It also draws forty random orders, with the first layer and without.

# %%
told("02.cosine_against_random")
told("02.random_without_first")
told("02.cosine_against_reverse")

# %% [markdown]
# All three ratios are below 1, so in the ledger the score wins each time. Its lead over chance is much smaller once the
# first layer is spared.
#
# And must it be a whole attention? *Wanda* gives each weight a score, its size times the size of what it reads, and
# sets the lowest of each row to zero. The paper says that dropping attentions is as good, and faster. Four attentions
# hold a ninth of the weights of all blocks.

# %%
finer = lesson.predict("d6")

# %%
whole, four = labkit.measurements.loss(deep, tried).value, one_shot(deep, scored, 4)
paid = {}
with labkit.edit(deep, four):
    paid["4 attentions"] = labkit.measurements.loss(deep, tried).value - whole
for share in (1 / 9, 0.3, 0.5):
    thin = redundancy.pruned(deep, scored, share)
    paid[f"{share:.0%} of the weights"] = (
        labkit.measurements.loss(thin, tried).value - whole
    )
lesson.result("d6", found=paid["11% of the weights"] / paid["4 attentions"])
print(
    *(f"{cost:+.4f} nats a token without {name}" for name, cost in paid.items()),
    sep="\n",
)

# %% tags=["nbval-check-output", "collapsed"]
holds(
    abs(paid["30% of the weights"]) < 0.01,
    "Three tenths of all weights can go for next to nothing.",
)
holds(
    paid["50% of the weights"] < 0.5 * paid["4 attentions"],
    "Half of them cost less than four attentions.",
)
told("02.dropped_against_pruned")

# %% [markdown]
# At equal numbers of weights, single weights are far cheaper here than attentions. What they do not buy is time: the
# zeros are stored and multiplied like any number, unless special code skips them.
#
# **The answer.** Much of the lead over chance is the first layer alone. Against a fair opponent, which spares it, the
# score is still ahead.
#
# **What this does not show.** That the score is the best choice. It was set against random layers and the deepest ones;
# pruning single weights costs less.

# %% [markdown]
# ## 4 · Time and memory · 18 min
#
# **The question.** What does a dropped attention save?
#
# Its four matrices need not be stored, its products need not be computed, and it needs no *cache*: the keys and values
# of all that was read, kept for the next word.
#
# $$\text{bytes} = 2 \cdot (\text{attentions left}) \cdot (\text{key and value heads}) \cdot (\text{head size})
# \cdot (\text{bytes a number}) \cdot (\text{texts}) \cdot (\text{tokens})$$
#
# The table compares the cache that the paper prints in its Table 4, intact and cut, with this formula, in GiB.

# %%
from labkit.measurements.accounting import cache_table, cache_text

print(cache_text(cache_table()))

# %% tags=["nbval-check-output", "collapsed"]
print([row.model for row in cache_table() if not row.exact], "differ")
holds(
    sum(row.exact for row in cache_table()) == 4,
    "Four of the five models agree with the numbers that are printed.",
)

# %%
cached = lesson.exercise("02.6")

# %%
cached.check(...)

# %%
half = lesson.predict("d2")

# %% [markdown]
# In the panel each bar is a share of the intact model that is left, so shorter is a larger saving. *FLOPs* are counted
# operations; time is measured, with its interval as a dark line. The deepest parts go, four in the first picture and
# eight in the second.

# %%
labkit.CostPanel("lab/deep", gate=half)

# %%
sizes = labkit.measurements.sizes_of(deep)
flops = [
    one.generation_flops(prompt=64, new=64)
    for one in (sizes, sizes.without(attentions=6))
]
measured = labkit.claims.assess("02.faster")
saved, counted = 1 - 1 / measured.value, 1 - flops[1] / flops[0]
lesson.result("d2", found=saved, because=f"By {saved:.0%}.")
print(f"FLOPs fall by {counted:.0%}: MLPs and the head are still there.")
told("02.faster")

# %% [markdown]
# Only attentions and whole blocks shrink the cache. And attentions save more time than FLOPs, MLPs less. We think that
# in so small a model much of the time is waiting for many small steps. So count, then measure.
#
# **The answer.** A dropped attention saves weights and its whole cache, and here more time than its FLOPs suggest.
#
# **What this does not show.** The saving on your machine: this is one thread of one processor and a very small model.
#
# ## 5 · Healing · 15 min
#
# **The question.** If a cut model is trained a little more, what comes back?
#
# The control is the intact model trained *as long*, because some of what looks like healing is only more training.

# %%
mends = lesson.predict("d3")

# %% [markdown]
# In the panel the loss is on the left, where down is better, and copying on the right, where up is better. Squares are
# a cut model as it is trained, dots the intact one; dotted lines are the other cuts. Watch both sides of the third
# picture, the model without eight attentions.

# %%
panel = labkit.HealPanel("lab/deep", gate=mends)
panel

# %%
healed = labkit.claims.assess("02.healed")
lesson.result("d3", found=healed.value)
told("02.healed")
told("02.healed_by_lora")

# %% [markdown]
# (*LoRA* trains two thin matrices beside each frozen one; large models are healed that way. The null is a half for
# training everything and a quarter for LoRA.) These rows are about four attentions. So a cut does not prove that a part
# was *needed*; perhaps the others had only come to rely on it.
#
# Now the third picture, without **eight** attentions. How much of the loss is back, and what has become of copying?

# %%
curves = panel.kept.curves
eight, control = curves["8 attentions"], curves["nothing"]
lost = eight.loss[0].value - control.loss[0].value
back = 1 - (eight.loss[-1].value - control.loss[-1].value) / lost
before, after = eight.copying[0], eight.copying[-1]
print(f"{back:.0%} of the lost nats is back, beside the intact model trained as long")
for when, one in (("before", before), ("after", after)):
    print(
        f"copying {when}: {one.value:.0%} right [{one.low:.0%}, {one.high:.0%}], "
        f"chance {panel.kept.chance:.0%}"
    )

# %% tags=["nbval-check-output", "collapsed"]
holds(
    back > 0.6 and after.value < 0.6 * before.value,
    "Most of the loss is back, and copying has fallen.",
)
holds(after.low < panel.kept.chance < after.high, "It cannot be told from guessing.")

# %% [markdown]
# Training mended the loss and finished off the skill. It need not be so: the two cuts above copy better after training.
# Of twenty documents in a step of this training, two are lists to copy. We think that the other eighteen pull
# elsewhere.
#
# **The answer.** Most of the loss comes back. A skill may come back with it or be lost, and the loss does not say
# which. It is one run for each cut, but here copying falls from each kept step to the next until it is at chance.
#
# **What this does not show.** That copying cannot be healed. In the authors' later figures a maths model comes back
# from 11.6 to 65.2 points of 70.8, after training *on maths*; here nobody trained on lists alone.
#
# ## 6 · Rounding what is left · 8 min
#
# **The question.** Does rounding cost a cut model more than the intact one?
#
# Dropping and rounding are both edits, so one plan can hold both. At 4 bits a weight has 16 possible values, and every
# 32 weights share one range. Each bar is what rounding adds to the loss, over eight stories; left of 0 the loss falls.

# %%
cut = one_shot(deep, scored, 3)
bits = (8, 4, 3, 2)
both = [
    Plan((start, labkit.Quantise("matrices", b, block=32)))
    for start in (Plan(), cut)
    for b in bits
]
costs = [point.change.value for point in labkit.sweep(deep, [cut, *both], tried).points]
alone, after = (
    costs[1 : 1 + len(bits)],
    [cost - costs[0] for cost in costs[1 + len(bits) :]],
)
figures.show(
    figures.Bars(
        title="Does rounding cost more without three attentions?",
        labels=[f"{b} bits" for b in bits],
        groups={"intact": alone, "cut": after},
        x_label="rise of the loss by rounding, nats a token",
        sentence=f"At 2 bits rounding adds {alone[3]:.3f} nats a token to the intact "
        f"model and {after[3]:.3f} to the cut one.",
        digits=4,
    )
)

# %% tags=["nbval-check-output", "collapsed"]
holds(
    max(map(abs, alone[:2] + after[:2])) < 0.01,
    "At 8 and at 4 bits rounding moves the loss by less than 0.01.",
)
holds(after[1] < 0, "At 4 bits the cut model even gains on these eight stories.")
holds(
    0.5 < after[3] / alone[3] < 2,
    "At 2 bits it costs both models alike, within a factor of two.",
)

# %%
told("02.rounding_after_dropping")

# %% [markdown]
# *Absent here* is good news: the extra cost is too small to count. (The bar to the left of 0 is no gain to rely on:
# eight stories show it, the ledger's 64 do not.)
#
# **The answer.** Not at 4 bits: what it costs the cut model more is inside the margin that we set beforehand.
#
# **What this does not show.** The same at 2 bits, where rounding begins to cost and the ledger has no row.
#
# ## 7 · Redundancy through training · 10 min
#
# **The question.** Were the idle parts always idle?
#
# The paper follows MAP-Neo-7B through its training: the scores of attentions stay low, those of MLPs and blocks rise.
# The weights of `lab/deep` were kept at ten steps of its training.

# %%
rise = lesson.predict("d4")

# %% [markdown]
# The first picture has scores, the second costs. On the left is the MLP of each layer, dark at the end of training and
# faint at the other steps, on a stretched axis; what lies below it is drawn on its edge. On the right is the mean over
# the ten middle layers at each step. Follow the MLPs on the right, first in scores, then in costs.

# %%
panel = labkit.ThroughTrainingPanel("lab/deep", gate=rise)
panel

# %% tags=["collapsed"]
run, middle = panel.kept, range(1, 11)  # the stored measurement: LayerScores by step
means = {
    part: [
        sum(scores.of(part)[layer].value for layer in middle) / len(middle)
        for scores in run.scores
    ]
    for part in ("attention", "mlp")
}
for part, line in means.items():
    print(f"{part:10} {line[1]:.3f} at step {run.steps[1]}, {line[-1]:.3f} at the end")

# %% tags=["nbval-check-output", "collapsed"]
early, late = means["mlp"][1], means["mlp"][-1]
became = late / early
lesson.result("d4", found=became, because=f"To {became:.2f} of what they were.")
holds(
    means["attention"][1] < early,
    "Early in training the attentions score lower, as in the paper.",
)
holds(
    means["attention"][-1] > 0.8 * late,
    "At the end the two kinds are close to each other.",
)
first, last = run.scores[0].mlp, run.scores[-1].mlp
holds(
    last[0].value > first[0].value and last[11].value > first[11].value,
    "The first MLP and the last have gone up.",
)

# %% [markdown]
# This is not the paper's picture. Here the attentions fall early and come back a little, and the MLPs fall, except the
# first and the last. What do the parts *cost*, at the two ends of the second picture?

# %% tags=["nbval-check-output", "collapsed"]
cost = {
    part: [
        sum(truth.of(part)[layer].value for layer in middle) / len(middle)
        for truth in (run.truth[0], run.truth[-1])
    ]
    for part in ("attention", "mlp")
}
for part, (before, after) in cost.items():
    print(
        f"{part:10} {before:.3f} nats a token at step {run.steps[0]}, {after:.3f} at "
        "the end"
    )
holds(
    0.5 < cost["mlp"][0] / cost["attention"][0] < 2,
    "At first a middle MLP costs what a middle attention costs.",
)
holds(
    cost["mlp"][1] < 0.2 * cost["attention"][1],
    "At the end it costs less than a fifth.",
)

# %% [markdown]
# The idle MLPs were not idle from the start: they *became* so while the model learned. What took over is not measured
# here. Is it so in a second run? `lab/base` has six blocks, wider ones, and reads another mixture of the same world.

# %%
other = labkit.ThroughTrainingPanel("lab/base").kept
for part in ("attention", "mlp"):
    score, price = (
        [
            sum(one.of(part)[layer].value for layer in range(1, 5)) / 4
            for one in (found[1], found[-1])
        ]
        for found in (other.scores, other.truth)
    )
    print(
        f"{part:10} score {score[0]:.3f} at step {other.steps[1]}, {score[1]:.3f} at "
        "the end; "
        f"cost {price[0]:.3f} and {price[1]:.3f} nats a token"
    )

# %% tags=["nbval-check-output", "collapsed"]
early, late = (
    [truth.mlp[layer].value for layer in range(1, 5)]
    for truth in (other.truth[1], other.truth[-1])
)
looks = [other.truth[-1].attention[layer].value for layer in range(1, 5)]
holds(
    sum(late) < 0.5 * sum(early),
    "In lab/base, too, the middle MLPs end at less than half of what they cost early.",
)
holds(
    sum(late) < sum(looks) / 3,
    "At the end one costs less than a third of a middle attention.",
)
turns, costs = (
    sum(one.attention[layer].value for layer in range(1, 5))
    / sum(early.attention[layer].value for layer in range(1, 5))
    for early, one in (
        (other.scores[1], other.scores[-1]),
        (other.truth[1], other.truth[-1]),
    )
)
holds(
    1.15 < turns < 1.35 and costs > 2,
    "The attentions' score has risen by about a quarter, their cost has doubled.",
)
mlp_scores = [
    sum(scores.mlp[layer].value for layer in range(1, 5))
    for scores in (other.scores[1], other.scores[-1])
]
holds(
    mlp_scores[1] < 0.8 * mlp_scores[0],
    "Their scores have fallen by more than a fifth, as those of lab/deep did.",
)

# %% [markdown]
# It is so in `lab/base` too. The score tells only a part of it: that of the attentions rises by a quarter, while their
# cost more than doubles.
#
# **The answer.** No. In both models the middle MLPs cost more early in training than at its end.
#
# **What this does not show.** Anything about training in general. These are two runs, of two models that read one
# world, and any score of this kind falls as the stream grows.
#
# ## 8 · What ours cannot be asked, and models of the hub · 12 min
#
# **The question.** What does a cut do to maths and to long texts?
#
# There the paper's cuts do most harm: a maths model falls from 59.6 to 33.7 points without 8 of 32 attentions, and with
# thousands of tokens of examples another loses a quarter. `lab/deep` was never taught to reckon and reads 256 tokens at
# most. It cannot even look up in a list who keeps what. A skill that is not there cannot be cut away.

# %%
recall = deep.card["recall"]
print(f"recall, intact: {recall['value']:.0%} of {recall['n']} right, chance is 25%")
print(labkit.measurements.sums(1, seed=4)[0].prompt)
print(labkit.measurements.lookups(1, seed=4, lines=5)[0].prompt)

# %% [markdown]
# With a network, the same questions can be put to a model of the hub with 30 blocks that reads English. Score it, drop
# the eight attentions of lowest score, and ask before and after.

# %% tags=["network"]
hub = labkit.course.load_if_here("HuggingFaceTB/SmolLM2-135M")
if hub is not None:
    english = [
        "The islands lie off the coast, and the ferry calls at each of them once a "
        "day, but not in a storm."
    ]
    plan = one_shot(hub, english, 8)
    asked = {
        "sums": labkit.measurements.sums(40),
        "look up in 8 lines": labkit.measurements.lookups(40, lines=8),
    }
    asked["look up in 60 lines"] = labkit.measurements.lookups(40, lines=60)
    for name, questions in asked.items():
        before = labkit.measurements.choice_accuracy(hub, questions)
        with labkit.edit(hub, plan):
            after = labkit.measurements.choice_accuracy(hub, questions)
        print(f"{name:20} intact {before.value:.2f}  cut {after.value:.2f}")

# %% [markdown]
# Write down what you expect before you run it, and score 256 texts of your own kind, not one sentence.
#
# **The answer.** Our models cannot say. Ask a model that has the skill.
#
# The whole ledger of this lesson, with what could not be run here:

# %%
print(labkit.claims.render_terminal(labkit.claims.ledger().lesson("02")))

# %% [markdown]
# *Back to [the hour](02_what_matters.ipynb), or on to [08 · The curse of
# depth](../08_curse_of_depth/08_curse_of_depth.ipynb).*
