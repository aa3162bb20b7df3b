/**
 * A call from a browser: offer and answer, sound both ways, and the feed of what happens in it.
 *
 * No DOM in this file, so that the dashboard's talk panel and the widget share it. Events:
 * `phase` (CallPhase), `message` (CallMessage), `track` (MediaStream), `feed` (FeedState), `end` (CallEnd).
 * The feed may be lost and found again; only the sound's connection, the feed's "ended" or `hangUp` end a call.
 */

import type { CallMessage, EndedMessage } from "./call-messages";
import { LiveFeed, socketUrl, type FeedState } from "./live-feed";
import { problemOf, ProblemError, sentence, unreachable, type Problem } from "./problem";

export type CallPhase = "idle" | "connecting" | "connected" | "reconnecting" | "ended";

export interface CallEnd {
  /** In plain words: "The caller said goodbye". */
  words: string;
  reason: string;
  /** What could be done about an end that is nobody's fault: a setting that led to it. */
  advice?: string;
  problem: Problem | null;
  callId: string | null;
}

export interface CallOptions {
  /** Where calls are offered, without a trailing slash: "/rtc". */
  rtcUrl: string;
  /** Fetches a fresh one-use token just before the call. Throws `ProblemError`. */
  token: () => Promise<string>;
  metadata?: Record<string, string>;
}

interface Events {
  phase: CallPhase;
  message: CallMessage;
  track: MediaStream;
  feed: FeedState;
  end: CallEnd;
}

interface Answer {
  call_id: string;
  sdp: string;
  type: "answer";
  events_token: string;
}

/** How long an offer waits for the last of its own addresses. Later ones are sent after it. */
const GATHERING_MS = 400;
/** How long a broken sound connection may try to mend itself. */
const MENDING_MS = 12_000;
/** How long the sound may take to come up after the answer. */
const CONNECTING_MS = 15_000;
/** How long the feed may take to say why the call ended once the sound has stopped. */
const LAST_WORDS_MS = 2_500;

export class CallClient {
  phase: CallPhase = "idle";
  callId: string | null = null;
  answeredAt: number | null = null;

  private connection: RTCPeerConnection | null = null;
  private feed: LiveFeed<CallMessage> | null = null;
  private eventsToken = "";
  private candidates: RTCIceCandidateInit[] = [];
  private pressing: Promise<unknown> = Promise.resolve();
  private timers = new Set<ReturnType<typeof setTimeout>>();
  private listeners: { [Name in keyof Events]?: ((value: Events[Name]) => void)[] } = {};

  constructor(private readonly options: CallOptions) {}

  on<Name extends keyof Events>(name: Name, listener: (value: Events[Name]) => void): this {
    const known = (this.listeners[name] ?? []) as ((value: Events[Name]) => void)[];
    known.push(listener);
    (this.listeners as Record<string, unknown>)[name] = known;
    return this;
  }

  /** Place the call with this microphone. Resolves when the answer is there; throws `ProblemError` where it isn't. */
  async start(microphone: MediaStream): Promise<void> {
    this.enter("connecting");
    try {
      const token = await this.options.token();
      const connection = new RTCPeerConnection({ iceServers: await this.iceServers(token) });
      this.connection = connection;
      this.watch(connection);
      for (const track of microphone.getAudioTracks()) connection.addTrack(track, microphone);
      await connection.setLocalDescription(await connection.createOffer());
      await gathered(connection, GATHERING_MS);
      if (this.hasEnded()) return;
      this.candidates = [];
      const answer = await this.offer(token, connection.localDescription?.sdp ?? "");
      this.callId = answer.call_id;
      this.eventsToken = answer.events_token;
      if (this.hasEnded()) {
        this.tellHangUp();
        return;
      }
      this.openFeed();
      await connection.setRemoteDescription({ type: "answer", sdp: answer.sdp });
      void this.sendCandidates();
      this.after(CONNECTING_MS, () => this.phase === "connecting" && this.fail(NEVER_CONNECTED));
    } catch (error) {
      const problem = error instanceof ProblemError ? error.problem : unexpected(error);
      this.finish({ words: problem.what, reason: "failed", problem, callId: this.callId });
      throw new ProblemError(problem);
    }
  }

  hangUp(): void {
    if (this.hasEnded()) return;
    this.tellHangUp();
    this.finish({ words: "You hung up", reason: "caller_hung_up", problem: null, callId: this.callId });
  }

  /** Speak through another microphone from now on. */
  async replaceMicrophone(microphone: MediaStream): Promise<void> {
    const track = microphone.getAudioTracks()[0];
    const sender = this.connection?.getSenders()[0];
    if (track && sender) await sender.replaceTrack(track);
  }

  /** Press a key: beside the sound where the microphone's track can carry it, through signalling where it can't. */
  press(digit: string): void {
    if (this.hasEnded() || this.answeredAt === null) return;
    const keys = this.connection?.getSenders()[0]?.dtmf;
    if (keys?.canInsertDTMF) keys.insertDTMF(keys.toneBuffer + digit);
    else this.pressing = this.pressing.then(() => this.tell("digits", { digits: digit }));
  }

  stats(): Promise<RTCStatsReport> | null {
    return this.connection?.getStats() ?? null;
  }

  private async iceServers(token: string): Promise<RTCIceServer[]> {
    const response = await fetch(`${this.options.rtcUrl}/ice-servers`, { headers: { Authorization: `Bearer ${token}` } }).catch(refuse);
    if (!response.ok) throw new ProblemError(await problemOf(response, "Starting a call"));
    const body = (await response.json()) as { iceServers?: RTCIceServer[] };
    return body.iceServers ?? [];
  }

