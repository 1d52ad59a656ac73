#!/usr/bin/env node
// Stands in for ffmpeg where a test needs one that misbehaves. What it does is asked for by its last argument,
// `fake://BEHAVIOUR?ms=N&code=N&lines=N`; everything else it is given is ignored.
import { pathToFileURL } from 'node:url';

const wish = process.argv.at(-1) ?? 'fake://drain';
const behaviour = /^fake:\/\/([a-z-]+)/.exec(wish)?.[1] ?? 'drain';
const figures = new URLSearchParams(wish.split('?')[1]);
const ms = Number(figures.get('ms') ?? 0);
const code = Number(figures.get('code') ?? 1);
const lines = Number(figures.get('lines') ?? 0);

const stayAlive = () => setInterval(() => undefined, 60_000);

/** @type {Record<string, () => void>} */
const behaviours = {
  // Reads its input and leaves with 0 when it ends.
  drain() {
    process.stdin.resume();
    process.stdin.on('end', () => process.exit(0));
  },
  // Dies after a while.
  die() {
    process.stdin.resume();
    setTimeout(() => process.exit(code), ms);
  },
  // Never reads, never ends, ignores every signal that can be ignored and the end of its input.
  hang() {
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => undefined);
    stayAlive();
  },
  // Closes its stdin at once, so that writers get EPIPE, and lives on for a while.
  deaf() {
    process.stdin.destroy();
    setTimeout(() => process.exit(code), ms);
  },
  // Starts reading late: the pipe fills.
  late() {
    setTimeout(() => behaviours['drain']?.(), ms);
    process.stdin.pause();
  },
  // Talks: log lines and progress in between, then ends with its input.
  talk() {
    for (let index = 0; index < lines; index++) process.stderr.write(`line ${index}\n`);
    process.stderr.write(
      'frame=   12 fps=N/A q=-0.0 size=N/A time=00:00:00.40 bitrate=N/A dup=1 drop=2 speed=N/A    \r',
    );
    process.stderr.write(
      'frame=   24 fps= 30 q=21.0 size=N/A time=00:00:00.80 bitrate=N/A dup=1 drop=2 speed=1.01x    \r',
    );
    behaviours['drain']?.();
  },
};

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) behaviours[behaviour]?.();
