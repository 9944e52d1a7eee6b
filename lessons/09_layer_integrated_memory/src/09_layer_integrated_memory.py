# %% [markdown]
# # 09 · Layer-Integrated Memory
#
# {{badges}}
#
# A layer of a transformer makes its keys and values from the stream just below it.
# Whatever an early layer knew has to survive in that one vector, or it is gone.
# Gerasimov and colleagues (2025) let every layer read the keys and values of *all*
# earlier layers, through a small matrix of plain numbers. The model hardly grows, and
# the cache does not grow at all. You will cut such a reading and watch arithmetic fall
# apart, ask whether the model became more able or only learned sooner, and find out
# which of three measurements supports the paper's picture.
#
# *Paper: [You Do Not Fully Utilize Transformer's Representation
# Capacity](https://arxiv.org/abs/2502.09245), arXiv 2502.09245. Official code:
# [corl-team/lime](https://github.com/corl-team/lime).*
#
# *60 minutes. You need [lesson
# 00](../00_cut_compare_restore/00_cut_compare_restore.ipynb). Afterwards you can write
# down what a router computes, say why the size of its entries proves nothing, and tell
# the values a layer makes from the values it reads.*

# %% tags=["setup", "network", "collapsed"]
try:
    import labkit
except ImportError:  # on Colab
    # %pip install -q --no-deps "transformer-surgery @ git+{{repository}}"
    import labkit

import torch

lesson = labkit.open_lesson("09")
figures, holds, report = labkit.figures, labkit.course.holds, labkit.course.report

# %% [markdown]
# ## One hundred and forty-four numbers · 3 min
#
# Here are two models of about 13 thousand numbers each. Both learned to work out
# expressions step by step, modulo 10: `(3+4)*(2-9)=7*(2-9)=7*3=1`. They started from
# the same weights and saw the same 38,400 expressions in the same order. The only
# difference: one has 144 numbers more, its *routers*. None of the questions below was
# in training.

# %%
base, lime = labkit.load("lime/baseline"), labkit.load("lime/routed")
print(f"{lime.parameters:,} numbers against {base.parameters:,}")
for question in ("(3+4)*(2-9)", "3*(4+(2-9))", "((6-9)*7)+4", "(8*3)-(5*5)"):
    for name, model in (("baseline", base), ("LIMe", lime)):
        print(f"{name:9}", labkit.solve(model, question))

# %% [markdown]
# One pair could be luck, and the learning rates were chosen on the seed of this one.
# Five more pairs were trained, each from its own first weights and on its own
# expressions. Every thin line is one run; the thick ones are means. While training,
# each model reads 500 expressions it has not seen. The lead below is measured at the
# end, on 2,000 others, so shares of one run differ by a few points.

# %%
curves = labkit.learning_curves()
figures.show(curves)

# %%
ladder, Rung = labkit.ladder(), labkit.Rung
gap = ladder.lead(Rung(operands=4, steps=1200))
report(gap, digits=2, label="LIMe's lead in the share solved, mean of five pairs")
holds(gap.low > 0, "After the same training LIMe solves more.")
best = max(
    solved for _, solved in ladder.rungs[Rung(operands=4, steps=1200)]["lime"].values()
)
holds(
    best < lime.card["solved"],
    "The LIMe you just met is lucky: none of the five solves as much.",
)

# %% [markdown]
# Why should 144 numbers make such a difference? And is it the difference the paper says
# it is?
#
# ## Before you begin · 2 min
#
# Two questions from earlier lessons, without looking back.

# %%
lesson.predict("r1")

# %%
lesson.result("r1")

# %%
lesson.predict("r2")

# %%
lesson.result("r2")

# %% [markdown]
# ## 1 · Build a head from the past · 11 min
#
# Write K for the keys and values that layer ℓ makes with its own projections, side by
# side: the *raw* heads. LIMe's attention does not use them directly. Head h of layer ℓ
# uses the *routed* ones,
#
# $$\tilde K_{\ell,h} = \sum_{\ell' \le \ell} \sum_{h'} R^{(\ell)}_{h,(\ell',h')}\; K_{\ell',h'},$$
#
# the raw heads of every layer up to its own, each times one number of its *router* R
# (section 3 of the paper). The numbers may be negative and need not add up to 1. They
# are the same for every token. Queries, MLPs and the stream are untouched. Written out,
# for the last layer of our model (layers and heads are counted from 0):

