# %% [markdown]
# # 04 · Differential Transformer
#
# {{badges}}
#
# A softmax hands out exactly 1 of attention over all words before it: some to what
# matters, the rest to what does not. Ye and colleagues (2024) compute two such maps and
# subtract λ times the second from the first. Noise that both maps share should cancel,
# as in noise-cancelling headphones. λ is learned. We built the model by their formula
# and trained it on texts that are mostly noise. In three minutes you will bet on where
# λ ended.
#
# *The paper:* Ye, Dong, Xia, Sun, Zhu, Huang and Wei (2024), *Differential
# Transformer*, [arXiv 2410.05258](https://arxiv.org/abs/2410.05258), [its
# code](https://github.com/microsoft/unilm/tree/master/Diff-Transformer). No weights
# were released: every model here is our own. *Ours:*
# [labkit/papers/differential_transformer]({{repository}}/tree/main/labkit/papers/differential_transformer).
#
# *60 minutes. You need [lesson
# 00](../00_cut_compare_restore/00_cut_compare_restore.ipynb); the primer has
# [softmax](../primer/primer.ipynb#Softmax-(5-min)). Afterwards you can say what a
# difference of two softmaxes cancels and what it adds, tell a share of attention that
# flatters from one that does not, and name the control that explains a gain.*

# %% tags=["setup", "network", "collapsed"]
try:
    import labkit
except ImportError:  # on Colab
    # %pip install -q --no-deps "transformer-surgery @ git+{{repository}}"
    import labkit

import inspect

import torch

from labkit.papers import differential_transformer as diff

lesson = labkit.open_lesson("04")
figures, claims = labkit.figures, labkit.claims
holds, report = labkit.course.holds, labkit.course.report

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
# ## λ, before anything is explained · 3 min
#
# Where does training take λ? First the task. A city directly before a number is a
# *needle*. Everything else is noise, also the lone numbers and lone cities. After the
# question mark come the *questions*: the text names a city, and the model must say that
# city's number. A question can attend to some 50 words, and one of them matters.

# %%
print(diff.Needles().draw(1, seed=7).texts()[0])

# %% [markdown]
# A head of the DIFF Transformer weights the words by A1 − λ A2. Both maps are softmaxes
# with queries and keys of their own. λ is one learned number for each layer and starts
# near 0.2. We trained six models on this task, each from another random start (a
# *seed*).

# %%
guess = lesson.predict("p2")

# %% [markdown]
# The figure shows λ during training, one line for each model. The grey line marks λ =
# 0, where the second map is not used at all.

# %%
runs = diff.compare_arms("lambda", ["diff"])
figures.show(diff.lambda_history())

# %%
lesson.result("p2", found=runs.mean("diff").value)

# %% tags=["collapsed"]
highest = max(runs.values["diff"].values())
accurate = min(diff.compare_arms("right, as trained", ["diff"]).values["diff"].values())
holds(
    highest < 0 and accurate > 0.99,
    "λ ended below 0 in each of the six models, and each answers more than 99 of 100 "
    "questions.",
)

# %% [markdown]
# These models solve the task by adding the second map. So what is that map for? That is
# the question of this hour.
#
# ## 1 · Two microphones · 10 min
#
# When does a subtraction remove noise? Imagine two microphones. The first hears a
# speaker and noise, the second hears only noise. You subtract λ times the second
# recording from the first. Noise that both hear cancels. Noise that only the second
# hears was never in the first: the subtraction *adds* it, with its sign turned round.

# %%
mix = lesson.predict("p1")

# %%
noise_left = {
    str(lam): diff.two_microphones(shared=1.0, own=0.5, lam=lam).noise
    for lam in (0.5, 0.8, 1, 1.2)
}
for lam, left in noise_left.items():
    print(f"λ = {lam:3}: noise {left:.2f}")

# %% [markdown]
# The picture has the first recording, the second, and the difference at λ = 0.8, all on
# one scale. The bump in the middle is the speaker. Compare how thick the noise beside
# it is in the first row and in the last.

# %%
lesson.result("p1", found=noise_left)
figures.show(diff.two_microphones(shared=1.0, own=0.5, lam=0.8))

