# Two images with the same commands, those of `colorgan --help`:
#
#   docker build --target cpu -t colorgan:cpu .
#   docker build --target gpu -t colorgan:gpu .      for x86-64 and NVIDIA cards from GTX 10xx on
#
#   mkdir -p runs && docker run --rm -v "$PWD/runs:/runs" colorgan:cpu
#   docker run --rm colorgan:cpu --help
#
# Any builder will do, BuildKit or the classic one. Nothing is fetched but Debian's and Python's packages:
# Caffe's source is checked by its sha256, Python packages are pinned by version; Debian's are those of the
# day, with their security fixes. To pin them as well, give DEBIAN and CUDA a digest (name:tag@sha256:...).

ARG DEBIAN=debian:bookworm-slim
# CUDA 12.9 is the last that compiles for GTX 10xx (sm_61), and cuDNN 9.10 the last that knows these cards; with a
# later one of either, the image is for GTX 16xx and later, and the programs say so on older cards. NVIDIA
# makes no CUDA images of Debian: toolkit and cuDNN are copied out of Ubuntu's, whose glibc is older than Debian
# 12's, so that compiler, Python and Caffe's libraries are the CPU image's.
ARG CUDA=nvidia/cuda:12.9.1-cudnn-devel-ubuntu22.04

# ---- What the images run with: the libraries of Caffe and Python, Open MPI, no compiler ----
FROM ${DEBIAN} AS runtime
# hadolint ignore=DL3008
RUN apt-get update \
  && apt-get install -y --no-install-recommends \
    libboost-filesystem1.74.0 \
    libboost-python1.74.0 \
    libboost-thread1.74.0 \
    libgflags2.2 \
    libgomp1 \
    libgoogle-glog0v6 \
    libhdf5-103-1 \
    libhdf5-hl-100 \
    liblmdb0 \
    libopenblas0-openmp \
    libprotobuf32 \
    openmpi-bin \
    python3 \
    tini \
  && rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
  && useradd --uid 1000 --home-dir /home/colorgan --no-create-home colorgan \
  && install -d -o colorgan -g colorgan -m 1777 /home/colorgan /runs
# Whoever the programs run as may write to HOME and /runs. Faces are packed beside the runs made from them.
ENV HOME=/home/colorgan \
  MPLCONFIGDIR=/home/colorgan/.config/matplotlib \
  PYTHONDONTWRITEBYTECODE=1 \
  PYTHONUNBUFFERED=1 \
  PYTEST_ADDOPTS="-p no:cacheprovider" \
  RUFF_NO_CACHE=true \
  OUT=/runs \
  DATA=/runs/data
# Open MPI would refuse root, whose the mounted folder may be, and have each process use one core.
ENV OMPI_ALLOW_RUN_AS_ROOT=1 \
  OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 \
  OMPI_MCA_hwloc_base_binding_policy=none
WORKDIR /runs
EXPOSE 8064
# There is no USER: the entry point takes the mounted folder's owner, which only root can, and keeps none of root's
# privileges. tini passes signals on to all that a command runs, so that Ctrl-C and docker stop reach a training.
ENTRYPOINT ["tini", "-g", "--", "/opt/colorgan/tools/docker/entrypoint.sh"]
LABEL org.opencontainers.image.title="colorgan" \
  org.opencontainers.image.description="A Caffe reproduction of GAN-based colorization of 64x64 face images" \
  org.opencontainers.image.version="0.1.0" \
  org.opencontainers.image.licenses="MIT"

# ---- The project's files, readable whatever the checkout's modes ----
FROM ${DEBIAN} AS project
WORKDIR /opt/colorgan
COPY . .
RUN chmod -R u=rwX,go=rX .

# ---- Only what set-up reads, so that other changes do not rebuild Caffe ----
FROM ${DEBIAN} AS setup
WORKDIR /opt/colorgan
COPY LICENSE pyproject.toml setup.py requirements*.txt ./
COPY python/colorgan/__init__.py python/colorgan/
COPY tools/build_caffe.sh tools/setup.sh tools/
COPY tools/caffe tools/caffe

# ---- cpu ----
FROM setup AS cpu-setup
RUN PIP_NO_CACHE_DIR=1 bash tools/setup.sh && touch .venv/.image

FROM runtime AS cpu
COPY --from=cpu-setup /opt/colorgan/.venv /opt/colorgan/.venv
COPY --from=project /opt/colorgan /opt/colorgan
# Fails if a library is missing; leaves matplotlib's list of fonts and the compiled modules, which it would make at
# every start.
RUN /opt/colorgan/.venv/bin/python -c \
    "import matplotlib.font_manager; from colorgan.nets.runtime import load_caffe; load_caffe()" \
  && /opt/colorgan/.venv/bin/python -m compileall -q /opt/colorgan/python \
  && chmod 1777 /home/colorgan/.config "$MPLCONFIGDIR"

# ---- gpu: the same with CUDA ----
FROM ${CUDA} AS cuda
# cuDNN in one folder, and what Caffe runs with, of all that it is built with. What links cuDNN's files to
# their names here are Debian alternatives, which are not copied.
RUN mkdir -p /opt/cudnn/include /opt/cudnn/lib /opt/cuda-runtime/lib64 \
  && find /usr/include -name 'cudnn*.h' -exec cp -L -t /opt/cudnn/include {} + \
  && cp -a /usr/lib/x86_64-linux-gnu/libcudnn*.so.9* /opt/cudnn/lib/ \
  && ln -s libcudnn.so.9 /opt/cudnn/lib/libcudnn.so \
  && for library in cudart cublas cublasLt curand nvrtc nvrtc-builtins; do \
    cp -a "/usr/local/cuda/lib64/lib$library.so".* /opt/cuda-runtime/lib64/ || exit 1; done

FROM setup AS gpu-setup
COPY --from=cuda /usr/local/cuda /usr/local/cuda
COPY --from=cuda /opt/cudnn /opt/cudnn
RUN PIP_NO_CACHE_DIR=1 CUDA=1 CUDA_HOME=/usr/local/cuda CUDNN_ROOT=/opt/cudnn bash tools/setup.sh \
  && touch .venv/.image

FROM runtime AS gpu
# reproduce trains on the first GPU; NVIDIA's container toolkit reads the last two. How convolutions are computed
# is kept beside the runs, so that they can be repeated to the bit.
ENV GPU=0 \
  CAFFE_CONVOLUTION_PLANS=/runs/convolutions.txt \
  NVIDIA_VISIBLE_DEVICES=all \
  NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=cuda /opt/cuda-runtime/lib64 /usr/local/cuda/lib64
COPY --from=cuda /opt/cudnn/lib /opt/cudnn/lib
COPY --from=gpu-setup /opt/colorgan/.venv /opt/colorgan/.venv
COPY --from=project /opt/colorgan /opt/colorgan
RUN printf '%s\n' /usr/local/cuda/lib64 /opt/cudnn/lib > /etc/ld.so.conf.d/cuda.conf \
  && ldconfig \
  && /opt/colorgan/.venv/bin/python -c \
    "import matplotlib.font_manager; from colorgan.nets.runtime import load_caffe; load_caffe()" \
  && /opt/colorgan/.venv/bin/python -m compileall -q /opt/colorgan/python \
  && chmod 1777 /home/colorgan/.config "$MPLCONFIGDIR"
