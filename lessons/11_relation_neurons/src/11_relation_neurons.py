# %% [markdown]
# # 11 · Relation-specific neurons
#
# {{badges}}
#
# *Can it forget only who lives where?* Liu, Chen and colleagues (2025) take a language
# model, look for the neurons that tell questions about one relation (*who runs this
# company?*) from all other questions, and silence them. The model then loses facts of
# that relation, also facts that the search never saw, and keeps most others. You will
# search, silence and ask again in a model that knows twelve relations by heart, and
# find out which part of the story survives a control.
#
# *Paper:
# [On Relation-Specific Neurons in Large Language Models](https://arxiv.org/abs/2502.17355),
# EMNLP 2025. Code:
# [cisnlp/relation-specific-neurons](https://github.com/cisnlp/relation-specific-neurons).
# 60 minutes. You need
# [lesson 00](../00_cut_compare_restore/00_cut_compare_restore.ipynb). Afterwards you
# can rank neurons by average precision, name the control that a map of damage needs,
# and say when a gain is luck.*

# %% tags=["setup", "network", "collapsed"]
try:
    import labkit
except ImportError:  # on Colab
    # %pip install -q --no-deps "transformer-surgery @ git+{{repository}}"
    import labkit

import numpy as np
import torch

from labkit.papers import relation_neurons as rn

lesson = labkit.open_lesson("11")
figures, holds, report = labkit.figures, labkit.course.holds, labkit.course.report

# %% [markdown]
# ## One relation off · 3 min
#
# `lab/facts` has read a register of the islands: 150 facts for each of twelve
# relations, in several wordings, and other talk. Answers come from pools of 5 (sports)
# to 140 names. It does not say who lives where; who does which sport will do. Here are
# five residents. First the model is intact; then 154 of its 1,536 MLP neurons are set
# to 0, those that best tell questions about *sport* from all others.

# %%
facts = labkit.load("lab/facts")
study = rn.RelationStudy.of(facts)
tenth = study.layout.count(0.10)
sport_off = rn.SilenceNeurons(rn.neurons_for(study, "sport", tenth))


def says(relation, name):
    (question,) = study.register.questions(relation, subjects=[name])
    return facts.generate(question.prompt, 2).removeprefix(question.prompt).strip(" .")


# %%
residents = [q.subject for q in study.quiz("named", ["sport"]).questions[:5]]
relations = ("sport", "occupation", "father")
intact = {(name, r): says(r, name) for name in residents for r in relations}
with labkit.edit(facts, sport_off):
    cut = {(name, r): says(r, name) for name in residents for r in relations}
for name in residents:
    said = [f"{r}: {intact[name, r]} → {cut[name, r]}" for r in relations]
    print(f"{name:12}", "   ".join(said))

# %% [markdown]
# Ask all 60 residents whom the search never saw, about everything.

# %%
sport = rn.damage_map(study, 0.10, silenced=["sport"])
figures.show(sport)
drops = {name: sport.drop(name, "sport") for name in sport.relations}
own = drops.pop("sport")
rest = np.mean(list(drops.values()))
most = own > max(drops.values())
holds(most, f"Sport loses {own:.0%}, the others {rest:.0%} on average.")

# %% [markdown]
# A tenth of the neurons is gone, and with them two thirds of sport and about a tenth of
# everything else. And look what is said instead of the sport.

# %%
errors = rn.lost_answers(study, 0.10)
lost = errors.counts["sport"]
for kind, count in lost.items():
    print(f"{count:3}  {kind}")
most = max(lost, key=lost.get)
holds(most.startswith("what another"), "Mostly true of the resident, and no sport.")
same = errors.shares()["another answer of the relation"]
holds(same > 0.5, f"All twelve relations: {same:.0%} another answer of the relation.")

# %% [markdown]
# Here the model still knows who is meant, and answers another question. Sport is an
# exception: in all twelve together, most lost answers become another answer of the same
# relation. In the paper the models mostly repeat words of the prompt. Either way: what
# did the search find, that its loss makes a question go wrong?
#
# ## Before you go on · 2 min
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
# ## 1 · Be the classifier · 12 min
#
# A **neuron** here is one output of a linear layer: a gate, an up or a down output of
# an MLP, before the activation. The paper's two Llama models have 835,584 and
# 1,310,720 of them; `lab/facts` has 4 layers · (2 · 128 + 128) = 1,536. Each neuron
# becomes one number per prompt: the mean of its output over the prompt's tokens. Below
# are six neurons on prompts about somebody's father, and on as many others. Count only
# the order from right to left: which neuron would you trust to pick out fathers?

