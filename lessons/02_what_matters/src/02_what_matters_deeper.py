# %% [markdown]
# # 02 · What matters in transformers? Deeper
#
# {{badges}}
#
# A random opponent can be beaten by far because it might draw the first block. A loop can be released that scores a
# model nobody ever cut. And a model can win back most of its loss, and no longer copy a list. Each section takes a
# sentence of the paper and looks behind it.
#
# Sections that stand on their own, in any order, after the hour and after the next two cells: what the score sees and on
# which text; dropping one by one, with a bug that was released; fair opponents, among them single heads and single
# weights; time and memory; healing; rounding what is left; redundancy through training; and models of the hub.

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
figures, holds = labkit.figures, labkit.course.holds
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
# The score is a mean over tokens. What does it average? Choose a part and look at every token. The first one, which
# begins each text, is no word; in large models it carries huge values, and any cosine there is nearly 1.

# %%
labkit.ScorePanel("lab/deep")

# %% [markdown]
# Does the mean depend on it here? And on the *kind* of text that is scored? The paper scores 256 samples of web text,
# tries three other kinds, and says that the maps look alike.

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

# %%
figures.show(
    labkit.measurements.ScoreMap(
        title="Scores of attentions on three kinds of text",
        part="attention",
        names=tuple(ranked),
        scores=tuple(ranked.values()),
    )
)

# %% tags=["nbval-check-output", "collapsed"]
holds(
    lowest["stories"] == lowest["stories, first token left out"],
    "The first token changes nothing here.",
)

# %% [markdown]
# How far does a handful of stories agree with many? The ledger drew samples of four.
#
# From here on `told` prints such rows. First the paper's sentence; then our number with its interval, the null and the
# verdict; in brackets, what was counted. Where that is a cost ratio, A ÷ B, a number below 1 says that A is the
# cheaper cut.

# %%
told("02.few_samples")

# %% [markdown]
# Four stories name more of the lowest four than the four deepest would, a choice that needs no text at all. Two other
# choices can be tried in the same way: the score without the residual, which in the paper is ruin, and *joint*
# dropping, which there begins with attentions only. (Ours begins with four attentions among five parts, a share of 0.8.
# An order that took the kinds at random has as many only one time in six, so the row asks for more than 0.8.)

# %%
told("02.residual_in_score")
told("02.first_of_joint")

# %% [markdown]
# Without the residual, what a part reads is compared with what it returns, and the stream is left out. The panel has
# six scores against what each part costs, on 128 stories; the question is about four of them.

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

# %% tags=["nbval-check-output", "collapsed"]
plain, bare = compared["cosine"], compared["without residual"]
scores = panel.kept.scores["without residual"]
lowest_attention, highest_mlp = (
    min(one.value for one in scores.attention),
    max(one.value for one in scores.mlp),
)
holds(lowest_attention > highest_mlp, "It scores every attention above every MLP.")
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
# The score that the paper calls ruin does best over all 24. It does so because it scores every attention above every
# MLP, which here is nearly right; inside a kind it knows less, and where only attentions are to go it chooses worse,
# as the ledger says above. And 24 parts are few: the two intervals overlap. Which score is good depends on what it is
# to choose between.
#
# **What this does not show.** Which text is the right one to score. If a model is to copy, score it on copying; the
# paper's choice of web text is a choice of what may be lost.
#
# ## 2 · One by one, and a bug that was released · 20 min
#
# Scoring once and dropping *n* is quick. But when one attention is gone, the stream after it is another, and so are
# the scores. *Iterative* dropping scores anew after each. In the paper it does worse: 62.1 points against 66.9 after
# eight drops. The code that did it has been released. First, find out what is wrong with it.

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
# When the authors' loop meets an attention that is gone already, it skips the rest of that block as well: the MLP
# there is not applied. So every later part is scored on a stream that the cut model never has. To rebuild the bug, it
# is enough to drop whole blocks while scoring; to do it right, drop the attentions alone. Here are both on our model.


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

# %%
plans = {"at once": once, "one by one": right, "one by one, as released": released}
plans = {name: Plan(map(DropAttention, layers)) for name, layers in plans.items()}
figures.show(race(deep, plans, tried, counts=range(8)))

# %% tags=["nbval-check-output", "collapsed"]
holds(released != right, "The bug chooses other layers.")
holds(
    5 in released and 5 not in right,
    "It takes attention 5, without which the lantern is lost, among the first seven.",
)

# %% [markdown]
# That the bug *explains* the paper's 62.1 we cannot say without its models. On ours, done correctly, one by one costs
# less than at once when six attentions go. In the picture above, on eight stories, those two lines cannot be told
# apart; the ledger has 64.

