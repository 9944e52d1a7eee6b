"""Learning by reward and by next token, the bank, the search, and two passes."""

import copy
import math

import pytest
import torch

from labkit.anatomy import fingerprint
from labkit.base.errors import BadInput, BrokenFile
from labkit.interventions import edit
from labkit.models import DecoderConfig
from labkit.papers.transformer_squared import task
from labkit.papers.transformer_squared.method import dispatch, learning, search
from labkit.papers.transformer_squared.method.adapters import SVF, LoRA
from labkit.papers.transformer_squared.method.bank import Expert, load_bank, mix, save_bank
from labkit.papers.transformer_squared.method.learning import Learning, reinforce_loss


@pytest.fixture(scope="module")
def model():
    config = DecoderConfig(vocab=task.language().vocab_size, width=16, depth=1, heads=2, ffn=24, context=16, tie=False)
    return config.build(1).eval()


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def an_answer(n=6, seed=0):
    asked = task.questions("sort", n, seed)
    return asked, asked.answers_BA


def test_every_task_is_a_pure_function_of_its_seed_and_splits_share_no_prompt():
    for name in task.TASKS:
        one, again, other = (task.questions(name, 40, s, "test") for s in (1, 1, 2))
        assert torch.equal(one.prompts_BP, again.prompts_BP) and torch.equal(one.answers_BA, again.answers_BA)
        assert not torch.equal(one.prompts_BP, other.prompts_BP)
    for name in ("sum", "rev", "max5"):
        rows = {
            s: set(map(tuple, task.questions(name, 300, 3, s).prompts_BP.tolist()))
            for s in ("train", "test", "validation")
        }
        assert not rows["train"] & rows["test"] and not rows["train"] & rows["validation"]
        assert len(rows["test"]) == 300


def test_answers_are_right_as_read_by_a_person():
    said = {name: task.questions(name, 30, 5, "test") for name in task.TASKS}
    for row in range(30):
        a, b, plus, c, d, equals, *answer = said["sum"].text(row).split()
        assert (plus, equals) == ("+", "=") and int("".join(answer)) == int(a + b) + int(c + d)
        word, *letters = said["rev5"].text(row).split()
        assert word == "rev" and letters[6:] == letters[:5][::-1]
        _, *digits = said["max"].text(row).split()
        assert digits[5] == max(digits[:4])
        letters = said["sort"].text(row).split()
        assert letters[5:] == sorted(letters[:4])
        asked, answer = said["label"].text(row).split(" = ")
        assert answer == ("math" if "+" in asked else "text" if "rev" in asked else "logic")


def test_chance_is_what_the_ways_to_answer_give_together():
    def by_hand(name, ways):
        asked = [task.questions(name, 200, 11, "test").text(row).split() for row in range(200)]
        return sum(way(one) for one in asked for way in ways) / (200 * len(ways))

    first = by_hand("max", (lambda one: True, lambda one: one[1] == max(one[1:5])))
    assert task.chance("max", 200) == pytest.approx(first) and 0.6 < first < 0.7
    assert task.chance("rev", 200) == 0.5 == task.chance("label")  # ends exchanged is never all of it
    sorts = by_hand("rotate", (lambda one: one[5:] == sorted(one[:4]), lambda one: False, lambda one: False))
    assert sorts - 1e-6 <= task.chance("rotate", 200) < 0.05  # where another rule agrees with one never followed
    assert task.chance("sort", 200) >= 1 / 3 - 1e-6


def test_pretraining_answers_in_every_way_about_equally_often():
    ids, targets = zip(*(task.pretraining_lines(0, step) for step in range(30)))
    lines = [task.language().decode(row) for row in torch.cat(ids)]
    sums = [line.split() for line in lines if line.startswith(tuple("0123456789"))]
    carried = [int("".join(line[6:9])) == int(line[0] + line[1]) + int(line[3] + line[4]) for line in sums]
    assert 0.55 < sum(carried) / len(carried) < 0.75  # half by rule, and where there is nothing to carry
    assert torch.equal(torch.cat(ids)[torch.cat(targets) >= 0], torch.cat(targets)[torch.cat(targets) >= 0])
    again = task.pretraining_lines(0, 7)
    assert torch.equal(again[0], ids[7])


