# %% [markdown]
# # 05 · Byte Latent Transformer: solutions
#
# One entry per exercise. Try first; a wrong answer's message is worth more than a right answer's line.

# %% tags=["setup"]
import labkit

lesson = labkit.open_lesson("05")

# %% [markdown]
# ## 05.1 · Twice the patch

# %% tags=["nbval-check-output"]
lesson.exercise("05.1").check((360 + 240 / 2) / (360 + 240))

# %% [markdown]
# The latent transformer's own attention also gets shorter, since it sees half as many patches; at these lengths that is
# little. An endless patch would still cost 360: the local models are a floor.
#
# ## 05.2 · Which patch may a byte read?


# %% tags=["nbval-check-output"]
def usable(starts):
    patch, found = 0, []
    for start in starts[1:]:
        patch += start
        found.append(patch - 1)
    return found


lesson.exercise("05.2").check(usable)

# %% [markdown]
# Inside a patch of five bytes, four of them read the patch before. Only the last byte, whose successor starts the next
# patch, reads its own: that one is complete. A mask that lets every byte read its own patch trains to a wonderful loss,
# because the patch holds the answer.
#
# ## 05.3 · Bug hunt: who looks ahead?


# %% tags=["nbval-check-output"]
def sees_ahead(patcher, ids):
    whole = patcher.starts(ids)
    return any(
        (patcher.starts(ids[:n]) != whole[: n + 1]).any() for n in range(1, len(ids))
    )


lesson.exercise("05.3").check(sees_ahead)

# %% [markdown]
# Whoever compares only the starts of bytes that are already there lets B go. B decides whether byte *t* starts a patch by
# the entropy that follows byte *t*, so when byte *t* is about to be written, nobody knows where it belongs. In the authors'
# code `entropies[t - 1]` is the entropy of byte *t*, which invites exactly this slip.
