"""An algorithm that keeps every promise, and for each check one that breaks it and no other."""

import asyncio
import time
from typing import ClassVar

from pydantic import ConfigDict
from segue.plugin_api import Generator, Options, StreamingGenerator, hookimpl, message_model
from segue.v1 import generate_pb2

MODEL = message_model("bad", "segue_plugin_bad.model:BadModel", trained=False)


async def compose(request, call, vice=""):
    """Have the model compose; ``vice`` is what it does wrong."""
    return await call.message("bad", request, generate_pb2.GenerateResponse, Raw(vice))


class Raw:
    """Bytes in the place of a message."""

    def __init__(self, text):
        self.text = text

    def SerializeToString(self):
        return self.text.encode()


class Blameless(Generator):
    name = "blameless"
    version = "1.0"
    summary = "Keeps every promise"
    models = (MODEL,)
    limits: ClassVar = {"bars": 512}

    async def generate(self, request, call):
        return await compose(request, call, self.name.removeprefix("bad-"))

    def probe(self):
        return generate_pb2.GenerateRequest(bars=2)

    def check_probe(self, response):
        if not response.pieces:
            raise ValueError("no piece")


class BlamelessStream(StreamingGenerator, Blameless):
    name = "blameless-stream"
    summary = "Keeps every promise, bar by bar"

    async def generate(self, request, call):
        return await compose(request, call)

    async def generate_stream(self, request, call):
        complete = await compose(request, call)
        for number in self.bars():
            yield generate_pb2.GenerateStreamResponse(bar=generate_pb2.Bar(number=number, total=2))
        yield generate_pb2.GenerateStreamResponse(complete=complete)

    def bars(self):
        return (1, 2)


class Catalog(Blameless):
    name = "bad-catalog"
    summary = ""


class Verb(Blameless):
    name = "bad-verb"
    summary = "Composes one piece, however many are asked for"


class Stream(BlamelessStream):
    name = "bad-stream"
    summary = "Its second bar comes before its first"

    def bars(self):
        return (2, 1)


class LooseOptions(Options):
    model_config = ConfigDict(extra="allow", frozen=True)


class LooseOption(Blameless):
    name = "bad-options"
    summary = "Ignores options it does not know"
    Options = LooseOptions


class Wishes(Blameless):
    name = "bad-wishes"
    summary = "Ignores the theme"

    async def generate(self, request, call):
        heard = generate_pb2.GenerateRequest()
        heard.CopyFrom(request)
        heard.ClearField("theme")
        return await compose(heard, call)


class BadInput(Blameless):
    name = "bad-bad-input"
    summary = "Falls over a MIDI file that is none"


class Seed(Blameless):
    name = "bad-seed"
    summary = "Draws from a generator of its own"


class Concurrency(Blameless):
    name = "bad-concurrency"
    summary = "Answers every item of a batch as the first"


class Responsive(Blameless):
    name = "bad-responsive"
    summary = "Sleeps in the gateway"

    async def generate(self, request, call):
        if call.seed == 102:
            time.sleep(1.5)  # noqa: ASYNC251 - that is what is wrong with it
        return await compose(request, call)


class Slow(BlamelessStream):
    """Takes a twentieth of a second, and tidies up at length for callers who go away, ten in a row at most."""

    given_up = 0

    async def work(self):
        await asyncio.sleep(0.05)
        self.given_up = 0

    def tidy_up(self):
        if self.given_up < 10:
            time.sleep(0.3)
        self.given_up += 1


class Cancellation(Slow):
    name = "bad-cancellation"
    summary = "Keeps the gateway busy when a stream is given up"

    async def generate_stream(self, request, call):
        try:
            yield generate_pb2.GenerateStreamResponse(bar=generate_pb2.Bar(number=1, total=2))
            for _ in range(20):
                await self.work()
            yield generate_pb2.GenerateStreamResponse(complete=await compose(request, call))
        except (asyncio.CancelledError, GeneratorExit):
            self.tidy_up()
            raise


class Deadline(Slow):
    name = "bad-deadline"
    summary = "Keeps the gateway busy when a call runs out of time"

    async def generate(self, request, call):
        try:
            await self.work()
            return await compose(request, call)
        except asyncio.CancelledError:
            self.tidy_up()
            raise


class Leak(Blameless):
    name = "bad-leak"
    summary = "Keeps something of every request"


@hookimpl
def register_algorithms():
    return [
        Blameless(),
        BlamelessStream(),
        Catalog(),
        Verb(),
        Stream(),
        LooseOption(),
        Wishes(),
        BadInput(),
        Seed(),
        Concurrency(),
        Responsive(),
        Cancellation(),
        Deadline(),
        Leak(),
    ]
