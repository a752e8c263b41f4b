// A gated PixelCNN draws an image here, pixel by pixel. Feature maps are {data, shape: [C, H, W]}.

const zeros = (shape) => ({ data: new Float32Array(shape.reduce((a, b) => a * b, 1)), shape });

// Every pair of a place of the output and one of the input that a kernel joins: visit(w, out, in, n), n places in a row.
// Output (i, j) sees the input's (i + u - top, j + v - left) through the weight (u, v).
function joined([outputs, inputs, rows, columns], [height, width], top, left, visit) {
  for (let o = 0; o < outputs; o++) for (let c = 0; c < inputs; c++) for (let u = 0; u < rows; u++) {
    for (let v = 0; v < columns; v++) {
      const w = ((o * inputs + c) * rows + u) * columns + v, across = v - left;
      const first = Math.max(0, -across), n = width - Math.abs(across);
      if (n <= 0) continue;
      for (let i = Math.max(0, top - u); i < height; i++) {
        const from = i + u - top;
        if (from >= height) break;
        visit(w, (o * height + i) * width + first, (c * height + from) * width + first + across, n);
      }
    }
  }
}

function convolve(x, weight, bias, top = 0, left = 0) {
  const [, height, width] = x.shape, y = zeros([weight.shape[0], height, width]);
  if (bias) for (let o = 0; o < weight.shape[0]; o++) y.data.fill(bias.data[o], o * height * width, (o + 1) * height * width);
  joined(weight.shape, [height, width], top, left, (w, out, into, n) => {
    const factor = weight.data[w];
    if (factor !== 0) for (let k = 0; k < n; k++) y.data[out + k] += factor * x.data[into + k];
  });
  return y;
}

// What the gradient of a convolution's output says about its input
function convolveBack(dy, weight, top = 0, left = 0) {
  const [, height, width] = dy.shape, dx = zeros([weight.shape[1], height, width]);
  joined(weight.shape, [height, width], top, left, (w, out, into, n) => {
    const factor = weight.data[w];
    if (factor !== 0) for (let k = 0; k < n; k++) dx.data[into + k] += factor * dy.data[out + k];
  });
  return dx;
}

const sum = (a, b) => ({ data: a.data.map((value, i) => value + b.data[i]), shape: a.shape });

function gate(x) {
  const [channels, height, width] = x.shape, half = x.data.length / 2;
  const y = zeros([channels / 2, height, width]);
  for (let i = 0; i < half; i++) y.data[i] = Math.tanh(x.data[i]) / (1 + Math.exp(-x.data[half + i]));
  return y;
}

function gateBack(x, dy) {
  const half = x.data.length / 2, dx = zeros(x.shape);
  for (let i = 0; i < half; i++) {
    const t = Math.tanh(x.data[i]), s = 1 / (1 + Math.exp(-x.data[half + i]));
    dx.data[i] = dy.data[i] * s * (1 - t * t);
    dx.data[half + i] = dy.data[i] * t * s * (1 - s);
  }
  return dx;
}

// The layers' kernels, and how far up and left each begins
function layersOf(weights) {
  const layers = [];
  for (let k = 0; weights[`${k}.vertical.weight`]; k++) {
    const part = (name) => ({ weight: weights[`${k}.${name}.weight`], bias: weights[`${k}.${name}.bias`] });
    const vertical = part("vertical"), horizontal = part("horizontal");
    const [, , rows, columns] = vertical.weight.shape;
    layers.push({ vertical, horizontal, link: part("link"), residual: part("residual"),
      classes: weights[`${k}.classes.weight`], up: k === 0 ? rows : rows - 1, across: Math.floor(columns / 2),
      left: horizontal.weight.shape[3] - 1 });
  }
  return layers;
}

// Adds numbers of the label's row of `classes` to the channels of x: those from `start` on
function addClass(x, classes, label, start) {
  const [channels, height, width] = x.shape, size = height * width, row = label * classes.shape[1] + start;
  for (let c = 0; c < channels; c++) for (let i = 0; i < size; i++) x.data[c * size + i] += classes.data[row + c];
  return x;
}

