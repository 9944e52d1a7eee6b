# %% [markdown]
# # 00 · Cut, compare, restore
#
# {{badges}}
#
# A small model reads a story in which a lantern changes hands. At the end it says who has the lantern. On stories it has
# never read it is right about twice as often as by guessing. It has four blocks, and each block has two parts. You will
# take parts out while it reads, see what it forgets, and put them back so exactly that not one bit differs.
#
# *50 minutes. You need Python, and to have trained a small network once. Afterwards you can cut a part out of a model,
# put it back and prove that it is back; and say whether a difference in loss is much. Words you would like refreshed:
# [the primer](../primer/primer.ipynb).*

# %% tags=["setup", "network", "collapsed"]
try:
    import labkit
except ImportError:  # on Colab
    # %pip install -q --no-deps "transformer-surgery @ git+{{repository}}"
    import labkit

lesson = labkit.open_lesson("00")

# %% [markdown]
# Here is one cut, to begin with. The model reads a day to the words *The lantern is with*: intact (plain blue), and with
# the first of its four blocks, layer 0, left out (hatched orange). Below the bars is how each of the two goes on. On the
# right is the *loss*: how much the words of the day surprise it. Section 3 measures that.

# %%
first = labkit.CutPanel("lab/tiny")
first.set(part="block", layer=0)
labkit.figures.show(first.data)

# %% [markdown]
# A quarter of its blocks is gone, and it babbles. Now the third block instead, layer 2, which is as large:

# %%
first.set(part="block", layer=2)
print("goes on with:", first.data.cut.goes_on)
right = first.data.words.index(first.data.right)
labkit.course.holds(
    first.data.cut.probabilities[right] > 0.9, "It still names the right person."
)

# %% [markdown]
# Why can one quarter go and the other not? And is the third block of no use, then?
#
# ## 1 · Who has the lantern? · 3 min
#
# `lab/tiny` comes with the course. It has read some thousands of days on seven islands, each with its own people,
# weather and ferry. Here is a day it has not read, up to the question.

# %%
from IPython.display import Markdown

tiny = labkit.load("lab/tiny")
questions = labkit.world.questions(200, seed=23, split="test")
day = questions[2].prompt
Markdown(day)

# %% [markdown]
# Find the answer yourself before you run the next cell. You had to follow several people and one object.

# %%
Markdown(tiny.generate(day, max_new_tokens=14))

# %% [markdown]
# One day proves nothing. So ask two hundred, with four names to choose from each time. The model's answer is the name to
# which it gives the highest probability. The days are picked so that short cuts do not help: whoever had the lantern
# first never has it at the end, and the person named last is the right answer on one day in four. Guessing is right once
# in four as well.
#
# The share comes with an *interval*. On other days the share would come out a little different; the interval says how far
# off this one may be, and intervals made like this hold the truth 95 times in a hundred.

# %%
known = labkit.measurements.choice_accuracy(tiny, questions)
labkit.course.report(known, 2, "right")

# %% tags=["nbval-check-output", "collapsed"]
labkit.course.holds(
    known.low > known.null,
    f"The whole interval lies above guessing: its lower end is {known.low:.2f}, "
    f"guessing gives {known.null}.",
)

# %% [markdown]
# ## 2 · Cut · 8 min
#
# Text enters at the bottom as one vector per token and is carried upwards. Every part reads this *residual stream*
# ([refresher](../primer/primer.ipynb#Residual-and-norm-(5-min))) and adds something to it. Nothing is ever overwritten:
# a part that is taken out simply adds nothing. Blocks are counted from 0: block 0 is the first, block 2 the third. A dot
# on the stream is what it holds after a block: `layers.0` after the first. One part is picked out as an example. The
# small boxes are the matrices and norms inside; all you need of them here is `down`, through which an MLP writes.

# %%
figures = labkit.figures
figures.show(figures.StreamMap(depth=4, chosen="layers.1.mlp"))

# %% [markdown]
# Attention is the only part that looks at other tokens. The MLP works on one token at a time. Where would you cut, if
# the model should lose the lantern?

# %%
parts = {
    "the attention of the first block": labkit.DropAttention(0),
    "the MLP of the first block": labkit.DropMLP(0),
    "the attention of the last block": labkit.DropAttention(3),
    "the MLP of the last block": labkit.DropMLP(3),
}
guess = lesson.predict("p1")

# %% [markdown]
# Now operate. The panel has the same model twice: intact in plain blue, cut in hatched orange. Not every day is easy for
# it, even intact. (All can be done in code as well: `guess.set("A")` predicts, `panel.set(part="mlp", layer=0)` cuts.)

# %%
panel = labkit.CutPanel(tiny, gate=guess)
panel

# %% [markdown]
# The same by hand, for all four parts and all two hundred days. The `with` block is the whole operation: inside it the
# part is out, after it the part is back.

# %%
without = {}
for name, part in parts.items():
    with labkit.edit(tiny, part):
        without[name] = labkit.measurements.choice_accuracy(tiny, questions)
    labkit.course.report(without[name], 2, f"without {name}")

