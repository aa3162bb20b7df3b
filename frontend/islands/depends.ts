/** `<form data-island="depends">`: hides what is of no use as the form is filled in. */

import { showDependents } from "./lib/depends";

export default function mount(form: HTMLElement): void {
  const show = (): void => showDependents(form);
  form.addEventListener("input", show);
  show();
}
