# %% [markdown]
# # 02 · What matters in transformers?
#
# {{badges}}
#
# In 2024 He, Sun and colleagues took 40 of the 80 attentions out of Llama-2-70B, without any training. Over eight tasks
# it fell from 73.9 to 71.5 points of a hundred, wrote 1.5 times as fast, and needed half of the memory for what it had
# read. Attention is what transformers are famous for, and it could go. You will take the parts out of a model of ours,
# one by one and by the dozen. You will ask the paper's score which ones can go, and find that the answer changes from
# model to model.
#
# *60 minutes. You need [lesson 00](../00_cut_compare_restore/00_cut_compare_restore.ipynb). Afterwards you can score
# the parts of a model with one pass, say what such a score cannot see, and judge a cut by more than its loss.*
#
# *The paper:* He, Sun, Shen and Li (2024), *What Matters in Transformers? Not All Attention is Needed*, [arXiv
# 2406.15786](https://arxiv.org/abs/2406.15786), [its code](https://github.com/CASE-Lab-UMD/LLM-Drop). *Ours:*
# [labkit/papers/what_matters]({{repository}}/tree/main/labkit/papers/what_matters).

# %% tags=["setup", "network", "collapsed"]
try:
    import labkit
except ImportError:  # on Colab
    # %pip install -q --no-deps "transformer-surgery @ git+{{repository}}"
    import labkit

import torch

from labkit.papers.what_matters import Cosine, equal_scores, one_shot, what_is_left
from labkit.sweeps import LeaveOneOut, every_sublayer

lesson = labkit.open_lesson("02")
figures, holds, report = labkit.figures, labkit.course.holds, labkit.course.report

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
# ## 1 · Cut one part · 12 min
#
# **The question.** Which costs more to lose, an attention or an MLP?
#
# `lab/deep` has twelve blocks, numbered from 0, each with an attention and an MLP. (The panels call a block a layer.)
# These 24 parts write to one *stream*, the running sum that each part reads and adds to. The model has read stories of
# the islands, lists to repeat, and facts about people.

# %%
deep = labkit.load("lab/deep")
stories = [
    story.text for story in labkit.world.documents("stories", 12, seed=21, split="test")
]
print(deep, deep.model.config.depth, "blocks")
print(stories[0])

# %% [markdown]
# In the paper, Mistral-7B loses 3.4 of 70.3 points without four MLPs, and 0.4 without four attentions. We take out one
# part at a time. The *cost* of a part is how much the loss on twelve held-out stories rises without it, in nats a
# token. The first block and the last often differ from the rest, so the question is about the ten between them.

# %%
guess = lesson.predict("p1")

# %%
swept = labkit.sweep(deep, every_sublayer(deep), stories)
truth = LeaveOneOut.of(swept, depth=12)
report(truth.attention[0], 2, "attention of block 0")
report(truth.mlp[0], 2, "MLP of block 0")

# %% tags=["nbval-check-output", "collapsed"]
middle = range(1, 11)
cost = {
    kind: sum(truth.of(kind)[layer].value for layer in middle) / len(middle)
    for kind in ("attention", "mlp")
}
ratio = cost["attention"] / cost["mlp"]
print(f"a middle attention costs {ratio:.0f} times as much as a middle MLP")
lesson.result("p1", found=ratio)
holds(
    all(truth.attention[i].value > truth.mlp[i].value for i in range(1, 12)),
    "In each block but the first the attention costs more than the MLP.",
)

# %% [markdown]
# In the next picture each bar is the cost of one part. The dark line over its end is the 95 % interval over the
# stories. Compare the two bars of each block.

# %% tags=["collapsed"]
figures.show(
    figures.Bars(
        title="Alone, each attention costs more than the MLP of its block",
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
        sentence=f"A middle attention costs {cost['attention']:.3f} nats a token on "
        "average, a middle MLP "
        f"{cost['mlp']:.4f}. Block 0 is left out: without its MLP the loss rises by "
        f"{truth.mlp[0].value:.1f}.",
        digits=3,
    )
)

