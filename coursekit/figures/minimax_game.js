// The game of generator and discriminator on the line, trained here: two small networks, their gradients, and Adam.

const LOG_FOUR = Math.log(4);
const ENDS = [-4, 4];
const BINS = 160;
const CENTRES = Array.from({ length: BINS }, (_, i) => ENDS[0] + ((i + 0.5) * (ENDS[1] - ENDS[0])) / BINS);
const CELL = (ENDS[1] - ENDS[0]) / BINS;
const BATCH = 64;
const PARTS = { one: [[1, 0.6]], two: [[-1.5, 0.4], [1.5, 0.4]] };                       // [mean, width], equal weights

const softplus = (a) => Math.max(a, 0) + Math.log1p(Math.exp(-Math.abs(a)));
const sigmoid = (a) => 1 / (1 + Math.exp(-a));
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

// ---- Networks: numbers through layers of tanh to one number ----------------------------------------------------------

// A network is a list of layers {weight (O x I, row-major), bias (O)}; the last one has no tanh.
function network(sizes, random) {
  return sizes.slice(1).map((outputs, i) => {
    const inputs = sizes[i], bound = Math.sqrt(3 / inputs);                              // variance 1 / inputs
    const draw = () => bound * (2 * random.uniform() - 1);
    return { weight: Float64Array.from({ length: outputs * inputs }, draw),
      bias: Float64Array.from({ length: outputs }, draw) };
  });
}

// x (B) -> the values of every layer: [x, hidden (B x H), ..., output (B)]
function forward(layers, x) {
  const batch = x.length, values = [Float64Array.from(x)];
  layers.forEach(({ weight, bias }, depth) => {
    const outputs = bias.length, inputs = weight.length / outputs, below = values[depth];
    const y = new Float64Array(batch * outputs), last = depth === layers.length - 1;
    for (let b = 0; b < batch; b++) {
      for (let o = 0; o < outputs; o++) {
        let sum = bias[o];
        for (let i = 0, w = o * inputs, v = b * inputs; i < inputs; i++) sum += weight[w + i] * below[v + i];
        y[b * outputs + o] = last ? sum : Math.tanh(sum);
      }
    }
    values.push(y);
  });
  return values;
}
const output = (layers, x) => forward(layers, x).at(-1);

// From d loss / d output (B), backwards: the gradient of each layer's weights, and of the input.
function backward(layers, values, slope) {
  const batch = values[0].length, gradients = [];
  let above = Float64Array.from(slope);
  for (let depth = layers.length - 1; depth >= 0; depth--) {
    const own = layers[depth], outputs = own.bias.length, inputs = own.weight.length / outputs;
    const below = values[depth], weight = new Float64Array(outputs * inputs), bias = new Float64Array(outputs);
    const next = new Float64Array(batch * inputs);
    for (let b = 0; b < batch; b++) {
      for (let o = 0; o < outputs; o++) {
        const push = above[b * outputs + o];
        bias[o] += push;
        for (let i = 0, w = o * inputs, v = b * inputs; i < inputs; i++) {
          weight[w + i] += push * below[v + i];
          next[v + i] += push * own.weight[w + i];
        }
      }
    }
    if (depth > 0) for (let j = 0; j < next.length; j++) next[j] *= 1 - below[j] ** 2;   // tanh' = 1 - tanh^2
    gradients.unshift({ weight, bias });
    above = next;
  }
  return { gradients, input: above };
}

// ---- The two losses and their gradients ------------------------------------------------------------------------------

// -V on a batch: -mean log D(x) - mean log(1 - D(g(z))), from the logits of D
function discriminatorStep(discriminator, real, fake) {
  const all = Float64Array.from([...real, ...fake]), n = real.length, m = fake.length;
  const values = forward(discriminator, all), logits = values.at(-1);
  const loss = mean(Array.from(logits.subarray(0, n), (a) => softplus(-a)))
    + mean(Array.from(logits.subarray(n), softplus));
  const slope = logits.map((a, i) => (i < n ? -sigmoid(-a) / n : sigmoid(a) / m));
  return { loss, gradients: backward(discriminator, values, slope).gradients };
}

