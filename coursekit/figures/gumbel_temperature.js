// Three categories: Gumbel-softmax samples, and the gradient of E[|y - target|^2] in the logits by four estimators.

const third = ([a, b]) => [a, b, 1 - a - b];
const gumbel = (u) => -Math.log(-Math.log(u));

// y = softmax((log p + noise) / temperature)
const relaxed = (p, noise, temperature) => lib.softmax(p.map((value, k) => (Math.log(value) + noise[k]) / temperature));
const winner = (values) => values.indexOf(Math.max(...values));
const corner = (k) => [0, 1, 2].map((i) => (i === k ? 1 : 0));

// A lattice in the unit cube, each point in the middle of its share (additive recurrence with the plastic ratio's kin).
const RATIO = 1.2207440846057596;
function lattice(n) {
  const steps = [1 / RATIO, 1 / RATIO ** 2, 1 / RATIO ** 3];
  return Array.from({ length: n }, (_, i) => steps.map((step) => gumbel(lib.clamp((0.5 + (i + 1) * step) % 1, [1e-9, 1 - 1e-9]))));
}
const LATTICE = lattice(4096);

function noises(n, seed) {
  const { uniform } = lib.random(seed);
  return Array.from({ length: n }, () => [0, 1, 2].map(() => gumbel(lib.clamp(uniform(), [1e-9, 1 - 1e-9]))));
}
const samples = (p, temperature, n, seed) => noises(n, seed).map((noise) => relaxed(p, noise, temperature));

const cost = (y, target) => y.reduce((sum, value, k) => sum + (value - target[k]) ** 2, 0);
const dot = (a, b) => a.reduce((sum, value, k) => sum + value * b[k], 0);

// The gradient of E[cost] in the logits for one-hot y drawn from p.
function exact(p, target) {
  const values = p.map((_, k) => cost(corner(k), target)), mean = dot(p, values);
  return p.map((value, k) => value * (values[k] - mean));
}

// One draw's gradient through the relaxation; hard: cost's slope at the winning corner (straight-through).
function through(p, noise, temperature, target, hard) {
  const y = relaxed(p, noise, temperature), at = hard ? corner(winner(y)) : y;
  const slope = at.map((value, k) => 2 * (value - target[k])), mean = dot(y, slope);
  return y.map((value, k) => value * (slope[k] - mean) / temperature);
}

// Length of the bias, and of the standard deviations, of one draw's gradient.
function quality(p, temperature, target, hard) {
  const sum = [0, 0, 0];
  let squares = 0;
  for (const noise of LATTICE) {
    const g = through(p, noise, temperature, target, hard);
    for (let k = 0; k < 3; k++) { sum[k] += g[k] / LATTICE.length; squares += g[k] ** 2 / LATTICE.length; }
  }
  const truth = exact(p, target);
  return { mean: sum, bias: Math.hypot(...sum.map((value, k) => value - truth[k])),
    noise: Math.sqrt(Math.max(squares - dot(sum, sum), 0)) };
}

// The same for the score function with the mean cost as baseline: no bias.
function scoreNoise(p, target) {
  const values = p.map((_, k) => cost(corner(k), target)), mean = dot(p, values), truth = exact(p, target);
  const squares = p.reduce((sum, value, k) =>
    sum + value * ((values[k] - mean) * Math.hypot(...corner(k).map((one, i) => one - p[i]))) ** 2, 0);
  return Math.sqrt(Math.max(squares - dot(truth, truth), 0));
}

// The quality of Gumbel-softmax, and that of straight-through, at the temperatures with these logarithms
const qualities = (p, target, logs) =>
  [false, true].map((hard) => logs.map((log) => quality(p, 10 ** log, target, hard)));

const functions = { relaxed, samples, exact, through, quality, qualities, scoreNoise, lattice };

