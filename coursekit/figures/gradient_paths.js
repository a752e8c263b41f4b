// E[f(z)] with z Gaussian, f a sum over the dimensions: its gradient in the first mean, by two estimators, from the same
// noise. The standard deviation of z is 1 in every dimension.

const normalDensity = (x) => Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);

// The mean of h(noise) for standard normal noise, by the trapezium rule.
function underNoise(h) {
  const steps = 6400, width = 16 / steps;
  let sum = 0;
  for (let i = 0; i <= steps; i++) {
    const noise = -8 + i * width;
    sum += normalDensity(noise) * h(noise);
  }
  return sum * width;
}
const normalBelow = (x) => {                                                            // P(noise < x)
  const width = x / 400;
  let sum = 0.5 * (normalDensity(0) + normalDensity(x));
  for (let i = 1; i < 400; i++) sum += normalDensity(i * width);
  return 0.5 + sum * width;
};

// One term of f: its value and slope at z, its expectation for a mean m, and the derivative of that, by hand.
const TERMS = {
  bowl: { value: (z) => z * z, slope: (z) => 2 * z, expected: (m) => m * m + 1, gradient: (m) => 2 * m },
  wave: { value: (z) => Math.sin(2 * z), slope: (z) => 2 * Math.cos(2 * z),
    expected: (m) => Math.exp(-2) * Math.sin(2 * m), gradient: (m) => 2 * Math.exp(-2) * Math.cos(2 * m) },
  step: { value: (z) => (z > 0 ? 1 : 0), slope: () => 0, expected: normalBelow, gradient: normalDensity },
};

// state: {function, size, mean, baseline, draws, seed}
const truth = (state) => TERMS[state.function].gradient(state.mean);
const subtracted = (state) => (state.baseline ? state.size * TERMS[state.function].expected(state.mean) : 0);

// One draw: the noise of every dimension, the first entry of z, f(z), and both estimates.
function draw(state, normal) {
  const { value, slope } = TERMS[state.function];
  const noise = Array.from({ length: state.size }, normal);
  const z = state.mean + noise[0];
  const f = noise.reduce((sum, epsilon) => sum + value(state.mean + epsilon), 0);
  return { noise, z, f, score: (f - subtracted(state)) * noise[0], pathwise: slope(z) };
}
function draws(state) {
  const { normal } = lib.random(state.seed);
  return Array.from({ length: state.draws }, () => draw(state, normal));
}

// Exact variances of one draw. The other dimensions are independent of the first, so their sum enters with two moments.
function variances(state) {
  const { value, slope, expected } = TERMS[state.function];
  const first = (h) => underNoise((noise) => h(value(state.mean + noise) - subtracted(state), noise));
  const second = underNoise((noise) => value(state.mean + noise) ** 2);
  const others = (state.size - 1) * expected(state.mean);                               // mean of their sum
  const spread = (state.size - 1) * (second - expected(state.mean) ** 2);               // and its variance
  const square = first((a, noise) => a * a * noise * noise) + 2 * first((a, noise) => a * noise * noise) * others
    + others ** 2 + spread;
  return { score: square - truth(state) ** 2,
    pathwise: Math.max(underNoise((noise) => slope(state.mean + noise) ** 2)
      - (state.function === "step" ? 0 : truth(state) ** 2), 0) };
}

// Mean and standard error of the first i values, for every i (the error of a single value is unknown: not a number).
function running(values) {
  const means = [], errors = [];
  let mean = 0, squares = 0;
  values.forEach((value, i) => {
    const before = value - mean;
    mean += before / (i + 1);
    squares += before * (value - mean);
    means.push(mean);
    errors.push(i ? Math.sqrt(squares / i / (i + 1)) : NaN);
  });
  return { means, errors };
}

// Share of the values in each of `bins` equal parts of [low, high]; what lies outside is in none.
function histogram(values, [low, high], bins) {
  const shares = new Array(bins).fill(0);
  for (const value of values) {
    const bin = Math.floor((value - low) / (high - low) * bins);
    if (bin >= 0 && bin < bins) shares[bin] += 1 / values.length;
  }
  return shares;
}

