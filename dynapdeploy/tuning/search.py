"""The search for the choices of all layers: one thing at a time, kept where it helps."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from dynapdeploy.tuning.choice import AS_WRITTEN, LayerChoice
from dynapdeploy.tuning.score import Score

Judge = Callable[[Mapping[str, LayerChoice]], Score]
LOWER_BOUNDS = (None, AS_WRITTEN, -1.0, -2.0, -4.0, -8.0)
ACTIVITY_STEPS = (0.5, 2**-0.5, 2**0.5, 2.0)
CLIPS = (1.0, 0.999, 0.99, 0.97)
LEAST_GAIN = 0.001


@dataclass
class Search:
    """Best choices found so far.

    Attributes:
        judge: the score of a set of choices.
        choices: the best by layer.
        score: of the best.
        budget: SynOps that may still be emulated.
        judged: number of sets of choices looked at.
        progress: called with the number judged and the best score so far.
    """

    judge: Judge
    choices: dict[str, LayerChoice]
    score: Score
    budget: float = math.inf
    judged: int = 1
    progress: Callable[[int, Score], None] | None = None
    seen: set[tuple[tuple[str, LayerChoice], ...]] = field(default_factory=set)

    @property
    def exhausted(self) -> bool:
        """Whether the next trial might go beyond the budget."""
        return self.budget < self.score.synops_per_sample * self.score.samples

    def offer(self, changed: Mapping[str, LayerChoice], least_gain: float = LEAST_GAIN) -> bool:
        """Judge the best with these layers changed; keep it if it costs clearly less."""
        candidate = {**self.choices, **changed}
        key = tuple(candidate.items())
        if self.exhausted or key in self.seen:
            return False
        self.seen.add(key)
        score = self.judge(candidate)
        self.budget -= score.synops_per_sample * score.samples
        self.judged += 1
        better = score.cost < self.score.cost - least_gain
        if better:
            self.choices, self.score = candidate, score
        if self.progress:
            self.progress(self.judged, self.score)
        return better


def search_starts(search: Search, starts: Sequence[Mapping[str, float]]) -> None:
    """Look at activities for the whole net at once, as given, for a good place to start."""
    plain = dict(search.choices)
    for activity in starts:
        search.offer(
            {name: replace(plain[name], activity=value) for name, value in activity.items()}
        )


def search_layers(search: Search, joined: Sequence[frozenset[str]], last: frozenset[str]) -> None:
    """Change one thing at a time, layer by layer: lower bound, activity, clipping, rounding.

    Args:
        joined: names of layers whose activity may change, in groups that must change together.
        last: the layers whose spikes leave the chip; nobody weighs their spikes, so more of them
            are cheap and decide more finely.
    """
    names = list(search.choices)
    for bound in LOWER_BOUNDS:
        search.offer({n: replace(search.choices[n], lower_bound=bound) for n in names})
    for group in joined:
        steps = ACTIVITY_STEPS if not group & last else (*ACTIVITY_STEPS, 4.0, 8.0)
        for step in steps:
            search.offer(
                {
                    name: replace(
                        search.choices[name], activity=search.choices[name].activity * step
                    )
                    for name in group
                }
            )
    for name in names:
        for choice in _ways(search.choices[name]):
            search.offer({name: choice})


def _ways(choice: LayerChoice) -> Iterator[LayerChoice]:
    for bound in LOWER_BOUNDS:
        if bound != choice.lower_bound:
            yield replace(choice, lower_bound=bound)
    for clip in CLIPS:
        if clip != choice.clip:
            yield replace(choice, clip=clip)
    yield replace(choice, rounding="fitted")
