# %% [markdown]
# # 04 · Differential Transformer
#
# {{badges}}
#
# A softmax hands out exactly 1 of attention over all words before it: some to what
# matters, the rest to what does not. Ye and colleagues (2024) compute two such maps and
# take λ times the second off the first, so that the noise both share cancels, as in
# headphones against noise. λ is learned. We built it by their formula and trained it on
# texts that are mostly noise. In three minutes you will bet on what became of λ.
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
figures, holds, claims = labkit.figures, labkit.course.holds, labkit.claims

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
# This is the task. A city directly before a number is a *needle*; everything else is
# noise, some of it lone numbers and lone cities. After the question mark cities are
# asked, and the next word must be the city's number. A question's attention has some 50
# words to choose from, and one of them matters.

# %%
print(diff.Needles().draw(1, seed=7).texts()[0])

# %% [markdown]
# A head of the DIFF Transformer reads with the weights A1 − λ A2. Both maps are
# softmaxes with queries and keys of their own; λ is one learned number for a layer and
# starts near 0.2. Six models were trained on this task, each from another seed.

# %%
guess = lesson.predict("p2")

# %%
runs = diff.compare_arms("lambda", ["diff"])
figures.show(diff.lambda_history())

# %%
lesson.result("p2", found=runs.mean("diff").value)

# %% tags=["collapsed"]
highest, accurate = (
    max(runs.values["diff"].values()),
    diff.compare_arms("right, as trained", ["diff"]).mean("diff"),
)
holds(
    highest < 0 and accurate.low > 0.99,
    "It is so in every one of the six, and each answers nearly everything.",
)

# %% [markdown]
# So what is the second map for? That is the question of this hour.
#
# ## 1 · Two microphones · 12 min
#
# First the idea. One microphone hears a speaker and noise, another hears noise.
# Subtract the second from the first. The noise that both hear cancels. The noise that
# the second hears alone is not in the first: it is *added*, with a minus that nobody
# hears.

# %%
mix = lesson.predict("p1")

# %%
noise = {
    str(lam): diff.two_microphones(shared=1.0, own=0.5, lam=lam).noise
    for lam in (0.5, 0.8, 1, 1.2)
}
for lam, left in noise.items():
    print(f"λ = {lam:3}: noise {left:.2f}")

# %%
lesson.result("p1", found=noise)
figures.show(diff.two_microphones(shared=1.0, own=0.5, lam=0.8))

# %% [markdown]
# With s for the shared noise and o for the own noise, what is left has the size √((1 −
# λ)² s² + (1 + λ²) o²). The first term falls until λ = 1, the second grows from the
# start. If all noise is own noise, the best λ is 0: do not subtract. Mix your own:
# change `shared` and `own` above and run the two cells again.
#
# Now attention. The formula is (paper, equation 1)
#
# > head = (softmax(Q₁K₁ᵀ/√d) − λ softmax(Q₂K₂ᵀ/√d)) V
#
# and here is what stands before V, for one head, written out. Two softmaxes come first,
# then the difference. The rows are not brought back to a sum of 1.


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
holds(torch.allclose(weights, labkits, atol=1e-6), "labkit's map is the same.")
holds(
    (weights < 0).any() and torch.allclose(weights.sum(-1), torch.tensor(0.2)),
    "A row adds up to 1 − λ.",
)

# %% [markdown]
# In labkit the difference to plain attention is these lines. The head's result is then
# normed (each head by itself: the paper's GroupNorm) and multiplied by 1 − λ_init, so
# that it has one size whatever λ does.

# %%
print(inspect.getsource(diff.DiffAttention.attend))

# %% [markdown]
# A DIFF head needs two queries and two keys, so there are half as many heads, with
# values twice as wide. Our models are 64 wide: 4 DIFF heads of two times 8, beside
# softmax with 8 heads of 8, or 4 of 16. Their numbers of weights differ by less than a
# hundred.
#
# Does the picture of the microphones fit a trained model? Only noise that *both maps*
# share can be cancelled. Below, λ was kept at 0.2 throughout training, so that this
# model must subtract; the other is free.

