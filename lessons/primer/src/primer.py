# %% [markdown]
# # Primer: seven refreshers
#
# {{badges}}
#
# Seven ideas that the lessons use without stopping to explain them. Five minutes each, in any order; a lesson that needs
# one links here. Each begins with a question that is easy to answer wrongly, so answer before you run what follows.
#
# | refresher | where you first need it |
# | --- | --- |
# | [Nats and surprise](#Nats-and-surprise-(5-min)) | 00, and then everywhere |
# | [Softmax](#Softmax-(5-min)) | 00, 04, 10 |
# | [Residual and norm](#Residual-and-norm-(5-min)) | 00, 08 |
# | [Cosine and variance](#Cosine-and-variance-(5-min)) | 01, 02, 08 |
# | [Singular values](#Singular-values-(5-min)) | 07, 10 |
# | [KL and REINFORCE](#KL-and-REINFORCE-(5-min)) | 02, 07 |
# | [Diffusion on a line](#Diffusion-on-a-line-(5-min)) | 06 |

# %% tags=["setup", "network", "collapsed"]
try:
    import labkit
except ImportError:  # on Colab
    # %pip install -q --no-deps "transformer-surgery @ git+{{repository}}"
    import labkit

import math
from itertools import pairwise

import torch

figures, holds = labkit.figures, labkit.course.holds
lesson = labkit.open_lesson("primer")

# %% [markdown]
# One small model and one day on the islands serve for all seven. Run this cell first, wherever you begin.

# %%
tiny = labkit.load("lab/tiny")
question = labkit.world.questions(40, seed=23, split="test")[7]
names = [option.strip() for option in question.options]
day = labkit.world.documents("stories", 1, seed=24, split="test")[0].text
ids_L = tiny.encode(day)
with torch.no_grad():
    # the logits of the word after the question
    next_V = tiny.model(tiny.encode(question.prompt)[None]).logits[0, -1]
# of the four names alone
z = next_V[[pieces[0] for pieces in question.encoded(tiny.tokenizer)[1]]]
print(day)

# %% [markdown]
# ## Nats and surprise (5 min)
#
# A model gives every word a probability before it sees the word that comes. Its *surprise* at that word is −ln of the
# probability it gave. With the natural logarithm the unit is called a *nat*.

# %%
lesson.predict("p1")

# %%
rise = -math.log(0.05) - -math.log(0.10)
other = -math.log(0.45) - -math.log(0.90)
print(f"from 0.10 to 0.05: {rise:.2f} nats. From 0.90 to 0.45: {other:.2f} nats")
lesson.result("p1")

# %% [markdown]
# Here is the surprise of `lab/tiny` at each word that ends the day, one `log_softmax` and one look-up per word.

# %%
with torch.no_grad():
    logits_LV = tiny.model(ids_L[None]).logits[0]
surprise_L = -logits_LV[:-1].log_softmax(-1).gather(1, ids_L[1:, None])[:, 0]

last = 12
words = [piece.strip() for piece in tiny.pieces(ids_L[-last:])]
figures.show(
    figures.Bars(
        title="How much does each word surprise the model?",
        labels=words,
        groups={"surprise": surprise_L[-last:].tolist()},
        x_label="surprise (nats)",
        sentence=f"Surprise at the last {last} words of the day; the largest, "
        f"{surprise_L[-last:].max():.2f} nats, at "
        f"{words[int(surprise_L[-last:].argmax())]!r}.",
    )
)

# %% [markdown]
# Most words are settled by what stands before them and cost next to nothing. Surprises add up where probabilities
# multiply; their mean is the *loss*, and exp(loss) is the *perplexity*, the number of equally likely words the model
# hesitates between.

# %%
ours = surprise_L.mean().item()
theirs = labkit.measurements.loss(tiny, [ids_L.tolist()]).value
print(f"loss on this day: {ours:.4f} nats a token, perplexity {math.exp(ours):.2f}")
holds(
    math.isclose(ours, theirs, abs_tol=1e-5), "labkit.measurements.loss is this mean."
)

# %% [markdown]
# **Used** in every lesson: in [00](../00_cut_compare_restore/00_cut_compare_restore.ipynb) a cut is judged by the nats
# it adds, and losses are subtracted, never divided.
#
# ## Softmax (5 min)
#
# The model's last step gives each word a number between minus and plus infinity, its *logit*. Softmax turns logits into
# probabilities: exp of each, divided by the sum. Take the four people of the day and the logits of their names at the
# place where one of them is to be named (`z`, in the cell at the top).

# %%
lesson.predict("p2")


# %%
def softmax(z):
    # the subtraction changes nothing but keeps exp from overflowing
    e = torch.exp(z - z.max())
    return e / e.sum()


