"""The gateway: validates, routes, protects and annotates calls; never computes."""

import os

# The server forks to start Triton; gRPC's own fork handlers would only warn about it. Read when grpc is imported.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
