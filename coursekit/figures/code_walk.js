// A line through code space, decoded, beside the blend of two images; and a step out of the data.

// z (K) -> pixels in (0, 1): linear, ReLU, linear, logistic
function decode(weights, z) {
  const hidden = lib.relu(lib.linear(lib.tensor(z, [1, z.length]), weights["0.weight"], weights["0.bias"]));
  return lib.sigmoid(lib.linear(hidden, weights["1.weight"], weights["1.bias"])).data;
}

// (1 - t) a + t b, for codes and for images
const between = (a, b, t) => Array.from(a, (value, i) => (1 - t) * value + t * b[i]);

const row = (matrix, i) => matrix.data.subarray(i * matrix.shape[1], (i + 1) * matrix.shape[1]);

// Euclidean distance from z to the nearest row of codes (N, K), leaving out row `except`
function nearest(codes, z, except = -1) {
  const [n, size] = codes.shape;
  let smallest = Infinity;
  for (let i = 0; i < n; i++) {
    if (i === except) continue;
    let sum = 0;
    for (let k = 0; k < size; k++) sum += (z[k] - codes.data[i * size + k]) ** 2;
    smallest = Math.min(smallest, sum);
  }
  return Math.sqrt(smallest);
}

// Median distance of a training code to its nearest neighbour: the unit in which the figure measures.
function gap(codes) {
  const all = Array.from({ length: codes.shape[0] }, (_, i) => nearest(codes, row(codes, i), i)).sort((a, b) => a - b);
  const middle = all.length >> 1;
  return all.length % 2 ? all[middle] : (all[middle - 1] + all[middle]) / 2;
}

// Mean of the codes, and the root mean square of their distances from it
function spread(codes) {
  const [n, size] = codes.shape;
  const mean = new Float64Array(size);
  codes.data.forEach((value, i) => { mean[i % size] += value / n; });
  let sum = 0;
  codes.data.forEach((value, i) => { sum += (value - mean[i % size]) ** 2 / n; });
  return { mean, radius: Math.sqrt(sum) };
}

// A unit vector in a random direction
function unit(size, seed) {
  const { normal } = lib.random(seed);
  const draw = Array.from({ length: size }, normal);
  const length = Math.hypot(...draw);
  return draw.map((value) => value / length);
}

const away = ({ mean, radius }, direction, r) => direction.map((value, k) => mean[k] + r * radius * value);

const functions = { decode, between, nearest, gap, spread, unit, away };

function render({ model, el }) {
  const weights = lib.unpackWeights(model);
  const { codes, ends } = weights;
  const size = codes.shape[1];
  const view = model.get("images");
  const images = Array.from({ length: ends.shape[0] }, (_, i) =>
    Float32Array.from({ length: 784 }, (_, pixel) => view.getUint8(784 * i + pixel) / 255));
  const labels = model.get("labels");
  const options = Object.fromEntries(labels.map((label, i) => [i, label]));
  const unitLength = gap(codes), middle = spread(codes);
  const range = [-0.5, 1.5], stops = lib.linspace(...range, 9), farthest = 4, radii = lib.linspace(0, farthest, 9);
  const change = (changes) => lib.save(model, changes);

  const choice = lib.row(el);
  const from = lib.select(choice, { label: "walk from", options, change: (value) => change({ first: Number(value) }) });
  const to = lib.select(choice, { label: "to", options, change: (value) => change({ second: Number(value) }) });
  const strip = (text) => {
    lib.note(el, text);
    return lib.pictures(el, { label: text, columns: 9, scale: 2.6 });
  };
  const walkStrip = strip("Codes between and beyond, decoded: t = −0.5 to 1.5");
  const blendStrip = strip("The two images blended, pixel by pixel: the same t");

  const parts = lib.columns(el, 2);
  parts[0].parentElement.style.marginTop = "0.75rem";
  const pair = lib.pictures(parts[0], { label: "", columns: 2, scale: 4.4, gap: 4 });
  lib.note(parts[0], "At the chosen t: code decoded (left), blend (right)");
  const place = lib.readout(parts[0], { label: "t", colour: "orange" });
  const distance = lib.readout(parts[0], { label: "to the nearest training code", colour: "blue" });
  const chart = lib.chart(parts[1], { x: range, y: [0, 4], xLabel: "t (drag the point)", yLabel: "typical gaps",
    height: 200, label: "Distance of the walk from the nearest training code" });
  const ts = lib.linspace(...range, 81);
  const here = chart.line({ colour: "blue", name: "to the nearest training code" });
  const usual = chart.line({ colour: "grey", dash: "5 4", width: 1.5, name: "typical gap between training codes" });
  const handle = chart.handle({ label: "t", colour: "orange", bounds: { x: range }, step: 0.02,
    moved: (x) => change({ t: x }) });

  const farStrip = strip(`Out of the data, in a random direction: radius 0 to ${farthest}`);
  const far = lib.row(el);
  const farPicture = lib.pictures(far, { label: "The random code, decoded", scale: 4.4 });
  const [farControls] = lib.columns(far, 1);
  const radius = lib.slider(lib.row(farControls), { label: "radius", min: 0, max: farthest, step: 0.1,
    format: (value) => lib.show(value, 1), input: (value) => change({ radius: value }) });
  lib.button(lib.row(farControls), { label: "Another direction",
    click: () => change({ direction: model.get("direction") + 1 }) });
  const farDistance = lib.readout(farControls, { label: "random code to the nearest training code", colour: "purple" });

  const gaps = (z) => nearest(codes, z) / unitLength;
  const code = (name) => row(ends, model.get(name));
  const drawWalk = () => {
    const [a, b] = [code("first"), code("second")];
    const [one, two] = [images[model.get("first")], images[model.get("second")]];
    stops.forEach((t, i) => {
      walkStrip.draw(decode(weights, between(a, b, t)), i);
      blendStrip.draw(between(one, two, t), i);
    });
    const ys = ts.map((t) => gaps(between(a, b, t)));
    chart.setRange({ y: [0, [2, 4, 6, 8, 12, 16, 24, 32].find((top) => top > 1.1 * Math.max(...ys)) ?? 64] });
    here.set(ts, ys);
    usual.set(range, [1, 1]);
    from.set(String(model.get("first")));
    to.set(String(model.get("second")));
    drawPlace();
  };
  const drawPlace = () => {
    const t = model.get("t");
    const z = between(code("first"), code("second"), t);
    pair.draw(decode(weights, z), 0);
    pair.draw(between(images[model.get("first")], images[model.get("second")], t), 1);
    pair.describe(`At t = ${lib.show(t)}: the decoded code on the left, the blend of the two images on the right`);
    const height = gaps(z);
    handle.set(t, height);
    place.set(lib.show(t));
    distance.set(`${lib.show(height, 1)} typical gaps`);
  };
  const drawFar = () => {
    const direction = unit(size, model.get("direction"));
    radii.forEach((r, i) => farStrip.draw(decode(weights, away(middle, direction, r)), i));
    const z = away(middle, direction, model.get("radius"));
    farPicture.draw(decode(weights, z));
    radius.set(model.get("radius"));
    farDistance.set(`${lib.show(gaps(z), 1)} typical gaps`);
  };
  drawWalk();
  drawFar();
  const watches = [
    lib.watch(model, ["first", "second"], lib.onFrame(drawWalk)),
    lib.watch(model, ["t"], lib.onFrame(drawPlace)),
    lib.watch(model, ["radius", "direction"], lib.onFrame(drawFar)),
  ];
  return () => watches.forEach((stop) => stop());
}
