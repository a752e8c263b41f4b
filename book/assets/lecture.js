// The lecturer's mode: the page's own paragraphs, figures and cells, as many at a time as fit on the screen, in letters
// that the last row can read. Nothing is copied, so live figures keep working. `?lecture` in the address opens it, with
// the section after # and the screen within it: kl-divergence.html?lecture=2#units-and-coordinates
const root = document.documentElement;
const chapter = document.querySelector("article.bd-article > section");
const notes = JSON.parse(document.getElementById("speaker-notes")?.textContent ?? "{}");
const TYPING = "input, select, textarea, [contenteditable]";
const ACTIVE = `${TYPING}, button, summary, a, audio, [role=slider], .coursekit-figure`;

let screens = [], at = 0, bar, notesWindow, begun;

// What can be on a screen: the headings, and what stands directly below them, in the order of the page.
function blocksOf(section, headings = [], above = []) {
  const blocks = [], sections = [...above, section.id];
  for (const child of section.children) {
    if (/^H[1-6]$/.test(child.tagName)) headings = [...headings, child];
    else if (child.tagName === "SECTION") blocks.push(...blocksOf(child, headings, sections));
    else if (child.getClientRects().length) blocks.push({ element: child, headings, section: section.id, sections });
  }
  return blocks;
}

// The first screen has the chapter's title above its section's.
const headingsOn = (number, { headings }) => (number === 0 ? headings : headings.slice(-1));

// Blocks of one section that fit together make a screen; one that is too high is alone, and the screen scrolls.
function pack() {
  for (const off of chapter.querySelectorAll(".lecture-off")) off.classList.remove("lecture-off");
  const margins = 6.5 * parseFloat(getComputedStyle(root).fontSize);  // above and below, with the bar's place
  const height = (heading) => heading.offsetHeight + parseFloat(getComputedStyle(heading).marginBottom);
  screens = [];
  let top, room;
  for (const block of blocksOf(chapter)) {
    const box = block.element.getBoundingClientRect();
    const last = screens.at(-1);
    if (last?.section === block.section && box.bottom - top <= room) { last.blocks.push(block.element); continue; }
    top = box.top;
    room = innerHeight - margins - headingsOn(screens.length, block).reduce((sum, heading) => sum + height(heading), 0);
    screens.push({
      section: block.section, sections: block.sections, headings: block.headings, blocks: [block.element],
      part: last?.section === block.section ? last.part + 1 : 1,
    });
  }
}

