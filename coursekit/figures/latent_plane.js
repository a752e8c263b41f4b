// Drag a point through the latent plane of a VAE; the decoder computes the image, here, at every step.

// The decoder of `weights` (linear layers with ReLU between them) at z: the probability of a white pixel, 784 numbers.
function decode(weights, z) {
  const layers = Object.keys(weights).filter((name) => name.endsWith(".weight")).map((name) => name.slice(0, -7));
  let h = lib.tensor(z, [1, z.length]);
  layers.forEach((layer, i) => {
    if (i > 0) h = lib.relu(h);
    h = lib.linear(h, weights[`${layer}.weight`], weights[`${layer}.bias`]);            // (1, out)
  });
  return lib.sigmoid(h).data;
}

// The standard normal density at z.
const priorDensity = (z) => Math.exp(-0.5 * (z[0] ** 2 + z[1] ** 2)) / (2 * Math.PI);

// Entropy of independent pixels, in nats: how much of the image the code leaves open.
function entropy(probabilities) {
  let sum = 0;
  for (const p of probabilities) if (p > 0 && p < 1) sum -= p * Math.log(p) + (1 - p) * Math.log(1 - p);
  return sum;
}

// Each pixel is one with its probability, independently of the others.
function sample(probabilities, seed) {
  const { uniform } = lib.random(seed);
  return Array.from(probabilities, (p) => (uniform() < p ? 1 : 0));
}

// The index of the code that is nearest to z, or -1 if there is none.
function nearest(codes, z) {
  let best = -1, least = Infinity;
  codes.forEach(([x, y], i) => {
    const distance = (x - z[0]) ** 2 + (y - z[1]) ** 2;
    if (distance < least) [best, least] = [i, distance];
  });
  return best;
}

const functions = { decode, priorDensity, entropy, sample, nearest };

function render({ model, el }) {
  const bounds = [-3.6, 3.6], step = 0.1;
  const weights = lib.unpackWeights(model);
  const codes = model.get("codes"), labels = model.get("labels");
  const tones = ["blue", "green", "purple", "ink", "muted"];                            // the numeral itself is the label
  const go = (x, y) => lib.save(model, { z: [x, y].map((value) => lib.clamp(value, bounds)) });

  const [left, right] = lib.columns(el, 2);
  Object.assign(left.parentElement.style, { display: "flex", flexWrap: "wrap" });       // the plane gets what the image leaves
  left.style.flex = "1 1 19rem";
  right.style.flex = "0 1 15rem";
  const plane = lib.chart(left, { x: bounds, y: bounds, xLabel: "z₁", yLabel: "z₂", equal: true,
    label: "Latent plane with the codes of test digits" });
  plane.custom((layer, { px, py, size: inside }) => {
    for (const radius of [1, 2, 3]) {                                                   // standard deviations of the prior
      layer.append(lib.svg("ellipse", { cx: px(0), cy: py(0), rx: px(radius) - px(0), ry: py(0) - py(radius),
        fill: "none", stroke: lib.colour("muted"), "stroke-dasharray": "3 4" }));
    }
    codes.forEach(([x, y], i) => {
      const numeral = lib.svg("text", { x: px(x), y: py(y) + 4, "text-anchor": "middle" }, String(labels[i]));
      numeral.style.cssText = `font-size: 10.5px; fill: ${lib.colour(tones[labels[i] % tones.length])}`;
      layer.append(numeral);
    });
    const ground = lib.svg("rect", { width: inside.width, height: inside.height, fill: "transparent" });
    ground.addEventListener("click", (event) => {                                       // a click moves the point there
      const box = ground.getBoundingClientRect();
      go(bounds[0] + (event.clientX - box.left) / box.width * (bounds[1] - bounds[0]),
        bounds[1] - (event.clientY - box.top) / box.height * (bounds[1] - bounds[0]));
    });
    layer.append(ground);
  });
  const handle = plane.handle({ label: "code z", colour: "orange", axis: "both", step, moved: go });

  const image = lib.pictures(right, { label: "decoded image", scale: 8 });
  const controls = lib.row(right);
  const view = lib.select(controls, { label: "show", options: { mean: "the mean of p(x|z)", sample: "a sample of p(x|z)" },
    change: (value) => lib.save(model, { view: value }) });
  lib.button(controls, { label: "Draw z from the prior", click: () => {
    const seed = model.get("seed") + 1, { normal } = lib.random(seed);
    lib.save(model, { seed, z: [normal(), normal()].map((value) => lib.clamp(value, bounds)) });
  } });
  const place = lib.readout(el, { label: "code z", colour: "orange" });
  const density = lib.readout(el, { label: "prior density p(z)" });
  const open = lib.readout(el, { label: "entropy of p(x|z)" });
  const near = lib.readout(el, { label: "nearest coded digit" });

  const draw = () => {
    const z = model.get("z"), mode = model.get("view");
    const mean = decode(weights, z);
    const closest = nearest(codes, z);
    handle.set(...z);
    image.draw(mode === "mean" ? mean : sample(mean, model.get("seed") + Math.round(1000 * (z[0] + 10 * z[1]))));
    image.describe(`decoded image at z = (${lib.show(z[0])}, ${lib.show(z[1])})`);
    view.set(mode);
    place.set(`(${lib.show(z[0])}, ${lib.show(z[1])})`);
    density.set(lib.show(priorDensity(z), 4));
    open.set(`${lib.show(entropy(mean), 0)} nats`);
    near.set(closest < 0 ? "none" : `a ${labels[closest]}, ${lib.show(Math.hypot(codes[closest][0] - z[0], codes[closest][1] - z[1]))} away`);
  };
  const redraw = lib.onFrame(draw);
  draw();
  return lib.watch(model, ["z", "view", "seed"], redraw);
}
