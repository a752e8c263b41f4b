// The library that every live figure shares. It stands in front of the figure's own file (see base.py), so a figure says
// `lib.chart(...)` and imports nothing. Nothing here touches the page before it is called: node can load it.

// ---- Arrays: a tensor is {data: Float32Array, shape: [..]}, row-major as in torch ------------------------------------

const tensor = (data, shape = [data.length]) => ({ data: Float32Array.from(data), shape });

// An element-wise function takes a number or a tensor.
const elementwise = (f) => (x) =>
  typeof x === "number" ? f(x) : { data: x.data.map((value) => f(value)), shape: x.shape };

const relu = elementwise((x) => Math.max(x, 0));
const tanh = elementwise(Math.tanh);
const sigmoid = elementwise((x) => 1 / (1 + Math.exp(-x)));
const softplus = elementwise((x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))));
const silu = elementwise((x) => x / (1 + Math.exp(-x)));
const leakyRelu = (x, slope = 0.01) => elementwise((value) => (value > 0 ? value : slope * value))(x);

function logSumExp(values) {
  const largest = Math.max(...values);
  if (!Number.isFinite(largest)) return largest;
  return largest + Math.log(values.reduce((sum, value) => sum + Math.exp(value - largest), 0));
}

function softmax(values) {
  const total = logSumExp(values);
  return Array.from(values, (value) => Math.exp(value - total));
}

// x (B, I), weight (O, I), bias (O) or null -> (B, O)
function linear(x, weight, bias = null) {
  const [outputs, inputs] = weight.shape;
  const batch = x.data.length / inputs;
  const y = new Float32Array(batch * outputs);
  for (let b = 0; b < batch; b++) {
    for (let o = 0; o < outputs; o++) {
      let sum = bias ? bias.data[o] : 0;
      for (let i = 0, w = o * inputs, v = b * inputs; i < inputs; i++) sum += weight.data[w + i] * x.data[v + i];
      y[b * outputs + o] = sum;
    }
  }
  return { data: y, shape: [batch, outputs] };
}

// x (B, C, H, W), weight (O, C, KH, KW), bias (O) or null -> (B, O, H', W')
function conv2d(x, weight, bias = null, { stride = 1, padding = 0 } = {}) {
  const [batch, channels, height, width] = x.shape;
  const [outputs, , kernelHeight, kernelWidth] = weight.shape;
  const rows = Math.floor((height + 2 * padding - kernelHeight) / stride) + 1;
  const columns = Math.floor((width + 2 * padding - kernelWidth) / stride) + 1;
  const y = new Float32Array(batch * outputs * rows * columns);
  for (let b = 0; b < batch; b++) for (let o = 0; o < outputs; o++) {
    const target = (b * outputs + o) * rows * columns;
    if (bias) y.fill(bias.data[o], target, target + rows * columns);
    for (let c = 0; c < channels; c++) for (let u = 0; u < kernelHeight; u++) for (let v = 0; v < kernelWidth; v++) {
      const w = weight.data[((o * channels + c) * kernelHeight + u) * kernelWidth + v];
      const first = Math.max(0, Math.ceil((padding - v) / stride));                     // columns that stay inside x
      const last = Math.min(columns - 1, Math.floor((width - 1 + padding - v) / stride));
      for (let i = 0; i < rows; i++) {
        const row = i * stride + u - padding;
        if (row < 0 || row >= height) continue;
        const source = ((b * channels + c) * height + row) * width + v - padding;
        for (let j = first; j <= last; j++) y[target + i * columns + j] += w * x.data[source + j * stride];
      }
    }
  }
  return { data: y, shape: [batch, outputs, rows, columns] };
}

