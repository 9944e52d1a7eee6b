# %% [markdown]
# # 06 · Large concept models
#
# {{badges}}
#
# A language model predicts the next token. A *large concept model* predicts the next
# **sentence**: a frozen encoder turns each sentence into one vector, a *concept*; a
# model goes from vectors to the next vector; a frozen decoder turns that into words, in
# any of 200 languages. But after most sentences several things can happen. What is the
# average of two futures? You will see it, read it, and watch a sampler get around it.
#
# *60 minutes. You need
# [lesson 00](../00_cut_compare_restore/00_cut_compare_restore.ipynb). Afterwards you
# can say where squared error leads when several things can happen, write a step of a
# diffusion sampler, and find an average by measuring.*
#
# *The paper:* the LCM team, Barrault, Duquenne, Elbayad, Kozhevnikov and others (2024),
# *Large Concept Models: Language Modeling in a Sentence Representation Space*,
# [arXiv 2412.08821](https://arxiv.org/abs/2412.08821),
# [its code](https://github.com/facebookresearch/large_concept_model). Its weights were
# never released; all models here are small ones of our own, with our own codec in place
# of SONAR. *Ours:*
# [labkit/papers/large_concept_models]({{repository}}/tree/main/labkit/papers/large_concept_models).

# %% tags=["setup", "network", "collapsed"]
try:
    import labkit
except ImportError:  # on Colab
    # %pip install -q --no-deps "transformer-surgery @ git+{{repository}}"
    import labkit

import torch

from labkit.papers import large_concept_models as lcm
from labkit.papers.large_concept_models import task

lesson = labkit.open_lesson("06")
figures, holds, report = labkit.figures, labkit.course.holds, labkit.course.report

# %% [markdown]
# ## Halfway between two sentences · 3 min
#
# In our small world people find, lend and lose things on seven islands, and then
# travel. Here are two sentences, encoded, and three stops on the straight line between
# their vectors, decoded.

# %%
space = lcm.load_space("aligned")
first, second = (
    "Gladly Ilo took the ferry to Tern .",
    "Sadly Ilo took the sledge to Lull .",
)
way = lcm.mix(space, first, second)
way.table()

# %% tags=["nbval-check-output"]
holds(
    way.chimeras[2],
    "The sentence halfway tells a journey that neither of the two tells.",
)
holds(
    way.norms[2] < 0.85 * min(way.norms[0], way.norms[-1]),
    "And its vector is shorter than either end's.",
)

# %% [markdown]
# Every stop decodes to a sentence without a fault in it, and none says that it is a
# mixture. Only its *size* does, the length of the vector over that of the two ends.
# Keep that in mind.
#
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
# ## 1 · How many futures? · 12 min
#
# Begin where everything can be seen: a concept is a point in a plane. In one context
# one future is possible, in another two, in a third four.

# %%
guess = lesson.predict("p1")

# %% [markdown]
# Two small networks learn all three contexts, here and now. The *regression* is trained
# by ‖x̂ − x‖², as Base-LCM is. The *denoiser* will be explained in section 2; for now
# it is something that draws points.

# %%
plane = lcm.learn_plane()
figures.show(plane)

# %%
between = [plane.from_nearest(context)[0] for context in plane.futures]
lesson.result("p1")
holds(
    between[0] < 0.1 < min(between[1:]),
    "With one future the regression is right; with more it points where nothing is.",
)

# %% [markdown]
# The number at a ring is how likely that future is; the cross is the regression. It
# stands at the weighted mean of the rings, since that is where the mean squared
# distance is least. The dots of the denoiser crowd at the rings; some are stuck on the
# way between them. Are they as many as they should be at each ring?

# %%
for context, likely in plane.probabilities.items():
    shares = [round(share, 2) for share in plane.shares(context)]
    print(context, "likely", likely, "drawn", shares)

# %% [markdown]
# Now sentences. What can follow *found*, and what does **Base-LCM** say? It is a small
# transformer over sentence vectors:

