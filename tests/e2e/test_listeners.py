"""A listener through the whole gateway: recorded, recommended to at once, exported, erased without a trace."""

from segue.v1 import listening_pb2, recommend_pb2

from .server import failure

LISTENER = "listener-of-the-trace-7c1d"


def plays(*tracks):
    return listening_pb2.RecordPlaysRequest(
        plays=[
            listening_pb2.Play(event_id=f"event-{LISTENER}-{track}", listener_id=LISTENER, track_id=track, plays=20)
            for track in tracks
        ]
    )


def ask(server, **fields):
    request = recommend_pb2.RecommendRequest(algorithm="ials", listener_id=LISTENER, count=10, **fields)
    return [track.track_id for track in server.music.Recommend(request).recommendations]


def bytes_below(folder):
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file() and not path.is_socket())


def test_a_play_counts_at_once_and_an_erased_listener_leaves_no_trace(server):
    assert failure(server.music.Recommend, recommend_pb2.RecommendRequest(listener_id=LISTENER))[0] == "NOT_FOUND"
    server.listening.RecordPlays(plays("51", "53"))
    first = ask(server, request_id="kept-7c1d")
    server.listening.RecordPlays(plays("917", "918", "919", "920"))
    assert ask(server) != first
    assert ask(server, request_id="kept-7c1d") == first  # this answer was kept
    exported = list(server.listening.ExportListener(listening_pb2.ExportListenerRequest(listener_id=LISTENER)))
    assert {play.track_id for message in exported for play in message.plays} == {"51", "53", "917", "918", "919", "920"}
    assert f"event-{LISTENER}".encode() in bytes_below(server.folder)

    assert server.listening.EraseListener(listening_pb2.EraseListenerRequest(listener_id=LISTENER)).erased == 6
    assert failure(server.music.Recommend, recommend_pb2.RecommendRequest(listener_id=LISTENER))[0] == "NOT_FOUND"
    kept = recommend_pb2.RecommendRequest(algorithm="ials", listener_id=LISTENER, count=10, request_id="kept-7c1d")
    assert failure(server.music.Recommend, kept)[0] == "NOT_FOUND"
    assert LISTENER.encode() not in bytes_below(server.folder)
