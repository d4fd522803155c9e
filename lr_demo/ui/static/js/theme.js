// The colours of the page as charts need them; tells when the page turns light or dark.

const NAMES = ["draft", "target", "judge", "ok", "fix", "wait", "ink", "mut", "line", "panel", "soft"];
const TEXTS = ["judge"]; // with a tone that can be read as text: `judgeText`

export function colours(element) {
  const style = getComputedStyle(element);
  const value = (name) => style.getPropertyValue(`--ll-${name}`).trim();
  return Object.fromEntries([...NAMES.map((name) => [name, value(name)]), ...TEXTS.map((name) => [`${name}Text`, value(`${name}-text`)])]);
}

export function onThemeChange(callback) {
  const observer = new MutationObserver(callback);
  observer.observe(document.body, { attributes: true, attributeFilter: ["class"] });
  observer.observe(document.documentElement, { attributes: true, attributeFilter: ["class"] });
}