# %%
import inspect

print(inspect.getsource(lcm.BaseLCM))

# %% [markdown]
# It was trained on stories of two sentences and the words *End of text.* After *sold*
# one thing can happen, after *found* two, equally likely, after *lent* two, seven to
# three, after *lost* four. The world knows which, so an answer can be graded.

# %%
said = lesson.predict("p2")

# %%
base, events = lcm.load_model("base"), lcm.test_events()
answers = lcm.quality_of(base, space, events, draws=1, name="Base-LCM")
# kinds: 0 sold, 1 found, 2 lent, 3 lost
found = torch.tensor([kind == 1 for kind in answers.kinds])
z_NC = lcm.next_concepts(base, space.encode(events)[:, None], torch.Generator())
sentences = task.parse(space.decode(z_NC[found]))[1]
flawless = float(sentences.float().mean())
lesson.result("p2", found=(answers.of("possible", "found").value, flawless))

# %% [markdown]
# Read one of those: both futures, and the answer.

# %%
wrong = [
    n
    for n, kind in enumerate(answers.kinds)
    if kind == 1 and not answers.by_event["possible"][n]
]
one = events[wrong[0] : wrong[0] + 1]
print("what happened:", *task.write(one))
for future in task.futures(one)[:2]:
    print("can follow:   ", *task.write(future))
print("Base-LCM:     ", *space.decode(z_NC[wrong[0] : wrong[0] + 1]))

# %%
answers.table("possible", "chimera", "l2", "l2_again", "norm", "truth_norm")

# %% [markdown]
# *Possible*: the share of sentences that can follow. *Chimera*: every word can follow,
# not all together. *Norm* beside *truth norm*: how long the vectors of the answers are,
# and how long those of true futures; one over the other is what was called *size*
# above. Answers shrink as the futures multiply, while their words stay flawless. *l2*
# is the distance to the future that happened, *l2 again* the same after decoding and
# encoding: after *found* and *lost* what is said is farther off than what was meant.
# The vector knows that it is an average; the text does not. (After *lent* the answer
# lies near the likelier future, and the decoder forgives the rest: always possible,
# always the same.)
#
# A tempting remedy: take the nearest sentence that exists.

# %%
travels = task.join(task.futures(task.all_events()))
snapped = travels[torch.cdist(z_NC, space.encode(travels)).argmin(1)]
after = lcm.judge_pieces(events, task.tokens(snapped, 0)[:, None])
for verb in ("found", "lost"):
    before, now = answers.of("possible", verb).value, after.of("possible", verb).value
    print(f"{verb}: possible {before:.2f}, snapped to the nearest sentence {now:.2f}")

# %% [markdown]
# More of the answers look possible now, and the model has learned nothing. Whoever
# grades snapped answers grades the snapping.
#
# And the error? In the paper's Table 3 Base-LCM is *nearest* to the true next sentence
# of all models, and in its Table 4 the least coherent. Both claims stood in the
# course's ledger before five more models of each kind were trained here. (In such a
# picture the dotted line is the *null*, what would come out if there were nothing; the
# grey band is the *margin*, too small to count.) Two-Tower is the paper's diffusion
# model, next section.

# %%
ledger = labkit.claims.ledger()
nearest = labkit.claims.assess(ledger.claim("06.base_lowest_l2"))
figures.show(nearest)

# %%
coherent = labkit.claims.assess(ledger.claim("06.coherence"))
figures.show(coherent)

# %%
holds(
    nearest.low > 1 and coherent.low > 0,
    "Base-LCM is nearer than Two-Tower, and less often right.",
)

# %% [markdown]
# In root mean square a draw is farther from what happens than the mean is, however good
# the draw: by one fixed factor, which exercise 06.1 asks you for. The ledger's row
# takes plain distance. There the excess depends on how many futures there are, and with
# two equal ones a perfect draw is on average no farther than the mean. A low distance
# is no merit when several things can happen.
#
# The paper has a second measure, *contrastive accuracy*: how many other sentences are
# farther from the answer than the true one. There Two-Tower leads in the paper. Here?

