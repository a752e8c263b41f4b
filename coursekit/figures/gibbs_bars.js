// Collapsed Gibbs sampling of latent Dirichlet allocation on documents that are pictures: their words are pixels.

// The document and the word of every token, document by document: the order in which a sweep visits them.
function tokensOf(counts) {
  const documents = [], words = [];
  counts.forEach((row, d) => row.forEach((n, w) => {
    for (let i = 0; i < n; i++) { documents.push(d); words.push(w); }
  }));
  return { documents, words };
}

// The state of the sampler: the topic z of every token, and the counts that follow from it.
function stateOf(counts, z, topics) {
  const { documents, words } = tokensOf(counts), vocabulary = counts[0].length;
  const table = (rows) => Array.from({ length: rows }, () => new Array(topics).fill(0));
  const state = { documents, words, z: [...z], topics, vocabulary, ofDocument: table(counts.length),
    ofWord: table(vocabulary), total: new Array(topics).fill(0) };
  state.z.forEach((k, i) => count(state, i, k, 1));
  return state;
}

function count(state, i, k, change) {
  state.ofDocument[state.documents[i]][k] += change;
  state.ofWord[state.words[i]][k] += change;
  state.total[k] += change;
}

// The two factors for token i, given all others: what its document says, and what each topic says of its word.
function factors(state, i, alpha, beta) {
  count(state, i, state.z[i], -1);
  const document = state.ofDocument[state.documents[i]].map((n) => n + alpha);
  const word = state.ofWord[state.words[i]].map((n, k) => (n + beta) / (state.total[k] + state.vocabulary * beta));
  count(state, i, state.z[i], 1);
  return { document, word };
}

function normalised(values) {
  const sum = values.reduce((a, b) => a + b, 0);
  return values.map((value) => value / sum);
}

function conditional(state, i, alpha, beta) {
  const { document, word } = factors(state, i, alpha, beta);
  return normalised(document.map((value, k) => value * word[k]));
}

// Redraw the topic of token i with a uniform number in [0, 1).
function redraw(state, i, alpha, beta, uniform) {
  const { document, word } = factors(state, i, alpha, beta);
  const edges = [];
  let sum = 0;
  document.forEach((value, k) => { sum += value * word[k]; edges.push(sum); });
  let k = 0;
  while (k < edges.length - 1 && edges[k] <= uniform * sum) k += 1;
  count(state, i, state.z[i], -1);
  state.z[i] = k;
  count(state, i, k, 1);
}

// log of Γ(n + a) / Γ(a) for a whole number n
function rising(n, a) {
  let sum = 0;
  for (let j = 0; j < n; j++) sum += Math.log(a + j);
  return sum;
}

// log p(w, z) in nats, the mixtures and the topics integrated out
function logJoint(state, alpha, beta) {
  let sum = 0;
  for (const row of state.ofDocument) {
    for (const n of row) sum += rising(n, alpha);
    sum -= rising(row.reduce((a, b) => a + b, 0), state.topics * alpha);
  }
  for (const row of state.ofWord) for (const n of row) sum += rising(n, beta);
  for (const n of state.total) sum -= rising(n, state.vocabulary * beta);
  return sum;
}

// The mean of each topic's distribution over the words: one row for each topic
const topicWords = (state, beta) => state.total.map((total, k) =>
  state.ofWord.map((row) => (row[k] + beta) / (total + state.vocabulary * beta)));

// How many of the true topics have one found within a total variation distance of 0.25
const found = (topics, truth) => truth.filter((row) => topics.some((topic) =>
  topic.reduce((sum, value, w) => sum + Math.abs(value - row[w]), 0) / 2 < 0.25)).length;

const functions = { tokensOf, stateOf, conditional, redraw, logJoint, topicWords, found };

// ---- The page ---------------------------------------------------------------------------------------------------------

const SWEEPS = 400;                                                                     // then the player stops

