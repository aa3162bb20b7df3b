/** Dialogs are `<dialog class="modal" data-open>`: they open as they arrive in the page and leave it when they are closed.
 *
 * The browser keeps the focus inside, closes on Escape and gives the focus back. Notices stand in the dialog as long as it is open:
 * what is outside of it can't be reached.
 */

const CLOSED = "parley:closed";

function corner(): HTMLElement | null {
  return document.querySelector<HTMLElement>("#toasts");
}

function open(dialog: HTMLDialogElement): void {
  dialog.showModal();
  dialog.append(corner() ?? "");
  dialog.addEventListener("close", () => {
    document.body.append(corner() ?? "");
    dialog.remove();
    document.dispatchEvent(new Event(CLOSED));
  });
}

/** Closes the dialog around an element, then goes on with what comes after it. */
export function closeDialog(inside: Element, then?: () => void): void {
  if (then) document.addEventListener(CLOSED, then, { once: true });
  inside.closest("dialog")?.close();
}

export function openDialogs(): void {
  document.addEventListener("htmx:afterSettle", (event) => {
    const dialog = (event.target as Element).querySelector?.<HTMLDialogElement>("dialog[data-open]:not([open])");
    if (dialog) open(dialog);
  });
  document.addEventListener("click", (event) => {
    const target = event.target as Element;
    // The dialog itself is hit only beside its box.
    if (target.matches("dialog.modal, dialog.modal > .modal-dialog") || target.closest("[data-close-dialog]")) closeDialog(target);
  });
}
