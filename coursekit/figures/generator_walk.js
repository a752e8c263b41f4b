// A plane through the latent space of a DCGAN: the generator runs here, layer by layer, and shows its feature maps.

const LOW = -0.625, HIGH = 1.625, TILE = 0.25, ACROSS = 9;                              // 9 x 9 tiles, one on each corner

// z = A + x (B - A) + y (C - A), made as long as a typical draw if `length` is "kept"
function latent([a, b, c], [x, y], length) {
  const z = a.map((value, i) => value + x * (b[i] - value) + y * (c[i] - value));
  const norm = Math.hypot(...z), scale = length === "kept" && norm > 0 ? Math.sqrt(z.length) / norm : 1;
  return z.map((value) => value * scale);
}

// Every layer of the generator at z: the hidden maps after their ReLU, (1, C, H, W) each, and the image.
// `off` = {layer, map}: that map is set to zero.
function generate(weights, z, off = null) {
  const layers = Object.keys(weights).length / 2;
  const maps = [];
  let h = lib.linear(lib.tensor(z, [1, z.length]), weights["0.weight"], weights["0.bias"]);
  const channels = weights["1.weight"].shape[0], side = Math.round(Math.sqrt(h.data.length / channels));
  h.shape = [1, channels, side, side];
  for (let i = 1; i < layers; i++) {
    h = lib.relu(h);
    if (off && off.layer === i - 1) {
      const size = h.shape[2] * h.shape[3];
      h.data.fill(0, off.map * size, (off.map + 1) * size);
    }
    maps.push(h);
    h = lib.convTranspose2d(h, weights[`${i}.weight`], weights[`${i}.bias`], { stride: 2, padding: 1 });
  }
  return { maps, image: h.data.map((value) => (Math.tanh(value) + 1) / 2) };
}

// The images on the 9 x 9 tiles of the plane, row by row from the top
function tiles(weights, corners, length) {
  return Array.from({ length: ACROSS * ACROSS }, (_, i) => {
    const at = [LOW + (i % ACROSS + 0.5) * TILE, HIGH - (Math.floor(i / ACROSS) + 0.5) * TILE];
    return generate(weights, latent(corners, at, length)).image;
  });
}

// Three draws from the prior
function drawn(seed, size) {
  const { normal } = lib.random(seed);
  return [0, 1, 2].map(() => Array.from({ length: size }, normal));
}

const meanChange = (a, b) => a.reduce((sum, value, i) => sum + Math.abs(value - b[i]), 0) / a.length;

const functions = { latent, generate, tiles, drawn, meanChange };

