/** `<textarea data-island="grow">`: as tall as its text, up to a screen's worth. */

export default function mount(element: HTMLElement): void {
  const area = element as HTMLTextAreaElement;
  const fit = (): void => {
    area.style.height = "auto";
    const borders = area.offsetHeight - area.clientHeight;
    if (area.scrollHeight > 0) area.style.height = `${Math.min(area.scrollHeight + borders, window.innerHeight * 0.7)}px`;
  };
  area.addEventListener("input", fit);
  // A section that was hidden has no height to measure until it is shown.
  new ResizeObserver((entries, observer) => {
    if (!area.isConnected) observer.disconnect();
    else if ((entries[0]?.contentRect.width ?? 0) > 0 && area.dataset["fitted"] !== String(area.clientWidth)) {
      area.dataset["fitted"] = String(area.clientWidth);
      fit();
    }
  }).observe(area);
}
