/** Elements without React, for the first script: what it draws must be there before any library is. */

type Child = Node | string | null;
type Attributes = Readonly<Record<string, string | boolean>>;

/** An element; an attribute that is `true` stands without a value, one that is `false` is left out. */
export function make<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Attributes = {},
  ...children: Child[]
): HTMLElementTagNameMap[K] {
  return filled(document.createElement(tag), attributes, children);
}

/** A drawing of paths, unseen by those who listen. */
export function drawing(viewBox: string, paths: readonly Attributes[], attributes: Attributes): SVGElement {
  const svg = (tag: string): SVGElement => document.createElementNS('http://www.w3.org/2000/svg', tag);
  const drawn = paths.map((path) => filled(svg('path'), path, []));
  return filled(svg('svg'), { viewBox, 'aria-hidden': 'true', ...attributes }, drawn);
}

function filled<E extends Element>(element: E, attributes: Attributes, children: readonly Child[]): E {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) element.setAttribute(name, value === true ? '' : value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}