# %%
contrast = labkit.claims.assess(ledger.claim("06.contrastive"))
figures.show(contrast)

# %%
holds(contrast.high < 0, "Here it is Base-LCM that leads.")

# %% [markdown]
# A draw of the wrong future lies farther from the true one than many a sentence does.
# The average lies near all of the futures and is never far from the right one. With two
# to four futures this measure, too, rewards the average. A guess, not measured: in real
# text the futures are countless, and their average is near nothing.
#
# Is the average the fault of our codec? all-MiniLM-L6-v2 is a sentence encoder that
# others trained, English only, and not to be read back. We trained a decoder for its
# vectors, and decoded true futures and their averages:

# %%
other = lcm.stored_second_space()
other

# %%
right = dict(other.rows)
holds(
    right["averages of the futures after found (2)"] < 0.5,
    "There, too, most averages of two futures cannot follow.",
)

# %% [markdown]
# **What this does not show.** That squared error is a bad loss: the denoiser is trained
# by it too. Nor what a decoder does that was never shown noise; ours was trained on
# vectors with some noise mixed in (a share of up to 0.3), and pulls a vector to a
# sentence it knows.
#
# ## 2 · The denoising film · 11 min
#
# **Two-Tower** draws. One tower reads the context. The other is given a noisy copy of
# the next concept, x^t = √ᾱ_t x + √(1−ᾱ_t) ε: x is the true next concept, ε is random
# noise, and ᾱ_t says how much of x is left at step t, from nearly 1 (all of it) down to
# 0 (noise alone). It is trained to guess x, by squared error. To draw, start with
# nothing but noise (ᾱ = 0), guess, step to a little less noise, guess again: 20 times
# ([the same on a line](../primer/primer.ipynb#Diffusion-on-a-line-(5-min))). Here 64
# draws do so side by side.

# %%
film_guess = lesson.predict("p3")

# %%
two = lcm.load_model("two-tower")
film = lcm.film(two, space, "Ilo found the kettle on Sable .", draws=64)
figures.show(film)

# %%
context = space.encode_texts([film.event])
one_draw = lcm.film_of(two, context[:, None], torch.Generator().manual_seed(0))
first_guess = one_draw.guess_SBC[0, 0]
middle = space.encode_texts(list(film.futures)).mean(0)
alike = torch.nn.functional.cosine_similarity(first_guess, middle, dim=0)
report(alike, label="cosine of the first guess with the average of the two futures")
lesson.result("p3")
holds(
    alike > 0.9 and film.norm[-1] > film.norm[0],
    "The first guess is the average; the last one has the size of a sentence.",
)
holds(
    film.apart[0] < 0.2 and film.apart[7] > 0.9,
    "The 64 draws have moved apart by the eighth of twenty steps.",
)

# %% [markdown]
# On the left, *size* is the length of the guesses and *spread* how far they are from
# one another, both over those of true futures; on the right is what they say. A
# denoiser does not know better than Base-LCM. It is *asked* better: each answer is
# mixed with what is left of the noise, and the noise leans to one side. The next guess
# is an average over those futures that fit, and so on, until one is left. That happens
# early, while the vector is still mostly noise; after that the picture only gets
# sharper.
#
# After *lost* there are four futures. Stop the film where you like, and read the draw
# that changes its words most often. Without guidance the grey dotted line does not fall
# to 0: some draws end between two futures.

# %%
labkit.FilmPanel(gate=film_guess)

# %% [markdown]
# The paper steers the sampler. *Guidance* asks twice, with the context and without, and
# goes γ times as far in the direction of the difference. Written out, and labkit's
# version:

# %% tags=["nbval-check-output"]
noise = torch.randn(1, 64, generator=torch.Generator().manual_seed(2))
t = torch.tensor([60])
aware, unaware = (two.next(context[:, None], noise, t, seen) for seen in (True, False))
ours = unaware + 3.0 * (aware - unaware)
theirs = lcm.guided(aware, unaware, guidance=3.0, rescale=0.0)
holds(torch.allclose(ours, theirs, atol=1e-5), "Both agree.")

# %%
steer = lesson.predict("p4")

# %% [markdown]
# Move one control at a time. *Steps* is how often the sampler asks; with one step its
# answer is its first guess. *Mix* moves each vector towards the draw farthest from it:
# at 0.5 the average of two futures is back, smaller, and said without a fault.

# %%
labkit.SteerPanel(gate=steer)

# %%
knobs = {"no guidance, all the noise": lcm.Knobs(), "as in the paper": lcm.PAPER_KNOBS}
drawn = {
    name: lcm.quality_of(two, space, events, draws=8, knobs=knob)
    for name, knob in knobs.items()
}
for name, quality in drawn.items():
    print(name)
    for verb in ("lent", "lost"):
        shares = quality.frequencies(verb)
        impossible = max(0, 1 - sum(shares))
        listed = " ".join(f"{share:.2f}" for share in shares if share)
        print(f"  {verb}: {listed} impossible {impossible:.2f}")

# %%
lesson.result("p4", found=drawn["as in the paper"].frequencies("lent")[0])
plain, guided = (quality.frequencies("lost") for quality in drawn.values())
holds(
    sum(guided) > sum(plain), "After “lost” fewer of the guided draws are impossible."
)
holds(
    guided[3] < 0.5 * plain[3],
    "And the rarest future, one in ten, is hardly ever said.",
)


# %% [markdown]
# More right and less varied, both. Several settings changed together, so no one of them
# is to be credited. The true shares after *lost* are 0.4, 0.3, 0.2 and 0.1. And beside
# Base-LCM, without guidance:


# %%
def told(quality):
    return ", ".join(
        f"{quality.of('possible', verb).value:.2f} after {verb}" for verb in task.EVENTS
    )


both = {"Base-LCM": answers, "Two-Tower": drawn["no guidance, all the noise"]}
verbs = list(task.EVENTS)
figures.show(
    figures.Bars(
        title="How often the next sentence can follow",
        labels=[f"{verb} ({len(task.BRANCHES[n])})" for n, verb in enumerate(verbs)],
        groups={
            name: [q.of("possible", verb).value for verb in verbs]
            for name, q in both.items()
        },
        x_label="share of answers, by verb (futures)",
        sentence="Share of answers that can follow: "
        + "; ".join(f"{name} {told(quality)}" for name, quality in both.items())
        + ".",
    )
)

# %% [markdown]
# **What this does not show.** That the paper's settings are wrong. Its readers judged
# single texts, where the likelier future is welcome; ours counts many. Which is wanted
# depends on what the text is for.
#
# ## 3 · Another language · 10 min
#
# The codec was trained to translate between English and German, and to give a sentence
# and its translation one vector. The concept model read English vectors only. First the
# gate that any codec here must pass before a concept model is judged with it: at least
# 0.95 of 200 held-out sentences come back word for word.

# %%
for way, exact in lcm.check_codec(space.codec, n=200).exact.items():
    report(exact, label=way)

# %%
language = lesson.predict("p5")

# %%
german = lcm.tell(
    two, space, ["Ilo hat den Kessel auf Sable gefunden ."], language="German", seed=1
)
print(german.table())
ask = {
    way: lcm.quality_of(two, space, events, draws=4, language_in=way, language_out=way)
    for way in ("English", "German")
}
possible = {way: quality.of("possible").value for way, quality in ask.items()}
print({way: round(share, 2) for way, share in possible.items()})
lesson.result("p5", found=possible["German"] / possible["English"])

# %% [markdown]
# Who deserves the credit? Here is a *control*: a second codec, which learned to encode
# and decode both languages, but was never shown a translation. In its space we give the
# concept model every advantage: an ideal one, that answers in English vectors with a
# true future, drawn with its true probability.

