/** Two lists: which microphone, which loudspeaker. They fill when the browser is allowed to tell the names. */

import { element } from "../lib/element";
import { devices, remember, remembered } from "./microphone";

export class DevicePicker {
  constructor(
    private readonly input: HTMLSelectElement,
    private readonly output: HTMLSelectElement,
    private readonly on: { onInput: (id: string) => void; onOutput: (id: string) => void },
  ) {
    input.addEventListener("change", () => {
      remember("input", input.value);
      on.onInput(input.value);
    });
    output.addEventListener("change", () => {
      remember("output", output.value);
      this.on.onOutput(output.value);
    });
    navigator.mediaDevices?.addEventListener?.("devicechange", this.changed);
  }

  stop(): void {
    navigator.mediaDevices?.removeEventListener?.("devicechange", this.changed);
  }

  async refresh(stream?: MediaStream): Promise<void> {
    const { inputs, outputs } = await devices();
    const current = stream?.getAudioTracks()[0]?.getSettings().deviceId ?? remembered("input");
    fill(this.input, inputs, current, "Microphone");
    fill(this.output, outputs, remembered("output"), "Loudspeaker");
  }

  private changed = (): void => void this.refresh();
}

function fill(select: HTMLSelectElement, found: MediaDeviceInfo[], chosen: string, kind: string): void {
  const box = select.closest<HTMLElement>("[data-part$='-box']") ?? select;
  box.hidden = found.length === 0;
  select.replaceChildren(
    ...found.map((device, index) => element("option", { value: device.deviceId, selected: device.deviceId === chosen }, device.label || `${kind} ${index + 1}`)),
  );
}
