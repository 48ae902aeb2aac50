# The model server: NVIDIA's Triton with the model halves of the algorithms and their model repository in /models.
#
#   docker build -f deploy/model-server.Dockerfile -t segue/model-server:0.1.0-cpu .
#   docker build -f deploy/model-server.Dockerfile -t segue/model-server:0.1.0-gpu \
#       --build-arg DEVICE=gpu --build-arg TORCH_INDEX=https://pypi.org/simple .
#
# TRITON 26.09 is Triton 2.73.0, the release of the tritonclient that the gateway pins (constraints.txt). A tag before
# 24.11 (Triton 2.51 and older, as the embedded one) can't serve: its Python is 3.10 and Segue needs 3.11. The plain
# -py3 image holds every native backend, so that a model may name onnxruntime, pytorch or tensorrt.
ARG TRITON=26.09

FROM nvcr.io/nvidia/tritonserver:${TRITON}-py3 AS build
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY server server
COPY plugins plugins
COPY clients clients
# cpu or gpu: where the model repository places instances; TORCH_INDEX has the torch that goes with it.
ARG DEVICE=cpu
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
ARG PLUGINS=""
# An environment of our own, by the image's interpreter (which lacks ensurepip): nothing of the image is replaced.
# shellcheck disable=SC2086 # PLUGINS is a list of words
RUN python3 -m venv --without-pip /opt/segue \
    && python3 -m pip --python /opt/segue/bin/python install --no-cache-dir --extra-index-url "$TORCH_INDEX" \
        -c constraints.txt '.[server,models]' $PLUGINS
RUN /opt/segue/bin/segue models export --out /models --device "$DEVICE"

FROM nvcr.io/nvidia/tritonserver:${TRITON}-py3
COPY --from=build /opt/segue /opt/segue
COPY --from=build /models /models
# Triton's Python backend ignores PYTHONPATH: it finds its packages by the python on the PATH.
ENV PATH=/opt/segue/bin:$PATH \
    HOME=/tmp \
    PYTHONUNBUFFERED=1
# Stock image user triton-server, as a number.
USER 1000:1000
EXPOSE 8001 8002
STOPSIGNAL SIGTERM
# NVIDIA's entrypoint makes newer CUDA run on older drivers. What these flags are for:
#   explicit + load-model=*    all models at start, then reloads on demand, by the gateway
#   exit-on-error=false        one model that fails to load leaves the others serving
#   strict-readiness=false     ... and leaves the server ready (triton-inference-server/server#7014)
#   allow-http=false           the gateway speaks gRPC; what is not open can't be attacked
ENTRYPOINT ["/opt/nvidia/nvidia_entrypoint.sh", "tritonserver", \
            "--model-control-mode=explicit", "--load-model=*", "--exit-on-error=false", "--strict-readiness=false", \
            "--allow-http=false", "--grpc-port=8001", "--metrics-port=8002", "--metrics-config=summary_latencies=true"]
# What a deployment chooses.
CMD ["--model-repository=/models", "--exit-timeout-secs=45"]
