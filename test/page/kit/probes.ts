/**
 * Asked of a page, as texts that run there: these tests are compiled without a browser's types. Each is an expression whose
 * value is JSON.
 */

/** Elements that are wider than the window, or whose text is cut; as words. */
export const CUT = `(() => {
  const said = (one) => one.tagName.toLowerCase() + '.' + one.className + ' ' + (one.textContent || '').trim().slice(0, 40);
  const bad = [];
  if (document.documentElement.scrollWidth > innerWidth) bad.push('the page scrolls sideways: ' + document.documentElement.scrollWidth);
  for (const one of document.querySelectorAll('body *')) {
    if (one.closest('.skip, svg, thead, [hidden], .scroll') || !one.checkVisibility()) continue;
    const { left, right, width } = one.getBoundingClientRect();
    if (width > 0 && (left < -1 || right > innerWidth + 1)) bad.push('beyond the window: ' + said(one));
    if (one.scrollWidth > one.clientWidth + 1 && one.clientWidth > 0 && getComputedStyle(one).display !== 'inline') bad.push('cut: ' + said(one));
  }
  return bad;
})()`;

/** Pairs of boxes of one kind that overlap; as words. */
export const OVERLAPS = `(() => {
  const bad = [];
  for (const kind of ['.node', '.panel, #detail', '#detail > *', 'td, th', 'button, input', '.lane', '.chart', '#list > li', '#job-list > li', '#job-list > li > *', '.checks > li > *', '.node > *', 'header > *']) {
    const boxes = [...document.querySelectorAll(kind)]
      .filter((one) => one.checkVisibility({ contentVisibilityAuto: true }) && !one.closest('thead') && one.getClientRects().length > 0)
      .map((one) => [one, one.getBoundingClientRect()])
      .filter(([, { width, height }]) => width > 0 && height > 0);
    boxes.forEach(([a, p], i) => {
      for (const [b, q] of boxes.slice(i + 1)) {
        if (a.contains(b) || b.contains(a)) continue;
        const wide = Math.min(p.right, q.right) - Math.max(p.left, q.left);
        const high = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top);
        if (wide > 1 && high > 1) bad.push(kind + ': ' + a.textContent.trim().slice(0, 30) + ' | ' + b.textContent.trim().slice(0, 30));
      }
    });
  }
  return bad;
})()`;

/** Texts with less contrast to what is behind them than WCAG 2 asks for (4.5 : 1); as words. */
export const FAINT = `(() => {
  const parse = (text) => {
    const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number);
    return { r, g, b, a };
  };
  const light = ({ r, g, b }) => {
    const [x, y, z] = [r, g, b].map((one) => (one / 255 <= 0.03928 ? one / 255 / 12.92 : ((one / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = (one) => {
    for (let at = one; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.a === 1) return colour;
    }
    return { r: 255, g: 255, b: 255 };
  };
  const bad = new Set();
  for (const one of document.querySelectorAll('body *')) {
    if (!one.checkVisibility() || one.closest('svg, .skip') || ![...one.childNodes].some((child) => child.nodeType === 3 && child.data.trim())) continue;
    const [a, b] = [light(parse(getComputedStyle(one).color)), light(behind(one))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) bad.add(ratio.toFixed(2) + ' ' + one.className + ' ' + one.textContent.trim().slice(0, 30));
  }
  return [...bad];
})()`;

/** What has the focus: its name for people, and whether one can see that it has it. */
export const FOCUSED = `(() => {
  const one = document.activeElement;
  const { outlineStyle, outlineWidth } = getComputedStyle(one);
  const name = one.getAttribute('aria-label') || one.labels?.[0]?.textContent || one.textContent || '';
  return { tag: one.tagName.toLowerCase(), name: name.trim(), seen: outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2 };
})()`;

/** Begins to count what changes in the list of volumes, and how long frames take. */
export const WATCH = `(() => {
  const seen = (window.seen = { added: 0, texts: 0, frames: [], long: [] });
  new MutationObserver((all) => {
    for (const one of all) {
      if (one.type === 'childList' && [...one.addedNodes, ...one.removedNodes].some((node) => node.nodeType === 1)) seen.added++;
      else seen.texts++;
    }
  }).observe(document.getElementById('list'), { childList: true, subtree: true, characterData: true });
  new PerformanceObserver((list) => seen.long.push(...list.getEntries().map((one) => one.duration))).observe({ type: 'longtask' });
  let last = performance.now();
  const list = document.getElementById('volumes');
  const frame = (now) => {
    seen.frames.push(now - last);
    last = now;
    list.scrollTop = (list.scrollTop + 12) % (list.scrollHeight - list.clientHeight);
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
  return true;
})()`;
