/** `<div data-island="slider">`: a slider and a number that follow each other. The number is what is sent. */

export default function mount(element: HTMLElement): void {
  const slide = element.querySelector<HTMLInputElement>("[data-slide]");
  const number = element.querySelector<HTMLInputElement>("input[type=number]");
  if (!slide || !number) return;
  slide.addEventListener("input", () => {
    number.value = slide.value;
  });
  number.addEventListener("input", () => {
    if (number.value !== "") slide.value = number.value;
  });
}
