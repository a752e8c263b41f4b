// Four models of one density in the plane: what each can draw, and what it can say about a point.
// Points are tensors (N, 2); a model's weights are a lookup by name, w("layers.0.0.weight").

const column = (points, i) => Float32Array.from({ length: points.shape[0] }, (_, n) => points.data[2 * n + i]);
const join = (a, b) => lib.tensor(Array.from({ length: 2 * a.length }, (_, i) => (i % 2 ? b : a)[i >> 1]), [a.length, 2]);
const logNormal = (x, mean = 0, scale = 1) =>
  -0.5 * ((x - mean) / scale) ** 2 - Math.log(scale) - 0.5 * Math.log(2 * Math.PI);

// linear, tanh, linear
const network = (w, name, x) => lib.linear(lib.tanh(lib.linear(x, w(`${name}.0.weight`), w(`${name}.0.bias`))),
  w(`${name}.2.weight`), w(`${name}.2.bias`));

// linear, ReLU, linear, ReLU, linear
function deeper(w, name, x) {
  const layer = (input, i) => lib.linear(input, w(`${name}.${i}.weight`), w(`${name}.${i}.bias`));
  return layer(lib.relu(layer(lib.relu(layer(x, 0)), 2)), 4);
}

// The true density: equally likely round Gaussians, means [[x, y], ...]
const trueLogProb = (means, scale, x, y) =>
  lib.logSumExp(means.map((mean) => logNormal(x, mean[0], scale) + logNormal(y, mean[1], scale))) - Math.log(means.length);

// ---- Flow -------------------------------------------------------------------------------------------------------------

const LAYERS = (w) => { let n = 0; while (w(`layers.${n}.0.weight`)) n++; return n; };

function affine(w, layer, given) {                                                      // shift and log-scale, (N) each
  const output = network(w, `layers.${layer}`, lib.tensor(given, [given.length, 1]));
  return [column(output, 0), column(output, 1).map((raw) => 2 * Math.tanh(raw))];
}

function flowLogProb(w, points) {
  let [given, other] = [column(points, 0), column(points, 1)];
  const total = new Float64Array(given.length);
  for (let layer = LAYERS(w) - 1; layer >= 0; layer--) {
    const [shift, logScale] = affine(w, layer, given);
    const moved = other.map((value, n) => (value - shift[n]) * Math.exp(-logScale[n]));
    logScale.forEach((value, n) => { total[n] -= value; });
    [given, other] = [moved, given];
  }
  return total.map((value, n) => value + logNormal(given[n]) + logNormal(other[n]));
}

function flowForward(w, noise) {
  let [given, other] = [column(noise, 0), column(noise, 1)];
  for (let layer = 0; layer < LAYERS(w); layer++) {
    [given, other] = [other, given];
    const [shift, logScale] = affine(w, layer, given);
    other = other.map((value, n) => value * Math.exp(logScale[n]) + shift[n]);
  }
  return join(given, other);
}

// ---- Autoregressive ---------------------------------------------------------------------------------------------------

// Parts of the mixture in row n of an output (N, 3 K): log-weights, means, scales
function mixture(output, n = 0) {
  const size = output.shape.at(-1) / 3;
  const row = Array.from(output.data.subarray(3 * size * n, 3 * size * (n + 1)));
  const logits = row.slice(0, size), total = lib.logSumExp(logits);
  return { logWeights: logits.map((value) => value - total), means: row.slice(size, 2 * size),
    scales: row.slice(2 * size).map((raw) => 0.02 + lib.softplus(raw)) };
}
const mixtureLogProb = ({ logWeights, means, scales }, x) =>
  lib.logSumExp(logWeights.map((logWeight, k) => logWeight + logNormal(x, means[k], scales[k])));
function mixtureDraw({ logWeights, means, scales }, { uniform, normal }) {              // a part, then a draw from it
  let left = uniform(), k = 0;
  while (k < means.length - 1 && (left -= Math.exp(logWeights[k])) >= 0) k++;
  return means[k] + scales[k] * normal();
}

const second = (w, x) => network(w, "second", lib.tensor(x, [x.length, 1]));

function autoregressiveLogProb(w, points) {
  const [x, y] = [column(points, 0), column(points, 1)];
  const marginal = mixture(w("first")), given = second(w, x);
  return Float64Array.from(x, (value, n) => mixtureLogProb(marginal, value) + mixtureLogProb(mixture(given, n), y[n]));
}

function autoregressiveSample(w, count, random) {
  const marginal = mixture(w("first"));
  const x = Float32Array.from({ length: count }, () => mixtureDraw(marginal, random));
  const given = second(w, x);
  return join(x, x.map((_, n) => mixtureDraw(mixture(given, n), random)));
}

