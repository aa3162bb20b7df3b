/**
 * The talk panel beside the editor: speak with the draft, watch it listen, see what it cost in waiting.
 *
 * Markup: `templates/frontend/agents/_talk_panel.html`. Before a call it fires `parley:before-talk` on the document, whose
 * `detail.waitUntil(promise)` lets the editor save what was typed last.
 */

import { CallClient, type CallEnd, type CallPhase } from "./call/call-client";
import { clock, type CallMessage, type CollectedMessage, type Floor } from "./call/call-messages";
import { DevicePicker } from "./call/device-picker";
import { Keypad } from "./call/keypad";
import { LiveTranscript } from "./call/live-transcript";
import { LevelMeter, openMicrophone, permission, playThrough, howToAllow, insecureOrigin } from "./call/microphone";
import { problemOf, ProblemError, sentence, SIDES, unreachable, type Problem } from "./call/problem";
import { csrfToken } from "./lib/dom";
import { element, part } from "./lib/element";

const FLOOR: Record<Floor, string> = {
  listening: "Listening to you",
  thinking: "Thinking",
  speaking: "Agent is speaking",
};

interface Field {
  key: string;
  label: string;
}

function partsOf(root: HTMLElement) {
  return {
    audio: part<HTMLAudioElement>(root, "audio"),
    status: part(root, "status"),
    talk: part<HTMLButtonElement>(root, "talk"),
    check: part<HTMLButtonElement>(root, "check"),
    mute: part<HTMLButtonElement>(root, "mute"),
    hangUp: part<HTMLButtonElement>(root, "hang-up"),
    problem: part(root, "problem"),
    ended: part(root, "ended"),
    feedNote: part(root, "feed-note"),
    hearing: part(root, "hearing"),
  };
}

class TalkPanel {
  private call: CallClient | null = null;
  private microphone: MediaStream | null = null;
  private callerMeter: LevelMeter | null = null;
  private agentMeter: LevelMeter | null = null;
  private timer: ReturnType<typeof setInterval> | undefined;
  private floor: Floor | null = null;
  private isMuted = false;
  private fields: Field[] = [];
  private readonly transcript: LiveTranscript;
  private readonly picker: DevicePicker;
  private readonly keypad: Keypad;
  private lastHeard = 0;

  constructor(
    private readonly root: HTMLElement,
    private readonly at = partsOf(root),
  ) {
    const name = root.dataset["agentName"] || "Agent";
    this.transcript = new LiveTranscript(part<HTMLOListElement>(root, "transcript"), part(root, "announcer"), { caller: "You", agent: name });
    this.picker = new DevicePicker(part<HTMLSelectElement>(root, "input"), part<HTMLSelectElement>(root, "output"), {
      onInput: () => void this.changeMicrophone(),
      onOutput: (id) => void playThrough(this.at.audio, id),
    });
    this.keypad = new Keypad(part<HTMLButtonElement>(root, "keypad-toggle"), part(root, "keypad"), root, (digit) => this.call?.press(digit));
    this.at.talk.addEventListener("click", () => void this.start());
    this.at.check.addEventListener("click", () => void this.toggleCheck());
    this.at.mute.addEventListener("click", () => this.setMuted(!this.isMuted));
    this.at.hangUp.addEventListener("click", () => this.call?.hangUp());
    this.enter("idle");
    void this.foresee();
  }

  leave = (): void => {
    this.call?.hangUp();
    this.closeMicrophone();
    this.picker.stop();
  };

  /** What would keep a call from working is said before anybody presses Talk. */
  private async foresee(): Promise<void> {
    const state = await permission();
    if (state === "insecure") this.showProblem(insecureOrigin());
    if (state === "denied") this.showProblem({ what: "The browser was told not to let this page use the microphone.", side: "you", advice: howToAllow() });
    if (state === "granted") void this.picker.refresh();
  }

