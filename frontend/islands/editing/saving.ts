/**
 * The bookkeeping of saving in the agent's editor.
 *
 * Saving itself is htmx's: each section is a form that posts itself after a change. This adds which knobs were touched, so that a
 * save changes those and nothing else; it says what is not saved and why, and tries again by itself where the server was away or
 * somebody was signed out meanwhile. What was typed stays on the page all the while, and leaving with it asks first.
 */

import { ProblemError, signedOut, unreachable } from "../call/problem";
import { icon } from "../lib/dom";
import { element } from "../lib/element";

interface Sent {
  group: string;
  names: Set<string>;
  finished: Promise<void>;
  tell: (error: unknown) => void;
}

/** A save that takes longer says that it is going on. */
const SLOW_MS = 400;
/** How long to wait before each further attempt; the last one repeats. */
const RETRY_MS = [2_000, 4_000, 8_000, 15_000, 30_000];

export class Saving {
  private readonly touched = new Map<string, Set<string>>();
  private readonly onTheWay = new Map<XMLHttpRequest, Sent>();
  private readonly resets = new WeakMap<XMLHttpRequest, { group: string; name: string }>();
  private readonly stopping = new AbortController();
  private attempts = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private slow: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly editor: HTMLElement) {
    const { signal } = this.stopping;
    editor.addEventListener("input", (event) => this.touch(event.target as HTMLElement), { signal });
    document.addEventListener("htmx:configRequest", (event) => this.describe(event as CustomEvent<ConfigRequest>), { signal });
    editor.addEventListener("htmx:beforeSend", (event) => this.sending((event as CustomEvent<Request>).detail), { signal });
    editor.addEventListener("htmx:afterRequest", (event) => this.sent((event as CustomEvent<Request>).detail), { signal });
    // The words about a failed save stand in the head of the page and stay; nobody needs them in the corner as well.
    for (const name of ["htmx:sendError", "htmx:responseError"]) {
      editor.addEventListener(name, (event) => this.groupOf((event as CustomEvent<Request>).detail.elt) && event.preventDefault(), { signal });
    }
    document.addEventListener("htmx:confirm", (event) => this.saveFirst(event as CustomEvent<Confirm>), { signal });
    document.addEventListener("click", (event) => (event.target as Element).closest("[data-save-again]") && this.again(), { signal });
    for (const name of ["online", "focus"]) addEventListener(name, () => this.isWaiting() && this.again(), { signal });
    addEventListener("beforeunload", (event) => this.hasUnsaved() && event.preventDefault(), { signal });
  }

  stop(): void {
    this.stopping.abort();
    clearTimeout(this.timer);
    clearTimeout(this.slow);
  }

  /** Saves what is still to be saved and waits for it. Throws what kept it from being saved. */
  async settle(): Promise<void> {
    this.submit();
    while (this.onTheWay.size > 0) await Promise.all([...this.onTheWay.values()].map((sent) => sent.finished));
  }

  /** What was typed is to be left. */
  forget(): void {
    this.touched.clear();
    for (const state of this.editor.querySelectorAll("[data-invalid]")) state.removeAttribute("data-invalid");
  }

  private hasUnsaved(): boolean {
    return this.due().length > 0 || this.editor.querySelector("[data-invalid]") !== null;
  }

  private due(): string[] {
    return [...this.touched].filter(([, names]) => names.size > 0).map(([group]) => group);
  }

  private groupOf(form: HTMLElement): string {
    return form.dataset["sectionForm"] ?? "";
  }

  private touch(control: HTMLElement): void {
    const group = control.closest<HTMLElement>("[data-section]")?.dataset["section"];
    const knob = control.closest<HTMLElement>("[data-knob]")?.dataset["knob"];
    if (group && knob) this.touched.set(group, (this.touched.get(group) ?? new Set()).add(knob));
  }

  private submit(): void {
    for (const group of this.due()) this.editor.querySelector<HTMLFormElement>(`form[data-section-form="${group}"]`)?.requestSubmit();
  }

  // --- a request on its way

  /** Which knobs a save is about, and how many stay unsaved beside them, so that the answer tells the whole. */
  private describe({ detail: { elt, parameters } }: CustomEvent<ConfigRequest>): void {
    const group = this.groupOf(elt);
    if (group) parameters["touched"] = [...(this.touched.get(group) ?? [])].join(" ");
    const own = elt.closest("[data-knob]") ?? elt.closest("[data-section]");
    if (own || elt.matches("[data-saves-first]")) {
      parameters["wrong"] = String([...this.editor.querySelectorAll("[data-invalid]")].filter((each) => !own?.contains(each)).length);
    }
  }

  private sending({ xhr, elt }: Request): void {
    const knob = elt.closest<HTMLElement>("[data-knob]");
    const section = elt.closest<HTMLElement>("[data-section]");
    if (knob && section) this.resets.set(xhr, { group: section.dataset["section"] ?? "", name: knob.dataset["knob"] ?? "" });
    const group = this.groupOf(elt);
    if (!group) return;
    let tell: Sent["tell"] = () => undefined;
    const finished = new Promise<void>((resolve, reject) => (tell = (error) => (error ? reject(error) : resolve())));
    finished.catch(() => undefined); // whoever waits is told; most saves nobody waits for
    this.onTheWay.set(xhr, { group, names: this.touched.get(group) ?? new Set(), finished, tell });
    this.touched.delete(group);
    clearTimeout(this.timer);
    this.slow ??= setTimeout(() => this.say("Saving …"), SLOW_MS);
  }

  private sent({ xhr }: Request): void {
    const isDone = xhr.status >= 200 && xhr.status < 300;
    const reset = this.resets.get(xhr);
    if (reset && isDone) this.touched.get(reset.group)?.delete(reset.name);
    const sent = this.onTheWay.get(xhr);
    if (!sent) return;
    this.onTheWay.delete(xhr);
    clearTimeout(this.slow);
    this.slow = undefined;
    if (isDone) {
      this.attempts = 0;
      sent.tell(null);
      return;
    }
    this.touched.set(sent.group, new Set([...sent.names, ...(this.touched.get(sent.group) ?? [])]));
    sent.tell(this.fault(xhr, sent.group));
  }

  /** Says in the head of the page why something is not saved, and sees to the next attempt where one may help. */
  private fault(xhr: XMLHttpRequest, group: string): Error {
    switch (xhr.status) {
      case 0:
        this.waitAnd("Not saved: the server can't be reached. It is tried again by itself.");
        return new ProblemError(unreachable("the draft was not saved"));
      case 401:
        this.say("Not saved: you were signed out. It is saved when you come back.", this.signIn());
        return new ProblemError(signedOut());
      case 409:
      case 422:
        break; // the server's own words are on the page
      case 404:
        this.say("Not saved: this agent is no longer there.");
        break;
      default:
        if (xhr.status >= 500) this.waitAnd("Not saved: the server failed at it. It is tried again by itself.");
        else this.say(`Not saved. ${isPlain(xhr) ? xhr.responseText : "Reload the page and try again."}`);
    }
    return new Error(`${group} was not saved: HTTP ${xhr.status}`);
  }

  private isWaiting(): boolean {
    return document.querySelector("#save-status [data-unsaved]") !== null && this.onTheWay.size === 0;
  }

  private again(): void {
    clearTimeout(this.timer);
    this.submit();
  }

  private waitAnd(words: string): void {
    const wait = RETRY_MS[Math.min(this.attempts++, RETRY_MS.length - 1)];
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.again(), wait);
    this.say(words, element("button", { type: "button", class: "btn-link-inline", "data-save-again": true }, "Try now"));
  }

  /** Something else, such as publishing, asks for the draft as it stands on the page. */
  private saveFirst(event: CustomEvent<Confirm>): void {
    if (!event.detail.elt.matches("[data-saves-first]") || (this.due().length === 0 && this.onTheWay.size === 0)) return;
    event.preventDefault();
    // Where a save fails the page says so, and what is asked for says what it goes without.
    void this.settle().catch(() => undefined).then(() => event.detail.issueRequest(true));
  }

  // --- what is shown

  private say(words: string, ...actions: HTMLElement[]): void {
    const status = document.getElementById("save-status");
    const isFault = words.startsWith("Not saved");
    status?.querySelector("[data-unsaved], [data-saving]")?.remove();
    status?.prepend(
      isFault
        ? element("span", { class: "knob-error mt-0", "data-unsaved": true }, icon("alert-circle"), ` ${words} `, ...actions)
        : element("span", { "data-saving": true }, words),
    );
  }

  private signIn(): HTMLElement {
    return element("a", { class: "btn-link-inline", href: this.editor.dataset["signInUrl"], target: "_blank" }, "Sign in in a new tab");
  }
}

interface Request {
  xhr: XMLHttpRequest;
  elt: HTMLElement;
}

interface ConfigRequest {
  elt: HTMLElement;
  parameters: Record<string, unknown>;
}

interface Confirm {
  elt: HTMLElement;
  issueRequest: (isConfirmed: boolean) => void;
}

function isPlain(xhr: XMLHttpRequest): boolean {
  return (xhr.getResponseHeader("Content-Type") ?? "").startsWith("text/plain");
}
