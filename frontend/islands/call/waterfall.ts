/** What a caller waited for before an answer, drawn as bars one after the other, with the numbers beside them. */

import { element } from "../lib/element";
import { WAIT_PARTS, type Latency } from "./call-messages";

const SVG = "http://www.w3.org/2000/svg";

/** Bars and numbers of one wait. The picture is for eyes; the list says the same to everyone. */
export function waterfall(latency: Latency): HTMLElement {
  const total = Math.max(1, latency.total_ms);
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "waterfall-bars");
  svg.setAttribute("viewBox", "0 0 100 8");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const list = element("ul", { class: "waterfall-parts" });
  let from = 0;
  for (const { key, name, term } of WAIT_PARTS) {
    const ms = latency[key];
    if (ms === undefined) continue;
    const bar = document.createElementNS(SVG, "rect");
    bar.setAttribute("class", `wait-${key.replace("_ms", "")}`);
    bar.setAttribute("x", String((100 * from) / total));
    bar.setAttribute("width", String((100 * ms) / total));
    bar.setAttribute("y", "0");
    bar.setAttribute("height", "8");
    svg.append(bar);
    from += ms;
    list.append(
      element("li", { title: term }, element("span", { class: `wait-dot wait-${key.replace("_ms", "")}`, "aria-hidden": "true" }), `${name} `, element("b", {}, `${Math.round(ms)} ms`)),
    );
  }
  return element("div", { class: "waterfall" }, svg, list);
}