def test_no_reward_no_gradient_and_reward_for_all_is_likelihood_of_ones_own_answers():
    _, said = an_answer()
    logits = drawn(6, said.shape[1], 39).requires_grad_()
    plain = Learning(task="sort", kl=0.0, baseline=False)
    (zero,) = torch.autograd.grad(reinforce_loss(logits.log_softmax(-1), None, said, torch.zeros(6), plain), logits)
    assert zero.abs().max() == 0
    loss = reinforce_loss(logits.log_softmax(-1), None, said, torch.ones(6), plain)
    own = torch.nn.functional.cross_entropy(logits.flatten(0, 1), said.flatten(), reduction="sum") / 6
    torch.testing.assert_close(loss, own)
    equal = reinforce_loss(logits.log_softmax(-1), None, said, torch.ones(6), Learning(task="sort", kl=0.0))
    assert equal.abs() < 1e-6  # the baseline takes all of it


def test_words_after_the_end_do_not_count():
    _, said = an_answer(4)
    early = said.clone()
    early[:, 2] = task.language().eos
    changed = early.clone()
    changed[:, 3:] = 7
    log_p = drawn(4, said.shape[1], 39).log_softmax(-1)
    base = drawn(4, said.shape[1], 39, seed=1).log_softmax(-1)
    reward = torch.tensor([1.0, -1.0, 1.0, -1.0])
    settings = Learning(task="sort", kl=0.5)
    assert reinforce_loss(log_p, base, early, reward, settings) == reinforce_loss(
        log_p, base, changed, reward, settings
    )


@pytest.mark.parametrize("direction", learning.DIRECTIONS)
def test_the_kl_is_zero_at_the_base_and_positive_elsewhere(direction):
    _, said = an_answer(4)
    base = drawn(4, said.shape[1], 39).log_softmax(-1)
    settings = Learning(task="sort", kl=1.0, direction=direction)
    assert abs(float(reinforce_loss(base, base, said, torch.zeros(4), settings))) < 1e-6
    other = drawn(4, said.shape[1], 39, seed=1).log_softmax(-1)
    assert float(reinforce_loss(other, base, said, torch.zeros(4), settings)) > 0.1


def test_the_baseline_leaves_the_mean_gradient():
    generator, grads = torch.Generator().manual_seed(0), {True: [], False: []}
    logits = drawn(1, 1, 39).requires_grad_()
    for _ in range(400):
        said = torch.multinomial(logits.detach()[0].softmax(-1), 64, replacement=True, generator=generator).T
        reward = torch.where(said[:, 0] < 20, 1.0, -1.0)
        for baseline in grads:
            settings = Learning(task="sort", kl=0.0, baseline=baseline)
            loss = reinforce_loss(logits.expand(64, 1, 39).log_softmax(-1), None, said, reward, settings)
            grads[baseline].append(torch.autograd.grad(loss, logits)[0].flatten())
    without, with_it = (torch.stack(grads[b]) for b in (False, True))
    error = 3 * (without - with_it).std(0) / 20 + 0.02 * without.mean(0).abs()  # the batch's own mean costs 1/64
    assert ((without.mean(0) - with_it.mean(0)).abs() <= error + 1e-6).float().mean() > 0.9
    assert with_it.var(0).sum() < without.var(0).sum()


def test_learning_by_next_token_raises_the_likelihood_and_a_heavy_kl_holds_the_base(model):
    before = fingerprint(model)
    adapter = LoRA(model, "all")
    found = learning.learn(adapter, Learning(task="max", objective="next-token", lr=3e-2, steps=25, batch=32))
    assert found.course[-1] < found.course[0] - 0.2 and fingerprint(model) == before
    held = SVF(model)
    learning.learn(held, Learning(task="max", lr=1e-2, steps=8, batch=32, kl=1e4, patience=99))
    free = SVF(model)
    learning.learn(free, Learning(task="max", lr=1e-2, steps=8, batch=32, kl=0.0, baseline=False, patience=99))
    moved = [sum(float((z.detach() - 1).square().sum()) for z in one.parameters()) for one in (held, free)]
    assert moved[0] < moved[1]


def test_a_reward_that_never_varies_is_said_and_ends_the_learning(model):
    found = learning.learn(SVF(model), Learning(task="rotate", steps=30, batch=8, patience=4))
    assert len(found.course) == 4 and "none of the last 32 answers was right" in found.stopped


