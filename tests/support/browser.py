"""Pages in headless Chromium, for tests that look at them as a browser does."""

import html
import json
import re
import shutil
import subprocess

import pytest

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)

needs_browser = pytest.mark.skipif(BROWSER is None, reason="no Chromium here")

#: Widths of windows, pixels: a phone, a laptop, a large screen.
WIDTHS = (360, 1280, 1920)

#: What is asked of every page: images, parts wider than the window, and the width of the page.
PROBE = """<script>
addEventListener("load", () => setTimeout(async () => {{
  const bad = [...document.images].filter(i => !i.complete || i.naturalWidth === 0).length;
  const wide = [...document.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > innerWidth + 1
    && !e.closest(".scroll")).map(e => e.tagName);
  const seen = {{images: document.images.length, bad, wide, width: innerWidth,
    scroll: document.documentElement.scrollWidth}};
  {more}
  document.title = JSON.stringify(seen);
}}, 300));
</script></head>"""


#: Virtual times that a page is given, milliseconds: on a busy machine the first may end before frames have loaded.
PATIENCE = (16_000, 60_000, 240_000)

#: What collects the answers of all frames, once they are there: on a busy machine that takes its time.
COLLECT = """<script>
const frames = [...document.querySelectorAll("iframe")];
const collect = left => {
  const titles = frames.map(frame => frame.contentDocument.title);
  if (left && !titles.every(title => title.startsWith("{"))) setTimeout(() => collect(left - 1), 100);
  else document.title = JSON.stringify(titles);
};
addEventListener("load", () => collect(2000));
</script>"""


def look(folder, pages, more="", widths=WIDTHS):
    """What Chromium sees of pages at several widths, after it has said nothing on its console.

    Args:
        folder: folder of the pages, for the files that this needs.
        pages: paths of the pages.
        more: JavaScript that adds to ``seen``.
        widths: widths of windows, pixels.

    Returns:
        What was seen, by page and width.
    """
    frames, keys = [], []
    for number, page in enumerate(pages):
        probed = folder / f"probed{number}.html"
        probed.write_text(page.read_text().replace("</head>", PROBE.format(more=more), 1))
        for width in widths:
            frames.append(f'<iframe src="{probed.name}" width="{width}" height="800"></iframe>')
            keys.append((page, width))
    (folder / "frames.html").write_text("".join(frames) + COLLECT)
    for patience in PATIENCE:
        done = subprocess.run(
            [BROWSER, "--headless=new", "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
             "--ignore-gpu-blocklist", "--allow-file-access-from-files", "--enable-logging=stderr", "--v=0",
             f"--user-data-dir={folder / 'profile'}", f"--virtual-time-budget={patience}", "--dump-dom",
             (folder / "frames.html").as_uri()],
            capture_output=True, text=True, timeout=180,
        )  # fmt: skip
        said = [line for line in done.stderr.splitlines() if "CONSOLE" in line and "GL Driver" not in line]
        assert said == []
        titles = json.loads(html.unescape(re.search(r"<title>(.*?)</title>", done.stdout, re.DOTALL).group(1)))
        if all(titles):
            break
    return {key: json.loads(title) for key, title in zip(keys, titles, strict=True)}