# %% [markdown]
# The first block is left out, because its bars would not fit on this picture: all later parts read what it writes.
# After it, most MLPs look idle one at a time, though each has twice as many weights as an attention.
#
# Now take out as many as you like. In the panel a crossed box is a part that is gone, and the dots show the loss on six
# other, short stories. What do four parts of a kind cost, and what do all ten middle ones?

# %%
labkit.LayerGridPanel("lab/deep", gate=guess)

# %% [markdown]
# With four gone, of either kind, the model goes on word for word as before. With all ten gone it no longer says where
# the lantern is, and the two kinds cost about the same.
#
# The paper says that attentions cost far less than MLPs. Our ledger, the list of the paper's claims that we tested,
# asks this of four parts of each kind, on fresh stories. How to read its picture:
#
# | you see | it means |
# | --- | --- |
# | blue dot with a bar | our number and its 95 % interval |
# | diamond | the paper's number, where it gives one on this scale |
# | dotted line | the *null*: what no difference would give |
# | grey band | the *margin*: a difference too small to count. A bar wholly inside is *absent here* |
# | *Contradicted* | the whole bar lies beyond the null, away from the paper |
# | *Direction* | the whole bar lies on the paper's side; the effect may be smaller than the paper's |
#
# Null, margin and the number of stories were written down before the measurement.

# %%
claim = labkit.claims.ledger().claim("02.attention_against_mlp")
print(claim.sentence)
figures.show(labkit.claims.assess(claim))

# %% [markdown]
# Both marks are cost ratios, attentions ÷ as many MLPs: the paper's in points of a task, without 32 of 80 of a kind,
# ours in nats, without 4 of 12. At 1 both kinds would cost the same.
#
# Why do attentions matter so much here? We think it is the text. An attention fetches from earlier words; an MLP works
# on one word at a time. Our stories give much to fetch and little to know: a few hundred facts. Nothing here varies the
# text, so this is a guess.
#
# **The answer.** One at a time and four at a time, attentions cost more here than MLPs, the reverse of the paper. With
# ten gone that lead has vanished.
#
# **What this does not show.** That the paper is wrong about its models. *Attention is what you can do without* is a
# statement about a model and what it has read, not about all transformers.
#
# ## 2 · Score against truth · 17 min
#
# **The question.** Can one pass over the text tell which parts are cheap to lose?
#
# You left out 24 parts, and read the stories anew each time. The paper measures in a single pass how much each part
# *turns* the stream:
#
# $$S = 1 - \cos(x, y), \qquad x = \text{the stream before the part}, \quad y = x + \text{what the part adds}$$
#
# averaged over all tokens. A score of 0 means that the stream goes on in the same direction, and the paper calls such a
# part redundant. Here is the score of one attention, by hand.

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
scores = Cosine()(deep, stories)  # every part at once, from one pass over the text

# %% [markdown]
# The next picture has the same rows as the one in section 1, with scores in place of costs. Is it the same picture?

# %% tags=["collapsed"]
figures.show(
    figures.Bars(
        title="By score, the attentions do not stand out",
        labels=[f"block {layer}" for layer in range(1, 12)],
        groups={
            "attention": [one.value for one in scores.attention[1:]],
            "MLP": [one.value for one in scores.mlp[1:]],
        },
        intervals={
            "attention": [(one.low, one.high) for one in scores.attention[1:]],
            "MLP": [(one.low, one.high) for one in scores.mlp[1:]],
        },
        x_label="score, 1 − cosine",
        sentence=f"The scores of blocks 2 to 10 lie between "
        f"{min(one.value for one in scores.attention[2:11] + scores.mlp[2:11]):.3f} "
        "and "
        f"{max(one.value for one in scores.attention[2:11] + scores.mlp[2:11]):.3f}. "
        "Block 0 is left "
        f"out: its attention scores {scores.attention[0].value:.2f}, its MLP "
        f"{scores.mlp[0].value:.2f}.",
        digits=3,
    )
)