// x (B, C, H, W), weight (C, O, KH, KW), bias (O) or null -> (B, O, H', W'): each pixel of x stamps the kernel onto y
function convTranspose2d(x, weight, bias = null, { stride = 1, padding = 0, outputPadding = 0 } = {}) {
  const [batch, channels, height, width] = x.shape;
  const [, outputs, kernelHeight, kernelWidth] = weight.shape;
  const rows = (height - 1) * stride - 2 * padding + kernelHeight + outputPadding;
  const columns = (width - 1) * stride - 2 * padding + kernelWidth + outputPadding;
  const y = new Float32Array(batch * outputs * rows * columns);
  for (let b = 0; b < batch; b++) for (let o = 0; o < outputs; o++) {
    const target = (b * outputs + o) * rows * columns;
    if (bias) y.fill(bias.data[o], target, target + rows * columns);
    for (let c = 0; c < channels; c++) for (let u = 0; u < kernelHeight; u++) for (let v = 0; v < kernelWidth; v++) {
      const w = weight.data[((c * outputs + o) * kernelHeight + u) * kernelWidth + v];
      for (let i = 0; i < height; i++) {
        const row = i * stride + u - padding;
        if (row < 0 || row >= rows) continue;
        const source = ((b * channels + c) * height + i) * width;
        for (let j = 0; j < width; j++) {
          const column = j * stride + v - padding;
          if (column >= 0 && column < columns) y[target + row * columns + column] += w * x.data[source + j];
        }
      }
    }
  }
  return { data: y, shape: [batch, outputs, rows, columns] };
}

// Batch normalisation of a trained network: x (B, C, ...) with stored mean and variance (C), weight and bias (C).
function batchNorm(x, mean, variance, weight, bias, epsilon = 1e-5) {
  const channels = x.shape[1];
  const size = x.shape.slice(2).reduce((product, length) => product * length, 1);
  const y = x.data.map((value, index) => {
    const c = Math.floor(index / size) % channels;
    return ((value - mean.data[c]) / Math.sqrt(variance.data[c] + epsilon)) * weight.data[c] + bias.data[c];
  });
  return { data: y, shape: x.shape };
}

// Group normalisation: x (B, C, ...), each of `groups` parts of the channels to mean 0 and variance 1; weight, bias (C)
function groupNorm(x, groups, weight, bias, epsilon = 1e-5) {
  const [batch, channels] = x.shape;
  const size = x.data.length / (batch * channels), part = (channels / groups) * size;
  const y = new Float32Array(x.data.length);
  for (let start = 0; start < y.length; start += part) {
    const values = x.data.subarray(start, start + part);
    const mean = values.reduce((sum, value) => sum + value, 0) / part;
    const scale = 1 / Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / part + epsilon);
    for (let i = 0; i < part; i++) {
      const c = Math.floor((start + i) / size) % channels;
      y[start + i] = (values[i] - mean) * scale * weight.data[c] + bias.data[c];
    }
  }
  return { data: y, shape: x.shape };
}

// Layer normalisation over the last axis: x (..., C), weight and bias (C)
function layerNorm(x, weight, bias, epsilon = 1e-5) {
  const channels = weight.data.length, rows = x.data.length / channels;
  const { data } = groupNorm({ data: x.data, shape: [rows, channels] }, 1, weight, bias, epsilon);
  return { data, shape: x.shape };
}

// IEEE half precision, little endian, as a DataView (a Bytes trait) -> Float32Array
function float16ToFloat32(view) {
  const y = new Float32Array(view.byteLength / 2);
  for (let i = 0; i < y.length; i++) {
    const bits = view.getUint16(2 * i, true);
    const sign = bits & 0x8000 ? -1 : 1;
    const exponent = (bits >> 10) & 0x1f;
    const fraction = bits & 0x3ff;
    if (exponent === 0) y[i] = sign * fraction * 2 ** -24;
    else if (exponent === 31) y[i] = fraction ? NaN : sign * Infinity;
    else y[i] = sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  }
  return y;
}

// The weights of a NetworkFigure: {name: tensor}
function unpackWeights(model) {
  const numbers = float16ToFloat32(model.get("weights"));
  const weights = {};
  let start = 0;
  for (const [name, shape] of model.get("layout_of_weights")) {
    const size = shape.reduce((product, length) => product * length, 1);
    weights[name] = { data: numbers.subarray(start, start + size), shape };
    start += size;
  }
  return weights;
}

