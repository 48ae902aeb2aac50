"""Where the command ``segue`` starts: before anything imports grpc, which reads its environment then."""

import os

# 'segue serve' forks to start Triton; gRPC's own fork handlers would only warn about it, in a line that is no JSON.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

from segue.client.cli import main

__all__ = ["main"]
