/** Knobs that are of use only while another knob of their section, or their row, has a certain value, or one of several: `data-depends="when:how=forward|message"`. */

function valueOf(scope: HTMLElement, suffix: string): string {
  const controls = [...scope.querySelectorAll<HTMLInputElement>(`[name$="-${suffix}"]`)].filter((each) => each.type !== "hidden");
  const control = controls.find((each) => each.type === "radio" && each.checked) ?? controls[0];
  if (!control) return "";
  return control.type === "checkbox" ? String(control.checked) : control.value;
}

export function showDependents(root: HTMLElement): void {
  for (const element of root.querySelectorAll<HTMLElement>("[data-depends]")) {
    const [word, other, wanted] = /^(\w+):(\w+)=(.*)$/.exec(element.dataset["depends"] ?? "")?.slice(1) ?? [];
    const scope = element.closest<HTMLElement>("[data-row]") ?? element.closest<HTMLElement>("[data-section]");
    if (!scope || !other || element.closest("template")) continue;
    const isMet = (wanted ?? "").split("|").includes(valueOf(scope, other)) === (word === "when");
    element.classList.toggle("knob-idle", !isMet && !element.querySelector("[data-invalid]"));
  }
}
