# %% [markdown]
# # 00 · Cut, compare, restore: deeper
#
# {{badges}}
#
# Four surgeons cut a model and hand it back. Each says that it is as it was. Not all of them are right, and every answer
# the model gives you looks right. How do you find out who left something inside?
#
# Six sections that stand on their own, in any order, after the hour and after the next cell: where weights live in models
# of other families; the same cells on models from the hub; lists of edits, and the one activation that carries the
# lantern; how a verdict comes out of a record; how a sweep avoids work; and four surgeons, of whom not
# all can be trusted.

# %% tags=["setup", "network", "collapsed"]
try:
    import labkit
except ImportError:  # on Colab
    # %pip install -q --no-deps "transformer-surgery @ git+{{repository}}"
    import labkit

from pathlib import Path
from tempfile import mkdtemp

import torch
import transformers

figures, holds = labkit.figures, labkit.course.holds
lesson = labkit.open_lesson("00")
tiny = labkit.load("lab/tiny")
days = [
    document.text
    for document in labkit.world.documents("stories", 24, seed=4, split="test")
]
day_ids = [ids.tolist() for ids in tiny.encode_documents(days)]
cuts = labkit.sweeps.every_sublayer(tiny)
folder = Path(mkdtemp())  # for what is saved on the way

# %% [markdown]
# ## 1 · An address is a place on the stream · 18 min
#
# Every weight of a model sits on one of a few kinds of place: what reads the residual stream, what works inside a part,
# and what writes back. An *address* names the place, and its numbers are always written [out, in].

# %%
figures.show(
    figures.StreamMap(depth=4, chosen="layers.3.mlp.down[12, :]", note="one row of 128")
)

# %%
print("\n".join(labkit.anatomy_of(tiny).tree().splitlines()[:11]))

# %%
lesson.predict("d1")

# %%
with labkit.edit(tiny, labkit.ZeroWeight("layers.3.mlp.down[12, :]")):
    seen = labkit.record(tiny, day_ids[0], ["layers.3.mlp", "layers.3"])
for site, values_BLD in seen.items():
    print(
        f"{site:<14} channel 12 is "
        f"{'zero everywhere' if not values_BLD[..., 12].any() else 'not zero'}"
    )
lesson.result("d1")

# %% [markdown]
# A column is one input, here one neuron: zeroing column 7 is what `MaskNeurons` does with neuron 7, reached from the
# other side.

# %%
with torch.no_grad():
    ids = torch.tensor(day_ids[:1])
    with labkit.edit(tiny, labkit.ZeroWeight("layers.3.mlp.down[:, 7]")):
        by_column = tiny.model(ids).logits
    with labkit.edit(tiny, labkit.MaskNeurons(3, (7,))):
        by_neuron = tiny.model(ids).logits
holds(
    torch.allclose(by_column, by_neuron, atol=1e-4),
    "A column silenced is a neuron silenced.",
)

# %% [markdown]
# ### Three strangers
#
# Other families store the same places differently. Here are three small models with random weights, made by
# `transformers` from their configurations: nothing is downloaded. In two of them two heads of queries share one head of
# keys and values, so their `v` is half as tall.

# %%
transformers.logging.set_verbosity_error()
torch.manual_seed(0)
sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
sizes |= {"intermediate_size": 48, "vocab_size": 64}
grouped = {**sizes, "num_key_value_heads": 2, "pad_token_id": None}
gpt2 = transformers.GPT2Config(
    n_embd=32, n_layer=2, n_head=4, n_inner=48, vocab_size=64
)
strangers = {
    "GPT-2": transformers.GPT2LMHeadModel(gpt2).eval(),
    "Phi-3": transformers.Phi3ForCausalLM(transformers.Phi3Config(**grouped)).eval(),
    "Gemma": transformers.GemmaForCausalLM(
        transformers.GemmaConfig(**grouped, head_dim=8)
    ).eval(),
}
for name, model in strangers.items():
    print(name)
    for address in ("layers.0.mlp.up", "layers.0.attn.v", "layers.0.attn_norm"):
        found = labkit.view(model, address)
        print(
            f"  {address:<20} seen as {list(found.shape)!s:<10} stored in "
            f"{list(found.parameter.shape)}"
        )

# %%
lesson.predict("d2")

