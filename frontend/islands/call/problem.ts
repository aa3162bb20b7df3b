/** What went wrong, said so that a person can do something about it. No DOM in this file. */

export type Side = "you" | "caller" | "agent" | "vendor" | "line" | "us";

export interface Problem {
  /** What happened, in a sentence. */
  what: string;
  side: Side;
  /** What to do about it. */
  advice: string;
  /** For the details: a status, the browser's own words. */
  detail?: string;
}

export class ProblemError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.what);
  }
}

export const SIDES: Record<Side, string> = {
  you: "On your side",
  caller: "On the caller's side",
  agent: "The agent's settings",
  vendor: "At the vendor",
  line: "On the line",
  us: "On Parley's side",
};

interface ProblemJson {
  title?: string;
  detail?: string;
  side?: Side;
  errors?: { path?: string; message?: string }[];
}

/** The server's answer as a problem: RFC 9457 JSON where it sent some, else the meaning of the status. */
export async function problemOf(response: Response, doing: string): Promise<Problem> {
  if (response.redirected) return signedOut(); // to the page for signing in
  const detail = `HTTP ${response.status}`;
  const told = await toldBy(response);
  if (told !== null) {
    const corrections = (told.errors ?? []).map((error) => error.message).filter(Boolean);
    const side = told.side ?? (response.status >= 500 ? "us" : "you");
    return { what: sentence(told.title ?? `${doing} was refused`), side, advice: [told.detail, ...corrections].filter(Boolean).join(" "), detail };
  }
  if (response.status === 401 || response.status === 403) {
    return { what: `${doing} is not allowed.`, side: "you", advice: "You may have been signed out. Reload the page and sign in again.", detail };
  }
  if (response.status === 429) {
    return { what: "Too many calls were started in a short time.", side: "you", advice: "Wait a minute, then try again.", detail };
  }
  if (response.status === 503) {
    return { what: "No call worker is free.", side: "us", advice: "See System health: a call worker may have to be started.", detail };
  }
  return { what: `${doing} failed at the server.`, side: "us", advice: "Try again. If it stays like this, see System health.", detail };
}

export function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

async function toldBy(response: Response): Promise<ProblemJson | null> {
  if (!(response.headers.get("content-type") ?? "").includes("json")) return null;
  try {
    const body: unknown = await response.json();
    return typeof body === "object" && body !== null && ("detail" in body || "title" in body) ? (body as ProblemJson) : null;
  } catch {
    return null;
  }
}

export function signedOut(): Problem {
  return {
    what: "You were signed out.",
    side: "you",
    advice: "Sign in in another tab, then come back and try again. What you typed here is still here.",
  };
}

export function unreachable(error: unknown): Problem {
  return {
    what: "The server can't be reached.",
    side: "line",
    advice: "Check your network connection, then try again.",
    detail: String(error),
  };
}