# %%
lesson.result("p1", found=without)

# %% [markdown]
# Look at the lowest once more: its whole interval lies below 0.25, which is guessing. Can a model be worse than blind?
# Ask the same cut on two hundred other days.

# %%
lowest = min(without, key=lambda name: without[name].value)
with labkit.edit(tiny, parts[lowest]):
    elsewhere = labkit.measurements.choice_accuracy(
        tiny, labkit.world.questions(200, seed=123, split="test")
    )
labkit.course.report(elsewhere, 2, f"without {lowest}, on other days")

# %% tags=["collapsed"]
guessing = elsewhere.null
labkit.course.holds(
    without[lowest].high < guessing and elsewhere.low < guessing < elsewhere.high,
    f"There the interval ended at {without[lowest].high:.2f}, below {guessing}; "
    f"here it holds {guessing}: the model guesses.",
)

# %% [markdown]
# So it was the luck of those days. You picked the lowest of four lines because it was the lowest, and part of that was
# chance. What you pick by looking, you measure again on days that had no say in it.
#
# **What this does not show.** That the lantern is *kept* in that part. A part that only tidies up for others is missed
# just as much. And it is one model of one seed: another may share the work differently.
#
# ## 3 · Compare · 20 min
#
# Right or wrong is a coarse measure: an answer that was nearly right counts nothing. A finer one is the *loss*: the
# average surprise at the next token, in *nats* ([refresher](../primer/primer.ipynb#Nats-and-surprise-(5-min))). Take out
# every part once, and write down how much the loss rises on sixty days the model has not read.

# %%
days = [
    document.text
    for document in labkit.world.documents("stories", 60, seed=4, split="test")
]
removed = labkit.sweep(tiny, labkit.sweeps.every_sublayer(tiny), days)
figures.show(removed)

# %% tags=["collapsed"]
# attention, MLP, attention, ... from the first block up
costs = [point.change.value for point in removed.points]
labkit.course.holds(
    min(costs[:2]) > 10 * max(costs[2:]),
    f"A part of the first block costs {min(costs[:2]):.1f} nats or more; of the later "
    "ones none costs over "
    f"{max(costs[2:]):.2f}.",
)
labkit.course.holds(
    costs[1] > costs[0],
    f"In the first block the loss blames the MLP more: {costs[1]:.1f} nats, and "
    f"{costs[0]:.1f} for the attention.",
)

# %% [markdown]
# Each grid line of the picture means ten times the cost of the one below it. The first block stands alone. Within it the
# loss blames the MLP more, while the lantern was lost without either. What a part is worth
# depends on what you ask for.
#
# How much is a nat? Work it out once. Stuck? `factor.hint()` gives one of three hints at a time.

# %%
factor = lesson.exercise("00.1")

# %%
factor.check(...)

# %% [markdown]
# And the others? The cheapest part costs about 0.02 nats: is that much? You need something to compare with, a *control*:
# alike in everything but the thing you chose. One part can be compared with the seven others. But suppose somebody showed
# you a single *weight* that costs 0.02. Its control is a weight drawn at random from the same matrix.
#
# To draw one you must be able to name it. Every number of a model has an *address*: a place on the stream, a matrix
# there, a row and a column. A row is one output, a column one input. Look around; nothing is run.

# %%
labkit.AddressMap(tiny)

# %% [markdown]
# Now for the control. Which weights are fair to compare with, and who draws them? Design it before you see ours.

# %%
design = lesson.exercise("00.3")


# %%
def control_for(shape, chosen, seed):
    return ...


design.check(control_for)

# %%
chance = lesson.predict("p2")

# %%
import random

places = random.Random(0)
shape = labkit.view(tiny, "layers.3.mlp.down").shape
drawn = [
    f"layers.3.mlp.down[{places.randrange(shape[0])}, {places.randrange(shape[1])}]"
    for _ in range(40)
]
control = labkit.sweep(tiny, [labkit.ZeroWeight(address) for address in drawn], days)
changes = sorted(abs(point.change.value) for point in control.points)
print(f"typical change {changes[20]:.6f} nats, largest of 40 {changes[-1]:.6f} nats")

# %% tags=["collapsed"]
lesson.result("p2", found=changes[20])
labkit.course.holds(
    changes[-1] < 0.02,
    "None of the forty random weights moves the loss by 0.02 nats: at most "
    f"{changes[-1]:.6f}.",
)

# %% [markdown]
# So 0.02 nats from one weight would be a finding; from a whole part it is the least of eight. The number means something
# only beside its control.
#
# Beside the other parts, then, the cheapest one, the MLP of block 2, costs little. Does it also matter little for what the
# model *does*? Nats are an average over all words of somebody else's stories, and most words are easy. So let the model
# write stories of its own, and count the slips: somebody in two places, a lantern given by somebody who does not have it,
# words that make no sentence. Even intact it makes some.

# %%
lesson.predict("p3")

# %%
from dataclasses import replace


def signs(model):
    """Return its vital signs, without the three at which it only guesses."""
    return replace(
        labkit.vitals(model, 32), recall=None, facts=None, whole_stories=None
    )