# %% [markdown]
# If the shared noise has size s and the own noise size o, then √((1 − λ)² s² + (1 + λ²)
# o²) is left. The first term falls until λ = 1; the second grows from the start. So a
# subtraction helps only against shared noise. If all noise is own noise, the best λ is
# 0. Try your own mix: change `shared` and `own` above.
#
# Is attention like that? A DIFF head computes (paper, equation 1)
#
# > head = (softmax(Q₁K₁ᵀ/√d) − λ softmax(Q₂K₂ᵀ/√d)) V
#
# The function below computes the weights before V for one head. `ahead` hides the words
# that come later. The cell prints the weights of the last of six words.


# %%
def one_head(q, k, lam):
    ahead = torch.ones(q.shape[1], q.shape[1]).triu(1).bool()
    scores = (q @ k.mT / q.shape[-1] ** 0.5).masked_fill(ahead, -torch.inf)
    first, second = scores.softmax(-1)
    return first - lam * second


q, k = torch.randn(2, 2, 6, 8, generator=torch.Generator().manual_seed(1))
weights = one_head(q, k, lam=0.8)
print(weights[-1].numpy().round(2), "sum", round(float(weights[-1].sum()), 2))

# %%
seen = torch.ones(6, 6).tril().bool()
labkits = diff.naive(q[None], k[None], torch.zeros(1, 1, 6, 16), 0.8, seen)[2][0, 0]
holds(torch.allclose(weights, labkits, atol=1e-6), "labkit computes the same weights.")
holds(
    (weights < 0).any() and torch.allclose(weights.sum(-1), torch.tensor(0.2)),
    "Some weights are negative, and each row adds up to 1 − λ.",
)

# %% [markdown]
# Here is where labkit's class differs from plain attention. `norm` divides the
# result of each head by its size (the paper's GroupNorm, here the *head norm*) and
# multiplies it by a fixed number. So the result has one size whatever λ is.

# %%
print(inspect.getsource(diff.DiffAttention.attend))

# %% [markdown]
# Do the two maps of a trained model share their noise? Only then is there something to
# cancel. We compare two models. In one we kept λ at 0.2 throughout training, so it must
# subtract. In the other λ was learned and ended below 0.
#
# The figure shows the first question of one text. A dot is the weight of one word,
# averaged over the heads: circles for A1, squares for A2. The dotted line marks the
# answer. Look along the bottom: do circles and squares rise at the same words?

# %%
texts = diff.Needles().draw(64, seed=41)
frozen, free = labkit.load("needle/diff-frozen"), labkit.load("needle/diff")
figures.show(
    diff.map_pair({"DIFF, λ kept at 0.2": frozen, "DIFF, λ learned": free}, texts)
)

# %% [markdown]
# One question of one text is an anecdote. Here are all questions of 64 texts. The
# correlation is 1 if both maps like the same noise words, and 0 if they have nothing to
# do with each other. The second line is the λ that would leave the least noise in
# the median head.

# %%
for name, model in {"DIFF, λ kept at 0.2": frozen, "DIFF, λ learned": free}.items():
    print(f"{name}\n{diff.shared_noise(model, texts).table()}\n")

# %% tags=["collapsed"]
kept, own = diff.shared_noise(frozen, texts), diff.shared_noise(free, texts)
mean = lambda weights: sum(weights) / len(weights)  # noqa: E731
holds(
    mean(kept.weight_2) > 5 * mean(kept.weight_1),
    "Where λ was kept at 0.2, A2 spends more than five times as much on noise as A1.",
)
holds(
    max(kept.correlation.value, own.correlation.value) < 0.2
    and max(abs(kept.best_lambda.value), abs(own.best_lambda.value)) < 0.1,
    "In both models the correlation over the noise words is below 0.2, "
    "and the best λ against noise is near 0.",
)

