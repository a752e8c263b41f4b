// A grid of noise, warped by the couplings of trained flows, one after the other. Points are flat: x, y, x, y, ...
// A coupling moves one coordinate, `axis`; what it does there depends on the other coordinate.

const limit = 2, smallest = 1e-3;                                          // as in coursekit.generators
const one = Math.log(Math.expm1(1 - smallest));

// What the network of a coupling says about given (N) numbers: (N, P)
function parameters(weights, prefix, given) {
  let h = lib.tensor(given, [given.length, 1]);
  for (let j = 0; j < 3; j++) {
    if (j > 0) h = lib.silu(h);
    h = lib.linear(h, weights[`${prefix}.${j}.weight`], weights[`${prefix}.${j}.bias`]);
  }
  return h;
}

// One number through an affine map: [image, log-slope]; `back` for the inverse
function affine(value, raw, back = false) {
  const logScale = limit * Math.tanh(raw[0] / limit), shift = raw[1];
  return back ? [(value - shift) * Math.exp(-logScale), -logScale] : [value * Math.exp(logScale) + shift, logScale];
}

// The knots of a monotone spline from 3 K - 1 raw numbers: places, values and slopes, K + 1 each
function knots(raw, bound) {
  const bins = (raw.length + 1) / 3;
  const ends = (part) => {
    const all = [-bound];
    let sum = 0;
    for (const share of lib.softmax(part).slice(0, -1)) {
      sum += smallest + (1 - smallest * bins) * share;
      all.push(bound * (2 * sum - 1));
    }
    return [...all, bound];
  };
  const slopes = Array.from(raw.slice(2 * bins), (value) => smallest + lib.softplus(value + one));
  return { places: ends(raw.slice(0, bins)), values: ends(raw.slice(bins, 2 * bins)), slopes: [1, ...slopes, 1] };
}

// One number through a monotone rational-quadratic spline: [image, log-slope]; `back` for the inverse
function spline(value, raw, bound, back = false) {
  if (Math.abs(value) >= bound) return [value, 0];
  const { places, values, slopes } = knots(raw, bound);
  const ends = back ? values : places;
  let k = 0;
  while (k < ends.length - 2 && value >= ends[k + 1]) k++;
  const width = places[k + 1] - places[k], height = values[k + 1] - values[k];
  const steep = height / width, bent = slopes[k + 1] + slopes[k] - 2 * steep;
  let share;
  if (back) {
    const up = value - values[k];
    const a = height * (steep - slopes[k]) + up * bent, b = height * slopes[k] - up * bent, c = -steep * up;
    const root = Math.sqrt(Math.max(b * b - 4 * a * c, 0));
    share = b < 0 ? (root - b) / (2 * a) : (2 * c) / (-b - root);
  } else {
    share = (value - places[k]) / width;
  }
  const rest = share * (1 - share), below = steep + bent * rest;
  const slope = (steep * steep * (slopes[k + 1] * share ** 2 + 2 * steep * rest + slopes[k] * (1 - share) ** 2)) /
    (below * below);
  if (back) return [places[k] + width * share, -Math.log(slope)];
  return [values[k] + (height * (steep * share ** 2 + slopes[k] * rest)) / below, Math.log(slope)];
}

// All points through one coupling: { points, logSlopes }
function couple(weights, prefix, coupling, points, back = false) {
  const n = points.length / 2, { axis, kind, bound } = coupling;
  const given = Array.from({ length: n }, (_, i) => points[2 * i + 1 - axis]);
  const { data, shape } = parameters(weights, `${prefix}.${coupling.name}`, given);
  const moved = Array.from(points), logSlopes = [];
  for (let i = 0; i < n; i++) {
    const raw = data.subarray(i * shape[1], (i + 1) * shape[1]), value = points[2 * i + axis];
    const [image, logSlope] = kind === "affine" ? affine(value, raw, back) : spline(value, raw, bound, back);
    moved[2 * i + axis] = image;
    logSlopes.push(logSlope);
  }
  return { points: moved, logSlopes };
}

// Noise through the whole chain: after 0, 1, ..., L couplings the points, and the log-slopes of each coupling
function forward(weights, prefix, chain, points) {
  const stages = [Array.from(points)], steps = [];
  for (const coupling of chain) {
    const { points: next, logSlopes } = couple(weights, prefix, coupling, stages[stages.length - 1]);
    stages.push(next);
    steps.push(logSlopes);
  }
  return { stages, steps };
}