# %%
told("02.iterative_against_one_shot")

# %% [markdown]
# ## 3 · Fair opponents · 18 min
#
# The paper's Table 7 sets its score against random choices: after 12 of 32 attentions, 64.8 points against 39.4.

# %%
opponent = lesson.exercise("02.5")


# %%
def draw(depth, n, seed): ...


opponent.check(draw)

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
# Most of what the score wins, one sentence of common sense wins as well: spare the first. Against the deepest layers it
# depends: here four stories were scored, and the score loses; for the ledger thirty-two others were. Which attentions
# are *the* lowest is a close race among several, and the text that is scored decides it.
#
# The ledger draws forty random orders. Where the first layer may be drawn, the orders that take it decide the mean; where
# it is spared, most of the lead is gone, and the score is still ahead.

# %%
told("02.cosine_against_random")
told("02.random_without_first")
told("02.cosine_against_reverse")

# %% [markdown]
# And must it be a whole attention? Its heads could go one by one, and so could single weights. *Wanda* gives each weight
# a score, its size times the size of what it reads, and sets the lowest of each row to zero. The paper says that dropping
# attentions is as good, and faster. Four attentions hold a ninth of the weights of all blocks.

# %%
finer = lesson.predict("d6")

# %%
heads = redundancy.lowest_heads(deep, scored, 12)
whole, four = labkit.measurements.loss(deep, tried).value, one_shot(deep, scored, 4)
paid = {}
for name, plan in (("4 attentions", four), ("12 heads", heads)):
    with labkit.edit(deep, plan):
        paid[name] = labkit.measurements.loss(deep, tried).value - whole
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
told("02.heads_against_attentions")

# %% [markdown]
# At equal parameters single weights are far cheaper here than attentions. What they do not buy is time: the zeros are
# stored and multiplied like any number, until somebody writes a kernel that skips them. Twelve heads cost less than four
# attentions on these stories; in the ledger, where thirty-two were scored, hardly. Ours have three heads each, so there is
# little to choose between.

# %% [markdown]
# ## 4 · Time and memory · 18 min
#
# What is a dropped attention worth? Its four matrices need not be stored, its products not computed, and it needs no
# *cache*: the keys and values of all that was read, kept for the next word.
#
# $$\text{bytes} = 2 \cdot (\text{attentions left}) \cdot (\text{key and value heads}) \cdot (\text{head size})
# \cdot (\text{bytes a number}) \cdot (\text{texts}) \cdot (\text{tokens})$$
#
# The paper's Table 4, and the formula beside it.

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
# In a small model the time goes to other things than in a large one: its matrices are tiny, and each step waits for the
# one before. So count, then measure. The paper sums both up in one number, points lost for each percent of speed won.

# %%
from labkit.measurements import degradation_ratio

for what, after, speedup in (
    ("4 blocks", 65.8, 1.11),
    ("8 MLPs", 61.9, 1.08),
    ("16 attentions", 66.1, 1.29),
):
    print(f"{degradation_ratio(68.2, after, speedup):5.2f}  Llama-2-13B without {what}")

# %% [markdown]
# It mixes absolute points with relative speed, so two models cannot be compared by it. Of the seventeen values the
# paper prints, its own points and speed-ups give sixteen.
#
# ## 5 · Healing · 15 min
#
# A cut model can be trained a little more. How much comes back? The control is an intact model trained *as long*: some
# of what looks like healing is only more training.

# %%
mends = lesson.predict("d3")

# %%
panel = labkit.HealPanel("lab/deep", gate=mends)
panel

# %%
healed = labkit.claims.assess("02.healed")
lesson.result("d3", found=healed.value)
told("02.healed")
told("02.healed_by_lora")

# %% [markdown]
# (*LoRA* trains two thin matrices beside each frozen one. It is how large models are healed, for there the weights
# themselves are too many. The null is a half for training everything and a quarter for LoRA.) So a cut is no proof
# that a part was *needed*, only that the others had come to rely on it.
#
# But look at the panel without **8** attentions, on the right. How much of the loss is back, and what has become of
# copying?

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
# Healing mended the loss and finished off the skill: what was left of copying is gone. Of twenty documents in a step of
# this training two are lists to copy, so most of it pulls elsewhere; that this is the cause is a guess. Whoever watched
# the loss alone would have called this cut healed. It is one run, but copying falls from each kept
# step to the next until it is at chance.
#
# **What this does not show.** That a healed model is as good at everything. In the authors' later figures a maths model
# comes back from 11.6 to 65.2 points of 70.8, after training *on maths*.
#
# ## 6 · Rounding what is left · 8 min
#
# Dropping and rounding are both edits, so a plan can hold both. Do their costs add up?