// ---- Random numbers with a seed (mulberry32; normal by Box and Muller) -----------------------------------------------

function random(seed) {
  let state = seed >>> 0;
  const uniform = () => {                                                               // in [0, 1)
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const normal = () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  const integer = (n) => Math.floor(uniform() * n);                                     // 0 .. n - 1
  return { uniform, normal, integer };
}

// ---- Small helpers ---------------------------------------------------------------------------------------------------

const clamp = (x, [low, high]) => Math.min(Math.max(x, low), high);
const linspace = (low, high, n) => Array.from({ length: n }, (_, i) => low + ((high - low) * i) / (n - 1));

// A number for people: fixed digits, a real minus sign, no minus zero.
function show(value, digits = 2) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "undefined" : value > 0 ? "∞" : "−∞";
  const text = Math.abs(value).toFixed(digits);
  return value < 0 && Number(text) !== 0 ? `−${text}` : text;
}

// About `count` round numbers between low and high, for an axis.
function ticks(low, high, count = 6) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= rough * 0.999) * power;
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const values = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) values.push(i * step);
  return values.map((value) => ({ value, text: show(value, digits) }));
}

// `onFrame(f)` calls f once in the next animation frame, however often it is asked: for redrawing after a change.
function onFrame(f) {
  let waiting = false;
  return () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; f(); });
  };
}

const reducedMotion = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

// The figure's state lives in the model (the Python object): `save` writes, `watch` calls back after any change.
function save(model, changes) {
  for (const [name, value] of Object.entries(changes)) model.set(name, value);
  model.save_changes();
}
function watch(model, names, callback) {
  for (const name of names) model.on(`change:${name}`, callback);
  return () => { for (const name of names) model.off(`change:${name}`, callback); };
}

// What takes longer than a frame goes to a Worker, and the page stays smooth:
//   const ask = lib.worker({ model, el }, functions, "name", (result, ...values) => { ...draw... });
//   ask(...values);            // functions.name(...values) is computed; numbers, lists and tensors travel, functions do not
// The figure has aria-busy meanwhile. Of what is asked meanwhile only the newest is worked on next. An answer to what was
// asked before `ask.drop()` is thrown away. Where no Worker can be made, the main thread computes, and all else is the same.
const SERVE = `
onmessage = ({ data: { name, values } }) => {
  try { postMessage({ result: functions[name](...values) }); } catch (error) { postMessage({ problem: String(error) }); }
};`;

function worker({ model, el }, functions, name, answered) {
  let thread = null, asked = 0, dropped = 0, current = null, next = null;               // current, next: {run, values}
  const busy = (change) => {
    el.ckBusy = (el.ckBusy ?? 0) + change;
    el.setAttribute("aria-busy", String(el.ckBusy > 0));
  };
  const finish = ({ result, problem }) => {
    const { run, values } = current;
    current = null;
    try {
      if (problem !== undefined) throw new Error(problem);
      if (run > dropped) answered(result, ...values);
    } finally {
      if (next) begin();
      busy(-1);                                                                         // last: there is no gap
    }
  };
  const here = () => setTimeout(() => {
    let answer;
    try { answer = { result: functions[name](...current.values) }; } catch (error) { answer = { problem: String(error) }; }
    finish(answer);
  });
  const refused = () => { thread.terminate(); thread = false; here(); };                // by the page's policy, say
  const start = () => {
    try {
      const address = URL.createObjectURL(new Blob([model.get("_esm"), SERVE], { type: "text/javascript" }));
      thread = new Worker(address, { type: "module" });
      thread.onmessage = ({ data }) => { URL.revokeObjectURL(address); finish(data); };
      thread.onerror = refused;
    } catch { thread = false; }
  };
  const begin = () => {
    [current, next] = [next, null];
    busy(1);
    if (thread === null) start();
    if (thread) thread.postMessage({ name, values: current.values });
    else here();
  };
  const ask = (...values) => {
    next = { run: ++asked, values };
    if (!current) begin();
  };
  ask.drop = () => { [dropped, next] = [asked, null]; };
  el.addEventListener("ck-gone", () => { ask.drop(); if (thread) thread.terminate(); });
  return ask;
}

