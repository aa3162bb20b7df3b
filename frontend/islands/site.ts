/** What every page loads: htmx, menus and dialogs, the islands and the few behaviours of the shell. */

import "../styles/site.css";

import htmx from "htmx.org";
import { watchIslands } from "./island";
import { openDialogs } from "./lib/dialog";
import { csrfToken, icon } from "./lib/dom";
import { openMenus } from "./lib/menu";

declare global {
  interface Window {
    htmx: typeof htmx;
  }
}

window.htmx = htmx;
htmx.config.includeIndicatorStyles = false;
htmx.config.allowEval = false;
htmx.config.allowScriptTags = false;
htmx.config.selfRequestsOnly = true;
htmx.config.historyCacheSize = 0;
htmx.config.attributesToSettle = ["class", "width", "height"]; // not "style", which the content security policy refuses
// An invalid form comes back as 422 with what to correct, a stale one as 409: both are shown like any other answer. Anything else
// is no part of a page: what was there stays, and the words go into the corner.
htmx.config.responseHandling = [
  { code: "204", swap: false },
  { code: "[23]..", swap: true },
  { code: "(409|422)", swap: true },
  { code: "[45]..", swap: false, error: true },
];

interface ToastDetail {
  text: string;
  kind?: "info" | "success" | "warning" | "danger";
}

const icons = { info: icon("info-circle"), success: icon("check"), warning: icon("alert-triangle"), danger: icon("alert-circle") };

function showToast({ text, kind = "info" }: ToastDetail): void {
  const template = document.querySelector<HTMLTemplateElement>("#toast-template");
  const corner = document.querySelector("#toasts");
  if (!template || !corner) return;
  const toast = (template.content.cloneNode(true) as DocumentFragment).firstElementChild as HTMLElement;
  toast.classList.add(`toast-${kind}`);
  toast.querySelector("[data-icon]")?.replaceChildren(icons[kind].cloneNode(true));
  toast.querySelector("[data-text]")?.replaceChildren(text);
  toast.classList.add("show");
  corner.append(toast);
  setTimeout(() => toast.remove(), kind === "danger" ? 12_000 : 6_000);
}

document.addEventListener("click", (event) => {
  const close = (event.target as Element).closest<HTMLElement>('[data-bs-dismiss="alert"], [data-bs-dismiss="toast"]');
  close?.closest(".alert, .toast")?.remove();
});
document.addEventListener("parley:toast", (event) => showToast((event as CustomEvent<ToastDetail>).detail));
document.addEventListener("htmx:configRequest", (event) => {
  const { headers, parameters } = (event as CustomEvent<{ headers: Record<string, string>; parameters: Record<string, unknown> }>).detail;
  headers["X-CSRFToken"] = csrfToken();
  delete parameters["csrfmiddlewaretoken"]; // of the moment the form was made: it would be looked at first
});
document.addEventListener("htmx:sendError", (event) => {
  if (event.defaultPrevented) return; // it is told elsewhere
  showToast({ text: "The server can't be reached. Check your connection; what you typed is still here.", kind: "danger" });
});
document.addEventListener("htmx:responseError", (event) => {
  if (event.defaultPrevented) return;
  const { xhr } = (event as CustomEvent<{ xhr: XMLHttpRequest }>).detail;
  showToast({ text: refusal(xhr), kind: "danger" });
});

function refusal(xhr: XMLHttpRequest): string {
  if (xhr.status < 500 && xhr.getResponseHeader("Content-Type")?.startsWith("text/plain")) return xhr.responseText;
  switch (xhr.status) {
    case 401:
      return "You were signed out. Sign in in another tab, then try again; what you typed is still here.";
    case 403:
      return "The server took this for a request of another page. Reload the page and try again.";
    case 404:
      return "This is no longer there. Reload the page to see what is.";
  }
  return "The server failed at this; it is not your doing. Try again, and tell your administrator if it stays.";
}

document.addEventListener("click", (event) => {
  const choice = (event.target as Element).closest<HTMLElement>("[data-theme-choice]");
  if (!choice) return;
  const theme = choice.dataset["themeChoice"] ?? "auto";
  try {
    localStorage.setItem("theme", theme);
  } catch {
    // A browser that keeps nothing still gets the theme for this page.
  }
  document.documentElement.dataset["theme"] = theme;
  applyTheme();
});

function applyTheme(): void {
  const chosen = document.documentElement.dataset["theme"] ?? "auto";
  const dark = chosen === "dark" || (chosen === "auto" && matchMedia("(prefers-color-scheme: dark)").matches);
  document.documentElement.dataset["bsTheme"] = dark ? "dark" : "light";
  for (const choice of document.querySelectorAll<HTMLElement>("[data-theme-choice]")) {
    choice.setAttribute("aria-pressed", String(choice.dataset["themeChoice"] === chosen));
  }
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", applyTheme);
applyTheme();

/** A form that came back begins at its first mistake; the pages before signing in, at their first field. */
function focusFirst(): void {
  if (document.activeElement !== document.body) return;
  const first = document.querySelector<HTMLElement>("main form [aria-invalid=true]") ?? document.querySelector<HTMLElement>(".entrance form input:not([type=hidden])");
  first?.focus();
}

openDialogs();
openMenus();
watchIslands();
focusFirst();
