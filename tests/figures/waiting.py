"""Waiting for a figure by what the browser does, not by the clock: on a busy machine all of it is slow alike."""

_REDRAWN = """async (frames) => {
    const busy = '.coursekit-figure[aria-busy="true"]';
    for (let calm = 0, i = 0; calm < frames; i++) {
        if (i > 3600) throw new Error('a figure is busy without end');
        await new Promise(requestAnimationFrame);
        calm = document.querySelector(busy) ? 0 : calm + 1;
    }
}"""


def redrawn(page, frames=2):
    """The page, when its figures have drawn what changed: some frames in a row with no Worker at work."""
    page.evaluate(_REDRAWN, frames)
    return page


def until(page, holds, frames=2000):
    """The page, when ``holds()``, asked in every other frame: for what runs over many of them."""
    for _ in range(frames // 2):
        if holds():
            return redrawn(page)
        redrawn(page)
    raise AssertionError(f"not within {frames} frames")


def spoken(page, text):
    """What the live region says once it says ``text``: it speaks when the hand is still."""
    page.get_by_role("status").filter(has_text=text).wait_for(state="attached")
    return page.get_by_role("status").inner_text()


def place(page, locator):
    """Where ``locator`` stands, {x, y, width, height}: what a figure draws anew may be gone while it is measured."""
    boxes = []
    until(page, lambda: boxes.append(locator.bounding_box()) or boxes[-1])
    return boxes[-1]
