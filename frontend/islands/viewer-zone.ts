/** `<input type="hidden" data-island="viewer-zone">`: the viewer's time zone, so that "today" is their today. */

export default function mount(input: HTMLElement): void {
  if (input instanceof HTMLInputElement) input.value = Intl.DateTimeFormat().resolvedOptions().timeZone;
}
