"""Notes as arrays, and the forms in which they travel: shared by the algorithms."""

from segue.music.messages import (
    music_to_piece,
    piece_to_notes,
    piece_to_score,
    place,
    places,
    score_to_piece,
    to_key,
)
from segue.music.midi import midi_to_piece
from segue.music.midi_writer import piece_to_midi
from segue.music.piece import Control, KeySignature, Meter, Piece, Syllable, Tempo, TrackInfo

__all__ = [
    "Control",
    "KeySignature",
    "Meter",
    "Piece",
    "Syllable",
    "Tempo",
    "TrackInfo",
    "midi_to_piece",
    "music_to_piece",
    "piece_to_midi",
    "piece_to_notes",
    "piece_to_score",
    "place",
    "places",
    "score_to_piece",
    "to_key",
]