def test_rewards_are_as_asked_standardised_and_then_clipped():
    right = torch.tensor([True, False, False, False])
    plain, soft = (learning.rewards(right, Learning(task="sort", wrong=w)) for w in (-1.0, -0.1))
    assert plain.tolist() == [1, -1, -1, -1] and soft.tolist() == pytest.approx([1, -0.1, -0.1, -0.1])
    told = learning.rewards(right, Learning(task="sort", standardise=True))
    assert float(told.mean()) == pytest.approx(0, abs=1e-6) and float(told.std(unbiased=False)) == pytest.approx(1)
    clipped = learning.rewards(right, Learning(task="sort", standardise=True, reward_clip=1.5))
    assert clipped.tolist() == pytest.approx([1.5, *told[1:].tolist()])  # 3 ** 0.5 without
    alike = learning.rewards(torch.ones(4, dtype=torch.bool), Learning(task="sort", standardise=True))
    assert alike.tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    "wrong",
    [{"reward_clip": 0.0}, {"kl": math.nan}, {"kl": -1.0}, {"wrong": 1.0}, {"temperature": -1.0}, {"anchor": 0.5}],
)
def test_weights_that_cannot_be_are_refused(wrong):
    with pytest.raises(BadInput):
        Learning(task="sort", **wrong)
    with pytest.raises(KeyError):
        Learning(task="sort", objective="both")
    with pytest.raises(KeyError):
        Learning(task="sort", direction="sideways")


def an_expert(model, name, seed):
    adapter = SVF(model)
    with torch.no_grad():
        for place, z in enumerate(adapter.parameters()):
            z += 0.3 * drawn(*z.shape, seed=100 * seed + place)
    return Expert.from_adapter(name, adapter)


def test_a_bank_comes_back_bit_for_bit_and_mixes_exactly(model, tmp_path):
    bank = [an_expert(model, name, seed) for seed, name in enumerate(("math", "text", "logic"))]
    again = load_bank(save_bank(bank, tmp_path / "bank.safetensors"))
    for one in bank:
        assert all(torch.equal(one.z[a], again[one.name].z[a]) for a in one.z) and dict(one.of) == again[one.name].of
    for place, one in enumerate(bank):
        alone = mix(bank, [float(k == place) for k in range(3)])
        assert all(torch.equal(alone.z[a], one.z[a]) for a in one.z)
    by_matrix = mix(bank[:2], {a: (1.0, 0.0) if ".mlp." in a else (0.0, 1.0) for a in bank[0].z})
    assert torch.equal(by_matrix.z["layers.0.mlp.up"], bank[0].z["layers.0.mlp.up"])
    assert torch.equal(by_matrix.z["layers.0.attn.q"], bank[1].z["layers.0.attn.q"])
    with pytest.raises(BadInput, match="shares"):
        mix(bank, (1.0, 0.0))
    (tmp_path / "other.safetensors").write_bytes(b"no bank")
    with pytest.raises(BrokenFile):
        load_bank(tmp_path / "other.safetensors")


def test_an_expert_of_another_model_is_refused_and_can_be_transplanted_on_purpose(model):
    other = model.config.build(2).eval()
    expert = an_expert(model, "math", 1)
    with pytest.raises(BadInput, match="another matrix"), edit(other, *expert.edits()):
        pass
    with edit(other, *expert.for_model(other).edits()):
        pass
    narrow = DecoderConfig(vocab=39, width=8, depth=1, heads=2, ffn=12, context=16).build(1)
    with pytest.raises(BadInput, match="singular values here"):
        expert.for_model(narrow)
    mixed = expert.shuffled(1)
    assert all(torch.equal(mixed.z[a].sort().values, expert.z[a].sort().values) for a in expert.z)
    assert any(not torch.equal(mixed.z[a], expert.z[a]) for a in expert.z)
    assert expert.edits(0.0)[0].z == (1.0,) * 16
    assert float(expert.smoothed().z["layers.0.mlp.up"].std()) < float(expert.z["layers.0.mlp.up"].std())


