// Stage mode: the lanes, their clocks and the finish line alone, in large type, on the whole screen or, failing that, the whole window.

export class BigScreen {
  /** @param changed called when it is entered or left */
  constructor(root, changed) {
    this.root = root;
    this.changed = changed;
    this.on = false;
    this.full = false; // the browser gave the whole screen
    document.addEventListener("fullscreenchange", () => {
      if (this.full && document.fullscreenElement !== root) this.leave();
    });
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && this.on && !event.defaultPrevented && !document.querySelector("dialog[open]")) this.leave();
    });
  }

  toggle() {
    if (this.on) this.leave();
    else this.enter();
  }

  enter() {
    this.set(true);
    this.root.requestFullscreen?.().then(
      () => {
        this.full = true;
        if (!this.on) this.leave(); // left again while the browser was at it
      },
      () => {}, // refused, as in a frame that may not: the window is filled all the same
    );
  }

  leave() {
    this.set(false);
    this.full = false;
    if (document.fullscreenElement === this.root) document.exitFullscreen().catch(() => {}); // it was left meanwhile
  }

  set(on) {
    this.on = on;
    this.root.classList.toggle("big", on);
    document.documentElement.classList.toggle("ll-big", on);
    this.changed(on);
  }
}