# %%
up = labkit.view(strangers["GPT-2"], "layers.0.mlp.up")
up.parameter.data[12, 7] = 0.0
holds(
    up.read()[7, 12] == 0 and up.read()[12, 7] != 0,
    "Row 7, column 12 of [out, in] is the one that went.",
)
lesson.result("d2")

# %% [markdown]
# Phi-3 keeps queries, keys and values in one matrix, one below the other. An edit of the values must leave the rest of
# that matrix alone:

# %%
phi = strangers["Phi-3"]
fused = labkit.view(phi, "layers.0.attn.v").parameter
with labkit.edit(phi, labkit.ZeroWeight("layers.0.attn.v[:, :]")):
    silent = (fused == 0).all(dim=1)
print(
    "".join("." if row else "#" for row in silent.tolist()),
    " rows of qkv_proj: # kept, . zero",
)
holds(
    silent[48:].all() and not silent[:48].any(),
    "Only the last 16 rows, the values, were touched.",
)

# %% [markdown]
# Gemma stores the gain of a norm as its distance from one. Somebody who writes a zero there has not silenced the
# channel: the gain is then exactly 1. The view shows the gain itself, and zeroing means what it says.

# %%
gemma = strangers["Gemma"]
gain = labkit.view(gemma, "layers.0.attn_norm[3]")
print(f"stored {gain.read_stored().item():.1f}, the gain is {gain.read().item():.1f}")
with labkit.edit(gemma, labkit.ZeroWeight("layers.0.attn_norm[3]")):
    print(
        f"zeroed: stored {gain.read_stored().item():.1f}, the gain is "
        f"{gain.read().item():.1f}"
    )

# %% [markdown]
# **What this does not show.** That labkit knows every model. It describes some ten families; another one is refused
# with a sentence rather than guessed at.

# %%
fused_row = lesson.exercise("00.4")

# %%
fused_row.check(...)

# %% [markdown]
# ## 2 · The same cells on a model from the hub · 12 min
#
# Nothing in the hour belongs to our own models. Change the name and the same cells run. SmolLM2 with 135 million weights
# is the smallest of its family: 30 blocks, 270 MB to download once. Without a network the next cell says so, and the one
# after it does nothing.

# %% tags=["network"]
guest = labkit.course.load_if_here("HuggingFaceTB/SmolLM2-135M")

# %%
if guest:
    texts = ["The lantern is with Wren, and there is light on Wick tonight.", days[0]]
    figures.show(labkit.sweep(guest, labkit.sweeps.every_block(guest), texts))

# %% [markdown]
# A folder in the hub's layout works as well, and that can be tried offline. This cell dresses `lab/tiny` as a Llama:
# another class, other names for every weight, saved as the hub would have it.

# %%
labkit.models.to_llama(tiny.model).save_pretrained(folder)
transformers.PreTrainedTokenizerFast(
    tokenizer_object=tiny.tokenizer.inner
).save_pretrained(folder)
dressed = labkit.load(folder, device="cpu")  # beside tiny, which is on the CPU
print(type(tiny.model).__name__, "and", type(dressed.model).__name__)

# %%
lesson.predict("d3")

# %%
ours, theirs = (labkit.sweep(model, cuts, day_ids) for model in (tiny, dressed))
apart = max(
    abs(a.change.value - b.change.value) for a, b in zip(ours.points, theirs.points)
)
holds(apart < 1e-4, "The two sweeps agree to less than 0.0001 nats on every cut.")
lesson.result("d3")

# %% [markdown]
# **What this does not show.** That large models behave like this one. The cells carry over; the findings need not.
#
# ## 3 · Lists of edits, and the word that carries the lantern · 20 min
#
# A *plan* is a list of edits as plain data. Saved, it is a small text file that somebody else can read, change and
# apply to the same model.

# %%
plan = labkit.Plan(
    [
        labkit.DropMLP(1),
        labkit.ScaleWeight("final_norm[3]", 0.5),
        labkit.ReplaceActivation("layers.0", labkit.Mean("stories", 8), positions=(2,)),
    ]
)
file = folder / "plan.toml"
plan.save(file)
print(file.read_text())

# %%
holds(labkit.Plan.load(file) == plan, "What was saved is what is loaded.")
with labkit.edit(tiny, plan), labkit.edit(tiny, labkit.DropAttention(0)):
    print(labkit.audit(tiny))