print({name: round(value, 2) for name, value in zip(names, z.tolist())})

# %%
changed = {"as they are": z, "each plus 3": z + 3, "doubled": 2 * z, "halved": z / 2}
shares = {how: softmax(logits).tolist() for how, logits in changed.items()}
figures.show(
    figures.Bars(
        title="Four names, four logits, changed in three ways",
        labels=names,
        groups=shares,
        x_label="probability among the four",
        sentence="Adding 3 leaves the probabilities alone; doubling raises the largest "
        f"from {max(shares['as they are']):.2f} to {max(shares['doubled']):.2f}, "
        f"halving lowers it to "
        f"{max(shares['halved']):.2f}.",
    )
)

# %%
lesson.result("p2")
holds(torch.allclose(softmax(z + 3), softmax(z)), "Only differences of logits count.")
holds(torch.allclose(softmax(z), z.softmax(0)), "torch's softmax is the same function.")

# %% [markdown]
# Differences of logits are logarithms of ratios: a name whose logit is 1 higher is e times as likely. Doubling all
# differences makes the model surer, halving them less sure. Dividing by a *temperature* before sampling is just that.
#
# **Used** for the attention weights of every model here; [04](../../README.md#the-lessons) subtracts two softmaxes from
# each other, and 10 reads a softmax after every layer.
#
# ## Residual and norm (5 min)
#
# Each part of a model reads a vector h and adds to it: h ← h + part(norm(h)). What is carried upwards is h itself, the
# *residual stream*. What the part sees is a normed copy.

# %%
lesson.predict("p3")


# %%
def rms_norm(h_LD, gain_D, eps=1e-6):
    # root of the mean square
    size_L1 = (h_LD.pow(2).mean(dim=-1, keepdim=True) + eps).sqrt()
    return h_LD / size_L1 * gain_D


h_LD = labkit.record(tiny, ids_L, ["layers.2"])["layers.2"][0]
block = tiny.model.trunk.blocks[3]
with torch.no_grad():
    once_LD, twice_LD = (rms_norm(h, block.mlp.norm.weight) for h in (h_LD, 2 * h_LD))
    holds(
        torch.allclose(once_LD, block.mlp.norm(h_LD), atol=1e-5),
        "These two lines are the model's own norm.",
    )
holds(
    torch.allclose(once_LD, twice_LD, atol=1e-4),
    "Twice the stream, the same normed copy.",
)
lesson.result("p3")

# %% [markdown]
# So a part can only choose a direction and a length of its own; how loud it is depends on how long the stream already
# is. In this model the stream grows from block to block:

# %%
days = [
    document.text
    for document in labkit.world.documents("stories", 12, seed=4, split="test")
]
stream = labkit.measurements.residual_stats(tiny, days)
figures.show(stream)
holds(stream.norm[-1].value > stream.norm[0].value, "It ends longer than it began.")

# %% [markdown]
# What the last block adds stands beside a much longer vector than what the first adds.
#
# **Used** in [00](../00_cut_compare_restore/00_cut_compare_restore.ipynb), where a part that is cut out simply adds
# nothing, and in 08, which asks whether the growth of the stream makes deep blocks idle.
#
# ## Cosine and variance (5 min)
#
# The *cosine* of two vectors is their product divided by their lengths: 1 in the same direction, 0 at a right angle, −1
# opposite. It says how alike two directions are, whatever their lengths.

# %%
lesson.predict("p4")


# %%
def cosine(a, b):
    return (a * b).sum(-1) / (a.norm(dim=-1) * b.norm(dim=-1))


a, b = torch.randn(2, 4000, 128, generator=torch.Generator().manual_seed(0))
people = list(labkit.world.canon.RESIDENTS)
name_ids = [tiny.encode(f"So {name}")[-1].item() for name in people]
e_ND = labkit.view(tiny, "embed").read()[name_ids]
i, j = torch.triu_indices(len(people), len(people), offset=1)
compared = {
    "random vectors": cosine(a, b),
    "names of the islands": cosine(e_ND[i], e_ND[j]),
}
print({what: round(c.abs().mean().item(), 3) for what, c in compared.items()})

# %%
edges = torch.linspace(-0.5, 0.9, 36)
share = {
    what: (torch.histc(c, 35, -0.5, 0.9) / len(c)).tolist()
    for what, c in compared.items()
}
figures.show(
    figures.Lines(
        title="In 128 dimensions chance alone gives cosines close to zero",
        x=((edges[1:] + edges[:-1]) / 2).tolist(),
        lines=share,
        x_label="cosine of a pair",
        y_label="share of pairs",
        sentence="Cosines of 4000 random pairs lie around 0; those of the "
        f"{len(i)} pairs of names in lab/tiny's "
        f"embedding have a mean of {compared['names of the islands'].mean():.2f}.",
    )
)
typical = compared["random vectors"].abs().mean()
print(f"typically {typical:.3f}")
lesson.result("p4")
holds(abs(typical - math.sqrt(2 / (math.pi * 128))) < 0.003, "As theory says.")