# %%
rows = labkit.unseen(300)
held = labkit.capture(lime, rows)
R = labkit.routers_of(lime)[3].weight
heads = [
    [values.chunk(4, dim=-1)[h] for h in range(4)] for values in held.raw
]  # raw values by layer and head

routed = 0
for past in range(4):
    for h in range(4):
        routed = routed + R[2, 4 * past + h] * heads[past][h]
print("head 2 of layer 3:", tuple(routed.shape), "= expressions, tokens, channels")
holds(
    torch.allclose(routed, held.routed[3].chunk(4, dim=-1)[2], atol=1e-5),
    "The sixteen products are what the model's attention uses.",
)

# %% [markdown]
# labkit does the same with one product of matrices, for keys and values together. This
# is all that is new in the model:

# %%
import inspect

print(inspect.getsource(labkit.Router.forward))
print(inspect.getsource(labkit.RoutedAttention.keys_values))

# %% [markdown]
# A decoder caches the *routed* heads of past tokens, as many as before. The raw ones
# are needed only for tokens in flight.
#
# Which layers does the last one need?

# %%
guess = lesson.predict("p1")

# %% [markdown]
# In the panel, choose an edge and turn its entries up, down or off; 1 is as trained.
# The question on the right is worked out with the edge as you set it. Write your own if
# you like. The panel reads 100 expressions and the bars below it 300, so the same cut
# has two slightly different costs.

# %%
labkit.RoutesPanel(lime, gate=guess)

# %%
costs = labkit.edge_costs(lime, rows)
figures.show(costs)

# %%
last = {source: costs.costs[3, source].value for source in range(3)}
lesson.result("p1", found=last)
report(costs.past, digits=2, label="without any reading of the past")
holds(
    costs.past.value > max(last.values()),
    "With all of them cut, more is lost than with any one.",
)
holds(
    costs.dearest == (3, 0),
    "Of all six edges, layer 3 reading layer 0 costs most to lose.",
)

# %% [markdown]
# Layer 0 has the symbols as they were written; everything above it has mixed them. The
# paper finds in its 16 layers that the last ones read the first buffers again (figure
# 5).
#
# Now build a head from the past. Take head 1 of layer 3 and set its row by hand:
# nothing of layers 0 to 2 at first, then four numbers with one digit after the point,
# one for each raw head of layer 0.