# %% tags=["collapsed"]
order = study.search.of("father").order()
shown = [order[rank] for rank in (500, 0, -1, 30, 1100, 150)]
picture = rn.neuron_strips(study, "father", shown)
figures.show(
    picture,
    "Six neurons, each with its mean outputs on 90 prompts about fathers (squares) and "
    "on 90 others (circles). In some the clouds hardly touch, in others they overlap.",
)

# %%
lesson.predict("p0")

# %% [markdown]
# A neuron classifies if its high outputs belong to fathers. **Average precision** says
# how well: sort all prompts by the neuron's output, go down the list, and at each
# father note which share of the prompts so far are fathers. The mean of these shares is
# AP, in the paper's words Σ (R_n − R_{n−1}) P_n with precision P and recall R. For each
# prompt about fathers the search draws four about other relations, so a neuron that
# knows nothing scores about 0.2.


# %%
def ap(output, is_father):
    order = output.argsort(descending=True)
    hits = is_father[order].double()
    share_so_far = hits.cumsum(0) / torch.arange(1, len(hits) + 1)
    return (hits * share_so_far).sum() / hits.sum()


# 90 prompts about fathers, 360 others
outputs, is_father = study.search.examples("father")
by_hand = torch.stack([ap(outputs[:, neuron], is_father) for neuron in shown])
for name, value in zip(picture.names, by_hand):
    print(f"{name:24} AP {value:.2f}")
lesson.result("p0", found=int(by_hand.argmax()))
labkits = rn.average_precision(outputs[:, shown], is_father)
agree = torch.allclose(by_hand, labkits, atol=1e-9)
holds(agree, "These lines and labkit's version agree.")
silent, low = picture.names[2], float(by_hand[2])
holds(low == by_hand.min() < 0.15, f"{silent}, the last of 1,536, scores {low:.2f}.")

# %% [markdown]
# That last one lies far *below* 0.2. It is a detector too, a silent one: in the picture
# its squares are all on the left. AP does not reward it, and the paper's selection
# leaves it out. Now all 1,536 neurons, for all twelve relations.

# %%
lesson.predict("p1")

# %%
best = rn.best_neurons(study)
figures.show(best)

# %% tags=["nbval-check-output"]
lesson.result("p1", found=best.tied())
at_one = {name: count for name, count in best.at_one.items() if count}
print(at_one, "neurons at exactly 1")
gap = min(best.best.values()) - max(best.shuffled.values())
holds(gap > 0.2, "No shuffled search comes near.")

# %% [markdown]
# The hatched bars are the null: the largest of 1,536 numbers that mean nothing. It lies
# above 0.2, and a threshold has to know that. Ties matter as well. The paper takes the
# top 0.36 %, which here is six neurons. For `constellation` more than six are tied at
# 1, so AP alone cannot say which six. The paper's code leaves that to the order of the
# sort; we take the larger standardised difference of the two means.

# %%
tied = study.search.of("constellation")
ours, theirs = set(tied.top(6)), set(tied.top(6, ties="order"))
both = len(ours & theirs)
print(f"{tied.at_one()} tied at 1; of the six chosen, {both} the same under both rules")

# %% [markdown]
# **What this does not show.** That a neuron which tells fathers from sports *knows*
# anything about fathers. The word *father* stands in the prompt. A neuron that hears
# that word would rank first.
#
# ## 2 · Silence each relation in turn · 12 min
#
# So silence them and ask. For relation *s* the top k outputs are set to 0 at every
# token, and every relation *r* is asked about subjects the search never saw:
#
# drop(r, s) = (accuracy of r − accuracy of r without the neurons of s) / accuracy of r.

# %%
lesson.predict("p2")

# %%
damage = rn.damage_map(study, 0.10)
figures.show(damage)

# %% tags=["nbval-check-output"]
lesson.result("p2", found=damage.own().value)
report(damage.own(), label="own relation", unit="of its accuracy")
report(damage.others(), label="the others", unit="of their accuracy")
drop = damage.drop  # asked, silenced
holds(drop("constellation", "constellation") < 0.1, "Constellation loses little.")
most = drop("mother", "father") > drop("father", "father")
holds(most, "With father's neurons off, mother loses more than father.")

