/** A telephone's keypad: a button that opens it, its keys, and the same keys of the keyboard while it is open. */

const KEYS = "123456789*0#";
/** As long as a press is felt. */
const FLASH_MS = 120;

export class Keypad {
  constructor(
    private readonly toggle: HTMLButtonElement,
    private readonly pad: HTMLElement,
    /** Where keys of the keyboard are taken from: around the keypad, so that nothing typed into a form is dialled. */
    around: HTMLElement,
    private readonly press: (digit: string) => void,
  ) {
    toggle.addEventListener("click", () => this.open(this.pad.hasAttribute("hidden")));
    pad.addEventListener("click", (event) => {
      const digit = (event.target as Element).closest<HTMLElement>("[data-digit]")?.dataset["digit"];
      if (digit) this.press(digit);
    });
    around.addEventListener("keydown", (event) => this.typed(event));
  }

  open(isOpen: boolean): void {
    this.pad.hidden = !isOpen;
    this.toggle.setAttribute("aria-expanded", String(isOpen));
  }

  private typed(event: KeyboardEvent): void {
    const isText = (event.target as Element).closest("input, select, textarea, [contenteditable]");
    if (this.pad.hidden || isText || event.repeat || event.ctrlKey || event.metaKey || event.altKey || !KEYS.includes(event.key)) return;
    event.preventDefault();
    const key = this.pad.querySelector(`[data-digit="${event.key}"]`);
    key?.classList.add("active");
    setTimeout(() => key?.classList.remove("active"), FLASH_MS);
    this.press(event.key);
  }
}
