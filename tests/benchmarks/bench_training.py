"""Training throughput: our step beside a plain nanoGPT-style step and transformers' Llama of the same shape.

    python tests/benchmarks/bench_training.py [--json] [--rounds 7] [--recipe lab/tiny]

Counted are predicted tokens of the world's documents a second of processor time, one thread, forward, backward,
clipping and AdamW together. Rounds are interleaved and the best of each is kept, so that other work on the machine
disturbs little. What each arm does with the same documents:

ours      whole documents in groups of equal length, our decoder (as `labkit train` does it)
nanogpt   documents joined and cut into windows of the context, GPT-2's block with fused qkv (no document masking)
llama     whole documents in the same groups, `LlamaForCausalLM`, loss by its own labels
llama pad whole documents in stream order padded to the longest of a batch with attention_mask, the usual collator
"""

from __future__ import annotations

import argparse
import json
import time

import torch
import torch.nn.functional as F
from torch import nn

from labkit import world
from labkit.models import to_llama
from labkit.training import Batches, accumulate, padded, read_recipe


class _GptBlock(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.one, self.two = nn.LayerNorm(width, bias=False), nn.LayerNorm(width, bias=False)
        self.qkv, self.o = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
        self.up, self.down = nn.Linear(width, 4 * width, bias=False), nn.Linear(4 * width, width, bias=False)

    def forward(self, h):
        q, k, v = (x.unflatten(-1, (self.heads, -1)).transpose(1, 2) for x in self.qkv(self.one(h)).chunk(3, dim=-1))
        h = h + self.o(F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2))
        return h + self.down(F.gelu(self.up(self.two(h))))


class _Gpt(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.embed, self.position = nn.Embedding(c.vocab, c.width), nn.Embedding(c.context, c.width)
        self.blocks = nn.ModuleList(_GptBlock(c.width, c.heads) for _ in range(c.depth))
        self.norm, self.head = nn.LayerNorm(c.width, bias=False), nn.Linear(c.width, c.vocab, bias=False)
        self.head.weight = self.embed.weight

    def forward(self, ids, targets):
        h = self.embed(ids) + self.position(torch.arange(ids.shape[1]))
        for block in self.blocks:
            h = block(h)
        return F.cross_entropy(self.head(self.norm(h)).flatten(0, 1), targets.flatten())


def _stepper(model, work):
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-3, betas=(0.9, 0.98), fused=True)

    def step(batch):
        optimiser.zero_grad(set_to_none=True)
        tokens = work(model, batch)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        return tokens

    return step


def _gpt_step(model, batch):
    ids, targets = batch
    model(ids, targets).backward()
    return targets.numel()


def _llama_step(model, groups):
    tokens = sum(group.tokens for group in groups)
    for group in groups:
        # Its loss shifts by itself: position t is scored on label t + 1.
        ids = torch.cat((group.ids, group.ids.new_zeros(len(group.ids), 1)), dim=1)
        labels = torch.cat((group.ids.new_full((len(ids), 1), -100), group.targets), dim=1)
        (model(ids, labels=labels).loss * group.tokens / tokens).backward()
    return tokens


def _llama_padded_step(model, group):
    seen = (group.targets != -100).long()
    labels = torch.where(seen.bool(), group.ids, -100)
    model(group.ids, attention_mask=seen, labels=labels).loss.backward()
    return group.tokens


def arms(recipe, steps):
    """Return name -> (step function, list of batches) over the same documents."""
    config, batches = recipe.config(), Batches(recipe, 0)
    ours = [batches.at(step) for step in range(1, steps + 1)]
    texts = [d.text for part, n in recipe.documents.items() for d in world.documents(part, n * steps, seed=0)]
    ids = world.tokenizer().encode_documents(texts)
    order = torch.randperm(len(ids), generator=torch.Generator().manual_seed(0)).tolist()
    ids = [ids[i] for i in order]
    flat = torch.tensor([token for document in ids for token in document])
    per_step = max(1, round(sum(g.tokens for groups in ours for g in groups) / steps / config.context))
    size = per_step * config.context
    windows = [flat[i : i + size + 1] for i in range(0, len(flat) - size - 1, size)]
    windows = [(w[:-1].view(per_step, -1), w[1:].view(per_step, -1)) for w in windows]
    count = recipe.documents_per_step
    collated = [padded(ids[i : i + count]) for i in range(0, len(ids) - count + 1, count)]
    llama = to_llama(config.build(0)).train()
    return {
        "ours": (_stepper(config.build(0), lambda m, b: accumulate(m, b)[1]), ours),
        "nanogpt": (_stepper(_Gpt(config), _gpt_step), windows),
        "llama": (_stepper(llama, _llama_step), ours),
        "llama pad": (_stepper(to_llama(config.build(0)).train(), _llama_padded_step), collated),
    }


def measure(recipe, rounds, steps=4):
    """Return tokens a second of processor time for each arm, and the seconds it costs to write a step's documents."""
    made = arms(recipe, 2 * steps)
    best = dict.fromkeys(made, 0.0)
    for turn in range(rounds + 1):
        for name, (step, batches) in made.items():
            started, tokens = time.process_time(), 0
            for i in range(steps):
                tokens += step(batches[i % len(batches)])
            if turn:  # the first round warms up
                best[name] = max(best[name], tokens / (time.process_time() - started))
    fresh, started = Batches(recipe, 1), time.process_time()
    tokens = sum(group.tokens for step in range(1, recipe.pool + 1) for group in fresh.at(step))
    return best, tokens / (time.process_time() - started)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--recipe", default="lab/tiny")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    speeds, data = measure(read_recipe(options.recipe), options.rounds)
    table = {
        "recipe": options.recipe,
        "tokens_per_s": {name: round(value) for name, value in speeds.items()},
        "writing_documents": round(data),
        "over_nanogpt": round(speeds["ours"] / speeds["nanogpt"], 3),
        "over_llama": round(speeds["ours"] / speeds["llama"], 3),
        "over_llama_padded": round(speeds["ours"] / speeds["llama pad"], 3),
    }
    if options.json:
        print(json.dumps(table))
        return
    for name, value in table["tokens_per_s"].items():
        print(f"{name:10s} {value:7,d} tokens/s   ours is {speeds['ours'] / value:.2f} times as fast")
    print(f"writing the documents: {table['writing_documents']:,} tokens/s")


if __name__ == "__main__":
    main()