# %% [markdown]
# So the maps share hardly any noise, and a subtraction has hardly anything to cancel.
# In the model that must subtract, A2 reads noise that A1 hardly reads. In the other,
# both maps find the needle and each has noise of its own. They are two microphones in
# two rooms.
#
# **What this does not show.** We looked at models of one layer and at short texts. In
# deep models and long texts two maps may well share their noise. The paper did not
# measure what its difference cancels either.
#
# ## 2 · Find the needle · 11 min
#
# Does a DIFF Transformer find more needles, and is the second map the reason? The paper
# reports 0.85 right answers against 0.55, with six needles and two questions. Its
# baseline is a Transformer with twice as many heads. But a DIFF model differs from it
# in *three* things. So we trained controls between them:
#
# | model | heads | new in this row |
# | --- | --- | --- |
# | softmax 8×8 | 8 heads, 8 channels each | the paper's baseline |
# | softmax 4×16 | 4 heads, 16 channels each | half as many heads, twice as wide |
# | normed 4×16 | 4 heads, 16 channels each | the head norm |
# | DIFF | 4 heads, two maps of 8 channels each | the second map |
#
# All four have the same number of weights, give or take a hundred. For each kind we
# chose the best learning rate on seeds that are not used below, and trained six fresh
# seeds. The test is harder than the training: texts are twice as long, with twice as
# many needles.

# %%
which = lesson.predict("p3")

# %% [markdown]
# Each dot is one trained model. The black line below the dots is the 95% interval of
# their mean, with a tick at the mean; the number is on the right. The axis does not
# begin at 0. Below the figure is DIFF minus each control, compared seed by seed.

# %%
arms = ["softmax 8×8", "softmax 4×16", "normed 4×16", "diff"]
harder = diff.compare_arms("right, harder", arms)
figures.show(harder)

# %%
lesson.result("p3", found={arm: harder.mean(arm).value for arm in arms})
for other in arms[:3]:
    report(harder.difference(other, "diff"), 3, f"DIFF minus {other}")

# %% tags=["collapsed"]
gain = harder.difference("softmax 8×8", "diff")
beside = harder.difference("normed 4×16", "diff")
between = harder.difference("softmax 8×8", "normed 4×16")
holds(
    min(harder.difference(other, "diff").low for other in arms[:3]) > 0,
    "On these six seeds DIFF is ahead of all three controls.",
)
holds(
    gain.low < 0.05 < gain.high and beside.high < 0.05,
    "Its lead over softmax 8×8 may be more than 0.05 or less; "
    "its lead over normed 4×16 is less than 0.05.",
)
holds(
    between.low < 0 < between.high,
    "Six seeds do not settle whether normed 4×16 is better than softmax 8×8.",
)

# %% [markdown]
# Is that what the paper says? We wrote down its sentences before we trained these
# models, in the *ledger* of this course. Here are two. The round dot is our result,
# with its interval over six seeds. The dotted line is the *null*, the value if there
# were no effect. A difference inside the grey *margin* counts as nothing. The diamond
# is the paper's number.

# %%
figures.show(claims.assess("04.more_needles"))

# %%
figures.show(claims.assess("04.loss_normed"))

# %% [markdown]
# On the harder texts DIFF leads softmax 8×8, as the paper says, but by far less than
# the paper's 0.30: the verdict is *direction*. The second figure compares the loss on
# texts like those of the training. There DIFF and normed 4×16 lie within the margin,
# since both have learned the task: *absent here*.
#
# Two more seeds were trained later and do not count for the verdicts. Here are the
# leads over all eight.

# %%
eight = diff.compare_arms("right, harder", arms, seeds=range(11, 19))
for other in arms[:3]:
    report(eight.difference(other, "diff"), 3, f"8 seeds, DIFF minus {other}")

# %% [markdown]
# How much depends on the learning rate? Here is the loss of softmax 8×8 at four rates,
# averaged over the seeds on which we chose.

# %%
tried = diff.rates_tried("softmax 8×8")
for lr, nats in tried.items():
    print(f"learning rate {lr:<5g}: {nats:.3f} nats an answer")

# %%
by_loss = sorted(tried.values())
holds(
    by_loss[1] > 10 * by_loss[0],
    "At its second-best rate the loss is more than ten times as high as at its best.",
)

# %% [markdown]
# So whoever gives all models the same rate may decide the contest by that choice.
#
# Does DIFF's small lead last in longer texts? These are four times as long as in
# training. Compare DIFF with the row at the top, then with the two wide ones.

# %%
longest = diff.compare_arms("right, longest", arms)
figures.show(longest)

# %%
holds(
    longest.difference("softmax 4×16", "diff").high < 0
    and longest.difference("normed 4×16", "diff").high < 0
    and longest.difference("softmax 8×8", "diff").low > 0,
    "In texts four times as long, both models with wide heads find more than DIFF; "
    "softmax 8×8 finds less.",
)

