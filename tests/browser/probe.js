// What a page looks like from inside a browser: its widths, and text that is too faint on its background (WCAG 2.1 AA).
// Evaluated by tests/board/browser.rs through the DevTools protocol; the script of the pages knows nothing of it.
(() => {
  const rgb = (text) => (text.match(/[\d.]+/g) || []).map(Number);
  const luminance = ([r, g, b]) => {
    const linear = [r, g, b].map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
  };
  const background = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = rgb(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour.slice(0, 3);
    }
    return [255, 255, 255];
  };
  const faint = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  let texts = 0;
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || ["title", "desc", "script", "noscript", "option"].includes(element.localName)) continue;
    texts += 1;
    const style = getComputedStyle(element);
    const ink = rgb(element instanceof SVGElement ? style.fill : style.color);
    const pair = [luminance(ink), luminance(background(element))].sort((a, b) => b - a);
    const ratio = (pair[0] + 0.05) / (pair[1] + 0.05);
    const size = parseFloat(style.fontSize);
    const large = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (large ? 3 : 4.5)) faint.push(`${ratio.toFixed(2)}: ${walker.currentNode.data.trim().slice(0, 40)}`);
  }
  const root = document.documentElement;
  const wide = [...document.querySelectorAll("body *")]
    .filter((element) => !element.closest(".scroll, pre, .unseen, .skip, thead, script, noscript"))
    .filter((element) => element.getBoundingClientRect().right > root.clientWidth + 1)
    .map((element) => `${element.localName}.${element.getAttribute("class")}`);
  return JSON.stringify({
    scroll_width: root.scrollWidth, client_width: root.clientWidth, height: root.scrollHeight,
    background: getComputedStyle(document.body).backgroundColor, texts, faint, wide: wide.slice(0, 5),
  });
})()
