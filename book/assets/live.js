// Shows the live figures of a static page. The state of each widget is stored in the page; this small runtime stands in
// for JupyterLab's: it gives a figure's own module what anywidget gives it, and asks no server for anything.
const STATE = 'script[type="application/vnd.jupyter.widget-state+json"]';
const VIEW = 'script[type="application/vnd.jupyter.widget-view+json"]';

// Stored binary values are base64 text with a path into the state: put them back as DataViews.
function decode({ state, buffers = [] }) {
  for (const { path, data } of buffers) {
    const bytes = Uint8Array.from(atob(data), (character) => character.charCodeAt(0));
    const parent = path.slice(0, -1).reduce((value, key) => value[key], state);
    parent[path.at(-1)] = new DataView(bytes.buffer);
  }
  return state;
}

// The part of a widget model that figures use; there is no kernel, so a change stays in the page.
function createModel(state) {
  const listeners = new Map();
  const emit = (name, ...values) => [...(listeners.get(name) ?? [])].forEach((callback) => callback(...values));
  const model = {
    get: (name) => state[name],
    set(name, value) {
      if (typeof name === "object") return Object.entries(name).forEach((entry) => model.set(...entry));
      if (Object.is(state[name], value)) return;
      state[name] = value;
      emit(`change:${name}`, model, value);
      emit("change", model);
    },
    on: (name, callback) => listeners.set(name, (listeners.get(name) ?? new Set()).add(callback)),
    off: (name, callback) => (callback ? listeners.get(name)?.delete(callback) : listeners.delete(name)),
    save_changes() {},
    send() {},
  };
  return model;
}

const modules = new Map();                                            // source -> module: one import for each class
function load(source) {
  if (!modules.has(source)) {
    const address = URL.createObjectURL(new Blob([source], { type: "text/javascript" }));
    modules.set(source, import(address).finally(() => URL.revokeObjectURL(address)));
  }
  return modules.get(source);
}

const styles = new Set();
function style(text) {
  if (!text || styles.has(text)) return;
  styles.add(text);
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(text);
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
}

function say(place, text) {
  place.className = "live-figure-message";
  place.setAttribute("role", "note");
  place.textContent = text;
}

async function show(script, widgets, models) {
  const place = document.createElement("div");
  script.after(place);
  try {
    const id = JSON.parse(script.textContent).model_id;
    const widget = widgets[id];
    if (!widget) throw new Error(`the page holds no state for the widget ${id}`);
    if (!widget.state._esm) {
      return say(place, "This control needs a running kernel: open the chapter in Colab or JupyterLab.");
    }
    if (!models.has(id)) models.set(id, createModel(decode(widget)));
    style(widget.state._css);
    const exported = (await load(widget.state._esm)).default;
    const { initialize, render } = typeof exported === "function" ? await exported() : exported;
    await initialize?.({ model: models.get(id) });
    await render({ model: models.get(id), el: place });
  } catch (error) {
    place.replaceChildren();
    say(place, `This live figure could not be shown: ${error.message}`);
    reportError(error);                                               // and to the console, where tests look
  }
}

const stored = [...document.querySelectorAll(STATE)].map((script) => JSON.parse(script.textContent).state);
const widgets = Object.assign({}, ...stored), models = new Map();
for (const script of document.querySelectorAll(VIEW)) show(script, widgets, models);
