"""What the network on piano rolls learns before it learns emotion; beside the tasks of all, to reckon the features."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import ClassVar

import numpy as np
import torch
from segue.plugins.score.emotion_lessons import HEARD_IN_ROLL, Lesson, cut_roll
from segue.plugins.score.emotion_nets import ContextNet
from segue.plugins.score.emotion_pretraining import Tasks
from segue.plugins.score.linear import LinearClassifier
from torch import Tensor, nn
from torch.nn import functional


class RollTasks(Tasks):
    """The tasks on rolls.

    Parameters
    ----------
    net
    classifier
        What standardises the features.
    """

    weights: ClassVar[Mapping[str, float]] = {"reckon": 2.0, "find": 0.5, "hear": 2.0}

    def __init__(self, net: ContextNet, classifier: LinearClassifier) -> None:
        super().__init__(net, HEARD_IN_ROLL)
        self._classifier = classifier
        self.reckon = nn.Linear(3 * net.width, len(classifier.mean))

    def draw(self, lessons: Iterable[Lesson], rng: np.random.Generator) -> Sequence[Tensor]:
        """Cut 32 seconds from each lesson.

        Returns
        -------
        rolls
            Shape (batch, 256, 192).
        heard
            What is heard in each half second, shape (batch, 64, 5).
        told
            Standardised features of each roll, shape (batch, 60).
        """
        rows = [cut_roll(lesson.roll, rng) for lesson in lessons]
        rolls, heard, told = (np.stack(column) for column in zip(*rows, strict=True))
        scaled = self._classifier.standardise(told).astype(np.float32)
        return [torch.from_numpy(each) for each in (rolls, heard, scaled)]

    def forward(self, drawn: Sequence[Tensor]) -> Mapping[str, Tensor]:
        """Return what the tasks cost; ``reckon``: the mean Huber loss of a feature, instead of nats."""
        rolls, heard, told = drawn
        context = self.net.follow(rolls)
        reckon = functional.smooth_l1_loss(self.reckon(self.net.pool(context)).float(), told)
        return {"reckon": reckon, **self.costs(context, heard)}
