/** `<time datetime="…" data-island="local-time" data-style="relative">`: the moment in the viewer's own zone and language.
 *
 * The server's text (in the organization's zone) stays where the browser can't read the moment. Styles: datetime (default), date, time, relative,
 * and recent: the time, with its day where that is not today.
 */

const steps: Array<[Intl.RelativeTimeFormatUnit, number]> = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

function relative(moment: Date): string {
  const seconds = (moment.getTime() - Date.now()) / 1000;
  const words = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto" });
  for (const [unit, size] of steps) {
    if (Math.abs(seconds) >= size) return words.format(Math.round(seconds / size), unit);
  }
  return words.format(0, "minute").replace("this minute", "just now");
}

export default function mount(element: HTMLElement): void | (() => void) {
  const moment = new Date(element.getAttribute("datetime") ?? "");
  if (Number.isNaN(moment.getTime())) return undefined;
  const language = document.documentElement.lang;
  const style = element.dataset["style"] ?? "datetime";
  element.title = moment.toLocaleString(language, { dateStyle: "full", timeStyle: "long" });
  const isOld = Math.abs(Date.now() - moment.getTime()) > 7 * 86_400_000;
  if (style === "relative" && !isOld) {
    const show = (): void => element.replaceChildren(relative(moment));
    show();
    const timer = setInterval(show, 30_000);
    return () => clearInterval(timer);
  }
  const isToday = moment.toDateString() === new Date().toDateString();
  const options: Intl.DateTimeFormatOptions = {
    ...(style === "time" || style === "recent" ? {} : { dateStyle: "medium" }),
    ...(style === "date" ? {} : { timeStyle: "short" }),
  };
  const day = moment.toLocaleDateString(language, { month: "short", day: "numeric", ...(moment.getFullYear() === new Date().getFullYear() ? {} : { year: "numeric" }) });
  const shown = moment.toLocaleString(language, options);
  element.replaceChildren(style === "recent" && !isToday ? `${day}, ${shown}` : shown);
  return undefined;
}
