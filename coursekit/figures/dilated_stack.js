// A stack of dilated causal convolutions: what reaches an output, and what a step costs. Below it a trained WaveNet,
// sample by sample with queues.

const PLACES = 32;                                                                      // columns of the drawing

// state: {layers, base, kernel}: the dilation of each layer, the lowest first
const dilationsOf = (state) => Array.from({ length: state.layers }, (_, i) => state.base ** i);

const receptiveField = (state) => 1 + (state.kernel - 1) * dilationsOf(state).reduce((sum, d) => sum + d, 0);

// For each row, inputs first, the places (they may be negative) from which the output at `place` is reached.
function reached(state, place) {
  const rows = [[place]];
  for (const d of dilationsOf(state).reverse()) {
    const below = new Set();
    for (const t of rows[0]) for (let j = 0; j < state.kernel; j++) below.add(t - j * d);
    rows.unshift([...below].sort((a, b) => a - b));
  }
  return rows;
}

// How many features are computed for one new output: all that reach it, or one a layer with queues.
const features = (state) => reached(state, 0).slice(1).reduce((sum, row) => sum + row.length, 0);

// ---- The trained network ----------------------------------------------------------------------------------------------

// y += W x for W (outputs, inputs) in a flat array, of which the inputs from `start` on are used
function addProduct(y, weight, x, start = 0, stride = x.length) {
  for (let o = 0; o < y.length; o++) {
    let sum = 0;
    for (let i = 0, w = o * stride + start; i < x.length; i++) sum += weight[w + i] * x[i];
    y[o] += sum;
  }
}

const logistic = (x) => 1 / (1 + Math.exp(-x));

// One stream: step(level, or null at the start) -> the logits of the next level. Each layer keeps its last inputs.
function stream(weights, dilations, label) {
  const width = weights["embedding.weight"].shape[1];
  const get = (name) => weights[name].data;
  const layers = dilations.map((dilation, i) => {
    const inputs = weights[`layers.${i}.look.weight`].shape[1], kernel = inputs / width;
    const bias = Float64Array.from(get(`layers.${i}.look.bias`));
    const classes = weights[`layers.${i}.classes.weight`];
    if (classes) bias.forEach((_, k) => { bias[k] += classes.data[label * 2 * width + k]; });
    const residual = weights[`layers.${i}.residual.weight`];
    return { dilation, kernel, inputs, bias, look: get(`layers.${i}.look.weight`), residual: residual?.data,
      skip: get(`layers.${i}.skip.weight`), skipBias: get(`layers.${i}.skip.bias`),
      ring: Array.from({ length: (kernel - 1) * dilation }, () => new Float64Array(width)) };
  });
  const skips = weights["hidden.weight"].shape[0], levels = weights["output.weight"].shape[0];
  let time = 0;
  return (level) => {
    let h = new Float64Array(width);
    if (level !== null) h.set(get("embedding.weight").subarray(level * width, (level + 1) * width));
    const total = new Float64Array(skips);
    for (const layer of layers) {
      const { ring, kernel, dilation } = layer, gates = Float64Array.from(layer.bias);
      for (let j = 0; j < kernel - 1; j++) {                                            // the oldest first
        const past = ring[(time + j * dilation) % ring.length];
        addProduct(gates, layer.look, past, j * width, layer.inputs);
      }
      addProduct(gates, layer.look, h, (kernel - 1) * width, layer.inputs);
      const z = new Float64Array(width);
      for (let k = 0; k < width; k++) z[k] = Math.tanh(gates[k]) * logistic(gates[width + k]);
      ring[time % ring.length].set(h);
      for (let k = 0; k < skips; k++) total[k] += layer.skipBias[k];
      addProduct(total, layer.skip, z);
      if (layer.residual) { h = Float64Array.from(h); addProduct(h, layer.residual, z); }
    }
    time += 1;
    const hidden = Float64Array.from(get("hidden.bias"));
    addProduct(hidden, get("hidden.weight"), total.map((x) => Math.max(x, 0)));
    const logits = Float64Array.from(get("output.bias"));
    addProduct(logits, get("output.weight"), hidden.map((x) => Math.max(x, 0)));
    return logits.subarray(0, levels);
  };
}

// The logits along a given sequence of levels, one row for each (the first knows nothing).
function along(weights, dilations, label, sequence) {
  const step = stream(weights, dilations, label);
  return sequence.map((_, t) => Array.from(step(t ? sequence[t - 1] : null)));
}

// The level on which a uniform number falls.
function drawn(logits, uniform) {
  const probabilities = lib.softmax(logits);
  let sum = 0;
  for (let k = 0; k < probabilities.length - 1; k++) {
    sum += probabilities[k];
    if (uniform < sum) return k;
  }
  return probabilities.length - 1;
}

