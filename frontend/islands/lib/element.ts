/** `element("p", { class: "muted" }, "words")`: text goes in as text, so nothing a caller says can become markup. */

type Child = Node | string | null | undefined | false;

export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  attributes: Record<string, string | boolean | undefined> = {},
  ...children: Child[]
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === false) continue;
    made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child): child is Node | string => Boolean(child)));
  return made;
}

/** The part of an island's own markup named by `data-part`. Missing markup is a bug, so it is said loudly. */
export function part<Type extends HTMLElement = HTMLElement>(root: HTMLElement, name: string): Type {
  const found = root.querySelector<Type>(`[data-part="${name}"]`);
  if (!found) throw new Error(`The markup has no part “${name}”.`);
  return found;
}