# %% [markdown]
# Edits are undone last in, first out. Two things would spoil that, and both raise an error: an outer edit left before an
# inner one, and a value that somebody else changed meanwhile.

# %%
outer, inner = (
    labkit.edit(tiny, labkit.DropMLP(0)),
    labkit.edit(tiny, labkit.DropAttention(0)),
)
outer.__enter__()
inner.__enter__()
try:
    outer.__exit__(None, None, None)
except labkit.base.errors.OutOfOrder as error:
    print(error, "\n")
labkit.interventions.undo_all(tiny)

try:
    with labkit.edit(tiny, labkit.ZeroWeight("layers.1.mlp.down[12, 7]")):
        # somebody else, meanwhile
        labkit.view(tiny, "layers.1.mlp.down[12, 7]").write(5.0)
except labkit.base.errors.ModelChanged as error:
    print(error)

# %% [markdown]
# ### Which position carries the lantern?
#
# Removing a part says that it is needed, not what passes through it. For that, take two days that differ in one word,
# and carry one activation from the one into the other.

# %%
story = (
    "The morning was clear, and the ferry was almost on time. Dalia the candlemaker "
    "was at home on Wick. Edda the birdwatcher was visiting Dalia. Sefa the ropemaker"
    " was with Dalia. Odile the weaver was visiting Dalia. That day the lantern was "
    "with Dalia. At noon nothing had changed but the tide. In the evening the sky was"
    " still clear. Dalia lent the lantern to {}, until further notice. So, who has "
    "the lantern? The lantern is with"
)
told, twin = story.format("Odile"), story.format("Edda")
ids, twin_ids = tiny.encode(told), tiny.encode(twin)
changed = int((ids != twin_ids).nonzero())
odile, edda = ids[changed], twin_ids[changed]


def lead(ids):
    """Return by how much the model prefers Odile to Edda, in logits."""
    with torch.no_grad():
        last_V = tiny.model(ids[None]).logits[0, -1]
    return (last_V[odile] - last_V[edda]).item()


print(
    f"told that Odile got it: {lead(ids):+.1f}. Told that Edda got it: "
    f"{lead(twin_ids):+.1f}"
)

# %%
lesson.predict("d4")

# %%
places = {
    "the changed name": changed,
    "next to it": changed + 1,
    "lantern?": changed + 11,
    "the last word": len(ids) - 1,
}
sites = ["embed", "layers.0", "layers.1", "layers.2", "layers.3"]
leads = {word: [] for word in places}
for word, position in places.items():
    for site in sites:
        patch = labkit.ReplaceActivation(
            site, labkit.FromRun(told), positions=(position,)
        )
        with labkit.edit(tiny, patch):
            leads[word].append(lead(twin_ids))

# %% tags=["collapsed"]
figures.show(
    figures.Lines(
        title="Where is the lantern, and when?",
        x=range(-1, 4),
        lines=leads,
        x_label="put back after this block (−1: the embedding)",
        y_label="Odile before Edda (logits)",
        sentence=f"Without a patch the twin gives {lead(twin_ids):+.1f}. Put back at "
        "the changed name: "
        f"{leads['the changed name'][0]:+.1f} at the embedding, "
        f"{leads['the changed name'][1]:+.1f} after block 0. "
        f"At the last word: {leads['the last word'][0]:+.1f} and "
        f"{leads['the last word'][1]:+.1f}.",
        dots=True,
    )
)
lesson.result("d4", found=leads)
holds(
    leads["the last word"][1] > 0 > leads["the changed name"][1],
    "After one block the last word alone decides.",
)

# %% [markdown]
# The last word fetches the name in the first block already. Only attention looks at other tokens, so it is that block's
# attention that does it: without it, in the hour, the model only guessed. Whatever the name's own place holds afterwards,
# no later part reads the answer there.
#
# **What this does not show.** One pair of days, chosen because the model is sure of both. Putting back says what is
# *enough* at a place; it does not say that nothing else would do.

# %%
recovered = lesson.exercise("00.5")


# %%
def share(restored, broken, intact):
    return ...


recovered.check(share)

# %% [markdown]
# ## 4 · How a verdict comes out of a record · 15 min
#
# The ledger is a text file per lesson and a record per claim. This is one claim as it was written before anything was
# measured:

