/** The words of a running call: interim ones greyed, final ones solid, what was not heard struck out. */

import { element } from "../lib/element";
import { spokenWait, type Latency, type Role, type TranscriptMessage } from "./call-messages";
import { waterfall } from "./waterfall";

interface Line {
  item: HTMLLIElement;
  words: HTMLElement;
  foot: HTMLElement;
  latency: Latency | null;
  isFinal: boolean;
}

export class LiveTranscript {
  private lines = new Map<number, Line>();

  constructor(
    private readonly list: HTMLOListElement,
    /** Read out by screen readers: whole turns only. */
    private readonly announcer: HTMLElement,
    private readonly names: Record<Role, string>,
  ) {}

  clear(): void {
    this.lines.clear();
    this.list.replaceChildren();
    this.announcer.replaceChildren();
  }

  show(turn: Pick<TranscriptMessage, "turn" | "role" | "text" | "is_final" | "was_cut" | "intended">): void {
    if (!turn.text.trim() && !turn.was_cut) {
      this.lines.get(turn.turn)?.item.remove(); // it was nothing after all
      this.lines.delete(turn.turn);
      return;
    }
    const stay = this.isAtEnd();
    const line = this.lines.get(turn.turn) ?? this.add(turn.turn, turn.role);
    line.item.classList.toggle("is-interim", !turn.is_final);
    line.words.replaceChildren(...wordsOf(turn));
    if (turn.is_final && !line.isFinal && turn.text.trim()) this.announcer.append(element("p", {}, `${this.names[turn.role]}: ${turn.text}`));
    line.isFinal = turn.is_final;
    if (stay) this.list.scrollTop = this.list.scrollHeight;
  }

  /** The caller spoke over this turn. Its heard words follow; until then it is marked. */
  cut(turn: number): void {
    this.lines.get(turn)?.item.classList.add("was-cut");
  }

  showLatency(turn: number, latency: Latency): void {
    const line = this.lines.get(turn) ?? this.add(turn, "agent");
    const stay = this.isAtEnd();
    line.latency = latency;
    const id = `wait-${turn}`;
    const detail = element("div", { id, class: "talk-wait", hidden: true }, waterfall(latency));
    const button = element(
      "button",
      { type: "button", class: "talk-wait-button", "aria-expanded": "false", "aria-controls": id, title: "What the wait was made of" },
      element("span", { class: "visually-hidden" }, "The answer was heard after "),
      spokenWait(latency.total_ms),
    );
    button.addEventListener("click", () => {
      detail.hidden = !detail.hidden;
      button.setAttribute("aria-expanded", String(!detail.hidden));
      if (!detail.hidden) detail.scrollIntoView({ block: "nearest" });
    });
    line.foot.replaceChildren(button, detail);
    if (stay) this.list.scrollTop = this.list.scrollHeight;
  }

  get isEmpty(): boolean {
    return this.lines.size === 0;
  }

  private add(turn: number, role: Role): Line {
    const words = element("span", { class: "talk-words", dir: "auto" });
    const foot = element("div", { class: "talk-foot" });
    const item = element("li", { class: `talk-line is-${role}` }, element("span", { class: "talk-who" }, this.names[role]), words, foot);
    const line: Line = { item, words, foot, latency: null, isFinal: false };
    this.lines.set(turn, line);
    const next = [...this.lines.keys()].filter((other) => other > turn).sort((a, b) => a - b)[0];
    this.list.insertBefore(item, next === undefined ? null : (this.lines.get(next)?.item ?? null));
    return line;
  }

  private isAtEnd(): boolean {
    return this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 48;
  }
}

function wordsOf(turn: Pick<TranscriptMessage, "text" | "was_cut" | "intended" | "is_final">): Node[] {
  const heard = document.createTextNode(turn.text || (turn.is_final ? "" : "…"));
  if (!turn.was_cut) return [heard];
  const hint = "Interrupted here. The rest was not heard.";
  const rest = unheard(turn.text, turn.intended ?? "");
  const after = rest
    ? element("del", { title: hint }, element("span", { class: "visually-hidden" }, "Not heard: "), rest)
    : element("abbr", { title: hint, class: "talk-cut" }, "…");
  return [heard, document.createTextNode(" "), after];
}

/** What of `intended` comes after `heard`; empty where they don't fit together. */
export function unheard(heard: string, intended: string): string {
  const start = heard.replace(/[…\s]+$/, "");
  return intended.startsWith(start) ? intended.slice(start.length).trim() : "";
}
