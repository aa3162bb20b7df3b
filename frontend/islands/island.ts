/** Islands: `<div data-island="copy">` is brought to life by `islands/copy.ts`, whose default export gets the element.
 *
 * A file is fetched only where its island is on the page, also for parts that htmx swaps in later. An element may name several,
 * separated by spaces. What `mount` returns is called when the element leaves the page.
 */

export type Mount = (element: HTMLElement) => void | (() => void);

const files = import.meta.glob<{ default: Mount }>(["./*.ts", "!./site.ts", "!./island.ts", "!./*.test.ts"]);
const mounted = new WeakMap<Element, Set<string>>();
const leaving = new Map<Element, Array<() => void>>();

async function mount(element: HTMLElement, name: string): Promise<void> {
  const already = mounted.get(element) ?? new Set<string>();
  if (already.has(name)) return;
  already.add(name);
  mounted.set(element, already);
  const file = files[`./${name}.ts`];
  if (!file) throw new Error(`No island is called “${name}”.`);
  const unmount = (await file()).default(element);
  element.dataset["live"] = [...(element.dataset["live"]?.split(" ") ?? []), name].join(" ");
  if (unmount) leaving.set(element, [...(leaving.get(element) ?? []), unmount]);
}

export function mountIslands(root: ParentNode & Node): void {
  const found = [...root.querySelectorAll<HTMLElement>("[data-island]")];
  if (root instanceof HTMLElement && root.dataset["island"]) found.unshift(root);
  for (const element of found) {
    for (const name of (element.dataset["island"] ?? "").split(/\s+/).filter(Boolean)) void mount(element, name);
  }
}

/** Mounts what is on the page and what comes later; unmounts what leaves. */
export function watchIslands(): void {
  mountIslands(document.body);
  new MutationObserver((changes) => {
    for (const change of changes) {
      for (const node of change.addedNodes) if (node instanceof HTMLElement) mountIslands(node);
    }
    for (const [element, unmounts] of leaving) {
      if (element.isConnected) continue;
      leaving.delete(element);
      mounted.delete(element);
      for (const unmount of unmounts) unmount();
    }
  }).observe(document.body, { childList: true, subtree: true });
}