# %%
entry = labkit.claims.ledger().claim("00.attention_cheaper")
for name in (
    "sentence",
    "number",
    "setting",
    "place",
    "scale",
    "null",
    "direction",
    "delta",
    "n",
    "over",
    "seeds",
):
    print(f"{name:<10} {getattr(entry, name)}")
print(f"{'paper':<10} on our scale: {entry.number_on_scale}")

# %% [markdown]
# | line | what it fixes |
# | --- | --- |
# | `sentence`, `number`, `setting`, `place` | what the paper says, and where to look it up |
# | `scale` | the number without units that both sides can be put on |
# | `null`, `direction` | what nothing looks like, and on which side the claim lies |
# | `delta` | how near to the null counts as nothing |
# | `n`, `over`, `seeds` | how many units, of what kind, made from which seeds |
#
# The record holds one pair of numbers per story: what the cheapest attention costs to lose, and what the cheapest MLP
# costs. From here on it is arithmetic.

# %%
import json

import numpy as np

records = labkit.base.data.data_dir() / "claims" / "records"
record = json.loads((records / "00.attention_cheaper.json").read_text())
attention, mlp = np.array(record["values"]).T
ratio = attention.sum() / mlp.sum()

draw = np.random.default_rng(0)
# two thousand other samples of the same stories
again = draw.integers(len(mlp), size=(2000, len(mlp)))
low, high = np.quantile(attention[again].sum(1) / mlp[again].sum(1), [0.025, 0.975])
print(f"{ratio:.2f} [{low:.2f}, {high:.2f}] over {len(mlp)} stories")

# %%
by_labkit = labkit.claims.assess(entry)
print(
    f"labkit: {by_labkit.value:.2f} [{by_labkit.low:.2f}, {by_labkit.high:.2f}]: "
    f"{by_labkit.verdict}"
)
holds(abs(ratio - by_labkit.value) < 1e-9, "The value is the same.")
holds(
    max(abs(low - by_labkit.low), abs(high - by_labkit.high)) < 0.1,
    "The interval is, but for the luck of the draw.",
)
holds(
    low > entry.null and entry.direction == "below",
    "The interval lies wholly on the other side: contradicted.",
)

# %% [markdown]
# A verdict is one of a few words. *Direction*: the interval lies wholly on the claimed side of the null. *Contradicted*:
# wholly on the other. *Absent here*: all of it so near to the null that the claim is ruled out. *Unresolved*: none of
# these.

# %%
lesson.predict("d5")

# %%
ruling = labkit.claims.verdict(
    value=0.97, low=0.91, high=1.04, n=128, null=1.0, direction="below", delta=0.1
)
reason = f"{ruling.reason[0].upper()}{ruling.reason[1:]}."
lesson.result("d5", found=ruling, because=reason)

# %% [markdown]
# *Absent here* is a finding: an effect larger than the margin has been ruled out. *Unresolved* means that nothing has
# been ruled out.
#
# **What this does not show.** That the paper is wrong. Its models have 32 layers and more, ours has four; a verdict is
# about our number on our model, and lesson 02 asks again with deeper ones.

# %%
rule_exercise = lesson.exercise("00.6")


# %%
def rule(low, high, null, direction, delta):
    return ...


rule_exercise.check(rule)

# %% [markdown]
# ## 5 · How a sweep avoids work · 18 min
#
# Leaving out a part of block 3 changes nothing before block 3. So keep the clean stream before every block, and begin
# each cut where its effect begins. For our own decoder that is fifteen lines:


# %%
def leave_one_out(model, ids_BL):
    """Return the loss without each sub-layer in turn, on token ids [B, L]."""
    blocks = model.trunk.blocks
    before = [model.begin(ids_BL)]  # the State before every block, from one clean run
    for block in blocks:
        before.append(block(before[-1]))
    losses = []
    for layer, block in enumerate(blocks):
        for cut in block.names:
            state = before[layer]
            for name in block.names:
                if name != cut:
                    state = getattr(block, name)(state)
            for later in blocks[layer + 1 :]:
                state = later(state)
            losses.append(
                labkit.models.next_token_loss(model.finish(state), ids_BL).item()
            )
    return losses


# %%
lesson.predict("d6")

# %%
one_day = day_ids[0]
with torch.no_grad():
    by_hand = leave_one_out(tiny.model, torch.tensor([one_day]))
