"""Our LoRA and IA3 beside those of peft, on a model of transformers: logits, gradients of both objectives, a training.

Skipped where peft is not installed: pip install peft
"""

import copy

import pytest
import torch

from labkit.papers.transformer_squared import task
from labkit.papers.transformer_squared.method.adapters import IA3, LoRA
from labkit.papers.transformer_squared.method.learning import Learning, reinforce_loss

peft = pytest.importorskip("peft", reason="peft is not installed: pip install peft")
transformers = pytest.importorskip("transformers")


@pytest.fixture
def llama():
    config = transformers.LlamaConfig(
        vocab_size=39, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=1, initializer_range=0.3, attn_implementation="eager",
    )  # fmt: skip
    torch.manual_seed(0)
    return transformers.LlamaForCausalLM(config).eval()


def lora_pair(llama):
    """Return our LoRA with numbers other than its first ones, and peft's with the same."""
    ours = LoRA(llama, rank=3, alpha=5.0, seed=1)
    theirs = peft.get_peft_model(
        copy.deepcopy(llama), peft.LoraConfig(r=3, lora_alpha=5, target_modules=["q_proj", "v_proj"])
    )
    matched = {}
    generator = torch.Generator().manual_seed(2)
    for address in ours.names:
        key, module = ours.key(address), _target(theirs, address)
        with torch.no_grad():
            ours.B[key] += 0.2 * torch.randn(ours.B[key].shape, generator=generator)
            module.lora_A["default"].weight.copy_(ours.A[key])
            module.lora_B["default"].weight.copy_(ours.B[key])
        matched[f"A.{key}"], matched[f"B.{key}"] = module.lora_A["default"].weight, module.lora_B["default"].weight
    return ours, theirs, matched


def ia3_pair(llama):
    """Return our IA3 and peft's; theirs scales what the MLP's down reads, which is what its up writes."""
    ours = IA3(llama)
    settings = {"target_modules": ["k_proj", "v_proj", "down_proj"], "feedforward_modules": ["down_proj"]}
    theirs = peft.get_peft_model(copy.deepcopy(llama), peft.IA3Config(**settings))
    matched = {}
    generator = torch.Generator().manual_seed(2)
    for address in ours.names:
        key, module = ours.key(address), _target(theirs, address.replace("mlp.up", "mlp.down"))
        factors = module.ia3_l["default"]
        with torch.no_grad():
            ours.l[key] += 0.2 * torch.randn(ours.l[key].shape, generator=generator)
            factors.copy_(ours.l[key].reshape(factors.shape))
        matched[f"l.{key}"] = factors
    return ours, theirs, matched


def _target(model, address):
    _, layer, part = address.split(".", 2)
    block = model.base_model.model.model.layers[int(layer)]
    owner, name = part.split(".")
    return getattr(block.self_attn if owner == "attn" else block.mlp, f"{name}_proj")


def losses(logits_of, base, asked, said_BA):
    """Return the loss of both objectives: the next token of right answers, and the reward of some drawn ones."""
    place = asked.prompts_BP.shape[1] - 1

    def log_p(answers_BA, of=logits_of):
        return of(torch.cat((asked.prompts_BP, answers_BA[:, :-1]), 1))[:, place:].log_softmax(-1)

    gold = torch.nn.functional.nll_loss(log_p(asked.answers_BA).flatten(0, 1), asked.answers_BA.flatten())
    reward_B = torch.tensor([1.0, -1.0, -1.0, 1.0, -1.0, -1.0])
    with torch.no_grad():
        held = log_p(said_BA, lambda ids: base(ids).logits)
    return gold, reinforce_loss(log_p(said_BA), held, said_BA, reward_B, Learning(task="sort"))


@pytest.mark.parametrize("pair", [lora_pair, ia3_pair])
@pytest.mark.parametrize("objective", [0, 1], ids=["next token", "reward"])
def test_ours_and_pefts_agree_in_logits_gradients_and_after_five_steps(llama, pair, objective):
    ours, theirs, matched = pair(llama)
    assert ours.count == sum(p.numel() for p in theirs.parameters() if p.requires_grad)
    asked = task.questions("sort", 6, 1)
    said = asked.answers_BA.roll(1, 0)
    torch.testing.assert_close(ours.logits(asked.prompts_BP), theirs(asked.prompts_BP).logits, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(ours.logits(asked.prompts_BP), llama(asked.prompts_BP).logits, atol=1e-2)
    mine = dict(ours.named_parameters())
    assert mine.keys() == matched.keys()
    optimisers = [torch.optim.Adam(list(one.values()), lr=1e-2) for one in (mine, matched)]
    for step in range(5):
        for logits_of, optimiser in zip((ours.logits, lambda ids: theirs(ids).logits), optimisers):
            optimiser.zero_grad()
            losses(logits_of, llama, asked, said)[objective].backward()
        if step == 0:
            for name, parameter in mine.items():
                torch.testing.assert_close(
                    parameter.grad, matched[name].grad.reshape(parameter.shape), rtol=1e-3, atol=1e-6
                )
        for optimiser in optimisers:
            optimiser.step()
    for name, parameter in mine.items():
        torch.testing.assert_close(parameter, matched[name].reshape(parameter.shape), rtol=1e-3, atol=1e-4)
