import os
import threading
import time
from pathlib import Path

from segue.plugin_api import InvalidField
from segue.plugin_api.python_model import MessageModel
from segue.v1 import generate_pb2


class Dying(MessageModel):
    request_type = generate_pb2.GenerateRequest

    def load(self, artifacts, device):
        self.calls = 0

    def answer(self, items):
        os._exit(1)


class Mortal(Dying):
    def load(self, artifacts, device):
        super().load(artifacts, device)
        marker = Path(os.environ.get("MORTAL_HANGS_UNLESS_THERE", "/"))
        if not marker.exists():
            marker.touch()
            threading.Event().wait()

    def answer(self, items):
        self.calls += 1
        return [self.compose(item.request.theme, len(items)) for item in items]

    def compose(self, theme, batch):
        """The bars of the piece say how many executions there were, its tempo how large this batch was."""
        if theme == "die":
            os._exit(1)
        if theme == "crash":
            raise RuntimeError("secret in /etc/passwd")
        if theme == "refuse":
            raise InvalidField("theme", "is 'refuse', must be something else")
        if theme.startswith("sleep"):
            time.sleep(float(theme.split()[1]))
        return generate_pb2.GenerateResponse(pieces=[generate_pb2.Piece(bars=self.calls, tempo=batch)])