# %% [markdown]
# Read a row: whose neurons are off. Read a column: what is asked. A number stands where
# the sign test gives p < 0.05 for that cell alone: six answers of 60 lost and none
# gained, say. The framed diagonal is what the paper predicts.
#
# `sport` is the paper's story at its clearest. `constellation` has neurons that tell it
# perfectly and loses next to nothing without them. And with the neurons of `father`
# off, `mother` loses more than `father` does.
#
# Now look at whole columns. `mother` loses something in nearly every row: its answers
# are names out of 130, and they go whatever is cut. So the diagonal needs a control: as
# many neurons of the same layers and modules, drawn at random.

# %%
matched = rn.damage_map(study, 0.10, "matched")
figures.show(matched)
largest, asked, silenced = matched.largest()
print(f"largest drop here: {largest:.2f}, {asked}, with the set drawn for {silenced}")
holds(largest > 0.9 * drop("sport", "sport"), "As much as sport loses without its own.")
twice = damage.own().value > 2 * matched.own().value
holds(twice, "Own neurons cost over twice what matched ones cost.")

# %% [markdown]
# The diagonal is gone, the grey columns are not. And one drawn set, nobody's in
# particular, does as much harm to one relation as the neurons of `sport` do to sport.
#
# One draw is one draw. Here are twenty (stored: `rn.damage_null(study, 0.10, 20)` takes
# a minute). Each cell shows what is left of the drop when the mean of its drawn sets is
# taken off. A number stands where p < 0.05 for that cell alone: p compares it with all
# 240 drawn sets, twelve in each of twenty maps. And since 144 cells are looked at, the
# largest must be held against the largest of a drawn map: what stands in bold passes.

# %%
controls = rn.MatchedControls.load()
figures.show(controls.null)

# %%
print(controls.null.table())
kept, p = controls.null.diagonal()
holds(p < 0.05, f"On the diagonal {kept:.2f} is left; no drawn map has as much.")
bold = controls.null.beyond()
print("bold:", ", ".join(f"{asked} without {silenced}'s" for silenced, asked in bold))

# %% [markdown]
# As a whole the diagonal is beyond what drawn sets do. Cell by cell, each looked at
# alone, seven of twelve relations are; of 144 cells looked at together, `sport` and
# `instrument` are left. The grey columns of the first map are gone. So can it forget
# only one thing? Sport nearly, constellation not at all.
#
# All this was a tenth of the neurons. The paper silences 3,000 of 835,584, which is
# 0.36 %: six of ours. Choose a relation and go from the paper's share upwards.

# %%
labkit.SilencePanel(facts)

# %% [markdown]
# One model is one model. Three more were trained, each on facts of its own. The table
# tests two sentences in each: with a tenth off, the own relation falls further than
# under random sets; with father's neurons off, mothers fall further than under matched
# sets. A star stands where the interval excludes 0. `lab/facts` is seed 5.

# %%
by_model = rn.by_seed()
print(by_model.table(("11.own_falls_tenth", "11.father_hurts_mother")))
mothers = by_model.values["11.father_hurts_mother"]
clear = [seed for seed, one in mothers.items() if one.low > 0]
above = all(one.value > 0 for one in mothers.values())
holds(above, "Mothers: every value is above 0,")
holds(clear == [5] and ("father", "mother") not in bold, "and one interval excludes 0.")

# %% [markdown]
# Own neurons cost more in every model. Mothers without father's neurons are another
# matter. All four values lie above 0, but in three models the interval holds 0: there
# it may be little or nothing. And in `lab/facts` we picked this cell out of 132 because
# it looked large; it is not among the bold ones above. One map would have made it a
# finding. (To look for yourself: `labkit.SilencePanel("lab/facts_second")` is the same
# panel on seed 3.)
#
# All four read registers of one size: with 150 facts a relation cannot have more than
# 150 answers, and 130 names are the fathers. The paper's pools go up to 968. Two more
# models read larger registers, each its own: 300 residents, no two with the same
# father, and the names of mothers and directors are among those 300. So pools hold 5 to
# 300 answers, and three sentences of ten are other talk.

# %%
large = rn.large_registers()
for seed, row in {6: "11.large_pools", 2: "11.large_pools_again"}.items():
    one = labkit.claims.assess(row)
    label = f"large, seed {seed}: own minus matched, a tenth off"
    report(one, digits=2, label=label, unit="of its accuracy")
    holds(one.low > 0.05, "Own neurons cost more than matched ones.")
print(large.table())
holds(all(large.fewest(s)[1] > 0.99 for s in large.known), "Both know their register.")
less = [one.value < 0 for one in large.mothers.values()]
holds(all(less), "With father's neurons off mothers lose less than with matched sets.")