// The logits of every pixel's levels, (levels, H, W), for values in [0, 1], and what the layers saw on the way
function run(weights, values, [height, width], label) {
  const x = { data: Float32Array.from(values), shape: [1, height, width] };
  const seen = [];
  let v = x, h = null;
  for (const layer of layersOf(weights)) {
    const vertical = addClass(convolve(v, layer.vertical.weight, layer.vertical.bias, layer.up, layer.across), layer.classes, label, 0);
    const link = addClass(convolve(vertical, layer.link.weight, layer.link.bias), layer.classes, label, vertical.shape[0]);
    const horizontal = sum(convolve(h ?? x, layer.horizontal.weight, layer.horizontal.bias, 0, layer.left), link);
    const step = convolve(gate(horizontal), layer.residual.weight, layer.residual.bias);
    v = gate(vertical);
    h = h ? sum(h, step) : step;
    seen.push({ vertical, horizontal });
  }
  const hidden = convolve(lib.relu(h), weights["hidden.weight"], weights["hidden.bias"]);
  const logits = convolve(lib.relu(hidden), weights["output.weight"], weights["output.bias"]);
  return { logits, seen, h, hidden };
}

// The probabilities of the levels of one pixel
function probabilities(logits, pixel) {
  const [levels, height, width] = logits.shape;
  return lib.softmax(Array.from({ length: levels }, (_, k) => logits.data[k * height * width + pixel]));
}

const mean = (p) => p.reduce((total, value, k) => total + value * k / (p.length - 1), 0);

// How the predicted mean of one pixel changes with each pixel of the image: the gradient, (H, W)
function influence(weights, { logits, seen, h, hidden }, pixel) {
  const [levels, height, width] = logits.shape, p = probabilities(logits, pixel), m = mean(p);
  let dy = zeros(logits.shape);
  p.forEach((value, k) => { dy.data[k * height * width + pixel] = value * (k / (levels - 1) - m); });
  const through = (d, x) => { d.data.forEach((_, i) => { if (x.data[i] <= 0) d.data[i] = 0; }); return d; };
  dy = through(convolveBack(dy, weights["output.weight"]), hidden);
  let dh = through(convolveBack(dy, weights["hidden.weight"]), h), dv = null, dx = null;
  const layers = layersOf(weights);
  for (let k = layers.length - 1; k >= 0; k--) {
    const layer = layers[k], { vertical, horizontal } = seen[k];
    const dHorizontal = gateBack(horizontal, convolveBack(dh, layer.residual.weight));
    let dVertical = convolveBack(dHorizontal, layer.link.weight);
    if (dv) dVertical = sum(dVertical, gateBack(vertical, dv));
    dv = convolveBack(dVertical, layer.vertical.weight, layer.up, layer.across);
    const back = convolveBack(dHorizontal, layer.horizontal.weight, 0, layer.left);
    if (k > 0) dh = sum(dh, back);
    else dx = sum(dv, back);
  }
  return dx.data;
}

// The uniform number of pixel d, and the level on which it falls
const uniform = (seed, d) => lib.random((Math.imul(seed, 40503) ^ Math.imul(d + 1, 2654435761)) >>> 0).uniform();
function level(p, u) {
  let k = 0, total = p[0];
  while (k < p.length - 1 && u >= total) total += p[++k];
  return k;
}

// `count` more pixels after those that are drawn, and the network's pass over the rows that matter then
function extend(weights, before, [height, width], levels, label, seed, count) {
  const drawn = [...before];
  const passed = () => {
    const rows = Math.min(height, Math.floor(drawn.length / width) + 1);
    const values = Array.from({ length: rows * width }, (_, d) => (drawn[d] ?? 0) / (levels - 1));
    return run(weights, values, [rows, width], label);
  };
  let pass = passed();
  for (let k = 0; k < count && drawn.length < height * width; k++) {
    drawn.push(level(probabilities(pass.logits, drawn.length), uniform(seed, drawn.length)));
    pass = passed();
  }
  return { drawn, pass };
}

const functions = { run, probabilities, influence, uniform, level, mean, extend };

