/** The list of calls keeps itself up to date: rows that changed are fetched again, new ones appear on top. */

import { LiveFeed, socketUrl } from "./call/live-feed";
import { part } from "./lib/element";

interface CallChanged {
  type: "call";
  id: string;
}

export default function mount(root: HTMLElement): () => void {
  const note = part(root, "note");
  let wasLost = false;
  const feed = new LiveFeed<CallChanged>(socketUrl(root.dataset["feed"] ?? "/ws/live/"), {
    onMessage: (message) => {
      if (message.type === "call") void show(root, message.id);
    },
    onState: (state) => {
      if (state === "lost") {
        wasLost = true;
        note.hidden = false;
      } else if (state === "open") {
        if (wasLost) root.querySelector("#calls")?.dispatchEvent(new Event("parley:refresh"));
        wasLost = false;
        note.hidden = true;
      }
    },
  });
  feed.open();
  return () => feed.close();
}

async function show(root: HTMLElement, id: string): Promise<void> {
  const url = (root.dataset["rowUrl"] ?? "").replace("00000000-0000-0000-0000-000000000000", id);
  const row = document.getElementById(`call-${id}`);
  if (row) {
    await window.htmx.ajax("get", url, { target: row, swap: "outerHTML" });
    return;
  }
  const list = root.querySelector<HTMLElement>("#calls");
  const rows = root.querySelector<HTMLElement>("#call-rows");
  if (list?.dataset["filtered"] === "true") return; // whether it fits is the server's to say
  if (rows) await window.htmx.ajax("get", url, { target: rows, swap: "afterbegin" });
  else list?.dispatchEvent(new Event("parley:refresh"));
}