# %%
control = lesson.predict("p6")

# %%
apart = lcm.load_space("unaligned")
for way, exact in lcm.check_codec(apart.codec, n=200).exact.items():
    report(exact, label=way)

# %%
ideal = lcm.exact_answers(apart, events, draws=4)["truth"]
spoken = {
    way: lcm.judge_concepts(apart, events, ideal, language=way).of("possible").value
    for way in task.LANGUAGES
}
shares = {way: round(share, 2) for way, share in spoken.items()}
print("possible, in the control's space:", shares)
lesson.result("p6", found=spoken["German"] / spoken["English"])

# %% [markdown]
# Within each language that codec is as good as the other. Between them it is lost: a
# sentence and its translation lie in two unrelated places. Not even an ideal concept
# model helps. “Zero-shot in 200 languages” is a sentence about SONAR, which was trained
# on translations into and out of 200 languages.
#
# Here is the paper's claim in the ledger, on the aligned space.

# %%
transfer = labkit.claims.assess(ledger.claim("06.zero_shot"))
figures.show(transfer)

# %% [markdown]
# And what does a sentence cost? Count multiply-adds: the denoiser runs once for each of
# S steps, twice with guidance.


# %%
def weights(module):
    return sum(p.numel() for p in module.parameters())


codec, tokens = space.codec, lcm.TOKEN.build()
sizes = {
    "encoder": weights(codec.encoder),
    "context": weights(two.context),
    "denoiser": weights(two.denoiser),
}
sizes |= {"decoder": weights(codec.decoder), "token": weights(tokens.trunk)}
sizes |= {"token_width": lcm.TOKEN.width, "token_depth": lcm.TOKEN.depth}
cost = lcm.cost_of(sentences=1, pieces=8, steps=40, branches=2, **sizes)
report(
    cost.ratio,
    label="cost over the token model's, 40 steps with guidance, one sentence before",
)
first_cheaper = lcm.crossover(pieces=8, steps=40, branches=2, **sizes)
print(f"cheaper from {first_cheaper} sentences of context on")

# %% [markdown]
# The paper says the same: long contexts are cheaper, sentences of fewer than ten tokens
# are not.
#
# It also has more models. **One-Tower** puts clean and noisy vectors into one
# transformer. **Quant-d** and **Quant-c** write a vector as a sum of six entries, one
# from each of six codebooks of 64, and choose them one after the other: by class (d) or
# by how near they are to a guess of the whole vector (c). The **token model** knows no
# vectors and predicts words. Each was trained at one learning rate, from as many seeds
# as the table says, and not on equally many stories: a look, not a race. Ten draws
# after each event; the first two rows are ideal, and the truth's total variation is
# what so few draws cost.

# %%
lcm.family()

# %%
rows = {name: row for name, *row in lcm.family().rows}
holds(rows["One-Tower"][5] > 0.9, "One-Tower does what Two-Tower does.")
holds(
    rows["Quant-c"][3] < 0.6,
    "Quant-c guesses the whole vector: after “found” the mixtures are back.",
)
holds(
    rows["Quant-d"][2] < 0.95,
    "Quant-d slips even after “sold”: six choices, and each can go wrong.",
)
holds(
    rows["Quant-d, longer"][2] > 0.95 and rows["Quant-c, longer"][3] < 0.6,
    "Trained for longer, Quant-d slips much less, and Quant-c as before.",
)

# %% [markdown]
# The hour began with the number of futures. Here are three of the kinds by that number:
# five fresh models of each, trained after nine rows about them stood in the ledger. The
# black lines are 95 % intervals over seeds. *Total variation* is 0 for the true shares;
# the dotted bars say how far off ten draws from the truth itself are.

# %%
branching = lcm.by_futures()
figures.show(branching)