// mean log(1 - D(g(z))), or -mean log D(g(z)); `push` is the mean size of d loss / d g(z) for one z
function generatorStep(generator, discriminator, z, game) {
  const values = forward(generator, z), n = z.length;
  const said = forward(discriminator, values.at(-1)), logits = said.at(-1);
  const minimax = game === "minimax";
  const loss = mean(Array.from(logits, (a) => (minimax ? -softplus(a) : softplus(-a))));
  const slope = logits.map((a) => (minimax ? -sigmoid(a) : -sigmoid(-a)) / n);
  const { input } = backward(discriminator, said, slope);                                // through D, which stays as it is
  const push = mean(Array.from(input, (value) => n * Math.abs(value)));
  return { loss, push, gradients: backward(generator, values, input).gradients };
}

// Adam with beta1 = 0.5 and beta2 = 0.999; `memory` holds its moments and is made at the first step.
function adam(layers, gradients, memory, rate) {
  memory.step = (memory.step ?? 0) + 1;
  memory.moments ??= layers.map(({ weight, bias }) => ({ weight: [new Float64Array(weight.length),
    new Float64Array(weight.length)], bias: [new Float64Array(bias.length), new Float64Array(bias.length)] }));
  const first = 1 - 0.5 ** memory.step, second = Math.sqrt(1 - 0.999 ** memory.step);
  layers.forEach((layer, depth) => {
    for (const name of ["weight", "bias"]) {
      const [m, v] = memory.moments[depth][name], g = gradients[depth][name], parameters = layer[name];
      for (let i = 0; i < g.length; i++) {
        m[i] = 0.5 * m[i] + 0.5 * g[i];
        v[i] = 0.999 * v[i] + 0.001 * g[i] ** 2;
        parameters[i] -= ((rate / first) * m[i]) / (Math.sqrt(v[i]) / second + 1e-8);
      }
    }
  });
}

// ---- The game --------------------------------------------------------------------------------------------------------

function start(seed) {
  const random = lib.random(1000 + seed);
  const generator = network([1, 16, 16, 1], random), discriminator = network([1, 16, 16, 1], random);
  generator.at(-1).bias[0] = -2;                                                         // begins away from the data
  discriminator.at(-1).weight.fill(0);                                                   // and D begins at one half
  discriminator.at(-1).bias.fill(0);
  return { random, generator, discriminator, memory: { generator: {}, discriminator: {} }, rounds: 0 };
}

// n numbers from the data
function draw(random, data, n) {
  const parts = PARTS[data];
  return Array.from({ length: n }, () => {
    const [centre, width] = parts[random.integer(parts.length)];
    return centre + width * random.normal();
  });
}
const noise = (random, n) => Array.from({ length: n }, () => random.uniform());

function trainDiscriminator(game, data, rate) {
  const fake = output(game.generator, noise(game.random, BATCH));
  const { gradients } = discriminatorStep(game.discriminator, draw(game.random, data, BATCH), fake);
  adam(game.discriminator, gradients, game.memory.discriminator, rate);
}

// Algorithm 1: k steps of D, then one of g
function round(game, { data, loss, k, discriminator_rate, generator_rate }) {
  for (let i = 0; i < k; i++) trainDiscriminator(game, data, discriminator_rate);
  const { gradients } = generatorStep(game.generator, game.discriminator, noise(game.random, BATCH), loss);
  adam(game.generator, gradients, game.memory.generator, generator_rate);
  game.rounds += 1;
}

// ---- What the picture shows ------------------------------------------------------------------------------------------

const dataDensity = (x, data) => mean(PARTS[data].map(([centre, width]) =>
  Math.exp(-0.5 * ((x - centre) / width) ** 2) / (width * Math.sqrt(2 * Math.PI))));