// ---- Variational autoencoder ------------------------------------------------------------------------------------------

// The importance-weighted bound on log p, (N): noise (K, 2) is shared by all points
function vaeBound(w, points, noise) {
  const [count, draws] = [points.shape[0], noise.shape[0]];
  const code = deeper(w, "encoder", points).data;                                       // means, then log-variances
  const scale = Math.exp(w("likelihood.log_scale").data[0]);
  const weights = Array.from({ length: draws }, (_, k) => {
    const z = new Float32Array(2 * count), logWeight = new Float64Array(count);
    for (let n = 0; n < count; n++) for (let i = 0; i < 2; i++) {
      const epsilon = noise.data[2 * k + i], deviation = Math.exp(0.5 * code[4 * n + 2 + i]);
      z[2 * n + i] = code[4 * n + i] + deviation * epsilon;
      logWeight[n] += logNormal(z[2 * n + i]) - logNormal(epsilon) + Math.log(deviation); // prior over q
    }
    const mean = deeper(w, "decoder", lib.tensor(z, [count, 2])).data;
    for (let i = 0; i < 2 * count; i++) logWeight[i >> 1] += logNormal(points.data[i], mean[i], scale);
    return logWeight;
  });
  return Float64Array.from({ length: count }, (_, n) => lib.logSumExp(weights.map((row) => row[n])) - Math.log(draws));
}

function vaeDecode(w, z, noise) {
  const scale = Math.exp(w("likelihood.log_scale").data[0]);
  const mean = deeper(w, "decoder", z);
  return { data: mean.data.map((value, i) => value + scale * noise.data[i]), shape: mean.shape };
}

// ---- Adversarial ------------------------------------------------------------------------------------------------------

const ganForward = (w, noise) => deeper(w, "generator", noise);

const inCircle = (points, x, y, radius) =>
  column(points, 0).filter((value, n) => Math.hypot(value - x, points.data[2 * n + 1] - y) < radius).length;

const gaussian = (count, random) => lib.tensor(Array.from({ length: 2 * count }, random.normal), [count, 2]);
const lookup = (weights, prefix) => (name) => weights[`${prefix}.${name}`];

const sample = {
  flow: (w, count, random) => flowForward(w, gaussian(count, random)),
  autoregressive: autoregressiveSample,
  vae: (w, count, random) => vaeDecode(w, gaussian(count, random), gaussian(count, random)),
  gan: (w, count, random) => ganForward(w, gaussian(count, random)),
};

// log p of all places of a grid, or the VAE's bound on it
const logProb = { flow: flowLogProb, autoregressive: autoregressiveLogProb, vae: vaeBound };
const onGrid = (weights, prefix, strand, points, noise) => logProb[strand](lookup(weights, prefix), points, noise);

const functions = { trueLogProb, flowLogProb, flowForward, autoregressiveLogProb, autoregressiveSample, vaeBound,
  vaeDecode, ganForward, inCircle, gaussian, lookup, sample, onGrid };

const STRANDS = { flow: "Flow", autoregressive: "Autoregressive", vae: "VAE", gan: "GAN" };
const WINDOW = { x: [-2.2, 2.8], y: [-1.9, 1.9] }, GRID = [75, 57], DRAWN = 5000, RADIUS = 0.15, SHADED = 20;