// The next of 1, 2, 5, 10, 20, ...: a range whose ticks are round.
function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].find((factor) => factor * power >= value) * power;
}

const functions = { truth, draws, variances, running, histogram };

// ---- The two graphs: circles are random, diamonds are computed ---------------------------------------------------------

const PLACES = { phi: [26, 62], theta: [102, 62], z: [190, 62], f: [276, 62], noise: [190, 156], log: [146, 156] };

function graph(parent, { title, label, nodes, edges }) {
  const heading = lib.html("p", {}, lib.html("strong", {}, title));
  const picture = lib.svg("svg", { viewBox: "0 0 306 200", width: "100%", role: "img", "aria-label": label });
  picture.style.maxWidth = "26rem";
  parent.append(heading, picture);
  const text = (x, y, words, tone = "ink", size = 13) => {
    const node = lib.svg("text", { x, y, "text-anchor": "middle" }, words);
    node.style.cssText = `font: ${size}px system-ui, sans-serif; fill: ${lib.colour(tone)}`;
    return node;
  };
  const arrow = (from, to, { tone = "muted", dash = null, width = 1.5, shift = 0 }) => {
    const [x1, y1] = PLACES[from], [x2, y2] = PLACES[to];
    const length = Math.hypot(x2 - x1, y2 - y1), [u, v] = [(x2 - x1) / length, (y2 - y1) / length];
    const [a, b] = [x1 + 25 * u - shift * v, y1 + 25 * v + shift * u];
    const [c, d] = [x2 - 26 * u - shift * v, y2 - 26 * v + shift * u];
    const line = lib.svg("line", { x1: a, y1: b, x2: c, y2: d, stroke: lib.colour(tone), "stroke-width": width,
      "stroke-dasharray": dash });
    const point = (side) => `${c - 7 * u + side * 4 * v} ${d - 7 * v - side * 4 * u}`;
    return [line, lib.svg("path", { d: `M${c} ${d}L${point(1)}L${point(-1)}Z`, fill: lib.colour(tone) })];
  };
  // values: {node: text}; backward: [[from, to, tone, words]], shown once the gradient flows; blocked: a node, or null
  return (values, backward, blocked) => {
    const parts = [];
    for (const [from, to] of edges) parts.push(...arrow(from, to, { shift: backward.length ? -4 : 0 }));
    for (const [from, to, tone, words, dx = 0, dy = 0] of backward) {
      parts.push(...arrow(from, to, { tone, width: 3, shift: -6, dash: "6 3" }));
      const middle = [(PLACES[from][0] + PLACES[to][0]) / 2 + dx, (PLACES[from][1] + PLACES[to][1]) / 2 + 24 + dy];
      if (words) parts.push(text(...middle, words, tone, 12));
    }
    for (const [name, { words, random }] of Object.entries(nodes)) {
      const [x, y] = PLACES[name];
      const style = { fill: lib.colour("surface"), stroke: lib.colour(random ? "blue" : "ink"),
        "stroke-width": random ? 2.5 : 1.5 };
      parts.push(random ? lib.svg("circle", { cx: x, cy: y, r: 20, ...style })
        : lib.svg("path", { d: `M${x - 25} ${y}L${x} ${y - 25}L${x + 25} ${y}L${x} ${y + 25}Z`, ...style }));
      parts.push(text(x, y + 5, words));
      const below = name === "noise" || name === "log";
      if (values[name]) parts.push(text(x, below ? y + 40 : y - 34, values[name], "ink", 12));
    }
    if (blocked) {
      const [x, y] = PLACES[blocked];
      parts.push(lib.svg("path", { d: `M${x + 21} ${y + 12}l12 12m0 -12l-12 12`, stroke: lib.colour("orange"),
        "stroke-width": 3, fill: "none" }), text(x + 50, y + 42, "stops here", "orange", 12));
    }
    picture.replaceChildren(...parts);
  };
}

