// What it takes to answer thousands of held requests when their part appears: from the Channel's word to the last byte at the
// last viewer, beside a bare loop of socket.write over as many sockets with the same bytes. Each side and its viewers have
// processes of their own; rounds alternate, on the same connections throughout.
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ask, openTestOrigin } from '../e2e/origin-client.ts';
import { FakeChannel } from '../fakes/channel-view.ts';
import { type BenchLine, lineOf, median } from './line.ts';
import type { Order, Word } from './waiters-child.ts';

/** A part of 0.2 s of 160 kbit/s sound. */
const BODY_BYTES = 4000;

type Said<K extends Word['kind']> = Extract<Word, { kind: K }>;

class Child {
  readonly #process: ChildProcess;
  readonly #words: Word[] = [];
  #listen: () => void = () => undefined;

  constructor(role: string, bytes: number) {
    const script = fileURLToPath(new URL('./waiters-child.ts', import.meta.url));
    this.#process = fork(script, [role, String(bytes)], { execArgv: [...process.execArgv, '--expose-gc'] });
    this.#process.on('message', (word) => {
      this.#words.push(word as Word);
      this.#listen();
    });
  }

  order(order: Order): void {
    this.#process.send(order);
  }

  async hears<K extends Word['kind']>(kind: K): Promise<Said<K>> {
    const deadlineMs = performance.now() + 60_000;
    for (;;) {
      const at = this.#words.findIndex((word) => word.kind === kind);
      if (at !== -1) return this.#words.splice(at, 1)[0] as Said<K>;
      if (performance.now() > deadlineMs || this.#process.exitCode !== null) throw new Error(`${kind} did not come`);
      await Promise.race([
        new Promise<void>((resolve) => {
          this.#listen = resolve;
        }),
        new Promise((resolve) => setTimeout(resolve, 1000)),
      ]);
    }
  }

  end(): void {
    this.#process.kill();
  }
}

/** Length of the origin's answer on the wire, so that the bare loop writes as much. */
async function answerBytes(): Promise<number> {
  const channel = new FakeChannel();
  const name = { kind: 'part', track: 'a128', gen: 'g1', number: 900000001, part: 1 } as const;
  channel.setMedia(name, Buffer.alloc(BODY_BYTES, 7));
  const origin = await openTestOrigin([channel]);
  const { rawHeaders, body } = await ask(origin.port, '/live/match/a128/g1/900000001.1.m4s', {
    connection: 'keep-alive',
  });
  await origin.close();
  const fields = rawHeaders.reduce((sum, text) => sum + text.length + 2, 0);
  return 'HTTP/1.1 200 OK\r\n'.length + fields + 2 + body.length;
}

interface Released {
  readonly ms: number;
  readonly blockedMs: number;
  readonly rssBytes: number;
}

class Pair {
  readonly side: Child;
  readonly viewers: Child;
  #port = 0;

  constructor(role: 'origin' | 'bare', bytes: number) {
    this.side = new Child(role, bytes);
    this.viewers = new Child('viewers', 0);
  }

  async open(): Promise<void> {
    this.#port = (await this.side.hears('listening')).port;
  }

  async round(round: number, count: number, bytes: number): Promise<Released> {
    this.side.order({ kind: 'expect', round, count });
    await this.side.hears('listening');
    this.viewers.order({ kind: 'ask', port: this.#port, count, round, bytes });
    await this.viewers.hears('asked');
    const { rssBytes } = await this.side.hears('waiting');
    await new Promise((resolve) => setTimeout(resolve, 300));
    this.side.order({ kind: 'release', round });
    const { startUs } = await this.side.hears('released');
    const { lastUs } = await this.viewers.hears('received');
    this.side.order({ kind: 'settle' });
    const { blockedMs } = await this.side.hears('settled');
    return { ms: (lastUs - startUs) / 1000, blockedMs, rssBytes };
  }

  end(): void {
    this.side.end();
    this.viewers.end();
  }
}

async function measure(count: number, rounds: number, belowMs: number): Promise<readonly BenchLine[]> {
  const bytes = await answerBytes();
  const [origin, bare] = [new Pair('origin', BODY_BYTES), new Pair('bare', bytes)];
  const found: { ours: Released; theirs: Released }[] = [];
  try {
    await Promise.all([origin.open(), bare.open()]);
    // The first of each opens the connections and warms the code.
    for (let round = 0; round <= rounds; round += 1) {
      const ours = await origin.round(round, count, bytes);
      const theirs = await bare.round(round, count, bytes);
      if (round > 0) found.push({ ours, theirs });
    }
  } finally {
    origin.end();
    bare.end();
  }
  const of = (pick: (one: (typeof found)[number]) => number): readonly number[] => found.map(pick);
  const middle = (pick: (one: (typeof found)[number]) => number): string => median(of(pick)).toFixed(1);
  const memory = of(({ ours, theirs }) => (ours.rssBytes - theirs.rssBytes) / 1000 / count);
  return [
    lineOf(
      { what: `${count} waiters released by a part of ${BODY_BYTES} bytes`, unit: 'ms', below: belowMs },
      of(({ ours }) => ours.ms),
    ),
    lineOf(
      {
        what: `${count} waiters: origin / bare socket.write`,
        atMost: 1.3,
        note: `bare ${middle(({ theirs }) => theirs.ms)} ms`,
      },
      of(({ ours, theirs }) => ours.ms / theirs.ms),
    ),
    lineOf(
      {
        what: `${count} waiters: longest time in which nobody else is served`,
        unit: 'ms',
        note: `bare ${middle(({ theirs }) => theirs.blockedMs)} ms`,
      },
      of(({ ours }) => ours.blockedMs),
    ),
    lineOf({ what: `${count} waiters: memory of each above a bare socket`, unit: 'kB' }, memory),
  ];
}

export async function run(rounds: number): Promise<readonly BenchLine[]> {
  return [...(await measure(1000, rounds, 30)), ...(await measure(10_000, rounds, 300))];
}
