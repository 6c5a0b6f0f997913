"""Page on the spines of a file: it stands alone, links to each spine, and names what failed."""

import re

from spinepnp.batch.spine_page import COLUMNS, write_spine_page


def spine(number, **changes):
    row = {name: 0.1 * (number + 1) for name, *_ in COLUMNS}
    return {"spine": number, "status": "ok", "reason": "", "mending_volume_change": 0.01} | row | changes


def test_a_page_of_two_spines_and_a_failure(tmp_path):
    rows = [spine(0, G_low_per_um=20.0, G_high_per_um=21.0), spine(1)]
    rows.append({"spine": 2, "status": "failed", "reason": "is <torn>", "seconds": 1.0})
    page = write_spine_page(rows, ["a", "b", "c"], "Spines of x.h5", tmp_path).read_text(encoding="utf-8")
    assert "3 spines: 2 solved, 1 failed" in page
    assert "spine 2: is &lt;torn&gt;" in page
    assert {"a/case.toml", "b/surface.json", "c/surface.json"} <= set(re.findall('href="([^#"]*)"', page))
    assert not re.search('(src|href)="(http|/)', page), "nothing comes from elsewhere"
    cells = re.findall('<td data-value="([^"]*)">([^<]*)</td>', page)
    assert len(cells) == 3 * len(COLUMNS)
    assert ("5.000000000000004", "5.0") in cells, "the gap, in percent"
    assert cells[-len(COLUMNS)] == ("", "")
    assert page.count("data:image/png") == 6


def test_a_page_without_any_solved_spine(tmp_path):
    rows = [{"spine": 0, "status": "failed", "reason": "is torn", "seconds": 1.0}]
    page = write_spine_page(rows, ["."], "Spines", tmp_path).read_text(encoding="utf-8")
    assert "1 spines: 0 solved, 1 failed" in page
    assert "Distributions" not in page
