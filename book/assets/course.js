for (const button of document.querySelectorAll("[data-print]")) button.addEventListener("click", () => print());

// A box that scrolls sideways (a wide formula, table, picture or output) must be reachable by keyboard; one that fits
// must not be a stop for nothing. Formulas are boxes once MathJax has set them, and all change with the window's width.
const BOXES = 'mjx-container[display="true"], .cell_output :is(.output, figure), .pst-scrollable-table-container';

function mark() {
  for (const box of document.querySelectorAll(BOXES)) {
    const scrolls = box.scrollWidth > box.clientWidth && getComputedStyle(box).overflowX !== "visible";
    if (scrolls) box.tabIndex = 0;
    else if (box.getAttribute("tabindex") === "0") box.removeAttribute("tabindex");
  }
}

await window.MathJax?.startup?.promise;
mark();
let waiting;
addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(mark, 200); });
