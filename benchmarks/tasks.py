"""Tasks that one job of a benchmark can run, by name (see `worker`). Every function here is collective."""

from __future__ import annotations

from benchmarks.accuracy import accuracy
from benchmarks.batches import batch, memory
from benchmarks.files import files
from benchmarks.iterations import krylov
from benchmarks.meshes import meshes
from benchmarks.neurons import neuron
from benchmarks.peer import peer_cylinder, peer_neuron
from benchmarks.precision import precision
from benchmarks.start import start
from benchmarks.steady import solve
from benchmarks.transients import transient

#: Every task by its name.
TASKS = {task.__name__: task for task in (
    accuracy, batch, files, krylov, memory, meshes, neuron, peer_cylinder, peer_neuron, precision, solve, start,
    transient,
)}  # fmt: skip