# %% tags=["nbval-check-output", "collapsed"]
turned = [scores.attention[i].value / scores.mlp[i].value for i in range(1, 12)]
holds(
    sum(0.5 < one < 2 for one in turned) >= 8,
    "In most blocks the two scores are within a factor of two.",
)

# %% [markdown]
# It is not. By cost the attentions stood out. By score the two bars of most blocks are within a factor of two. The
# scores fall over the first blocks, and the last MLP turns the stream more again. The stream is a sum that grows with
# depth, and the same addition turns a long vector less. The exercise shows by how much.

# %%
score = lesson.exercise("02.1")

# %%
score.check(...)

# %% [markdown]
# You now have the cost of each part, from section 1, and its score. Put all 24 parts in order by each of them.

# %%
order = lesson.predict("p2")

# %% [markdown]
# In the next picture each point is one part: its score across, its cost up. Both axes are stretched towards 0. If the
# score knew the cost, the points would lie along one rising line. Two parts of nearly the same score are ringed.

# %%
pairs = equal_scores(scores, truth, middle)
agreed = pairs.agreement
figures.show(pairs)
for kind, one in agreed.within.items():
    report(one, 2, f"inside {kind}")

# %% tags=["nbval-check-output", "collapsed"]
inside = [one.value for one in agreed.within.values()]
lesson.result("p2", found=agreed)
print(
    f"inside a kind {inside[0]:.2f} and {inside[1]:.2f}, together "
    f"{agreed.correlation.value:.2f}"
)
holds(
    min(inside) > agreed.correlation.value,
    "Inside each kind the orders agree better than for both kinds together.",
)
holds(agreed.within["mlp"].low < 0, "But the interval of the MLPs includes 0.")

# %% [markdown]
# In the crowd on the left the attentions lie above the MLPs: at one score they cost more. Inside a kind there seems to
# be an order, but the interval of the MLPs includes 0.
#
# The ringed pair was not picked for effect. Take every attention and MLP of the middle blocks whose scores differ by
# less than a tenth, and order the pairs by how many times as much the attention costs. The middle one is ringed.

# %%
a, b, half = pairs.middle
report(scores.attention[a], 4, f"attention {a}, score")
report(scores.mlp[b], 4, f"MLP {b}, score")
report(truth.attention[a], 4, f"attention {a}, cost")
report(truth.mlp[b], 4, f"MLP {b}, cost")

# %% tags=["collapsed"]
least, most = pairs.pairs[0][2], pairs.pairs[-1][2]
count = len(pairs.pairs)
print(f"{count} pairs: {least:.1f} to {most:.0f} times, in the middle {half:.0f}")
holds(
    least > 2 and half > 10,
    "In every pair the attention costs more, in most of them over ten times as much.",
)

# %% [markdown]
# The score knows the *size* of a turn. It does not know what the turn is good for. The ledger asked the same of all 24
# parts on more stories. Its interval is over stories; yours is over the 24 parts, and much wider.

# %%
claim = labkit.claims.ledger().claim("02.score_against_cost")
print(claim.sentence)
figures.show(labkit.claims.assess(claim))

# %% [markdown]
# The bar lies right of 0, hence *direction*. But *whichever kind it is* fails for the ringed pair.
#
# So far each part went alone. Choose four middle MLPs in two ways: the four that cost least alone, and the four with
# the lowest scores. Take out each four together.

# %%
together = lesson.predict("p5")

# %%
cheap = sorted(middle, key=lambda layer: truth.mlp[layer].value)[:4]
low = sorted(middle, key=lambda layer: scores.mlp[layer].value)[:4]
paid = []
for name, four in {"cheapest alone": cheap, "lowest scores": low}.items():
    plan = labkit.Plan(map(labkit.DropMLP, sorted(four)))
    print(f"{name}: MLPs", *sorted(four))
    paid.append(labkit.sweep(deep, [plan], stories).points[0].change)
    report(paid[-1], 3, "   together")
    report(sum(truth.mlp[layer].value for layer in four), 3, "   the sum, one by one")
