"""The model half: runs on Triton."""

from segue.plugin_api.python_model import MessageModel
from segue.v1 import generate_pb2, music_pb2


class DroneModel(MessageModel):
    request_type = generate_pb2.GenerateRequest

    def load(self, artifacts, device):
        pass

    def answer(self, items):
        return [self.compose(item.request) for item in items]

    def compose(self, request):
        bars = request.bars or 4
        note = music_pb2.Note(start=0, duration=4 * bars, pitch=48 + request.key.tonic, velocity=64)
        score = music_pb2.Score(tracks=[music_pb2.Track(name="Drone", notes=[note])])
        piece = generate_pb2.Piece(music=music_pb2.Music(score=score), bars=bars)
        return generate_pb2.GenerateResponse(pieces=[piece])
