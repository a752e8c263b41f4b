// A generator in the plane whose faults the reader sets, and what each metric makes of its points.

const WINDOW = [-1.8, 1.8];
const WIDTH = 0.12;
const MEANS = Array.from({ length: 8 }, (_, k) => [Math.cos((Math.PI * k) / 4), Math.sin((Math.PI * k) / 4)]);
const LEAVING = [1, 5, 3, 7, 2, 6, 4, 0];                                              // the order in which modes are lost
const PERFECT = { spread: 1, modes: 8, outliers: 0, copies: 0, right: 0, up: 0 };
const FRESH = 20;                                                                      // draws that a range is taken from

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

// ---- Points ----------------------------------------------------------------------------------------------------------

// n points of the true distribution, [[x, y], ...]
const data = (random, n) => Array.from({ length: n }, () => {
  const [x, y] = MEANS[random.integer(8)];
  return [x + WIDTH * random.normal(), y + WIDTH * random.normal()];
});

// n generated points. Each uses up the same random numbers whatever the settings, so that moving a slider moves points.
function generate({ spread, modes, outliers, copies, right, up }, training, random, n) {
  const kept = MEANS.filter((_, k) => LEAVING.indexOf(k) >= 8 - modes);
  return Array.from({ length: n }, () => {
    const [mode, which, source, u, v] = Array.from({ length: 5 }, random.uniform);
    const [a, b] = [random.normal(), random.normal()];
    if (source < copies) return training[Math.floor(which * training.length)];
    if (source > 1 - outliers) return [u, v].map((value) => WINDOW[0] + value * (WINDOW[1] - WINDOW[0]));
    const [x, y] = kept[Math.floor(mode * kept.length)];
    return [x + right + spread * WIDTH * a, y + up + spread * WIDTH * b];
  });
}

// ---- Metrics, each as coursekit.evaluation has it with raw values ----------------------------------------------------

const squares = (a, b) => a.map(([x, y]) => Float64Array.from(b, ([u, v]) => (x - u) ** 2 + (y - v) ** 2));

// Mean and unbiased covariance of points: [mx, my], [xx, xy, yy]
function moments(points) {
  const centre = [0, 1].map((i) => mean(points.map((point) => point[i])));
  const sum = (i, j) => points.reduce((total, p) => total + (p[i] - centre[i]) * (p[j] - centre[j]), 0);
  return { centre, covariance: [sum(0, 0), sum(0, 1), sum(1, 1)].map((value) => value / (points.length - 1)) };
}

// Squared Frechet distance of the Gaussians with these moments. In the plane tr sqrt(AB) = sqrt(tr AB + 2 sqrt(det AB)).
function frechet(x, y) {
  const a = moments(x), b = moments(y);
  const [p, q, r] = a.covariance, [s, t, u] = b.covariance;
  const determinant = Math.max(p * r - q * q, 0) * Math.max(s * u - t * t, 0);
  const root = Math.sqrt(Math.max(p * s + 2 * q * t + r * u + 2 * Math.sqrt(determinant), 0));
  const apart = (a.centre[0] - b.centre[0]) ** 2 + (a.centre[1] - b.centre[1]) ** 2;
  return Math.max(apart + p + r + s + u - 2 * root, 0);
}

// Squared distance of each point to its k-th nearest neighbour in its own set
const radii = (points, k) => squares(points, points).map((row) => row.sort()[k]);      // row[0] is the point itself

const SLACK = 1 + 1e-9;                                                                // on the edge of a ball is inside

function precisionRecall(x, y, k = 3) {
  const between = squares(x, y), aroundX = radii(x, k), aroundY = radii(y, k);
  return {
    precision: mean(y.map((_, j) => Number(x.some((_, i) => between[i][j] <= SLACK * aroundX[i])))),
    recall: mean(x.map((_, i) => Number(y.some((_, j) => between[i][j] <= SLACK * aroundY[j])))),
  };
}

function densityCoverage(x, y, k = 5) {
  const between = squares(x, y), around = radii(x, k);
  const held = x.map((_, i) => between[i].reduce((count, value) => count + (value <= SLACK * around[i]), 0));
  return { density: held.reduce((sum, count) => sum + count, 0) / (k * y.length),
    coverage: mean(held.map((count) => Number(count > 0))) };
}

