# %% [markdown]
# # 02 · What matters in transformers?
#
# {{badges}}
#
# In 2024 He, Sun and colleagues took 40 of the 80 attentions out of Llama-2-70B, without any training. Over eight
# tasks it fell from 73.9 to 71.5 points of a hundred, wrote 1.5 times as fast, and needed half of the memory for what
# it had read. Attention is what transformers are famous for, and it could go. You will take the parts out of a model
# of ours, one by one and by the dozen, ask the paper's score which ones can go, and find that the answer changes from
# model to model.
#
# *60 minutes. You need [lesson 00](../00_cut_compare_restore/00_cut_compare_restore.ipynb). Afterwards you can score
# the parts of a model with one pass, say what such a score cannot see, and judge a cut by more than its loss.*
#
# *The paper:* He, Sun, Shen and Li (2024), *What Matters in Transformers? Not All Attention is Needed*,
# [arXiv 2406.15786](https://arxiv.org/abs/2406.15786), [its code](https://github.com/CASE-Lab-UMD/LLM-Drop). *Ours:*
# [labkit/papers/what_matters]({{repository}}/tree/main/labkit/papers/what_matters).

# %% tags=["setup", "network", "collapsed"]
try:
    import labkit
except ImportError:  # on Colab
    # %pip install -q --no-deps "transformer-surgery @ git+{{repository}}"
    import labkit

import torch

from labkit.papers.what_matters import Cosine, one_shot, what_is_left
from labkit.sweeps import LeaveOneOut, every_sublayer, score_agreement

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
# `lab/deep` has twelve blocks, each with an attention and an MLP: 24 parts that write to one stream. It has read
# stories of the islands, lists to repeat, and facts about people.

# %%
deep = labkit.load("lab/deep")
stories = [
    story.text for story in labkit.world.documents("stories", 12, seed=21, split="test")
]
print(deep, deep.model.config.depth, "blocks")
print(stories[0])

# %% [markdown]
# In the paper, four MLPs of Mistral-7B are worth 3.4 of 70.3 points, four attentions 0.4. Now one part at a time. The
# first block and the last are special in every model, so the question is about the ten between them.

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
    all(truth.attention[layer].value > truth.mlp[layer].value for layer in middle),
    "In each of the ten middle blocks the attention costs more than the MLP.",
)

# %% tags=["collapsed"]
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
        sentence=f"A middle attention costs {cost['attention']:.3f} nats a token on "
        "average, a middle MLP "
        f"{cost['mlp']:.4f}. Block 0 is left out: without its MLP the loss rises by "
        f"{truth.mlp[0].value:.1f}.",
        digits=3,
    )
)

# %% [markdown]
# The parts of the first block are left out: their bars would not fit on this picture. Its MLP is the first to see what a
# word *is*; all later parts read its result. After that, most MLPs look idle, one at a time, though each has twice as
# many weights as an attention.
#
# Now take out as many as you like. The panel reads six other stories, short ones, so its numbers differ from those above,
# and the intervals are wide. How many parts can go before it talks nonsense? What do all ten middle MLPs cost, and all
# ten attentions?

# %%
labkit.LayerGridPanel("lab/deep", gate=guess)

# %% [markdown]
# The paper says that attentions cost far less than MLPs. With a few parts gone that fails here. With all ten gone the
# two kinds are close, and six short stories cannot tell which costs more; section 3 asks more of them. Our ledger asks
# it with four parts of each kind, on stories that were not used to choose among them. Written down first: the *null*,
# which is what no difference would give; how many documents; and the *margin*: an interval that stays within it says
# *absent here*, whatever its sign. *Direction* says only: the same sign as in the paper, beyond chance, with an
# interval that does not lie wholly inside the margin. It may still be small. *Contradicted*: the whole interval lies on
# the other side of the null.

# %%
claim = labkit.claims.ledger().claim("02.attention_against_mlp")
print(claim.sentence)
figures.show(labkit.claims.assess(claim))

