/** `<textarea data-island="word-count">`: says below itself how many words it holds. */

export default function mount(element: HTMLElement): void {
  const area = element as HTMLTextAreaElement;
  const count = document.createElement("div");
  count.className = "form-hint word-count";
  area.after(count);
  const say = (): void => {
    const words = area.value.split(/\s+/).filter(Boolean).length;
    const number = words.toLocaleString(document.documentElement.lang);
    count.textContent = words === 1 ? "1 word" : `${number} words`;
  };
  area.addEventListener("input", say);
  say();
}
