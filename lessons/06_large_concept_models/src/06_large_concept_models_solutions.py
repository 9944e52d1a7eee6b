# %% [markdown]
# # 06 · Large concept models: solutions

# %% tags=["setup", "network", "collapsed"]
try:
    import labkit
except ImportError:  # on Colab
    # %pip install -q --no-deps "labkit @ git+{{repository}}"
    import labkit

lesson = labkit.open_lesson("06")

# %% [markdown]
# ## The price of drawing

# %%
factor = lesson.exercise("06.1")
regression = ((1**2 + 1**2) / 2) ** 0.5
sampler = ((0**2 + 2**2) / 2) ** 0.5
factor.check(sampler / regression)
factor.solution()

# %% [markdown]
# ## One step of the sampler

# %%
sampling = lesson.exercise("06.2")


def step(x, guess, now, then):
    eps = (x - now**0.5 * guess) / (1 - now) ** 0.5
    return then**0.5 * guess + (1 - then) ** 0.5 * eps


sampling.check(step)
sampling.solution()

# %% [markdown]
# ## Not a word

# %%
hunt = lesson.exercise("06.3")


def averaged(z_NC):
    return z_NC.norm(dim=1) < 6.4


hunt.check(averaged)
hunt.solution()

# %% [markdown]
# ## Bug hunt: forty steps

# %%
forty = lesson.exercise("06.4")


def dishonest(spacing):
    bad = []
    for asked in range(1, 101):
        times = spacing(100, asked)
        sound = len(times) == len(set(times)) == asked and times[0] == 99
        if not sound or not all(0 <= t <= 99 for t in times):
            bad.append(asked)
    return bad


forty.check(dishonest)
forty.solution()
