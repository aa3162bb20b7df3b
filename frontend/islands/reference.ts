/** The API reference's search: shows only the entries that have all the words, as they are typed. Without it the form asks the server,
 * which hides the same ones. It also keeps the language of all examples the same. */

import { part } from "./lib/element";

export default function mount(root: HTMLElement): () => void {
  const query = root.querySelector<HTMLInputElement>("input[type=search]")!;
  const found = part(root, "found");
  const articles = [...root.querySelectorAll<HTMLElement>("[data-words]")];

  function filter(): void {
    const words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const article of articles) {
      const text = article.dataset["words"] ?? "";
      article.hidden = !words.every((word) => text.includes(word));
      if (!article.hidden) count += 1;
      for (const entry of root.querySelectorAll<HTMLElement>(`[data-entry="${article.id}"]`)) entry.hidden = article.hidden;
    }
    part(root, "start").hidden = words.length > 0;
    part(root, "nothing").hidden = count > 0;
    const text = count === 1 ? root.dataset["foundOne"] : root.dataset["found"]?.replace("%n", String(count));
    found.textContent = words.length ? (text ?? "") : "";
    root.querySelector<HTMLElement>('[data-part="all"]')?.toggleAttribute("hidden", !words.length);
  }

  function typed(): void {
    filter();
    const address = new URL(location.href);
    if (query.value.trim()) address.searchParams.set("q", query.value.trim());
    else address.searchParams.delete("q");
    history.replaceState(history.state, "", address);
  }

  /** A link to what the search has hidden shows everything again. */
  function reveal(): void {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (!target || !root.contains(target) || !target.closest("[hidden]")) return;
    query.value = "";
    typed();
    target.scrollIntoView();
  }

  query.addEventListener("input", typed);
  root.addEventListener("submit", (event) => {
    event.preventDefault();
    typed();
  });
  root.addEventListener("change", (event) => {
    const choice = event.target as HTMLInputElement;
    if (choice.type !== "radio") return;
    const before = choice.getBoundingClientRect().top;
    for (const other of root.querySelectorAll<HTMLInputElement>(`input[type=radio][value="${choice.value}"]`)) other.checked = true;
    // The examples above have another height now: what was clicked stays where it was.
    scrollBy(0, choice.getBoundingClientRect().top - before);
  });
  addEventListener("hashchange", reveal);
  reveal();
  return () => removeEventListener("hashchange", reveal);
}
