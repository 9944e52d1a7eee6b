"""How fast the world is written, tokenized and read on one core: `python tests/benchmarks/bench_world.py`.

Goal: 200 thousand tokens a second written and tokenized together. Processor time is counted, best of five, so that
other work on the machine disturbs little.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from labkit import world

GOAL = 200_000
MIX = {"stories": 0.5, "facts": 0.2, "copying": 0.05, "recall": 0.1, "choice": 0.15}


def seconds(work: Callable[[], object], repeats: int = 5) -> float:
    """Return the least processor time of `work` in seconds."""
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return min(taken)


def main() -> None:
    """Print tokens a second for writing and tokenizing each part, for the mix, and the time to read a story."""
    tokenizer, report = world.tokenizer(), {}
    for part in world.PARTS:
        texts = [document.text for document in world.documents(part, 800, seed=1)]
        tokens = sum(map(len, tokenizer.encode_documents(texts)))
        write = seconds(lambda part=part: world.documents(part, 800, seed=1))
        encode = seconds(lambda texts=texts: tokenizer.encode_documents(texts))
        report[part] = {"write": tokens / write, "tokenize": tokens / encode, "both": tokens / (write + encode)}
    report["mix"] = {"both": 200_000 / seconds(lambda: world.corpus(MIX, 200_000, seed=1))}
    told = [document.text for document in world.documents("stories", 50, seed=1)]
    report["milliseconds to check a story"] = 1000 * seconds(lambda: [world.check(text) for text in told]) / len(told)
    report["goal"] = GOAL
    print(json.dumps(report, indent=1, default=float))


if __name__ == "__main__":
    main()
