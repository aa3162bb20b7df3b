/** System health, the browser's half: may it use the microphone, can it reach out, does one hear oneself. */

import { howToAllow, LevelMeter, openMicrophone, permission, type Permission } from "./call/microphone";
import { ProblemError, type Problem } from "./call/problem";
import { icon } from "./lib/dom";
import { element, part } from "./lib/element";

type State = "good" | "warning" | "bad";

interface Check {
  title: string;
  state: State;
  words: string;
  advice?: string;
}

const RECORD_MS = 3_000;
const GATHER_MS = 5_000;
const MARKS: Record<State, { icon: string; label: string }> = {
  good: { icon: "circle-check", label: "Good" },
  warning: { icon: "alert-triangle", label: "Needs a look" },
  bad: { icon: "circle-x", label: "Broken" },
};

const PERMISSIONS: Record<Permission, Omit<Check, "title">> = {
  granted: { state: "good", words: "This page may use it." },
  prompt: { state: "good", words: "The browser will ask when you press Talk." },
  unknown: { state: "good", words: "The browser will ask when you press Talk." },
  denied: { state: "bad", words: "The browser was told not to let this page use it." },
  insecure: { state: "bad", words: "Browsers keep it shut on pages that were not opened over https." },
  unsupported: { state: "bad", words: "This browser offers none.", advice: "Use a current Chrome, Edge, Firefox or Safari." },
};

class ConnectionTest {
  private checks = new Map<string, Check>();
  private url = "";

  constructor(private readonly root: HTMLElement) {
    const button = part<HTMLButtonElement>(root, "test");
    button.addEventListener("click", () => void this.test(button));
    void this.look();
  }

  stop(): void {
    if (this.url) URL.revokeObjectURL(this.url);
  }

  private async look(): Promise<void> {
    this.show({
      title: "Secure page",
      ...(window.isSecureContext
        ? { state: "good", words: "Opened over a connection browsers trust." }
        : { state: "bad", words: "This page was not opened over https.", advice: "Open Parley over https, or on its own machine as http://localhost." }),
    });
    const state = await permission();
    const advice = state === "denied" ? howToAllow() : undefined;
    this.show({ title: "Microphone", ...PERMISSIONS[state], ...(advice ? { advice } : {}) });
    this.show(await this.connectivity());
  }

  /** Which kinds of addresses the browser finds for itself: its own, one seen from outside, a relay. */
  private async connectivity(): Promise<Check> {
    const title = "Connections for sound (WebRTC)";
    if (typeof RTCPeerConnection === "undefined") return { title, state: "bad", words: "This browser can't make calls.", advice: "Use a current Chrome, Edge, Firefox or Safari." };
    const iceServers = JSON.parse(document.getElementById("ice-servers")?.textContent ?? "[]") as RTCIceServer[];
    const connection = new RTCPeerConnection({ iceServers });
    const kinds = new Set<string>();
    try {
      connection.createDataChannel("test");
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, GATHER_MS);
        connection.onicecandidate = ({ candidate }) => {
          if (candidate?.type) kinds.add(candidate.type);
          if (!candidate) {
            clearTimeout(timer);
            resolve();
          }
        };
        void connection.setLocalDescription();
      });
    } finally {
      connection.close();
    }
    const wantsRelay = iceServers.some((server) => [server.urls].flat().some((url) => url.startsWith("turn")));
    if (!kinds.size) return { title, state: "bad", words: "The browser found no address to speak from.", advice: "An extension, a VPN or a company policy may block WebRTC. Try without it." };
    if (kinds.has("relay")) return { title, state: "good", words: "Direct, and by the relay where a network blocks calls." };
    if (wantsRelay) return { title, state: "warning", words: "Direct only: the relay (TURN) doesn't answer.", advice: "Callers in strict networks won't connect. Check that the TURN server runs and that its port is open." };
    if (kinds.has("srflx")) return { title, state: "good", words: "Direct, also from outside of this network." };
    return { title, state: "good", words: "Direct, inside of this network. For callers elsewhere a STUN or TURN server may be needed." };
  }

  private async test(button: HTMLButtonElement): Promise<void> {
    const status = part(this.root, "status");
    const audio = part<HTMLAudioElement>(this.root, "audio");
    button.disabled = true;
    audio.hidden = true;
    const level = part(this.root, "level");
    let loudest = 0;
    try {
      const stream = await openMicrophone();
      const meter = new LevelMeter(stream, (level) => {
        loudest = Math.max(loudest, level);
        this.root.style.setProperty("--caller-level", level.toFixed(3));
      });
      level.hidden = false;
      status.textContent = "Recording: say something for three seconds.";
      const sound = await record(stream, RECORD_MS).finally(() => {
        meter.stop();
        level.hidden = true;
        for (const track of stream.getTracks()) track.stop();
      });
      this.show({ title: "Microphone", ...heard(loudest) });
      this.stop();
      this.url = URL.createObjectURL(sound);
      audio.src = this.url;
      audio.hidden = false;
      status.textContent = "Playing it back. If you hear yourself, microphone and loudspeaker work.";
      await audio.play();
    } catch (error) {
      const problem: Problem | null = error instanceof ProblemError ? error.problem : null;
      status.textContent = problem ? "" : "The test couldn't be finished. Reload the page and try again.";
      if (problem) this.show({ title: "Microphone", state: "bad", words: problem.what, advice: problem.advice });
    } finally {
      button.disabled = false;
    }
    this.show(await this.connectivity());
  }

  private show(check: Check): void {
    this.checks.set(check.title, check);
    part(this.root, "checks").replaceChildren(...[...this.checks.values()].map(row));
  }
}

function heard(loudest: number): Omit<Check, "title"> {
  if (loudest > 0.35) return { state: "good", words: "It hears you." };
  if (loudest > 0.05) return { state: "warning", words: "It hears you faintly.", advice: "Come closer, or turn the microphone up in the system's sound settings." };
  return { state: "bad", words: "It is open but silent.", advice: "It may be muted by a switch or in the system's settings, or it is another one than you think." };
}

function row(check: Check): HTMLLIElement {
  const { icon: name, label } = MARKS[check.state];
  const mark = icon(name);
  mark.removeAttribute("aria-hidden");
  mark.setAttribute("role", "img");
  mark.setAttribute("aria-label", label);
  return element(
    "li",
    { class: `is-${check.state}` },
    element("span", { class: "checks-mark" }, mark),
    element("div", {}, element("b", {}, check.title), element("div", {}, check.words), check.advice && element("div", { class: "checks-advice" }, check.advice)),
  );
}

function record(stream: MediaStream, ms: number): Promise<Blob> {
  return new Promise((resolve, reject) => {
    const recorder = new MediaRecorder(stream);
    const pieces: Blob[] = [];
    recorder.ondataavailable = (event) => pieces.push(event.data);
    recorder.onstop = () => resolve(new Blob(pieces, { type: recorder.mimeType }));
    recorder.onerror = () => reject(new Error("The browser couldn't record."));
    recorder.start();
    setTimeout(() => recorder.state !== "inactive" && recorder.stop(), ms);
  });
}

export default function mount(root: HTMLElement): () => void {
  const test = new ConnectionTest(root);
  return () => test.stop();
}
