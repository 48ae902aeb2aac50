"""Every figure in this family's README, remade: ``python -m segue.plugins.recommend.report --help``."""
