// A Markov chain on a density in the plane: its proposals, what it accepts, and what its places are worth.

const WINDOW = [-4, 4];
const MOST = 5000;                                                                       // steps, then it is enough
const LOST = 100;                                                                        // so far away, it has flown off

// ---- Densities, unnormalised: at([x, y]) -> {value, gradient} of log p -------------------------------------------------

function gaussian([x, y]) {                                                              // correlation 0.95
  const [a, b] = [1 / (1.44 * 0.0975), -0.95 / (1.44 * 0.0975)];
  const gradient = [-(a * x + b * y), -(b * x + a * y)];
  return { value: 0.5 * (x * gradient[0] + y * gradient[1]), gradient };
}

function banana([x, y]) {
  const off = (y - 1.5 + 0.7 * x * x) / 0.35;
  return { value: -0.5 * (x / 1.2) ** 2 - 0.5 * off ** 2, gradient: [-x / 1.44 - 4 * off * x, -off / 0.35] };
}

function ring([x, y]) {
  const distance = Math.hypot(x, y) + 1e-12, off = (distance - 2.5) / 0.3, pull = -off / 0.3 / distance;
  return { value: -0.5 * off ** 2, gradient: [pull * x, pull * y] };
}

function modes([x, y]) {
  const gaps = [[-1.8, -1], [1.8, 1]].map(([u, v]) => [x - u, y - v]);
  const values = gaps.map(([u, v]) => -0.5 * (u * u + v * v) / 0.16), weights = lib.softmax(values);
  const gradient = [0, 1].map((i) => -gaps.reduce((sum, gap, k) => sum + weights[k] * gap[i], 0) / 0.16);
  return { value: lib.logSumExp(values), gradient };
}

const DENSITIES = { gaussian, banana, ring, modes };

// ---- One step, as coursekit.density.mcmc makes it ----------------------------------------------------------------------

const along = (x, factor, direction) => x.map((value, i) => value + factor * direction[i]);
const square = (x) => x.reduce((sum, value) => sum + value * value, 0);

// Every place on the way, the first included, and the last momentum.
function leapfrog(at, x, momentum, step, leaps) {
  const path = [x];
  let r = along(momentum, step / 2, at(x).gradient);
  for (let i = 1; i <= leaps; i++) {
    path.push(along(path.at(-1), step, r));
    r = along(r, i < leaps ? step : step / 2, at(path.at(-1)).gradient);
  }
  return { path, momentum: r };
}

// From standard normal noise: the way to the proposal, the log of the ratio that accepts it, the evaluations it cost.
function propose({ density, method, step_size: step, leaps }, x, noise) {
  const at = DENSITIES[density], gain = (end) => at(end).value - at(x).value;
  if (method === "hamiltonian") {
    const { path, momentum } = leapfrog(at, x, noise, step, leaps);
    return { path, logRatio: gain(path.at(-1)) + (square(noise) - square(momentum)) / 2, evaluations: leaps };
  }
  const uphill = (place) => along(place, method === "walk" ? 0 : step ** 2 / 2, at(place).gradient);
  const end = along(uphill(x), step, noise), path = [x, end];
  if (method === "walk") return { path, logRatio: gain(end), evaluations: 1 };
  if (method === "unadjusted") return { path, logRatio: 0, evaluations: 1 };
  const logProposal = (from, to) => -square(along(to, -1, uphill(from))) / (2 * step ** 2);
  return { path, logRatio: gain(end) + logProposal(end, x) - logProposal(x, end), evaluations: 1 };
}

// ---- What the places are worth, as coursekit.density.effective_sample_size has it for one chain -------------------------

function effectiveSamples(values) {
  const n = Math.floor(values.length / 2), total = 2 * n;
  const halves = [values.slice(0, n), values.slice(values.length - n)];
  const means = halves.map((half) => half.reduce((sum, value) => sum + value, 0) / n);
  const centred = halves.map((half, i) => Float64Array.from(half, (value) => value - means[i]));
  const covariance = (lag) => {                                                          // mean of both, divided by n - 1
    let sum = 0;
    for (const half of centred) for (let t = 0; t + lag < n; t++) sum += half[t] * half[t + lag];
    return sum / 2 / (n - 1);
  };
  const within = covariance(0), both = within * (n - 1) / n + (means[0] - means[1]) ** 2 / 2;
  const correlation = (lag) => (lag === 0 ? 1 : 1 - (within - covariance(lag)) / both);
  let tau = -1, least = Infinity;
  for (let lag = 0; lag + 1 < n; lag += 2) {
    least = Math.min(least, correlation(lag) + correlation(lag + 1));
    if (!(least > 0)) break;
    tau += 2 * least;
  }
  return both > 0 ? total / Math.max(tau, 1 / Math.log10(total)) : NaN;
}

