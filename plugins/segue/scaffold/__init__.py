"""Starts a project for an algorithm: ``segue new`` writes it, with a model that its own ``segue train`` made."""

from segue.scaffold.project import KINDS, write_project
from segue.scaffold.weights import train_shipped

__all__ = ["KINDS", "train_shipped", "write_project"]