# %% [markdown]
# In high dimensions nearly all directions are nearly at right angles, so a cosine of 0.3 is a great deal. Vectors at a
# right angle also add like the sides of a triangle: the square of the sum's length is the sum of the squares. For
# numbers that vary around zero this is the rule that *variances* add.

# %%
mean_square = {
    "a": a.pow(2).mean(),
    "b": b.pow(2).mean(),
    "a + b": (a + b).pow(2).mean(),
}
print({what: round(value.item(), 2) for what, value in mean_square.items()})
holds(
    abs(mean_square["a + b"] - 2) < 0.02,
    "Two unrelated parts of variance 1 give a sum of variance 2.",
)

# %% [markdown]
# **Used** in 02, where a block that leaves the stream's direction as it was (cosine near 1) counts as unimportant, and
# in 08, where the variance of every block's output piles up in the stream.
#
# ## Singular values (5 min)
#
# Any matrix can be written as W = U · diag(s) · Vᵀ. Read it from the right: look along the directions in V, stretch
# each by its *singular value* s, and write along the directions in U. The directions in V are at right angles to each
# other, and so are those in U.

# %%
lesson.predict("p5")

# %%
W = labkit.view(tiny, "layers.3.mlp.down").read()
U, s, Vt = torch.linalg.svd(W, full_matrices=False)
holds(
    torch.allclose(U @ torch.diag(s) @ Vt, W, atol=1e-5),
    "The three factors give the matrix back.",
)
holds(
    math.isclose(s.pow(2).sum(), W.pow(2).sum(), rel_tol=1e-5),
    "The squares of s add up to the squares of W.",
)
kept = (s[:16].pow(2).sum() / s.pow(2).sum()).item()
print(f"{kept:.2f} of the squares are left")
lesson.result("p5", found=kept)


# %%
def share_kept(matrix):
    squares = torch.linalg.svdvals(matrix).pow(2)
    return (squares.cumsum(0) / squares.sum()).tolist()


chance = torch.randn(W.shape, generator=torch.Generator().manual_seed(0))
first = labkit.view(tiny, "layers.0.mlp.down").read()
curves = {
    "first down projection": first,
    "last down projection": W,
    "random matrix": chance,
}
curves = {name: share_kept(matrix) for name, matrix in curves.items()}
figures.show(
    figures.Lines(
        title="How much of a matrix do its largest singular values hold?",
        x=list(range(1, 129)),
        lines=curves,
        x_label="singular values kept, of 128",
        y_label="share of the squares",
        sentence="With 16 of 128 kept: "
        + ", ".join(f"{name} {values[15]:.2f}" for name, values in curves.items())
        + ".",
    )
)

# %% [markdown]
# Even a random matrix of the same shape holds more than an eighth in its largest eighth: compare with it, not with a
# straight line. What a trained matrix holds beyond that is what training put into few directions.
#
# **Used** in 07, where a skill is turned up by scaling the singular values of a matrix, one factor each, and in 10,
# where the stream's own singular values say how many directions it uses.
#
# ## KL and REINFORCE (5 min)
#
# How far is one distribution from another? The *Kullback-Leibler divergence* KL(p‖q) is the extra surprise of somebody
# who believes q while p is true, on average: Σ p · ln(p / q). Let p be what the intact model says about the next word,
# and q what it says with one part cut out.

# %%
lesson.predict("p6")


# %%
def kl(p, q):
    return (p * (p / q).log()).sum().item()


with torch.no_grad(), labkit.edit(tiny, labkit.DropAttention(2)):
    cut_V = tiny.model(tiny.encode(question.prompt)[None]).logits[0, -1]
p, q = next_V.softmax(-1), cut_V.softmax(-1)
print(f"KL(intact‖cut) = {kl(p, q):.3f} nats, KL(cut‖intact) = {kl(q, p):.3f} nats")
holds(
    kl(p, q) > 0 and kl(q, p) > 0 and abs(kl(p, q) - kl(q, p)) > 1e-3,
    "Both positive, and not the same.",
)
by_torch = torch.nn.functional.kl_div(q.log(), p, reduction="sum").item()
holds(
    math.isclose(kl(p, q), by_torch, rel_tol=1e-4),
    "torch agrees (it takes ln q first).",
)
lesson.result("p6")