// The density of the first coordinate at xs, by sums over the second.
function marginal(density, xs) {
  const ys = lib.linspace(-14, 8, 441);
  const sums = xs.map((x) => ys.reduce((sum, y) => sum + Math.exp(DENSITIES[density]([x, y]).value), 0));
  const total = sums.reduce((sum, value) => sum + value, 0) * (xs[1] - xs[0]);
  return sums.map((value) => value / total);
}

const functions = { gaussian, banana, ring, modes, leapfrog, propose, effectiveSamples, marginal };

function render({ model, el }) {
  const names = ["density", "method", "step_size", "leaps", "start"];
  const state = () => Object.fromEntries(names.map((name) => [name, model.get(name)]));
  const change = (changes) => lib.save(model, changes);
  const TRACE = 250, BINS = 40;
  let random, place, places, accepted, evaluations, attempt, shown;

  const advance = () => {
    const settings = state();
    const proposal = propose(settings, place, [random.normal(), random.normal()]);
    attempt = { ...proposal, taken: Math.log(random.uniform()) < proposal.logRatio };    // not a number: not taken
    if (attempt.taken) place = proposal.path.at(-1);
    places.push(place);
    accepted += attempt.taken;
    evaluations += proposal.evaluations;
  };
  const over = () => places.length >= MOST || !(Math.hypot(...place) < LOST);
  const buttons = lib.row(el);
  const player = lib.player(buttons, { label: "Run", step: () => {
    if (over()) { measure(); return false; }
    advance();
    if (places.length % 20 === 0 || !player.running()) measure();
    show();
  } });
  lib.button(buttons, { label: "500 steps", click: () => {
    player.stop();
    for (let i = 0; i < 500 && !over(); i++) advance();
    measure();
    show();
  } });
  lib.button(buttons, { label: "Forget the places", click: () => { forget(); show(); } });
  lib.button(buttons, { label: "Back to the start", click: () => { player.stop(); restart(); } });

  const choices = lib.row(el);
  const density = lib.select(choices, { label: "density", options: { banana: "banana", gaussian: "Gaussian",
    ring: "ring", modes: "two modes" }, change: (value) => change({ density: value }) });
  const method = lib.select(choices, { label: "method", options: { walk: "random walk", langevin: "Langevin",
    unadjusted: "Langevin, unadjusted", hamiltonian: "Hamiltonian" }, change: (value) => change({ method: value }) });
  const sliders = lib.row(el);
  const stepSize = lib.slider(sliders, { label: "step size η", min: 0.02, max: 3, step: 0.02,
    input: (value) => change({ step_size: value }) });
  const leaps = lib.slider(sliders, { label: "leapfrog steps", min: 1, max: 40, step: 1, format: String,
    input: (value) => change({ leaps: value }) });

  const [left, right] = lib.columns(el, 2);
  const plane = lib.chart(left, { x: WINDOW, y: WINDOW, equal: true, label: "The plane with the density and the chain" });
  const shades = plane.heatmap({ colour: "blue" });
  const cloud = plane.points({ colour: "ink", radius: 1.4, opacity: 0.6, name: "places" });
  const track = plane.line({ colour: "orange", width: 1.5, name: "latest steps" });
  const way = plane.line({ colour: "green", width: 2, dash: "4 3", name: "latest proposal" });
  const marks = plane.custom((layer, { px, py }) => {
    if (!attempt) return;
    const [x, y] = attempt.path.at(-1), [u, v] = [px(x), py(y)];
    if (!attempt.taken && Number.isFinite(u + v)) layer.append(lib.svg("path", { d: `M${u - 5} ${v - 5}l10 10m0 -10l-10 10`,
      stroke: lib.colour("green"), "stroke-width": 2.5 }));
    layer.append(lib.svg("circle", { cx: px(place[0]), cy: py(place[1]), r: 5, fill: lib.colour("orange"),
      stroke: lib.colour("surface"), "stroke-width": 1.5 }));
  });
  const handle = plane.handle({ label: "start of the chain", colour: "blue", axis: "both", step: 0.1,
    moved: (x, y) => change({ start: [x, y] }) });

  const trace = lib.chart(right, { x: [0, TRACE], y: WINDOW, xLabel: "steps", yLabel: "x₁", height: 150,
    label: "First coordinate over the latest steps" });
  const walked = trace.line({ colour: "orange", width: 1.5 });
  const histogram = lib.chart(right, { x: WINDOW, y: [0, 1], xLabel: "x₁", height: 170,
    label: "Histogram of the first coordinate, and its true density" });
  const bars = histogram.area({ colour: "grey", opacity: 0.75, name: "places" });
  const truth = histogram.line({ colour: "blue", name: "true density" });

  const steps = lib.readout(el, { label: "steps" });
  const rate = lib.readout(el, { label: "accepted" });
  const worth = lib.readout(el, { label: "effective samples", colour: "orange" });
  const price = lib.readout(el, { label: "effective samples per 100 evaluations", colour: "orange" });

  const measure = () => {                                                                // dear: not after every step
    const samples = places.length < 20 ? NaN
      : Math.min(...[0, 1].map((i) => effectiveSamples(places.map((point) => point[i]))));
    shown = { samples, price: 100 * samples / evaluations };
  };
  const show = () => {
    const { start } = state(), latest = places.slice(-TRACE), first = places.length - latest.length;
    cloud.set(...[0, 1].map((i) => places.slice(-2000).map((point) => point[i])));
    track.set(...[0, 1].map((i) => places.slice(-25).map((point) => point[i])));
    way.set(...[0, 1].map((i) => (attempt ? attempt.path.map((point) => point[i]) : [])));
    marks.draw();
    trace.setRange({ x: [first, first + TRACE] });
    walked.set(latest.map((_, i) => first + i + 1), latest.map(([x]) => x));
    const counts = new Array(BINS).fill(0), width = (WINDOW[1] - WINDOW[0]) / BINS;
    for (const [x] of places) {
      const bin = Math.floor((x - WINDOW[0]) / width);
      if (bin >= 0 && bin < BINS) counts[bin] += 1 / places.length / width;
    }
    const edges = lib.linspace(...WINDOW, BINS + 1);
    bars.set(counts.flatMap((_, i) => [edges[i], edges[i + 1]]), counts.flatMap((count) => [count, count]));
    const away = !(Math.hypot(...place) < LOST);
    steps.set(String(places.length));
    rate.set(places.length ? `${lib.show(100 * accepted / places.length, 0)} %` : "none yet");
    const number = (value, digits) => (away ? "flown off" : Number.isFinite(value) ? lib.show(value, digits) : "too early");
    worth.set(number(shown.samples, 0));
    price.set(number(shown.price, 1));
    handle.set(...start);
  };
  const forget = () => { [places, accepted, evaluations, attempt] = [[], 0, 0, null]; measure(); };
  const restart = () => {
    const settings = state();
    random = lib.random(1);
    place = [...settings.start];
    forget();
    const cells = lib.linspace(WINDOW[0], WINDOW[1], 81), at = DENSITIES[settings.density];
    const values = cells.flatMap((y) => cells.map((x) => at([x, y]).value)), top = Math.max(...values);
    shades.set(values.map((value) => Math.exp(value - top)), 81, 81);
    const xs = lib.linspace(...WINDOW, 161), heights = marginal(settings.density, xs);
    histogram.setRange({ y: [0, 1.5 * Math.max(...heights)] });
    truth.set(xs, heights);
    density.set(settings.density);
    method.set(settings.method);
    stepSize.set(settings.step_size);
    leaps.set(settings.leaps);
    leaps.element.disabled = settings.method !== "hamiltonian";
    show();
  };
  restart();
  const unwatch = lib.watch(model, names, lib.onFrame(restart));
  return () => { player.stop(); unwatch(); };
}