# %% [markdown]
# So "which is better?" depends on the control *and* on the test. We think the width of
# the queries decides here: DIFF and softmax 8×8 have 8 channels, the others 16. We did
# not test that. The paper has both controls for its loss (table 6) and neither for its
# needles.
#
# Does DIFF look harder at the answer? Weights can be negative, so a share of attention
# can be taken in two ways:
#
# | share | how it is computed |
# | --- | --- |
# | signed | a weight over the sum of all weights |
# | absolute | the size of a weight over the sum of all sizes |
#
# The panel shows what the last word of a text reads in two models; you may type your
# own text. A bar is the share of one word, and its place in the text is in brackets.
# Choose DIFF with λ kept at 0.2, and compare its signed and its absolute shares.

# %%
models = {
    "softmax 8×8": "needle/softmax",
    "DIFF": "needle/diff",
    "normed 4×16": "needle/normed",
    "DIFF, λ kept at 0.2": "needle/diff-frozen",
}
ready = {
    "two needles": "rain Alburg 17 on old Bordale 5 light snow Casford ? Alburg",
    "a text of the task": " ".join(diff.Needles().draw(1, 7).texts()[0].split()[:52]),
    "told twice": "rain Alburg 17 on old Bordale 5 light Alburg 40 snow ? Alburg",
    "never told": "rain Alburg 17 on old Bordale 5 light snow ? Casford",
}
labkit.ReadingPanel(models, ready)

# %% [markdown]
# A signed share can exceed 1. The paper's table uses signed shares: 0.31 for the answer
# in DIFF and 0.03 in the Transformer, with the answer in the middle of the text. A
# negative weight on noise then counts *for* the answer. But the head still reads that
# noise, with the sign turned round.
#
# Here is the mean over 64 texts, with a thin interval over the texts. Look for the rows
# where the two bars differ.

# %%
looks = {
    name: diff.allocate(labkit.load(model), texts) for name, model in models.items()
}
figures.show(
    diff.share_bars(looks, title="Signed shares flatter the model that subtracts")
)

# %% tags=["collapsed"]
absolute = {
    name: one.share("answer", signed=False).value for name, one in looks.items()
}
subtracts = "DIFF, λ kept at 0.2"
flatter = looks[subtracts].share("answer").value - absolute[subtracts]
report(flatter, 2, f"{subtracts}, answer: signed minus absolute share")
holds(
    flatter > 0.05 and max(absolute, key=absolute.get) == "normed 4×16",
    "Signed shares flatter the model that subtracts. By absolute shares normed 4×16 "
    "looks hardest at the answer.",
)
figures.show(claims.assess("04.answer_read"))

# %% [markdown]
# The ledger's row compares DIFF with softmax 8×8: DIFF gives the answer a larger share,
# by less than in the paper. But a larger share does not make a better model. Normed
# 4×16 has the largest absolute share, and finds fewer needles in harder texts than
# DIFF.
#
# **What this does not show.** The paper tests language models that were not trained on
# needles. Ours have one block of width 64 and are trained on nothing else. They say
# little about models in which many layers can pass noise on.
#
# ## 3 · λ by hand · 9 min
#
# What does a trained model do if you change its λ? `SetLambda` replaces λ for as long
# as an edit lasts. The model was trained on a sum of both maps. Now make it a
# difference.

# %%
operated = lesson.predict("p4")

# %% [markdown]
# In the panel, the left bars are the weights on each kind of word: in A1, in A2, and in
# what the head uses. The right bars are the share of right answers, as trained and now.
# Move λ from its learned value to 0 and then to 0.8.

# %%
labkit.LambdaPanel("needle/diff", gate=operated)

# %% [markdown]
# The next figure has ten values of λ on 96 fresh texts: circles with the head norm,
# squares without it. Left of 0 the maps are added, right of 0 the second is subtracted.

# %%
fresh = diff.Needles().draw(96, seed=43)
normed = diff.operate_on_lambda(free, fresh)
bare = diff.operate_on_lambda(free, fresh, norm=False)
figures.show(
    diff.lambda_lines(
        {"with the head norm": normed, "norm taken off": bare},
        title="The more of the second map is subtracted, the fewer answers are right",
    )
)

