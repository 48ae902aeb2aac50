"""Which drums of the General MIDI kit are which: numbers of the notes that strike them."""

from typing import Final

KICKS: Final = (35, 36)
SNARES: Final = (37, 38, 39, 40)
"""Side stick and hand clap among them: what marks the backbeat."""
CRASHES: Final = (49, 52, 55, 57)
"""Chinese and splash cymbals among them."""
