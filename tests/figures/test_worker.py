"""Work in a Worker: off the page's thread, the newest question first, nothing stale, and the same without Workers."""

import pytest

from coursekit.figures.base import LiveFigure, compose
from tests.figures.waiting import redrawn

SCRIPT = """
function slow(n) {
  if (n < 0) throw new Error("n must not be negative");
  const end = Date.now() + 100;
  while (Date.now() < end);
  return { square: n * n, place: typeof document === "undefined" ? "in a Worker" : "on the page" };
}
const functions = { slow };
function render({ model, el }) {
  const answers = [], row = lib.row(el);
  const given = lib.readout(el, { label: "answers" }), where = lib.readout(el, { label: "computed" });
  const ask = lib.worker({ model, el }, functions, "slow", ({ square, place }, n) => {
    answers.push(`${n}²=${square}`);
    given.set(answers.join(" "));
    where.set(place);
  });
  lib.button(row, { label: "three", click: () => { ask(1); ask(2); ask(3); } });
  lib.button(row, { label: "dropped", click: () => { ask(4); ask(5); ask.drop(); ask(6); } });
  lib.button(row, { label: "fails", click: () => { ask(-1); ask(7); } });
}
"""


class Slow(LiveFigure):
    """Squares numbers, and takes its time."""

    _esm = compose(SCRIPT)


POLICY = '<meta http-equiv="Content-Security-Policy" content="worker-src \'none\'">'
NO_WORKER = "<script>window.Worker = class { constructor() { throw new Error('not here'); } };</script>"
WAYS = [("", "in a Worker"), (POLICY, "on the page"), (NO_WORKER, "on the page")]


def readouts(page):
    return redrawn(page).locator(".ck-readout strong").all_inner_texts()


@pytest.mark.parametrize(("head", "place"), WAYS, ids=["a Worker", "forbidden", "none"])
def test_of_what_is_asked_meanwhile_the_newest_is_answered(show, stored_page, head, place):
    page = show(text=stored_page(Slow()).replace("<head>", f"<head>{head}"))
    busy = "(button) => { button.click(); return button.closest('.coursekit-figure').getAttribute('aria-busy'); }"
    assert page.get_by_role("button", name="three").evaluate(busy) == "true"
    assert readouts(page) == ["1²=1 3²=9", place]
    page.get_by_role("button", name="dropped").click()
    assert readouts(page)[0] == "1²=1 3²=9 6²=36"
    assert page.locator(".coursekit-figure").get_attribute("aria-busy") == "false"
    assert page.problems == [] or head == POLICY  # the browser reports what it forbids


@pytest.mark.parametrize("head", ["", NO_WORKER], ids=["a Worker", "none"])
def test_an_error_is_reported_and_the_work_goes_on(show, stored_page, head):
    page = show(text=stored_page(Slow()).replace("<head>", f"<head>{head}"))
    page.get_by_role("button", name="fails").click()
    assert readouts(page)[0] == "7²=49"
    assert len(page.problems) == 1 and "n must not be negative" in page.problems[0]
