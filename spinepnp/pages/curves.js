// Curves with their values under the pointer and lines that can be left out, as SVG.
// `spinepnp/pages/curves.py` says what the data are. Text of users is only ever set as text.
"use strict";
{
const numbers = text => Array.from(new Float64Array(Uint8Array.from(atob(text), c => c.charCodeAt(0)).buffer));
const short = value => !isFinite(value) ? "" : value === 0 ? "0"
  : Math.abs(value) >= 1e6 || Math.abs(value) < 1e-4 ? value.toExponential(3) : String(+value.toPrecision(6));
const svg = (name, attributes = {}, parent = null) => {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (parent) parent.append(made);
  return made;
};
const roundTicks = (low, high, most) => {
  const rough = (high - low) / most, power = 10 ** Math.floor(Math.log10(rough)), found = [];
  const step = [1, 2, 5, 10].map(digit => digit * power).find(value => value >= rough * (1 - 1e-9));
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * (high - low); i++) found.push(+(i * step).toPrecision(12));
  return found;
};
const HEIGHT = 260, TOP = 12, BOTTOM = 42, RIGHT = 14;

const mount = root => {
  const data = JSON.parse(document.getElementById(root.dataset.source).textContent);
  const curves = data.curves.map(curve => ({...curve, x: numbers(curve.x), frames: curve.y.map(numbers), shown: true}));
  const stage = document.createElement("div"), legend = document.createElement("div"), where = document.createElement("span");
  stage.className = "stage";
  legend.className = "legend";
  where.className = "where";
  let frame = data.first || 0, at = null, plot = null;
  const y = curve => curve.frames[Math.min(frame, curve.frames.length - 1)];
  const ends = (arrays, least) => {
    let low = Infinity, high = -Infinity;
    for (const array of arrays) for (const value of array) if (isFinite(value)) { low = Math.min(low, value); high = Math.max(high, value); }
    if (low > high) return [0, 1];
    const largest = Math.max(Math.abs(low), Math.abs(high));
    if (high - low <= Math.max(1e-9 * largest, least)) return [(low + high) / 2 - 0.5, (low + high) / 2 + 0.5];
    return [low, high];
  };
  const buttons = curves.map(curve => {
    const button = document.createElement("button"), key = svg("svg", {width: 26, height: 10, "aria-hidden": "true"}), value = document.createElement("b");
    svg("line", {x1: 1, x2: 25, y1: 5, y2: 5, stroke: curve.colour, "stroke-width": 2.4, "stroke-dasharray": curve.dash}, key);
    button.type = "button";
    button.setAttribute("aria-pressed", "true");
    const name = document.createElement("span");
    name.textContent = curve.name;
    button.append(key, name, value);
    button.addEventListener("click", () => {
      curve.shown = !curve.shown;
      button.setAttribute("aria-pressed", String(curve.shown));
      draw();
    });
    legend.append(button);
    return value;
  });
  legend.append(where);

  const draw = () => {
    const width = Math.max(200, stage.clientWidth), shown = curves.filter(curve => curve.shown);
    const [left_end, right_end] = ends(curves.map(curve => curve.x), 0);
    let [low, high] = ends(shown.flatMap(curve => curve.frames), 1e-9);
    const margin = 0.05 * (high - low);
    [low, high] = [low - margin, high + margin];
    const marks = roundTicks(low, high, 5).map(value => [value, short(value)]);
    const LEFT = 30 + 7.2 * Math.max(2, ...marks.map(([, text]) => text.length));
    const across = x => LEFT + (x - left_end) / (right_end - left_end) * (width - LEFT - RIGHT);
    const upward = value => HEIGHT - BOTTOM - (value - low) / (high - low) * (HEIGHT - BOTTOM - TOP);
    const picture = svg("svg", {width, height: HEIGHT, role: "img", "aria-label": `${data.y} over ${data.x}`});
    for (const [value, text] of marks) {
      svg("line", {x1: LEFT, x2: width - RIGHT, y1: upward(value), y2: upward(value), class: "grid"}, picture);
      svg("text", {x: LEFT - 6, y: upward(value) + 4, "text-anchor": "end"}, picture).textContent = text;
    }
    for (const value of roundTicks(left_end, right_end, Math.max(2, Math.floor((width - LEFT) / 80)))) {
      svg("line", {x1: across(value), x2: across(value), y1: TOP, y2: HEIGHT - BOTTOM, class: "grid"}, picture);
      svg("text", {x: across(value), y: HEIGHT - BOTTOM + 16, "text-anchor": "middle"}, picture).textContent = short(value);
    }
    svg("text", {x: (LEFT + width - RIGHT) / 2, y: HEIGHT - 6, "text-anchor": "middle", class: "label"}, picture).textContent = data.x;
    const up = svg("text", {transform: `translate(13 ${(HEIGHT - BOTTOM + TOP) / 2}) rotate(-90)`, "text-anchor": "middle", class: "label"}, picture);
    up.textContent = data.y;
    for (const curve of shown) {
      let path = "", pen = "M";
      y(curve).forEach((value, i) => {
        if (!isFinite(value)) { pen = "M"; return; }
        path += `${pen}${across(curve.x[i]).toFixed(1)} ${upward(value).toFixed(1)}`;
        pen = "L";
      });
      svg("path", {d: path, fill: "none", stroke: curve.colour, "stroke-width": 1.8, "stroke-dasharray": curve.dash, "stroke-linejoin": "round"}, picture);
      if (curve.marks) y(curve).forEach((value, i) => {
        if (isFinite(value)) svg("circle", {cx: across(curve.x[i]), cy: upward(value), r: 3, fill: curve.colour}, picture);
      });
    }
    const hover = svg("g", {}, picture);
    stage.replaceChildren(picture);
    plot = {across, upward, hover, LEFT, width, left_end, right_end};
    tell();
  };
  const nearest = (x, place) => {
    let low = 0, high = x.length - 1;
    while (high - low > 1) { const half = (low + high) >> 1; if (x[half] < place) low = half; else high = half; }
    return Math.abs(x[low] - place) <= Math.abs(x[high] - place) ? low : high;
  };
  const tell = () => {
    plot.hover.replaceChildren();
    let told = "";
    curves.forEach((curve, i) => {
      buttons[i].textContent = "";
      if (at === null || !curve.shown || !curve.x.length) return;
      const found = nearest(curve.x, at), value = y(curve)[found];
      if (!isFinite(value)) return;
      buttons[i].textContent = short(value);
      svg("circle", {cx: plot.across(curve.x[found]), cy: plot.upward(value), r: 4, fill: curve.colour, stroke: "#fff"}, plot.hover);
      told = `${data.x}: ${short(curve.x[found])}`;
    });
    where.textContent = told;
    if (at !== null) svg("line", {x1: plot.across(at), x2: plot.across(at), y1: TOP, y2: HEIGHT - BOTTOM, class: "cross"}, plot.hover);
  };
  const point = e => {
    const x = e.clientX - stage.getBoundingClientRect().left;
    const place = plot.left_end + (x - plot.LEFT) / (plot.width - plot.LEFT - RIGHT) * (plot.right_end - plot.left_end);
    at = Math.max(plot.left_end, Math.min(plot.right_end, place));
    tell();
  };
  stage.addEventListener("pointermove", point);
  stage.addEventListener("pointerdown", point);
  stage.addEventListener("pointerleave", () => { at = null; tell(); });
  root.addEventListener("frame", e => { frame = e.detail; draw(); });
  root.append(stage, legend);
  new ResizeObserver(draw).observe(stage);
};
for (const root of document.querySelectorAll("[data-curves]")) mount(root);

// Sliders of times: what stands in the same section follows, and all sliders of the page together.
const sliders = [...document.querySelectorAll("[data-frames]")];
for (const slider of sliders) slider.querySelector("input").addEventListener("input", e => {
  for (const other of sliders) {
    const labels = JSON.parse(document.getElementById(other.dataset.frames).textContent);
    other.querySelector("input").value = e.target.value;
    other.querySelector("output").textContent = labels[+e.target.value];
  }
  for (const part of document.querySelectorAll("[data-viewer], [data-curves]")) part.dispatchEvent(new CustomEvent("frame", {detail: +e.target.value}));
});
}
