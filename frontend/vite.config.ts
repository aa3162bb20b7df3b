/** Builds the islands and the styles into static/dist, with a manifest for django-vite and one sprite of the icons in use. */

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { defineConfig, type Plugin } from "vite";

const here = dirname(fileURLToPath(import.meta.url));

/** Every icon that a template tag, `icon(…)` or `icon="…"` names in the sources, as one SVG file of symbols. */
function iconSprite(): Plugin {
  const named = /(?:\{%\s*icon\s+|\bicon\(\s*|\bicon:\s*|\bicon=)["']([a-z0-9-]+)["']/g;
  return {
    name: "icon-sprite",
    generateBundle() {
      const sources = ["context.py", "sections.py", "templates", "islands", "views", "queries", "forms", "templatetags"].flatMap((place) =>
        place.includes(".")
          ? [place]
          : readdirSync(resolve(here, place), { recursive: true, encoding: "utf8" })
              .filter((name) => /\.(html|ts|py)$/.test(name))
              .map((name) => `${place}/${name}`),
      );
      const names = new Set<string>();
      for (const source of sources) {
        for (const [, name] of readFileSync(resolve(here, source), "utf8").matchAll(named)) names.add(name!);
      }
      const symbols = [...names].sort().map((name) => {
        let svg: string;
        try {
          svg = readFileSync(resolve(here, "node_modules/@tabler/icons/icons/outline", `${name}.svg`), "utf8");
        } catch {
          this.error(`No Tabler icon is called “${name}”.`);
        }
        const body = svg.replace(/<!--[\s\S]*?-->/g, "").replace(/^[\s\S]*?<svg[^>]*>|<\/svg>\s*$/g, "").replace(/\s+/g, " ");
        return `<symbol id="${name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round">${body.trim()}</symbol>`;
      });
      const source = `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("\n")}</svg>\n`;
      // A hash in its name lets browsers keep it for ever; the manifest knows it as "icons.svg".
      this.emitFile({ type: "asset", name: "icons.svg", originalFileName: "icons.svg", source });
    },
  };
}

/** Beside every file its compressed copies, which WhiteNoise sends to browsers that take them. */
function compressed(): Plugin {
  const SMALLEST = 1_000; // below it nothing is won
  return {
    name: "compressed",
    writeBundle({ dir }, bundle) {
      for (const name of Object.keys(bundle)) {
        if (!/\.(js|css|svg)$/.test(name)) continue;
        const path = resolve(dir ?? "", name);
        const content = readFileSync(path);
        if (content.length < SMALLEST) continue;
        writeFileSync(`${path}.gz`, gzipSync(content, { level: 9 }));
        writeFileSync(`${path}.br`, brotliCompressSync(content, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: content.length } }));
      }
    },
  };
}

export default defineConfig({
  root: here,
  base: "./", // chunks find each other beside themselves, whatever the static URL is
  publicDir: false,
  plugins: [iconSprite(), compressed()],
  build: {
    outDir: "static/dist",
    emptyOutDir: true,
    manifest: "manifest.json",
    target: "es2022",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    rolldownOptions: {
      input: { site: "islands/site.ts" },
      checks: { eval: false, bundlerTimings: false }, // htmx has it for hx-on, which htmx.config.allowEval turns off
    },
  },
});
