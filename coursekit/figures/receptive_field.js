// What a network sees of the pixels before one: from the output back to the image, each layer marks what it looks at.
// A place is [row, column]; a map is an array of height * width numbers, 1 where something is needed.

const SIDE = 13;

const inside = ([i, j], { height, width }) => i >= 0 && i < height && j >= 0 && j < width;
const around = (offsets) => ([i, j]) => offsets.map(([di, dj]) => [i + di, j + dj]);

// The places that a kernel of `size` with mask A or B looks at: the rows above, and left of the pixel in its own row.
function kernel(mask, size) {
  const reach = (size - 1) / 2, offsets = [];
  for (let di = -reach; di <= 0; di++) for (let dj = -reach; dj <= reach; dj++) {
    if (di < 0 || dj < 0 || (dj === 0 && mask === "B")) offsets.push([di, dj]);
  }
  return around(offsets);
}
const inARow = around([[0, -1], [0, 0]]), here = around([[0, 0]]), above = around([[-1, 0]]);
const previous = ([i, j], { width }) => [j > 0 ? [i, j - 1] : [i - 1, width - 1]];      // in raster order

// The memories of a layer. `before`: which states a state needs; `input`: which inputs it looks at; `output`: the
// state that a pixel gets. A convolution is a memory that needs no other state. `margin`: empty columns behind the last.
const NETWORKS = {
  raster: { name: "one string of pixels", memories: [{ before: previous, input: here, output: here }] },
  row: { name: "Row LSTM", memories: [{ before: around([[-1, -1], [-1, 0], [-1, 1]]), input: inARow, output: here }] },
  diagonal: { name: "Diagonal BiLSTM", margin: 1, memories: [
    { before: around([[0, -1], [-1, 0]]), input: here, output: here },
    { before: around([[0, 1], [-1, 0]]), input: here, output: above },                  // moved down by a row
  ] },
  pixelcnn: { name: "PixelCNN", memories: [{ before: () => [], input: kernel("B", 3), output: here }] },
};

const wider = ({ kind, height, width }) => ({ height, width: width + (NETWORKS[kind].margin ?? 0) });
const narrow = (map, from, to) => map.filter((_, index) => index % from.width < to.width);

// Everything that the places of a map look at.
function look(map, looks, size) {
  const found = new Array(map.length).fill(0);
  map.forEach((needed, index) => {
    if (!needed) return;
    const place = [Math.floor(index / size.width), index % size.width];
    for (const [i, j] of looks(place, size)) if (inside([i, j], size)) found[i * size.width + j] = 1;
  });
  return found;
}

// A map of states with all the states that they need, and those that these need, and so on.
function close(map, before, size) {
  const closed = [...map], waiting = closed.map((_, index) => index).filter((index) => closed[index]);
  while (waiting.length) {
    const index = waiting.pop(), place = [Math.floor(index / size.width), index % size.width];
    for (const [i, j] of before(place, size)) {
      const next = i * size.width + j;
      if (inside([i, j], size) && !closed[next]) { closed[next] = 1; waiting.push(next); }
    }
  }
  return closed;
}

// state: {kind, layers, first, row, column, height, width} -> the map of the pixels that the network sees
function field(state) {
  const { kind, layers, first, row, column } = state, size = wider(state);
  let needed = new Array(size.height * size.width).fill(0);
  needed[row * size.width + column] = 1;
  for (let layer = 0; layer < layers; layer++) {
    const maps = NETWORKS[kind].memories.map(({ before, input, output }) =>
      look(close(look(needed, output, size), before, size), input, size));
    needed = needed.map((value, index) => (value || maps.some((map) => map[index]) ? 1 : 0));   // the residual link
  }
  return narrow(look(needed, kind === "raster" ? previous : kernel("A", first), size), size, state);
}

// The step, from 1, in which each state of a layer can be computed: one after the last of those that it needs. A list
// of maps, one for each memory; `shown` leaves out the margin.
function schedule(state) {
  const size = wider(state);
  return NETWORKS[state.kind].memories.map(({ before }) => {
    const steps = new Array(size.height * size.width).fill(0);
    const step = ([i, j]) => {
      const index = i * size.width + j;
      if (!steps[index]) {
        const needed = before([i, j], size).filter((place) => inside(place, size));
        steps[index] = 1 + needed.reduce((latest, place) => Math.max(latest, step(place)), 0);
      }
      return steps[index];
    };
    for (let i = 0; i < size.height; i++) for (let j = 0; j < size.width; j++) step([i, j]);
    return steps;
  });
}
const shown = (state) => schedule(state).map((steps) => narrow(steps, wider(state), state));
const duration = (state) => Math.max(...schedule(state).flat());

