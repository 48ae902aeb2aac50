"""Everything trained that the polish uses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from segue.plugins.polish import dynamics, likelihood, network, quality
from segue.plugins.polish.dynamics import Dynamics
from segue.plugins.polish.infill import Infiller
from segue.plugins.polish.likelihood import Likelihood
from segue.plugins.polish.network import Network
from segue.plugins.polish.quality import Quality


@dataclass(frozen=True)
class Models:
    """What a version holds.

    Attributes
    ----------
    networks
        What proposes pitches and notes.
    likelihood
        What judges proposals.
    dynamics
        What shapes loudness.
    quality
        What ranks pieces.
    infiller
        What fills in four voices; None, in a version without it, leaves the pitches to ``networks`` alone.
    """

    networks: Mapping[str, Network]
    likelihood: Likelihood
    dynamics: Dynamics
    quality: Quality
    infiller: Infiller | None


def load(artifacts: Path) -> Models:
    """Read what the trainer wrote.

    Raises
    ------
    ValueError
        If something is missing or of another shape than this code needs.
    """
    return Models(
        network.load(artifacts),
        likelihood.load(artifacts),
        dynamics.load(artifacts),
        quality.load(artifacts),
        Infiller.load(artifacts),
    )
