/**
 * One WebSocket that stays: it reconnects with growing pauses, and says when it is down.
 *
 * It carries what a call tells about itself; the call's sound does not pass here, so the feed may die without the call dying.
 * No DOM in this file.
 */

export type FeedState = "connecting" | "open" | "lost" | "closed";

export interface FeedOptions<Message> {
  onMessage: (message: Message) => void;
  onState?: (state: FeedState) => void;
  /** Waits between attempts, the last one repeated. */
  pausesMs?: number[];
}

const PAUSES_MS = [300, 700, 1_500, 3_000, 5_000];

/** Codes with which the server says that trying again is of no use: not allowed, no such thing. */
const FINAL_CODES = new Set([1008, 4401, 4403, 4404]);

export class LiveFeed<Message> {
  private socket: WebSocket | null = null;
  private attempts = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private isClosed = false;

  constructor(
    private readonly url: string,
    private readonly options: FeedOptions<Message>,
  ) {}

  open(): void {
    if (this.isClosed) return;
    this.tell("connecting");
    const socket = new WebSocket(this.url);
    this.socket = socket;
    socket.onopen = () => {
      this.attempts = 0;
      this.tell("open");
    };
    socket.onmessage = (event: MessageEvent) => {
      const message = parse<Message>(event.data);
      if (message !== null) this.options.onMessage(message);
    };
    socket.onclose = (event: CloseEvent) => {
      if (this.socket !== socket || this.isClosed) return;
      this.socket = null;
      if (FINAL_CODES.has(event.code)) {
        this.close();
        return;
      }
      this.tell("lost");
      const pauses = this.options.pausesMs ?? PAUSES_MS;
      const pause = pauses[Math.min(this.attempts, pauses.length - 1)] ?? 5_000;
      this.attempts += 1;
      this.timer = setTimeout(() => this.open(), pause * (0.8 + 0.4 * Math.random()));
    };
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    clearTimeout(this.timer);
    this.socket?.close(1000);
    this.socket = null;
    this.tell("closed");
  }

  private tell(state: FeedState): void {
    this.options.onState?.(state);
  }
}

function parse<Message>(data: unknown): Message | null {
  if (typeof data !== "string") return null;
  try {
    const message: unknown = JSON.parse(data);
    return typeof message === "object" && message !== null ? (message as Message) : null;
  } catch {
    return null;
  }
}

/** `/ws/live/` as an address on this site. */
export function socketUrl(path: string, base: string = window.location.href): string {
  const url = new URL(path, base);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}