# %%
texts = diff.Needles().draw(64, seed=41)
frozen, free = labkit.load("needle/diff-frozen"), labkit.load("needle/diff")
figures.show(
    diff.map_lines(frozen, texts, title="Both maps of one question, λ kept at 0.2")
)

# %%
figures.show(diff.map_lines(free, texts, title="The same question, λ learned"))

# %% [markdown]
# One question of one text is an anecdote. Here are all questions of 64 texts.

# %%
for name, model in {"λ kept at 0.2": frozen, "λ learned": free}.items():
    print(f"{name}\n{diff.shared_noise(model, texts).table()}\n")

# %% tags=["collapsed"]
kept, own = diff.shared_noise(frozen, texts), diff.shared_noise(free, texts)
mean = lambda weights: sum(weights) / len(weights)  # noqa: E731
holds(
    mean(kept.weight_2) > 5 * mean(kept.weight_1),
    "The model that must subtract has its noise in A2.",
)
holds(
    max(kept.correlation.value, own.correlation.value) < 0.35,
    "Over the noise words the two maps are hardly alike, in both models.",
)
holds(
    abs(own.best_lambda.value) < 0.1,
    "The λ that would leave least of the free model's noise is near 0.",
)

# %% [markdown]
# The peak in both pictures is the answer, and every map has it. In the model that must
# subtract, two fifths of A2's weight are on noise at which A1 hardly looks, so there is
# nothing to cancel. In the model that chose its λ, both maps look at the needle and
# each has its own noise. They are two microphones in two rooms: the correlation is
# about 0.1, and the λ that would leave least of the noise is 0 in the median head.
#
# **What this does not show.** Models with many layers and long texts, where two maps
# may well share what they waste attention on. The paper reports that the difference
# works; what it cancels was not measured there either.
#
# ## 2 · Find the needle · 12 min
#
# The paper's main result on such tasks is that a DIFF Transformer finds more of many
# needles: 0.85 of them against 0.55. It compares with a Transformer of twice as many
# heads. A DIFF model differs from that one in *three* things: it has half as many heads
# with values twice as wide, a norm for each head, and a second map. So we trained
# controls: few wide heads, and few wide heads with the norm. Each arm was given the
# learning rate that was best for it on seeds that are not used below; then six fresh
# seeds each. The test is harder than the training: texts twice as long, twice as many
# needles.

# %%
which = lesson.predict("p3")

# %%
arms = ["softmax 8×8", "softmax 4×16", "normed 4×16", "diff"]
harder = diff.compare_arms("right, harder", arms)
figures.show(harder)

# %%
lesson.result("p3", found={arm: harder.mean(arm).value for arm in arms})
for other in arms[:3]:
    print(harder.difference(other, "diff"))

# %% tags=["collapsed"]
gain = harder.difference("softmax 8×8", "diff")
beside = harder.difference("normed 4×16", "diff")
between = harder.difference("softmax 8×8", "normed 4×16")
holds(gain.low > 0 and beside.low > 0, "DIFF is ahead of every control on these seeds.")
holds(
    gain.low < 0.05 < gain.high,
    "Over softmax 8 × 8, the paper's baseline, the interval reaches across the margin.",
)
holds(
    beside.high < 0.05,
    "Over the control with the head norm, the lead lies inside the margin: "
    "by our rule, nothing.",
)
holds(
    between.low < 0 < between.high,
    "Whether the control is better than softmax 8 × 8, six seeds do not settle.",
)

# %% [markdown]
# Here is what was promised before these models were trained, as the ledger of this
# course has it. The dot is what we measured, with its interval over seeds; the dotted
# line is the *null*, what would come out if there were nothing; the grey band is the
# *margin*, smaller than which a difference counts as nothing.

# %%
figures.show(claims.assess("04.more_needles"))

# %%
figures.show(claims.assess("04.loss_normed"))

# %% [markdown]
# Afterwards two more seeds were trained (17 and 18). They do not count for the
# promises; over all eight the leads are:

# %%
eight = diff.compare_arms("right, harder", arms, seeds=range(11, 19))
for other in arms[:3]:
    print(eight.difference(other, "diff"))

# %% [markdown]
# On texts like those it was trained on, DIFF is no better than the control that has its
# head shape and its norm: both have learned the task. On the harder texts it leads
# softmax 8 × 8 by 4 points [2, 7]: the interval leaves out 0 and reaches beyond the
# margin of 5, so the verdict is *direction*, the paper's sign and far less than its
# thirty points. The lead over the control that has the norm is smaller than the margin.
#
# The learning rate matters more than the arm. This is the loss of softmax 8 × 8 at four
# rates, on the seeds on which rates were chosen. Whoever gives all arms one rate has a
# hand in who wins.

# %%
tried = diff.rates_tried("softmax 8×8")
for lr, nats in tried.items():
    print(f"{lr:5g}: {nats:.3f} nats an answer")

# %%
by_loss = sorted(tried.values())
holds(
    by_loss[1] > 4 * by_loss[0],
    "At the second-best rate its loss is more than four times as high.",
)

# %% [markdown]
# Now the small lead on the harder texts. Does it last? Ask for longer texts still.

# %%
longest = diff.compare_arms("right, longest", arms)
figures.show(longest)

# %%
holds(
    longest.difference("softmax 4×16", "diff").high < 0,
    "In texts four times as long, wide heads find more than DIFF.",
)
holds(
    longest.difference("softmax 8×8", "diff").low > 0,
    "DIFF finds more than softmax with queries of its own size.",
)

# %% [markdown]
# A DIFF head's queries have 8 channels here, those of the wide heads 16, and far away
# that seems to count for more. The answer to "which is better?" depends on the control
# *and* on the test. The paper has both controls for its loss (table 6) and neither for
# its needles.
#
# Now look inside. The panel shows what the last word of a text reads, in two models;
# the text may be yours. A *signed* share is a weight over the sum of weights; an
# *absolute* share is its size over the sum of sizes. Compare the two for the model
# whose λ was kept at 0.2.