// ---- Page elements ---------------------------------------------------------------------------------------------------

function build(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}
const html = (tag, attributes = {}, ...children) => build(document.createElement(tag), attributes, children);
const svg = (tag, attributes = {}, ...children) =>
  build(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
const add = (parent, child) => { parent.append(child); return child; };

const row = (parent) => add(parent, html("div", { class: "ck-row" }));                 // controls side by side
const columns = (parent, n) => {                                                       // charts side by side
  const grid = add(parent, html("div", { class: "ck-columns" }));
  return Array.from({ length: n }, () => add(grid, html("div")));
};
const note = (parent, text) => {
  const p = add(parent, html("p", { class: "ck-note" }, text));
  return { set: (value) => { p.textContent = value; } };
};

// A palette colour (surface ink muted grid blue orange green purple grey) for SVG and CSS, or as [r, g, b] for a canvas.
const colour = (name) => `var(--ck-${name})`;
function rgb(element, name) {
  const hex = getComputedStyle(element).getPropertyValue(`--ck-${name}`).trim();
  return [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16));
}

// The frame that base.py puts around every figure: name for screen readers, one quiet live region, theme changes.
function frame({ model, el }) {
  el.classList.add("coursekit-figure");
  build(el, { role: "figure", "aria-label": model.get("description"), "data-lm-suppress-shortcuts": "true" }, []);
  const region = add(el, html("div", { class: "ck-hidden", role: "status", "aria-live": "polite" }));
  const news = new Map();
  let timer = null;
  el.addEventListener("ck-announce", ({ detail: [label, text] }) => {                  // speak when the hand is still
    news.set(label, text);
    clearTimeout(timer);
    timer = setTimeout(() => {
      region.textContent = [...news].map(([name, value]) => `${name} ${value}`).join("; ");
      news.clear();
    }, 400);
  });
  const recolour = () => el.dispatchEvent(new Event("ck-theme"));
  const retheme = onFrame(recolour);
  const observer = new MutationObserver(retheme);
  const attributeFilter = ["data-theme", "theme", "data-jp-theme-light"];
  for (const node of [document.documentElement, document.body]) observer.observe(node, { attributeFilter });
  const [media, paper] = [matchMedia("(prefers-color-scheme: dark)"), matchMedia("print")];
  media.addEventListener("change", retheme);
  paper.addEventListener("change", recolour);                                           // at once: no frame comes between
  return () => {
    clearTimeout(timer);
    el.dispatchEvent(new Event("ck-gone"));
    observer.disconnect();
    media.removeEventListener("change", retheme);
    paper.removeEventListener("change", recolour);
  };
}
const onTheme = (parent, callback) => parent.closest(".coursekit-figure")?.addEventListener("ck-theme", callback);
const announce = (element, label, text) =>
  element.dispatchEvent(new CustomEvent("ck-announce", { bubbles: true, detail: [label, text] }));

// ---- Controls: each returns {set(value), get(), element}; `set` does not call back ------------------------------------

function slider(parent, { label, min, max, step = (max - min) / 100, value = min, format = show, input = () => {} }) {
  const element = html("input", { type: "range", min, max, step, "aria-label": label });
  const output = html("span", { class: "ck-value", "aria-hidden": "true" });
  const update = () => {
    output.textContent = format(element.valueAsNumber);
    element.setAttribute("aria-valuetext", output.textContent);
  };
  const set = (number) => { element.value = number; update(); };
  element.addEventListener("input", () => { update(); input(element.valueAsNumber); });
  const both = html("span", { class: "ck-slide" }, element, output);                      // a value never leaves its slider
  parent.append(html("label", { class: "ck-control" }, html("span", {}, label), both));
  set(value);
  return { set, get: () => element.valueAsNumber, element };
}

function button(parent, { label, pressed = null, click = () => {} }) {                 // pressed: true/false for a toggle
  const element = add(parent, html("button", { type: "button" }, label));
  const set = (state) => element.setAttribute("aria-pressed", String(state));
  if (pressed !== null) set(pressed);
  element.addEventListener("click", () => click());
  return { set, get: () => element.getAttribute("aria-pressed") === "true", element };
}

