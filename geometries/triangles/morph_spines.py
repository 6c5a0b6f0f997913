"""Reader of morph-spines HDF5 files, run as a program of its own: h5py and DOLFINx bring different HDF5 libraries.

    python morph_spines.py FILE [NUMBER]

writes one spine (arrays points, triangles) or, without a number, the number of spines as an npz file to standard
output. A reason why not goes to standard error, with exit code 2.
"""

import io
import sys

import numpy as np


def main(path: str, number: int | None) -> None:
    """Write a spine, or how many there are; exit with a reason where that is impossible."""
    try:
        import h5py  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError:
        sys.exit(_refused("needs h5py: pip install 'spinepnp[surface]'"))
    result = io.BytesIO()
    try:
        with h5py.File(path) as file:
            meshes = file.get("spines/meshes") or {}
            fitting = [name for name in meshes if {"vertices", "triangles", "offsets"} <= set(meshes[name])]
            if not fitting:
                sys.exit(_refused("has no spines/meshes/NAME with vertices, triangles, offsets; give morph-spines"))
            group = meshes[fitting[0]]
            offsets = group["offsets"][:]
            if number is None:
                np.savez(result, count=len(offsets) - 1)
            elif not 0 <= number < len(offsets) - 1:
                sys.exit(_refused(f"has no spine {number}; give 0 to {len(offsets) - 2}"))
            else:
                (v0, t0), (v1, t1) = offsets[number], offsets[number + 1]
                np.savez(result, points=group["vertices"][v0:v1], triangles=group["triangles"][t0:t1])
    except (OSError, KeyError, ValueError, TypeError):
        sys.exit(_refused("is no HDF5 file, or damaged; give a morph-spines file"))
    sys.stdout.buffer.write(result.getvalue())


def _refused(reason: str) -> int:
    sys.stderr.write(reason)
    return 2


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else None)