function render({ model, el }) {
  const names = ["probabilities", "target", "log_temperature", "seed"], count = 1000;
  const choices = lib.row(el);
  const heat = lib.slider(choices, { label: "temperature τ", min: -1, max: 1, step: 0.1,
    format: (value) => lib.show(10 ** value, value < 0 ? 2 : 1), input: (value) => lib.save(model, { log_temperature: value }) });
  lib.button(choices, { label: "New noise", click: () => lib.save(model, { seed: model.get("seed") + 1 }) });

  const [left, right] = lib.columns(el, 2);
  const span = [-0.06, 1.06];
  const triangle = lib.chart(left, { x: span, y: span, xLabel: "y₁", yLabel: "y₂", equal: true,
    label: "Samples in the triangle of all y, by their first two entries, with handles for the probabilities and the target" });
  triangle.line({ colour: "muted", width: 1.5 }).set([0, 1, 0, 0], [0, 0, 1, 0]);
  const dots = triangle.points({ colour: "grey", radius: 2, opacity: 0.6, name: "samples y" });
  triangle.points({ colour: "blue", radius: 5, opacity: 1, name: "π" });
  triangle.points({ colour: "orange", radius: 5, opacity: 1, name: "target" });
  const inside = (x, y) => {
    const [a, b] = [lib.clamp(x, [0.02, 0.96]), lib.clamp(y, [0.02, 0.96])], scale = Math.min(1, 0.98 / (a + b));
    return [a * scale, b * scale].map((value) => Math.round(1000 * value) / 1000);
  };
  const options = { axis: "both", bounds: { x: [0.02, 0.96], y: [0.02, 0.96] }, step: 0.02 };
  const chance = triangle.handle({ label: "probabilities π₁, π₂", colour: "blue", ...options,
    moved: (x, y) => lib.save(model, { probabilities: inside(x, y) }) });
  const goal = triangle.handle({ label: "target, its first two entries", colour: "orange", ...options,
    moved: (x, y) => lib.save(model, { target: inside(x, y) }) });
  const cross = lib.svg("g", { "pointer-events": "none", "aria-hidden": "true" },        // over the handles
    ...[["surface", 4], ["ink", 2]].map(([tone, width]) =>
      lib.svg("path", { d: "M-5 0H5M0 -5V5", stroke: lib.colour(tone), "stroke-width": width, "stroke-linecap": "square" })));
  goal.element.after(cross);
  let average = null;                                                                   // of the samples shown
  const mean = triangle.custom((_, { px, py }) => {
    if (average) cross.setAttribute("transform", `translate(${px(average[0])} ${py(average[1])})`);
  });

  const worth = lib.chart(right, { x: [-1, 1], y: [-2.5, 1], xLabel: "log₁₀ of the temperature",
    yLabel: "log₁₀ of the size", height: 320, label: "Bias and noise of the gradient estimates against the temperature" });
  const lines = {
    softBias: worth.line({ colour: "blue", name: "Gumbel-softmax: bias" }),
    softNoise: worth.line({ colour: "blue", dash: "7 4", name: "noise" }),
    hardBias: worth.line({ colour: "orange", name: "straight-through: bias" }),
    hardNoise: worth.line({ colour: "orange", dash: "7 4", name: "noise" }),
    score: worth.line({ colour: "green", dash: "2 3", name: "score function: noise" }),
    truth: worth.line({ colour: "ink", width: 1.2, name: "the gradient itself" }),
  };
  const now = worth.line({ colour: "muted", width: 1.5, dash: "1 3" });

  const won = lib.readout(el, { label: "largest entry: 1st, 2nd, 3rd" });
  const chances = lib.readout(el, { label: "π", colour: "blue" });
  const means = lib.readout(el, { label: "mean of y (cross)" });
  const soft = lib.readout(el, { label: "Gumbel-softmax: bias, noise", colour: "blue" });
  const hard = lib.readout(el, { label: "straight-through: bias, noise", colour: "orange" });
  const score = lib.readout(el, { label: "score function: bias, noise", colour: "green" });
  const all = (values) => values.map((value) => lib.show(value)).join(", ");

  const grid = lib.linspace(-1, 1, 21), log = (value) => Math.log10(Math.max(value, 1e-6));
  const judge = lib.worker({ model, el }, functions, "qualities", (curves) => {           // the last one is the slider's
    [["soft", soft], ["hard", hard]].forEach(([name, text], i) => {
      lines[`${name}Bias`].set(grid, curves[i].map(({ bias }) => log(bias)));
      lines[`${name}Noise`].set(grid, curves[i].map(({ noise }) => log(noise)));
      const { bias, noise } = curves[i].at(-1);
      text.set(`${lib.show(bias, 3)}, ${lib.show(noise)}`);
    });
  });
  const redraw = lib.onFrame(() => {
    const p = third(model.get("probabilities")), target = third(model.get("target")), at = model.get("log_temperature");
    const temperature = 10 ** at, drawn = samples(p, temperature, count, model.get("seed"));
    heat.set(at);
    chance.set(p[0], p[1]);
    goal.set(target[0], target[1]);
    dots.set(drawn.map((y) => y[0]), drawn.map((y) => y[1]));
    average = [0, 1, 2].map((k) => drawn.reduce((sum, y) => sum + y[k], 0) / count);
    mean.draw();
    const wins = [0, 0, 0];
    for (const y of drawn) wins[winner(y)] += 1 / count;
    won.set(all(wins));
    chances.set(all(p));
    means.set(all(average));

    judge(p, target, [...grid, at]);
    const plain = scoreNoise(p, target), size = Math.hypot(...exact(p, target));
    lines.score.set([-1, 1], [log(plain), log(plain)]);
    lines.truth.set([-1, 1], [log(size), log(size)]);
    now.set([at, at], [-9, 9]);
    score.set(`0, ${lib.show(plain)}`);
  });
  redraw();
  return lib.watch(model, names, redraw);
}
