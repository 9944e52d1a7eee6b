"""What the reader is asked before anything runs."""

from __future__ import annotations

from labkit.course.questions import Prediction

__all__ = ["PREDICTIONS"]


def _what_base_says(found: tuple[float, float]) -> int:
    """Decide from the shares of its answers that can follow, and that are sentences of the world at all."""
    possible, said = found
    return 0 if possible > 0.5 else 1 if said > 0.5 else 2


def _guided(share: float) -> int:
    return 1 if share > 0.75 else 2 if share < 0.65 else 0


def _language(ratio: float) -> int:
    return 0 if ratio < 0.1 else 1 if ratio < 0.8 else 2


PREDICTIONS = (
    Prediction(
        id="r1",
        question="A part of a model is cut and the model gets worse. What must be known before the part is blamed?",
        options=(
            "how large the part is",
            "what a cut of the same kind elsewhere does",
            "whether the model can be trained again",
            "what the part computes",
        ),
        answer=1,
        because="Any cut may hurt. A matched control tells how much of the harm is this part's own.",
    ),
    Prediction(
        id="r2",
        question="Two ways of training, five seeds each. The interval of their difference holds 0. What is shown?",
        options=(
            "they are equally good",
            "the first is not better",
            "five seeds do not tell them apart",
            "the seeds were badly chosen",
        ),
        answer=2,
        because="Equally good would be an interval that lies within a margin, stated beforehand, around 0.",
    ),
    Prediction(
        id="p1",
        question=(
            "A future lies at one of two points, equally likely. A network is trained by squared error to say where. "
            "Where does it point?"
        ),
        options=(
            "at one of the two, always the same",
            "at one or the other, as it happens",
            "midway between them",
            "at neither, and nowhere in particular",
        ),
        answer=2,
        because="Squared error is least at the mean, and the mean of two points lies where nothing ever happens.",
    ),
    Prediction(
        id="p2",
        question=(
            "Base-LCM has learned “found”, after which two things can happen. Its answer is a vector, and the decoder "
            "makes words of it. What do the words say, for most events it never saw?"
        ),
        options=(
            "one of the two sentences that can follow",
            "a sentence of this world that cannot follow",
            "no sentence at all",
        ),
        answer=_what_base_says,
        because="The decoder writes whole sentences whatever it is given. That it reads well says nothing.",
    ),
    Prediction(
        id="p3",
        question=(
            "At its first step the sampler is given nothing but noise, and asked for the clean vector. What does it "
            "answer?"
        ),
        options=("noise", "one of the futures", "the average of the futures", "the event it was told"),
        answer=2,
        because="It is trained by squared error too. Knowing the context alone, its best answer is Base-LCM's.",
    ),
    Prediction(
        id="p4",
        question=(
            "After “lent” the first future happens in 7 of 10 cases. The paper's settings are guidance 3, rescaled, "
            "from 0.6 of the noise. How often does the sampler say the first future then?"
        ),
        options=("about 7 times in 10, as it should", "clearly more often", "clearly less often"),
        answer=_guided,
        because="Together, the settings favour what is likely anyway: fewer slips, and fewer of the rarer futures.",
    ),
    Prediction(
        id="p5",
        question=(
            "The concept model has read English vectors only. It is asked in German and answers in German. How many of "
            "its sentences can follow, compared with English?"
        ),
        options=("hardly any", "fewer, but a good part", "about as many"),
        answer=_language,
        because="It never sees words. Where a sentence and its translation have one vector, there is one language.",
    ),
    Prediction(
        id="p6",
        question="The same again, in a space whose codec learned both languages and was never shown a translation?",
        options=("hardly any", "fewer, but a good part", "about as many"),
        answer=_language,
        because="The credit belongs to the codec: it put the two languages in one place, or it did not.",
    ),
)
