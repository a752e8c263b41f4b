// One hidden number z, one observation x, and a Gaussian q to move: log p(x) is the ELBO plus KL(q, posterior).

const LOG_ROOT_TWO_PI = 0.5 * Math.log(2 * Math.PI);
const logNormal = (x, mean, width) => -0.5 * ((x - mean) / width) ** 2 - Math.log(width) - LOG_ROOT_TWO_PI;
const DECODERS = { linear: (z) => z, rectified: (z) => Math.max(z, 0), absolute: Math.abs };
const BOUNDS = { q_mean: [-2, 2], q_width: [0.1, 1.5] };

// state: {decoder, x, noise, q_mean, q_width}
const logPrior = (z) => logNormal(z, 0, 1);
const logLikelihood = (z, { decoder, x, noise }) => logNormal(x, DECODERS[decoder](z), noise);
const logQ = (z, { q_mean, q_width }) => logNormal(z, q_mean, q_width);

// The integral of f from low to high by the trapezium rule; f vanishes at both ends.
function integral(f, low, high, steps) {
  const width = (high - low) / steps;
  let sum = 0;
  for (let i = 0; i <= steps; i++) sum += f(low + i * width);
  return sum * width;
}

// log p(x), by summing over every z: what a network in many dimensions cannot do.
const logEvidence = (state) =>
  Math.log(integral((z) => Math.exp(logPrior(z) + logLikelihood(z, state)), -9, 9, 3600));
const logPosterior = (z, state, evidence) => logPrior(z) + logLikelihood(z, state) - evidence;

// The mean of f(z) for z from q.
const underQ = (f, state) => integral((z) => Math.exp(logQ(z, state)) * f(z),
  state.q_mean - 9 * state.q_width, state.q_mean + 9 * state.q_width, 1800);

// The ELBO and its two terms. Neither log p(x) nor the posterior is used.
function bound(state) {
  const { q_mean, q_width } = state;
  const reconstruction = underQ((z) => logLikelihood(z, state), state);
  const regulariser = 0.5 * (q_mean ** 2 + q_width ** 2 - 1) - Math.log(q_width);        // KL(q, prior)
  return { reconstruction, regulariser, elbo: reconstruction - regulariser };
}

// KL(q, posterior), from its definition and not as a difference of the other two.
function gap(state, evidence = logEvidence(state)) {
  return underQ((z) => logQ(z, state) - logPosterior(z, state, evidence), state);
}

// The q of largest ELBO near the present one: uphill with shrinking steps, so the start matters.
function fit(state) {
  const best = { q_mean: state.q_mean, q_width: state.q_width };
  let highest = bound(state).elbo;
  for (let step = 0.4; step > 1e-3;) {
    let better = false;
    for (const [name, sign] of [["q_mean", 1], ["q_mean", -1], ["q_width", 1], ["q_width", -1]]) {
      const trial = { ...best, [name]: lib.clamp(best[name] + sign * step, BOUNDS[name]) };
      const height = bound({ ...state, ...trial }).elbo;
      if (height > highest + 1e-9) { Object.assign(best, trial); highest = height; better = true; }
    }
    if (!better) step /= 2;
  }
  return best;
}

const functions = { logEvidence, logPosterior, bound, gap, fit };