// Mean density of g(z) in each bin: the mass between two neighbouring z lands evenly between their x.
function generatedDensity(xs) {
  const mass = new Float64Array(BINS), each = 1 / (xs.length - 1);
  for (let j = 0; j + 1 < xs.length; j++) {
    const low = Math.min(xs[j], xs[j + 1]), high = Math.max(xs[j], xs[j + 1]), length = high - low;
    const from = Math.floor((low - ENDS[0]) / CELL), to = Math.floor((high - ENDS[0]) / CELL);
    for (let bin = Math.max(from, 0); bin <= Math.min(to, BINS - 1); bin++) {
      const left = ENDS[0] + bin * CELL;
      const share = length < 1e-12 ? 1 : (Math.min(high, left + CELL) - Math.max(low, left)) / length;
      mass[bin] += each * share;
    }
  }
  return Array.from(mass, (value) => value / CELL);
}

// p / (p + q); undefined where there is neither
const optimal = (p, q) => (p + q > 1e-6 ? p / (p + q) : NaN);

// V(D, g) without chance: the data by quadrature, z on a fine grid. And the largest V for this g, from both densities.
function values(game, data, z = lib.linspace(0, 1, 801)) {
  const xs = output(game.generator, z);
  const p = CENTRES.map((x) => dataDensity(x, data)), q = generatedDensity(xs);
  const logits = output(game.discriminator, CENTRES), fake = output(game.discriminator, xs);
  const onData = (f) => CENTRES.reduce((sum, _, i) => sum + CELL * p[i] * f(logits[i]), 0);
  const term = (a, b) => (a > 0 ? a * Math.log(a / (a + b)) : 0);
  return {
    xs, p, q,
    said: Array.from(logits, sigmoid),
    best: p.map((value, i) => optimal(value, q[i])),
    value: onData((a) => -softplus(-a)) - mean(Array.from(fake, softplus)),
    largest: p.reduce((sum, value, i) => sum + CELL * (term(value, q[i]) + term(q[i], value)), 0),
    real: onData(sigmoid),
    fake: mean(Array.from(fake, sigmoid)),
  };
}

const functions = { network, forward, output, backward, discriminatorStep, generatorStep, adam, start, draw, round,
  trainDiscriminator, dataDensity, generatedDensity, optimal, values };

