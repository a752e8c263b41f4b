// A generator x = g(z) of one number: a monotone cubic through seven points, and the density of x when z is N(0, 1).

const FIRST = -3, LAST = 3;                                                             // z of the first and last point
const bell = (z) => Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI);

// P(noise < z), by the trapezium rule.
function below(z) {
  const steps = 400, width = z / steps;
  let sum = 0.5 * (bell(0) + bell(z));
  for (let i = 1; i < steps; i++) sum += bell(i * width);
  return 0.5 + sum * width;
}

// The slope at each point: harmonic mean of the two neighbouring steps, zero where they differ in sign.
function tangentsOf(knots) {
  const steps = knots.slice(1).map((value, i) => value - knots[i]);
  return knots.map((_, i) => {
    if (i === 0) return steps[0];
    if (i === steps.length) return steps[i - 1];
    const [a, b] = [steps[i - 1], steps[i]];
    return a * b > 0 ? 2 * a * b / (a + b) : 0;
  });
}

let made = { knots: null };                                                             // asked thousands of times a frame
function tangents(knots) {
  if (made.knots !== knots) made = { knots, slopes: tangentsOf(knots) };
  return made.slopes;
}

// g(z) and its slope.
function curve(knots, z) {
  const m = tangents(knots), n = knots.length - 1;
  if (z <= FIRST) return { x: knots[0] + m[0] * (z - FIRST), slope: m[0] };
  if (z >= LAST) return { x: knots[n] + m[n] * (z - LAST), slope: m[n] };
  const i = Math.min(Math.floor(z - FIRST), n - 1), t = z - FIRST - i;
  const [a, b, c, d] = [knots[i], m[i], knots[i + 1], m[i + 1]];
  const square = 3 * (c - a) - 2 * b - d, cube = 2 * (a - c) + b + d;
  return { x: a + b * t + square * t * t + cube * t ** 3, slope: b + 2 * square * t + 3 * cube * t * t };
}

// All z with g(z) = x: at most one on each piece, found by bisection. Level pieces have none.
function sources(knots, x) {
  const m = tangents(knots), n = knots.length - 1, found = [];
  if (m[0] !== 0 && (x - knots[0]) / m[0] < 0) found.push(FIRST + (x - knots[0]) / m[0]);
  for (let i = 0; i < n; i++) {
    const [a, b] = [knots[i], knots[i + 1]];
    if (a === b || (x - a) * (x - b) > 0 || x === b) continue;
    let [low, high] = [FIRST + i, FIRST + i + 1];
    for (let step = 0; step < 50; step++) {
      const middle = (low + high) / 2;
      if ((curve(knots, middle).x < x) === (a < b)) low = middle; else high = middle;
    }
    found.push((low + high) / 2);
  }
  if (m[n] !== 0 && (x - knots[n]) / m[n] >= 0) found.push(LAST + (x - knots[n]) / m[n]);
  return found;
}

// p(x): the sum over all sources of p(z) / |slope|. Probability that sits on single points is not in it.
const density = (knots, x) =>
  sources(knots, x).reduce((sum, z) => sum + bell(z) / Math.abs(curve(knots, z).slope), 0);
const densities = (knots, xs) => xs.map((x) => density(knots, x));

// Level pieces put all their probability on one value.
function atoms(knots) {
  let mass = 0;
  for (let i = 0; i + 1 < knots.length; i++) {
    if (knots[i] !== knots[i + 1]) continue;
    const ends = [i === 0 ? -Infinity : FIRST + i, i + 2 === knots.length ? Infinity : FIRST + i + 1];
    mass += (ends[1] === Infinity ? 1 : below(ends[1])) - (ends[0] === -Infinity ? 0 : below(ends[0]));
  }
  return mass;
}

function samples(knots, draws, seed) {
  const { normal } = lib.random(seed);
  return Array.from({ length: draws }, () => curve(knots, normal()).x);
}

// Density estimated by counting: the share of the values in each of `bins` parts of [low, high], over their width.
function histogram(values, [low, high], bins) {
  const heights = new Array(bins).fill(0), width = (high - low) / bins;
  for (const value of values) {
    const bin = Math.floor((value - low) / width);
    if (bin >= 0 && bin < bins) heights[bin] += 1 / values.length / width;
  }
  return heights;
}

const PRESETS = {
  own: null,
  squeeze: [-2.4, -2.2, -1.9, 0, 1.9, 2.2, 2.4],
  line: [-2.4, -1.5, -0.6, 0.3, 1.2, 2.1, 3.0],
  stretch: [-3.2, -1.4, -0.5, 0, 0.5, 1.4, 3.2],
  fold: [3.2, 1.4, -0.4, -1.6, -0.4, 1.4, 3.2],
  steps: [-1.8, -1.8, -1.8, 0, 1.8, 1.8, 1.8],
};

const functions = { curve, sources, density, densities, atoms, samples, histogram };