function generate(weights, dilations, label, seed, count) {
  const step = stream(weights, dilations, label), { uniform } = lib.random(seed), levels = [];
  for (let t = 0; t < count; t++) levels.push(drawn(step(t ? levels[t - 1] : null), uniform()));
  return levels;
}

// Level k of 256 as a wave in [-1, 1]: the inverse of the mu-law.
function wave(level) {
  const compressed = 2 * level / 255 - 1;
  return Math.sign(compressed) * (256 ** Math.abs(compressed) - 1) / 255;
}

// Multiplications for one sample: in all layers and the two at the end, and what a pass over the receptive field takes.
function multiplications(weights, dilations) {
  const kernel = weights["layers.0.look.weight"].shape[1] / weights["embedding.weight"].shape[1];
  const field = 1 + (kernel - 1) * dilations.reduce((sum, d) => sum + d, 0);
  let once = 0;
  for (const [name, { shape }] of Object.entries(weights)) {
    if (/(look|residual|skip|hidden|output)\.weight$/.test(name)) once += shape[0] * shape[1];
  }
  return { queues: once, plain: once * field, field };
}

const functions = { dilationsOf, receptiveField, reached, features, along, generate, drawn, wave, multiplications };

// ---- The page ---------------------------------------------------------------------------------------------------------

const grouped = (n) => String(n).replace(/\B(?=(\d{3})+$)/g, ",");

