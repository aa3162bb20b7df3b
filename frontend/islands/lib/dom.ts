/** Small things every island needs. */

/** One of the sprite's icons, like the `icon` tag of the templates. */
export function icon(name: string): SVGSVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `${document.documentElement.dataset["icons"] ?? ""}#${name}`);
  svg.append(use);
  return svg;
}

/** From the cookie, which is renewed when somebody signs in, also in another tab; a page that was open before keeps working. */
export function csrfToken(): string {
  const cookie = /(?:^|; )csrftoken=([^;]+)/.exec(document.cookie)?.[1];
  if (cookie) return cookie;
  const headers = JSON.parse(document.body.getAttribute("hx-headers") ?? "{}") as Record<string, string>;
  return headers["X-CSRFToken"] ?? "";
}

/** Says something to the person, in the corner, to eyes and screen readers alike. */
export function toast(text: string, kind: "info" | "success" | "warning" | "danger" = "info"): void {
  document.body.dispatchEvent(new CustomEvent("parley:toast", { detail: { text, kind }, bubbles: true }));
}