  private async start(): Promise<void> {
    if (this.root.dataset["state"] !== "idle" && this.root.dataset["state"] !== "ended") return;
    this.showProblem(null);
    this.at.ended.hidden = true;
    this.transcript.clear();
    this.showFields([]);
    try {
      await this.openMicrophone();
      this.enter("connecting");
      this.bringIntoView();
      const call = new CallClient({ rtcUrl: this.root.dataset["rtcUrl"] ?? "/rtc", token: () => this.token() });
      this.call = call;
      call
        .on("phase", (phase) => this.follow(phase))
        .on("track", (stream) => this.play(stream))
        .on("message", (message) => this.receive(message))
        .on("feed", (state) => (this.at.feedNote.hidden = state !== "lost"))
        .on("end", (end) => this.finish(end));
      this.at.hangUp.focus({ preventScroll: true }); // which would end the way to the panel
      if (this.microphone) await call.start(this.microphone);
    } catch (error) {
      if (this.call) return; // it has told through its "end"
      this.closeMicrophone();
      this.enter("idle");
      this.showProblem(error instanceof ProblemError ? error.problem : { what: "The call couldn't be started.", side: "you", advice: "Reload the page and try again.", detail: String(error) });
    }
  }

  /** On a phone the panel stands below the form: a call that one can't see is of no use. */
  private bringIntoView(): void {
    if (this.root.getBoundingClientRect().bottom > window.innerHeight) this.root.scrollIntoView({ block: "start", behavior: "smooth" });
  }

  private async token(): Promise<string> {
    await this.saveWhatWasTyped();
    const response = await fetch(this.root.dataset["tokenUrl"] ?? "", { method: "POST", headers: { "X-CSRFToken": csrfToken(), Accept: "application/json" } }).catch((error: unknown) => {
      throw new ProblemError(unreachable(error));
    });
    if (!response.ok || response.redirected) throw new ProblemError(await problemOf(response, "Talking to this agent"));
    const body = (await response.json()) as { token: string; fields?: Field[] };
    this.showFields(body.fields ?? []);
    return body.token;
  }

  private async saveWhatWasTyped(): Promise<void> {
    const waits: Promise<unknown>[] = [];
    document.dispatchEvent(new CustomEvent("parley:before-talk", { detail: { waitUntil: (promise: Promise<unknown>) => waits.push(promise) } }));
    await Promise.all(waits).catch((error: unknown) => {
      if (error instanceof ProblemError) throw error;
      throw new ProblemError({ what: "The last changes couldn't be saved.", side: "you", advice: "See the form for what to correct, then press Talk again.", detail: String(error) });
    });
  }

  // --- microphone ---------------------------------------------------------------------------------------------------

  private async openMicrophone(): Promise<void> {
    if (this.microphone?.active) return;
    const before = this.root.dataset["state"] ?? "idle";
    // In a call another device is opened beside the talk, which goes on.
    if (before === "idle" || before === "ended") this.enter((await permission()) === "granted" ? "opening" : "asking");
    this.microphone = await openMicrophone().catch((error: unknown) => {
      this.enter(before);
      throw error;
    });
    for (const track of this.microphone.getAudioTracks()) {
      track.enabled = !this.isMuted;
      track.onended = () => this.showProblem({ what: "The microphone was unplugged or switched off.", side: "you", advice: "Plug it in again or choose another one below." });
    }
    this.root.classList.add("has-microphone");
    this.callerMeter = new LevelMeter(this.microphone, (level) => this.showCallerLevel(level));
    await this.picker.refresh(this.microphone);
  }

  private closeMicrophone(): void {
    this.callerMeter?.stop();
    this.callerMeter = null;
    for (const track of this.microphone?.getTracks() ?? []) {
      track.onended = null;
      track.stop();
    }
    this.microphone = null;
    this.at.hearing.textContent = "";
    this.at.check.setAttribute("aria-pressed", "false");
    this.root.classList.remove("has-microphone");
  }

  private async toggleCheck(): Promise<void> {
    if (this.call) return; // it would close the call's own
    if (this.microphone) {
      this.closeMicrophone();
      return;
    }
    this.showProblem(null);
    try {
      await this.openMicrophone();
      this.enter("idle");
      this.at.check.setAttribute("aria-pressed", "true");
    } catch (error) {
      if (error instanceof ProblemError) this.showProblem(error.problem);
      else throw error;
    }
  }