lesson.result("p5", found=paid[0].value / paid[1].value)

# %% [markdown]
# The four that look cheapest alone are the more expensive four together. We think that these neighbours stand in for
# each other: then each alone looks idle, and all together are missed.
#
# **The answer.** The score tells the first block from the rest, in one pass instead of 24. It does not tell an
# attention from an MLP that turns the stream as far. And what parts cost alone did not tell what four of them cost
# together.
#
# **What this does not show.** That a score is useless. Four MLPs were chosen in two ways, once each, on twelve stories.
#
# ## 3 · The race · 23 min
#
# **The question.** When many parts go, which strategy costs least, and what does the model lose first?
#
# A *plan* is a list of drops, and the score makes one for each strategy. *Joint* puts attentions and MLPs into one
# list. A block counts as one drop, though two parts go with it.

# %%
for part in ("attention", "mlp", "block", "joint"):
    plan = one_shot(deep, stories, 5, part)
    parts = [f"{edit.kind.removeprefix('drop_')} {edit.layer}" for edit in plan]
    print(f"{part:10}", ", ".join(parts))

# %%
jointly = lesson.exercise("02.2")


# %%
def joint(attention, mlp, n):
    scored = [(score, "attention", layer) for layer, score in enumerate(attention)]
    ...
    return ...


jointly.check(joint)

# %% [markdown]
# Now race them.

# %%
strategy = lesson.predict("p3")

# %% [markdown]
# And a second question before you look. The loss is one number. What can the model still *do*? It copies lists, it says
# who has the lantern at the end of a day, and it knows facts. To compare them, let 1 be the intact model. Let 0 be one
# that knows nothing: a quarter of its answers are right, or its loss is that of guessing words by how frequent they
# are. If 85 of 100 lists are copied, for example, (0.85 - 0.25) / 0.75 = 0.8 is left.

# %%
first = lesson.predict("p4")

# %% [markdown]
# In the panel each line is one strategy, and down is worse. On the left is the loss near the intact model, in the
# middle the same loss down to guessing, on the right a skill. A band is a 95 % interval; a line that leaves a picture
# is worse than its axis shows. *Random* is the mean of five orders. Which line is on top on the left, at four, eight
# and twelve parts gone?

# %%
panel = labkit.RacePanel("lab/deep", gate=first)
panel

# %%
race = panel.kept  # the stored race: an estimate for each count of drops
for name, line in race.loss.items():
    print(
        f"{name:10} {line[4].value:.3f} with four gone, {line[8].value:.3f} with eight"
    )
lesson.result("p3", found=race)

# %% [markdown]
# (The race scored 64 other stories than yours, so its order differs from the one you printed.)
#
# Now attentions alone, the lowest score first, with everything on the scale from 1 to 0. Each point has its 95 %
# interval as a vertical line. The dotted line is at 0.9: which line crosses it first?

# %%
left = what_is_left(race, "attention")
figures.show(left)

# %% tags=["nbval-check-output", "collapsed"]
falls = left.falls(0.9)
lesson.result("p4", found=falls)
for name, gone in falls.items():
    print(f"{name}: below 0.9 with {gone} attentions gone")
print("the race takes, in this order:", ", ".join(race.orders["attention"][:9]))

# %% [markdown]
# The lines fall one after another. Copying goes first: its point is below 0.9 at the fourth drop, its whole interval at
# the fifth. Facts hold up to the fifth drop and break off with the sixth. The lantern holds up to the eighth and is
# lost with the ninth. The loss is still about nine tenths when copying and facts are more than half gone. We think that
# most words of a story need neither.
#
# Mind the scale, though. The first attention to go moves the loss by about a hundredth of the way to guessing. The same
# rise is more than a tenth of the *intact* loss, while every list is still copied. “The skill goes before the loss” is
# true on one scale and false on the other. On both scales, the loss does not tell *which* skill is gone.