# %%
question = "3*(4+(2-9))"
for row in ([0.0, 0.0, 0.0, 0.0], [-0.5, 1.4, -3.2, 1.4]):
    past = [*row, *[0.0] * 8]  # the heads of layer 0, then those of layers 1 and 2
    edits = [
        labkit.SetRoute(3, 1, n // 4, n % 4, value) for n, value in enumerate(past)
    ]
    with labkit.edit(lime, *edits):
        answer, solved = (
            labkit.solve(lime, question),
            labkit.read_working(lime, rows)[1],
        )
    print(row, f"{solved.value:4.0%} solved;", answer)

# %%
holds(
    answer.right and solved.value > 0.9,
    "Four numbers, and the head knows again what layer 0 knew.",
)

# %% [markdown]
# Is layer 0 all that the other heads need, too? Take the whole past away from every
# layer, then give back one edge at a time.

# %%
edges = [(reader, source) for reader in (3, 2, 1) for source in range(reader)]
matrices = {
    layer: router.weight.detach().clone()
    for layer, router in labkit.routers_of(lime).items()
}


def only(*kept):
    """Routers that read themselves and the kept edges, and nothing else of the past."""
    edits = []
    for layer, matrix in matrices.items():
        keep = torch.zeros_like(matrix)
        for source in (layer, *(s for reader, s in kept if reader == layer)):
            keep[:, 4 * source : 4 * source + 4] = 1
        edits.append(labkit.SetRouter(layer, (matrix * keep).tolist()))
    return edits


# %%
given_back = {
    "nothing of the past": [],
    "layer 3 reads layer 0": [(3, 0)],
    "layers 3 and 2 read layer 0": [(3, 0), (2, 0)],
    "all layers read layer 0": [(3, 0), (2, 0), (1, 0)],
    "all layers read all before": edges,
}
for name, kept in given_back.items():
    with labkit.edit(lime, *only(*kept)):
        loss, solved = labkit.read_working(lime, rows)
    print(f"{name:28}{loss.value:6.3f} nats a token, {solved.value:4.0%} solved")

# %% [markdown]
# That edge alone does not do it. Perhaps each layer expects the others to read what
# they read in training; we did not test that.
#
# **What this does not show.** That a layer *needs* the past in order to solve the task.
# This model was trained with routers and leans on them; a model trained without solves
# some expressions too. And a cut is not how the model would have learned to live
# without the edge.
#
# ## 2 · Sooner or more? · 14 min
#
# The title says that transformers do not use their *capacity*, and the paper's
# arithmetic has 41 % solved against 72 %. More capacity means: the other model could
# not do it, however long it trained. Sooner means: it only needs more steps. One
# experiment tells them apart. Train both for twice as long, with a schedule that is
# twice as long.

# %%
guess = lesson.predict("p2")

# %%
labkit.LadderPanel(gate=guess)


# %%
def leads(steps):
    by_arm = ladder.rungs[Rung(steps=steps)]
    return {
        seed: by_arm["lime"][seed][1] - by_arm["base"][seed][1]
        for seed in by_arm["base"]
    }


pairs = list(zip(leads(1200).values(), leads(2400).values()))
for seed, (short, long) in zip(leads(1200), pairs):
    print(f"seed {seed}: lead {short:+.2f} after 1,200 steps, {long:+.2f} after 2,400")

# %%
lesson.result("p2", found=pairs)
report(ladder.lead(Rung(steps=1200)), digits=2, label="mean lead after 1,200 steps")
report(ladder.lead(Rung(steps=2400)), digits=2, label="mean lead after 2,400 steps")

# %%
for name in ("09.solves_more", "09.more_after_longer_training"):
    figures.show(labkit.claims.assess(labkit.claims.ledger().claim(name)))

# %%
gone = sum(abs(long) <= 0.05 for _, long in pairs)
print(f"lead gone in {gone} of {len(pairs)} pairs")
holds(
    gone >= 3,
    "Most baselines solve the task too, later: LIMe was sooner, not more able.",
)
print(
    "Five pairs, one of them far out: the ledger's word is",
    labkit.claims.assess("09.more_after_longer_training").verdict,
)

# %% [markdown]
# This is how to read a row: the dot is what we measured, with its interval over five
# seeds; the dotted line is the *null*, nothing happening; the grey band is the margin,
# smaller than which counts as nothing. Both claims were written down before these runs
# were made, and each arm stands at the learning rate that was best for it on another
# seed.
#
# Three more pairs were trained for 2,400 steps afterwards. The row stands on its five;
# these are for you to see whether the fifth, where the lead stayed, is an exception.

# %%
more = labkit.ladder(rungs=[Rung(steps=2400)], seeds=range(11, 19))
for name, arm in {"baseline": "base", "LIMe": "lime"}.items():
    runs = more.rungs[Rung(steps=2400)][arm].values()
    print(f"{name:8}", " ".join(f"{solved:5.0%}" for _, solved in runs))

# %%
eight = more.lead(Rung(steps=2400))
report(eight, digits=2, label="mean lead of eight pairs after 2,400 steps")
holds(eight.low < 0 < eight.high, "Eight pairs show no lead after twice the training.")
by_arm = more.rungs[Rung(steps=2400)]
behind = [
    s for s, run in by_arm["lime"].items() if run[1] < by_arm["base"][s][1] - 0.05
]
holds(behind, "In one pair it is LIMe that slips, and the baseline that does not.")

# %% [markdown]
# After 2,400 steps a model that is not quite done may be of either kind. So one lead that
# stayed is no sign of capacity.
#
# Two lengths are not a curve. Here are the other pairs, too: half as long, fewer and
# more operands, wider models, fewer layers; and when each of the longer runs had solved
# half.

# %%
figures.show(ladder)
print(ladder)

# %%
print(labkit.learning_curves(rung=Rung(steps=2400)))

# %% tags=["collapsed"]
three, four, two = (
    ladder.lead(Rung(operands=3)),
    ladder.lead(Rung()),
    ladder.lead(Rung(depth=2)),
)
early = ladder.rungs[Rung(steps=600)]
five = ladder.rungs[Rung(operands=5, steps=2400)]
wide = ladder.rungs[Rung(width=32)]
holds(
    max(solved for arm in early.values() for _, solved in arm.values()) < 0.2,
    "After 600 steps hardly anything is solved.",
)
holds(
    three.value > four.value, "With three operands the lead is larger than with four."
)
holds(
    max(solved for _, solved in five["base"].values()) < 0.2,
    "With five no baseline solves a fifth,",
)
holds(
    max(solved for _, solved in five["lime"].values()) > 0.9,
    "and one LIMe nearly all.",
)
holds(
    sum(solved > 0.99 for arm in wide.values() for _, solved in arm.values()) == 9,
    "Nine of ten models of 32 channels solve everything.",
)
ends = {
    depth: [loss for loss, _ in ladder.rungs[Rung(depth=depth)]["base"].values()]
    for depth in (4, 2)
}
gap = torch.tensor(ends[2]) - torch.tensor(ends[4])
holds(
    abs(gap.mean()) < 2.78 * gap.std() / 5**0.5,
    "Baselines of two and of four layers: no difference that five seeds show.",
)

# %% [markdown]
# After 600 steps hardly anything is solved, by anybody. After 1,200 LIMe is far ahead,
# after 2,400 the lead is gone in most pairs. With three operands, an easier task, the
# lead after 1,200 steps is larger still, not smaller as the paper has it: there LIMe is
# about done and the baseline under way. With five operands, a harder one, 2,400 steps
# are where 1,200 were with four: baselines hardly begun, LIMe anywhere between. And with
# 32 channels instead of 16 both are done, all but one baseline, and the lead with them.
# A lead is largest where one of the two is done first.
#
# And depth? On average LIMe of two layers is ahead of the baseline of four, as the
# paper says of 64 and 128. But look at the baseline of two layers: it cannot be told
# from that of four. The other two layers do nothing for it in this time, so beating it
# with half of them says nothing about depth.
#
# Does it take *all* of the past? The paper's table 7 says that the first buffers bring
# most of the gain. And which part of LIMe does the work? LIMe's routers begin with noise,
# as in the official code. The other rows of the next picture:
#
# | row | what a layer has |
# | --- | --- |
# | zeros first | LIMe's routers, beginning as the baseline |
# | own layer, heads mixed | a router of its own four heads; no past |
# | first buffer, layer below | its own heads, and those of layer 0 or of the layer below |
# | average of all | all heads, averaged; nothing is learned |
# | keys, values routed only | a router for one of the two |
# | same head only | of each earlier layer, the head of the same number |
# | a number a channel | the same, with a number of its own for each channel of keys and of values |
# | first version | LIMe as first published: each head has a softmax over the inputs of all layers so far, fixed (static) or made from the token |
# | value residual | half of its values are layer 0's |
# | DenseFormer | a learned sum of all earlier outputs as its stream |
# | Hyper-Connections | four streams, mixed by numbers that are learned (static) or depend on the token, too |
#
# The last three are other authors' ways to reach back.

# %%
arms = ("base", "lime", "zeros", "own", "first-1", "last-2", "average")
arms += ("keys", "values", "same-head", "channel")  # parts of LIMe
arms += ("v1-static", "v1-dynamic")  # its first version
arms += ("first-values", "dense", "hyper-static", "hyper-dynamic")  # others' ways
rung = labkit.ladder(arms, [Rung()])
figures.show(rung)

# %% tags=["collapsed"]
print(rung.table(Rung()))
beside = {
    arm: {one: rung.lead(Rung(), one, arm, what="loss") for one in ("base", "lime")}
    for arm in arms[2:]
}
own = beside["own"]
holds(
    own["base"].low < 0 < own["base"].high, "Mixing its own heads alone shows no gain,"
)
holds(own["lime"].low > 0, "and LIMe has the lower loss.")
holds(
    beside["first-1"]["lime"].high < 0,
    "Layer 0 alone has a lower loss than all layers.",
)
holds(
    beside["first-values"]["base"].high < 0,
    "The value residual has a lower loss than the baseline,",
)
holds(
    beside["first-values"]["lime"].low < 0 < beside["first-values"]["lime"].high,
    "and cannot be told from LIMe.",
)
holds(
    beside["zeros"]["lime"].low < 0 < beside["zeros"]["lime"].high,
    "Nor can routers that start at zero.",
)
holds(
    beside["dense"]["base"].high > 0 and beside["dense"]["lime"].low > 0,
    "DenseFormer brings nothing here.",
)
between = beside["hyper-dynamic"]
holds(
    between["base"].value < 0 < between["lime"].value,
    "Hyper-Connections lie between the two on average.",
)
holds(between["lime"].low < 0, "LIMe's lead over them is not settled;")
holds(beside["hyper-static"]["lime"].low > 0, "that over static ones is.")
holds(
    beside["values"]["lime"].high < 0,
    "Values routed alone have a lower loss than LIMe,",
)
solved_all = [solved > 0.99 for _, solved in rung.rungs[Rung()]["values"].values()]
holds(sum(solved_all) == 4, "and four of five such models solve nearly everything.")
holds(beside["keys"]["base"].high > 0, "Keys alone show no gain over the baseline,")
holds(beside["keys"]["lime"].low > 0, "and have a higher loss than LIMe.")
holds(
    beside["same-head"]["base"].high < 0
    and abs(beside["same-head"]["lime"].value) < 0.02,
    "Heads that read the same head alone cannot be told from LIMe.",
)
holds(
    beside["channel"]["lime"].high < 0,
    "With a number for every channel the loss is lower than LIMe's.",
)
first = {one: beside[f"v1-{one}"]["base"] for one in ("static", "dynamic")}
holds(
    first["dynamic"].high < 0 and first["static"].value < 0 < first["static"].high,
    "The first version by token beats the baseline; the static one leaves it open.",
)

# %% [markdown]
# Rows of the ledger that no paper has, *observations*, each promised before its runs were
# made:

# %%
promised = ("own_layer_below_baseline", "keys_alone", "values_alone")
for row in (*promised, "same_head_alone", "channel_by_channel"):
    told = labkit.claims.assess(f"09.{row}")
    print(
        f"{told.claim.sentence}\n  {told.value:+.3f} [{told.low:+.3f}, "
        f"{told.high:+.3f}] nats a token against the baseline, {told.n} pairs: "
        f"{told.verdict}"
    )

# %% [markdown]
# Mixing the heads of its own layer brings nothing that five seeds show, nor five fresh
# ones: it is the past that helps, not the mixing.
#
# And of the past it is the *values*. With a router for the values alone four models of
# five solve nearly everything, in steps in which LIMe, which routes keys by the same
# numbers, solves a quarter to a half. With a router for the keys alone nothing is gained.
# A guess: keys decide where to look, and that is harder to learn while they are being
# mixed. We did not test it. (The rows promise a comparison with the baseline. That values
# alone beat LIMe we saw afterwards.)
#
# Nor is it the mixing of heads. A router that reads the same head only, with a quarter of
# the numbers, cannot be told from LIMe's. With a number of its own for every channel, of keys
# and of values apart, all five models solve most, and three nearly everything. The value
# residual says the same: it has no router and not one number more than the baseline, only
# half of layer 0's values in every layer, and it cannot be told from LIMe. Of the paper's
# first version, which mixes what keys and values are made from, the one whose mixture
# depends on the token beats the baseline, narrowly.
#
# On average layer 0 alone solves twice as many as everything here, and routers that start
# at zero are ahead of those that start with noise. Is that so? Both were seen afterwards.
# So four arms were trained once more on five fresh seeds, promised before.

# %%
fresh_seeds = (41, 42, 43, 44, 45)
again = labkit.ladder(("base", "lime", "zeros", "first-1"), [Rung()], seeds=fresh_seeds)
print(again.table(Rung()))

# %% tags=["nbval-check-output"]
once_more = {
    arm: again.lead(Rung(), "lime", arm, what="loss")
    for arm in ("base", "zeros", "first-1")
}
holds(once_more["base"].low > 0, "LIMe is ahead of the baseline again.")
holds(
    once_more["zeros"].value > 0 > once_more["zeros"].low,
    "Zeros are *behind* noise this time, and it is not settled.",
)
holds(
    once_more["first-1"].low < 0 < once_more["first-1"].value,
    "Layer 0 alone is behind all layers on average, and not settled.",
)

# %% [markdown]
# LIMe's lead stands. The other two turned round. What looks like a find in five models,
# and was not asked for beforehand, may be gone in the next five.
#
# DenseFormer, which sums whole streams, brings nothing in this time, and neither do
# static Hyper-Connections. Those that look at the token lie between baseline and LIMe,
# and five seeds do not settle whether LIMe is better than they are.
#
# Reading the past is not free. The paper's step takes a tenth longer. Ours, and what
# routing costs otherwise:

# %%
sizes = {
    "vocab": 18,
    "width": 16,
    "depth": 4,
    "heads": 4,
    "ffn": 43,
    "context": 27,
    "tie": False,
}
plain = labkit.bill(labkit.DecoderConfig(**sizes), "baseline", 27)
print(labkit.bill(labkit.LIMe(**sizes), "LIMe", 27).table(plain))
time = labkit.claims.assess("09.step_time")
print(f"a step takes {time.value:.2f} times as long [{time.low:.2f}, {time.high:.2f}]")

# %% [markdown]
# And language, which the paper is about? Small language models, four blocks of 64
# channels, with routers and without, read the same texts of this course's world. The
# paper's gain is about 0.03 nats a token at 150M numbers, and 0.01 at 1B. Before any pair
# was trained we wrote down that we expected to see nothing. Then three pairs (seeds 21 to
# 23) had LIMe ahead. So a row was promised, and five fresh pairs were trained for it.

# %%
print(labkit.language_pairs())
language = labkit.claims.assess("09.language_lower_loss")
figures.show(language)
seen = (language.high - language.low) / 2
print(f"five pairs tell a gain from nothing if it is above {seen:.2f} nats a token")

# %% tags=["collapsed"]
eight = labkit.language_pairs().mean()
report(eight, digits=3, label="LIMe minus baseline, all eight pairs, nats a token")
holds(language.low < 0 < language.high, "Five fresh pairs do not settle it.")
holds(seen > 0.033, "The paper's gain is smaller than what they could have shown.")
fresh = [labkit.language_pairs().difference(seed) for seed in range(31, 36)]
clear = [one.high < 0 or one.low > 0 for one in fresh]
holds(sum(clear) >= 3, "Most single pairs look settled by their own intervals,")
holds(
    any(one.low > 0 for one in fresh) and any(one.high < 0 for one in fresh),
    "some of them for LIMe and some against it.",
)

# %% [markdown]
# Look at one row of the table: its interval is over texts, is narrow, and mostly excludes
# 0. Then look at the next row, which may say the opposite. Texts tell these two *models*
# apart; only pairs tell the two *methods* apart, and five of them leave it open. The mean
# is about what the paper found at 150M, and the interval is too wide to say so. All eight
# pairs together lean LIMe's way, but three of them gave us the question.
#
# **What this does not show.** What happens in a task that a model of this width can
# never learn: there a lead could stay. Five operands may be such a task, or may want
# 5,000 steps; we did not go on. And the rates: each arm, task and width has its own,
# the best of at least three with a worse one on either side. They were chosen on one
# other seed, and on two to four more where that one was at odds with itself. One seed
# can be far off: the note of 09.half_the_depth in the ledger tells of such a case.
# (Five operands and wider models had been promised at the rates of four operands and
# width 16; they were given their own before they were trained.) The paper shows the end
# of training only, so it cannot say whether more epochs would have let its baseline
# catch up.
#
# ## 3 · Who collapsed? · 11 min
#
# The paper's reason for the gain is *representation collapse*: in deep layers similar
# tokens become one. Its evidence is a linear classifier that must tell *is*, *are*,
# *was* and *were* apart from the values of one layer. In LIMe it succeeds in every
# layer, in the baseline it fails more and more often (figure 2b). Our similar tokens
# are the digits 1, 2, 3, 4.
#
# There are three things one could measure in a layer: the stream after it (*hidden
# states*), the values that its own projection makes (*own values*), and the values its
# attention uses (*routed values*). In a baseline the last two are one thing.

# %%
guess = lesson.predict("p3")

# %%
many = labkit.unseen(500, seed=5)
told = {
    name: labkit.separability(model, many)
    for name, model in (("baseline", base), ("LIMe", lime))
}
kinds = {"hidden": "hidden states", "raw": "own values", "routed": "routed values"}
last = {k: tuple(one.values[k][-1].value for one in told.values()) for k in kinds}
figures.show(
    figures.Bars(
        title="Telling 1, 2, 3 and 4 apart in the last layer",
        labels=list(kinds.values()),
        groups={
            name: [last[kind][place] for kind in kinds]
            for place, name in enumerate(told)
        },
        x_label="share right on unseen expressions, chance 0.25",
        sentence="Share of digits told apart in the last layer: "
        + "; ".join(
            f"{kinds[kind]} {one:.2f} in the baseline, {two:.2f} in LIMe"
            for kind, (one, two) in last.items()
        )
        + ".",
    )
)

# %%
lesson.result("p3", found=last)
print("Layer by layer, in LIMe:")
figures.show(told["LIMe"])

# %% [markdown]
# The routed values of the last layer hold the digits perfectly. They must: they contain
# the values of layer 0, times a number. That is no sign that the *layer* kept the
# digits apart. In this pair its own values and its stream did the opposite.
#
# The text of the paper speaks of the output of the value projection. The released code
# ([value_wrapper.py](https://github.com/corl-team/lime/blob/main/src/analysis/value_wrapper.py))
# stores the values after the router. We promised a test of either reading, and of what
# the paper says about hidden states (figure 7: they are *less* separable in LIMe). Over
# the five pairs:

# %%
for name in ("09.own_values_separable", "09.hidden_less_separable"):
    figures.show(labkit.claims.assess(labkit.claims.ledger().claim(name)))

# %%
stream = labkit.claims.assess("09.hidden_less_separable")
holds(
    stream.high < 0,
    "In the stream digits are harder to tell apart in LIMe, pair by pair.",
)
for row in ("09.values_separable", "09.own_values_separable"):
    print(f"{row:26}", labkit.claims.assess(row).verdict)

# %% [markdown]
# For the values, five pairs do not settle it, whichever of the two is meant: our
# baselines differ among themselves. In some of them the digits are all there in the
# last layer, in others not.
#
# So is it collapse that LIMe cures? Another reading fits the bars: a layer that can
# look the digit up in layer 0 need not carry it along, and may use its 16 channels for
# something else. Then the stream is *relieved*, not kept rich. We have not tested this.
#
# **What this does not show.** That the paper's values would look the same if measured
# the other way; nobody has published that. Digits are no near-synonyms: telling 1 from
# 2 is the task itself. And a classifier that fails says only that *it* found no
# straight line.
#
# ## Exercises · 15 min

# %%
shares = lesson.exercise("09.1")

# %%
shares.check((..., ..., ...))

# %%
routing = lesson.exercise("09.2")


# %%
def routed(R, raws):
    raw = ...
    return ...


routing.check(routed)

# %%
entry = lesson.exercise("09.3")


# %%
def dearest(model, loss, layer):
    router, costs = labkit.routers_of(model)[layer], {}
    ...
    return ...


entry.check(dearest)

# %% [markdown]
# When yours is right, try it on the trained model, with `lambda model:
# labkit.read_working(model, labkit.unseen(100))[0].value` as the loss: which of the 64
# entries of its last router matters most, and is it the largest?

# %%
hunt = lesson.exercise("09.4")


# %%
def is_own(values_of, model, rows, layer):
    return ...


hunt.check(is_own)

# %%
lesson.progress()

# %% [markdown]
# ## Your sentence · 4 min
#
# Write one sentence: what did reading the past do for this model, and what would you
# have to see to call it *capacity*?
#
# Ours, for these models and this task: *reading the past made learning much faster;
# whether it made more learnable is what section 2 says, and the stream above carries
# less of the digits, not more. Why, we have not tested.* Every [row of the
# ledger](../../data/LEDGER.md) was promised before the runs that decide it.
#
# **References.** The paper, and others who let late layers reach early ones:
# Transparent Attention (Bapna and others, 2018), DenseFormer (Pagliardini and others,
# 2024), Hyper-Connections (Zhu and others, 2024), value residuals (Zhou and others,
# 2024). labkit has the last three as `labkit.DenseFormer`, `labkit.HyperConnections`
# and `labkit.ValueResidual`.

# %%
print(labkit.cite("09"))
