"""Result directories without a run, for pictures, and the look of a picture."""

import csv

import matplotlib.image


def write_results(directory, case, rows):
    directory.mkdir(exist_ok=True)
    (directory / "case.toml").write_text(case.to_toml())
    with (directory / "observables.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(dict.fromkeys(key for row in rows for key in row)))
        writer.writeheader()
        writer.writerows(rows)


def write_fields(directory, times, grids):
    """Fields at times as a transient leaves them."""
    (directory / "fields").mkdir(parents=True)
    entries = ""
    for i, (time, grid) in enumerate(zip(times, grids, strict=True)):
        grid.save(directory / "fields" / f"{i:04d}.vtu")
        entries += f'<DataSet timestep="{time}" part="0" file="fields/{i:04d}.vtu"/>'
    (directory / "fields.pvd").write_text(
        f'<?xml version="1.0"?><VTKFile type="Collection"><Collection>{entries}</Collection></VTKFile>'
    )


def is_png(path):
    image = matplotlib.image.imread(path)
    return min(image.shape[:2]) > 300 and image[..., :3].std() > 0.02
