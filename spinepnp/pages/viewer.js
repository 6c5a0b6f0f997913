// Viewer of a body in 3D: its surface and a cut through it, coloured by one of several fields or by its boundaries.
// `spinepnp/pages/viewer.py` says what the data are. Text of users is only ever set as text.
"use strict";
{
const PALETTE = [[0, 114, 178], [213, 94, 0], [0, 158, 115], [204, 121, 167], [230, 159, 0], [86, 180, 233], [148, 103, 189], [140, 86, 75]];
const GREY = [215, 215, 215], CUT = 255, NOWHERE = 65535, START = [0.423, 0.267];
const bytes = text => Uint8Array.from(atob(text), c => c.charCodeAt(0)).buffer;
const rgb = colour => `rgb(${colour.join(",")})`;
const short = value => value === 0 ? "0" : Math.abs(value) >= 1e5 || Math.abs(value) < 1e-3 ? value.toExponential(3) : String(+value.toPrecision(5));
const roundStep = span => {
  const power = 10 ** Math.floor(Math.log10(span));
  return [1, 2, 5, 10].map(digit => digit * power).find(step => step >= span * (1 - 1e-9));
};

const VERTEX = `#version 300 es
precision highp float;
in vec3 place; in float value; in float patch_number;
uniform mat3 turn; uniform vec3 middle; uniform vec2 zoom; uniform vec2 shift; uniform float reach;
out float held; out vec3 seen; out float depth_there; flat out int number;
void main() {
  seen = turn * (place - middle); held = value; depth_there = place.y; number = int(patch_number + 0.5);
  gl_Position = vec4(seen.xy * zoom + shift, -0.5 * seen.z / reach, 1.0);
}`;
const SHARED = `#version 300 es
precision highp float;
in float held; in vec3 seen; in float depth_there; flat in int number;
uniform float plane; uniform bool opened; uniform bool partial; out vec4 shown;
void leave_out() { if (number == ${CUT} ? !opened || partial : opened && depth_there < plane) discard; }`;
const PAINT = SHARED + `
uniform vec2 range; uniform vec2 level; uniform bool boundaries; uniform sampler2D colours; uniform vec3 palette[9];
void main() {
  leave_out();
  float t = (held - range.x) / (range.y - range.x);
  bool nowhere = partial && held > 0.999995;
  vec3 tint = nowhere ? palette[8] : boundaries ? palette[number == ${CUT} ? 8 : number % 8] : texture(colours, vec2(clamp(t, 0.002, 0.998), 0.5)).rgb;
  float s = (held - level.x) / level.y, wide = fwidth(s);
  float off = abs(fract(s - 0.5) - 0.5);
  if (!boundaries && !nowhere && wide > 1e-9 && wide < 0.4 && t > 0.001 && t < 0.999)
    tint = mix(tint, vec3(1.0), 0.75 * (1.0 - smoothstep(0.6, 1.3, off / wide)));
  vec3 n = normalize(cross(dFdx(seen), dFdy(seen)));
  shown = vec4(number == ${CUT} ? tint : tint * (0.68 + 0.32 * abs(n.z)), 1.0);
}`;
const PICK = SHARED + `
void main() {
  leave_out();
  uint q = uint(clamp(held, 0.0, 1.0) * 65535.0 + 0.5);
  shown = vec4(float(q >> 8u) / 255.0, float(q & 255u) / 255.0, float(number) / 255.0, 1.0);
}`;

/** Corners of all triangles one after another: their places, the row of their value, and the number of their boundary. */
const corners = data => {
  const points = new Float32Array(bytes(data.points)), triangles = new Uint32Array(bytes(data.triangles));
  const patches = new Uint8Array(bytes(data.patches)), place = [], row = [], patch = [];
  const put = (x, y, z, node, number) => { place.push(x, y, z); row.push(node); patch.push(number); };
  if (!data.swept) {
    for (let i = 0; i < triangles.length; i++) {
      const node = triangles[i], number = Math.floor(i / 3) < patches.length ? patches[Math.floor(i / 3)] : CUT;
      put(points[3 * node], points[3 * node + 1], points[3 * node + 2], node, number);
    }
  } else {
    const edges = new Uint32Array(bytes(data.edges)), segments = data.segments;
    for (const side of [1, -1])
      for (const node of triangles) put(side * points[2 * node], 0, points[2 * node + 1], node, CUT);
    for (let e = 0; e < edges.length / 2; e++) {
      const a = edges[2 * e], b = edges[2 * e + 1];
      for (let s = 0; s < segments; s++) {
        const from = 2 * Math.PI * s / segments, to = 2 * Math.PI * (s + 1) / segments;
        for (const [node, angle] of [[a, from], [b, from], [b, to], [a, from], [b, to], [a, to]])
          put(points[2 * node] * Math.cos(angle), points[2 * node] * Math.sin(angle), points[2 * node + 1], node, patches[e]);
      }
    }
  }
  return {place: new Float32Array(place), row: new Uint32Array(row), patch: new Uint8Array(patch)};
};

const mount = root => {
  const data = JSON.parse(document.getElementById(root.dataset.source).textContent);
  const find = name => root.querySelector(`[data-part="${name}"]`);
  const canvas = root.querySelector("canvas");
  const gl = canvas.getContext("webgl2", {antialias: true});
  if (!gl) { find("none").hidden = false; find("stage").hidden = true; return; }

  const program = (fragment) => {
    const made = gl.createProgram();
    for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, fragment]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      if (!gl.getShaderParameter(shader, gl.COMPILE_STATUS)) throw new Error(gl.getShaderInfoLog(shader));
      gl.attachShader(made, shader);
    }
    ["place", "value", "patch_number"].forEach((name, i) => gl.bindAttribLocation(made, i, name));
    gl.linkProgram(made);
    const places = {};
    return {made, at: name => places[name] ??= gl.getUniformLocation(made, name)};
  };
  const paint = program(PAINT), pick = program(PICK);
  const body = corners(data), count = body.row.length;
  const fill = (place, content, size, kind, normalized) => {
    const buffer = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.bufferData(gl.ARRAY_BUFFER, content, gl.STATIC_DRAW);
    gl.enableVertexAttribArray(place);
    gl.vertexAttribPointer(place, size, kind, normalized, 0, 0);
    return buffer;
  };
  fill(0, body.place, 3, gl.FLOAT, false);
  const held = new Uint16Array(count), valueBuffer = fill(1, held, 1, gl.UNSIGNED_SHORT, true);
  fill(2, body.patch, 1, gl.UNSIGNED_BYTE, false);
  const ends = [[Infinity, -Infinity], [Infinity, -Infinity], [Infinity, -Infinity]];
  for (let i = 0; i < body.place.length; i++) {
    const end = ends[i % 3];
    end[0] = Math.min(end[0], body.place[i]);
    end[1] = Math.max(end[1], body.place[i]);
  }
  const middle = ends.map(([low, high]) => (low + high) / 2);
  const reach = Math.hypot(...ends.map(([low, high]) => high - low)) || 1;

  const target = gl.createFramebuffer();
  gl.bindFramebuffer(gl.FRAMEBUFFER, target);
  for (const [kind, where] of [[gl.RGBA8, gl.COLOR_ATTACHMENT0], [gl.DEPTH_COMPONENT16, gl.DEPTH_ATTACHMENT]]) {
    const held_there = gl.createRenderbuffer();
    gl.bindRenderbuffer(gl.RENDERBUFFER, held_there);
    gl.renderbufferStorage(gl.RENDERBUFFER, kind, 1, 1);
    gl.framebufferRenderbuffer(gl.FRAMEBUFFER, where, gl.RENDERBUFFER, held_there);
  }
  gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
  gl.enable(gl.DEPTH_TEST);
  gl.clearColor(0, 0, 0, 0);

  let [across, up] = START, near = 1, shift = [0, 0], field = 0, frame = data.first, opened = data.opened, fit = 1;
  const boundaries = () => field >= data.fields.length;
  const partial = () => !boundaries() && data.fields[field].patches.length > 0;  // a gate: of membranes, not of the inside
  const scale = () => data.fields[Math.min(field, data.fields.length - 1)];

  const matrix = () => {
    const c = Math.cos(across), s = Math.sin(across), C = Math.cos(up), S = Math.sin(up);
    return {right: [c, s, 0], top: [-s * S, c * S, C], eye: [s * C, -c * C, S]};
  };
  const measure = () => {  // pixels for a micrometre with which the body just fits at the start
    const [a, b] = [across, up];
    [across, up] = START;
    const {right, top} = matrix();
    [across, up] = [a, b];
    const extent = axis => axis.reduce((sum, x, i) => sum + Math.abs(x) * (ends[i][1] - ends[i][0]), 0) || 1e-9;
    fit = 0.9 * Math.min(canvas.clientWidth / extent(right), (canvas.clientHeight - 40) / extent(top));
  };
  const setUp = ({made, at}) => {
    gl.useProgram(made);
    const {right, top, eye} = matrix();
    gl.uniformMatrix3fv(at("turn"), false, [0, 1, 2].flatMap(i => [right[i], top[i], eye[i]]));
    gl.uniform3fv(at("middle"), middle);
    gl.uniform2f(at("zoom"), 2 * near * fit / canvas.clientWidth, 2 * near * fit / canvas.clientHeight);
    gl.uniform2f(at("shift"), 2 * shift[0] / canvas.clientWidth, 2 * shift[1] / canvas.clientHeight);
    gl.uniform1f(at("reach"), reach);
    gl.uniform1f(at("plane"), data.plane);
    gl.uniform1i(at("opened"), opened ? 1 : 0);
    gl.uniform1i(at("partial"), partial() ? 1 : 0);
  };
  const ticks = () => {
    const {limits: [low, high]} = scale(), step = roundStep((high - low) / 5), found = [];
    for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * (high - low); i++) found.push(i * step);
    return {step, found};
  };
  let waiting = false;
  const draw = () => {
    waiting = false;
    const ratio = Math.min(devicePixelRatio || 1, 2);
    canvas.width = Math.max(1, Math.round(canvas.clientWidth * ratio));
    canvas.height = Math.max(1, Math.round(canvas.clientHeight * ratio));
    gl.bindFramebuffer(gl.FRAMEBUFFER, null);
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    setUp(paint);
    const {limits, low, high} = scale(), part = value => (value - low) / (high - low), {step} = ticks();
    gl.uniform2f(paint.at("range"), part(limits[0]), part(limits[1]));
    gl.uniform2f(paint.at("level"), part(0), step / (high - low));
    gl.uniform1i(paint.at("boundaries"), boundaries() ? 1 : 0);
    gl.uniform3fv(paint.at("palette"), [...PALETTE, GREY].flat().map(x => x / 255));
    gl.drawArrays(gl.TRIANGLES, 0, count);
    drawMarks();
  };
  const later = () => { if (!waiting) { waiting = true; requestAnimationFrame(draw); } };

  const drawMarks = () => {  // a bar of a round length, and the directions of x, y and z
    const longest = 0.3 * canvas.clientWidth / (near * fit), power = 10 ** Math.floor(Math.log10(longest));
    const length = [5, 2, 1].map(digit => digit * power).find(value => value <= longest);
    find("bar").style.width = `${length * near * fit}px`;
    find("length").textContent = length < 0.1 ? `${short(length * 1000)} nm` : `${short(length)} um`;
    const {right, top} = matrix();
    ["x", "y", "z"].forEach((name, i) => {
      const line = root.querySelector(`line[data-axis="${name}"]`), text = root.querySelector(`text[data-axis="${name}"]`);
      line.setAttribute("x2", 30 + 20 * right[i]);
      line.setAttribute("y2", 30 - 20 * top[i]);
      text.setAttribute("x", 30 + 27 * right[i]);
      text.setAttribute("y", 34 - 27 * top[i]);
    });
  };
  const values = () => {
    const chosen = scale();
    const found = chosen.arrays ??= chosen.values.map(text => new Uint16Array(bytes(text)));
    const now = found[Math.min(frame, found.length - 1)];
    const on = chosen.patches.length ? new Set(chosen.patches) : null;  // of a gate: the boundaries that have it
    for (let i = 0; i < count; i++) held[i] = on && !on.has(body.patch[i]) ? NOWHERE : now[body.row[i]];
    gl.bindBuffer(gl.ARRAY_BUFFER, valueBuffer);
    gl.bufferData(gl.ARRAY_BUFFER, held, gl.DYNAMIC_DRAW);
  };
  const scaleOfColours = () => {
    const chosen = scale(), colours = new Uint8Array(bytes(chosen.colours)), size = colours.length / 3;
    const four = new Uint8Array(4 * size);
    for (let i = 0; i < size; i++) four.set([...colours.slice(3 * i, 3 * i + 3), 255], 4 * i);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, size, 1, 0, gl.RGBA, gl.UNSIGNED_BYTE, four);
    for (const [key, value] of [[gl.TEXTURE_MIN_FILTER, gl.LINEAR], [gl.TEXTURE_MAG_FILTER, gl.LINEAR],
      [gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE], [gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE]]) gl.texParameteri(gl.TEXTURE_2D, key, value);
    const bar = find("colours"), marks = find("ticks"), names = find("names"), [low, high] = chosen.limits;
    const stops = Array.from({length: 17}, (_, i) => {
      const at = Math.round(i / 16 * (size - 1));
      return `${rgb([...colours.slice(3 * at, 3 * at + 3)])} ${(100 * i / 16).toFixed(2)}%`;
    });
    bar.style.background = `linear-gradient(to right, ${stops.join(", ")})`;
    marks.replaceChildren(...ticks().found.map(value => {
      const mark = document.createElement("span");
      mark.style.left = `${100 * (value - low) / (high - low)}%`;
      mark.textContent = short(+value.toPrecision(12));
      return mark;
    }));
    const beyond = {min: "some values lie below the scale", max: "some values lie above the scale", both: "some values lie beyond the scale"};
    find("beyond").textContent = beyond[chosen.extend] || "";
    find("scale").hidden = boundaries();
    names.hidden = !boundaries();
    names.replaceChildren(...data.names.map((name, i) => {
      const item = document.createElement("span"), patch = document.createElement("i");
      patch.style.background = rgb(PALETTE[i % PALETTE.length]);
      item.append(patch, name);
      return item;
    }));
  };

  const under = event => {  // value below the pointer: one pixel of the body, painted with numbers
    const box = canvas.getBoundingClientRect(), x = event.clientX - box.left, y = box.height - (event.clientY - box.top);
    gl.bindFramebuffer(gl.FRAMEBUFFER, target);
    gl.viewport(-Math.floor(x), -Math.floor(y), Math.round(box.width), Math.round(box.height));
    gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
    setUp(pick);
    gl.drawArrays(gl.TRIANGLES, 0, count);
    const pixel = new Uint8Array(4);
    gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel);
    const {label, unit, low, high} = scale(), note = find("value");
    if (!pixel[3]) { note.hidden = true; return; }
    const step = pixel[0] * 256 + pixel[1], value = low + step / 65535 * (high - low);
    const name = pixel[2] === CUT ? "inside" : data.names[pixel[2]] || "surface";
    const nowhere = boundaries() || (partial() && step === NOWHERE);
    const what = partial() ? label.split(" of ")[0] : label;
    note.textContent = nowhere ? name : `${what} ${short(+value.toPrecision(4))}${unit && ` ${unit}`} (${name})`;
    note.hidden = false;
    note.style.left = `${Math.max(4, Math.min(x + 12, box.width - note.offsetWidth - 4))}px`;
    note.style.top = `${Math.max(4, event.clientY - box.top - 30)}px`;
  };
  const forget = () => { find("value").hidden = true; };
  const turn = (x, y) => { across += x; up = Math.max(-1.57, Math.min(1.57, up + y)); later(); };
  const zoom = (factor, x = 0, y = 0) => {  // the point (x, y) from the middle stays where it is
    const before = near;
    near = Math.max(0.3, Math.min(2000, near * factor));
    shift = [x - (x - shift[0]) * near / before, y - (y - shift[1]) * near / before];
    later();
  };
  const fromMiddle = (x, y) => {
    const box = canvas.getBoundingClientRect();
    return [x - box.left - box.width / 2, box.height / 2 - (y - box.top)];
  };
  const pointers = new Map();
  let travelled = 0;  // pixels since the first finger came down: a tap shows a value, the end of a turn does not
  const pair = () => {
    const [[a, b], [c, d]] = [...pointers.values()];
    return {x: (a + c) / 2, y: (b + d) / 2, apart: Math.hypot(a - c, b - d)};
  };
  canvas.addEventListener("pointerdown", e => {
    travelled = pointers.size ? Infinity : 0;
    pointers.set(e.pointerId, [e.clientX, e.clientY]);
    canvas.setPointerCapture(e.pointerId);
  });
  canvas.addEventListener("pointermove", e => {
    const from = pointers.get(e.pointerId);
    if (!from) { under(e); return; }
    forget();
    travelled += Math.hypot(e.clientX - from[0], e.clientY - from[1]);
    const two = pointers.size === 2 ? pair() : null;
    pointers.set(e.pointerId, [e.clientX, e.clientY]);
    if (two) {
      const now = pair();
      zoom(now.apart / Math.max(two.apart, 1), ...fromMiddle(now.x, now.y));
      shift = [shift[0] + now.x - two.x, shift[1] - (now.y - two.y)];
    } else if (e.shiftKey || e.buttons === 2) {
      shift = [shift[0] + e.clientX - from[0], shift[1] - (e.clientY - from[1])];
      later();
    } else turn((from[0] - e.clientX) / 150, (e.clientY - from[1]) / 150);
  });
  const release = e => {
    if (pointers.delete(e.pointerId) && e.type === "pointerup" && e.pointerType !== "mouse" && travelled < 8) under(e);
  };
  for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, release);
  // A finger leaves as soon as it is lifted; the value of a tap stays.
  canvas.addEventListener("pointerleave", e => { if (e.pointerType === "mouse") forget(); });
  canvas.addEventListener("contextmenu", e => e.preventDefault());
  canvas.addEventListener("wheel", e => {
    e.preventDefault();
    zoom(Math.exp(-0.0015 * Math.max(-200, Math.min(200, e.deltaY * (e.deltaMode ? 30 : 1)))), ...fromMiddle(e.clientX, e.clientY));
  }, {passive: false});
  const reset = () => { [across, up] = START; near = 1; shift = [0, 0]; measure(); later(); };
  const keys = {ArrowLeft: () => turn(0.1, 0), ArrowRight: () => turn(-0.1, 0), ArrowUp: () => turn(0, -0.1),
    ArrowDown: () => turn(0, 0.1), "+": () => zoom(1.25), "-": () => zoom(0.8), Home: reset};
  canvas.addEventListener("keydown", e => { if (keys[e.key]) { keys[e.key](); e.preventDefault(); } });
  find("in").addEventListener("click", () => zoom(1.25));
  find("out").addEventListener("click", () => zoom(0.8));
  find("reset").addEventListener("click", reset);
  find("cut").checked = opened;
  find("cut").addEventListener("change", e => { opened = e.target.checked; later(); });
  find("field").addEventListener("change", e => { field = +e.target.value; values(); scaleOfColours(); forget(); later(); });
  root.addEventListener("frame", e => { frame = e.detail; values(); forget(); later(); });
  new ResizeObserver(() => { measure(); later(); }).observe(canvas);
  values();
  scaleOfColours();
  measure();
  draw();
};
for (const root of document.querySelectorAll("[data-viewer]")) mount(root);
}
