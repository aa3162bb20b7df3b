/** The agent's editor: one section at a time, a search over all knobs, knobs that depend on others, and the bookkeeping of saving.
 *
 * Saving itself is htmx's: each section is a form that posts itself after a change. This adds which knobs were touched, so that a
 * save changes those and nothing else, marks wrong controls as such, and asks before leaving with something unsaved.
 */

import { closeDialog } from "./lib/dialog";

type Touched = Map<string, Set<string>>;

/** Where one goes on in a knob: at its first mistake, else at its first control. */
function controlOf(knob: Element): HTMLElement | null {
  return knob.querySelector<HTMLElement>("[aria-invalid=true]") ?? knob.querySelector<HTMLElement>("input:not([type=hidden]):not([type=range]), select, textarea, button");
}

export default function mount(editor: HTMLElement): () => void {
  const touched: Touched = new Map();
  const sent = new WeakMap<XMLHttpRequest, { group: string; names: Set<string> }>();

  // --- sections
  const links = [...editor.querySelectorAll<HTMLAnchorElement>("[data-section-link]")];
  const sections = (): HTMLElement[] => [...editor.querySelectorAll<HTMLElement>("[data-section]")];

  function showSection(name: string): void {
    for (const section of sections()) section.hidden = section.dataset["section"] !== name;
    for (const link of links) {
      const isHere = link.dataset["sectionLink"] === name;
      link.classList.toggle("active", isHere);
      if (isHere) link.setAttribute("aria-current", "true");
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
      goTo(`#${editor.querySelector("[data-invalid]")?.id.replace(/^state-/, "knob-")}`);
    } else if ((event.target as Element).closest("[data-load-theirs]")) {
      touched.clear();
      for (const state of editor.querySelectorAll("[data-invalid]")) state.removeAttribute("data-invalid");
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

  // --- knobs that are of use only while another has a certain value
  function valueOf(scope: HTMLElement, suffix: string): string {
    const controls = [...scope.querySelectorAll<HTMLInputElement>(`[name$="-${suffix}"]`)].filter((each) => each.type !== "hidden");
    const control = controls.find((each) => each.type === "radio" && each.checked) ?? controls[0];
    if (!control) return "";
    return control.type === "checkbox" ? String(control.checked) : control.value;
  }

  function showDependents(): void {
    for (const element of editor.querySelectorAll<HTMLElement>("[data-depends]")) {
      const [word, other, wanted] = /^(\w+):(\w+)=(.*)$/.exec(element.dataset["depends"] ?? "")?.slice(1) ?? [];
      const scope = element.closest<HTMLElement>("[data-row]") ?? element.closest<HTMLElement>("[data-section]");
      if (!scope || !other || element.closest("template")) continue;
      const isMet = (valueOf(scope, other) === wanted) === (word === "when");
      element.classList.toggle("knob-idle", !isMet && !element.querySelector("[data-invalid]"));
    }
  }

  // --- what was touched, and what of it is saved
  editor.addEventListener("input", (event) => {
    const target = event.target as HTMLElement;
    const section = target.closest<HTMLElement>("[data-section]");
    const knob = target.closest<HTMLElement>("[data-knob]");
    showDependents();
    if (!section || !knob) return;
    const group = section.dataset["section"] ?? "";
    touched.set(group, (touched.get(group) ?? new Set()).add(knob.dataset["knob"] ?? ""));
    editor.dispatchEvent(new CustomEvent("parley:unsaved", { bubbles: true }));
  });

  editor.addEventListener("htmx:configRequest", (event) => {
    const { parameters, elt } = (event as CustomEvent<{ parameters: FormData | Record<string, unknown>; elt: HTMLElement }>).detail;
    const group = elt.matches("form[data-section-form]") ? (elt.dataset["sectionForm"] ?? "") : "";
    if (!group) return;
    (parameters as Record<string, unknown>)["touched"] = [...(touched.get(group) ?? [])].join(" ");
  });

  editor.addEventListener("htmx:beforeSend", (event) => {
    const { xhr, elt } = (event as CustomEvent<{ xhr: XMLHttpRequest; elt: HTMLElement }>).detail;
    const group = elt.dataset["sectionForm"];
    if (!group) return;
    sent.set(xhr, { group, names: touched.get(group) ?? new Set() });
    touched.delete(group);
  });

  editor.addEventListener("htmx:afterRequest", (event) => {
    const { xhr } = (event as CustomEvent<{ xhr: XMLHttpRequest }>).detail;
    const request = sent.get(xhr);
    if (!request || (xhr.status >= 200 && xhr.status < 300)) return;
    touched.set(request.group, new Set([...request.names, ...(touched.get(request.group) ?? [])]));
  });

  // --- the talk panel calls with what was typed last, so it waits for the saves that are due and on their way
  const onTheWay = new Map<XMLHttpRequest, { group: string; told: Array<(wasSaved: boolean) => void> }>();
  editor.addEventListener("htmx:beforeSend", (event) => {
    const { xhr, elt } = (event as CustomEvent<{ xhr: XMLHttpRequest; elt: HTMLElement }>).detail;
    const group = elt.dataset["sectionForm"];
    if (group) onTheWay.set(xhr, { group, told: [] });
  });
  editor.addEventListener("htmx:afterRequest", (event) => {
    const { xhr, successful } = (event as CustomEvent<{ xhr: XMLHttpRequest; successful: boolean }>).detail;
    for (const tell of onTheWay.get(xhr)?.told ?? []) tell(successful);
    onTheWay.delete(xhr);
  });

  function save(form: HTMLFormElement): Promise<void> {
    return new Promise((resolve, reject) => {
      const done = (event: Event): void => {
        const { elt, successful } = (event as CustomEvent<{ elt: HTMLElement; successful: boolean }>).detail;
        if (elt !== form) return;
        form.removeEventListener("htmx:afterRequest", done);
        if (successful) resolve();
        else reject(new Error(`${form.dataset["sectionForm"]} was not saved`));
      };
      form.addEventListener("htmx:afterRequest", done);
      form.requestSubmit();
    });
  }

  const onTalk = (event: Event): void => {
    const { waitUntil } = (event as CustomEvent<{ waitUntil: (saved: Promise<void>) => void }>).detail;
    for (const { group, told } of onTheWay.values()) {
      waitUntil(new Promise((resolve, reject) => told.push((wasSaved) => (wasSaved ? resolve() : reject(new Error(`${group} was not saved`))))));
    }
    for (const [group, names] of touched) {
      const form = editor.querySelector<HTMLFormElement>(`form[data-section-form="${group}"]`);
      if (form && names.size > 0) waitUntil(save(form));
    }
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
    const wrong = new Set((editor.querySelector<HTMLElement>("[data-wrong]")?.dataset["wrong"] ?? "").split(" ").filter(Boolean));
    for (const control of editor.querySelectorAll<HTMLElement>("[data-row] [name]")) {
      const isWrong = wrong.has(control.getAttribute("name") ?? "");
      control.classList.toggle("is-invalid", isWrong);
      if (isWrong) control.setAttribute("aria-invalid", "true");
      else control.removeAttribute("aria-invalid");
    }
    showDependents();
  }
  // --- a section that comes back after a reset stands as it stood: open where it was open, the focus at the knob that was reset
  let back: { knob: string; wasOpen: boolean } | null = null;
  editor.addEventListener("htmx:beforeSwap", (event) => {
    const { target, requestConfig } = (event as CustomEvent<{ target: HTMLElement; requestConfig: { parameters: Record<string, unknown> } }>).detail;
    const name = requestConfig.parameters["knob"];
    if (!target.matches("[data-section]") || !name) return;
    back = { knob: `knob-${target.dataset["section"]}-${String(name)}`, wasOpen: target.querySelector("details.expert-settings[open]") !== null };
  });

  function putBack(): void {
    const knob = back && document.getElementById(back.knob);
    if (!back || !knob) return;
    if (back.wasOpen) knob.closest("[data-section]")?.querySelector("details.expert-settings")?.setAttribute("open", "");
    back = null;
    if (search?.value) find();
    controlOf(knob)?.focus({ preventScroll: true });
  }

  const onSettle = (): void => {
    markWrong();
    putBack();
  };
  document.body.addEventListener("htmx:afterSettle", onSettle);

  const onLeave = (event: BeforeUnloadEvent): void => {
    const isUnsaved = [...touched.values()].some((names) => names.size > 0) || editor.querySelector("[data-invalid]") !== null;
    if (isUnsaved) event.preventDefault();
  };
  addEventListener("beforeunload", onLeave);

  showDependents();
  if (search?.value) find(); // typed before this was here
  goTo(location.hash);
  return () => {
    removeEventListener("hashchange", onHash);
    document.removeEventListener("click", onGo);
    document.removeEventListener("parley:before-talk", onTalk);
    removeEventListener("beforeunload", onLeave);
    document.body.removeEventListener("htmx:afterSettle", onSettle);
  };
}