# %%
by_lambda = dict(zip(normed.values, normed.accuracies()))
lesson.result("p4", found=by_lambda[0.8])
holds(
    min(by_lambda[-2.0], by_lambda[-1.0]) > 0.97 and by_lambda[0.0] > 0.85,
    "From −2 to −1 nothing is lost. "
    "Without the second map (λ = 0) most answers are still right.",
)
holds(
    by_lambda[0.8] < by_lambda[0.2] < by_lambda[0.0],
    "Above 0, the larger λ is, the more answers are lost.",
)

# %% [markdown]
# Both maps point at the answer, so every sum of them does. At λ = 0 the first map does
# nearly as well alone. Above 0 the head loses part of the answer, and the parts after
# it were never trained on that. The head norm is not the reason: both lines are much
# alike.
#
# Did the model need a λ below 0? We trained variants on the same seeds, each at its own
# best learning rate:
#
# | variant | what happens to λ in training |
# | --- | --- |
# | DIFF | learned, starts near 0.2 |
# | DIFF, λ kept at −1 | fixed: the maps are added from the first step |
# | DIFF, λ from 0.8 | learned, starts at 0.8 as in the paper's deep layers (5 seeds) |
# | DIFF, λ ≥ 0 | learned, but cannot go below 0 |
# | DIFF, slow λ | learned, twenty times more slowly |
# | DIFF, λ kept at 0.2 | fixed: the second map is always subtracted |
#
# The table has three means for each: the λ at the end; the loss on texts like those of
# the training; and the share of right answers if only the first map is left.

# %%
late, never_below, fixed = "diff, λ from 0.8", "diff, λ ≥ 0", "diff, λ frozen"
variants = ["diff", "diff, λ = −1", late, never_below, "diff, slow λ", fixed]
columns = {
    "λ": "lambda",
    "loss, nats": "nats",
    "right, first map alone": "without the second map",
}
print(diff.arms_table(variants, columns))

# %% tags=["collapsed"]
learned = diff.compare_arms("right, as trained", variants).values
ended = diff.compare_arms("lambda", [late]).values[late].values()
alone_right = diff.compare_arms("without the second map", variants)
late_rates = diff.rates_tried(late)
holds(
    min(min(by_seed.values()) for by_seed in learned.values()) > 0.97
    and max(ended) < -0.6
    and min(late_rates, key=late_rates.get) == 0.008
    and late_rates[0.016] > 3,
    "All learn the task. From 0.8, too, λ ends below 0 in every model.",
)
holds(
    min(alone_right.mean(arm).value for arm in variants[3:]) > 0.99,
    "In the last three rows the first map alone answers nearly everything.",
)

# %% [markdown]
# Where a model subtracts, its second map is of no use on these texts. Now the harder
# texts, where DIFF was ahead. Which variants keep its lead? Read the figure as before;
# normed 4×16 is the control.
#
# <details><summary>A correction: the rate of "λ from 0.8"</summary>
#
# At first we gave every variant DIFF's learning rate, and this lesson said that a λ
# from 0.8 keeps a model from learning. It was the rate: at half of it the models learn.
#
# </details>

# %%
apart = diff.compare_arms("right, harder", [*variants, "normed 4×16"])
figures.show(apart)

# %%
for other in ("diff, λ = −1", late, never_below, fixed):
    variant = diff.arm_name(other).removeprefix("DIFF, ")
    report(apart.difference(other, "diff"), 3, f"DIFF minus “{variant}”")

# %% tags=["collapsed"]
over_control = {arm: apart.difference("normed 4×16", arm) for arm in variants[2:]}
holds(
    apart.difference("diff, λ = −1", "diff").high < 0.01,
    "With λ kept at −1 a model has DIFF's whole lead.",
)
holds(
    all(apart.difference(arm, "diff").low > 0 for arm in over_control)
    and all(one.low < 0 for one in over_control.values()),
    "The other four variants are behind DIFF and have no clear lead over normed 4×16.",
)
figures.show(claims.assess("04.lambda_takes_off"))

