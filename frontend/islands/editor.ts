/** The agent's editor: one section at a time, a search over all knobs, and knobs that depend on others.
 *
 * It marks wrong controls as such. What is saved when, and what isn't, is `editing/saving.ts`.
 */

import { Saving } from "./editing/saving";
import { showDependents as showDependentsOf } from "./lib/depends";
import { closeDialog } from "./lib/dialog";

/** Where one goes on in a knob: at its first mistake, else at its first control. */
function controlOf(knob: Element): HTMLElement | null {
  return knob.querySelector<HTMLElement>("[aria-invalid=true]") ?? knob.querySelector<HTMLElement>("input:not([type=hidden]):not([type=range]), select, textarea, button");
}

export default function mount(editor: HTMLElement): () => void {
  // --- sections
  const links = [...editor.querySelectorAll<HTMLAnchorElement>("[data-section-link]")];
  const sections = (): HTMLElement[] => [...editor.querySelectorAll<HTMLElement>("[data-section]")];

  function showSection(name: string): void {
    for (const section of sections()) section.hidden = section.dataset["section"] !== name;
    for (const link of links) {
      const isHere = link.dataset["sectionLink"] === name;
      link.classList.toggle("active", isHere);
      if (isHere) link.setAttribute("aria-current", "true");
      if (isHere) link.parentElement?.parentElement?.scrollTo({ left: link.offsetLeft - 16 }); // on a phone they are one line
      else link.removeAttribute("aria-current");
    }
    editor.dataset["current"] = name;
  }

  for (const link of links) {
    link.addEventListener("click", (event) => {
      event.preventDefault();
      clearSearch();
      showSection(link.dataset["sectionLink"] ?? "");
      history.replaceState(null, "", link.href);
    });
  }

  /** "#knob-sounds-voice": to the section, the knob, its control. */
  function goTo(hash: string): void {
    if (!hash.startsWith("#knob-")) return;
    const knob = document.getElementById(hash.slice(1));
    const section = knob?.closest<HTMLElement>("[data-section]");
    if (!knob || !section) return;
    clearSearch();
    showSection(section.dataset["section"] ?? "");
    knob.closest("details")?.setAttribute("open", "");
    knob.scrollIntoView({ block: "center" });
    controlOf(knob)?.focus({ preventScroll: true });
    knob.classList.add("knob-found");
    setTimeout(() => knob.classList.remove("knob-found"), 2_000);
  }
  const onHash = (): void => goTo(location.hash);
  addEventListener("hashchange", onHash);

  const onGo = (event: MouseEvent): void => {
    const link = (event.target as Element).closest<HTMLAnchorElement>("[data-go]");
    if (link) {
      event.preventDefault();
      closeDialog(link, () => goTo(link.dataset["go"] ?? ""));
    } else if ((event.target as Element).closest("[data-go-wrong]")) {
      const wrong = `#${editor.querySelector("[data-invalid]")?.id.replace(/^state-/, "knob-")}`;
      if ((event.target as Element).closest("dialog")) closeDialog(event.target as Element, () => goTo(wrong));
      else goTo(wrong);
    } else if ((event.target as Element).closest("[data-load-theirs]")) {
      saving.forget();
      location.reload();
    }
  };
  document.addEventListener("click", onGo);

  // --- search
  const search = editor.querySelector<HTMLInputElement>("[data-search]");
  const nothing = editor.querySelector<HTMLElement>("[data-search-nothing]");

  function find(): void {
    const words = (search?.value ?? "").toLowerCase().split(/\s+/).filter(Boolean);
    editor.classList.toggle("is-searching", words.length > 0);
    if (words.length === 0) {
      for (const knob of editor.querySelectorAll<HTMLElement>("[data-knob]")) knob.classList.remove("knob-unfound");
      if (nothing) nothing.hidden = true;
      showSection(editor.dataset["current"] ?? "says");
      return;
    }
    let found = 0;
    for (const section of sections()) {
      let here = 0;
      for (const knob of section.querySelectorAll<HTMLElement>("[data-knob]")) {
        const isFound = words.every((word) => knob.dataset["words"]?.includes(word));
        knob.classList.toggle("knob-unfound", !isFound);
        if (isFound) here += 1;
        if (isFound) knob.closest("details")?.setAttribute("open", "");
      }
      section.hidden = here === 0;
      found += here;
    }
    if (nothing) nothing.hidden = found > 0;
  }

  function clearSearch(): void {
    if (!search?.value) return;
    search.value = "";
    find();
  }
  search?.addEventListener("input", find);

  const showDependents = (): void => showDependentsOf(editor);

  // --- saving
  const saving = new Saving(editor);
  editor.addEventListener("input", showDependents);

  /** The talk panel calls with what was typed last, so it waits for the saves that are due and on their way. */
  const onTalk = (event: Event): void => {
    (event as CustomEvent<{ waitUntil: (saved: Promise<void>) => void }>).detail.waitUntil(saving.settle());
  };
  document.addEventListener("parley:before-talk", onTalk);

  // --- wrong controls, for screen readers and eyes
  function markWrong(): void {
    for (const state of editor.querySelectorAll<HTMLElement>("[data-state-of]")) {
      const control = document.getElementById(state.dataset["stateOf"] ?? "");
      const isWrong = "invalid" in state.dataset;
      control?.classList.toggle("is-invalid", isWrong && !control.matches("button"));
      if (isWrong) control?.setAttribute("aria-invalid", "true");
      else control?.removeAttribute("aria-invalid");
    }
    const wrong = new Set([...editor.querySelectorAll<HTMLElement>("[data-wrong]")].flatMap((each) => each.dataset["wrong"]?.split(" ") ?? []));
    for (const control of editor.querySelectorAll<HTMLElement>("[data-row] [name]")) {
      const isWrong = wrong.has(control.getAttribute("name") ?? "");
      control.classList.toggle("is-invalid", isWrong);
      if (isWrong) control.setAttribute("aria-invalid", "true");
      else control.removeAttribute("aria-invalid");
    }
    showDependents();
  }
  // --- a knob that comes back after a reset is where one goes on
  let back = "";
  editor.addEventListener("htmx:beforeSwap", (event) => {
    const { target } = (event as CustomEvent<{ target: HTMLElement }>).detail;
    if (target.matches("[data-knob]")) back = target.id;
  });

  function putBack(): void {
    const knob = document.getElementById(back);
    if (!knob) return;
    back = "";
    if (search?.value) find();
    controlOf(knob)?.focus({ preventScroll: true });
  }

  const onSettle = (): void => {
    markWrong();
    putBack();
  };
  document.body.addEventListener("htmx:afterSettle", onSettle);

  showSection(editor.dataset["current"] ?? "");
  showDependents();
  if (search?.value) find(); // typed before this was here
  goTo(location.hash);
  return () => {
    removeEventListener("hashchange", onHash);
    document.removeEventListener("click", onGo);
    document.removeEventListener("parley:before-talk", onTalk);
    saving.stop();
    document.body.removeEventListener("htmx:afterSettle", onSettle);
  };
}