// The noise behind one point [x, y] that stands where the first `count` couplings put it
function backward(weights, prefix, chain, point, count) {
  let place = point;
  for (let l = count - 1; l >= 0; l--) place = couple(weights, prefix, chain[l], place, true).points;
  return place;
}

// Points at a stage that need not be whole: a mixture of identity and coupling, which is invertible too
function between(run, stage) {
  const l = Math.min(Math.floor(stage), run.stages.length - 1), part = stage - l;
  if (part < 1e-9) return run.stages[l];
  return run.stages[l].map((value, i) => (1 - part) * value + part * run.stages[l + 1][i]);
}

// The sum of the log-slopes of point i up to a stage
function logDeterminant(run, stage, i = 0) {
  let sum = 0;
  run.steps.forEach((step, l) => {
    const part = lib.clamp(stage - l, [0, 1]);
    sum += Math.log(1 - part + part * Math.exp(step[i]));
  });
  return sum;
}

const logNormal = (z) => -0.5 * (z[0] ** 2 + z[1] ** 2) - Math.log(2 * Math.PI);

const functions = { parameters, affine, knots, spline, couple, forward, backward, between, logDeterminant, logNormal };

const reach = 3, side = 0.8;                                               // of the grid; of the small square

// Lines of the grid as one row of points, NaN between lines
function gridLines(across) {
  const points = [], along = lib.linspace(-reach, reach, 97);
  for (let at = -reach; at <= reach + 1e-9; at += 0.5) {
    for (const value of along) points.push(...(across ? [value, at] : [at, value]));
    points.push(NaN, NaN);
  }
  return points;
}
function square([x, y]) {
  const h = side / 2, edge = lib.linspace(-h, h, 13), points = [];
  for (const e of edge) points.push(x + e, y - h);
  for (const e of edge) points.push(x + h, y + e);
  for (const e of edge) points.push(x - e, y + h);
  for (const e of edge) points.push(x - h, y - e);
  return points;
}
// A square window around most of the points: [left, right], [low, high]
function frameOf(points) {
  const middle = [xs(points), ys(points)].map((values) => {
    const sorted = [...values].sort((a, b) => a - b), n = sorted.length;
    return [sorted[Math.floor(0.02 * n)], sorted[Math.floor(0.98 * n)]];
  });
  const half = 0.65 * Math.max(...middle.map(([low, high]) => high - low));
  return middle.map(([low, high]) => [(low + high) / 2 - half, (low + high) / 2 + half]);
}
const xs = (points) => points.filter((_, i) => i % 2 === 0), ys = (points) => points.filter((_, i) => i % 2 === 1);

