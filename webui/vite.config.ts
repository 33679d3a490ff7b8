import { readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

import { defineConfig, type Plugin } from "vite";

/** Files smaller than this are not worth a second form. */
const WORTH_COMPRESSING = 512;

/** Writes a `.br` and a `.gz` beside every built file: the daemon sends them as they are. */
function precompress(): Plugin {
  let folder = "dist";
  return {
    name: "precompress",
    apply: "build",
    configResolved: (config) => {
      folder = config.build.outDir;
    },
    closeBundle: () => {
      for (const path of files(folder)) {
        const bytes = readFileSync(path);
        if (bytes.length < WORTH_COMPRESSING) continue;
        const size = { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
        writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params: size }));
        writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
      }
    },
  };
}

function files(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? files(path) : [path];
  });
}

export default defineConfig({
  build: {
    target: "es2022",
    // The content security policy allows files only, nothing inline.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
  },
  plugins: [precompress()],
  server: {
    // `npm run dev` beside `cargo run -p gate-admin --example serve`.
    proxy: Object.fromEntries(
      ["/api", "/ca", "/metrics"].map((path) => [path, { target: "https://127.0.0.1:8443", secure: false }]),
    ),
  },
});