  private async offer(token: string, sdp: string): Promise<Answer> {
    const response = await fetch(`${this.options.rtcUrl}/offer`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ token, sdp, type: "offer", ...(this.options.metadata ? { metadata: this.options.metadata } : {}) }),
    }).catch(refuse);
    if (!response.ok) throw new ProblemError(await problemOf(response, "Starting a call"));
    return (await response.json()) as Answer;
  }

  private watch(connection: RTCPeerConnection): void {
    connection.ontrack = (event) => this.emit("track", event.streams[0] ?? new MediaStream([event.track]));
    connection.onicecandidate = (event) => {
      if (!event.candidate) return;
      this.candidates.push(event.candidate.toJSON());
      if (this.eventsToken) void this.sendCandidates();
    };
    connection.onconnectionstatechange = () => {
      if (this.hasEnded()) return;
      switch (connection.connectionState) {
        case "connected":
          this.answeredAt ??= Date.now();
          this.enter("connected");
          break;
        case "disconnected":
          this.enter("reconnecting");
          this.after(MENDING_MS, () => this.phase === "reconnecting" && this.soundIsGone());
          break;
        case "failed":
          if (this.answeredAt === null) this.fail(NEVER_CONNECTED);
          else this.soundIsGone();
          break;
        case "closed":
          this.soundIsGone();
          break;
      }
    };
  }

  /** The sound has stopped: the feed may still say why. */
  private soundIsGone(): void {
    if (this.hasEnded()) return;
    this.enter("reconnecting");
    this.after(LAST_WORDS_MS, () => this.fail(LOST));
  }

  private async sendCandidates(): Promise<void> {
    const candidates = this.candidates.splice(0);
    if (!candidates.length || !this.callId) return;
    await this.tell("candidates", { candidates }); // the addresses in the offer may do; if not, the call says that it never connected
  }

  private tell(what: string, body: object, keepalive = false): Promise<unknown> {
    return fetch(`${this.options.rtcUrl}/calls/${this.callId}/${what}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${this.eventsToken}` },
      body: JSON.stringify(body),
      keepalive,
    }).catch(() => undefined);
  }

  private openFeed(): void {
    const url = socketUrl(`/ws/calls/${this.callId}/?token=${encodeURIComponent(this.eventsToken)}`, new URL(this.options.rtcUrl, baseUrl()).href);
    this.feed = new LiveFeed<CallMessage>(url, {
      onMessage: (message) => this.receive(message),
      onState: (state) => this.emit("feed", state),
    });
    this.feed.open();
  }

  private receive(message: CallMessage): void {
    if (this.hasEnded()) return;
    this.emit("message", message);
    if (message.type === "ended") this.finish(endOf(message, this.callId));
    else if (message.type === "snapshot" && message.ended) this.finish(endOf(message.ended, this.callId));
  }

  private tellHangUp(): void {
    if (!this.callId) return;
    void this.tell("hangup", {}, true); // the connection closes as well, which the worker notices
  }

  private fail(problem: Problem): void {
    this.finish({ words: problem.what, reason: "connection_lost", problem, callId: this.callId });
  }

  private finish(end: CallEnd): void {
    if (this.hasEnded()) return;
    this.phase = "ended";
    for (const timer of this.timers) clearTimeout(timer);
    this.feed?.close();
    if (this.connection) {
      this.connection.onconnectionstatechange = null;
      this.connection.close();
    }
    this.emit("phase", "ended");
    this.emit("end", end);
  }

  private hasEnded(): boolean {
    return this.phase === "ended";
  }

  private enter(phase: CallPhase): void {
    if (this.phase === phase || this.hasEnded()) return;
    this.phase = phase;
    this.emit("phase", phase);
  }

  private after(ms: number, act: () => unknown): void {
    const timer = setTimeout(() => {
      this.timers.delete(timer);
      act();
    }, ms);
    this.timers.add(timer);
  }

  private emit<Name extends keyof Events>(name: Name, value: Events[Name]): void {
    for (const listener of (this.listeners[name] ?? []) as ((value: Events[Name]) => void)[]) listener(value);
  }
}

const NEVER_CONNECTED: Problem = {
  what: "The sound connection never came up.",
  side: "line",
  advice: "Your network may block calls. Try another network, or ask whoever runs Parley to set up a TURN server.",
};

const LOST: Problem = {
  what: "The sound connection was lost.",
  side: "line",
  advice: "Check your network, then call again. What was said until then is kept.",
};

const LOOK = "Talk again. If it stays like this, open the call: it says what happened before.";

function endOf(message: EndedMessage, callId: string | null): CallEnd {
  const side = (message.side as Problem["side"]) ?? "us";
  const problem: Problem | null = message.is_fault ? { what: sentence(message.words), side, advice: message.advice || LOOK } : null;
  return { words: message.words, reason: message.reason, advice: message.advice ?? "", problem, callId };
}

function refuse(error: unknown): never {
  throw new ProblemError(unreachable(error));
}

function unexpected(error: unknown): Problem {
  return {
    what: "Your browser couldn't start the call.",
    side: "you",
    advice: "Reload the page. If it happens again, try a current Chrome, Edge, Firefox or Safari.",
    detail: String(error),
  };
}

function baseUrl(): string {
  return globalThis.location.href;
}

function gathered(connection: RTCPeerConnection, limitMs: number): Promise<void> {
  if (connection.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(done, limitMs);
    function done(): void {
      clearTimeout(timer);
      connection.removeEventListener("icegatheringstatechange", changed);
      resolve();
    }
    function changed(): void {
      if (connection.iceGatheringState === "complete") done();
    }
    connection.addEventListener("icegatheringstatechange", changed);
  });
}