function render({ model, el }) {
  const names = ["data", "loss", "k", "discriminator_rate", "generator_rate", "seed"];
  const state = () => Object.fromEntries(names.map((name) => [name, model.get(name)]));
  const change = (changes) => lib.save(model, changes);
  const probe = lib.linspace(0.02, 0.98, 200);                                           // z for the size of the slope
  let game = start(model.get("seed"));

  const buttons = lib.row(el);
  const player = lib.player(buttons, { label: "Play", step: () => {
    const now = state(), begun = performance.now();
    alone = 0;
    for (let i = 0; i < (player.running() ? 4 : 1); i++) {                               // few enough for a slow machine
      round(game, now);
      if (performance.now() - begun > 3) break;
    }
    show();
  } });
  let alone = 0;                                                                         // steps that D still takes by itself
  const trainAlone = () => {                                                             // some in each frame
    const begun = performance.now();
    for (; alone > 0 && performance.now() - begun < 5; alone--) {
      trainDiscriminator(game, model.get("data"), model.get("discriminator_rate"));
    }
    show();
    el.setAttribute("aria-busy", String(alone > 0));
    if (alone > 0) requestAnimationFrame(trainAlone);
  };
  lib.button(buttons, { label: "Train D alone", click: () => {
    player.stop();
    alone += 200;
    if (alone === 200) trainAlone();
  } });
  const restart = () => { player.stop(); alone = 0; game = start(model.get("seed")); show(); };
  lib.button(buttons, { label: "Reset", click: restart });
  lib.button(buttons, { label: "New start", click: () => change({ seed: model.get("seed") + 1 }) });

  const choices = lib.row(el);
  const data = lib.select(choices, { label: "data", options: { one: "one Gaussian", two: "two Gaussians" },
    change: (value) => change({ data: value }) });
  const loss = lib.select(choices, { label: "G's loss", options: { "non-saturating": "non-saturating",
    minimax: "minimax" }, change: (value) => change({ loss: value }) });
  const rates = lib.row(el);
  const k = lib.slider(rates, { label: "k, steps of D", min: 1, max: 10, step: 1,
    format: (value) => String(value), input: (value) => change({ k: value }) });
  const rate = (name, label) => lib.slider(rates, { label, min: -4, max: -1, step: 0.1,
    format: (value) => lib.show(10 ** value, 4), input: (value) => change({ [name]: 10 ** value }) });
  const discriminatorRate = rate("discriminator_rate", "learning rate of D");
  const generatorRate = rate("generator_rate", "learning rate of G");

  const chart = lib.chart(el, { x: ENDS, y: [0, 1.2], yLabel: "density; D", height: 260,
    label: "Densities of data and generator, the discriminator and its optimum, over x" });
  const areaQ = chart.area({ colour: "orange", opacity: 0.25, name: "generator" });
  const areaP = chart.area({ colour: "blue", opacity: 0.12 });
  const curveP = chart.line({ colour: "blue", dash: "2 4", name: "data" });
  const curveD = chart.line({ colour: "purple", width: 3, name: "D" });
  const curveBest = chart.line({ colour: "ink", width: 2, dash: "8 4", name: "optimal D" });

  // Its axis is z, from 0 to 1; the upper edge is the axis of x, in line with the chart above.
  const arrows = lib.chart(el, { x: [0, 1], y: [0.51, 0.99], xLabel: "z, uniform", yLabel: "x = G(z)", height: 150,
    label: "Arrows from z, at the bottom, to x, at the top" });
  let ends = [];
  const fan = arrows.custom((layer, { px, size }) => {
    for (const [z, x] of ends) {
      const from = px(z), to = px((x - ENDS[0]) / (ENDS[1] - ENDS[0])), length = Math.hypot(to - from, size.height);
      const [across, up] = [(to - from) / length, -size.height / length];
      const head = (side) => `${to - 7 * across + 3 * side * up} ${-7 * up - 3 * side * across}`;
      layer.append(lib.svg("path", { d: `M${from} ${size.height}L${to} 0M${head(1)}L${to} 0L${head(-1)}`, fill: "none",
        stroke: lib.colour("orange"), "stroke-width": 1.3 }));
    }
  });

  const value = lib.readout(el, { label: "V(D, G)", colour: "purple" });
  const largest = lib.readout(el, { label: "largest V for this G" });
  const floor = lib.readout(el, { label: "−log 4" });
  const real = lib.readout(el, { label: "mean D on data", colour: "blue" });
  const fake = lib.readout(el, { label: "on generated", colour: "orange" });
  const push = lib.readout(el, { label: "slope that G feels", colour: "green" });
  const rounds = lib.readout(el, { label: "rounds", colour: "grey" });
  floor.set(lib.show(-LOG_FOUR));

  const show = () => {
    const now = state(), shown = values(game, now.data);
    areaQ.set(CENTRES, shown.q);
    areaP.set(CENTRES, shown.p);
    curveP.set(CENTRES, shown.p);
    curveD.set(CENTRES, shown.said);
    curveBest.set(CENTRES, shown.best);
    ends = Array.from({ length: 21 }, (_, i) => [i / 20, shown.xs[40 * i]]);
    fan.draw();
    value.set(lib.show(shown.value));
    largest.set(lib.show(shown.largest));
    real.set(lib.show(shown.real));
    fake.set(lib.show(shown.fake));
    push.set(lib.show(generatorStep(game.generator, game.discriminator, probe, now.loss).push));
    rounds.set(String(game.rounds));
    data.set(now.data);
    loss.set(now.loss);
    k.set(now.k);
    discriminatorRate.set(Math.log10(now.discriminator_rate));
    generatorRate.set(Math.log10(now.generator_rate));
  };
  const redraw = lib.onFrame(show);
  const again = lib.onFrame(restart);
  show();
  const unwatch = [lib.watch(model, names, redraw), lib.watch(model, ["data", "seed"], again)];
  return () => { player.stop(); for (const stop of unwatch) stop(); };
}
