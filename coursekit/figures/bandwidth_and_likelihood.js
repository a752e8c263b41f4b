// A kernel density on few points of a known density: what training points, left-out points and fresh points say of it.

const LOG_ROOT_TWO_PI = 0.5 * Math.log(2 * Math.PI);
const logNormal = (x, mean, width) => -0.5 * ((x - mean) / width) ** 2 - Math.log(width) - LOG_ROOT_TWO_PI;

const MODES = [{ weight: 0.6, mean: -1.2, width: 0.7 }, { weight: 0.4, mean: 1.8, width: 0.5 }];
const truth = (x) => lib.logSumExp(MODES.map(({ weight, mean, width }) => Math.log(weight) + logNormal(x, mean, width)));

// n points of the known density
function draw(seed, n) {
  const random = lib.random(seed);
  return Array.from({ length: n }, () => {
    const { mean, width } = MODES[random.uniform() < MODES[0].weight ? 0 : 1];
    return mean + width * random.normal();
  });
}

// log p(x) under Gaussians of this width on `points`, in nats; the point number `without` is left out
function kernelDensity(x, points, width, without = -1) {
  let nearest = Infinity, sum = 0, kernels = 0;
  for (let i = 0; i < points.length; i++) if (i !== without) nearest = Math.min(nearest, (x - points[i]) ** 2);
  for (let i = 0; i < points.length; i++) {
    if (i === without) continue;
    sum += Math.exp((nearest - (x - points[i]) ** 2) / (2 * width * width));            // the largest term is one
    kernels += 1;
  }
  return Math.log(sum / kernels) - nearest / (2 * width * width) - Math.log(width) - LOG_ROOT_TWO_PI;
}

const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
const training = (points, width) => mean(points.map((x) => kernelDensity(x, points, width)));
const leaveOneOut = (points, width) => mean(points.map((x, i) => kernelDensity(x, points, width, i)));

// The expectation over fresh points, by quadrature: all mass but 1e-10 lies within the ends, where the density is smooth.
const STEP = 0.04;
const GRID = Array.from({ length: 276 }, (_, i) => -6 + i * STEP);
const MASS = GRID.map((x) => STEP * Math.exp(truth(x)));
const expected = (f) => GRID.reduce((sum, x, i) => sum + MASS[i] * f(x), 0);
const fresh = (points, width) => expected((x) => kernelDensity(x, points, width));
const ceiling = () => expected(truth);

const EXPONENTS = lib.linspace(-2, 0.3, 47);                                            // of the bandwidths drawn
function best(points) {
  const values = EXPONENTS.map((exponent) => leaveOneOut(points, 10 ** exponent));
  return 10 ** EXPONENTS[values.indexOf(Math.max(...values))];
}

const functions = { truth, draw, kernelDensity, training, leaveOneOut, fresh, ceiling, best };

function render({ model, el }) {
  const names = ["bandwidth", "points", "dragged", "seed"];
  const change = (changes) => lib.save(model, changes);
  const all = () => [model.get("dragged"), ...draw(model.get("seed"), model.get("points") - 1)];
  const limits = [0.01, 2];

  const controls = lib.row(el);
  const count = lib.select(controls, { label: "training points",
    options: Object.fromEntries([5, 10, 20, 50, 100].map((n) => [n, n])),
    change: (value) => change({ points: Number(value) }) });
  lib.button(controls, { label: "Draw others", click: () => change({ seed: model.get("seed") + 1 }) });
  lib.button(controls, { label: "Best by leave-one-out", click: () => change({ bandwidth: best(all()) }) });

  const xs = lib.linspace(-5, 5, 501);
  const densities = lib.chart(el, { x: [-5, 5], y: [-0.1, 0.8], yLabel: "density", height: 230,
    label: "The known density, the training points and the kernel density" });
  densities.area({ colour: "grey", opacity: 0.18, name: "truth" }).set(xs, xs.map((x) => Math.exp(truth(x))));
  const kernels = densities.line({ colour: "blue", width: 0.8 });
  const curve = densities.line({ colour: "blue", name: "kernel density" });
  const dots = densities.points({ colour: "ink", radius: 3.5, opacity: 0.6, name: "training points" });
  const dragged = densities.handle({ label: "training point to drag", colour: "orange", step: 0.1,
    moved: (x) => change({ dragged: x }) });

  const likelihoods = lib.chart(el, { x: [-2, 0.3], y: [-4, 0.5], xLabel: "log₁₀ of the bandwidth",
    yLabel: "nats per point", height: 250, label: "Mean log density against the bandwidth" });
  const top = likelihoods.line({ colour: "grey", width: 1.5, dash: "2 3", name: "truth" });
  const lines = {
    training: likelihoods.line({ colour: "purple", dash: "8 4", name: "training points" }),
    leaveOneOut: likelihoods.line({ colour: "orange", dash: "3 3", name: "each left out" }),
    fresh: likelihoods.line({ colour: "green", name: "fresh points" }),
  };
  const here = likelihoods.line({ colour: "blue", width: 1.2 });
  const bandwidth = likelihoods.handle({ label: "bandwidth", colour: "blue", step: 0.05,
    format: (exponent) => lib.show(10 ** exponent, 3),
    moved: (exponent) => change({ bandwidth: lib.clamp(10 ** exponent, limits) }) });

  const tell = {
    width: lib.readout(el, { label: "bandwidth", colour: "blue" }),
    training: lib.readout(el, { label: "training points", colour: "purple" }),
    leaveOneOut: lib.readout(el, { label: "each left out", colour: "orange" }),
    fresh: lib.readout(el, { label: "fresh points", colour: "green" }),
    ceiling: lib.readout(el, { label: "truth" }),
  };
  const measures = { training, leaveOneOut, fresh };
  const nats = (value) => `${lib.show(value)} nats`;

  top.set([-2, 0.3], [ceiling(), ceiling()]);
  tell.ceiling.set(nats(ceiling()));
  let known = "";
  const show = () => {
    const points = all(), width = model.get("bandwidth");
    const key = points.join();
    if (known !== key) {                                                                // the curves over all bandwidths
      for (const name in lines) lines[name].set(EXPONENTS, EXPONENTS.map((e) => measures[name](points, 10 ** e)));
      known = key;
    }
    const density = xs.map((x) => Math.exp(kernelDensity(x, points, width)));
    const peak = Math.max(...density);
    const high = [0.5, 0.8, 1.5, 3, 6, 12].find((value) => value > 1.05 * peak) ?? 25;
    densities.setRange({ y: [-0.12 * high, high] });
    dots.set(points, points.map(() => -0.06 * high));                                   // below the curves
    curve.set(xs, density);
    const apart = [], heights = [];                                                     // one kernel after the other
    for (const point of points) {
      for (const x of lib.linspace(point - 4 * width, point + 4 * width, 31)) {
        apart.push(x);
        heights.push(Math.exp(logNormal(x, point, width)) / points.length);
      }
      apart.push(point);
      heights.push(NaN);                                                                // lifts the pen
    }
    kernels.set(apart, heights);
    dragged.set(model.get("dragged"), -0.06 * high);
    const exponent = Math.log10(width), value = fresh(points, width);
    here.set([exponent, exponent], [-4, 0.5]);
    bandwidth.set(exponent, lib.clamp(value, [-4, 0.5]));
    tell.width.set(lib.show(width, 3));
    for (const name in measures) tell[name].set(nats(measures[name](points, width)));
    count.set(String(model.get("points")));
  };
  show();
  return lib.watch(model, names, lib.onFrame(show));
}
