/** The caller's microphone and loudspeaker: permission, choice, level. No DOM in this file but what `navigator` offers. */

import { ProblemError, type Problem } from "./problem";

export type Permission = "granted" | "denied" | "prompt" | "unknown" | "insecure" | "unsupported";

export interface Devices {
  inputs: MediaDeviceInfo[];
  outputs: MediaDeviceInfo[];
}

const REMEMBERED = { input: "parley.microphone", output: "parley.loudspeaker" } as const;

/** What the browser would say, without asking the person. */
export async function permission(): Promise<Permission> {
  if (!window.isSecureContext) return "insecure";
  if (!navigator.mediaDevices?.getUserMedia || typeof RTCPeerConnection === "undefined") return "unsupported";
  try {
    const status = await navigator.permissions.query({ name: "microphone" as PermissionName });
    return status.state;
  } catch {
    return "unknown"; // Firefox before 132 doesn't tell
  }
}

/** Asks for the microphone where that is still needed. Throws `ProblemError` with what to do. */
export async function openMicrophone(deviceId: string = remembered("input")): Promise<MediaStream> {
  const state = await permission();
  if (state === "insecure") throw new ProblemError(insecureOrigin());
  if (state === "unsupported") throw new ProblemError(UNSUPPORTED);
  try {
    return await navigator.mediaDevices.getUserMedia(constraints(deviceId));
  } catch (error) {
    if (deviceId && error instanceof DOMException && ["OverconstrainedError", "NotFoundError"].includes(error.name)) {
      return openMicrophone(""); // the remembered one was unplugged
    }
    throw new ProblemError(microphoneProblem(error));
  }
}

function constraints(deviceId: string): MediaStreamConstraints {
  return {
    audio: {
      ...(deviceId ? { deviceId: { exact: deviceId } } : {}),
      echoCancellation: true,
      noiseSuppression: true,
      autoGainControl: true,
      channelCount: 1,
    },
  };
}

export async function devices(): Promise<Devices> {
  const all = (await navigator.mediaDevices?.enumerateDevices?.()) ?? [];
  const known = all.filter((device) => device.deviceId !== "");
  return {
    inputs: known.filter((device) => device.kind === "audioinput"),
    outputs: canChooseOutput() ? known.filter((device) => device.kind === "audiooutput") : [],
  };
}

export function canChooseOutput(): boolean {
  return "setSinkId" in HTMLMediaElement.prototype;
}

/** Play through this loudspeaker; the default where it is gone or may not be used. */
export async function playThrough(audio: HTMLAudioElement, deviceId: string = remembered("output")): Promise<void> {
  if (!canChooseOutput()) return;
  try {
    await audio.setSinkId(deviceId);
  } catch {
    if (deviceId) await audio.setSinkId("").catch(() => undefined);
  }
}

export function remembered(kind: keyof typeof REMEMBERED): string {
  try {
    return localStorage.getItem(REMEMBERED[kind]) ?? "";
  } catch {
    return ""; // storage is switched off
  }
}

export function remember(kind: keyof typeof REMEMBERED, deviceId: string): void {
  try {
    localStorage.setItem(REMEMBERED[kind], deviceId);
  } catch {
    // then it is asked again next time
  }
}

/** How loud a stream is, 0 to 1, as often as `onLevel` can show it. The caller stops it. */
export class LevelMeter {
  private readonly context: AudioContext;
  private readonly analyser: AnalyserNode;
  private readonly samples: Float32Array<ArrayBuffer>;
  private frame = 0;

  constructor(
    stream: MediaStream,
    private readonly onLevel: (level: number) => void,
  ) {
    this.context = new AudioContext();
    this.analyser = this.context.createAnalyser();
    this.analyser.fftSize = 1024;
    this.samples = new Float32Array(this.analyser.fftSize);
    this.context.createMediaStreamSource(stream).connect(this.analyser);
    void this.context.resume();
    this.tick();
  }

  stop(): void {
    cancelAnimationFrame(this.frame);
    this.onLevel(0);
    void this.context.close();
  }

  private tick = (): void => {
    this.analyser.getFloatTimeDomainData(this.samples);
    let sum = 0;
    for (const sample of this.samples) sum += sample * sample;
    this.onLevel(audible(Math.sqrt(sum / this.samples.length)));
    this.frame = requestAnimationFrame(this.tick);
  };
}

/** An effective value as a share of what is heard between −60 and −10 dB. */
function audible(rms: number): number {
  if (rms <= 0) return 0;
  return Math.min(1, Math.max(0, (20 * Math.log10(rms) + 60) / 50));
}

export function insecureOrigin(): Problem {
  const { port, pathname } = window.location;
  const local = `http://localhost${port ? `:${port}` : ""}${pathname}`;
  return {
    what: "This page was not opened over a secure connection, so the browser keeps the microphone shut.",
    side: "you",
    advice: `Open Parley over https, or on the machine it runs on at ${local}.`,
  };
}

const UNSUPPORTED: Problem = {
  what: "This browser can't make calls.",
  side: "you",
  advice: "Use a current Chrome, Edge, Firefox or Safari. In an app's built-in browser, choose “Open in browser”.",
};

export function microphoneProblem(error: unknown): Problem {
  const name = error instanceof DOMException ? error.name : "";
  const detail = String(error);
  if (name === "NotAllowedError" && /dismissed/i.test(detail)) {
    return { what: "The question about the microphone was closed without an answer.", side: "you", advice: "Press Talk again and choose “Allow”.", detail };
  }
  if (name === "NotAllowedError" && /system/i.test(detail)) {
    return {
      what: "Your computer doesn't let the browser use the microphone.",
      side: "you",
      advice: "Allow it in the system's privacy settings, under Microphone, then press Talk again.",
      detail,
    };
  }
  if (name === "NotAllowedError" || name === "SecurityError") {
    return { what: "The browser was told not to let this page use the microphone.", side: "you", advice: howToAllow(), detail };
  }
  if (name === "NotFoundError" || name === "OverconstrainedError") {
    return { what: "No microphone was found.", side: "you", advice: "Plug one in or switch it on, then press Talk again.", detail };
  }
  if (name === "NotReadableError" || name === "AbortError") {
    return {
      what: "The microphone is there, but it can't be opened.",
      side: "you",
      advice: "Another program may be using it: close other calls and meetings, then press Talk again.",
      detail,
    };
  }
  return { what: "The microphone couldn't be opened.", side: "you", advice: "Reload the page and press Talk again.", detail };
}

/** Where this browser keeps its answer. */
export function howToAllow(agent: string = navigator.userAgent): string {
  if (/Firefox\//.test(agent)) return "Click the microphone symbol left of the address, remove the block beside “Use the microphone”, then press Talk again.";
  if (/iPhone|iPad/.test(agent)) return "Tap the symbol left of the address, then Website Settings → Microphone → Allow, and press Talk again.";
  if (/Android/.test(agent)) return "Tap the symbol left of the address, then Permissions → Microphone → Allow, and press Talk again.";
  if (/Safari\//.test(agent) && !/Chrome\//.test(agent)) return "Choose Safari → Settings for This Website → Microphone → Allow, then press Talk again.";
  return "Click the symbol left of the address, set Microphone to “Allow”, then press Talk again.";
}