function select(parent, { label, options, value, change = () => {} }) {                // options: {value: text}
  const element = html("select", { "aria-label": label });
  for (const [name, text] of Object.entries(options)) element.append(html("option", { value: name }, text));
  const set = (name) => { element.value = name; };
  element.addEventListener("change", () => change(element.value));
  parent.append(html("label", { class: "ck-control" }, html("span", {}, label), element));
  if (value !== undefined) set(value);
  return { set, get: () => element.value, element };
}

function checkbox(parent, { label, value = false, change = () => {} }) {
  const element = html("input", { type: "checkbox" });
  const set = (state) => { element.checked = state; };
  element.addEventListener("change", () => change(element.checked));
  parent.append(html("label", { class: "ck-control" }, element, html("span", {}, label)));
  set(value);
  return { set, get: () => element.checked, element };
}

// A number with a name. It is shown at once, and spoken by a screen reader once it stands still.
function readout(parent, { label, colour: name = "ink" }) {
  if (!parent.lastElementChild?.classList.contains("ck-readouts")) add(parent, html("div", { class: "ck-readouts" }));
  const value = html("strong");
  value.style.color = colour(name);
  const element = add(parent.lastElementChild, html("div", { class: "ck-readout" }, html("span", {}, label), value));
  const set = (text) => {
    if (value.textContent === text) return;
    const first = value.textContent === "";
    value.textContent = text;
    if (!first) announce(element, label, text);
  };
  return { set, get: () => value.textContent, element };
}

// Run, pause and step: `step()` computes one step and redraws; false ends the run. Never starts by itself.
function player(parent, { label = "Run", step, interval = 0 }) {
  let running = false, last = 0;
  const stop = () => { running = false; run.element.textContent = label; };
  const tick = (time) => {
    if (!running || !run.element.isConnected) return stop();
    if (time - last >= interval) { last = time; if (step() === false) return stop(); }
    requestAnimationFrame(tick);
  };
  const start = () => { running = true; run.element.textContent = "Pause"; requestAnimationFrame(tick); };
  const run = button(parent, { label, click: () => (running ? stop() : start()) });
  button(parent, { label: "One step", click: () => { stop(); step(); } });
  return { start, stop, running: () => running };
}

// ---- Pictures: grey images (values 0 black to 1 white) side by side on one canvas ------------------------------------

function pictures(parent, { label, columns: across = 1, rows: down = 1, width = 28, height = 28, scale = 4, gap = 1 }) {
  const canvas = add(parent, html("canvas", { class: "ck-pictures", role: "img", "aria-label": label }));
  canvas.width = across * (width + gap) - gap;
  canvas.height = down * (height + gap) - gap;
  canvas.style.width = `${canvas.width * scale}px`;
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  const draw = (values, index = 0) => {
    for (let i = 0; i < width * height; i++) {
      const grey = 255 * clamp(values[i], [0, 1]);
      image.data.set([grey, grey, grey, 255], 4 * i);
    }
    context.putImageData(image, (index % across) * (width + gap), Math.floor(index / across) * (height + gap));
  };
  const describe = (text) => canvas.setAttribute("aria-label", text);
  return { draw, describe, element: canvas };
}

// ---- Charts: SVG axes and curves over an optional canvas heat map ----------------------------------------------------

