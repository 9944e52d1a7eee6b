"""Single neurons as classifiers: their outputs as strips, and the best of all of them."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import FigureBase

from labkit.figures.drawing import Drawing
from labkit.figures.plain import Bars, paint_bars
from labkit.figures.style import MARKS, RULE, axes, label_axes, legend, text_width

from ..experiments import BestNeurons, NeuronStrips

__all__ = ["DRAWINGS"]


def _paint_strips(found: NeuronStrips, figure: FigureBase) -> None:
    """Draw for each neuron two rows of marks: its outputs on the relation's prompts, and on others'."""
    (ax,) = axes(
        figure, f"What {len(found.names)} neurons say to prompts about {found.relation}, and to others",
        left=0.35 + max(map(text_width, found.names)), right=1.5,
    )  # fmt: skip
    for place, (own, others) in enumerate(zip(found.own, found.others)):
        spread = max(float(np.abs(np.concatenate((own, others))).max()), 1e-9)
        for values, mark, shift, name in ((own, "cut", -0.17, found.relation), (others, "intact", 0.17, "others")):
            look = MARKS[mark]
            ax.plot(values / spread, np.full(len(values), place + shift), look.marker, color=look.colour, markersize=4,
                    alpha=0.5, label=name if not place else None)  # fmt: skip
    ax.axvline(0, color=RULE, linewidth=1)
    ax.set_yticks(range(len(found.names)), found.names)
    ax.set_ylim(len(found.names) - 0.4, -0.6)
    label_axes(ax, x="mean output over the prompt, as a share of the neuron's largest")
    legend(ax)


def _describe_strips(found: NeuronStrips) -> str:
    said = (f"{name}: average precision {ap:.2f}" for name, ap in zip(found.names, found.ap))
    return f"Outputs of single neurons on prompts about {found.relation} and on others. " + "; ".join(said) + "."


def _best_bars(found: BestNeurons) -> Bars:
    ties = {name: f" ({n} at 1)" if n else "" for name, n in found.at_one.items()}
    low, high, nothing = min(found.best.values()), max(found.best.values()), max(found.shuffled.values())
    return Bars(
        title=f"The best of {found.neurons:,} neurons, for each relation",
        labels=[f"{name}{ties[name]}" for name in found.best],
        groups={"best AP": list(found.best.values()), "best AP, labels shuffled": list(found.shuffled.values())},
        x_label="average precision; in brackets how many neurons reach exactly 1",
        sentence=f"The best neurons reach {low:.2f} to {high:.2f}, exactly 1 for {found.tied()} relations; with "
        f"shuffled labels the best of {found.neurons:,} still reaches {nothing:.2f}, though 0.2 is chance.",
        digits=4,
    )


DRAWINGS = {
    "NeuronStrips": Drawing(_paint_strips, _describe_strips, lambda found: (8.6, 1.3 + 0.45 * len(found.names))),
    "BestNeurons": Drawing(
        lambda found, figure: paint_bars(_best_bars(found), figure),
        lambda found: _best_bars(found).sentence,
        lambda found: (8.6, 1.2 + 0.33 * len(found.best)),
    ),
}
