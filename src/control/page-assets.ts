/**
 * The files of the console and the two player bundles, read once, with their validators.
 * It never touches a path that a client sent: the table of names is fixed. The page's files are kept as real HTML, CSS and JavaScript
 * (so that they are linted and type-checked) in src/control/page, which stands at the same relative place from src and from dist.
 */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { contentHash } from '../system/ids.ts';

export interface PageAsset {
  readonly bytes: Buffer;
  readonly contentType: string;
  /** Strong, with quotes. */
  readonly etag: string;
  readonly cacheControl: string;
}

const PAGE_FILES = [
  'index.html',
  'actions.js',
  'addresses-card.js',
  'addresses.js',
  'advice.js',
  'cards.css',
  'catch-up.js',
  'channel-facts.js',
  'channel-panel.js',
  'chart-scale.js',
  'chart-view.js',
  'charts.css',
  'dash-engine.js',
  'early-theme.js',
  'elements.js',
  'encoder-log.js',
  'event-stream.js',
  'formats.js',
  'happenings.js',
  'header.js',
  'history.js',
  'hls-engine.js',
  'kept.js',
  'ladder-table.js',
  'live-feed.js',
  'narrow.css',
  'overview.css',
  'overview.js',
  'page.css',
  'page.js',
  'player.css',
  'player.js',
  'route.js',
  'service-client.js',
  'service-clock.js',
  'shortcuts.js',
  'sparkline.js',
  'theme.js',
  'thumbnail.js',
  'time-line-view.js',
  'time-line.js',
  'token-form.js',
  'tokens.css',
  'words.js',
];

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
};

function readAsset(path: string, cacheControl: string): PageAsset {
  const bytes = readFileSync(path);
  const extension = path.slice(path.lastIndexOf('.') + 1);
  return {
    bytes,
    contentType: CONTENT_TYPES[extension] ?? 'application/octet-stream',
    etag: `"${contentHash([bytes])}"`,
    cacheControl,
  };
}

/** By URL path. Throws when the package is incomplete (a file of the page or a player bundle is not there). */
export function readPageAssets(): ReadonlyMap<string, PageAsset> {
  const pageFolder = new URL('../../src/control/page/', import.meta.url);
  const assets = new Map<string, PageAsset>();
  for (const name of PAGE_FILES) {
    const path = fileURLToPath(new URL(name, pageFolder));
    // A page that is newer than its script would be a riddle for its user: always revalidated.
    assets.set(name === 'index.html' ? '/' : `/page/${name}`, readAsset(path, 'no-cache'));
  }
  const require = createRequire(import.meta.url);
  // dashjs exports no files, but its `require` entry is the browser's UMD bundle.
  const bundles = {
    'hls.min.js': 'hls.js/dist/hls.min.js',
    'dash.all.min.js': 'dashjs',
  };
  for (const [name, specifier] of Object.entries(bundles)) {
    assets.set(`/players/${name}`, readAsset(require.resolve(specifier), 'public, max-age=86400'));
  }
  return assets;
}
