"""Everything that measures, cuts or shows a model, on a pretend GPU: the same numbers, and no two devices that meet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from copy import deepcopy
from dataclasses import fields, is_dataclass
from functools import cache
from itertools import count
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from families import FAMILY_NAMES, make, tokenizer
from pretend import moved, pretend_gpu
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from toys import toy

import labkit
from labkit import interventions, measurements, sweeps
from labkit.anatomy import attention_weights, sites
from labkit.base.errors import BadInput
from labkit.measurements import vital_signs
from labkit.papers import super_weight as super_weights
from labkit.papers import what_matters as redundancy
from labkit.zoo import Encoder, Handle

TEXTS = ("a b c d e f g h.", "h a b c d e f g.", "c a f e.")
STORY = "Hana met Nils. The lantern was with Hana. Hana gave the lantern to Nils. The lantern is with"
DAYS = (STORY + " Nils.", "Mara has the lantern. Juno has the bread.")
OURS, WEIGHT = "ours", "layers.1.mlp.down[3, 2]"
FAMILIES = tuple(family for family in FAMILY_NAMES if family != "labkit")

Job = Callable[[Handle, list], Any]


@cache
def pair(name: str) -> tuple[Handle, Handle]:
    """Return a model on the CPU and the same one on the pretend GPU."""
    handle = toy() if name == OURS else Handle(name, make(name, depth=3), tokenizer())
    return handle, Handle(handle.name, moved(deepcopy(handle.model)), handle.tokenizer)


def texts_of(handle: Handle) -> tuple[str, ...]:
    return DAYS if handle.ours else TEXTS


def holds(here: Handle, there: Handle, job: Job) -> None:
    """Do the job on both devices: the answers are the same, and nothing is left in the model."""
    expected = told(job, here)
    with pretend_gpu():
        before = labkit.fingerprint(there)
        found = told(job, there)
        assert labkit.fingerprint(there) == before
    assert len(found) == len(expected)
    for one, other in zip(found, expected):
        if isinstance(other, str):
            assert one == other
        else:
            np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)


def told(job: Job, handle: Handle) -> list[np.ndarray | str]:
    with sdpa_kernel(SDPBackend.MATH):  # what the pretend GPU takes: fused kernels round differently
        return list(leaves(job(handle, [handle.encode(text) for text in texts_of(handle)])))


def leaves(value: Any) -> Iterator[np.ndarray | str]:
    """Yield the numbers and the words in an answer."""
    if isinstance(value, Tensor):
        yield value.cpu().numpy()
    elif isinstance(value, Mapping):
        yield from (leaf for pair in value.items() for leaf in leaves(pair))
    elif is_dataclass(value) and not isinstance(value, Handle):
        yield from (leaf for field in fields(value) for leaf in leaves(getattr(value, field.name)))
    elif isinstance(value, list | tuple):
        yield from (leaf for held in value for leaf in leaves(held))
    else:
        yield np.asarray(value) if isinstance(value, int | float | np.ndarray) else str(value)


def on_panel(make_panel: Callable[[Handle], Any], **state: Any) -> Job:
    """Return the job that sets a panel and takes what it shows."""

    def job(handle: Handle, documents: list) -> Any:
        with closing(make_panel(handle)) as panel:
            panel.set(**state)
            return panel.data, panel.sentence(panel.data)

    return job


def every_site(handle: Handle, documents: list) -> Any:
    return labkit.record(handle, documents[0], [site for site in sites(handle) if "heads" not in site])


def choices(handle: Handle, documents: list) -> Any:
    asked = ((1, 4, 2), ((3,), (5, 6), (5, 7)), 0), ((2,), ((9, 9), (1,)), 1)
    return measurements.choice_accuracy(handle, [measurements.Question(*one) for one in asked])


def estimated(handle: Handle, documents: list) -> Any:
    found = measurements.zeroing_estimates(handle, documents, order=2)
    return found.values, found.top(5), found.drawn(5)


def swept(**options: Any) -> Job:
    def job(handle: Handle, documents: list) -> Any:
        plans = [*sweeps.every_sublayer(handle), labkit.ZeroWeight(WEIGHT)]
        found = sweeps.sweep(handle, plans, documents, **options)
        return found.base, [point.change for point in found.points]

    return job


def detected(rule: str) -> Job:
    """Look for super weights with thresholds that these small models pass."""
    low = {"prominence": 1.0, "share": 0.01, "persistence": 0.01}

    def job(handle: Handle, documents: list) -> Any:
        found = super_weights.find_super_weights(handle, documents[0], rule=rule, **low)
        return found, super_weights.detect_iteratively(handle, documents[0], rounds=2, rule=rule, **low).addresses

    return job


def operated(handle: Handle, documents: list) -> Any:
    trial = super_weights.ablate(handle, [WEIGHT], documents, nulls=1)
    activation = super_weights.super_activation(handle, WEIGHT, documents[0])
    return trial, super_weights.dose_curve(handle, [WEIGHT], documents, (2.0,)), activation


def given_back(handle: Handle, documents: list) -> Any:
    shift = super_weights.token_shift(handle, [labkit.ZeroWeight(WEIGHT)], documents, most=3)
    return shift, super_weights.restore_curve(handle, WEIGHT, documents, (1,))


def one_of_each(handle: Handle, documents: list) -> Any:
    """Cut, differentiate and write: what each family stores in its own way."""
    few = documents[-1:]
    with labkit.edit(handle, *EDITED["query row"], labkit.DropAttention(1), labkit.DropMLP(2)):
        cut = handle.model(few[0][None]).logits.detach()
    written = handle.generate(TEXTS[0], 3, temperature=1.0)
    return cut, measurements.zeroing_estimates(handle, few).values, written


def healed(handle: Handle, documents: list) -> Any:
    made = interventions.heal(handle, [labkit.DropMLP(1)], steps=2, documents={"facts": 4})
    return made.losses, made.model.model.state_dict()


def its_own_stories(handle: Handle, documents: list) -> Any:
    with mock.patch.object(vital_signs, "_LONGEST", 4):
        return measurements.sample_stories(handle, 3)


def timed(handle: Handle, documents: list) -> Any:
    ticks = count()
    return measurements.speed_test({"whole": handle}, prompt=4, new=3, rounds=1, clock=lambda: float(next(ticks)))


def amplified(handle: Handle, documents: list) -> Any:
    return super_weights.amplifier_sizes(handle, 1), super_weights.amplifier_matrix(handle, 1, 3)


MEASURED: dict[str, Job] = {
    "logits": lambda h, d: (h.model(d[0][None]).logits.detach(), measurements.logits(h, d)),
    "loss": lambda h, d: measurements.loss(h, d),
    "kl": lambda h, d: measurements.kl(*[measurements.logits(h, d)] * 2),
    "choices": choices,
    "every site": every_site,
    "attention": lambda h, d: attention_weights(h, d[0]),
    "sinks": lambda h, d: measurements.attention_sinks(h, d, tokens=4),
    "residuals": lambda h, d: measurements.residual_stats(h, d, skip=1),
    "turns": lambda h, d: labkit.angular_distances(h, d),
    "updates": lambda h, d: labkit.relative_updates(h, d),
    "gradients": lambda h, d: labkit.gradient_norms(h, d),
    "Jacobians": lambda h, d: labkit.block_jacobians(h, d[-1:]),
    "zeroing": estimated,
    "cosine": lambda h, d: redundancy.Cosine()(h, d),
    "cosine inside": lambda h, d: redundancy.Cosine(residual=False, skip=1)(h, d),
    "magnitude": lambda h, d: redundancy.RelativeMagnitude()(h, d),
    "windows": lambda h, d: redundancy.window_scores(h, d, 2, angular=True),
    "positions": lambda h, d: redundancy.position_scores(h, d),
    "sweep": swept(),
    "plain sweep of KL": swept(measure="kl", engine="plain"),
    "leave one out": lambda h, d: [sweeps.LeaveOneOut()(h, d), labkit.iterative(h, d, 1)],
    "hardened rule": detected("hardened"),
    "paper's rule": detected("paper"),
    "ablation": operated,
    "restoring": given_back,
    "amplifier": amplified,
    "going on": lambda h, d: [h.generate(texts_of(h)[0], 5, temperature=t) for t in (0.0, 1.0)],
    "texts": lambda h, d: [h.decode(ids) + "/".join(h.pieces(ids)) for ids in h.encode_documents(texts_of(h))],
    "healing": healed,
    "its own stories": its_own_stories,
    "speed": timed,
    "a copy": lambda h, d: measurements.loss(labkit.apply(h, labkit.ZeroWeight(WEIGHT), labkit.DropMLP(0)), d),
    "smaller": lambda h, d: measurements.loss(labkit.shrink(h, labkit.drops(h, attention=[1], mlp=[2])), d),
}
EDITED: dict[str, tuple] = {
    "weight at zero": (labkit.ZeroWeight(WEIGHT),),
    "column scaled": (labkit.ScaleWeight("layers.1.mlp.down[:, 2]", 1.5),),
    "gain set": (labkit.SetWeight("layers.1.mlp_norm[3]", 2.0),),
    "query row": (labkit.ScaleWeight("layers.0.attn.q[1, :]", -1.0),),
    "no attention": (labkit.DropAttention(0),),
    "no MLP": (labkit.DropMLP(1),),
    "no block": (labkit.DropBlock(2),),
    "neurons": (labkit.MaskNeurons(1, (0, 3)),),
    "zero activation": (labkit.ReplaceActivation("layers.1.mlp", labkit.Zero()),),
    "another run's": (labkit.ReplaceActivation("layers.1", labkit.FromRun((1, 4, 5, 9)), (1, 3), (0, 2)),),
    "intact again": (
        labkit.ZeroWeight(WEIGHT),
        labkit.RestoreActivation("layers.1.mlp.neurons", (1, 4, 5, 9), (2,)),
    ),
    "scaling on": (labkit.SwitchLayerNormScaling(),),
    "scaling on, gains kept": (labkit.SwitchLayerNormScaling(compensate=True),),
    "rounded": (labkit.Quantise("matrices", 4, block=8, clip=2.0, keep=(WEIGHT,), apart=True),),
    "rounded to normal levels": (labkit.Quantise("mlp.down", 4, grid="normal"),),
    "rounded, clipped by quartiles": (labkit.Quantise("mlp.down", 3, clip=1.5, clip_by="iqr", symmetric=True),),
    "activations rounded": (labkit.QuantiseActivation("stream", 8, keep=(2,)),),
    "activations rounded by text": (labkit.QuantiseActivation("layers.0.mlp.neurons", 4, per="tensor"),),
}
SHOWN: dict[str, Job] = {
    "cut": on_panel(labkit.CutPanel, part="mlp", layer=1),
    "weight": on_panel(lambda h: labkit.WeightPanel(h, {"one": WEIGHT}, {"a text": texts_of(h)[0]}), factor=2.0),
    "quantiser": on_panel(lambda h: labkit.QuantiserPanel(h, WEIGHT, texts_of(h)), bits=3, outlier="both"),
    "scaling": on_panel(lambda h: labkit.ScalingPanel(h, texts_of(h)), switch="on"),
    "scores": on_panel(lambda h: labkit.ScorePanel(h, {"a text": texts_of(h)[0]})),
    "layers": on_panel(lambda h: labkit.LayerGridPanel(h, n_documents=2), gone={"mlp": [1]}),
}


@pytest.mark.parametrize("job", MEASURED.values(), ids=MEASURED)
def test_measured(job):
    holds(*pair(OURS), job)


@pytest.mark.parametrize("edits", EDITED.values(), ids=EDITED)
def test_edited(edits):
    def job(handle: Handle, documents: list) -> Any:
        with labkit.edit(handle, *edits):
            return measurements.logits(handle, documents)

    holds(*pair(OURS), job)


@pytest.mark.parametrize("job", SHOWN.values(), ids=SHOWN)
def test_shown(job):
    holds(*pair(OURS), job)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_of_the_hub(family):
    holds(*pair(family), one_of_each)


def test_an_encoder():
    import transformers

    sizes = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 12}
    model = transformers.BertModel(transformers.BertConfig(vocab_size=11, max_position_embeddings=16, **sizes)).eval()
    here, there = (Encoder("letters", one, tokenizer()) for one in (model, moved(deepcopy(model))))
    edits = [labkit.ZeroWeight("layers.1.mlp_norm[3]"), labkit.DropMLP(0)]
    holds(here, there, lambda h, d: h.embed(TEXTS))
    holds(here, there, lambda h, d: sweeps.sweep(h, edits, d, measurements.TurnMeasure()).points)
    holds(here, there, on_panel(lambda h: labkit.WeightPanel(h, {"a gain": "layers.1.mlp_norm[3]"}, {"": TEXTS[0]})))


def test_a_text_behind_the_table_of_positions_never_reaches_the_gpu():
    _, there = pair("gpt2")
    with pretend_gpu():
        with pytest.raises(RuntimeError, match="device-side assert"):
            there.model(torch.ones(1, 70, dtype=torch.long).to("cuda:0"))
        with pytest.raises(BadInput, match="a document of 70 tokens"):
            measurements.loss(there, [[1] * 70])


@pytest.mark.parametrize(
    "mixed",
    [
        lambda x: x + torch.ones(3),
        lambda x: torch.ones(3).add_(x),
        lambda x: torch.cat((x, torch.ones(1))),
        lambda x: torch.ones(3)[x.long()],
        lambda x: torch.multinomial(x, 1, generator=torch.Generator()),
        lambda x: torch.histogram(x, 2),
        lambda x: x.numpy(),
    ],
)
def test_the_pretend_gpu_refuses_what_a_gpu_refuses(mixed):
    with pretend_gpu(), pytest.raises((RuntimeError, TypeError), match=r"two devices|generator|'CUDA'|numpy"):
        mixed(torch.ones(3).to("cuda:0"))
    with pretend_gpu():  # and takes what a GPU takes
        x = torch.arange(3.0, device="cuda:0")
        x[torch.tensor([0])] = torch.tensor(5.0)
        x[2:] = torch.zeros(1)
        assert (x * torch.tensor(2.0)).tolist() == [10.0, 2.0, 0.0] and x[[1, 0]].cpu().tolist() == [1.0, 5.0]
