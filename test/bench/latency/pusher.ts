/**
 * A process of its own: pushes the clip for ever to several RTMP servers, each tag when it is due, and says when it began.
 * The clock of the feed is the plan, not the sending: a tag that leaves late counts as latency. Nothing is encoded here, so the
 * delay of a publisher's own encoder (33 ms and more) is not in any figure.
 *
 *   pusher.ts CLIP JITTER_MS PORT/STREAM [PORT/STREAM ...]
 *
 * stdout: {"startMs": UTC of the strip's 0}, then every 5 s {"lateMs": the latest send behind its plan in these 5 s}. With jitter each tag
 * waits up to that long more, in order: a bad uplink, on which TCP keeps the order.
 */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { RtmpClient, SET_CHUNK_SIZE } from '../../fakes/rtmp-client.ts';
import { roundOf, tagAt } from './feed-clip.ts';

const CHUNK = 4096;
const SAY_EVERY_MS = 5000;
const utcMs = (): number => performance.timeOrigin + performance.now();
const say = (what: object): void => void process.stdout.write(`${JSON.stringify(what)}\n`);

async function open(target: string): Promise<RtmpClient> {
  const cut = target.indexOf('/');
  const client = await new RtmpClient(Number(target.slice(0, cut))).publish(target.slice(cut + 1));
  if (!client.said('NetStream.Publish.Start')) throw new Error(`${target} was refused`);
  client.socket.setNoDelay(true);
  const size = Buffer.alloc(4);
  size.writeUInt32BE(CHUNK);
  client.send(SET_CHUNK_SIZE, size, 0, 2);
  client.chunkSize = CHUNK;
  client.socket.removeAllListeners('data').resume();
  return client;
}

/** RTMP chunk streams: 4 for audio, 6 for video, 5 for metadata, as ffmpeg has them. */
const CHUNK_STREAM: Readonly<Record<number, number>> = { 8: 4, 9: 6, 18: 5 };

async function main([clip = '', jitter = '0', ...targets]: readonly string[]): Promise<void> {
  const round = roundOf(await readFile(clip));
  const clients = await Promise.all(targets.map(open));
  const send = (type: number, body: Buffer, stampMs: number): void => {
    for (const client of clients) client.send(type, body, stampMs, CHUNK_STREAM[type], 1);
  };
  const startMs = Math.ceil(utcMs()) + 100;
  say({ startMs });
  for (const { type, body } of round.headers) send(type, body, 0);
  let lateMs = 0;
  let saidMs = startMs;
  for (let index = 0; ; index += 1) {
    const { type, body, stampMs } = tagAt(round, index);
    const dueMs = startMs + stampMs + Math.random() * Number(jitter);
    const waitMs = dueMs - utcMs();
    if (waitMs > 0) await sleep(waitMs);
    const gone = clients.findIndex(({ closed }) => closed);
    if (gone >= 0) throw new Error(`${targets[gone]} closed the connection`);
    send(type, body, stampMs);
    lateMs = Math.max(lateMs, utcMs() - startMs - stampMs);
    if (utcMs() - saidMs < SAY_EVERY_MS) continue;
    say({ lateMs });
    saidMs += SAY_EVERY_MS;
    lateMs = 0;
  }
}

await main(process.argv.slice(2));