# %%
asked = ("futures_1", "futures_2", "futures_4", "futures_grow", "quant_2", "quant_4")
lead = {name: labkit.claims.assess(ledger.claim(f"06.{name}")) for name in asked}
for name, row in lead.items():
    print(f"06.{name}: {row.value:+.2f} [{row.low:+.3f}, {row.high:+.3f}]")

# %% tags=["nbval-check-output"]
holds(lead["futures_1"].high <= 0.02, "With one future there is nothing to gain.")
holds(
    0 < lead["futures_grow"].low and lead["futures_2"].low > 0.3,
    "With two Two-Tower is ahead of Base-LCM, with four farther ahead.",
)
spread = branching.estimates["total_variation"]["Two-Tower"]
holds(
    spread[2].value < branching.truth["total_variation"][2],
    "With two futures its shares are as near as draws from the truth.",
)
holds(
    spread[4].low > branching.truth["total_variation"][4],
    "With four they are not: some of its draws are impossible.",
)

# %% [markdown]
# With one future the regression is as good as the sampler; its losses begin with the
# second. *Two* stands for two verbs. After *found* Base-LCM is right about one time in
# four; after *lent* it always says the likelier future, which is possible and never the
# whole truth. Quant-d is behind Two-Tower with two futures. With four it is farther
# behind on average, but its five models differ so much that the interval reaches 0: the
# row stays open.

# %% tags=["nbval-check-output"]
holds(lead["quant_2"].low > 0 > lead["quant_4"].low, "Behind with two, open with four.")
behind = labkit.claims.records.read_record(ledger.claim("06.quant_4")).values
holds(max(behind) > 5 * min(behind), "By model, the gap varies more than fivefold.")

# %% [markdown]
# Is it the sums that lose the words? Six books fitted here, and futures of events that
# nobody trained on:

# %%
chance = torch.Generator().manual_seed(1)
vectors = space.stories(8000, chance)[:, :2].flatten(0, 1)
books = lcm.fit_books(vectors, books=6, units=64, generator=chance)
future = task.futures(events)[0]
codes = books.quantise(space.encode(future))
kept = []
for first in range(1, 7):
    said = space.decode(books.sum_of(codes, first))
    kept.append(sum(a == b for a, b in zip(said, task.write(future))) / len(said))
print("right with the first 1 to 6 books:", *(f"{share:.2f}" for share in kept))
holds(
    kept[-1] > 0.95, "All six say the sentence: what is lost is lost in choosing them."
)

# %% [markdown]
# In the paper, too, the quantised models come after diffusion (Table 4: coherence 0.847
# for c, 0.704 for d, 0.938 for Two-Tower), and between its two towers it sees no
# consistent difference. The paper's token model beats all of them (0.984). Ours was
# first trained at one rate, on a twelfth of the stories that Two-Tower read; the
# ledger's 06.token_longer is the second try, twice as long, at the best of four rates.
# The quantised models got theirs, too: as many stories as Two-Tower, at the best of
# four and five rates.

# %%
for name in ("06.quant_d_longer", "06.token_model", "06.token_longer"):
    row = labkit.claims.assess(ledger.claim(name))
    if row.value is not None:  # measured
        print(row.claim.sentence)
        interval = f"[{row.low:+.4f}, {row.high:+.4f}]"
        print(f"   {row.value:+.4f} {interval}, {row.verdict}: {row.reason}")

# %%
behind = labkit.claims.records.read_record(ledger.claim("06.token_model")).values
print(
    "first training, token model minus Two-Tower, by seed:",
    *(f"{value:+.2f}" for value in behind),
)
holds(sorted(behind)[2] > -0.15, "On three seeds of five it is nearly as good.")
holds(
    sorted(behind)[1] < -0.4,
    "On two it had not learned its words: a training to repeat, not a method refuted.",
)