function render({ model, el }) {
  const names = ["knots", "z", "draws", "seed"], span = [-3.5, 3.5], bins = 56, halfWidth = 0.1;
  const choices = lib.row(el);
  const preset = lib.select(choices, { label: "generator", options: { own: "your own", line: "straight line",
    squeeze: "two crowds", stretch: "long tails", fold: "fold", steps: "steps" },
    change: (name) => { if (PRESETS[name]) lib.save(model, { knots: PRESETS[name] }); } });
  lib.button(choices, { label: "Draw 2,000 more", click: () =>
    lib.save(model, { draws: Math.min(model.get("draws") + 2000, 20000) }) });
  lib.button(choices, { label: "New samples", click: () => lib.save(model, { seed: model.get("seed") + 1 }) });

  const [left, right] = lib.columns(el, 2);
  const map = lib.chart(left, { x: span, y: span, xLabel: "noise z", yLabel: "x = g(z)", height: 330,
    label: "The generator's curve over the noise, with seven points to move up and down" });
  const noise = map.area({ colour: "grey", opacity: 0.45, name: "p(z)" });
  let strip = null;                                                                     // [z, [x low, x high], x, sources]
  const carried = map.custom((layer, { px, py, size }) => {
    if (!strip) return;
    const [z, [low, high], x, others] = strip;
    const box = (a, b, c, d) => layer.append(lib.svg("rect", { x: a, y: c, width: b - a, height: d - c,
      fill: lib.colour("orange"), "fill-opacity": 0.35 }));
    box(px(z - halfWidth), px(z + halfWidth), py(high), size.height);
    box(px(z + halfWidth), size.width, py(high), py(low));
    for (const other of others) {
      if (Math.abs(other - z) < 1e-6) continue;
      layer.append(lib.svg("path", { d: `M${px(other)} ${py(x)}V${size.height}`, stroke: lib.colour("orange"),
        "stroke-width": 2, "stroke-dasharray": "3 4" }));
    }
  });
  const graph = map.line({ colour: "blue", name: "g" });
  const heap = lib.chart(right, { x: [0, 1], y: span, xLabel: "density p(x)", yLabel: "x", height: 330,
    label: "The density of x from the formula, over a histogram of samples, lying on its side" });
  let heights = [];
  const bars = heap.custom((layer, { px, py }) => {
    const width = (span[1] - span[0]) / bins;
    layer.append(lib.svg("path", { fill: lib.colour("grey"), "fill-opacity": 0.45, d: heights.map((height, i) =>
      `M0 ${py(span[0] + i * width)}H${px(height)}V${py(span[0] + (i + 1) * width)}H0Z`).join("") }));
  });
  heap.area({ colour: "grey", opacity: 0.45, name: "samples" });
  const formula = heap.line({ colour: "blue", name: "Σ p(z) / |g′(z)|" });
  const level = heap.line({ colour: "orange", dash: "3 4", width: 2 });
  const spot = heap.points({ colour: "orange", radius: 5, opacity: 1 });

  const handles = model.get("knots").map((_, i) => map.handle({ label: `height of the curve at z = ${lib.show(i - 3, 0)}`,
    axis: "y", bounds: { y: [-3.3, 3.3] }, step: 0.1, moved: (_, y) => {
      const knots = [...model.get("knots")];
      knots[i] = Math.round(10 * y) / 10;
      lib.save(model, { knots });
    } }));
  const cursor = map.handle({ label: "noise z", colour: "orange", axis: "x", bounds: { x: [-3, 3] }, step: 0.1,
    moved: (z) => lib.save(model, { z }) });

  const goes = lib.readout(el, { label: "z → x", colour: "orange" });
  const thin = lib.readout(el, { label: "p(z) / |g′(z)|" });
  const total = lib.readout(el, { label: "p(x), all ways", colour: "blue" });
  const ways = lib.readout(el, { label: "ways to reach x" });
  const remark = lib.note(el, "");

  const xs = lib.linspace(...span, 401), zs = lib.linspace(...span, 281);
  noise.set(zs, zs.map((z) => span[0] + 4 * bell(z)), span[0]);
  const redraw = lib.onFrame(() => {
    const knots = model.get("knots"), z = model.get("z"), { x, slope } = curve(knots, z), mass = atoms(knots);
    const same = Object.keys(PRESETS).find((name) => PRESETS[name] && String(PRESETS[name]) === String(knots));
    preset.set(same ?? "own");
    graph.set(zs, zs.map((value) => curve(knots, value).x));
    handles.forEach((handle, i) => handle.set(FIRST + i, knots[i]));
    cursor.set(z, span[0]);
    const all = sources(knots, x), ends = [curve(knots, z - halfWidth).x, curve(knots, z + halfWidth).x];
    strip = [z, [Math.min(...ends), Math.max(...ends)], x, all];
    carried.draw();

    heights = model.get("draws") ? histogram(samples(knots, model.get("draws"), model.get("seed")), span, bins) : [];
    const exact = densities(knots, xs), there = slope === 0 ? Infinity : density(knots, x);
    const sorted = [...exact].sort((a, b) => a - b);
    const top = lib.clamp(1.25 * sorted[Math.floor(0.97 * sorted.length)], [0.5, 2.5]);
    heap.setRange({ x: [0, Math.ceil(4 * top) / 4], y: span });
    bars.draw();
    formula.set(exact.map((value) => Math.min(value, 50)), xs);
    level.set([0, 50], [x, x]);
    spot.set(there < 50 ? [there] : [], there < 50 ? [x] : []);

    goes.set(`${lib.show(z, 1)} → ${lib.show(x)}`);
    thin.set(`${lib.show(bell(z))} / ${lib.show(Math.abs(slope))} = ${lib.show(slope === 0 ? Infinity : bell(z) / Math.abs(slope))}`);
    total.set(lib.show(there));
    ways.set(slope === 0 && mass > 0 ? "a whole interval" : lib.show(Math.max(all.length, 1), 0));
    remark.set(mass > 0
      ? `Level pieces put ${lib.show(mass)} of the probability on single values: there is no density for it.`
      : all.length > 1 ? "Several z lead to this x: their parts add up."
        : "One z leads to this x. The strip keeps its probability; only its width changes.");
  });
  redraw();
  return lib.watch(model, names, redraw);
}