# %% tags=["nbval-check-output", "collapsed"]
share = {name: [one.value for one in line] for name, line in left.lines.items()}
copied, told, lost = (
    falls[name] for name in ("copying a list", "facts", "who has the lantern")
)
print(*(f"{share[name][6]:.2f} {name}," for name in share), "six attentions gone")
holds(
    copied < told < falls["the loss"] < lost,
    "Copying falls first, then facts, the loss, the lantern.",
)
holds(
    share["copying a list"][6] < 0.5
    and share["facts"][6] < 0.5
    and share["the loss"][6] > 0.9,
    "With six gone, copying and facts are under a half, and the loss is above nine "
    "tenths.",
)
print(f"{share['the loss'][lost]:.2f} the loss, {lost} attentions gone")
holds(
    share["the loss"][lost] > 0.8,
    "When the lantern is lost, the loss still stands above 0.8.",
)
rise_1 = race.loss["attention"][1].value
print(
    f"one attention gone: {rise_1 / (race.guess - race.base.value):.3f} of the way to "
    "guessing,",
    end=" ",
)
print(f"{rise_1 / race.base.value:.2f} of the intact loss")
holds(
    0.98 < share["the loss"][1] < 0.995,
    "It is about a hundredth of the way to guessing.",
)
holds(rise_1 > 0.1 * race.base.value, "And it is more than a tenth of the intact loss.")

# %%
quiet = lesson.exercise("02.3")

# %%
quiet.check(...)

# %% [markdown]
# When you have found it, or given up, ask about the lantern without each middle part, one part at a time. Each line is
# the share of 16 days on which the model names the right person.

# %%
from labkit.measurements import ChoiceMeasure, as_questions

asked = as_questions(deep, labkit.world.questions(16, 77, "valid"))
parts = [
    kind(layer) for kind in (labkit.DropAttention, labkit.DropMLP) for layer in middle
]
lantern = labkit.sweep(deep, parts, None, ChoiceMeasure(tuple(asked)))
right = {str(part): lantern[part].measured for part in parts}
print(f"intact: {lantern.base.value:.2f}")
for name, one in sorted(right.items(), key=lambda pair: pair[1].value):
    print(f"{one.value:.2f}  {name}")

# %% tags=["nbval-check-output", "collapsed"]
worst, *others = sorted(right, key=lambda name: right[name].value)
holds(right[worst].value < 0.6, f"One part alone breaks it: {worst}.")
holds(
    all(right[name].value > 0.8 for name in others),
    "Without any other, eight days of ten are still right.",
)
holds(
    race.orders["attention"][8] == "attention 5", "It is the ninth to go in the race."
)

# %% [markdown]
# So the lantern's cliff in the race is one part, attention 5. The score let it stay until the ninth drop. That may be
# luck, for a score of turns does not say what a turn is for.
#
# **What this does not show.** That attention 5 *holds* the lantern. Without it the answer is lost; where the answer is
# kept is a question for another lesson.
#
# Go back to the panel. With four gone the MLPs are on top. With eight gone they are below *joint* and the attentions,
# and fall on; *joint* stays on top. Random orders ruin the model from the first drop on, because they may draw the
# first block.

# %% tags=["nbval-check-output", "collapsed"]
others, rise = ("attention", "mlp", "block"), race.loss
turns = next(
    k for k in race.counts[1:] if rise["attention"][k].value < rise["mlp"][k].value
)
wins = next(
    k
    for k in race.counts[1:]
    if all(rise["joint"][k].value < rise[one][k].value for one in others)
)
print(
    f"attentions are cheaper than MLPs from {turns} drops on, joint is cheapest from "
    f"{wins} on"
)
print(
    *(f"{rise[one][12].value:.2f} {one}," for one in rise),
    "nats a token with twelve gone",
)
holds(
    all(rise["joint"][12].value < rise[one][12].value for one in others),
    "And still is at twelve.",
)
print(f"{rise['random'][1].value:.2f} nats a token, one part at random")
holds(rise["random"][1].value > 1, "One part at random costs more than a nat a token.")
alone = sum(truth.mlp[int(name.split()[1])].value for name in race.orders["mlp"][:4])
print(f"four MLPs: {rise['mlp'][4].value:.3f} together, {alone:.3f} the sum")
holds(
    rise["mlp"][4].value > 2 * alone,
    "Four MLPs together cost more than twice the sum of what each costs alone.",
)