# %% [markdown]
# The first sentence stands in both models. The second does not: in both, mothers lose
# *less* with father's neurons off than with as many others off. In one of the two the
# interval excludes 0, and the sign is the opposite of that in `lab/facts`.
#
# Of the model of seed 2 we also made the whole map, beside twenty drawn ones, as above.

# %%
of_two = large.maps[2]
kept, p = of_two.diagonal()
print(f"on the diagonal {kept:.2f} is left, p = {p:.3f}")
bold_there = of_two.beyond()
print("bold:", ", ".join(asked for _, asked in bold_there))
holds(
    len(bold_there) == 6 and all(asked == by for by, asked in bold_there),
    "Six cells, and all on the diagonal.",
)
lost = of_two.drops.diagonal()[of_two.silenced.index("constellation")]
holds(lost > 0.4, f"Constellation loses {lost:.0%} of its answers.")

# %% [markdown]
# There the diagonal is clearer than in `lab/facts`, and constellation, which lost next
# to nothing there, is part of it. Which relations can be switched off is a fact about
# one trained model, not about relations. Why this one is clearer we do not know: its
# register, its pools and its training differ all at once.
#
# The ledger decides by models trained only to be tested, with the test written down
# before they were measured. Then two curves: how the loss grows with the share that is
# off, in `lab/facts` and in a model whose MLPs are four times as wide.

# %%
few, tenth_of_all = map(labkit.claims.assess, ("11.own_falls", "11.own_falls_tenth"))
for one in (few, tenth_of_all):
    figures.show(one)
seen = few.high < 0.01 < tenth_of_all.low
holds(seen, "Nothing with six neurons, something with 154.")

# %%
figures.show(controls)
print(controls.narrow.table())
own, _, drawn = controls.narrow.logs[controls.narrow.shares.index(0.012)]
holds(own < 3 * drawn, f"Eighteen off: own {own:.3f} nats, matched {drawn:.3f}.")
nats = labkit.claims.assess("11.own_log")
report(nats, digits=3, label="another model, six off, own minus matched", unit="nats")

# %% [markdown]
# At the paper's share accuracy does not move: six neurons are too few, whoever chooses
# them. The log probability of the right answers, in the columns on the right, is a
# finer measure: with eighteen neurons off it falls several times as far as under
# matched sets, and in the model of the last line a little further already with six. At
# a tenth own neurons cost far more accuracy than drawn ones, with a little less than
# half of the paper's effect. But drawn sets cost too. A share is no common currency
# between a model of 1,536 neurons and one of 835,584, and we do not know what is.
#
# One more question can be asked of growing sets, and is the paper's first property,
# *cumulativity*: an answer is lost when the set grows from k1 to k2 neurons. Is it lost
# when only the added ones are off? Mostly not, there and here, so no single group holds
# the fact. But take the ranks at random within layers and modules, and ask again:

# %%
portraits = rn.Portraits.load()
for name in ("cumulativity", "cumulativity_matched"):
    lost, alone = portraits.crowd(name)
    said = f"{lost} answers lost, {alone} of them by the added neurons alone"
    print(f"{name:22} {said}, so {1 - alone / lost:.0%} need the crowd")

# %% [markdown]
# A crowd, but any crowd. It says how redundant the model is, and little about
# relations.
#
# **What this does not show.** That facts are *stored* in these neurons, which the paper
# does not say either. Nor that zero is a fair way to silence: many of these outputs are
# never near it. Put their mean in its place and ask again:

# %%
at_mean = rn.damage_map(study, 0.10, to="mean")
drawn_at_mean = rn.damage_map(study, 0.10, "matched", to="mean")
for to, own, drawn in (("0", damage, matched), ("mean", at_mean, drawn_at_mean)):
    print(f"to {to:5} own {own.own().value:.2f}   matched {drawn.own().value:.2f}")

# %% [markdown]
# Both cost more than with zero, and own neurons still cost more than matched ones. A
# prompt's mean at every token is no harmless value either. That the own relation falls
# further does not hang on the zero.
#
# ## 3 · The relation, or its words? · 7 min
#
# The prompts of the search hold words that only their relation uses: *the father of Asa
# Arden is named*. `lab/facts` was also taught a second way to ask, by colour and
# volume: *look up Asa Arden in the red ledger* means the father, *in the green ledger*
# her sport. No word of that belongs to one relation; the pair says which is meant. And
# a neuron's output can be taken at the last token, where the answer is about to be
# said, instead of the mean over the prompt.

# %%
guess = lesson.predict("p3")

