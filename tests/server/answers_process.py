"""Run by test_answers.py as a process of its own: asks for answers, and says which it made and which it got.

Arguments: database URL, key file, claim seconds, how long making an answer takes in seconds, request ids.
"""

import asyncio
import json
import os
import sys
from pathlib import Path

from segue.server.answers import Answers
from segue.server.database import open_database
from segue.server.listener_key import open_listener_key


def say(text):
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


async def main(url, key_file, claim_seconds, seconds, request_ids):
    database = await open_database(url)
    key = await open_listener_key(Path(key_file), database)
    answers = Answers(database, key, claim_seconds=float(claim_seconds))

    async def ask(request_id):
        async def make():
            say(f"makes {request_id}")
            await asyncio.sleep(float(seconds))
            return f"{request_id} by {os.getpid()}".encode()

        key = answers.key("Generate", "", request_id)
        return (await answers.once(key, bytes(32), make, timeout_seconds=30)).decode()

    say("ready")
    sys.stdin.readline()
    say(json.dumps(await asyncio.gather(*(ask(i) for i in 2 * request_ids))))
    await database.close()


asyncio.run(main(*sys.argv[1:5], sys.argv[5:]))
