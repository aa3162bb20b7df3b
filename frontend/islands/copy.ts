/** `<button data-island="copy" data-copy="#element-or-text">`: puts an element's text on the clipboard and says so. */

import { icon, toast } from "./lib/dom";

export default function mount(button: HTMLElement): void {
  button.addEventListener("click", async () => {
    const source = button.dataset["copy"] ?? "";
    const element = source.startsWith("#") ? document.querySelector<HTMLElement>(source) : null;
    const text = element instanceof HTMLInputElement ? element.value : (element?.textContent ?? source);
    try {
      await navigator.clipboard.writeText(text.trim());
    } catch {
      if (element instanceof HTMLInputElement) element.select();
      toast("The browser didn't allow copying. Select the text and copy it by hand.", "warning");
      return;
    }
    const before = [...button.childNodes];
    button.replaceChildren(icon("check"), ` ${button.dataset["copied"] ?? "Copied"}`);
    setTimeout(() => button.replaceChildren(...before), 2_000);
  });
}
