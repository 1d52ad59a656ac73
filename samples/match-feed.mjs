#!/usr/bin/env node
/**
 * A cricket match made of arithmetic, written to stdout as YUV4MPEG2 (`-pix_fmt yuv420p`): a test feed that needs no file and no licence.
 *
 *   node samples/match-feed.mjs --realtime | ffmpeg -f yuv4mpegpipe -i pipe:0 -f lavfi -i "$(node samples/match-feed.mjs --beep)" ...
 *
 * Picture and sound agree by construction: the first frame lies on a whole even second of UTC (with --realtime the program waits
 * for one, at most 2 s), the box in the top right corner flashes on every even second for 100 ms, and `beepSource()` beeps for the
 * same 100 ms whenever its own time, which begins at 0 with the first frame, is even. The strip along the top edge is UTC
 * (samples/clock-strip.mjs): subtract it from the clock on the wall and you have the delay from lens to eye.
 *
 * It never keeps more than one frame, and waits while its reader does. It ends quietly when the reader leaves or on SIGINT, SIGTERM.
 */
import { createWriteStream, fstatSync, realpathSync } from 'node:fs';
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createPicture, FLASH_EVERY_MS } from './match/picture.mjs';

const USAGE = `Usage: node samples/match-feed.mjs [options] > match.y4m

  --size WxH       picture size, both even (1280x720)
  --fps RATE       24, 25, 30, 50, 60, 23.976, 29.97 or 59.94 (30)
  --seconds N      length; without it the match never ends
  --realtime       one frame when it is due by the clock; without it as fast as the reader takes them
  --seed N         another match (1)
  --start MS       UTC of the first frame without --realtime, a multiple of 2000 (1700000000000)
  --beep           print the ffmpeg lavfi source of the matching sound and end (with --seconds: of that length)
  --help           this text
`;

/** Exact rates. @type {Record<string, [number, number]>} */
const RATES = {
  23.976: [24000, 1001],
  23.98: [24000, 1001],
  24: [24, 1],
  25: [25, 1],
  29.97: [30000, 1001],
  30: [30, 1],
  50: [50, 1],
  59.94: [60000, 1001],
  60: [60, 1],
};

/**
 * `num`/`den` frames a second; `seconds` undefined is endless; `startMs` undefined means the clock decides.
 * @typedef {{ width: number, height: number, num: number, den: number, seconds: number | undefined, realtime: boolean, seed: number, startMs: number }} FeedOptions
 */

/**
 * The sound of the match as an ffmpeg source (`-f lavfi -i ...`): a murmuring crowd, and 1 kHz for 100 ms on each even second.
 * @param {number} [seconds] length; endless without it
 */
export function beepSource(seconds) {
  const crowd = 'st(1,0.94*ld(1)+0.06*(random(0)-0.5))*(0.3+0.1*sin(t))';
  const beep = '0.4*sin(2*PI*1000*t)*lt(mod(t,2),0.1)';
  const length = seconds === undefined ? '' : `:d=${seconds}`;
  return `aevalsrc=exprs='${crowd}+${beep}':s=48000:c=mono${length},aformat=channel_layouts=stereo`;
}

/** @param {string} text @returns {never} */
function refuse(text) {
  throw new RangeError(text);
}

/**
 * @param {string[]} args as on the command line
 * @returns {FeedOptions | { help: true } | { beep: string }}
 * @throws {Error} with a sentence for people
 */
