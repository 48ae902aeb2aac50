"""Run by test_listening.py as a process of its own, to be killed: a gateway that records plays, or a sender of plays.

serve DATABASE_URL KEY_FILE   says its address, then serves until it is killed
send ADDRESS NOTE TOTAL       sends the plays that the file NOTE does not know yet, and notes there what is acknowledged
"""

import asyncio
import os
import sys
from pathlib import Path

import grpc
from segue.v1 import listening_pb2, listening_pb2_grpc

A_MESSAGE = 1000
LISTENERS = 97


def play(number):
    return listening_pb2.Play(event_id=f"e{number}", listener_id=f"l{number % LISTENERS}", track_id=f"t{number}")


async def serve(url, key_file):
    # Here, so that a sender starts fast.
    from segue.server.database import open_database
    from segue.server.envelope import Envelope
    from segue.server.listener_key import open_listener_key
    from segue.server.listening import ListeningService
    from segue.server.plays import PlayStore
    from segue.server.settings import Settings

    database = await open_database(url)
    store = PlayStore(database, await open_listener_key(Path(key_file), database))
    server = grpc.aio.server(interceptors=[Envelope(Settings(), admin_open=False)])
    listening_pb2_grpc.add_ListeningServiceServicer_to_server(ListeningService(store), server)
    sys.stdout.write(f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}\n")
    await server.start()
    sys.stdout.flush()
    await server.wait_for_termination()


def send(address, note, total):
    note = Path(note)
    first = len(note.read_bytes()) * A_MESSAGE if note.exists() else 0
    starts = range(first, int(total), A_MESSAGE)
    messages = (
        listening_pb2.StreamPlaysRequest(plays=[play(number) for number in range(start, start + A_MESSAGE)])
        for start in starts
    )
    with grpc.insecure_channel(address) as channel, note.open("ab", buffering=0) as file:
        for start, done in zip(
            starts, listening_pb2_grpc.ListeningServiceStub(channel).StreamPlays(messages), strict=True
        ):
            assert done.recorded + done.duplicates == A_MESSAGE, (start, done)
            os.write(file.fileno(), b".")


if __name__ == "__main__":
    role, *arguments = sys.argv[1:]
    if role == "serve":
        asyncio.run(serve(*arguments))
    else:
        send(*arguments)
