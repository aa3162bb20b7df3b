/** `<form data-island="confirm" data-confirm="Remove Ada? …">`: asks before it is sent, for what can't be undone. */

export default function mount(element: HTMLElement): void {
  element.addEventListener("submit", (event) => {
    if (!window.confirm(element.dataset["confirm"] ?? "")) event.preventDefault();
  });
}