function render({ model, el }) {
  const state = () => ({ layers: model.get("layers"), base: model.get("base"), kernel: model.get("kernel") });
  const change = (changes) => lib.save(model, changes);
  const whole = (value) => lib.show(value, 0);

  const controls = lib.row(el);
  const layers = lib.slider(controls, { label: "layers", min: 1, max: 5, step: 1, format: whole,
    input: (value) => change({ layers: value }) });
  const base = lib.slider(controls, { label: "dilation base", min: 1, max: 3, step: 1, format: whole,
    input: (value) => change({ base: value }) });
  const kernel = lib.slider(controls, { label: "kernel", min: 2, max: 3, step: 1, format: whole,
    input: (value) => change({ kernel: value }) });
  const chart = lib.chart(el, { x: [-0.7, PLACES - 0.3], y: [-0.5, 5.5], xLabel: "place in the sequence", yLabel: "layer",
    height: 270, label: "The stack: inputs in row 0, the chosen output in the top row" });
  const picture = chart.custom((layer, { px, py }) => {
    const now = state(), dilations = dilationsOf(now), place = model.get("output");
    const lit = reached(now, place).map((row) => new Set(row));
    const radius = lib.clamp((px(1) - px(0)) * 0.3, [2, 6]);
    const faint = lib.svg("g", { stroke: lib.colour("grid"), "stroke-width": 1 });
    const strong = lib.svg("g", { stroke: lib.colour("orange"), "stroke-width": 2 });
    const circles = lib.svg("g");
    for (let row = 0; row <= now.layers; row++) for (let t = 0; t < PLACES; t++) {
      const on = lit[row].has(t);
      if (row) for (let j = 0; j < now.kernel; j++) {
        const from = t - j * dilations[row - 1];
        (on ? strong : faint).append(lib.svg("line", { x1: px(t), y1: py(row), x2: px(from), y2: py(row - 1) }));
      }
      const fill = on ? (row ? "orange" : "blue") : "surface";
      circles.append(lib.svg("circle", { cx: px(t), cy: py(row), r: on ? radius + 1 : radius, fill: lib.colour(fill),
        stroke: lib.colour(on ? "ink" : "muted"), "stroke-width": on ? 1.5 : 1 }));
    }
    layer.append(faint, strong, circles);
  });
  const handle = chart.handle({ label: "chosen output", colour: "orange", bounds: { x: [0, PLACES - 1] }, step: 1,
    format: whole, moved: (x) => change({ output: Math.round(x) }) });
  chart.element.addEventListener("pointerdown", (event) => {
    if (event.target.closest(".ck-handle")) return;
    const box = chart.element.querySelector("svg svg").getBoundingClientRect();
    const place = Math.round(-0.7 + (event.clientX - box.left) / box.width * (PLACES + 0.4));
    if (place >= 0 && place < PLACES) change({ output: place });
  });
  const field = lib.readout(el, { label: "receptive field", colour: "blue" });
  const plain = lib.readout(el, { label: "computed for one output: all that are lit", colour: "orange" });
  const queued = lib.readout(el, { label: "with queues, one a layer" });
  const remark = lib.note(el, "");

  const drawStack = () => {
    const now = state(), place = model.get("output"), inputs = reached(now, place)[0];
    layers.set(now.layers);
    base.set(now.base);
    kernel.set(now.kernel);
    chart.setRange({ y: [-0.5, now.layers + 0.6] });
    handle.set(place, now.layers);
    picture.draw();
    const outside = inputs.filter((t) => t < 0).length, holes = receptiveField(now) - inputs.length;
    field.set(`${receptiveField(now)} places`);
    plain.set(whole(features(now)));
    queued.set(whole(now.layers));
    remark.set([`Dilations ${dilationsOf(now).join(", ")}.`,
      holes ? `${holes} places inside the receptive field are skipped: the dilation grows faster than the kernel covers.` : "",
      outside ? `${outside} of the inputs lie left of the picture.` : ""].filter(Boolean).join(" "));
  };

  // ---- sound ----
  const weights = lib.unpackWeights(model), dilations = model.get("dilations"), rate = model.get("rate");
  const classes = model.get("classes"), cost = multiplications(weights, dilations), second = rate;
  const sound = lib.row(el);
  sound.style.marginTop = "1rem";
  const note = lib.select(sound, { label: "note", options: Object.fromEntries(classes.map((name, i) => [i, name])),
    change: (value) => change({ label: Number(value) }) });
  const start = lib.button(sound, { label: "Generate one second", click: () => begin() });
  const play = lib.button(sound, { label: "Play it", click: () => listen() });
  play.element.disabled = true;
  const [left, right] = lib.columns(el, 2);
  const all = lib.chart(left, { x: [0, 1], y: [-1, 1], xLabel: "seconds", yLabel: "wave", height: 170,
    label: "The wave so far: its highest and lowest values" });
  const envelope = all.area({ colour: "green", opacity: 0.7 });
  const last = lib.chart(right, { x: [0, 25], y: [-1, 1], xLabel: "milliseconds", yLabel: "wave", height: 170,
    label: "The last 25 milliseconds of the wave" });
  const line = last.line({ colour: "green", width: 1.5 });
  const made = lib.readout(el, { label: "samples made", colour: "green" });
  const work = lib.readout(el, { label: "multiplications a sample" });
  work.set(grouped(cost.queues));
  lib.readout(el, { label: `without queues: ${grouped(cost.field)} times as many` }).set(grouped(cost.plain));

  const samples = new Float32Array(second), latest = Math.round(0.025 * rate), bins = 200;
  let count = 0, step = null, uniform = null, level = null, running = false, context = null;
  const drawWave = () => {
    const xs = [], high = [], low = [], size = second / bins;
    for (let b = 0; b * size < count; b++) {
      const part = samples.subarray(b * size, Math.min((b + 1) * size, count));
      xs.push((b * size) / rate);
      high.push(part.reduce((a, v) => Math.max(a, v), -1));
      low.push(part.reduce((a, v) => Math.min(a, v), 1));
    }
    envelope.set([...xs, ...xs.slice().reverse()], [...high, ...low.reverse()], low[low.length - 1] ?? 0);
    const tail = samples.subarray(Math.max(0, count - latest), count);
    line.set(Array.from(tail, (_, i) => 1000 * i / rate), Array.from(tail));
    made.set(grouped(count));
  };
  const end = () => {
    running = false;
    start.element.textContent = "Generate one second";
    play.element.disabled = count === 0;
  };
  const more = () => {
    if (!running || !el.isConnected) return end();
    const until = performance.now() + 11;                                       // the frame stays smooth
    while (count < second && performance.now() < until) {
      level = drawn(step(level), uniform());
      samples[count++] = wave(level);
    }
    drawWave();
    if (count === second) { change({ seed: model.get("seed") + 1 }); return end(); }
    requestAnimationFrame(more);
  };
  const begin = () => {
    if (running) return end();
    count = 0;
    level = null;
    step = stream(weights, dilations, model.get("label"));
    uniform = lib.random(model.get("seed")).uniform;
    running = true;
    start.element.textContent = "Stop";
    play.element.disabled = true;
    requestAnimationFrame(more);
  };
  const listen = () => {                                                                // sound on a click only
    context = context ?? new AudioContext();
    const buffer = context.createBuffer(1, count, rate);
    buffer.copyToChannel(samples.subarray(0, count), 0);
    const source = context.createBufferSource();
    source.buffer = buffer;
    source.connect(context.destination);
    source.start();
  };

  const drawLabel = () => note.set(String(model.get("label")));
  drawStack();
  drawLabel();
  drawWave();
  const watches = [
    lib.watch(model, ["layers", "base", "kernel", "output"], lib.onFrame(drawStack)),
    lib.watch(model, ["label"], drawLabel),
  ];
  return () => {
    running = false;
    context?.close();
    watches.forEach((stop) => stop());
  };
}