# %% [markdown]
# So DIFF gained here by *adding*. We think of it as a vote: two maps look for the same
# needle. The models that subtract have no lead. But adding is not enough. The models
# that started at 0.8 end by adding and are behind, too. We do not know why; they are
# also the only ones at half the learning rate.
#
# ## 4 · Elsewhere · 7 min
#
# Does DIFF lead in other setups, and does λ go below 0 there? In each setup we trained
# five new seeds of each kind of model, at its own best rate:
#
# | setup | what is different |
# | --- | --- |
# | two blocks | two blocks instead of one |
# | noise in the words | random noise is added to every word's embedding |
# | examples | a class must be named after examples of it |
# | habits | most cities have a usual number, and the text contradicts it |
# | no smear | two blocks, longer training; no word is mixed with the one before |
#
# A mark is DIFF minus one control, with its interval over seeds: circles for softmax
# 8×8, squares for normed 4×16. Right of the dotted line DIFF is ahead. The column on
# the right counts the attention layers, over all seeds, in which λ ended below 0.

# %%
others = diff.elsewhere()
figures.show(others)

# %% tags=["collapsed"]
lead = {(where, control): one for where, _, control, one in others.leads}
plain, control = arms[0], arms[2]
near = [
    abs(lead[name, one].value)
    for name in ("examples", "habits")
    for one in (plain, control)
]
setups = ["two blocks", "noise in the words", "examples", "habits", "no smear"]
clear = [name for name in setups if lead[name, control].low > 0]
holds(
    lead["noise in the words", plain].low > 0.3 and not clear,
    "With noisy words DIFF is far ahead of softmax 8×8. "
    "In no setup is it clearly ahead of normed 4×16.",
)
holds(max(near) < 0.02, "On examples and habits both controls lie within 0.02 of DIFF.")
open_leads = [lead["no smear", one] for one in (plain, control)]
holds(
    all(gap.low < 0 < gap.high for gap in open_leads),
    "Without the smear five seeds settle neither lead.",
)

# %% [markdown]
# Why are the two intervals without the smear so wide? Look at the models one by one;
# dots with nearly the same value cover one another. The intervals may reach past 1,
# because their formula does not know that a share ends there.

# %%
unsmeared = diff.compare_further("no smear")
figures.show(unsmeared)
for one, name in ((plain, "04.needles_alone"), (control, "04.needles_alone_normed")):
    row = claims.assess(name)
    interval = f"{row.value:+.2f} [{row.low:+.2f}, {row.high:+.2f}]"
    print(f"DIFF minus {one}: {interval}, row {name}: {row.verdict}")

# %% tags=["collapsed"]
ends = {arm: sorted(by_seed.values()) for arm, by_seed in unsmeared.values.items()}
one_seed = {
    arm: max(rates.values()) for arm, rates in diff.further_rates("no smear").items()
}
older = diff.compare_further("no smear, one rate")
holds(
    ends[plain][-1] < 0.4
    and ends[control][0] > 0.85
    and ends["diff"][0] < 0.4
    and ends["diff"][-1] > 0.99,
    "No softmax 8×8 has learned the task, every normed 4×16 has, "
    "and of the DIFF models some have.",
)
holds(
    one_seed["diff"] > one_seed[control] and min(older.values["diff"].values()) > 0.99,
    "On the one seed that chose the rates DIFF was ahead of normed 4×16. "
    "Three older DIFF models, at another rate, had all learned the task.",
)

# %% [markdown]
# Without the smear a model must first find which word came before each number, and then
# which of those cities is asked. Within 2,400 steps some DIFF models learn both and
# others do not. One seed would have misled us, and so might a rate chosen in runs half
# as long. Both rows of the ledger stay *unresolved*.
#
# The last setup is language: small models on the stories of this course's world. The
# value is the loss in nats a token, DIFF minus control, so *below* 0 means that DIFF is
# better.

# %%
world = "the course's world"
for one in (plain, control):
    report(lead[world, one], 2, f"language, DIFF minus {one}")

# %% tags=["collapsed"]
holds(
    all(lead[world, one].high > 0 for one in (plain, control))
    and all(lam > 0 for seed in others.lambdas[world] for lam in seed),
    "In language λ stays above 0 in every layer of every seed, "
    "and no lead of DIFF can be seen.",
)

# %% [markdown]
# Here the second map *is* subtracted, as in the paper. The paper's gain at 1.4 billion
# weights is 0.025 nats: these few small models could not show one so small.
#
# This comparison nearly went wrong: our first search for a learning rate stopped as
# soon as a rate was better than its two neighbours.