# %% [markdown]
# Second tries change the picture. What had looked like Quant-d's fault was mostly too
# little training at too low a rate: five points are left of about thirty, less than the
# paper has. Quant-c did not move. It guesses one vector, and where there are several
# futures a guess is their average.
#
# The repeated training puts the token model ahead, as in the paper. The rule of the
# ledger calls that reproduced, since the interval leaves 0 out. Look how narrowly it
# does, and at the seeds one by one:

# %%
lead = labkit.claims.assess(ledger.claim("06.token_longer"))
seeds = labkit.claims.records.read_record(lead.claim).values
print("longer training, by seed:", *(f"{value:+.3f}" for value in seeds))
holds(
    0 < lead.low < lead.claim.delta and min(seeds) <= 0,
    "A thin lead: on one seed none, and the interval begins inside the margin.",
)

# %% [markdown]
# Five other seeds could bring the 0 back. Say that the token model was not worse here,
# and probably a little better; do not say by how much.

# %% [markdown]
# One more task of the paper, *summarise and expand*. Our summary of a text is its last
# journey; expanded, a journey is given and an event is wanted that can have led to it.
# A summary has one answer, an expansion six or nine:

# %%
lcm.stored_summaries()

# %%
base_row, two_row = lcm.stored_summaries().rows
holds(min(*base_row[2:4], *two_row[2:4]) > 0.9, "Both models summarise.")
holds(
    base_row[5] <= 1 < two_row[5],
    "Asked eight times, Base-LCM tells one story and Two-Tower several.",
)

# %% [markdown]
# **What this does not show.** Transfer between languages with no word in common: ours
# share the names of people and islands. Nor what either model would do with real text,
# where hardly any sentence comes twice.
#
# ## Exercises · 19 min

# %%
factor = lesson.exercise("06.1")

# %%
factor.check(...)

# %%
sampler = lesson.exercise("06.2")


# %%
def step(x, guess, now, then):
    eps = ...
    return ...


sampler.check(step)

# %%
hunt = lesson.exercise("06.3")


# %%
def averaged(z_NC):
    return ...


hunt.check(averaged)

# %%
forty = lesson.exercise("06.4")


# %%
def dishonest(spacing):
    bad = []
    ...
    return ...


forty.check(dishonest)

# %% [markdown]
# The last one is about a harder world. Two-Tower was trained there as before. By both
# signs that gave the average away it is in order: the *size* of its vectors, and the
# *gap*, how far they move when they are said and read again, over the size of a true
# one.

# %%
world = lcm.unmarked()
world.table("size", "gap")

# %% tags=["nbval-check-output"]
holds(
    all(abs(size - 1) < 0.02 for size in world.of("size")),
    "After “lost” the vectors have the size of sentences.",
)
holds(max(world.of("gap")) < 0.06, "And they come back almost unchanged.")

# %%
whole = lesson.exercise("06.5")


# %%
def wrong_wholes(futures, drawn):
    return ...


whole.check(wrong_wholes)

# %%
lesson.progress()

# %% [markdown]
# ## Your sentence · 3 min
#
# Before you go on, write one: when is the answer with the least error the wrong answer
# to give? Then read ours: *when several things can happen, the answer nearest to all of
# them is one that none of them is; so do not ask how near it is, ask whether it could
# be true.*
#
# *Left out:* the other schedules and targets, segmentation, and summaries are in labkit
# (`lcm.Schedule`, `lcm.Cleaned`, `lcm.segment`, `lcm.judge_summaries`), tested, and not
# part of this hour.
#
# ### References

# %% tags=["nbval-check-output"]
print(labkit.cite("06"))

# %% [markdown]
# Sampler and guidance: Song, Meng and Ermon, *Denoising diffusion implicit models*,
# 2021; Ho and Salimans, *Classifier-free diffusion guidance*, 2022; Lin and others,
# *Common diffusion noise schedules and sample steps are flawed*, 2024. Codec: Duquenne,
# Schwenk and Sagot, *SONAR*, 2023.
#
# *Next: [12 · Operate](../../README.md#the-lessons). What would you cut, and what would
# prove you wrong?*