// How often a point's nearest neighbour, among all others of both sets, comes from its own set
function neighbourTest(x, y) {
  const all = [...x, ...y], between = squares(all, all);
  return mean(all.map((_, i) => {
    let best = Infinity, nearest = -1;
    for (let j = 0; j < all.length; j++) if (j !== i && between[i][j] < best) [best, nearest] = [between[i][j], j];
    return Number((i < x.length) === (nearest < x.length));
  }));
}

const copied = (training, y) => mean(squares(y, training).map((row) => Number(row.some((value) => value < 1e-12))));

const METRICS = {
  frechet: ["Fréchet distance", 3], precision: ["precision", 2], recall: ["recall", 2], density: ["density", 2],
  coverage: ["coverage", 2], test: ["neighbour test", 2], copied: ["copies", 2],
};

function judge(x, y) {
  return { frechet: frechet(x, y), ...precisionRecall(x, y), ...densityCoverage(x, y), test: neighbourTest(x, y),
    copied: copied(x, y) };
}

// The smallest and the largest value of each metric over fresh draws of the true distribution
function freshRanges(training, seed) {
  const random = lib.random(5000 + seed);
  const judged = Array.from({ length: FRESH }, () => judge(training, data(random, training.length)));
  return Object.fromEntries(Object.keys(METRICS).map((name) => {
    const values = judged.map((result) => result[name]);
    return [name, [Math.min(...values), Math.max(...values)]];
  }));
}

const trainingPoints = (seed, n) => data(lib.random(100 + seed), n);
const generatedPoints = (settings, training, seed) =>
  generate(settings, training, lib.random(900 + seed), training.length);

// What the table shows for a state of the figure. The ranges are kept while the training points are the same.
let kept = { key: null };
function verdict(state) {
  const key = `${state.seed} ${state.points}`, training = trainingPoints(state.seed, state.points);
  if (kept.key !== key) kept = { key, ranges: freshRanges(training, state.seed) };
  return { judged: judge(training, generatedPoints(state, training, state.seed)), ranges: kept.ranges };
}

const functions = { data, generate, moments, frechet, radii, precisionRecall, densityCoverage, neighbourTest, copied,
  judge, freshRanges, trainingPoints, generatedPoints, verdict };

// ---- The figure ------------------------------------------------------------------------------------------------------

const FAULTS = {
  "": "choose a fault", perfect: "none: fresh data", wide: "too wide", narrow: "too narrow", half: "every second mode lost",
  one: "one mode only", outliers: "outliers", shifted: "shifted", copies: "all copied", some: "half copied",
};
const SETTINGS = {
  perfect: {}, wide: { spread: 2 }, narrow: { spread: 0.3 }, half: { modes: 4 }, one: { modes: 1 },
  outliers: { outliers: 0.1 }, shifted: { right: 0.3, up: 0.1 }, copies: { copies: 1 }, some: { copies: 0.5 },
};