function render({ model, el }) {
  const weights = lib.unpackWeights(model);
  const names = model.get("names"), chains = model.get("chains");
  const { normal } = lib.random(model.get("seed"));
  const cloud = Array.from({ length: 1200 }, normal);
  const level = gridLines(true), upright = gridLines(false);
  const runs = chains.map((chain, i) => Object.fromEntries(Object.entries({ cloud, level, upright })
    .map(([name, points]) => [name, forward(weights, i, chain, points)])));
  const change = (changes) => lib.save(model, changes);
  const last = () => chains[model.get("data")].length;

  const controls = lib.row(el);
  const which = lib.select(controls, { label: "flow", options: Object.fromEntries(names.map((name, i) => [i, name])),
    change: (value) => change({ data: Number(value), stage: Math.min(model.get("stage"), chains[value].length) }) });
  const slider = lib.slider(controls, { label: "layers applied", min: 0, max: last(), step: 0.1,
    format: (value) => `${lib.show(value, Number.isInteger(value) ? 0 : 1)} of ${last()}`,
    input: (value) => change({ stage: value }) });
  lib.player(controls, { label: "Run through the layers", interval: 40, step: () => {
    const at = model.get("stage"), next = at >= last() ? 0 : Math.min(Math.round(10 * at + 1) / 10, last());
    change({ stage: next });
    return next < last();
  } });

  const sides = lib.columns(el, 2);
  const panel = (parent, range, title) => {
    const chart = lib.chart(parent, { x: range, y: range, label: title, equal: true });
    const lines = { upright: chart.line({ colour: "muted", width: 0.8 }),
      level: chart.line({ colour: "muted", width: 0.8, dash: "3 3" }),
      cloud: chart.points({ colour: "blue", radius: 1.4, opacity: 0.55 }),
      square: chart.area({ colour: "purple", opacity: 0.45 }) };
    return { chart, ...lines };
  };
  lib.note(sides[0], "Noise z: drag the point");
  const left = panel(sides[0], [-3.6, 3.6], "Noise");
  const title = lib.note(sides[1], "");
  const right = panel(sides[1], [-3.6, 3.6], "After the layers");
  const from = left.chart.handle({ label: "point of noise", colour: "orange", axis: "both", step: 0.05,
    bounds: { x: [-3, 3], y: [-3, 3] }, moved: (x, y) => change({ z: [x, y] }) });
  const to = right.chart.handle({ label: "point after the layers", colour: "orange", axis: "both", step: 0.05,
    bounds: { x: [-6, 6], y: [-6, 6] }, moved: (x, y) => {
      const stage = Math.round(model.get("stage")), i = model.get("data");
      const z = backward(weights, i, chains[i], [x, y], stage);
      change({ stage, z: z.map((value) => lib.clamp(value, [-6, 6])) });
    } });
  for (const { element } of [from, to]) {                                  // hollow, since the square is behind
    const dot = element.querySelectorAll("circle")[1];
    for (const [name, value] of [["r", 6], ["fill", "none"], ["stroke", lib.colour("orange")], ["stroke-width", 3]]) {
      dot.setAttribute(name, value);
    }
  }

  const shown = {};
  for (const [name, label, tone] of [["z", "z", "ink"], ["h", "after the layers", "ink"],
    ["base", "log p(z)", "blue"], ["det", "sum of log-determinants", "purple"],
    ["factor", "areas grow by the factor", "purple"], ["density", "log-density at the point", "orange"]]) {
    shown[name] = lib.readout(el, { label, colour: tone });
  }
  const below = lib.chart(el, { x: [-0.2, last() + 0.2], y: [-6, 2], xLabel: "layers applied",
    yLabel: "log-density", height: 190, label: "Log-density at the point after each layer" });
  const zero = below.line({ colour: "grey", dash: "5 4", width: 1.5, name: "log p(z)" });
  const curve = below.line({ colour: "orange", name: "log p(z) − sum of log-determinants" });
  const here = below.points({ colour: "orange", radius: 5, opacity: 1 });

  const bend = (side, run, stage) => {
    for (const name of ["upright", "level", "cloud"]) {
      const points = between(run[name], stage);
      side[name].set(xs(points), ys(points));
    }
  };
  let framed = null;                                                       // the flow that the right window is for
  const draw = () => {
    const i = model.get("data"), stage = Math.min(model.get("stage"), last()), z = model.get("z"), run = runs[i];
    const own = forward(weights, i, chains[i], z), patch = forward(weights, i, chains[i], square(z));
    const [x, y] = between(own, stage);
    if (framed !== i) {
      const [across, up] = frameOf(run.cloud.stages[last()]);
      right.chart.setRange({ x: across, y: up });
      bend(left, run, 0);
      framed = i;
    }
    which.set(String(i));
    slider.element.max = last();
    slider.set(stage);
    title.set(stage < 1e-9 ? "Before the first layer" : stage > last() - 1e-9 ? "Data x: after all layers"
      : `After ${lib.show(stage, Number.isInteger(stage) ? 0 : 1)} layers: the ${
        Math.ceil(stage - 1e-9)}. moves points ${chains[i][Math.ceil(stage - 1e-9) - 1].axis ? "up and down" : "sideways"}`);
    bend(right, run, stage);
    for (const [side, at] of [[left, 0], [right, stage]]) {
      const corners = between(patch, at);
      side.square.set(xs(corners), ys(corners), corners[1]);
    }
    from.set(...z);
    to.set(x, y);
    const sum = logDeterminant(own, stage), base = logNormal(z);
    const pair = (point) => `(${point.map((value) => lib.show(value)).join(", ")})`;
    shown.z.set(pair(z));
    shown.h.set(pair([x, y]));
    shown.base.set(`${lib.show(base)} nats`);
    shown.det.set(lib.show(sum));
    shown.factor.set(Math.exp(sum) < 0.01 ? Math.exp(sum).toExponential(1) : lib.show(Math.exp(sum)));
    shown.density.set(`${lib.show(base - sum)} nats`);
    const at = lib.linspace(0, last(), 10 * last() + 1), values = at.map((s) => base - logDeterminant(own, s));
    const [low, high] = [Math.min(...values, base), Math.max(...values, base)];
    below.setRange({ x: [-0.2, last() + 0.2], y: [Math.floor(low - 0.5), Math.ceil(high + 0.5)] });
    zero.set([0, last()], [base, base]);
    curve.set(at, values);
    here.set([stage], [base - sum]);
  };
  draw();
  return lib.watch(model, ["data", "stage", "z"], lib.onFrame(draw));
}
