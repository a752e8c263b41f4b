// The upper rows of a digit are the reader's; a MADE draws the others, pixel by pixel, computing only what is new.

const SIDE = 14, COPIES = 6;

// ---- The network -----------------------------------------------------------------------------------------------------

// The weights as base.py packs them: the hidden unit of degree m has those of the first m pixels, and an output those of
// the units that it may see. Degrees rise with the unit's number, so each row is one stretch of a long list.
function unpack(weights) {
  const pixels = weights["output.bias"].data.length, units = weights["hidden.bias"].data.length;
  const degrees = Array.from({ length: units }, (_, u) => 1 + Math.floor((u * (pixels - 1)) / units));
  const ends = Array.from({ length: pixels }, (_, i) => degrees.filter((degree) => degree <= i).length);
  const starts = (lengths) => {
    let sum = 0;
    return lengths.map((length) => (sum += length) - length);
  };
  return { pixels, units, ends, hidden: weights["hidden.weight"].data, hiddenBias: weights["hidden.bias"].data,
    hiddenStarts: starts(degrees), output: weights["output.weight"].data, outputBias: weights["output.bias"].data,
    outputStarts: starts(ends) };
}

// What is known after some pixels: what each hidden unit has added up, log p of these pixels, and the work so far
const begin = (net) => ({ sums: Float32Array.from(net.hiddenBias), place: 0, logProb: 0, work: 0 });
const copy = (state) => ({ ...state, sums: state.sums.slice() });

// The logit of the next pixel
function logit(net, state) {
  const i = state.place, row = net.outputStarts[i];
  let sum = net.outputBias[i];
  for (let u = 0; u < net.ends[i]; u++) sum += net.output[row + u] * Math.max(state.sums[u], 0);
  state.work += net.ends[i];
  return sum;
}

// The next pixel is known now: the units that may see it add its weight, if it is one
function take(net, state, value, score) {
  state.logProb -= lib.softplus(value ? -score : score);
  if (value) {
    for (let u = net.ends[state.place]; u < net.units; u++) state.sums[u] += net.hidden[net.hiddenStarts[u] + state.place];
    state.work += net.units - net.ends[state.place];
  }
  state.place += 1;
}

// Reads given pixels, or draws all that are missing
function read(net, state, values) {
  return values.map((value) => {
    const score = logit(net, state);
    take(net, state, value, score);
    return score;
  });
}
function draw(net, state, uniform) {
  const values = [];
  while (state.place < net.pixels) {
    const score = logit(net, state), value = Number(uniform() >= lib.sigmoid(-score));
    take(net, state, value, score);
    values.push(value);
  }
  return values;
}

// The logits of all pixels of an image, and its log-probability
function conditionals(weights, values) {
  const net = unpack(weights), state = begin(net);
  return { logits: read(net, state, values), logProb: state.logProb };
}

// `count` completions of the first `given` pixels: all pixels, log p of those drawn, and the multiplications they took
function complete(weights, values, given, count, seed) {
  const net = unpack(weights), upper = begin(net), known = values.slice(0, given);
  read(net, upper, known);
  const completions = Array.from({ length: count }, (_, k) => {
    const state = copy(upper);
    state.work = 0;
    const drawn = draw(net, state, lib.random(1000 * seed + k).uniform);
    return { values: [...known, ...drawn], logProb: state.logProb - upper.logProb, work: state.work };
  });
  return { logProb: upper.logProb, completions };
}

// log p of the pixels from `given` on, given those before
function restOf(weights, values, given) {
  const net = unpack(weights), state = begin(net);
  read(net, state, values.slice(0, given));
  const before = state.logProb;
  read(net, state, values.slice(given));
  return state.logProb - before;
}

const functions = { conditionals, complete, restOf };

// ---- The figure ------------------------------------------------------------------------------------------------------