export function parseFeedOptions(args) {
  const { values } = parseArgs({
    args,
    options: {
      size: { type: 'string', default: '1280x720' },
      fps: { type: 'string', default: '30' },
      seconds: { type: 'string' },
      realtime: { type: 'boolean', default: false },
      seed: { type: 'string', default: '1' },
      start: { type: 'string', default: '1700000000000' },
      beep: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return { help: true };
  const seconds = values.seconds === undefined ? undefined : Number(values.seconds);
  if (seconds !== undefined && !(seconds > 0)) refuse(`--seconds ${values.seconds}: a number above 0 is wanted`);
  if (values.beep) return { beep: beepSource(seconds) };
  const [width = 0, height = 0] = (/^(\d+)x(\d+)$/.exec(values.size) ?? refuse(`--size ${values.size}: WxH is wanted`))
    .slice(1)
    .map(Number);
  const allowed = [width, height].every((side) => side % 2 === 0 && side >= 128 && side <= 4096);
  if (!allowed || width * height > 4096 * 2304)
    refuse(`--size ${values.size}: even numbers from 128 to 4096 are wanted, 4096x2304 at most`);
  const [num, den] =
    RATES[values.fps] ?? refuse(`--fps ${values.fps}: one of ${Object.keys(RATES).join(', ')} is wanted`);
  const seed = Number(values.seed);
  if (!Number.isSafeInteger(seed)) refuse(`--seed ${values.seed}: a whole number is wanted`);
  const startMs = Number(values.start);
  if (!(Number.isSafeInteger(startMs) && startMs >= 0 && startMs % FLASH_EVERY_MS === 0))
    refuse(`--start ${values.start}: a multiple of ${FLASH_EVERY_MS} is wanted`);
  return {
    width,
    height,
    num,
    den,
    seconds,
    realtime: values.realtime,
    seed,
    startMs,
  };
}

/**
 * stdout without a queue of its own. A pipe is opened as a socket, since process.stdout would block the whole program on a full one
 * and no signal would be answered.
 * @returns {import('node:stream').Writable}
 */
function openStdout() {
  if (process.platform === 'win32') return process.stdout;
  const kind = fstatSync(1);
  if (kind.isFIFO() || kind.isSocket()) return new Socket({ fd: 1, readable: false, writable: true });
  return createWriteStream('', { fd: 1 });
}

/**
 * Resolves when the bytes are with the kernel: the same buffer may be drawn into again.
 * @param {import('node:stream').Writable} out
 * @param {string | Uint8Array} bytes
 * @returns {Promise<void>}
 */
function write(out, bytes) {
  return new Promise((resolve, reject) => {
    out.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}

/** @param {FeedOptions} options @param {import('node:stream').Writable} out */
async function writeMatch(options, out) {
  const { width, height, num, den, realtime, seed } = options;
  const picture = createPicture({ width, height, seed });
  const frames = options.seconds === undefined ? Number.POSITIVE_INFINITY : Math.round((options.seconds * num) / den);
  await write(out, `YUV4MPEG2 W${width} H${height} F${num}:${den} Ip A1:1 C420jpeg XCOLORRANGE=LIMITED\n`);
  // UTC is read once and carried on by the monotonic clock: a step of the system clock does not tear the match.
  const monotonicToUtcMs = Date.now() - performance.now();
  const utcNowMs = () => monotonicToUtcMs + performance.now();
  const startMs = realtime ? Math.ceil((utcNowMs() + 20) / FLASH_EVERY_MS) * FLASH_EVERY_MS : options.startMs;
  for (let index = 0; index < frames; index += 1) {
    const programmeMs = (index * 1000 * den) / num;
    const frame = picture(programmeMs / 1000, startMs + programmeMs);
    if (realtime) await sleep(Math.max(0, startMs + programmeMs - utcNowMs()));
    await write(out, 'FRAME\n');
    await write(out, frame.bytes);
  }
}

async function main() {
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(0));
  const options = parseFeedOptions(process.argv.slice(2));
  if ('help' in options) return void process.stdout.write(USAGE);
  if ('beep' in options) return void process.stdout.write(`${options.beep}\n`);
  if (process.stdout.isTTY) refuse('stdout is a terminal: send the picture to a file or a program (--help)');
  const out = openStdout();
  out.on('error', () => undefined);
  try {
    await writeMatch(options, out);
    await new Promise((resolve) => out.end(() => resolve(undefined)));
  } catch (error) {
    const code = /** @type {NodeJS.ErrnoException} */ (error).code;
    if (code !== 'EPIPE' && code !== 'ECONNRESET') throw error;
  }
  process.exit(0);
}

const called = process.argv[1];
if (called !== undefined && realpathSync(called) === fileURLToPath(import.meta.url)) {
  main().catch((error) => {
    process.stderr.write(`match-feed: ${error instanceof Error ? error.message : error}\n`);
    process.exit(2);
  });
}
