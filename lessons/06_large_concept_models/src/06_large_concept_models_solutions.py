# %% [markdown]
# # 06 · Large concept models: solutions
#
# One entry per exercise. Try first; a wrong answer's message is worth more than a right
# answer's line.

# %% tags=["setup"]
import labkit

lesson = labkit.open_lesson("06")

# %% [markdown]
# ## 06.1 · The price of drawing

# %% tags=["nbval-check-output"]
regression = ((1**2 + 1**2) / 2) ** 0.5
sampler = ((0**2 + 2**2) / 2) ** 0.5
lesson.exercise("06.1").check(sampler / regression)

# %% [markdown]
# With plain means both are 1 away: that measure cannot tell a perfect sampler from the
# average. The paper reports means.
#
# ## 06.2 · One step of the sampler


# %% tags=["nbval-check-output"]
def step(x, guess, now, then):
    eps = (x - now**0.5 * guess) / (1 - now) ** 0.5
    return then**0.5 * guess + (1 - then) ** 0.5 * eps


lesson.exercise("06.2").check(step)

# %% [markdown]
# No new noise is drawn (η = 0), so the first noise decides which future it will be.
#
# ## 06.3 · Not a word


# %% tags=["nbval-check-output"]
def averaged(z_NC):
    return z_NC.norm(dim=1) < 6.4


lesson.exercise("06.3").check(averaged)

# %% [markdown]
# Vectors of single sentences are 6.4 to 10.7 long, averages of two futures 5 to 6.6, of
# four 4 to 5.2. Another way is to say a vector and read it again:
# `(space.again(z_NC) - z_NC).norm(dim=1) > 1.5`. An average is lost by that; it is what
# the paper's ℓ2-r measures.
#
# ## 06.4 · Bug hunt: forty steps


# %% tags=["nbval-check-output"]
def dishonest(spacing):
    bad = []
    for asked in range(1, 101):
        times = spacing(100, asked)
        sound = len(times) == len(set(times)) == asked and times[0] == 99
        if not sound or not all(0 <= t <= 99 for t in times):
            bad.append(asked)
    return bad


lesson.exercise("06.4").check(dishonest)

# %% [markdown]
# The released code cuts the stride 100/S to a whole number, so only S that divide 100
# are honoured; 40 asked makes 50.
#
# ## 06.5 · Plausible parts, wrong whole


# %% tags=["nbval-check-output"]
def wrong_wholes(futures, drawn):
    columns = list(zip(*[future.split() for future in futures]))
    bad = 0
    for one in drawn:
        words = one.split()
        fits = len(words) == len(columns) and all(
            w in c for w, c in zip(words, columns)
        )
        bad += fits and one not in futures
    return bad / len(drawn)


lesson.exercise("06.5").check(wrong_wholes)

# %% [markdown]
# A judge of single words passes such a sentence, and so do the size of the vector and
# its way back.