// chart(el, {x: [low, high], y: [low, high], xLabel, yLabel, height, label, equal}); equal: one unit is as long both ways.
function chart(parent, { x, y, xLabel = "", yLabel = "", height = 240, label = "", equal = false }) {
  const range = { x, y };
  const margin = { left: yLabel ? 56 : 40, right: 12, top: 8, bottom: xLabel ? 42 : 24 };
  const size = { width: 0, height: 0 };                                                 // of the inside, in pixels
  let whole = { width: 1, height: 1 };                                                  // the chart with its margins
  const px = (value) => ((value - range.x[0]) / (range.x[1] - range.x[0])) * size.width;
  const py = (value) => (1 - (value - range.y[0]) / (range.y[1] - range.y[0])) * size.height;
  const box = add(parent, html("div", { class: "ck-chart" }));
  const legend = html("div", { class: "ck-legend", "aria-hidden": "true" });
  const axes = svg("g", { "aria-hidden": "true" });
  const inside = svg("svg", { x: margin.left, y: margin.top, "aria-hidden": "true" });  // clips what leaves the axes
  inside.style.overflow = "hidden";
  const above = svg("g", { transform: `translate(${margin.left} ${margin.top})` });     // handles may stick out
  const root = svg("svg", { role: "group", "aria-label": label }, axes, inside, above);
  const plot = add(box, html("div", { class: "ck-plot" }, root));
  const items = [];

  const path = (xs, ys) => {
    let pen = "M", d = "";
    for (let i = 0; i < xs.length; i++) {
      if (!Number.isFinite(ys[i])) { pen = "M"; continue; }
      d += `${pen}${px(xs[i]).toFixed(1)} ${clamp(py(ys[i]), [-1e4, 1e4]).toFixed(1)}`;
      pen = "L";
    }
    return d;
  };

  function drawAxes() {
    axes.replaceChildren();
    const bottom = margin.top + size.height;
    for (const { value, text } of ticks(...range.x, clamp(size.width / 50, [3, 10]))) {
      const at = margin.left + px(value);
      axes.append(svg("line", { x1: at, x2: at, y1: margin.top, y2: bottom, stroke: colour("grid") }),
        svg("text", { x: at, y: bottom + 16, "text-anchor": "middle" }, text));
    }
    for (const { value, text } of ticks(...range.y, clamp(size.height / 45, [2, 10]))) {
      const at = margin.top + py(value);
      axes.append(svg("line", { x1: margin.left, x2: margin.left + size.width, y1: at, y2: at, stroke: colour("grid") }),
        svg("text", { x: margin.left - 6, y: at + 4, "text-anchor": "end" }, text));
    }
    const middle = margin.top + size.height / 2;
    axes.append(
      svg("text", { x: margin.left + size.width / 2, y: bottom + 35, "text-anchor": "middle" }, xLabel),
      svg("text", { x: 12, y: middle, transform: `rotate(-90 12 ${middle})`, "text-anchor": "middle" }, yLabel));
  }
  function redraw() {
    const width = box.clientWidth;
    if (!width) return;                                                                 // not on the page yet
    size.width = Math.max(width - margin.left - margin.right, 40);
    size.height = equal ? size.width * (range.y[1] - range.y[0]) / (range.x[1] - range.x[0])
      : height - margin.top - margin.bottom;
    const total = size.height + margin.top + margin.bottom;
    whole = { width, height: total };
    build(root, { width, height: total, viewBox: `0 0 ${width} ${total}` }, []);
    build(inside, { width: size.width, height: size.height }, []);
    drawAxes();
    for (const item of items) item.draw();
  }
  const insert = (item) => { items.push(item); item.draw(); return item; };
  const entry = (name, tone, dash, thick) => {                                          // a line of the legend
    if (!name) return;
    if (!legend.isConnected) box.prepend(legend);
    const sample = svg("line", { x1: 4, x2: 26, y1: 6, y2: 6, stroke: colour(tone), "stroke-width": thick,
      "stroke-dasharray": dash, "stroke-opacity": !dash && thick > 5 ? 0.35 : 1 });
    legend.append(html("span", {}, svg("svg", { width: 26, height: 12 }, sample), name));
  };

  // line().set(xs, ys); area().set(xs, ys, base = 0); points().set(xs, ys)
  function line({ colour: tone = "blue", width = 2.5, dash = null, name = "" } = {}) {
    const node = svg("path", { fill: "none", stroke: colour(tone), "stroke-width": width, "stroke-dasharray": dash,
      "stroke-linejoin": "round" });
    inside.append(node);
    entry(name, tone, dash, width);
    let data = [[], []];
    return insert({ set(xs, ys) { data = [xs, ys]; this.draw(); }, draw: () => node.setAttribute("d", path(...data)) });
  }
  function area({ colour: tone = "blue", opacity = 0.25, name = "" } = {}) {
    const node = svg("path", { fill: colour(tone), "fill-opacity": opacity });
    inside.append(node);
    entry(name, tone, null, 9);
    let data = [[], [], 0];
    return insert({
      set(xs, ys, base = 0) { data = [xs, ys, base]; this.draw(); },
      draw() {
        const [xs, ys, base] = data;
        const closed = xs.length ? path([xs[0], ...xs, xs[xs.length - 1]], [base, ...ys, base]) + "Z" : "";
        node.setAttribute("d", closed);
      },
    });
  }
  function points({ colour: tone = "blue", radius = 3, opacity = 0.7, name = "" } = {}) {
    const node = svg("path", { fill: "none", stroke: colour(tone), "stroke-width": 2 * radius, "stroke-linecap": "round",
      "stroke-opacity": opacity });
    inside.append(node);
    entry(name, tone, "0 9", 2 * radius);
    legend.lastElementChild?.querySelector("line").setAttribute("stroke-linecap", "round");
    let data = [[], []];
    const draw = () => node.setAttribute("d", Array.from(data[0], (value, i) =>
      `M${px(value).toFixed(1)} ${py(data[1][i]).toFixed(1)}h0`).join(""));             // many dots, one element
    return insert({ set(xs, ys) { data = [xs, ys]; draw(); }, draw });
  }
  // custom((layer, {px, py, size}) => ...) draws anything into an SVG group, again after each change of size.
  function custom(drawing) {
    const layer = add(inside, svg("g"));
    return insert({ draw() { layer.replaceChildren(); if (size.width) drawing(layer, { px, py, size }); } });
  }
  // heatmap().set(values, columns, rows): row 0 at the bottom; the colour is as strong as the value, another if negative.
  function heatmap({ colour: tone = "blue", negative = "orange", crisp = false } = {}) {
    const canvas = html("canvas", { "aria-hidden": "true" });
    plot.prepend(canvas);
    if (crisp) canvas.style.imageRendering = "pixelated";
    let data = null;
    const paint = () => {
      if (!data || !box.isConnected) return;
      const [values, across, down] = data;
      [canvas.width, canvas.height] = [across, down];
      const image = new ImageData(across, down), [plus, minus] = [rgb(box, tone), rgb(box, negative)];
      const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-30);
      for (let i = 0; i < values.length; i++) {
        const pixel = (down - 1 - Math.floor(i / across)) * across + (i % across);
        image.data.set([...(values[i] < 0 ? minus : plus), 230 * Math.abs(values[i]) / largest], 4 * pixel);
      }
      canvas.getContext("2d").putImageData(image, 0, 0);
    };
    onTheme(box, paint);
    const share = (part, name) => `${(100 * part) / whole[name]}%`;                     // paper may shrink the chart
    const place = () => Object.assign(canvas.style, { left: share(margin.left, "width"), top: share(margin.top, "height"),
      width: share(size.width, "width"), height: share(size.height, "height") });
    return insert({ set(...values) { data = values; paint(); }, draw() { place(); paint(); } });
  }

  // A point to drag, with the mouse, a finger or the keyboard (arrows; Shift or Page keys: ten steps; Home, End).
  // axis: "x", "y" or "both". moved(x, y) gets the wish; the figure answers with handle.set(x, y).
  function handle({ label: name, colour: tone = "blue", x: startX = 0, y: startY = 0, axis = "x", bounds = {},
    step = null, format = show, moved = () => {} }) {
    const at = { x: startX, y: startY };
    const limits = { x: bounds.x ?? range.x, y: bounds.y ?? range.y };
    const main = axis === "y" ? "y" : "x";
    const unit = { x: step ?? (limits.x[1] - limits.x[0]) / 100, y: step ?? (limits.y[1] - limits.y[0]) / 100 };
    const node = add(above, svg("g", { class: "ck-handle", tabindex: 0, role: "slider", "aria-label": name,
      "aria-valuemin": limits[main][0], "aria-valuemax": limits[main][1],
      "aria-orientation": axis === "y" ? "vertical" : "horizontal" },
      svg("circle", { r: 20, fill: "transparent" }),                                    // room for a finger
      svg("circle", { r: 8, fill: colour(tone), stroke: colour("surface"), "stroke-width": 2 }),
      svg("circle", { r: 12, class: "ck-ring" })));
    const draw = () => {
      node.setAttribute("transform", `translate(${px(at.x)} ${clamp(py(at.y), [0, size.height])})`);
      node.setAttribute("aria-valuenow", Number(at[main].toFixed(4)));
      const text = axis === "both" ? `${format(at.x)}, ${format(at.y)}` : format(at[main]);
      node.setAttribute("aria-valuetext", text);
    };
    const set = (newX, newY = at.y) => { Object.assign(at, { x: newX, y: newY }); draw(); };
    const wish = (newX, newY) => {
      const held = (value, name) => Number(clamp(value, limits[name]).toFixed(9));        // 0.3, not 0.30000000000000004
      const goal = { x: axis === "y" ? at.x : held(newX, "x"), y: axis === "x" ? at.y : held(newY, "y") };
      set(goal.x, goal.y);
      moved(goal.x, goal.y);
    };
    let grip = null;                                                                    // pointer minus handle
    const pointer = (event) => {
      const origin = root.getBoundingClientRect();
      return { x: range.x[0] + (event.clientX - origin.left - margin.left) / size.width * (range.x[1] - range.x[0]),
        y: range.y[1] - (event.clientY - origin.top - margin.top) / size.height * (range.y[1] - range.y[0]) };
    };
    node.addEventListener("pointerdown", (event) => {
      const p = pointer(event);
      grip = { x: p.x - at.x, y: p.y - at.y };
      node.setPointerCapture(event.pointerId);
      node.focus();
      event.preventDefault();
    });
    node.addEventListener("pointermove", (event) => {
      if (!grip) return;
      const p = pointer(event);
      wish(p.x - grip.x, p.y - grip.y);
    });
    // A finger on the handle must not scroll the page; browsers do not heed touch-action on every shape of an SVG.
    node.addEventListener("touchstart", (event) => event.preventDefault(), { passive: false });
    for (const end of ["pointerup", "pointercancel"]) node.addEventListener(end, () => { grip = null; });
    node.addEventListener("keydown", (event) => {
      const large = event.shiftKey ? 10 : 1;
      const vertical = axis === "x" ? "x" : "y", sideways = axis === "y" ? "y" : "x";
      const move = { ArrowRight: [sideways, large], ArrowLeft: [sideways, -large], ArrowUp: [vertical, large],
        ArrowDown: [vertical, -large], PageUp: [vertical, 10], PageDown: [vertical, -10],
        Home: [main, -Infinity], End: [main, Infinity] }[event.key];
      if (!move || event.altKey || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      event.stopPropagation();
      const goal = { ...at };
      goal[move[0]] += move[1] * unit[move[0]];
      wish(goal.x, goal.y);
    });
    const item = insert({ set, draw, element: node, get: () => ({ ...at }) });
    item.visible = (state) => { node.style.display = state ? "" : "none"; };
    return item;
  }
  const setRange = (change) => {
    if (Object.entries(change).every(([name, ends]) => String(range[name]) === String(ends))) return;
    Object.assign(range, change);
    redraw();
  };
  new ResizeObserver(onFrame(redraw)).observe(box);
  redraw();
  return { line, area, points, custom, heatmap, handle, setRange, redraw, px, py, element: box };
}

const lib = {
  tensor, relu, leakyRelu, tanh, sigmoid, softplus, silu, logSumExp, softmax, linear, conv2d, convTranspose2d, batchNorm,
  groupNorm, layerNorm, float16ToFloat32, unpackWeights, random, clamp, linspace, show, ticks, onFrame, reducedMotion,
  save, watch, worker, html, svg, row, columns, note, colour, rgb, frame, onTheme, announce, slider, button, select,
  checkbox, readout, player, pictures, chart,
};