function render({ model, el }) {
  const names = ["function", "size", "mean", "baseline", "draws", "seed"];
  const state = () => Object.fromEntries(names.map((name) => [name, model.get(name)]));
  const most = 4000;
  let flowing = model.get("draws") > 0, timer = null;                                   // are backward arrows shown?
  const restart = (changes = {}) => { flowing = false; lib.save(model, { draws: 0, ...changes }); };
  const more = (n) => {
    clearTimeout(timer);
    flowing = n > 1 || lib.reducedMotion();
    lib.save(model, { draws: Math.min(model.get("draws") + n, most) });
    if (!flowing) timer = setTimeout(() => { flowing = model.get("draws") > 0; redraw(); }, 700);
  };

  const choices = lib.row(el);
  const kind = lib.select(choices, { label: "f(z)", options: { bowl: "Σ z², a bowl", wave: "Σ sin 2z, a wave",
    step: "Σ [z > 0], a step" }, change: (value) => restart({ function: value }) });
  const size = lib.slider(choices, { label: "dimensions", min: 1, max: 30, step: 1, format: (value) => lib.show(value, 0),
    input: (value) => restart({ size: value }) });
  const mean = lib.slider(choices, { label: "mean μ", min: -2, max: 2, step: 0.1,
    format: (value) => lib.show(value, 1), input: (value) => restart({ mean: value }) });
  const baseline = lib.checkbox(choices, { label: "subtract E[f]", change: (value) => restart({ baseline: value }) });

  const [left, right] = lib.columns(el, 2);
  const drawn = graph(left, { title: "z is random: score function",
    label: "Graph: phi, then mu and sigma, then a random z, then f. Backwards the gradient stops at z; it reaches mu "
      + "through log q, weighted by f.",
    nodes: { phi: { words: "φ" }, theta: { words: "μ, σ" }, z: { words: "z", random: true }, f: { words: "f" },
      log: { words: "log q" } },
    edges: [["phi", "theta"], ["theta", "z"], ["z", "f"], ["theta", "log"], ["z", "log"]] });
  const computed = graph(right, { title: "ε is random: pathwise",
    label: "Graph: phi, then mu and sigma, then z, computed from them and a random epsilon, then f. Backwards the "
      + "gradient passes from f through z to mu and phi.",
    nodes: { phi: { words: "φ" }, theta: { words: "μ, σ" }, z: { words: "z" }, f: { words: "f" },
      noise: { words: "ε", random: true } },
    edges: [["phi", "theta"], ["theta", "z"], ["z", "f"], ["noise", "z"]] });
  const buttons = lib.row(el);
  lib.button(buttons, { label: "Draw", click: () => more(1) });
  lib.button(buttons, { label: "Draw 100", click: () => more(100) });
  lib.button(buttons, { label: "Start again", click: () => restart({ seed: model.get("seed") + 1 }) });
  lib.note(buttons, "circle: random; diamond: computed; dashed: gradient");

  const exact = lib.readout(el, { label: "true gradient" });
  const scoreText = lib.readout(el, { label: "score function", colour: "orange" });
  const pathText = lib.readout(el, { label: "pathwise", colour: "blue" });
  const varianceText = lib.readout(el, { label: "variance of one draw: score, pathwise" });

  const [one, two] = lib.columns(el, 2);
  const means = lib.chart(one, { x: [0, 20], y: [-1, 1], xLabel: "draws", yLabel: "mean so far", height: 230,
    label: "Running means of both estimates with two standard errors, around the true gradient" });
  const bands = { score: means.area({ colour: "orange", opacity: 0.18 }), pathwise: means.area({ colour: "blue", opacity: 0.3 }) };
  const lines = { score: means.line({ colour: "orange", dash: "7 3", name: "score" }),
    pathwise: means.line({ colour: "blue", name: "pathwise" }) };
  const level = means.line({ colour: "ink", dash: "2 3", width: 1.5, name: "truth" });
  const singles = lib.chart(two, { x: [-1, 1], y: [0, 1], xLabel: "estimate from one draw", yLabel: "share of draws",
    height: 230, label: "Histograms of the estimates from single draws" });
  const bars = { score: singles.area({ colour: "orange", opacity: 0.35, name: "score" }),
    pathwise: singles.area({ colour: "blue", opacity: 0.35, name: "pathwise" }) };
  const upright = singles.line({ colour: "ink", dash: "2 3", width: 1.5, name: "truth" });
  const remark = lib.note(el, "");

  const redraw = lib.onFrame(() => {
    const now = state(), all = draws(now), last = all[all.length - 1], right = truth(now), spread = variances(now);
    kind.set(now.function);
    size.set(now.size);
    mean.set(now.mean);
    baseline.set(now.baseline);

    const at = (value) => lib.show(value, 2), sigma = { theta: `${at(now.mean)}, 1` };
    const forward = last ? { ...sigma, z: `z₁ = ${at(last.z)}`, f: `f = ${at(last.f)}` } : sigma;
    const flows = flowing && last;
    const factor = now.baseline ? "(f − E f)" : "f";
    drawn(last ? { ...forward, log: `${factor} × ε₁ = ${at(last.score)}` } : forward, flows ? [
      ["f", "z", "orange", ""], ["log", "theta", "orange", "", -30, -10], ["theta", "phi", "orange", ""]] : [], flows ? "z" : null);
    const sloping = last && last.pathwise !== 0;
    computed(last ? { ...forward, noise: `ε₁ = ${at(last.noise[0])}` } : forward, flows ? [
      ["f", "z", sloping ? "blue" : "grey", `∂f/∂z₁ = ${at(last.pathwise)}`, 0, 12],
      ["z", "theta", sloping ? "blue" : "grey", "× 1"], ["theta", "phi", sloping ? "blue" : "grey", ""]] : [], null);

    exact.set(lib.show(right, 3));
    const reach = Math.max(4 * Math.sqrt(spread.score / Math.max(all.length / 4, 10)), 0.3);
    const wide = roundUp(Math.abs(right) + 2.5 * Math.sqrt(spread.score));
    const ends = [-wide, wide], bins = 50, step = 2 * wide / bins;
    means.setRange({ x: [0, Math.max(all.length, 20)], y: [right - reach, right + reach] });
    let tallest = 0.1;
    for (const [name, text] of [["score", scoreText], ["pathwise", pathText]]) {
      const values = all.map((item) => item[name]), { means: path, errors } = running(values);
      const every = Math.max(1, Math.floor(values.length / 250));
      const chosen = path.map((_, i) => i).filter((i) => i % every === 0 || i === path.length - 1);
      const xs = chosen.map((i) => i + 1);
      lines[name].set(xs, chosen.map((i) => path[i]));
      const sure = chosen.filter((i) => i > 0);                                         // one draw has no error yet
      const around = (sign) => sure.map((i) => path[i] + 2 * sign * errors[i]);
      const turn = [...sure].reverse();
      bands[name].set([...sure, ...turn].map((i) => i + 1), [...around(1), ...around(-1).reverse()],
        sure.length ? around(1)[0] : 0);
      const end = path.length - 1;
      text.set(end < 0 ? "no draw yet" : end === 0 ? lib.show(path[0]) : `${lib.show(path[end])} ± ${lib.show(errors[end])}`);
      const shares = values.length ? histogram(values, ends, bins) : [];
      tallest = Math.max(tallest, ...shares);
      bars[name].set(shares.flatMap((_, i) => [ends[0] + i * step, ends[0] + (i + 1) * step]),
        shares.flatMap((share) => [share, share]));
    }
    level.set([0, Math.max(all.length, 20)], [right, right]);
    singles.setRange({ x: ends, y: [0, [0.2, 0.4, 0.6, 1].find((top) => top >= Math.min(tallest, 1))] });
    upright.set([right, right], [0, 1]);
    varianceText.set(`${lib.show(spread.score, 1)}, ${lib.show(spread.pathwise, 1)}`);
    remark.set(now.function === "step"
      ? "A step has no slope anywhere you could land: the pathwise estimate is zero at every draw, without noise, and wrong."
      : "± and the bands: one and two standard errors. Both estimates use the same draws.");
  });
  redraw();
  const unwatch = lib.watch(model, names, redraw);
  return () => { clearTimeout(timer); unwatch(); };
}
