/** Menus that drop down: Bootstrap's markup (`data-bs-toggle="dropdown"`), without the script that computes where they go.
 *
 * Our menus open beside their button; CSS places them. Arrow keys move, Escape closes and gives the focus back.
 */

const BUTTON = '[data-bs-toggle="dropdown"]';

function menuOf(button: Element): HTMLElement | null {
  return button.parentElement?.querySelector<HTMLElement>(".dropdown-menu") ?? null;
}

function set(button: HTMLElement, isOpen: boolean): void {
  const menu = menuOf(button);
  menu?.classList.toggle("show", isOpen);
  menu?.setAttribute("data-bs-popper", "static");
  button.classList.toggle("show", isOpen);
  button.setAttribute("aria-expanded", String(isOpen));
}

function closeAll(except?: Element): void {
  for (const button of document.querySelectorAll<HTMLElement>(`${BUTTON}.show`)) if (button !== except) set(button, false);
}

/** A chosen entry goes out of sight with its menu: what it opens gives the focus back to the menu's button. */
function giveFocusBack(): void {
  const menu = document.activeElement?.closest(".dropdown-menu.show");
  menu?.parentElement?.querySelector<HTMLElement>(BUTTON)?.focus();
}

function items(menu: HTMLElement): HTMLElement[] {
  return [...menu.querySelectorAll<HTMLElement>("a[href], button:not([disabled])")];
}

function move(event: KeyboardEvent): void {
  const menu = (event.target as Element).closest<HTMLElement>(".dropdown-menu.show");
  const button = (event.target as Element).closest<HTMLElement>(BUTTON) ?? (menu?.parentElement?.querySelector<HTMLElement>(BUTTON) || null);
  if (!button) return;
  if (event.key === "Escape" && button.classList.contains("show")) {
    set(button, false);
    button.focus();
    event.stopPropagation();
  } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    set(button, true);
    const all = items(menuOf(button) ?? button);
    const here = all.indexOf(document.activeElement as HTMLElement);
    const step = event.key === "ArrowDown" ? 1 : -1;
    all[(here < 0 ? (step > 0 ? 0 : all.length - 1) : here + step + all.length) % all.length]?.focus();
  }
}

export function openMenus(): void {
  document.addEventListener("click", (event) => {
    const button = (event.target as Element).closest<HTMLElement>(BUTTON);
    const staysOpen = (event.target as Element).closest(".dropdown-menu [data-theme-choice]") !== null;
    if (!staysOpen) {
      giveFocusBack();
      closeAll(button ?? undefined);
    }
    if (button) set(button, !button.classList.contains("show"));
  });
  document.addEventListener("keydown", move);
  document.addEventListener("focusin", (event) => {
    for (const button of document.querySelectorAll<HTMLElement>(`${BUTTON}.show`)) {
      if (!button.parentElement?.contains(event.target as Node)) set(button, false);
    }
  });
}