  private async changeMicrophone(): Promise<void> {
    if (!this.microphone) return;
    this.closeMicrophone();
    try {
      await this.openMicrophone();
      if (this.microphone) await this.call?.replaceMicrophone(this.microphone);
      this.showProblem(null);
    } catch (error) {
      if (error instanceof ProblemError) this.showProblem(error.problem);
      else throw error;
    }
  }

  private setMuted(isMuted: boolean): void {
    this.isMuted = isMuted;
    for (const track of this.microphone?.getAudioTracks() ?? []) track.enabled = !isMuted;
    this.at.mute.setAttribute("aria-pressed", String(isMuted));
    part(this.at.mute, "mute-label").textContent = isMuted ? "Unmute" : "Mute";
    this.sayState();
  }

  private showCallerLevel(level: number): void {
    setLevel(this.root, "--caller-level", level);
    const now = Date.now();
    if (level > 0.25) this.lastHeard = now;
    const words = this.isMuted ? "Muted" : now - this.lastHeard < 1_500 ? "Hears you" : "Quiet";
    if (this.at.hearing.textContent !== words && this.microphone) this.at.hearing.textContent = words;
  }

  // --- the call -----------------------------------------------------------------------------------------------------

  private play(stream: MediaStream): void {
    this.at.audio.srcObject = stream;
    void playThrough(this.at.audio);
    this.at.audio.play().catch(() =>
      this.showProblem({ what: "The browser doesn't let this page play sound.", side: "you", advice: "Allow sound for this page beside the address, then press Talk again." }),
    );
    this.agentMeter?.stop();
    this.agentMeter = new LevelMeter(stream, (level) => setLevel(this.root, "--agent-level", level));
  }

  private follow(phase: CallPhase): void {
    if (phase === "connected") {
      this.enter("connected");
      this.timer ??= setInterval(() => this.showTime(), 500);
      this.showTime();
    } else if (phase === "connecting" || phase === "reconnecting") {
      this.enter(phase);
    }
  }

  private receive(message: CallMessage): void {
    switch (message.type) {
      case "state":
        this.floor = message.state;
        this.sayState();
        break;
      case "transcript":
        this.transcript.show(message);
        break;
      case "latency":
        this.transcript.showLatency(message.turn, message);
        break;
      case "collected":
        this.showCollected(message);
        break;
      case "barge_in":
        this.transcript.cut(message.turn);
        break;
      case "snapshot":
        this.floor = message.state ?? this.floor;
        for (const turn of message.turns ?? []) this.transcript.show(turn);
        for (const latency of message.latencies ?? []) this.transcript.showLatency(latency.turn, latency);
        for (const collected of message.collected ?? []) this.showCollected(collected);
        this.sayState();
        break;
      case "level":
      case "happened":
      case "ended":
        break; // the levels are measured here; the end comes as the client's "end"
    }
  }

  private finish(end: CallEnd): void {
    clearInterval(this.timer);
    this.timer = undefined;
    this.showTime();
    this.call = null;
    this.floor = null;
    this.at.audio.srcObject = null;
    this.agentMeter?.stop();
    this.agentMeter = null;
    this.closeMicrophone();
    this.at.feedNote.hidden = true;
    if (!end.callId) part(this.root, "collected-box").hidden = true;
    this.setMuted(false);
    this.keypad.open(false);
    this.enter("ended");
    this.showProblem(end.problem);
    part(this.at.ended, "ended-words").textContent = [sentence(end.words), end.advice].filter(Boolean).join(" ");
    const link = part<HTMLAnchorElement>(this.at.ended, "ended-link");
    link.hidden = !end.callId;
    if (end.callId) link.href = (this.root.dataset["callUrl"] ?? "").replace("00000000-0000-0000-0000-000000000000", end.callId);
    this.at.ended.hidden = Boolean(end.problem) && !end.callId;
    if (end.problem) part(this.at.ended, "ended-words").textContent = "";
    this.at.talk.focus();
  }

