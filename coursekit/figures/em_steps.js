// Expectation-maximisation in the plane. The reader places points and takes the half-steps.

const WINDOW = { x: [-4, 4], y: [-3, 3] };
const COLOURS = ["blue", "orange", "green", "purple"];
const DASHES = [null, "7 4", "2 3", "10 3 2 3"];
const THINNEST = 1e-6;                                                                 // as coursekit.density has it
const MOST = 150;                                                                      // points

// ---- The mixture: {weights: [K], means: [[x, y]], covariances: [[xx, xy, yy]]} -----------------------------------------

// log p(x, k) in nats for every point: [N][K]
function logJoint(points, { weights, means, covariances }) {
  return points.map(([x, y]) => weights.map((weight, k) => {
    const [a, b, c] = covariances[k], determinant = a * c - b * b;
    const u = x - means[k][0], v = y - means[k][1];
    const square = (c * u * u - 2 * b * u * v + a * v * v) / determinant;
    return Math.log(weight) - 0.5 * square - 0.5 * Math.log(determinant) - Math.log(2 * Math.PI);
  }));
}

const average = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const logLikelihood = (points, mixture) => average(logJoint(points, mixture).map(lib.logSumExp));
const eStep = (points, mixture) => logJoint(points, mixture).map(lib.softmax);

// The mean over points of  sum_k r_k (log p(x, k) - log r_k): at most the mean log-likelihood
function bound(points, mixture, responsibilities) {
  return average(logJoint(points, mixture).map((row, n) => row.reduce((sum, value, k) => {
    const r = responsibilities[n][k];
    return r > 0 ? sum + r * (value - Math.log(r)) : sum;
  }, 0)));
}

// Weight, mean and covariance of points that count as much as `shares` says
function moments(points, shares) {
  const total = shares.reduce((sum, share) => sum + share, 0);
  const mean = [0, 1].map((i) => points.reduce((sum, point, n) => sum + shares[n] * point[i], 0) / total);
  const product = (i, j) => points.reduce((sum, p, n) => sum + shares[n] * (p[i] - mean[i]) * (p[j] - mean[j]), 0);
  return { weight: total / points.length, mean,
    covariance: [[0, 0], [0, 1], [1, 1]].map(([i, j]) => product(i, j) / total) };
}

function mStep(points, responsibilities) {
  const parts = responsibilities[0].map((_, k) => moments(points, responsibilities.map((row) => row[k])));
  return { weights: parts.map((part) => part.weight), means: parts.map((part) => part.mean),
    covariances: parts.map((part) => part.covariance) };
}

// Smallest variance of a part along any direction, in that of all points along it: an eigenvalue of C^-1 S
function thinnest([a, b, c], [p, q, r]) {
  const determinant = p * r - q * q;
  const trace = (r * a - 2 * q * b + p * c) / determinant, product = (a * c - b * b) / determinant;
  return trace / 2 - Math.sqrt(Math.max(trace * trace / 4 - product, 0));
}

// The first part that has collapsed, or -1
function collapsed(points, { covariances }) {
  const all = moments(points, points.map(() => 1)).covariance;
  return covariances.findIndex((covariance) => !(thinnest(covariance, all) >= THINNEST));
}

// ---- Points and starts -----------------------------------------------------------------------------------------------

// Each blob: how many points, their mean, and the Cholesky factor of the covariance [l11, l21, l22]
const SHAPES = {
  blobs: [[30, [-2, 1], [0.6, 0.2, 0.4]], [25, [1.8, 1.4], [0.5, -0.3, 0.4]], [30, [0.4, -1.3], [0.9, 0.1, 0.4]]],
  crossed: [[45, [0, 0], [1.6, 1.0, 0.25]], [45, [0, 0], [1.6, -1.0, 0.25]]],
  outlier: [[40, [-1.5, 0.3], [0.7, 0.3, 0.5]], [35, [1.2, -0.4], [0.5, -0.2, 0.6]], [1, [3.4, 2.5], [0, 0, 0]]],
};

function example(name, seed) {
  const random = lib.random(7 + seed);
  return (SHAPES[name] ?? []).flatMap(([n, [x, y], [a, b, c]]) => Array.from({ length: n }, () => {
    const u = random.normal(), v = random.normal();
    return [lib.clamp(x + a * u, WINDOW.x), lib.clamp(y + b * u + c * v, WINDOW.y)]
      .map((value) => Number(value.toFixed(3)));
  }));
}

