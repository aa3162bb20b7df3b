/** `<div data-island="rows">`: a list of settings whose rows are added, removed (with undo) and put in order.
 *
 * New rows come out of its `<template>`, in which "new" stands for the row's id. The order on the page is the order that is sent.
 */

import { showDependents } from "./lib/depends";
import { toast } from "./lib/dom";

function asKey(text: string): string {
  return text
    .trim()
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "_")
    .replace(/^_+|_+$/g, "")
    .slice(0, 40);
}

export default function mount(element: HTMLElement): void {
  const list = element.querySelector<HTMLElement>("[data-rows]");
  const pattern = element.querySelector("template");
  const add = element.querySelector<HTMLButtonElement>("[data-add]");
  if (!list || !pattern || !add) return;
  const limit = Number(element.dataset["limit"] ?? "1000");

  const noun = element.dataset["noun"] ?? "Row";
  const announcer = document.createElement("span");
  announcer.className = "visually-hidden";
  announcer.setAttribute("role", "status");
  element.append(announcer);

  /** Rows are alike, so that each says which one it is. */
  const number = (): void => {
    const rows = [...list.children];
    rows.forEach((row, index) => {
      row.setAttribute("role", "group");
      row.setAttribute("aria-label", `${noun} ${index + 1} of ${rows.length}`);
    });
    add.disabled = rows.length >= limit;
  };

  const changed = (): void => {
    number();
    element.dispatchEvent(new Event("input", { bubbles: true }));
  };

  add.addEventListener("click", () => {
    const id = `n${Date.now().toString(36)}`;
    const holder = document.createElement("div");
    holder.innerHTML = pattern.innerHTML.replaceAll("-new-", `-${id}-`).replace('data-row="new"', `data-row="${id}"`);
    const row = holder.firstElementChild as HTMLElement;
    list.append(row);
    showDependents(list);
    row.querySelector<HTMLElement>("input:not([type=hidden]), select, textarea")?.focus();
    number();
  });

  element.addEventListener("click", (event) => {
    const button = (event.target as Element).closest<HTMLButtonElement>("button");
    const row = button?.closest<HTMLElement>("[data-row]");
    if (!button || !row) return;
    if ("remove" in button.dataset) remove(row);
    else if ("up" in button.dataset && row.previousElementSibling) move(row, () => row.previousElementSibling?.before(row), button);
    else if ("down" in button.dataset && row.nextElementSibling) move(row, () => row.nextElementSibling?.after(row), button);
  });

  function move(row: HTMLElement, put: () => void, button: HTMLButtonElement): void {
    put();
    button.focus();
    row.classList.add("knob-row-moved");
    setTimeout(() => row.classList.remove("knob-row-moved"), 600);
    changed();
    announcer.textContent = `Now ${row.getAttribute("aria-label")?.toLowerCase()}`;
  }

  function remove(row: HTMLElement): void {
    const next = row.nextElementSibling;
    const neighbour = next ?? row.previousElementSibling;
    row.remove();
    changed();
    ((neighbour?.querySelector("[data-remove]") as HTMLElement | null) ?? add)?.focus();
    undoLine(() => {
      if (next?.isConnected) next.before(row);
      else list?.append(row);
      changed();
      row.querySelector<HTMLElement>("[data-remove]")?.focus();
    });
  }

  function undoLine(undo: () => void): void {
    element.querySelector("[data-undo]")?.remove();
    const line = document.createElement("div");
    line.dataset["undo"] = "";
    line.className = "knob-undo";
    line.setAttribute("role", "status");
    const button = document.createElement("button");
    button.type = "button";
    button.className = "btn-link-inline";
    button.textContent = "Undo";
    button.addEventListener("click", () => {
      undo();
      line.remove();
      toast("It is back.", "success");
    });
    line.append("Removed. ", button);
    add?.before(line);
  }

  // People write "Phone number"; the call's data says phone_number.
  element.addEventListener(
    "change",
    (event) => {
      const input = event.target as HTMLInputElement;
      if (!("key" in input.dataset)) return;
      const key = asKey(input.value);
      if (key !== input.value) {
        input.value = key;
        changed();
      }
    },
    true,
  );
  number();
}