# %% tags=["nbval-check-output"]
holds(turns == 7, "From seven drops on the attentions are cheaper.")

# %% [markdown]
# So the *contradicted* of section 1 is a verdict on few parts gone. The ledger asks about *joint* with 9 of 24 parts
# gone, about the paper's share. The number is again a cost ratio: left of 1, *joint* is cheaper.

# %%
claim = labkit.claims.ledger().claim("02.joint_against_attention")
print(claim.sentence)
figures.show(labkit.claims.assess(claim))

# %% [markdown]
# **The answer.** It depends on how many go. With few gone, MLPs cost least; with many gone, one list of both kinds
# does. And each skill has a cliff of its own, which the loss does not show.
#
# **What this does not show.** That half of the attentions of Llama-2-70B can go. This is one model with twelve blocks.
# That more can go from deeper models is a pattern over the authors' models, not an experiment.
#
# ## 4 · On Monday · 4 min
#
# **The question.** How do you cut your own model?
#
# Everything above also takes a model of `transformers`, from the hub or your own. Without a tokenizer, texts are token
# ids. Here a small random model stands in for yours. Choose, try, and only then cut for good.

# %%
import tempfile

from transformers import LlamaConfig, LlamaForCausalLM

from labkit.papers.what_matters import load_cut, save_cut

sizes = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 6,
    "num_attention_heads": 4,
}
yours = LlamaForCausalLM(LlamaConfig(vocab_size=500, pad_token_id=0, **sizes)).eval()
texts = list(torch.randint(500, (8, 40), generator=torch.Generator().manual_seed(1)))

plan = one_shot(yours, texts, 2)  # choose
with labkit.edit(yours, plan):  # try: gone inside, back afterwards
    tried = yours(texts[0][None]).logits
small = labkit.shrink(yours, plan)  # for good: fewer weights, a smaller cache
folder = save_cut(yours, plan, tempfile.mkdtemp())  # weights and cut.toml, the plan
again, kept = load_cut(folder), labkit.Plan.load(folder / "cut.toml")

# %% tags=["nbval-check-output"]
weights = [
    sum(p.numel() for p in model.parameters()) for model in (yours, small, again)
]
print("weights: {:,} yours, {:,} cut, {:,} loaded again".format(*weights))
print("differ by", float((again(texts[0][None]).logits - tried).detach().abs().max()))
holds(
    kept == plan and weights[1] == weights[2] < weights[0],
    "What was kept is what was cut.",
)

# %% [markdown]
# A plan is a few lines of text that `plan.save("cut.toml")` keeps and `labkit.Plan.load` reads. The folder also opens
# in `transformers` without labkit: there the dropped parts write zeros.
#
# **The answer.** One plan chooses, tries and cuts. Before you ship the result, ask it your own questions about what it
# is for. The loss will not tell you.

# %%
lesson.progress()

# %% [markdown]
# ## Your sentence · 2 min
#
# Before you go on, write one: a model without a third of its layers has nearly the same loss. What do you ask before
# you use it?
#
# *[Deeper](02_what_matters_deeper.ipynb): other scores, one by one and its bug, a fair opponent, time and memory,
# healing, rounding, training. Next: [08 · The curse of depth](../08_curse_of_depth/08_curse_of_depth.ipynb). The papers
# say that deep layers of large models are cheap to lose. Why, and is it so here?*

# %% [markdown]
# The paper, to cite:

# %% tags=["nbval-check-output"]
print(labkit.cite("02"))
