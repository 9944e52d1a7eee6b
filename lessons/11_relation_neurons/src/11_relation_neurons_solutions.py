# %% [markdown]
# # 11 · Relation-specific neurons: solutions
#
# One entry per exercise. Try first; a wrong answer's message is worth more than a right
# answer's line.

# %% tags=["setup"]
import labkit
from labkit.papers import relation_neurons as rn

lesson = labkit.open_lesson("11")

# %% [markdown]
# ## 11.1 · Average precision by hand

# %% tags=["nbval-check-output"]
lesson.exercise("11.1").check((1 / 1 + 2 / 3 + 3 / 6) / 3)

# %% [markdown]
# Had the third father stood in the fourth place, its share would be 3/4 and AP would be
# 0.81: places near the top count most.
#
# ## 11.2 · Average precision with ties


# %% tags=["nbval-check-output"]
def ap(scores, labels):
    total = 0.0
    for threshold in sorted(set(scores), reverse=True):
        above = [label for score, label in zip(scores, labels) if score >= threshold]
        new = sum(label for score, label in zip(scores, labels) if score == threshold)
        total += new / sum(labels) * sum(above) / len(above)
    return total


lesson.exercise("11.2").check(ap)

# %% [markdown]
# A neuron that never fires has one threshold, at which all prompts come in together:
# precision and AP are the share of fathers. Sorted prompt by prompt, its AP would be
# whatever the order of the file makes of it.
#
# ## 11.3 · The scorer that counts wrong answers


# %% tags=["nbval-check-output"]
def kindly_right(said, answer):
    return answer.split()[:2] == said.split()[:2]


early = labkit.load("lab/facts_early")
half_way = rn.RelationStudy.of(early)
questions = half_way.quiz("named", ["constellation"]).questions
said = [early.generate(q.prompt, 3).removeprefix(q.prompt).strip() for q in questions]
kind = [kindly_right(one, q.object) for one, q in zip(said, questions)]
whole = [one == q.object for one, q in zip(said, questions)]
lesson.exercise("11.3").check(sum(kind) - sum(whole))

# %%
print(f"of {len(questions)}: {sum(kind)} right by two words, {sum(whole)} as a whole")
wrong = [place for place in range(len(said)) if kind[place] and not whole[place]]
for place in wrong[:5]:
    print(f"said {said[place]}, meant {questions[place].object}")

# %% [markdown]
# A rule that stops after two tokens is kind to long names, and kinder the less the
# model knows. In the paper the names are people, places and firms in a tokenizer that
# cuts them into many more than two pieces; how many answers pass there for the same
# reason is not told.