  // --- what is shown ------------------------------------------------------------------------------------------------

  private enter(state: string): void {
    this.root.dataset["state"] = state;
    this.at.check.hidden = ["connecting", "connected", "reconnecting"].includes(state);
    // Whose turn it is changes every few seconds and is heard anyway: a screen reader would speak into the microphone.
    this.at.status.setAttribute("aria-live", state === "connected" ? "off" : "polite");
    part(this.at.talk, "talk-label").textContent = state === "ended" ? "Talk again" : "Talk";
    this.sayState();
  }

  private sayState(): void {
    const words = this.stateWords();
    if (this.at.status.textContent !== words) this.at.status.textContent = words;
    this.root.dataset["floor"] = this.root.dataset["state"] === "connected" ? (this.floor ?? "listening") : "";
  }

  private stateWords(): string {
    switch (this.root.dataset["state"]) {
      case "asking":
        return "Answer the browser's question: may this page use the microphone?";
      case "opening":
        return "Opening the microphone";
      case "connecting":
        return "Connecting";
      case "reconnecting":
        return "Mending the sound connection";
      case "connected":
        return this.isMuted ? `${FLOOR[this.floor ?? "listening"]} (you are muted)` : FLOOR[this.floor ?? "listening"];
      case "ended":
        return "Call ended";
      default:
        return "Ready";
    }
  }

  private showTime(): void {
    const since = this.call?.answeredAt;
    if (since) part(this.root, "timer").textContent = clock(Date.now() - since);
  }

  private showFields(fields: Field[]): void {
    this.fields = fields;
    const list = part(this.root, "collected");
    list.replaceChildren(
      ...fields.map((field) =>
        element("div", { class: "talk-field", "data-key": field.key }, element("dt", {}, field.label), element("dd", { class: "text-secondary" }, "not yet")),
      ),
    );
    part(this.root, "collected-box").hidden = fields.length === 0;
  }

  private showCollected(collected: Pick<CollectedMessage, "key" | "value" | "spoken" | "is_confirmed">): void {
    if (!this.fields.some((field) => field.key === collected.key)) {
      this.showFields([...this.fields, { key: collected.key, label: collected.key.replaceAll("_", " ") }]);
    }
    const value = this.root.querySelector(`[data-key="${CSS.escape(collected.key)}"] dd`);
    if (!value) return;
    const isKnown = collected.value !== null && collected.value !== "";
    const words = collected.spoken || String(collected.value);
    value.className = isKnown ? "" : "text-secondary";
    value.replaceChildren(isKnown ? words : "not yet");
    if (isKnown) value.append(element("span", { class: "text-secondary" }, collected.is_confirmed ? " · confirmed" : " · to be confirmed"));
  }

  private showProblem(problem: Problem | null): void {
    this.at.problem.hidden = problem === null;
    this.at.problem.replaceChildren();
    if (!problem) return;
    this.at.problem.append(
      element("div", { class: "talk-problem-side" }, SIDES[problem.side]),
      element("p", { class: "talk-problem-what" }, problem.what),
    );
    if (problem.advice) this.at.problem.append(element("p", {}, problem.advice));
    const health = this.root.dataset["healthUrl"];
    if (problem.side === "us" && health) this.at.problem.append(element("p", {}, element("a", { href: health }, "Open System health")));
    if (problem.detail) {
      this.at.problem.append(element("details", {}, element("summary", {}, "Details"), element("code", {}, problem.detail)));
    }
    this.at.problem.scrollIntoView({ block: "nearest" });
  }
}

function setLevel(root: HTMLElement, name: string, level: number): void {
  root.style.setProperty(name, level.toFixed(3));
}

export default function mount(root: HTMLElement): () => void {
  const panel = new TalkPanel(root);
  const leave = panel.leave;
  window.addEventListener("pagehide", leave);
  return () => {
    window.removeEventListener("pagehide", leave);
    leave();
  };
}
