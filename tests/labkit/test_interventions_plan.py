"""Plans as values: printed, saved, loaded, and every misspelling refused by name."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from families import ids_of, logits, make
from hypothesis import given, settings
from hypothesis import strategies as st

from labkit.anatomy import fingerprint, view
from labkit.anatomy.address import ENDS, LAYER_PARTS, Address
from labkit.base.errors import BadInput, BrokenFile, LabkitError, UnknownName
from labkit.interventions import (
    DropAttention,
    DropBlock,
    DropMLP,
    FromRun,
    MaskNeurons,
    Mean,
    Plan,
    ReplaceActivation,
    RestoreActivation,
    ScaleWeight,
    SetWeight,
    WeightEdit,
    Zero,
    ZeroWeight,
    edit,
)

layers = st.integers(0, 40)
numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-9, 9)
some = st.lists(st.integers(0, 5000), min_size=1, max_size=5, unique=True).map(tuple)
chosen = st.none() | some
axes = st.none() | st.integers(0, 99)
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
texts = words | st.lists(st.integers(0, 50), max_size=4).map(tuple)
addresses = (
    st.builds(Address, st.sampled_from(LAYER_PARTS), layers, st.booleans(), st.lists(axes, max_size=2).map(tuple))
    | st.builds(Address, st.sampled_from(ENDS))
).map(str)
sites = st.just("embed") | st.builds("layers.{}{}".format, layers, st.sampled_from(["", ".mlp", ".attn.heads"]))


def plans(depth):
    runs = st.builds(FromRun, texts, plans(depth - 1)) if depth else st.builds(FromRun, texts)
    sources = st.builds(Zero) | st.builds(Mean, words, st.integers(1, 99), layers) | runs
    edits = st.one_of(
        st.builds(ZeroWeight, addresses),
        st.builds(ScaleWeight, addresses, numbers),
        st.builds(SetWeight, addresses, numbers),
        st.builds(DropAttention, layers),
        st.builds(DropMLP, layers),
        st.builds(DropBlock, layers),
        st.builds(MaskNeurons, layers, some),
        st.builds(ReplaceActivation, sites, sources, chosen, chosen),
        st.builds(RestoreActivation, sites, texts, chosen, chosen),
    )
    return st.lists(edits, max_size=4).map(Plan)


@settings(deadline=None, max_examples=200)
@given(plans(2))
def test_a_plan_is_read_back_from_what_was_saved(tmp_path_factory, plan):
    path = tmp_path_factory.getbasetemp() / "plan.toml"
    plan.save(path)
    again = Plan.load(path)
    assert again == plan and hash(again) == hash(plan) and str(again) == str(plan)
    assert len(str(plan).splitlines()) >= len(plan)


def test_a_plan_prints_one_plain_line_an_edit():
    plan = Plan(
        [
            ZeroWeight("layers.1.mlp.down[12,7]"),
            Plan([ScaleWeight("final_norm[3]", 2)]),
            DropBlock(4),
            [MaskNeurons(2, [5, 1]), ReplaceActivation("layers.3.mlp", Mean("stories", 32), channels=[9])],
            ReplaceActivation("embed", FromRun("Ana rows home.", [DropMLP(0)]), positions=[0, 2]),
            RestoreActivation("layers.1", (1, 2)),
        ]
    )
    assert str(plan).splitlines() == [
        "zero layers.1.mlp.down[12, 7]",
        "scale final_norm[3] by 2",
        "drop block 4",
        "mask 2 neurons of layer 2: 5, 1",
        "replace layers.3.mlp, channel 9 by the mean over 32 stories",
        "replace embed, positions 0, 2 by its values on 'Ana rows home.' under: drop MLP of layer 0",
        "restore layers.1 to its values on 2 token ids",
    ]
    assert str(Plan()) == "no edits" and len(plan) == 7


def test_a_loaded_plan_does_what_the_saved_one_did(tmp_path):
    model, ids = make("gemma2"), ids_of(6)
    plan = Plan([ScaleWeight("layers.0.attn_norm", 1.5), DropMLP(1), ReplaceActivation("layers.0", FromRun((1, 2)))])
    plan.save(tmp_path / "plan.toml")
    with edit(model, plan):
        expected = logits(model, ids)
    with edit(model, Plan.load(tmp_path / "plan.toml")):
        assert torch.equal(logits(model, ids), expected)


GOOD = '[[edit]]\nkind = "scale_weight"\naddress = "final_norm[0]"\nfactor = 2.0\n'


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        (GOOD.replace("factor", "facter"), UnknownName, "did you mean factor"),
        (GOOD.replace("scale_weight", "scale_wieght"), UnknownName, "did you mean scale_weight"),
        (GOOD.replace("[[edit]]", "[[edits]]"), UnknownName, "did you mean edit"),
        (GOOD.replace("final_norm", "final_nrom"), UnknownName, "did you mean final_norm"),
        (GOOD.replace("factor = 2.0", ""), BadInput, "has no factor"),
        (GOOD.replace('kind = "scale_weight"', ""), BadInput, "has no kind"),
        (GOOD.replace("2.0", "inf"), BadInput, "finite"),
        (GOOD.replace("2.0", '"2"'), BadInput, "finite"),
        (GOOD + "[[edit]", BrokenFile, "not valid TOML"),
        ("edit = 3\n", BadInput, "list of edits"),
        ("edit = [3]\n", BadInput, "edit 1 is 3"),
        ('[[edit]]\nkind = "drop_mlp"\nlayer = "0"\n', BadInput, "whole number"),
        ('[[edit]]\nkind = "drop_mlp"\nlayer = [0]\n', BadInput, "whole number"),
        ('[[edit]]\nkind = ["drop_mlp"]\nlayer = 0\n', LabkitError, "drop_mlp"),
        (
            '[[edit]]\nkind = "replace_activation"\nsite = "embed"\n[edit.source]\nkind = "maen"\n',
            UnknownName,
            "did you mean mean",
        ),
        (
            '[[edit]]\nkind = "replace_activation"\nsite = "embed"\nsource = { kind = "mean", corpus = "x", m = 1 }\n',
            UnknownName,
            "key in edit 1, source",
        ),
        ('[[edit]]\nkind = "replace_activation"\nsite = "embed"\nsource = 0\n', BadInput, "not a source"),
        ('[[edit]]\nkind = "zero_weight"\n[edit.address]\nkind = "zero"\n', BadInput, "not an address"),
    ],
)
def test_a_plan_file_with_a_mistake_is_refused_by_name(tmp_path, text, error, says):
    (tmp_path / "plan.toml").write_text(text)
    with pytest.raises(error, match=says):
        Plan.load(tmp_path / "plan.toml")


def test_a_missing_file_is_told():
    with pytest.raises(BrokenFile, match="Could not read"):
        Plan.load("no/such/plan.toml")


@dataclass(frozen=True)
class RoundTo(WeightEdit):
    """The example of the package's documentation."""

    step: float

    def values(self, old):
        return (old / self.step).round() * self.step

    def __str__(self):
        return f"round {self.address} to multiples of {self.step:g}"


@pytest.mark.parametrize("family", ["gpt2", "gpt_neox", "phi3", "gemma"])
def test_a_new_kind_is_one_small_class(family, tmp_path):
    model = make(family)
    before = fingerprint(model)
    plan = Plan([RoundTo("layers.0.attn.k", 0.25), RoundTo("final_norm", 0.5)])
    plan.save(tmp_path / "plan.toml")
    with edit(model, Plan.load(tmp_path / "plan.toml")):
        assert not (view(model, "layers.0.attn.k").read() % 0.25).any()
        assert not (view(model, "final_norm").read() % 0.5).any()
    assert fingerprint(model) == before
    with pytest.raises(BadInput, match="both call themselves 'quantise'"):

        class Other(WeightEdit):
            kind = "quantise"
