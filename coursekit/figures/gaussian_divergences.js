// Two densities to drag, their divergences by quadrature, and where each divergence comes from.

const LOG_ROOT_TWO_PI = 0.5 * Math.log(2 * Math.PI);
const logNormal = (x, mean, width) => -0.5 * ((x - mean) / width) ** 2 - Math.log(width) - LOG_ROOT_TWO_PI;

// state: {p_mean, p_width, q_mean, q_width, modes, separation}
function logP(x, { p_mean, p_width, modes, separation }) {
  if (modes === 1) return logNormal(x, p_mean, p_width);
  const left = logNormal(x, p_mean - separation, p_width), right = logNormal(x, p_mean + separation, p_width);
  const larger = Math.max(left, right);
  return larger + Math.log(0.5 * (Math.exp(left - larger) + Math.exp(right - larger)));
}
const logQ = (x, { q_mean, q_width }) => logNormal(x, q_mean, q_width);

// What the point x adds to KL(P || Q), KL(Q || P) and the Jensen-Shannon divergence, in nats per unit of x.
function contributions(x, state) {
  const p = logP(x, state), q = logQ(x, state);
  const larger = Math.max(p, q);
  const m = larger + Math.log(0.5 * (Math.exp(p - larger) + Math.exp(q - larger)));     // log of (p + q) / 2
  return {
    forward: Math.exp(p) * (p - q),
    reverse: Math.exp(q) * (q - p),
    jensenShannon: 0.5 * Math.exp(p) * (p - m) + 0.5 * Math.exp(q) * (q - m),
  };
}

// The three divergences in nats. Equal steps are enough: the integrands are smooth and vanish long before the ends.
function divergences(state, low = -60, high = 60, steps = 6000) {
  const sum = { forward: 0, reverse: 0, jensenShannon: 0 };
  const width = (high - low) / steps;
  for (let i = 0; i <= steps; i++) {
    const here = contributions(low + i * width, state);
    for (const name in sum) sum[name] += width * here[name];
  }
  return sum;
}

// The Q of smallest forward KL has P's mean and variance: no search is needed.
function fitForward(state) {
  const { p_mean, p_width, modes, separation } = state;
  const variance = p_width ** 2 + (modes === 2 ? separation ** 2 : 0);
  return { q_mean: p_mean, q_width: Math.sqrt(variance) };
}

// Smallest reverse KL, downhill by a search with shrinking steps. It ends in a local minimum, so it starts twice: from the
// present Q, and from a Q at the same place that is as narrow as a mode of P; the lower end wins.
function fitReverse(state, bounds = { q_mean: [-6, 6], q_width: [0.3, 6] }) {
  const value = (q) => divergences({ ...state, ...q }, -40, 40, 2000).reverse;
  const descend = (best) => {
    let lowest = value(best);
    for (let step = 0.4; step > 1e-3;) {
      let better = false;
      for (const [name, sign] of [["q_mean", 1], ["q_mean", -1], ["q_width", 1], ["q_width", -1]]) {
        const trial = { ...best, [name]: lib.clamp(best[name] + sign * step, bounds[name]) };
        const height = value(trial);
        if (height < lowest - 1e-9) { best = trial; lowest = height; better = true; }
      }
      if (!better) step /= 2;
    }
    return { best, lowest };
  };
  const { q_mean, q_width, p_width } = state;
  const [present, narrow] = [descend({ q_mean, q_width }), descend({ q_mean, q_width: p_width })];
  return narrow.lowest < present.lowest - 1e-6 ? narrow.best : present.best;
}

const functions = { logP, logQ, divergences, fitForward, fitReverse };