// K different points as means; every covariance a quarter of that of all points
function start(points, parts, seed) {
  const random = lib.random(100 + seed);
  const order = points.map((_, n) => [random.uniform(), n]).sort((a, b) => a[0] - b[0]);
  const all = moments(points, points.map(() => 1)).covariance;
  return { weights: Array(parts).fill(1 / parts), means: order.slice(0, parts).map(([, n]) => points[n]),
    covariances: Array.from({ length: parts }, () => all.map((value) => value / 4)) };
}

// The state after `steps` half-steps, and the likelihood and the bound after each. Stops where a part collapses.
function run(points, parts, seed, steps) {
  let mixture = start(points, parts, seed), responsibilities = null, fallen = -1;
  const likelihoods = [logLikelihood(points, mixture)], bounds = [NaN];
  let taken = 0;
  while (taken < steps && fallen < 0) {
    if (taken % 2 === 0) responsibilities = eStep(points, mixture);
    else {
      const next = mStep(points, responsibilities);
      fallen = collapsed(points, next);
      if (fallen >= 0) break;
      mixture = next;
    }
    taken += 1;
    likelihoods.push(logLikelihood(points, mixture));
    bounds.push(bound(points, mixture, responsibilities));
  }
  return { mixture, responsibilities, likelihoods, bounds, taken, fallen };
}

const functions = { logJoint, logLikelihood, eStep, mStep, bound, thinnest, collapsed, example, start, run };

// ---- The figure ------------------------------------------------------------------------------------------------------

// A pie of radius r at (x, y), its sectors as large as the shares
function pie(x, y, r, shares) {
  const group = lib.svg("g");
  const largest = shares.indexOf(Math.max(...shares));
  group.append(lib.svg("circle", { cx: x, cy: y, r, fill: lib.colour(COLOURS[largest]) }));
  let angle = -Math.PI / 2;
  const at = (a) => `${(x + r * Math.cos(a)).toFixed(2)} ${(y + r * Math.sin(a)).toFixed(2)}`;
  shares.forEach((share, k) => {
    const end = angle + 2 * Math.PI * share;
    if (k !== largest && share > 0.01) {
      const d = `M${x} ${y}L${at(angle)}A${r} ${r} 0 ${share > 0.5 ? 1 : 0} 1 ${at(end)}Z`;
      group.append(lib.svg("path", { d, fill: lib.colour(COLOURS[k]) }));
    }
    angle = end;
  });
  return group;
}