# %%
models = {
    "softmax 8×8": "needle/softmax",
    "DIFF": "needle/diff",
    "softmax 4×16, normed": "needle/normed",
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
# With the answer in the middle of the text, the paper's table gives it 0.31 of the
# attention in DIFF and 0.03 in the Transformer; noise gets 0.02 and 0.52. These are
# signed shares. What a negative weight takes from noise is then counted for the answer,
# though the head still reads that noise, with a minus. Over many texts:

# %%
looks = {
    name: diff.allocate(labkit.load(model), texts) for name, model in models.items()
}
figures.show(
    diff.share_bars(looks, signed=True, title="Signed shares, as in the paper's table")
)

# %%
figures.show(
    diff.share_bars(looks, signed=False, title="Absolute shares of the same models")
)

# %%
last = looks["DIFF, λ kept at 0.2"]
flatter = last.share("answer").value - last.share("answer", signed=False).value
print(f"λ kept at 0.2: the signed share of the answer is larger by {flatter:.2f}")
holds(flatter > 0.05, "Signed shares flatter the model that subtracts.")
figures.show(claims.assess("04.answer_read"))

# %% [markdown]
# Two things to take along. Shares that can be negative flatter: the model that
# subtracts seems to give its answer more than everything. And a larger share is not a
# better model: by absolute shares the normed control looks hardest at the answer, and
# it finds no more needles in the harder texts than DIFF.
#
# **What this does not show.** A language model that was never trained on needles, as
# the paper's were. And one block of width 64 solves this task; there is no room for
# what many layers do with one another's noise.
#
# ## 3 · λ by hand · 12 min
#
# `SetLambda` replaces the learned λ for as long as an edit lasts. The model was trained
# on a sum. Now make it a difference.

# %%
operated = lesson.predict("p4")

# %%
labkit.LambdaPanel("needle/diff", gate=operated)

# %%
fresh = diff.Needles().draw(96, seed=43)
normed = diff.operate_on_lambda(free, fresh)
bare = diff.operate_on_lambda(free, fresh, norm=False)
figures.show(
    diff.lambda_lines(
        {"with the head norm": normed, "norm taken off": bare},
        title="Right answers when λ is set by hand",
    )
)

# %%
by_lambda = dict(zip(normed.values, normed.accuracies()))
lesson.result("p4", found=by_lambda[0.8])
holds(min(by_lambda[-2.0], by_lambda[-1.0]) > 0.97, "From −2 to −1 nothing is lost.")
holds(by_lambda[0.0] > 0.85, "Without the second map most answers are still right.")
holds(
    by_lambda[0.8] < by_lambda[0.2] < by_lambda[0.0],
    "The more of it is taken off, the more is lost.",
)

# %% [markdown]
# Read the picture from its left end. Both maps point at the answer, and any sum of
# them, brought to one size, says the same. At 0 the second map is gone, and the first
# does nearly as well alone. To the right of 0 the second map's view of the answer is
# taken off, and what follows was never trained to read that. The norm is not what
# decides: with it and without it the lines are much alike.
#
# Was λ below 0 a whim of the optimiser? Here are variants, trained on the same six
# seeds, each at the best of its own rates: λ that cannot go below 0, λ that learns
# twenty times more slowly, λ kept at 0.2, λ kept at −1, so that the maps are added from
# the first step, and, on five of the seeds, λ that starts at 0.8, as in deep layers of
# the paper.

# %%
variants = [
    "diff",
    "diff, λ = −1",
    "diff, λ ≥ 0",
    "diff, slow λ",
    "diff, λ frozen",
    "diff, λ from 0.8",
]
print(diff.compare_arms("lambda", variants).table(), "\n")
print(diff.compare_arms("nats", variants).table(), "\n")
print(diff.compare_arms("without the second map", variants).table())

# %% tags=["collapsed"]
late = variants[-1]
right, ended = (
    diff.compare_arms(what, [late]).values[late].values()
    for what in ("right, as trained", "lambda")
)
holds(min(right) > 0.99 and max(ended) < -0.6, "From 0.8, too, λ goes below 0 in all.")
tried = diff.rates_tried(late)
holds(
    min(tried, key=tried.get) == 0.008 and tried[0.016] > 3,
    "Its rate is 0.008; at 0.016 it learns next to nothing.",
)

# %% [markdown]
# All of them learn the task. Started at 0.8, λ falls below 0 all the same, in every
# model. This needs a rate of 0.008. At 0.016, the best rate of all the others, a model
# with such a λ learns next to nothing. At first we had given every variant the rate of
# DIFF, and this lesson said that a λ from 0.8 keeps a model from learning. It was the
# rate. Where λ stays above 0 the second map is not needed: the first alone answers
# everything. Now the harder texts, where DIFF was ahead.

# %%
apart = diff.compare_arms("right, harder", [*variants, "normed 4×16"])
figures.show(apart)

# %%
for other in variants[1:]:
    print(apart.difference(other, "diff"))
holds(
    apart.difference("diff, λ ≥ 0", "diff").low > 0,
    "With λ kept at 0 or above, the lead on harder texts is gone.",
)
holds(
    apart.difference("normed 4×16", "diff, λ ≥ 0").low < 0,
    "It then has no lead over the control.",
)
holds(
    apart.difference("diff, λ frozen", "diff").low > 0,
    "With λ kept at 0.2 it is gone as well.",
)
holds(
    apart.difference("diff, λ = −1", "diff").high < 0.01,
    "With λ kept at −1 it is all there.",
)
holds(
    apart.difference(late, "diff").low > 0
    and apart.difference("normed 4×16", late).low < 0,
    "Started at 0.8, a model adds and has no lead over the control.",
)
figures.show(claims.assess("04.lambda_takes_off"))

# %% [markdown]
# So *adding* is what DIFF gained here: two maps over the same values, both of which
# look for the needle, vote. A model that adds from the first step has the whole lead,
# and one that takes off has none. But adding is not enough. Without the norm λ goes
# below 0 as well, and there is no lead. The models that started at 0.8 add in the end,
# and they are behind, too; they are also the only DIFF models here at half the rate.
#
# Does that hold elsewhere? Here are DIFF's second version (V2: λ of every token by a
# sigmoid, so never below 0) with its ablations, and models of two blocks. Five seeds,
# the harder texts, each arm at the best of its own rates.

# %%
second = diff.compare_further("grouped keys", "right", "longer, more needles")
two_blocks = diff.compare_further("two blocks", "right", "longer, more needles")
print(second.table(), "\n")
print(two_blocks.table())
holds(
    second.difference("V2", "V2, no sigmoid").low > 0.3,
    "V2 learns the task only where its λ may go below 0,",
)
holds(
    second.difference("V2", "V2, wrong pairs").low > 0.3,
    "or where it pairs heads that do not share keys.",
)
holds(
    two_blocks.difference("normed 4×16", "diff").high < 0.05,
    "With two blocks DIFF has at most a small lead over the normed control.",
)

# %% [markdown]
# V2 as it is does not learn the task within these 600 steps on most seeds, at the best
# of three rates. Its authors train large models on much text, where taking off may pay;
# on this task it is in the way.
#
# And other texts? *Noise in the words* adds noise to every embedding. In *examples* a
# class is named by showing it. In *habits* most cities have a usual number, and the
# text contradicts it. *No smear* takes away the short cut by which our models see the
# word before. Last come small language models on the stories of this course's world,
# each kind at the best of five learning rates. A positive number is a lead of DIFF, but
# for the world, where it is loss.

# %%
elsewhere = diff.elsewhere()
print(elsewhere)

# %% tags=["collapsed"]
lead = {(where, control): one for where, _, control, one in elsewhere.leads}
noise = "noise in the words"
holds(
    lead[noise, "softmax 8×8"].low > 0.3 and lead[noise, "normed 4×16"].low < 0,
    "Noise: the control has the gain, too.",
)
near = [
    abs(lead[name, other].value)
    for name in ("examples", "habits")
    for other in (arms[0], arms[2])
]
holds(max(near) < 0.02, "Examples and habits: within two points of either control.")
bare = [lead["no smear", other] for other in (arms[0], arms[2])]
holds(all(one.low < 0 < one.high for one in bare), "No smear: both leads stay open.")
holds(
    all(lead["the course's world", other].high > 0 for other in (arms[0], arms[2])),
    "On the world DIFF has no lead.",
)
others = [one for where, _, _, one in elsewhere.leads if where == "the task"]
holds(
    all(one.low > 0 for one in others),
    "Over the other softmaxes, each at the best of its rates, DIFF leads.",
)
holds(
    all(lam > 0 for seed in elsewhere.lambdas["the course's world"] for lam in seed),
    "There λ stays above 0.",
)

# %% [markdown]
# Where words are noisy, softmax 8 × 8 learns next to nothing, and DIFF a great deal.
# But so does the control with the norm and no second map. Examples and habits are easy
# for all: the arms lie within two points. Softmaxes that are off by one, have a sink or
# a gate are 4 to 8 points behind DIFF on the harder texts, as softmax 8 × 8 itself is:
# letting a head spend less than 1 does not give what DIFF has.
#
# Without the smear both intervals are wide. Look at the models one by one. Rates had been
# chosen on one seed, in runs half as long.

# %%
bare = diff.compare_further("no smear")
for arm, by_rate in diff.further_rates("no smear").items():
    tried = ", ".join(f"{share:.2f} at {lr:g}" for lr, share in by_rate.items())
    ends = " ".join(f"{share:.2f}" for share in bare.values[arm].values())
    print(f"{arm:12} one seed, 1,200 steps: {tried}\n{'':12} five seeds, 2,400: {ends}")
older = diff.compare_further("no smear, one rate")
for arm, by_seed in older.values.items():
    ends = " ".join(f"{share:.2f}" for share in by_seed.values())
    print(f"{arm:12} three older seeds at 0.004, 2,400: {ends}")
for name in ("04.needles_alone", "04.needles_alone_normed"):
    row = claims.assess(name)
    print(f"{name}: {row.value:+.2f} [{row.low:+.2f}, {row.high:+.2f}], {row.verdict}")
ends = {arm: sorted(by_seed.values()) for arm, by_seed in bare.values.items()}
holds(ends["softmax 8×8"][-1] < 0.4, "No softmax 8 × 8 has learned the task by then.")
holds(ends["normed 4×16"][0] > 0.85, "Every control with the norm has.")
holds(
    ends["diff"][0] < 0.4 and ends["diff"][-1] > 0.99, "Of the DIFF models some have."
)

# %% [markdown]
# Without the smear a model needs a circuit over two blocks: first "which word came
# before", then "which of them is asked". A run shows little until that has formed, and
# with DIFF the step at which it forms differs much from seed to seed. On the one seed of
# the rates DIFF was ahead of the control. On five it is behind on average. One seed is
# an anecdote.
#
# And half the steps are not the whole. Three older pairs of DIFF and softmax 8 × 8, both
# at 0.004, ended higher than these do at the rates that were best after 1,200 steps. So
# the rows say what was promised, and do not say who is better here.
#
# On the world λ stays above 0 in every layer of every seed: there the second map *is*
# taken off, as the paper says. We see no gain from it, over either control. The paper's
# gain, 0.025 nats at 1.4 billion weights, would be too small for these few models to
# show.
#
# These rows were nearly a finding. At first the search for a rate stopped as soon as
# one had a worse one on either side.

# %%
stopped_at = {"softmax 8×8": 2e-3, "normed 4×16": 8e-3, "diff": 1.6e-2}
for name, rates in (("stopped early", stopped_at), ("all rates tried", None)):
    texts = diff.compare_language(rates=rates)
    gap = texts.difference("softmax 8×8", "diff")
    interval = f"[{gap.low:+.2f}, {gap.high:+.2f}]"
    print(f"{name:16} DIFF minus softmax 8×8: {gap.value:+.2f} {interval}", texts.rates)

# %% [markdown]
# DIFF far behind, outside chance! But its loss over rates has two hollows. It, too, is
# best at 0.002, where it was never tried, and there the distance is gone. When a rival
# loses, try it at the winner's settings.
#
# Is the map that is taken off of any use? Leave it out, on the harder texts of the
# needle task.

# %%
hard = diff.Needles(length=128, needles=12).draw(128, seed=47)
lost = {}
for name, model in {
    "λ learned (adds)": free,
    "λ kept at 0.2 (takes off)": frozen,
}.items():
    with labkit.edit(model, diff.SetLambda(0.0)):
        first_alone = diff.find_needles(model, hard).accuracy.value
    both = diff.find_needles(model, hard).accuracy.value
    lost[name] = both - first_alone
    print(f"{name:26} both maps {both:.2f}, the first alone {first_alone:.2f}")

# %%
holds(
    abs(lost["λ kept at 0.2 (takes off)"]) < 0.02,
    "The model that subtracts loses nothing without its second map.",
)

# %% [markdown]
# The authors write that λ was never negative in their models. Those of our needles have
# one block instead of 28, learn at a rate some fifty times higher, and have a task in
# which every map can point at the answer. Slow λ stayed above 0, and so did that of the
# language models: which sign comes out depends on task and training.
#
# **What this does not show.** That noise is never cancelled. It shows that a DIFF
# Transformer can gain without cancelling anything, so that a gain is no evidence for
# it.
#
# ## Exercises · 15 min
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
# Write one before you read ours: what would you want to see before you say that
# attention noise was cancelled?
#
# Ours: a λ above 0 that the model chose, maps that share their noise, absolute shares,
# and a control that has all the rest.
#
# *Next: [09 · Layer-integrated
# memory](../09_layer_integrated_memory/09_layer_integrated_memory.ipynb). Why should a
# layer read only the layer below it?*
#
# **References.** The paper, to cite:

# %% tags=["nbval-check-output"]
print(labkit.cite("04"))
