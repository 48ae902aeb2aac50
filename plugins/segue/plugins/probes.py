"""What the probes of algorithms that compose see to."""

from __future__ import annotations

from segue.v1 import generate_pb2


def want_likely_piece(response: generate_pb2.GenerateResponse, bars: int, floor: float) -> None:
    """See that one piece of so many bars came, as MIDI, and that its notes were likely ones.

    Parameters
    ----------
    response
        What came.
    bars
        How many were asked for.
    floor
        Log-likelihood a note that likely notes are above.

    Raises
    ------
    ValueError
        If it is not so.
    """
    found = [piece.bars for piece in response.pieces]
    if found != [bars]:
        raise ValueError(f"got pieces of {found} bars, must be [{bars}]")
    piece = response.pieces[0]
    if not piece.music.midi.startswith(b"MThd") or not floor < piece.log_likelihood < 0:
        raise ValueError(f"the piece is no MIDI file or unlikely: log-likelihood {piece.log_likelihood:.3f} a note")
