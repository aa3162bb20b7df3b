/** What a live call says over its feed, as the server writes it (`telephony/live_feed.py`). */

export type Role = "caller" | "agent";
export type Floor = "listening" | "thinking" | "speaking";

export interface Latency {
  endpointing_ms?: number;
  stt_ms?: number;
  model_ms?: number;
  tts_ms?: number;
  transport_ms?: number;
  total_ms: number;
}

export interface TranscriptMessage {
  type: "transcript";
  at_ms: number;
  turn: number;
  role: Role;
  text: string;
  is_final: boolean;
  was_cut: boolean;
  intended?: string;
}

export interface CollectedMessage {
  type: "collected";
  at_ms: number;
  key: string;
  value: string | number | boolean | null;
  spoken: string;
  is_confirmed: boolean;
}

export interface EndedMessage {
  type: "ended";
  at_ms: number;
  reason: string;
  words: string;
  side?: string;
  is_fault?: boolean;
  advice?: string;
}

export interface SnapshotMessage {
  type: "snapshot";
  at_ms: number;
  state?: Floor;
  turns?: Omit<TranscriptMessage, "type" | "at_ms">[];
  collected?: Omit<CollectedMessage, "type" | "at_ms">[];
  latencies?: (Latency & { turn: number })[];
  ended?: EndedMessage | null;
}

export type CallMessage =
  | { type: "state"; at_ms: number; state: Floor }
  | TranscriptMessage
  | { type: "level"; at_ms: number; caller: number; agent: number }
  | ({ type: "latency"; at_ms: number; turn: number } & Latency)
  | CollectedMessage
  | { type: "barge_in"; at_ms: number; turn: number; after_ms: number }
  | { type: "happened"; at_ms: number; kind: string; data: Record<string, unknown> }
  | EndedMessage
  | SnapshotMessage;

/** The parts of a wait in the order the caller waits for them, with their plain names. */
export const WAIT_PARTS = [
  { key: "endpointing_ms", name: "Pause", term: "endpointing" },
  { key: "stt_ms", name: "Transcriber", term: "STT" },
  { key: "model_ms", name: "Brain", term: "model" },
  { key: "tts_ms", name: "Voice", term: "TTS" },
  { key: "transport_ms", name: "Line", term: "transport" },
] as const;

/** `640` → "0.6 s", `40` → "40 ms": as long as it felt. */
export function spokenWait(ms: number): string {
  return ms < 100 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

/** `134000` → "2:14". */
export function clock(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const minutes = Math.floor(seconds / 60);
  const rest = String(seconds % 60).padStart(2, "0");
  return minutes < 60 ? `${minutes}:${rest}` : `${Math.floor(minutes / 60)}:${String(minutes % 60).padStart(2, "0")}:${rest}`;
}
