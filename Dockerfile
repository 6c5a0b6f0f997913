# spinepnp in a container: docs/container.md. containers/build builds it without a daemon; `docker build .` works, too.

FROM debian:trixie-slim AS system
# Libraries for gmsh and off-screen pictures, and a C compiler with Python.h for the equations; ./spine has this list, too.
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      ca-certificates gcc libc6-dev libgl1 libglu1-mesa libegl1 libxft2 libxcursor1 libxinerama1 \
      python3-venv python3-dev \
 && apt-get clean && rm -rf /var/lib/apt/lists/* \
 # The compilation of equations does not need link-time optimisation, sanitizers, Python as a static archive. 133 MB.
 && rm -f /usr/bin/*-lto-dump-* /usr/libexec/gcc/*/*/lto1 /usr/lib/*/lib*san.so.* /usr/lib/gcc/*/*/lib*san.a \
      /usr/lib/python3*/config-*/libpython*.a
ENV PATH=/opt/venv/bin:$PATH \
    HOME=/tmp \
    OMP_NUM_THREADS=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONSAFEPATH=1 \
    VTK_DEFAULT_OPENGL_WINDOW=vtkEGLRenderWindow

# For work on spinepnp itself (.devcontainer): packages of both locks; the checkout is mounted.
FROM system AS devel
RUN apt-get update && apt-get install -y --no-install-recommends git && apt-get clean && rm -rf /var/lib/apt/lists/*
COPY requirements.lock requirements-dev.lock /opt/
RUN python3 -m venv /opt/venv \
 && pip install --no-cache-dir --require-hashes -r /opt/requirements.lock -r /opt/requirements-dev.lock
ENV HOME=/root

FROM system AS runtime
COPY requirements.lock /opt/
# The packages are a layer of their own, which a change of the code does not rebuild.
RUN python3 -m venv /opt/venv \
 && pip install --no-cache-dir --require-hashes -r /opt/requirements.lock \
 && find /opt/venv/lib -type d -name tests -prune -exec rm -rf {} + \
 # Removes unused libraries (VTK's accelerators, Arrow's network) and the symbols of the largest packages.
 # Only these five are stripped: strip may break libraries that were patched after linking (NAME.libs). The last line tests loading.
 && cd "$(python3 -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" \
 && rm -f vtkmodules/*viskores* vtkmodules/*vtkAcceleratorsVTKm* pyarrow/*flight*.so* \
 && sed -i '/VTKm/d' vtkmodules/all.py \
 && find vtkmodules pyarrow llvmlite petsc4py slepc4py -type f -name '*.so*' -exec strip --strip-unneeded {} + \
 && python3 -B -c 'import mpi4py.MPI, slepc4py.SLEPc, numba, pyarrow.dataset, pyarrow.parquet, vtkmodules.all'
COPY pyproject.toml README.md LICENSE COPYING /opt/spinepnp/
COPY spinepnp /opt/spinepnp/spinepnp
COPY geometries /opt/spinepnp/geometries
COPY meshes /opt/spinepnp/meshes
COPY solvers /opt/spinepnp/solvers
COPY validation /opt/spinepnp/validation
RUN pip install --no-cache-dir --no-deps --no-build-isolation /opt/spinepnp && rm -rf /opt/spinepnp
COPY cases /cases
# The verbs list and validate look for the cases there.
RUN ln -s /cases "$(python3 -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/cases"
# Kernels for any x86-64 processor. Kernels and meshes are stored below $HOME/.cache: mount a volume there to keep them.
ENV SPINEPNP_KERNELS=portable \
    PYTHONDONTWRITEBYTECODE=1
RUN useradd --uid 1000 --no-create-home --home-dir /tmp spine \
 && mkdir /results && chown spine /results
USER 1000
WORKDIR /results
ENTRYPOINT ["spinepnp"]
CMD ["--help"]
