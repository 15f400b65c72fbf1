import { el } from './dom.ts';

/**
 * A table whose rows are stacked in a narrow window. Its parts say what they are: there it is not laid out as a table, and
 * browsers take it for none then. `body` takes the rows.
 */
export function stackTable(columns: readonly string[], label: string): { root: HTMLElement; body: HTMLElement } {
  const head = columns.map((one) => el('th', { scope: 'col', role: 'columnheader' }, one));
  const body = el('tbody', { role: 'rowgroup' });
  const root = el(
    'table',
    { class: 'stack', role: 'table', 'aria-label': label },
    el('thead', { role: 'rowgroup' }, el('tr', { role: 'row' }, ...head)),
    body,
  );
  return { root, body };
}

/** The first cell of a row, which names it. */
export function stackName(): HTMLElement {
  return el('th', { scope: 'row', role: 'rowheader' });
}

/** A cell; `label` stands before it where the heads of columns are not seen. */
export function stackCell(label: string, ...children: Node[]): HTMLElement {
  return el('td', { role: 'cell', 'data-label': label }, ...children);
}

export function stackRow(...cells: Node[]): HTMLElement {
  return el('tr', { role: 'row' }, ...cells);
}
