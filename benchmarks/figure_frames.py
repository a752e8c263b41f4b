"""The work that a frame of each live figure costs the page's main thread, and the frames a second that it reaches.

Every figure of the chapters, in the state that the notebooks store and with the code as it is now, in Chromium. Each
handle and slider takes a step in every frame, 60 frames to and fro, as a held arrow key does; what has Run then runs
for 60 frames; every other button is pressed once, and its answer awaited. A frame's work is the processor time of the
main thread from one frame to the next, from Chromium's trace: scripts, style, layout, painting. 60 frames a second
leave 16 ms for it. Printed are the control that costs most, Run, and the button that costs most. The frames a second
depend on what else the machine does.

Run: make bench BENCH=benchmarks/figure_frames.py
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.chromium import headless  # noqa: E402
from tools.stored_figures import shown, stored_figures  # noqa: E402

FRAMES = 60
TASK = "ThreadControllerImpl::RunTask"
CONTROLS = """() => {
    const figure = document.querySelector('.coursekit-figure');
    const seen = (element) => element.getBoundingClientRect().width > 0 && !element.disabled;
    const all = (selector) => [...figure.querySelectorAll(selector)].filter(seen);
    const runs = all('button').filter((button) => button.nextElementSibling?.textContent === 'One step');
    const moving = all('[role=slider], [role=application], input[type=range]');
    const others = all('button').filter((button) => !runs.includes(button));
    window.controls = { moving, runs, others };
    const name = (element) => element.getAttribute('aria-label')?.split(/[:,]/)[0] ?? element.textContent;
    return Object.fromEntries(Object.entries(window.controls).map(([kind, found]) => [kind, found.map(name)]));
}"""
DRIVE = """async ([kind, index, frames]) => {
    const control = window.controls[kind][index];
    let counted = 0;
    const frame = () => new Promise((done) => requestAnimationFrame(() => { counted++; done(); }));
    const busy = () => control.closest('.coursekit-figure').getAttribute('aria-busy') === 'true';
    const step = (forward) => {
        if (control.type === 'range') {
            control[forward ? 'stepUp' : 'stepDown']();
            control.dispatchEvent(new Event('input', { bubbles: true }));
        } else {
            const keys = [forward ? 'ArrowRight' : 'ArrowLeft'];
            if (control.matches('[role=application]')) keys.push(' ');
            for (const key of keys) control.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
        }
    };
    control.focus();
    for (let i = 0; i < 3 || busy(); i++) await frame();
    counted = 0;
    performance.mark('driven');
    const begun = performance.now();
    if (kind === 'moving') {
        for (let i = 0; i < frames; i++) { await frame(); step(i % 30 < 15); }
    } else {
        await frame();
        control.click();
        for (let i = 0; i < (kind === 'runs' ? frames : 4) || (kind === 'others' && busy()); i++) await frame();
    }
    const elapsed = (performance.now() - begun) / 1000;
    if (kind === 'runs' && control.textContent === 'Pause') control.click();
    return counted / elapsed;
}"""


def drive(browser, page, kind: str, index: int) -> tuple[list[float], float]:
    """Milliseconds of work in each frame, and frames a second, while a control is driven."""
    browser.start_tracing(page=page, categories=["toplevel", "devtools.timeline", "blink.user_timing"])
    rate = page.evaluate(DRIVE, [kind, index, FRAMES])
    events = json.loads(browser.stop_tracing())["traceEvents"]
    begun = next(event for event in events if event["name"] == "driven")
    events = [event for event in events if event["tid"] == begun["tid"] and event.get("ts", 0) > begun["ts"]]
    frames = sorted(event["ts"] for event in events if event["name"] == "FireAnimationFrame")
    work: list[float] = []
    for task in sorted(
        (event for event in events if event["name"] == TASK and "tdur" in event), key=lambda event: event["ts"]
    ):
        if any(task["ts"] <= frame <= task["ts"] + task["dur"] for frame in frames):
            work.append(0.0)
        if work:
            work[-1] += task["tdur"] / 1000
    return work, rate


def line(what: str, measured: list[tuple[str, list[float], float]], cost) -> None:
    """Print the control that costs most."""
    if measured:
        name, work, rate = max(measured, key=lambda entry: cost(entry[1]))
        high = sorted(work)[min(int(0.95 * len(work)), len(work) - 1)]
        label = f"{what}: {name}"[:44]
        print(f"  {label:44s} {statistics.median(work):8.1f} {high:8.1f} {max(work):8.1f} {rate:8.0f}", flush=True)


def main() -> None:
    """Print up to three lines for each figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="figures whose notebook's path or class contains this")
    parser.add_argument("--stored", action="store_true", help="the code as it is stored in the notebooks")
    options = parser.parse_args()
    print(f"  {'milliseconds of work in a frame':44s} {'median':>8s} {'95 %':>8s} {'longest':>8s} {'frames/s':>8s}")
    done = set()
    with headless() as browser:
        for figure in stored_figures(options.only):
            if figure.name in done:
                continue
            done.add(figure.name)
            print(figure.name)
            with shown(browser, figure if options.stored else figure.renewed()) as page:
                controls = page.evaluate(CONTROLS)

                def driven(kind, page=page, controls=controls):
                    return [(name, *drive(browser, page, kind, i)) for i, name in enumerate(controls[kind])]

                line("step", driven("moving"), statistics.median)
                line("run", driven("runs"), statistics.median)
                line("once", driven("others"), max)


if __name__ == "__main__":
    main()
