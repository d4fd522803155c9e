// The colours of the page as charts need them; tells when the page turns light or dark.

const NAMES = ["draft", "target", "judge", "ok", "fix", "wait", "ink", "mut", "line", "panel"];

export function colours(element) {
  const style = getComputedStyle(element);
  return Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--ll-${name}`).trim()]));
}

export function onThemeChange(callback) {
  const observer = new MutationObserver(callback);
  observer.observe(document.body, { attributes: true, attributeFilter: ["class"] });
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ["class"] });
}
