export type Child = Node | string;

/** An element with attributes (a `text` is its content) and children. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string>> = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

export function svg(tag: string, attributes: Readonly<Record<string, string>> = {}, ...children: Child[]): SVGElement {
  const made = document.createElementNS('http://www.w3.org/2000/svg', tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Only what is different touches the document. */
export function setText(node: Element, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

/** Undefined takes the attribute away. */
export function setAttribute(node: Element, name: string, value: string | undefined): void {
  if (value === undefined) {
    if (node.hasAttribute(name)) node.removeAttribute(name);
  } else if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

export function show(node: HTMLElement, shown: boolean): void {
  if (node.hidden === shown) node.hidden = !shown;
}

export function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no ${id}`);
  return found;
}

/** One part of a list, kept as long as its key is there. */
export interface Part<T> {
  readonly root: HTMLElement;
  update(value: T): void;
}

/** The children of `parent`, one for each value by its key: none is made anew, and only those move that have to. */
export class Keyed<T, P extends Part<T> = Part<T>> {
  readonly #parent: Element;
  readonly #make: (value: T) => P;
  readonly #parts = new Map<string, P>();

  constructor(parent: Element, make: (value: T) => P) {
    this.#parent = parent;
    this.#make = make;
  }

  update(values: readonly T[], keyOf: (value: T) => string): void {
    const keys = new Set(values.map(keyOf));
    for (const [key, { root }] of this.#parts) {
      if (keys.has(key)) continue;
      root.remove();
      this.#parts.delete(key);
    }
    let next = this.#parent.firstElementChild;
    for (const value of values) {
      const key = keyOf(value);
      let part = this.#parts.get(key);
      if (part === undefined) {
        part = this.#make(value);
        this.#parts.set(key, part);
      }
      if (part.root === next) next = next.nextElementSibling;
      else this.#parent.insertBefore(part.root, next);
      part.update(value);
    }
  }

  get parts(): Iterable<P> {
    return this.#parts.values();
  }
}