# %%
labkit.ConfoundPanel(facts, gate=guess)

# %%
at = {pool: rn.damage_map(study, 0.05, pool=pool) for pool in ("mean", "last")}
for pool, found in at.items():
    chosen = rn.chosen_ap(study, found.k, pool=pool)
    own, others = found.own().value, found.others().value
    print(f"{pool}: AP chosen {chosen:.2f}, own drop {own:.2f}, others {others:.3f}")

# %%
lesson.result("p3", found=at["last"].own().value / at["mean"].own().value)
last_token = labkit.claims.assess("11.last_token")
figures.show(last_token)

# %% [markdown]
# The better classifier is the worse target. The mean over the prompt picks neurons that
# hear the words, wherever they stand; whether the answer needs them is another matter.
# The last token is a colon in every prompt: what differs there is what the model has
# carried to it. The paper uses the mean throughout (this comparison is ours, not
# theirs). Now take the words away: in the panel, search and ask with words that
# relations share, with the mean. Again worse classifiers, again a larger own drop; but
# 20 questions for each of six relations are a glimpse, no test.
#
# Versatility, the paper's second property, is that related relations share neurons:
# *father* and *mother* 2,053 of 3,000 in Llama-2-7B. Ours, and the test over all pairs
# of a family:

# %%
shared = rn.neuron_overlap(study, 0.05)
both, luck = shared.shared[0][1], shared.expected
print(f"father and mother share {both} of {shared.k}; two random sets {luck:.1f}")
figures.show(labkit.claims.assess("11.shared_neurons"))

# %% [markdown]
# **What this does not show.** Why ours and the paper's differ. Each relation is a
# negative of the other in the search, so a neuron for *parent* is punished in both; in
# the paper as well. In 32 layers enough of them may remain.
#
# ## 4 · Is that improvement real? · 6 min
#
# The third property is *interference*: with some neurons off, other relations get
# better. A model that knows everything cannot. So take the same training, stopped
# earlier.

# %%
early = labkit.load("lab/facts_early")
half_way = rn.RelationStudy.of(early)
report(half_way.before().share(), label="lab/facts_early knows")
lesson.predict("p4")

# %% [markdown]
# Neurons of each relation off in turn, 1.2 % of all; count the cells off the diagonal
# in which accuracy rises. Then 19 times the same with sets drawn from the same layers
# and modules. (Stored: `rn.interference(half_way, 0.012, 19)` takes a minute.)

# %%
gain = controls.gains
figures.show(gain)
lesson.result("p4", found=(gain.improving, *gain.band))
print(gain.table())

# %% [markdown]
# Cells rise when eighteen neurons go, whichever they are: near the edge of knowing, any
# nudge tips some answers one way and some the other. A heat map of the own neurons
# alone would show the rising cells and no reason to doubt them. And 19 draws cannot
# give a p below 0.05. The test, on two other models stopped early:

# %%
figures.show(labkit.claims.assess("11.interference"))

# %% [markdown]
# *Unresolved*: about as many of the eleven others improve as with drawn sets, rather
# fewer, and the interval is wider than the margin.
#
# **What this does not show.** That the paper's improvements are luck. It reports one
# map, 50 prompts a cell and no band; from that nobody can tell.
#
# ## Exercises · 15 min

# %%
by_hand = lesson.exercise("11.1")

# %%
by_hand.check(...)

# %%
in_code = lesson.exercise("11.2")


# %%
def ap(scores, labels):
    total = 0.0
    for threshold in sorted(set(scores), reverse=True):
        above = [label for score, label in zip(scores, labels) if threshold <= ...]
        new = ...
        total += new / sum(labels) * sum(above) / len(above)
    return total


in_code.check(ap)

# %%
too_kind = lesson.exercise("11.3")


# %%
def kindly_right(said, answer):
    return answer.split()[:2] == said.split()[:2]


questions = half_way.quiz("named", ["constellation"]).questions
too_kind.check(...)

# %%
lesson.progress()

# %% [markdown]
# ## Your sentence beside ours · 3 min
#
# Write one sentence: what would you have to see to believe that a model has neurons
# *for* a relation? Then read ours.
#
# *A set of neurons, found without the words of the relation, whose loss costs that
# relation more than any set of the same size, layers and modules costs it, in several
# models; and no claim about gains without a band.*
#
# Next: [07 · Transformer²](../../README.md#the-lessons). Off is easy; can a skill be
# turned up?

# %% tags=["collapsed"]
print(labkit.cite("11"))
