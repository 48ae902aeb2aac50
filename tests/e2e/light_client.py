"""What an application does with nothing but the SDK. Run as a script: light_client.py ADDRESS."""

import importlib.util
import sys

from segue.client import Client

for heavy in ("torch", "tritonclient", "numpy"):
    assert importlib.util.find_spec(heavy) is None, f"{heavy} is installed"

with Client(sys.argv[1]) as client:
    answer = client.recommend(listener_id="2", count=3)
    assert all(track.title and track.reason for track in answer.recommendations)
    print("recommend")
    piece = client.generate(bars=4, seed=1).pieces[0]
    assert piece.music.midi.startswith(b"MThd")
    print("generate")
    polished = client.transfer(piece.music, polish=True)
    assert polished.music.midi.startswith(b"MThd")
    print("transfer")
    assert client.analyze(piece.music).key.confidence > 0
    print("analyze")