function render({ model, el }) {
  const names = ["decoder", "x", "noise", "q_mean", "q_width"];
  const state = () => Object.fromEntries(names.map((name) => [name, model.get(name)]));
  const change = (changes) => lib.save(model, changes);
  const ends = [-3.5, 3.5];

  const controls = lib.row(el);
  const decoder = lib.select(controls, { label: "decoder",
    options: { linear: "x ≈ z", rectified: "x ≈ max(z, 0)", absolute: "x ≈ |z|" },
    change: (value) => change({ decoder: value }) });
  const observed = lib.slider(controls, { label: "observed x", min: 0, max: 2, step: 0.1,
    input: (value) => change({ x: value }) });
  lib.button(controls, { label: "Fit q", click: () => change(fit(state())) });
  lib.button(controls, { label: "q = prior", click: () => change({ q_mean: 0, q_width: 1 }) });

  const densities = lib.chart(el, { x: ends, y: [0, 1], xLabel: "z", yLabel: "density", height: 230,
    label: "Prior, posterior and q over the hidden number z" });
  const zs = lib.linspace(...ends, 401);
  const areaPosterior = densities.area({ colour: "blue", opacity: 0.15 });
  const prior = densities.line({ colour: "grey", width: 2, dash: "2 4", name: "prior p(z)" });
  const posterior = densities.line({ colour: "blue", name: "posterior p(z | x)" });
  const q = densities.line({ colour: "orange", dash: "8 4", name: "q(z | x)" });
  prior.set(zs, zs.map((z) => Math.exp(logPrior(z))));
  const widthHandle = densities.handle({ label: "width of q", colour: "orange", step: 0.05, bounds: { x: ends },
    format: () => lib.show(model.get("q_width")),
    moved: (z) => change({ q_width: lib.clamp(z - model.get("q_mean"), BOUNDS.q_width) }) });
  const meanHandle = densities.handle({ label: "mean of q", colour: "orange", step: 0.1,
    bounds: { x: BOUNDS.q_mean }, moved: (z) => change({ q_mean: z }) });

  const evidenceText = lib.readout(el, { label: "log p(x)", colour: "blue" });
  const elboText = lib.readout(el, { label: "= ELBO", colour: "orange" });
  const gapText = lib.readout(el, { label: "+ KL(q ‖ posterior)", colour: "purple" });
  const reconstructionText = lib.readout(el, { label: "E log p(x | z)", colour: "green" });
  const regulariserText = lib.readout(el, { label: "KL(q ‖ prior)", colour: "grey" });

  // Bars on one axis of nats. No tick falls between 0.51 and 0.99: the bars need no vertical scale.
  const bars = lib.chart(el, { x: [-10, 1], y: [0.51, 0.99], xLabel: "nats", height: 150,
    label: "Bars: log p(x) as ELBO plus gap, and the ELBO as its two terms" });
  let shown = { evidence: 0, elbo: 0, reconstruction: 0, floor: -10 };
  const drawing = bars.custom((layer, { px, size }) => {
    const { evidence, elbo, reconstruction, floor } = shown;
    const bar = (from, to, place, tone, text) => {
      const left = px(from), right = px(to), height = 0.27 * size.height;
      const top = place * size.height;
      layer.append(lib.svg("rect", { x: left, y: top, width: Math.max(right - left, 0), height,
        fill: lib.colour(tone) }));
      const label = lib.svg("text", { x: (left + right) / 2, y: top + height / 2 + 4, "text-anchor": "middle" }, text);
      label.style.fill = lib.colour("surface");
      label.style.fontWeight = "600";
      if (right - left > 7.5 * text.length) layer.append(label);
    };
    const mark = (value, tone, dash) => layer.append(lib.svg("line", { x1: px(value), x2: px(value), y1: 0,
      y2: size.height, stroke: lib.colour(tone), "stroke-width": 2, "stroke-dasharray": dash }));
    bar(floor, elbo, 0.14, "orange", "ELBO");
    bar(elbo, evidence, 0.14, "purple", "gap");
    bar(floor, elbo, 0.59, "green", "E log p(x | z)");
    bar(elbo, reconstruction, 0.59, "grey", "KL to prior");
    mark(elbo, "ink", "4 3");
    mark(evidence, "blue", null);
  });
  lib.note(el, "Solid line: log p(x). Dashed line: the ELBO. The upper bar always ends at log p(x). The lower bar ends at "
    + "E log p(x | z); taking KL(q ‖ prior), its grey part, off again leaves the ELBO. The decoder's ≈ stands for "
    + `Gaussian noise of width ${lib.show(model.get("noise"))} that is added.`);

  const nats = (value) => `${lib.show(value, 3)} nats`;
  const draw = () => {
    const now = state(), evidence = logEvidence(now), { elbo, reconstruction, regulariser } = bound(now);
    const post = zs.map((z) => Math.exp(logPosterior(z, now, evidence)));
    const qs = zs.map((z) => Math.exp(logQ(z, now)));
    const peak = Math.max(...post, ...qs);
    densities.setRange({ y: [0, [1, 1.5, 2, 3, 4.5].find((top) => top > 1.05 * peak)] });
    areaPosterior.set(zs, post);
    posterior.set(zs, post);
    q.set(zs, qs);
    meanHandle.set(now.q_mean, Math.exp(logQ(now.q_mean, now)));
    widthHandle.set(now.q_mean + now.q_width, Math.exp(logQ(now.q_mean + now.q_width, now)));

    const floor = [-10, -20, -50, -100, -200].find((value) => value < elbo - 0.1 * Math.abs(value));
    shown = { evidence, elbo, reconstruction, floor };
    bars.setRange({ x: [floor, 1] });
    drawing.draw();
    evidenceText.set(nats(evidence));
    elboText.set(nats(elbo));
    gapText.set(nats(gap(now, evidence)));
    reconstructionText.set(nats(reconstruction));
    regulariserText.set(nats(regulariser));
    decoder.set(now.decoder);
    observed.set(now.x);
  };
  const redraw = lib.onFrame(draw);
  draw();
  return lib.watch(model, names, redraw);
}
