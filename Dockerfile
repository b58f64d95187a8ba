# One image for the app and its training runs.
#   docker build -t rlhb-studio .                                        CPU torch
#   docker build -t rlhb-studio --build-arg TORCH_INDEX=<wheel index> .  another build, for instance CUDA
#   docker run --rm -p 127.0.0.1:7860:7860 -v rlhb-data:/data rlhb-studio
# With accounts, behind a proxy on the same host (docs/deploy) that comes from the bridge's network:
#   docker run --rm -p 127.0.0.1:7860:7860 -v rlhb-data:/data -e RLHB_TEAM=true -e RLHB_BEHIND_PROXY=true \
#     -e RLHB_TRUSTED_PROXIES=172.16.0.0/12 -e RLHB_PUBLIC_URL=https://label.example.org rlhb-studio
FROM python:3.12-slim

# A wheel index for torch: the CPU builds by default, so that the image stays small.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu

RUN useradd --create-home --uid 1000 rlhb && mkdir /data && chown rlhb /data
WORKDIR /srv/rlhb
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY app app
COPY rlhb_core rlhb_core
COPY static static
RUN pip install --no-cache-dir --constraint constraints.txt --extra-index-url "$TORCH_INDEX" --editable .

USER rlhb
# Inside a container the loopback rule would make the page unreachable; publish the port on loopback outside.
ENV RLHB_HOST=0.0.0.0 RLHB_ALLOW_REMOTE=true RLHB_DATA_DIR=/data PYTHONUNBUFFERED=1
VOLUME /data
EXPOSE 7860
HEALTHCHECK --start-period=40s CMD python -c "import urllib.request as r; r.urlopen('http://127.0.0.1:7860/api/health')"
CMD ["rlhb", "serve"]
