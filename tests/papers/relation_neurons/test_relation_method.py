"""The method's invariants: average precision, silencing, layouts, scoring, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
import torch

import labkit
from labkit.anatomy import fingerprint
from labkit.base.errors import BadInput, UnknownName
from labkit.models import DecoderConfig
from labkit.papers.relation_neurons import method, task
from labkit.papers.relation_neurons.method import SilenceNeurons, average_precision
from labkit.zoo import Handle

WORDS = task.tokenizer()


@pytest.fixture(scope="module")
def model():
    config = DecoderConfig(vocab=WORDS.vocab_size, width=16, depth=3, heads=2, ffn=24, context=24, init_std=0.3)
    return Handle("random", config.build(5).eval(), WORDS)


def logits(model, ids):
    with torch.no_grad():
        return model.model(ids).logits


@pytest.fixture
def ids():
    return torch.randint(2, WORDS.vocab_size, (3, 9), generator=torch.Generator().manual_seed(1))


def reference(scores, labels):
    """Average precision from its definition, one threshold at a time."""
    total, last, ap = labels.sum(), 0.0, 0.0
    for threshold in sorted(set(scores.tolist()), reverse=True):
        above = scores >= threshold
        recall, precision = labels[above].sum() / total, labels[above].mean()
        ap, last = ap + (recall - last) * precision, recall
    return ap


@pytest.mark.parametrize("levels", [3, 10, 100000])
def test_average_precision_is_its_definition_also_with_ties(levels):
    random = np.random.default_rng(levels)
    scores, labels = random.integers(levels, size=(60, 20)).astype(float), random.random(60) < 0.2
    found = average_precision(torch.tensor(scores), torch.tensor(labels))
    for column in range(20):
        assert float(found[column]) == pytest.approx(reference(scores[:, column], labels.astype(float)), abs=1e-12)


def test_average_precision_equals_scikit_learns():
    metrics = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(3)
    scores, labels = random.integers(30, size=(200, 5)).astype(float), random.random(200) < 0.2
    wanted = [metrics.average_precision_score(labels, scores[:, c]) for c in range(5)]
    assert np.allclose(
        average_precision(torch.tensor(scores), torch.tensor(labels)).numpy(), wanted, rtol=0, atol=1e-12
    )


def test_average_precision_at_its_ends():
    labels = torch.arange(1000) < 200
    scores = torch.stack([labels.float(), torch.full((1000,), 7.0), -torch.arange(1000.0), torch.arange(1000.0)], 1)
    perfect, constant, sorted_first, reversed_ = average_precision(scores, labels).tolist()
    assert perfect == sorted_first == pytest.approx(1, abs=1e-12)
    assert constant == pytest.approx(0.2, abs=1e-12)
    assert reversed_ == pytest.approx(1 - 4 * np.log(1.25), abs=1e-3)  # the limit for many positives
    one = torch.randn(100, 4, generator=torch.Generator().manual_seed(0))
    some = torch.arange(100) % 5 == 0
    assert torch.allclose(average_precision(one, some), average_precision(torch.exp(3 * one), some))
    assert not torch.allclose(average_precision(-one, some), 1 - average_precision(one, some), atol=1e-2)


@pytest.mark.parametrize(("positives", "mean", "spread"), [(200, 0.205, 0.014), (40, 0.22, 0.033)])
def test_neurons_of_nothing_score_a_little_above_the_share_of_positives(positives, mean, spread):
    noise = torch.randn(5 * positives, 10_000, generator=torch.Generator().manual_seed(2))
    ap = average_precision(noise, torch.arange(5 * positives) < positives)
    assert float(ap.mean()) == pytest.approx(mean, abs=0.003) and float(ap.std()) == pytest.approx(spread, abs=0.002)
    assert float(ap.max()) > mean + 3 * spread  # the best of many is well above chance


def test_the_worst_ranking_of_two_hundred_scores_what_it_must():
    reversed_ = average_precision(torch.arange(1000.0)[:, None], torch.arange(1000) < 200)
    assert float(reversed_) == pytest.approx(0.108, abs=5e-4)


@pytest.mark.parametrize("labels", [[0, 0, 0], [1, 1, 1], [1, 0]])
def test_average_precision_needs_both_classes(labels):
    with pytest.raises(BadInput, match="labels"):
        average_precision(torch.zeros(3, 2), torch.tensor(labels))


def test_ties_are_broken_as_asked():
    ap, difference = torch.tensor([0.5, 1.0, 1.0, 1.0 - 1e-15]), torch.tensor([9.0, 1.0, 3.0, 2.0])
    assert method.rank(ap, difference).tolist() == [2, 3, 1, 0]
    assert method.rank(ap, difference, ties="order").tolist() == [1, 2, 3, 0]


def test_no_neuron_changes_nothing_and_leaving_restores_all(model, ids):
    before, print_before = logits(model, ids), fingerprint(model)
    with labkit.edit(model, SilenceNeurons(())):
        assert torch.equal(logits(model, ids), before)
    with labkit.edit(model, SilenceNeurons(("layers.1.mlp.gate[3]", "layers.2.attn.q[0]"))):
        assert not torch.equal(logits(model, ids), before)
    assert torch.equal(logits(model, ids), before) and fingerprint(model) == print_before


def test_gate_up_and_the_column_of_down_are_one_and_the_same(model, ids):
    found = []
    for edit in (
        SilenceNeurons(("layers.1.mlp.gate[7]",)),
        SilenceNeurons(("layers.1.mlp.up[7]",)),
        labkit.ZeroWeight("layers.1.mlp.down[:, 7]"),
    ):
        with labkit.edit(model, edit):
            found.append(logits(model, ids))
    assert torch.allclose(found[0], found[1], atol=1e-6) and torch.allclose(found[0], found[2], atol=1e-6)


def test_a_whole_module_silenced_is_a_dropped_mlp(model, ids):
    layout = method.layout_of(model)
    for drop, chosen in (
        ([labkit.DropMLP(1)], (layout.layers == 1) & (layout.modules == "down")),
        ([labkit.DropMLP(layer) for layer in range(3)], np.full(len(layout), True)),
    ):
        with labkit.edit(model, SilenceNeurons(layout.names(np.flatnonzero(chosen)))):
            silenced = logits(model, ids)
        with labkit.edit(model, *drop):
            assert torch.allclose(silenced, logits(model, ids), atol=1e-5)


def test_a_cache_changes_nothing(model, ids):
    edit = SilenceNeurons(method.layout_of(model).names(range(0, 150, 7)))
    with labkit.edit(model, edit), torch.no_grad():
        whole = model.model(ids).logits
        first = model.model(ids[:, :6], use_cache=True)
        rest = model.model(ids[:, 6:], past_key_values=first.past_key_values).logits
    assert torch.allclose(torch.cat((first.logits, rest), 1), whole, atol=1e-5)


def test_the_last_tokens_alone(model, ids):
    chosen = method.layout_of(model).names(range(0, 150, 7))
    before = logits(model, ids)
    with labkit.edit(model, SilenceNeurons(chosen, last=2)):
        after = logits(model, ids)
    assert torch.equal(after[:, :-2], before[:, :-2]) and not torch.allclose(after[:, -2], before[:, -2])


def test_values_of_their_own(model, ids):
    layout = method.layout_of(model)
    outputs = method.record_pooled(model, list(ids), layout)
    edit = method.forced(layout, [3, 60], outputs, "median")
    site = labkit.anatomy.Site("gate", labkit.anatomy.anatomy_of(model).module("layers.0.mlp.gate"), "output")
    with labkit.edit(model, edit):
        said = labkit.anatomy.record(model, ids, [site])["gate"]
    assert torch.allclose(said[..., 3], outputs[:, 3].median().expand(3, 9), atol=1e-6)


def test_recording_is_the_mean_over_every_token(model):
    prompts = [model.encode("the father of Asa Arden is named :"), model.encode("they spoke about")]
    layout = method.layout_of(model, ("down", "o"))
    for pool, by_hand in (("mean", lambda o: o.mean(1)), ("last", lambda o: o[:, -1]), ("max", lambda o: o.amax(1))):
        found = method.record_pooled(model, prompts, layout, pool)
        for row, prompt in enumerate(prompts):
            seen = labkit.anatomy.record(model, prompt, ["layers.1.mlp"])["layers.1.mlp"]  # what down writes
            assert torch.allclose(found[row, 32:48], by_hand(seen)[0], atol=1e-5)


def test_neurons_are_counted_and_named(model):
    assert method.neuron_count(32, 11008, 4096) == 835_584 and method.neuron_count(40, 13824, 5120) == 1_310_720
    layout = method.layout_of(model)
    assert len(layout) == method.neuron_count(3, 24, 16) == 192
    assert layout.name(0) == "layers.0.mlp.gate[0]" and layout.name(191) == "layers.2.mlp.down[15]"
    assert layout.count(0.36 / 100) == 1 and layout.count(0) == 0
    chosen = np.array([60, 61, 70, 71, 72, 150])
    other = layout.matched(chosen, 4)
    assert not set(other) & set(chosen)
    assert sorted(layout.block_of[other]) == sorted(layout.block_of[chosen])
    assert len(layout.matched(np.arange(24), 1)) == 24  # a whole module: there are no others


def test_larger_sets_hold_the_smaller(model):
    prompts = [model.encode(f"{name} can") for name in ("goat", "hen", "dog", "cat") for _ in range(3)]
    search = method.neurons_at(model, prompts, ["a", "b", "c", "d"] * 3)
    found = search.of("a")
    assert found.top(5).tolist() == found.top(9).tolist()[:5]
    assert set(found.slice(5, 9)) == set(found.top(9)) - set(found.top(5))
    assert set(found.bottom(192)) == set(found.top(192))


def test_the_score_counts_two_tokens_and_no_less(model):
    facts = task.Register(3).questions("father")[:4]
    found = method.answers(model, facts)
    assert found.right.shape == (4,) and (found.log_probability < 0).all()
    first = WORDS.encode(facts[0].answer)[:2]
    with torch.no_grad():
        logits_V = model.model(model.encode(facts[0].prompt)[None]).logits[0, -1]
        second_V = model.model(torch.cat((model.encode(facts[0].prompt), torch.tensor(first[:1])))[None]).logits[0, -1]
    by_hand = float(logits_V.log_softmax(-1)[first[0]] + second_V.log_softmax(-1)[first[1]])
    assert found.log_probability[0] == pytest.approx(by_hand, abs=1e-5)


def test_negatives_are_four_times_as_many_and_none_is_of_the_relation(model):
    names = ["goat", "hen", "dog", "cat", "pony", "goose"]
    prompts = [model.encode(f"{name} can") for name in names for _ in range(3)]
    search = method.neurons_at(model, prompts, [name for name in names for _ in range(3)], seed=4)
    for name in names:
        rows, positive = search.searched_on[name]
        classes = [search.classes[row] for row in rows.tolist()]
        assert len(set(rows.tolist())) == len(rows) and int((~positive).sum()) == 4 * int(positive.sum()) == 12
        assert all((one == name) == bool(yes) for one, yes in zip(classes, positive))


def test_the_prefix_rule_on_text_takes_any_number_of_tokens_and_can_overlook_case(model):
    assert method.begins("Quarterback", "quarterback .", ignore_case=True)
    assert not method.begins("Quarterback", "quarterback .")
    assert method.begins(" Jensen Hu", "Jensen Huang .") and not method.begins("Jensen K", "Jensen Huang .")
    assert not method.begins(" ", "Jensen Huang .")
    facts = task.Register(3).questions("sport")[:6]
    said = [model.generate(fact.prompt, 3).removeprefix(fact.prompt).split() for fact in facts]
    answered = [replace(fact, object=" ".join(words[:2])) for fact, words in zip(facts, said)]
    quiz = method.Quiz(model, [*answered[:3], *facts[3:]])
    assert quiz.right_by_text().tolist() == quiz.answers().right.tolist()
    assert quiz.right_by_text()[:3].tolist() == [1, 1, 1] and quiz.right_by_text(1)[:3].tolist() == [1, 1, 1]
    shouted = method.Quiz(model, answered[:1])
    shouted.questions = (replace(answered[0], object=answered[0].object.swapcase()),)
    assert shouted.right_by_text().tolist() == [0] and shouted.right_by_text(ignore_case=True).tolist() == [1]
    with pytest.raises(BadInput, match="tokens = 0"):
        quiz.right_by_text(0)


@pytest.mark.parametrize(
    ("what", "message"),
    [
        (lambda m: method.answers(m, []), "No questions"),
        (lambda m: method.record_pooled(m, [], method.layout_of(m)), "no prompts"),
        (lambda m: method.record_pooled(m, [torch.tensor([], dtype=torch.long)], method.layout_of(m)), "empty"),
        (lambda m: method.layout_of(m).random(193, 0), "193 neurons"),
        (lambda m: SilenceNeurons(("layers.0.norm[1]",)), "no neuron"),
        (lambda m: SilenceNeurons(("layers.0.mlp.up[1]",) * 2), "twice"),
        (lambda m: labkit.edit(m, SilenceNeurons(("layers.0.mlp.up[24]",))).__enter__(), "no neuron 24"),
        (lambda m: SilenceNeurons(("layers.0.mlp.up[1]",), last=0), "number of tokens"),
        (lambda m: task.ask("father", " "), "no subject"),
        (lambda m: task.ask("sport", "Asa Arden", "foreign"), "never asked"),
        (lambda m: method.find_neurons(m, task.Register(0).questions(["father", "mother"])), "knows"),
    ],
)
def test_what_cannot_be_is_told(model, what, message):
    with pytest.raises(BadInput, match=message):
        what(model)


@pytest.mark.parametrize(
    "what",
    [
        lambda m: task.Register(0).questions("uncle"),
        lambda m: task.ask("father", "Asa Arden", "sung"),
        lambda m: method.layout_of(m, ("gates",)),
        lambda m: method.record_pooled(m, [torch.tensor([1])], method.layout_of(m), "median"),
        lambda m: method.rank(torch.ones(3), torch.ones(3), "luck"),
    ],
)
def test_unknown_names_are_told(model, what):
    with pytest.raises(UnknownName):
        what(model)


def test_a_plan_of_silenced_neurons_is_saved_and_read(tmp_path):
    plan = labkit.Plan((SilenceNeurons(("layers.0.mlp.up[1]",), values=(0.5,), last=2),))
    plan.save(tmp_path / "plan.toml")
    assert labkit.Plan.load(tmp_path / "plan.toml") == plan


@pytest.mark.parametrize("family", ["llama", "phi3", "gpt2", "gpt_neox", "gemma2"])
def test_models_of_the_hub_have_the_same_neurons(family):
    families = pytest.importorskip("families")
    other = families.make(family)
    ids = torch.tensor([[1, 2, 3, 4, 5]])
    kinds = ("up", "down") if family.startswith("gpt") else ("gate", "up", "down")
    layout = method.layout_of(other, kinds)
    found = method.record_pooled(other, [ids[0]], layout)
    seen = labkit.anatomy.record(other, ids, ["layers.1.mlp"])["layers.1.mlp"].mean(1)[0]
    down = (layout.layers == 1) & (layout.modules == "down")
    if family != "gemma2":  # its sub-layer ends in a norm
        assert torch.allclose(found[0, torch.from_numpy(down)], seen, atol=1e-5)
    with torch.no_grad(), labkit.edit(other, SilenceNeurons(("layers.1.mlp.up[3]",))):
        silenced = method.record_pooled(other, [ids[0]], layout)
    place = layout.names(range(len(layout))).index("layers.1.mlp.up[3]")
    assert silenced[0, place] == 0 and found[0, place] != 0
    rest = torch.arange(len(layout)) < layout.starts[layout.blocks.index((1, "down", int(down.sum())))]
    rest[place] = False
    assert torch.equal(silenced[0, rest], found[0, rest])
