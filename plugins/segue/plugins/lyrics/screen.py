"""Words that no answer holds, and that take no part in training.

The training texts are of 1750-1930: some carry racial terms of their time. The list, ``screened.txt``, errs on the side
of leaving out: slurs and demeaning terms for peoples, sexual and scatological terms, and a few words that are harmless
elsewhere but mostly were terms of abuse in these texts. It holds whole words, in lower case; ``is_offensive`` also
looks at possessives, and at whatever contains the strongest.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

SCREENED: Final = Path(__file__).parent / "screened.txt"
OFFENSIVE: Final = frozenset(SCREENED.read_text(encoding="utf-8").split())
_STEMS: Final = re.compile(r"nigg[aeu]|pic+an+in|darke?y|fuck|cunt|shit(?!t)|whor(?:e|ing)|bitch|faggot|\bcoons?\b")


def is_offensive(word: str) -> bool:
    """Return whether a word, in lower case, is screened out."""
    return word in OFFENSIVE or word.removesuffix("'s") in OFFENSIVE or bool(_STEMS.search(word))
