# spinepnp in a container: docs/container.md. Built without a daemon by containers/build, with `docker build .` too.

FROM debian:trixie-slim AS system
# What gmsh and off-screen pictures load, and a C compiler with Python.h for the equations; the same list as in ./spine.
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      ca-certificates gcc libc6-dev libgl1 libglu1-mesa libegl1 libxft2 libxcursor1 libxinerama1 \
      python3-venv python3-dev \
 && apt-get clean && rm -rf /var/lib/apt/lists/* \
 # Not for compiling equations: link-time optimisation, sanitizers, Python as a static archive. 133 MB.
 && rm -f /usr/bin/*-lto-dump-* /usr/libexec/gcc/*/*/lto1 /usr/lib/*/lib*san.so.* /usr/lib/gcc/*/*/lib*san.a \
      /usr/lib/python3*/config-*/libpython*.a
ENV PATH=/opt/venv/bin:$PATH \
    HOME=/tmp \
    OMP_NUM_THREADS=1 \
    PYTHONUNBUFFERED=1 \
    PYTHONSAFEPATH=1 \
    VTK_DEFAULT_OPENGL_WINDOW=vtkEGLRenderWindow

# For work on spinepnp itself (.devcontainer): both locks, the checkout is mounted.
FROM system AS devel
RUN apt-get update && apt-get install -y --no-install-recommends git && apt-get clean && rm -rf /var/lib/apt/lists/*
COPY requirements.lock requirements-dev.lock /opt/
RUN python3 -m venv /opt/venv \
 && pip install --no-cache-dir --require-hashes -r /opt/requirements.lock -r /opt/requirements-dev.lock
ENV HOME=/root

FROM system AS runtime
COPY requirements.lock /opt/
# The packages are a layer of their own, which a change of the code does not touch.
RUN python3 -m venv /opt/venv \
 && pip install --no-cache-dir --require-hashes -r /opt/requirements.lock \
 && find /opt/venv/lib -type d -name tests -prune -exec rm -rf {} + \
 # What nothing here loads (VTK's accelerators, Arrow's network), and symbols of the largest packages that come with them.
 # Only these five are stripped: strip may break libraries that a wheel's maker patched after linking (NAME.libs). Then it must load.
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
# Where the verbs list and validate look for them.
RUN ln -s /cases "$(python3 -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/cases"
# Kernels for any x86-64 processor. They, and meshes, are kept below $HOME/.cache: mount a volume there to keep them.
ENV SPINEPNP_KERNELS=portable \
    PYTHONDONTWRITEBYTECODE=1
RUN useradd --uid 1000 --no-create-home --home-dir /tmp spine \
 && mkdir /results && chown spine /results
USER 1000
WORKDIR /results
ENTRYPOINT ["spinepnp"]
CMD ["--help"]
