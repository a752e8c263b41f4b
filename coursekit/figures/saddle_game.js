// Two players with one parameter each: where they are pushed, where their steps lead, and how fast.

const LIMIT = 3;                                                                         // the plane is [-3, 3] x [-3, 3]
const LOST = 30;                                                                         // so far away, the game is over
const sigmoid = (a) => 1 / (1 + Math.exp(-a));

// Downhill for theta, uphill for phi: (-dV / dtheta, dV / dphi), phi with a penalty of weight / 2 on its square.
// Bilinear: V = theta phi. Dirac: data at 0, fakes at theta, the logit phi x: V = -log 2 + log(1 - sigmoid(phi theta)).
function push(game, penalty, [theta, phi]) {
  const each = game === "bilinear" ? -1 : sigmoid(theta * phi);
  return [each * phi, -each * theta - penalty * phi];
}

// One round. Alternating: the discriminator first, and the generator answers what it then is.
function round({ game, order, step_size: eta, penalty }, [theta, phi]) {
  const later = phi + eta * push(game, penalty, [theta, phi])[1];
  const seen = order === "alternating" ? later : phi;
  return [theta + eta * push(game, penalty, [theta, seen])[0], later];
}

// The largest factor by which a round stretches a small distance: from trace and determinant of its matrix at (0, 0).
function factor({ game, order, step_size: eta, penalty }) {
  const turn = eta * (game === "bilinear" ? 1 : -0.5), kept = 1 - eta * penalty;
  const [trace, determinant] = order === "alternating"
    ? [1 - turn ** 2 + kept, kept] : [1 + kept, kept + turn ** 2];
  const inside = trace ** 2 / 4 - determinant;
  return inside < 0 ? Math.sqrt(determinant) : Math.abs(trace / 2) + Math.sqrt(inside);
}

const distance = ([theta, phi]) => Math.hypot(theta, phi);

const functions = { push, round, factor, distance };