function render({ model, el }) {
  const names = ["p_mean", "p_width", "q_mean", "q_width", "modes", "separation"];
  const state = () => Object.fromEntries(names.map((name) => [name, model.get(name)]));
  const change = (changes) => lib.save(model, changes);
  const ends = [-8, 8], meanRange = [-6, 6], widths = { p_width: [0.3, 3], q_width: [0.3, 6] };

  const controls = lib.row(el);
  const shape = lib.select(controls, { label: "P has", options: { 1: "one mode", 2: "two modes" },
    change: (value) => change({ modes: Number(value) }) });
  lib.button(controls, { label: "Fit Q by forward KL", click: () => change(fitForward(state())) });
  lib.button(controls, { label: "Fit Q by reverse KL", click: () => change(fitReverse(state())) });

  const densities = lib.chart(el, { x: ends, y: [0, 0.5], yLabel: "density", height: 240,
    label: "Densities of P and Q" });
  const xs = lib.linspace(...ends, 401);
  const areaP = densities.area({ colour: "blue", opacity: 0.15 });
  const areaQ = densities.area({ colour: "orange", opacity: 0.15 });
  const curveP = densities.line({ colour: "blue", name: "P" });
  const curveQ = densities.line({ colour: "orange", dash: "8 4", name: "Q" });
  const mean = (name, label, colour) => densities.handle({ label, colour, bounds: { x: meanRange }, step: 0.1,
    moved: (x) => change({ [name]: x }) });
  const width = (name, label, colour, centre) => densities.handle({ label, colour, step: 0.1, bounds: { x: [-8, 12] },
    format: () => lib.show(model.get(name)),
    moved: (x) => change({ [name]: lib.clamp(x - centre(state()), widths[name]) }) });
  const rightMode = ({ p_mean, modes, separation }) => p_mean + (modes === 2 ? separation : 0);
  const handles = {
    pWidth: width("p_width", "width of P", "blue", rightMode),
    qWidth: width("q_width", "width of Q", "orange", ({ q_mean }) => q_mean),
    pMean: mean("p_mean", "mean of P", "blue"),
    qMean: mean("q_mean", "mean of Q", "orange"),
  };

  const separation = lib.slider(lib.row(el), { label: "half distance of P's modes", min: 0, max: 4, step: 0.1,
    input: (value) => change({ separation: value }) });

  const forward = lib.readout(el, { label: "forward KL(P‖Q)", colour: "green" });
  const reverse = lib.readout(el, { label: "reverse KL(Q‖P)", colour: "purple" });
  const jensenShannon = lib.readout(el, { label: "Jensen-Shannon" });

  const parts = lib.chart(el, { x: ends, y: [-0.5, 1], xLabel: "x", yLabel: "nats per unit", height: 200,
    label: "What each point adds to the divergences" });
  const partForward = parts.line({ colour: "green", name: "p log(p/q): its area is the forward KL" });
  const partReverse = parts.line({ colour: "purple", dash: "2 4", name: "q log(q/p): the reverse KL" });

  const nats = (value) => `${lib.show(value, 3)} nats`;
  const draw = () => {
    const now = state();
    const p = xs.map((x) => Math.exp(logP(x, now))), q = xs.map((x) => Math.exp(logQ(x, now)));
    const peak = Math.max(...p, ...q);
    densities.setRange({ y: [0, [0.5, 1, 1.5].find((top) => top > 1.08 * peak)] });
    areaP.set(xs, p);
    areaQ.set(xs, q);
    curveP.set(xs, p);
    curveQ.set(xs, q);
    const place = (handle, x, density) => handle.set(x, Math.exp(density(x, now)));
    place(handles.pMean, now.p_mean, logP);
    place(handles.qMean, now.q_mean, logQ);
    place(handles.pWidth, rightMode(now) + now.p_width, logP);
    place(handles.qWidth, now.q_mean + now.q_width, logQ);

    const here = xs.map((x) => contributions(x, now));
    const [a, b] = [here.map((part) => part.forward), here.map((part) => part.reverse)];
    const top = [1, 2, 5, 10, 20, 50, 100, 1000].find((value) => value > Math.max(...a, ...b)) ?? 10000;
    parts.setRange({ y: [-0.5 * top, top] });
    partForward.set(xs, a);
    partReverse.set(xs, b);

    const total = divergences(now);
    forward.set(nats(total.forward));
    reverse.set(nats(total.reverse));
    jensenShannon.set(nats(total.jensenShannon));
    shape.set(String(now.modes));
    separation.set(now.separation);
    separation.element.disabled = now.modes === 1;
  };
  const redraw = lib.onFrame(draw);
  draw();
  return lib.watch(model, names, redraw);
}
