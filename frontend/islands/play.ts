/** `<button data-island="play" data-url="…">`: speaks what the form holds now, saved or not; a second press stops.
 *
 * `data-says` names the control whose text is spoken, `data-word` the word of a row of pronunciations; without either the voice
 * says a sentence of its own. The voice, its speed, the language and the pronunciations go along as they stand on the page.
 */

import { csrfToken, icon, toast } from "./lib/dom";

let playing: { audio: HTMLAudioElement; button: HTMLElement } | null = null;

function stop(): void {
  if (!playing) return;
  playing.audio.pause();
  URL.revokeObjectURL(playing.audio.src);
  show(playing.button, "player-play", false);
  playing = null;
}

function show(button: HTMLElement, name: string, isBusy: boolean): void {
  button.replaceChildren(isBusy ? spinner() : icon(name));
  button.setAttribute("aria-busy", String(isBusy));
}

function spinner(): HTMLElement {
  const turning = document.createElement("span");
  turning.className = "spinner-border spinner-border-sm";
  return turning;
}

/** The controls of the section that decide how the agent sounds, as they stand now. */
function sounds(body: FormData): void {
  for (const control of document.querySelectorAll<HTMLInputElement>('[name^="sounds-"]')) {
    if ((control.type === "radio" || control.type === "checkbox") && !control.checked) continue;
    if (!control.closest("template")) body.append(control.name, control.value);
  }
}

async function fetchSound(button: HTMLElement): Promise<Blob | null> {
  const body = new FormData();
  sounds(body);
  const source = document.getElementById(button.dataset["says"] ?? button.dataset["word"] ?? "") as HTMLInputElement | null;
  if (source) body.append("text", source.value);
  if (source && !source.value.trim()) {
    toast("Write something first, then press play.", "info");
    return null;
  }
  const response = await fetch(button.dataset["url"] ?? "", { method: "POST", body, headers: { "X-CSRFToken": csrfToken() } });
  if (response.redirected) {
    toast("You were signed out. Sign in in another tab, then press play again.", "warning");
    return null;
  }
  if (response.ok) return response.blob();
  const isPlain = response.headers.get("Content-Type")?.startsWith("text/plain");
  toast(isPlain ? await response.text() : "The server couldn't speak this. Try again in a moment.", "danger");
  return null;
}

export default function mount(button: HTMLElement): () => void {
  button.addEventListener("click", async () => {
    const wasPlaying = playing?.button === button;
    stop();
    if (wasPlaying || button.getAttribute("aria-busy") === "true") return;
    show(button, "player-play", true);
    try {
      const sound = await fetchSound(button);
      show(button, "player-play", false);
      if (!sound) return;
      const audio = new Audio(URL.createObjectURL(sound));
      audio.addEventListener("ended", stop);
      playing = { audio, button };
      show(button, "player-stop", false);
      await audio.play();
    } catch {
      stop();
      show(button, "player-play", false);
      toast("The sound couldn't be fetched or played. Check your connection and try again.", "danger");
    }
  });
  return () => {
    if (playing?.button === button) stop();
  };
}