# %% [markdown]
# (Each mark is a cost ratio, attentions ÷ MLPs: points of a task in the paper, nats here. At 1 both kinds would cost
# the same.) One at a time the attentions were more expensive still. Together, though, MLPs cost more than the sum of
# what each costs alone: section 3 has the numbers.
#
# Why do attentions matter so much here? An attention fetches from earlier words, an MLP works on one word at a time. In
# our stories four people move about and hand things on: much to fetch, and little to know, a few hundred facts in all. A model of the internet must know millions. That would explain it. It is a guess: nothing here varies the
# text.
#
# **What this does not show.** That the paper is wrong about its models. It shows that *attention is what you can do
# without* is a statement about a model and what it has read, not about transformers.
#
# ## 2 · Score against truth · 17 min
#
# You left out 24 parts and read the text anew each time. In a model of 160 parts and with a million words nobody does
# that. The paper looks at one pass: how much does a part *turn* the stream?
#
# $$S = 1 - \cos(x, y), \qquad x = \text{the stream before the part}, \quad y = x + \text{what the part adds}$$
#
# averaged over all tokens. At 0 the stream goes on in the same direction, and the part is called redundant. Here it is for
# one attention, by hand.

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

# %% tags=["collapsed"]
figures.show(
    figures.Bars(
        title="How far one part turns the stream, from the second block on",
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

# %% [markdown]
# The same rows as in section 1, and another picture: there the attentions stood out, here the two kinds are of one
# size. After block 0 the score falls steeply; the last MLP turns the stream more again. The fall is no wonder: the
# stream is a sum, it gets longer with every block, and the same addition turns a long vector less.

# %%
score = lesson.exercise("02.1")

# %%
score.check(...)

# %% [markdown]
# You have the truth from section 1 and the score now. Put all 24 parts in order by each.

# %%
order = lesson.predict("p2")

# %%
agreed = score_agreement(scores, truth)
figures.show(agreed)
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

# %% [markdown]
# In the picture the attentions lie above the MLPs: at one score they cost more. Inside a kind there seems to be an
# order. Twelve parts are few: read the intervals before you believe it.
#
# Take every attention and MLP of the middle blocks that turn the stream by the same amount, within a tenth. By how much
# do their costs differ?

# %%
times = {}  # how many times as much the attention costs
for a in middle:
    for b in middle:
        alike = abs(scores.attention[a].value / scores.mlp[b].value - 1) < 0.1
        if alike and truth.mlp[b].value > 0:
            times[a, b] = truth.attention[a].value / truth.mlp[b].value
by_times = sorted(times, key=times.get)
a, b = by_times[len(by_times) // 2]  # the pair in the middle, not the most striking one
report(scores.attention[a], 4, f"attention {a}, score")
report(scores.mlp[b], 4, f"MLP {b}, score")
report(truth.attention[a], 4, f"attention {a}, cost")
report(truth.mlp[b], 4, f"MLP {b}, cost")

# %% tags=["collapsed"]
least, half, most = times[by_times[0]], times[a, b], times[by_times[-1]]
print(f"{len(times)} pairs: {least:.1f} to {most:.0f} times, half above {half:.0f}")
holds(
    least > 2 and half > 10,
    "In every pair the attention costs more, in most of them over ten times as much.",
)

# %% [markdown]
# The score knows the *size* of a turn. It does not know what the turn is good for. (Other scores have been proposed; the deeper notebook
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
# the four with the lowest scores. Which four cost less together? (Alone, several of these costs cannot be told from
# nothing, so their order is partly chance.)

# %%
unsure = [layer for layer in middle if not truth.mlp[layer].excludes(0.0)]
print("cannot be told from nothing, alone: MLPs", *unsure)
cheap = sorted(middle, key=lambda layer: truth.mlp[layer].value)[:4]
low = sorted(middle, key=lambda layer: scores.mlp[layer].value)[:4]
for name, four in {"cheapest alone": cheap, "lowest scores": low}.items():
    plan = labkit.Plan(map(labkit.DropMLP, sorted(four)))
    print(f"{name}: MLPs", *sorted(four))
    report(labkit.sweep(deep, [plan], stories).points[0].change, 3, "   together")
    report(sum(truth.mlp[layer].value for layer in four), 3, "   the sum, one by one")

# %% [markdown]
# What one part costs alone does not tell what four cost: if two stand in for each other, each alone looks idle.
#
# **What this does not show.** That a score is useless. It sorts the first block from the rest, for one pass instead of
# 24.
#
# ## 3 · The race · 23 min
#
# Now many parts at once. A *plan* is a list of drops; the score makes one for each strategy. *Joint* puts both kinds in
# one list. A block counts as one drop, though two parts go with it.

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
# And a second question before you look. The loss is one number. What can the model still *do*? It repeats lists, it
# says who has the lantern at the end of a day, it knows facts. To compare, let 1 be the intact model and 0 one that
# knows nothing: a quarter of the answers right, or the loss of guessing words by how frequent they are. A list copied
# in 85 of 100 cases, say, is at (0.85 - 0.25) / 0.75 = 0.8.

# %%
first = lesson.predict("p4")

# %%
# Go to eight parts gone; then change what is asked of the model. The lines of the loss
# lie close together at first: the next cell prints them.
panel = labkit.RacePanel("lab/deep", gate=first)
panel

# %%
race = panel.kept  # the stored race: an estimate for each count of drops
for name, line in race.loss.items():
    print(f"{line[4].value:.3f} nats a token with four gone: {name}")
lesson.result("p3", found=race)

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
# The lines fall one after another, each at a place of its own. Copying goes first: its mean falls below nine tenths at
# the fourth drop, its whole interval at the fifth. Facts hold up to the fifth drop and break off with the sixth. The
# lantern is named nearly always up to the eighth, and is lost with the ninth. The loss still stands above nine tenths
# when copying and facts are more than half gone: most words of a story need neither.
#
# (The race's order is not the one you printed. It was scored on 64 other stories, yours on 12; the low scores lie so
# close together that the stories decide among them.)
#
# Mind the scale, though. The first attention that goes moves the loss by about a hundredth of the way to guessing. The
# same rise is more than a tenth of the *intact* loss, and every list is still repeated. “The skill goes before the
# loss” is true on one scale and false on the other. What is true on both: the loss does not tell *which* skill is
# gone.

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
# When you have found it, or given up: ask every middle part the question about the lantern, one part at a time.

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
# So the cliff in the race is one part. That the score let it stay until the ninth drop may be luck: a score of turns
# does not say what a turn is for.
#
# **What this does not show.** That attention 5 *holds* the lantern. Without it the answer is lost; where the answer is
# kept is a question for another lesson.
#
# Go back to the panel and follow the other lines. The MLPs are cheapest at first. Then their cost climbs steeply, as it
# would if they stood in for each other: together the first four cost more than the sum of what each costs alone. And
# the one list of both kinds wins. Random choices, the mean of five orders, ruin the model from the first drop on,
# because the first block may be drawn.

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
# From seven drops on attentions are the cheaper kind here too, as in the paper. So the *contradicted* of section 1 is a
# verdict on few parts gone. And when much has to go, one list of both kinds is best. The ledger has it at 9 parts
# of 24, the paper's share.

# %%
claim = labkit.claims.ledger().claim("02.joint_against_attention")
print(claim.sentence)
figures.show(labkit.claims.assess(claim))

# %% [markdown]
# **What this does not show.** That half of Llama-2-70B's attentions can go. Ours has twelve blocks, and they are few.
# The deeper a model, the more of it can go: that is a pattern over the authors' models, not an experiment.
#
# ## 4 · On Monday · 4 min
#
# All of this takes a model of `transformers` as it is, from the hub or your own; where there is no tokenizer, texts are
# token ids. Here is a small random one in place of yours. Choose, try, and only then cut for good.

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
# A plan alone is a few lines of text: `plan.save("cut.toml")` keeps it, `labkit.Plan.load` reads it, and it goes beside any
# model of the same shape. The folder can also be opened by `transformers` without labkit: the dropped parts are in it,
# writing zeros. Before you ship one, ask it what it is for, in your own questions. The loss will not tell you.

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