function render({ model, el }) {
  const names = ["game", "order", "step_size", "penalty", "start"];
  const state = () => Object.fromEntries(names.map((name) => [name, model.get(name)]));
  const change = (changes) => lib.save(model, changes);
  let path = [], total = [0, 0];
  const average = () => total.map((sum) => sum / path.length);
  const add = (point) => { path.push(point); total = total.map((sum, i) => sum + point[i]); };

  const buttons = lib.row(el);
  const player = lib.player(buttons, { label: "Play", interval: 60, step: () => {
    const now = path.at(-1);
    if (distance(now) > LOST || path.length > 2000) return false;
    add(round(state(), now));
    show();
  } });
  lib.button(buttons, { label: "Back to the start", click: () => { player.stop(); restart(); } });

  const choices = lib.row(el);
  const game = lib.select(choices, { label: "game", options: { bilinear: "bilinear, V = θφ", dirac: "Dirac-GAN" },
    change: (value) => change({ game: value }) });
  const order = lib.select(choices, { label: "steps", options: { simultaneous: "simultaneous",
    alternating: "alternating" }, change: (value) => change({ order: value }) });
  const sliders = lib.row(el);
  const stepSize = lib.slider(sliders, { label: "step size η", min: 0.01, max: 2.5, step: 0.01,
    input: (value) => change({ step_size: value }) });
  const penalty = lib.slider(sliders, { label: "penalty γ", min: 0, max: 2, step: 0.05,
    input: (value) => change({ penalty: value }) });

  const [left, right] = lib.columns(el, 2);
  const plane = lib.chart(left, { x: [-LIMIT, LIMIT], y: [-LIMIT, LIMIT], xLabel: "θ, the generator",
    yLabel: "φ, the discriminator", equal: true, label: "The plane of both players' parameters" });
  const field = plane.custom((layer, { px, py }) => {
    const { game: which, penalty: weight, start } = state(), pixel = px(1) - px(0);
    for (let i = 0; i < 11; i++) for (let j = 0; j < 11; j++) {
      const at = [-LIMIT + (i + 0.5) * 6 / 11, -LIMIT + (j + 0.5) * 6 / 11], [a, b] = push(which, weight, at);
      const size = Math.hypot(a, b), length = 0.42 * Math.sqrt(Math.min(size / 3, 1));   // weak pushes stay visible
      const [u, v] = [a / (size + 1e-12), b / (size + 1e-12)];
      const [x, y] = [px(at[0] + u * length / 2), py(at[1] + v * length / 2)];
      const tail = `${x - u * length * pixel} ${y + v * length * pixel}`;
      const head = (side) => `${x - 4 * u + 3 * side * v} ${y + 4 * v + 3 * side * u}`;
      layer.append(lib.svg("path", { d: `M${tail}L${x} ${y}M${head(1)}L${x} ${y}L${head(-1)}`, fill: "none",
        stroke: lib.colour("control"), "stroke-width": 1.1 }));
    }
    layer.append(
      lib.svg("circle", { cx: px(0), cy: py(0), r: distance(start) * pixel, fill: "none", stroke: lib.colour("ink"),
        "stroke-dasharray": "5 4" }),
      lib.svg("path", { d: `M${px(0) - 6} ${py(0)}h12M${px(0)} ${py(0) - 6}v12`, stroke: lib.colour("ink"),
        "stroke-width": 2 }));
  });
  const track = plane.line({ colour: "orange", width: 2, name: "path" });
  const dots = plane.points({ colour: "orange", radius: 2.5, opacity: 1 });
  const middle = plane.points({ colour: "green", radius: 4, opacity: 1, name: "average of the path" });
  const handle = plane.handle({ label: "start, generator and discriminator", colour: "blue", axis: "both", step: 0.1,
    moved: (theta, phi) => change({ start: [theta, phi] }) });

  const chart = lib.chart(right, { x: [0, 60], y: [0, 3], xLabel: "rounds", yLabel: "distance", height: 240,
    label: "Distance to the equilibrium over the rounds" });
  const wanted = chart.line({ colour: "ink", width: 2, dash: "3 5", name: "start × factorʳᵒᵘⁿᵈˢ" });
  const measured = chart.line({ colour: "orange", name: "distance" });
  const ofAverage = chart.line({ colour: "green", dash: "8 4", name: "of the average" });
  let averages = [];

  const now = lib.readout(right, { label: "distance now", colour: "orange" });
  const mean = lib.readout(right, { label: "of the average", colour: "green" });
  const rounds = lib.readout(right, { label: "rounds" });
  const rate = lib.readout(right, { label: "factor a round, near (0, 0)" });
  const fate = lib.readout(right, { label: "so the game" });

  const show = () => {
    const settings = state(), last = path.length - 1, most = Math.max(60, 20 * Math.ceil(last / 20));
    while (averages.length <= last) averages.push(distance(average()));
    track.set(path.map(([theta]) => theta), path.map(([, phi]) => phi));
    dots.set(...[0, 1].map((i) => path.slice(-1).map((point) => point[i])));
    middle.set(...average().map((value) => [value]));
    const steps = path.map((_, i) => i), distances = path.map(distance), grows = factor(settings);
    const begin = distances[0], highest = Math.min(Math.max(...distances), 10);
    chart.setRange({ x: [0, most], y: [0, Math.max(1, 1.15 * highest, 1.3 * begin)] });
    measured.set(steps, distances);
    ofAverage.set(steps, averages);
    const all = lib.linspace(0, most, 121);
    wanted.set(all, all.map((t) => begin * grows ** t));
    now.set(distances[last] > LOST ? "lost" : lib.show(distances[last]));
    mean.set(lib.show(averages[last]));
    rounds.set(String(last));
    rate.set(lib.show(grows, 3));
    fate.set(grows > 1 + 1e-9 ? "flies apart" : grows < 1 - 1e-9 ? "converges" : "goes round for ever");
    game.set(settings.game);
    order.set(settings.order);
    stepSize.set(settings.step_size);
    penalty.set(settings.penalty);
    handle.set(...settings.start);
  };
  const restart = () => {
    [path, total, averages] = [[], [0, 0], []];
    add([...model.get("start")]);
    field.draw();
    show();
  };
  restart();
  const unwatch = lib.watch(model, names, lib.onFrame(restart));
  return () => { player.stop(); unwatch(); };
}
