/** The page of a running call: fetched anew when the call says something, and when the feed is lost by the clock alone. */

import { LiveFeed, socketUrl } from "./call/live-feed";
import type { CallMessage } from "./call/call-messages";
import { part } from "./lib/element";

/** Several words a second arrive; the page needn't follow each. */
const PAUSE_MS = 700;
const WORTH_A_LOOK = new Set(["transcript", "latency", "collected", "ended", "barge_in"]);

/** Which details the reader opened survives the swap; kept here because the element itself does not. */
const opened = new Set<string>();

export default function mount(root: HTMLElement): () => void {
  const note = part(root, "note");
  let timer: ReturnType<typeof setTimeout> | undefined;
  for (const details of root.querySelectorAll("details")) {
    const key = keyOf(details);
    details.open = opened.has(key);
    details.addEventListener("toggle", () => (details.open ? opened.add(key) : opened.delete(key)));
  }
  const feed = new LiveFeed<CallMessage>(socketUrl(root.dataset["feed"] ?? ""), {
    onMessage: (message) => {
      if (!WORTH_A_LOOK.has(message.type) || (message.type === "transcript" && !message.is_final)) return;
      timer ??= setTimeout(() => root.dispatchEvent(new Event("parley:changed")), PAUSE_MS);
    },
    onState: (state) => (note.hidden = state !== "lost"),
  });
  feed.open();
  return () => {
    clearTimeout(timer);
    feed.close();
    if (!document.querySelector("[data-island~='live-call']")) document.querySelector("[data-while-running]")?.remove();
  };
}

function keyOf(details: HTMLDetailsElement): string {
  return `${details.closest("li[id], section")?.id ?? ""} ${details.className} ${details.querySelector("summary")?.className ?? ""}`;
}