function render({ model, el }) {
  const weights = lib.unpackWeights(model);
  const of = (strand) => lookup(weights, `${model.get("data")}.${strand}`);
  const change = (changes) => lib.save(model, changes);
  const names = model.get("names");

  const top = lib.row(el);
  const data = lib.select(top, { label: "data", options: Object.fromEntries(names.map((name, i) => [i, name])),
    change: (value) => change({ data: Number(value) }) });
  const choices = Object.entries(STRANDS).map(([strand, label]) =>
    [strand, lib.button(top, { label, pressed: false, click: () => change({ strand }) })]);

  const chart = lib.chart(el, { ...WINDOW, xLabel: "x₁", yLabel: "x₂", equal: true, label: "Samples and density" });
  const shade = chart.heatmap({ colour: "blue" });
  const truthDots = chart.points({ colour: "green", radius: 2, name: "data" });
  const dots = chart.points({ colour: "ink", radius: 2, name: "samples of the model" });
  const circle = chart.custom((layer, { px, py }) => layer.append(lib.svg("circle", { cx: px(model.get("x")),
    cy: py(model.get("y")), r: px(RADIUS) - px(0), fill: "none", stroke: lib.colour("orange"), "stroke-width": 2 })));
  const handle = chart.handle({ label: "point", colour: "orange", axis: "both", step: 0.05,
    moved: (x, y) => change({ x, y }) });
  const said = lib.note(el, "");

  lib.note(el, "Log density at the orange point, in nats. Each model answers for its own density, which may exceed "
    + "the truth:");
  const truth = lib.readout(el, { label: "the truth", colour: "green" });
  const answers = Object.fromEntries(Object.entries(STRANDS).map(([strand, label]) =>
    [strand, lib.readout(el, { label, colour: "blue" })]));
  const counted = lib.readout(el, { label: "of 5,000 GAN samples, in the circle", colour: "orange" });

  const bottom = lib.row(el);
  const more = () => change({ points: Math.min(model.get("points") + 200, 3000) });
  lib.button(bottom, { label: "Draw 200 more", click: more });
  lib.button(bottom, { label: "Clear", click: () => change({ points: 0, seed: model.get("seed") + 1 }) });
  const draws = lib.select(bottom, { label: "draws behind the VAE's bound",
    options: { 1: "1", 10: "10", 100: "100", 1000: "1,000" }, change: (value) => change({ importance: Number(value) }) });
  const reference = lib.checkbox(bottom, { label: "show the data", change: (state) => change({ reference: state }) });

  const plot = (target, points) => target.set(column(points, 0), column(points, 1));
  const cells = (low, high, n) => lib.linspace(low + (high - low) / (2 * n), high - (high - low) / (2 * n), n);
  const grid = cells(...WINDOW.y, GRID[1]).flatMap((y) => cells(...WINDOW.x, GRID[0]).flatMap((x) => [x, y]));
  const noise = gaussian(1000, lib.random(1));
  const first = (n) => ({ data: noise.data.subarray(0, 2 * n), shape: [n, 2] });
  const places = lib.tensor(grid, [grid.length / 2, 2]);
  const generated = new Map();                                                          // data set: many GAN samples
  const many = () => {
    const i = model.get("data");
    if (!generated.has(i)) generated.set(i, sample.gan(of("gan"), DRAWN, lib.random(2)));
    return generated.get(i);
  };
  const exactly = "Shading: the density, exactly. A stronger colour means a higher density.";
  const shadings = { flow: exactly, autoregressive: exactly,
    vae: `Shading: a lower bound on the density, from at most ${SHADED} draws for each place.`,
    gan: "No shading: this model has no density to ask for. You can only draw." };

  const shading = lib.worker({ model, el }, functions, "onGrid", (logs) =>              // the root shows faint places
    shade.set(Float32Array.from(logs, (value) => Math.exp(value / 2)), ...GRID));
  const drawShade = () => {
    const strand = model.get("strand");
    data.set(String(model.get("data")));
    choices.forEach(([name, button]) => button.set(name === strand));
    said.set(`${STRANDS[strand]}. ${shadings[strand]}`);
    shading.drop();
    const noise = first(Math.min(model.get("importance"), SHADED));
    if (logProb[strand]) shading(weights, `${model.get("data")}.${strand}`, strand, places, noise);
    else shade.set(new Float32Array(grid.length / 2), ...GRID);
  };
  const drawDots = () => {
    plot(dots, sample[model.get("strand")](of(model.get("strand")), model.get("points"), lib.random(model.get("seed"))));
    reference.set(model.get("reference"));
    const [i, random] = [model.get("data"), lib.random(7)];
    const [means, scale] = [model.get("means")[i], model.get("scales")[i]];
    const count = model.get("reference") ? 400 : 0;
    const centres = Array.from({ length: count }, () => means[random.integer(means.length)]);
    truthDots.set(...[0, 1].map((i) => centres.map((mean) => mean[i] + scale * random.normal())));
  };
  const drawPoint = () => {
    const [x, y, i] = [model.get("x"), model.get("y"), model.get("data")];
    const point = lib.tensor([x, y], [1, 2]);
    handle.set(x, y);
    circle.draw();
    draws.set(String(model.get("importance")));
    truth.set(lib.show(trueLogProb(model.get("means")[i], model.get("scales")[i], x, y)));
    for (const strand of ["flow", "autoregressive"]) answers[strand].set(`= ${lib.show(logProb[strand](of(strand), point)[0])}`);
    answers.vae.set(`≥ ${lib.show(vaeBound(of("vae"), point, first(model.get("importance")))[0])}`);
    answers.gan.set("cannot say");
    counted.set(String(inCircle(many(), x, y, RADIUS)));
  };
  drawShade();
  drawDots();
  drawPoint();
  const stops = [
    lib.watch(model, ["data", "strand", "importance"], lib.onFrame(drawShade)),
    lib.watch(model, ["data", "strand", "points", "seed", "reference"], lib.onFrame(drawDots)),
    lib.watch(model, ["data", "x", "y", "importance"], lib.onFrame(drawPoint)),
  ];
  return () => stops.forEach((stop) => stop());
}
