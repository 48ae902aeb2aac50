"""What is measured of a version on the test part."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from segue.plugin_api.training import Report
from segue.plugins.style_vae.artifacts import Artifacts


def reports(made: Artifacts, data: Path, console: Console) -> list[Report]:
    """Measure."""
    return []
