"""Tasks that one job of a benchmark can run, by name (see `worker`). Every function here is collective."""

from __future__ import annotations

from benchmarks.accuracy import accuracy
from benchmarks.batches import batch, memory
from benchmarks.cables import rallpack
from benchmarks.chemistry import chemistry
from benchmarks.files import files
from benchmarks.formulations import formulations, large_formulations
from benchmarks.formulations_in_time import formulations_in_time
from benchmarks.iterations import krylov
from benchmarks.meshes import meshes
from benchmarks.messages import messages
from benchmarks.neurons import neuron
from benchmarks.peer import peer_cylinder, peer_neuron
from benchmarks.peer_equal import peer_equal, peer_ranks, peer_threads
from benchmarks.precision import precision
from benchmarks.start import start
from benchmarks.steady import solve
from benchmarks.transients import transient
from benchmarks.wide import wide_channels, wide_chemistry, wide_species

#: Every task by its name.
TASKS = {task.__name__: task for task in (
    accuracy, batch, chemistry, files, formulations, formulations_in_time, krylov, large_formulations, memory, meshes,
    messages, neuron, peer_cylinder, peer_equal, peer_neuron, peer_ranks, peer_threads, precision, rallpack, solve,
    start, transient, wide_channels, wide_chemistry, wide_species,
)}  # fmt: skip