# %% [markdown]
# A second thing to know about distributions: how to improve one that you can only try. The model names one of four
# people, drawn by its probabilities, and hears only *right* or *wrong*. The slope of the expected reward is the average
# of reward × ∇ ln p(what was drawn). That is *REINFORCE*. Subtracting the expected reward first, the *baseline*, leaves
# the average where it is and makes it less noisy.

# %%
reward = torch.tensor([1.0 if k == question.answer else 0.0 for k in range(4)])
p4 = z.softmax(0)  # of the four names at the end of the question
expected = (p4 * reward).sum()
exact = p4 * (reward - expected)


def tries(n, seed, baseline=0.0):
    drawn = torch.multinomial(
        p4, n, replacement=True, generator=torch.Generator().manual_seed(seed)
    )
    # ∇ ln p(drawn), one row a try
    slope_n4 = torch.nn.functional.one_hot(drawn, 4) - p4
    return ((reward[drawn] - baseline)[:, None] * slope_n4).mean(0)


def error(baseline):
    return (
        torch.stack([tries(40, seed, baseline) - exact for seed in range(300)])
        .norm(dim=-1)
        .mean()
    )


# %%
plain, based = tries(40, 1), tries(40, 1, expected)
figures.show(
    figures.Bars(
        title="Which way should each logit move? Found from forty tries",
        labels=names,
        groups={
            "exact": exact.tolist(),
            "REINFORCE": plain.tolist(),
            "with baseline": based.tolist(),
        },
        x_label="slope of the expected reward",
        sentence=f"All three raise the logit of {names[question.answer]}. Over 300 "
        f"repetitions of forty tries the mean error is {error(0.0):.3f} without and "
        f"{error(expected):.3f} with the baseline.",
    )
)
leaf = z.clone().requires_grad_()
(leaf.softmax(0) * reward).sum().backward()
holds(
    torch.allclose(exact, leaf.grad, atol=1e-6),
    "The exact slope is the one that autograd finds.",
)
holds(error(expected) < error(0.0), "The baseline makes forty tries worth more.")

# %% [markdown]
# **Used**: KL beside the loss in sweeps (00, 02), where it sees changes that the right word's surprise does not; the
# slope from tries in 07, where the reward is a right answer and cannot be differentiated.
#
# ## Diffusion on a line (5 min)
#
# Two futures are equally likely. At −2 Wren takes the ferry, at +2 she stays at home; nothing lies between. Noise is
# mixed in step by step, x = cos(t) · future + sin(t) · noise, until nothing of the future is left at t = π/2. A
# *denoiser* is trained to say which future a noisy x came from, with squared error.

# %%
lesson.predict("p7")


# %%
def denoise(x, t):
    """Return the mean of the two futures, each weighted by how well it explains x."""
    futures = torch.tensor([-2.0, 2.0])
    weights = (
        -((x[:, None] - math.cos(t) * futures) ** 2) / (2 * math.sin(t) ** 2)
    ).softmax(-1)
    return weights @ futures


middle = denoise(torch.zeros(1), math.pi / 4).item()
lesson.result("p7")
holds(
    abs(middle) < 1e-6, "The best answer in the middle is a place where no future lies."
)

# %% [markdown]
# Believed at once, the denoiser gives that useless average. Diffusion believes it a little at a time: guess the future,
# take one small step towards it, ask again. Each step makes one of the two futures likelier, and the next answer is
# less of an average.

# %%
x = torch.randn(14, generator=torch.Generator().manual_seed(2))
times = torch.linspace(math.pi / 2 - 0.01, 0.02, 60).tolist()
path = [x]
for now, later in pairwise(times):
    guess = denoise(x, now)
    noise = (x - math.cos(now) * guess) / math.sin(now)
    x = math.cos(later) * guess + math.sin(later) * noise
    path.append(x)
arrived = int((x > 0).sum())
holds(
    ((x.abs() - 2).abs() < 0.1).all(),
    "Every path ends at one of the two futures, none between them.",
)

# %%
figures.show(
    figures.Lines(
        title="From noise to one of two futures",
        x=[1 - time / (math.pi / 2) for time in times],
        lines={f"path {k}": [float(step[k]) for step in path] for k in range(len(x))},
        x_label="share of the way from noise (0) to the text (1)",
        y_label="x",
        sentence=f"Fourteen paths from random starts: {arrived} end at +2, "
        f"{len(x) - arrived} at −2.",
    )
)

# %% [markdown]
# **Used** in 06, where the next sentence is such a point in a thousand dimensions, and a model that answers at once
# writes the average of all continuations.