function render({ model, el }) {
  const names = ["data", "parts", "seed", "points", "steps"];
  const change = (changes) => lib.save(model, changes);
  const pointsNow = () => (model.get("data") === "own" ? model.get("points") : example(model.get("data"), 0));
  const place = (x, y) => {
    const points = pointsNow(), point = [x, y].map((v) => Number(v.toFixed(3)));
    if (points.length < MOST) change({ data: "own", points: [...points, point], steps: 0 });
  };

  const choices = lib.row(el);
  const data = lib.select(choices, { label: "points", options: { blobs: "three blobs", crossed: "two crossed",
    outlier: "with an outlier", own: "my own" }, change: (name) => renew({ data: name, points: pointsNow() }) });
  const parts = lib.select(choices, { label: "Gaussians", options: { 1: "1", 2: "2", 3: "3", 4: "4" },
    change: (value) => renew({ parts: Number(value) }) });
  const renew = (changes) => { player.stop(); change({ ...changes, steps: 0 }); };
  lib.button(choices, { label: "New start", click: () => renew({ seed: model.get("seed") + 1 }) });
  lib.button(choices, { label: "Clear", click: () => renew({ data: "own", points: [] }) });

  const [left, right] = lib.columns(el, 2);
  const chart = lib.chart(left, { ...WINDOW, equal: true, label: "Points and Gaussians: click to add a point" });
  let state = null;
  chart.custom((layer, { size }) => {                                                  // where a click adds a point
    const ground = lib.svg("rect", { width: size.width, height: size.height, fill: "transparent" });
    ground.style.cursor = "crosshair";
    ground.addEventListener("click", (event) => {
      const box = ground.getBoundingClientRect();
      place(WINDOW.x[0] + (event.clientX - box.left) / box.width * (WINDOW.x[1] - WINDOW.x[0]),
        WINDOW.y[1] - (event.clientY - box.top) / box.height * (WINDOW.y[1] - WINDOW.y[0]));
    });
    layer.append(ground);
  });
  const picture = chart.custom((layer, { px, py }) => {
    layer.style.pointerEvents = "none";
    if (!state) return;
    state.points.forEach(([x, y], n) => layer.append(state.responsibilities
      ? pie(px(x), py(y), 4.5, state.responsibilities[n])
      : lib.svg("circle", { cx: px(x), cy: py(y), r: 4, fill: lib.colour("grey") })));
    if (!state.mixture) return;
    const unit = px(1) - px(0);
    state.mixture.means.forEach(([x, y], k) => {
      const [a, b, c] = state.mixture.covariances[k], middle = (a + c) / 2, half = Math.hypot((a - c) / 2, b);
      const turn = 90 / Math.PI * Math.atan2(2 * b, a - c);
      const stroke = lib.colour(COLOURS[k]);
      layer.append(lib.svg("ellipse", { rx: 2 * unit * Math.sqrt(middle + half),       // at two standard deviations
        ry: 2 * unit * Math.sqrt(Math.max(middle - half, 0)), fill: "none", stroke, "stroke-width": 2.5,
        "stroke-dasharray": DASHES[k], transform: `translate(${px(x)} ${py(y)}) rotate(${-turn})` }));
      layer.append(lib.svg("circle", { cx: px(x), cy: py(y), r: 9, fill: lib.colour("surface"), stroke,
        "stroke-width": 2 }));
      const text = lib.svg("text", { x: px(x), y: py(y) + 4, "text-anchor": "middle" }, String(k + 1));
      text.style.fill = stroke;
      text.style.fontWeight = "bold";
      layer.append(text);
    });
  });
  const pen = chart.handle({ label: "new point: arrow keys move, Enter adds it", colour: "ink", axis: "both",
    x: 3, y: -2.4 });
  pen.element.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    event.preventDefault();
    place(pen.get().x, pen.get().y);
  });

  const curve = lib.chart(right, { x: [0, 10], y: [-5, -2], xLabel: "half-steps", yLabel: " ", height: 260,
    label: "Log-likelihood and bound after each half-step" });
  const likelihood = curve.line({ colour: "blue", name: "log-likelihood, nats per point" });
  const lower = curve.line({ colour: "orange", dash: "6 4", name: "bound" });
  const buttons = lib.row(left);
  const next = () => {
    if (!state?.mixture || state.fallen >= 0) return false;
    change({ steps: state.taken + 1 });
    return true;
  };
  const player = lib.player(buttons, { label: "Run", interval: 500, step: () => {
    const before = state?.likelihoods;
    if (!next()) return false;
    return !(before?.length > 4 && before.at(-1) - before.at(-5) < 1e-6);              // until nothing is gained
  } });
  const what = lib.readout(left, { label: "next" });
  const value = lib.readout(right, { label: "log-likelihood", colour: "blue" });
  const below = lib.readout(right, { label: "bound", colour: "orange" });
  const message = lib.note(el, "");

  const show = () => {
    const points = pointsNow(), count = model.get("parts"), spread = points.length > count + 1
      && moments(points, points.map(() => 1)).covariance;
    const enough = spread && spread[0] * spread[2] - spread[1] ** 2 > 1e-9;
    state = { points, ...(enough ? run(points, count, model.get("seed"), model.get("steps")) : {}) };
    data.set(model.get("data"));
    parts.set(String(count));
    picture.draw();
    if (!enough) {
      likelihood.set([], []);
      lower.set([], []);
      what.set("add points");
      value.set("–");
      below.set("–");
      message.set(`${points.length} points: place at least ${count + 2}, not all on one line.`);
      return;
    }
    const { likelihoods, bounds, taken, fallen } = state, xs = likelihoods.map((_, i) => i);
    const late = taken > 5 ? 2 : 0;                                                    // the first jump hides the rest
    const seen = [...likelihoods.slice(late), ...bounds.slice(late).filter(Number.isFinite)];
    const low = Math.min(...seen), high = Math.max(...seen);
    const room = Math.max(0.05, 0.1 * (high - low));
    curve.setRange({ x: [0, Math.max(10, taken)], y: [low - room, high + room] });
    likelihood.set(xs, likelihoods);
    lower.set(xs, bounds);
    what.set(fallen >= 0 ? "none" : taken % 2 === 0 ? "E-step: colour the points" : "M-step: move the Gaussians");
    value.set(lib.show(likelihoods.at(-1), 3));
    below.set(Number.isFinite(bounds.at(-1)) ? lib.show(bounds.at(-1), 3) : "–");
    const shares = state.mixture.weights.map((weight, k) => `${k + 1}: ${Math.round(100 * weight)} %`).join(", ");
    message.set(fallen >= 0
      ? `Gaussian ${fallen + 1} has collapsed onto a point: the likelihood would grow without bound. Choose a new start.`
      : `${points.length} points. Weights ${shares}.`);
  };
  show();
  return lib.watch(model, names, lib.onFrame(show));
}