function render({ model, el }) {
  const counts = model.get("counts"), truth = model.get("truth"), side = model.get("side");
  let state, random, next, sweeps, trace;

  const controls = lib.row(el);
  const topics = lib.slider(controls, { label: "topics", min: 2, max: 14, step: 1, format: (v) => lib.show(v, 0),
    input: (value) => lib.save(model, { topics: value }) });
  const alpha = lib.slider(controls, { label: "α", min: 0.05, max: 2, step: 0.05,
    input: (value) => lib.save(model, { alpha: value }) });
  const beta = lib.slider(controls, { label: "β", min: 0.05, max: 2, step: 0.05,
    input: (value) => lib.save(model, { beta: value }) });

  const [left, right] = lib.columns(el, 2);
  lib.note(left, "Ten of the documents");
  const documents = lib.pictures(left, { label: "ten documents, bright where a word is frequent", columns: 5, rows: 2,
    width: side, height: side, scale: 10 });
  counts.slice(0, 10).forEach((row, d) => documents.draw(row.map((n) => n / Math.max(...row)), d));
  lib.note(right, "The topics found so far, 0 at the top left");
  const holder = right.appendChild(lib.html("div"));
  let pictures = null;

  const buttons = lib.row(el);
  const player = lib.player(buttons, { label: "Run", interval: 40, step: () => sweep() });
  lib.button(buttons, { label: "One word", click: () => { player.stop(); word(); show(); } });
  lib.button(buttons, { label: "New start", click: () => lib.save(model, { seed: model.get("seed") + 1 }) });

  const readSweeps = lib.readout(el, { label: "sweeps" });
  const readBars = lib.readout(el, { label: "true topics found", colour: "green" });
  const readLog = lib.readout(el, { label: "log p(w, z), nats", colour: "orange" });

  const [below, beside] = lib.columns(el, 2);
  const bars = lib.chart(below, { x: [-0.6, 9.6], y: [0, 1], xLabel: "topic", height: 210,
    label: "The next word: its document's factor, its own factor and their product, for each topic" });
  for (const [name, tone, dash] of [["document", "blue", null], ["word", "green", "3 2"], ["product", "orange", null]]) {
    bars.line({ colour: tone, name, dash, width: name === "product" ? 5 : 2 });         // entries of the legend
  }
  const groups = bars.custom((layer, { px, py }) => {
    if (!state) return;
    const { document, word: ofWord } = factors(state, next, model.get("alpha"), model.get("beta"));
    const product = normalised(document.map((value, k) => value * ofWord[k]));
    const width = (px(1) - px(0)) * 0.27;
    const bar = (k, place, value, attributes) => layer.append(lib.svg("rect", { x: px(k) + (place - 1.5) * width,
      y: py(value), width: width * 0.9, height: py(0) - py(value), ...attributes }));
    const outline = (tone, dash) => ({ fill: "none", stroke: lib.colour(tone), "stroke-width": 1.5,
      "stroke-dasharray": dash });
    normalised(document).forEach((value, k) => bar(k, 0, value, outline("blue", null)));
    normalised(ofWord).forEach((value, k) => bar(k, 1, value, outline("green", "3 2")));
    product.forEach((value, k) => bar(k, 2, value, { fill: lib.colour("orange") }));
  });
  const whose = lib.note(below, "");
  const chart = lib.chart(beside, { x: [0, 40], y: [0, 1], xLabel: "sweeps", yLabel: " ",
    height: 210, label: "log p(w, z) after each sweep" });
  const curve = chart.line({ colour: "orange", name: "log p(w, z), thousand nats" });

  const word = () => {
    redraw(state, next, model.get("alpha"), model.get("beta"), random.uniform());
    next = (next + 1) % state.z.length;
    if (next === 0) { sweeps += 1; trace.push(logJoint(state, model.get("alpha"), model.get("beta"))); }
    return next;
  };
  const sweep = () => {
    while (word() !== 0);
    show();
    return sweeps < SWEEPS;
  };
  const show = () => {
    const means = topicWords(state, model.get("beta"));
    means.forEach((row, k) => pictures.draw(row.map((value) => value * side), k));      // a bar has 1 / side on each pixel
    pictures.describe(`${state.topics} topics after ${sweeps} sweeps`);
    const number = found(means, truth), value = logJoint(state, model.get("alpha"), model.get("beta"));
    readSweeps.set(String(sweeps));
    readBars.set(`${number} of ${truth.length}`);
    readLog.set(lib.show(value, 0));
    const place = state.words[next];
    whose.set(`Next: a word of document ${state.documents[next] + 1}, the pixel in row ${Math.floor(place / side) + 1}, ` +
      `column ${place % side + 1}; its topic is now ${state.z[next]}.`);
    const [low, high] = [Math.min(...trace, value) / 1000, Math.max(...trace, value) / 1000];
    const room = Math.max(0.05 * (high - low), 1);
    chart.setRange({ x: [0, Math.max(40, 20 * Math.ceil(sweeps / 20))], y: [low - room, high + room] });
    curve.set(trace.map((_, i) => i), trace.map((v) => v / 1000));
    groups.draw();
  };
  const restart = () => {
    player.stop();
    const k = model.get("topics");
    random = lib.random(model.get("seed"));
    const { words } = tokensOf(counts);
    state = stateOf(counts, words.map(() => random.integer(k)), k);
    [next, sweeps] = [0, 0];
    trace = [logJoint(state, model.get("alpha"), model.get("beta"))];
    holder.replaceChildren();
    pictures = lib.pictures(holder, { label: "", columns: Math.min(k, 5), rows: Math.ceil(k / 5), width: side,
      height: side, scale: 10 });
    topics.set(k);
    bars.setRange({ x: [-0.6, k - 0.4] });
    show();
  };
  const priors = () => {
    alpha.set(model.get("alpha"));
    beta.set(model.get("beta"));
    show();
  };
  restart();
  priors();
  const stops = [lib.watch(model, ["topics", "seed"], restart), lib.watch(model, ["alpha", "beta"], lib.onFrame(priors))];
  return () => { player.stop(); stops.forEach((stop) => stop()); };
}