well = signs(tiny)
with labkit.edit(tiny, labkit.DropMLP(2)):
    unwell = signs(tiny)
figures.show(well.beside(unwell))

# %% tags=["collapsed"]
times = unwell.contradictions.value / well.contradictions.value
lesson.result("p3", found=times, because=f"{times:.1f} times as often as intact.")
labkit.course.holds(
    unwell.contradictions.low > well.contradictions.high,
    f"The two intervals do not touch: {well.contradictions.low:.1f} to "
    f"{well.contradictions.high:.1f} slips in ten "
    f"sentences intact, {unwell.contradictions.low:.1f} to "
    f"{unwell.contradictions.high:.1f} cut.",
)
avoidable, after = well.above_floor.value, unwell.above_floor.value
labkit.course.holds(
    after > 1.2 * avoidable,
    f"And of the loss that can be avoided at all it had {avoidable:.3f} nats, and now "
    f"has {after:.3f}: {after / avoidable - 1:.0%} more.",
)

# %% [markdown]
# These *vital signs* are the chart used all course long. Further right is better: what is counted in nats or slips is
# mirrored for the picture, and its own number stands beside it. Chance decides part of every day, so nobody can foresee
# every word; *above the floor* counts only the loss beyond that, and beside so little of it 0.02 nats is much. A cut
# that is cheap by one sign can be expensive by another, so it is judged by all. The three signs on top are shares of 32
# questions: their intervals are wide, and only a large change would show in them. Three more are left out: `lab/tiny`
# is too small to know facts or to recall lists, and hardly any of its stories is free of slips. Later lessons have
# models that can do all three.
#
# **What this does not show.** That no single weight matters: forty drawn at random will miss the one that does, and the
# next lesson looks for it. Nor that this part is the one that keeps stories straight: a model that is a little worse at
# every word has many chances to slip in a story.
#
# ## 4 · Restore · 15 min
#
# A cut that does not heal spoils every measurement after it. A *fingerprint* is a hash over all weights, buffers, hooks
# and settings of a model. Break something inside the `with` block, and look at it afterwards.

# %%
before = labkit.fingerprint(tiny)
plan = labkit.Plan([labkit.DropMLP(0), labkit.ZeroWeight("layers.2.attn.q[5, :]")])
print(plan)

# %%
try:
    with labkit.edit(tiny, plan):
        print(
            "inside: ",
            "the same" if labkit.fingerprint(tiny) == before else "another model",
        )
        raise RuntimeError("something breaks in the middle of the operation")
except RuntimeError as error:
    print("then:   ", error)

# %% tags=["nbval-check-output"]
labkit.course.holds(
    labkit.fingerprint(tiny) == before, "After it: bit for bit the same."
)
print(labkit.audit(tiny))

# %% [markdown]
# The error came through, and the model is whole all the same. There is no magic in it. Write it yourself.

# %%
operation = lesson.exercise("00.2")

# %%
import torch


def operate(model, layer, ids):
    before = labkit.fingerprint(model)

    def nothing(module, inputs, output):
        return ...

    # The torch module after the address layers.N.mlp.
    handle = model.trunk.blocks[layer].mlp.mixer.register_forward_hook(nothing)
    cut = model(ids).logits
    ...
    return cut, ...


operation.check(operate)

# %% [markdown]
# A plan is only data. It can be printed, saved and sent to somebody who has the same model. And it may hold several cuts.
# All of yours so far were made one at a time: what if two parts stand in for each other?

# %%
pair = lesson.exercise("00.9")

# %%
cuts = labkit.sweeps.every_sublayer(tiny)
pair.check((..., ...))

# %% [markdown]
# ## 5 · A claim, from sentence to verdict · 4 min
#
# Papers state sentences. He, Sun and colleagues ([2024](https://arxiv.org/abs/2406.15786)) removed parts of large models
# and wrote that attention is cheaper to lose than MLPs; both are *sub-layers* there, and parts here. They count points of
# a task, we count nats. What can be compared is a ratio: what one costs, divided by what the other costs. Before we
# measured our small model we wrote down what would count: the direction, what nothing looks like (the null), and how
# many documents. The verdict then follows by rule.

# %%
ledger = labkit.claims.ledger()
claim = ledger.claim("00.attention_cheaper")
print(claim.sentence)
print(
    f"Measured, on other days than yours: {claim.scale}. Alike would be "
    f"{claim.null:g}; within {claim.delta:g} of it counts as alike."
)
figures.show(labkit.claims.assess(claim))

# %% [markdown]
# This is one small model's answer to a sentence about large ones. Lesson 02 asks it properly.
#
# What you have done so far:

# %%
lesson.progress()

# %% [markdown]
# Before you go on, write one sentence: which part would you give up first, and what would prove you wrong?
#
# *[Deeper](00_cut_compare_restore_deeper.ipynb): other families of models, lists of edits, the ledger, sweeps, a bug
# hunt. Next: [01 · The super weight](../01_super_weight/01_super_weight.ipynb). One number among millions.*