function render({ model, el }) {
  const names = [...Object.keys(PERFECT), "points", "seed"];
  const state = () => Object.fromEntries(names.map((name) => [name, model.get(name)]));
  const change = (changes) => lib.save(model, changes);

  const choices = lib.row(el);
  const fault = lib.select(choices, { label: "fault", options: FAULTS,
    change: (name) => { if (name) change({ ...PERFECT, ...SETTINGS[name] }); } });
  const balls = lib.select(choices, { label: "show balls of", options: { none: "nothing", x: "training points",
    y: "generated points" }, value: "none", change: () => show() });
  lib.button(choices, { label: "Draw again", click: () => change({ seed: model.get("seed") + 1 }) });

  const [left, right] = lib.columns(el, 2);
  const chart = lib.chart(left, { x: WINDOW, y: WINDOW, equal: true,
    label: "Training points, generated points and the balls around them" });
  let circles = [[], [], "blue"];
  const discs = chart.custom((layer, { px, py }) => {
    const [centres, squared, tone] = circles, unit = px(1) - px(0);
    layer.setAttribute("opacity", 0.25);
    centres.forEach(([x, y], i) => layer.append(lib.svg("circle", { cx: px(x), cy: py(y), fill: lib.colour(tone),
      r: unit * Math.sqrt(squared[i]) })));
  });
  const dotsX = chart.points({ colour: "blue", radius: 3, opacity: 0.45, name: "training" });
  const dotsY = chart.points({ colour: "orange", radius: 1.7, opacity: 1, name: "generated" });
  const handle = chart.handle({ label: "shift of the generator", colour: "orange", axis: "both",
    bounds: { x: [-1, 1], y: [-1, 1] }, moved: (x, y) => change({ right: x, up: y }) });

  // A table: the generator's value, the range of fresh data, and where the one lies to the other.
  const cell = (tag, ...children) => {
    const node = lib.html(tag, {}, ...children);
    Object.assign(node.style, { padding: "0.15rem 0.5rem 0.15rem 0", textAlign: "left", fontWeight: "normal",
      fontVariantNumeric: "tabular-nums" });
    return node;
  };
  const table = lib.html("table");
  Object.assign(table.style, { borderCollapse: "collapse", width: "100%" });
  table.append(lib.html("thead", {}, lib.html("tr", {}, ...["metric", "generator", "fresh data"].map((text) => {
    const head = cell("th", text);
    head.style.color = lib.colour("muted");
    head.setAttribute("scope", "col");
    return head;
  }))));
  const body = lib.html("tbody");
  table.append(body);
  right.append(table);
  const lines = Object.entries(METRICS).map(([name, [label, digits]]) => {
    const head = cell("th", label), value = cell("td"), range = cell("td");
    head.setAttribute("scope", "row");
    range.style.color = lib.colour("muted");
    body.append(lib.html("tr", {}, head, value, range));
    return { name, label, digits, value, range };
  });
  const say = lib.readout(right, { label: "outside the range of fresh data" });

  const sliders = lib.row(el);
  const percent = (value) => `${Math.round(100 * value)} %`;
  const dial = (name, options) => lib.slider(sliders, { ...options, input: (value) => change({ [name]: value }) });
  const dials = {
    spread: dial("spread", { label: "width", min: 0.1, max: 3, step: 0.1, format: (value) => `× ${lib.show(value, 1)}` }),
    modes: dial("modes", { label: "modes", min: 1, max: 8, step: 1, format: String }),
    outliers: dial("outliers", { label: "outliers", min: 0, max: 0.5, step: 0.01, format: percent }),
    copies: dial("copies", { label: "copied", min: 0, max: 1, step: 0.05, format: percent }),
    points: dial("points", { label: "points", min: 50, max: 400, step: 50, format: String }),
  };

  const ask = lib.worker({ model, el }, functions, "verdict", ({ judged, ranges }) => {
    const outside = [];
    for (const { name, label, digits, value, range } of lines) {
      const [low, high] = ranges[name], slack = 1e-9;
      const side = judged[name] < low - slack ? "below" : judged[name] > high + slack ? "above" : "";
      value.textContent = `${lib.show(judged[name], digits)}${side === "below" ? " ▼" : side === "above" ? " ▲" : ""}`;
      Object.assign(value.style, { color: lib.colour(side ? "orange" : "ink"), fontWeight: side ? "bold" : "normal" });
      range.textContent = `${lib.show(low, digits)} – ${lib.show(high, digits)}`;
      if (side) outside.push(`${label} ${side}`);
    }
    say.set(outside.length ? outside.join(", ") : "none");
  });
  const show = () => {
    const now = state(), x = trainingPoints(now.seed, now.points), y = generatedPoints(now, x, now.seed);
    ask(now);
    const set = { x, y }[balls.get()] ?? [];
    circles = [set, set.length ? radii(set, 3) : [], balls.get() === "y" ? "orange" : "blue"];
    discs.draw();
    dotsX.set(x.map(([a]) => a), x.map(([, b]) => b));
    dotsY.set(y.map(([a]) => a), y.map(([, b]) => b));
    handle.set(now.right, now.up);
    for (const [name, control] of Object.entries(dials)) control.set(now[name]);
    const same = Object.keys(SETTINGS).find((choice) =>
      Object.entries({ ...PERFECT, ...SETTINGS[choice] }).every(([name, value]) => now[name] === value));
    fault.set(same ?? "");
  };
  show();
  return lib.watch(model, names, lib.onFrame(show));
}