def test_the_search_finds_a_known_optimum_and_never_loses_its_incumbent():
    target = torch.tensor([0.2, 0.9, 0.5])
    objective = lambda x: (-float((x - target).square().sum()), 0.0)  # noqa: E731
    found = search.cross_entropy(objective, 3, rounds=20, seed=1)
    assert (torch.tensor(found.best) - target).abs().max() < 0.05
    bests = [max(one.scores) for one in found.rounds]
    assert bests == sorted(bests) and found.evaluations == 640
    for one in found.rounds:
        assert len(one.elites) == 6 and all(0 <= value <= 1 for point in one.population for value in point)
    shot = search.random_shooting(objective, 3, rounds=20, seed=1)
    assert shot.evaluations == 640 and shot.score < found.score
    with pytest.raises(BadInput):
        search.cross_entropy(objective, 3, population=4)


def test_dispatch_answers_each_question_with_its_own_expert_and_leaks_nothing(model, monkeypatch):
    bank = {name: an_expert(model, name, seed) for seed, name in enumerate(("math", "text"))}
    asked = task.questions("sum", 12, 3, "test")
    given = ["math", "text", "other", dispatch.NO_LABEL] * 3
    monkeypatch.setattr(dispatch, "classify", lambda model, prompts: tuple(given))
    before, seen = fingerprint(model), {}
    plain = dispatch.answers

    def spy(module, some, **options):
        seen[given[len(seen)]] = module(some.prompts_BP).logits
        return plain(module, some, **options)

    monkeypatch.setattr(dispatch, "answers", spy)
    found = dispatch.two_pass(model, bank, asked)
    assert fingerprint(model) == before and found.labels == tuple(given) and found.share("math") == 0.25
    for label in given[:4]:
        fresh = model.config.build(1).eval()
        rows = torch.tensor([one == label for one in given])
        with edit(fresh, *(bank[label].edits() if label in bank else ())):
            assert torch.equal(fresh(asked.prompts_BP[rows]).logits, seen[label])
    assert not torch.equal(seen["math"], seen["other"])


def test_few_shots_need_shots_and_score_the_mixture_they_name(model):
    experts = [an_expert(model, name, seed) for seed, name in enumerate(("math", "text"))]
    shots = task.questions("max", 8, 3, "test")
    with pytest.raises(BadInput, match="no shots"):
        dispatch.few_shot_objective(model, experts, task.Questions("max", shots.prompts_BP[:0], shots.answers_BA[:0]))
    before = fingerprint(model)
    adapted = dispatch.adapt_by_few_shots(model, experts, shots, rounds=2, population=10)
    assert fingerprint(model) == before and len(adapted.shares) == 2
    with edit(model, *adapted.expert.edits()):
        assert learning.accuracy(model, shots) == pytest.approx(adapted.search.score[0])


def test_every_matrix_can_have_shares_of_its_own(model):
    experts = [an_expert(model, name, seed) for seed, name in enumerate(("math", "text"))]
    shots, places = task.questions("max", 8, 3, "test"), len(experts[0].z)
    adapted = dispatch.adapt_by_few_shots(model, experts, shots, per_matrix=True, rounds=2, population=10)
    assert len(adapted.shares) == 2 * places
    first = torch.tensor(adapted.search.rounds[0].population[1:])
    assert abs(float(first.mean()) - 0.5) < 0.1  # around 1/K, not one over all places
    for row, (address, z) in enumerate(adapted.expert.z.items()):
        alpha = adapted.shares[2 * row : 2 * row + 2]
        torch.testing.assert_close(z, alpha[0] * experts[0].z[address] + alpha[1] * experts[1].z[address])
    with edit(model, *adapted.expert.edits()):
        assert learning.accuracy(model, shots) == pytest.approx(adapted.search.score[0])
    for whole in (
        dispatch.adapt_by_few_shots(model, experts, shots, per_matrix=many, normalised=True, rounds=1, population=10)
        for many in (False, True)
    ):
        assert torch.tensor(whole.shares).reshape(-1, 2).sum(1) == pytest.approx(1.0)
        assert max(map(sum, whole.search.rounds[0].population)) > 1.0  # what is drawn is free
        with edit(model, *whole.expert.edits()):
            assert learning.accuracy(model, shots) == pytest.approx(whole.search.score[0])
    one = dispatch.few_shot_objective(copy.deepcopy(model), experts, shots)
    same = dispatch.few_shot_objective(copy.deepcopy(model), experts, shots)
    assert one(torch.tensor([0.3, 0.6])) == same(torch.tensor([0.3, 0.6] * places))
