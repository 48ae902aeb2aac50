"""Two algorithms: the model of one dies at its first inference, that of the other when it is told to."""

from segue.plugin_api import Generator, hookimpl, message_model
from segue.v1 import generate_pb2


class Dying(Generator):
    name = "dying"
    version = "1.0"
    summary = "Its model's process dies at its first inference"
    models = (message_model("dying", "segue_plugin_dying.model:Dying", trained=False),)

    async def generate(self, request, call):
        return await call.message(self.name, request, generate_pb2.GenerateResponse)

    def probe(self):
        return generate_pb2.GenerateRequest()

    def check_probe(self, response):
        if not response.pieces:
            raise ValueError("no piece")


class Mortal(Dying):
    name = "mortal"
    summary = "Its model's process dies when the theme says so, sleeps, fails or leaks likewise"
    models = (message_model("mortal", "segue_plugin_dying.model:Mortal", trained=False),)


@hookimpl
def register_algorithms():
    return [Dying(), Mortal()]
