/**
 * The recording: two lanes to click in, and a transcript that follows and leads.
 *
 * The outline comes from the server (`data-peaks-url`), so nothing is decoded here; the sound streams from a short-lived address
 * that is asked for when it is needed and again when it has run out.
 */

import WaveSurfer from "wavesurfer.js";
import { clock } from "./call/call-messages";
import { part } from "./lib/element";

const JUMP_S = 5;
/** The address is good for five minutes; it is renewed a little earlier. */
const ADDRESS_MS = 270_000;

interface Outline {
  peaks: number[][];
  duration: number;
}

interface TurnOnPage {
  item: HTMLElement;
  from: number;
  to: number;
}

class CallPlayer {
  private readonly audio: HTMLAudioElement;
  private readonly slider: HTMLElement;
  private readonly button: HTMLButtonElement;
  private wave: WaveSurfer | null = null;
  private duration: number;
  private turns: TurnOnPage[] = [];
  private current: HTMLElement | null = null;
  private addressAt = 0;
  private readonly stopping = new AbortController();

  constructor(private readonly root: HTMLElement) {
    this.audio = part<HTMLAudioElement>(root, "audio");
    this.slider = part(root, "wave");
    this.button = part<HTMLButtonElement>(root, "play");
    this.duration = Number(root.dataset["durationMs"] ?? 0) / 1000;
    const signal = this.stopping.signal;
    const speed = part<HTMLSelectElement>(root, "speed");
    this.button.addEventListener("click", () => void this.toggle(), { signal });
    speed.addEventListener("change", () => (this.audio.playbackRate = Number(speed.value)), { signal });
    root.addEventListener("keydown", (event) => this.onKey(event), { signal });
    for (const name of ["play", "pause", "ended"]) this.audio.addEventListener(name, () => this.showPlaying(), { signal });
    this.audio.addEventListener("timeupdate", () => this.showTime(), { signal });
    this.audio.addEventListener("seeking", () => this.showTime(), { signal });
    this.audio.addEventListener("error", () => this.audio.getAttribute("src") && this.say("The recording can't be played right now. Reload the page to try again."), { signal });
    this.listenToTranscript(signal);
    document.addEventListener("parley:theme", () => this.paint(), { signal });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.paint(), { signal });
    void this.draw();
  }

  stop(): void {
    this.stopping.abort();
    this.audio.pause();
    this.wave?.destroy();
  }

  private async draw(): Promise<void> {
    const response = await fetch(this.root.dataset["peaksUrl"] ?? "").catch(() => null);
    if (!response?.ok) {
      this.say("The outline of the recording can't be shown: its file is missing on the server.");
      this.button.disabled = true;
      return;
    }
    const outline = (await response.json()) as Outline;
    this.duration = outline.duration || this.duration;
    part(this.root, "length").textContent = clock(this.duration * 1000);
    this.slider.setAttribute("aria-valuemax", this.duration.toFixed(0));
    const nonce = document.querySelector<HTMLScriptElement>("script[nonce]")?.nonce;
    this.wave = WaveSurfer.create({
      container: this.slider,
      media: this.audio,
      peaks: outline.peaks,
      duration: this.duration,
      height: 44,
      normalize: true,
      barWidth: 2,
      barGap: 1,
      barRadius: 1,
      cursorWidth: 2,
      interact: false,
      ...this.colours(),
      ...(nonce ? { cspNonce: nonce } : {}),
    });
    this.slider.addEventListener("click", (event) => {
      const box = this.slider.getBoundingClientRect();
      void this.playFrom(((event.clientX - box.left) / box.width) * this.duration);
    });
  }

  private colours() {
    const style = getComputedStyle(this.root);
    const of = (name: string): string => style.getPropertyValue(name).trim();
    const lane = (name: string) => ({ waveColor: of(`--${name}-rest`), progressColor: of(`--${name}`) });
    return { cursorColor: of("--tblr-body-color"), splitChannels: [lane("caller"), lane("agent")] };
  }

  private paint(): void {
    setTimeout(() => this.wave?.setOptions(this.colours())); // after the page's own colours have changed
  }

  // --- playing ------------------------------------------------------------------------------------------------------

  private async toggle(): Promise<void> {
    if (this.audio.paused) await this.play();
    else this.audio.pause();
  }

  private async playFrom(seconds: number): Promise<void> {
    await this.address();
    this.audio.currentTime = clamp(seconds, 0, Math.max(0, this.duration - 0.05));
    await this.play();
  }

  private async play(): Promise<void> {
    try {
      await this.address();
      await this.audio.play();
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return; // paused while it was starting
      this.say("The recording can't be played right now. Reload the page to try again.");
    }
  }

  /** A fresh address for the sound where there is none or the last has run out. */
  private async address(): Promise<void> {
    if (this.addressAt && Date.now() - this.addressAt < ADDRESS_MS && !this.audio.error) return;
    const response = await fetch(this.root.dataset["recordingUrl"] ?? "", { headers: { Accept: "application/json" } });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    const { url } = (await response.json()) as { url: string };
    const at = this.audio.currentTime;
    this.addressAt = Date.now();
    this.audio.src = url;
    this.audio.playbackRate = this.audio.defaultPlaybackRate = Number(part<HTMLSelectElement>(this.root, "speed").value);
    if (at) this.audio.currentTime = at;
    this.say("");
  }

  private async jump(seconds: number): Promise<void> {
    await this.address().catch(() => undefined);
    this.audio.currentTime = clamp(seconds, 0, Math.max(0, this.duration - 0.05));
    this.showTime();
  }

  private onKey(event: KeyboardEvent): void {
    const target = event.target as HTMLElement;
    if (target instanceof HTMLSelectElement || event.altKey || event.ctrlKey || event.metaKey) return;
    const at = this.audio.currentTime;
    const places: Record<string, number> = { ArrowLeft: at - JUMP_S, ArrowRight: at + JUMP_S, ArrowDown: at - JUMP_S, ArrowUp: at + JUMP_S, Home: 0, End: this.duration };
    const place = places[event.key];
    if (place !== undefined) void this.jump(place);
    else if (event.key === " " && target !== this.button) void this.toggle();
    else return;
    event.preventDefault();
  }

  // --- transcript ---------------------------------------------------------------------------------------------------

  private listenToTranscript(signal: AbortSignal): void {
    const list = document.getElementById(this.root.dataset["transcript"] ?? "");
    if (!list) return;
    this.turns = [...list.querySelectorAll<HTMLElement>("[data-from]")].map((item) => ({
      item,
      from: Number(item.dataset["from"]) / 1000,
      to: Number(item.dataset["to"]) / 1000,
    }));
    list.addEventListener(
      "click",
      (event) => {
        const target = event.target as HTMLElement;
        if (target.closest("details, a") || !getSelection()?.isCollapsed) return; // reading and copying are not playing
        const turn = target.closest<HTMLElement>("[data-from]");
        if (turn) void this.playFrom(Number(turn.dataset["from"]) / 1000);
      },
      { signal },
    );
  }

  // --- what is shown ------------------------------------------------------------------------------------------------

  private showTime(): void {
    const now = this.audio.currentTime;
    part(this.root, "now").textContent = clock(now * 1000);
    this.slider.setAttribute("aria-valuenow", now.toFixed(0));
    this.slider.setAttribute("aria-valuetext", `${clock(now * 1000)} of ${clock(this.duration * 1000)}`);
    this.mark(this.turns.findLast((turn) => turn.from <= now + 0.05)?.item ?? null);
  }

  private mark(item: HTMLElement | null): void {
    if (item === this.current) return;
    this.current?.classList.remove("is-playing");
    this.current?.removeAttribute("aria-current");
    this.current = item;
    if (!item) return;
    item.classList.add("is-playing");
    item.setAttribute("aria-current", "true");
    if (!this.audio.paused) item.scrollIntoView({ block: "nearest", behavior: "smooth" });
  }

  private showPlaying(): void {
    const isPlaying = !this.audio.paused && !this.audio.ended;
    part(this.root, "play-icon").hidden = isPlaying;
    part(this.root, "pause-icon").hidden = !isPlaying;
    this.button.setAttribute("aria-label", (isPlaying ? this.button.dataset["pauseLabel"] : this.button.dataset["playLabel"]) ?? "");
  }

  private say(words: string): void {
    const problem = part(this.root, "problem");
    problem.textContent = words;
    problem.hidden = !words;
  }
}

function clamp(value: number, low: number, high: number): number {
  return Math.min(high, Math.max(low, value));
}

export default function mount(root: HTMLElement): () => void {
  const player = new CallPlayer(root);
  return () => player.stop();
}