const titleOf = ({ headings }) => headings.at(-1).textContent.replace(/#$/, "").trim();

function show(number) {
  at = Math.max(0, Math.min(screens.length - 1, number));
  const screen = screens[at];
  const shown = new Set([...screen.blocks, ...headingsOn(at, screen)]);
  for (const { element, headings } of screens.flatMap((s) => s.blocks.map((element) => ({ element, ...s })))) {
    for (const part of [element, ...headings]) part.classList.toggle("lecture-off", !shown.has(part));
  }
  scrollTo(0, 0);
  bar.querySelector("output").textContent = `${at + 1} of ${screens.length}: ${titleOf(screen)}`;
  bar.querySelector("[data-step='-1']").disabled = at === 0;
  bar.querySelector("[data-step='1']").disabled = at === screens.length - 1;
  history.replaceState(null, "", `${location.pathname}?lecture=${screen.part}#${screen.section}`);
  writeNotes();
}

// Forward: first to the end of a screen that is too high, then to the next one; and back in the same way.
function step(direction) {
  const left = direction > 0 ? root.scrollHeight - innerHeight - scrollY : scrollY;
  if (left > 4) scrollBy(0, direction * Math.min(left, 0.8 * innerHeight));
  else show(at + direction);
}

// The notes of the screen's section, after those of the sections that it opens: a title may have no text of its own.
function notesOn(number) {
  const { section, sections } = screens[number], open = screens[number - 1]?.sections ?? [];
  const own = sections.filter((id) => id === section || !open.includes(id)).flatMap((id) => notes[id] ?? []);
  return own.length ? own : ["No notes on this section."];
}

function writeNotes() {
  if (!notesWindow || notesWindow.closed) return;
  const page = notesWindow.document, next = screens[at + 1];
  const line = (tag, text) => Object.assign(page.createElement(tag), { textContent: text });
  const minutes = Math.floor((Date.now() - begun) / 60000);
  page.title = "Speaker's notes";
  page.body.replaceChildren(
    line("p", `${at + 1} of ${screens.length} · ${minutes} min`),
    line("h1", titleOf(screens[at])),
    ...notesOn(at).map((text) => line("p", text)),
    line("h2", next ? `Next: ${titleOf(next)}` : "This is the last screen."),
  );
}

function openNotes() {
  notesWindow = open("", "speakers-notes", "width=720,height=520");
  if (!notesWindow) return;
  notesWindow.document.body.style.cssText = "font: 1.3rem/1.5 system-ui, sans-serif; margin: 2rem; max-width: 40rem";
  notesWindow.onkeydown = onKey;
  writeNotes();
}

function makeBar() {
  const element = document.createElement("nav");
  element.className = "lecture-bar";
  element.setAttribute("aria-label", "Lecture");
  const button = (text, label, action) => {
    const made = Object.assign(document.createElement("button"), { type: "button", textContent: text, onclick: action });
    made.setAttribute("aria-label", label);
    return made;
  };
  const back = button("←", "Back", () => step(-1)), forward = button("→", "Forward", () => step(1));
  back.dataset.step = -1;
  forward.dataset.step = 1;
  const where = document.createElement("output");
  where.setAttribute("aria-live", "polite");
  const key = document.createElement("label"), box = document.createElement("input");
  Object.assign(box, { type: "checkbox", checked: keyIsOn() });
  box.onchange = () => localStorage.setItem("lecture-key", box.checked ? "on" : "off");
  key.append(box, " key L");
  key.title = "L opens and leaves this mode";
  element.append(back, forward, where, key, button("Notes", "Speaker's notes in a window", openNotes),
                 button("Leave", "Leave the lecture", leave));
  return element;
}

const keyIsOn = () => localStorage.getItem("lecture-key") !== "off";
const going = () => "lecture" in root.dataset;

function enter() {
  begun = Date.now();
  root.dataset.lecture = "";
  document.body.append(bar ??= makeBar());
  pack();
  const section = decodeURIComponent(location.hash.slice(1)), part = Number(new URLSearchParams(location.search).get("lecture"));
  const inSection = screens.findIndex((screen) => screen.section === section);
  const exact = screens.findIndex((screen) => screen.section === section && screen.part === part);
  show(Math.max(0, exact >= 0 ? exact : inSection));
}

function leave() {
  const here = screens[at].blocks[0];
  delete root.dataset.lecture;
  for (const off of chapter.querySelectorAll(".lecture-off")) off.classList.remove("lecture-off");
  bar.remove();
  if (document.fullscreenElement) document.exitFullscreen();
  history.replaceState(null, "", `${location.pathname}#${screens[at].section}`);
  here.scrollIntoView();
}

function toggle() {
  if (going()) return leave();
  root.requestFullscreen?.().catch(() => {});
  enter();
}

const STEPS = { PageDown: 1, PageUp: -1, ArrowRight: 1, ArrowLeft: -1, " ": 1, Home: -Infinity, End: Infinity };

function onKey(event) {
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const free = !event.target.closest?.(ACTIVE), typing = event.target.closest?.(TYPING);
  if (event.key.toLowerCase() === "l" && keyIsOn() && !typing) toggle();
  else if (!going()) return;
  else if (event.key === "Escape") leave();
  else if (event.key in STEPS && (free || event.key.startsWith("Page"))) {
    const direction = STEPS[event.key];
    if (Number.isFinite(direction)) step(direction);
    else show(direction < 0 ? 0 : screens.length - 1);
  } else return;
  event.preventDefault();
}

if (chapter?.querySelector("section") && document.querySelector("div.cell")) {
  const button = Object.assign(document.createElement("button"), { type: "button", title: "Lecture (L)", onclick: toggle });
  button.className = "btn btn-sm pst-navbar-icon lecture-button";
  button.setAttribute("aria-label", "Lecture: a screen at a time");
  button.textContent = "▷";
  document.querySelector(".article-header-buttons")?.prepend(button);
  addEventListener("keydown", onKey);
  let waiting;
  addEventListener("resize", () => {
    if (!going()) return;
    clearTimeout(waiting);
    waiting = setTimeout(() => { const here = screens[at].blocks[0]; pack(); show(screens.findIndex((s) => s.blocks.includes(here))); }, 200);
  });
  await window.MathJax?.startup?.promise;
  if (new URLSearchParams(location.search).has("lecture")) enter();
}