function render({ model, el }) {
  const weights = lib.unpackWeights(model);
  const all = SIDE * SIDE;
  const afresh = weights["hidden.weight"].data.length + weights["output.weight"].data.length;
  const digits = model.get("digits");
  const drawing = () => Array.from(model.get("pixels"), Number);
  const nats = (logProb, pixels) => (pixels ? lib.show(-logProb / pixels, 3) : "–");
  let shown = all, cursor = { row: 0, column: 7 }, pen = null;                          // shown: pixels on view

  // White: given. Orange: drawn by the network. Grey: not drawn yet. A blue line where the given part ends.
  const onBlack = (name) => `rgb(${lib.rgb(el, name).map((part) => Math.round(part + 0.35 * (255 - part))).join(", ")})`;
  const grey = (level) => `rgb(${level}, ${level}, ${level})`;
  const paint = (canvas, values, given, until, marked = null) => {
    const cell = canvas.width / SIDE, context = canvas.getContext("2d");
    const [orange, blue] = [onBlack("orange"), onBlack("blue")];
    values.forEach((value, i) => {
      context.fillStyle = i >= until ? grey(110) : !value ? grey(0) : i < given ? grey(255) : orange;
      context.fillRect((i % SIDE) * cell, Math.floor(i / SIDE) * cell, cell, cell);
    });
    context.fillStyle = blue;
    context.fillRect(0, lib.clamp((given / SIDE) * cell - 1, [0, canvas.height - 2]), canvas.width, 2);
    if (!marked) return;
    context.lineWidth = 3;
    context.strokeStyle = blue;
    context.strokeRect(marked.column * cell + 1.5, marked.row * cell + 1.5, cell - 3, cell - 3);
  };
  const canvasIn = (parent, size, attributes, style) => {
    const canvas = lib.html("canvas", attributes);
    canvas.width = canvas.height = SIDE * size;
    Object.assign(canvas.style, { width: "100%", height: "auto", ...style });
    parent.append(canvas);
    return canvas;
  };

  const [left, right] = lib.columns(el, 2);
  Object.assign(left.parentElement.style, { display: "flex", flexWrap: "wrap" });
  left.style.flex = "1 1 14rem";
  left.style.maxWidth = "17rem";
  right.style.flex = "1 1 17rem";

  lib.note(left, "your part: draw here");
  const board = canvasIn(left, 20, { tabindex: 0, role: "application",
    "aria-label": "drawing board, 14 by 14 pixels: arrow keys move, Space changes a pixel" },
  { touchAction: "none", cursor: "crosshair", borderRadius: "4px" });
  const boardButtons = lib.row(left);

  lib.note(right, "six completions, and their nats per drawn pixel");
  const grid = lib.html("div");
  Object.assign(grid.style, { display: "grid", gridTemplateColumns: "repeat(3, minmax(0, 1fr))", gap: "0.3rem 0.6rem" });
  right.append(grid);
  const cards = Array.from({ length: COPIES }, () => {
    const card = lib.html("div"), canvas = canvasIn(card, 8, { role: "img" }, { borderRadius: "3px" });
    const number = lib.html("div", { "aria-hidden": "true" });
    Object.assign(number.style, { textAlign: "center", fontVariantNumeric: "tabular-nums" });
    card.append(number);
    grid.append(card);
    return { canvas, number };
  });

  const change = (values) => lib.save(model, { pixels: values.join("") });
  if (digits.length) {
    lib.button(boardButtons, { label: "Another digit", click: () => {
      const now = digits.indexOf(model.get("pixels"));
      lib.save(model, { pixels: digits[(now + 1) % digits.length] });
    } });
  }
  lib.button(boardButtons, { label: "Clear", click: () => change(Array(all).fill(0)) });

  const controls = lib.row(el);
  lib.button(controls, { label: "Other completions", click: () => lib.save(model, { seed: model.get("seed") + 1 }) });
  lib.player(controls, { label: "Draw slowly", interval: 40, step: () => {
    const given = SIDE * model.get("rows");
    shown = shown >= all ? given : shown + 1;
    show();
    return shown < all;
  } });
  const rows = lib.slider(controls, { label: "rows that are yours", min: 0, max: SIDE, step: 1, format: String,
    input: (value) => { shown = all; lib.save(model, { rows: value }); } });

  const own = lib.readout(el, { label: "your rows, nats per pixel" });
  const theirs = lib.readout(el, { label: "completions, on average", colour: "orange" });
  const truth = lib.readout(el, { label: "how this digit really went on" });
  const work = lib.readout(el, { label: "multiply-adds for a completion" });

  // A stroke sets all the pixels that it passes to the opposite of the first one.
  const cellAt = (event) => {
    const box = board.getBoundingClientRect();
    const at = (offset, length) => lib.clamp(Math.floor((offset / length) * SIDE), [0, SIDE - 1]);
    return { row: at(event.clientY - box.top, box.height), column: at(event.clientX - box.left, box.width) };
  };
  const put = ({ row, column }, value) => {
    if (row >= model.get("rows")) return false;
    const values = drawing();
    values[row * SIDE + column] = value;
    shown = all;
    change(values);
    return true;
  };
  const valueAt = ({ row, column }) => drawing()[row * SIDE + column];
  board.addEventListener("pointerdown", (event) => {
    cursor = cellAt(event);
    pen = 1 - valueAt(cursor);
    board.setPointerCapture(event.pointerId);
    board.focus({ preventScroll: true });
    put(cursor, pen);
    event.preventDefault();
  });
  board.addEventListener("pointermove", (event) => {
    if (pen === null) return;
    const cell = cellAt(event);
    if (cell.row === cursor.row && cell.column === cursor.column) return;
    cursor = cell;
    put(cursor, pen);
    show();
  });
  for (const end of ["pointerup", "pointercancel"]) board.addEventListener(end, () => { pen = null; });
  const tell = () => {
    const mine = cursor.row < model.get("rows");
    const colour = mine ? (valueAt(cursor) ? "white" : "black") : "the network's";
    lib.announce(board, `row ${cursor.row + 1}, column ${cursor.column + 1}:`, colour);
  };
  board.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const move = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!move && event.key !== " " && event.key !== "Enter") return;
    event.preventDefault();
    event.stopPropagation();
    if (move) {
      cursor = { row: lib.clamp(cursor.row + move[0], [0, SIDE - 1]), column: lib.clamp(cursor.column + move[1], [0, SIDE - 1]) };
    } else put(cursor, 1 - valueAt(cursor));
    tell();
    show();
  });
  for (const name of ["focus", "blur"]) board.addEventListener(name, () => show());

  const show = lib.onFrame(drawAll);
  function drawAll() {
    const values = drawing(), given = SIDE * model.get("rows"), rest = all - given;
    const result = complete(weights, values, given, COPIES, model.get("seed"));
    paint(board, values.map((value, i) => (i < given ? value : 0)), given, given,
      board.matches(":focus") ? cursor : null);
    cards.forEach(({ canvas, number }, k) => {
      const { values: whole, logProb } = result.completions[k];
      const until = Math.max(shown, given), text = nats(logProb, rest);
      paint(canvas, whole, given, until);
      number.textContent = until < all ? "…" : text;
      canvas.setAttribute("aria-label", `completion ${k + 1}, ${text} nats per drawn pixel`);
    });
    rows.set(model.get("rows"));
    own.set(nats(result.logProb, given));
    const mean = (name) => result.completions.reduce((sum, completion) => sum + completion[name], 0) / COPIES;
    theirs.set(nats(mean("logProb"), rest));
    const real = digits.includes(model.get("pixels"));
    truth.set(real ? nats(restOf(weights, values, given), rest) : "not a stored digit");
    const count = (value) => Math.round(value).toLocaleString("en");
    work.set(`${count(mean("work"))} (the whole network each time: ${count(rest * afresh)})`);
  }
  lib.onTheme(board, show);
  drawAll();
  return lib.watch(model, ["pixels", "rows", "seed"], show);
}
