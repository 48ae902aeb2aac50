# The gateway: routes calls to a Triton that runs elsewhere. No torch, no model code in memory, no root.
#
#   docker build -f deploy/gateway.Dockerfile -t segue/gateway:0.1.0 .
#   docker run --rm -p 8700:8700 -e SEGUE_TRITON=HOST:8001 --read-only --tmpfs /tmp --tmpfs /var/lib/segue:uid=10001 segue/gateway:0.1.0
#
# PLUGINS: further distributions with algorithms, as pip names them; the model server needs the same.

FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY server server
COPY plugins plugins
COPY clients clients
ARG PLUGINS=""
# shellcheck disable=SC2086 # PLUGINS is a list of words
RUN python -m venv /opt/segue \
    && /opt/segue/bin/pip install --no-cache-dir -c constraints.txt '.[server,postgres]' $PLUGINS
# A plugin that drags torch into the gateway is refused here, not found later by the size of the image.
RUN /opt/segue/bin/python -c "import importlib.util, sys; sys.exit('torch' if importlib.util.find_spec('torch') else 0)"

FROM python:3.11-slim-bookworm
COPY --from=build /opt/segue /opt/segue
RUN install --directory --owner=10001 --group=10001 /var/lib/segue
ENV PATH=/opt/segue/bin:$PATH \
    HOME=/tmp \
    PYTHONUNBUFFERED=1 \
    SEGUE_ADDRESS=0.0.0.0:8700 \
    SEGUE_METRICS_ADDRESS=0.0.0.0:8701 \
    SEGUE_HEALTH_ADDRESS=0.0.0.0:8702 \
    SEGUE_STORE=/var/lib/segue/store
# A number, so that Kubernetes can see that it is not root.
USER 10001:10001
EXPOSE 8700 8701 8702
STOPSIGNAL SIGTERM
# SEGUE_TRITON, or `--triton HOST:PORT` as an argument, names the Triton.
ENTRYPOINT ["segue", "serve"]