# %%
stopped_at = {"softmax 8×8": 2e-3, "normed 4×16": 8e-3, "diff": 1.6e-2}
for name, rates in (("search stopped early", stopped_at), ("all rates tried", None)):
    language = diff.compare_language(rates=rates)
    told = f"{name}, DIFF at rate {language.rates['diff']:g}, minus softmax 8×8"
    report(language.difference("softmax 8×8", "diff"), 2, told)

# %% [markdown]
# At the first rate DIFF looked clearly worse. At the winner's rate, which it had not
# been given, the difference is gone. When a model loses, try it at the winner's
# settings.
#
# One more test of the sign of λ: the authors' second version of DIFF, V2. It computes
# λ for every word by a sigmoid, so λ lies between 0 and 1. *No sigmoid* lets λ go below
# 0. *Wrong pairs* subtracts maps that read different keys and values, which the authors
# advise against. In all of these, heads share keys in groups.

# %%
second_versions = ["diff", "V2", "V2, no sigmoid", "V2, wrong pairs"]
second = diff.compare_further(
    "grouped keys", "right", "longer, more needles", second_versions
)
figures.show(second)

# %% tags=["collapsed"]
softmaxes = [one for where, _, _, one in others.leads if where == "the task"]
holds(
    second.difference("V2", "V2, no sigmoid").low > 0.3
    and second.difference("V2", "V2, wrong pairs").low > 0.3
    and min(min(second.values[arm].values()) for arm in second_versions[2:]) > 0.85
    and sum(share < 0.2 for share in second.values["V2"].values()) == 4,
    "Four of five V2 models do not learn the task. Without the sigmoid, "
    "or with pairs that do not share keys, all of them do.",
)
holds(
    all(one.low > 0 for one in softmaxes),
    "On the needle task DIFF is also ahead of three other softmaxes (see below).",
)

# %% [markdown]
# So a λ that must stay above 0 is in the way here, but only where both maps read the
# same keys and values. V2's authors train large models on far more text, where it may
# pay.
#
# <details><summary>Is it enough that a head may spend less than 1?</summary>
#
# A softmax must hand out exactly 1, even when nothing matters. Three known softmaxes
# lift that rule: *off by one* adds 1 to the denominator, *sink* adds a learned number
# there, and *gated* multiplies the head by a learned factor. We trained all three on
# the needle task. DIFF leads each of them by about as much as softmax 8×8, or by more.
# `print(others)` has the numbers, and λ for every seed.
#
# </details>

# %% [markdown]
# **What this does not show.** Noise may well be cancelled in larger models. The authors
# write that λ was never negative in theirs. Our needle models have one block instead of
# 28, learn at a rate some fifty times higher, and have a task in which every map can
# point at the answer. What we showed is that a DIFF Transformer can gain without
# cancelling anything. So a gain alone is no evidence of cancelling.
#
# ## Exercises · 14 min
#
# Three, and a fourth if there is time: a bug that was really released.

# %%
share = lesson.exercise("04.1")

# %%
share.check(...)

# %%
head = lesson.exercise("04.2")


# %%
def second_version(q, k, v, number):
    ahead = torch.ones(len(k), len(k)).triu(1).bool()
    scores = (q @ k.mT / q.shape[-1] ** 0.5).masked_fill(ahead, -torch.inf)
    first, second = ..., ...
    return ...


head.check(second_version)

# %%
each = lesson.exercise("04.3")


# %%
def alone(model, texts, which):
    return ...


each.check(alone)

# %%
bug = lesson.exercise("04.4")


# %%
def keys_for(k, group):
    return ...


bug.check(keys_for)

# %%
lesson.progress()

# %% [markdown]
# ## Your sentence · 4 min
#
# Write one sentence before you read ours: what would you want to see before you say
# that attention noise was cancelled?
#
# Ours: we would want a λ above 0 that the model chose, maps that share their noise,
# absolute shares, and a lead over a control that has everything but the second map.
#
# *Next: [09 · Layer-integrated
# memory](../09_layer_integrated_memory/09_layer_integrated_memory.ipynb). Why should a
# layer read only the layer below it?*
#
# **References.** The paper, to cite:

# %% tags=["nbval-check-output"]
print(labkit.cite("04"))
