// Bundles src/ and writes what lapwing_web embeds: *.gz, ui_data.S (their bytes), ui_assets.c (their
// names). Script and style carry a hash of their content in the name, so that browsers may keep them
// for ever; only index.html is asked for again.
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const result = await build({
  entryPoints: { app: 'src/main.tsx' },
  bundle: true,
  minify: true,
  format: 'esm',
  target: 'es2020',
  legalComments: 'none',
  outdir: 'out',
  write: false,
  logLevel: 'warning',
});

const hash = (bytes) => createHash('sha256').update(bytes).digest('hex').slice(0, 16);
const types = {
  html: 'text/html; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  css: 'text/css; charset=utf-8',
  svg: 'image/svg+xml',
};

let index = readFileSync('src/index.html', 'utf8');
const assets = [];
for (const file of result.outputFiles) {
  const extension = file.path.split('.').pop();
  const name = `app.${hash(file.contents)}.${extension}`;
  index = index.replaceAll(`app.${extension}`, name);
  assets.push({ name, bytes: Buffer.from(file.contents) });
}
assets.push({ name: 'icon.svg', bytes: readFileSync('src/icon.svg') });
assets.push({ name: 'index.html', bytes: Buffer.from(index) });

const rows = [];
const data = ['    .section .rodata\n'];
assets.forEach((asset, i) => {
  const type = types[asset.name.split('.').pop()];
  writeFileSync(`asset${i}.gz`, gzipSync(asset.bytes, { level: 9 }));
  data.push(
    `    .global ui_asset${i}_begin\n    .global ui_asset${i}_end\n    .balign 16\n` +
      `ui_asset${i}_begin:\n    .incbin "${process.cwd()}/asset${i}.gz"\nui_asset${i}_end:\n`,
  );
  rows.push(
    `    {"${asset.name}", "${type}", "\\"${hash(asset.bytes)}\\"", ui_asset${i}_begin, ui_asset${i}_end},\n`,
  );
});
data.push('    .section .note.GNU-stack,"",%progbits\n');
writeFileSync('ui_data.S', data.join(''));
writeFileSync(
  'ui_assets.c',
  '#include "ui_assets.h"\n\n' +
    assets.map((_, i) => `extern const unsigned char ui_asset${i}_begin[], ui_asset${i}_end[];\n`).join('') +
    `\nconst struct ui_asset ui_assets[] = {\n${rows.join('')}};\n` +
    'const size_t ui_asset_count = sizeof(ui_assets) / sizeof(ui_assets[0]);\n',
);
