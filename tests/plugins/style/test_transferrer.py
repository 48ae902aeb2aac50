from segue.plugins.style.transferrer import _as_it_came
from segue.v1 import music_pb2, transfer_pb2


def test_at_strength_0_the_file_comes_back_with_what_reading_it_loses():
    request = transfer_pb2.TransferRequest(music=music_pb2.Music(midi=b"the file"), style="rock", strength=0)
    made = transfer_pb2.TransferResponse(music=music_pb2.Music(midi=b"read and written"))
    made.notices.add(subject="music.midi", text="Not kept: 3 pitch bends.")
    made.notices.add(subject="style", text="Of it.")
    same = _as_it_came(request, transfer_pb2.TransferResponse.FromString(made.SerializeToString()))
    assert same.music.midi == b"the file"
    assert [notice.subject for notice in same.notices] == ["style"]
    request.strength = 0.1
    assert _as_it_came(request, transfer_pb2.TransferResponse.FromString(made.SerializeToString())) == made
    request.ClearField("strength")  # absent is all the way
    assert _as_it_came(request, transfer_pb2.TransferResponse.FromString(made.SerializeToString())) == made
    score = transfer_pb2.TransferRequest(music=music_pb2.Music(score=music_pb2.Score()), style="rock", strength=0)
    assert _as_it_came(score, made).music.midi == b"read and written"