function render({ model, el }) {
  const weights = lib.unpackWeights(model);
  const given = model.get("corners"), size = weights["0.weight"].shape[1];
  const [first, second] = [weights["1.weight"].shape[0], weights["2.weight"].shape[0]];  // how many maps
  const corners = () => (model.get("seed") === 0 && given.length ? given : drawn(model.get("seed"), size));
  const names = [["A", 0, 0], ["B", 1, 0], ["C", 0, 1], ["B − A + C", 1, 1]];

  const [left, right] = lib.columns(el, 2);
  Object.assign(left.parentElement.style, { display: "flex", flexWrap: "wrap" });
  left.style.flex = "1 1 20rem";
  right.style.flex = "0 1 17rem";

  const canvas = document.createElement("canvas");                                      // the plane, painted in a Worker
  canvas.width = canvas.height = 28 * ACROSS;
  let painted = null, address = "";
  const paint = lib.worker({ model, el }, functions, "tiles", (images) => {
    const context = canvas.getContext("2d"), image = context.createImageData(28, 28);
    images.forEach((values, k) => {
      values.forEach((value, i) => image.data.set([255 * value, 255 * value, 255 * value, 255], 4 * i));
      context.putImageData(image, 28 * (k % ACROSS), 28 * Math.floor(k / ACROSS));
    });
    address = canvas.toDataURL();
    map.draw();
  });
  const tile = () => {                                                                  // once for each choice
    const key = `${model.get("seed")} ${model.get("length")}`;
    if (painted !== key) paint(weights, corners(), model.get("length"));
    painted = key;
  };
  const plane = lib.chart(left, { x: [LOW, HIGH], y: [LOW, HIGH], xLabel: "x: from A to B", yLabel: "y: from A to C",
    equal: true, label: "A plane through the latent space, tiled with generated images" });
  const go = (x, y) => lib.save(model, { place: [x, y].map((value) => lib.clamp(value, [-0.6, 1.6])) });
  const map = plane.custom((layer, { px, py, size: inside }) => {
    const picture = lib.svg("image", { x: 0, y: 0, width: inside.width, height: inside.height, href: address,
      preserveAspectRatio: "none", opacity: 0.8 });
    picture.addEventListener("click", (event) => {
      const box = picture.getBoundingClientRect();
      go(LOW + (event.clientX - box.left) / box.width * (HIGH - LOW), HIGH - (event.clientY - box.top) / box.height * (HIGH - LOW));
    });
    layer.append(picture);
    for (const [name, x, y] of names) {
      const half = TILE / 2, wide = 7 + 7 * name.length;
      layer.append(
        lib.svg("rect", { x: px(x - half), y: py(y + half), width: px(half) - px(-half), height: py(-half) - py(half),
          fill: "none", stroke: lib.colour("orange"), "stroke-width": 2, "pointer-events": "none" }),
        lib.svg("rect", { x: px(x) - wide / 2, y: py(y + half) - 17, width: wide, height: 16, rx: 3,
          fill: lib.colour("surface"), opacity: 0.9, "pointer-events": "none" }));
      const text = lib.svg("text", { x: px(x), y: py(y + half) - 5, "text-anchor": "middle", "pointer-events": "none" }, name);
      text.style.fill = lib.colour("ink");
      layer.append(text);
    }
  });
  const handle = plane.handle({ label: "place in the plane", colour: "orange", axis: "both", step: 0.05,
    bounds: { x: [-0.6, 1.6], y: [-0.6, 1.6] }, moved: go });

  const title = (text) => lib.note(right, text);
  title(`${first} maps of 7 × 7, from the dense layer`);
  const small = lib.pictures(right, { label: "feature maps of 7 by 7", columns: 8, rows: Math.ceil(first / 8), width: 7, height: 7, scale: 4 });
  title(`${second} maps of 14 × 14`);
  const middle = lib.pictures(right, { label: "feature maps of 14 by 14", columns: 8, rows: Math.ceil(second / 8), width: 14, height: 14, scale: 2 });
  title("the image, 28 × 28");
  const image = lib.pictures(right, { label: "generated image", scale: 5 });
  const grids = [{ picture: small, across: 8, side: 7 }, { picture: middle, across: 8, side: 14 }];
  grids.forEach(({ picture, across, side }, layer) => {                                 // a click switches a map off, and on again
    picture.element.style.cursor = "pointer";
    picture.element.addEventListener("click", (event) => {
      const box = picture.element.getBoundingClientRect(), canvas = picture.element;
      const column = Math.floor((event.clientX - box.left) / box.width * canvas.width / (side + 1));
      const row = Math.floor((event.clientY - box.top) / box.height * canvas.height / (side + 1));
      const chosen = Math.min(row * across + column + 1, layer ? second : first);
      const same = model.get("layer") === layer && model.get("chosen") === chosen;
      lib.save(model, { layer, chosen, off: !(same && model.get("off")) });
    });
  });

  const controls = lib.row(el);
  lib.button(controls, { label: "New corners", click: () => lib.save(model, { seed: model.get("seed") + 1 }) });
  const back = lib.button(controls, { label: "First corners", click: () => lib.save(model, { seed: 0 }) });
  back.element.hidden = given.length === 0;
  const length = lib.checkbox(controls, { label: "keep the length of a typical draw",
    change: (state) => lib.save(model, { length: state ? "kept" : "free" }) });
  const switches = lib.row(el);
  const off = lib.checkbox(switches, { label: "switch a map off", change: (state) => lib.save(model, { off: state }) });
  const layer = lib.select(switches, { label: "of", options: { 0: "7 × 7", 1: "14 × 14" },
    change: (value) => lib.save(model, { layer: Number(value), chosen: 1 }) });
  const chosen = lib.slider(switches, { label: "number", min: 1, max: first, step: 1, value: 1, format: String,
    input: (value) => lib.save(model, { chosen: value }) });

  const where = lib.readout(el, { label: "place (x, y)", colour: "orange" });
  const long = lib.readout(el, { label: `length of z (draws: ${lib.show(Math.sqrt(size - 0.5), 1)} ± 0.7)` });
  const change = lib.readout(el, { label: "mean change of a pixel by the switch" });

  const draw = () => {
    tile();
    const place = model.get("place"), z = latent(corners(), place, model.get("length"));
    const [l, m] = [model.get("layer"), model.get("chosen") - 1];
    const whole = generate(weights, z);
    const shown = model.get("off") ? generate(weights, z, { layer: l, map: m }) : whole;
    shown.maps.slice(0, 2).forEach((tensor, i) => {
      const pixels = tensor.shape[2] * tensor.shape[3], most = Math.max(...whole.maps[i].data, 1e-9);
      for (let c = 0; c < tensor.shape[1]; c++) {
        grids[i].picture.draw(tensor.data.subarray(c * pixels, (c + 1) * pixels).map((value) => Math.sqrt(value / most)), c);
      }
    });
    image.draw(shown.image);
    image.describe(`generated image at (${lib.show(place[0])}, ${lib.show(place[1])})`);
    handle.set(...place);
    length.set(model.get("length") === "kept");
    off.set(model.get("off"));
    layer.set(String(l));
    chosen.element.max = l ? second : first;
    chosen.set(m + 1);
    where.set(`(${lib.show(place[0])}, ${lib.show(place[1])})`);
    long.set(lib.show(Math.hypot(...z)));
    change.set(model.get("off") ? lib.show(meanChange(whole.image, shown.image), 3) : "nothing is off");
  };
  const redraw = lib.onFrame(draw);
  draw();
  return lib.watch(model, ["place", "length", "layer", "chosen", "off", "seed"], redraw);
}
