for (const button of document.querySelectorAll("[data-print]")) button.addEventListener("click", () => print());

// A box that scrolls sideways (a wide formula, table, picture or output) must be reachable by keyboard; one that fits
// must not be a stop for nothing. Where there is more to the right, data-more lets the style sheet say so.
// Formulas are boxes once MathJax has set them, and all change with the window's width.
const BOXES = 'span.math, mjx-container[display="true"], .cell_output :is(.output, .output pre, figure), .pst-scrollable-table-container';

// A formula holds hidden MathML for screen readers, which counts as its width: in a line, what is seen is measured.
// Widths are rounded to pixels, so that one more is none.
const seen = (formula) => (formula.querySelector("mjx-math")?.offsetWidth ?? 0) - 1;
const extent = (box) => (box.matches("span.math") ? seen(box) : box.scrollWidth);
const more = (box) => box.toggleAttribute("data-more", box.scrollLeft + box.clientWidth < extent(box) - 2);

function mark() {
  for (const box of document.querySelectorAll(BOXES)) {
    const scrolls = extent(box) > box.clientWidth && getComputedStyle(box).overflowX !== "visible";
    if (scrolls) box.tabIndex = 0;
    else if (box.getAttribute("tabindex") === "0") box.removeAttribute("tabindex");
    if (scrolls) more(box);
    else box.removeAttribute("data-more");
  }
}
addEventListener("scroll", ({ target }) => { if (target.matches?.(BOXES)) more(target); }, { capture: true, passive: true });

await window.MathJax?.startup?.promise;
await document.fonts.ready; // letters have their widths then
mark();
let waiting;
addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(mark, 200); });