function render({ model, el }) {
  const weights = lib.unpackWeights(model);
  const [height, width, levels] = ["height", "width", "levels"].map((name) => model.get(name));
  const pixels = height * width, CELL = 20, most = levels - 1;
  const place = (d) => `row ${Math.floor(d / width) + 1}, column ${d % width + 1}`;

  // The network runs in a Worker: its newest pass, and whether another is on its way
  const key = (drawn, label) => `${label} ${drawn.join("")}`;
  let known = null, waiting = false;
  const work = lib.worker({ model, el }, functions, "extend", ({ drawn, pass }, _, before, size, most, label) => {
    waiting = false;
    if (key(before, label) !== key(model.get("drawn"), model.get("label"))) return draw();  // changed meanwhile
    known = { key: key(drawn, label), pass };
    if (drawn.length > before.length) lib.save(model, { drawn, cursor: Math.min(drawn.length, pixels - 1) });
    else draw();
  });
  const extendBy = (count) => {
    waiting = true;
    work(weights, model.get("drawn"), [height, width], levels, model.get("label"), model.get("seed"), count);
  };
  const forget = () => { work.drop(); waiting = false; };

  const [left, right] = lib.columns(el, 2);
  const root = lib.svg("svg", { viewBox: `-2 -2 ${width * CELL + 4} ${height * CELL + 4}`, tabindex: 0, role: "slider",
    "aria-label": "pixel of the image", "aria-valuemin": 1, "aria-valuemax": pixels, class: "ck-handle" });
  root.style.cssText = "width: 100%; max-width: 22rem; display: block; cursor: crosshair; touch-action: manipulation";
  const squares = Array.from({ length: pixels }, (_, d) => lib.svg("rect", { x: d % width * CELL, y: Math.floor(d / width) * CELL,
    width: CELL, height: CELL, stroke: lib.colour("grid"), "stroke-width": 0.5 }));
  const dots = squares.map((_, d) => lib.svg("circle", { cx: (d % width + 0.5) * CELL, cy: (Math.floor(d / width) + 0.5) * CELL,
    r: 0 }));
  const box = (attributes) => lib.svg("rect", { width: CELL, height: CELL, fill: "none", ...attributes });
  const next = box({ stroke: lib.colour("ink"), "stroke-width": 1.5, "stroke-dasharray": "3 3" });
  const around = box({ stroke: lib.colour("surface"), "stroke-width": 6 });
  const cursor = box({ stroke: lib.colour("orange"), "stroke-width": 3.5 });
  const focus = lib.svg("rect", { x: -1, y: -1, width: width * CELL + 2, height: height * CELL + 2, class: "ck-ring" });
  root.append(...squares, ...dots, next, around, cursor, focus);
  left.append(root);

  const chart = lib.chart(right, { x: [-0.4, most + 0.4], y: [0, 1], xLabel: "level: 0 is black, the last is white",
    yLabel: "probability", height: 230, label: "Probabilities of the levels of the pixel at the cursor" });
  let shown = null;                                                                     // {p, actual}
  const bars = chart.custom((layer, { px, py }) => {
    if (!shown) return;
    shown.p.forEach((value, k) => {
      const wide = px(0.7) - px(0), actual = k === shown.actual;
      layer.append(lib.svg("rect", { x: px(k) - wide / 2, y: py(value), width: wide, height: py(0) - py(value),
        fill: lib.colour("blue"), "fill-opacity": actual ? 0.95 : 0.35, stroke: lib.colour("blue"), "stroke-width": 1.5 }));
      const text = lib.svg("text", { x: px(k), y: Math.max(py(value) - 5, 12), "text-anchor": "middle" },
        `${lib.show(value)}${actual ? " drawn" : ""}`);
      text.style.fill = lib.colour("ink");
      layer.append(text);
    });
  });
  const note = lib.note(right, "");

  const controls = lib.row(el);
  let frame = 0;
  const player = lib.player(controls, { label: "Draw", step: () => {
    const pace = Number(speed.get());
    if (model.get("drawn").length >= pixels) return false;
    if (!player.running()) { forget(); extendBy(1); }
    else if (++frame % Math.max(Math.round(1 / pace), 1) === 0 && !waiting) extendBy(Math.max(pace, 1));
    return true;
  } });
  const speed = lib.select(controls, { label: "speed", value: "0.25", options: { 0.05: "slow", 0.25: "medium", 4: "fast" } });
  const label = lib.select(controls, { label: "digit", value: String(model.get("label")),
    options: Object.fromEntries(Array.from({ length: model.get("classes") }, (_, k) => [k, k])),
    change: (value) => {
      player.stop();
      forget();
      lib.save(model, { label: Number(value), drawn: [], cursor: 0, seed: model.get("seed") + 1 });
    } });
  const edits = lib.row(el);
  const cut = (d, values) => {                                                          // keep the pixels before d
    player.stop();
    forget();
    lib.save(model, { drawn: [...model.get("drawn").slice(0, d), ...values], seed: model.get("seed") + 1 });
  };
  const change = (d) => { if (d < model.get("drawn").length) cut(d, [(model.get("drawn")[d] + 1) % levels]); };
  lib.button(edits, { label: "Change this pixel", click: () => change(model.get("cursor")) });
  lib.button(edits, { label: "Redraw from here", click: () => {
    if (model.get("cursor") <= model.get("drawn").length) { cut(model.get("cursor"), []); player.start(); }
  } });
  lib.button(edits, { label: "New image", click: () => { cut(0, []); lib.save(model, { cursor: 0 }); player.start(); } });
  const dotted = lib.checkbox(edits, { label: "show what the prediction depends on", value: true, change: () => draw() });

  const at = (event) => {
    const area = root.getBoundingClientRect(), unit = area.width / (width * CELL + 4);
    const [x, y] = [(event.clientX - area.left) / unit - 2, (event.clientY - area.top) / unit - 2].map((value) => Math.floor(value / CELL));
    return x < 0 || y < 0 || x >= width || y >= height ? null : y * width + x;
  };
  root.addEventListener("pointermove", (event) => {
    const d = at(event);
    if (d !== null && d !== model.get("cursor") && !player.running()) lib.save(model, { cursor: d });
  });
  root.addEventListener("click", (event) => {
    const d = at(event);
    if (d === null) return;
    player.stop();
    lib.save(model, { cursor: d });
    change(d);
  });
  root.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -width, ArrowDown: width, Home: -Infinity, End: Infinity };
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key in moves) {
      player.stop();
      const goal = model.get("cursor") + moves[event.key];
      const inside = Number.isFinite(goal) ? goal : goal < 0 ? 0 : model.get("drawn").length;
      if (inside >= 0 && inside < pixels) lib.save(model, { cursor: inside });
      else if (inside === pixels) lib.save(model, { cursor: pixels - 1 });
    } else if (event.key === "Enter" || event.key === " ") change(model.get("cursor"));
    else return;
    event.preventDefault();
    event.stopPropagation();
  });

  const where = lib.readout(el, { label: "pixel at the cursor", colour: "orange" });
  const value = lib.readout(el, { label: "its level, and how probable it was" });
  const reach = lib.readout(el, { label: "pixels that change its prediction" });
  const total = lib.readout(el, { label: "log-probability of what is drawn" });

  const draw = () => {
    const drawn = model.get("drawn"), d = model.get("cursor");
    const ready = d <= drawn.length, actual = drawn[d];
    squares.forEach((square, k) => {
      const grey = Math.round(255 * (drawn[k] ?? 0) / most);
      square.setAttribute("fill", k < drawn.length ? `rgb(${grey} ${grey} ${grey})` : lib.colour("blue"));  // tinted: empty
      square.setAttribute("fill-opacity", k < drawn.length ? 1 : 0.14);
    });
    for (const mark of [around, cursor]) build(mark, d);
    next.style.display = drawn.length < pixels ? "" : "none";
    build(next, Math.min(drawn.length, pixels - 1));
    root.setAttribute("aria-valuenow", d + 1);
    label.set(String(model.get("label")));
    where.set(place(d));
    if (known?.key !== key(drawn, model.get("label"))) {                                // the rest when the pass is there
      if (!waiting) extendBy(0);
      return;
    }
    const { logits } = known.pass;
    const p = ready ? probabilities(logits, d) : null;
    const effect = ready ? influence(weights, known.pass, d) : [];
    const largest = effect.reduce((a, b) => Math.max(a, Math.abs(b)), 1e-9), shared = dotted.get();
    dots.forEach((dot, k) => {                                                          // full: brighter there, brighter here
      const size = shared && k < d && ready ? Math.sqrt(Math.abs(effect[k] ?? 0) / largest) * CELL * 0.38 : 0;
      const up = (effect[k] ?? 0) > 0;
      dot.setAttribute("r", size < 0.8 ? 0 : size);
      dot.setAttribute("fill", up ? lib.colour("blue") : "none");
      dot.setAttribute("stroke", up ? "white" : lib.colour("orange"));                  // pixels are grey in both themes
      dot.setAttribute("stroke-width", up ? 0.5 : 2);
    });
    shown = p && { p, actual };
    bars.draw();
    note.set(ready ? (actual === undefined ? "The next pixel: nothing is drawn here yet." : "What the network expected here, before it drew.")
      : "Not predicted yet: pixels before this one are missing.");
    value.set(!ready ? "none yet" : actual === undefined ? "not drawn yet" : `${actual}, ${lib.show(100 * p[actual], 0)} %`);
    reach.set(ready ? String(Array.from(effect).filter((e) => Math.abs(e) > 0).length) : "none yet");
    total.set(`${lib.show(drawn.reduce((t, k, i) => t + Math.log(probabilities(logits, i)[k]), 0), 1)} nats, ${drawn.length} pixels`);
    root.setAttribute("aria-valuetext", p ? `${place(d)}: ${actual === undefined ? "not drawn" : `level ${actual}`}; probabilities ${p.map((q) => lib.show(q)).join(", ")}`
      : `${place(d)}: not predicted yet`);
  };
  function build(mark, d) {
    mark.setAttribute("x", d % width * CELL);
    mark.setAttribute("y", Math.floor(d / width) * CELL);
  }
  const redraw = lib.onFrame(draw);
  draw();
  return lib.watch(model, ["drawn", "cursor", "label", "seed"], redraw);
}