swept = labkit.sweep(tiny, cuts, [one_day])
apart = max(abs(a - b.value) for a, b in zip(by_hand, swept.points))
holds(apart < 1e-5, "Fifteen lines and labkit.sweep give the same eight losses.")

# %% [markdown]
# Now count. torch counts the operations of whatever runs inside a `FlopCounterMode`; a multiply-add is two of them.

# %%
from torch.utils.flop_counter import FlopCounterMode


def multiply_adds(work):
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        work()
    return counter.get_total_flops() / 2


# %%
counted = {
    "plain loop": multiply_adds(
        lambda: labkit.sweep(tiny, cuts, [one_day], engine="plain")
    ),
    "fifteen lines": multiply_adds(
        lambda: leave_one_out(tiny.model, torch.tensor([one_day]))
    ),
    "labkit.sweep": multiply_adds(lambda: labkit.sweep(tiny, cuts, [one_day])),
}
figures.show(
    figures.Bars(
        title="Eight cuts of lab/tiny on one day",
        labels=list(counted),
        groups={"multiply-adds": [count / 1e6 for count in counted.values()]},
        x_label="million multiply-adds",
        sentence="Multiply-adds: "
        + ", ".join(
            f"{how} {count / 1e6:.0f} million" for how, count in counted.items()
        )
        + ".",
        digits=0,
    )
)

# %% tags=["collapsed"]
lesson.result("d6")
holds(
    counted["labkit.sweep"] < counted["plain loop"],
    "labkit.sweep computes less than the plain loop.",
)

# %% [markdown]
# With four blocks the saving is less than the half that many blocks give: the clean run and the head's share do not
# shrink. labkit saves a little more than the fifteen lines, because it also keeps the stream between an attention and
# its MLP. And it tries, on every model it has not met, that a cut which changes nothing gives the clean run exactly;
# where it does not, it takes the plain way and says so.
#
# **What this does not show.** Seconds. Multiply-adds are what has to be computed; how long that takes depends on the
# machine as well. `labkit doctor --budgets` measures it on yours.

# %%
count_exercise = lesson.exercise("00.7")

# %%
count_exercise.check(...)

# %% [markdown]
# ## 6 · A bug hunt: four surgeons · 15 min
#
# All four cut the last MLP's down projection out, let the model read, and put it back. Each mistake among them has been
# released in a real tool.


# %%
def surgeon_a(model, ids):
    weight = model.trunk.blocks[-1].mlp.mixer.down.weight.data
    kept = weight.clone()
    weight.zero_()
    model(ids)
    weight.copy_(kept)


def surgeon_b(model, ids):
    on = [True]
    down = model.trunk.blocks[-1].mlp.mixer.down
    down.register_forward_hook(
        lambda module, inputs, output: 0 * output if on[0] else None
    )
    model(ids)
    on[0] = False


# %%
def surgeon_c(model, ids, format=torch.bfloat16):
    weight = model.trunk.blocks[-1].mlp.mixer.down.weight.data
    kept = weight.to(format)
    weight.zero_()
    model(ids)
    weight.copy_(kept)


def surgeon_d(model, ids):
    surgeon_c(model, ids, format=torch.float16)


surgeons = {"A": surgeon_a, "B": surgeon_b, "C": surgeon_c, "D": surgeon_d}

# %% [markdown]
# Judged by what the model says afterwards, nobody did any harm. Each surgeon operates on a copy of its own:

# %%
ids = torch.tensor(day_ids[:1])
with torch.no_grad():
    said = tiny.model(ids).logits.argmax(-1)
    for letter, operate in surgeons.items():
        patient = labkit.apply(tiny).model
        operate(patient, ids)
        same = torch.equal(patient(ids).logits.argmax(-1), said)
        print(letter, "the same words" if same else "other words")

# %% [markdown]
# An invariant finds what examples do not. Which one, and on which patient, is yours to choose.

# %%
hunt = lesson.exercise("00.8")

# %%
hunt.check(...)

# %% [markdown]
# **What this does not show.** That a clean fingerprint means a right cut. It proves that nothing was left behind; what
# happened in between is another question, and the control answers that one.

# %%
lesson.progress()

# %% [markdown]
# *Back to [the hour](00_cut_compare_restore.ipynb), or to [all lessons](../../README.md#the-lessons).*