# %%
cut = one_shot(deep, scored, 3)
print(Plan((cut, labkit.Quantise("matrices", 4, block=32))))

# %%
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
        title="What rounding adds, to the intact model and to one without three "
        "attentions",
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
# *Absent here*: no difference, and that is all the sentence asks for. (The bar to the left of 0 is no gain to count
# on: eight stories, and the ledger's 64 do not show it.) The row was a ratio of the two costs once. On the first
# stories it said *contradicted*, on the next ones *reproduced*, for at four bits, with a range for every 32 numbers,
# there is hardly a cost to divide by. The note in the ledger keeps both.
#
# ## 7 · Redundancy through training · 10 min
#
# Were the idle parts always idle? The paper follows MAP-Neo-7B through its training: the scores of attentions stay low,
# those of MLPs and blocks rise. Ten steps of the training of `lab/deep` were kept.

# %%
rise = lesson.predict("d4")

# %%
panel = labkit.ThroughTrainingPanel("lab/deep", gate=rise)
panel

# %% tags=["collapsed"]
run, middle = panel.kept, range(1, 11)  # the stored measurement: LayerScores by step
means = {
    name: [
        sum(scores.of(part)[layer].value for layer in middle) / len(middle)
        for scores in run.scores
    ]
    for part, name in {
        "attention": "attentions of middle blocks",
        "mlp": "MLPs of middle blocks",
    }.items()
}
figures.show(
    figures.Lines(
        title="Scores of the ten middle blocks while lab/deep is trained",
        x=run.steps,
        lines=means,
        x_label="step",
        y_label="mean score",
        sentence="Mean scores: "
        + " and ".join(
            f"the {name} go from {line[1]:.3f} at step {run.steps[1]} to {line[-1]:.3f}"
            for name, line in means.items()
        )
        + ".",
        dots=True,
    )
)

# %% tags=["nbval-check-output", "collapsed"]
early, late = means["MLPs of middle blocks"][1], means["MLPs of middle blocks"][-1]
became = late / early
lesson.result("d4", found=became, because=f"To {became:.2f} of what they were.")
holds(
    means["attentions of middle blocks"][1] < early,
    "Early in training the attentions score lower, as in the paper.",
)
holds(
    means["attentions of middle blocks"][-1] > 0.8 * late,
    "At the end the two kinds are close to each other.",
)
first, last = run.scores[0].mlp, run.scores[-1].mlp
holds(
    last[0].value > first[0].value and last[11].value > first[11].value,
    "The first MLP and the last have gone up.",
)

# %% [markdown]
# Not the paper's picture. There the attentions stay low and the MLPs rise. Here the attentions dip and come back, and
# the MLPs go down, but for the first and the last. The score is one thing; what do the parts *cost*, at the first kept
# step and at the end? (The cell takes the ten middle blocks; the panel's mean has the last block too.)

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
# So the idle MLPs were not idle from the start: they *became* so while the model learned. What took over is not measured
# here. Is that so in a second run? `lab/base` has six blocks, wider ones, and reads another mixture of the same world.

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
# The same again, a little milder: the middle MLPs fall idle while the model learns, and the middle attentions do not.
# The score says half of it. That of the attentions rises by a quarter, while their cost more than doubles.
#
# **What this does not show.** Anything about training in general: these are two runs, of two models that read one
# world, and a score that falls as the stream grows.
#
# ## 8 · What ours cannot be asked, and models of the hub · 12 min
#
# The paper's worst cuts show on maths and on long texts: a maths model falls from 59.6 to 33.7 points without 8 of 32
# attentions, and with thousands of tokens of examples another loses a quarter. `lab/deep` was never taught to reckon,
# reads 256 tokens at most, and has not even learnt to recall who keeps what from a list. A skill that is not there
# cannot be cut away, so those questions are left to models that have it.

# %%
recall = deep.card["recall"]
print(f"recall, intact: {recall['value']:.0%} of {recall['n']} right, chance is 25%")
print(labkit.measurements.sums(1, seed=4)[0].prompt)
print(labkit.measurements.lookups(1, seed=4, lines=5)[0].prompt)

# %% [markdown]
# With a network the same cells run on a model of the hub: 30 narrow blocks, all English. Score it, drop the eight
# attentions that turn its stream least, and ask before and after.

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
# Whatever comes out, write down what you expected first, and take 256 texts of your own kind to score, not one
# sentence.
#
# The whole ledger of this lesson, with what could not be run here:

# %%
print(labkit.claims.render_terminal(labkit.claims.ledger().lesson("02")))

# %% [markdown]
# *Back to [the hour](02_what_matters.ipynb), or on to [08 · The curse of
# depth](../08_curse_of_depth/08_curse_of_depth.ipynb).*
