"""Leave-one-out over all sub-layers by hooks, nnsight, TransformerLens and labkit, in interleaved rounds.

    make peers        (an environment of its own in .venv-peers: the peers pin other versions)

One `transformers` Llama with random weights, the same batches, the same edits (one attention or MLP writes nothing),
the same losses; each peer as its own documents say: nnsight by `skip` inside a trace, TransformerLens by the bridge
around a local model and `run_with_hooks`. Prints median seconds, each peer's ratio to labkit round by round, and the
largest difference of a loss from the hooks' (limit 1e-4 nats). Goal: labkit at most 0.60 of each.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import tempfile
import time
from importlib.metadata import version

import nnsight
import torch
from bench_sweep import by_hooks, means
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from torch import Tensor, nn
from transformer_lens.model_bridge import TransformerBridge
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from labkit.measurements.measures import token_losses
from labkit.measurements.runs import batches
from labkit.sweeps import every_sublayer, sweep

VOCAB = 1024


def main() -> None:
    """Time the four ways in turn, after one round that warms up."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in (("depth", 12), ("width", 128), ("documents", 8), ("tokens", 256), ("rounds", 5)):
        parser.add_argument(f"--{name}", type=int, default=value)
    options = parser.parse_args()
    torch.set_num_threads(1)
    model = llama(options.depth, options.width, options.tokens)
    draw = torch.Generator().manual_seed(0)
    text = list(torch.randint(VOCAB, (options.documents, options.tokens), generator=draw))
    plans = every_sublayer(model)
    traced, bridged = nnsight.NNsight(model), bridge(copy.deepcopy(model))  # the bridge rebuilds what it wraps
    ways = {
        "hooks": lambda: by_hooks(model, text),
        "nnsight": lambda: by_nnsight(traced, model, text),
        "TransformerLens": lambda: by_bridge(bridged, model, text),
        "labkit": lambda: means(sweep(model, plans, text)),
    }
    packages = ("torch", "transformers", "nnsight", "transformer-lens")
    print(", ".join(f"{name} {version(name)}" for name in packages), "· one thread")
    print(f"{options.depth} layers × {options.width}, {options.documents} × {options.tokens} tokens")
    report(ways, options.rounds)


def report(ways: dict, rounds: int) -> None:
    """Run every way once a round and print what came out."""
    losses: dict[str, list[float]] = {}
    wall: dict[str, list[float]] = {name: [] for name in ways}
    busy: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, run in ways.items():
            start, started = time.perf_counter(), time.process_time()
            losses[name] = run()
            if number:
                wall[name].append(time.perf_counter() - start)
                busy[name].append(time.process_time() - started)
    for kind, seconds in (("wall", wall), ("processor", busy)):
        print(f"\n{kind} seconds, median of {rounds} rounds")
        for name, taken in seconds.items():
            ratios = sorted(ours / theirs for ours, theirs in zip(seconds["labkit"], taken))
            off = max(abs(a - b) for a, b in zip(losses["hooks"], losses[name]))
            print(
                f"  {name:<16} {statistics.median(taken):7.2f}   labkit / {name}: {statistics.median(ratios):.3f} "
                f"({ratios[0]:.3f} to {ratios[-1]:.3f})   losses differ by at most {off:.1e}"
            )


def llama(depth: int, width: int, context: int) -> LlamaForCausalLM:
    """Return a Llama with random weights and eager attention, which TransformerLens asks for."""
    config = LlamaConfig(
        vocab_size=VOCAB, hidden_size=width, num_hidden_layers=depth, num_attention_heads=max(1, width // 32),
        intermediate_size=width * 8 // 3, max_position_embeddings=context, attn_implementation="eager",
    )  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return LlamaForCausalLM(config).eval()


def bridge(model: LlamaForCausalLM) -> TransformerBridge:
    """Return TransformerLens' bridge around a model; it insists on a tokenizer, which nothing here uses."""
    model.config.architectures = ["LlamaForCausalLM"]
    words = Tokenizer(WordLevel({"a": 0, "b": 1}, unk_token="a"))
    with tempfile.TemporaryDirectory() as folder:  # it reads the tokenizer anew from where it came from
        PreTrainedTokenizerFast(tokenizer_object=words, bos_token="a", eos_token="b", pad_token="b").save_pretrained(
            folder
        )
        unused = PreTrainedTokenizerFast.from_pretrained(folder)
        return TransformerBridge.boot_transformers("local", hf_model=model, tokenizer=unused)


@torch.no_grad()
def by_nnsight(traced: nnsight.NNsight, model: nn.Module, text: list[Tensor]) -> list[float]:
    """Return the mean loss intact and without each sub-layer, which is skipped and writes zeros."""

    def logits(ids_BL: Tensor, layer: int | None = None, part: str = "") -> Tensor:
        shape = (*ids_BL.shape, model.config.hidden_size)
        with traced.trace(ids_BL, use_cache=False):
            if part == "attention":
                traced.model.layers[layer].self_attn.skip((torch.zeros(shape), None))
            elif part == "mlp":
                traced.model.layers[layer].mlp.skip(torch.zeros(shape))
            said = traced.lm_head.output.save()
        return said  # noqa: RET504 (a trace is read outside its block)

    return over_all(model, text, logits)


@torch.no_grad()
def by_bridge(bridged: TransformerBridge, model: nn.Module, text: list[Tensor]) -> list[float]:
    """Return the mean loss intact and without each sub-layer, whose output a hook replaces by zeros."""
    names = {"attention": "hook_attn_out", "mlp": "hook_mlp_out"}

    def logits(ids_BL: Tensor, layer: int | None = None, part: str = "") -> Tensor:
        hooks = [(f"blocks.{layer}.{names[part]}", lambda value, hook: torch.zeros_like(value))] if part else []
        return bridged.run_with_hooks(ids_BL, return_type="logits", fwd_hooks=hooks)

    return over_all(model, text, logits)


def over_all(model: nn.Module, text: list[Tensor], logits) -> list[float]:
    """Return the mean loss over all scored tokens, intact and without each sub-layer in the order of `by_hooks`."""
    cuts = [(None, "")] + [
        (layer, part) for layer in range(model.config.num_hidden_layers) for part in ("attention", "mlp")
    ]
    losses = []
    for layer, part in cuts:
        rows = [token_losses(logits(batch.ids_BL, layer, part), batch.ids_BL) for batch in batches(model, text)]
        losses.append(float(torch.cat([row.flatten() for row in rows]).mean()))
    return losses


if __name__ == "__main__":
    main()