// How many of the earlier pixels are seen.
function count(state) {
  const seen = field(state).reduce((sum, value) => sum + value, 0), earlier = state.row * state.width + state.column;
  return { seen, earlier, missed: earlier - seen };
}

const functions = { field, shown, duration, count };

// ---- The picture -------------------------------------------------------------------------------------------------------

const CELL = 26, GAP = 2;

function render({ model, el }) {
  const names = ["kind", "layers", "first", "row", "column", "step"];
  const state = () => ({ ...Object.fromEntries(names.map((name) => [name, model.get(name)])), height: SIDE, width: SIDE });
  const change = (changes) => lib.save(model, changes);

  const choices = lib.row(el);
  const kind = lib.select(choices, { label: "network",
    options: Object.fromEntries(Object.entries(NETWORKS).map(([name, network]) => [name, network.name])),
    change: (value) => { player.stop(); change({ kind: value, step: 0 }); } });
  const layers = lib.slider(choices, { label: "layers", min: 1, max: 8, step: 1, format: (value) => lib.show(value, 0),
    input: (value) => change({ layers: value }) });
  const first = lib.select(choices, { label: "first convolution", options: { 3: "3 x 3", 7: "7 x 7" },
    change: (value) => change({ first: Number(value) }) });

  const buttons = lib.row(el);
  const player = lib.player(buttons, { label: "Play the order of computing", interval: 160, step: () => {
    const now = state(), last = duration(now);
    const next = now.step >= last ? 1 : now.step + 1;
    change({ step: next });
    if (next === last) return false;
  } });
  lib.button(buttons, { label: "Back to the field", click: () => { player.stop(); change({ step: 0 }); } });

  const [left, right] = lib.columns(el, 2);
  const extent = SIDE * (CELL + GAP) - GAP;
  const cells = lib.svg("g"), marks = lib.svg("g");
  const ring = lib.svg("rect", { class: "ck-ring", width: CELL + 4, height: CELL + 4, rx: 3 });
  const cursor = lib.svg("g", { class: "ck-handle", tabindex: 0, role: "slider", "aria-label": "pixel to predict",
    "aria-valuemin": 0, "aria-valuemax": SIDE * SIDE - 1 }, ring);
  const picture = lib.svg("svg", { viewBox: `-4 -4 ${extent + 8} ${extent + 8}`, width: "100%", role: "group",
    "aria-label": "The pixels of an image, 13 by 13" }, cells, marks, cursor);
  Object.assign(picture.style, { display: "block", touchAction: "pan-y", maxWidth: "27rem", cursor: "pointer" });
  left.append(picture);
  const key = lib.note(left, "");

  const go = (row, column) => change({ row: lib.clamp(row, [0, SIDE - 1]), column: lib.clamp(column, [0, SIDE - 1]) });
  const pointed = (event) => {
    const box = picture.getBoundingClientRect(), scale = (extent + 8) / box.width;
    go(...[event.clientY - box.top, event.clientX - box.left].map((at) => Math.floor((at * scale - 4) / (CELL + GAP))));
  };
  let held = false;
  picture.addEventListener("pointerdown", (event) => {
    held = true;
    picture.setPointerCapture(event.pointerId);
    cursor.focus();
    pointed(event);
    event.preventDefault();
  });
  picture.addEventListener("pointermove", (event) => { if (held) pointed(event); });
  for (const end of ["pointerup", "pointercancel"]) picture.addEventListener(end, () => { held = false; });
  cursor.addEventListener("keydown", (event) => {
    const move = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!move || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    event.stopPropagation();
    const { row, column } = state();
    go(row + move[0], column + move[1]);
  });

  const seenText = lib.readout(right, { label: "sees", colour: "blue" });
  const missedText = lib.readout(right, { label: "misses" });
  const stepText = lib.readout(right, { label: "steps of a layer, one after the other", colour: "orange" });
  const body = lib.html("tbody");
  const heads = ["network", "sees", "steps a layer"].map((text, i) => {
    const head = lib.html("th", { scope: "col" }, text);
    head.style.cssText = `text-align: ${i ? "right" : "left"}; font-weight: 600; padding: 0 0 0.2rem ${i ? "0.8rem" : "0"}`;
    return head;
  });
  const table = lib.html("table", {}, lib.html("thead", {}, lib.html("tr", {}, ...heads)), body);
  table.style.cssText = "border-collapse: collapse; margin: 0.6rem 0; font-size: 13px";
  right.append(table);

  const square = (place, part, parts, style) => {
    const [i, j] = place, width = CELL / parts;
    return lib.svg("rect", { x: j * (CELL + GAP) + part * width, y: i * (CELL + GAP), width, height: CELL,
      rx: parts > 1 ? 0 : 3, ...style });
  };
  const cross = ([i, j]) => {
    const [x, y] = [j * (CELL + GAP) + CELL / 2, i * (CELL + GAP) + CELL / 2];
    return lib.svg("path", { d: `M${x - 5} ${y - 5}l10 10m0 -10l-10 10`, stroke: lib.colour("ink"), "stroke-width": 2 });
  };
  const word = ([i, j], text, tone) => {
    const node = lib.svg("text", { x: j * (CELL + GAP) + CELL / 2, y: i * (CELL + GAP) + CELL / 2 + 4,
      "text-anchor": "middle" }, text);
    node.style.cssText = `font: 600 11px system-ui, sans-serif; fill: ${lib.colour(tone)}`;
    return node;
  };
  const empty = { fill: "transparent", stroke: lib.colour("grid") };
  const filled = (tone, opacity = 1) => ({ fill: lib.colour(tone), "fill-opacity": opacity, stroke: lib.colour(tone) });

  const drawField = (now) => {
    const seen = field(now), at = now.row * SIDE + now.column, parts = [[], []];
    seen.forEach((value, index) => {
      const place = [Math.floor(index / SIDE), index % SIDE];
      parts[0].push(square(place, 0, 1, index === at ? filled("orange") : value ? filled("blue", 0.75) : empty));
      if (index < at && !value) parts[1].push(cross(place));
    });
    parts[1].push(word([now.row, now.column], "?", "surface"));
    return parts;
  };
  const drawOrder = (now) => {
    const maps = shown(now), parts = [[], []];
    maps.forEach((steps, part) => steps.forEach((step, index) => {
      const place = [Math.floor(index / SIDE), index % SIDE];
      const style = step < now.step ? filled("blue", 0.35) : step === now.step ? filled("orange") : empty;
      parts[0].push(square(place, part, maps.length, style));
      if (maps.length === 1 && step <= now.step) {
        parts[1].push(word(place, String(step), step === now.step ? "surface" : "ink"));
      }
    }));
    return parts;
  };

  const redraw = lib.onFrame(() => {
    const now = state(), { seen, earlier, missed } = count(now), last = duration(now);
    const [squares, signs] = now.step ? drawOrder(now) : drawField(now);
    cells.replaceChildren(...squares);
    marks.replaceChildren(...signs);
    ring.setAttribute("x", now.column * (CELL + GAP) - 2);
    ring.setAttribute("y", now.row * (CELL + GAP) - 2);
    cursor.setAttribute("aria-valuenow", now.row * SIDE + now.column);
    cursor.setAttribute("aria-valuetext", `row ${now.row + 1}, column ${now.column + 1}`);
    const two = NETWORKS[now.kind].memories.length > 1;
    key.set(!now.step
      ? "?: the pixel to predict. Filled: it is seen. Cross: it comes earlier and is missed. Empty: it comes later."
      : two ? "Left half of a square: the state from the left; right half: the state from the right. Bright: this step."
        : "The number says in which step a state is computed. Bright: this step.");
    kind.set(now.kind);
    layers.set(now.layers);
    first.set(String(now.first));
    first.element.disabled = now.kind === "raster";
    seenText.set(`${seen} of ${earlier} earlier pixels`);
    missedText.set(String(missed));
    stepText.set(now.step ? `step ${now.step} of ${last}` : String(last));
    body.replaceChildren(...Object.entries(NETWORKS).map(([name, network]) => {
      const other = { ...now, kind: name }, numbers = count(other);
      const values = [network.name, `${numbers.seen} of ${numbers.earlier}`, String(duration(other))];
      const line = lib.html("tr", {}, ...values.map((text, i) => {
        const entry = lib.html(i ? "td" : "th", i ? {} : { scope: "row" }, text);
        entry.style.cssText = `text-align: ${i ? "right" : "left"}; padding: 0.15rem 0 0.15rem ${i ? "0.8rem" : "0"};`
          + `font-weight: ${name === now.kind ? 700 : 400}; font-variant-numeric: tabular-nums`;
        return entry;
      }));
      line.style.borderTop = `1px solid ${lib.colour("grid")}`;
      return line;
    }));
  });
  redraw();
  const unwatch = lib.watch(model, names, redraw);
  return () => { player.stop(); unwatch(); };
}
