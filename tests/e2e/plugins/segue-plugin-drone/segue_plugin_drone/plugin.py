"""The smallest useful plugin: composes a drone on the tonic that was asked for."""

from segue.plugin_api import Generator, hookimpl, message_model
from segue.v1 import generate_pb2


class Drone(Generator):
    name = "drone"
    version = "1.0"
    summary = "A drone on the tonic"
    models = (message_model("drone", "segue_plugin_drone.model:DroneModel", trained=False),)

    async def generate(self, request, call):
        return await call.message("drone", request, generate_pb2.GenerateResponse)

    def probe(self):
        return generate_pb2.GenerateRequest(bars=1)

    def check_probe(self, response):
        if not response.pieces[0].music.score.tracks[0].notes:
            raise ValueError("the drone is silent")


@hookimpl
def register_algorithms():
    return [Drone()]
